"""Batches of contiguous text: each lane continues where it ended, held-out text is not used."""
import itertools

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled.checks import InputError
from tf1_sampled.word2vec import corpus, sequences


def of_numbers(size):
    """A Corpus in which the word at each position is that position."""
    return corpus.Corpus.from_tokens(["w%d" % i for i in range(size)], np.ones(size), np.arange(size))


def positions(batches):
    return np.stack(list(batches)) - 2


class SequencesTest(parameterized.TestCase):

    def test_a_lane_goes_on_where_it_was(self):
        found = sequences.Sequences(of_numbers(1000), num_lanes=4, length=10, held_out=0.1)
        self.assertEqual((found.steps_per_epoch, found.num_held_out, found.num_trained), (22, 2, 880))
        read = positions(tokens for tokens, *_ in found.batches())
        self.assertEqual(read.shape, (22, 4, 11))
        for lane in range(4):
            np.testing.assert_array_equal(read[:, lane, :-1].ravel(), 250 * lane + np.arange(220))
        np.testing.assert_array_equal(read[:, :, 1:], read[:, :, :-1] + 1)

    def test_the_next_pass_reads_the_next_part(self):
        found = sequences.Sequences(of_numbers(1000), 4, 10, 0.1)
        read = positions(tokens for tokens, *_ in found.batches(2))
        np.testing.assert_array_equal(read[22:], np.roll(read[:22], -1, axis=1))

    def test_the_ends_of_all_parts_are_held_out(self):
        found = sequences.Sequences(of_numbers(1000), 4, 10, 0.1)
        trained = positions(tokens for tokens, *_ in found.batches(5))
        held_out = positions(found.held_out())
        self.assertEqual(held_out[:, :, 0].tolist(), [[229, 479, 729, 979], [239, 489, 739, 989]])
        self.assertEqual(held_out.max(), 999)
        self.assertEmpty(set(trained.ravel()) & set(held_out.ravel()))

    @parameterized.parameters(1, 21, 22, 30, 43)
    def test_goes_on_from_a_position(self, done):
        found = sequences.Sequences(of_numbers(1000), 4, 10, 0.1)
        whole = list(found.batches(2))
        self.assertEqual(whole[-1][1], 1)
        position = whole[done - 1][2]
        for one, other in itertools.zip_longest(found.batches(2, position), whole[done:]):
            np.testing.assert_array_equal(one[0], other[0])
            self.assertEqual(one[1:], other[1:])

    def test_feeds_are_those_of_a_training(self):
        found = sequences.Sequences(of_numbers(1000), 4, 10, 0.1)
        feeds = found.feeds("tokens", num_epochs=2)
        for position in (None, (40,)):
            wanted = list(found.batches(2, position))
            for (feed, *rest), (tokens, *others) in itertools.zip_longest(feeds(position), wanted):
                np.testing.assert_array_equal(feed.pop("tokens"), tokens)
                self.assertEqual((feed, rest), ({}, others))

    def test_slices_join(self):
        text = of_numbers(1000)
        whole = positions(tokens for tokens, *_ in sequences.Sequences(text, 4, 10).batches())
        with absltest.mock.patch.object(sequences, "_SLICE", 120):
            sliced = positions(tokens for tokens, *_ in sequences.Sequences(text, 4, 10).batches())
        np.testing.assert_array_equal(whole, sliced)

    def test_unknown_words_and_ends_of_lines_are_classes(self):
        folder = self.create_tempdir()
        folder.create_file("text.txt", "a b a x\na b y a\n" * 20)
        with corpus.read_corpus(folder.full_path, corpus.ReadOptions(min_count=40),
                                folder.full_path, lambda line: None) as text:
            found = sequences.Sequences(text, 1, 10)
            self.assertEqual(found.words, ["<unk>", "</s>", "a", "b"])
            self.assertEqual(found.counts.tolist(), [40, 40, 80, 40])
            self.assertEqual([found.class_of(word) for word in ("a", "b", "x", "</s>")], [2, 3, 0, 1])
            tokens, *_ = next(found.batches())
        self.assertEqual(tokens.tolist(), [[2, 3, 2, 0, 1, 2, 3, 0, 2, 1, 2]])
        self.assertEqual(tokens.dtype, np.int32)

    def test_unigram_loss(self):
        text = corpus.Corpus.from_tokens(["a", "b"], [75, 25], ([0] * 3 + [1]) * 25)
        found = sequences.Sequences(text, 1, 8)
        self.assertAlmostEqual(found.unigram_loss(), -0.75 * np.log(76 / 104) - 0.25 * np.log(26 / 104))

    def test_few_are_held_out_of_a_long_text(self):
        text = corpus.Corpus.from_tokens(["a"], [1000000], np.zeros(1000000))
        found = sequences.Sequences(text, 20, 10, 0.5)
        self.assertEqual(found.num_held_out * 20 * 10, 20000)

    def test_the_shortest_text(self):
        found = sequences.Sequences(of_numbers(44), 2, 10)
        self.assertEqual((found.steps_per_epoch, found.num_held_out), (1, 1))
        with self.assertRaisesRegex(InputError, "Sequences: text: wanted 44 words and line ends or "
                                    "more, for 2 lanes of 10, got 43"):
            sequences.Sequences(of_numbers(43), 2, 10)

    @parameterized.parameters(
        (dict(num_lanes=0), "num_lanes: wanted an integer above 0"),
        (dict(length=0), "length: wanted an integer above 0"),
        (dict(held_out=1.0), "held_out: wanted a number between 0 and 1, got 1.0"))
    def test_arguments_out_of_range(self, changed, message):
        with self.assertRaisesRegex(InputError, message):
            sequences.Sequences(of_numbers(100), **dict(dict(num_lanes=2, length=5), **changed))


if __name__ == "__main__":
    absltest.main()
