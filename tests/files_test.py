"""Files in and out: every form read, every damage named, nothing left half-written."""
import bz2
import copy
import errno
import gzip
import io
import lzma
import os
import re
import stat
import tracemalloc
import warnings
import zipfile
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.files import cache, places, reading, writing

TEXT = "one\ntwo é\n\nlast without end"


def zipped(members, compression=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


def packed(ending, content):
    pack = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress,
            ".zip": lambda data: zipped([("folder/", b""), ("folder/member.txt", data)])}
    return pack[ending.lower()](content)


def read_text(path):
    with reading.open_text(path) as stream:
        return stream.read()


def read_binary(path):
    with reading.open_binary(path) as stream:
        return stream.read()


class FilesTestCase(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path

    def path(self, name, content=None):
        path = os.path.join(self.folder, name)
        if content is not None:
            with open(path, "wb") as stream:
                stream.write(content)
        return path

    def check_error(self, path, message, read=read_text):
        with self.assertRaises(checks.InputError) as caught:
            read(path)
        self.assertRegex(str(caught.exception), "^" + re.escape(path) + r": (line \d+: )?wanted ")
        self.assertIn(message, str(caught.exception))


class ReadingTest(FilesTestCase):

    @parameterized.parameters("", ".gz", ".bz2", ".xz", ".zip", ".GZ", ".Zip")
    def test_every_form_gives_the_same_text(self, ending):
        path = self.path("text" + ending, packed(ending, TEXT.encode("utf-8")))
        self.assertEqual(TEXT, read_text(path))
        self.assertEqual(TEXT.encode("utf-8"), read_binary(path))
        with reading.open_text(path) as stream:
            self.assertEqual(["one\n", "two é\n", "\n", "last without end"], list(stream))

    @parameterized.parameters("", ".gz", ".bz2", ".xz", ".zip")
    def test_reading_may_stop_early_and_start_again(self, ending):
        path = self.path("text" + ending, packed(ending, TEXT.encode("utf-8")))
        for _ in range(2):
            with reading.open_text(path) as stream:
                self.assertEqual("one\n", next(stream))

    def test_a_path_object_will_do(self):
        class Path:
            def __fspath__(self):
                return path
        path = self.path("text.gz", gzip.compress(b"x"))
        self.assertEqual("x", read_text(Path()))

    @parameterized.parameters("", ".gz", ".zip")
    def test_a_byte_order_mark_is_no_text(self, ending):
        path = self.path("f" + ending, packed(ending, b"\xef\xbb\xbfa\n"))
        self.assertEqual("a\n", read_text(path))

    @parameterized.parameters("", ".xz")
    def test_all_line_ends_are_one(self, ending):
        path = self.path("f" + ending, packed(ending, b"a\r\nb\rc\n"))
        with reading.open_text(path) as stream:
            self.assertEqual(["a\n", "b\n", "c\n"], list(stream))

    def test_two_archives_in_a_row_are_one_text(self):
        self.assertEqual("a\nb\n", read_text(self.path("f.gz", gzip.compress(b"a\n")
                                                       + gzip.compress(b"b\n"))))


class BadFileTest(FilesTestCase):

    def test_missing(self):
        self.check_error(self.path("nothing.txt"), "a readable file, got: No such file")

    @parameterized.parameters("f", "f.gz", "f.zip")
    def test_empty(self, name):
        self.check_error(self.path(name, b""), "got an empty file")
        self.check_error(self.path(name, b""), "got an empty file", read_binary)

    @parameterized.parameters(".gz", ".bz2", ".xz", ".zip")
    def test_archive_of_nothing(self, ending):
        path = self.path("f" + ending, packed(ending, b""))
        self.check_error(path, "text, got an archive of an empty file")

    @parameterized.parameters("f", "f.gz", "f.zip")
    def test_folder(self, name):
        os.mkdir(self.path(name))
        self.check_error(self.path(name), "a file, got a folder")

    def test_device(self):
        self.check_error(os.devnull, "a file, got a pipe or a device")

    def test_unreadable(self):
        path = self.path("f", b"text")
        error = PermissionError(errno.EACCES, "Permission denied", path)
        with mock.patch.object(files, "open", side_effect=error, create=True):
            self.check_error(path, "a readable file, got: Permission denied")

    @parameterized.parameters("", ".gz", ".zip")
    def test_binary_is_no_text(self, ending):
        path = self.path("f" + ending, packed(ending, b"PNG\0\1"))
        self.check_error(path, "UTF-8 text, got a binary file")
        self.assertEqual(b"PNG\0\1", read_binary(path))

    @parameterized.parameters(
        (b"\xff\n", 1), (b"x" * 100000 + b"\n\xff\n", 2), (b"a\r\nb\r\n\xffc\r\nd", 3),
        (b"a\rb\r\xffc\rd", 3),
        (b"\xef\xbb\xbfa\n" * 10000 + b"b\xff\n" + b"c\n" * 9, 10001))
    def test_bad_utf8(self, content, line):
        message = "line %d: wanted UTF-8 text, got byte 0xff: invalid start byte" % line
        self.check_error(self.path("f", content), message)

    def test_bytes_that_are_cut_off_at_the_end(self):
        self.check_error(self.path("f", b"a\n\xe4\xb8"), "line 2: wanted UTF-8 text, got byte 0xe4")

    @parameterized.parameters((b"x\n" * 5000 + b"a\0b\n", 5001), (b"x\r" * 5000 + b"\0", 5001))
    def test_a_nul_after_much_text(self, content, line):
        self.check_error(self.path("f", content), r"line %d: wanted UTF-8 text, got '\x00'" % line)

    @parameterized.product(ending=("", ".gz", ".bz2", ".xz", ".zip"), end=(b"\n", b"\r"))
    def test_a_line_without_an_end(self, ending, end):
        with mock.patch.object(files, "_LONGEST_LINE", 20000):
            whole = self.path("f" + ending, packed(ending, (b"x" * 19999 + end) * 3))
            self.assertLen(read_text(whole), 60000)
            self.check_error(self.path("f" + ending, packed(ending, b"a" + end + b"x" * 50000)),
                             "line 2: wanted a line of at most 20000 bytes, got ")

    @parameterized.parameters(".gz", ".bz2", ".xz", ".zip")
    def test_an_archive_of_one_endless_line_costs_no_memory(self, ending):
        path = self.path("f" + ending, packed(ending, b"x" * 10 ** 8))
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        with self.assertRaisesRegex(checks.InputError, "line 1: wanted a line of at most 16777216 "):
            with reading.open_text(path) as stream:
                next(stream)
        self.assertLess(tracemalloc.get_traced_memory()[1], 5e7)

    def test_text_of_another_encoding(self):
        with reading.open_text(self.path("f", b"\xe9\r\n"), "latin-1") as stream:
            self.assertEqual(list(stream), ["é\n"])

    @parameterized.parameters(".gz", ".bz2", ".xz", ".zip")
    def test_plain_text_under_an_archive_name(self, ending):
        self.check_error(self.path("f" + ending, b"plain text, some of it\n" * 9), "got: ")

    @parameterized.product(ending=(".gz", ".bz2", ".xz"), read=(read_text, read_binary))
    def test_truncated(self, ending, read):
        whole = packed(ending, TEXT.encode("utf-8"))
        path = self.path("f" + ending, whole[:-5])
        self.check_error(path, "a whole %s file, got: " % ending, read)

    def test_truncated_zip(self):
        path = self.path("f.zip", packed(".zip", TEXT.encode("utf-8"))[:-30])
        self.check_error(path, "a whole .zip file, got: ")

    @parameterized.parameters(".gz", ".bz2", ".xz", ".zip")
    def test_damage_that_shows_only_while_reading(self, ending):
        # 900,000 bytes and more: all of these pack in blocks, and the first blocks are sound.
        lines = b"".join(b"%d\n" % (i * 7919 % 1000003) for i in range(200000))
        content = bytearray(packed(ending, lines))
        for i in range(len(content) * 9 // 10, len(content) * 9 // 10 + 40):
            content[i] ^= 0x55
        path = self.path("f" + ending, bytes(content))
        read = []
        with self.assertRaisesRegex(checks.InputError, "wanted (a (whole|readable)|UTF-8 text)"):
            with reading.open_text(path) as stream:
                for line in stream:
                    read.append(line)
        self.assertGreater(len(read), 1000)

    def test_a_block_that_cannot_be_unpacked(self):
        path = self.path("f.gz", gzip.compress(b"")[:10] + b"\xff" * 50)
        self.check_error(path, "a whole .gz file")

    @parameterized.parameters((0,), (2,))
    def test_zip_of_other_than_one_member(self, members):
        path = self.path("f.zip", zipped([("%d.txt" % i, "x") for i in range(members)]))
        self.check_error(path, "a zip file of one member, got %d members" % members)

    @parameterized.parameters((6, 0x01, "encrypted"), (8, 99, "compression"), (6, 0x20, "patched"))
    def test_zip_that_python_cannot_unpack(self, offset, value, message):
        content = bytearray(zipped([("a.txt", "text")]))
        # The same two fields stand in the member's header and, two bytes on, in the directory.
        for start in (0, content.index(b"PK\1\2") + 2):
            content[start + offset] = value
        self.check_error(self.path("f.zip", bytes(content)), "a plain zip file, got: ")
        self.check_error(self.path("f.zip", bytes(content)), message)

    @parameterized.parameters((6, 90, b"a", "zip file version 9.0"), (9, 8, b"\xff", "can't decode"))
    def test_zip_with_a_damaged_directory(self, offset, value, name, message):
        content = bytearray(zipped([("a.txt", "text")]).replace(b"a.txt", name + b".txt"))
        content[content.index(b"PK\1\2") + offset] = value
        self.check_error(self.path("f.zip", bytes(content)), "a plain zip file, got: ")
        self.check_error(self.path("f.zip", bytes(content)), message)

    def test_what_takes_more_memory_than_there_is(self):
        path = self.path("f.gz", gzip.compress(b"text"))
        with self.assertRaisesRegex(checks.InputError, "f.gz: wanted what fits into memory, got more"):
            with reading.open_binary(path):
                raise MemoryError

    def test_errors_of_the_code_that_reads_stay_what_they_are(self):
        path = self.path("f", b"text")
        for error in (BrokenPipeError(errno.EPIPE, "Broken pipe"), KeyError("x"),
                      OSError(errno.ENOSPC, "No space left on device"),
                      OSError(errno.EIO, "Input/output error", "other"),
                      checks.InputError("x")):
            for reading in (reading.open_text, reading.open_binary):
                with self.assertRaises(type(error)) as caught, reading(path):
                    raise error
                self.assertIs(error, caught.exception)

    def test_an_error_of_the_disk_names_the_file(self):
        path = self.path("f", b"text")
        with self.assertRaisesRegex(checks.InputError, "f: wanted a readable file, got: Input"):
            with reading.open_binary(path):
                raise OSError(errno.EIO, "Input/output error")


class MembersTest(FilesTestCase):

    def members(self, path):
        read = []
        with reading.open_members(path) as members:
            for name, open_member in members:
                with open_member() as stream:
                    read.append((name, stream.read()))
        return read

    @parameterized.parameters("", ".gz", ".bz2", ".xz", ".zip")
    def test_any_other_file_is_its_one_member(self, ending):
        path = self.path("f" + ending, packed(ending, b"text"))
        self.assertEqual([(path, b"text")], self.members(path))

    def test_the_members_of_a_zip_in_order(self):
        path = self.path("f.zip", zipped([
            ("b", "1"), (".x", "no"), ("d/.x", "no"), ("d/", ""), ("a", "2"), ("__MACOSX/a", "no")]))
        self.assertEqual([(path + ": b", b"1"), (path + ": a", b"2")], self.members(path))
        self.assertEmpty(self.members(self.path("g.zip", zipped([("d/", "")]))))

    def test_members_of_one_name_are_two(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # zipfile tells of the name
            path = self.path("f.zip", zipped([("a", "1"), ("a", "2")]))
        self.assertEqual([(path + ": a", b"1"), (path + ": a", b"2")], self.members(path))

    def test_names_of_members_are_no_paths(self):
        names = ["../up", "/etc/up", "a..", "c:\\up", "a\nb"]
        path = self.path("f.zip", zipped([(name, TEXT) for name in names]))
        self.assertEqual([TEXT.encode("utf-8")] * 5, [content for _, content in self.members(path)])
        self.assertEqual(["f.zip"], os.listdir(self.folder))

    def test_what_is_hidden_in_a_zip_does_not_count(self):
        path = self.path("f.zip", zipped([("a", "x"), ("__MACOSX/._a", "no")]))
        self.assertEqual("x", read_text(path))

    def test_damage_is_named(self):
        content = zipped([("a", TEXT * 9), ("b", TEXT * 9)], zipfile.ZIP_STORED)
        path = self.path("f.zip", content.replace(b"last", b"lost"))
        self.check_error(path, "a whole .zip file, got: Bad CRC-32", self.members)


class CachedFolderTest(FilesTestCase):

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

    def test_it_is_made_once(self):
        path = self.path("entry")
        self.assertEqual(("whole", True), cache.cached_folder(path, self.make, self.load))
        self.assertEqual(("whole", False), cache.cached_folder(path, None, self.load))
        self.assertEqual(["entry"], os.listdir(self.folder))

    @parameterized.parameters("entry", "entry/f")
    def test_what_is_not_whole_is_made_anew(self, name):
        if name != "entry":
            os.mkdir(self.path("entry"))
        self.path(name, b"half")
        made = cache.cached_folder(self.path("entry"), self.make, self.load)
        self.assertEqual(("whole", True), made)
        self.assertEqual(["entry"], os.listdir(self.folder))

    def test_an_error_leaves_what_was_there(self):
        def fail(folder):
            self.make(folder)
            raise KeyError("x")
        os.mkdir(self.path("entry"))
        self.path("entry/f", b"half")
        with self.assertRaises(KeyError):
            cache.cached_folder(self.path("entry"), fail, self.load)
        self.assertEqual(["entry"], os.listdir(self.folder))
        self.assertEqual("half", read_text(self.path("entry/f")))

    def test_errors_of_other_files_stay_what_they_are(self):
        def fail(_):
            raise FileNotFoundError(errno.ENOENT, "No such file", "other")
        with self.assertRaises(FileNotFoundError):
            cache.cached_folder(self.path("entry"), fail, self.load)

    def test_no_place_is_named(self):
        path = self.path("nowhere")
        with self.assertRaisesRegex(checks.InputError, "nowhere: wanted a place to write, got: No such"):
            cache.cached_folder(os.path.join(path, "entry"), self.make, self.load)

    def test_an_entry_that_can_never_be_loaded_is_an_error(self):
        with self.assertRaisesRegex(checks.InputError, "wanted a place to write, got: "):
            cache.cached_folder(self.path("entry"), self.make, lambda folder: None)


class WritingTest(FilesTestCase):

    @parameterized.parameters("f", "f.txt", "f.gz", "f.bz2", "f.xz", "f.XZ", "new/folders/f.gz")
    def test_what_is_written_is_read_back(self, name):
        path = self.path(name)
        with writing.writing(path) as stream:
            stream.write(TEXT)
        self.assertEqual(TEXT, read_text(path))
        with writing.writing(path, "wb") as stream:
            stream.write(b"\0\xff\r\n")
        self.assertEqual(b"\0\xff\r\n", read_binary(path))
        self.assertEqual([os.path.basename(path)], os.listdir(os.path.dirname(path)))

    @parameterized.parameters(("f", TEXT.encode("utf-8")), ("f.gz", b"\x1f\x8b"), ("f.bz2", b"BZh"),
                              ("f.xz", b"\xfd7zXZ"))
    def test_the_form_on_disk_is_that_of_the_name(self, name, start):
        with writing.writing(self.path(name)) as stream:
            stream.write(TEXT)
        with open(self.path(name), "rb") as stream:
            self.assertStartsWith(stream.read(), start)

    def test_the_same_content_gives_the_same_bytes(self):
        for name, now in (("a.gz", 1.0), ("b.gz", 1e9)):
            with mock.patch("time.time", lambda now=now: now):
                with writing.writing(self.path(name)) as stream:
                    stream.write(TEXT)
        with open(self.path("a.gz"), "rb") as a, open(self.path("b.gz"), "rb") as b:
            self.assertEqual(a.read(), b.read())

    def test_a_name_without_a_folder_goes_to_the_current_one(self):
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        with writing.writing("f") as stream:
            stream.write("x")
        self.assertEqual("x", read_text("f"))

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

    def test_the_old_file_stands_until_the_end(self):
        path = self.path("f", b"old")
        with writing.writing(path) as stream:
            stream.write("new")
            stream.flush()
            self.assertEqual("old", read_text(path))
            self.assertLen(os.listdir(self.folder), 2)
        self.assertEqual("new", read_text(path))

    @parameterized.parameters("f", "f.gz")
    def test_all_is_on_the_disk_before_the_name_changes(self, name):
        sizes = []
        with mock.patch("os.fsync", lambda handle: sizes.append(os.fstat(handle).st_size)):
            with writing.writing(self.path(name)) as stream:
                stream.write("x")
        self.assertEqual([os.path.getsize(self.path(name))], sizes)

    @parameterized.parameters(OSError(28, "No space left on device"),
                              RuntimeError("save: x.tempstate; No space left on device"))
    def test_a_full_disk(self, error):
        wanted = "%s: wanted room to write, got: No space left on device" % self.path("f")
        with self.assertRaisesRegex(checks.InputError, wanted), writing.writing(self.path("f")):
            raise error
        with self.assertRaisesRegex(checks.InputError, wanted), writing.writing_folder(self.path("f")):
            raise error
        self.assertEmpty(os.listdir(self.folder))

    def test_other_errors_are_as_they_were(self):
        for write in (writing.writing, writing.writing_folder):
            with self.assertRaisesRegex(OSError, "^.Errno 32. Broken pipe$"), write(self.path("f")):
                raise OSError(32, "Broken pipe")

    def test_text_that_is_no_utf8_leaves_no_file(self):
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

    def test_places_where_no_file_can_be_made(self):
        def write(path):
            with writing.writing(path) as stream:
                stream.write("x")
        os.mkdir(self.path("folder"))
        self.path("file", b"x")
        self.check_error(self.path("folder"), "a file, got a folder", write)
        self.check_error(self.path(os.path.join("file", "f")), "a place to write, got: ", write)
        self.check_error(self.path("f.zip"), ".gz, .bz2, .xz, got a .zip", write)
        self.check_error(os.devnull, "a file, got a pipe or a device", write)
        self.assertCountEqual(["folder", "file"], os.listdir(self.folder))

    def test_a_long_name(self):
        name = "é" * 125
        with writing.writing(self.path(name)) as stream:
            stream.write("x")
        self.assertEqual("x", read_text(self.path(name)))


class ApartTest(FilesTestCase):

    def test_places_of_their_own(self):
        places.check_apart({}, {})
        places.check_apart({"a": "", "b": "", "c": "x"}, {"d": "", "e": ""})
        places.check_apart({"a": "model", "b": "model/file", "c": "mode"}, {"d": "model/new", "e": "new"})

    @parameterized.parameters(
        (dict(a="x", b="./y/../x"), {}, "^a: wanted a place of its own, got that of b$"),
        ({}, dict(d="x", e="x/"), "^d: .* that of e$"), ({}, dict(d="x/y", e="x"), "^e: .* that of d$"),
        (dict(a="x/file"), dict(d="x"), "^d: .* that of a$"), (dict(a="x"), dict(d="x"), "that of "))
    def test_one_place_for_two(self, paths, folders, message):
        with self.assertRaisesRegex(checks.InputError, message):
            places.check_apart(paths, folders)

    def test_a_link_is_where_it_leads(self):
        os.symlink("there", os.path.join(self.folder, "link"))
        with self.assertRaisesRegex(checks.InputError, "^d: .* that of a$"):
            places.check_apart({"a": os.path.join(self.folder, "there", "file")},
                              {"d": os.path.join(self.folder, "link")})
        with self.assertRaisesRegex(checks.InputError, "^a: .* that of i$"):
            places.check_apart({"a": os.path.join(self.folder, "there")}, {},
                              {"i": [os.path.join(self.folder, "link")]})

    def test_what_is_read_may_be_read_twice(self):
        places.check_apart({"a": "x", "b": ""}, {"d": "new"},
                          {"i": ["y", "y", "x/y", "newer"], "j": ["y"], "k": []})

    @parameterized.parameters((["y", "./x"], "^a: wanted a place of its own, got that of i$"),
                              (["new/file"], "^d: .* that of i$"), (["new"], "^d: .* that of i$"))
    def test_what_is_read_is_no_place_for_a_result(self, read, message):
        with self.assertRaisesRegex(checks.InputError, message):
            places.check_apart({"a": "x"}, {"d": "new"}, {"i": read})

    def test_what_a_folder_keeps(self):
        patterns = ["lock", "model-*"]
        places.check_not_kept({"a": ["m/x", "lock", "m", "m/x/lock", "m2/lock", "m/models"], "b": []},
                             "m", patterns)
        for path, name in (("m/lock", "lock"), ("n/../m/model-1", "model-1"), ("m/lock/x", "lock")):
            with self.assertRaisesRegex(checks.InputError, "^a: wanted a place of its own, got %s, "
                                        "which m keeps for itself$" % name):
                places.check_not_kept({"a": ["x", path]}, "m", patterns)


class DigestTest(parameterized.TestCase):

    def test_contents_are_told_apart(self):
        some = [(), (1,), (1, 2), ([1, 2],), ("12",), (None,), (np.arange(2),), (np.arange(2.0),),
                (np.arange(2, dtype=np.int32),), (np.arange(1), np.arange(1, 2)),
                (np.arange(2)[:, None],)]
        self.assertLen({cache.digest(*parts) for parts in some}, len(some))
        for parts in some:
            self.assertEqual(cache.digest(*parts), cache.digest(*copy.deepcopy(parts)))


class WritingFolderTest(FilesTestCase):

    def setUp(self):
        super().setUp()
        self.parent = self.create_tempdir().full_path
        self.folder = os.path.join(self.parent, "new")

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

    def test_an_earlier_one_gives_way_where_it_may(self):
        self.write(content="old")
        with self.assertRaisesRegex(checks.InputError, "wanted a new or empty folder, got one"):
            places.check_new_folder(self.folder)
        places.check_new_folder(self.folder, replaces=True)
        with writing.writing_folder(self.folder, replaces=True) as made:
            os.makedirs(os.path.join(made, "below"))
            with open(os.path.join(made, "below", "file"), "w") as stream:
                stream.write("new")
            self.assertTrue(os.path.exists(self.folder))
        self.check_written()
        self.assertEqual(os.listdir(self.parent), ["new"])

    def test_a_folder_is_there_when_all_went_well(self):
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
                                        "folder, got one with something in it"):
                write(self.folder)
        self.check_written()
        self.assertEqual(os.listdir(self.parent), ["new"])

    def test_a_link_to_a_folder_stays_one(self):
        os.mkdir(self.folder)
        link = os.path.join(self.parent, "link")
        os.symlink("new", link)
        places.check_new_folder(link)
        self.write(link)
        self.assertTrue(os.path.islink(link))
        self.check_written()

    def test_folders_above_are_made(self):
        deep = os.path.join(self.folder, "a", "b")
        places.check_new_folder(deep)
        self.assertEqual(os.listdir(os.path.join(self.folder, "a")), [])
        self.write(deep)
        self.check_written(deep)
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(self.parent)
        places.check_new_folder("here")
        self.write("here")
        self.check_written(os.path.join(self.parent, "here"))

    @parameterized.parameters(RuntimeError("broken"), KeyboardInterrupt())
    def test_an_error_leaves_nothing(self, error):
        with self.assertRaises(type(error)):
            with writing.writing_folder(self.folder) as made:
                os.mkdir(made)
                open(os.path.join(made, "file"), "w").close()
                raise error
        self.assertEmpty(os.listdir(self.parent))

    def test_a_folder_that_is_filled_meanwhile_stays_as_it_is(self):
        with self.assertRaisesRegex(checks.InputError, "got one with something in it"):
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

    def test_a_file_is_no_folder(self):
        path = self.create_tempfile().full_path
        for write in (places.check_new_folder, self.write):
            with self.assertRaisesRegex(checks.InputError, "wanted a new or empty folder, got a file"):
                write(path)
            with self.assertRaisesRegex(checks.InputError, "wanted a place for a folder, got: "):
                write(os.path.join(path, "new"))
            with self.assertRaisesRegex(checks.InputError, "wanted a place for a folder, got: "):
                write(os.path.join(os.sep, "proc", "new"))


if __name__ == "__main__":
    absltest.main()
