import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case
from tf1_sampled import InputError, losses, samplers, tables, training
from tf1_sampled.word2vec import corpus, evaluation, model
from tf1_sampled.word2vec.corpus import END


class SkipGramTest(graph_case.GraphCase):

    def _windows(self, tokens, window, block, dim=3):
        table = model.embeddings(20, dim, seed=1)
        return table, model.skip_gram(table, tf.constant(tokens, tf.int32), window, seed=1,
                                      block=block)

    def _pairs(self, windows):
        """{(place of the centre, place of the context)} of all pairs."""
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
        np.testing.assert_array_equal(result.centres.ravel(), tokens[window:-window])
        self.assert_close(result.inputs, rows[result.centres])
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

    def test_no_pair_over_the_end_of_a_sentence(self):
        tokens = [0, 1, END, 2, 3, END, END, 4, 5, 6]
        _, windows = self._windows(tokens, 2, 3)
        for _ in range(20):
            result = self.run_graph(windows)
            for centre, context in self._pairs(result):
                between = tokens[min(centre, context) + 2:max(centre, context) + 3]
                self.assertNotIn(END, between)
        self.assertEqual(result.pairs.shape, (2, 3, 7))

    def test_length_is_checked(self):
        with self.assertRaisesRegex(InputError, "tokens: wanted a length of blocks of 4"):
            self._windows(np.zeros(13), 2, 4)

    def test_biases_are_log_frequencies_and_not_trained(self):
        _, biases = model.output_table([7, 1, 0], 2)
        self.assert_close(self.run_graph(biases), np.log(np.array([8, 2, 1]) / 11))
        self.assertNotIn(biases, tf.trainable_variables())


class LearningTest(graph_case.GraphCase):
    """Words of two topics that never meet: what is learned is known beforehand."""

    def _train(self, loss, sampler, optimizer, rate, topics=True):
        random = np.random.RandomState(1)
        lines = 5 * random.randint(0, 2, 3000)[:, None] + random.randint(0, 5, [3000, 10])
        if not topics:
            lines = random.randint(0, 10, [3000, 10])
        tokens = np.concatenate([np.append(line, END) for line in lines]).astype(np.int32)
        counts = np.bincount(tokens[tokens != END])
        table = model.embeddings(10, 8, seed=1)
        weights, biases = model.output_table(counts, 8)
        run = tf.placeholder(tf.int32, [512 + 4])
        windows = model.skip_gram(table, run, 2, seed=1)
        sampled = samplers.sample_by_name(sampler, windows.labels, 10, counts, seed=1, num_groups=16,
                                          label_mask=windows.label_mask)
        options = {"k": 5} if loss == "softmax_at_k" else {}
        pair_losses = tables.LOSSES[loss](weights, biases, windows.labels, windows.inputs, 10, 10,
                                          sampled_values=sampled, pairs=windows.pairs, **options)
        total = tf.reduce_sum(pair_losses)
        batches = (({run: r}, p) for r, p in corpus.runs(tokens, np.ones(10), 512, 2, 3, random))
        folder = self.create_tempdir().full_path
        training.train(total, total, tables.OPTIMIZERS[optimizer], rate, batches, 1, "words", folder)
        full = losses.full_softmax_loss(weights, biases, tf.range(10), table, 10)
        with training.restored_session(folder) as session:
            vectors, own = session.run([table, full])
        unit = evaluation.unit_rows(vectors)
        near = [evaluation.nearest(unit, i, 4)[0] for i in range(10)]
        return np.mean([n // 5 == i // 5 for i, n in enumerate(near)]), own

    @parameterized.parameters(*[(loss, "uniform") for loss in sorted(tables.LOSSES)] + [
        ("nce", sampler) for sampler in sorted(tables.SAMPLERS) if sampler != "uniform"])
    def test_neighbours_are_of_one_topic(self, loss, sampler):
        share, own = self._train(loss, sampler, "rowwise_adagrad", 0.3)
        self.assertEqual(share, 1)
        if loss in ("nce", "refined_sampled_softmax", "sampled_softmax"):
            # Each topic has five words, about as frequent.
            # Labels of a block are draws that come in lumps, and so teach less.
            self.assert_close(own, np.full(10, np.log(5)), 0.2 if "in_batch" in sampler else 0.1)

    @parameterized.parameters(("adagrad", 0.2), ("adam", 0.05), ("sgd", 0.005))
    def test_optimizers_learn_it_too(self, optimizer, rate):
        self.assertEqual(self._train("nce", "uniform", optimizer, rate)[0], 1)

    def test_nothing_is_learned_where_nothing_is(self):
        share, own = self._train("nce", "uniform", "rowwise_adagrad", 0.3, topics=False)
        self.assertLess(share, 0.8)
        self.assert_close(own, np.full(10, np.log(10)), 0.1)


if __name__ == "__main__":
    absltest.main()
