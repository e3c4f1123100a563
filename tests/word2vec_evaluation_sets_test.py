"""Tests of reading evaluation sets: published formats, ambiguous and malformed files."""
import os

from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.word2vec import evaluation_sets

PAIRS = [("love", "sex", 6.77), ("Tiger", "cat", 7.0)]


class ReadSimilarityTest(parameterized.TestCase):

    def read(self, text, columns=None):
        path = self.create_tempfile("pairs.txt", text).full_path
        return evaluation_sets.read_similarity(path, columns)

    @parameterized.named_parameters(
        ("wordsim", "# A comment\n# Word 1\tWord 2\tHuman (mean)\nlove\tsex\t6.77\n\n"
         "Tiger\tcat\t7\n"),
        ("simlex", "word1\tword2\tPOS\tSimLex999\tconc(w1)\tAssoc(USF)\tSD(SimLex)\n"
         "love\tsex\tN\t6.77\t1.5\t1\t9\nTiger\tcat\tA\t7.00\t2\t1\t9\n"),
        ("simverb", "love\tsex\tV\t6.77\tNONE\nTiger\tcat\tV\t7.00\tSYNONYMS\n"),
        ("men", "love sex 6.77\nTiger cat 7.000000\n"),
        ("wordsim_csv", "Word 1,Word 2,Human (mean)\nlove,sex,6.77\nTiger,cat,7.00\n"),
        ("wordsim_raters", "Word 1,Word 2,Human (mean),1,2\nlove,sex,6.77,9,6\nTiger,cat,7.00,9,8\n"),
        ("mturk", "\ufefflove, sex, 6.77\r\nTiger, cat, 7\r\n"),
        ("rare_words", "love\tsex\t6.77\t7\t5\nTiger\tcat\t7\t7\t7\n"),
        ("a_header_of_other_names", "left;right;gold standard\nlove;sex;6.77\nTiger;cat;7\n"),
        ("rg65", "love;sex;6.77\nTiger;cat;7\n"), ("decimal_commas", "love;sex;6,77\nTiger;cat;7,0\n"),
        ("decimal_commas_and_blanks", "love sex 6,77\nTiger cat 7,0\n"),
        ("quoted", '"love","sex","6,77"\n"Tiger","cat","7"\n'),
        ("quoted_tabs", '"love"\t"sex"\t6.77\nTiger\tcat\t"7"\n'),
        ("quoted_blanks", '"love" "sex"  6.77\nTiger  cat 7 \n'),
        ("columns_in_another_order", "score,id,word2,word1\n6.77,1,sex,love\n7,2,cat,Tiger\n"))
    def test_published_formats_are_read(self, text):
        self.assertEqual(PAIRS, self.read(text))

    @parameterized.parameters(
        ("word1\tword2\tscore\tother\nlove\tsex\t1\t6.77\nTiger\tcat\t2\t7\n",
         "word1,word2,other"),
        ("1\tlove\tn\tsex\tn\t6.77\n2\tTiger\tn\tcat\tn\t7\n", "2,4,6"),
        ("Word 1,Word 2,Mean,1,2\nlove,sex,6.77,9,6\nTiger,cat,7.00,9,8\n", "1,2,3"))
    def test_columns_are_given_by_name_or_number(self, text, columns):
        self.assertEqual(PAIRS, self.read(text, columns.split(",")))

    @parameterized.parameters(
        ("a,b,1\n", "word1,word2,score",
         "pairs.txt: wanted a column 'word1', got 3 columns without a header"),
        ("x,y,z\na,b,1\n", "x,y,q", "pairs.txt: wanted a column 'q', got 'x, y, z'"),
        ("a,b,1\n", "1,2,4", "wanted a column '4'"), ("a,b,1\n", "0,1,2", "wanted a column '0'"),
        ("a,b,1\n", "1,2", "read_similarity: columns: wanted three columns: first word, second word, "
         "score, got '1,2'"),
        ("a,b,1\n", "1,1,3", "pairs.txt: wanted three different columns, got '1,1,3'"))
    def test_columns_that_do_not_exist_are_errors(self, text, columns, message):
        with self.assertRaises(checks.InputError) as caught:
            self.read(text, columns.split(","))
        self.assertIn(message, str(caught.exception))

    def test_tabs_separate_columns_before_commas(self):
        self.assertEqual([("so, so", "fair", 8.0)], self.read("so, so\tfair\t8\n"))

    def test_the_first_word_may_be_the_word_word(self):
        self.assertEqual([("word", "phrase", 3.5)], self.read("word phrase 3.5\n"))

    @parameterized.parameters(
        ("a\tb\t1\na\tb\n", "line 2: wanted 3 columns separated by tabs, got 'a\\tb'"),
        ("# x\n\na b 1 \na b 1 2\n", "line 4: wanted 3 columns separated by blanks"),
        ("a b\n", "line 1: wanted two words and a score"),
        ("a b c\n", "line 1: wanted a score in column 3, got 'c'"),
        ("a b 1\na b c\na b 2\n", "line 2: wanted a score in column 3, got 'c'"),
        ("a,b,1\na,,2\n", "line 2: wanted two words"), ("a b nan\n", "line 1: wanted a score"),
        ("a b 1e999\n", "line 1: wanted a score"), ("a b ٣\n", "line 1: wanted a score"),
        ("a;b;1,5\na;b;1.5\n", "wanted scores with decimal points or decimal commas, got both"),
        ("1\tBrazil\tn\tnut\t2.5\n2\tx\tn\ty\t3\n", "line 1: wanted --similarity_columns=WORD,WORD,"
         "SCORE, with names in the header or numbers from 1, got "),
        ("a,b,left,1\na,b,right,2\n", "line 1: wanted --similarity_columns="),
        ("w,x,r1,r2\na,b,1,2\n", "line 1: wanted --similarity_columns"),
        ("1 2 3\n4 5 6\n", "line 1: wanted words in columns 1 and 2, or --similarity_columns="),
        ("word1\tword2\tPOS\tSimLex999\na\tb\tN\t1\na\tb\t1\tN\na\tb\tN\t2\n",
         "line 3: wanted a score in column 4, got 'N'"),
        ("# nothing\n", "wanted word pairs with scores, got none"))
    def test_a_malformed_file_is_an_error(self, text, message):
        with self.assertRaises(checks.InputError) as caught:
            self.read(text)
        self.assertIn("pairs.txt: " + message, str(caught.exception))

    def test_a_missing_file_is_an_error(self):
        with self.assertRaisesRegex(checks.InputError, "No such file"):
            evaluation_sets.read_similarity(os.path.join(self.create_tempdir().full_path, "none.tsv"))


class ReadAnalogiesTest(parameterized.TestCase):

    def read(self, text):
        return evaluation_sets.read_analogies(self.create_tempfile("questions.txt", text).full_path)

    def test_sections_and_questions_keep_their_order(self):
        sections = self.read("\ufeff: capital-world\nAthens Greece  Oslo\tNorway\r\n\na b c d\n"
                             ":none\n# a comment\n : two words \ne f g h\n: capital-world\ni j k l")
        self.assertEqual([
            ("capital-world", [("Athens", "Greece", "Oslo", "Norway"), ("a", "b", "c", "d")]),
            ("none", []), ("two words", [("e", "f", "g", "h")]),
            ("capital-world", [("i", "j", "k", "l")])], sections)

    def test_questions_before_the_first_section_have_a_section_without_a_name(self):
        self.assertEqual([("", [("a", "b", "c", "d")]), ("x", [("e", "f", "g", "h")])],
                         self.read("a b c d\n: x\ne f g h\n"))

    @parameterized.parameters(
        (": x\na b c d\n\na b c\n", "line 4: wanted four words or ': section', got 'a b c'"),
        (": x\na b c d e\n", "line 2: wanted four words"),
        (": \na b c d\n", "line 1: wanted ':' and the name of a section, got ':'"),
        ("\n# a b c d\n", "wanted questions of four words, got none"),
        (": x\n: y\n", "wanted questions of four words, got none"))
    def test_a_malformed_file_is_an_error(self, text, message):
        with self.assertRaises(checks.InputError) as caught:
            self.read(text)
        self.assertIn("questions.txt: " + message, str(caught.exception))

    def test_a_missing_file_is_an_error(self):
        with self.assertRaisesRegex(checks.InputError, "No such file"):
            evaluation_sets.read_analogies(os.path.join(self.create_tempdir().full_path, "none.txt"))


if __name__ == "__main__":
    absltest.main()
