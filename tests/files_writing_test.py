"""Writing files and folders: they are complete or unchanged."""
import os
import stat
from unittest import mock

from absl.testing import absltest, parameterized

from tests import file_case
from tf1_sampled import checks
from tf1_sampled.files import places, writing


class WritingTest(file_case.FileCase):

    @parameterized.parameters("f", "f.txt", "f.gz", "f.bz2", "f.xz", "f.XZ", "new/folders/f.gz")
    def test_written_text_is_read_back(self, name):
        path = self.path(name)
        with writing.writing(path) as stream:
            stream.write(file_case.TEXT)
        self.assertEqual(file_case.TEXT, file_case.read_text(path))
        with writing.writing(path, "wb") as stream:
            stream.write(b"\0\xff\r\n")
        self.assertEqual(b"\0\xff\r\n", file_case.read_binary(path))
        self.assertEqual([os.path.basename(path)], os.listdir(os.path.dirname(path)))

    @parameterized.parameters(("f", file_case.DATA), ("f.gz", b"\x1f\x8b"), ("f.bz2", b"BZh"),
                              ("f.xz", b"\xfd7zXZ"))
    def test_the_form_on_disk_is_that_of_the_name(self, name, start):
        with writing.writing(self.path(name)) as stream:
            stream.write(file_case.TEXT)
        with open(self.path(name), "rb") as stream:
            self.assertStartsWith(stream.read(), start)

    def test_the_same_content_gives_the_same_bytes(self):
        for name, now in (("a.gz", 1.0), ("b.gz", 1e9)):
            with mock.patch("time.time", lambda now=now: now):
                with writing.writing(self.path(name)) as stream:
                    stream.write(file_case.TEXT)
        with open(self.path("a.gz"), "rb") as a, open(self.path("b.gz"), "rb") as b:
            self.assertEqual(a.read(), b.read())

    def test_a_name_without_a_folder_goes_to_the_current_one(self):
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        with writing.writing("f") as stream:
            stream.write("x")
        self.assertEqual("x", file_case.read_text("f"))

    @parameterized.product(name=("f", "f.gz"), error=(KeyError, KeyboardInterrupt, GeneratorExit))
    def test_an_error_leaves_the_old_file_and_no_other(self, name, error):
        path = self.path(name, b"old")
        for mode, content in (("w", "new"), ("wb", b"new")):
            with self.assertRaises(error), writing.writing(path, mode) as stream:
                stream.write(content * 100000)
                raise error
            with open(path, "rb") as stream:
                self.assertEqual(b"old", stream.read())
            self.assertEqual([name], os.listdir(self.folder))

    def test_the_old_file_is_unchanged_until_the_end(self):
        path = self.path("f", b"old")
        with writing.writing(path) as stream:
            stream.write("new")
            stream.flush()
            self.assertEqual("old", file_case.read_text(path))
            self.assertLen(os.listdir(self.folder), 2)
        self.assertEqual("new", file_case.read_text(path))

    @parameterized.parameters("f", "f.gz")
    def test_all_is_on_the_disk_before_the_name_changes(self, name):
        sizes = []
        with mock.patch("os.fsync", lambda handle: sizes.append(os.fstat(handle).st_size)):
            with writing.writing(self.path(name)) as stream:
                stream.write("x")
        self.assertEqual([os.path.getsize(self.path(name))], sizes)

    @parameterized.parameters(OSError(28, "No space left on device"),
                              RuntimeError("save: x.tempstate; No space left on device"))
    def test_a_full_disk_is_an_error_that_names_the_file(self, error):
        wanted = "%s: wanted room to write, got: No space left on device" % self.path("f")
        with self.assertRaisesRegex(checks.InputError, wanted), writing.writing(self.path("f")):
            raise error
        with self.assertRaisesRegex(checks.InputError, wanted), writing.writing_folder(self.path("f")):
            raise error
        self.assertEmpty(os.listdir(self.folder))

    def test_other_errors_are_not_changed(self):
        for write in (writing.writing, writing.writing_folder):
            with self.assertRaisesRegex(OSError, "^.Errno 32. Broken pipe$"), write(self.path("f")):
                raise OSError(32, "Broken pipe")

    def test_text_that_is_not_utf8_leaves_no_file(self):
        with self.assertRaises(UnicodeEncodeError), writing.writing(self.path("f")) as stream:
            stream.write("\ud800")
        self.assertEmpty(os.listdir(self.folder))

    @absltest.skipIf(os.name != "posix", "file modes are POSIX's")
    @parameterized.parameters((0o022, 0o644), (0o077, 0o600), (0o002, 0o664))
    def test_the_mode_follows_the_umask(self, umask, mode):
        before = os.umask(umask)
        self.addCleanup(os.umask, before)
        with writing.writing(self.path("f")) as stream:
            stream.write("x")
        self.assertEqual(mode, stat.S_IMODE(os.stat(self.path("f")).st_mode))
        self.assertEqual(umask, os.umask(umask))

    def test_a_link_is_replaced_and_its_target_is_unchanged(self):
        os.mkdir(self.path("folder"))
        for target in (self.path("folder"), self.path("theirs", b"theirs"), self.path("nowhere")):
            os.symlink(target, self.path("link"))
            with writing.writing(self.path("link"), "wb") as stream:
                stream.write(b"ours")
            self.assertFalse(os.path.islink(self.path("link")))
            self.assertEqual(file_case.read_binary(self.path("link")), b"ours")
            os.unlink(self.path("link"))
        self.assertEqual(file_case.read_binary(self.path("theirs")), b"theirs")
        self.assertCountEqual(os.listdir(self.folder), ["folder", "theirs"])

    def test_a_path_where_no_file_can_be_made_is_an_error(self):
        def write(path):
            with writing.writing(path) as stream:
                stream.write("x")
        os.mkdir(self.path("folder"))
        self.path("file", b"x")
        self.check_error(self.path("folder"), "a file, got a folder", write)
        self.check_error(self.path(os.path.join("file", "f")), "a writable path, got: ", write)
        self.check_error(self.path("f.zip"), ".gz, .bz2, .xz, got a .zip", write)
        self.check_error(os.devnull, "a file, got a pipe or a device", write)
        self.assertCountEqual(["folder", "file"], os.listdir(self.folder))

    def test_a_name_of_250_bytes_is_written(self):
        name = "é" * 125
        with writing.writing(self.path(name)) as stream:
            stream.write("x")
        self.assertEqual("x", file_case.read_text(self.path(name)))


class DeleteTest(file_case.FileCase):

    def test_a_file_and_a_folder_with_its_files_are_deleted(self):
        os.mkdir(self.path("folder"))
        self.path(os.path.join("folder", "f"), b"x")
        for path in (self.path("folder"), self.path("file", b"x")):
            writing.delete(path)
        self.assertEmpty(os.listdir(self.folder))

    def test_a_link_to_a_folder_is_deleted_and_not_the_folder(self):
        os.mkdir(self.path("folder"))
        os.symlink("folder", self.path("link"))
        writing.delete(self.path("link"))
        self.assertEqual(os.listdir(self.folder), ["folder"])


class WritingFolderTest(file_case.FileCase):

    def setUp(self):
        super().setUp()
        self.parent = self.create_tempdir().full_path
        self.folder = os.path.join(self.parent, "new")
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.parent)

    def write(self, folder=None, content="new"):
        with writing.writing_folder(folder or self.folder) as made:
            self.assertFalse(os.path.exists(made))
            os.makedirs(os.path.join(made, "below"))
            with open(os.path.join(made, "below", "file"), "w") as stream:
                stream.write(content)
            self.assertEqual(os.path.exists(os.path.join(self.folder, "below")), False)

    def check_written(self, folder=None):
        with open(os.path.join(folder or self.folder, "below", "file")) as stream:
            self.assertEqual(stream.read(), "new")

    def test_a_full_folder_is_replaced_only_with_replaces(self):
        self.write(content="old")
        with self.assertRaisesRegex(checks.InputError, "wanted a new or empty folder, got a folder"):
            places.check_new_folder(self.folder)
        places.check_new_folder(self.folder, replaces=True)
        with writing.writing_folder(self.folder, replaces=True) as made:
            os.makedirs(os.path.join(made, "below"))
            with open(os.path.join(made, "below", "file"), "w") as stream:
                stream.write("new")
            self.assertTrue(os.path.exists(self.folder))
        self.check_written()
        self.assertEqual(os.listdir(self.parent), ["new"])

    def test_a_folder_appears_when_it_is_complete(self):
        places.check_new_folder(self.folder)
        self.assertEmpty(os.listdir(self.parent))
        self.write()
        self.check_written()
        self.assertEqual(os.listdir(self.parent), ["new"])

    def test_an_empty_folder_is_filled_and_a_full_one_is_refused(self):
        os.mkdir(self.folder)
        places.check_new_folder(self.folder + os.sep)
        self.write(self.folder + os.sep)
        for write in (places.check_new_folder, self.write):
            with self.assertRaisesRegex(checks.InputError, self.folder + ": wanted a new or empty "
                                        "folder, got a folder with files"):
                write(self.folder)
        self.check_written()
        self.assertEqual(os.listdir(self.parent), ["new"])

    def test_a_link_to_an_empty_folder_is_replaced(self):
        os.mkdir(self.folder)
        link = os.path.join(self.parent, "link")
        os.symlink("new", link)
        places.check_new_folder(link)
        self.write(link)
        self.assertFalse(os.path.islink(link))
        self.check_written(link)
        self.assertEqual(([], ["link", "new"]), (os.listdir("new"), sorted(os.listdir(self.parent))))

    @parameterized.parameters("full", "file", "nowhere")
    def test_any_link_is_replaced_with_replaces_and_its_target_is_unchanged(self, target):
        os.mkdir("full")
        open("full/theirs", "w").close()
        open("file", "w").close()
        before = sorted(os.listdir(self.parent))
        os.symlink(target, self.folder)
        if target != "nowhere":
            with self.assertRaisesRegex(checks.InputError, "wanted a new or empty folder, got "):
                places.check_new_folder(self.folder)
        places.check_new_folder(self.folder, replaces=True)
        with writing.writing_folder(self.folder + os.sep, replaces=True) as made:
            os.mkdir(made)
            open(os.path.join(made, "ours"), "w").close()
        self.assertEqual((["ours"], ["theirs"], before + ["new"]), (
            os.listdir(self.folder), os.listdir("full"), sorted(os.listdir(self.parent))))
        self.assertFalse(os.path.islink(self.folder))

    def test_folders_above_are_made(self):
        deep = os.path.join(self.folder, "a", "b")
        places.check_new_folder(deep)
        self.assertEqual(os.listdir(os.path.join(self.folder, "a")), [])
        self.write(deep)
        self.check_written(deep)
        places.check_new_folder("here")
        self.write("here")
        self.check_written(os.path.join(self.parent, "here"))

    @parameterized.parameters(RuntimeError("broken"), KeyboardInterrupt())
    def test_an_error_leaves_no_folder(self, error):
        with self.assertRaises(type(error)):
            with writing.writing_folder(self.folder) as made:
                os.mkdir(made)
                open(os.path.join(made, "file"), "w").close()
                raise error
        self.assertEmpty(os.listdir(self.parent))

    def test_a_folder_that_another_process_fills_is_unchanged(self):
        with self.assertRaisesRegex(checks.InputError, "got a folder with files"):
            with writing.writing_folder(self.folder) as made:
                os.mkdir(made)
                os.mkdir(self.folder)
                open(os.path.join(self.folder, "theirs"), "w").close()
        self.assertEqual(os.listdir(self.folder), ["theirs"])
        self.assertEqual(os.listdir(self.parent), ["new"])

    def test_all_is_on_the_disk_before_the_name_changes(self):
        with mock.patch.object(os, "fsync") as fsync, mock.patch.object(
                os, "replace", side_effect=lambda *_: fsync.assert_called()) as replace:
            self.write()
        self.assertEqual(fsync.call_count, 2)  # of the file, and of its folder's name
        replace.assert_called_once()

    def test_a_file_in_the_way_is_an_error(self):
        path = self.create_tempfile().full_path
        for write in (places.check_new_folder, self.write):
            with self.assertRaisesRegex(checks.InputError, "wanted a new or empty folder, got a file"):
                write(path)
            with self.assertRaisesRegex(checks.InputError, "wanted a path for a folder, got: "):
                write(os.path.join(path, "new"))
            with self.assertRaisesRegex(checks.InputError, "wanted a path for a folder, got: "):
                write(os.path.join(os.sep, "proc", "new"))


if __name__ == "__main__":
    absltest.main()
