"""Tests of Parquet files; tests with whole files need pyarrow."""
import os
from unittest import mock

from absl.testing import absltest

try:
    import pyarrow
    from pyarrow import parquet as pyarrow_parquet
except ImportError:  # an optional dependency
    pyarrow = pyarrow_parquet = None

from tf1_sampled import checks
from tf1_sampled.recsys import events, parquet, roles


class ParquetTest(absltest.TestCase):

    def path(self, name, content):
        path = os.path.join(self.create_tempdir().full_path, name)
        with open(path, "wb") as stream:
            stream.write(content)
        return path

    def test_a_file_is_known_by_its_first_bytes(self):
        self.assertTrue(parquet.is_parquet(self.path("x.bin", b"PAR1...")))
        for path in (self.path("x.parquet", b"user,item\n"), "nowhere", "-",
                     self.create_tempdir().full_path):
            self.assertFalse(parquet.is_parquet(path))

    def test_missing_pyarrow_is_named(self):
        path = self.path("x.parquet", b"PAR1...")
        with mock.patch.dict("sys.modules", {"pyarrow": None}):
            with self.assertRaisesRegex(checks.InputError,
                                        "x.parquet: wanted pyarrow to read Parquet .pip inst"):
                events.read_log(path)

    @absltest.skipUnless(pyarrow, "pyarrow is not installed")
    def test_events_are_read(self):
        table = pyarrow.table({
            "user_id": ["a", "b", None, "a"], "item_id": [1, 2, 3, None], "rating": [4.0, 1.0, 5.0, 5.0],
            "ts": pyarrow.array([1500000000000] * 4, pyarrow.timestamp("ms")),
            "kind": pyarrow.array(["x", None, "x", "x"]).dictionary_encode(), "unused": [[1]] * 4})
        path = os.path.join(self.create_tempdir().full_path, "x.parquet")
        pyarrow_parquet.write_table(table, path)
        options = roles.Options(time_column="ts")
        for log in (events.read_log(path, options, categorical=["kind"]),
                    events.log_of_frame(table, options, categorical=["kind"])):
            self.assertEqual((log.user_names, log.item_names), (["a", "b"], ["1", "2"]))
            self.assertEqual(log.times.tolist(), [1500000000] * 2)
            self.assertEqual(log.columns["kind"].values.tolist(), [1, 0])
            self.assertEqual(log.sources[0].left_out, {"user missing": 1, "item missing": 1})
            self.assertEqual(log.sources[0].ignored, ["rating", "unused"])
        self.assertEqual(events.read_log(path, options).sources[0].form, "Parquet, times as dates")
        with self.assertRaisesRegex(checks.InputError,
                                    "x.parquet: user_column: wanted one column 'who', got"):
            events.read_log(path, roles.Options(user_column="who"))

    @absltest.skipUnless(pyarrow, "pyarrow is not installed")
    def test_file_that_changes_while_read_is_refused(self):
        path = os.path.join(self.create_tempdir().full_path, "x.parquet")
        pyarrow_parquet.write_table(pyarrow.table({"user": ["a"], "item": [1]}), path)
        table = parquet.Table(path)
        self.assertEqual(table["user"].to_pylist(), ["a"])
        with open(path, "ab") as stream:
            stream.write(b"x")
        with self.assertRaisesRegex(checks.InputError, "x.parquet: wanted a file that does not change, "
                                    "got a file that changed while it was read: it grew"):
            table["item"]

    @absltest.skipUnless(pyarrow, "pyarrow is not installed")
    def test_damaged_file_is_refused(self):
        with self.assertRaisesRegex(checks.InputError, "x.parquet: wanted a whole Parquet file, got"):
            events.read_log(self.path("x.parquet", b"PAR1" + b"x" * 100))


if __name__ == "__main__":
    absltest.main()
