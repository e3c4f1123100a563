"""Tests of foreign files of word vectors: detection of the format, repairs, errors."""
import gzip
import struct
import tracemalloc
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tests import file_case
from tests.word2vec_case import binary_row as row
from tf1_sampled import checks
from tf1_sampled.word2vec import vector_files, vectors as word2vec_vectors


class ReadingTest(file_case.FileCase):

    def check_error(self, path, *parts):
        with self.assertRaises(checks.InputError) as caught:
            word2vec_vectors.read_vectors(path)
        message = str(caught.exception)
        self.assertStartsWith(message, path + ": ")
        for part in parts:
            self.assertIn(part, message)
        self.assertLess(len(message) - len(path), 250)

    def read(self, name, content, **options):
        """Return words, rows and the reported lines without the path."""
        path, lines = self.path(name, content), []
        words, rows = word2vec_vectors.read_vectors(path, report=lines.append, **options)
        for line in lines:
            self.assertStartsWith(line, path + ": ")
        return words, rows.tolist(), [line[len(path) + 2:] for line in lines]

    @parameterized.product(name=("v.txt", "v.bin", "v.vec", "v", "v.tsv"), content=(
        b"2 2\na 1 2 \nb 3 4 \n\n", b"2 2\r\na 1 2\r\nb 3 4", b"2\t2\na 1\t2\nb 3e0 4.\n",
        b"\xef\xbb\xbf2 2\na 1 2\nb 3 4\n",
        b"a 1 2\nb 3 4\n", b"\xef\xbb\xbfa 1 2\nb 3 4\n", b"a\t1\t2\r\n\r\nb\t3\t4\r\n",
        b"a  1  2\nb 3 4\n",
        b"2 2\n" + row(b"a", 1, 2) + row(b"b", 3, 4),
        b"2 2\n" + row(b"a", 1, 2) + b"\n" + row(b"b", 3, 4),
        b"2 2\r\n" + row(b"a", 1, 2) + b"\r\n" + row(b"b", 3, 4) + b"\r\n"))
    def test_the_content_decides_the_format_not_the_name(self, name, content):
        self.assertEqual((["a", "b"], [[1, 2], [3, 4]], []), self.read(name, content))

    def test_the_content_decides_the_format_of_a_packed_file(self):
        for name in ("v.bin.gz", "v.txt.gz"):
            self.assertEqual(["a", "b"], self.read(name, gzip.compress(b"a 1 2\nb 3 4\n"))[0])

    @parameterized.parameters(
        (b"2 2\n\xc2\xa0 1 2\nb 3 4\n", ["\u00a0", "b"], []),
        (b"3 2\na 1 2\n 9 9\nb 3 4\n", ["a", "b"], ["1 row without a word (left out)"]),
        (b"4 2\n 9 9\na 1 2\n\t9\t9\nb 3 4\n", ["a", "b"], ["2 rows without a word (left out)"]),
        (b". . . 1 2\nb 3 4\n", [". . .", "b"], ["1 word with blanks"]),
        (b"at name@domain.com 1 2\nto a@b.c 3 4\nthe 5 6\n", ["at name@domain.com", "to a@b.c", "the"],
         ["2 words with blanks"]),
        (b"2 2\n\xff 1 2\nb 3 4\n", ["\ufffd", "b"],
         ["1 word with bytes that are not UTF-8 (replaced by U+FFFD)"]),
        (b"3 2\na 1 2\na 9 9\nb 3 4\n", ["a", "b"], ["1 row of a repeated word (left out)"]),
        (b"3 2\na 1 2\nb 3 4\n", ["a", "b"], ["the header promises 3 words, the file has 2"]),
        (b"1 2\na 1 2\nb 3 4\n", ["a", "b"], ["the header promises 1 word, the file has 2"]),
        (b"0 2\na 1 2\nb 3 4", ["a", "b"], ["the header promises 0 words, the file has 2"]),
        (b"50 1 2\n-1.5 3 4\n", ["50", "-1.5"], []),
        (b"a 1 2\nb 3 4", ["a", "b"], ["the last line has no line end; the file may be truncated"]),
        (b"2 2\n" + row(b"\xe9", 1, 2) + row(b"b", 3, 4), ["\ufffd", "b"],
         ["1 word with bytes that are not UTF-8 (replaced by U+FFFD)"]),
        (b"3 2\n" + row(b"a", 1, 2) + b"\n" + row(b"a", 9, 9) + row(b"b", 3, 4), ["a", "b"],
         ["1 row of a repeated word (left out)"]),
        (b"3 2\n" + row(b"a", 1, 2) + b"\n" + row(b"", 9, 9) + b"\n" + row(b"b", 3, 4), ["a", "b"],
         ["1 row without a word (left out)"]),
        (b"2 2\n" + row(b"\xc2\xa0", 1, 2) + row(b"b", 3, 4) + b"\n \n", ["\u00a0", "b"], []),
        (b"1 2\n" + row(b"a", 1, 2) + row(b"b", 3, 4) + b"\n", ["a", "b"],
         ["the header promises 1 word, the file has 2"]),
        (b"9 2\n" + row(b"a", 1, 2) + row(b"b", 3, 4) + b"\n", ["a", "b"],
         ["the header promises 9 words, the file has 2"]))
    def test_defects_of_real_files_are_repaired_and_counted(self, content, words, reported):
        got, rows, lines = self.read("v", content)
        self.assertEqual((words, reported), (got, lines))
        self.assertEqual([[1, 2], [3, 4], [5, 6]][:len(words)], rows)

    def test_python_warns_without_a_function_to_report_to(self):
        with self.assertWarnsRegex(
                UserWarning, r"v.txt: 1 row of a repeated word \(left out\)") as caught:
            word2vec_vectors.read_vectors(self.path("v.txt", b"2 2\na 1 2\na 3 4\n"))
        self.assertEqual(__file__, caught.filename)

    @parameterized.parameters(
        b"3 2\na 1 2\nb 3 4\nc 5 nan\n", b"a 1 2\nb 3 4\nc x y\n",
        b"3 2\n" + row(b"a", 1, 2) + row(b"b", 3, 4) + b"c")
    def test_max_rows_limits_the_rows(self, content):
        self.assertEqual((["a", "b"], [[1, 2], [3, 4]], []), self.read("v", content, max_rows=2))
        self.assertEqual((["a"], [[1, 2]], []), self.read("v", content, max_rows=1))
        with mock.patch.object(vector_files, "_CHUNK", 1), mock.patch.object(vector_files, "HEAD", 12):
            self.assertEqual((["a"], [[1, 2]], []), self.read("v", content, max_rows=1))

    def test_rows_left_out_do_not_count_for_max_rows(self):
        content = b"4 2\n 9 9\na 1 2\n\n 9 9\nb 3 4\nc 5 6\n"
        self.assertEqual(["a", "b"], self.read("v", content, max_rows=2)[0])

    def test_max_rows_of_0_is_an_error(self):
        with self.assertRaisesRegex(checks.InputError, "^read_vectors: max_rows: wanted an integer "):
            word2vec_vectors.read_vectors(self.path("v", b"a 1 2\n"), max_rows=0)

    @parameterized.parameters(
        (b"\x80\4\x95abc", "a gensim model (pickle); save its vectors with wv.save_word2vec_format"),
        (b"\x80\2cgensim", "a gensim model (pickle)"),
        (b"\xba\x16\x4f\x2f\x0c\0\0\0", "a fastText model; save its vectors as .vec"),
        (b"\x93NUMPY\1\0v\0", "a NumPy file"), (b"PK\3\4" + b"x" * 40, "a zip archive, such as .npz"),
        (gzip.compress(b"a 1 2\n"), "a gzip archive, whose name must end with .gz"),
        (b"BZh91AY", "a bzip2 archive, whose name must end with .bz2"),
        (b"\xfd7zXZ\0\0", "an xz archive, whose name must end with .xz"),
        (b"\x89HDF\r\n", "an HDF5 file"), ("a 1 2\n".encode("utf-16"), "UTF-16 text"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"<!DOCTYPE html>", "an HTML or XML page"), (b"\0\1\2\3", "a binary file without the header"))
    def test_another_kind_of_file_is_an_error_that_names_the_kind(self, content, kind):
        for name in ("v.bin", "v.vec"):
            self.check_error(self.path(name, content), "wanted word vectors as word2vec or GloVe text, "
                             "fastText .vec or word2vec binary, got " + kind)

    @parameterized.parameters(
        (b"2\na 1 2\n", "line 1", "a header"),
        (b"two 2\na 1 2\n", "line 1", "a header"), (b"the cat sat\non the mat\n", "line 1", "a header"),
        (b"the 1000\nof 900\n", "line 1", "a word and its numbers, 2 or more, got 'the 1000'"),
        (b"\n\n", "line 1", "a header"), ("² 2\n".encode(), "line 1", "a header"),
        (b"-1 2\n", "line 1", "a header"), (b"0 2\n", "word vectors, got none"),
        (b"2 2\n\n", "word vectors, got none"), (b"1 0\na\n", "line 1", "dimensions, got 0"),
        (b"9999999999999999999999 2\na 1 2\n", "line 1", "a header"),
        (b"2 2\na 1 2\nb 3\n", "line 3", "2 numbers after the word 'b', got 1"),
        (b"2 2\na 1 2\nb 3 4 5\n", "line 3", "2 numbers after the word 'b', got 3"),
        (b"a 1 2\nb 3 4 5\nc 1 2\n", "line 2", "2 numbers after the word 'b', got 3"),
        (b"a 1 2\nb 3\nc 1 2\n", "line 2", "2 numbers after the word 'b', got 1"),
        (b"2 2\na 1 2\nb 3 x\n", "line 3", "'x'"), (b"2 2\na 1 2\nb 3,4\n", "line 3"),
        (b"2 2\na 1 2\nb 3 1_0\n", "line 3", "'1_0'"), (b"2 2\na 1 2\nb 3 4,5\n", "line 3", "'4,5'"),
        (b"2 2\na 1 2\nb 3 0x1\n", "line 3", "'0x1'"), (b"2 2\na 1 2\nb 3 1.2.3\n", "line 3"),
        (b"2 2\na 1 2\nb 3 1-2\n", "line 3", "'1-2'"),
        (b"3 2\na 1 2\nb 3 1-2\nc  1\n", "line 3", "'1-2'"),  # as many numbers as in a right file
        (b"2 2\na 1 2\nb\n", "line 3", "got 0"), (b"2 2\na 1 2\n3 4\n", "line 3", "word '3', got 1"),
        (b"2 2\na 1 nan\nb 3 4\n", "line 2", "finite"), (b"2 2\na 1 2\nb -inf 4\n", "line 3"),
        (b"2 2\na 1 2\nb 1e39 4\n", "line 3", "finite"),
        (b"3 2\na 1 2\nb 3 4", "3 words as in the header, got 2 and no line end", "truncated"),
        (b"\xef\xbb\xbf", "line 1", "a header"),
        (b"1 1048577\na 1\n", "line 1", "1 to 1048576 dimensions"),
        (b"1 2\n" + b"a" * 10 ** 6 + b" 1\n", "line 2", "aaa... (1000002 characters), got 1"),
        (b"1 2\n" + b"a" * 10 ** 6 + b" 1 x\n", "line 2"),
        (b"1 2\n" + b"a" * 10 ** 6 + b" 1 nan\n", "line 2"), (b"", "empty"))
    def test_malformed_text_is_an_error_that_names_the_line(self, content, *parts):
        self.check_error(self.path("v.txt", content), *parts)

    @parameterized.parameters(
        (b"1 1048577\n" + row(b"a", 1, 2), "line 1", "1 to 1048576 dimensions"),
        (b"1 1\n" + row(b"a" * 60000, float("nan")), "row 1", "(60002 characters)"),
        (b"2 2", "word vectors, got none"),
        (b"2 2\n" + row(b"a", 1, 2) + b"\n" + row(b"b", 3), "row 2", "2 numbers of 4 bytes"),
        (b"2 2\n" + row(b"a", 1, 2) + b"\nb", "row 2", "a word and a blank, got the end"),
        (b"2 2\n" + row(b"a", 1, 2) + row(b"b\n", 1, 2), "row 2", "a word, got 'b"),
        (b"2 2\n" + row(b"a", 1, 2) + row(b"b\0", 1, 2), "row 2", "a word, got 'b"),
        (b"2 3\n" + row(b"a", 1, 2) + row(b"b", 3, 4), "row 2"),
        (b"2 2\n" + row(b"a", 1, 2) + row(b"b", 3, float("nan")), "row 2", "finite"),
        (b"2 2\n" + row(b"a", float("inf"), 2) + row(b"b", 3, 4), "row 1", "finite"),
        (b"1 2\n" + row(b"a", 0, 2) + b"x" * 100000, "row 2",
         "a word and a blank, got 100000 bytes without a blank"))
    def test_malformed_binary_is_an_error(self, content, *parts):
        self.check_error(self.path("v.bin", content), *parts)

    def test_a_nan_late_in_a_binary_file_is_an_error(self):
        vectors = np.ones([10000, 2], np.float32)
        path = self.path("v.bin")
        word2vec_vectors.write_vectors(path, map("w{}".format, range(10000)), vectors)
        with open(path, "rb") as stream:
            content = stream.read()
        number = content.index(b"w9000 ") + len(b"w9000 ")
        content = content[:number] + struct.pack("<f", float("nan")) + content[number + 4:]
        self.check_error(self.path("nan.bin", content), "row 9001", "finite", "'w9000'")

    def test_the_rows_of_a_binary_file_are_writable(self):
        vectors = word2vec_vectors.read_vectors(self.path("v.bin", b"1 2\n" + row(b"a", 1, 2)))[1]
        vectors += 1
        self.assertEqual([[2, 3]], vectors.tolist())

    @parameterized.product(name=("v.txt", "v.bin"), header=(
        b"99999999999999 2\n", b"1 99999999999999\n", b"99999999 1000000\n"))
    def test_a_header_with_huge_numbers_costs_no_memory(self, name, header):
        body = row(b"a", 1, 2) + b"\n" if name == "v.bin" else b"a 1 2\n"
        path = self.path(name, header + body * 3 + b"b")
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        self.check_error(path)
        self.assertLess(tracemalloc.get_traced_memory()[1], 10e6)

    @parameterized.parameters(
        (b"1 2\n" + row(b"a", 1, 2), b"x", "row 2: wanted a word and a blank"),
        (b"1 2\n" + row(b"a", 1, 2), b"\n", "row 2: wanted a word and a blank, got the end"),
        (b"1 2\na 1 2\n", b"x", "line 3: wanted a line of at most 16777216 bytes"),
        (b"1 2\na 1 2\n", b" " * 1023 + b"\n", "line 48831: wanted 2 numbers after the word 'x', got 0"))
    def test_a_decompression_bomb_costs_no_memory(self, content, more, message):
        path = self.path("v.gz", gzip.compress(content + more * (5 * 10 ** 7 // len(more)) + b"x"))
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        self.check_error(path, message)
        self.assertLess(tracemalloc.get_traced_memory()[1], 7e7)

    def test_a_damaged_archive_is_an_error(self):
        self.check_error(self.path("v.bin.gz", gzip.compress(b"1 2\n" + row(b"a", 1, 2))[:-4]),
                         "an undamaged .gz file")

    def test_a_missing_file_is_an_error(self):
        self.check_error(self.path("none.bin"), "No such file")


if __name__ == "__main__":
    absltest.main()
