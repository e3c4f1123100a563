"""Tests of words of running text in many scripts."""
from absl.testing import absltest, parameterized

from tf1_sampled.word2vec import tokens


class NormaliserTest(parameterized.TestCase):

    @parameterized.parameters(
        ("Don\u2019t panic, Mr. Smith-Jones (aged 42)!", "Don't panic Mr Smith Jones aged 42"),
        ("'quoted' rock'n'roll's ''x'' 'tis dogs'", "quoted rock'n'roll's x tis dogs"),
        ("3.14 1,000 a_b c\u2014d e/f g@h.i", "3 14 1 000 a b c d e f g h i"),
        ("na\u00efve, nai\u0308ve \u0395\u03bb\u03ac", "na\u00efve nai\u0308ve \u0395\u03bb\u03ac"),
        ("\u0939\u093f\u0928\u094d\u0926\u0940 \u092d\u093e\u0937\u093e\u0964",
         "\u0939\u093f\u0928\u094d\u0926\u0940 \u092d\u093e\u0937\u093e"),
        ("\u0645\u06cc\u200c\u062e\u0648 \u200d x", "\u0645\u06cc\u200c\u062e\u0648 x"),
        ("... \u2014 \u00ab\u00bb \u0301", ""), ("", ""))
    def test_words_are_letters_marks_digits_and_inner_apostrophes(self, text, wanted):
        self.assertEqual(tokens.normaliser(tokenize=True)(text), wanted)

    def test_line_ends_stay(self):
        found = tokens.normaliser(tokenize=True)("One two.\n\nThree!\n")
        self.assertEqual([line.split() for line in found.split("\n")],
                         [["One", "two"], [], ["Three"], []])

    def test_lowercase_converts_the_text(self):
        self.assertEqual(tokens.normaliser(lowercase=True)("\u00c9T\u00c9 U.S. \u039f\u03a3\n"),
                         "\u00e9t\u00e9 u.s. \u03bf\u03c2\n")
        self.assertEqual(tokens.normaliser(lowercase=True, tokenize=True)("The U.S."), "the u s")

    def test_without_options_the_text_is_unchanged(self):
        self.assertEqual(tokens.normaliser()("A b, C\n"), "A b, C\n")


if __name__ == "__main__":
    absltest.main()
