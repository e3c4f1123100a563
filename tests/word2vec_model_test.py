import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case
from tf1_sampled import InputError, losses, registry, samplers
from tf1_sampled.training import loop, plans, policy
from tf1_sampled.word2vec import corpus, evaluation, model, runs
from tf1_sampled.word2vec.corpus import END

# Sentences of one word, no word, and more than a window; a different word at each place.
_TOKENS = np.array([END, END, 3, 0, 7, END, END, END, 4, END, 5, 2, 9, 6, 8, END, 1, 10, END, END])


def _contexts(tokens, window):
    """Return for each centre the places of the words at most `window` away: full windows."""
    contexts = []
    for centre in range(window, len(tokens) - window):
        places = []
        for step in (-1, 1):
            for at in range(centre + step, centre + step * (window + 1), step):
                if END in (tokens[centre], tokens[at]):
                    break
                places.append(at)
        contexts.append(sorted(places))
    return contexts


class WindowsCase(graph_case.GraphCase):

    def _windows(self, tokens, window, block, dim=3, windows_of=model.skip_gram, **options):
        table = model.embeddings(20, dim, seed=1)
        return table, windows_of(table, tf.constant(tokens, tf.int32), window, seed=1, block=block,
                                 **options)


class SkipGramTest(WindowsCase):

    def _pairs(self, windows):
        """Return {(place of the centre, place of the context word)} of all pairs."""
        num_blocks, block, width = windows.pairs.shape
        pairs = []
        for g, k, j in zip(*np.nonzero(windows.pairs)):
            pairs.append((g * block + k, g * block + j - (width - block) // 2))
        self.assertLen(set(pairs), len(pairs))
        return pairs

    def test_pairs_are_within_shrinking_windows(self):
        window, block = 3, 4
        tokens = np.random.RandomState(1).randint(0, 20, 40 * block + 2 * window)
        table, windows = self._windows(tokens, window, block)
        rows, result = self.run_graph([table, windows])
        np.testing.assert_array_equal(result.input_words.ravel(), tokens[window:-window])
        self.assert_close(result.inputs, rows[result.input_words])
        by_centre = {}
        for centre, context in self._pairs(result):
            by_centre.setdefault(centre, []).append(context - centre)
            g, j = divmod(centre, block)[0], context - centre // block * block + window
            self.assertEqual(result.labels[g, j], tokens[context + window])
        self.assertLen(by_centre, 40 * block)
        reach = [max(offsets) for offsets in by_centre.values()]
        for offsets, far in zip(by_centre.values(), reach):
            self.assertCountEqual(offsets, [o for o in range(-far, far + 1) if o])
        self.assertEqual(set(reach), {1, 2, 3})
        counts = np.bincount(reach)[1:]
        np.testing.assert_array_less(np.abs(counts - len(reach) / 3), 5 * np.sqrt(len(reach)))

    def test_windows_without_shrinking_are_full(self):
        window = 2
        _, windows = self._windows(_TOKENS, window, 4, shrink=False)
        result = self.run_graph(windows)
        self.assertCountEqual(self._pairs(result), [
            (centre, context - window) for centre, places in enumerate(_contexts(_TOKENS, window))
            for context in places])
        self.assertEqual(set(np.unique(result.pairs)), {0, 1})

    def test_no_pair_contains_an_end(self):
        is_end = _TOKENS == END
        _, windows = self._windows(_TOKENS, 2, 4, shrink=False)
        result = self.run_graph(windows)
        frame = 4 * np.arange(4)[:, None] + np.arange(8)[None]
        np.testing.assert_array_equal(result.label_mask, ~is_end[frame])
        np.testing.assert_array_equal(result.labels, np.maximum(_TOKENS, 0)[frame])
        self.assertEmpty(result.pairs[np.broadcast_to(is_end[frame][:, None], result.pairs.shape)
                                      | is_end[frame][:, 2:6, None]].nonzero()[0])

    def test_no_pair_crosses_the_end_of_a_sentence(self):
        tokens = [0, 1, END, 2, 3, END, END, 4, 5, 6]
        _, windows = self._windows(tokens, 2, 3)
        for _ in range(20):
            result = self.run_graph(windows)
            for centre, context in self._pairs(result):
                between = tokens[min(centre, context) + 2:max(centre, context) + 3]
                self.assertNotIn(END, between)
        self.assertEqual(result.pairs.shape, (2, 3, 7))

    @parameterized.parameters(model.skip_gram, model.cbow)
    def test_an_invalid_number_of_tokens_is_an_error(self, windows_of):
        for length in (13, 4, 0):
            with self.assertRaisesRegex(InputError, "^%s: tokens: wanted a multiple of 4 plus "
                                        "2 \\* 2 tokens" % windows_of.__name__):
                model_input = tf.zeros([length], tf.int32)
                windows_of(tf.zeros([20, 3]), model_input, 2, block=4)


class CbowTest(WindowsCase):

    def test_inputs_are_means_over_full_windows(self):
        for window in (1, 2, 3):
            with tf.Graph().as_default():
                # 12 centres, 4 in a block.
                tokens = np.append(_TOKENS[:10 + window], _TOKENS[-window - 2:])
                table, windows = self._windows(tokens, window, 4, windows_of=model.cbow, shrink=False)
                rows, result = self.run_graph([table, windows])
            contexts = _contexts(tokens, window)
            inputs = result.inputs.reshape([-1, 3])
            self.assertLen(inputs, 12)
            for mean, own, places in zip(inputs, result.pairs.reshape([-1, 4]), contexts):
                wanted = np.mean(rows[tokens[places]], axis=0) if places else np.zeros(3)
                self.assert_close(mean, wanted)
                self.assertEqual(own.sum(), 1 if places else 0)
            self.assertIn([], contexts)
            centres = tokens[window:-window].reshape([-1, 4])
            np.testing.assert_array_equal(result.labels, np.maximum(centres, 0))
            np.testing.assert_array_equal(result.label_mask, centres != END)
            np.testing.assert_array_equal(result.pairs, result.pairs * np.eye(4))
            self.assertEqual(result.input_words[1].tolist(),
                             np.maximum(tokens[4:8 + 2 * window], 0).tolist())

    def test_windows_shrink_at_random(self):
        window, block, size = 3, 4, 300
        # Each column of the table marks one word, so a mean shows its words.
        tokens = tf.constant(np.random.RandomState(1).permutation(size + 2 * window), tf.int32)
        windows = model.cbow(tf.eye(size + 2 * window), tokens, window, 1, block)
        tokens, result = self.run_graph([tokens, windows])
        place = np.argsort(tokens)
        reach = []
        for centre, mean in enumerate(result.inputs.reshape([size, -1]), window):
            words = np.flatnonzero(mean)
            self.assert_close(mean[words], np.full(len(words), 1 / len(words)))
            reach.append(np.abs(place[words] - centre).max())
            self.assertCountEqual(place[words] - centre,
                                  [o for o in range(-reach[-1], reach[-1] + 1) if o])
        counts = np.bincount(reach)
        self.assertEqual(counts[0], 0)
        np.testing.assert_array_less(np.abs(counts[1:] - size / 3), 5 * np.sqrt(size))

    def test_only_context_words_get_gradients(self):
        window = 2
        table, windows = self._windows(_TOKENS, window, 4, windows_of=model.cbow, shrink=False)
        above = np.random.RandomState(1).randn(4, 4, 3)
        gradient = tf.convert_to_tensor(tf.gradients(windows.inputs * above, table)[0])
        wanted = np.zeros([20, 3])
        for row, places in zip(above.reshape([-1, 3]), _contexts(_TOKENS, window)):
            for at in places:
                wanted[_TOKENS[at]] += row / len(places)
        result = self.run_graph(gradient)
        self.assert_close(result, wanted)
        # 4 has no neighbour, and 11 .. 19 do not occur.
        self.assertEqual(np.flatnonzero(~result.any(axis=1)).tolist(), [4] + list(range(11, 20)))


class PlacesTest(WindowsCase):

    @parameterized.parameters(model.skip_gram, model.cbow)
    def test_each_place_of_several_has_the_same_windows_as_alone(self, windows_of):
        places = np.random.RandomState(1).randint(END, 20, [3, 8 + 2 * 2])

        def windows(tokens):
            with tf.Graph().as_default():
                return self.run_graph(self._windows(
                    tokens, 2, 4, windows_of=windows_of, shrink=False)[1])

        alone = [windows(tokens) for tokens in places]
        for result, *wanted in zip(windows(places), *alone):
            np.testing.assert_array_equal(result, np.concatenate(wanted))

    def test_each_centre_draws_its_own_window(self):
        _, windows = self._windows(np.zeros([300, 4 + 2 * 3]), 3, 4)
        pairs = self.run_graph(windows).pairs
        self.assertEqual(pairs.shape, (300, 4, 10))
        counts = np.bincount(pairs.sum(2).astype(int).ravel())
        self.assertEqual(np.flatnonzero(counts).tolist(), [2, 4, 6])
        np.testing.assert_array_less(np.abs(counts[2::2] - 400), 5 * 20)


class TablesTest(graph_case.GraphCase):

    def test_initial_vectors_are_small(self):
        rows = self.run_graph(model.embeddings(200, 5, seed=1))
        self.assertEqual(rows.shape, (200, 5))
        self.assertLess(np.abs(rows).max(), 0.1)
        self.assertAlmostEqual(rows.std(), 0.2 / np.sqrt(12), delta=0.005)

    def test_given_vectors_are_the_initial_ones(self):
        initial = np.random.RandomState(1).standard_normal([300, 5]).astype(np.float32)
        initial[100:] = np.nan
        rows = self.run_graph(model.embeddings(300, 5, seed=1, initial=initial))
        np.testing.assert_array_equal(rows[:100], initial[:100])
        self.assertLess(np.abs(rows[100:]).max(), 0.1)
        self.assertAlmostEqual(rows[100:].std(), 0.2 / np.sqrt(12), delta=0.005)
        self.assertIn("embeddings", [variable.op.name for variable in tf.trainable_variables()])

    def test_given_output_vectors_are_the_initial_ones(self):
        initial = np.array([[1, 2], [np.nan, np.nan], [3, -4]], np.float32)
        weights, _ = model.output_table([3, 2, 1], 2, initial=initial)
        self.assertEqual(self.run_graph(weights).tolist(), [[1, 2], [0, 0], [3, -4]])
        self.assertIn(weights, tf.trainable_variables())

    def test_given_vectors_of_another_shape_are_an_error(self):
        for initial in (np.zeros([3, 4], np.float32), np.zeros([2, 2], np.float32)):
            with self.assertRaisesRegex(InputError, r"embeddings: initial: wanted shape \[3, 2\], got"):
                model.embeddings(3, 2, initial=initial)
            with self.assertRaisesRegex(InputError, r"output_weights: initial: wanted shape \[3, 2\]"):
                model.output_table([3, 2, 1], 2, initial=initial)

    def test_biases_are_log_frequencies_and_not_trained(self):
        weights, biases = model.output_table([7, 1, 0], 2)
        self.assert_close(self.run_graph(biases), np.log(np.array([8, 2, 1]) / 11))
        self.assertEqual(tf.trainable_variables(), [weights])

    def test_biases_of_a_relative_loss_are_zero_and_not_trained(self):
        weights, biases = model.output_table([7, 1, 0], 2, log_frequencies=False)
        self.assertEqual(self.run_graph(biases).tolist(), [0, 0, 0])
        self.assertEqual(tf.trainable_variables(), [weights])


class NoiseLogProbTest(graph_case.GraphCase):

    @parameterized.parameters("uniform", "log_uniform", "fixed_unigram", "in_batch")
    def test_noise_log_prob_equals_the_samplers_expected_counts(self, sampler):
        counts = np.array([50, 20, 9, 9, 2, 1])
        sampled = samplers.sample_by_name(sampler, tf.range(6), 4, counts, distortion=0.6)
        expected_count = self.run_graph(sampled.true_expected_count)
        self.assert_close(np.exp(model.noise_log_prob(sampler, counts, 0.6)),
                          expected_count.ravel() / expected_count.sum())

    @parameterized.parameters(*registry.SAMPLERS)
    def test_noise_log_prob_is_finite_and_sums_to_one(self, sampler):
        log_prob = model.noise_log_prob(sampler, np.array([50, 20, 9, 0]), 0.75)
        self.assertEqual((log_prob.dtype, log_prob.shape), (np.float32, (4,)))
        self.assertAlmostEqual(np.exp(log_prob).sum(), 1, places=5)

    def test_noise_of_all_classes_is_uniform_and_noise_of_labels_follows_frequencies(self):
        counts = np.array([6, 3, 1])
        self.assert_close(np.exp(model.noise_log_prob("all", counts, 0.75)), np.full(3, 1 / 3))
        self.assert_close(np.exp(model.noise_log_prob("learned_unigram", counts, 0.75)), counts / 10)


# The counts of the words of a topic, and equal counts.
_SHARES = {"uneven": np.array([0.3, 0.25, 0.2, 0.15, 0.1]), "even": np.full(5, 0.2)}


class LearningTest(graph_case.AsBuiltCase, graph_case.GraphCase):
    """Training on words of two topics that never occur together, so the result is known."""

    def _train(self, loss, sampler, optimizer="rowwise_adagrad", rate=0.3, topics=True,
               windows_of=model.skip_gram, shares="even"):
        """Train: return (share of nearest words of the same topic, full softmax losses [10])."""
        random = np.random.RandomState(1)
        lines = random.choice(5, [3000, 10], p=_SHARES[shares])
        lines += 5 * random.randint(0, 2, [3000, 1 if topics else 10])
        tokens = np.concatenate([np.append(line, END) for line in lines]).astype(np.int32)
        # Some samplers need words in falling order of their counts.
        counts = np.bincount(tokens[tokens != END])
        order = np.argsort(-counts, kind="stable")
        places = np.append(np.argsort(order), END)
        text = corpus.Corpus.from_tokens(list(map(str, order)), counts[order], places[tokens])
        is_relative = loss == "negative_sampling"
        table = model.embeddings(10, 8, seed=1)
        weights, biases = model.output_table(text.counts, 8, not is_relative)
        run = tf.placeholder(tf.int32, [512 + 4])
        windows = windows_of(table, run, 2, seed=1)
        sampled = None
        if loss not in registry.FULL_LOSSES:
            sampled = samplers.sample_by_name(sampler, windows.labels, 10, text.counts, distortion=0.75,
                                              seed=1, num_groups=16, label_mask=windows.label_mask)
        options = {"k": 5} if loss == "softmax_at_k" else {}
        total = tf.reduce_sum(losses.loss_by_name(loss, weights, biases, windows.labels, windows.inputs,
                                                  10, sampled, windows.pairs, **options))
        offset = model.noise_log_prob(sampler, text.counts, 0.75) if is_relative else 0.0
        full = losses.full_softmax_loss(weights, biases + offset, tf.range(10), table, 10)

        def batches(position):
            options = runs.RunOptions(np.ones(10), 512, window=2, epochs=3, seed=1)
            found = runs.runs(text, [(0, text.num_positions)], options, position)
            return (({run: tokens}, progress, after) for tokens, progress, after in found)

        folder = self.create_tempdir().full_path
        loop.train(plans.Plan(
            plans.Objective(total, total), plans.Data(batches, 1, "words"),
            plans.Optimization(registry.OPTIMIZERS[optimizer], rate), policy.Saving(folder)))
        with loop.restored_session(folder) as session:
            vectors, own = session.run([table, full])
        unit = evaluation.unit_rows(vectors)
        near = [order[evaluation.nearest(unit, i, 4)[0]] for i in range(10)]
        share = np.mean([n // 5 == order[i] // 5 for i, n in enumerate(near)])
        return share, own[np.argsort(order)]

    def _check(self, loss, sampler, **options):
        share, own = self._train(loss, sampler, shares="uneven", **options)
        self.assertEqual(share, 1)
        if loss not in ("gbce", "softmax_at_k"):
            # Among so few classes many negatives are hits, which negative sampling removes.
            tolerance = 0.5 if loss == "negative_sampling" else 0.25
            self.assert_close(own, -np.log(np.tile(_SHARES["uneven"], 2)), 0, tolerance)

    @parameterized.parameters(*sorted(
        {(loss, "fixed_unigram") for loss in [*registry.LOSSES, *registry.FULL_LOSSES]}
        | {(loss, sampler) for loss in ("nce", "negative_sampling") for sampler in registry.SAMPLERS}))
    def test_skip_gram_learns_the_topics(self, loss, sampler):
        self._check(loss, sampler)

    @parameterized.parameters(("full_softmax", "uniform"), ("nce", "uniform"),
                              ("negative_sampling", "fixed_unigram"))
    def test_cbow_learns_the_topics(self, loss, sampler):
        self._check(loss, sampler, windows_of=model.cbow)

    @parameterized.parameters(("adagrad", 0.2), ("adam", 0.05), ("sgd", 0.005))
    def test_every_optimizer_learns_the_topics(self, optimizer, rate):
        self.assertEqual(self._train("nce", "uniform", optimizer, rate)[0], 1)

    def test_random_text_teaches_nothing(self):
        share, own = self._train("nce", "uniform", topics=False)
        self.assertLess(share, 0.8)
        self.assert_close(own, np.full(10, np.log(10)), 0.1)


if __name__ == "__main__":
    absltest.main()
