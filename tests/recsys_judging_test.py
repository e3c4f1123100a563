"""Tests of scores on later events, on a small model with known answers."""
import math

import numpy as np
from absl.testing import absltest, parameterized

from tests import recommender_case
from tf1_sampled import InputError
from tf1_sampled.recsys import evaluation, events as event_files, judging, splits
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
    def test_cuts_are_integers(self, k, wanted):
        found = judging.cuts_of(_SETTINGS, k, 7)
        self.assertEqual(found, wanted)
        self.assertEqual({type(value) for value in found}, {int})

    @parameterized.parameters(
        (0, 0), (-1, -1), (8, 8), ([3, 8], 8), ("3", "'3'"), (2.0, "2.0"), (True, True),
        ([[1]], r"\[1\]"), ({3}, r"\{3\}"), (b"3", "b'3'"))
    def test_values_that_are_not_cuts_are_refused(self, k, got):
        with self.assertRaisesRegex(
                InputError, "^RecsysSettings: k: wanted an integer from 1 to 7 items, got %s$" % got):
            judging.cuts_of(_SETTINGS, k, 7)

    def test_empty_list_is_refused(self):
        for k in ([], (), np.array([], int)):
            with self.assertRaisesRegex(InputError, "^RecsysSettings: k: wanted at least one integer"):
                judging.cuts_of(_SETTINGS, k, 7)


class EvaluateTest(recommender_case.ModelCase):
    """Tests of scores; the model's best items are those nearest to the mean place of a history."""

    def test_scores_equal_those_by_hand(self):
        # Alien and heat, at 0 and 1: the nearest are 日本 at 2.5 and the script at 4.5.
        before = _log(("ann", "alien"), ("ann", "heat"), ("bob", "alien"), ("bob", "heat"),
                      ("cid", "alien"))
        after = _log(("ann", "日本"), ("bob", recommender_case.NAMES[3]), ("bob", "casino"),
                     ("dan", "heat"))
        found = judging.evaluate(self.model, before, after, None, _SETTINGS)
        self.assertEqual(list(found), evaluation.metric_names([1, 2]))
        self.assertEqual((found["HR@1"], found["HR@2"]), (0.5, 1.0))
        self.assertEqual((found["Recall@1"], found["Recall@2"]), (0.5, 0.75))
        # Of bob's two targets the first has rank 1.
        ideal = 1 + 1 / math.log2(3)
        self.assertAlmostEqual(found["NDCG@2"], (1 + 1 / math.log2(3) / ideal) / 2)
        self.assertAlmostEqual(found["MRR@2"], (1 + 0.5) / 2)
        self.assertAlmostEqual(found["Coverage@1"], 1 / 7)  # both users get the same item
        self.assertAlmostEqual(found["Coverage@2"], 2 / 7)

    def test_unknown_item_is_a_miss(self):
        before = _log(("ann", "alien"), ("bob", "alien"), ("bob", "new too"))
        after = _log(("ann", "new"), ("bob", "heat"))
        found = judging.evaluate(self.model, before, after, 7, _SETTINGS)
        self.assertEqual((found["HR@7"], found["MRR@7"]), (0.5, 0.5))
        self.assertAlmostEqual(found["Coverage@7"], 6 / 7)  # all of the model's items except alien

    def test_equal_scores_count_against_a_target(self):
        # 2.5 and 4.5 are equally far from 3.5, the mean of 0 and 7.
        before = _log(("ann", "alien"), ("ann", "a\tb"))
        found = judging.evaluate(self.model, before, _log(("ann", "日本")), [1, 2], _SETTINGS)
        self.assertEqual((found["HR@1"], found["HR@2"]), (0.0, 1.0))

    def test_earlier_items_are_targets_only_with_repeats(self):
        before, after = _log(("ann", "alien"), ("ann", "heat")), _log(("ann", "heat", 9))
        with self.assertRaisesRegex(
                InputError, "^evaluate: test: wanted events of users with earlier ones, got None"):
            judging.evaluate(self.model, before, after, 1, _SETTINGS)
        found = judging.evaluate(self.model, before, after, 2, RecsysSettings(repeats=True))
        self.assertEqual(found["HR@2"], 1.0)

    def test_logs_without_a_common_user_are_refused(self):
        with self.assertRaisesRegex(InputError, "^evaluate: test: wanted events of users with earlier"):
            judging.evaluate(self.model, _log(("ann", "alien"), ("ann", "heat")),
                            _log(("bob", "heat")), 1, _SETTINGS)

    def test_a_k_above_the_number_of_items(self):
        with self.assertRaisesRegex(InputError, "k: wanted an integer from 1 to 7 items, got 8"):
            judging.evaluate(self.model, _log(("ann", "alien")), _log(("ann", "heat")), 8, _SETTINGS)

    def test_loaded_model_has_no_test_events(self):
        with self.assertRaisesRegex(InputError, "test: wanted later events, as fit has no test events"):
            judging.evaluate_fit(_SETTINGS, None, 1)


class EvaluateWithColumnsTest(recommender_case.ModelCase):

    arguments = dict(with_users=True, with_context=True)

    def test_context_is_that_of_the_next_event(self):
        # The mood "far" shifts by 5 and the shift by 4.5, from 0 to nearly 10, the sixth place.
        before = _log(("bob", "alien", 1, "near", 0), columns=True)
        for mood, shift, wanted in (("far", 5, 1.0), ("near", 5, 0.0), ("far", 0, 0.0)):
            after = _log(("bob", recommender_case.NAMES[5], 2, mood, shift), columns=True)
            found = judging.evaluate(self.model, before, after, 1, _SETTINGS)
            self.assertEqual(found["HR@1"], wanted)


class RankTest(recommender_case.ModelCase):

    def test_items_of_events_and_model_may_differ(self):
        log = _log(("ann", "new", 1), ("ann", "alien", 2), ("ann", "heat", 3), ("ann", "other", 4))
        found = splits.split_given(log, [0, 0, 2, 2])
        ranked = judging.rank(self.model, found, splits.held_out(found)[1], most=3, repeat=False)
        self.assertCountEqual(ranked.ranks.tolist(), [0, 3])  # heat is nearest to alien
        self.assertLen(ranked.first_offered, 7)


if __name__ == "__main__":
    absltest.main()
