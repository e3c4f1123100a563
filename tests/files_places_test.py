"""Checks of paths: results overwrite neither each other nor inputs."""
import os

from absl.testing import absltest, parameterized

from tests import file_case
from tf1_sampled import checks
from tf1_sampled.files import places


class WritableTest(file_case.FileCase):

    def test_the_folder_is_made_and_no_file_is_left(self):
        places.check_writable(self.path(os.path.join("new", "below", "f")))
        self.assertEqual(os.listdir(self.path("new")), ["below"])
        self.assertEmpty(os.listdir(self.path(os.path.join("new", "below"))))

    def test_an_existing_file_does_not_change(self):
        path = self.path("f", b"old")
        places.check_writable(path)
        self.assertEqual(file_case.read_binary(path), b"old")

    def test_a_path_where_no_file_can_be_made_is_an_error(self):
        file = self.path("file", b"x")
        self.check_error(os.path.join(file, "f"), "a writable path, got: ", places.check_writable)
        self.check_error(self.folder, "a file, got a folder", places.check_writable)
        self.check_error(os.devnull, "a file, got a pipe or a device", places.check_writable)

    @absltest.skipUnless(os.path.isdir("/proc/self"), "needs a folder that refuses files to root too")
    def test_a_folder_that_refuses_files_is_an_error(self):
        self.check_error("/proc/f", "a writable path, got: ", places.check_writable)


    def test_a_link_is_replaceable_unless_it_leads_to_a_device(self):
        folder = self.path("folder")
        os.mkdir(folder)
        for target in (folder, self.path("f", b"x"), self.path("nowhere")):
            link = target + "-link"
            os.symlink(target, link)
            places.check_replaceable(link)
        os.symlink(os.devnull, self.path("null"))
        self.check_error(self.path("null"), "a file, got a pipe or a device", places.check_replaceable)


class KeptTest(file_case.FileCase):

    def test_the_path_of_a_file_a_folder_and_of_nothing(self):
        os.mkdir(self.path("m"))
        os.mkdir(self.path("m/users"))
        link = self.path("link")
        os.symlink("m", link)
        self.path("m/users/items.npy", b"x")
        for names in ((), ("users",), ("users", "items.npy"), ("users", "none"), ("none", "none")):
            self.assertEqual(places.kept(link, *names), os.path.join(link, *names))
        self.assertEqual(places.kept_tree(link, "users"), os.path.join(link, "users"))
        self.assertEqual(places.kept_tree(link, "none"), os.path.join(link, "none"))

    @parameterized.parameters("file", "folder", "nowhere")
    def test_a_link_is_an_error_that_names_it(self, target):
        self.path("file", b"x")
        os.mkdir(self.path("folder"))
        os.mkdir(self.path("m"))
        link = self.path("m/link")
        os.symlink(self.path(target), link)
        for find in (lambda: places.kept(self.path("m"), "link"),
                     lambda: places.kept(self.path("m"), "link", "below"),
                     lambda: places.kept_tree(self.folder, "m")):
            with self.assertRaisesRegex(
                    checks.InputError, ": wanted a file or folder that is not a link, got a link$"):
                find()

    def test_a_pipe_is_an_error_without_waiting(self):
        os.mkdir(self.path("m"))
        os.mkfifo(self.path("m/pipe"))
        for find in (places.kept, lambda folder, name: places.kept_tree(self.folder, "m")):
            with self.assertRaisesRegex(checks.InputError, "m/pipe: wanted a file, got a pipe or a dev"):
                find(self.path("m"), "pipe")


class TextTest(file_case.FileCase):

    def test_a_path_of_other_bytes(self):
        places.check_text("caf\xe9/\u65e5")
        path = os.fsdecode(b"m\xff")
        for check in (places.check_text, places.check_new_folder):
            with self.assertRaisesRegex(checks.InputError, r"^m\\udcff: wanted a path in .*, got o"):
                check(path)
        self.assertFalse(os.path.exists(path))


class ApartTest(file_case.FileCase):

    def test_different_places_pass(self):
        places.check_apart({}, {})
        places.check_apart({"a": "", "b": "", "c": "x"}, {"d": "", "e": ""})
        places.check_apart({"a": "model", "b": "model/file", "c": "mode"},
                           {"d": "model/new", "e": "new"})

    @parameterized.parameters(
        (dict(a="x", b="./y/../x"), {}, "^a: wanted a path of its own, got the path of b$"),
        ({}, dict(d="x", e="x/"), "^d: .* the path of e$"),
        ({}, dict(d="x/y", e="x"), "^e: .* the path of d$"),
        (dict(a="x/file"), dict(d="x"), "^d: .* the path of a$"),
        (dict(a="x"), dict(d="x"), "the path of "))
    def test_one_path_for_two_results_is_an_error(self, paths, folders, message):
        with self.assertRaisesRegex(checks.InputError, message):
            places.check_apart(paths, folders)

    def test_links_of_folders_are_resolved(self):
        os.symlink("there", os.path.join(self.folder, "link"))
        with self.assertRaisesRegex(checks.InputError, "^d: .* the path of a$"):
            places.check_apart({"a": os.path.join(self.folder, "there", "file")},
                               {"d": os.path.join(self.folder, "link")})
        with self.assertRaisesRegex(checks.InputError, "^a: .* the path of i$"):
            places.check_apart({"a": os.path.join(self.folder, "there")}, {},
                               {"i": [os.path.join(self.folder, "link")]})

    def test_inputs_may_be_equal(self):
        places.check_apart({"a": "x", "b": ""}, {"d": "new"},
                           {"i": ["y", "y", "x/y", "newer"], "j": ["y"], "k": []})

    @parameterized.parameters((["y", "./x"], "^a: wanted a path of its own, got the path of i$"),
                              (["new/file"], "^d: .* the path of i$"),
                              (["new"], "^d: .* the path of i$"))
    def test_a_result_must_not_overwrite_an_input(self, read, message):
        with self.assertRaisesRegex(checks.InputError, message):
            places.check_apart({"a": "x"}, {"d": "new"}, {"i": read})

    def test_a_file_of_the_model_is_an_error(self):
        patterns = ["lock", "model-*"]
        places.check_not_kept({"a": ["m/x", "lock", "m", "m/x/lock", "m2/lock", "m/models"], "b": []},
                              "m", patterns)
        for path, name in (("m/lock", "lock"), ("n/../m/model-1", "model-1"), ("m/lock/x", "lock")):
            with self.assertRaisesRegex(checks.InputError, "^a: wanted a path of its own, got %s, "
                                        "a file of the model in m$" % name):
                places.check_not_kept({"a": ["x", path]}, "m", patterns)


if __name__ == "__main__":
    absltest.main()
