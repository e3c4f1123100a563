"""Files of names, folders and globs."""
import os
from unittest import mock

from absl.testing import absltest, parameterized

from tests import file_case
from tf1_sampled import InputError
from tf1_sampled.files import finding


class FindTest(file_case.FileCase):

    def setUp(self):
        super().setUp()
        for name in ("b.txt", "a/2.txt", "a/1.txt", "a/c/3.txt", ".hidden", "a/.git/x", "d.md"):
            self.path(name, b"x")
        self.path("empty.txt", b"")

    def check_found(self, inputs, *wanted):
        found = [os.path.relpath(source.path, self.folder) for source in finding.find(inputs, "corpus")]
        self.assertEqual(list(wanted), found)

    def test_a_folder_is_its_files_in_sorted_order(self):
        self.check_found(self.folder, "a/1.txt", "a/2.txt", "a/c/3.txt", "b.txt", "d.md")

    def test_globs_find_files_in_sorted_order(self):
        self.check_found(os.path.join(self.folder, "*.txt"), "b.txt")
        self.check_found(os.path.join(self.folder, "**", "*.txt"),
                         "a/1.txt", "a/2.txt", "a/c/3.txt", "b.txt")
        self.check_found(os.path.join(self.folder, "[ab]*"), "a/1.txt", "a/2.txt", "a/c/3.txt", "b.txt")
        self.check_found(os.path.join(self.folder, "**"),
                         "a/1.txt", "a/2.txt", "a/c/3.txt", "b.txt", "d.md")

    def test_the_order_is_that_of_the_inputs_and_names_may_repeat(self):
        b = os.path.join(self.folder, "b.txt")
        self.check_found([b, os.path.join(self.folder, "a"), b],
                         "b.txt", "a/1.txt", "a/2.txt", "a/c/3.txt", "b.txt")

    def test_a_file_whose_name_looks_like_a_glob(self):
        self.check_found(self.path("[x].txt", b"x"), "[x].txt")

    def test_only_files_that_the_user_named_are_marked_as_named(self):
        named = [source.named for source in finding.find([self.folder, "nowhere", "-"], "corpus")]
        self.assertEqual([False] * 5 + [True, True], named)

    def test_nothing_found_is_named(self):
        os.mkdir(os.path.join(self.folder, "none"))
        self.path("empties/a", b"")
        for name in ("none", "empties", "*.rst", "**/*.rst"):
            path = os.path.join(self.folder, name)
            with self.assertRaises(InputError) as caught:
                finding.find(["x", path], "corpus")
            self.assertEqual(str(caught.exception),
                             path + ": wanted files that are not empty, got none")

    @parameterized.parameters(([],), ("",), (["a", ""],))
    def test_no_inputs_are_an_error(self, inputs):
        with self.assertRaisesRegex(InputError, "find: corpus: wanted names of files, folders or globs"):
            finding.find(inputs, "corpus")

    def test_standard_input_twice(self):
        with self.assertRaisesRegex(InputError, r"find: corpus: wanted standard input \(-\) once"):
            finding.find(["-", "x", "-"], "corpus")

    def test_an_unreadable_folder_is_named(self):
        with mock.patch("os.scandir", side_effect=PermissionError(13, "Permission denied", "locked")):
            with self.assertRaisesRegex(InputError, "locked: wanted a readable folder, got: Permission"):
                finding.find(self.folder, "corpus")


if __name__ == "__main__":
    absltest.main()
