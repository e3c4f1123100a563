"""Tests of WordVectors: questions, their answers, and invalid questions."""
import os
import unittest
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import InputError
from tf1_sampled.word2vec import evaluation, vectors, word_vectors

try:
    from gensim.models import KeyedVectors
except ImportError:
    KeyedVectors = None

WORDS = ["man", "woman", "king", "queen", "apple", "king", "King"]
ROWS = [[1, 0, 0], [1, 1, 0], [1, 0, 1], [1, 1, 1], [-1, 1, 0], [5, 5, 5], [0, 0, 1]]
LOOKS = parameterized.parameters(
    ("quen", "a word of the vocabulary (similar: queen), got 'quen'"),
    ("QUEEN", "a word of the vocabulary (similar: queen), got 'QUEEN'"),
    ("kin", "a word of the vocabulary (similar: king), got 'kin'"),
    ("zzz", "a word of the vocabulary, got 'zzz'"), ("", "a word of the vocabulary, got ''"),
    ("king" * 1000, "a word of the vocabulary, got "), (5, "a word of the vocabulary, got 5"))


class WordVectorsTestCase(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.found = word_vectors.WordVectors(WORDS, ROWS, "query")

    def path(self, content):
        return self.create_tempfile(content=content).full_path


class LookUpTest(WordVectorsTestCase):

    def test_the_first_of_equal_words_counts(self):
        self.assertEqual(self.found.words, ["man", "woman", "king", "queen", "apple", "King"])
        self.assertLen(self.found, 6)
        np.testing.assert_array_equal(self.found["king"], [1, 0, 1])
        np.testing.assert_array_equal(self.found["King"], [0, 0, 1])
        self.assertEqual((self.found["king"].dtype, self.found.vectors.shape), (np.float32, (6, 3)))

    def test_in_is_true_for_words_of_the_vocabulary(self):
        self.assertIn("queen", self.found)
        for word in ("Queen", "", 3, None, ["king"]):
            self.assertNotIn(word, self.found)

    @LOOKS
    def test_an_unknown_word_is_an_input_error_and_a_key_error(self, word, message):
        asks = [lambda: self.found[word], lambda: self.found.rows(["king", word]),
                lambda: self.found.odd_one_out(["king", "man", word])]
        if isinstance(word, str):
            asks += [lambda: self.found.most_similar(word), lambda: self.found.similarity("king", word),
                     lambda: self.found.most_similar(["king"], [word])]
        for ask in asks:
            with self.assertRaises(InputError) as caught:
                ask()
            self.assertIsInstance(caught.exception, KeyError)
            self.assertStartsWith(str(caught.exception), "query: word: wanted " + message)

    def test_known_words_returns_known_words_and_messages(self):
        known, messages = self.found.known_words(["king", "colour", "Queen", "man"], "--neighbours")
        self.assertEqual(["king", "man"], known)
        wanted = "query: --neighbours: wanted a word of the vocabulary"
        self.assertEqual([wanted + ", got 'colour'", wanted + " (similar: queen), got 'Queen'"],
                         messages)

    def test_a_phrase_with_blanks_finds_the_word_with_underscores(self):
        index = {"new_york": 0, "in spite": 1, "in_spite": 2}
        for phrase, word in (("new york", "new_york"), (" new  york ", "new_york"),
                             ("in spite", "in spite"), ("los angeles", "los angeles")):
            self.assertEqual(word, word_vectors.spelled(index, phrase))
        self.assertEqual((["new_york"], []), word_vectors.known_words(index, ["new york"], "query"))

    def test_an_error_names_the_source_of_the_word(self):
        with self.assertRaisesRegex(InputError, "^query: --neighbours: wanted "):
            word_vectors.known_rows(self.found.index, ["x"], "query", "--neighbours")

    def test_different_numbers_of_words_and_rows_are_an_error(self):
        with self.assertRaisesRegex(InputError, "a row for each of 2 words"):
            word_vectors.WordVectors(["a", "b"], [[1, 2]])

    def test_the_search_for_similar_spellings_is_bounded(self):
        many = ["word%06d" % i for i in range(60000)] + ["wordy", "WORD059999"]
        with mock.patch("difflib.get_close_matches", return_value=["w"]) as compared:
            # A word that differs only in case is found anywhere.
            self.assertEqual(["word059999", "WORD059999", "w"],
                             word_vectors.close_words(many, "Word059999"))
            self.assertLen(compared.call_args[0][1], 50000)
            word_vectors.close_words(many, "wordy")
            self.assertEmpty(compared.call_args[0][1])
        self.assertEqual(["w" * 41], word_vectors.close_words(["w" * 41], "w" * 40))
        self.assertEqual([], word_vectors.close_words(["w" * 41], "w" * 41))
        self.assertLen(word_vectors.close_words(["aa", "Aa", "aA", "AA"], "aa", 3), 3)


class MostSimilarTest(WordVectorsTestCase):

    def assert_answers(self, answers, wanted):
        self.assertEqual([word for word, _ in answers], [word for word, _ in wanted])
        np.testing.assert_allclose([cosine for _, cosine in answers], [cosine for _, cosine in wanted],
                                   rtol=1e-6)

    def test_the_nearest_words_of_a_word(self):
        wanted = [("queen", 2 / 6 ** 0.5), ("man", 0.5 ** 0.5)]
        self.assert_answers(self.found.most_similar("king", k=2), wanted)
        self.assert_answers(self.found.most_similar(["king"], k=2), wanted)
        self.assertLen(self.found.most_similar("king"), 5)
        self.assertIsInstance(self.found.most_similar("king")[0][1], float)

    def test_an_analogy_equals_evaluation_to_the_last_bit(self):
        random = np.random.RandomState(1)
        words = ["w%d" % i for i in range(50)]
        found = word_vectors.WordVectors(words, random.standard_normal([50, 7]))
        for a, b, c in random.randint(0, 50, [20, 3]):
            rows, cosines = evaluation.analogy(found.unit, a, b, c, 4)
            self.assertEqual(found.most_similar([words[b], words[c]], words[a], k=4),
                             [(words[row], cosine) for row, cosine in zip(rows, cosines)])

    def test_positive_and_negative_words_and_vectors_are_scaled_to_length_1(self):
        # (1, 0, 0) - (0, 1, 0) + 2 (0, 0, 1): to (1, 0, 1) and (1, 1, 1).
        answers = self.found.most_similar(["man", [0, 0, 9], "King"], [np.array([0, 3.0, 0])], k=2)
        self.assert_answers(answers, [("king", 3 / 12 ** 0.5), ("queen", 2 / 18 ** 0.5)])

    def test_no_word_of_the_question_is_an_answer(self):
        answers = self.found.most_similar(["king", "man"], ["apple", "King"])
        self.assertCountEqual([word for word, _ in answers], ["woman", "queen"])

    def test_a_vector_excludes_no_word(self):
        for vector in (np.array([3, 0, 0]), np.array([3, 0, 0], np.float16)):
            self.assert_answers(self.found.most_similar(vector, k=1), [("man", 1)])
        self.assert_answers(self.found.most_similar([[3.0, 0, 0]], k=1), [("man", 1)])

    @parameterized.parameters(
        (dict(positive=[]), "query: positive: wanted a word or vector, got 'none'"),
        (dict(positive=[], negative=["man"]), "query: positive: wanted a word or vector"),
        (dict(positive="king", k=0), "query: k: wanted an integer above 0, got 0"),
        (dict(positive=[[1, 2]]), "positive: wanted words, or vectors of 3 finite numbers, got "),
        (dict(positive="king", negative=[[1, 2, np.nan]]), "negative: wanted words, or vectors of 3 "),
        (dict(positive=[5]), "positive: wanted words, or vectors of 3 finite numbers, got 5"),
        (dict(positive=[None]), "positive: wanted words, or vectors of 3 finite numbers, got None"))
    def test_invalid_arguments_are_errors(self, arguments, message):
        with self.assertRaises(InputError) as caught:
            self.found.most_similar(**arguments)
        self.assertIn(message, str(caught.exception))

    def test_similarity_is_the_cosine(self):
        self.assertAlmostEqual(self.found.similarity("king", "queen"), 2 / 6 ** 0.5, places=6)
        self.assertAlmostEqual(self.found.similarity("man", np.array([-2.0, 0, 0])), -1, places=6)


class OddOneOutTest(WordVectorsTestCase):

    def test_the_odd_word_has_the_smallest_cosine_with_the_mean(self):
        self.assertEqual("apple", self.found.odd_one_out(["king", "queen", "apple", "man"]))
        # Each vector counts with length 1, so the longest one has no advantage.
        found = word_vectors.WordVectors(["a", "b", "c"], [[1, 0], [9, 1], [0, 100]])
        self.assertEqual("c", found.odd_one_out(["c", "a", "b"]))

    def test_the_first_of_equal_cosines_is_returned(self):
        self.assertEqual("man", self.found.odd_one_out(iter(["man", "King", "man"][:1] * 3)))

    @unittest.skipIf(KeyedVectors is None, "gensim is not installed: nothing to compare with")
    def test_gensim_agrees(self):
        random = np.random.RandomState(3)
        words, rows = ["w%d" % i for i in range(40)], random.randn(40, 5).astype(np.float32)
        theirs = KeyedVectors(5)
        theirs.add_vectors(words, rows)
        found = word_vectors.WordVectors(words, rows)
        for size in (3, 4, 8) * 10:
            asked = [str(word) for word in random.choice(words, size, replace=False)]
            self.assertEqual(theirs.doesnt_match(asked), found.odd_one_out(asked))

    def test_fewer_than_three_words_are_an_error(self):
        with self.assertRaisesRegex(InputError, "^query: words: wanted 3 or more words that have a vec"):
            self.found.odd_one_out(["king", "man"])


class UnitVectorsTest(WordVectorsTestCase):

    def test_unit_vectors_give_the_same_answers(self):
        small = word_vectors.WordVectors(WORDS, ROWS, keeps_rows=False)
        self.assertEqual(self.found.most_similar("king"), small.most_similar("king"))
        np.testing.assert_allclose(small["apple"], [-1, 1, 0], rtol=1e-6)
        self.assertEqual(np.float32, small["apple"].dtype)
        self.assertIs(small.vectors, small.unit)

    def test_questions_do_not_change_the_rows(self):
        unit = self.found.unit
        before = unit.copy()
        self.found.odd_one_out(["king", "man", "apple"])
        self.found.most_similar(["king", "man"], ["woman"])
        np.testing.assert_array_equal(before, unit)


class FilesTest(WordVectorsTestCase):

    def test_evaluate_similarity_correlates_cosines_with_human_scores(self):
        path = self.path("king\tqueen\t9\nking\tapple\t1\nking\tunheard\t5\n")
        self.assertEqual(self.found.evaluate_similarity(path), (1, 2, 1, ["unheard"]))
        self.assertEqual(self.found.evaluate_similarity(path, top=4).num_left_out, 2)
        path = self.path("id,a,b,x\n1,king,queen,9\n2,king,apple,1\n")
        self.assertEqual(self.found.evaluate_similarity(path, ["a", "b", "x"]).spearman, 1)

    def test_evaluate_analogies_counts_correct_answers(self):
        path = self.path(": royal\nman king woman queen\nman king woman x\n")
        score = self.found.evaluate_analogies(path)
        self.assertEqual((score.total.accuracy, score.total.num_left_out, score.missing_words),
                         (1, 1, ["x"]))
        self.assertIsNone(self.found.evaluate_analogies(path, top=3).total.accuracy)

    @parameterized.parameters("v.bin", "v.txt", "v.txt.gz")
    def test_saved_vectors_are_read_back(self, name):
        path = os.path.join(self.create_tempdir().full_path, name)
        self.found.save_word2vec_format(path)
        words, rows = vectors.read_vectors(path)
        self.assertEqual(words, self.found.words)
        np.testing.assert_array_equal(rows, self.found.vectors)


if __name__ == "__main__":
    absltest.main()
