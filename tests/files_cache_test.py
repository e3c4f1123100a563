"""The cache: folders that are created once, and digests of contents."""
import copy
import errno
import os
import time

import numpy as np
from absl.testing import absltest, parameterized

from tests import file_case
from tf1_sampled import checks
from tf1_sampled.files import cache


class CachedFolderTest(file_case.FileCase):

    def make(self, folder):
        with open(os.path.join(folder, "f"), "w") as stream:
            stream.write("whole")

    def load(self, folder):
        try:
            with open(os.path.join(folder, "f")) as stream:
                content = stream.read()
        except OSError:
            return None
        return content if content == "whole" else None

    def test_a_folder_is_created_once(self):
        path = self.path("entry")
        self.assertEqual(("whole", True), cache.cached_folder(path, self.make, self.load))
        self.assertEqual(("whole", False), cache.cached_folder(path, None, self.load))
        self.assertEqual(["entry"], os.listdir(self.folder))

    @parameterized.parameters("entry", "entry/f")
    def test_an_incomplete_folder_is_created_again(self, name):
        if name != "entry":
            os.mkdir(self.path("entry"))
        self.path(name, b"half")
        made = cache.cached_folder(self.path("entry"), self.make, self.load)
        self.assertEqual(("whole", True), made)
        self.assertEqual(["entry"], os.listdir(self.folder))

    def test_an_error_leaves_the_old_folder(self):
        def fail(folder):
            self.make(folder)
            raise KeyError("x")
        os.mkdir(self.path("entry"))
        self.path("entry/f", b"half")
        with self.assertRaises(KeyError):
            cache.cached_folder(self.path("entry"), fail, self.load)
        self.assertEqual(["entry"], os.listdir(self.folder))
        self.assertEqual("half", file_case.read_text(self.path("entry/f")))

    def test_errors_of_other_files_are_not_changed(self):
        def fail(_):
            raise FileNotFoundError(errno.ENOENT, "No such file", "other")
        with self.assertRaises(FileNotFoundError):
            cache.cached_folder(self.path("entry"), fail, self.load)

    def test_a_missing_parent_folder_is_an_error(self):
        path = self.path("nowhere")
        with self.assertRaisesRegex(checks.InputError, "nowhere: wanted a writable path, got: No such"):
            cache.cached_folder(os.path.join(path, "entry"), self.make, self.load)

    def test_temporary_folders_go_a_day_after_the_last_write(self):
        now = time.time()
        for name, age in ((".making-old", 90000), (".making-new", 3600), ("other", 90000)):
            path = os.path.join(self.folder, name, "f")
            os.mkdir(os.path.dirname(path))
            self.path(os.path.join(name, "f"), b"half")
            os.utime(path, (now - age, now - age))
            os.utime(os.path.dirname(path), (now - 90000, now - 90000))
        cache.cached_folder(self.path("entry"), self.make, self.load)
        self.assertCountEqual(os.listdir(self.folder), [".making-new", "other", "entry"])

    def test_an_entry_that_can_never_be_loaded_is_an_error(self):
        with self.assertRaisesRegex(checks.InputError, "wanted a writable path, got: "):
            cache.cached_folder(self.path("entry"), self.make, lambda folder: None)


class DigestTest(parameterized.TestCase):

    def test_different_contents_have_different_digests(self):
        some = [(), (1,), (1, 2), ([1, 2],), ("12",), (None,), (np.arange(2),), (np.arange(2.0),),
                (np.arange(2)[::-1].copy(),), ("a", "b"), ("a\0b",), (1, 0), (10,),
                (np.arange(2, dtype=np.int32),), (np.arange(1), np.arange(1, 2)),
                (np.arange(2)[:, None],)]
        self.assertLen({cache.digest(*parts) for parts in some}, len(some))
        for parts in some:
            self.assertEqual(cache.digest(*parts), cache.digest(*copy.deepcopy(parts)))


if __name__ == "__main__":
    absltest.main()
