"""Tests of vocabularies: choice by frequency, and files that are read back exactly."""
import os

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import InputError
from tf1_sampled.word2vec import vocabulary


class MostFrequentTest(parameterized.TestCase):

    @parameterized.parameters(
        (1, None, [3, 1, 4, 0]), (2, None, [3, 1, 4]), (0, None, [3, 1, 4, 0, 2]), (1, 2, [3, 1]),
        (3, 9, [3]), (9, None, []))
    def test_most_frequent_orders_by_count_then_place(self, min_count, max_vocab, wanted):
        counts = np.array([1, 2, 0, 5, 2])
        order = vocabulary.most_frequent(counts, min_count, max_vocab)
        np.testing.assert_array_equal(order, wanted)


class FileTest(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.create_tempdir().full_path, "words.txt")

    def write(self, content):
        with open(self.path, "w", encoding="utf-8") as stream:
            stream.write(content)

    def test_a_saved_vocabulary_is_read_back(self):
        words, counts = ["the", "\u00e9t\u00e9", "a_b", "</s>", "new"], np.array([2 ** 40, 7, 7, 3, 0])
        vocabulary.save_vocabulary(self.path, words, counts)
        with open(self.path, encoding="utf-8") as stream:
            self.assertEqual(stream.read().splitlines()[:2], ["the %d" % 2 ** 40, "\u00e9t\u00e9 7"])
        read_words, read_counts = vocabulary.read_vocabulary(self.path)
        self.assertEqual(read_words, words)
        np.testing.assert_array_equal(read_counts, counts)
        self.assertEqual(read_counts.dtype, np.int64)

    def test_a_first_word_with_a_byte_order_mark_is_read_back(self):
        words = ["\ufeffthe", "\ufeffa"]
        vocabulary.save_vocabulary(self.path, words, [2, 1])
        self.assertEqual(vocabulary.read_vocabulary(self.path)[0], words)

    def test_the_line_end_of_word2vec_is_left_out(self):
        self.write("</s> 0\nthe 5\na 3\n")
        words, counts = vocabulary.read_vocabulary(self.path)
        self.assertEqual((words, counts.tolist()), (["the", "a"], [5, 3]))
        words, counts = vocabulary.read_vocabulary(self.path, leaves_out_line_end=False)
        self.assertEqual((words, counts.tolist()), (["</s>", "the", "a"], [0, 5, 3]))

    @parameterized.parameters(
        ("a 1\nb\n", "line 2: wanted a word, a blank and its count, got 'b'"),
        ("a 1\n\nb 1\n", "line 2: wanted a word, a blank and its count, got ''"),
        ("a 1 2\n", "line 1: wanted a word, a blank and its count, got 'a 1 2'"),
        ("a 1\nb x\n", "line 2: wanted an integer as the count of 'b', got 'x'"),
        ("a 1\nb -1\n", "line 2: wanted an integer as the count of 'b', got '-1'"),
        ("a 1\nb 1.5\n", "line 2: wanted an integer as the count of 'b', got '1.5'"),
        ("a 9999999999999999999\n", "line 1: wanted an integer as the count of 'a'"),
        ("</s> 3\n</s> 2\na 1\n", "line 2: wanted another word than in line 1, got '</s>'"),
        ("a 3\nb 2\na 1\n", "line 3: wanted another word than in line 1, got 'a'"),
        ("\ufeff", "wanted words and their counts, got none"),
        ("a" * 10 ** 6 + " x\n", "aaa... (1000002 characters), got 'x'"),
        ("</s> 3\n", "wanted words and their counts, got none"),
        ("", "got an empty file"))
    def test_an_error_names_the_invalid_line(self, content, message):
        self.write(content)
        with self.assertRaises(InputError) as caught:
            vocabulary.read_vocabulary(self.path)
        self.assertStartsWith(str(caught.exception), self.path + ": ")
        self.assertIn(message, str(caught.exception))

    @parameterized.parameters(
        (["a", "b"], [1], "counts: wanted one for each of 2 words"),
        (["a", "b c"], [1, 1], "words: wanted non-empty words without white space, got 'b c'"),
        (["a", ""], [1, 1], "words: wanted non-empty words without white space, got ''"),
        (["a", "b"], [1, -1], "counts: wanted integers of 0 or more, got -1"),
        (["a", "b"], [1, 0.5], "counts: wanted integers of 0 or more, got 1.0"))
    def test_an_error_of_saving_leaves_the_old_file(self, words, counts, message):
        self.write("old 1\n")
        with self.assertRaisesRegex(InputError, "save_vocabulary: " + message):
            vocabulary.save_vocabulary(self.path, words, counts)
        self.assertEqual(vocabulary.read_vocabulary(self.path)[0], ["old"])


if __name__ == "__main__":
    absltest.main()
