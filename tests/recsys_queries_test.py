"""Tests of the checks of questions: valid values, and the messages for invalid ones."""
import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.recsys import queries

_MOST = 1000
_LONG = "n" * _MOST


class Case(parameterized.TestCase):

    def assert_refused(self, message, function, *arguments):
        with self.assertRaises(checks.InputError) as caught:
            function(*arguments)
        self.assertEqual(message, str(caught.exception))


class WordingTest(Case):

    @parameterized.parameters(
        ("alien", '"alien"'), (None, "null"), (True, "true"), ([1.5, "é"], '[1.5, "é"]'),
        (float("nan"), "NaN"), ({"a": 1}, '{"a": 1}'), (b"a", '"b\'a\'"'),
        ("x" * 78, '"%s"' % ("x" * 78)), ("x" * 79, '"%s...' % ("x" * 59)), ({(1, 2): 3}, "{(1, 2): 3}"))
    def test_values_are_json(self, value, shown):
        self.assertEqual("k: wanted more, got " + shown, queries.wrong("k", "more", value))

    def test_list_in_itself_is_shown(self):
        value = []
        value.append(value)
        self.assertEqual("k: wanted more, got [[...]]", queries.wrong("k", "more", value))

    def test_want_raises_unless_the_condition_holds(self):
        queries.want(True, "k", "more", 1)
        self.assert_refused("k: wanted more, got 1", queries.want, False, "k", "more", 1)


class NamesTest(Case):

    @parameterized.parameters(
        ([],), (["a", "é", _LONG],), (("a", "b"),), (np.array(["a", "b"]),),
        (np.array(["a", "b"], object),))
    def test_names_become_a_list(self, names):
        for longest in (None, _MOST):
            self.assertEqual([str(name) for name in names],
                             queries.check_names("items", names, longest))

    def test_none_means_no_names(self):
        self.assertEqual([], queries.check_names("items", None))

    @parameterized.parameters(
        ("a", 'a list of names, got "a"'), ({"a": 1}, 'a list of names, got {"a": 1}'),
        (3, "a list of names, got 3"), (np.array("a"), 'a list of names, got "a"'),
        (["a", 3.5], "names of 1 to 1000 characters, got 3.5"),
        ([""], 'names of 1 to 1000 characters, got ""'),
        ([_LONG + "n"], 'names of 1 to 1000 characters, got "%s...' % ("n" * 59)),
        (["\udfff"], 'names of 1 to 1000 characters, got "\\udfff"'))
    def test_invalid_values_are_refused(self, names, message):
        self.assert_refused("seen: wanted " + message, queries.check_names, "seen", names, _MOST)

    def test_length_is_unlimited_by_default(self):
        self.assertEqual([_LONG + "n"], queries.check_names("items", [_LONG + "n"]))
        for name, shown in (("", '""'), (3.5, "3.5"), ("\ud800", '"\\ud800"')):
            self.assert_refused("items: wanted names of at least 1 character, got " + shown,
                                queries.check_names, "items", [name])


class NumberTest(Case):

    def test_integers_are_names(self):
        for value, wanted in ((7, "7"), (np.int64(-3), "-3"), ("x", "x"), (True, True), (1.5, 1.5)):
            self.assertEqual(wanted, queries.as_name(value))
        self.assertEqual(["1", "2571", "a"], queries.check_names("items", [1, np.int32(2571), "a"]))
        self.assertEqual("12", queries.check_name("user", 12))

    def test_name_is_checked(self):
        self.assertEqual("", queries.check_name("user", "", _MOST, least=0))
        for name, shown in ((3.5, "3.5"), (None, "null"), (True, "true"), ("", '""'),
                            (_LONG + "n", '"%s...' % ("n" * 59))):
            self.assert_refused("user: wanted a name of at most 1000 characters, got " + shown,
                                queries.check_name, "user", name, _MOST)

    def test_too_many_names(self):
        queries.check_names("items", ["a"] * 3, None, 3)
        self.assert_refused("items: wanted at most 3 names, got 4", queries.check_names, "items",
                            ["a"] * 4, None, 3)

    def test_counts_are_integers_above_0(self):
        for value in (1, 5, np.int64(3)):
            queries.check_count("k", value, 5)
            queries.check_count("k", value)
        for value, shown in ((0, "0"), (6, "6"), (True, "true"), (2.0, "2.0"), ("3", '"3"'),
                             (None, "null")):
            self.assert_refused("k: wanted an integer from 1 to 5, got " + shown, queries.check_count,
                                "k", value, 5)
        self.assert_refused("k: wanted an integer above 0, got -1", queries.check_count, "k", -1)

    def test_flags_are_booleans(self):
        for value in (True, False, np.bool_(True)):
            queries.check_flag("repeat", value)
        self.assert_refused("repeat: wanted true or false, got 1", queries.check_flag, "repeat", 1)


class CategoryTest(Case):

    @parameterized.parameters(
        (None, {}), ({}, {}), ({"year": 1995}, {"year": ["1995"]}),
        ({"genres": ["War", "Drama"], "year": ("1995",)},
         {"genres": ["War", "Drama"], "year": ["1995"]}))
    def test_filters_become_lists_of_names(self, category, wanted):
        self.assertEqual(wanted, queries.check_category(category, {"genres": [], "year": []}))

    @parameterized.parameters(
        (["War"], 'category: wanted columns and their values, got ["War"]'),
        ({"x": "War"}, 'category: wanted the columns genres, got "x"'),
        ({"genres": 1.5}, "category: wanted names of 1 to 1000 characters, got 1.5"),
        ({"genres": ["a"] * 4}, "category: wanted at most 3 names, got 4"))
    def test_invalid_values_are_refused(self, category, message):
        self.assert_refused(message, queries.check_category, category, {"genres": []}, _MOST, 3)

    def test_filters_are_refused_for_items_without_categories(self):
        self.assert_refused('category: wanted no columns, as the items have none, got "x"',
                            queries.check_category, {"x": "War"}, {})


class ContextTest(Case):

    columns = {"mood": "string", "shift": "number"}

    @parameterized.parameters(
        ("", 0), (_LONG, -3.5), ("é", 3.4e38), ("a", np.float32(1)), ("a", np.int64(1)))
    def test_values_are_accepted(self, mood, shift):
        context = {"shift": shift, "mood": mood}
        self.assertEqual(context, queries.check_context(context, self.columns, _MOST))

    def test_length_is_unlimited_by_default(self):
        context = {"shift": 0, "mood": _LONG + "n"}
        self.assertEqual(context, queries.check_context(context, self.columns))
        self.assert_refused("mood: wanted a string, got 3.5", queries.check_context,
                            {"shift": 0, "mood": 3.5}, self.columns)

    def test_an_integer_is_text_in_a_column_of_text(self):
        self.assertEqual({"mood": "3"}, queries.check_context({"mood": 3}, self.columns))

    def test_each_column_needs_a_value(self):
        queries.check_complete({"mood": "", "shift": None}, self.columns)
        for context, message in (({}, "context: wanted a value for the column mood, got []"),
                                 ({"mood": ""}, 'context: wanted a value for the column shift, got '
                                                '["mood"]')):
            self.assert_refused(message, queries.check_complete, context, self.columns)

    def test_a_number_may_be_missing(self):
        for value in (None, float("nan")):
            context = {"mood": "", "shift": value}
            self.assertEqual(queries.check_context(context, self.columns, _MOST), context)

    def test_none_is_valid_without_columns(self):
        self.assertEqual({}, queries.check_context(None, {}))

    @parameterized.parameters(
        ([], "context: wanted columns and their values, got []"),
        ({"mood": "", "shift": 1, "x": 1}, 'context: wanted the columns mood, shift, got "x"'),
        ({"mood": 3.5, "shift": 1}, "mood: wanted a string of at most 1000 characters, got 3.5"),
        ({"mood": _LONG + "n", "shift": 1},
         'mood: wanted a string of at most 1000 characters, got "%s...' % ("n" * 59)),
        ({"mood": "", "shift": "1"}, 'shift: wanted a number, got "1"'),
        ({"mood": "", "shift": True}, "shift: wanted a number, got true"),
        ({"mood": "", "shift": np.bool_(True)}, 'shift: wanted a number, got "%r"' % np.bool_(True)),
        ({"mood": "", "shift": float("inf")}, "shift: wanted a number, got Infinity"),
        ({"mood": "", "shift": -1e39}, "shift: wanted a number, got -1e+39"),
        ({"mood": "", "shift": 10 ** 400}, "shift: wanted a number, got 1%s..." % ("0" * 59)))
    def test_invalid_values_are_refused(self, context, message):
        self.assert_refused(message, queries.check_context, context, self.columns, _MOST)

    def test_columns_are_refused_by_a_model_without_any(self):
        self.assert_refused('context: wanted no columns, got "mood"', queries.check_context,
                            {"mood": "far"}, {})


if __name__ == "__main__":
    absltest.main()
