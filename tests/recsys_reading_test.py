import json
import os
import pathlib
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import InputError
from tf1_sampled.recsys import events as event_files, items as item_files, reading, splits
from tf1_sampled.recsys.settings import RecsysSettings

_USERS = [user for user in ("ann", "bob", "cid", "dan") for _ in range(4)]
_ITEMS = ["a", "b", "c", "d", "b", "c", "d", "a", "c", "d", "a", "b", "d", "a", "b", "c"]
_TIMES = list(range(16))


class Frame(dict):
    """A stand-in for a pandas frame: named columns of arrays."""

    columns = property(list)


def _settings(**values):
    return RecsysSettings(**dict({"min_count": 1, "k": [2]}, **values))


def _read(*sources, report=lambda line: None, **values):
    sources = reading.Sources(*sources)
    return reading.read(_settings(**values), sources, report)


def _part(events, user, part):
    """Return the names of a user's events of a part."""
    number = events.user_names.index(user)
    bounds = (events.starts[number], events.train_ends[number], events.valid_ends[number],
              events.starts[number + 1])
    return [events.item_names[item] for item in events.items[bounds[part]:bounds[part + 1]]]


class ReadTest(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        lines = "".join("%s,%s,%d\n" % row for row in zip(_USERS, _ITEMS, _TIMES))
        self.path = self.create_tempfile("all.csv", "user,item,time\n" + lines).full_path
        self.digest = splits.digest(_read((_USERS, _ITEMS, _TIMES)).events)

    def test_arrays_frames_and_paths_are_the_same_events(self):
        frame = Frame(user=np.array(_USERS), item=np.array(_ITEMS), time=np.array(_TIMES))
        named = Frame(who=np.array(_USERS), what=np.array(_ITEMS), when=np.array(_TIMES))
        for source in (frame, self.path, pathlib.Path(self.path), [self.path], (self.path,),
                       [np.array(_USERS), np.array(_ITEMS), np.array(_TIMES)]):
            self.assertEqual(splits.digest(_read(source).events), self.digest)
        columns = dict(user_column="who", item_column="what", time_column="when")
        self.assertEqual(splits.digest(_read(named, **columns).events), self.digest)
        self.assertEqual(_read(named, **dict(columns, time_column="_")).events.times, None)
        self.assertEqual(splits.digest(_read(events=self.path).events), self.digest)

    def test_each_users_last_events_are_held_out(self):
        data = _read((_USERS, _ITEMS, _TIMES))
        self.assertEqual([_part(data.events, "bob", part) for part in range(3)],
                         [["b", "c"], ["d"], ["a"]])
        self.assertLen(data.valid.users, 4)
        self.assertEqual(data.protocol, "the last event")
        self.assertEqual(data.titles, {})

    def test_times_order_events_and_are_optional(self):
        backwards = _read((_USERS, _ITEMS, _TIMES[::-1])).events
        self.assertEqual(_part(backwards, "ann", splits.TRAIN), ["d", "c"])
        for source in ((_USERS, _ITEMS, None), (_USERS, _ITEMS)):
            events = _read(source).events
            self.assertIsNone(events.times)
            self.assertEqual(_part(events, "ann", splits.TRAIN), ["a", "b"])

    def test_split_none_trains_on_all_events(self):
        data = _read((_USERS, _ITEMS, _TIMES), split="none")
        self.assertEqual(_part(data.events, "cid", splits.TRAIN), ["c", "d", "a", "b"])
        self.assertEqual((data.valid, data.test, data.protocol), (None, None, "none"))

    def test_split_by_time(self):
        data = _read((_USERS, _ITEMS, [0, 1, 2, 3] * 4), split="time", split_at=["2", "0.75"])
        self.assertEqual([_part(data.events, "dan", part) for part in range(3)],
                         [["d", "a"], ["b"], ["c"]])
        self.assertEqual(data.protocol, "the events from time 3 on")

    def test_separate_parts_are_not_split(self):
        parts = [([u for u in _USERS[p::4]], _ITEMS[p::4]) for p in range(4)]
        data = _read(tuple(a + b for a, b in zip(*parts[:2])), parts[2], parts[3])
        self.assertEqual([_part(data.events, "ann", part) for part in range(3)],
                         [["a", "b"], ["c"], ["d"]])
        self.assertEqual(data.protocol, "the events of --test")
        without = _read(tuple(a + b for a, b in zip(*parts[:2])), None, parts[3])
        self.assertIsNone(without.valid)
        self.assertEqual(_part(without.events, "ann", splits.TEST), ["d"])

    def test_parts_may_be_of_different_kinds(self):
        data = _read(self.path, None, (["ann"], ["e"], [99]))
        self.assertEqual(_part(data.events, "ann", splits.TRAIN), ["a", "b", "c", "d"])
        self.assertEqual(_part(data.events, "ann", splits.TEST), ["e"])

    def test_globs_and_folders(self):
        folder = os.path.dirname(self.path)
        for source in (os.path.join(folder, "*.csv"), folder, [os.path.join(folder, "a*.csv")]):
            self.assertEqual(splits.digest(_read(events=source).events), self.digest)
        with self.assertRaisesRegex(InputError, "none.*csv: wanted files that are not empty, got n"):
            _read(events=os.path.join(folder, "none*.csv"))

    def test_file_options_are_refused_for_arrays(self):
        for values in ({"min_rating": 3}, {"events_kept": ["buy"]}):
            wanted = "%s: wanted a file or a data frame, which has columns" % list(values)[0]
            with self.assertRaisesRegex(InputError, wanted):
                _read((_USERS, _ITEMS), **values)

    def test_texts_for_missing_values_may_be_names(self):
        users = ["NA" if user == "dan" else user for user in _USERS]
        self.assertNotIn("NA", _read((users, _ITEMS)).events.user_names)
        self.assertIn("NA", _read((users, _ITEMS), keep_missing=True).events.user_names)

    def test_files_may_come_from_the_settings(self):
        valid = self.create_tempfile("valid.csv", "user,item,time\nann,e,99\nbob,e,99\n").full_path
        data = _read(train=[self.path], valid=[valid])
        self.assertEqual(_part(data.events, "ann", splits.VALID), ["e"])
        self.assertIsNone(data.test)

    def test_default_events_are_calls_in_installed_code(self):
        with mock.patch.object(reading.default_data, "call_histories", return_value=self.path) as made:
            self.assertEqual(splits.digest(_read().events), self.digest)
        made.assert_called_once()

    def test_titles_are_read(self):
        titles = self.create_tempfile("titles.csv", "item,title\na,The A\n").full_path
        self.assertEqual(_read(self.path, titles=titles).titles, {"a": "The A"})

    def test_repeats_are_offered_again(self):
        again = (_USERS + ["ann"], _ITEMS + ["a"], _TIMES + [99])
        self.assertLen(_read(again).events.items, 16)
        data = _read(again, repeats=True)
        self.assertEqual(_part(data.events, "ann", splits.TEST), ["a"])
        self.assertIsNone(data.test.seen)
        self.assertIsNotNone(_read(again).test.seen)

    def test_rare_items_are_left_out(self):
        self.assertEqual(_read((_USERS + ["ann"], _ITEMS + ["x"]), min_count=2).events.item_names,
                         list("abcd"))

    def test_columns_of_events_and_of_users(self):
        users = self.create_tempfile("users.csv", "user,age\nann,1\nbob,2\ncid,3\ndan,4\n").full_path
        frame = Frame(user=np.array(_USERS), item=np.array(_ITEMS), mood=np.array(list("xyzx") * 4))
        data = _read(frame, categorical=["mood"], users=users, user_numeric=["age"])
        self.assertCountEqual(data.events.columns, ["mood", "age"])
        # A single source has the columns too: scores on later events need them.
        log = reading.log_of(_settings(categorical=["mood"], users=users, user_numeric=["age"]), frame)
        np.testing.assert_array_equal(log.columns["age"].values, np.repeat([1, 2, 3, 4], 4))

    def test_amount_of_data_is_reported(self):
        lines = []
        _read(self.path, report=lines.append)
        self.assertEqual(lines[1:], [
            "Times: 0 to 15", "Read: 16 events of 4 users and 4 items", "Left out: nothing",
            "Events: 8 train; 4 (of 4 users) validate; 4 (of 4 users) test", "Catalogue: 4 items",
            "Training: 4 examples in an epoch"])
        self.assertTrue(lines[0].startswith(self.path + ": CSV with a header"), lines[0])

    def test_summary_is_in_the_data(self):
        summary = _read((_USERS, _ITEMS, _TIMES), seed=3).summary
        self.assertEqual((summary["protocol"], summary["order"], summary["examples"]),
                         ("the last event", "events of one time in random order (seed 3)", 4))
        self.assertEqual(json.loads(json.dumps(summary)), summary)

    def test_three_items_of_each_user_leave_no_training_example(self):
        users = np.repeat(np.arange(60), 3)
        items = (users + np.tile(np.arange(3), 60)) % 15  # 12 events for each item
        with self.assertRaisesRegex(
                InputError, r"^RecsysSettings: split: wanted a user with at least two training events "
                r"\(--split=none trains on all events\), got '60 training events of 60 users'$"):
            _read((users, items))
        self.assertEqual(_read((users, items), split="none").summary["examples"], 120)
        with self.assertRaisesRegex(InputError, "train: wanted a user with at least two training"):
            _read((users[::3], items[::3]), None, (users[1::3], items[1::3]))

    def test_users_without_a_history_are_counted(self):
        lines = []
        data = _read((_USERS[:8], _ITEMS[:8]), None, (["ann", "eve", "bob", "eva"], list("eeee")),
                     report=lines.append)
        self.assertLen(data.test.users, 2)
        self.assertIn("Test: 2 of 4 users have no history and are left out", lines)
        lines = []
        data = _read((_USERS[:8], _ITEMS[:8]), None, (["eve", "eva"], list("ee")), report=lines.append)
        self.assertIsNone(data.test)
        self.assertIn("Test: 2 of 2 users have no history and are left out", lines)

    def test_items_of_an_earlier_model_stay_in_the_catalogue(self):
        folder, lines = self.create_tempdir().full_path, []
        item_files.write_items(os.path.join(folder, "items.tsv"), ["b", "old", "older"], None, [3, 2, 1])
        data = _read((_USERS, _ITEMS), init_from=folder, report=lines.append)
        self.assertEqual(data.events.item_names[-2:], ["old", "older"])
        self.assertEqual(data.events.item_counts[-2:].tolist(), [0, 0])
        self.assertIn("Items of %s without events in this data: 2" % folder, lines)
        self.assertEqual(data.summary["items"]["not_in_the_log"], 2)
        empty = self.create_tempdir().full_path
        with self.assertRaisesRegex(InputError, empty + ": wanted a folder with a model"):
            _read((_USERS, _ITEMS), init_from=empty)

    @parameterized.parameters(
        ({}, (5,), "events: wanted a path, a list of paths, a data frame, or .*, got 'int'"),
        ({}, ([_USERS],), "events: wanted a path, a list of"), ({}, ([],), "events: wanted a path"),
        ({}, ({"user": _USERS},), "events: wanted a path, .*, got 'dict'"),
        ({}, ((_USERS, _ITEMS[1:]),), "items: wanted the length of users, 16, got 15"),
        ({}, (("ann", "a"),), "ann: wanted"),  # two paths
        ({}, (None, None, (_USERS, _ITEMS)), "events: wanted training events for valid and"),
        ({"numeric": ["price"]}, ((_USERS, _ITEMS),),
         "numeric: wanted a file or a data frame, which has columns, got 'tuple'"),
        ({"k": [5]}, ((_USERS, _ITEMS),), "k: wanted at most 4 items, got 5"),
        ({"example_age": True}, ((_USERS, _ITEMS),), "example_age: wanted events with times"),
        ({"split": "time"}, ((_USERS, _ITEMS),), "split: wanted events with times, got 'time'"),
        ({"split": "time", "split_at": ["0.9", "0.1"]}, ((_USERS, _ITEMS, _TIMES),),
         "split_at: wanted two shares or times, when validation begins and, .*, test, got '0.9,0.1'"),
        ({"min_count": 99}, ((_USERS, _ITEMS),), "wanted at least two items"))
    def test_invalid_sources_are_refused(self, values, sources, message):
        with self.assertRaisesRegex(InputError, message):
            _read(*sources, **values)


class PlanTest(absltest.TestCase):

    def test_examples_of_an_epoch(self):
        events = _read((_USERS, _ITEMS), split="none").events
        self.assertEqual(reading.num_examples(_settings(), events), 12)
        self.assertEqual(reading.num_examples(_settings(context="others"), events), 16)
        self.assertEqual(reading.num_examples(_settings(max_examples_per_user=2), events), 8)

    def test_plan_follows_from_the_settings(self):
        plan = reading.batch_plan(
            _settings(batch_size=7, epochs=3, seed=5, history_length=4), None)
        self.assertEqual((plan.examples_per_batch, plan.epochs, plan.seed), (7, 3, 5))
        self.assertEqual((plan.context, plan.history_length), ("past", 4))
        self.assertIsNone(plan.max_examples_per_user)  # 0 means all


class LogOfEventsTest(absltest.TestCase):

    def _rows(self, log):
        return [(log.user_names[u], log.item_names[i]) for u, i in zip(log.users, log.items)]

    def test_log_equals_the_split_events(self):
        events = _read((_USERS, _ITEMS, _TIMES)).events
        log = reading.log_of_events(events)
        self.assertEqual(self._rows(log), list(zip(_USERS, _ITEMS)))
        np.testing.assert_array_equal(log.times, _TIMES)

    def test_later_test_events_are_left_out(self):
        events = _read((_USERS, _ITEMS, _TIMES)).events
        # ann's last event, a training event of bob, and an event of cid at another time.
        after = event_files.log_of_arrays(["ann", "bob", "cid"], ["d", "b", "b"], [3, 4, 99])
        log = reading.log_of_events(events, after)
        self.assertEqual(self._rows(log), [row for row in zip(_USERS, _ITEMS) if row != ("ann", "d")])
        self.assertLen(log.times, 15)
        after = event_files.log_of_arrays(["ann", "bob", "cid"], ["d", "b", "b"])
        self.assertLen(reading.log_of_events(events, after).items, 14)

    def test_columns_stay_with_their_events(self):
        frame = Frame(user=np.array(_USERS), item=np.array(_ITEMS), price=np.arange(16.0))
        events = _read(frame, numeric=["price"]).events
        log = reading.log_of_events(events, event_files.log_of_arrays(["ann"], ["d"]))
        np.testing.assert_array_equal(log.columns["price"].values, np.delete(np.arange(16.0), 3))


class IsPathsTest(absltest.TestCase):

    def test_paths_are_recognised(self):
        for source in ("a", pathlib.Path("a"), ["a"], ["a", pathlib.Path("b")], ("a", "b")):
            self.assertTrue(reading.is_paths(source), source)
        for source in (None, [], (), (["a"], ["b"]), [np.array(["a"])], Frame(a=1), os):
            self.assertFalse(reading.is_paths(source), source)


if __name__ == "__main__":
    absltest.main()
