"""Tests of corpora: the words of a text as ids, read in pieces without loss."""
import gzip
import os
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tests import word2vec_case
from tests.word2vec_case import whole
from tf1_sampled import InputError
from tf1_sampled.word2vec import corpus, encoded
from tf1_sampled.word2vec.corpus import END


class ReadCorpusTest(word2vec_case.CorpusTestCase):

    def test_ids_follow_frequency_and_lines_end_with_end(self):
        for _ in range(2):  # encoded, and from the cache
            read = self.read("b a a\nc\ta  c a\n\nd b c")
            self.assertEqual(read.words, ["a", "c", "b", "d"])
            np.testing.assert_array_equal(read.counts, [4, 3, 2, 1])
            np.testing.assert_array_equal(
                whole(read), [2, 0, 0, END, 1, 0, 1, 0, END, END, 3, 2, 1, END])
            self.assertEqual((read.num_raw_words, read.num_positions), (10, 14))
            self.assertEqual((read.counts.dtype, whole(read).dtype), (np.int64, np.int32))

    def test_rare_words_are_left_out_but_count_as_raw_words(self):
        read = self.read("a b a c a b\n", min_count=2)
        self.assertEqual(read.words, ["a", "b"])
        np.testing.assert_array_equal(whole(read), [0, 1, 0, 0, 1, END])
        self.assertEqual((read.num_raw_words, read.num_positions), (6, 7))

    def test_any_range_of_positions_is_read(self):
        read = self.read("a b a c a b\na", min_count=2)
        tokens = [[0], [1], [0], [], [0], [1], [END], [0], [END]]
        for begin in range(10):
            for end in range(begin, 10):
                self.assertEqual(read.read(begin, end).tolist(), sum(tokens[begin:end], []))
        for begin, end in ((-1, 3), (3, 2), (0, 10)):
            with self.assertRaisesRegex(InputError, "read: begin, end: wanted 0 <= begin <= end <= 9"):
                read.read(begin, end)

    def test_a_large_text_is_read_exactly(self):
        words = np.random.RandomState(1).zipf(1.3, 400000) % 5000
        content = "\n".join(" ".join(map(str, line)) for line in np.split(words, 100))
        with mock.patch.object(encoded, "_SLICE", 30000):
            read = self.read(content)
        tokens = whole(read)
        np.testing.assert_array_equal(np.array(read.words, int)[tokens[tokens != END]], words)
        np.testing.assert_array_equal(np.bincount(tokens[tokens != END]), read.counts)
        np.testing.assert_array_equal(np.flatnonzero(tokens == END), 4001 * np.arange(1, 101) - 1)

    def test_a_file_that_changes_while_it_is_read_is_an_error(self):
        path, other = self.path("text.txt", "a b\nb\n"), self.path("more.txt", "a b\n")

        def read_on(piece):
            os.truncate(path, 4)
            return piece

        wanted = ": wanted a file that does not change, got .* changed while it was read: it shrank"
        with mock.patch.object(encoded.tokens, "normaliser", lambda *_: read_on):
            with self.assertRaisesRegex(InputError, "text.txt%s from 6 to 4 bytes" % wanted):
                self.read_path([path, other])
        read = self.read_path([path, other])
        self.assertLen(whole(read), 6)
        entry, = self.entries()
        os.truncate(os.path.join(self.cache, entry, "ids.int32"), 20)
        with self.assertRaisesRegex(InputError, "ids.int32" + wanted):
            whole(read)

    def test_joined_lines_have_no_ends(self):
        read = self.read("a b\nb\n\na\n", join_lines=True)
        np.testing.assert_array_equal(whole(read), [0, 1, 1, 0])
        self.assertEqual(read.num_positions, 8)
        read = corpus.Corpus.from_tokens("ab", [1, 1], [0, END, 1], join_lines=True)
        np.testing.assert_array_equal(whole(read), [0, 1])

    def test_several_inputs_and_compressed_text_are_read(self):
        paths = [self.path("1.gz", gzip.compress(b"to be or\n")), self.path("2", "not to be")]
        read = self.read_path(paths, 2)
        self.assertEqual(read.words, ["to", "be"])
        np.testing.assert_array_equal(whole(read), [0, 1, END, 0, 1, END])

    def test_bytes_that_an_encoding_cannot_decode_are_replaced(self):
        read = self.read("b\u00e9 b\u00e9 a".encode("utf-16"), encoding="UTF16")
        self.assertEqual(read.words, ["b\u00e9", "a"])
        for _ in range(2):  # encoded, then from the cache, with the same note
            self.lines = []
            self.assertEqual(self.read(b"\xff \xff a").words, ["\ufffd", "a"])
            self.assertIn("Replaced 2 bytes of invalid utf-8: %s/text.txt" % self.folder,
                          self.lines)

    def test_max_vocab_keeps_the_most_frequent_words(self):
        read = self.read("a b c b c c a d", max_vocab=2)
        self.assertEqual((read.words, read.counts.tolist()), (["c", "a"], [3, 2]))
        np.testing.assert_array_equal(whole(read), [1, 0, 0, 0, 1, END])

    def test_a_given_vocabulary_replaces_that_of_the_text(self):
        vocabulary = (["rare", "b", "not"], np.array([3, 100, 50]))
        read = self.read("a b a rare\n", min_count=5, max_vocab=2, vocabulary=vocabulary)
        self.assertEqual((read.words, read.counts.tolist()), (["b", "not", "rare"], [100, 50, 3]))
        np.testing.assert_array_equal(whole(read), [0, 2, END])
        self.assertEqual(read.num_raw_words, 4)

    def test_a_word_of_the_text_never_has_a_count_of_0(self):
        # A sampler has no expected count for a label whose count is 0.
        vocabulary = (["b", "not", "c", "a"], np.array([5, 0, 1, 0]))
        read = self.read("a b a c\n", vocabulary=vocabulary)
        self.assertEqual((read.words, read.counts.tolist()), (["b", "c", "a", "not"], [5, 1, 1, 0]))
        np.testing.assert_array_equal(whole(read), [2, 0, 2, 1, END])
        self.assertEqual(vocabulary[1].tolist(), [5, 0, 1, 0])

    def test_more_words_follow_the_vocabulary(self):
        content = "a b a b a c d d e"
        read = self.read(content, min_count=2, more_words=["c", "new", "b", "e", "c", "other"])
        self.assertEqual(read.words, ["a", "b", "d", "c", "e", "new", "other"])
        self.assertEqual(read.counts.tolist(), [3, 2, 2, 1, 1, 0, 0])
        np.testing.assert_array_equal(whole(read), [0, 1, 0, 1, 0, 3, 2, 2, 4, END])
        read = self.read(content, vocabulary=(["x", "b"], [9, 8]), more_words=("a", "x"))
        self.assertEqual((read.words, read.counts.tolist()), (["x", "b", "a"], [9, 8, 3]))
        np.testing.assert_array_equal(whole(read), [2, 1, 2, 1, 2, END])

    def test_each_pass_joins_longer_phrases(self):
        content = "new york city %d\n" * 40 % tuple(range(40)) + " ".join(map(str, range(20000)))
        path = self.path("f", content)
        reads = [self.read_path(path, phrases=n) for n in range(3)]
        has = [[word in read.words for word in ("new", "new_york", "new_york_city")] for read in reads]
        self.assertEqual(has, [[True, False, False], [False, True, False], [False, False, True]])
        self.assertLen(self.entries(), 3)
        for read in reads:
            tokens = whole(read)
            joined = "_".join(read.words[i] if i != END else "\n" for i in tokens)
            self.assertEqual(joined, content.replace(" ", "_").replace("\n", "_\n_") + "_\n")
            self.assertLen(tokens, read.num_positions)
            np.testing.assert_array_equal(np.bincount(tokens[tokens != END]), read.counts)
        self.assertLess(reads[1].num_raw_words, reads[0].num_raw_words)
        self.assertLess(reads[2].num_raw_words, reads[1].num_raw_words)
        self.assertRegex(self.lines[-1], "Joined [0-9,]+ different phrases?; encoded [0-9,]+ words")
        again = self.read_path(path, phrases=2)
        self.assertStartsWith(self.lines[-1], "Read from cache: ")
        np.testing.assert_array_equal(whole(again), whole(reads[2]))

    @parameterized.parameters(
        ("", "a file that is not empty, got an empty file"), (" \n\n ", "wanted words, got none"),
        ("a b c", "at least 2 different words with a count of min_count = 2 or more, got 0 of 3"),
        ("a a a", "at least 2 .* got 1 of 1"), ("a\0b a", "a binary file"))
    def test_a_text_without_enough_words_is_an_error(self, content, message):
        with self.assertRaisesRegex(InputError, "text.txt: .*" + message):
            self.read(content, min_count=2)

    @parameterized.parameters(
        (dict(min_count=0), "min_count: wanted an integer above 0, got 0"),
        (dict(max_vocab=1), "max_vocab: wanted an integer above 1, got 1"),
        (dict(max_vocab=2.5), "max_vocab: wanted an integer above 1, got 2.5"),
        (dict(phrases=-1), "phrases: wanted an integer of 0 or more, got -1"),
        (dict(phrases=True), "phrases: wanted an integer of 0 or more, got True"),
        (dict(encoding="utf-9"), "encoding: wanted the name of a text encoding, got 'utf-9'"),
        (dict(vocabulary=(["a", "b"], [1])), "vocabulary: wanted a count for each of 2 words"),
        (dict(vocabulary=(["a", "a"], [1, 2])), "vocabulary: wanted distinct words"),
        (dict(vocabulary=(["x", "y"], [1, 2])), "text.txt: wanted words of the vocabulary, got none"),
        (dict(vocabulary=(["a"], [1])), "at least 2 different words in the vocabulary, got 1 of 1"))
    def test_an_invalid_argument_is_an_error_that_names_it(self, options, message):
        with self.assertRaisesRegex(InputError, message):
            self.read("a b", **options)

    def test_missing_files_and_empty_folders_are_errors(self):
        with self.assertRaisesRegex(InputError, "^no/such: wanted a readable file, got: No such file"):
            self.read_path("no/such")
        with self.assertRaisesRegex(InputError, ": wanted files that are not empty, got none"):
            self.read_path([os.path.join(self.folder, "*.txt")])
        self.assertEmpty(self.entries())

    def test_characters_that_utf8_cannot_encode_are_an_error(self):
        with self.assertRaisesRegex(InputError, "encoding: wanted an encoding that decodes to"):
            self.read(b"a b\\ud800 c", encoding="unicode_escape")
        self.assertEmpty(self.entries())

    def test_the_digest_depends_on_text_and_vocabulary(self):
        digests = {corpus.Corpus.from_tokens(words, counts, tokens, join_lines).digest
                   for words, counts, tokens, join_lines in (
                       ("ab", [2, 1], [0, 1, 0], False), ("ac", [2, 1], [0, 1, 0], False),
                       ("ab", [2, 2], [0, 1, 0], False), ("ab", [2, 1], [0, 0, 1], False),
                       ("ab", [2, 1], [0, 1, 0], True))}
        self.assertLen(digests, 5)
        self.assertIn(corpus.Corpus.from_tokens("ab", [2, 1], [0, 1, 0]).digest, digests)



if __name__ == "__main__":
    absltest.main()
