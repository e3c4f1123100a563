"""Questions about many users, asked of a small model with a known answer."""
import math
import os

import numpy as np
from absl.testing import absltest, parameterized

from tests import recommender_case
from tf1_sampled import InputError
from tf1_sampled.recsys import asking, events as event_files, items as item_files
from tf1_sampled.recsys.settings import RecsysSettings

_SETTINGS = RecsysSettings(k=[1, 2])


def _log(*rows, columns=False):
    """Return the events.Log of (user, item, time, mood, shift)."""
    users, items, times, moods, shifts = zip(*[row + (0, "near", 0)[len(row) - 2:] for row in rows])
    further = dict(categorical={"mood": moods}, numeric={"shift": shifts}) if columns else {}
    return event_files.log_of_arrays(users, items, times, **further)


class CutsTest(parameterized.TestCase):

    @parameterized.parameters(
        (None, [1, 2]), (3, [3]), (np.int64(3), [3]), ([3, 1], [3, 1]), ((7,), [7]),
        (np.array([2, 3]), [2, 3]), (np.array(4), [4]))
    def test_integers(self, k, wanted):
        found = asking.cuts_of(_SETTINGS, k, 7)
        self.assertEqual(found, wanted)
        self.assertEqual({type(value) for value in found}, {int})

    @parameterized.parameters(
        (0, 0), (-1, -1), (8, 8), ([3, 8], 8), ("3", "'3'"), (2.0, "2.0"), (True, True),
        ([[1]], r"\[1\]"), ({3}, r"\{3\}"), (b"3", "b'3'"))
    def test_what_is_not_one(self, k, got):
        with self.assertRaisesRegex(
                InputError, "^RecsysSettings: k: wanted an integer from 1 to 7 items, got %s$" % got):
            asking.cuts_of(_SETTINGS, k, 7)

    def test_none_at_all(self):
        for k in ([], (), np.array([], int)):
            with self.assertRaisesRegex(InputError, "^RecsysSettings: k: wanted one integer or more"):
                asking.cuts_of(_SETTINGS, k, 7)


class HistoriesTest(absltest.TestCase):

    def test_in_the_order_of_time(self):
        log = _log(("ann", "heat", 3), ("bob", "alien", 1), ("ann", "alien", 2), ("ann", "heat", 4))
        self.assertEqual(asking.histories(_SETTINGS, log),
                         (["ann", "bob"], [["alien", "heat"], ["alien"]], None))
        self.assertEqual(asking.histories(RecsysSettings(repeats=True), log).items[0],
                         ["alien", "heat", "heat"])

    def test_with_the_columns_of_the_last_event(self):
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
        self._same(found[2][1], recommender_case.oracle([], 3, user="eve"))  # neither is known
        self._same(self._best(had, 3, repeat=True)[0][1], recommender_case.oracle(["alien", "heat"], 3))

    def test_blocks_are_as_all_at_once(self):
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

    def test_collected(self):
        best = iter([("ann", [("a", 2.0), ("b", 1.5)]), ("bob", []), ("cid", [("c", -1.0)])])
        users, items, scores = asking.collected(best, 2)
        self.assertEqual(users, ["ann", "bob", "cid"])
        self.assertEqual(items.tolist(), [["a", "b"], ["", ""], ["c", ""]])
        self.assertEqual(scores.tolist(), [[2.0, 1.5], [-math.inf] * 2, [-1.0, -math.inf]])
        self.assertEqual(scores.dtype, np.float32)
        self.assertEqual(asking.collected(iter([]), 2).items.shape, (0, 2))

    def test_written_names_come_back(self):
        path = os.path.join(self.create_tempdir().full_path, "new", "best.tsv")
        asking.write(path, iter([("a\tb", [("x\ny", 1.0), ("=1", 0.1234567)]), ("c", []),
                                 ("d", [("é", 1)])]))
        with open(path, encoding="utf-8") as stream:
            lines = stream.read().split("\n")
        self.assertEqual(lines, ["user\titem\tscore", "a\\tb\tx\\ny\t1", "a\\tb\t\\=1\t0.123457",
                                 "d\té\t1", ""])
        self.assertEqual(lines[1].split("\t")[0], item_files.escaped("a\tb"))

    def test_a_file_is_whole_or_not_there(self):
        folder = self.create_tempdir().full_path

        def broken():
            yield "ann", [("a", 1.0)]
            raise InputError("no more")

        with self.assertRaisesRegex(InputError, "no more"):
            asking.write(os.path.join(folder, "best.tsv"), broken())
        self.assertEmpty(os.listdir(folder))


class EvaluateTest(recommender_case.ModelCase):
    """The model's best items are those nearest to the mean place of a history."""

    def test_scores(self):
        # Alien and heat, at 0 and 1: the nearest are 日本 at 2.5 and the script at 4.5.
        before = _log(("ann", "alien"), ("ann", "heat"), ("bob", "alien"), ("bob", "heat"),
                      ("cid", "alien"))
        after = _log(("ann", "日本"), ("bob", recommender_case.NAMES[3]), ("bob", "casino"),
                     ("dan", "heat"))
        found = asking.evaluate(self.model, before, after, None, _SETTINGS)
        self.assertEqual(list(found), ["Recall@1", "HR@1", "NDCG@1", "MRR@1", "Coverage@1",
                                       "Recall@2", "HR@2", "NDCG@2", "MRR@2", "Coverage@2"])
        self.assertEqual((found["HR@1"], found["HR@2"]), (0.5, 1.0))
        self.assertEqual((found["Recall@1"], found["Recall@2"]), (0.5, 0.75))
        # Of bob's two targets the first has rank 1.
        ideal = 1 + 1 / math.log2(3)
        self.assertAlmostEqual(found["NDCG@2"], (1 + 1 / math.log2(3) / ideal) / 2)
        self.assertAlmostEqual(found["MRR@2"], (1 + 0.5) / 2)
        self.assertAlmostEqual(found["Coverage@1"], 1 / 7)  # both are offered the same
        self.assertAlmostEqual(found["Coverage@2"], 2 / 7)

    def test_an_item_that_the_model_does_not_know_is_not_found(self):
        before = _log(("ann", "alien"), ("bob", "alien"), ("bob", "new too"))
        after = _log(("ann", "new"), ("bob", "heat"))
        found = asking.evaluate(self.model, before, after, 7, _SETTINGS)
        self.assertEqual((found["HR@7"], found["MRR@7"]), (0.5, 0.5))
        self.assertAlmostEqual(found["Coverage@7"], 6 / 7)  # of the model's items, all but alien

    def test_equal_scores_count_against_a_target(self):
        # From the mean of 0 and 7, 3.5, to 2.5 and to 4.5 it is as far.
        before = _log(("ann", "alien"), ("ann", "a\tb"))
        found = asking.evaluate(self.model, before, _log(("ann", "日本")), [1, 2], _SETTINGS)
        self.assertEqual((found["HR@1"], found["HR@2"]), (0.0, 1.0))

    def test_own_items_are_asked_for_with_repeats_alone(self):
        before, after = _log(("ann", "alien"), ("ann", "heat")), _log(("ann", "heat", 9))
        with self.assertRaisesRegex(
                InputError, "^evaluate: test: wanted events of users with earlier ones, got None"):
            asking.evaluate(self.model, before, after, 1, _SETTINGS)
        found = asking.evaluate(self.model, before, after, 2, RecsysSettings(repeats=True))
        self.assertEqual(found["HR@2"], 1.0)

    def test_without_a_user_in_both(self):
        with self.assertRaisesRegex(InputError, "^evaluate: test: wanted events of users with earlier"):
            asking.evaluate(self.model, _log(("ann", "alien"), ("ann", "heat")),
                            _log(("bob", "heat")), 1, _SETTINGS)

    def test_a_k_above_the_number_of_items(self):
        with self.assertRaisesRegex(InputError, "k: wanted an integer from 1 to 7 items, got 8"):
            asking.evaluate(self.model, _log(("ann", "alien")), _log(("ann", "heat")), 8, _SETTINGS)

    def test_of_a_model_that_was_loaded_there_are_no_test_events(self):
        with self.assertRaisesRegex(InputError, "test: wanted later events, where fit kept none"):
            asking.evaluate_fit(_SETTINGS, None, 1)


class EvaluateWithColumnsTest(recommender_case.ModelCase):

    arguments = dict(with_users=True, with_context=True)

    def test_the_columns_are_those_of_the_event_that_comes_next(self):
        # The mood far shifts by 5, the shift by 4.5: from 0 to 10, which is the sixth place.
        before = _log(("bob", "alien", 1, "near", 0), columns=True)
        for mood, shift, wanted in (("far", 5, 1.0), ("near", 5, 0.0), ("far", 0, 0.0)):
            after = _log(("bob", recommender_case.NAMES[5], 2, mood, shift), columns=True)
            found = asking.evaluate(self.model, before, after, 1, _SETTINGS)
            self.assertEqual(found["HR@1"], wanted)

    def test_each_user_has_its_own_in_recommendations_for_all(self):
        log = _log(("bob", "alien", 1, "near", 0), ("cid", "alien", 1, "far", 5), columns=True)
        best = asking.recommend_all(self.model, asking.histories(_SETTINGS, log), 1, False)
        self.assertEqual([(user, row[0][0]) for user, row in best],
                         [("bob", "heat"), ("cid", recommender_case.NAMES[5])])


if __name__ == "__main__":
    absltest.main()
