"""Tests of reading the text of a training: forms of sentences, errors, and reported lines."""
import os
import pathlib
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import InputError, default_data
from tf1_sampled.word2vec import reading, vectors
from tf1_sampled.word2vec.corpus import END
from tf1_sampled.word2vec.settings import Word2VecSettings

SENTENCES = [["a", "b", "a"], [], ["b", "a", "c"]]


class ReadingTestCase(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path
        self.temporary = os.path.join(self.folder, "tmp")
        os.mkdir(self.temporary)
        self.enter_context(mock.patch.object(reading.tempfile, "tempdir", self.temporary))
        self.lines = []

    def path(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(content)
        return path

    def read(self, sentences, **values):
        """Read sentences: return (words, all tokens)."""
        settings = Word2VecSettings(**dict(
            dict(min_count=1, cache_dir=os.path.join(self.folder, "cache")), **values))
        with reading.open_text(settings, sentences, self.lines.append) as text:
            return text.corpus.words, text.corpus.read(0, text.corpus.num_positions).tolist()

    def fail_to_read(self, sentences, **values):
        with self.assertRaises(InputError) as caught:
            self.read(sentences, **values)
        self.assertEmpty(os.listdir(self.temporary))
        return str(caught.exception)


class SentencesTest(ReadingTestCase):

    @parameterized.named_parameters(
        ("lists", SENTENCES), ("generator", (sentence for sentence in SENTENCES)),
        ("generators", [iter(sentence) for sentence in SENTENCES]),
        ("tuples", tuple(map(tuple, SENTENCES))),
        ("arrays", [np.array(sentence, str) for sentence in SENTENCES]))
    def test_iterables_of_words_are_read(self, sentences):
        self.assertEqual(self.read(sentences), (["a", "b", "c"], [0, 1, 0, END, END, 1, 0, 2, END]))
        self.assertEmpty(os.listdir(self.temporary))
        self.assertFalse(os.path.exists(os.path.join(self.folder, "cache")))
        self.assertEqual(self.lines[-2:], [
            "Text: 6 words; vocabulary: 3 words",
            "No text is held out: the reported loss is the training loss"])

    def test_words_are_unchanged(self):
        sentences = [["\ufefffirst", "-", "É", "\u4e2d", "a" * 1000], ["#", "\ufeff"]]
        words, tokens = self.read(sentences, encoding="latin-1")
        self.assertEqual([words[token] for token in tokens if token != END], sum(sentences, []))

    def test_sentences_and_a_file_of_the_same_words_have_the_same_digest(self):
        sentences = [["new", "york"]] * 20 + [["w%d" % (i % 50), "w%d" % (i % 49)] for i in range(3000)]
        self.assertIn("new_york", self.read(sentences, phrases=1)[0])
        digests = set()
        path = self.path("text.txt", "".join(" ".join(sentence) + "\n" for sentence in sentences))
        for data in (sentences, path):
            with reading.open_text(Word2VecSettings(cache_dir=self.folder), data, len) as text:
                digests.add(text.corpus.digest)
        self.assertLen(digests, 1)

    @parameterized.named_parameters(
        ("blank", [["a"], ["new york"]], "non-empty words of Unicode characters without white space in "
         "sentence 2, got 'new york'"),
        ("empty_word", [["a", ""]], "non-empty words of Unicode characters without white space in "
         "sentence 1, got ''"),
        ("line_end", [["a", "b\u2028"]], "in sentence 1, got 'b\\u2028'"),
        ("nul", [["a", "b\0"]], "in sentence 1, got 'b\\x00'"),
        ("surrogate", [["a", "\ud800"]], "in sentence 1, got '\\ud800'"),
        ("number", [["a"], ["b", 5]], "white space in sentence 2, got 5"),
        ("generator_of_strings", (word for word in ["a b", "c"]), "words as sentence 1, got 'a b'"),
        ("string_among_lists", [["a"], "b c"], "a list of words as sentence 2, got 'b c'"),
        ("bytes_among_lists", [["a"], b"bc"], "a list of words as sentence 2, got b'bc'"),
        ("number_among_lists", [["a"], 5], "a list of words as sentence 2, got 5"),
        ("number_alone", 5, "a path, a list of paths, or an iterable of lists of words, got 5"),
        ("bytes", b"a.txt", "a path, a list of paths, or an iterable of lists of words, got b'a.txt'"),
        ("nothing", [], "lists of words, got 'none'"),
        ("empty_generator", iter([]), "lists of words, got 'none'"),
        ("empty_lists", [[], []], "lists of words, got 'none'"))
    def test_invalid_sentences_are_errors(self, sentences, message):
        error = self.fail_to_read(sentences)
        self.assertStartsWith(error, "Word2VecSettings: sentences: wanted ")
        self.assertIn(message, error)

    def test_errors_do_not_name_the_temporary_file(self):
        self.assertEqual(
            self.fail_to_read(SENTENCES, min_count=9), "sentences: wanted at least 2 different words "
            "with a count of min_count = 9 or more, got 0 of 3 different words")

    def test_an_exception_of_the_users_iterator_is_passed_on(self):
        def sentences():
            yield ["a"]
            raise ZeroDivisionError
        with self.assertRaises(ZeroDivisionError):
            self.read(sentences())
        self.assertEmpty(os.listdir(self.temporary))


class FilesTest(ReadingTestCase):

    def test_paths_and_globs_are_read(self):
        path = self.path("b.txt", "b a")
        self.path("c.txt", "c a")
        glob = os.path.join(self.folder, "[bc].txt")
        for sentences in (glob, [glob], [path, pathlib.Path(self.folder, "c.txt")],
                          (pathlib.Path(path), os.path.join(self.folder, "c.txt"))):
            self.assertEqual(self.read(sentences)[0], ["a", "b", "c"])
        self.assertEqual(self.read(pathlib.Path(path)), (["b", "a"], [0, 1, END]))
        self.assertEqual(self.read(None, corpus=[glob])[0], ["a", "b", "c"])
        self.assertEqual(self.read([path], corpus=["no/such/file"])[0], ["b", "a"])
        self.assertIn("no/such/file: wanted a readable file", self.fail_to_read("no/such/file"))

    def test_paths_of_returns_paths_only(self):
        self.assertEqual(reading.paths_of(["a", pathlib.Path("b")]), ["a", "b"])
        self.assertEqual(reading.paths_of("a"), ["a"])
        for sentences in (None, [], [["a"]], ["a", ["b"]], (word for word in ["a"])):
            self.assertIsNone(reading.paths_of(sentences))

    def test_without_a_corpus_the_default_data_is_read(self):
        path = self.path("docstrings.txt", "a b a")
        with mock.patch.object(default_data, "docstrings", return_value=path) as made:
            self.assertEqual(self.read(None)[0], ["a", "b"])
        made.assert_called_once_with(report=mock.ANY)

    def test_words_of_initial_vectors_are_in_the_vocabulary(self):
        path = self.path("v.txt", "2 3\ngone 1 2 3\na 4 5 6\n")
        settings = Word2VecSettings(min_count=2, init_from=path)
        with reading.open_text(settings, SENTENCES, len) as text:
            self.assertEqual((text.corpus.words, text.dim), (["a", "b", "gone"], 3))
            np.testing.assert_array_equal(text.initial.inputs(["a"]), [[4, 5, 6]])
        with self.assertRaisesRegex(InputError, "wanted vectors of 128 dimensions, got 3"):
            reading.initial_vectors(Word2VecSettings(init_from=path, dim=128))
        with reading.open_text(Word2VecSettings(dim=7, min_count=1), SENTENCES, len) as text:
            self.assertEqual(text.dim, 7)

    def test_read_vocab_replaces_the_vocabulary(self):
        path = self.path("vocab.txt", "c 9\na 1\n")
        with reading.open_text(Word2VecSettings(read_vocab=path), SENTENCES, len) as text:
            self.assertEqual((text.corpus.words, text.corpus.counts.tolist()), (["c", "a"], [9, 1]))

    def test_held_out_text_is_not_trained_on(self):
        sentences = [["w%d" % (i % 7)] * 10 for i in range(1000)]
        with reading.open_text(Word2VecSettings(), sentences, len) as text:
            trained = sum(end - begin for begin, end in text.pieces)
            self.assertEqual((trained, text.num_words), (10890, 9900))
            self.assertEqual(np.sum(text.held_out != END), 84)  # 3 times 31 tokens, line ends too

    def test_the_held_out_share_is_a_setting_and_is_reported(self):
        sentences = [["w%d" % (i % 7)] * 10 for i in range(1000)]
        none = "No text is held out: the reported loss is the training loss"
        for share, line in ((0.01, "Held out for the reported loss: 100 words"),
                            (0.1, "Held out for the reported loss: 1,000 words"),
                            (0.0, none)):
            settings = Word2VecSettings(held_out=share)
            with reading.open_text(settings, sentences, self.lines.append) as text:
                self.assertEqual(text.num_words, 10000 * (1 - share))
                self.assertEqual(bool(len(text.held_out)), share > 0)
            self.assertEqual(self.lines[-1], line)

    @parameterized.parameters(1, 2, 10, 50, 100)
    def test_a_short_text_is_not_held_out(self, number):
        sentences = [["the", "king"], ["the", "queen"]] * number
        with reading.open_text(Word2VecSettings(min_count=1), sentences, len) as text:
            self.assertEqual((text.pieces, text.num_words), ([(0, 6 * number)], 4 * number))
            self.assertEqual(text.held_out.shape, (0, 522))

    def test_every_word_is_trained(self):
        line = ["unicorn", "chases", "rainbow", "quickly"]
        sentences = [["w%d" % (i % 7)] * 10 for i in range(1000)] + [line] * 7
        with reading.open_text(Word2VecSettings(), sentences, len) as text:
            trained = set(np.concatenate([text.corpus.read(*piece) for piece in text.pieces]).tolist())
            self.assertContainsSubset(range(len(text.corpus.words)), trained)
            self.assertNotEmpty(text.held_out)

    def test_words_without_a_neighbour_are_reported(self):
        sentences = [["a", "b"]] * 5 + [["alone"], ["apart"]] * 5
        self.read(sentences)
        self.assertIn("2 words without a neighbour in a line; the vectors stay at their initial "
                      "values: alone, apart", self.lines)
        self.read(sentences, join_lines=True)
        self.assertNotIn("no neighbour", self.lines[-2] + self.lines[-1])
        self.read([["a", "b"]] + [["w%02d" % i] for i in range(20)])
        self.assertEndsWith(self.lines[-2], "values: " + ", ".join(
            "w%02d" % i for i in range(8)) + " and 12 more")

    def test_a_text_without_two_words_in_a_line_is_an_error(self):
        sentences = [["a"], ["b"], [], ["a"]] * 50
        self.assertEqual(
            self.fail_to_read(sentences), "Word2VecSettings: corpus: wanted a line with two words of "
            "the vocabulary, or join_lines, as windows do not cross the ends of lines, got 'none'")
        self.assertEqual(self.read(sentences, join_lines=True)[0], ["a", "b"])
        # Out-of-vocabulary words leave no gap.
        self.read([["a", "rare%d" % i, "b"] for i in range(20)], min_count=5)

    def test_lowercase_and_tokenize_apply(self):
        path = self.path("t.txt", "The king's crown, THE Queen. the")
        self.assertEqual(self.read(path)[0], ["The", "king's", "crown,", "THE", "Queen.", "the"])
        self.assertEqual(self.read(path, lowercase=True)[0], ["the", "king's", "crown,", "queen."])
        self.assertEqual(self.read(path, tokenize=True)[0],
                         ["The", "king's", "crown", "THE", "Queen", "the"])
        self.assertEqual(self.read(path, lowercase=True, tokenize=True), (
            ["the", "king's", "crown", "queen"], [0, 1, 2, 0, 3, 0, END]))
        self.assertEqual(self.read([["The", "end."], ["the"]], lowercase=True, tokenize=True)[0],
                         ["the", "end"])

    def test_a_wikipedia_dump_is_read_as_its_articles(self):
        path = self.path("d.xml", "<mediawiki><page><title>A</title><ns>0</ns><revision><text>The "
                         "''king'' of [[Spain|the land]].{{x}}</text></revision></page></mediawiki>")
        note = path + ": a Wikipedia dump of 1 article; left out 0 pages (redirects and others)"
        for _ in range(2):  # encoded, then from the cache
            self.lines.clear()
            self.assertEqual(self.read(path),
                             (["The", "king", "of", "the", "land."], [0, 1, 2, 3, 4, END]))
            self.assertIn(note, self.lines)

    def test_settings_of_phrases_apply(self):
        sentences = [["bank", "of", "america"]] * 6 + [["w%d" % (i % 50), "of"] for i in range(3000)]
        found = [("bank", "of", "america")]
        for values, phrases in (
                (dict(), []), (dict(phrase_connectors=["of"]), found),
                (dict(phrase_connectors=["of"], phrase_threshold=1e4), []),
                (dict(phrase_connectors=["of"], phrase_threshold=200.0), []),
                (dict(phrase_connectors=["of"], phrase_threshold=200.0, phrase_min_count=3), found)):
            settings = Word2VecSettings(min_count=1, phrases=1, cache_dir=self.folder, **values)
            with reading.open_text(settings, sentences, len) as text:
                self.assertEqual((sum(text.corpus.phrases.passes, []), values), (phrases, values))
                self.assertEqual("bank_of_america" in text.corpus.words, bool(phrases))


class InitialVectorsTest(ReadingTestCase):

    def test_without_init_from_there_are_no_vectors(self):
        initial = reading.initial_vectors(Word2VecSettings())
        self.assertIsInstance(initial, vectors.InitialVectors)
        self.assertIsNone(initial.dim)


if __name__ == "__main__":
    absltest.main()
