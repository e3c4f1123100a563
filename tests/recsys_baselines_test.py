"""Tests of the baselines: popularity, item-kNN, chance."""
import math

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.recsys import baselines, evaluation, events as event_files, splits


def to_rows(lists):
    """Return splits.Rows of lists."""
    ends = np.cumsum([0] + [len(row) for row in lists])
    return splits.Rows(np.array(sum(lists, []), np.int32), ends[:-1], ends[1:])


def to_part(targets, seen=None, users=None):
    users = np.arange(len(targets)) if users is None else users
    return splits.HeldOut(users, None, to_rows(targets), None if seen is None else to_rows(seen))


def made_events(seed, repeats=False, num_users=40, num_items=25):
    random = np.random.RandomState(seed)
    users = random.randint(num_users, size=400)
    items = (num_items * random.rand(400) ** 2).astype(int)
    log = event_files.log_of_arrays(users, items, np.arange(400))
    return splits.split_shares(log, .6, .8, rules=splits.Rules(repeats=repeats))


def trained(events):
    """Return the training items of each user."""
    return [events.items[low:high].tolist() for low, high in zip(events.starts, events.train_ends)]


def slow_cosines(events, repeats):
    """Return the cosines by their definition, float [C, C]; 0 on the diagonal without repeats."""
    sets = [{user for user, items in enumerate(trained(events)) if item in items}
            for item in range(len(events.item_names))]
    return np.array([[len(a & b) / math.sqrt(len(a) * len(b)) if a and b and (repeats or i != j) else 0
                      for j, b in enumerate(sets)] for i, a in enumerate(sets)])


class BaselinesTest(absltest.TestCase):

    def test_popularity_ranks_by_count_for_every_user(self):
        part = to_part([[0], [1], [3]], [[], [0], [0, 1, 2]], users=[5, 6, 7])
        got = list(baselines.popularity(np.array([7, 9, 7, 0]))(part, 3))
        self.assertEqual([items.tolist() for items, _ in got], [[[1, 0, 2]], [[1, 2, 3]], [[3]]])
        self.assertEqual([ranks.tolist() for _, ranks in got], [[2], [0], [0]])

    def test_popularity_agrees_with_scores_that_are_counts(self):
        random = np.random.RandomState(1)
        counts = random.randint(0, 6, 30)  # many ties
        users = [random.permutation(30).tolist() for _ in range(50)]
        part = to_part([items[:3] for items in users],
                       [items[2:8 + n % 20] for n, items in enumerate(users)])  # a target among the seen
        for one_part in (part, part._replace(seen=None)):
            by_scores = evaluation.rank(evaluation.score_ranker(
                lambda users: np.tile(counts.astype(float), (len(users), 1)), 30), one_part, 30, 12)
            got = evaluation.rank(baselines.popularity(counts), one_part, 30, 12)
            np.testing.assert_array_equal(got.ranks, by_scores.ranks)
            np.testing.assert_array_equal(got.first_offered, by_scores.first_offered)

    def test_random_scores_depend_only_on_user_and_seed(self):
        def offers(seed, users):
            part = to_part([[0]] * len(users), users=np.array(users))
            (items, _), = baselines.at_random(20, seed)(part, 20)
            return items.tolist()

        together = offers(3, [4, 9])
        self.assertEqual(offers(3, [9]), together[1:])
        self.assertNotEqual(together[0], together[1])
        self.assertNotEqual(offers(4, [4]), together[:1])

    def test_random_ranks_are_uniform_over_the_unseen_items(self):
        # With 4 of 20 items seen, 2 of 16 places are hits: the mean of 4000 draws is within
        # four standard errors of sqrt(p (1 - p) / 4000) = .0052.
        part = to_part([[user % 16] for user in range(4000)], [[16, 17, 18, 19]] * 4000)
        got = evaluation.evaluate(baselines.at_random(20, seed=1), part, 20, [2])
        self.assertBetween(got["HR@2"], 2 / 16 - 0.021, 2 / 16 + 0.021)
        self.assertEqual(got["Coverage@2"], 16 / 20)

    def test_no_items_are_an_error(self):
        with self.assertRaisesRegex(checks.InputError, "num_items: wanted an integer above 0, got 0"):
            baselines.at_random(0, seed=1)


class NeighboursTest(parameterized.TestCase):

    @parameterized.product(repeats=(False, True), pairs=(1, 300, 1 << 20), most=(3, 100))
    def test_agrees_with_the_definition(self, repeats, pairs, most):
        for name, value in (("_PAIRS_AT_A_TIME", pairs), ("NUMBERS", (1, most))):
            self.addCleanup(setattr, baselines, name, getattr(baselines, name))
            setattr(baselines, name, value)
        events = made_events(1, repeats)
        found = baselines.neighbours(events, repeats)
        cosines = slow_cosines(events, repeats)
        self.assertGreater(np.count_nonzero(cosines), 50)
        for item, row in enumerate(cosines):
            # Rounded, so that cosines that differ in the last digit are ties, with the smaller id first.
            wanted = [i for i in sorted(range(len(row)), key=lambda i: (-round(row[i], 9), i)) if row[i]]
            own = slice(found.starts[item], found.starts[item + 1])
            self.assertEqual(found.ids[own].tolist(), wanted[:most])
            np.testing.assert_allclose(found.cosines[own], row[wanted[:most]], rtol=1e-6)

    def test_number_of_pairs(self):
        events = made_events(2)
        self.assertEqual(baselines.num_pairs(events), sum(len(row) ** 2 for row in trained(events)))


class ItemKnnTest(parameterized.TestCase):

    @parameterized.product(repeats=(False, True), number=(1, 3, 100), pairs=(1, 40, 1 << 20),
                           part=(0, 1))
    def test_agrees_with_scores_of_all_items(self, repeats, number, pairs, part):
        self.addCleanup(setattr, baselines, "_PAIRS_AT_A_TIME", baselines._PAIRS_AT_A_TIME)
        events = made_events(3, repeats)
        num_items = len(events.item_names)
        found = baselines.neighbours(events, repeats)
        asked = splits.held_out(events)[part]
        if repeats:
            asked = asked._replace(seen=None)
        near = np.zeros([num_items, num_items])
        for item in range(num_items):
            own = slice(found.starts[item], found.starts[item + 1])
            near[item, found.ids[own][:number]] = found.cosines[own][:number]
        scores = {user: near[events.items[events.starts[user]:end]].sum(0)
                  for user, end in zip(asked.users.tolist(), asked.ends)}
        by_scores = evaluation.score_ranker(
            lambda users: np.stack([scores[user] for user in users.tolist()]), num_items)
        baselines._PAIRS_AT_A_TIME = pairs
        got = list(baselines.item_knn(events, found, number)(asked, 5))
        offered = np.concatenate([items for items, _ in got])
        ranks = np.concatenate([ranks for _, ranks in got])
        (wanted_items, wanted_ranks), = by_scores(asked, 5)
        rows = np.repeat(np.arange(len(asked.users)), asked.targets.end - asked.targets.begin)
        own = np.array([scores[asked.users[row]][target]
                        for row, target in zip(rows.tolist(), asked.targets.items.tolist())])
        self.assertEqual(ranks.tolist(), np.where(own > 0, wanted_ranks, 5).tolist())
        for row, user in enumerate(asked.users.tolist()):
            wanted = [i for i in wanted_items[row].tolist() if i >= 0 and scores[user][i] > 0]
            self.assertEqual(offered[row].tolist(), wanted + [-1] * (5 - len(wanted)))
        self.assertEqual(len(got) > 1, pairs < 100)

    def test_items_without_neighbours_in_the_history_are_not_offered(self):
        log = event_files.log_of_arrays(["a", "a", "a", "b", "b"], [1, 2, 3, 4, 5])
        events = splits.split_given(log, [0, 1, 2, 0, 2])
        found = baselines.neighbours(events)
        self.assertEmpty(found.ids)
        test = splits.held_out(events)[1]
        (items, ranks), = baselines.item_knn(events, found, 5)(test, 2)
        self.assertEqual((items.tolist(), ranks.tolist()), ([[-1, -1]] * 2, [2, 2]))

    @parameterized.parameters((0, "an integer above 0, got 0"), (101, "at most 100, got 101"))
    def test_wrong_number_is_named(self, number, message):
        events = made_events(1)
        with self.assertRaisesRegex(checks.InputError, "item_knn: number: wanted " + message):
            baselines.item_knn(events, baselines.neighbours(events), number)


if __name__ == "__main__":
    absltest.main()
