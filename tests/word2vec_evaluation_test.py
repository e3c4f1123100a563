"""Tests of nearest words, analogies and similarity: values by hand, then gensim and SciPy as peers."""
import logging
import math
import tracemalloc
import unittest
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.word2vec import evaluation, evaluation_sets

try:
    from gensim.models import KeyedVectors
except ImportError:
    KeyedVectors = None
logging.getLogger("gensim").setLevel(logging.ERROR)
try:
    import scipy.stats
except ImportError:
    scipy = None

FORMS = (str.lower, str.upper, str.title, str.swapcase, lambda word: word[:1] + word[1:].upper())


def keyed_vectors(words, vectors):
    theirs = KeyedVectors(vectors.shape[1])
    theirs.add_vectors(words, vectors)
    return theirs


class NearestTest(parameterized.TestCase):

    def test_rows_have_length_one_and_zeros_stay(self):
        units = evaluation.unit_rows([[3, 4], [0, 0], [-2, 0], [1e-30, 0], [3e30, 4e30]])
        self.assertEqual(np.float32, units.dtype)
        np.testing.assert_allclose([[.6, .8], [0, 0], [-1, 0], [1, 0], [.6, .8]], units, rtol=1e-6)

    def test_the_argument_is_unchanged(self):
        vectors = np.full([2, 2], 5, np.float32)
        evaluation.unit_rows(vectors)
        self.assertEqual([[5, 5], [5, 5]], vectors.tolist())

    def test_cosines_of_vectors_in_a_plane(self):
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
    def test_the_k_best_equal_a_full_sort(self, k):
        rng = np.random.RandomState(k)
        units = evaluation.unit_rows(rng.randint(-2, 3, size=(100, 3)))
        cosines = units.dot(units[17])
        wanted = [i for i in sorted(range(100), key=lambda i: (-cosines[i], i)) if i != 17][:k]
        ids, got = evaluation.nearest(units, 17, k)
        self.assertEqual(wanted, ids.tolist())
        np.testing.assert_array_equal(cosines[wanted], got)

    def test_an_analogy_in_a_plane(self):
        degrees = np.radians([0, 60, 180, 230, 90, 250, 120])
        units = evaluation.unit_rows(np.stack([np.cos(degrees), np.sin(degrees)], 1))
        # b - a + c with a at 0, b at 60 and c at 180: b turned back by 60, 120 + 180 halfway.
        ids, cosines = evaluation.analogy(units, 0, 1, 2, 3)
        target = units[1] - units[0] + units[2]
        angles = np.degrees(np.arccos(units.dot(target) / np.linalg.norm(target)))
        wanted = [i for i in np.argsort(angles, kind="stable") if i > 2][:3]
        self.assertEqual([6, 4, 3], wanted)
        self.assertEqual(wanted, ids.tolist())
        np.testing.assert_allclose(angles[wanted], np.degrees(np.arccos(cosines)), atol=.01)

    def test_an_analogy_leaves_out_its_words_even_if_one_is_repeated(self):
        units = np.eye(4, dtype=np.float32)
        self.assertEqual([3], evaluation.analogy(units, 0, 1, 2, 9)[0].tolist())
        self.assertEqual([1, 3], evaluation.analogy(units, 0, 2, 2, 9)[0].tolist())

    @unittest.skipIf(KeyedVectors is None, "gensim is not installed: nothing to compare with")
    def test_gensim_agrees_on_one_analogy(self):
        rng = np.random.RandomState(2)
        words, vectors = ["w%d" % i for i in range(200)], rng.randn(200, 9).astype(np.float32)
        theirs = keyed_vectors(words, vectors).most_similar(["w5", "w7"], ["w3"], topn=6)
        ids, cosines = evaluation.analogy(evaluation.unit_rows(vectors), 3, 5, 7, 6)
        self.assertEqual([word for word, _ in theirs], [words[i] for i in ids])
        np.testing.assert_allclose([cosine for _, cosine in theirs], cosines, atol=1e-6)

    @parameterized.parameters(("a", (9, 0, 0), 1), ("b", (0, -1, 0), 1), ("c", (0, 0, 3), 1),
                              ("k", (0, 1, 2), 0))
    def test_invalid_rows_and_k_of_an_analogy_are_errors(self, name, rows, k):
        with self.assertRaisesRegex(checks.InputError, "^analogy: %s: wanted " % name):
            evaluation.analogy(np.eye(3), *rows, k=k)

    def test_the_first_of_repeated_words_stays(self):
        words, vectors = evaluation.distinct_words(["b", "a", "b", "c", "a"], [[1], [2], [3], [4], [5]])
        self.assertEqual((["b", "a", "c"], [[1], [2], [4]]), (words, vectors.tolist()))
        rows = np.eye(2)
        self.assertIs(rows, evaluation.distinct_words(["a", "b"], rows)[1])
        with self.assertRaisesRegex(checks.InputError, "^distinct_words: vectors: wanted .* 3 words"):
            evaluation.distinct_words(["a", "b", "c"], rows)

    @parameterized.parameters((3, 1), (-1, 1), (0, 0), (0, 1.5))
    def test_invalid_rows_and_k_are_errors(self, row, k):
        with self.assertRaisesRegex(checks.InputError, "^nearest: (row|k): wanted "):
            evaluation.nearest(np.eye(3), row, k)

    def test_a_single_row_has_no_neighbours(self):
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
    def test_constant_values_give_nan(self, x, y):
        self.assertTrue(math.isnan(evaluation.spearman(x, y)))

    def test_a_perfect_correlation_is_at_most_1(self):
        for n in range(2, 60):
            x = np.random.RandomState(n).randint(0, 9, size=n) + np.arange(n) % 2 * .5
            rho = evaluation.spearman(x, x)
            self.assertTrue(math.isnan(rho) or .999999 < rho <= 1, rho)

    @parameterized.parameters(([1, 2], [1]), ([[1]], [[1]]), ([1, float("nan")], [1, 2]))
    def test_sequences_of_different_lengths_or_with_nan_are_errors(self, x, y):
        with self.assertRaisesRegex(checks.InputError, "^spearman: x and y: wanted "):
            evaluation.spearman(x, y)

    @unittest.skipIf(scipy is None, "SciPy is not installed: nothing to compare with")
    def test_scipy_agrees(self):
        rng = np.random.RandomState(5)
        for n in (2, 3, 10, 300):
            x, y = rng.randint(0, 6, size=n), rng.randn(n).round(1)
            self.assertAlmostEqual(scipy.stats.spearmanr(x, y)[0], evaluation.spearman(x, y),
                                   places=12)


class SimilarityTest(parameterized.TestCase):

    def test_hand_worked(self):
        words = ["a", "b", "c", "Dog", "dog"]
        vectors = [[2, 0], [90, 90], [0, 5], [-1, 0], [2, 0]]
        # Cosines with a: b .707, c 0, Dog and dog, the later one, -1; ranks 4 3 1.5 1.5
        # against 2 1 3 4: centred 1.5 .5 -1 -1 and -.5 -1.5 .5 1.5.
        pairs = [("b", "a", 2), ("A", "c", 1), ("Dog", "a", 3), ("dog", "a", 9), ("a", "none", 5),
                 ("none", "a", 5), ("None", "neither", 5)]
        result = evaluation.similarity(words, vectors, pairs)
        self.assertEqual(("spearman", "num_pairs", "num_left_out", "missing_words"), result._fields)
        self.assertEqual((4, 3, ["None", "neither", "none"]), result[1:])
        self.assertAlmostEqual((-.75 - .75 - .5 - 1.5) / math.sqrt(4.5 * 5), result.spearman)

    def test_words_beyond_the_top_are_missing(self):
        pairs = [("a", "b", 1), ("a", "c", 2), ("b", "c", 3)]
        result = evaluation.similarity(["a", "b", "c"], np.eye(3), pairs, top=2)
        self.assertEqual((1, 2, ["c"]), result[1:])
        with self.assertRaisesRegex(checks.InputError, "^similarity: top: wanted "):
            evaluation.similarity(["a"], np.eye(1), pairs, top=0)
        with self.assertRaisesRegex(checks.InputError, "2 words, got "):
            evaluation.similarity(["a", "b"], np.eye(1), pairs)

    @parameterized.parameters(([],), ([("x", "y", 1)],), ([("a", "b", 1)],))
    def test_too_few_pairs_have_no_score(self, pairs):
        result = evaluation.similarity(["a", "b"], np.eye(2), pairs)
        self.assertIsNone(result.spearman)
        self.assertEqual(len(pairs), result.num_pairs + result.num_left_out)

    def test_lemmas_are_looked_up_as_plain_words_if_all_words_are_lemmas(self):
        words, vectors = ["sun", "light", "run", "run-n"], [[1, 0], [1, .1], [0, 1], [-1, 0]]
        pairs = [("sun-n", "light-n", 50.0), ("run-v", "sun-n", 20.0), ("run-n", "sun-n", 10.0)]
        result = evaluation.similarity(words, vectors, pairs)
        self.assertEqual((1, 3, 0, []), (round(result.spearman, 6),) + result[1:])
        result = evaluation.similarity(words, vectors, pairs + [("sun", "x", 1.0)])
        self.assertEqual((0, 4, ["light-n", "run-v", "sun-n", "x"]), result[1:])

    @unittest.skipIf(KeyedVectors is None, "gensim is not installed: nothing to compare with")
    @parameterized.parameters(300000, 150)
    def test_gensim_agrees(self, top):
        # Words in one to three forms, each with its own vector; 30 of 150 words are unknown.
        rng = np.random.RandomState(7)
        words = sorted({form("word%d" % i) for i in range(120) for form in rng.choice(FORMS, 3)})
        rng.shuffle(words)
        vectors = rng.randn(len(words), 10).astype(np.float32)
        # Each pair occurs once, as rounding may break ties differently in gensim.
        pairs = sorted({tuple(sorted(rng.choice(150, 2, replace=False))) for _ in range(353)})
        lines = ["%s\t%s\t%.1f\n" % (
            rng.choice(FORMS)("word%d" % first), rng.choice(FORMS)("word%d" % second),
            rng.randint(0, 30) / 3.) for first, second in pairs]
        path = self.create_tempfile("pairs.tsv", "# made up\n" + "".join(lines)).full_path
        _, (rho, _), missing_percent = keyed_vectors(words, vectors).evaluate_word_pairs(
            path, restrict_vocab=top)
        ours = evaluation.similarity(words, vectors, evaluation_sets.read_similarity(path), top)
        self.assertAlmostEqual(rho, ours.spearman, places=6)
        self.assertAlmostEqual(missing_percent, 100. * ours.num_left_out / len(pairs), places=9)
        self.assertBetween(ours.num_left_out, 50, 250)


class AnalogiesTest(parameterized.TestCase):

    WORDS = ["man", "woman", "king", "queen", "apple"]
    VECTORS = [[1, 0, 0], [1, 1, 0], [1, 0, 1], [1, 1, 1], [-1, 1, 0]]

    def test_hand_worked(self):
        sections = [("royal", [("man", "woman", "king", "queen"), ("man", "king", "woman", "QUEEN"),
                               ("man", "woman", "king", "apple"), ("man", "woman", "king", "prince")]),
                    ("none", [("man", "Duke", "king", "duchess")]), ("empty", []),
                    ("back", [("queen", "king", "woman", "man")])]
        result = evaluation.analogies(self.WORDS, self.VECTORS, sections)
        self.assertEqual([("royal", 2, 3, 1), ("none", 0, 0, 1), ("empty", 0, 0, 0), ("back", 1, 1, 0)],
                         [tuple(section) for section in result.sections])
        self.assertEqual(("total", 3, 4, 2), result.total)
        self.assertEqual(("name", "num_correct", "num_questions", "num_left_out"), result.total._fields)
        self.assertEqual(["Duke", "duchess", "prince"], result.missing_words)
        self.assertEqual(.75, result.total.accuracy)
        self.assertEqual(1, result.sections[3].accuracy)
        self.assertIsNone(result.sections[1].accuracy)

    def test_without_questions_the_accuracy_is_none(self):
        result = evaluation.analogies(self.WORDS, self.VECTORS, [("x", [("a", "b", "c", "d")])])
        self.assertEqual(("total", 0, 0, 1), result.total)
        self.assertIsNone(result.total.accuracy)
        self.assertEqual(["a", "b", "c", "d"], result.missing_words)

    def test_words_beyond_the_top_are_unknown_and_not_answers(self):
        vectors = np.array(self.VECTORS + [[1, 1, 1.01]])
        sections = [("royal", [("man", "woman", "king", "queen"), ("man", "woman", "king", "last")])]
        result = evaluation.analogies(self.WORDS + ["last"], vectors, sections, top=5)
        self.assertEqual((("total", 1, 1, 1), ["last"]), (result.total, result.missing_words))
        result = evaluation.analogies(["king", "last"] + self.WORDS, vectors[[2, 5, 0, 1, 2, 3, 4]],
                                      sections, top=6)  # king occurs twice; it counts once
        self.assertEqual((2, 0), result.total[2:])

    def test_variants_of_the_answer_are_correct_and_variants_of_the_question_are_not_answers(self):
        words = ["man", "woman", "king", "queen", "Queen", "KING", "Woman"]
        vectors = [[1, 0, 0], [1, 1, 0], [1, 0, 1], [-5, 1, 0], [1, 1, .9], [1, 1, 1.01], [1, 1, .99]]
        result = evaluation.analogies(words, vectors, [("x", [("man", "woman", "king", "queen")])])
        self.assertEqual(1, result.total.num_correct)

    @parameterized.parameters((4, (0, 1)), (5, (1, 0)))
    def test_the_fifth_variant_of_the_questions_words_is_the_answer(self, others, correct):
        words = ["abc", "x", "y", "z", "ABC", "Abc", "aBc", "abC", "ABc"][:4 + others]
        vectors = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1]] + 5 * [[-1, 1, 1]])
        sections = [("itself", [("abc", "x", "y", "abc")]), ("z", [("abc", "x", "y", "z")])]
        result = evaluation.analogies(words, vectors[:len(words)], sections)
        self.assertEqual(correct, tuple(section.num_correct for section in result.sections))

    @parameterized.parameters(("A", 1), ("b", 0))
    def test_questions_that_cover_all_words_are_counted(self, d, correct):
        result = evaluation.analogies(["a", "b", "A"], np.eye(3), [("x", [("a", "b", "b", d)])])
        self.assertEqual(("total", correct, 1, 0), result.total)
        result = evaluation.analogies(["a", "b"], np.eye(2), [("x", [("a", "b", "b", d)])])
        self.assertEqual(("total", 0, 1, 0), result.total)

    @parameterized.parameters(1, 2, 100)
    def test_ties_go_to_the_smaller_row(self, width):
        words, rows = ["a", "b", "c", "d", "e", "f"], np.eye(4)[[0, 1, 2, 3, 3, 3]]
        sections = [(d, [("a", "b", "c", d)]) for d in "def"]
        with mock.patch.object(evaluation, "_BLOCK", width):
            result = evaluation.analogies(words, rows, sections)
        self.assertEqual([1, 0, 0], [section.num_correct for section in result.sections])

    def test_a_row_of_zeros_ranks_last(self):
        words, vectors = ["a", "b", "c", "zero", "back"], [[1, 0], [1, 1], [2, 1], [0, 0], [-1, -1]]
        result = evaluation.analogies(words, vectors, [("x", [("a", "b", "c", "back")])])
        self.assertEqual(1, result.total.num_correct)

    @parameterized.parameters((1, 1), (3, 7), (7, 1000))
    def test_block_sizes_do_not_change_the_result(self, width, scores):
        rng = np.random.RandomState(4)
        words = ["w%d" % i for i in range(40)]
        vectors = rng.randint(-3, 4, size=(40, 3))
        sections = [("x", [tuple(rng.choice(words, 4)) for _ in range(500)])]
        wanted = evaluation.analogies(words, vectors, sections)
        with mock.patch.object(evaluation, "_BLOCK", width), \
                mock.patch.object(evaluation, "_SCORES", scores):
            self.assertEqual(wanted, evaluation.analogies(words, vectors, sections))
        self.assertGreater(wanted.total.num_correct, 5)

    def test_memory_is_bounded(self):
        words = ["w%d" % i for i in range(20000)]
        vectors = np.random.RandomState(5).randn(20000, 4).astype(np.float32)
        sections = [("x", [tuple(words[i:i + 4]) for i in range(0, 4000, 2)])]
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        evaluation.analogies(words, vectors, sections)
        # 4000 words by 20000 candidates are 320 MB.
        self.assertLess(tracemalloc.get_traced_memory()[1], 100e6)

    @parameterized.parameters(0, -1, 2.5)
    def test_an_invalid_top_is_an_error(self, top):
        with self.assertRaisesRegex(checks.InputError, "^analogies: top: wanted "):
            evaluation.analogies(self.WORDS, self.VECTORS, [], top=top)

    def test_different_numbers_of_words_and_vectors_are_an_error(self):
        with self.assertRaisesRegex(checks.InputError, "wanted .* each of 5 words, got "):
            evaluation.analogies(self.WORDS, self.VECTORS[:4], [])

    @unittest.skipIf(KeyedVectors is None, "gensim is not installed: nothing to compare with")
    def test_gensim_agrees(self):
        # Few words in many forms, some near each other, and questions whose answer is one of their own
        # words, so that every special case occurs.
        right = 0
        for seed in range(60):
            rng = np.random.RandomState(seed)
            stems = ["ab", "straße", "é", "i'm", "ĳ"] + ["x%d" % i for i in range(rng.randint(0, 20))]
            words = sorted({form(stem) for stem in stems for form in rng.choice(FORMS, 5)})
            rng.shuffle(words)
            vectors = rng.randn(len(words), 4)
            if seed % 2:
                centres = {stem.upper(): row for stem, row in zip(stems, rng.randn(len(stems), 4))}
                vectors = np.array([centres[word.upper()] for word in words]) + .2 * vectors
            vectors = vectors.astype(np.float32)
            lines = []
            for i in range(60):
                asked = list(rng.choice(words + ["unknown"], 4))
                asked[3] = rng.choice([asked[3], asked[3], asked[rng.randint(3)].upper()])
                lines += [": section %d" % (i // 20)] * (i % 20 == 0) + [" ".join(asked)]
            path = self.create_tempfile("q%d.txt" % seed, "\n".join(lines)).full_path
            top = int(rng.choice([8, len(words), 30000]))
            _, theirs = keyed_vectors(words, vectors).evaluate_word_analogies(path, restrict_vocab=top)
            ours = evaluation.analogies(words, vectors, evaluation_sets.read_analogies(path), top)
            self.assertEqual(
                [(len(s["correct"]), len(s["correct"]) + len(s["incorrect"])) for s in theirs],
                [(s.num_correct, s.num_questions) for s in ours.sections + [ours.total]],
                "seed %d" % seed)
            self.assertEqual(60, ours.total.num_questions + ours.total.num_left_out)
            right += ours.total.num_correct
        self.assertGreater(right, 100)


if __name__ == "__main__":
    absltest.main()
