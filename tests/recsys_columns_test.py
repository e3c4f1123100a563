"""Tests of column types: the contract of all, and the values of each."""
import inspect

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.recsys import columns

CELLS = {"categorical": ["a", " b ", "", "a"], "numeric": ["1", " 2.5", "-3e2", "1"]}
WRONG = {"categorical": [], "numeric": ["x", "inf", "1e39"]}
MISSING = {"categorical": (0, ""), "numeric": (np.nan, None)}  # the value, and its form in a request
VALUES = {"categorical": ["a", "b", None, "a"], "numeric": [1, 2.5, -300, 1]}
OTHERS = {"categorical": ["c", "b"], "numeric": [7, 8]}
EACH = parameterized.named_parameters(*[(name, name) for name in sorted(columns.TYPES)])


class ContractTest(parameterized.TestCase):

    @EACH
    def test_type_has_all_attributes_of_the_contract(self, name):
        kind = columns.TYPES[name]
        for part, of_base in inspect.getmembers(columns.ColumnType, callable):
            if not part.startswith("__"):
                self.assertNotEqual(getattr(kind, part), of_base, part)
        self.assertIn(kind.asked_as, ("string", "number"))
        self.assertEqual(columns.asked_as(kind.serving_dtype), kind.asked_as)

    @EACH
    def test_cells_of_files_equal_values_in_python(self, name):
        kind = columns.TYPES[name]
        reader = kind.reader()
        read = reader.read(CELLS[name])
        column = kind.of_array("f", "x", VALUES[name])
        np.testing.assert_array_equal(read, column.values)
        self.assertEqual(column.values.dtype, kind.dtype)
        self.assertEqual(reader.kind(), column.kind)
        self.assertEqual(read.dtype, kind.dtype)

    @EACH
    def test_merged_columns_equal_one_column(self, name):
        kind = columns.TYPES[name]
        parts = [kind.of_array("f", "x", values) for values in (VALUES[name], OTHERS[name])]
        wanted = kind.of_array("f", "x", VALUES[name] + OTHERS[name])
        got = kind.merged(parts)
        self.assertEqual(got.kind, wanted.kind)
        np.testing.assert_array_equal(got.values, wanted.values)
        self.assertEqual(got.values.dtype, kind.dtype)

    @EACH
    def test_request_value_equals_the_cell(self, name):
        kind = columns.TYPES[name]
        column = kind.of_array("f", "x", VALUES[name])
        asked = [column.kind.asked(value) for value in column.values]
        self.assertEqual(asked, [kind.value(cell) for cell in CELLS[name]])
        self.assertEqual(set(map(type, asked)), {str if kind.asked_as == "string" else float})

    @EACH
    def test_invalid_cells_are_refused(self, name):
        for cell in WRONG[name]:
            for read in (columns.TYPES[name].value,
                         lambda cell: columns.TYPES[name].reader().read(["1", cell])):
                with self.assertRaises(ValueError, msg=cell):
                    read(cell)

    @EACH
    def test_missing_values_are_read(self, name):
        kind, (value, asked) = columns.TYPES[name], MISSING[name]
        for cell in ("", " ", "NA", "nan", "null", "\\N"):
            np.testing.assert_array_equal(kind.reader().read([cell]), [value])
        column = kind.of_array("f", "x", [None, float("nan"), "NA", ""])
        np.testing.assert_array_equal(column.values, [value] * 4)
        self.assertEqual([column.kind.asked(one) for one in column.values], [asked] * 4)
        self.assertIsInstance(column.kind.fitted(column.values), kind)

    @EACH
    def test_each_row_has_a_name(self, name):
        kind = columns.TYPES[name]
        column = kind.of_array("f", "x", VALUES[name])
        fitted = column.kind.fitted(column.values)
        self.assertIsInstance(fitted, kind)
        if fitted.row_names is not None:
            self.assertLen(fitted.row_names, fitted.num_rows)
        self.assertEqual(columns.row_names({"x": fitted}),
                         {} if fitted.row_names is None else {"x": fitted.row_names})


class TypesTest(parameterized.TestCase):

    def test_categories_by_hand(self):
        column = columns.Categorical.of_array("f", "x", ["b", "a", "", None, "b"])
        self.assertEqual(column.kind.categories, ["", "b", "a"])
        self.assertEqual(column.values.tolist(), [1, 2, 0, 0, 1])
        self.assertIs(column.kind.fitted(column.values), column.kind)
        self.assertEqual(columns.Categorical.value(" b "), "b")

    def test_numbers_by_hand(self):
        column = columns.Numeric.of_array("f", "x", [1, 3])
        self.assertEqual(column.kind, columns.Numeric(0.0, 1.0))
        self.assertEqual(column.kind.fitted(column.values), columns.Numeric(2.0, 1.0))
        self.assertEqual(column.kind.fitted(np.float32([7, 7])), columns.Numeric(7.0, 1.0))
        self.assertEqual(column.kind.fitted(np.float32([0, 8])), columns.Numeric(4.0, 4.0))
        self.assertEqual(column.kind.fitted(np.float32([0, np.nan, 8])), columns.Numeric(4.0, 4.0))
        self.assertEqual(column.kind.fitted(np.float32([np.nan])), columns.Numeric(0.0, 1.0))
        self.assertEqual(columns.Numeric.value(" 2 "), 2.0)

    def test_texts_for_missing_values_may_be_names(self):
        self.assertEqual(columns.Categorical.reader(
            frozenset()).read(["NA", "", "x"]).tolist(), [1, 0, 2])
        column = columns.Categorical.of_array("f", "x", ["NA", None], frozenset())
        self.assertEqual((column.values.tolist(), column.kind.categories), ([1, 0], ["", "NA"]))

    def test_texts_become_numbers(self):
        np.testing.assert_array_equal(columns.read_numbers(
            ["1", " 2.5", "NA", "-3e2"]), [1, 2.5, np.nan, -300])
        for text in ("x", "inf", "1e400"):
            with self.assertRaises(ValueError):
                columns.read_numbers(["1", text])

    @parameterized.parameters((1e39,), ("1",))
    def test_numbers_beyond_float32_are_refused(self, value):
        with self.assertRaisesRegex(checks.InputError, r"f: x\[1\]: wanted a number of float32, got"):
            columns.Numeric.of_array("f", "x", [1, value])

    def test_request_types_follow_from_serving_types(self):
        self.assertEqual([columns.asked_as(dtype) for dtype in ("string", "float32")],
                         ["string", "number"])
        with self.assertRaisesRegex(checks.InputError, "^asked_as: serving_dtype: wanted one of float3"):
            columns.asked_as("int64")


class TypedTest(absltest.TestCase):

    def test_columns_in_the_order_of_types(self):
        got = columns.typed("f", {"numeric": ["a"], "categorical": {"c": 1, "b": 2}})
        self.assertEqual(list(got.items()), [("c", columns.Categorical), ("b", columns.Categorical),
                                             ("a", columns.Numeric)])
        self.assertEqual(columns.typed("f", {}), {})

    def test_invalid_columns_are_refused(self):
        for names, message in (
                ({"categorical": "ab"}, "categorical: wanted a list of column names, got 'ab'"),
                ({"integer": ["a"]}, "columns: wanted one of categorical, numeric, got 'integer'"),
                ({"categorical": ["a"], "numeric": ["a"]},
                 r"categorical, numeric: wanted each column once, got \['a'\]")):
            with self.assertRaisesRegex(checks.InputError, "^f: " + message):
                columns.typed("f", names)


if __name__ == "__main__":
    absltest.main()
