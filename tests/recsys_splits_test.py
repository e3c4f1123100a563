"""Tests of the protocols that split a log into events to train on, to validate and to test."""
import collections

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.recsys import columns, events, splits


def made_log(lines, with_times=True):
    """A Log of (user, item, time) lines, with a column that tells each event's place in it."""
    users, items = (list(collections.OrderedDict.fromkeys(line[n] for line in lines)) for n in (0, 1))
    return events.Log(
        np.array([users.index(line[0]) for line in lines], np.int32),
        np.array([items.index(line[1]) for line in lines], np.int32),
        np.array([line[2] for line in lines], np.float64) if with_times else None,
        {"place": columns.Column(np.arange(len(lines), dtype=np.float32), columns.Numeric(0.0, 1.0)),
         "kind": columns.Column(np.arange(len(lines), dtype=np.int32) % 2,
                                columns.Categorical(["", "odd"]))}, users, items)


def pairs(text):
    """Lines without time of "1a 2b 1c": user 1 took a, user 2 b, ..."""
    return [(word[0], word[1:], 0) for word in text.split()]


def random_lines(seed, num=600):
    random = np.random.RandomState(seed)
    return [("u%d" % (50 * random.rand() ** 2), "i%d" % (60 * random.rand() ** 2),
             random.randint(30) - 10) for _ in range(num)]


def slow_split(lines, parts, min_item_count, min_user_count, repeats):
    """({user: [[places of the lines that train], [validate], [test]]}, users dropped).

    `parts`: of each line, or None for the last of each user.
    """
    by_user = collections.OrderedDict()
    for place, (user, _, _) in enumerate(lines):
        by_user.setdefault(user, []).append(place)
    for user, places in by_user.items():
        kept = []
        for place in sorted(places, key=lambda p: (parts[p] if parts is not None else 0, lines[p][2])):
            if repeats or lines[place][1] not in [lines[other][1] for other in kept]:
                kept.append(place)
        by_user[user] = kept
    count = collections.Counter(lines[place][1] for kept in by_user.values() for place in kept)
    result, dropped = collections.OrderedDict(), 0
    for user, kept in by_user.items():
        kept = [place for place in kept if count[lines[place][1]] >= min_item_count]
        if len(kept) < min_user_count or not kept:
            continue
        if parts is not None:
            three = [[place for place in kept if parts[place] == part] for part in range(3)]
        else:
            three = [kept[:-2], kept[-2:-1], kept[-1:]] if len(kept) >= 3 else [kept, [], []]
        if three[0]:
            result[user] = three
        else:
            dropped += 1
    return result, dropped


def three_parts(made):
    """{user name: [[item names to train on], [to validate], [to test]]}."""
    result = {}
    for u, user in enumerate(made.user_names):
        edges = [made.starts[u], made.train_ends[u], made.valid_ends[u], made.starts[u + 1]]
        result[user] = [[made.item_names[i] for i in made.items[low:high]]
                        for low, high in zip(edges, edges[1:])]
    return result


class SplitTestCase(parameterized.TestCase):

    def assert_split(self, made, lines, wanted, dropped):
        """All of Events as `slow_split` has it."""
        self.assertEqual(three_parts(made),
                         {user: [[lines[place][1] for place in part] for part in three]
                          for user, three in wanted.items()})
        self.assertEqual(made.user_names, list(wanted))
        places = [place for three in wanted.values() for part in three for place in part]
        self.assertEqual(made.columns["place"].values.tolist(), places)
        self.assertEqual(made.columns["kind"].values.tolist(), [place % 2 for place in places])
        self.assertEqual(made.columns["kind"].kind.categories, ["", "odd"])
        if made.times is not None:
            self.assertEqual(made.times.tolist(), [lines[place][2] for place in places])
        count = collections.Counter(lines[place][1] for three in wanted.values() for place in three[0])
        kept = {lines[place][1] for place in places}
        appearance = list(collections.OrderedDict.fromkeys(line[1] for line in lines))
        names = sorted(kept, key=lambda item: (-count[item], appearance.index(item)))
        self.assertEqual(made.item_names, names)
        self.assertEqual(made.item_counts.tolist(), [count[name] for name in names])
        self.assertEqual(made.num_dropped_users, dropped)
        self.assertEqual([array.dtype for array in (made.items, made.starts, made.train_ends,
                                                    made.valid_ends, made.item_counts)],
                         [np.int32] + [np.int64] * 4)


class SplitLastTest(SplitTestCase):

    def test_last_event_tests_and_the_one_before_validates(self):
        made = splits.split_last(made_log(pairs("1a 1b 1c 2a 2b 1d 3c 4a 4b 4c"), False), 1, 1)
        self.assertEqual(three_parts(made), {
            "1": [["a", "b"], ["c"], ["d"]], "2": [["a", "b"], [], []], "3": [["c"], [], []],
            "4": [["a"], ["b"], ["c"]]})
        self.assertIsNone(made.times)

    @parameterized.parameters(
        (False, {"1": [["z"], ["y"], ["x"]], "2": [["y", "z"], [], []]}),
        (True, {"1": [["x"], ["y"], ["z"]], "2": [["z", "y"], [], []]}))
    def test_events_are_in_the_order_of_time_or_else_of_the_log(self, with_times, wanted):
        lines = [("1", "z", 5), ("2", "y", 5), ("1", "y", 3), ("1", "x", 2), ("2", "z", -1)]
        self.assertEqual(three_parts(splits.split_last(made_log(lines, with_times), 1, 1)), wanted)

    def test_events_of_equal_time_are_in_the_order_of_the_log(self):
        lines = [("1", item, 7) for item in "dbca"]
        self.assertEqual(three_parts(splits.split_last(made_log(lines), 1, 1)),
                         {"1": [["d", "b"], ["c"], ["a"]]})

    @parameterized.parameters(
        (False, [["a"], ["b"], ["c"]]), (True, [["a", "b", "c"], ["b"], ["a"]]))
    def test_repeated_pair_keeps_its_first_event_in_time_unless_repeats_stay(self, repeats, wanted):
        lines = [("1", "a", 9), ("1", "b", 5), ("1", "a", 1), ("1", "b", 7), ("1", "c", 6)]
        self.assertEqual(three_parts(splits.split_last(made_log(lines), 1, 1, repeats)), {"1": wanted})

    def test_repeats_lift_an_item_over_its_minimum_only_where_they_stay(self):
        log = made_log(pairs("1a 1a 1a 1b 2b 1c 2c"), False)
        self.assertNotIn("a", splits.split_last(log, 2, 2).item_names)
        self.assertIn("a", splits.split_last(log, 2, 2, repeats=True).item_names)

    def test_rare_items_go_before_users_are_counted(self):
        made = splits.split_last(made_log(pairs("1a 2a 3a 1b 2b 1c 2c 3rare 3b"), False), 2, 3)
        self.assertEqual(three_parts(made), {user: [["a"], ["b"], ["c"]] for user in "12"})
        self.assertCountEqual(made.item_names, ["a", "b", "c"])

    def test_ids_fall_in_training_frequency_with_ties_by_first_appearance(self):
        # "last" is the most frequent of all, but only in the two held-out places of each user.
        made = splits.split_last(made_log(pairs(
            "0p 0q 0r 0last 0x 1q 1r 1last 1x 2r 2x 2last 3p 3last 3x"), False), 1, 3)
        self.assertEqual(made.item_names, ["r", "p", "q", "last", "x"])
        self.assertEqual(made.item_counts.tolist(), [3, 2, 2, 0, 0])

    @parameterized.product(counts=((1, 1), (3, 3), (5, 2), (2, 9)), repeats=(False, True),
                           with_times=(False, True))
    def test_random_log_agrees_with_one_line_at_a_time(self, counts, repeats, with_times):
        lines = random_lines(counts[0])
        if not with_times:
            lines = [(user, item, 0) for user, item, _ in lines]
        made = splits.split_last(made_log(lines, with_times), *counts, repeats=repeats)
        wanted, dropped = slow_split(lines, None, *counts, repeats=repeats)
        self.assertEqual(dropped, 0)
        self.assert_split(made, lines, wanted, dropped)

    @parameterized.parameters((3, 1), (1, 3))
    def test_minimum_counts_that_leave_nothing_are_in_the_message(self, item_count, user_count):
        with self.assertRaisesRegex(
                checks.InputError, "split_last: log: wanted two items or more that have %d events or "
                "more each, of users who have %d such events or more and one to train on, got '0 left "
                "of 2 items and 2 users'" % (item_count, user_count)):
            splits.split_last(made_log(pairs("1a 1b 2a 2b"), False), item_count, user_count)

    def test_one_item_is_not_enough(self):
        with self.assertRaisesRegex(checks.InputError, "got '1 left of 1 items and 2 users'"):
            splits.split_last(made_log(pairs("1a 2a"), False), 1, 1)

    @parameterized.parameters((0, 1, "min_item_count"), (1, 1.5, "min_user_count"))
    def test_minimum_counts_are_integers_above_zero(self, item_count, user_count, name):
        with self.assertRaisesRegex(checks.InputError, "split_last: %s: wanted an integer" % name):
            splits.split_last(made_log(pairs("1a 1b")), item_count, user_count)


class SplitTimeTest(SplitTestCase):

    def test_events_from_a_time_on_validate_or_test(self):
        lines = [("1", "a", 9.5), ("1", "b", 10), ("1", "c", 3), ("2", "a", 19), ("2", "c", 20),
                 ("2", "b", -4), ("3", "a", 10), ("3", "b", 30), ("4", "c", 9)]
        made = splits.split_time(made_log(lines), 10, 20, 1)
        self.assertEqual(three_parts(made), {
            "1": [["c", "a"], ["b"], []], "2": [["b"], ["a"], ["c"]], "4": [["c"], [], []]})
        self.assertEqual(made.num_dropped_users, 1)
        self.assertEqual(made.item_counts.tolist(), [2, 1, 1])
        self.assertEqual(made.item_names, ["c", "a", "b"])

    @parameterized.product(counts=((1, 1), (4, 3)), repeats=(False, True), times=((0, 10), (5, 5),
                                                                                 (-3.5, 99)))
    def test_random_log_agrees_with_one_line_at_a_time(self, counts, repeats, times):
        lines = random_lines(7, 300)
        made = splits.split_time(made_log(lines), times[0], times[1], *counts, repeats=repeats)
        parts = [0 if line[2] < times[0] else 1 if line[2] < times[1] else 2 for line in lines]
        self.assert_split(made, lines, *slow_split(lines, parts, *counts, repeats=repeats))

    @parameterized.named_parameters(
        ("order", (10, 9), r"test_from: wanted a time not before valid_from = 10, got 9"),
        ("nan", (float("nan"), 9), "valid_from: wanted a time, got nan"),
        ("nan_test", (5, float("nan")), "test_from: wanted a time not before valid_from = 5, got nan"),
        ("item_count", (5, 6, 0), "min_item_count: wanted an integer above 0, got 0"),
        ("user_count", (5, 6, 1, 0), "min_user_count: wanted an integer above 0, got 0"),
        ("no_training", (1, 9, 1), "log: wanted two items .* one to train on, got '0 left of 3 items"))
    def test_wrong_argument_is_named(self, arguments, message):
        log = made_log([("1", "a", 1), ("1", "b", 5), ("2", "c", 9)])
        with self.assertRaisesRegex(checks.InputError, "split_time: " + message):
            splits.split_time(log, *arguments)

    def test_log_without_times(self):
        log = made_log(pairs("1a 1b"), False)
        for name, arguments in (("split_time", (1, 2)), ("time_at", (.5,))):
            with self.assertRaisesRegex(checks.InputError,
                                        name + ": log: wanted events with times, got None"):
                getattr(splits, name)(log, *arguments)


class TimeAtTest(parameterized.TestCase):

    def test_share_of_the_events_lies_before_it(self):
        times = np.random.RandomState(0).permutation(100) * 10.0
        log = made_log([("1", "a", time) for time in times])
        for percent in range(1, 100):
            self.assertEqual(splits.time_at(log, percent / 100), percent * 10)

    def test_events_of_one_time_stay_together(self):
        log = made_log([("1", "a", time) for time in (1, 5, 5, 5, 9)])
        self.assertEqual([splits.time_at(log, share) for share in (.1, .2, .5, .7, .8, .999)],
                         [1, 5, 5, 5, 9, 9])

    @parameterized.parameters(0, 1, -1, float("nan"))
    def test_share_is_between_0_and_1(self, share):
        with self.assertRaisesRegex(checks.InputError, "time_at: share: wanted a number above 0 and"):
            splits.time_at(made_log(pairs("1a 1b")), share)


class SplitGivenTest(SplitTestCase):

    def test_parts_are_those_given(self):
        made = splits.split_given(made_log(pairs("1a 2b 1c 3a 1d 2c 1e"), False), [0, 2, 1, 0, 0, 2, 2])
        self.assertEqual(three_parts(made), {"1": [["a", "d"], ["c"], ["e"]], "3": [["a"], [], []]})
        self.assertEqual(made.num_dropped_users, 1)
        self.assertEqual(made.item_names, ["a", "d", "c", "e"])

    def test_pair_that_is_trained_on_does_not_test(self):
        lines = [("1", "a", 1), ("1", "b", 2), ("1", "a", 5), ("1", "b", 9), ("1", "a", 4)]
        part = [2, 1, 0, 0, 2]
        self.assertEqual(three_parts(splits.split_given(made_log(lines), part)),
                         {"1": [["a", "b"], [], []]})
        self.assertEqual(three_parts(splits.split_given(made_log(lines), part, repeats=True)),
                         {"1": [["a", "b"], ["b"], ["a", "a"]]})

    @parameterized.product(item_count=(1, 6), repeats=(False, True), with_times=(False, True))
    def test_random_log_agrees_with_one_line_at_a_time(self, item_count, repeats, with_times):
        lines = random_lines(11, 300)
        if not with_times:
            lines = [(user, item, 0) for user, item, _ in lines]
        part = np.random.RandomState(2).randint(3, size=len(lines))
        made = splits.split_given(made_log(lines, with_times), part, item_count, repeats)
        wanted, dropped = slow_split(lines, part, item_count, 1, repeats)
        self.assertGreater(dropped, 0)
        self.assert_split(made, lines, wanted, dropped)

    @parameterized.named_parameters(
        ("shape", ([0, 1],), r"part: wanted shape \(3,\), got \(2,\)"),
        ("value", ([0, 3, 1],), "part: wanted 0 to train, 1 to validate, 2 to test, got 3"),
        ("item_count", ([0, 0, 0], 0), "min_item_count: wanted an integer above 0, got 0"),
        ("no_training", ([1, 2, 1],), "log: wanted two items .* one to train on, got '0 left of 3 it"))
    def test_wrong_argument_is_named(self, arguments, message):
        with self.assertRaisesRegex(checks.InputError, "split_given: " + message):
            splits.split_given(made_log(pairs("1a 1b 2c")), *arguments)


class HeldOutTest(parameterized.TestCase):

    @parameterized.parameters(False, True)
    def test_targets_are_what_comes_after_the_history(self, repeats):
        lines = random_lines(5)
        part = np.random.RandomState(3).choice(3, size=len(lines), p=[.7, .15, .15])
        made = splits.split_given(made_log(lines), part, 1, repeats)
        repeated = 0
        for number, asked in enumerate(splits.held_out(made), 1):
            names = three_parts(made)
            wanted = [user for user in made.user_names if names[user][number]]
            self.assertLess(len(wanted), len(made.user_names))
            self.assertEqual([made.user_names[u] for u in asked.users], wanted)
            for row, user in enumerate(wanted):
                targets = asked.targets.items[asked.targets.begin[row]:asked.targets.end[row]]
                self.assertEqual([made.item_names[i] for i in targets],
                                 list(collections.OrderedDict.fromkeys(names[user][number])))
                repeated += len(names[user][number]) - len(targets)
                seen = asked.seen.items[asked.seen.begin[row]:asked.seen.end[row]]
                self.assertEqual([made.item_names[i] for i in seen], sum(names[user][:number], []))
                self.assertEqual(asked.ends[row], asked.seen.end[row])
            self.assertLen(asked.targets.items, asked.targets.end[-1])
            self.assertIs(asked.seen.items, made.items)
            self.assertEqual(asked.targets.items.dtype, np.int32)
            for array in (asked.users, asked.ends, asked.targets.begin, asked.targets.end,
                          asked.seen.begin, asked.seen.end):
                self.assertEqual(array.dtype, np.int64)
        self.assertEqual(repeated > 0, repeats)

    def test_part_without_events_is_none(self):
        log = made_log(pairs("1a 1b 1c"), False)
        valid, test = splits.held_out(splits.split_given(log, [0, 0, 2]))
        self.assertIsNone(valid)
        self.assertEqual(test.users.tolist(), [0])
        valid, test = splits.held_out(splits.split_given(log, [0, 1, 0]))
        self.assertEqual(valid.users.tolist(), [0])
        self.assertIsNone(test)


class RangesTest(absltest.TestCase):

    def test_ranges_follow_each_other(self):
        self.assertEqual(splits.ranges([5, 9, 0], [2, 0, 3]).tolist(), [5, 6, 0, 1, 2])
        self.assertEqual(splits.ranges([], []).tolist(), [])


class HistoriesTest(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        words = ["1%s" % item for item in "abcde"] + ["2a", "2b"] + ["3%s" % item for item in "gfedcba"]
        self.events = splits.split_last(made_log(pairs(" ".join(words)), False), 1, 1)

    @parameterized.parameters(1, 3, 100, 0, None)
    def test_history_is_the_last_events_before_the_end(self, length):
        users, ends = [2, 0, 2], [9, 5, 14]
        rows = splits.histories(self.events, users, ends, length)
        for user, end, low, high in zip(users, ends, rows.begin, rows.end):
            past = self.events.items[self.events.starts[user]:end].tolist()
            self.assertEqual(rows.items[low:high].tolist(), past[-length:] if length else past)
        self.assertLen(rows.items, int(np.sum(rows.end - rows.begin)))
        self.assertEqual([part.dtype for part in rows], [np.int32] * 3)

    @parameterized.named_parameters(
        ("unknown_user", [3], [5], 1, r"users: wanted 0 to 2, got \[3\]"),
        ("negative_user", [-1], [5], 1, r"users: wanted 0 to 2, got \[-1\]"),
        ("no_history", [1], [5], 1, r"ends\[0\]: wanted 6 to 7, within the user's events, got 5"),
        ("end_of_another_user", [0, 1], [5, 8], 1, r"ends\[1\]: wanted 6 to 7"),
        ("shapes", [1, 2], [8], 1, r"ends: wanted shape \(2,\), got \(1,\)"),
        ("length", [1], [6], -1, "history_length: wanted an integer above 0, got -1"))
    def test_wrong_argument_is_named(self, users, ends, length, message):
        with self.assertRaisesRegex(checks.InputError, "histories: " + message):
            splits.histories(self.events, users, ends, length)


if __name__ == "__main__":
    absltest.main()
