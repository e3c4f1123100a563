"""Tests of reading event files and tables of users and items."""
import bz2
import datetime
import gzip
import io
import os
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

try:
    import pandas
except ImportError:  # an optional dependency
    pandas = None

from tf1_sampled import checks
from tf1_sampled.recsys import columns, events, roles, rows as rows_lib


def lines_of(log):
    """Return [(user name, item name, time or None)] of a Log."""
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
            with mock.patch.object(rows_lib, "_ROWS_AT_A_TIME", rows):
                log = events.read_log(path)
            self.assertEqual(lines_of(log), [("1", "z", None), ("2", "y", None), ("1", "y", None),
                                             ("1", "x", None), ("2", "z", None)])
            self.assertEqual(log.user_names, ["1", "2"])  # a user without events is not in the log
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
        # Longer than the csv module's limit for a cell.
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
    def test_requested_columns_are_read(self, rows):
        path = self.write("e.csv", "user,country,item,rating,device,Plays\n"
                          "1,DE,a,4.5,phone,1\n2, ,b,-3,tv,2e2\n1,,c,0.1,phone,3\n3, FR ,a,5,TV, 4\n")
        with mock.patch.object(rows_lib, "_ROWS_AT_A_TIME", rows):
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

    def test_columns_of_roles_may_be_context_columns(self):
        log = events.read_log(self.write("e.csv", "user,item,time\n1,a,5\n1,b,7\n"),
                              categorical=["user"], numeric=["time"])
        self.assertEqual(log.columns["user"].kind.categories, ["", "1"])
        self.assertEqual(log.columns["time"].values.tolist(), [5, 7])

    @parameterized.named_parameters(
        ("missing_column", "user,item,time\n1,a,1\n1,b\n", r"line 3: wanted 3 columns, got \['1'"),
        ("column_too_many", "user,item,time\n1,a,1,1\n", r"line 2: wanted 3 columns, got \['1'"),
        ("time_in_words", "user,item,Time\n1,a,1\n\n1,b,noon\n",
         "line 4: wanted a number or an ISO 8601 time in column 'Time', got 'noon'"),
        ("time_without_end", "user,item,time\n1,a,inf\n",
         "line 2: wanted a number or an ISO 8601 time in column 'time', got 'inf'"),
        ("a_number_among_dates", "user,item,time\n1,a,2020-01-01\n1,b,7\n", "line 3: wanted .*got '7'"),
        ("a_date_among_numbers", "user,item,time\n1,a,7\n1,b,2020-01-01\n",
         "line 3: wanted .*got '2020"),
        ("no_such_date", "user,item,time\n1,a,2020-01-01\n1,b,2020-02-30\n",
         "line 3: wanted .*'2020-02"),
        ("after_a_quoted_line_end", 'user,item,time\n1,"a\nb",1\n1,c,x\n',
         "line 4: wanted a number or an ISO 8601 time in column 'time', got 'x'"),
        ("open_quote", 'user,item\n1,a\n1,"b\n', "line 3: wanted CSV with paired quotes"),
        ("long_cell", "user,item\n1,a\n1," + "b" * 140000 + "\n",
         "line 3: wanted CSV .* cells of at most 131072 characters, got 'field larger than field lim"),
        ("nul", "user,item\n1,a\n" + "1,b\n" * 2000 + "1,\0\n",
         r"line 2003: wanted UTF-8 text, got '.x00'"),
        ("mark_alone", "\ufeff", "wanted a header with .* got none"),
        ("long_name_of_a_column", "user,item," + "time:" + "x" * 9 ** 5 + "\n1,a,b\n",
         "line 2: wanted a number or an ISO 8601 time in column 'time:xx.*characters., got 'b'$"),
        ("headerless_number", "1\t2\t3\t4\n1\t3\t3\tx\n",
         "line 2: wanted a number or an ISO 8601 time in column '4', got 'x'"),
        ("headerless_width", "1::2::3::4\n1::2::3\n", "line 2: wanted 4 columns"),
        ("headerless_pair", "1\t2\n1\t3\n\n1\t3\t4\n", "line 4: wanted 2 columns"),
        ("spaces_and_a_header", "user item\n1 2\n\n1 3 4\n", "line 4: wanted 2 columns"),
        ("no_header", "1,2,3,4\n", r"wanted a header with a column for the user \(userid, user.*"
         r"item \(itemid.*--user_column.*--columns for .* got columns '1', '2', '3', '4'"),
        ("unknown_header", "who\twhat\trating\twhen\n1\t2\t3\t4\n",
         "got columns 'who', 'what', 'rating', 'when'"),
        ("unknown_header_of_two", "who\twhat\n1\t2\n", "got columns 'who', 'what'"),
        ("header_of_a_user_alone", "user\twhat\n1\t2\n", "got columns 'user', 'what'"),
        ("words_in_a_header_of_two", "user name\titem bought\n1\t2\n",
         "got columns 'user name', 'item bought'"),
        ("five_headerless_columns", "1\t2\t3\t4\t5\n", "wanted a header with"),
        ("prose", "once upon a time\n", "got columns 'once', 'upon', 'a', 'time'"),
        ("lists_of_no_item", "1\n2\n", "wanted events, got none"),
        ("header_alone", "user,item\n\n", "wanted events, got none"),
        ("one_item", "user,item\n1,a\n2,a\n", "wanted at least two different items, got only 'a'"),
    )
    def test_malformed_file_error_names_the_fault(self, text, message):
        path = self.write("bad.csv", text)
        for rows in (1, 2, 4096):
            with mock.patch.object(rows_lib, "_ROWS_AT_A_TIME", rows):
                with self.assertRaisesRegex(checks.InputError, r"bad\.csv: .*" + message):
                    events.read_log(path)

    @parameterized.parameters("many", "inf", "-inf", "1e39")
    def test_invalid_number_is_named(self, cell):
        path = self.write("bad.csv", 'user,item,"n"\n1,a,1\n\n1,b,%s\n' % cell)
        for rows in (1, 4096):
            with mock.patch.object(rows_lib, "_ROWS_AT_A_TIME", rows):
                with self.assertRaisesRegex(
                        checks.InputError, r"bad\.csv: line 4: wanted a number of float32 in column 'n',"
                        " got '%s'" % cell):
                    events.read_log(path, numeric=["n"])

    def test_unknown_column_error_lists_the_columns(self):
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
        ("ab", [], "categorical: wanted a list of column names, got 'ab'"),
        ([], "ab", "numeric: wanted a list of column names, got 'ab'"))
    def test_invalid_column_names_are_refused_before_reading(self, categorical, numeric, message):
        for function, path in ((events.read_log, "unread"), (events.read_logs, ["unread"])):
            with self.assertRaisesRegex(checks.InputError, function.__name__ + ": " + message):
                function(path, categorical=categorical, numeric=numeric)


class OptionsTest(FileTestCase):
    """Tests of options that leave out, weigh and keep events, and of the source's description."""

    def read(self, text, name="e.csv", numeric=(), encoding="utf-8", **options):
        return events.read_log(self.write(name, text, encoding), roles.Options(**options),
                               numeric=numeric)

    def test_columns_by_name(self):
        log = self.read("who,what,when\n1,2,2018-09-20\n1,3,2018-09-21\n", user_column="who",
                        item_column="what", time_column="when")
        self.assertEqual(lines_of(log), [("1", "2", 1537401600), ("1", "3", 1537488000)])
        self.assertEqual(log.sources[0]._replace(name=""), events.Source(
            "", "CSV with a header, times as dates", {"user": "who", "item": "what", "time": "when"}, [],
            2, {}))

    def test_unused_columns_are_named(self):
        log = self.read("user,item,rating,event,n,x\n1,2,3,4,5,6\n1,3,3,4,5,6\n", numeric=["n"])
        self.assertEqual(log.sources[0].ignored, ["rating", "event", "x"])
        self.assertEqual(log.sources[0].roles, {"user": "user", "item": "item", "context": ["n"]})
        source = self.read("1::2::3::4\n1::3::3::4\n").sources[0]
        self.assertEqual(source.roles, {"user": "column 1", "item": "column 2", "time": "column 4"})
        self.assertEqual((source.form, source.ignored), (
            "separated by :: without a header, times in seconds", ["column 3"]))

    def test_low_ratings_are_left_out_and_counted(self):
        text = "user,item,rating\n1,a,4\n1,b,3.5\n2,b,\n2,a,0.7\n2,c,5\n"
        log = self.read(text, min_rating=4)
        self.assertEqual(lines_of(log), [("1", "a", None), ("2", "c", None)])
        self.assertEqual(log.sources[0].left_out, {"rating below 4": 2, "rating missing": 1})
        self.assertEqual(log.sources[0].roles["rating"], "rating")
        self.assertLen(self.read(text, min_rating=.7).users, 4)  # .7 as a float32 is less than .7
        self.assertLen(self.read(text).users, 5)

    def test_kinds_of_events_are_kept_with_their_weights(self):
        text = ("time,user,event,item\n5,u1,view,i1\n9,u1,buy,i1\n10,u1,cart,i2\n11,u2,,i2\n"
                "12,u2, view ,i2\n")
        log = self.read(text, events_kept=["buy:3", "view"])
        self.assertEqual(lines_of(log), [("u1", "i1", 5), ("u1", "i1", 9), ("u2", "i2", 12)])
        self.assertEqual(log.weights.tolist(), [1, 3, 1])
        self.assertEqual(log.weights.dtype, np.float32)
        self.assertEqual(log.sources[0].left_out, {"event kind missing": 1, "event kind not kept": 1})
        self.assertIsNone(self.read(text, events_kept=["view", "cart"]).weights)
        self.assertIsNone(self.read(text).weights)
        with self.assertRaisesRegex(checks.InputError,
                                    "wanted events of the kinds 'buy', 'sold', got only "
                                    "'', 'buy', 'cart', 'view'"):
            self.read(text, events_kept=["buy", "sold"])

    @parameterized.named_parameters(
        ("rating", {"min_rating": 3}, "a column for --min_rating .--rating_column names it"),
        ("event", {"events_kept": ["buy"]}, "a column for --events_kept .--event_column names it"))
    def test_missing_column_of_an_option_is_named(self, options, message):
        with self.assertRaisesRegex(checks.InputError,
                                    "e.csv: wanted " + message + ".*got columns 'user', 'i"):
            self.read("user,item\n1,2\n", **options)

    def test_missing_values_are_left_out_and_counted(self):
        text = ("user,item,time,n\nNA,a,1,1\n1,nan,1,1\n1,None,1,1\n1,a,,1\n1,a,NaN,1\n1,b,5,\n"
                "2,c,6,null\n"
                "2,a,7,4\n,x,1,1\n")
        for rows in (1, 2, 4096):
            with mock.patch.object(rows_lib, "_ROWS_AT_A_TIME", rows):
                log = self.read(text, numeric=["n"])
            self.assertEqual(lines_of(log), [("1", "b", 5), ("2", "c", 6), ("2", "a", 7)])
            self.assertEqual((log.user_names, log.item_names), (["1", "2"], ["b", "c", "a"]))
            np.testing.assert_array_equal(log.columns["n"].values, [np.nan, np.nan, 4])
            self.assertEqual(log.sources[0].left_out,
                             {"user missing": 2, "item missing": 2, "time missing": 2})
            self.assertEqual(log.sources[0].num_events, 3)
        log = self.read("user,item\nNA,nan\nNA,\n1,null\n", keep_missing=True)
        self.assertEqual(lines_of(log), [("NA", "nan", None), ("1", "null", None)])
        self.assertEqual(log.sources[0].left_out, {"item missing": 1})

    def test_error_gives_the_reasons_if_no_event_is_left(self):
        with self.assertRaisesRegex(checks.InputError,
                                    "e.csv: wanted events, got none of 2 rows: user missing 1, "
                                    "rating below 4 1"):
            self.read("user,item,rating\n,a,5\n1,b,3\n", min_rating=4)

    def test_sources_in_memory(self):
        frame = Frame({"user": [1, None], "item": [2, 3], "time": [1.5e12, 1.6e12], "x": [0, 0]})
        self.assertEqual(events.log_of_frame(frame).sources[0], events.Source(
            "data frame", "in memory, times in milliseconds",
            {"user": "user", "item": "item", "time": "time"}, ["x"], 1, {"user missing": 1}))
        self.assertEqual(events.log_of_arrays([1], [2]).sources[0], events.Source(
            "arrays", "in memory", {"user": "users", "item": "items"}, [], 1, {}))

    def test_whole_floats_are_integers(self):
        log = self.read("user,item\n1.0,123.0\n2.0,7.5\n")
        self.assertEqual(lines_of(log), [("1", "123.0", None), ("2", "7.5", None)])
        frame = Frame({"user": [1.0, np.nan, 2.0], "item": np.array([123, 7, 7], float)})
        self.assertEqual(lines_of(events.log_of_frame(frame)), [("1", "123", None), ("2", "7", None)])

    def test_files_of_whole_floats_and_of_integers_have_the_same_names(self):
        paths = [self.write("a.csv", "user,item\n1.0,10.0\n"),
                            self.write("b.csv", "user,item\n1,10\n1,11\n")]
        self.assertEqual(events.read_logs(paths)[0].item_names, ["10", "11"])

    @parameterized.parameters(("latin-1", ", invalid UTF-8 as Latin-1"), ("utf-8", ""),
                              ("utf-16", ""))
    def test_encodings_are_detected(self, encoding, reported):
        log = self.read(u"user,item\nK\xf6ln,1\nOrl\xe9,2\n", encoding=encoding)
        self.assertEqual(log.user_names, [u"K\xf6ln", u"Orl\xe9"])
        self.assertEqual(log.sources[0].form, "CSV with a header" + reported)

    def test_encoding_option_is_used(self):
        path = self.write("e.csv", u"user,item\n\u0416,1\nx,2\n", "koi8-r")
        self.assertEqual(events.read_log(path, roles.Options(
            encoding="koi8-r")).user_names, [u"\u0416", "x"])
        with self.assertRaisesRegex(checks.InputError, "e.csv: line 2: wanted ascii text, got byte 0x"):
            events.read_log(path, roles.Options(encoding="ascii"))

    def test_json_lines_are_read(self):
        log = self.read('{"reviewerID": "A", "asin": "B", "unixReviewTime": 1388534400, "overall": '
                        '5.0}\n'
                        '{"reviewerID": "A", "asin": 7, "unixReviewTime": null}\n'
                        '{"reviewerID": "C", "asin": 7.0, "unixReviewTime": "1388534401", "overall": '
                        '1}\n')
        self.assertEqual(lines_of(log), [("A", "B", 1388534400), ("C", "7.0", 1388534401)])
        self.assertEqual(log.sources[0].form, "JSON Lines, times in seconds")
        self.assertEqual(log.sources[0].ignored, ["overall"])

    def test_netflix_ratings_are_read(self):
        log = self.read("1:\n5,3,2005-09-06\n6,4,2005-09-07\n2:\n5,1,2005-01-02\n")
        self.assertEqual(lines_of(log), [("5", "1", 1125964800),
                         ("6", "1", 1126051200), ("5", "2", 1104624000)])
        log = self.read("1:\n5,3,2005-09-06\n6,4,2005-09-07\n2:\n5,5,2005-01-02\n", min_rating=4)
        self.assertEqual(log.user_names, ["6", "5"])

    def test_mind_histories_come_before_clicked_items(self):
        log = self.read("1\tU1\t11/11/2019 9:05:58 AM\tN1 N2\tN3-1 N4-0\n2\tU2\t11/10/2019 9:00:00 "
                        "AM\tN5\t"
                        "N6-1\n")
        at = [1573463158, 1573376400]
        self.assertEqual(lines_of(log),
                         [("U1", "N1", at[1] - 2), ("U1", "N2", at[1] - 1), ("U1", "N3", at[0]),
                                         ("U2", "N5", at[1] - 2), ("U2", "N6", at[1])])

    def test_lists_of_items_in_a_column(self):
        log = self.read("session_id:token\titem_id_list:token_seq\titem_id:token\n1\t2 3\t4\n",
                        "d.inter")
        self.assertEqual(lines_of(log), [("1", "2", None), ("1", "3", None), ("1", "4", None)])

    def test_times_in_milliseconds_and_in_seconds_of_two_files(self):
        paths = [self.write("a.csv", "user,item,time\n1,a,1500000000000\n"),
                 self.write("b.csv", "user,item,time\n1,b,1500000001\n")]
        log, _ = events.read_logs(paths)
        self.assertEqual(log.times.tolist(), [1500000000, 1500000001])
        self.assertEqual([source.form for source in log.sources], [
            "CSV with a header, times in milliseconds", "CSV with a header, times in seconds"])

    def test_standard_input_is_read(self):
        with mock.patch("sys.stdin", io.TextIOWrapper(io.BytesIO(b"user,item\n1,a\n1,b\n"))):
            log = events.read_log("-")
        self.assertEqual(log.item_names, ["a", "b"])
        self.assertEqual(log.sources[0].name, "-")


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

    def test_one_file_gives_the_same_as_read_log(self):
        path = self.write("a.csv", "user,item,time\n1,a,1\n2,b,2\n")
        log, part = events.read_logs([path])
        self.assertEqual(lines_of(log), lines_of(events.read_log(path)))
        self.assertEqual(part.tolist(), [0, 0])

    def test_times_in_some_files_only_are_refused(self):
        paths = [self.write("with.csv", "user,item,time\n1,a,1\n"),
                 self.write("without.csv", "user,item\n1,b\n")]
        for order in (paths, paths[::-1]):
            with self.assertRaisesRegex(
                    checks.InputError, r"without\.csv: wanted times, as .*with\.csv has them, got none"):
                events.read_logs(order)

    def test_column_missing_in_one_file_is_named(self):
        paths = [self.write("a.csv", "user,item,n\n1,a,1\n"), self.write("b.csv", "user,item\n1,b\n")]
        with self.assertRaisesRegex(checks.InputError, r"b\.csv: wanted one column 'n', got columns "
                                    "'user', 'item'"):
            events.read_logs(paths, numeric=["n"])

    def test_a_single_item_in_all_files_is_refused(self):
        paths = [self.write(name, "user,item\n1,a\n") for name in ("a.csv", "b.csv")]
        with self.assertRaisesRegex(checks.InputError, r"a\.csv, .*b\.csv: wanted at least two differe"):
            events.read_logs(paths)

    def test_no_file_is_an_error(self):
        with self.assertRaisesRegex(checks.InputError, r"read_logs: paths: wanted at least one file"):
            events.read_logs([])


class Series:
    """The part of a pandas.Series that is read."""

    def __init__(self, values):
        self._values = np.asarray(values)

    def to_numpy(self):
        return self._values


class Frame(dict):
    """The part of a pandas.DataFrame that is read."""

    def __init__(self, values):
        super().__init__({name: Series(of_name) for name, of_name in values.items()})
        self.columns = list(self)


FRAMES = [("stub", Frame)] + ([("pandas", pandas.DataFrame)] if pandas else [])


def many_rows(size=3000, seed=1):
    """Return {column: values} of random rows; some have no category."""
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
    def test_log_equals_that_of_a_file_with_the_same_rows(self, seed):
        rows = many_rows(seed=seed)
        wanted = events.read_log(self.csv(rows), categorical=["kind"], numeric=["price", "rating"])
        further = dict(categorical={"kind": rows["kind"]},
                       numeric={"price": rows["price"], "rating": rows["rating"]})
        for kind in (np.asarray, list, tuple):
            self.assert_same(events.log_of_arrays(kind(rows["user_id"]), kind(rows["item"]),
                                                  kind(rows["timestamp"]), **further), wanted)

    def test_values_equal_those_by_hand(self):
        log = events.log_of_arrays([7, 7, "bob"], ["b", " a ", "b"])
        self.assertEqual(lines_of(log), [("7", "b", None), ("7", "a", None), ("bob", "b", None)])
        self.assertEqual(log.columns, {})
        self.assertEqual(lines_of(events.log_of_arrays([7], ["a"], [3])), [("7", "a", 3.0)])

    def test_times_of_several_kinds(self):
        for times in (np.array(["1970-01-02", "1970-01-01"], "M8[D]"),
                      [datetime.datetime(1970, 1, 2), datetime.date(1970, 1, 1)], [86400, 0.0]):
            self.assertEqual(events.log_of_arrays([1, 2], [1, 2], times).times.tolist(), [86400, 0])

    @parameterized.named_parameters(
        ("empty", dict(users=[], items=[]), "users: wanted at least one event, got 0"),
        ("items", dict(items=[1, 2, 3]), "items: wanted the length of users, 2, got 3"),
        ("times", dict(times=[1]), "times: wanted the length of users, 2, got 1"),
        ("column", dict(numeric={"n": [1]}), "column 'n': wanted the length of users, 2, got 1"),
        ("user", dict(users=[1, b"x"]), r"users\[1\]: wanted a name, got b'x'"),
        ("nothing", dict(items=[float("nan"), None]),
         "users: wanted at least one event, got 'none of 2 rows: item missing 2'"),
        ("time", dict(times=[1, float("inf")]), r"times\[1\]: wanted a number, got inf"),
        ("time_in_words", dict(times=["2020-01-01", "noon"]),
         r"times\[1\]: wanted a number or an ISO 8601 time, got 'noon'"),
        ("number", dict(numeric={"n": [1, "x"]}), r"column 'n'\[1\]: wanted a number of float32, got"),
        ("twice", dict(numeric={"n": [1, 2]}, categorical={"n": [1, 2]}),
         r"categorical, numeric: wanted each column once, got \['n'\]"),
        ("type", dict(integer={"n": [1, 2]}), "columns: wanted one of categorical, numeric, got 'integ"),
        ("text", dict(users="ab"), "users: wanted a sequence or an array, got 'ab'"))
    def test_invalid_value_is_named_with_its_position(self, changed, message):
        with self.assertRaisesRegex(checks.InputError, "^log_of_arrays: " + message):
            events.log_of_arrays(**dict(dict(users=[1, 2], items=[3, 4]), **changed))


class LogOfFrameTest(PythonCase):

    @parameterized.named_parameters(*FRAMES)
    def test_log_equals_that_of_a_file_with_the_same_rows(self, frame):
        rows = many_rows()
        wanted = events.read_log(self.csv(rows), categorical=["kind"], numeric=["rating"])
        log = events.log_of_frame(frame(rows), categorical=["kind"], numeric=["rating"])
        self.assert_same(log, wanted)
        log = events.log_of_frame(frame(rows), roles.Options(time_column="_"))
        self.assert_same(log, wanted._replace(times=None, columns={}))

    @parameterized.named_parameters(*FRAMES)
    def test_columns_are_found_by_name(self, frame):
        rows = frame({"who": ["a", "b"], "user": ["c", "d"], "what": [1, 2], "Movie-ID": [3, 4],
                      "when": np.array(["1970-01-02", "1970-01-03"], "M8[ns]")})
        named = roles.Options(user_column="who", item_column="what", time_column="when")
        self.assertEqual(lines_of(events.log_of_frame(rows, named)),
                         [("a", "1", 86400.0), ("b", "2", 172800.0)])
        self.assertEqual(lines_of(events.log_of_frame(rows)), [("c", "3", None), ("d", "4", None)])

    @parameterized.named_parameters(*FRAMES)
    def test_invalid_frame_is_named(self, frame):
        rows = {"user": ["a", "b"], "item": [1, 2], "date": ["noon", "night"]}
        for named, asked, values, message in (
                ({}, {}, rows, r"column 'date'\[0\]: wanted a number or an ISO 8601 time, got 'noon'"),
                ({"user_column": "who"}, {}, rows,
                 r"user_column: wanted one column 'who', got \['user', 'item', 'date'\]"),
                ({"time_column": "when"}, {}, rows, "time_column: wanted one column 'when'"),
                ({}, {"numeric": ["n"]}, rows, "columns: wanted one column 'n', got"),
                ({"min_rating": 3}, {}, rows, ": wanted a column for --min_rating .--rating_column"),
                ({"events_kept": ["a"]}, {}, rows,
                 ": wanted a column for --events_kept .--event_column"),
                ({}, {}, {"user": [1]},
                 r"item_column: wanted a column for the item \(itemid, .*got \['user"),
                ({}, {}, {name: [] for name in rows},
                 "column 'user': wanted at least one event, got 0")):
            with self.assertRaisesRegex(checks.InputError, "^log_of_frame: ?" + message.lstrip(": ")):
                events.log_of_frame(frame(values), roles.Options(**named), **asked)

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
        log = events.log_of_frame(frame)
        self.assertEqual(lines_of(log), [("a", "1", 0.0), ("a", "1", 1.5)])
        self.assertEqual(log.sources[0].left_out, {"item missing": 1})
        frame = frame.assign(item=1, time=pandas.to_datetime(["2020-01-01", None, "2020-01-02"]))
        self.assertEqual(events.log_of_frame(frame).sources[0].left_out, {"time missing": 1})


class MergeLogsTest(PythonCase):

    def test_log_equals_that_of_files_with_the_same_rows(self):
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

    def test_texts_for_missing_values_stay_names(self):
        logs = [events.log_of_arrays(["NA", "u"], ["nan", "b"],
                                     options=roles.Options(keep_missing=True),
                                     categorical={"c": ["None", None]})] * 2
        log, _ = events.merge_logs(logs)
        self.assertEqual(lines_of(log), lines_of(logs[0]) * 2)
        self.assertEqual(log.columns["c"].values.tolist(), [1, 0, 1, 0])

    def test_weights_and_sources_are_concatenated(self):
        plain = events.log_of_arrays([1], [2])
        weighted = plain._replace(weights=np.float32([3]))
        self.assertEqual(events.merge_logs([plain, weighted])[0].weights.tolist(), [1, 3])
        self.assertIsNone(events.merge_logs([plain, plain])[0].weights)
        self.assertEqual(events.merge_logs([plain, weighted])[0].sources, plain.sources * 2)

    def test_logs_that_do_not_fit_are_refused(self):
        plain = events.log_of_arrays([1, 2], [1, 2])
        timed = plain._replace(times=np.zeros(2))
        kind, number = (events.log_of_arrays([1, 2], [1, 2], **{role: {"n": [1, 2]}})
                        for role in ("categorical", "numeric"))
        for logs, message in (
                ([], "logs: wanted at least one log, got 0"),
                ([plain, timed], r"logs\[1\]: wanted events without times, like logs\[0\], got"),
                ([timed, timed, plain], r"logs\[2\]: wanted events with times, .*got 'events without"),
                ([plain, kind], r"logs\[1\]: wanted the columns of logs\[0\], none, got"),
                ([kind, number], r"logs\[1\]: wanted the columns of logs\[0\], 'n' .categorical., got"
                 r".*numeric")):
            with self.assertRaisesRegex(checks.InputError, "^merge_logs: " + message):
                events.merge_logs(logs)


if __name__ == "__main__":
    absltest.main()
