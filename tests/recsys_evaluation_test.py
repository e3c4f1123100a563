"""Tests of the ranking metrics, the baselines and the evaluation in blocks."""
import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.recsys import evaluation, events

try:
    from sklearn.metrics import ndcg_score
except ImportError:
    ndcg_score = None


def slow_rank(scores, targets, seen):
    """Ranks of one user's targets by sorting the whole catalogue in Python."""
    candidates = [j for j in range(len(scores)) if j in targets or j not in seen]
    # Of equal scores the targets come last, among themselves as they are listed.
    candidates.sort(key=lambda j: (-scores[j], targets.index(j) if j in targets else -1))
    return [candidates.index(target) for target in targets]


def to_rows(lists):
    """Rows (items, begin, end) of lists, with gaps and in an order of their own."""
    items, begin, end = [99], [0] * len(lists), [0] * len(lists)
    for row in reversed(range(len(lists))):
        begin[row] = len(items)
        items += lists[row]
        end[row] = len(items)
        items.append(99)
    return events.Rows(*(np.array(part, np.int32) for part in (items, begin, end)))


def made_case(seed, num_users=30, num_items=17, levels=6):
    """Scores with many ties, seen items and one to four targets for each user."""
    random = np.random.RandomState(seed)
    scores = random.randint(levels, size=(num_users, num_items)).astype(np.float32)
    seen = [random.randint(num_items, size=random.randint(6)).tolist() for _ in range(num_users)]
    targets = [random.permutation(num_items)[:random.randint(1, 5)].tolist()
               for _ in range(num_users)]
    return scores, targets, seen


class RankOfTargetsTest(parameterized.TestCase):

    @parameterized.named_parameters(
        ("best", [5, 9, 1, 3], 1, [], 0),
        ("worst", [5, 9, 1, 3], 2, [], 3),
        ("tie_counts_against_the_target", [5, 5, 1, 5], 0, [], 2),
        ("tie_counts_whatever_the_id", [5, 5, 1, 5], 3, [], 2),
        ("constant_scores_earn_nothing", [0, 0, 0, 0], 1, [], 3),
        ("seen_better_item_is_left_out", [5, 9, 1, 3], 0, [1], 0),
        ("seen_tie_is_left_out", [5, 5, 1, 5], 0, [3], 1),
        ("seen_worse_item_changes_nothing", [5, 9, 1, 3], 0, [2], 1),
        ("item_seen_twice_is_left_out_once", [5, 9, 1, 3], 3, [1, 1], 1),
        ("target_is_never_left_out", [5, 9, 1, 3], 0, [0], 1),
        ("infinities_are_ordinary_scores", [-np.inf, np.inf, -np.inf, 3], 0, [], 3))
    def test_rank_by_hand(self, scores, target, seen, rank):
        for dtype in (np.float32, np.float64):
            got = evaluation.rank_of_targets(np.array([scores], dtype), [target], [seen])
            self.assertEqual(got.tolist(), [rank])

    def test_several_targets_that_tie_share_the_places_after_the_others(self):
        got = evaluation.rank_of_targets([[7, 5, 5, 5, 9, 1]], [3, 5, 1, 4], None, [0, 0, 0, 0])
        self.assertEqual(got.tolist(), [3, 5, 4, 0])

    @parameterized.product(seed=(1, 2, 3), as_rows=(False, True))
    def test_ranks_agree_with_a_full_sort(self, seed, as_rows):
        scores, targets, seen = made_case(seed)
        wanted = [slow_rank(*case) for case in zip(scores, targets, seen)]
        filtered = to_rows(seen) if as_rows else seen
        rows = np.repeat(np.arange(len(scores)), [len(row) for row in targets])
        flat = np.concatenate(targets)
        shuffled = np.random.RandomState(seed).permutation(len(rows))
        got = evaluation.rank_of_targets(scores, flat, filtered, rows)
        self.assertEqual(got.tolist(), sum(wanted, []))
        # The order of the users does not matter, that of one user's targets only where they tie.
        again = evaluation.rank_of_targets(scores, flat[shuffled], filtered, rows[shuffled])
        self.assertEqual(sorted(zip(rows[shuffled], again)), sorted(zip(rows, got)))
        first = [row[0] for row in targets]
        self.assertEqual(
            evaluation.rank_of_targets(scores, first, filtered).tolist(),
            [slow_rank(scores[n], first[n:n + 1], seen[n])[0] for n in range(len(scores))])

    @parameterized.named_parameters(
        ("nan", dict(scores=[[1., 2.], [np.nan, 4.]]), r"scores\[1, 0\]: wanted a number, got nan"),
        ("flat", dict(scores=[1., 2.]), r"scores: wanted shape \[users, items\], got \(2,\)"),
        ("targets", dict(targets=[0]), r"targets: wanted shape \(2,\), got \(1,\)"),
        ("target_unknown", dict(targets=[0, 2]), "targets: wanted ids from 0 to 1, got 2"),
        ("target_missing", dict(targets=[0, -1]), "targets: wanted ids from 0 to 1, got -1"),
        ("target_float", dict(targets=[0., 1.]), "targets: wanted integer ids, got 'float64'"),
        ("seen_unknown", dict(seen=[[], [2]]), "seen: wanted ids from 0 to 1, got 2"),
        ("seen_rows", dict(seen=[[]]), "seen: wanted 2 rows of ids, got '1 rows'"),
        ("row_unknown", dict(rows=[0, 2]), "rows: wanted ids from 0 to 1, got 2"),
        ("repeated", dict(targets=[1, 1], rows=[0, 0]), "targets: wanted different ids in each"))
    def test_wrong_argument_is_named(self, changed, message):
        arguments = dict(scores=[[1., 2.], [3., 4.]], targets=[0, 1], seen=None, rows=None)
        arguments.update(changed)
        with self.assertRaisesRegex(checks.InputError, "rank_of_targets: " + message):
            evaluation.rank_of_targets(**arguments)


class MetricsTest(parameterized.TestCase):

    def test_one_relevant_item_by_hand(self):
        got = evaluation.metrics([0, 2, 3, 9], [1, 3], 10)
        self.assertEqual(list(got), ["HR@1", "NDCG@1", "HR@3", "NDCG@3", "MRR"])
        self.assertEqual(got["HR@1"], 1 / 4)
        self.assertEqual(got["HR@3"], 2 / 4)
        self.assertAlmostEqual(got["NDCG@1"], 1 / 4)
        self.assertAlmostEqual(got["NDCG@3"], (1 + 1 / np.log2(4)) / 4)
        self.assertAlmostEqual(got["MRR"], (1 + 1 / 3 + 1 / 4 + 1 / 10) / 4)
        self.assertIsInstance(got["HR@1"], float)

    def test_several_relevant_items_by_hand(self):
        # User 4 has ranks 5 and 1, user 7 has rank 0 and user 5 none.
        got = evaluation.metrics([5, 0, 1], [1, 3, 10], 10, rows=[4, 7, 4])
        self.assertEqual(got["HR@3"], 1.0)
        self.assertEqual(got["Recall@1"], 1 / 2)
        self.assertEqual(got["Recall@3"], (1 / 2 + 1) / 2)
        self.assertEqual(got["Recall@10"], 1.0)
        self.assertAlmostEqual(got["NDCG@1"], 1 / 2)
        ideal = 1 + 1 / np.log2(3)
        self.assertAlmostEqual(got["NDCG@3"], (1 / np.log2(3) / ideal + 1) / 2)
        self.assertAlmostEqual(got["NDCG@10"],
                               ((1 / np.log2(3) + 1 / np.log2(7)) / ideal + 1) / 2)
        self.assertAlmostEqual(got["MRR"], (1 / 2 + 1) / 2)

    def test_best_ranking_of_more_items_than_k_has_ndcg_one(self):
        got = evaluation.metrics([0, 1, 2, 3, 4], [3], 10, rows=[0] * 5)
        self.assertAlmostEqual(got["NDCG@3"], 1.0)
        self.assertAlmostEqual(got["Recall@3"], 3 / 5)

    @absltest.skipIf(ndcg_score is None, "scikit-learn is not installed")
    def test_ndcg_agrees_with_scikit_learn(self):
        random = np.random.RandomState(1)
        scores = random.rand(20, 15)
        relevant = random.rand(20, 15) < 0.2
        relevant[:, 0] = True
        rows, targets = np.nonzero(relevant)
        ranks = evaluation.rank_of_targets(scores, targets, None, rows)
        got = evaluation.metrics(ranks, [5], 15, rows)
        self.assertAlmostEqual(got["NDCG@5"], ndcg_score(relevant, scores, k=5))

    @parameterized.named_parameters(
        ("empty", dict(ranks=np.zeros(0, int)), "ranks: wanted shape"),
        ("rank", dict(ranks=[0, 10]), "ranks: wanted ids from 0 to 9, got 10"),
        ("large_k", dict(k_list=[11]), "k_list: wanted at most 10 items, got 11"),
        ("small_k", dict(k_list=[0]), "k_list: wanted an integer above 0, got 0"),
        ("items", dict(num_items=0), "num_items: wanted an integer above 0, got 0"),
        ("rows", dict(rows=[1]), r"rows: wanted shape \(2,\), got \(1,\)"))
    def test_wrong_argument_is_named(self, changed, message):
        arguments = dict(ranks=[0, 1], k_list=[1], num_items=10, rows=None)
        arguments.update(changed)
        with self.assertRaisesRegex(checks.InputError, "metrics: " + message):
            evaluation.metrics(**arguments)


class EvaluateTest(parameterized.TestCase):

    @parameterized.product(scores_at_a_time=(1, 17 * 7, 10 ** 6), as_rows=(False, True),
                           several=(False, True))
    def test_blocks_change_nothing(self, scores_at_a_time, as_rows, several):
        scores, targets, seen = made_case(5)
        if not several:
            targets = [row[:1] for row in targets]
        users = np.random.RandomState(2).permutation(100)[:len(scores)]
        sizes = []

        def score_block(block):
            sizes.append(len(block))
            return scores[[users.tolist().index(user) for user in block]]

        ranks = [slow_rank(*case) for case in zip(scores, targets, seen)]
        wanted = {"HR@3": np.mean([min(row) < 3 for row in ranks]),
                  "MRR": np.mean([1 / (min(row) + 1) for row in ranks])}
        if several:
            wanted["Recall@3"] = np.mean([np.mean(np.array(row) < 3) for row in ranks])
        wanted["NDCG@3"] = np.mean([
            sum(1 / np.log2(r + 2) for r in row if r < 3)
            / sum(1 / np.log2(i + 2) for i in range(min(3, len(row)))) for row in ranks])
        if several:
            targets = to_rows(targets) if as_rows else targets
        else:
            targets = [row[0] for row in targets]
        got = evaluation.evaluate(score_block, users, targets, to_rows(seen) if as_rows else seen,
                                  17, [3], scores_at_a_time)
        self.assertCountEqual(got, wanted)
        for name, value in wanted.items():
            self.assertAlmostEqual(got[name], value, msg=name)
        self.assertEqual(max(sizes), min(30, max(1, scores_at_a_time // 17)))
        self.assertEqual(sum(sizes), 30)

    def test_nothing_seen_ranks_the_whole_catalogue(self):
        got = evaluation.evaluate(lambda users: np.array([[3., 2., 1.]] * len(users)), [8, 9],
                                  [1, 2], None, 3, [2])
        self.assertEqual(got["HR@2"], 1 / 2)
        self.assertAlmostEqual(got["MRR"], (1 / 2 + 1 / 3) / 2)

    @parameterized.named_parameters(
        ("scores", dict(score_block=lambda users: np.zeros([2, 4])),
         r"score_block: wanted scores of shape \(2, 3\), got \(2, 4\)"),
        ("no_users", dict(users=[], targets=[]), "users: wanted at least one"),
        ("targets", dict(targets=[1]), r"targets: wanted shape \(2,\), got \(1,\)"),
        ("size", dict(scores_at_a_time=0), "scores_at_a_time: wanted an integer above 0"))
    def test_wrong_argument_is_named(self, changed, message):
        arguments = dict(score_block=lambda users: np.zeros([2, 3]), users=[0, 1], targets=[1, 2],
                         seen=None, num_items=3, k_list=[1])
        arguments.update(changed)
        with self.assertRaisesRegex(checks.InputError, "evaluate: " + message):
            evaluation.evaluate(**arguments)


class BaselinesTest(absltest.TestCase):

    def test_popularity_ranks_by_count_for_every_user(self):
        counts = np.array([9, 7, 7, 0])
        self.assertEqual(evaluation.popularity_scores(counts).tolist(), [9.0, 7.0, 7.0, 0.0])
        got = evaluation.evaluate(evaluation.popularity_baseline(counts), [5, 6, 7], [0, 1, 3],
                                  [[], [0], [0, 1, 2]], 4, [1, 2])
        self.assertEqual(got["HR@1"], 2 / 3)
        self.assertEqual(got["HR@2"], 1.0)

    def test_random_scores_depend_on_user_and_seed_alone(self):
        draw = evaluation.random_baseline(20, seed=3)
        together = draw([4, 9])
        np.testing.assert_array_equal(draw(np.array([9]))[0], together[1])
        self.assertFalse(np.any(together[0] == together[1]))
        self.assertFalse(np.any(evaluation.random_baseline(20, seed=4)([4])[0] == together[0]))

    def test_random_ranks_are_uniform_over_the_unseen_items(self):
        # 4 of 20 items are seen, so that 2 of 16 places count: the mean of 4000 draws is within
        # four standard errors of sqrt(p (1 - p) / 4000) = .0052.
        users = np.arange(4000)
        got = evaluation.evaluate(evaluation.random_baseline(20, seed=1), users, users % 16,
                                  [[16, 17, 18, 19]] * 4000, 20, [2])
        self.assertBetween(got["HR@2"], 2 / 16 - 0.021, 2 / 16 + 0.021)


class TopKTest(parameterized.TestCase):

    @parameterized.parameters(1, 2, 3)
    def test_items_agree_with_a_full_sort(self, seed):
        scores, _, seen = made_case(seed)
        for k in (1, 5, 17):
            got = evaluation.top_k(scores, to_rows(seen), k)
            self.assertEqual(got.shape, (30, k))
            for row in range(30):
                best = sorted((j for j in range(17) if j not in seen[row]),
                              key=lambda j: (-scores[row][j], j))[:k]
                self.assertEqual(got[row].tolist(), best + [-1] * (k - len(best)))

    def test_minus_infinity_is_a_score_as_good_as_any(self):
        got = evaluation.top_k([[-np.inf, 1.0, -np.inf, 2.0]], [[3]], 4)
        self.assertEqual(got.tolist(), [[1, 0, 2, -1]])

    def test_nothing_seen_gives_the_best_of_all(self):
        self.assertEqual(evaluation.top_k([[1.0, 3.0, 2.0]], None, 2).tolist(), [[1, 2]])

    def test_unsigned_scores_are_numbers_too(self):
        scores = np.array([[1, 0, 2]], np.uint8)
        self.assertEqual(evaluation.top_k(scores, None, 3).tolist(), [[2, 0, 1]])

    @parameterized.named_parameters(
        ("zero", 0, "k: wanted an integer above 0"), ("large", 3, "k: wanted at most 2 items"))
    def test_wrong_k_is_named(self, k, message):
        with self.assertRaisesRegex(checks.InputError, "top_k: " + message):
            evaluation.top_k([[1.0, 2.0]], None, k)

    def test_nan_is_named(self):
        with self.assertRaisesRegex(checks.InputError, r"top_k: scores\[0, 1\]: wanted a number"):
            evaluation.top_k([[1.0, np.nan]], None, 1)


if __name__ == "__main__":
    absltest.main()
