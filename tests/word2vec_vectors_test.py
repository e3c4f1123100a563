"""Tests of files of word vectors: they are read back exactly, by gensim too; defects are errors."""
import logging
import os
import time
import unittest
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tests import file_case
from tests.word2vec_case import binary_row as row
from tf1_sampled import checks
from tf1_sampled.word2vec import vector_files, vectors as word2vec_vectors

try:
    from gensim.models import KeyedVectors
except ImportError:
    KeyedVectors = None
logging.getLogger("gensim").setLevel(logging.ERROR)

FORMS = ("v.txt", "v.bin", "v.vec", "V.BIN", "v.txt.gz", "v.bin.gz", "v.bin.xz", "v.vec.bz2")


def sample(count=50, dimension=7):
    # Random float32 bit patterns, large, small, subnormal and negative, without infinity and NaN.
    rng = np.random.RandomState(3)
    bits = rng.randint(0, 2 ** 32, size=(count, dimension), dtype=np.uint64).astype(np.uint32)
    vectors = bits.view(np.float32)
    vectors = np.where(np.isfinite(vectors), vectors, 0).astype(np.float32)
    vectors[0, :4] = [1e-45, -0.0, 3.4028235e38, 0.1]
    words = ["word%d" % i for i in range(count)]
    words[:6] = ["</s>", "é", "日本", "50", "-1.5", "a\u00a0b"]
    return words, vectors


class RoundTripTest(file_case.FileCase):

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
    def test_a_small_file_has_these_bytes(self, name, content):
        path = self.path(name)
        word2vec_vectors.write_vectors(path, ["a", "b"], [[1, -2.5, 0], [0.1, 3, 4]])
        with open(path, "rb") as stream:
            self.assertEqual(content, stream.read())

    def test_numbers_of_any_byte_order_keep_their_values(self):
        path = self.path("v.bin")
        word2vec_vectors.write_vectors(path, iter(["a"]), np.array([[1, 2]], ">f8"))
        self.assertEqual([[1, 2]], word2vec_vectors.read_vectors(path)[1].tolist())

    @parameterized.product(name=("v.bin", "v.txt"), size=(1, 5, 100))
    def test_the_chunk_size_does_not_change_the_result(self, name, size):
        words, vectors = sample()
        path = self.path(name)
        word2vec_vectors.write_vectors(path, words, vectors)
        with mock.patch.object(vector_files, "_CHUNK", size), \
                mock.patch.object(vector_files, "HEAD", 20):
            read_words, read = word2vec_vectors.read_vectors(path)
            self.assertEqual(words, read_words)
            np.testing.assert_array_equal(vectors, read)

    @parameterized.parameters(1, 1000)
    def test_many_rows_and_long_rows_come_back(self, dimension):
        count = 300000 // dimension
        vectors = np.arange(count * dimension, dtype=np.float32).reshape(count, dimension)
        path = self.path("v.bin")
        word2vec_vectors.write_vectors(path, map(str, range(count)), vectors)
        words, read = word2vec_vectors.read_vectors(path)
        self.assertEqual(list(map(str, range(count))), words)
        np.testing.assert_array_equal(vectors, read)

    @unittest.skipIf(KeyedVectors is None, "gensim is not installed: nothing to compare with")
    @parameterized.parameters(("v.txt", False), ("v.bin", True), ("v.bin.gz", True))
    def test_gensim_reads_our_files(self, name, binary):
        words, vectors = sample()
        path = self.path(name)
        word2vec_vectors.write_vectors(path, words, vectors)
        theirs = KeyedVectors.load_word2vec_format(path, binary=binary)
        self.assertEqual(words, theirs.index_to_key)
        np.testing.assert_array_equal(vectors, theirs.vectors)

    @unittest.skipIf(KeyedVectors is None, "gensim is not installed: nothing to compare with")
    @parameterized.parameters(("v.txt", False), ("v.bin", True))
    def test_files_of_gensim_are_read(self, name, binary):
        words, vectors = sample()
        theirs = KeyedVectors(vectors.shape[1])
        theirs.add_vectors(words, vectors)
        path = self.path(name)
        theirs.save_word2vec_format(path, binary=binary, sort_attr=None)
        read_words, read = word2vec_vectors.read_vectors(path)
        self.assertEqual(words, read_words)
        np.testing.assert_array_equal(vectors, read)


class WritingTest(file_case.FileCase):

    @parameterized.product(
        name=("v.txt", "v.bin"),
        case=((["a", "b c"], None, "words", "'b c'"), (["a", ""], None, "words", "''"),
              (["a", "b\n"], None, "words", "'b\\n'"), (["a", "\0"], None, "words", "'\\x00'"),
              (["a", b"b"], None, "words", "b'b'"), (["a", "\ud800"], None, "words", "ud800"),
              (["a"], None, "as many words as vectors, 2, got 1", ""),
              ([], np.zeros([0, 3]), "vectors", "(0, 3)"), (["a"], [1.0], "vectors", "(1,)"),
              (["a", "b"], [[1, 2], [3, np.nan]], "the word 'b'", "[3.0, nan]"),
              (["a", "b"], [[1e39, 2], [3, 4]], "the word 'a'", "inf")))
    def test_words_and_vectors_that_a_file_cannot_hold_are_errors(self, name, case):
        words, vectors, *parts = case
        vectors = [[1, 2], [3, 4]] if vectors is None else vectors
        path = self.path(name, b"old")
        with self.assertRaises(checks.InputError) as caught:
            word2vec_vectors.write_vectors(path, words, vectors)
        for part in ["write_vectors: "] + parts:
            self.assertIn(part, str(caught.exception))
        with open(path, "rb") as stream:
            self.assertEqual(b"old", stream.read())

    @parameterized.parameters("x.npy", "x.model", "x", "x.kv", "x.gz", "x.npy.gz", "x.txt.zip", ".bin")
    def test_a_name_of_an_unknown_format_is_an_error(self, name):
        path = self.path(name)
        with self.assertRaisesRegex(checks.InputError, "wanted (a name that ends with .txt, .vec or .bin"
                                    ", optionally followed by .gz, .bz2 or .xz|a plain name)"):
            word2vec_vectors.write_vectors(path, ["a"], [[1.0]])
        self.assertFalse(os.path.exists(path))

    def test_text_is_written_fast_enough(self):
        vectors = np.random.RandomState(0).randn(2000, 128).astype(np.float32)
        start = time.process_time()
        word2vec_vectors.write_vectors(self.path("v.txt"), map(str, range(2000)), vectors)
        # It takes 0.1 s; formatting NumPy's float32 one by one takes several seconds.
        self.assertLess(time.process_time() - start, 1.5)


class InitialVectorsTest(file_case.FileCase):

    def setUp(self):
        super().setUp()
        self.inputs = self.path("v.txt", b"2 2\na 1 2\nb 3 4\n")
        self.outputs = self.path("o.bin", b"2 2\n" + row(b"c", 7, 8) + b"\n" + row(b"b", 9, 0) + b"\n")

    def test_without_files_there_are_no_vectors(self):
        initial = word2vec_vectors.InitialVectors([])
        self.assertEqual((initial.words, initial.dim), ([], None))
        self.assertIsNone(initial.inputs(["a"]))
        self.assertIsNone(initial.outputs(["a"]))
        self.assertEqual(word2vec_vectors.InitialVectors([], 5).dim, 5)

    def test_a_single_file_has_the_vectors(self):
        for dim in (None, 2):
            initial = word2vec_vectors.InitialVectors([self.inputs], dim)
            self.assertEqual(initial.dim, 2)
            self.assertEqual(initial.words, ["a", "b"])
            rows = initial.inputs(["b", "new", "a"])
            self.assertEqual(rows.dtype, np.float32)
            np.testing.assert_array_equal(rows, [[3, 4], [np.nan, np.nan], [1, 2]])
            self.assertIsNone(initial.outputs(["a"]))

    def test_the_second_file_has_the_output_vectors(self):
        initial = word2vec_vectors.InitialVectors([self.inputs, self.outputs])
        np.testing.assert_array_equal(initial.inputs(["c", "b"]), [[np.nan, np.nan], [3, 4]])
        np.testing.assert_array_equal(initial.outputs(["c", "a", "b"]),
                                      [[7, 8], [np.nan, np.nan], [9, 0]])

    def test_words_with_white_space_are_left_out_and_counted(self):
        path, lines = self.path("w.txt", b". . 1 2\na 3 4\n\xc2\xa0 5 6\nb 7 8\n"), []
        initial = word2vec_vectors.InitialVectors([path], report=lines.append)
        self.assertEqual(["a", "b"], initial.words)
        self.assertEqual([[3, 4], [7, 8]], initial.inputs(["a", "b"]).tolist())
        self.assertEqual([path + ": 1 word with blanks",
                          path + ": left out 2 words with white space, which cannot occur in a text"],
                         lines)
        with self.assertRaisesRegex(checks.InputError, "wanted words without white space, got none"):
            word2vec_vectors.InitialVectors([self.path("x.txt", b". . 1 2\n")], report=lines.append)

    def test_vectors_of_another_dimension_are_an_error(self):
        other = self.path("other.txt", b"1 3\na 1 2 3\n")
        for paths, dim, message in [
                ([self.inputs], 3, self.inputs + ": wanted vectors of 3 dimensions, got 2"),
                ([self.inputs, other], None, other + ": wanted vectors of 2 dimensions, got 3"),
                ([other, self.outputs], 3, self.outputs + ": wanted vectors of 3 dimensions, got 2")]:
            with self.assertRaises(checks.InputError) as caught:
                word2vec_vectors.InitialVectors(paths, dim)
            self.assertEqual(str(caught.exception), message)

    def test_too_many_files_or_a_missing_file_are_errors(self):
        with self.assertRaisesRegex(checks.InputError, "InitialVectors: paths: wanted at most two f"):
            word2vec_vectors.InitialVectors([self.inputs] * 3)
        with self.assertRaisesRegex(checks.InputError, "none.txt: wanted a readable file"):
            word2vec_vectors.InitialVectors([self.inputs, os.path.join(self.inputs, "..", "none.txt")])


if __name__ == "__main__":
    absltest.main()
