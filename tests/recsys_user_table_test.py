"""Tests of the stored users: they are restored, and invalid files are refused."""
import json
import os

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import InputError
from tf1_sampled.recsys import columns, splits, user_table

_NAMES = ["u12", "é", "u1", "日本", "\ud800", "nobody", "a\0", "a"]
_LISTS = [[3, 1, 4], [1], [5, 9, 2, 6], [], [5], [], [8, 8], [0]]


def events(further=()):
    """Return the splits.Events of _NAMES and _LISTS; users of `further` have no event."""
    ends = np.cumsum([0] + [len(some) for some in _LISTS])
    kinds = {"country": columns.Categorical(["", "FR", "DE"]), "hour": columns.Numeric(0.0, 1.0)}
    values = {"country": np.arange(12, dtype=np.int32) % 3, "hour": np.arange(12, dtype=np.float32)}
    values["hour"][-1] = np.nan
    return splits.Events(
        items=np.int32(sum(_LISTS, [])), starts=ends, train_ends=ends[1:], valid_ends=ends[1:],
        times=None, columns={name: columns.Column(values[name], kinds[name]) for name in kinds},
        user_names=_NAMES, item_names=["%d" % i for i in range(10)], item_counts=np.arange(10),
        further_users=further)


class UserTableTest(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = os.path.join(self.create_tempdir().full_path, "users")

    def written(self, further=(), num_items=10):
        user_table.write(self.folder, events(further), ["country"])
        return user_table.UserTable(self.folder, num_items)

    def test_each_user_is_restored(self):
        table = self.written(["later"])
        self.assertLen(table, 9)
        for place, (name, items) in enumerate(zip(_NAMES + ["later"], _LISTS + [[]])):
            self.assertEqual(place, table.find(name))
            self.assertEqual(name, table.name(place))
            self.assertEqual(items, table.items(place).tolist())
        for name in ("", "u", "u123", "u13", "zz", "A", "a\0\0"):
            self.assertEqual(-1, table.find(name))

    def test_context_is_that_of_the_last_event(self):
        table = self.written()
        self.assertEqual({"country": (["", "FR", "DE"], True), "hour": (None, False)}, table.columns)
        self.assertEqual({"country": "DE", "hour": 2.0}, table.context(0))
        self.assertEqual({"country": "DE"}, table.context(0, of_user=True))
        self.assertEqual({"country": "", "hour": None}, table.context(3))  # without events
        self.assertEqual({"country": "DE", "hour": None}, table.context(7))  # without a number

    def test_files_are_mapped_and_replace_earlier_ones(self):
        self.written()
        table = self.written()
        self.assertIsInstance(table.items(0).base.base, np.memmap)

    def test_missing_folder_means_no_users(self):
        table = user_table.UserTable(self.folder, 10)
        self.assertEqual((0, -1, {}), (len(table), table.find("u12"), table.columns))

    def test_empty_table_is_written_and_read(self):
        user_table.write(self.folder, events()._replace(
            items=np.empty(0, np.int32), starts=np.zeros(1, np.int64), user_names=[], columns={}))
        self.assertEqual(-1, user_table.UserTable(self.folder, 10).find("u12"))

    def test_items_of_another_model_are_refused(self):
        self.assertEqual([3, 1, 4], self.written(num_items=10).items(0).tolist())
        with self.assertRaisesRegex(InputError, "items.npy: wanted ids of the model's 9 items"):
            self.written(num_items=9)

    @parameterized.parameters(
        ("names.npy", np.zeros(3, np.uint8)), ("names.npy", np.zeros([3, 3], np.uint8)),
        ("name_ends.npy", np.arange(9)), ("name_ends.npy", np.zeros(9)), ("item_ends.npy", np.arange(4)),
        ("order.npy", np.arange(1, 9)), ("order.npy", np.arange(-1, 7)), ("order.npy", b"nothing"),
        ("items.npy", np.zeros(12)), ("items.npy", None), ("column_0.npy", np.full(8, 3, np.int32)),
        ("column_0.npy", np.zeros(8, np.float32)), ("column_1.npy", np.zeros(7, np.float32)),
        ("columns.json", b"{}"), ("columns.json", b"[3]"), ("columns.json", None),
        ("columns.json", json.dumps([{"name": "a", "categories": [3], "of_user": True}]).encode()),
        ("columns.json", json.dumps([{"name": "a", "categories": None, "of_user": 1}]).encode()))
    def test_files_with_other_contents_are_refused(self, name, content):
        self.written()
        path = os.path.join(self.folder, name)
        os.remove(path)
        if isinstance(content, bytes):
            with open(path, "wb") as stream:
                stream.write(content)
        elif content is not None:
            np.save(path, content)
        with self.assertRaisesRegex(InputError, "users/.*: wanted "):
            user_table.UserTable(self.folder, 10)


if __name__ == "__main__":
    absltest.main()
