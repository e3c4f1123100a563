"""Tests of the roles of columns: options, column names, weights of event kinds."""
from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.recsys import roles
from tf1_sampled.recsys.roles import Options


class OptionsTest(parameterized.TestCase):

    def check(self, **options):
        def check(condition, name, wanted, got):
            checks.argument(condition, "f", name, wanted, got)
        roles.check_options(Options(**options), check)

    def test_valid_options_pass(self):
        self.check()
        self.check(user_column="a", item_column="b", time_column="_", rating_column="_")
        self.check(columns=["_", "user", "_", "items"], separator="tab", events_kept=["buy:3", "view"])
        for separator in ("comma", "semicolon", "space", "|", "::", ",", ";"):
            self.check(separator=separator)

    @parameterized.parameters(
        (dict(user_column="_"), "user_column: wanted the name of a column, got '_'"),
        (dict(user_column="a", item_column="a"), "user_column: wanted a separate column, got 'a'"),
        (dict(columns=["user", "x"]), "columns: wanted user and item among them"),
        (dict(columns=["user", "item", "x", "x"]), "columns: wanted each name once"),
        (dict(columns=["user", "item", ""]), "columns: wanted each name once"),
        (dict(columns=["user", "item"], time_column="x"),
         "columns: wanted no names of header columns with it"),
        (dict(separator="x"), "separator: wanted one of comma semicolon space tab"),
        (dict(events_kept=["buy:0"]), "events_kept: wanted kinds with weights above 0, such as buy:3"),
        (dict(events_kept=["buy:x"]), "events_kept: "), (dict(
            events_kept=["buy", "buy:2"]), "events_kept: "),
        (dict(events_kept=[":2"]), "events_kept: "), (dict(events_kept=["buy:nan"]), "events_kept: "))
    def test_invalid_options_are_refused(self, options, message):
        with self.assertRaisesRegex(checks.InputError, "^f: " + message):
            self.check(**options)

    def test_event_kinds_have_weights(self):
        self.assertEqual(roles.kind_weights(["buy:3", " view ", "a:b:0.5"]),
                         {"buy": 3.0, "view": 1.0, "a:b": 0.5})


class PlacesTest(absltest.TestCase):

    def test_first_known_name_is_used(self):
        self.assertEqual(roles.roles_of(["User-ID", "uid", "asin", "parent_asin"],
                                        ("user", "item", "time")),
                         {"user": 0, "item": 3})

    def test_names_in_options_take_precedence(self):
        names = ["user", "who", "item", "time"]
        self.assertEqual(roles.named_places(names, ("user", "item", "time"),
                                            {"user": "who", "time": "_"}),
                         {"user": 1, "item": 2})
        self.assertIsNone(roles.named_places(names, ("user",), {"user": "x"}))
        self.assertEqual(roles.places_in(names, ("user",), {"user": "x"}), {"user": 0})

    def test_names_of_columns_without_a_header(self):
        self.assertEqual([roles.column_name(["1", "b", "3"], place) for place in range(3)],
                         ["column 1", "b", "column 3"])


if __name__ == "__main__":
    absltest.main()
