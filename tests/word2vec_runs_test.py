"""Tests of runs: every token is a centre once per epoch, also when a training resumes."""
import functools
import json
import os
import tracemalloc
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tests import word2vec_case
from tests.word2vec_case import from_tokens
from tf1_sampled.word2vec import corpus, encoded, hold_out, runs as runs_lib
from tf1_sampled.word2vec.corpus import END


def runs_of(text, pieces, *options, num_places=None, position=None, begin=0.0, end=1.0, **more):
    """Call runs.runs with the fields of its RunOptions as arguments."""
    return runs_lib.runs(text, pieces, runs_lib.RunOptions(*options, num_places=num_places, **more),
                         position, begin, end)


class MemoryTest(word2vec_case.CorpusTestCase):

    def test_memory_does_not_grow_with_the_text(self):
        peaks = []
        for size in (1, 4):
            path = self.path("f", "one two three four five six seven eight nine ten\n" * (15000 * size))
            tracemalloc.start()
            with mock.patch.object(runs_lib, "_SLICE", 1 << 14), mock.patch.object(
                    hold_out, "_SLICE", 1 << 14), mock.patch.object(
                        hold_out, "_AT_MOST", 1000), mock.patch.object(encoded, "_SLICE", 1 << 14):
                read = self.read_path(path)
                pieces, _ = hold_out.split(read, 0.01, 5)
                runs = runs_of(read, pieces, np.ones(10), 1024, 5, 1, 1)
                self.assertGreater(sum(1 for _ in runs), 140 * size)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        self.assertLess(peaks[1], 1.1 * peaks[0])


class KeepProbabilityTest(absltest.TestCase):

    def test_values(self):
        keep = runs_lib.keep_probability(np.array([90000, 9000, 900, 1]), 0.01)
        ratio = 0.01 / np.array([90000, 9000]) * 99901
        np.testing.assert_allclose(keep[:2], np.sqrt(ratio) + ratio, rtol=1e-6)
        np.testing.assert_array_equal(keep[2:], 1)

    def test_five_occurrences_of_each_word_stay_on_average(self):
        keep = runs_lib.keep_probability(np.array([50, 10, 5, 4, 1]), 1e-4)
        np.testing.assert_allclose(keep, [0.1, 0.5, 1, 1, 1], rtol=1e-6)

    def test_words_that_the_text_lacks_have_probability_1(self):
        keep = runs_lib.keep_probability(np.array([0, 10 ** 9, 0]), 1e-9)
        np.testing.assert_array_equal(keep[[0, 2]], 1)
        np.testing.assert_array_equal(runs_lib.keep_probability(np.array([0, 0]), 1e-9), [1, 1])

    def test_a_sample_of_0_keeps_all_words(self):
        np.testing.assert_array_equal(runs_lib.keep_probability(np.array([900, 1]), 0), [1, 1])


class RunsTest(parameterized.TestCase):

    @parameterized.product(size=[1, 7, 64, 65, 1000], epochs=[1, 3], window=[1, 5])
    def test_every_token_is_a_centre_once_per_epoch(self, size, epochs, window):
        tokens = np.arange(size, dtype=np.int32)
        keep = np.ones(size, np.float32)
        text = from_tokens(tokens)
        runs = list(runs_of(text, [(0, size)], keep, 32, window, epochs, 1))
        centres = np.concatenate([run[window:-window] for run, _, _ in runs])
        centres = centres[centres != END]
        np.testing.assert_array_equal(centres, np.tile(tokens, epochs))
        for run, progress, _ in runs:
            self.assertEqual(run.shape, (32 + 2 * window,))
            self.assertBetween(progress, 0, 1)
        self.assertEqual(runs[-1][1], 1)

    def test_neighbours_in_runs_are_neighbours_in_the_text(self):
        tokens = np.arange(500, dtype=np.int32)
        runs = list(runs_of(from_tokens(tokens), [(0, 500)], np.ones(500), 64, 3, 1, 1))
        self.assertLen(runs, 8)
        for run, _, _ in runs:
            words = run[run != END]
            np.testing.assert_array_equal(np.diff(words), 1)

    @parameterized.product(size=[1, 64, 1000], cut=[90, 1 << 20], window=[1, 5])
    def test_places_have_every_token_as_a_centre_once_per_epoch(self, size, cut, window):
        tokens = np.arange(size, dtype=np.int32)
        with mock.patch.object(runs_lib, "_SLICE", cut):
            runs = [run for run, _, _ in runs_of(
                from_tokens(tokens), [(0, size)], np.ones(size), 32, window, 2, 1, num_places=4)]
        for run in runs:
            self.assertEqual(run.shape, (4, 8 + 2 * window))
            for words in run:
                beside_end = (words[:-1] == END) | (words[1:] == END)
                np.testing.assert_array_equal(np.diff(words)[~beside_end], 1)
        centres = np.concatenate([run[:, window:-window].ravel() for run in runs])
        np.testing.assert_array_equal(np.sort(centres[centres != END]), np.repeat(tokens, 2))

    def test_places_are_from_all_over_the_text(self):
        tokens = np.arange(10001, dtype=np.int32)
        runs = list(runs_of(
            from_tokens(tokens), [(0, 10001)], np.ones(10001), 40, 2, 1, 1, num_places=4))
        runs = [(run[:, 2], progress) for run, progress, _ in runs if progress < 1]
        self.assertLen(runs, 249)
        for i, (begins, progress) in enumerate(runs):
            self.assertAlmostEqual(progress, (i + 1) / 250)
            np.testing.assert_array_equal(begins, 10 * i + 2500 * np.arange(4))

    @parameterized.parameters(3, 50, 1 << 20)
    def test_slices_do_not_change_the_runs_of_pieces(self, size):
        tokens = np.arange(1000, dtype=np.int32)
        pieces = [(0, 100), (100, 100), (150, 151), (200, 700), (903, 1000)]
        wanted = np.concatenate([tokens[begin:end] for begin, end in pieces])
        with mock.patch.object(runs_lib, "_SLICE", size):
            runs = list(runs_of(from_tokens(tokens), pieces, np.ones(1000), 64, 3, 2, 1))
        centres = np.concatenate([run[3:-3] for run, _, _ in runs])
        np.testing.assert_array_equal(centres[centres != END], np.tile(wanted, 2))
        for run, _, _ in runs:  # END is at each cut
            beside_end = (run[:-1] == END) | (run[1:] == END)
            np.testing.assert_array_equal(np.diff(run)[~beside_end], 1)
        progress = [progress for _, progress, _ in runs]
        np.testing.assert_allclose(progress, np.linspace(0, 1, len(runs) + 1)[1:], atol=0.1)
        self.assertEqual(progress[-1], 1)

    def test_progress_ends_at_1_if_subsampling_drops_the_last_words(self):
        tokens = np.repeat(np.array([0, 1], np.int32), 1000)
        with mock.patch.object(runs_lib, "_SLICE", 100):
            runs = list(runs_of(from_tokens(tokens), [(0, 2000)], np.array([1, 0.0]), 100, 2, 1, 1))
        self.assertEqual(runs[-1][1], 1)
        self.assertBetween(len(runs), 10, 11)

    def test_dropped_words_are_not_centres(self):
        folder = self.create_tempdir().full_path
        path = os.path.join(folder, "f")
        with open(path, "w") as stream:
            stream.write("a b rare a\n" * 300 + "c d")
        options = corpus.ReadOptions(vocabulary=(["a", "b"], [2, 1]))
        with corpus.read_corpus(path, options, folder, report=lambda line: None) as text:
            runs = list(runs_of(text, [(0, text.num_positions)], np.ones(2), 64, 2, 1, 1))
        centres = np.concatenate([run[2:-2] for run, _, _ in runs])
        np.testing.assert_array_equal(centres[centres != END], [0, 1, 0] * 300)

    def test_subsampling_keeps_the_share_and_the_sentence_ends(self):
        tokens = np.tile(np.array([0, 1, END], np.int32), 20000)
        keep = np.array([1, 0.25], np.float32)
        runs = list(runs_of(from_tokens(tokens), [(0, len(tokens))], keep, 64, 2, 1, 1))
        centres = np.concatenate([run[2:-2] for run, _, _ in runs])
        self.assertAlmostEqual(np.sum(centres == 1) / 20000, 0.25, delta=5 * 0.0031)
        self.assertEqual(np.sum(centres == 0), 20000)
        self.assertGreaterEqual(np.sum(centres == END), 20000)

    @parameterized.parameters((1 << 20, 1), (50, 5), (333, 2), (333, 2, 4))
    def test_runs_resume_after_any_run(self, size, window, num_places=None):
        tokens = np.arange(700, dtype=np.int32)
        runs = functools.partial(runs_of, num_places=num_places)
        arguments = (from_tokens(tokens), [(0, 400), (410, 700)], np.full(700, 0.5), 32, window, 2, 7)
        with mock.patch.object(runs_lib, "_SLICE", size):
            every = list(runs(*arguments))
            self.assertGreater(len(every), 20)
            for number, (_, _, position) in enumerate(every, 1):
                position = json.loads(json.dumps(position, default=lambda array: array.tolist()))
                rest = list(runs(*arguments, position=position))
                self.assertLen(rest, len(every) - number)
                for (run, share, _), (wanted, wanted_share, _) in zip(rest, every[number:]):
                    np.testing.assert_array_equal(run, wanted)
                    self.assertEqual(share, wanted_share)

    @parameterized.parameters((1 << 20, None), (50, 4), (333, None))
    def test_shares_have_every_token_as_a_centre_once_per_epoch(self, size, num_places):
        tokens = np.arange(700, dtype=np.int32)
        cuts = [0, 0.1, 0.101, 0.5, 0.77, 0.77, 1]
        seen, shares = [], []
        with mock.patch.object(runs_lib, "_SLICE", size):
            for begin, end in zip(cuts, cuts[1:]):
                for run, share, _ in runs_of(
                        from_tokens(tokens), [(0, 400), (410, 700)], np.ones(700), 32, 2, 3, 7,
                        begin=begin, end=end, num_places=num_places):
                    seen.append(run[..., 2:-2].ravel())
                    self.assertBetween(share, begin, end + 1 / 2000)
                    shares.append(share)
        seen = np.concatenate(seen)
        np.testing.assert_array_equal(np.sort(seen[seen != END]), np.repeat(np.delete(
            tokens, np.arange(400, 410)), 3))
        self.assertEqual(shares, sorted(shares))

    def test_runs_of_a_share_resume_exactly(self):
        tokens = np.arange(700, dtype=np.int32)
        arguments = (from_tokens(tokens), [(0, 700)], np.full(700, 0.5), 32, 2, 2, 7)
        with mock.patch.object(runs_lib, "_SLICE", 300):
            every = list(runs_of(*arguments, begin=0.3, end=1.0))
            self.assertGreater(len(every), 10)
            for number, (_, _, position) in enumerate(every, 1):
                rest = list(runs_of(*arguments, position=position))
                self.assertLen(rest, len(every) - number)
                for (run, share, _), (wanted, wanted_share, _) in zip(rest, every[number:]):
                    np.testing.assert_array_equal(run, wanted)
                    self.assertAlmostEqual(share, wanted_share)

    def test_more_epochs_follow_the_last(self):
        text, keep = from_tokens(np.arange(700, dtype=np.int32)), np.ones(700)
        *_, (_, _, position) = runs_of(text, [(0, 700)], keep, 32, 2, 1, 7)
        more = list(runs_of(text, [(0, 700)], keep, 32, 2, 2, 7, position=position))
        self.assertAlmostEqual(len(more), 700 / 32, delta=1)
        self.assertGreater(more[0][1], 0.5)

    def test_each_epoch_drops_other_words(self):
        arguments = (from_tokens(np.arange(700, dtype=np.int32)), [(0, 700)], np.full(700, 0.5), 32, 2)
        first, second = (np.concatenate([run[2:-2] for run, _, _ in part]) for part in (
            [r for r in runs_of(*arguments, epochs=2, seed=7) if r[1] <= 0.5],
            [r for r in runs_of(*arguments, epochs=2, seed=7) if r[1] > 0.5]))
        self.assertBetween(len(set(first) & set(second)), 100, 250)  # 175 of 350 by chance

    def test_progress_rises_evenly(self):
        tokens = np.arange(3000000, dtype=np.int32) % 1000
        progress = [p for _, p, _ in runs_of(
            from_tokens(tokens), [(0, 3000000)], np.ones(1000), 4096, 5, 2, 1)]
        np.testing.assert_allclose(progress, np.linspace(0, 1, len(progress) + 1)[1:], atol=2e-3)


class BatchSizeTest(parameterized.TestCase):

    @parameterized.parameters(
        (1, 1, 32), (3300, 1, 32), (9600, 2, 96), (12800, 1, 128), (24000, 1, 128), (25600, 1, 256),
        (100000, 1, 896), (409600, 1, 2048), (10 ** 9, 1, 2048), (10 ** 9, 2, 2048), (10 ** 9, 3, 1280),
        (10 ** 9, 16, 256), (10 ** 9, 64, 256), (100000, 2, 896))
    def test_values(self, num_words, threads, size):
        self.assertEqual(runs_lib.batch_size(num_words, threads), size)

    def test_larger_steps_on_a_gpu(self):
        self.assertEqual([runs_lib.batch_size(number, 1, is_gpu=True) for number in (100000, 10 ** 9)],
                         [896, 4096])

    def test_a_step_has_places_of_128_words_or_one_shorter_place(self):
        self.assertEqual([runs_lib.num_places(size) for size in (32, 96, 128, 2048)], [1, 1, 1, 16])


if __name__ == "__main__":
    absltest.main()
