"""Tests of questions: parsing of a line, answers, and errors for unknown words."""
from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.word2vec import questions, word_vectors

WORDS = ["man", "woman", "king", "queen", "apple", "King", "new_york", "+", "los angeles"]
ROWS = [[1, 0, 0], [1, 1, 0], [1, 0, 1], [1, 1, 1], [-1, 1, 0], [0, 0, 1], [0, -1, 1], [0, -1, -1],
        [0, -2, 1]]


class ParseTest(parameterized.TestCase):

    @parameterized.parameters(
        ("king\n", "nearest", ["king"], "king"),
        ('"king"', "nearest", ["king"], "king"), ('"', "nearest", ['"'], '"'),
        ('a"b"', "nearest", ['a"b"'], 'a"b"'), ("+", "nearest", ["+"], "+"),
        ("king queen", "similarity", ["king", "queen"], "king, queen: cosine"),
        ('"+" "-"', "similarity", ["+", "-"], "+, -: cosine"),
        ('"new york" "los angeles"', "similarity", ["new york", "los angeles"],
         "new york, los angeles: cosine"),
        ("man  king\twoman \r\n", "analogy", ["man", "king", "woman"], "man : king = woman : ?"),
        ("united states of", "analogy", ["united", "states", "of"], "united : states = of : ?"),
        ("odd: a b c", "odd", ["a", "b", "c"], "odd one out of a, b, c:"),
        ("odd a b", "analogy", ["odd", "a", "b"], "odd : a = b : ?"),
        ("vector: king", "vector", ["king"], "king"),
        ('"vector:" king', "similarity", ["vector:", "king"], "vector:, king: cosine"))
    def test_the_form_of_a_line_decides_its_kind(self, line, kind, words, label):
        question = questions.parse(line)
        self.assertEqual((kind, words, label), (question.kind, question.words, question.label))

    @parameterized.parameters(
        ("king - man + woman", ["king", "man", "woman"], [1, -1, 1]), ("a + b", ["a", "b"], [1, 1]),
        ('"new york" - "+"', ["new york", "+"], [1, -1]))
    def test_signs_between_words_are_a_sum(self, line, words, signs):
        question = questions.parse(line)
        self.assertEqual(("sum", words, signs), (question.kind, question.words, question.signs))
        self.assertEqual(line.replace('"', ""), question.label)

    @parameterized.parameters("a b c d", "", "- a + b", "a +", "a + - b", "a b + c", "odd: a b", "odd:",
                              "vector:", "vector: a b", "+ -")
    def test_a_line_of_another_form_is_an_error(self, line):
        with self.assertRaises(checks.InputError) as caught:
            questions.parse(line)
        self.assertStartsWith(str(caught.exception), "query: line: wanted one word, two words, three ")


class AnswerTest(parameterized.TestCase):

    def answer(self, line, k=2):
        found = word_vectors.WordVectors(WORDS, ROWS, "query", keeps_rows=False)
        return questions.answer(found, questions.parse(line), k)

    @parameterized.parameters(
        # Cosines 2 / sqrt(6) and 1 / sqrt(2); with (sqrt(2) - 1, r, r), r = sqrt(1 / 2), .98 and .65.
        ("king", "  king             queen 0.82  man 0.71"),
        ("king queen", "  king, queen: cosine 0.82"),
        ("man king woman", "  man : king = woman : ? queen 0.98  King 0.65"),
        ("king - man + woman", "  king - man + woman queen 0.98  King 0.65"),
        ("man + King", "  man + King       king 1.00  queen 0.82"),
        ("odd: king queen apple man", "  odd one out of king, queen, apple, man: apple"),
        ('"new york" King', "  new_york, King: cosine 0.71"),
        ('"los angeles" King', "  los angeles, King: cosine 0.45"),
        ('"+" King', "  +, King: cosine  -0.71"),
        ("vector: man", "man 1 0 0"))
    def test_an_answer_begins_with_the_question(self, line, answer):
        self.assertEqual([answer], self.answer(line))

    def test_the_numbers_of_a_vector_have_six_digits(self):
        for numbers in ([0.1, -2.5, 1e-30], [123456, 7, 0.333333]):
            for keeps_rows in (False, True):
                found = word_vectors.WordVectors(["a"], [numbers], keeps_rows=keeps_rows)
                self.assertEqual(["a " + " ".join("%.6g" % number for number in numbers)],
                                 questions.answer(found, questions.parse("vector: a"), 1))

    def test_odd_one_out_ignores_and_names_unknown_words(self):
        self.assertEqual(["  odd one out of king, queen, apple: apple",
                          "query: word: wanted a word of the vocabulary, got 'colour'"],
                         self.answer("odd: king colour queen apple"))
        with self.assertRaisesRegex(
                checks.InputError, "3 or more words that have a vector, got 'king, q"):
            self.answer("odd: king colour queen")

    @parameterized.parameters("colour", "king colour", "king man colour", "king - colour",
                              "vector: colour", '"new york city"')
    def test_an_unknown_word_is_an_error(self, line):
        with self.assertRaisesRegex(word_vectors.UnknownWordError, "^query: word: wanted a word of the"):
            self.answer(line)

    def test_k_below_1_is_an_error(self):
        with self.assertRaisesRegex(checks.InputError, "^query: k: wanted an integer above 0, got 0"):
            self.answer("king", k=0)


if __name__ == "__main__":
    absltest.main()
