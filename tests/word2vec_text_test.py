"""Tests of reading text: every kind of input, every encoding, and whole words in all pieces."""
import bz2
import gzip
import io
import os
import random
import tracemalloc
import zipfile
from unittest import mock

from absl.testing import absltest, parameterized

from tests import file_case
from tf1_sampled import InputError
from tf1_sampled.files import finding
from tf1_sampled.word2vec import text


class TextTestCase(file_case.FileCase):

    def read(self, *names, **options):
        inputs = [os.path.join(self.folder, name) if name != "-" else name for name in names]
        return "".join(text.pieces(finding.find(inputs, "corpus"), **options))


class PiecesTest(TextTestCase):

    def test_a_dangling_link_is_an_error_when_read(self):
        os.symlink("nowhere", os.path.join(self.folder, "link.txt"))
        with self.assertRaisesRegex(InputError, "link.txt: wanted a readable file"):
            self.read("")

    def test_files_are_read_in_order_each_with_a_line_end(self):
        self.path("a", b"one\n")
        self.path("b.gz", gzip.compress(b"two"))
        self.path("c.bz2", bz2.compress(b"three\r\nfour\rfive\r"))
        self.assertEqual(self.read("a", "b.gz", "c.bz2"), "one\ntwo\nthree\nfour\nfive\n")

    @parameterized.product(size=(1, 2, 3, 7, 64), encoding=("utf-8", "utf-16", "utf-32-be", "gb18030"))
    def test_words_are_whole_at_any_piece_size(self, size, encoding):
        content = "one\u3000three \u00e9t\u00e9  \U0001f600\r\n\r\nthree\u00a0x\n\rone \u4e2d\u6587 "
        content = content * 3 + "last"
        self.path("f", content.encode(encoding))
        wanted = content.replace("\r\n", "\n").replace("\r", "\n")
        with mock.patch.object(text, "_PIECE_BYTES", size):
            pieces = list(text.pieces(finding.find(os.path.join(self.folder, "f"), "corpus"), encoding))
        self.assertEqual("".join(pieces), wanted + "\n")
        self.assertEqual([word for piece in pieces for word in piece.split()], content.split())
        self.assertGreater(len(pieces), 3)

    def test_random_white_space_separates_words(self):
        random_ = random.Random(1)
        for trial in range(50):
            content = "".join(random_.choice("ab\n\r \t\u2003\u0085") for _ in range(40))
            self.path("f", content.encode("utf-8"))
            with mock.patch.object(text, "_PIECE_BYTES", trial % 5 + 1):
                pieces = list(text.pieces(finding.find(os.path.join(self.folder, "f"), "corpus")))
            self.assertEqual([word for piece in pieces for word in piece.split()], content.split())
            lines = content.replace("\r\n", "\n").replace("\r", "\n")
            self.assertEqual("".join(pieces), lines if lines.endswith("\n") else lines + "\n")

    @parameterized.parameters("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32")
    def test_a_byte_order_mark_is_dropped(self, encoding):
        self.path("f", "\ufeffa\nb".encode(encoding))
        self.path("g", "c".encode(encoding))
        self.assertEqual(self.read("f", "g", encoding=text.check_encoding(encoding)).replace(
            "\ufeff", "" if encoding in ("utf-8-sig", "utf-16", "utf-32") else "?"), "a\nb\nc\n")

    def test_nul_characters_become_blanks(self):
        self.path("f", b"a" * 5000 + b" b\0c \0 d")
        self.assertEqual(self.read("f").split()[1:], ["b", "c", "d"])
        self.path("g", "a \0 b".encode("utf-16"))
        self.assertEqual(self.read("g", encoding="utf-16").split(), ["a", "b"])

    def test_bytes_that_cannot_be_decoded_are_replaced_and_counted(self):
        self.path("f", b"a\xff\xfe b\xc3")
        notes = []
        self.assertEqual(self.read("f", notes=notes), "a\ufffd\ufffd b\ufffd\n")
        self.assertEqual(notes, ["Replaced 3 bytes of invalid utf-8: %s/f" % self.folder])
        self.path("g", b"\xff" * 2000)
        notes = []
        self.read("f", "g", notes=notes)
        self.assertEqual(notes, [
            "Replaced 2,003 bytes of invalid utf-8: %s/f and 1 more" % self.folder])
        notes = []
        self.path("h", "\u20ac".encode("utf-8") * 3)
        self.read("h", notes=notes)
        self.assertEqual(notes, [])
        self.path("h", "ab".encode("utf-16") + b"\x41")
        self.assertEqual(self.read("h", encoding="utf-16", notes=notes), "ab\ufffd\n")
        self.assertIn("Replaced 1 byte of invalid utf-16", notes[0])

    @parameterized.parameters(1, 3)
    def test_a_sequence_cut_by_a_piece_is_not_replaced(self, size):
        self.path("f", ("\u4e2d" * 9).encode("utf-8") + b"\xe4\xb8")
        notes = []
        with mock.patch.object(text, "_PIECE_BYTES", size):
            self.assertEqual(self.read("f", notes=notes), "\u4e2d" * 9 + "\ufffd\n")
        self.assertIn("2 bytes", notes[0])

    def test_a_huge_word_is_cut_and_the_next_words_are_whole(self):
        self.path("f", b"start " + b"x" * 1000 + b"\nnext " + b"y" * 30 + b" last")
        with mock.patch.object(text, "_PIECE_BYTES", 16), mock.patch.object(text, "_LONGEST_WORD", 64):
            words = self.read("f").split()
        self.assertEqual([words[0]] + words[2:], ["start", "next", "y" * 30, "last"])
        self.assertBetween(len(words[1]), 64, 80)
        self.assertEqual(set(words[1]), {"x"})

    def test_memory_is_bounded_by_the_size_of_a_piece(self):
        self.path("words", b"word " * 2000000)
        self.path("word", b"w" * 10000000)
        for name in ("words", "word"):
            tracemalloc.start()
            found = finding.find(os.path.join(self.folder, name), "corpus")
            num_characters = sum(map(len, text.pieces(found)))
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            self.assertGreater(num_characters, 1 << 20)
            self.assertLess(peak, 5e6)

    def test_all_text_members_of_a_zip_are_read(self):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for name, content in (("b/", ""), ("b/1.txt", "\ufeffone"), ("a.txt", "two\n"), ("e", ""),
                                  ("__MACOSX/b/._1.txt", "no"), (".DS_Store", "no"), ("p.png", "\0\1")):
                archive.writestr(name, content)
        path = self.path("f.zip", stream.getvalue())
        notes = []
        self.assertEqual(self.read("f.zip", notes=notes), "one\ntwo\n")
        self.assertEqual(notes, ["Left out 1 binary file: %s: p.png" % path])

    def test_names_in_notes_are_printable(self):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for name in ("a\nb", "\x1b[2J"):
                archive.writestr(name, "\0")
            archive.writestr("../c", "text")
        path = self.path("f.zip", stream.getvalue())
        self.path(os.fsdecode(b"\xe9"), b"x\xff")
        notes = []
        self.assertEqual(self.read("f.zip", os.fsdecode(b"\xe9"), notes=notes), "text\nx\ufffd\n")
        self.assertEqual(notes, [
            "Replaced 1 byte of invalid utf-8: %s/%s" % (self.folder, r"\udce9"),
            "Left out 2 binary files: %s" % path + r": a\nb and 1 more"])

    def test_binary_and_packed_empty_files_of_a_folder_are_left_out(self):
        for name, content in (("1", b"\0"), ("2.gz", gzip.compress(b"\0")), ("3.gz", gzip.compress(b"")),
                              ("4", b"text")):
            self.path(name, content)
        notes = []
        self.assertEqual(self.read("", notes=notes), "text\n")
        self.assertEqual(notes, ["Left out 2 binary files: %s/1 and 1 more" % self.folder])

    def test_empty_and_binary_files_are_errors_if_the_user_named_them(self):
        empty_zip = io.BytesIO()
        zipfile.ZipFile(empty_zip, "w").close()
        for name, content, message in (
                ("f", b"PNG\0", "f: wanted UTF-8 text, got a binary file$"),
                ("f", "x".encode("utf-16"), "got a binary file, possibly in the encoding utf-16"),
                ("f", b"", "f: wanted a file that is not empty, got an empty file"),
                ("f.gz", gzip.compress(b""), "f.gz: wanted UTF-8 text, got nothing"),
                ("f.zip", empty_zip.getvalue(), "wanted text, got an empty zip file"),
                ("f.gz", b"plain", "f.gz: wanted a (whole|readable)"),
                ("f.gz", gzip.compress(b"x y")[:-5], "f.gz: wanted an undamaged .gz file")):
            self.path(name, content)
            with self.assertRaisesRegex(InputError, message):
                self.read(name)

    def test_utf16_without_a_byte_order_mark_is_an_error(self):
        self.path("f", "ab".encode("utf-16-le"))
        with self.assertRaisesRegex(InputError, "f: wanted UTF-16 text, got: .* BOM"):
            self.read("f", encoding="utf-16")
        self.assertEqual(self.read("f", encoding="utf-16-le"), "ab\n")

    def test_latin1_with_nul_is_binary(self):
        self.path("f", b"\0\xe9")
        with self.assertRaisesRegex(InputError, "f: wanted ISO8859-1 text, got a binary file"):
            self.read("f", encoding=text.check_encoding("latin-1"))

    def test_standard_input_is_read_at_its_place(self):
        self.path("f", b"file")
        pipe = io.BytesIO("\ufeffpip\u00e9".encode("utf-8"))
        with mock.patch("sys.stdin", io.TextIOWrapper(pipe)) as stdin:
            self.assertEqual(self.read("f", "-"), "file\npip\u00e9\n")
            self.assertFalse(stdin.closed)
        for stdin, message in ((io.TextIOWrapper(io.BytesIO()), "wanted UTF-8 text, got nothing"),
                               (None, "wanted a stream of bytes, got none")):
            with mock.patch("sys.stdin", stdin), self.assertRaisesRegex(
                    InputError, "standard input: " + message):
                self.read("-")


class EncodingTest(parameterized.TestCase):

    def test_all_spellings_give_one_name(self):
        self.assertEqual([text.check_encoding(name) for name in ("utf-8", "UTF8", "u8", "Latin-1")],
                         ["utf-8", "utf-8", "utf-8", "iso8859-1"])

    @parameterized.parameters("utf-9", "", "hex", "rot13", "undefined", "a\0b", None, 5)
    def test_unknown_encodings_are_an_error(self, name):
        with self.assertRaisesRegex(InputError, "encoding: wanted the name of a text encoding, got"):
            text.check_encoding(name)


if __name__ == "__main__":
    absltest.main()
