"""Tests of the categories of items: which columns have them, filters, invalid files."""
import json
import os

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import InputError
from tf1_sampled.recsys.item_categories import ItemCategories, read, write

_ITEMS = ["a", "b", "c", "d", "e"]
_GENRES = {"a": "War|Drama", "b": " Drama ", "c": "War|War|", "d": "", "x": "Comedy"}
_YEARS = {"a": "1995", "b": "1995", "c": "1999", "d": "1999", "e": "1995"}


class ItemCategoriesTest(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.create_tempdir().full_path, "item_categories.npz")

    def written(self, tables):
        write(self.path, _ITEMS, tables)
        return ItemCategories(self.path, len(_ITEMS))

    def test_cells_may_hold_several_values(self):
        found = self.written({"genres": _GENRES, "year": _YEARS})
        self.assertEqual({"genres": ["Drama", "War"], "year": ["1995", "1999"]}, found.names)
        self.assertEqual([0, 1], found.ids("genres", "Drama").tolist())
        self.assertEqual([0, 2], found.ids("genres", "War").tolist())
        self.assertIsNone(found.ids("genres", "Comedy"))

    @parameterized.parameters(
        ({"genres": ["War"]}, [0, 2], []), ({"genres": ["War", "Drama"]}, [0, 1, 2], []),
        ({"genres": ["War"], "year": ["1995"]}, [0], []), ({"genres": []}, [], []),
        ({"genres": ["Drama", "Odd"], "year": ["1999"]}, [], [("genres", "Odd")]),
        ({"genres": ["Odd"]}, [], [("genres", "Odd")]))
    def test_filter_gives_matching_items(self, wanted, ids, unknown):
        found = self.written({"genres": _GENRES, "year": _YEARS}).allowed(wanted)
        self.assertEqual((ids, unknown), (found[0].tolist(), found[1]))

    def test_columns_without_categories_are_left_out(self):
        self.assertEqual({}, self.written({
            "id": {name: name for name in _ITEMS}, "nothing": {}, "other": {"x": "War"}}).names)

    def test_columns_of_over_1000_values_are_left_out(self):
        names = ["%d" % i for i in range(4004)]
        for number in (1000, 1001):
            write(self.path, names, {"c": {name: "%d" % (int(name) % number) for name in names}})
            self.assertEqual(number == 1000, "c" in ItemCategories(self.path, 4004).names)

    def test_missing_file_means_no_categories(self):
        self.assertEqual({}, ItemCategories(self.path, 5).names)

    def test_columns_of_several_files_are_read(self):
        first = self.create_tempfile("items.csv", "item_id,title,genres,price\na,A,War,1\nb,B,,2\n")
        second = self.create_tempfile("movies.tsv", "movieId\ttitle\tgenres\tyear\na\tA\tX\t1995\n")
        third = self.create_tempfile("u.item", "1|Toy Story|01-Jan-1995\n")
        self.assertEqual({"genres": {"a": "War", "b": ""}, "price": {"a": "1", "b": "2"},
                          "year": {"a": "1995"}},
                         read([first.full_path, second.full_path, third.full_path]))
        self.assertEqual({}, read([]))

    @parameterized.parameters(
        (dict(names=b'{"genres": ["War"]}'),), (dict(names=b"[]", ids_0=[0]),), (dict(),),
        (dict(names=b'{"genres": ["War"]}', ids_0=[5], ends_0=[0, 1]),),
        (dict(names=b'{"genres": ["War"]}', ids_0=[0], ends_0=[0, 2]),),
        (dict(names=b'{"genres": ["War"]}', ids_0=[0.5], ends_0=[0, 1]),),
        (dict(names=b'{"genres": 3}', ids_0=[0], ends_0=[0, 1]),), (b"nothing",), (b"",))
    def test_files_with_other_contents_are_refused(self, content):
        with open(self.path, "wb") as stream:
            if isinstance(content, bytes):
                stream.write(content)
            else:
                np.savez(stream, **{name: np.frombuffer(value, np.uint8) if isinstance(value, bytes) else
                                    np.array(value, np.int32 if isinstance(value[0], int) else None)
                                    for name, value in content.items()})
        with self.assertRaisesRegex(InputError, "npz: wanted the categories of a recommender's items"):
            ItemCategories(self.path, 5)

    def test_names_are_json(self):
        self.written({"genres": _GENRES})
        with np.load(self.path) as arrays:
            names = arrays["names"].tobytes().decode("utf-8")
        self.assertEqual({"genres": ["Drama", "War"]}, json.loads(names))


if __name__ == "__main__":
    absltest.main()
