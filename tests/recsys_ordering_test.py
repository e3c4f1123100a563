"""Tests of the order of each user's events, and of the kept events of repeated pairs."""
import collections
import itertools
import zlib

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.recsys import events, ordering


def made_log(lines, with_times=True, weights=None):
    """Return the Log of (user, item, time) lines."""
    log = events.log_of_arrays(*zip(*lines)) if with_times else events.log_of_arrays(
        *list(zip(*lines))[:2])
    return log._replace(weights=None if weights is None else np.array(weights, np.float32))


def slow_key(user, item, seed):
    """Return SplitMix64 of the names, with Python's integers."""
    every = 2 ** 64 - 1
    key = zlib.crc32(user.encode()) * 2 ** 32 + zlib.crc32(item.encode())
    key = key + (seed + 1) * 0x9E3779B97F4A7C15 & every
    key = (key ^ key >> 30) * 0xBF58476D1CE4E5B9 & every
    key = (key ^ key >> 27) * 0x94D049BB133111EB & every
    return key ^ key >> 31


class ByUserTest(parameterized.TestCase):

    @parameterized.product(seed=(0, 1, 2 ** 31 - 1), with_part=(False, True))
    def test_agrees_with_a_slow_sort(self, seed, with_part):
        random = np.random.RandomState(3)
        lines = [("u%d" % random.randint(9), "i%d" % random.randint(40), random.randint(5))
                 for _ in range(300)]
        part = random.randint(3, size=300)
        log = made_log(lines)
        wanted = sorted(range(300), key=lambda n: (
            log.users[n], part[n] if with_part else 0, lines[n][2],
            slow_key(lines[n][0], lines[n][1], seed)))
        found = ordering.by_user(log, seed, part if with_part else None)
        self.assertEqual(found.tolist(), wanted)
        self.assertEqual(found.dtype, np.int64)

    def test_without_times_the_order_of_the_log_stays(self):
        log = made_log([("b", "x", 0), ("a", "z", 0), ("b", "y", 0), ("a", "x", 0)], False)
        self.assertEqual(ordering.by_user(log, 1).tolist(), [0, 2, 1, 3])
        self.assertEqual(ordering.by_user(log, 1, np.array([1, 0, 0, 0])).tolist(), [2, 0, 1, 3])

    def test_all_orders_of_simultaneous_events_are_equally_likely(self):
        lines = [("u%d" % user, item, 7) for user in range(6000) for item in "abc"]
        log = made_log(lines)
        items = log.items[ordering.by_user(log, 1)].reshape(-1, 3)
        counts = collections.Counter(map(tuple, items.tolist()))
        for order in itertools.permutations(range(3)):
            self.assertAlmostEqual(counts[order], 1000, delta=150)  # 5 standard deviations

    def test_result_does_not_depend_on_the_order_of_the_file(self):
        lines = [(user, item, time) for user in "ab" for item in "stuvwxyz" for time in (1, 2)]
        shuffled = [lines[n] for n in np.random.RandomState(0).permutation(len(lines))]
        orders = []
        for some in (lines, shuffled):
            log = made_log(some)
            orders.append(sorted([some[n] for n in ordering.by_user(log, 5)], key=lambda row: row[0]))
        self.assertEqual(*orders)

    def test_single_event_and_lone_surrogates_are_sorted(self):
        self.assertEqual(ordering.by_user(made_log([("a", "b", 1)]), 1).tolist(), [0])
        log = made_log([("a", "x", 1), ("a", "y", 1)])._replace(item_names=["\udcff", "y"])
        self.assertCountEqual(ordering.by_user(log, 1).tolist(), [0, 1])


class WithoutRepeatsTest(parameterized.TestCase):

    @parameterized.product(keep=ordering.KEEP, with_part=(False, True), with_weights=(False, True))
    def test_kept_events_equal_a_slow_choice(self, keep, with_part, with_weights):
        random = np.random.RandomState(4)
        lines = [("u%d" % random.randint(5), "i%d" % random.randint(9), time) for time in range(200)]
        weights = random.randint(1, 4, size=200).astype(float) if with_weights else None
        part = random.randint(3, size=200) if with_part else None
        log = made_log(lines, weights=weights)
        order = ordering.by_user(log, 1, part)
        by_pair = collections.defaultdict(list)
        for place, event in enumerate(order.tolist()):
            by_pair[lines[event][:2]].append((place, event))
        wanted = []
        for places in by_pair.values():
            if with_part:
                places = [pair for pair in places if part[pair[1]] == part[places[0][1]]]
            if keep == "first":
                wanted.append(places[0])
            elif keep == "strongest" and with_weights:
                wanted.append(max(places, key=lambda pair: (weights[pair[1]], pair[0])))
            else:
                wanted.append(places[-1])
        found = ordering.without_repeats(log, order, keep, part)
        self.assertEqual(found.tolist(), [event for _, event in sorted(wanted)])

    def test_unknown_choice_is_refused(self):
        log = made_log([("a", "b", 1)])
        with self.assertRaisesRegex(
                checks.InputError, "without_repeats: keep: wanted one of first, last, strongest, got '"):
            ordering.without_repeats(log, np.array([0]), "best")


if __name__ == "__main__":
    absltest.main()
