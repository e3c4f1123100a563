"""Tests of item features: from texts of columns to sparse rows, and their sums."""
import math

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.recsys import events as event_files, item_features, splits
from tf1_sampled.recsys.settings import RecsysSettings

_TABLES = {
    "genres": {"a": "Action| Comedy", "b": "Comedy", "c": "", "new": "War", "d": "War|War",
               "old": "War"},
    "price": {"a": "1", "b": "3.0", "c": "NA", "new": "2", "d": " ", "old": "7"}}


def _settings(**values):
    values = dict(dict(items="items.csv", item_categorical=["genres"]), **values)
    return RecsysSettings.of_program("run_recsys.py", values)


def _of_items(names, tables=None, **values):
    """Return ([{feature name: weight}] of each item, reported lines)."""
    lines = []
    found = item_features.of_items(_settings(**values), tables or _TABLES, names, lines.append)
    weights = [float(w) for w in found.weights]
    return [{found.names[f]: w for f, w in zip(found.ids[low:high], weights[low:high])}
            for low, high in zip(found.starts, found.starts[1:])], lines


class OfItemsTest(parameterized.TestCase):

    def test_a_cell_may_have_several_categories_each_once(self):
        action, comedy, war = (item_features.category_name("genres", name)
                               for name in ("Action", "Comedy", "War"))
        found, lines = _of_items(["d", "a", "b", "c", "unknown"])
        half = float(np.float32(0.5 ** 0.5))
        self.assertEqual(found, [{war: 1}, {action: half, comedy: half}, {comedy: 1}, {}, {}])
        self.assertEqual(lines, ["Items: 3 of 5 have 'genres'"])

    def test_numbers_are_standard_scores_and_a_missing_one_is_a_feature(self):
        number, missing = (item_features.number_name("price", flag) for flag in (False, True))
        found, lines = _of_items(["a", "c", "b", "unknown", "d"], item_categorical=[],
                                 item_numeric=["price"])
        self.assertEqual(lines, ["Items: 2 of 5 have 'price'"])
        self.assertEqual(found, [{number: -1}, {missing: 1}, {number: 1}, {missing: 1}, {missing: 1}])

    def test_constant_numbers_become_zeros(self):
        number = item_features.number_name("price")
        found, _ = _of_items(["a", "b"], {"price": {"a": "5", "b": "5"}}, item_categorical=[],
                             item_numeric=["price"])
        self.assertEqual(found, [{number: 0}, {number: 0}])

    def test_features_of_several_columns(self):
        found, _ = _of_items(["a", "b"], item_numeric=["price"])
        self.assertEqual([len(features) for features in found], [3, 2])

    def test_names_of_features_differ_whatever_the_names_of_columns(self):
        names = [item_features.category_name(*pair) for pair in (("a", "b c"), ("a b", "c"), ("a", "b"))]
        names += [item_features.number_name("a"), item_features.number_name("a", True)]
        self.assertLen(set(names), 5)

    @parameterized.parameters(
        (["x", "y"], {}, "items.csv: wanted items of the events, such as 'x', got 'a'"),
        (["a", "b"], {"item_numeric": ["genres"], "item_categorical": []},
         "items.csv: wanted a number or an empty cell in column 'genres' of item 'a', got 'Action| "),
        (["a"], {"item_numeric": ["genres"], "item_categorical": [], "items": "", "titles": "t.csv"},
         "t.csv: wanted a number"))
    def test_invalid_tables_are_named(self, names, values, message):
        with self.assertRaises(checks.InputError) as caught:
            _of_items(names, **values)
        self.assertIn(message, str(caught.exception))

    def test_a_number_beyond_float32_is_named(self):
        with self.assertRaisesRegex(checks.InputError, "a number or an empty cell .* got '1e39'"):
            _of_items(["a"], {"price": {"a": "1e39"}}, item_categorical=[], item_numeric=["price"])


class JoinedTest(absltest.TestCase):

    def _joined(self, **values):
        log = event_files.log_of_arrays(["u", "u", "v"], ["a", "b", "a"])
        events, lines = splits.split_given(log, np.zeros(3, int)), []
        return item_features.joined(
            _settings(**values), events, ["a", "b", "old"], _TABLES, lines.append), lines

    def test_items_without_an_event_join_the_catalogue(self):
        (events, features), lines = self._joined(new_items=True)
        # "old" had events but is left out of the training, so it is not new.
        self.assertEqual(events.item_names, ["a", "b", "c", "new", "d"])
        self.assertEqual(events.item_counts.tolist(), [2, 1, 0, 0, 0])
        self.assertLen(features.starts, 6)
        self.assertEqual(lines[0], "Items: 3 without an event")

    def test_by_default_the_catalogue_stays(self):
        (events, features), _ = self._joined()
        self.assertEqual(events.item_names, ["a", "b"])
        self.assertLen(features.starts, 3)

    def test_without_columns_there_are_no_features(self):
        self.assertIsNone(self._joined(item_categorical=[])[0][1])

    def test_unknown_columns_are_named(self):
        with self.assertRaisesRegex(
                checks.InputError,
                r"--item_numeric: wanted columns of --items \(genres, price\), got 'x'"):
            self._joined(item_numeric=["x"])
        with self.assertRaisesRegex(checks.InputError, "each column once"):
            self._joined(item_numeric=["genres"])


class SumsTest(absltest.TestCase):

    def test_sums_equal_their_definition(self):
        random = np.random.RandomState(1)
        starts = np.array([0, 0, 3, 3, 4, 6, 6])
        features = item_features.ItemFeatures(starts, np.array([2, 0, 3, 0, 1, 2], np.int32),
                                              random.randn(6).astype(np.float32), ["f"] * 4)
        rows = random.randn(4, 3).astype(np.float32)
        for low in range(6):
            for high in range(low + 1, 7):
                items = np.arange(low, high)
                wanted = [sum((features.weights[n] * rows[features.ids[n]]
                               for n in range(starts[i], starts[i + 1])), np.zeros(3)) for i in items]
                np.testing.assert_allclose(item_features.sums(features, items, rows), wanted, atol=1e-6)


class DigestTest(absltest.TestCase):

    def test_digest_depends_on_each_part(self):
        one = item_features.ItemFeatures(np.int64([0, 1]), np.int32([0]), np.float32([1]), ["a", "b"])
        others = [one._replace(starts=np.int64([0, 0, 1])), one._replace(ids=np.int32([1])),
                  one._replace(weights=np.float32([math.pi])), one._replace(names=["a", "c"])]
        self.assertEqual(item_features.digest(one), item_features.digest(one._replace(names=["a", "b"])))
        self.assertLen({item_features.digest(some) for some in [one] + others}, 5)


if __name__ == "__main__":
    absltest.main()
