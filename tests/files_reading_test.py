"""Reading compressed and plain files: every form is read, and damage is an error that names the file."""
import errno
import gzip
import os
import shutil
import tracemalloc
import warnings
import zipfile
from unittest import mock

from absl.testing import absltest, parameterized

from tests import file_case
from tf1_sampled import checks
from tf1_sampled.files import reading


class ReadingTest(file_case.FileCase):

    @parameterized.parameters("", ".gz", ".bz2", ".xz", ".zip", ".GZ", ".Zip")
    def test_every_form_gives_the_same_text(self, ending):
        path = self.path("text" + ending, file_case.packed(ending, file_case.DATA))
        self.assertEqual(file_case.TEXT, file_case.read_text(path))
        self.assertEqual(file_case.DATA, file_case.read_binary(path))
        with reading.open_text(path) as stream:
            self.assertEqual(["one\n", "two é\n", "\n", "last without end"], list(stream))

    @parameterized.parameters("", ".gz", ".bz2", ".xz", ".zip")
    def test_reading_may_stop_early_and_start_again(self, ending):
        path = self.path("text" + ending, file_case.packed(ending, file_case.DATA))
        for _ in range(2):
            with reading.open_text(path) as stream:
                self.assertEqual("one\n", next(stream))

    def test_a_path_object_is_read(self):
        class Path:
            def __fspath__(self):
                return path
        path = self.path("text.gz", gzip.compress(b"x"))
        self.assertEqual("x", file_case.read_text(Path()))

    @parameterized.parameters("", ".gz", ".zip")
    def test_a_byte_order_mark_is_not_text(self, ending):
        path = self.path("f" + ending, file_case.packed(ending, b"\xef\xbb\xbfa\n"))
        self.assertEqual("a\n", file_case.read_text(path))

    @parameterized.parameters("", ".xz")
    def test_all_line_ends_are_one(self, ending):
        path = self.path("f" + ending, file_case.packed(ending, b"a\r\nb\rc\n"))
        with reading.open_text(path) as stream:
            self.assertEqual(["a\n", "b\n", "c\n"], list(stream))

    def test_two_archives_in_a_row_are_one_text(self):
        self.assertEqual("a\nb\n", file_case.read_text(self.path("f.gz", gzip.compress(b"a\n")
                                                       + gzip.compress(b"b\n"))))


class ChangedFileTest(file_case.FileCase):
    """Files that are changed while they are read."""

    def append(self, path):
        with open(path, "ab") as stream:
            stream.write(b"more\n")

    def cut(self, path):
        os.truncate(path, os.path.getsize(path) - 1)

    def write(self, path):
        times = os.stat(path)
        with open(path, "r+b") as stream:
            stream.write(b"o")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns + 1))

    def replace(self, path):
        times = os.stat(path)
        shutil.copy2(path, path + ".new")
        os.rename(path + ".new", path)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    @parameterized.product(
        how=[("append", ": it grew from %d to %d bytes (read a copy of a log)", 5),
             ("cut", ": it shrank from %d to %d bytes", -1), ("write", "", 0), ("replace", "", 0)],
        ending=["", ".gz", ".zip"])
    def test_a_file_that_changes_while_it_is_read_is_an_error(self, how, ending):
        name, tail, more = how
        content = file_case.packed(ending, file_case.DATA)
        path = self.path("f" + ending, content)
        with self.assertRaises(checks.InputError) as caught:
            with reading.open_text(path) as stream:
                self.assertEqual(file_case.TEXT, stream.read())
                getattr(self, name)(path)
        if tail:
            tail %= (len(content), len(content) + more)
        self.assertEqual(str(caught.exception), "%s: wanted a file that does not change, got a file "
                         "that changed while it was read%s" % (path, tail))

    def test_a_file_that_is_deleted_while_it_is_read_is_an_error(self):
        with self.assertRaisesRegex(checks.InputError, "f: wanted a readable file, got: No such file"):
            with reading.open_binary(self.path("f", b"x")):
                os.remove(self.path("f"))

    def test_reading_and_linking_are_not_changes(self):
        with reading.open_binary(self.path("f", b"x")):
            os.link(self.path("f"), self.path("g"))
            self.assertEqual(file_case.read_binary(self.path("g")), b"x")


class BadFileTest(file_case.FileCase):

    def test_a_missing_file_is_an_error(self):
        self.check_error(self.path("nothing.txt"), "a readable file, got: No such file")

    @parameterized.parameters("f", "f.gz", "f.zip")
    def test_an_empty_file_is_an_error(self, name):
        self.check_error(self.path(name, b""), "got an empty file")
        self.check_error(self.path(name, b""), "got an empty file", file_case.read_binary)

    @parameterized.parameters(".gz", ".bz2", ".xz", ".zip")
    def test_an_archive_of_an_empty_file_is_an_error(self, ending):
        path = self.path("f" + ending, file_case.packed(ending, b""))
        self.check_error(path, "text, got an archive of an empty file")

    @parameterized.parameters("f", "f.gz", "f.zip")
    def test_a_folder_is_not_read(self, name):
        os.mkdir(self.path(name))
        self.check_error(self.path(name), "a file, got a folder")

    def test_a_device_is_not_read(self):
        self.check_error(os.devnull, "a file, got a pipe or a device")

    def test_an_unreadable_file_is_an_error(self):
        path = self.path("f", b"text")
        error = PermissionError(errno.EACCES, "Permission denied", path)
        with mock.patch.object(reading, "open", side_effect=error, create=True):
            self.check_error(path, "a readable file, got: Permission denied")

    @parameterized.parameters("", ".gz", ".zip")
    def test_a_binary_file_is_an_error(self, ending):
        path = self.path("f" + ending, file_case.packed(ending, b"PNG\0\1"))
        self.check_error(path, "UTF-8 text, got a binary file")
        self.assertEqual(b"PNG\0\1", file_case.read_binary(path))

    @parameterized.parameters(
        (b"\xff\n", 1), (b"x" * 100000 + b"\n\xff\n", 2), (b"a\r\nb\r\n\xffc\r\nd", 3),
        (b"a\rb\r\xffc\rd", 3),
        (b"\xef\xbb\xbfa\n" * 10000 + b"b\xff\n" + b"c\n" * 9, 10001))
    def test_invalid_utf8_is_an_error_that_names_the_line(self, content, line):
        message = "line %d: wanted UTF-8 text, got byte 0xff: invalid start byte" % line
        self.check_error(self.path("f", content), message)

    def test_a_character_cut_off_at_the_end_is_an_error(self):
        self.check_error(self.path("f", b"a\n\xe4\xb8"), "line 2: wanted UTF-8 text, got byte 0xe4")

    @parameterized.parameters((b"x\n" * 5000 + b"a\0b\n", 5001), (b"x\r" * 5000 + b"\0", 5001))
    def test_a_nul_after_much_text_is_an_error(self, content, line):
        self.check_error(self.path("f", content), r"line %d: wanted UTF-8 text, got '\x00'" % line)

    @parameterized.product(ending=("", ".gz", ".bz2", ".xz", ".zip"), end=(b"\n", b"\r"))
    def test_a_line_longer_than_the_limit_is_an_error(self, ending, end):
        with mock.patch.object(reading, "_LONGEST_LINE", 20000):
            whole = self.path("f" + ending, file_case.packed(ending, (b"x" * 19999 + end) * 3))
            self.assertLen(file_case.read_text(whole), 60000)
            content = file_case.packed(ending, b"a" + end + b"x" * 50000)
            self.check_error(self.path("f" + ending, content),
                             "line 2: wanted a line of at most 20000 bytes, got ")

    @parameterized.parameters(".gz", ".bz2", ".xz", ".zip")
    def test_an_archive_of_one_endless_line_costs_no_memory(self, ending):
        path = self.path("f" + ending, file_case.packed(ending, b"x" * 10 ** 8))
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        with self.assertRaisesRegex(checks.InputError, "line 1: wanted a line of at most 16777216 "):
            with reading.open_text(path) as stream:
                next(stream)
        self.assertLess(tracemalloc.get_traced_memory()[1], 5e7)

    def test_text_of_another_encoding_is_decoded(self):
        with reading.open_text(self.path("f", b"\xe9\r\n"), "latin-1") as stream:
            self.assertEqual(list(stream), ["é\n"])

    @parameterized.parameters(".gz", ".bz2", ".xz", ".zip")
    def test_plain_text_under_an_archive_name_is_an_error(self, ending):
        self.check_error(self.path("f" + ending, b"plain text, some of it\n" * 9), "got: ")

    @parameterized.product(
        ending=(".gz", ".bz2", ".xz"), read=(file_case.read_text, file_case.read_binary))
    def test_a_truncated_archive_is_an_error(self, ending, read):
        whole = file_case.packed(ending, file_case.DATA)
        path = self.path("f" + ending, whole[:-5])
        self.check_error(path, "an undamaged %s file, got: " % ending, read)

    def test_a_truncated_zip_is_an_error(self):
        path = self.path("f.zip", file_case.packed(".zip", file_case.DATA)[:-30])
        self.check_error(path, "an undamaged .zip file, got: ")

    @parameterized.parameters(".gz", ".bz2", ".xz", ".zip")
    def test_damage_in_the_middle_is_an_error_while_reading(self, ending):
        # More than 900,000 bytes: all of these compress in blocks, and the first blocks are undamaged.
        lines = b"".join(b"%d\n" % (i * 7919 % 1000003) for i in range(200000))
        content = bytearray(file_case.packed(ending, lines))
        for i in range(len(content) * 9 // 10, len(content) * 9 // 10 + 40):
            content[i] ^= 0x55
        path = self.path("f" + ending, bytes(content))
        read = []
        with self.assertRaisesRegex(checks.InputError, "wanted (an undamaged|a readable|UTF-8 text)"):
            with reading.open_text(path) as stream:
                for line in stream:
                    read.append(line)
        self.assertGreater(len(read), 1000)

    def test_a_block_that_cannot_be_decompressed_is_an_error(self):
        path = self.path("f.gz", gzip.compress(b"")[:10] + b"\xff" * 50)
        self.check_error(path, "an undamaged .gz file")

    @parameterized.parameters((0,), (2,))
    def test_a_zip_of_no_or_two_members_is_an_error(self, members):
        path = self.path("f.zip", file_case.zipped([("%d.txt" % i, "x") for i in range(members)]))
        self.check_error(path, "a zip file with one member, got %d members" % members)

    @parameterized.parameters((6, 0x01, "encrypted"), (8, 99, "compression"), (6, 0x20, "patched"))
    def test_an_encrypted_or_unknown_zip_is_an_error(self, offset, value, message):
        content = bytearray(file_case.zipped([("a.txt", "text")]))
        # The header of the member and, two bytes later, the directory have the same two fields.
        for start in (0, content.index(b"PK\1\2") + 2):
            content[start + offset] = value
        self.check_error(self.path("f.zip", bytes(content)), "a plain zip file, got: ")
        self.check_error(self.path("f.zip", bytes(content)), message)

    @parameterized.parameters((6, 90, b"a", "zip file version 9.0"), (9, 8, b"\xff", "can't decode"))
    def test_a_zip_with_a_damaged_directory_is_an_error(self, offset, value, name, message):
        content = bytearray(file_case.zipped([("a.txt", "text")]).replace(b"a.txt", name + b".txt"))
        content[content.index(b"PK\1\2") + offset] = value
        self.check_error(self.path("f.zip", bytes(content)), "a plain zip file, got: ")
        self.check_error(self.path("f.zip", bytes(content)), message)

    def test_a_memory_error_names_the_file(self):
        path = self.path("f.gz", gzip.compress(b"text"))
        with self.assertRaisesRegex(checks.InputError, "f.gz: wanted a file that fits in memory, got"):
            with reading.open_binary(path):
                raise MemoryError

    def test_errors_of_the_caller_are_not_changed(self):
        path = self.path("f", b"text")
        for error in (BrokenPipeError(errno.EPIPE, "Broken pipe"), KeyError("x"),
                      OSError(errno.ENOSPC, "No space left on device"),
                      OSError(errno.EIO, "Input/output error", "other"),
                      checks.InputError("x")):
            for open_file in (reading.open_text, reading.open_binary):
                with self.assertRaises(type(error)) as caught, open_file(path):
                    raise error
                self.assertIs(error, caught.exception)

    def test_an_error_of_the_disk_names_the_file(self):
        path = self.path("f", b"text")
        with self.assertRaisesRegex(checks.InputError, "f: wanted a readable file, got: Input"):
            with reading.open_binary(path):
                raise OSError(errno.EIO, "Input/output error")


class MembersTest(file_case.FileCase):

    def members(self, path):
        read = []
        with reading.open_members(path) as members:
            for name, open_member in members:
                with open_member() as stream:
                    read.append((name, stream.read()))
        return read

    @parameterized.parameters("", ".gz", ".bz2", ".xz", ".zip")
    def test_any_other_file_is_its_only_member(self, ending):
        path = self.path("f" + ending, file_case.packed(ending, b"text"))
        self.assertEqual([(path, b"text")], self.members(path))

    def test_members_of_a_zip_are_in_order(self):
        path = self.path("f.zip", file_case.zipped([
            ("b", "1"), (".x", "no"), ("d/.x", "no"), ("d/", ""), ("a", "2"), ("__MACOSX/a", "no")]))
        self.assertEqual([(path + ": b", b"1"), (path + ": a", b"2")], self.members(path))
        self.assertEmpty(self.members(self.path("g.zip", file_case.zipped([("d/", "")]))))

    def test_members_of_one_name_are_two(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # zipfile warns of the repeated name
            path = self.path("f.zip", file_case.zipped([("a", "1"), ("a", "2")]))
        self.assertEqual([(path + ": a", b"1"), (path + ": a", b"2")], self.members(path))

    def test_names_of_members_are_not_paths(self):
        names = ["../up", "/etc/up", "a..", "c:\\up", "a\nb"]
        path = self.path("f.zip", file_case.zipped([(name, file_case.TEXT) for name in names]))
        self.assertEqual([file_case.DATA] * 5, [content for _, content in self.members(path)])
        self.assertEqual(["f.zip"], os.listdir(self.folder))

    def test_hidden_members_of_a_zip_are_left_out(self):
        path = self.path("f.zip", file_case.zipped([("a", "x"), ("__MACOSX/._a", "no")]))
        self.assertEqual("x", file_case.read_text(path))

    def test_damage_is_named(self):
        members = [("a", file_case.TEXT * 9), ("b", file_case.TEXT * 9)]
        content = file_case.zipped(members, zipfile.ZIP_STORED)
        path = self.path("f.zip", content.replace(b"last", b"lost"))
        self.check_error(path, "an undamaged .zip file, got: Bad CRC-32", self.members)


if __name__ == "__main__":
    absltest.main()
