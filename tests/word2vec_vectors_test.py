"""word2vec files: what is written is read back, by gensim too; what is malformed is named."""
import gzip
import logging
import os
import struct
import time
import tracemalloc
import unittest
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.word2vec import vectors as word2vec_vectors

try:
    from gensim.models import KeyedVectors
except ImportError:
    KeyedVectors = None
logging.getLogger("gensim").setLevel(logging.ERROR)

FORMS = ("v.txt", "v.bin", "v.vec", "V.BIN", "v.txt.gz", "v.bin.gz", "v.bin.xz")


def sample(count=50, dimension=7):
    # All float32 bit patterns, infinities and nan apart: large, small, subnormal and negative ones.
    rng = np.random.RandomState(3)
    bits = rng.randint(0, 2 ** 32, size=(count, dimension), dtype=np.uint64).astype(np.uint32)
    vectors = bits.view(np.float32)
    vectors = np.where(np.isfinite(vectors), vectors, 0).astype(np.float32)
    vectors[0, :4] = [1e-45, -0.0, 3.4028235e38, 0.1]
    words = ["word%d" % i for i in range(count)]
    words[:6] = ["</s>", "é", "日本", "50", "-1.5", "a\u00a0b"]
    return words, vectors


def row(word, *numbers):
    return word + b" " + struct.pack("<%df" % len(numbers), *numbers)


class VectorsTestCase(parameterized.TestCase):

    def path(self, name, content=None):
        path = os.path.join(self.create_tempdir().full_path, name)
        if content is not None:
            with open(path, "wb") as stream:
                stream.write(content)
        return path

    def check_error(self, path, *parts):
        with self.assertRaises(checks.InputError) as caught:
            word2vec_vectors.read_vectors(path)
        message = str(caught.exception)
        self.assertStartsWith(message, path + ": ")
        for part in parts:
            self.assertIn(part, message)
        self.assertLess(len(message) - len(path), 250)


class RoundTripTest(VectorsTestCase):

    @parameterized.parameters(*FORMS)
    def test_every_float32_and_word_comes_back(self, name):
        words, vectors = sample()
        path = self.path(name)
        word2vec_vectors.write_vectors(path, words, vectors)
        read_words, read = word2vec_vectors.read_vectors(path)
        self.assertEqual(words, read_words)
        self.assertEqual(np.float32, read.dtype)
        np.testing.assert_array_equal(vectors.view(np.uint32), read.view(np.uint32))

    @parameterized.parameters(("v.txt", b"2 3\na 1 -2.5 0\nb 0.100000001 3 4\n"),
                              ("v.BIN", b"2 3\n" + row(b"a", 1, -2.5, 0) + b"\n"
                               + row(b"b", 0.1, 3, 4) + b"\n"))
    def test_the_bytes_of_a_small_file(self, name, content):
        path = self.path(name)
        word2vec_vectors.write_vectors(path, ["a", "b"], [[1, -2.5, 0], [0.1, 3, 4]])
        with open(path, "rb") as stream:
            self.assertEqual(content, stream.read())

    def test_numbers_in_the_other_byte_order_are_written_as_they_count(self):
        path = self.path("v.bin")
        word2vec_vectors.write_vectors(path, iter(["a"]), np.array([[1, 2]], ">f8"))
        self.assertEqual([[1, 2]], word2vec_vectors.read_vectors(path)[1].tolist())

    @parameterized.parameters(1, 5, 100)
    def test_what_is_read_at_a_time_makes_no_difference(self, size):
        words, vectors = sample()
        path = self.path("v.bin")
        word2vec_vectors.write_vectors(path, words, vectors)
        with mock.patch.object(word2vec_vectors, "_CHUNK", size):
            read_words, read = word2vec_vectors.read_vectors(path)
            self.assertEqual(words, read_words)
            np.testing.assert_array_equal(vectors, read)
            with open(path, "rb") as stream:
                content = stream.read()
            self.check_error(self.path("v.bin", content + b"x"), "the end after 50 words")

    @parameterized.parameters(1, 1000)
    def test_more_rows_than_one_buffer_and_rows_longer_than_one(self, dimension):
        count = 300000 // dimension
        vectors = np.arange(count * dimension, dtype=np.float32).reshape(count, dimension)
        path = self.path("v.bin")
        word2vec_vectors.write_vectors(path, map(str, range(count)), vectors)
        words, read = word2vec_vectors.read_vectors(path)
        self.assertEqual(list(map(str, range(count))), words)
        np.testing.assert_array_equal(vectors, read)

    @unittest.skipIf(KeyedVectors is None, "gensim is not installed: nothing to compare with")
    @parameterized.parameters(("v.txt", False), ("v.bin", True), ("v.bin.gz", True))
    def test_gensim_reads_what_is_written(self, name, binary):
        words, vectors = sample()
        path = self.path(name)
        word2vec_vectors.write_vectors(path, words, vectors)
        theirs = KeyedVectors.load_word2vec_format(path, binary=binary)
        self.assertEqual(words, theirs.index_to_key)
        np.testing.assert_array_equal(vectors, theirs.vectors)

    @unittest.skipIf(KeyedVectors is None, "gensim is not installed: nothing to compare with")
    @parameterized.parameters(("v.txt", False), ("v.bin", True))
    def test_what_gensim_writes_is_read(self, name, binary):
        words, vectors = sample()
        theirs = KeyedVectors(vectors.shape[1])
        theirs.add_vectors(words, vectors)
        path = self.path(name)
        theirs.save_word2vec_format(path, binary=binary, sort_attr=None)
        read_words, read = word2vec_vectors.read_vectors(path)
        self.assertEqual(words, read_words)
        np.testing.assert_array_equal(vectors, read)


class ReadingTest(VectorsTestCase):

    @parameterized.parameters(
        ("v.txt", b"2 2\na 1 2 \nb 3 4 \n\n"), ("v.txt", b"2 2\r\na 1 2\r\nb 3 4"),
        ("v.txt", b"2\t2\na 1\t2\nb 3e0 4.\n"),
        ("v.bin", b"2 2\n" + row(b"a", 1, 2) + row(b"b", 3, 4)),
        ("v.bin", b"2 2\n" + row(b"a", 1, 2) + b"\n" + row(b"b", 3, 4)))
    def test_forms_that_other_programs_write(self, name, content):
        words, vectors = word2vec_vectors.read_vectors(self.path(name, content))
        self.assertEqual(["a", "b"], words)
        self.assertEqual([[1, 2], [3, 4]], vectors.tolist())

    @parameterized.parameters(
        (b"a 1 2\nb 3 4\n", "line 1", "a header"), (b"2\na 1 2\n", "line 1", "a header"),
        (b"two 2\na 1 2\n", "line 1", "a header"), ("² 2\n".encode(), "line 1", "a header"),
        (b"-1 2\n", "line 1", "a header"), (b"0 2\n", "line 1", "a word"), (b"1 0\na\n", "line 1"),
        (b"9999999999999999999999 2\na 1 2\n", "line 1", "a header"),
        (b"2 2\na 1 2\nb 3\n", "line 3", "2 numbers after the word 'b', got 1"),
        (b"2 2\na 1 2\nb 3 4 5\n", "line 3", "2 numbers after the word 'b', got 3"),
        (b"2 2\na 1 2\nb 3 x\n", "line 3", "'x'"), (b"2 2\na 1 2\nb 3,4\n", "line 3"),
        (b"2 2\na 1 2\nnew york 3 4\n", "line 3"), (b"2 2\na 1 2\nb\n", "line 3"),
        (b"2 2\na 1 2\n 3 4\n", "line 3", "a word"), (b"2 2\n\na 1 2\n", "line 2", "a word"),
        (b"2 2\na 1 nan\nb 3 4\n", "line 2", "finite"), (b"2 2\na 1 2\nb -inf 4\n", "line 3"),
        (b"2 2\na 1 2\nb 1e39 4\n", "line 3", "finite"),
        (b"2 2\na 1 2\n", "2 words as its header says, got 1"),
        (b"1 2\na 1 2\nb 3 4\n", "line 3", "the end after 1 words"),
        (b"\xef\xbb\xbf", "line 1", "a header"), (b"1 2\na\tb 1 2\n", "line 2", "a word, a blank"),
        (b"1 2\na\v 1 2\n", "line 2", "a word, a blank"),
        (b"1 1048577\na 1\n", "line 1", "1 to 1048576 dimensions"),
        (b"1 2\n" + b"a" * 10 ** 6 + b" 1\n", "line 2", "aaa... (1000002 characters), got 1"),
        (b"1 2\n" + b"a" * 10 ** 6 + b" 1 x\n", "line 2"),
        (b"1 2\n" + b"a" * 10 ** 6 + b" 1 nan\n", "line 2"),
        (b"1 2\n\xff 1 2\n", "UTF-8"), (b"1 2\n" + row(b"a", 1, 2), "a binary file"),
        (b"", "empty"))
    def test_malformed_text_is_an_error_that_names_the_line(self, content, *parts):
        self.check_error(self.path("v.txt", content), *parts)

    @parameterized.parameters(
        (b"2\n" + row(b"a", 1, 2), "line 1", "a header"), (b"a b\n", "line 1", "a header"),
        (b"0 2\n", "line 1"), (b"1 1048577\n" + row(b"a", 1, 2), "line 1", "1 to 1048576 dimensions"),
        (b"1 1\n" + row(b"a" * 60000, float("nan")), "row 1", "(60002 characters)"),
        (b"\xff" * 500, "a header", "500 bytes without"),
        (b"2 2", "a header", "the end of the file"),
        (b"1 2\n\n" + row(b"", 1, 2), "row 1", "a word, got ''"),
        (b"2 2\n" + row(b"a", 1, 2) + b"\n" + row(b"b", 3), "row 2", "2 numbers of 4 bytes"),
        (b"2 2\n" + row(b"a", 1, 2) + b"\nb", "row 2", "a word and a blank, got the end"),
        (b"2 2\n" + row(b"a", 1, 2) + b"\n", "row 2", "a word and a blank, got the end"),
        (b"2 2\n" + row(b"a", 1, 2) + row(b"b\n", 1, 2), "row 2", "a word, got 'b"),
        (b"2 2\n" + row(b"a", 1, 2) + row(b"b\0", 1, 2), "row 2", "a word, got 'b"),
        (b"2 2\n" + row(b"a", 1, 2) + row(b"\xe9", 3, 4), "row 2", "UTF-8"),
        (b"2 2\n" + row(b"a", 1, 2) + row(b"b", 3, float("nan")), "row 2", "finite"),
        (b"2 2\n" + row(b"a", float("inf"), 2) + row(b"b", 3, 4), "row 1", "finite"),
        (b"1 2\n" + row(b"a", 1, 2) + row(b"b", 3, 4), "the end after 1 words"),
        (b"1 2\n" + b"x" * 100000, "row 1", "a word and a blank, got 100000 bytes without"),
        (b"", "empty"))
    def test_malformed_binary_is_an_error(self, content, *parts):
        self.check_error(self.path("v.bin", content), *parts)

    def test_a_number_that_is_not_finite_far_into_a_binary_file(self):
        vectors = np.ones([10000, 2], np.float32)
        path = self.path("v.bin")
        word2vec_vectors.write_vectors(path, map("w{}".format, range(10000)), vectors)
        with open(path, "rb") as stream:
            content = stream.read()
        number = content.index(b"w9000 ") + len(b"w9000 ")
        content = content[:number] + struct.pack("<f", float("nan")) + content[number + 4:]
        self.check_error(self.path("nan.bin", content), "row 9001", "finite", "'w9000'")

    def test_the_rows_of_a_binary_file_can_be_written_to(self):
        vectors = word2vec_vectors.read_vectors(self.path("v.bin", b"1 2\n" + row(b"a", 1, 2)))[1]
        vectors += 1
        self.assertEqual([[2, 3]], vectors.tolist())

    @parameterized.product(name=("v.txt", "v.bin"), header=(
        b"99999999999999 2\n", b"1 99999999999999\n", b"99999999 99999999\n"))
    def test_a_lying_header_costs_no_memory(self, name, header):
        body = row(b"a", 1, 2) + b"\n" if name == "v.bin" else b"a 1 2\n"
        path = self.path(name, header + body * 3)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        self.check_error(path)
        self.assertLess(tracemalloc.get_traced_memory()[1], 10e6)

    @parameterized.parameters(
        (b"1 1048576\n" + row(b"a", 1), b"x"), (b"1 2\n" + row(b"a", 1, 2), b"\n"))
    def test_an_archive_of_very_much_costs_no_memory(self, content, more):
        path = self.path("v.bin.gz", gzip.compress(content + more * (5 * 10 ** 7) + b"x"))
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        self.check_error(path, "the end after 1 words, got more bytes")
        self.assertLess(tracemalloc.get_traced_memory()[1], 2e7)

    def test_a_damaged_archive_is_an_error(self):
        self.check_error(self.path("v.bin.gz", gzip.compress(b"1 2\n" + row(b"a", 1, 2))[:-4]),
                         "a whole .gz file")

    def test_a_missing_file_is_an_error(self):
        self.check_error(self.path("none.bin"), "No such file")


class WritingTest(VectorsTestCase):

    @parameterized.product(
        name=("v.txt", "v.bin"),
        case=((["a", "b c"], None, "words", "'b c'"), (["a", ""], None, "words", "''"),
              (["a", "b\n"], None, "words", "'b\\n'"), (["a", "\0"], None, "words", "'\\x00'"),
              (["a", b"b"], None, "words", "b'b'"), (["a", "\ud800"], None, "words", "ud800"),
              (["a"], None, "as many words as vectors, 2, got 1", ""),
              ([], np.zeros([0, 3]), "vectors", "(0, 3)"), (["a"], [1.0], "vectors", "(1,)"),
              (["a", "b"], [[1, 2], [3, np.nan]], "the word 'b'", "[3.0, nan]"),
              (["a", "b"], [[1e39, 2], [3, 4]], "the word 'a'", "inf")))
    def test_what_the_form_cannot_hold(self, name, case):
        words, vectors, *parts = case
        vectors = [[1, 2], [3, 4]] if vectors is None else vectors
        path = self.path(name, b"old")
        with self.assertRaises(checks.InputError) as caught:
            word2vec_vectors.write_vectors(path, words, vectors)
        for part in ["write_vectors: "] + parts:
            self.assertIn(part, str(caught.exception))
        with open(path, "rb") as stream:
            self.assertEqual(b"old", stream.read())

    def test_text_is_written_fast_enough(self):
        vectors = np.random.RandomState(0).randn(2000, 128).astype(np.float32)
        start = time.process_time()
        word2vec_vectors.write_vectors(self.path("v.txt"), map(str, range(2000)), vectors)
        # 0.1 s; what formats number by number with NumPy's own float32 takes several.
        self.assertLess(time.process_time() - start, 1.5)


class InitialVectorsTest(VectorsTestCase):

    def setUp(self):
        super().setUp()
        self.inputs = self.path("v.txt", b"3 2\na 1 2\nb 3 4\na 5 6\n")
        self.outputs = self.path("o.bin", b"2 2\n" + row(b"c", 7, 8) + b"\n" + row(b"b", 9, 0) + b"\n")

    def test_nothing_to_go_on_from(self):
        initial = word2vec_vectors.InitialVectors([])
        self.assertEqual((initial.words, initial.dim), ([], None))
        self.assertIsNone(initial.inputs(["a"]))
        self.assertIsNone(initial.outputs(["a"]))
        self.assertEqual(word2vec_vectors.InitialVectors([], 5).dim, 5)

    def test_vectors_alone(self):
        for dim in (None, 2):
            initial = word2vec_vectors.InitialVectors([self.inputs], dim)
            self.assertEqual(initial.dim, 2)
            self.assertEqual(initial.words, ["a", "b", "a"])
            rows = initial.inputs(["b", "new", "a"])
            self.assertEqual(rows.dtype, np.float32)
            # Of the rows of a word that comes twice the first counts.
            np.testing.assert_array_equal(rows, [[3, 4], [np.nan, np.nan], [1, 2]])
            self.assertIsNone(initial.outputs(["a"]))

    def test_vectors_and_output_vectors(self):
        initial = word2vec_vectors.InitialVectors([self.inputs, self.outputs])
        np.testing.assert_array_equal(initial.inputs(["c", "b"]), [[np.nan, np.nan], [3, 4]])
        np.testing.assert_array_equal(initial.outputs(["c", "a", "b"]),
                                      [[7, 8], [np.nan, np.nan], [9, 0]])

    def test_vectors_of_another_dimension_are_named(self):
        other = self.path("other.txt", b"1 3\na 1 2 3\n")
        for paths, dim, message in [
                ([self.inputs], 3, self.inputs + ": wanted vectors of 3 dimensions, got 2"),
                ([self.inputs, other], None, other + ": wanted vectors of 2 dimensions, got 3"),
                ([other, self.outputs], 3, self.outputs + ": wanted vectors of 3 dimensions, got 2")]:
            with self.assertRaises(checks.InputError) as caught:
                word2vec_vectors.InitialVectors(paths, dim)
            self.assertEqual(str(caught.exception), message)

    def test_more_files_and_none_that_is_one(self):
        with self.assertRaisesRegex(checks.InputError, "InitialVectors: paths: wanted vectors, and"):
            word2vec_vectors.InitialVectors([self.inputs] * 3)
        with self.assertRaisesRegex(checks.InputError, "none.txt: wanted a readable file"):
            word2vec_vectors.InitialVectors([self.inputs, os.path.join(self.inputs, "..", "none.txt")])


if __name__ == "__main__":
    absltest.main()
