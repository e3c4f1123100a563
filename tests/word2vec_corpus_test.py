import gzip

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import InputError
from tf1_sampled.word2vec import corpus
from tf1_sampled.word2vec.corpus import END


class ReadCorpusTest(parameterized.TestCase):

    def _read(self, text, min_count=1):
        path = self.create_tempfile("text.txt", text).full_path
        return corpus.read_corpus(path, min_count)

    def test_ids_fall_in_frequency_and_lines_end(self):
        text = self._read("b a a\nc\ta  c a\n\nd b c")
        self.assertEqual(text.words, ["a", "c", "b", "d"])
        np.testing.assert_array_equal(text.counts, [4, 3, 2, 1])
        np.testing.assert_array_equal(
            text.tokens, [2, 0, 0, END, 1, 0, 1, 0, END, END, 3, 2, 1, END])
        self.assertEqual(text.num_raw_words, 10)

    def test_rare_words_are_left_out_but_counted_as_read(self):
        text = self._read("a b a c a b\n", min_count=2)
        self.assertEqual(text.words, ["a", "b"])
        np.testing.assert_array_equal(text.tokens[:5], [0, 1, 0, 0, 1])
        self.assertEqual(text.num_raw_words, 6)

    @parameterized.parameters(1, 2, 3, 7, 100)
    def test_words_are_whole_whatever_the_chunk(self, size):
        content = "one three  seventeen\n\nthree x\none " * 5 + "last"
        before = corpus._CHUNK_CHARACTERS
        whole = self._read(content)
        corpus._CHUNK_CHARACTERS = size
        try:
            cut = self._read(content)
        finally:
            corpus._CHUNK_CHARACTERS = before
        self.assertEqual(cut.words, whole.words)
        np.testing.assert_array_equal(cut.tokens, whole.tokens)
        words = [whole.words[i] if i != END else "\n" for i in whole.tokens]
        self.assertEqual("".join(words).split("\n")[0], "onethreeseventeen")

    def test_compressed_text(self):
        path = self.create_tempfile("text.gz").full_path
        with gzip.open(path, "wt") as stream:
            stream.write("to be or not to be\n")
        self.assertEqual(corpus.read_corpus(path, 2).words, ["to", "be"])

    @parameterized.parameters(
        ("", "something in it, got an empty file"), (" \n\n ", "wanted words, got none"),
        ("a b c", "at least 2 different words that come min_count = 2 times, got 0 of 3"),
        ("a a a", "at least 2 .* got 1 of 1"), ("a\0b a", "a binary file"))
    def test_a_text_without_words_is_named(self, text, message):
        with self.assertRaisesRegex(InputError, message):
            self._read(text, min_count=2)

    def test_wrong_min_count(self):
        with self.assertRaisesRegex(InputError, "min_count: wanted an integer above 0, got 0"):
            self._read("a b", 0)


class KeepProbabilityTest(absltest.TestCase):

    def test_values(self):
        keep = corpus.keep_probability(np.array([900, 90, 9, 1]), 0.01)
        ratio = 0.01 / np.array([0.9, 0.09])
        np.testing.assert_allclose(keep[:2], np.sqrt(ratio) + ratio, rtol=1e-6)
        np.testing.assert_array_equal(keep[2:], 1)

    def test_zero_keeps_all(self):
        np.testing.assert_array_equal(corpus.keep_probability(np.array([900, 1]), 0), [1, 1])


class SplitHeldOutTest(parameterized.TestCase):

    @parameterized.parameters(2, 3, 10, 100, 5000, 30000, 7000000)
    def test_nothing_is_lost_and_the_share_is_small(self, size):
        tokens = np.arange(size, dtype=np.int32)
        train, held_out = corpus.split_held_out(tokens)
        both = np.concatenate([train, held_out])
        np.testing.assert_array_equal(np.sort(both[both != END]), tokens)
        self.assertNotEmpty(train)
        self.assertGreaterEqual(np.sum(held_out != END), 1)
        self.assertLessEqual(np.sum(held_out != END), max(0.0101 * size, 2) + 20)
        self.assertLessEqual(np.sum(held_out != END), 50020)
        for part in (train, held_out):  # no window may reach over a cut
            step = np.diff(part)
            beside_end = (part[:-1] == END) | (part[1:] == END)
            np.testing.assert_array_equal(step[~beside_end], 1)


    def test_the_held_out_pieces_are_from_all_over_the_text(self):
        _, held_out = corpus.split_held_out(np.arange(200000, dtype=np.int32))
        quarter = held_out[held_out != END] // 50000
        np.testing.assert_array_equal(np.bincount(quarter), [500] * 4)


class RunsTest(parameterized.TestCase):

    @parameterized.product(size=[1, 7, 64, 65, 1000], epochs=[1, 3], window=[1, 5])
    def test_every_token_is_a_centre_once_per_epoch(self, size, epochs, window):
        tokens = np.arange(size, dtype=np.int32)
        keep = np.ones(size, np.float32)
        runs = list(corpus.runs(tokens, keep, 32, window, epochs, np.random.RandomState(1)))
        centres = np.concatenate([run[window:-window] for run, _ in runs])
        centres = centres[centres != END]
        np.testing.assert_array_equal(centres, np.tile(tokens, epochs))
        for run, progress in runs:
            self.assertEqual(run.shape, (32 + 2 * window,))
            self.assertBetween(progress, 0, 1)
        self.assertEqual(runs[-1][1], 1)

    def test_neighbours_are_those_of_the_text(self):
        tokens = np.arange(500, dtype=np.int32)
        for run, _ in corpus.runs(tokens, np.ones(500), 64, 3, 1, np.random.RandomState(1)):
            words = run[run != END]
            np.testing.assert_array_equal(np.diff(words), 1)

    def test_subsampling_keeps_the_share_and_the_sentence_ends(self):
        tokens = np.tile(np.array([0, 1, END], np.int32), 20000)
        keep = np.array([1, 0.25], np.float32)
        runs = list(corpus.runs(tokens, keep, 64, 2, 1, np.random.RandomState(1)))
        centres = np.concatenate([run[2:-2] for run, _ in runs])
        self.assertAlmostEqual(np.sum(centres == 1) / 20000, 0.25, delta=5 * 0.0031)
        self.assertEqual(np.sum(centres == 0), 20000)
        self.assertGreaterEqual(np.sum(centres == END), 20000)

    def test_progress_rises_evenly(self):
        tokens = np.arange(3000000, dtype=np.int32) % 1000
        progress = [p for _, p in corpus.runs(tokens, np.ones(1000), 4096, 5, 2,
                                              np.random.RandomState(1))]
        np.testing.assert_allclose(progress, np.linspace(0, 1, len(progress) + 1)[1:], atol=2e-3)


class SamplePairsTest(absltest.TestCase):

    def test_all_pairs_of_a_short_text(self):
        tokens = np.array([0, 1, 2, END, 3, 4, END], np.int32)
        centres, contexts = corpus.sample_pairs(tokens, 2, 100, np.random.RandomState(1))
        self.assertCountEqual(zip(centres, contexts), [
            (0, 1), (1, 0), (1, 2), (2, 1), (0, 2), (2, 0), (3, 4), (4, 3)])

    def test_at_most_so_many(self):
        centres, contexts = corpus.sample_pairs(np.arange(100), 5, 30, np.random.RandomState(1))
        self.assertEqual((len(centres), len(contexts)), (30, 30))
        self.assertLessEqual(np.max(np.abs(centres - contexts)), 5)

    def test_no_pairs(self):
        centres, contexts = corpus.sample_pairs(np.array([3, END]), 5, 30, np.random.RandomState(1))
        self.assertEqual((len(centres), len(contexts)), (0, 0))


if __name__ == "__main__":
    absltest.main()
