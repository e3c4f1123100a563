"""Tests of reading event files, splitting them and making training batches."""
import collections
import gzip
import os
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.recsys import events


def slow_read(lines, min_item_count, min_user_count):
    """{user: [items in order]} of (user, item, time) lines, one line at a time."""
    by_user = collections.OrderedDict()
    for user, item, time in lines:
        by_user.setdefault(user, []).append((time, item))
    for user, pairs in by_user.items():
        kept = []
        for _, item in sorted(pairs, key=lambda pair: pair[0]):
            if item not in kept:
                kept.append(item)
        by_user[user] = kept
    count = collections.Counter(item for kept in by_user.values() for item in kept)
    result = collections.OrderedDict()
    for user, kept in by_user.items():
        kept = [item for item in kept if count[item] >= min_item_count]
        if len(kept) >= min_user_count:
            result[user] = kept
    return result


def named(read):
    """{user name: [item names]} of Events."""
    return {name: [read.item_names[i] for i in read.items[read.starts[u]:read.starts[u + 1]]]
            for u, name in enumerate(read.user_names)}


def made_events(lengths, num_items=50, seed=3):
    """Events with users of the given lengths; items do not matter here."""
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    items = np.random.RandomState(seed).randint(num_items, size=starts[-1]).astype(np.int32)
    return events.Events(items, starts, [str(u) for u in range(len(lengths))],
                         [str(i) for i in range(num_items)], np.ones(num_items, np.int64))


class FileTestCase(parameterized.TestCase):

    def write(self, name, text, encoding="utf-8"):
        path = os.path.join(self.create_tempdir().full_path, name)
        opener = gzip.open if name.endswith(".gz") else open
        with opener(path, "wb") as stream:
            stream.write(text.encode(encoding))
        return path


class ReadEventsTest(FileTestCase):

    @parameterized.named_parameters(
        ("ratings_csv", "ratings.csv",
         "userId,movieId,rating,timestamp\n7,a,4.0,30\n7,b,1.0,10\n8,a,2.5,5\n8,b,3,5\n7,c,1,20\n"),
        ("gzip", "ratings.csv.gz",
         "userId,movieId,rating,timestamp\n7,a,4.0,30\n7,b,1.0,10\n8,a,2.5,5\n8,b,3,5\n7,c,1,20\n"),
        ("u_data", "u.data", "7\ta\t4\t30\n7\tb\t1\t10\n8\ta\t2\t5\n8\tb\t3\t5\n7\tc\t1\t20\n"),
        ("ratings_dat", "ratings.dat",
         "7::a::4::30\n7::b::1::10\n8::a::2::5\n8::b::3.5::5\n7::c::1::20"),
        ("columns_in_another_order", "events.tsv",
         "TS\tItem\tprice\tUser\n30\ta\t1\t7\n10\tb\t1\t7\n5\ta\t1\t8\n5\tb\t1\t8\n20\tc\t1\t7\n"),
        ("types_in_the_header", "data.inter",
         "user_id:token\titem_id:token\ttimestamp:float\n"
         "7\ta\t30\n7\tb\t10\n8\ta\t5\n8\tb\t5\n7\tc\t2e1\n"),
        ("byte_order_mark_and_windows_line_ends", "events.csv",
         u"\ufeffuser,item,date\r\n7,a,30\r\n7,b,10\r\n8,a,5\r\n8,b,5\r\n7,c,20\r\n"),
        ("semicolons_quotes_and_spaces", "events.csv",
         '"User-ID";"ISBN";"time"\n"7";"a";"30"\n7; "b";10\n 8 ;a;5\n8;b;5\n\n7;c; 20\n'),
    )
    def test_format_gives_users_in_the_order_of_time(self, name, text):
        read = events.read_events(self.write(name, text), 1, 1)
        self.assertEqual(named(read), {"7": ["b", "c", "a"], "8": ["a", "b"]})
        self.assertEqual(read.user_names, ["7", "8"])
        self.assertEqual(read.items.dtype, np.int32)
        self.assertEqual(read.starts.dtype, np.int64)
        self.assertEqual(read.item_counts.dtype, np.int64)

    @parameterized.named_parameters(
        ("with_a_header", "user\titem\n1\tz\n2\ty\n1\ty\n1\tx\n2\tz\n"),
        ("of_three_columns", "1\tz\t5\n2\ty\t4\n1\ty\t3\n1\tx\t2\n2\tz\t1\n"),
        ("of_equal_times", "user\titem\ttime\n1\tz\t5\n2\ty\t5\n1\ty\t5\n1\tx\t5\n2\tz\t5\n"))
    def test_order_of_a_file_without_time_is_its_own(self, text):
        read = events.read_events(self.write("events.tsv", text), 1, 1)
        self.assertEqual(named(read), {"1": ["z", "y", "x"], "2": ["y", "z"]})

    def test_quoted_names_may_hold_commas_quotes_and_line_ends(self):
        read = events.read_events(self.write(
            "e.csv", 'user,item\n"a, b","x ""y"""\n"a, b","two\nlines"\n'), 1, 1)
        self.assertEqual(named(read), {"a, b": ['x "y"', "two\nlines"]})

    def test_quotes_in_a_tab_separated_file_are_text(self):
        read = events.read_events(self.write(
            "e.tsv", 'user\titem\n1\t"Heroes\n1\t"Weird Al" Yankovic\n'), 1, 1)
        self.assertEqual(named(read), {"1": ['"Heroes', '"Weird Al" Yankovic']})

    def test_repeated_pair_keeps_its_first_event_in_time(self):
        read = events.read_events(self.write(
            "e.csv", "user,item,time\n1,a,9\n1,b,5\n1,a,1\n1,b,7\n1,c,6\n"), 1, 1)
        self.assertEqual(named(read), {"1": ["a", "b", "c"]})

    def test_repeats_do_not_lift_an_item_over_its_minimum(self):
        text = "user,item\n" + "1,a\n" * 5 + "1,b\n2,b\n1,c\n2,c\n"
        self.assertEqual(named(events.read_events(self.write("e.csv", text), 2, 2)),
                         {"1": ["b", "c"], "2": ["b", "c"]})

    def test_rare_items_go_before_users_are_counted(self):
        text = "user,item\n1,a\n2,a\n3,a\n1,b\n2,b\n1,c\n2,c\n3,rare\n3,b\n"
        read = events.read_events(self.write("e.csv", text), 2, 3)
        self.assertEqual(named(read), {"1": ["a", "b", "c"], "2": ["a", "b", "c"]})
        self.assertCountEqual(read.item_names, ["a", "b", "c"])

    def test_ids_fall_in_training_frequency_with_ties_by_first_appearance(self):
        # "last" is the most frequent of all, but only in the two held-out places of each user.
        text = "user,item\n" + "".join(
            "%d,%s\n" % (user, item) for user, items in enumerate(
                (["p", "q", "r", "last", "x"], ["q", "r", "last", "x"], ["r", "x", "last"],
                 ["p", "last", "x"])) for item in items)
        read = events.read_events(self.write("e.csv", text), 1, 3)
        self.assertEqual(read.item_names, ["r", "p", "q", "last", "x"])
        self.assertEqual(read.item_counts.tolist(), [3, 2, 2, 0, 0])

    @parameterized.parameters((1, 1, 4096), (3, 3, 7), (5, 2, 1), (2, 9, 64))
    def test_random_file_agrees_with_one_line_at_a_time(self, item_count, user_count, rows):
        random = np.random.RandomState(item_count)
        lines = [("u%d" % random.randint(40), "i%d" % (60 * random.rand() ** 2),
                  random.randint(30) - 10) for _ in range(600)]
        path = self.write("e.csv", "time,user,item\n" + "".join(
            "%d,%s,%s\n" % (time, user, item) for user, item, time in lines))
        with mock.patch.object(events, "_ROWS_AT_A_TIME", rows):
            read = events.read_events(path, item_count, user_count)
        wanted = slow_read(lines, item_count, user_count)
        self.assertEqual(named(read), dict(wanted))
        self.assertEqual(read.user_names, list(wanted))
        training = collections.Counter(
            item for items in wanted.values()
            for item in (items[:-2] if len(items) >= 3 else items))
        appearance = list(collections.OrderedDict.fromkeys(line[1] for line in lines))
        kept = {item for items in wanted.values() for item in items}
        names = sorted(kept, key=lambda item: (-training[item], appearance.index(item)))
        self.assertEqual(read.item_names, names)
        self.assertEqual(read.item_counts.tolist(), [training[name] for name in names])

    @parameterized.named_parameters(
        ("missing_column", "user,item,time\n1,a,1\n1,b\n", r"line 3: wanted 3 columns, got \['1'"),
        ("column_too_many", "user,item,time\n1,a,1,1\n", r"line 2: wanted 3 columns, got \['1'"),
        ("time_in_words", "user,item,Time\n1,a,1\n\n1,b,noon\n",
         "line 4: wanted a number in column 'Time', got 'noon'"),
        ("time_without_end", "user,item,time\n1,a,inf\n",
         "line 2: wanted a number in column 'time', got 'inf'"),
        ("empty_user", "user,item\n1,a\n,a\n", "line 3: wanted a name in column 'user', got ''"),
        ("blank_item", "user,item\n1,a\n1, \n", "line 3: wanted a name in column 'item', got ''"),
        ("after_a_quoted_line_end", 'user,item\n1,"a\nb"\n1,\n',
         "line 4: wanted a name in column 'item', got ''"),
        ("open_quote", 'user,item\n1,a\n1,"b\n', "line 3: wanted CSV whose quotes are in pairs"),
        ("headerless_number", "1\t2\t3\t4\n1\t3\t3\tx\n",
         "line 2: wanted a number in column '4', got 'x'"),
        ("headerless_width", "1::2::3::4\n1::2::3\n", "line 2: wanted 4 columns"),
        ("no_header", "1,2,3,4\n", r"wanted a header with a column for the user \(userid, user.*"
         r"item \(itemid.* got columns '1', '2', '3', '4'"),
        ("unknown_header", "who\twhat\trating\twhen\n1\t2\t3\t4\n",
         "got columns 'who', 'what', 'rating', 'when'"),
        ("five_headerless_columns", "1\t2\t3\t4\t5\n", "wanted a header with"),
        ("header_alone", "user,item\n\n", "wanted events after the header, got none"),
        ("one_item", "user,item\n1,a\n2,a\n", "wanted at least two different items, got only 'a'"),
    )
    def test_malformed_file_is_named_with_what_is_wrong(self, text, message):
        path = self.write("bad.csv", text)
        for rows in (1, 2, 4096):
            with mock.patch.object(events, "_ROWS_AT_A_TIME", rows):
                with self.assertRaisesRegex(checks.InputError, r"bad\.csv: .*" + message):
                    events.read_events(path, 1, 1)

    @parameterized.parameters((3, 1), (1, 3))
    def test_minimum_counts_that_leave_nothing_are_in_the_message(self, item_count, user_count):
        path = self.write("e.csv", "user,item\n1,a\n1,b\n2,a\n2,b\n")
        with self.assertRaisesRegex(
                checks.InputError, "two items of %d or more users who have %d or more such items, "
                "got 0 left of 2 items and 2 users" % (item_count, user_count)):
            events.read_events(path, item_count, user_count)

    @parameterized.parameters((0, 1, "min_item_count"), (1, 1.5, "min_user_count"))
    def test_minimum_counts_are_integers_above_zero(self, item_count, user_count, name):
        with self.assertRaisesRegex(checks.InputError, "read_events: " + name):
            events.read_events("unread.csv", item_count, user_count)


class ReadTitlesTest(FileTestCase):

    @parameterized.named_parameters(
        ("movies_csv", "movies.csv", u'movieId,title,genres\n1,"Am\xe9lie, Le",A|B\n2,Heat,\n',
         "utf-8"),
        ("movies_dat", "movies.dat", u"1::Am\xe9lie, Le::A|B\n2::Heat::C\n", "latin-1"),
        ("u_item", "u.item", u"1|Am\xe9lie, Le|01-Jan||http://x?a::b|0\n2|Heat|||y|1\n", "latin-1"),
        ("header", "items.tsv", u"year\tName\tItem_ID\n1\tAm\xe9lie, Le\t1\n2\tHeat\t2\n", "utf-8"))
    def test_format_gives_title_by_item(self, name, text, encoding):
        if name == "u.item":
            text = text.replace("::", ":")
        self.assertEqual(events.read_titles(self.write(name, text, encoding)),
                         {"1": u"Am\xe9lie, Le", "2": "Heat"})

    def test_repeated_item_keeps_its_first_title(self):
        path = self.write("m.csv", "item,title\n1,first\n1,second\n")
        self.assertEqual(events.read_titles(path), {"1": "first"})

    @parameterized.named_parameters(
        ("missing_column", "item,title\n1,a\n2\n", "line 3: wanted 2 columns"),
        ("empty_item", "item,title\n,a\n", "line 2: wanted a name in column 'item', got ''"),
        ("no_title", "item,genre\n1,a\n", r"column for the title \(title.*columns 'item', 'genre'"),
        ("binary", "item,title\0\n", "wanted text, got a binary file"))
    def test_malformed_file_is_named_with_what_is_wrong(self, text, message):
        with self.assertRaisesRegex(checks.InputError, r"bad\.csv: .*" + message):
            events.read_titles(self.write("bad.csv", text))


class SplitLastTest(absltest.TestCase):

    def test_last_event_tests_and_the_one_before_validates(self):
        made = made_events([5, 2, 3, 1])
        split = events.split_last(made)
        self.assertEqual(split.train_ends.tolist(), [3, 7, 8, 11])
        self.assertEqual(split.users.tolist(), [0, 2])
        self.assertEqual(split.valid_items.tolist(), [made.items[3], -1, made.items[8], -1])
        self.assertEqual(split.test_items.tolist(), [made.items[4], -1, made.items[9], -1])
        self.assertEqual(split.valid_items.dtype, np.int32)


class RangesTest(absltest.TestCase):

    def test_ranges_follow_each_other(self):
        self.assertEqual(events.ranges([5, 9, 0], [2, 0, 3]).tolist(), [5, 6, 0, 1, 2])
        self.assertEqual(events.ranges([], []).tolist(), [])


class TrainingBatchesTest(parameterized.TestCase):

    @parameterized.parameters((3, 4), (1, 1), (50, 7), (4, 1000))
    def test_every_example_comes_once_with_the_events_before_it(self, length, per_batch):
        lengths = [9, 1, 2, 40, 3, 0, 6, 17]
        # Different items everywhere, so that an example is known by its label.
        made = made_events(lengths)._replace(items=np.arange(sum(lengths), dtype=np.int32) * 10)
        ends = made.starts[1:] - np.array([2, 0, 0, 2, 2, 0, 1, 2])
        wanted = {}
        for start, end in zip(made.starts, ends):
            for p in range(start + 1, end):
                wanted[10 * p] = [10 * q for q in range(start, p)][-length:]
        got, sizes = [], []
        for batch in events.training_batches(made, ends, length, per_batch,
                                             np.random.RandomState(1)):
            for array in batch:
                self.assertEqual(array.dtype, np.int32)
            self.assertTrue(np.all((0 <= batch.begin) & (batch.begin < batch.end)))
            self.assertLessEqual(batch.end.max(), len(batch.items))
            self.assertLen(np.unique(batch.items), len(set(batch.items.tolist())))
            sizes.append(len(batch.labels))
            got += [(label, batch.items[begin:end].tolist())
                    for label, begin, end in zip(batch.labels, batch.begin, batch.end)]
        self.assertLen(got, len(wanted))
        self.assertEqual(dict(got), wanted)
        self.assertLess(max(sizes), 2 * per_batch)
        # The last part may reach beyond the place where one more batch would begin.
        self.assertIn(-(-len(wanted) // per_batch) - len(sizes), (0, 1))

    def test_random_batches_have_the_size_asked_for(self):
        made = made_events(np.random.RandomState(0).randint(1, 60, size=300))
        sizes = [len(batch.labels) for batch in events.training_batches(
            made, made.starts[1:], 5, 100, np.random.RandomState(1))]
        self.assertBetween(np.mean(sizes[:-1]), 97, 103)
        self.assertLess(max(sizes), 200)

    def test_batch_holds_no_event_that_no_example_needs(self):
        made = made_events([100, 1])
        for batch in events.training_batches(made, made.starts[1:], 4, 10,
                                             np.random.RandomState(0)):
            used = np.zeros(len(batch.items), bool)
            for begin, end in zip(batch.begin, batch.end):
                used[begin:end] = True
            self.assertTrue(used.all())

    def test_order_is_the_generators(self):
        made = made_events([4] * 30)
        random = np.random.RandomState(5)

        def epoch(random):
            return np.concatenate([batch.labels for batch in events.training_batches(
                made, made.starts[1:], 3, 8, random)]).tolist()

        first, second = epoch(random), epoch(random)
        self.assertEqual(first, epoch(np.random.RandomState(5)))
        self.assertNotEqual(first, second)
        self.assertCountEqual(first, second)
        self.assertCountEqual(first, epoch(np.random.default_rng(5)))

    @parameterized.named_parameters(
        ("history_length", dict(history_length=0), "history_length: wanted an integer above 0"),
        ("examples", dict(examples_per_batch=0), "examples_per_batch: wanted an integer above 0"),
        ("ends_shape", dict(split_ends=[3]), r"split_ends: wanted shape \(2,\), got \(1,\)"),
        ("ends_outside", dict(split_ends=[3, 8]),
         r"split_ends\[1\]: wanted 3 to 7, within the user's events, got 8"),
        ("ends_before", dict(split_ends=[3, 2]),
         r"split_ends\[1\]: wanted 3 to 7, within the user's events, got 2"),
        ("no_example", dict(split_ends=[1, 4]), "events: wanted a user with two training events"))
    def test_wrong_argument_is_named_before_the_first_batch(self, changed, message):
        arguments = dict(split_ends=[3, 7], history_length=2, examples_per_batch=4)
        arguments.update(changed)
        with self.assertRaisesRegex(checks.InputError, "training_batches: " + message):
            events.training_batches(made_events([3, 4]), rng=np.random.RandomState(0), **arguments)


class HistoriesTest(parameterized.TestCase):

    @parameterized.parameters(1, 3, 100, None)
    def test_history_is_the_last_events_before_the_end(self, length):
        made = made_events([5, 2, 7])
        users, ends = [2, 0, 2], [9, 5, 14]
        rows = events.histories(made, users, ends, length)
        for user, end, low, high in zip(users, ends, rows.begin, rows.end):
            past = made.items[made.starts[user]:end].tolist()
            self.assertEqual(rows.items[low:high].tolist(), past[-length:] if length else past)
        self.assertLen(rows.items, int(np.sum(rows.end - rows.begin)))
        self.assertEqual([part.dtype for part in rows], [np.int32] * 3)

    @parameterized.named_parameters(
        ("unknown_user", [3], [5], 1, r"users: wanted 0 to 2, got \[3\]"),
        ("negative_user", [-1], [5], 1, r"users: wanted 0 to 2, got \[-1\]"),
        ("no_history", [1], [5], 1, r"ends\[0\]: wanted 6 to 7, within the user's events, got 5"),
        ("end_of_another_user", [1], [8], 1, r"ends\[0\]: wanted 6 to 7"),
        ("shapes", [1, 2], [8], 1, r"ends: wanted shape \(2,\), got \(1,\)"),
        ("length", [1], [6], 0, "history_length: wanted an integer above 0, got 0"))
    def test_wrong_argument_is_named(self, users, ends, length, message):
        with self.assertRaisesRegex(checks.InputError, "histories: " + message):
            events.histories(made_events([5, 2, 7]), users, ends, length)


if __name__ == "__main__":
    absltest.main()
