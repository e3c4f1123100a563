"""Tests of the lines about the data before a training."""
import json

import numpy as np
from absl.testing import absltest

from tf1_sampled.recsys import events as event_files, splits, summary


def made(times=True, first=1.5e9, part=None, min_count=1, titles=None, further=()):
    """Return the facts about 8 events of 3 users and 4 items."""
    users, items = list("aaaabbbc"), list("wxyzwxyw")
    log = event_files.log_of_arrays(users, items, [first + n for n in range(8)] if times else None)
    rules = splits.Rules(min_count)
    events = splits.split_last(log, rules) if part is None else splits.split_given(log, part, rules)
    events = splits.with_items(events, further)
    return summary.of_data(log, events, *splits.held_out(events), titles=titles or {})


class OfDataTest(absltest.TestCase):

    def test_facts_count_events_users_and_items(self):
        facts = made(titles={"w": "W", "z": "Z", "new": "New", "gone": "Gone"}, further=["new"])
        self.assertEqual(facts["read"], {"events": 8, "users": 3, "items": 4})
        self.assertEqual(facts["times"], ["2017-07-14 02:40:00", "2017-07-14 02:40:07"])
        self.assertEqual(facts["events"], {"train": 4, "valid": 2, "test": 2})
        self.assertEqual(facts["users"], {"train": 3, "valid": 2, "test": 2})
        self.assertEqual(facts["items"],
                         {"catalogue": 5, "without_training_event": 3, "not_in_the_log": 1})
        self.assertEqual(facts["titles"], {"items": 3, "of_unknown_items": 1})
        self.assertEqual(set(facts["left_out"].values()), {0})
        self.assertEqual(json.loads(json.dumps(facts)), facts)

    def test_times_that_are_not_dates_are_numbers(self):
        self.assertEqual(made(first=3.5)["times"], [3.5, 10.5])
        self.assertIsNone(made(times=False)["times"])

    def test_titles_are_optional(self):
        self.assertIsNone(made()["titles"])

    def test_each_file_is_described(self):
        path = self.create_tempfile("a.csv", "user,item,time,price\nann,x,1,2\nbob,y,,3\nann,z,4,4\n")
        log = event_files.read_log(path.full_path)
        events = splits.split_last(log)
        (source,) = summary.of_data(log, events, None, None, {})["sources"]
        self.assertEqual(source["name"], path.full_path)
        self.assertEqual(source["roles"], {"user": "user", "item": "item", "time": "time"})
        self.assertEqual((source["ignored"], source["num_events"]), (["price"], 2))
        self.assertEqual(source["left_out"], {"time missing": 1})


class LinesTest(absltest.TestCase):

    def test_lines_show_all_facts(self):
        facts = made(titles={"w": "W", "gone": "Gone"}, further=["new"], part=[0, 0, 1, 2, 0, 1, 2, 2],
                     min_count=2)
        facts["sources"] = [event_files.Source(
            "a.csv", "CSV with a header", {"user": "who", "item": "what", "context": ["device"]},
            ["price"], 8, {"user missing": 3, "time missing": 0})._asdict()]
        self.assertEqual(summary.lines(facts), [
            "a.csv: CSV with a header; user who, item what; context device; not used: price",
            "  8 events; left out: 3 user missing",
            "Times: 2017-07-14 02:40:00 UTC to 2017-07-14 02:40:07 UTC",
            "Read: 8 events of 3 users and 4 items",
            "Left out: 1 items below --min_count, 1 users with nothing to train on",
            "Test: 1 of 2 users have no history and are left out",
            "Titles: 1 of 4 items; 1 title of unknown items",
            "Events: 3 train; 2 (of 2 users) validate; 1 (of 1 user) test",
            "Catalogue: 4 items, 2 of them without a training event (1 in no event at all)"])

    def test_lines_without_left_out_and_held_out_events(self):
        facts = made(times=False, part=np.zeros(8, int))
        self.assertEqual(summary.lines(facts)[1:], [
            "No times: the file order is used (--time_column names the time column)",
            "Read: 8 events of 3 users and 4 items", "Left out: nothing",
            "Events: 8 train; no validation (the last state is kept); no test",
            "Catalogue: 4 items"])

    def test_many_files_are_summarised(self):
        facts = made()
        source = event_files.Source("a.csv", "CSV", {}, [], 1000, {"user missing": 500})
        facts["sources"] = [source._asdict()] * 100
        lines = summary.lines(facts)
        self.assertLessEqual(len(lines), 14)
        self.assertIn("96 more files with 96,000 events; left out: 48,000 user missing", lines)
        facts["sources"] = [dict(source._asdict(), ignored=["c%d" % n for n in range(50)])]
        self.assertIn("c6, c7 and 42 more", summary.lines(facts)[0])


if __name__ == "__main__":
    absltest.main()
