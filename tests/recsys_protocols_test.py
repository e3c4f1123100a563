"""Tests of how the settings split events."""
import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import InputError
from tf1_sampled.recsys import events as event_files, protocols, splits
from tf1_sampled.recsys.settings import RecsysSettings

_SEPTEMBER = 1537444800  # 2018-09-20 12:00:00


def made_log(times=True, first=0, step=1):
    """Return ten events of each of three users; the users follow each other in time."""
    users, items = np.repeat(list("abc"), 10), np.tile(np.arange(10), 3)
    return event_files.log_of_arrays(users, items, first + step * np.arange(30) if times else None)


def numbers(events):
    """Return [(numbers of training, validation and test events) of each user]."""
    return [(b - a, c - b, d - c) for a, b, c, d in zip(
        events.starts, events.train_ends, events.valid_ends, events.starts[1:])]


class SplitTest(parameterized.TestCase):

    @parameterized.parameters(
        ({}, [(8, 1, 1)] * 3, "the last event"),
        ({"split": "ratio"}, [(8, 1, 1)] * 3, "the last 10% of the events"),
        ({"split": "ratio", "split_at": [".5", ".625"]}, [(5, 1, 4)] * 3,
         "the last 37.5% of the events"),
        ({"split": "random", "split_at": [".5", "1"]}, [(5, 5, 0)] * 3, "a random 0% of the events"),
        ({"split": "none"}, [(10, 0, 0)] * 3, "none"),
        ({"split": "time", "split_at": ["15", "18"]}, [(10, 0, 0), (5, 3, 2)],
         "the events from time 18 on"),
        ({"split": "time", "split_at": ["0.5", "0.6"]}, [(10, 0, 0), (5, 3, 2)],
         "the events from time 18 on"))
    def test_parts_depend_on_the_split(self, values, wanted, protocol):
        found = protocols.split(RecsysSettings(**values), made_log(), None)
        self.assertEqual((numbers(found[0]), found[1]), (wanted, protocol))

    @parameterized.parameters(
        (["2018-09-20 12:00:15", "2018-09-20T12:00:18Z"],),
        (["1537444815", "2018-09-20T14:00:18+02:00"],),
        (["0.5", "1537444818000"],))
    def test_cuts_may_be_dates(self, cuts):
        found = protocols.split(RecsysSettings(split="time", split_at=cuts), made_log(first=_SEPTEMBER),
                                None)
        self.assertEqual((numbers(found[0]), found[1]),
                         ([(10, 0, 0), (5, 3, 2)], "the events from 2018-09-20 12:00:18 on"))

    def test_random_depends_on_the_seed(self):
        digests = {seed: splits.digest(protocols.split(
            RecsysSettings(split="random", seed=seed), made_log(), None)[0]) for seed in (1, 2)}
        self.assertNotEqual(digests[1], digests[2])

    def test_given_parts_are_kept(self):
        part = np.tile([0] * 7 + [1, 2, 2], 3)
        found = protocols.split(RecsysSettings(), made_log(), part)
        self.assertEqual((numbers(found[0]), found[1]), ([(7, 1, 2)] * 3, "the events of --test"))

    def test_settings_decide_which_events_are_kept(self):
        log = event_files.log_of_arrays(list("aaaaabb"), list("xyzxwxy"), range(7))
        for values, names in (({}, "xyzw"), ({"keep_event": "last"}, "yzxw"),
                              ({"repeats": True}, "xyzxw"), ({"min_count": 2}, "xy")):
            events = protocols.split(RecsysSettings(**values), log, None)[0]
            items = events.items[:events.starts[1]]
            self.assertEqual("".join(events.item_names[item] for item in items), names)

    @parameterized.parameters(
        ("ratio", [".8"], "two shares above 0, at most 1, the second not below the first, got '.8'"),
        ("ratio", ["0.9", "0.8"], "two shares"), ("ratio", ["0", "0.8"], "two shares"),
        ("random", ["0.5", "1.1"], "two shares"), ("random", ["0.5", "x"], "two shares"),
        ("ratio", ["nan", "0.8"], "two shares"), ("ratio", ["2018-09-20", "0.8"], "two shares"),
        ("time", ["15"], "two shares or times, when validation begins and, not before that, test, got"),
        ("time", ["18", "15"], "two shares or times"), ("time", ["x", "15"], "two shares or times"),
        ("time", ["nan", "15"], "two shares or times"), ("time", ["1", "2", "3"], "two shares or times"))
    def test_wrong_cuts_are_refused(self, split, cuts, message):
        with self.assertRaisesRegex(InputError, "split_at: wanted " + message):
            protocols.split(RecsysSettings(split=split, split_at=cuts), made_log(), None)

    def test_split_by_time_needs_times(self):
        with self.assertRaisesRegex(InputError, "split: wanted events with times, got 'time'"):
            protocols.split(RecsysSettings(split="time"), made_log(False), None)

    def test_order_in_words(self):
        self.assertEqual(protocols.order(RecsysSettings(seed=7), made_log()),
                         "events of one time in random order (seed 7)")
        self.assertEqual(protocols.order(RecsysSettings(), made_log(False)),
                         "no times: the order of the file")


if __name__ == "__main__":
    absltest.main()
