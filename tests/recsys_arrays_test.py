"""Tests of names and numbers in Python: each kind of array gives the same as single values."""
import datetime
import decimal

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.recsys import arrays

NAN, NAT = float("nan"), np.datetime64("NaT")


class NAType:
    """A value like pandas.NA: its comparisons are neither true nor false."""

    def __eq__(self, other):
        return self

    __ne__ = __eq__
    __hash__ = None

    def __bool__(self):
        raise TypeError("ambiguous")


class ToNumpy:
    """A series like that of pandas: only an array gives its contents."""

    def __init__(self, values):
        self._values = np.asarray(values)

    def to_numpy(self):
        return self._values


class NumberingTest(absltest.TestCase):

    def test_names_have_ids_in_the_order_of_appearance(self):
        numbering = arrays.Numbering(["", "a"])
        self.assertEqual([numbering[text] for text in ("c", "a", " c ", "b", " ")], [2, 1, 2, 3, 0])
        self.assertEqual(numbering.names, ["", "a", "c", "b"])

    def test_missing_names_have_one_id(self):
        texts = ["", " ", "NA", "N/A", " nan ", "NaN", "null", "None", "\\N", "NULL", "<NA>"]
        self.assertEqual({arrays.Numbering()[text] for text in texts}, {arrays.NO_ID})
        self.assertEqual({arrays.Numbering(["x", ""])[text] for text in texts}, {1})
        kept = arrays.Numbering(missing=frozenset())
        self.assertEqual([kept[text] for text in ("NA", " ", "NA", "null")], [0, arrays.NO_ID, 0, 1])
        self.assertEqual(kept.names, ["NA", "null"])

    def test_whole_floats_become_integers_if_all_are_whole(self):
        self.assertEqual(arrays.whole_names(["123.0", "-7.00"]), ["123", "-7"])
        for names in (["123.0", "7"], ["1.5", "2.0"], ["1.0", "1.00"], ["a.0"], ["1.0 ", "2.0"], []):
            self.assertEqual(arrays.whole_names(names), names)


class NameIdsTest(parameterized.TestCase):

    @parameterized.named_parameters(
        ("strings", ["b", "a", " b", "c"], ["b", "a", "c"]),
        ("array_of_strings", np.array(["b", "a", "b ", "c"]), ["b", "a", "c"]),
        ("integers", [7, -1, 7, 3], ["7", "-1", "3"]),
        ("array_of_integers", np.array([7, -1, 7, 3], np.int16), ["7", "-1", "3"]),
        ("unsigned", np.array([2 ** 64 - 1, 1, 2 ** 64 - 1, 0], np.uint64),
         [str(2 ** 64 - 1), "1", "0"]),
        ("array_of_floats", np.array([7.5, 1, 7.5, 0.1], np.float32), ["7.5", "1.0", "0.1"]),
        ("equal_values_of_two_types", [1, True, 1, 1.0], ["1", "True", "1.0"]),
        ("objects", np.array([5, "a", 5, "b"], object), ["5", "a", "b"]),
        ("pandas", ToNumpy([5, 2, 5, 0]), ["5", "2", "0"]),
        ("days", np.array(["2020-01-02", "2020-01-01", "2020-01-02", "2021-01-01"], "M8[D]"),
         ["2020-01-02", "2020-01-01", "2021-01-01"]))
    def test_names_are_the_text_of_values(self, values, names):
        numbering = arrays.Numbering()
        ids = arrays.name_ids("f", "x", values, numbering)
        self.assertEqual(ids.tolist(), [0, 1, 0, 2])
        self.assertEqual(ids.dtype, np.int32)
        self.assertEqual(numbering.names, names)

    def test_numbering_continues_over_several_arrays(self):
        numbering = arrays.Numbering()
        arrays.name_ids("f", "x", ["a", "7"], numbering)
        self.assertEqual(arrays.name_ids("f", "x", np.array([8, 7]), numbering).tolist(), [2, 1])
        self.assertEqual(arrays.name_ids("f", "x", [], numbering).tolist(), [])
        self.assertEqual(arrays.name_ids("f", "x", np.zeros(0, np.int64), numbering).tolist(), [])

    def test_random_arrays_are_numbered_like_lists(self):
        random = np.random.RandomState(1)
        for values in (random.randint(-50, 50, 1000), random.randint(0, 10 ** 12, 1000),
                       random.rand(1000).round(1)):
            of_array, of_list = arrays.Numbering(), arrays.Numbering()
            ids = arrays.name_ids("f", "x", values, of_array)
            texts = [str(value) for value in values.tolist()]
            np.testing.assert_array_equal(ids, arrays.name_ids("f", "x", texts, of_list))
            self.assertEqual(of_array.names, of_list.names)

    @parameterized.named_parameters(
        ("none", ["a", None]), ("nan", ["a", NAN]), ("float_array", np.array([1, NAN])),
        ("empty", ["a", ""]), ("blank", np.array(["a", " "])), ("nat", [0, NAT]),
        ("array_of_times", np.array(["2020", "NaT"], "M8[s]")), ("text", ["a", "NA"]),
        ("na", ["a", NAType()]))
    def test_missing_names_have_no_id(self, values):
        ids = arrays.name_ids("f", "x", values, arrays.Numbering())
        self.assertEqual(ids.tolist(), [0, -1])
        ids = arrays.name_ids("f", "x", values, arrays.Numbering([""]))
        self.assertEqual(ids.tolist(), [1, 0])

    def test_bytes_are_not_names(self):
        with self.assertRaisesRegex(checks.InputError, r"^f: x\[1\]: wanted a name, got b'b'$"):
            arrays.name_ids("f", "x", ["a", b"b"], arrays.Numbering())

    def test_names_with_lone_surrogates_are_refused(self):
        with self.assertRaisesRegex(checks.InputError, r"f: x\[2\]: wanted a name of Unicode char"):
            arrays.name_ids("f", "x", ["a", "ü", "\ud800", "b"], arrays.Numbering())

    @parameterized.parameters(("ab", "a sequence or an array, got 'ab'"), (7, "a sequence or an array"),
                              ({"a": 1}, "a sequence or an array"),
                              (np.zeros([2, 3]), r"shape \[N\], got \(2, 3\)"),
                              (np.array("a"), r"shape \[N\], got \(\)"))
    def test_other_values_than_sequences_are_refused(self, values, message):
        for function in (lambda: arrays.name_ids("f", "x", values, arrays.Numbering()),
                         lambda: arrays.numbers("f", "x", values),
                         lambda: arrays.length("f", "x", values)):
            with self.assertRaisesRegex(checks.InputError, "^f: x: wanted " + message):
                function()

    def test_length_of_sequences_and_arrays(self):
        for values in ([1, 2], ("a", "b"), np.zeros(2), ToNumpy([1, 2]), range(2)):
            self.assertEqual(arrays.length("f", "x", values), 2)


class NumbersTest(parameterized.TestCase):

    @parameterized.named_parameters(
        ("list", [1, -2.5], [1, -2.5]), ("integers", np.array([1, 2], np.uint8), [1, 2]),
        ("booleans", np.array([True, False]), [1, 0]), ("objects", np.array([1, 2.5], object), [1, 2.5]),
        ("scalars", [np.float32(0.5), decimal.Decimal("1.5")], [0.5, 1.5]),
        ("pandas", ToNumpy([3, 4]), [3, 4]),
        ("seconds", np.array(["1970-01-01T00:00:01.5", "1969-12-31T23:59:59"], "M8[ns]"), [1.5, -1]),
        ("days", np.array(["1970-01-02", "1970-01-03"], "M8[D]"), [86400, 172800]),
        ("datetimes", [datetime.datetime(1970, 1, 1, 1), datetime.datetime(
            1970, 1, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))], [3600, 0]),
        ("dates", [datetime.date(1970, 1, 2), datetime.date(1969, 12, 31)], [86400, -86400]))
    def test_values_become_numbers(self, values, wanted):
        got = arrays.numbers("f", "x", values)
        self.assertEqual(got.dtype, np.float64)
        self.assertEqual(got.tolist(), wanted)

    @parameterized.parameters(None, NAN, NAT, NAType(), "NA", "")
    def test_missing_numbers_are_nan(self, value):
        np.testing.assert_array_equal(arrays.numbers("f", "x", [1, value]), [1, np.nan])

    @parameterized.parameters("7", float("inf"), 10 ** 400, b"7", "noon", [[1]], 1j)
    def test_values_that_are_not_numbers_are_refused(self, value):
        for values in ([1, value], [1, value, NAN]):
            with self.assertRaisesRegex(checks.InputError, r"^f: x\[1\]: wanted a number, got "):
                arrays.numbers("f", "x", values)

    def test_infinite_numbers_are_refused(self):
        with self.assertRaisesRegex(checks.InputError, r"x\[1\]: wanted a number, got -inf$"):
            arrays.numbers("f", "x", np.array([NAN, -np.inf]))

    def test_missing_times_are_nan(self):
        found = arrays.numbers("f", "x", np.array(["1970-01-02", "NaT"], "M8[s]"))
        np.testing.assert_array_equal(found, [86400, np.nan])

    def test_dates_are_recognised(self):
        for values, wanted in (
                (np.array(["2020"], "M8[s]"), True), ([None, datetime.date(2020, 1, 1)], True),
                (ToNumpy(np.array([datetime.datetime(2020, 1, 1)], object)), True), ([1, 2], False),
                (np.array([1.5]), False), ([None], False)):
            self.assertEqual(arrays.are_dates(values), wanted)

    def test_texts_accepts_only_strings(self):
        self.assertEqual(arrays.texts("f", "x", ["a", None, NAN]), ["a", "", ""])
        for values in ([1, 2], ["a", 1], np.array([1.5]), [None]):
            self.assertIsNone(arrays.texts("f", "x", values))
        self.assertEqual(arrays.as_texts("f", "x", ["a", None, 7]), ["a", "", "7"])

    def test_numbers_above_the_limit_are_refused(self):
        with self.assertRaisesRegex(checks.InputError, r"x\[0\]: wanted a small number, got -11"):
            arrays.numbers("f", "x", [-11, 3], 10, "a small number")


if __name__ == "__main__":
    absltest.main()
