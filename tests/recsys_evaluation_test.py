"""Tests of rankings over the full catalogue, of their metrics, and of the baselines."""
import math

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.recsys import evaluation, splits

try:
    from sklearn.metrics import ndcg_score
except ImportError:
    ndcg_score = None


def slow_rank(scores, targets, seen):
    """Return the ranks of one user's targets by the definition in the module."""
    candidates = set(range(len(scores))) - set(seen) | set(targets)
    return [sum(scores[j] >= scores[t] for j in candidates if j != t) for t in targets]


def slow_offer(scores, targets, seen, k):
    """Return the first k of one user's sorted candidates."""
    candidates = set(range(len(scores))) - set(seen) | set(targets)
    best = sorted(candidates, key=lambda j: (-scores[j], j))[:k]
    return best + [-1] * (k - len(best))


def slow_metrics(lists, targets, num_items, k):
    """Return the metrics, computed from each user's list of offered items."""
    recall, precision, hit, ndcg, average, reciprocal, offered = [], [], [], [], [], [], set()
    for items, wanted in zip(lists, targets):
        offered.update(items[:k])
        if not wanted:
            continue
        relevance = [1 if item in wanted else 0 for item in items[:k]]
        ideal = sorted((1 if j in wanted else 0 for j in range(num_items)), reverse=True)[:k]
        recall.append(sum(relevance) / len(wanted))
        precision.append(sum(relevance) / k)
        precisions = [sum(relevance[:place]) / place for place in range(1, len(relevance) + 1)]
        average.append(sum(np.multiply(precisions, relevance)) / sum(ideal))
        hit.append(1 if 1 in relevance else 0)
        dcg, ideal_dcg = (sum((2 ** gain - 1) / math.log(place + 1, 2)
                              for place, gain in enumerate(gains, 1)) for gains in (relevance, ideal))
        ndcg.append(dcg / ideal_dcg)
        reciprocal.append(1 / (relevance.index(1) + 1) if 1 in relevance else 0)
    result = {name: sum(values) / len(values) for name, values in (
        ("Recall", recall), ("Precision", precision), ("HR", hit), ("NDCG", ndcg), ("MAP", average),
        ("MRR", reciprocal))}
    result["Coverage"] = len(offered) / num_items
    return {"%s@%d" % (name, k): value for name, value in result.items()}


def to_rows(lists):
    """Return splits.Rows of lists, with gaps and in another order."""
    items, begin, end = [99], [0] * len(lists), [0] * len(lists)
    for row in reversed(range(len(lists))):
        begin[row] = len(items)
        items += lists[row]
        end[row] = len(items)
        items.append(99)
    return splits.Rows(np.array(items, np.int32), np.array(begin), np.array(end))


def to_part(targets, seen=None, users=None):
    users = np.arange(len(targets)) if users is None else users
    return splits.HeldOut(users, None, to_rows(targets), None if seen is None else to_rows(seen))


def made_case(seed, num_users=30, num_items=17, levels=6):
    """Return scores with many ties, seen items, and zero to four targets for each user."""
    random = np.random.RandomState(seed)
    scores = random.randint(levels, size=(num_users, num_items)).astype(np.float32)
    seen = [random.randint(num_items, size=random.randint(num_items)).tolist()
            for _ in range(num_users)]
    targets = [random.permutation(num_items)[:random.randint(5)].tolist() for _ in range(num_users)]
    return scores, targets, seen


def fixed(*blocks):
    """Return a ranker that yields given blocks of (items, ranks)."""
    return lambda part, k: iter(blocks)


def ranking_of(ranks, rows, k, targets=None, first_offered=(0,)):
    targets = np.zeros(len(ranks), int) if targets is None else targets
    return evaluation.Ranking(np.array(ranks, int), np.array(rows, int), np.array(targets),
                              np.array(first_offered), k)


class RankTest(parameterized.TestCase):

    def test_blocks_are_concatenated(self):
        part = to_part([[2], [], [3, 0], [1]])
        got = evaluation.rank(fixed(([[2, 4], [3, 2]], [1]), (np.zeros((0, 2), int), np.zeros(0, int)),
                                    ([[0, -1], [-1, -1]], [2, 0, 7])), part, 5, 2)
        self.assertEqual(got.ranks.tolist(), [1, 2, 0, 2])
        self.assertEqual(got.rows.tolist(), [0, 2, 2, 3])
        self.assertEqual(got.targets.tolist(), [2, 3, 0, 1])
        self.assertEqual(got.first_offered.tolist(), [0, 2, 0, 0, 1])
        self.assertEqual(got.k, 2)
        for values in got[:4]:
            self.assertEqual(values.dtype, np.int64)

    def test_padding_of_a_ranking_is_not_offered(self):
        got = evaluation.rank(fixed(([[-1, -1, -1]], [3])), to_part([[0]]), 4, 3)
        self.assertEqual(got.first_offered.tolist(), [3, 3, 3, 3])

    def test_lists_may_be_shorter_than_k(self):
        got = evaluation.rank(fixed(([[2]], [0])), to_part([[2]]), 3, 3)
        self.assertEqual(got.first_offered.tolist(), [3, 3, 0])

    @parameterized.named_parameters(
        ("items_flat", fixed(([0, 1], [0, 1])), r"items: wanted shape \[users, at most k = 2\], got"),
        ("items_wide", fixed(([[0, 1, 2]] * 2, [0, 1])), r"items: wanted shape .*, got \(2, 3\)"),
        ("items_unknown", fixed(([[0, 3]] * 2, [0, 1])), "items: wanted integers from -1 to 2, got 3"),
        ("items_below", fixed(([[-2, 0]] * 2, [0, 1])), "items: wanted integers from -1 to 2, got -2"),
        ("items_float", fixed(([[0.0]] * 2, [0, 1])), "items: wanted integers, got 'float64'"),
        ("ranks_short", fixed(([[0]] * 2, [0])),
         r"ranker's ranks: wanted shape \(2,\), for the targets of users 0 to 1, got \(1,\)"),
        ("ranks_of_a_block", fixed(([[0]], [0, 1])), r"ranks: wanted shape \(1,\), .* users 0 to 0"),
        ("ranks_below", fixed(([[0]] * 2, [0, -1])), "ranks: wanted integers 0 or more, got -1"),
        ("ranks_float", fixed(([[0]] * 2, [0.0, 1.0])), "ranks: wanted integers, got 'float64'"),
        ("users_few", fixed(([[0]], [0])), "ranker: wanted 2 users in all, got 1"),
        ("users_none", fixed(), "ranker: wanted 2 users in all, got 0"),
        ("users_many", fixed(([[0]] * 3, [0, 1])), "ranker: wanted 2 users in all, got 3"))
    def test_invalid_ranker_is_named(self, ranker, message):
        with self.assertRaisesRegex(checks.InputError, "rank: .*" + message):
            evaluation.rank(ranker, to_part([[0], [1]]), 3, 2)

    @parameterized.named_parameters(
        ("no_users", dict(targets=[]), "targets: wanted at least one, got 0"),
        ("no_targets", dict(targets=[[], []]), "targets: wanted at least one, got 0"),
        ("rows", dict(users=[1, 2, 3]), "targets: wanted 3 rows of ids, got"),
        ("unknown", dict(targets=[[0], [3]]), "targets: wanted integers from 0 to 2, got 3"),
        ("missing", dict(targets=[[-1], [1]]), "targets: wanted integers from 0 to 2, got -1"),
        ("repeated", dict(targets=[[1], [2, 0, 2]]), "targets: wanted different ids in each row"),
        ("large_k", dict(k=4), "k: wanted at most 3 items, got 4"),
        ("small_k", dict(k=0), "k: wanted an integer above 0, got 0"),
        ("items", dict(num_items=0), "num_items: wanted an integer above 0, got 0"))
    def test_wrong_argument_is_named(self, changed, message):
        arguments = dict(targets=[[0], [1]], users=None, num_items=3, k=2)
        arguments.update(changed)
        part = to_part(arguments.pop("targets"), users=arguments.pop("users"))
        with self.assertRaisesRegex(checks.InputError, "rank: " + message):
            evaluation.rank(fixed(), part, **arguments)

    def test_float_ids_are_an_error(self):
        part = to_part([[0]])
        part = part._replace(targets=part.targets._replace(items=np.zeros(3)))
        with self.assertRaisesRegex(checks.InputError, "rank: targets: wanted integers, got 'float64'"):
            evaluation.rank(fixed(), part, 3, 2)


class MetricsTest(parameterized.TestCase):

    def test_one_target_by_hand(self):
        got = evaluation.metrics(ranking_of([0, 2, 3, 5], range(4), 5, None, [0, 1, 2, 4, 5]), [1, 3])
        self.assertEqual(list(got), ["%s@%d" % (name, k) for k in (1, 3) for name in (
            "Recall", "Precision", "HR", "NDCG", "MAP", "MRR", "Coverage")])
        self.assertEqual((got["Recall@1"], got["Recall@3"]), (1 / 4, 2 / 4))
        self.assertEqual((got["HR@1"], got["HR@3"]), (1 / 4, 2 / 4))
        self.assertAlmostEqual(got["NDCG@1"], 1 / 4)
        self.assertAlmostEqual(got["NDCG@3"], (1 + 1 / np.log2(4)) / 4)
        self.assertAlmostEqual(got["MRR@1"], 1 / 4)
        self.assertEqual((got["Precision@1"], got["Precision@3"]), (1 / 4, 2 / 12))
        self.assertEqual((got["MAP@1"], got["MAP@3"]), (got["MRR@1"], got["MRR@3"]))
        self.assertAlmostEqual(got["MRR@3"], (1 + 1 / 3) / 4)
        self.assertEqual((got["Coverage@1"], got["Coverage@3"]), (1 / 5, 3 / 5))
        for value in got.values():
            self.assertIsInstance(value, float)

    def test_several_targets_by_hand(self):
        # User 4 has ranks 5 and 1, user 7 has rank 0 and the others have none.
        got = evaluation.metrics(ranking_of([5, 1, 0], [4, 4, 7], 10), [1, 3, 10])
        self.assertEqual([got["Recall@%d" % k] for k in (1, 3, 10)], [1 / 2, (1 / 2 + 1) / 2, 1.0])
        self.assertEqual([got["HR@%d" % k] for k in (1, 3, 10)], [1 / 2, 1.0, 1.0])
        self.assertAlmostEqual(got["NDCG@1"], 1 / 2)
        ideal = 1 + 1 / np.log2(3)
        self.assertAlmostEqual(got["NDCG@3"], (1 / np.log2(3) / ideal + 1) / 2)
        self.assertAlmostEqual(got["NDCG@10"],
                               ((1 / np.log2(3) + 1 / np.log2(7)) / ideal + 1) / 2)
        self.assertEqual([got["MRR@%d" % k] for k in (1, 3, 10)], [1 / 2, 3 / 4, 3 / 4])
        np.testing.assert_allclose([got["Precision@%d" % k] for k in (1, 3, 10)], [1 / 2, 2 / 6, 3 / 20])
        # User 4's targets are in places 2 and 6.
        np.testing.assert_allclose([got["MAP@%d" % k] for k in (1, 3, 10)], [
            1 / 2, (1 / 2 / 2 + 1) / 2, ((1 / 2 + 2 / 6) / 2 + 1) / 2])

    def test_tied_targets_count_for_each_other(self):
        # Both are at the third place or better: two of three.
        got = evaluation.metrics(ranking_of([2, 2], [0, 0], 3), [3])
        self.assertAlmostEqual(got["MAP@3"], 2 / 3)

    def test_best_ranking_has_map_one(self):
        got = evaluation.metrics(ranking_of([1, 0, 2, 3], [0, 0, 0, 0], 4), [2, 4])
        self.assertEqual((got["MAP@2"], got["MAP@4"]), (1.0, 1.0))

    def test_best_ranking_of_more_targets_than_k_has_ndcg_one(self):
        got = evaluation.metrics(ranking_of([0, 1, 2, 3, 3], [0] * 5, 3), [3])
        self.assertAlmostEqual(got["NDCG@3"], 1.0)
        self.assertAlmostEqual(got["Recall@3"], 3 / 5)

    def test_rank_k_is_a_miss(self):
        got = evaluation.metrics(ranking_of([2], [0], 2, [0], [2, 2]), [2])
        self.assertEqual(set(got.values()), {0.0})

    @parameterized.named_parameters(
        ("empty", dict(ranks=[]), "ranking: wanted at least one target, got 0"),
        ("large_k", dict(k_list=[1, 6]), "k_list: wanted at most 5 items, got 6"),
        ("small_k", dict(k_list=[0]), "k_list: wanted an integer above 0, got 0"))
    def test_wrong_argument_is_named(self, changed, message):
        arguments = dict(ranks=[0, 1], k_list=[1])
        arguments.update(changed)
        ranks = arguments["ranks"]
        with self.assertRaisesRegex(checks.InputError, "metrics: " + message):
            evaluation.metrics(ranking_of(ranks, range(len(ranks)), 5), arguments["k_list"])


class EvaluateTest(parameterized.TestCase):

    @parameterized.parameters(1, 2, 3)
    def test_metrics_equal_those_computed_from_the_lists(self, seed):
        _, targets, seen = made_case(seed)
        scores = np.random.RandomState(seed).standard_normal((30, 17))  # no ties: one list only
        cuts = [5, 1, 17]
        got = evaluation.evaluate(evaluation.score_ranker(lambda users: scores[users], 17),
                                  to_part(targets, seen), 17, cuts)
        lists = [slow_offer(*case, k=17) for case in zip(scores, targets, seen)]
        lists = [[item for item in items if item >= 0] for items in lists]
        wanted = {}
        for k in cuts:
            wanted.update(slow_metrics(lists, targets, 17, k))
        self.assertEqual(list(got), list(wanted))
        for name, value in wanted.items():
            self.assertAlmostEqual(got[name], value, msg=name)

    @absltest.skipIf(ndcg_score is None, "scikit-learn is not installed")
    def test_ndcg_agrees_with_scikit_learn(self):
        random = np.random.RandomState(1)
        scores = random.rand(20, 15)
        relevant = random.rand(20, 15) < 0.2
        relevant[:, 0] = True
        part = to_part([np.flatnonzero(row).tolist() for row in relevant])
        got = evaluation.evaluate(evaluation.score_ranker(lambda users: scores[users], 15), part, 15,
                                  [5, 15])
        for k in (5, 15):
            self.assertAlmostEqual(got["NDCG@%d" % k], ndcg_score(relevant, scores, k=k))

    def test_equal_scores_for_all_items_score_zero(self):
        part = to_part([[0], [1, 2], [3]])
        got = evaluation.evaluate(
            evaluation.score_ranker(lambda users: np.zeros([len(users), 9]), 9), part, 9, [8])
        self.assertEqual(got.pop("Coverage@8"), 8 / 9)
        self.assertEqual(set(got.values()), {0.0})

    def test_ranker_runs_once_for_the_largest_k(self):
        asked = []

        def ranker(part, k):
            asked.append(k)
            return fixed(([[0]], [0]))(part, k)

        evaluation.evaluate(ranker, to_part([[0]]), 9, [2, 5, 1])
        self.assertEqual(asked, [5])

    @parameterized.named_parameters(
        ("large_k", [1, 4], "k_list: wanted at most 3 items, got 4"),
        ("small_k", [0, 1], "k_list: wanted an integer above 0, got 0"),
        ("no_k", [], "k_list: wanted at least one integer"))
    def test_wrong_k_is_named(self, k_list, message):
        with self.assertRaisesRegex(checks.InputError, "evaluate: " + message):
            evaluation.evaluate(fixed(), to_part([[0]]), 3, k_list)


class ScoreRankerTest(parameterized.TestCase):

    @parameterized.named_parameters(
        ("best", [5, 9, 1, 3], [1], [], [0]),
        ("worst", [5, 9, 1, 3], [2], [], [3]),
        ("tie_counts_against_the_target", [5, 5, 1, 5], [0], [], [2]),
        ("tie_counts_whatever_the_id", [5, 5, 1, 5], [3], [], [2]),
        ("targets_that_tie_count_against_each_other", [7, 5, 5, 5, 9, 1], [3, 5, 1, 4], [],
         [4, 5, 4, 0]),
        ("seen_better_item_is_left_out", [5, 9, 1, 3], [0], [1], [0]),
        ("seen_tie_is_left_out", [5, 5, 1, 5], [0], [3], [1]),
        ("seen_worse_item_changes_nothing", [5, 9, 1, 3], [0], [2], [1]),
        ("item_seen_twice_is_left_out_once", [5, 9, 1, 3], [3], [1, 1], [1]),
        ("target_is_never_left_out", [5, 9, 1, 3], [0], [0], [1]),
        ("seen_target_counts_against_the_others", [5, 9, 1, 3], [0, 1], [1], [1, 0]),
        ("infinities_are_ordinary_scores", [-np.inf, np.inf, -np.inf, 3], [0], [], [3]),
        ("minus_infinity_where_others_are_seen", [-np.inf, np.inf, -np.inf, 3], [0], [1, 2], [1]),
        ("infinity", [-np.inf, np.inf, np.inf, 3], [2, 3], [], [1, 2]))
    def test_rank_by_hand(self, scores, targets, seen, ranks):
        part = to_part([targets], [seen])
        for dtype in (np.float16, np.float32, np.float64):
            for k in range(1, len(scores) + 1):
                got = evaluation.rank(evaluation.score_ranker(
                    lambda users, dtype=dtype: np.array([scores], dtype), len(scores)), part,
                    len(scores), k)
                self.assertEqual(got.ranks.tolist(), [min(rank, k) for rank in ranks])

    @parameterized.product(seed=(1, 2, 3), levels=(1, 3, 1000), k=(1, 4, 16, 17))
    def test_agrees_with_a_full_sort(self, seed, levels, k):
        scores, targets, seen = made_case(seed, levels=levels)
        if seed == 3:
            scores[scores == 0] = -np.inf
        (items, ranks), = evaluation.score_ranker(lambda users: scores, 17)(to_part(targets, seen), k)
        cases = list(zip(scores, targets, seen))
        self.assertEqual(items.tolist(), [slow_offer(*case, k=k) for case in cases])
        self.assertEqual(ranks.tolist(),
                         [min(rank, k) for case in cases for rank in slow_rank(*case)])

    @parameterized.parameters(1, 17 * 7, 17 * 8 - 1, 10 ** 6)
    def test_blocks_give_the_same_ranking(self, scores_at_a_time):
        scores, targets, seen = made_case(5)
        users = np.random.RandomState(2).permutation(100)[:30]
        sizes = []

        def score_block(block):
            sizes.append(len(block))
            return scores[[users.tolist().index(user) for user in block]]

        part = to_part(targets, seen, users)
        got = evaluation.rank(evaluation.score_ranker(score_block, 17, scores_at_a_time), part, 17, 4)
        cases = list(zip(scores, targets, seen))
        self.assertEqual(got.ranks.tolist(), [min(r, 4) for case in cases for r in slow_rank(*case)])
        offers = [slow_offer(*case, k=4) for case in cases]
        self.assertEqual(got.first_offered.tolist(), [
            min((offer.index(item) for offer in offers if item in offer), default=4)
            for item in range(17)])
        self.assertEqual(max(sizes), min(30, max(1, scores_at_a_time // 17)))
        self.assertEqual(sum(sizes), 30)

    def test_tied_target_may_be_offered_before_its_rank(self):
        (items, ranks), = evaluation.score_ranker(lambda users: np.ones([1, 3]), 3)(to_part([[0]]), 2)
        self.assertEqual((items.tolist(), ranks.tolist()), ([[0, 1]], [2]))

    def test_users_without_seen_items_rank_the_whole_catalogue(self):
        got = evaluation.evaluate(
            evaluation.score_ranker(lambda users: np.array([[3., 2., 1.]] * len(users)), 3),
            to_part([[1], [2]]), 3, [2])
        self.assertEqual((got["HR@2"], got["MRR@2"], got["Coverage@2"]), (1 / 2, 1 / 4, 2 / 3))

    def test_unsigned_scores_are_allowed(self):
        scores = np.array([[1, 0, 2]], np.uint8)
        (items, ranks), = evaluation.score_ranker(lambda users: scores, 3)(to_part([[0]]), 3)
        self.assertEqual((items.tolist(), ranks.tolist()), ([[2, 0, 1]], [1]))

    def test_scores_are_not_modified(self):
        scores = np.array([[1., 2., 3.]])
        list(evaluation.score_ranker(lambda users: scores, 3)(to_part([[0]], [[1]]), 2))
        self.assertEqual(scores.tolist(), [[1., 2., 3.]])

    @parameterized.named_parameters(
        ("shape", dict(scores=np.zeros([2, 4])),
         r"score_block: wanted scores of shape \(2, 3\), got \(2, 4\)"),
        ("nan", dict(scores=[[1., 2., 3.], [4., np.nan, 5.]]),
         r"score_block's \[1, 1\]: wanted a number, got nan"),
        ("target_unknown", dict(targets=[[0], [3]]), "targets: wanted integers from 0 to 2, got 3"),
        ("seen_unknown", dict(seen=[[], [3]]), "seen: wanted integers from 0 to 2, got 3"),
        ("seen_missing", dict(seen=[[-1], []]), "seen: wanted integers from 0 to 2, got -1"),
        ("seen_rows", dict(seen=[[]]), "seen: wanted 2 rows of ids, got"),
        ("large_k", dict(k=4), "k: wanted at most 3 items, got 4"),
        ("small_k", dict(k=0), "k: wanted an integer above 0, got 0"))
    def test_invalid_scores_are_named(self, changed, message):
        case = dict(scores=np.zeros([2, 3]), targets=[[0], [1]], seen=[[], []], k=2)
        case.update(changed)
        ranker = evaluation.score_ranker(lambda users: case["scores"], 3)
        with self.assertRaisesRegex(checks.InputError, "score_ranker: " + message):
            list(ranker(to_part(case["targets"], case["seen"]), case["k"]))

    @parameterized.parameters("num_items", "scores_at_a_time")
    def test_wrong_number_is_named(self, name):
        arguments = dict(score_block=None, num_items=3, scores_at_a_time=9)
        arguments[name] = 0
        message = "score_ranker: %s: wanted an integer above 0, got 0" % name
        with self.assertRaisesRegex(checks.InputError, message):
            evaluation.score_ranker(**arguments)


class RanksFromTopTest(parameterized.TestCase):

    @parameterized.product(seed=(1, 2, 3, 4), levels=(1, 2, 5, 1000), fill=(np.nan, -np.inf))
    def test_agrees_with_the_full_ranking(self, seed, levels, fill):
        scores, targets, seen = made_case(seed, levels=levels)
        full = [rank for case in zip(scores, targets, seen) for rank in slow_rank(*case)]
        rows = np.repeat(np.arange(30), [len(row) for row in targets])
        own = [scores[row, target] for row, several in enumerate(targets) for target in several]
        for k in (1, 3, 10, 17):
            top = [[scores[row][item] if item >= 0 else fill for item in
                    slow_offer(scores[row], targets[row], seen[row], k + 1)] for row in range(30)]
            got = evaluation.ranks_from_top(top, rows, own, k)
            self.assertEqual(got.tolist(), [min(rank, k) for rank in full])
            self.assertEqual(got.dtype, np.int64)

    def test_padding_of_minus_infinity_counts_against_equal_targets(self):
        for fill, rank in ((np.nan, 1), (-np.inf, 3)):
            got = evaluation.ranks_from_top([[2.0, -np.inf, fill, fill]], [0], [-np.inf], 3)
            self.assertEqual(got.tolist(), [rank])

    def test_no_targets_have_no_ranks(self):
        got = evaluation.ranks_from_top(np.zeros([2, 3]), np.zeros(0, int), np.zeros(0), 2)
        self.assertEqual(got.tolist(), [])

    @parameterized.named_parameters(
        ("k", dict(k=0), "k: wanted an integer above 0, got 0"),
        ("narrow", dict(k=3), r"top_scores: wanted shape \[users, k \+ 1 = 4\], got \(2, 3\)"),
        ("flat", dict(top_scores=[2., 1., 0.]), "top_scores: wanted shape .*"),
        ("row_unknown", dict(target_rows=[0, 2]), "target_rows: wanted integers from 0 to 1, got 2"),
        ("row_below", dict(target_rows=[-1, 0]), "target_rows: wanted integers from 0 to 1, got -1"),
        ("row_float", dict(target_rows=[0., 1.]), "target_rows: wanted integers, got 'float64'"),
        ("scores", dict(target_scores=[1.]), r"target_scores: wanted shape \(2,\), got \(1,\)"),
        ("nan", dict(target_scores=[1., np.nan]), "target_scores: wanted numbers, got nan"),
        ("above", dict(target_scores=[1., 6.]),
         "target_scores: wanted scores that are in top_scores or below them, got 6.0"))
    def test_wrong_argument_is_named(self, changed, message):
        arguments = dict(top_scores=[[2., 1., 0.], [5., 4., 3.]], target_rows=[0, 1],
                         target_scores=[1., 5.], k=2)
        arguments.update(changed)
        with self.assertRaisesRegex(checks.InputError, "ranks_from_top: " + message):
            evaluation.ranks_from_top(**arguments)


class RecallByPopularityTest(parameterized.TestCase):

    def test_buckets_by_hand(self):
        # By popularity 2 1 4 0 3 5, with 0 4 7 8 9 10 of the 10 events before them.
        counts = [1, 3, 4, 1, 1, 0]
        ranking = ranking_of([0, 1, 2, 9, 0, 9, 1], range(7), 9, [2, 2, 1, 0, 3, 3, 5], [0] * 6)
        got = evaluation.recall_by_popularity(ranking, counts, 2, num_buckets=2)
        self.assertEqual(got, [("1-2", 3, 2 / 3), ("3-6", 4, 2 / 4)])
        # Thirds of 10 events begin at 0, 3 1/3 and 6 2/3.
        got = evaluation.recall_by_popularity(ranking, counts, 9, num_buckets=3)
        self.assertEqual(got, [("1", 2, 1.0), ("2", 1, 1.0), ("3-6", 4, 2 / 4)])

    def test_item_with_the_events_of_several_buckets_fills_one(self):
        ranking = ranking_of([0, 3], [0, 1], 5, [0, 2], [0] * 3)
        got = evaluation.recall_by_popularity(ranking, [8, 1, 1], 3)
        self.assertEqual(got, [("1", 1, 1.0), ("2-3", 1, 0.0)])

    def test_items_without_events_are_in_the_last_bucket(self):
        ranking = ranking_of([0, 3], [0, 1], 5, [3, 1], [0] * 4)
        got = evaluation.recall_by_popularity(ranking, [5, 0, 5, 0], 3, num_buckets=2)
        self.assertEqual(got[1], ("2-4", 2, 1 / 2))

    def test_a_bucket_without_targets_has_no_recall(self):
        first, last = evaluation.recall_by_popularity(
            ranking_of([0], [0], 5, [1], [0] * 2), [1, 1], 3, num_buckets=2)
        self.assertEqual((first.num_targets, last), (0, ("2", 1, 1.0)))
        self.assertTrue(np.isnan(first.recall))

    def test_the_shares_of_events_are_about_equal_and_all_targets_count(self):
        random = np.random.RandomState(1)
        counts = random.permutation(100000 // np.arange(1, 1001))
        targets = random.choice(1000, size=300, p=counts / counts.sum())
        ranking = ranking_of(random.randint(10, size=300), range(300), 10, targets, [0] * 1000)
        got = evaluation.recall_by_popularity(ranking, counts, 5)
        self.assertLen(got, 5)
        by_place = np.sort(counts)[::-1]
        last = 0
        for bucket in got:
            begin, end = (int(bucket.label.split("-")[i]) for i in (0, -1))
            self.assertEqual(begin, last + 1)
            # The item on a limit bounds the difference of a share from a fifth.
            self.assertBetween(by_place[begin - 1:end].sum() / by_place.sum(), 0.2 - 0.14, 0.2 + 0.14)
            last = end
        self.assertEqual(last, 1000)
        self.assertEqual(sum(bucket.num_targets for bucket in got), 300)
        self.assertAlmostEqual(sum(bucket.num_targets * bucket.recall for bucket in got) / 300,
                               np.mean(ranking.ranks < 5))

    @parameterized.named_parameters(
        ("large_k", dict(k=6), "k: wanted at most 5 items, got 6"),
        ("small_k", dict(k=0), "k: wanted an integer above 0, got 0"),
        ("buckets", dict(num_buckets=0), "num_buckets: wanted an integer above 0, got 0"),
        ("shape", dict(item_counts=[1]), r"item_counts: wanted shape \(2,\), got \(1,\)"),
        ("below", dict(item_counts=[1, -1]), "item_counts: wanted integers 0 or more, got -1"),
        ("float", dict(item_counts=[1., 1.]), "item_counts: wanted integers, got 'float64'"),
        ("no_events", dict(item_counts=[0, 0]), "item_counts: wanted at least one event, got 0"))
    def test_wrong_argument_is_named(self, changed, message):
        arguments = dict(item_counts=[1, 1], k=5, num_buckets=2)
        arguments.update(changed)
        with self.assertRaisesRegex(checks.InputError, "recall_by_popularity: " + message):
            evaluation.recall_by_popularity(ranking_of([0], [0], 5, [1], [0] * 2), **arguments)


class TableTest(absltest.TestCase):

    def test_columns_are_as_wide_as_their_names(self):
        got = evaluation.table({"this model": {"HR@1": 0.5, "Coverage@100": 1.0},
                                "popularity": {"HR@1": 0.12345, "Coverage@100": 0.25}})
        self.assertEqual(got, "                HR@1\n"
                              "this model    0.5000\n"
                              "popularity    0.1235\n"
                              "              Coverage@100\n"
                              "this model          1.0000\n"
                              "popularity          0.2500")

    def test_scores_at_one_k_are_one_block_of_100_columns(self):
        names = evaluation.metric_names([10, 20])
        lines = evaluation.table({"the previous model": dict.fromkeys(names, 0.5)}).splitlines()
        self.assertEqual([line.split()[-1] for line in lines], ["Coverage@10", "0.5000", "Coverage@20",
                                                                "0.5000"])
        self.assertLessEqual(max(map(len, lines)), 100)


if __name__ == "__main__":
    absltest.main()
