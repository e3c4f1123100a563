"""Tests of times: units, dates, zones and missing values."""
import datetime
import math
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.recsys import times

UTC = datetime.timezone.utc


def seconds_of(*parts):
    return datetime.datetime(*parts, tzinfo=UTC).timestamp()


def read(texts, **options):
    column = times.Column(**options)
    return column.seconds(column.read(texts))


class ParseTest(parameterized.TestCase):

    @parameterized.parameters(
        ("2018-09-20", (2018, 9, 20)), ("2018/9/20", (2018, 9, 20)), ("20180920", (2018, 9, 20)),
        ("2018-09-20 12:30:05", (2018, 9, 20, 12, 30, 5)), (" 2018-09-20T12:30 ", (2018, 9, 20, 12, 30)),
        ("2018-09-20 12:00:00 UTC", (2018, 9, 20, 12)),
        ("2014-04-07T10:51:09.277Z", (2014, 4, 7, 10, 51, 9,
                                                                                     277000)),
        ("2018-09-20T12:00:00+02:00", (2018, 9, 20, 10)),
        ("2018-09-20 12:00-0530", (2018, 9, 20, 17, 30)),
        ("20180920T120000Z", (2018, 9, 20, 12)),
        ("2018-09-20T12:00:00,5+02", (2018, 9, 20, 10, 0, 0, 500000)),
        ("Sun Jul 30 07:44:10 -0700 2017", (2017, 7, 30, 14, 44, 10)), ("2016-02-29", (2016, 2, 29)),
        ("1537444800", (2018, 9, 20, 12)), ("1537444800000", (2018, 9, 20, 12)),
        ("1537444800000000", (2018, 9, 20, 12)), ("1.5374448e18", (2018, 9, 20, 12)))
    def test_a_time_is_seconds_since_1970(self, text, parts):
        self.assertAlmostEqual(times.parse(text), seconds_of(*parts), places=3)

    def test_small_numbers_are_seconds(self):
        self.assertEqual([times.parse(text) for text in ("0", "-5", "0.25", "99999999")],
                         [0, -5, .25, 99999999])

    @parameterized.parameters(
        "", "noon", "nan", "inf", "2018-13-01", "2018-02-30", "2017-02-29", "2018-9", "31/12/2018",
        "2018-09-20T25:00", "2018-09-20T12:61", "2018-09-20T12:00+25:00", "2018-09-20x", "2018920T1200",
        "Sun Foo 30 07:44:10 -0700 2017", "0000-00-00", "٢٠١٨-09-20", "11/15/2019 8:55:22 AM")
    def test_other_text_is_an_error(self, text):
        with self.assertRaises(ValueError):
            times.parse(text)


class ColumnTest(parameterized.TestCase):

    @parameterized.parameters(
        (1, "seconds"), (1e3, "milliseconds"), (1e6, "microseconds"), (1e9, "nanoseconds"))
    def test_the_unit_follows_from_the_magnitude(self, factor, unit):
        texts = ["%d" % (second * factor)
                         for second in (1500000000, 1400000000, 1600000000)] + ["NA", "0"]
        seconds, form = read(texts)
        np.testing.assert_array_equal(seconds, [1.5e9, 1.4e9, 1.6e9, np.nan, 0])
        self.assertEqual(form, "times in " + unit)

    def test_numbers_may_be_dates(self):
        seconds, form = read(["20180920", "", "20161231"])
        np.testing.assert_array_equal(seconds, [seconds_of(
            2018, 9, 20), np.nan, seconds_of(2016, 12, 31)])
        self.assertEqual(form, "times as YYYYMMDD")
        for texts in (["20180920", "20181320"], ["20180920", "20180920.5"], ["20180920", "0"]):
            self.assertEqual(read(texts)[1], "times in seconds")

    @parameterized.named_parameters(
        ("dates", ["2018-09-20", "1969-12-31", "2000-02-29"]),
        ("blank", ["2018-09-20 12:13:14", "1969-12-31 23:59:59", "1900-03-01 00:00:00"]),
        ("z", ["2018-09-20T12:13:14Z", "1969-12-31T23:59:59Z"]),
        ("fraction", ["2018-09-20T12:13:14.125Z", "1969-12-31T23:59:59.999Z"]),
        ("other_lengths", ["2018-09-20T12:13:14.5Z", "2018-09-20", "2018-09-20T12:13"]),
        ("zones", ["2018-09-20T12:13:14+02:00", "2018-09-20T12:13:14-02:00"]),
        ("with_missing", ["", "2018-09-20", "NA"]),
        ("missing_first", ["", ""]))
    def test_column_of_dates_equals_single_dates(self, texts):
        wanted = [times.parse(text) if text not in ("", "NA") else math.nan for text in texts]
        np.testing.assert_allclose(read(texts)[0], wanted, rtol=0, atol=1e-5)

    def test_random_dates_equal_datetime(self):
        random = np.random.RandomState(1)
        stamps = [datetime.datetime(1600, 1, 1) + datetime.timedelta(seconds=int(second))
                  for second in random.randint(0, 1 << 34, 2000)]
        wanted = [stamp.replace(tzinfo=UTC).timestamp() for stamp in stamps]
        np.testing.assert_array_equal(read([stamp.isoformat() for stamp in stamps])[0], wanted)
        np.testing.assert_array_equal(
            read([stamp.isoformat() + "+00:00" for stamp in stamps])[0], wanted)

    def test_fast_and_slow_parsers_refuse_the_same_texts(self):
        for text in ("2018-02-30", "2018-13-01", "2018-00-01", "2018-01-00", "2018-01-01 24:00:00",
                     "2018-01-01 10:60:00", "2018-01-01x10:00:00", "2018-01-0a", "0000-01-01"):
            for texts in ([text], ["2018-01-01"[:len(text)], text], ["", text]):
                with self.assertRaises(ValueError, msg=texts):
                    column = times.Column()
                    column.read(["2018-01-01"])
                    column.read(texts)

    def test_kinds_do_not_mix(self):
        for first, second in ((["7"], ["2018-01-01"]), (["2018-01-01"], ["7"]), (["", "7"], ["noon"]),
                              (["2018-01-01", "7"], [])):
            column = times.Column()
            with self.assertRaises(ValueError):
                column.read(first)
                column.read(second)

    def test_missing_times_alone_fix_no_kind(self):
        column = times.Column()
        np.testing.assert_array_equal(column.read(["", "NA", "nan"]), [np.nan] * 3)
        np.testing.assert_array_equal(column.read(
            ["2018-01-01", "NaN"]), [seconds_of(2018, 1, 1), np.nan])

    def test_month_first_times_are_read(self):
        seconds, _ = read(["11/15/2019 8:55:22 AM", "1/2/2019 12:00:00 PM", "1/2/2019 12:00:01 AM"],
                          month_first=True)
        self.assertEqual(seconds.tolist(),
                         [seconds_of(2019, 11, 15, 8, 55, 22), seconds_of(2019, 1, 2, 12),
                                            seconds_of(2019, 1, 2, 0, 0, 1)])
        with self.assertRaises(ValueError):
            read(["15/11/2019 8:55:22 AM"], month_first=True)

    def test_the_cache_is_bounded(self):
        column = times.Column()
        with mock.patch.object(times, "_MOST_CACHED", 10):
            for day in range(1, 29):
                column.read(["2018-01-%d" % day, "2018-1-%02d 01:00+01:00" % day])
                self.assertLess(len(column._cache), 14)


class OfValuesTest(parameterized.TestCase):

    @parameterized.named_parameters(
        ("numbers", np.array([1.5e12, np.nan]), [1.5e9, np.nan], "times in milliseconds"),
        ("list", [1500000000, 0], [1.5e9, 0], "times in seconds"),
        ("texts", ["2018-09-20", None], [seconds_of(2018, 9, 20), np.nan], "times as dates"),
        ("texts_of_numbers", ["1500000000000", ""], [1.5e9, np.nan], "times in milliseconds"),
        ("datetimes", [datetime.datetime(1970, 8, 19, tzinfo=UTC), None], [19872000, np.nan],
         "times as dates"),
        ("array_of_dates", np.array(["1970-08-19"], "M8[D]"), [19872000], "times as dates"))
    def test_values_become_seconds(self, values, wanted, form):
        seconds, found = times.of_values("f", "x", values)
        np.testing.assert_array_equal(seconds, wanted)
        self.assertEqual(found, form)

    def test_invalid_time_is_named(self):
        with self.assertRaisesRegex(checks.InputError,
                                    r"^f: x\[2\]: wanted a number or an ISO 8601 time, "
                                    "got 'noon'"):
            times.of_values("f", "x", ["2018-01-01", "", "noon"])

    def test_history_times_come_right_before_all_others(self):
        np.testing.assert_array_equal(times.after_histories(np.array([0, 1.6e9, 1, 1.5e9])),
                                      [1.5e9 - 2, 1.6e9, 1.5e9 - 1, 1.5e9])
        for values in ([1.5e9], [0, 1.0]):
            np.testing.assert_array_equal(times.after_histories(np.array(values)), values)


if __name__ == "__main__":
    absltest.main()
