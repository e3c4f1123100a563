"""Tests of recommendations for many users, on a small model with known answers."""
import math

import numpy as np
from absl.testing import absltest

from tests import recommender_case
from tf1_sampled import InputError
from tf1_sampled.recsys import asking, events as event_files
from tf1_sampled.recsys.settings import RecsysSettings

_SETTINGS = RecsysSettings(k=[1, 2])


def _log(*rows, columns=False):
    """Return the events.Log of (user, item, time, mood, shift)."""
    users, items, times, moods, shifts = zip(*[row + (0, "near", 0)[len(row) - 2:] for row in rows])
    further = dict(categorical={"mood": moods}, numeric={"shift": shifts}) if columns else {}
    return event_files.log_of_arrays(users, items, times, **further)


class HistoriesTest(absltest.TestCase):

    def test_histories_are_in_time_order(self):
        log = _log(("ann", "heat", 3), ("bob", "alien", 1), ("ann", "alien", 2), ("ann", "heat", 4))
        self.assertEqual(asking.histories(_SETTINGS, log),
                         (["ann", "bob"], [["alien", "heat"], ["alien"]], None))
        self.assertEqual(asking.histories(RecsysSettings(repeats=True), log).items[0],
                         ["alien", "heat", "heat"])

    def test_context_is_that_of_the_last_event(self):
        log = _log(("ann", "heat", 3, "far", 1.5), ("bob", "alien", 1, "", 2),
                   ("ann", "alien", 2, "near", 0), columns=True)
        self.assertEqual(asking.histories(_SETTINGS, log).contexts,
                         [{"mood": "far", "shift": 1.5}, {"mood": "", "shift": 2.0}])


class RecommendAllTest(recommender_case.ModelCase):

    arguments = dict(with_users=True)

    def _best(self, had, k, repeat=False):
        return list(asking.recommend_all(self.model, had, k, repeat))

    def _same(self, found, wanted):
        self.assertEqual([name for name, _ in found], [name for name, _ in wanted])
        np.testing.assert_allclose([score for _, score in found], [score for _, score in wanted],
                                   rtol=1e-6)

    def test_all_users_in_order(self):
        had = asking.Histories(["bob", "ann", "eve"], [["alien", "heat"], [], ["gone"]], None)
        found = self._best(had, 3)
        self.assertEqual([user for user, _ in found], ["bob", "ann", "eve"])
        self._same(found[0][1], recommender_case.oracle(["alien", "heat"], 3, seen=["alien", "heat"]))
        self._same(found[1][1], recommender_case.oracle([], 3, user="ann"))
        self.assertEqual([], found[2][1])  # neither the user nor the item is known
        self._same(self._best(had, 3, repeat=True)[0][1], recommender_case.oracle(["alien", "heat"], 3))

    def test_blocks_give_the_same_results(self):
        had = asking.Histories(["u%d" % n for n in range(7)],
                               [[recommender_case.NAMES[n]] for n in range(7)], None)
        whole = self._best(had, 2)
        before = asking._USERS_AT_A_TIME
        self.addCleanup(setattr, asking, "_USERS_AT_A_TIME", before)
        asking._USERS_AT_A_TIME = 3
        self.assertEqual(self._best(had, 2), whole)

    def test_a_model_without_columns_takes_none(self):
        had = asking.Histories(["bob"], [["alien"]], [{"mood": "far"}])
        with self.assertRaisesRegex(InputError, "row 0: context: wanted no columns, got \"mood\""):
            self._best(had, 2)

    def test_collected_arrays_match_the_iterator(self):
        best = iter([("ann", [("a", 2.0), ("b", 1.5)]), ("bob", []), ("cid", [("c", -1.0)])])
        users, items, scores = asking.collected(best, 2)
        self.assertEqual(users, ["ann", "bob", "cid"])
        self.assertEqual(items.tolist(), [["a", "b"], ["", ""], ["c", ""]])
        self.assertEqual(scores.tolist(), [[2.0, 1.5], [-math.inf] * 2, [-1.0, -math.inf]])
        self.assertEqual(scores.dtype, np.float32)
        self.assertEqual(asking.collected(iter([]), 2).items.shape, (0, 2))


class RecommendAllWithColumnsTest(recommender_case.ModelCase):

    arguments = dict(with_users=True, with_context=True)

    def test_each_user_has_the_context_of_the_last_event(self):
        log = _log(("bob", "alien", 1, "near", 0), ("cid", "alien", 1, "far", 5), columns=True)
        best = asking.recommend_all(self.model, asking.histories(_SETTINGS, log), 1, False)
        self.assertEqual([(user, row[0][0]) for user, row in best],
                         [("bob", "heat"), ("cid", recommender_case.NAMES[5])])


if __name__ == "__main__":
    absltest.main()
