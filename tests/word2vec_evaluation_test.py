"""Nearest words and similarity: hand-worked values, then gensim and SciPy as independent peers."""
import logging
import math
import os
import unittest

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.word2vec import evaluation

try:
    from gensim.models import KeyedVectors
except ImportError:
    KeyedVectors = None
logging.getLogger("gensim").setLevel(logging.ERROR)
try:
    import scipy.stats
except ImportError:
    scipy = None


class NearestTest(parameterized.TestCase):

    def test_rows_have_length_one_and_zeros_stay(self):
        units = evaluation.unit_rows([[3, 4], [0, 0], [-2, 0], [1e-30, 0], [3e30, 4e30]])
        self.assertEqual(np.float32, units.dtype)
        np.testing.assert_allclose([[.6, .8], [0, 0], [-1, 0], [1, 0], [.6, .8]], units, rtol=1e-6)

    def test_the_rows_given_are_left_as_they_were(self):
        vectors = np.full([2, 2], 5, np.float32)
        evaluation.unit_rows(vectors)
        self.assertEqual([[5, 5], [5, 5]], vectors.tolist())

    def test_cosines_of_a_plane(self):
        degrees = np.radians([0, 90, 30, 180, 60])
        units = evaluation.unit_rows(7 * np.stack([np.cos(degrees), np.sin(degrees)], 1))
        ids, cosines = evaluation.nearest(units, 0, 3)
        self.assertEqual([2, 4, 1], ids.tolist())
        np.testing.assert_allclose([math.sqrt(3) / 2, .5, 0], cosines, atol=1e-6)
        self.assertEqual([3, 1, 4, 2], evaluation.nearest(-units, 0, 9)[0].tolist()[::-1])

    def test_ties_go_to_the_smaller_id_and_the_row_itself_is_left_out(self):
        units = np.eye(2, dtype=np.float32)[[0, 1, 0, 1, 0, 0, 1]]
        self.assertEqual([0, 4], evaluation.nearest(units, 2, 2)[0].tolist())
        self.assertEqual([0, 4, 5, 1], evaluation.nearest(units, 2, 4)[0].tolist())
        self.assertEqual([0, 4, 5, 1, 3, 6], evaluation.nearest(units, 2, 100)[0].tolist())

    @parameterized.parameters(1, 5, 98, 99)
    def test_the_k_best_are_those_of_a_full_sort(self, k):
        rng = np.random.RandomState(k)
        units = evaluation.unit_rows(rng.randint(-2, 3, size=(100, 3)))
        cosines = units.dot(units[17])
        wanted = [i for i in sorted(range(100), key=lambda i: (-cosines[i], i)) if i != 17][:k]
        ids, got = evaluation.nearest(units, 17, k)
        self.assertEqual(wanted, ids.tolist())
        np.testing.assert_array_equal(cosines[wanted], got)

    @parameterized.parameters((3, 1), (-1, 1), (0, 0), (0, 1.5))
    def test_rows_and_k_that_are_none(self, row, k):
        with self.assertRaisesRegex(checks.InputError, "^nearest: (row|k): wanted "):
            evaluation.nearest(np.eye(3), row, k)

    def test_a_single_row_has_no_nearest(self):
        ids, cosines = evaluation.nearest(np.ones([1, 1]), 0, 3)
        self.assertEqual(([], []), (ids.tolist(), cosines.tolist()))


class SpearmanTest(parameterized.TestCase):

    @parameterized.parameters(
        ([1, 2, 3], [10, 20, 1000], 1), ([1, 2, 3], [5, 4, -9], -1),
        # Ranks 1 2 3 4 5 and 2 1 4 3 5: 1 - 6 * 4 / (5 * 24).
        ([1, 2, 3, 4, 5], [2, 1, 4, 3, 5], 1 - 6 * 4 / 120.),
        # Ranks 1, 2.5, 2.5, 4 and 1 2 3 4: 4.5 / sqrt(4.5 * 5).
        ([1, 2, 2, 3], [1, 2, 3, 4], 4.5 / math.sqrt(4.5 * 5)),
        # Ranks 2, 2, 2, 4 and 3.5, 1.5, 1.5, 3.5: centred -.5 -.5 -.5 1.5 and 1 -1 -1 1.
        ([0, 0, 0, 7], [5, 1, 1, 5], 2 / math.sqrt(3 * 4)))
    def test_hand_worked(self, x, y, rho):
        self.assertAlmostEqual(rho, evaluation.spearman(x, y), places=12)
        self.assertAlmostEqual(rho, evaluation.spearman(y, x), places=12)

    @parameterized.parameters(([1, 1, 1], [1, 2, 3]), ([1, 2], [3, 3]), ([1], [1]), ([], []))
    def test_nan_when_a_side_does_not_vary(self, x, y):
        self.assertTrue(math.isnan(evaluation.spearman(x, y)))

    def test_a_perfect_correlation_is_never_beyond_one(self):
        for n in range(2, 60):
            x = np.random.RandomState(n).randint(0, 9, size=n) + np.arange(n) % 2 * .5
            rho = evaluation.spearman(x, x)
            self.assertTrue(math.isnan(rho) or .999999 < rho <= 1, rho)

    @parameterized.parameters(([1, 2], [1]), ([[1]], [[1]]), ([1, float("nan")], [1, 2]))
    def test_sequences_that_do_not_go_together(self, x, y):
        with self.assertRaisesRegex(checks.InputError, "^spearman: x and y: wanted "):
            evaluation.spearman(x, y)

    @unittest.skipIf(scipy is None, "SciPy is not installed: nothing to compare with")
    def test_scipy_agrees(self):
        rng = np.random.RandomState(5)
        for n in (2, 3, 10, 300):
            x, y = rng.randint(0, 6, size=n), rng.randn(n).round(1)
            self.assertAlmostEqual(scipy.stats.spearmanr(x, y)[0], evaluation.spearman(x, y),
                                   places=12)


class ReadSimilarityTest(parameterized.TestCase):

    def read(self, text):
        path = self.create_tempfile("pairs.txt", text).full_path
        return evaluation.read_similarity(path)

    @parameterized.parameters(
        "# A comment\n# Word 1\tWord 2\tHuman (mean)\nlove\tsex\t6.77\n\nTiger\tcat\t7\n",
        "word1\tword2\tPOS\tSimLex999\tconc(w1)\nlove\tsex\tN\t6.77\t1.5\nTiger\tcat\tA\t7.00\t2\n",
        "love sex 6.77\nTiger cat 7.000000\n",
        "Word 1,Word 2,Human (mean)\nlove,sex,6.77\nTiger,cat,7.00\n",
        "\ufefflove, sex, 6.77\r\nTiger, cat, 7\r\n",
        "love\tsex\t6.77\t7\t5\nTiger\tcat\t7\t7\t7\n",
        "word1\tword2\tscore\nlove\tsex\t6.77\nTiger\tcat\t7")
    def test_forms_in_use(self, text):
        self.assertEqual([("love", "sex", 6.77), ("Tiger", "cat", 7.0)], self.read(text))

    def test_tabs_set_apart_before_commas(self):
        self.assertEqual([("so, so", "fair", 8.0)], self.read("so, so\tfair\t8\n"))

    def test_word_itself_may_be_the_first_word(self):
        self.assertEqual([("word", "phrase", 3.5)], self.read("word phrase 3.5\n"))

    @parameterized.parameters(
        ("a\tb\t1\na\tb\n", "line 2: wanted 3 columns, word, word, score, got 'a\\tb'"),
        ("# x\n\na b 1 \na b 1 2\n", "line 4: wanted 3 columns"),
        ("a b\n", "line 1: wanted 3 columns"),
        ("a b c\n", "line 1: wanted a score in column 3, got 'c'"),
        ("a,b,1\na,,2\n", "line 2: wanted two words"), ("a b nan\n", "line 1: wanted a score"),
        ("word1\tword2\tPOS\tSimLex999\na\tb\t1\tN\n",
         "line 2: wanted a score in column 4, got 'N'"),
        ("word1 word2 score\nword1 word2 score\n", "line 2: wanted a score"),
        ("# nothing\n", "wanted word pairs with scores, got none"),
        ("word1,word2,score\n", "wanted word pairs with scores, got none"))
    def test_malformed(self, text, message):
        with self.assertRaises(checks.InputError) as caught:
            self.read(text)
        self.assertIn("pairs.txt: " + message, str(caught.exception))

    def test_missing(self):
        with self.assertRaisesRegex(checks.InputError, "No such file"):
            evaluation.read_similarity(os.path.join(self.create_tempdir().full_path, "none.tsv"))


class SimilarityTest(parameterized.TestCase):

    def test_hand_worked(self):
        index = {"a": 0, "b": 1, "c": 2, "Dog": 3, "dog": 0}
        vectors = [[2, 0], [90, 90], [0, 5], [-1, 0]]
        # Cosines with a: b .707, c 0, Dog -1, itself 1; ranks 3 2 1 4 against 2 1 3 4.
        pairs = [("b", "a", 2), ("A", "c", 1), ("Dog", "a", 3), ("dog", "a", 9), ("a", "none", 5),
                 ("none", "a", 5), ("none", "neither", 5)]
        result = evaluation.similarity(index, vectors, pairs)
        self.assertEqual(("spearman", "used", "missing"), result._fields)
        self.assertEqual((4, 3), result[1:])
        self.assertAlmostEqual(1 - 6 * (1 + 1 + 4 + 0) / 60., result.spearman)

    @parameterized.parameters(([],), ([("x", "y", 1)],), ([("a", "b", 1)],))
    def test_too_few_pairs_are_nan(self, pairs):
        result = evaluation.similarity({"a": 0, "b": 1}, np.eye(2), pairs)
        self.assertTrue(math.isnan(result.spearman))
        self.assertEqual(len(pairs), result.used + result.missing)

    @unittest.skipIf(KeyedVectors is None, "gensim is not installed: nothing to compare with")
    def test_gensim_agrees(self):
        rng = np.random.RandomState(7)
        words = ["word%d" % i for i in range(120)]
        vectors = rng.randn(120, 10).astype(np.float32)
        # Each pair once: what is a tie here may differ by rounding there. 30 of 150 are no words.
        pairs = sorted({tuple(sorted(rng.choice(150, 2, replace=False))) for _ in range(353)})
        lines = ["%s%d\tword%d\t%.1f\n" % (
            rng.choice(["word", "Word"]), first, second, rng.randint(0, 30) / 3.)
                 for first, second in pairs]
        path = self.create_tempfile("pairs.tsv", "# made up\n" + "".join(lines)).full_path
        theirs = KeyedVectors(10)
        theirs.add_vectors(words, vectors)
        _, (rho, _), missing_percent = theirs.evaluate_word_pairs(path)
        ours = evaluation.similarity({word: i for i, word in enumerate(words)}, vectors,
                                     evaluation.read_similarity(path))
        self.assertAlmostEqual(rho, ours.spearman, places=6)
        self.assertAlmostEqual(missing_percent, 100. * ours.missing / len(pairs), places=9)
        self.assertBetween(ours.missing, 50, 200)


if __name__ == "__main__":
    absltest.main()
