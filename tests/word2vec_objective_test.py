"""Tests of the graph of a training: labels, losses, and trained variables."""
import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tf1_sampled import InputError
from tf1_sampled.word2vec import corpus, model, objective, reading, runs
from tf1_sampled.word2vec.settings import Word2VecSettings

COUNTS = np.array([5, 4, 3, 2, 1])
TOKENS = np.array([0, 1, 2, -1, 3, 0, 4, 1], np.int32)


class ObjectiveTest(parameterized.TestCase):

    def build(self, **values):
        """Build with a window of 2 and 128 words per step: return (Graph, session)."""
        graph = tf.Graph()
        self.enter_context(graph.as_default())
        settings = Word2VecSettings(**dict(dict(window=2, dim=3, seed=3), **values))
        text = reading.Text(corpus.Corpus.from_tokens("abcde", COUNTS, TOKENS), [(0, 8)],
                            np.zeros([1, 36], np.int32), 7, reading.initial_vectors(settings), 3)
        tf.set_random_seed(3)
        built = objective.build(settings, text, runs.GROUP, [runs.BLOCK + 4])
        session = self.enter_context(tf.Session())
        session.run(tf.global_variables_initializer())
        return built, session

    def run_of(self, size):
        """Return the tokens of a run: TOKENS after two of context, END elsewhere."""
        run = np.full(size + 4, corpus.END, np.int32)
        run[2:2 + len(TOKENS)] = TOKENS
        return run

    def feed(self, graph):
        return {graph.tokens: self.run_of(runs.GROUP)[None]}

    @parameterized.parameters("cbow", "skipgram")
    def test_labels_are_words_of_the_run(self, name):
        graph, session = self.build(model=name)
        labels = session.run(graph.labels, self.feed(graph))
        first = labels[0][:8] if name == "cbow" else labels[0][2:10]
        np.testing.assert_array_equal(first, np.maximum(TOKENS, 0))

    def held_out_loss(self, **values):
        """Return (the initial mean held-out loss, when all output vectors are 0; the biases)."""
        graph, session = self.build(model="cbow", **values)
        total, pairs = session.run([graph.held_out_loss, graph.held_out_pairs],
                                   {graph.held_out: self.run_of(runs.BLOCK)})
        self.assertEqual(pairs, 7)
        biases, = [v for v in tf.global_variables() if v.op.name == "output_biases"]
        return total / pairs, session.run(biases).astype(np.float64)

    def test_the_initial_held_out_loss_is_that_of_the_biases(self):
        loss, biases = self.held_out_loss(loss="full_softmax")
        self.assertLen(set(biases), 5)
        log_prob = biases - np.log(np.sum(np.exp(biases)))
        self.assertAlmostEqual(loss, -np.mean(log_prob[TOKENS[TOKENS >= 0]]), places=5)

    @parameterized.parameters(0.0, 0.5, 1.0)
    def test_scores_of_negative_sampling_are_relative_to_the_noise(self, distortion):
        loss, biases = self.held_out_loss(distortion=distortion)
        np.testing.assert_array_equal(biases, 0)
        noise = COUNTS ** distortion / np.sum(COUNTS ** distortion)
        self.assertAlmostEqual(loss, -np.mean(np.log(noise)[TOKENS[TOKENS >= 0]]), places=5)

    def test_the_loss_is_the_sum_over_pairs_and_l2(self):
        plain, with_l2 = [], []
        path = self.create_tempfile("v.txt", "2 3\nb 1 2 3\ne 4 5 6\n").full_path
        for values, found in ((dict(), plain), (dict(l2=0.5), with_l2)):
            graph, session = self.build(loss="full_softmax", shrink_window=False,
                                        init_from=[path, path], **values)
            found += session.run([graph.loss, graph.mean_loss], self.feed(graph))
        # Pairs of the sentences of 3 and 4 words: 6 + 10.
        self.assertAlmostEqual(plain[0], 16 * plain[1], places=4)
        self.assertAlmostEqual(with_l2[1], plain[1], places=5)
        rows, output_rows = session.run(tf.trainable_variables())
        used = np.maximum(self.run_of(runs.GROUP)[2:-2], 0)  # class 0 stands in for END
        labels = session.run(graph.labels, self.feed(graph))
        wanted = 0.5 * (np.sum(rows[used] ** 2) + np.sum(output_rows[labels] ** 2)) / 2
        np.testing.assert_allclose(with_l2[0] - plain[0], wanted, rtol=1e-5)

    @parameterized.product(loss=["nce", "sampled_softmax", "full_softmax"], name=["cbow", "skipgram"])
    def test_both_tables_are_trained_and_the_hit_rate_is_watched(self, loss, name):
        graph, session = self.build(loss=loss, model=name, num_sampled=3)
        variables = {variable.op.name: variable for variable in tf.global_variables()}
        tables = [variables[table] for table in (model.EMBEDDINGS, model.OUTPUT_WEIGHTS)]
        self.assertNotIn(None, tf.gradients(graph.loss, tables))
        self.assertEqual({variable.op.name for variable in tf.trainable_variables()},
                         {model.EMBEDDINGS, model.OUTPUT_WEIGHTS})
        self.assertEqual(set(graph.watch), set() if loss == "full_softmax" else {"accidental_hit_rate"})

    def test_at_k_above_the_number_of_negatives_is_an_error(self):
        with self.assertRaises(InputError) as caught:
            self.build(loss="softmax_at_k", num_sampled=9)
        self.assertEqual(str(caught.exception), "Word2VecSettings: at_k: wanted at most the number of "
                                                "negatives, 9, got 20")
        self.build(loss="softmax_at_k", num_sampled=20)

    def test_initial_vectors_are_the_values_of_the_tables(self):
        path = self.create_tempfile("v.txt", "2 3\nb 1 2 3\ne 4 5 6\n").full_path
        graph, session = self.build(init_from=[path, path])
        for variable in tf.trainable_variables():
            np.testing.assert_array_equal(session.run(variable)[[1, 4]], [[1, 2, 3], [4, 5, 6]])


if __name__ == "__main__":
    absltest.main()
