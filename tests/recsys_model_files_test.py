"""Tests of the files beside a SavedModel: contents are restored, other contents are refused."""
import os

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import InputError
from tf1_sampled.recsys import model_files
from tf1_sampled.recsys.model_files import About


class ModelFilesTest(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path
        self.path = os.path.join(self.folder, "file")

    def test_about_is_restored(self):
        for about in (About(True, False, 0), About(False, True, 50)):
            model_files.write_about(self.folder, about)
            self.assertEqual(about, model_files.read_about(self.folder))

    @parameterized.parameters(
        "[]", "{}", '{"repeats": 1, "is_ordered": true, "history_length": 0}',
        '{"repeats": true, "is_ordered": true, "history_length": -1}',
        '{"repeats": true, "is_ordered": true, "history_length": 1.5}',
        '{"repeats": true, "is_ordered": true, "history_length": 0, "more": 1}')
    def test_other_contents_are_refused(self, text):
        with open(os.path.join(self.folder, model_files.ABOUT), "w") as stream:
            stream.write(text)
        with self.assertRaisesRegex(InputError, "recommender.json: wanted the query settings of "):
            model_files.read_about(self.folder)

    def test_missing_file_is_refused(self):
        with self.assertRaisesRegex(InputError, "recommender.json: wanted a readable file, got: No"):
            model_files.read_about(self.folder)
        with self.assertRaisesRegex(InputError, "file: wanted numbers, got none"):
            model_files.map_array(self.path, "numbers")

    def test_arrays_are_mapped(self):
        for values in (np.arange(3), np.empty(0), np.ones([2, 2], np.float32)):
            np.save(self.path + ".npy", values)
            got = model_files.map_array(self.path + ".npy", "numbers")
            np.testing.assert_array_equal(values, got)
            self.assertEqual(values.dtype, got.dtype)

    @parameterized.parameters(b"", b"nothing", b"\x93NUMPY")
    def test_files_without_an_array_are_refused(self, content):
        with open(self.path, "wb") as stream:
            stream.write(content)
        with self.assertRaisesRegex(InputError, "file: wanted numbers, got: "):
            model_files.map_array(self.path, "numbers")

    def test_json_of_another_type_is_refused(self):
        for content, wanted in ((b'{"a": 1}', dict), (b"[1]", list)):
            with open(self.path, "wb") as stream:
                stream.write(content)
            self.assertIsInstance(model_files.read_json(self.path, "text", wanted), wanted)
            with self.assertRaisesRegex(InputError, "file: wanted text, got"):
                model_files.read_json(self.path, "text", str)
        for content in (b"\xff", b"[" * 100000):
            with open(self.path, "wb") as stream:
                stream.write(content)
            with self.assertRaisesRegex(InputError, "file: wanted text, got: "):
                model_files.read_json(self.path, "text", dict)


if __name__ == "__main__":
    absltest.main()
