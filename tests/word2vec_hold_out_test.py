"""Tests of held-out text: a small share from all over the text, and every word is still trained."""
import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled.word2vec import corpus, hold_out
from tf1_sampled.word2vec.corpus import END


def of_words(tokens):
    """Return a Corpus of tokens 0 .. V - 1 with their counts."""
    tokens = np.asarray(tokens)
    counts = np.bincount(tokens[tokens != END])
    return corpus.Corpus.from_tokens(["w%d" % word for word in range(len(counts))], counts, tokens)


def trained(text, pieces):
    return np.concatenate([text.read(begin, end) for begin, end in pieces])


class SplitTest(parameterized.TestCase):

    @parameterized.parameters(2, 3, 100, 2000, 5000, 30000, 7000000)
    def test_no_token_is_lost_and_the_share_is_small(self, size):
        tokens = np.arange(size, dtype=np.int32) % 50
        text = of_words(tokens)
        pieces, held_out = hold_out.split(text, 0.01, 5)
        number = np.sum(held_out != END)
        self.assertEqual(sum(end - begin for begin, end in pieces) + number, size)
        both = np.append(trained(text, pieces), held_out[held_out != END])
        self.assertEqual(np.bincount(both).tolist(), np.bincount(tokens).tolist())
        self.assertEqual(number > 0, size >= 2000)
        self.assertLessEqual(number, min(0.0101 * size + 20, 50020))
        # No window may cross a cut.
        beside_end = (held_out[:-1] == END) | (held_out[1:] == END)
        np.testing.assert_array_equal(np.diff(held_out)[~beside_end] % 50, 1)

    def test_the_held_out_pieces_are_from_all_over_the_text(self):
        pieces, held_out = hold_out.split(of_words(np.arange(200000) % 100), 0.01, 5)
        self.assertLen(pieces, 20)
        self.assertEqual(np.sum(held_out == END), 20)
        self.assertEqual(np.sum(held_out != END), 2000)
        quarters = [sum(min(end, at + 50000) - max(begin, at) for begin, end in pieces
                        if begin < at + 50000 and end > at) for at in range(0, 200000, 50000)]
        self.assertEqual(quarters, [49500] * 4)

    def test_a_share_of_0_holds_nothing_out(self):
        pieces, held_out = hold_out.split(of_words(np.arange(5000) % 100), 0.0, 5)
        self.assertEqual((pieces, len(held_out)), ([(0, 5000)], 0))

    def test_a_larger_share_holds_out_more(self):
        _, held_out = hold_out.split(of_words(np.arange(5000) % 100), 0.2, 5)
        self.assertEqual(np.sum(held_out != END), 1000)

    def test_each_word_keeps_an_occurrence_with_a_neighbour_in_the_pieces(self):
        random = np.random.RandomState(1)
        for _ in range(20):
            tokens = random.randint(0, 900, 4000)
            tokens[random.randint(0, 4000, 300)] = END
            _, tokens = np.unique(tokens, return_inverse=True)
            text = of_words(tokens - 1)
            pieces, held_out = hold_out.split(text, 0.05, 2)
            np.testing.assert_array_equal(hold_out.words_with_neighbours(text, pieces),
                                          hold_out.words_with_neighbours(text, [(0, 4000)]))
            self.assertGreater(np.sum(held_out != END), 50)

    def test_a_line_that_occurs_in_a_held_out_place_only_is_trained(self):
        line = [100, 101, 102, END]
        tokens = np.concatenate([np.arange(5000) % 100, [END], line * 7])
        pieces, held_out = hold_out.split(of_words(tokens), 0.01, 5)
        self.assertEqual(pieces[-1][1], len(tokens) - 1)
        self.assertNoCommonElements(set(held_out.tolist()), {100, 101, 102})
        self.assertNotEmpty(held_out)
        self.assertEqual(trained(of_words(tokens), pieces).tolist().count(101), 7)

    def test_a_word_at_a_cut_gets_its_neighbour_back(self):
        # Its only neighbour that is not the end of a line is in the held-out place.
        tokens = np.arange(5000) % 100
        _, held_out = hold_out.split(of_words(tokens), 0.01, 5)
        tokens[4949], tokens[4948] = 100, END
        pieces, held_out = hold_out.split(of_words(tokens), 0.01, 5)
        self.assertTrue(hold_out.words_with_neighbours(of_words(tokens), pieces).all())
        self.assertEqual(np.sum(held_out != END), 45)

    def test_joined_lines_are_also_cut(self):
        text = corpus.Corpus.from_tokens(range(100), np.ones(100), np.arange(10000) % 100,
                                         join_lines=True)
        _, held_out = hold_out.split(text, 0.01, 5)
        self.assertEqual(np.sum(held_out == END), 2)


class WordsWithNeighboursTest(absltest.TestCase):

    def test_neighbours_are_in_the_same_line_and_piece(self):
        text = of_words([0, 1, END, 2, END, 3, 4, END, 5])
        for pieces, wanted in (([(0, 9)], [1, 1, 0, 1, 1, 0]), ([(0, 1), (1, 9)], [0, 0, 0, 1, 1, 0]),
                               ([], [0] * 6)):
            found = hold_out.words_with_neighbours(text, pieces)
            self.assertEqual(found.astype(int).tolist(), wanted)

    def test_out_of_vocabulary_words_leave_no_gap(self):
        text = corpus.Corpus.from_tokens(["a", "b"], [1, 1], [0, END, 1])
        text._ranks = np.array([-2, 0, 1], np.int32)  # the line end is LEFT_OUT
        self.assertTrue(hold_out.words_with_neighbours(text, [(0, 3)]).all())


class BlocksTest(parameterized.TestCase):

    @parameterized.parameters((1000, 512), (67867, 480), (400000, 64), (10000000, 32))
    def test_more_classes_mean_fewer_centres_per_run(self, vocab_size, centres):
        runs = hold_out.blocks(np.arange(900, dtype=np.int32), vocab_size, 2)
        self.assertEqual(runs.shape[1], centres + 4)
        self.assertEqual(np.sum(runs[:, 2:-2] != END), 16 * 31)

    def test_tokens_are_from_all_over_the_text(self):
        tokens = np.arange(50000, dtype=np.int32)
        run, = hold_out.blocks(tokens, 50000, 5)
        snippets = np.split(run[5:-5], 16)
        for i, snippet in enumerate(snippets):
            np.testing.assert_array_equal(snippet[:-1], i * 50000 // 16 + np.arange(31))
            self.assertEqual(snippet[-1], END)

    def test_short_texts_are_padded_with_ends(self):
        run, = hold_out.blocks(np.array([3, 1, END, 2], np.int32), 4, 3)
        np.testing.assert_array_equal(run[3:8], [3, 1, END, 2, END])
        np.testing.assert_array_equal(run[8:], END)

    def test_without_neighbouring_words_there_are_no_runs(self):
        for tokens in ([], [END], [3, END, 2]):
            self.assertEqual(hold_out.blocks(np.array(tokens, np.int32), 4, 3).shape, (0, 512 + 6))


class AucTest(parameterized.TestCase):

    def blocks(self, window):
        random = np.random.RandomState(2)
        tokens = random.randint(0, 30, 700)
        tokens[random.randint(0, 700, 60)] = END
        return hold_out.blocks(tokens.astype(np.int32), 30, window)

    def slow_pairs(self, run, window):
        """Return [(centre, list of context words)] of a run."""
        found = []
        for i in range(window, len(run) - window):
            context = []
            for step in (-1, 1):
                j = i + step
                while abs(j - i) <= window and run[i] != END and run[j] != END:
                    context.append(run[j])
                    j += step
            found.append((run[i], context))
        return [pair for pair in found if pair[1]]

    @parameterized.product(window=(1, 3), is_cbow=(False, True))
    def test_auc_equals_the_definition(self, window, is_cbow):
        random = np.random.RandomState(3)
        tables = random.randn(30, 4).astype(np.float32), random.randn(30, 4).astype(np.float32)
        counts = random.randint(0, 9, 30)
        noise = np.random.RandomState(1).choice(30, 200, p=counts / counts.sum())
        runs, shares = self.blocks(window), []
        for run in runs:
            for centre, context in self.slow_pairs(run, window):
                if is_cbow:
                    cases = [(np.mean(tables[0][context], 0), centre)]
                else:
                    cases = [(tables[0][centre], word) for word in context]
                for x, label in cases:
                    score, other = np.dot(x, tables[1][label]), np.dot(tables[1][noise], x)
                    is_same = noise == label
                    shares.append(np.mean(np.where(is_same, 0.5, score > other)))
        self.assertGreater(len(shares), 100)
        self.assertAlmostEqual(hold_out.auc(runs, tables, counts, window, is_cbow), np.mean(shares),
                               delta=2e-3)

    def test_vectors_of_frequencies_have_an_auc_of_chance(self):
        counts = np.arange(1, 31)
        tables = np.ones([30, 2], np.float32), np.ones([30, 2], np.float32)
        self.assertEqual(hold_out.auc(self.blocks(2), tables, counts, 2), 0.5)
        # Words are drawn by their frequencies and scored by their frequencies.
        tokens = np.random.RandomState(1).choice(30, 60000, p=counts / counts.sum()).astype(np.int32)
        tables = np.ones([30, 1], np.float32), np.log(counts)[:, None].astype(np.float32)
        found = hold_out.auc(hold_out.blocks(tokens, 30, 2, num_centres=8192), tables, counts, 2)
        self.assertAlmostEqual(found, 0.5, delta=0.05)

    def test_vectors_of_topics_have_an_auc_above_chance(self):
        tokens = np.repeat(np.arange(100) % 2, 50) * 5 + np.random.RandomState(1).randint(0, 5, 5000)
        topic = np.repeat(np.eye(2, dtype=np.float32), 5, 0)
        found = hold_out.auc(hold_out.blocks(tokens.astype(np.int32), 10, 2), (topic, topic),
                             np.ones(10), 2)
        self.assertAlmostEqual(found, 0.75, delta=0.05)  # half of the noise words tie

    def test_auc_without_pairs_is_nan(self):
        tables = np.ones([3, 1], np.float32), np.ones([3, 1], np.float32)
        self.assertTrue(np.isnan(hold_out.auc(np.full([1, 36], END, np.int32), tables, np.ones(3), 2)))


if __name__ == "__main__":
    absltest.main()
