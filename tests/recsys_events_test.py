"""Tests of reading event files and tables of users and items."""
import bz2
import datetime
import gzip
import os
import tracemalloc
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

try:
    import pandas
except ImportError:  # an option of users
    pandas = None

from tf1_sampled import checks
from tf1_sampled.recsys import columns, events


def lines_of(log):
    """[(user name, item name, time or None)] of a Log."""
    times = [None] * len(log.users) if log.times is None else log.times.tolist()
    return [(log.user_names[u], log.item_names[i], t) for u, i, t in zip(log.users, log.items, times)]


class FileTestCase(parameterized.TestCase):

    def write(self, name, text, encoding="utf-8"):
        path = os.path.join(self.create_tempdir().full_path, name)
        opener = {".gz": gzip.open, ".bz2": bz2.open}.get(os.path.splitext(name)[1], open)
        with opener(path, "wb") as stream:
            stream.write(text.encode(encoding))
        return path


class ReadLogTest(FileTestCase):

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
        ("spaces_with_a_header", "events.txt",
         "user item  time\n7 a 30\n7  b 10\n 8 a 5\n\n8 b 5\n7 c 20\n"),
        ("names_of_columns_that_hold_spaces", "events.csv",
         "user id,item id,unix time\n7,a,30\n7,b,10\n8,a,5\n8,b,5\n7,c,20\n"),
    )
    def test_format_gives_events_in_the_order_of_the_file(self, name, text):
        log = events.read_log(self.write(name, text))
        self.assertEqual(lines_of(log), [("7", "a", 30.0), ("7", "b", 10.0), ("8", "a", 5.0),
                                         ("8", "b", 5.0), ("7", "c", 20.0)])
        self.assertEqual(log.user_names, ["7", "8"])
        self.assertEqual(log.item_names, ["a", "b", "c"])
        self.assertEqual([log.users.dtype, log.items.dtype, log.times.dtype],
                         [np.int32, np.int32, np.float64])
        self.assertEqual(log.columns, {})

    @parameterized.named_parameters(
        ("header", "e.tsv", "user\titem\n1\tz\n2\ty\n1\ty\n1\tx\n2\tz\n"),
        ("three_columns", "e.tsv", "1\tz\t5\n2\ty\t4\n1\ty\t3\n1\tx\t2\n2\tz\t1\n"),
        ("two_columns", "e.tsv", "1\tz\n2\ty\n1\ty\n1\tx\n2\tz\n"),
        ("two_columns_that_hold_spaces", "e.tsv", " 1\tz\n2 \ty\n1\t y\n1\tx \n2\tz\n"),
        ("pairs", "e.txt", "1 z\n2   y\n1 y\n 1 x \n2 z\n"),
        ("header_and_spaces", "e.txt", "user item\n1 z\n2 y\n1 y\n1 x\n2 z\n"),
        ("lists", "e.txt.gz", "1 z\n2 y\n\n1  y x \n3\n2 z"),
        ("lists_of_which_the_first_is_empty", "e.txt", "3\n1 z\n2 y\n1 y x\n2 z\n"),
        ("windows_line_ends", "e.txt", "1 z\r\n2 y\r\n1 y x\r\n2 z\r\n"))
    def test_file_without_times(self, name, text):
        path = self.write(name, text)
        for rows in (1, 2, 4096):
            with mock.patch.object(events, "_ROWS_AT_A_TIME", rows):
                log = events.read_log(path)
            self.assertEqual(lines_of(log), [("1", "z", None), ("2", "y", None), ("1", "y", None),
                                             ("1", "x", None), ("2", "z", None)])
            self.assertEqual(log.user_names, ["1", "2"])  # no event, no user
            self.assertIsNone(log.times)

    def test_names_of_all_kinds(self):
        names = ["=1+1", "@x", "../../etc/passwd", "%s", "\\", "'", "\u202e", "\U0001f600",
                 "n" * 10 ** 5]
        log = events.read_log(self.write("e.tsv", "user\titem\n" + "".join(
            "%s\t%s\n" % (name, name) for name in names)))
        self.assertEqual((log.user_names, log.item_names), (names, names))
        quoted = 'a "b", \'c\'\n\td'
        text = 'user,item\n1,2\n1,"%s"\n' % quoted.replace('"', '""')
        log = events.read_log(self.write("e.csv", text))
        self.assertEqual(log.item_names, ["2", quoted])

    def test_a_name_of_a_million_characters_in_a_file_without_quotes(self):
        log = events.read_log(self.write("e.dat", "1::%s::5\n1::b::5\n" % ("a" * 10 ** 6)))
        self.assertEqual(log.item_names, ["a" * 10 ** 6, "b"])

    def test_a_list_longer_than_a_csv_cell_is_read(self):
        # Longer than what the csv module takes for a cell.
        items = ["i%d" % n for n in range(40000)]
        log = events.read_log(self.write("e.txt", "u " + " ".join(items) + "\n"))
        self.assertEqual(log.item_names, items)

    def test_quoted_names_may_hold_commas_quotes_and_line_ends(self):
        log = events.read_log(self.write(
            "e.csv", 'user,item\n"a, b","x ""y"""\n"a, b","two\nlines"\n'))
        self.assertEqual(lines_of(log), [("a, b", 'x "y"', None), ("a, b", "two\nlines", None)])

    def test_quotes_in_a_tab_separated_file_are_text(self):
        log = events.read_log(self.write("e.tsv", 'user\titem\n1\t"Heroes\n1\t"Weird Al" Yankovic\n'))
        self.assertEqual(log.item_names, ['"Heroes', '"Weird Al" Yankovic'])

    @parameterized.parameters(1, 3, 4096)
    def test_columns_that_were_asked_for(self, rows):
        path = self.write("e.csv", "user,country,item,rating,device,Plays\n"
                          "1,DE,a,4.5,phone,1\n2, ,b,-3,tv,2e2\n1,,c,0.1,phone,3\n3, FR ,a,5,TV, 4\n")
        with mock.patch.object(events, "_ROWS_AT_A_TIME", rows):
            log = events.read_log(path, categorical=["device", "country"], numeric=["Plays", "rating"])
        self.assertEqual(list(log.columns), ["device", "country", "Plays", "rating"])
        self.assertEqual(log.columns["device"].kind.categories, ["", "phone", "tv", "TV"])
        self.assertEqual(log.columns["device"].values.tolist(), [1, 2, 1, 3])
        self.assertEqual(log.columns["country"].kind.categories, ["", "DE", "FR"])
        self.assertEqual(log.columns["country"].values.tolist(), [1, 0, 0, 2])
        self.assertEqual(log.columns["country"].values.dtype, np.int32)
        self.assertEqual(log.columns["rating"].values.tolist(), np.float32([4.5, -3, .1, 5]).tolist())
        self.assertEqual(log.columns["Plays"].values.tolist(), [1, 200, 3, 4])
        self.assertEqual(log.columns["rating"].values.dtype, np.float32)
        self.assertIsInstance(log.columns["rating"].kind, columns.Numeric)
        self.assertEqual(log.item_names, ["a", "b", "c"])

    def test_columns_without_a_header_have_numbers(self):
        log = events.read_log(self.write("u.data", "7\ta\t4\t30\n7\tb\t1\t10\n"), numeric=["3"])
        self.assertEqual(log.columns["3"].values.tolist(), [4, 1])

    def test_column_of_a_role_may_be_asked_for_too(self):
        log = events.read_log(self.write("e.csv", "user,item,time\n1,a,5\n1,b,7\n"),
                              categorical=["user"], numeric=["time"])
        self.assertEqual(log.columns["user"].kind.categories, ["", "1"])
        self.assertEqual(log.columns["time"].values.tolist(), [5, 7])

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
        ("long_cell", "user,item\n1,a\n1," + "b" * 140000 + "\n",
         "line 3: wanted CSV .* cells of at most 131072 characters, got 'field larger than field lim"),
        ("nul", "user,item\n1,a\n" + "1,b\n" * 2000 + "1,\0\n",
         r"line 2003: wanted UTF-8 text, got '.x00'"),
        ("mark_alone", "\ufeff", "wanted a header with .* got none"),
        ("long_name_of_a_column", "user,item," + "time:" + "x" * 9 ** 5 + "\n1,a,b\n",
         "line 2: wanted a number in column 'time:xx.*characters., got 'b'$"),
        ("headerless_number", "1\t2\t3\t4\n1\t3\t3\tx\n",
         "line 2: wanted a number in column '4', got 'x'"),
        ("headerless_width", "1::2::3::4\n1::2::3\n", "line 2: wanted 4 columns"),
        ("headerless_pair", "1\t2\n1\t3\n\n1\t3\t4\n", "line 4: wanted 2 columns"),
        ("spaces_and_a_header", "user item\n1 2\n\n1 3 4\n", "line 4: wanted 2 columns"),
        ("no_header", "1,2,3,4\n", r"wanted a header with a column for the user \(userid, user.*"
         r"item \(itemid.* got columns '1', '2', '3', '4'"),
        ("unknown_header", "who\twhat\trating\twhen\n1\t2\t3\t4\n",
         "got columns 'who', 'what', 'rating', 'when'"),
        ("unknown_header_of_two", "who\twhat\n1\t2\n", "got columns 'who', 'what'"),
        ("header_of_a_user_alone", "user\twhat\n1\t2\n", "got columns 'user', 'what'"),
        ("words_in_a_header_of_two", "user name\titem bought\n1\t2\n",
         "got columns 'user name', 'item bought'"),
        ("five_headerless_columns", "1\t2\t3\t4\t5\n", "wanted a header with"),
        ("prose", "once upon a time\n", "user and items .spaces., with a digit in the first, "
         "got columns 'once', 'upon', 'a', 'time'"),
        ("lists_of_no_item", "1\n2\n", "wanted events, got none"),
        ("header_alone", "user,item\n\n", "wanted events, got none"),
        ("one_item", "user,item\n1,a\n2,a\n", "wanted at least two different items, got only 'a'"),
    )
    def test_malformed_file_is_named_with_what_is_wrong(self, text, message):
        path = self.write("bad.csv", text)
        for rows in (1, 2, 4096):
            with mock.patch.object(events, "_ROWS_AT_A_TIME", rows):
                with self.assertRaisesRegex(checks.InputError, r"bad\.csv: .*" + message):
                    events.read_log(path)

    @parameterized.parameters("", "many", "nan", "inf", "-inf", "1e39")
    def test_numeric_cell_that_is_no_number_is_named(self, cell):
        path = self.write("bad.csv", 'user,item,"n"\n1,a,1\n\n1,b,%s\n' % cell)
        for rows in (1, 4096):
            with mock.patch.object(events, "_ROWS_AT_A_TIME", rows):
                with self.assertRaisesRegex(
                        checks.InputError, r"bad\.csv: line 4: wanted a number of float32 in column 'n',"
                        " got '%s'" % cell):
                    events.read_log(path, numeric=["n"])

    def test_unknown_column_is_told_with_those_that_there_are(self):
        path = self.write("bad.csv", "user,item,n,x,x\n1,a,1,2,3\n")
        for name in ("N", "x"):
            for kind in ("categorical", "numeric"):
                with self.assertRaisesRegex(
                        checks.InputError, r"bad\.csv: wanted one column '%s', got columns 'user', "
                        "'item', 'n', 'x', 'x'" % name):
                    events.read_log(path, **{kind: ["user", name]})

    @parameterized.parameters(
        (["a"], ["b", "a"], r"categorical, numeric: wanted each column once, got \['a'\]"),
        (["a", "a"], [], r"categorical, numeric: wanted each column once, got \['a'\]"),
        ("ab", [], "categorical: wanted a list of names of columns, got 'ab'"),
        ([], "ab", "numeric: wanted a list of names of columns, got 'ab'"))
    def test_wrong_names_of_columns_are_told_before_reading(self, categorical, numeric, message):
        for function, path in ((events.read_log, "unread"), (events.read_logs, ["unread"])):
            with self.assertRaisesRegex(checks.InputError, function.__name__ + ": " + message):
                function(path, categorical=categorical, numeric=numeric)


class ReadLogsTest(FileTestCase):

    def test_several_files_have_one_numbering(self):
        paths = [self.write("a.csv", "user,item,time,n,c\n1,a,1,5,x\n2,b,2,6,\n"),
                 self.write("b.tsv", "c\tn\ttime\titem\tuser\ny\t7\t0\tb\t3\nx\t8\t9\tc\t1\n"),
                 self.write("c.csv.bz2", "user,item,time,n,c\n2,d,4,9,y\n")]
        log, part = events.read_logs(paths, categorical=["c"], numeric=["n"])
        self.assertEqual(lines_of(log), [("1", "a", 1.0), ("2", "b", 2.0), ("3", "b", 0.0),
                                         ("1", "c", 9.0), ("2", "d", 4.0)])
        self.assertEqual(part.tolist(), [0, 0, 1, 1, 2])
        self.assertEqual(part.dtype, np.int32)
        self.assertEqual(log.columns["c"].kind.categories, ["", "x", "y"])
        self.assertEqual(log.columns["c"].values.tolist(), [1, 0, 2, 1, 2])
        self.assertEqual(log.columns["n"].values.tolist(), [5, 6, 7, 8, 9])

    def test_formats_may_differ_and_a_file_alone_may_have_one_item(self):
        log, part = events.read_logs([self.write("a.txt", "1 a\n2\n"),
                                      self.write("b.tsv", "user\titem\n2\ta\n1\tb\n")])
        self.assertEqual(lines_of(log), [("1", "a", None), ("2", "a", None), ("1", "b", None)])
        self.assertEqual(part.tolist(), [0, 1, 1])

    def test_one_file_is_as_read_log(self):
        path = self.write("a.csv", "user,item,time\n1,a,1\n2,b,2\n")
        log, part = events.read_logs([path])
        self.assertEqual(lines_of(log), lines_of(events.read_log(path)))
        self.assertEqual(part.tolist(), [0, 0])

    def test_times_in_some_files_only(self):
        paths = [self.write("with.csv", "user,item,time\n1,a,1\n"),
                 self.write("without.csv", "user,item\n1,b\n")]
        for order in (paths, paths[::-1]):
            with self.assertRaisesRegex(
                    checks.InputError, r"without\.csv: wanted times, as .*with\.csv has them, got none"):
                events.read_logs(order)

    def test_column_that_one_file_lacks(self):
        paths = [self.write("a.csv", "user,item,n\n1,a,1\n"), self.write("b.csv", "user,item\n1,b\n")]
        with self.assertRaisesRegex(checks.InputError, r"b\.csv: wanted one column 'n', got columns "
                                    "'user', 'item'"):
            events.read_logs(paths, numeric=["n"])

    def test_one_item_in_all_files(self):
        paths = [self.write(name, "user,item\n1,a\n") for name in ("a.csv", "b.csv")]
        with self.assertRaisesRegex(checks.InputError, r"a\.csv, .*b\.csv: wanted at least two differe"):
            events.read_logs(paths)

    def test_no_file_is_an_error(self):
        with self.assertRaisesRegex(checks.InputError, r"read_logs: paths: wanted one file or more"):
            events.read_logs([])


class Series:
    """As much of a pandas.Series as there is to read."""

    def __init__(self, values):
        self._values = np.asarray(values)

    def to_numpy(self):
        return self._values


class Frame(dict):
    """As much of a pandas.DataFrame as there is to read."""

    def __init__(self, values):
        super().__init__({name: Series(of_name) for name, of_name in values.items()})
        self.columns = list(self)


FRAMES = [("stub", Frame)] + ([("pandas", pandas.DataFrame)] if pandas else [])


def many_rows(size=3000, seed=1):
    """{column: values} of random rows, of which some have no category."""
    random = np.random.RandomState(seed)
    return {
        "user_id": random.randint(-40, 40, size),
        "item": ["item %d" % n for n in random.randint(90, size=size)],
        "timestamp": random.rand(size).round(6) * 1e6,
        "kind": [(None, "x", "y z", "ü")[n] for n in random.randint(4, size=size)],
        "rating": random.rand(size).astype(np.float32), "price": random.randint(100, size=size)}


class PythonCase(FileTestCase):

    def assert_same(self, got, wanted):
        for name in ("users", "items", "times"):
            got_values, wanted_values = getattr(got, name), getattr(wanted, name)
            np.testing.assert_array_equal(got_values, wanted_values)
            if wanted_values is not None:
                self.assertEqual(got_values.dtype, wanted_values.dtype)
        self.assertEqual((got.user_names, got.item_names), (wanted.user_names, wanted.item_names))
        self.assertEqual(list(got.columns), list(wanted.columns))
        for name, column in wanted.columns.items():
            self.assertEqual(got.columns[name].kind, column.kind)
            np.testing.assert_array_equal(got.columns[name].values, column.values)
            self.assertEqual(got.columns[name].values.dtype, column.values.dtype)

    def csv(self, rows):
        lines = [",".join(rows)]
        for row in zip(*rows.values()):
            lines.append(",".join("" if cell is None else str(cell) for cell in row))
        return self.write("events.csv", "\n".join(lines) + "\n")


class LogOfArraysTest(PythonCase):

    @parameterized.parameters(1, 2)
    def test_is_the_log_of_a_file_of_the_same_rows(self, seed):
        rows = many_rows(seed=seed)
        wanted = events.read_log(self.csv(rows), categorical=["kind"], numeric=["price", "rating"])
        further = dict(categorical={"kind": rows["kind"]},
                       numeric={"price": rows["price"], "rating": rows["rating"]})
        for kind in (np.asarray, list, tuple):
            self.assert_same(events.log_of_arrays(kind(rows["user_id"]), kind(rows["item"]),
                                                  kind(rows["timestamp"]), **further), wanted)

    def test_by_hand(self):
        log = events.log_of_arrays([7, 7, "bob"], ["b", " a ", "b"])
        self.assertEqual(lines_of(log), [("7", "b", None), ("7", "a", None), ("bob", "b", None)])
        self.assertEqual(log.columns, {})
        self.assertEqual(lines_of(events.log_of_arrays([7], ["a"], [3])), [("7", "a", 3.0)])

    def test_times_of_several_kinds(self):
        for times in (np.array(["1970-01-02", "1970-01-01"], "M8[D]"),
                      [datetime.datetime(1970, 1, 2), datetime.date(1970, 1, 1)], [86400, 0.0]):
            self.assertEqual(events.log_of_arrays([1, 2], [1, 2], times).times.tolist(), [86400, 0])

    @parameterized.named_parameters(
        ("empty", dict(users=[], items=[]), "users: wanted one event or more, got 0"),
        ("items", dict(items=[1, 2, 3]), "items: wanted as many as users, 2, got 3"),
        ("times", dict(times=[1]), "times: wanted as many as users, 2, got 1"),
        ("column", dict(numeric={"n": [1]}), "column 'n': wanted as many as users, 2, got 1"),
        ("user", dict(users=[1, None]), r"users\[1\]: wanted a name, got None"),
        ("item", dict(items=[float("nan"), 1]), r"items\[0\]: wanted a name, got nan"),
        ("time", dict(times=[1, float("inf")]), r"times\[1\]: wanted a number, got inf"),
        ("number", dict(numeric={"n": [1, "x"]}), r"column 'n'\[1\]: wanted a number of float32, got"),
        ("twice", dict(numeric={"n": [1, 2]}, categorical={"n": [1, 2]}),
         r"categorical, numeric: wanted each column once, got \['n'\]"),
        ("type", dict(integer={"n": [1, 2]}), "columns: wanted one of categorical, numeric, got 'integ"),
        ("text", dict(users="ab"), "users: wanted a sequence or an array, got 'ab'"))
    def test_what_is_wrong_is_named_with_its_place(self, changed, message):
        with self.assertRaisesRegex(checks.InputError, "^log_of_arrays: " + message):
            events.log_of_arrays(**dict(dict(users=[1, 2], items=[3, 4]), **changed))


class LogOfFrameTest(PythonCase):

    @parameterized.named_parameters(*FRAMES)
    def test_is_the_log_of_a_file_of_the_same_rows(self, frame):
        rows = many_rows()
        wanted = events.read_log(self.csv(rows), categorical=["kind"], numeric=["rating"])
        log = events.log_of_frame(frame(rows), categorical=["kind"], numeric=["rating"])
        self.assert_same(log, wanted)
        log = events.log_of_frame(frame(rows), "user_id", "item", None)
        self.assert_same(log, wanted._replace(times=None, columns={}))

    @parameterized.named_parameters(*FRAMES)
    def test_columns_as_they_are_called(self, frame):
        rows = frame({"who": ["a", "b"], "user": ["c", "d"], "what": [1, 2], "Movie-ID": [3, 4],
                      "when": np.array(["1970-01-02", "1970-01-03"], "M8[ns]")})
        self.assertEqual(lines_of(events.log_of_frame(rows, "who", "what", "when")),
                         [("a", "1", 86400.0), ("b", "2", 172800.0)])
        self.assertEqual(lines_of(events.log_of_frame(rows)), [("c", "3", None), ("d", "4", None)])

    @parameterized.named_parameters(*FRAMES)
    def test_what_is_wrong_is_named(self, frame):
        rows = {"user": ["a", None], "item": [1, 2], "date": ["noon", "night"]}
        for arguments, changed, message in (
                ({}, {}, r"column 'user'\[1\]: wanted a name, got (None|nan)"),
                ({"user": "who"}, {}, r"user: wanted one column 'who', got \['user', 'item', 'date'\]"),
                ({"time": "when"}, {}, "time: wanted one column 'when'"),
                ({"numeric": ["n"]}, {}, "columns: wanted one column 'n', got"),
                ({"item": "date", "user": "item"}, {}, r"column 'date'\[0\]: wanted a number, got 'no"),
                ({}, {"user": []}, "column 'user': wanted one event or more, got 0")):
            values = dict(rows, **changed) if not changed else {name: [] for name in rows}
            with self.assertRaisesRegex(checks.InputError, "^log_of_frame: " + message):
                events.log_of_frame(frame(values), **arguments)
        with self.assertRaisesRegex(checks.InputError, "^log_of_frame: item: wanted a column for the "
                                    r"item \(itemid, .*got \['user'\]"):
            events.log_of_frame(frame({"user": [1]}))

    @absltest.skipUnless(pandas, "pandas is not installed")
    def test_types_of_pandas(self):
        frame = pandas.DataFrame({
            "user": pandas.Series(["a", "b", "a"], dtype="category"),
            "item": pandas.Series([1, 2, 1], dtype="Int64"),
            "time": pandas.to_datetime([0, 86400, 1.5], unit="s", utc=True),
            "kind": pandas.Series(["x", pandas.NA, "y"], dtype="string")})
        log = events.log_of_frame(frame, categorical=["kind"])
        self.assertEqual(lines_of(log), [("a", "1", 0.0), ("b", "2", 86400.0), ("a", "1", 1.5)])
        self.assertEqual(log.columns["kind"].values.tolist(), [1, 0, 2])
        frame["item"] = pandas.Series([1, pandas.NA, 1], dtype="Int64")
        with self.assertRaisesRegex(checks.InputError, r"column 'item'\[1\]: wanted a name"):
            events.log_of_frame(frame)
        frame = frame.assign(item=1, time=pandas.to_datetime(["2020-01-01", None, "2020-01-02"]))
        with self.assertRaisesRegex(checks.InputError, r"column 'time'\[1\]: wanted a number"):
            events.log_of_frame(frame)


class MergeLogsTest(PythonCase):

    def test_is_the_log_of_files_of_the_same_rows(self):
        parts = [many_rows(200, seed) for seed in (1, 2, 3)]
        asked = dict(categorical=["kind"], numeric=["rating"])
        wanted, wanted_part = events.read_logs([self.csv(rows) for rows in parts], **asked)
        log, part = events.merge_logs([events.log_of_frame(Frame(rows), **asked) for rows in parts])
        self.assert_same(log, wanted)
        np.testing.assert_array_equal(part, wanted_part)
        self.assertEqual(part.dtype, np.int32)

    def test_without_times_and_with_a_part_of_one_item(self):
        logs = [events.log_of_arrays(*arrays) for arrays in ((["u", "v"], ["a", "b"]), (["v"], ["c"]))]
        log, part = events.merge_logs(logs)
        self.assertEqual(lines_of(log), [("u", "a", None), ("v", "b", None), ("v", "c", None)])
        self.assertEqual(part.tolist(), [0, 0, 1])

    def test_what_does_not_fit(self):
        plain = events.log_of_arrays([1, 2], [1, 2])
        timed = plain._replace(times=np.zeros(2))
        kind, number = (events.log_of_arrays([1, 2], [1, 2], **{role: {"n": [1, 2]}})
                        for role in ("categorical", "numeric"))
        for logs, message in (
                ([], "logs: wanted one log or more, got 0"),
                ([plain, timed], r"logs\[1\]: wanted events without times, as those of logs\[0\], got"),
                ([timed, timed, plain], r"logs\[2\]: wanted events with times, .*got 'events without"),
                ([plain, kind], r"logs\[1\]: wanted the columns of logs\[0\], none, got"),
                ([kind, number], r"logs\[1\]: wanted the columns of logs\[0\], 'n' .categorical., got"
                 r".*numeric")):
            with self.assertRaisesRegex(checks.InputError, "^merge_logs: " + message):
                events.merge_logs(logs)


class WithUserColumnsTest(FileTestCase):

    def setUp(self):
        super().setUp()
        self.log = events.log_of_arrays([7, 8, 7, 9], list("abab"), numeric={"n": [1, 2, 3, 4]})

    def test_each_event_has_the_columns_of_its_user(self):
        path = self.write("users.csv", "user,city,age\n9,Ulm,31\n7, Bonn ,4.5\n8,,2\n6,Kiel,1\n")
        log = events.with_user_columns(self.log, path, categorical=["city"], numeric=["age"])
        self.assertEqual(list(log.columns), ["n", "city", "age"])
        self.assertEqual(log.columns["city"].kind.categories, ["", "Bonn", "Ulm"])
        self.assertEqual(log.columns["city"].values.tolist(), [1, 0, 1, 2])
        self.assertEqual(log.columns["age"].values.tolist(), [4.5, 2, 4.5, 31])
        self.assertEqual([log.columns[name].values.dtype for name in ("city", "age")],
                         [np.int32, np.float32])
        self.assertEqual(list(self.log.columns), ["n"])

    def test_a_user_who_is_not_in_the_table(self):
        path = self.write("users.csv", "user,city,age\n9,Ulm,31\n7,Bonn,4\n")
        log = events.with_user_columns(self.log, path, categorical=["city"])
        self.assertEqual(log.columns["city"].values.tolist(), [1, 0, 1, 2])
        with self.assertRaisesRegex(checks.InputError, r"users\.csv: wanted a number of float32 in "
                                    "column 'age' for each user, got none for '8'"):
            events.with_user_columns(self.log, path, numeric=["age"])

    def test_a_column_that_the_log_has(self):
        path = self.write("users.csv", "user,n\n7,1\n8,1\n9,1\n")
        with self.assertRaisesRegex(checks.InputError, "^with_user_columns: categorical, numeric: "
                                    "wanted names that are not those of the event file's .*got 'n'"):
            events.with_user_columns(self.log, path, numeric=["n"])


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
        ("spaces", "item title\n1 a\n", "got columns 'item title'"),
        ("binary", "item,title\0\n", "wanted UTF-8 text, got a binary file"))
    def test_malformed_file_is_named_with_what_is_wrong(self, text, message):
        with self.assertRaisesRegex(checks.InputError, r"bad\.csv: .*" + message):
            events.read_titles(self.write("bad.csv", text))


class ReadSideTableTest(FileTestCase):

    def test_columns_by_user(self):
        path = self.write("users.csv", u"age,City,user_id,extra\n31,K\xf6ln,u1,\n4.5, ,u 2,x\n"
                          "99,no,u1,\n", "latin-1")
        self.assertEqual(events.read_side_table(path, "user", categorical=["City"], numeric=["age"]),
                         {"City": {"u1": u"K\xf6ln", "u 2": ""}, "age": {"u1": 31.0, "u 2": 4.5}})

    def test_columns_by_item(self):
        path = self.write("movies.csv", 'movieId,title,genres\n1,"Heat, 1995",A|B\n2,Up, \n')
        self.assertEqual(events.read_side_table(path, "item", categorical=["genres"]),
                         {"genres": {"1": "A|B", "2": ""}})

    @parameterized.named_parameters(
        ("missing_cell", "item,n\n1,2\n2\n", "line 3: wanted 2 columns"),
        ("empty_item", "item,n\n,3\n", "line 2: wanted a name in column 'item', got ''"),
        ("no_number", "item,n\n1,2\n\n2,\n", "line 4: wanted a number of float32 in column 'n', got ''"),
        ("no_column", "item,m\n1,2\n", "wanted one column 'n', got columns 'item', 'm'"),
        ("no_key", "user,n\n1,2\n", r"wanted a header with a column for the item \(itemid, .*\), "
         "got columns 'user', 'n'"),
        ("no_header", "1::2::3\n", "wanted a header with .* got columns '1', '2', '3'"),
        ("long_name", "item,%s\n1,2\n" % ("n" * 10 ** 5),
         "wanted one column 'n', got columns 'item', 'n{30}'$"),
        ("binary", "item,n\0\n", "wanted UTF-8 text, got a binary file"))
    def test_malformed_file_is_named_with_what_is_wrong(self, text, message):
        with self.assertRaisesRegex(checks.InputError, r"bad\.csv: .*" + message):
            events.read_side_table(self.write("bad.csv", text), "item", numeric=["n"])

    def test_latin1_far_into_a_file_and_at_its_end(self):
        for city in ("K\xf6ln", "Orl\xe9"):
            rows = "".join("%d,%s\n" % (number, "Ulm") for number in range(200000))
            path = self.write("users.csv", "user,city\n" + rows + "u," + city, "latin-1")
            table = events.read_side_table(path, "user", categorical=["city"])
            self.assertEqual(table["city"]["u"], city)

    def test_memory_is_that_of_the_table(self):
        path = self.write("users.csv.gz", "user,n,x\n" + ("1,2,%s\n" % ("x" * 1000)) * 20000)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        self.assertEqual(events.read_side_table(path, "user", numeric=["n"]), {"n": {"1": 2.0}})
        self.assertLess(tracemalloc.get_traced_memory()[1], 1.5e7)

    def test_key_is_of_users_or_items(self):
        with self.assertRaisesRegex(checks.InputError, "read_side_table: key_role: wanted one of item, "
                                    "user, got 'time'"):
            events.read_side_table("unread.csv", "time")
        with self.assertRaisesRegex(checks.InputError, "read_side_table: categorical, numeric: wanted"):
            events.read_side_table("unread.csv", "item", categorical=["a"], numeric=["a"])


if __name__ == "__main__":
    absltest.main()
