"""Tests of the splits of a log into training, validation and test events."""
import collections
import math

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.recsys import columns, events, ordering, splits


def made_log(lines, with_times=True):
    """Return a Log of (user, item, time) lines, with a column of each event's position."""
    users, items = (list(collections.OrderedDict.fromkeys(line[n] for line in lines)) for n in (0, 1))
    return events.Log(
        np.array([users.index(line[0]) for line in lines], np.int32),
        np.array([items.index(line[1]) for line in lines], np.int32),
        np.array([line[2] for line in lines], np.float64) if with_times else None,
        {"place": columns.Column(np.arange(len(lines), dtype=np.float32), columns.Numeric(0.0, 1.0)),
         "kind": columns.Column(np.arange(len(lines), dtype=np.int32) % 2,
                                columns.Categorical(["", "odd"]))}, users, items)


def pairs(text):
    """Return lines without time of "1a 2b 1c": user 1 took a, user 2 b, ..."""
    return [(word[0], word[1:], 0) for word in text.split()]


def random_lines(seed, num=600):
    """Return lines with distinct times; other tests check the order of equal times."""
    random = np.random.RandomState(seed)
    times = random.permutation(num) * 0.5 - 10
    return [("u%d" % (50 * random.rand() ** 2), "i%d" % (60 * random.rand() ** 2), time)
            for time in times]


def slow_split(lines, parts, rules):
    """Return ({user: [[positions of training lines], [of validation], [of test]]}, left_out).

    `parts`: of each line, or None for the last of each user, or a function of a user's places that
    gives their parts.
    """
    given = parts if isinstance(parts, list) else [0] * len(lines)
    by_user = collections.OrderedDict()
    for place, (user, _, _) in enumerate(lines):
        by_user.setdefault(user, []).append(place)
    left_out = dict.fromkeys(
        (splits.REPEATED, splits.RARE_ITEMS, splits.SHORT_USERS, splits.UNTRAINED_USERS,
         splits.UNTRAINED_TEST_USERS), 0)
    for user, places in by_user.items():
        kept = []
        for place in sorted(places, key=lambda p: (given[p], lines[p][2])):
            if rules.repeats or lines[place][1] not in [lines[other][1] for other in kept]:
                kept.append(place)
            else:
                left_out[splits.REPEATED] += 1
        by_user[user] = kept
    count = collections.Counter(lines[place][1] for kept in by_user.values() for place in kept)
    left_out[splits.RARE_ITEMS] = sum(number < rules.min_item_count for number in count.values())
    result = collections.OrderedDict()
    for user, kept in by_user.items():
        kept = [place for place in kept if count[lines[place][1]] >= rules.min_item_count]
        if not kept or len(kept) < rules.min_user_count:
            left_out[splits.SHORT_USERS] += bool(kept)
            continue
        if callable(parts):
            three = parts(kept)
        elif parts is not None:
            three = [[place for place in kept if parts[place] == part] for part in range(3)]
        else:
            three = [kept[:-2], kept[-2:-1], kept[-1:]] if len(kept) >= 3 else [kept, [], []]
        if three[0]:
            result[user] = three
        else:
            left_out[splits.UNTRAINED_USERS] += 1
            left_out[splits.UNTRAINED_TEST_USERS] += bool(three[2])
    return result, left_out


def three_parts(made):
    """Return {user name: [[training items], [validation items], [test items]]}."""
    result = {}
    for u, user in enumerate(made.user_names):
        edges = [made.starts[u], made.train_ends[u], made.valid_ends[u], made.starts[u + 1]]
        result[user] = [[made.item_names[i] for i in made.items[low:high]]
                        for low, high in zip(edges, edges[1:])]
    return result


class SplitTestCase(parameterized.TestCase):

    def assert_split(self, made, lines, wanted, left_out):
        """Check that all of Events equals `slow_split`."""
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
        self.assertEqual(made.left_out, left_out)
        self.assertEqual([array.dtype for array in (made.items, made.starts, made.train_ends,
                                                    made.valid_ends, made.item_counts)],
                         [np.int32] + [np.int64] * 4)


class SplitLastTest(SplitTestCase):

    def test_last_event_is_test_and_the_one_before_validation(self):
        made = splits.split_last(made_log(pairs("1a 1b 1c 2a 2b 1d 3c 4a 4b 4c"), False))
        self.assertEqual(three_parts(made), {
            "1": [["a", "b"], ["c"], ["d"]], "2": [["a", "b"], [], []], "3": [["c"], [], []],
            "4": [["a"], ["b"], ["c"]]})
        self.assertIsNone(made.times)

    @parameterized.parameters(
        (False, {"1": [["z"], ["y"], ["x"]], "2": [["y", "z"], [], []]}),
        (True, {"1": [["x"], ["y"], ["z"]], "2": [["z", "y"], [], []]}))
    def test_events_are_in_time_order_or_in_log_order(self, with_times, wanted):
        lines = [("1", "z", 5), ("2", "y", 5), ("1", "y", 3), ("1", "x", 2), ("2", "z", -1)]
        self.assertEqual(three_parts(splits.split_last(made_log(lines, with_times))), wanted)

    @parameterized.parameters(
        (False, [["a"], ["b"], ["c"]]), (True, [["a", "b", "c"], ["b"], ["a"]]))
    def test_repeated_pair_keeps_its_first_event_without_repeats(self, repeats, wanted):
        lines = [("1", "a", 9), ("1", "b", 5), ("1", "a", 1), ("1", "b", 7), ("1", "c", 6)]
        made = splits.split_last(made_log(lines), splits.Rules(repeats=repeats))
        self.assertEqual(three_parts(made), {"1": wanted})

    def test_repeats_count_towards_the_minimum_only_if_kept(self):
        log = made_log(pairs("1a 1a 1a 1b 2b 1c 2c"), False)
        self.assertNotIn("a", splits.split_last(log, splits.Rules(2, 2)).item_names)
        self.assertIn("a", splits.split_last(log, splits.Rules(2, 2, repeats=True)).item_names)

    def test_rare_items_are_dropped_before_users_are_counted(self):
        log = made_log(pairs("1a 2a 3a 1b 2b 1c 2c 3rare 3b"), False)
        made = splits.split_last(log, splits.Rules(2, 3))
        self.assertEqual(three_parts(made), {user: [["a"], ["b"], ["c"]] for user in "12"})
        self.assertCountEqual(made.item_names, ["a", "b", "c"])

    def test_ids_fall_in_training_frequency_with_ties_by_first_appearance(self):
        # "last" is the most frequent item, but occurs only in the two held-out events of each user.
        made = splits.split_last(made_log(pairs(
            "0p 0q 0r 0last 0x 1q 1r 1last 1x 2r 2x 2last 3p 3last 3x"), False))
        self.assertEqual(made.item_names, ["r", "p", "q", "last", "x"])
        self.assertEqual(made.item_counts.tolist(), [3, 2, 2, 0, 0])

    @parameterized.product(counts=((1, 1), (3, 3), (5, 2), (2, 9)), repeats=(False, True),
                           with_times=(False, True))
    def test_random_log_agrees_with_one_line_at_a_time(self, counts, repeats, with_times):
        rules = splits.Rules(*counts, repeats=repeats)
        lines = random_lines(counts[0])
        if not with_times:
            lines = [(user, item, 0) for user, item, _ in lines]
        made = splits.split_last(made_log(lines, with_times), rules)
        wanted, left_out = slow_split(lines, None, rules)
        self.assertEqual(left_out[splits.UNTRAINED_USERS], 0)
        self.assert_split(made, lines, wanted, left_out)

    @parameterized.parameters((3, 1), (1, 3))
    def test_error_names_minimum_counts_that_leave_nothing(self, item_count, user_count):
        with self.assertRaisesRegex(
                checks.InputError, "split_last: log: wanted at least two items with %d or more events "
                "each \\(--min_count\\), of users with %d or more such events and at least one "
                "for training, got '0 left of 2 items and 2 users'" % (item_count, user_count)):
            splits.split_last(made_log(pairs("1a 1b 2a 2b"), False),
                              splits.Rules(item_count, user_count))

    def test_one_item_is_not_enough(self):
        with self.assertRaisesRegex(checks.InputError, "got '1 left of 1 items and 2 users'"):
            splits.split_last(made_log(pairs("1a 2a"), False))

    @parameterized.parameters((0, 1, "min_item_count"), (1, 1.5, "min_user_count"))
    def test_minimum_counts_are_integers_above_zero(self, item_count, user_count, name):
        with self.assertRaisesRegex(checks.InputError, "split_last: %s: wanted an integer" % name):
            splits.split_last(made_log(pairs("1a 1b")), splits.Rules(item_count, user_count))


class SplitSharesTest(SplitTestCase):

    @parameterized.product(shares=((.8, .9), (.5, .5), (.3, 1.0), (.01, .02)), repeats=(False, True),
                           with_times=(False, True))
    def test_random_log_agrees_with_one_line_at_a_time(self, shares, repeats, with_times):
        rules = splits.Rules(2, 1, repeats)
        lines = random_lines(3)
        if not with_times:
            lines = [(user, item, 0) for user, item, _ in lines]

        def parts(kept):
            first, second = (max(1, math.floor(share * len(kept) + 1e-6)) for share in shares)
            return [kept[:first], kept[first:second], kept[second:]]

        made = splits.split_shares(made_log(lines, with_times), *shares, rules=rules)
        self.assert_split(made, lines, *slow_split(lines, parts, rules))

    def test_numbers_of_events_by_hand(self):
        for number, wanted in ((1, (1, 0, 0)), (2, (1, 0, 1)), (5, (4, 0, 1)), (6, (4, 1, 1)),
                               (10, (8, 1, 1)), (100, (80, 10, 10))):
            log = made_log([("1", str(item), item) for item in range(number)] + [("2", "0", 0),
                                                                                 ("2", "1", 0)])
            for at_random in (False, True):
                parts = three_parts(splits.split_shares(log, .8, .9, at_random))["1"]
                self.assertEqual(tuple(map(len, parts)), wanted)

    def test_random_split_draws_all_positions_equally(self):
        # Users with 10 events, in time order: how often is each position in a part?
        log = made_log([("u%d" % user, str(item), item) for user in range(2000) for item in range(10)])
        made = splits.split_shares(log, .5, .8, at_random=True, rules=splits.Rules(seed=3))
        counts = np.zeros([3, 10])
        for number, ends in enumerate(zip(made.starts, made.train_ends, made.valid_ends,
                                          made.starts[1:])):
            for part in range(3):
                times = made.times[ends[part]:ends[part + 1]]
                self.assertEqual(times.tolist(), sorted(times))
                counts[part][times.astype(int)] += 1
            self.assertEqual(made.columns["place"].values[ends[0]] // 10, number)
        for found, share in zip(counts, (.5, .3, .2)):
            np.testing.assert_allclose(found, np.full(10, 2000 * share),
                                       atol=5 * (2000 * share * (1 - share)) ** .5)

    def test_seed_changes_the_random_split(self):
        log = made_log(random_lines(3))
        same, again, other = (splits.digest(splits.split_shares(
            log, .8, .9, True, splits.Rules(seed=seed))) for seed in (3, 3, 4))
        self.assertEqual(same, again)
        self.assertNotEqual(same, other)

    @parameterized.named_parameters(
        ("zero", (0, .9), "valid_from: wanted a share above 0, at most 1, got 0"),
        ("above", (1.5, 2), "valid_from: wanted a share above 0, at most 1, got 1.5"),
        ("nan", (float("nan"), .9), "valid_from: wanted a share above 0, at most 1, got nan"),
        ("order", (.9, .8), "test_from: wanted a share from valid_from = 0.9 to 1, got 0.8"),
        ("item_count", (.8, .9, False, splits.Rules(0)), "min_item_count: wanted an integer above 0"),
        ("none_left", (.8, .9, False, splits.Rules(9)), "log: wanted at least two items with 9 or more"))
    def test_wrong_argument_is_named(self, arguments, message):
        with self.assertRaisesRegex(checks.InputError, "split_shares: " + message):
            splits.split_shares(made_log(pairs("1a 1b 2c")), *arguments)


class RulesTest(parameterized.TestCase):

    @parameterized.parameters(
        ("first", [["a", "b"], ["c"], ["d"]]), ("last", [["c"], ["d"], ["a", "b"]]))
    def test_kept_event_of_a_repeated_pair(self, keep, wanted):
        log = made_log([("1", "a", 1), ("1", "b", 2), ("1", "c", 3), ("1", "d", 4), ("1", "a", 5),
                        ("1", "b", 6)])
        made = splits.split_shares(log, .5, .75, rules=splits.Rules(keep=keep))
        flat = sum(three_parts(made)["1"], [])
        self.assertEqual(flat, sum(wanted, []))
        self.assertEqual(made.left_out[splits.REPEATED], 2)

    def test_weights_stay_with_their_events(self):
        log = made_log([("1", "a", 3), ("1", "b", 2), ("2", "b", 1), ("1", "a", 4)])
        log = log._replace(weights=np.array([1, 2, 3, 4], np.float32))
        made = splits.split_last(log, splits.Rules(keep="strongest"))
        self.assertEqual(three_parts(made)["1"], [["b", "a"], [], []])
        self.assertEqual(made.weights.tolist(), [2, 4, 3])
        self.assertNotEqual(splits.digest(made), splits.digest(made._replace(weights=None)))
        self.assertIsNone(splits.split_last(log._replace(weights=None)).weights)

    def test_seed_orders_simultaneous_events(self):
        log = made_log([("1", item, 7) for item in "dbcaefgh"])
        orders = [sum(three_parts(splits.split_last(log, splits.Rules(seed=seed)))["1"], [])
                  for seed in range(3)]
        for seed, found in enumerate(orders):
            self.assertEqual(found, [log.item_names[i] for i in log.items[ordering.by_user(log, seed)]])
        self.assertNotEqual(orders[0], orders[1])


class WithItemsTest(absltest.TestCase):

    def test_further_items_come_last_without_events(self):
        made = splits.split_last(made_log(pairs("1a 1b 2a 2b 2c"), False))
        more = splits.with_items(made, ["z", "b", "y", "z"])
        self.assertEqual(more.item_names, made.item_names + ["z", "y"])
        self.assertEqual(more.item_counts.tolist(), made.item_counts.tolist() + [0, 0])
        self.assertEqual(more.item_counts.dtype, np.int64)
        self.assertEqual(three_parts(more), three_parts(made))
        self.assertNotEqual(splits.digest(more), splits.digest(made))
        self.assertEqual(splits.digest(splits.with_items(made, ["a"])), splits.digest(made))

    def test_further_users_have_no_events(self):
        made = splits.split_last(made_log(pairs("1a 1b 2a 2b 2c"), False))
        more = splits.with_users(splits.with_users(made, ["8", "1", "8"]), ["9", "8", "2"])
        self.assertEqual(more.further_users, ["8", "9"])
        self.assertEqual(more.user_names, ["1", "2"])
        self.assertNotEqual(splits.digest(more), splits.digest(made))


class SplitTimeTest(SplitTestCase):

    def test_events_from_a_time_on_are_held_out(self):
        lines = [("1", "a", 9.5), ("1", "b", 10), ("1", "c", 3), ("2", "a", 19), ("2", "c", 20),
                 ("2", "b", -4), ("3", "a", 10), ("3", "b", 30), ("4", "c", 9)]
        made = splits.split_time(made_log(lines), 10, 20)
        self.assertEqual(three_parts(made), {
            "1": [["c", "a"], ["b"], []], "2": [["b"], ["a"], ["c"]], "4": [["c"], [], []]})
        self.assertEqual(made.left_out[splits.UNTRAINED_USERS], 1)
        self.assertEqual(made.left_out[splits.UNTRAINED_TEST_USERS], 1)
        self.assertEqual(made.item_counts.tolist(), [2, 1, 1])
        self.assertEqual(made.item_names, ["c", "a", "b"])

    @parameterized.product(counts=((1, 1), (4, 3)), repeats=(False, True), times=((0, 10), (5, 5),
                                                                                 (-3.5, 99)))
    def test_random_log_agrees_with_one_line_at_a_time(self, counts, repeats, times):
        lines = random_lines(7, 300)
        rules = splits.Rules(*counts, repeats=repeats)
        made = splits.split_time(made_log(lines), times[0], times[1], rules)
        parts = [0 if line[2] < times[0] else 1 if line[2] < times[1] else 2 for line in lines]
        self.assert_split(made, lines, *slow_split(lines, parts, rules))

    @parameterized.named_parameters(
        ("order", (10, 9), r"test_from: wanted a time not before valid_from = 10, got 9"),
        ("nan", (float("nan"), 9), "valid_from: wanted a time, got nan"),
        ("nan_test", (5, float("nan")), "test_from: wanted a time not before valid_from = 5, got nan"),
        ("item_count", (5, 6, splits.Rules(0)), "min_item_count: wanted an integer above 0, got 0"),
        ("user_count", (5, 6, splits.Rules(1, 0)), "min_user_count: wanted an integer above 0, got 0"),
        ("no_training", (1, 9), "log: wanted at least two items .* one for training, got '0 left of 3"))
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
        self.assertEqual(made.left_out[splits.UNTRAINED_USERS], 1)
        self.assertEqual(made.left_out[splits.UNTRAINED_TEST_USERS], 1)
        self.assertEqual(made.item_names, ["a", "d", "c", "e"])

    def test_trained_pair_is_not_tested(self):
        lines = [("1", "a", 1), ("1", "b", 2), ("1", "a", 5), ("1", "b", 9), ("1", "a", 4)]
        part = [2, 1, 0, 0, 2]
        self.assertEqual(three_parts(splits.split_given(made_log(lines), part)),
                         {"1": [["a", "b"], [], []]})
        made = splits.split_given(made_log(lines), part, splits.Rules(repeats=True))
        self.assertEqual(three_parts(made), {"1": [["a", "b"], ["b"], ["a", "a"]]})

    @parameterized.product(item_count=(1, 6), repeats=(False, True), with_times=(False, True))
    def test_random_log_agrees_with_one_line_at_a_time(self, item_count, repeats, with_times):
        lines = random_lines(11, 300)
        if not with_times:
            lines = [(user, item, 0) for user, item, _ in lines]
        rules = splits.Rules(item_count, repeats=repeats)
        part = np.random.RandomState(2).randint(3, size=len(lines))
        made = splits.split_given(made_log(lines, with_times), part, rules)
        wanted, left_out = slow_split(lines, part.tolist(), rules)
        self.assertGreater(left_out[splits.UNTRAINED_USERS], 0)
        self.assert_split(made, lines, wanted, left_out)

    @parameterized.named_parameters(
        ("shape", ([0, 1],), r"part: wanted shape \(3,\), got \(2,\)"),
        ("value", ([0, 3, 1],), "part: wanted 0 to train, 1 to validate, 2 to test, got 3"),
        ("item_count", ([0, 0, 0], splits.Rules(0)), "min_item_count: wanted an integer above 0, got 0"),
        ("no_training", ([1, 2, 1],), "log: wanted at least two items .* one for training, got '0 left"))
    def test_wrong_argument_is_named(self, arguments, message):
        with self.assertRaisesRegex(checks.InputError, "split_given: " + message):
            splits.split_given(made_log(pairs("1a 1b 2c")), *arguments)


class HeldOutTest(parameterized.TestCase):

    @parameterized.parameters(False, True)
    def test_targets_are_the_events_after_the_history(self, repeats):
        lines = random_lines(5)
        part = np.random.RandomState(3).choice(3, size=len(lines), p=[.7, .15, .15])
        made = splits.split_given(made_log(lines), part, splits.Rules(repeats=repeats))
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
        self.events = splits.split_last(made_log(pairs(" ".join(words)), False))

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
