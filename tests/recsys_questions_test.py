"""Tests of questions as ids of a model: history, hidden and allowed items, unknown names."""
import os
import tempfile

import numpy as np
from absl.testing import absltest, parameterized

from tests import recommender_case
from tests.recommender_case import NAMES
from tf1_sampled import InputError
from tf1_sampled.recsys import item_categories, queries, questions, user_table

_KINDS = {"mood": "string", "shift": "number"}


class ResolverTest(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        folder = tempfile.mkdtemp(dir=self.create_tempdir().full_path)
        user_table.write(os.path.join(folder, "users"), recommender_case.stored_events(True), ["mood"])
        item_categories.write(os.path.join(folder, "c.npz"), NAMES, {"genres": recommender_case.GENRES})
        self.users = user_table.UserTable(os.path.join(folder, "users"), 7)
        self.categories = item_categories.ItemCategories(os.path.join(folder, "c.npz"), 7)

    def resolver(self, context=(), has_user_rows=False, repeats=False):
        return questions.Resolver(
            {name: i for i, name in enumerate(NAMES)}, self.users, self.categories,
            {name: _KINDS[name] for name in context}, has_user_rows=has_user_rows, repeats=repeats)

    def resolve(self, resolver=None, **fields):
        return (resolver or self.resolver()).resolve(queries.Question(**fields))

    @parameterized.parameters(
        (dict(items=["heat", "x", "alien"]), [1, 0], [1, 0]), (dict(user="bob"), [1, 0], [1, 0]),
        (dict(user="bob", items=["casino"]), [6], [6, 1, 0]),
        (dict(user="bob", items=["x"], exclude=["casino", "y"]), [1, 0], [6, 1, 0]),
        (dict(user="bob", repeat=True, exclude=["heat"]), [1, 0], [1]), (dict(user="zed"), [], []))
    def test_history_and_hidden_items(self, fields, history, hidden):
        row = self.resolve(**fields)
        self.assertEqual((history, hidden), (list(row.history), row.wanted.hidden.tolist()))
        self.assertEqual(bool(history), row.is_known)
        self.assertEqual(np.int64, row.wanted.hidden.dtype)

    def test_filters_and_candidates_give_the_allowed_items(self):
        self.assertIsNone(self.resolve().wanted.allowed)
        for fields, allowed in (
                (dict(candidates=["casino", "heat", "heat", "x"]), [1, 6]), (dict(candidates=[]), []),
                (dict(category={"genres": "Crime"}), [1, 6]), (dict(category={}), None),
                (dict(category={"genres": "Crime"}, candidates=["casino", "alien"]), [6])):
            got = self.resolve(**fields).wanted.allowed
            self.assertEqual(allowed, got if got is None else got.tolist())

    def test_unknown_names_are_reported(self):
        row = self.resolve(self.resolver(["mood"]), items=["x", "heat", 3], user="zed",
                           exclude=["x", "y"], candidates=["z", "heat"], context={"mood": "odd"},
                           category={"genres": ["Odd", "Crime"]})
        self.assertEqual(
            (["x", "3", "y", "z"], ["zed"], [("genres", "Odd"), ("mood", "odd")]), row.unknown)
        row = self.resolve(self.resolver(["mood"]), user="bob", context={"mood": ""})
        self.assertEqual(([], [], []), row.unknown)

    def test_repeats_default_to_the_training(self):
        resolver = self.resolver(repeats=True)
        self.assertEqual([], self.resolve(resolver, user="bob").wanted.hidden.tolist())
        self.assertEqual([1, 0], self.resolve(resolver, user="bob", repeat=False).wanted.hidden.tolist())
        self.assertEqual(0, len(resolver.stored(1, 5).wanted.hidden))
        self.assertEqual([1, 0], resolver.stored(1, 5, repeat=False).wanted.hidden.tolist())

    def test_rows_of_users(self):
        for has_rows, place in ((False, -1), (True, 0)):
            row = self.resolve(self.resolver(has_user_rows=has_rows), user="ann")
            self.assertEqual((place, has_rows), (row.user, row.is_known))
            self.assertEqual(has_rows, self.resolver(has_user_rows=has_rows).stored(0, 5).is_known)

    def test_columns_of_the_user_are_added(self):
        resolver = self.resolver(["mood", "shift"])
        row = self.resolve(resolver, user="bob", context={"shift": 3})
        self.assertEqual({"mood": "far", "shift": 3}, row.context)
        self.assertEqual({"mood": "far", "shift": 1.5}, resolver.stored(1, 5).context)
        self.assertEqual({"mood": "x", "shift": 1.5}, resolver.stored(1, 5, None, {"mood": "x"}).context)
        with self.assertRaisesRegex(InputError, "context: wanted a value for the column shift"):
            self.resolve(resolver, user="bob")
        with self.assertRaisesRegex(InputError, "context: wanted a value for the column mood"):
            self.resolve(resolver, items=["heat"], user="zed", context={"shift": 3})
        self.assertFalse(self.resolve(resolver, user="zed").is_known)

    def test_given_history_replaces_the_stored_one(self):
        resolver = self.resolver(has_user_rows=True)
        row = resolver.given(queries.Question(["casino", "x"], "bob", exclude=["alien"], repeat=False))
        self.assertEqual(([6], 1, [0, 6]), (row.history, row.user, row.wanted.hidden.tolist()))
        row = resolver.given(queries.Question([], "bob", repeat=True))
        self.assertEqual(([], True, []), (row.history, row.is_known, row.wanted.hidden.tolist()))
        self.assertFalse(resolver.given(queries.Question([], "zed")).is_known)

    @parameterized.parameters(
        (dict(k=0), "k: wanted an integer above 0, got 0"), (dict(repeat=1), "repeat: wanted true or"),
        (dict(user=None), "user: wanted a name, got null"), (dict(items="a"), "items: wanted a list"),
        (dict(exclude=[""]), "exclude: wanted names of at least 1"),
        (dict(candidates=3), "candidates: wanted a list of names"),
        (dict(category=3), "category: wanted columns"), (dict(context={"a": 1}), "context: wanted no"))
    def test_invalid_fields_are_refused(self, fields, message):
        with self.assertRaisesRegex(InputError, message):
            self.resolve(**fields)
        if not set(fields) & {"candidates", "category"}:
            with self.assertRaisesRegex(InputError, message):
                self.resolver().given(queries.Question(**fields))

    def test_limits_are_checked(self):
        with self.assertRaisesRegex(InputError, "exclude: wanted at most 1 names, got 2"):
            self.resolver().resolve(queries.Question(exclude=["a", "b"]), 5, 1)
        with self.assertRaisesRegex(InputError, "user: wanted a name of at most 5 characters"):
            self.resolver().resolve(queries.Question(user="abcdef"), 5, 1)


if __name__ == "__main__":
    absltest.main()
