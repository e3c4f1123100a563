"""Tests of the graph of a training: its parts, and its losses with the settings."""
import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case
from tf1_sampled import logits
from tf1_sampled.recsys import batches, feeds, item_features, objective, reading
from tf1_sampled.recsys.settings import RecsysSettings

_USERS = np.repeat(np.arange(6), 5)
_ITEMS = (_USERS + np.tile(np.arange(5), 6)) % 7


_FEATURES = item_features.ItemFeatures(
    np.arange(8), np.int32(np.arange(7) % 2), np.ones(7, np.float32), ["even", "odd"])


def _data(with_times=False, **values):
    few = dict(dim=4, min_count=1, k=[2], num_sampled=3, batch_size=8)
    settings = RecsysSettings(**dict(few, **values))
    arrays = (_USERS, _ITEMS, np.tile(np.arange(5), 6) if with_times else None)
    return settings, reading.read(settings, reading.Sources(arrays), lambda line: None).events


class BuildTest(graph_case.GraphCase):

    def _build(self, featured=False, **values):
        """Return (settings, objective.Graph, the feed of a step)."""
        settings, events = _data(**values)
        graph = objective.build(settings, events, _FEATURES if featured else None)
        fed = feeds.Fed(graph.inputs, graph.labels, graph.known, graph.weights)
        feed = next(iter(feeds.epochs_of_feeds(
            events, fed, reading.batch_plan(settings, events))))[0]
        return settings, graph, feed

    @parameterized.parameters(
        ({},), ({"loss": "full_softmax"},), ({"loss": "nce", "similarity": "dot", "hidden": [5, 4]},),
        ({"sampler": "in_batch+uniform", "remove_known": True, "hard_negatives": 2},),
        ({"sampler": "all", "loss": "refined_sampled_softmax", "class_rows": "shared"},),
        ({"context": "others", "user_rows": True, "dropout": 0.5, "history_length": 0},),
        ({"example_age": True, "with_times": True},), ({"featured": True},), ({"pooling": "mean"},),
        ({"hidden": [5, 4], "num_poolings": 3, "dropout": 0.5, "history_length": 2},),
        ({"featured": True, "loss": "full_softmax", "hidden": [5, 4]},),
        ({"featured": True, "hard_negatives": 2, "class_rows": "shared",
          "optimizer": "rowwise_adagrad"},),
        ({"featured": True, "sampler": "in_batch", "loss": "softmax_at_k", "at_k": 1},))
    def test_all_variables_learn_from_a_finite_loss(self, values):
        _, graph, feed = self._build(**values)
        variables = tf.trainable_variables()
        for variable, gradient in zip(variables, tf.gradients(graph.loss, variables)):
            self.assertIsNotNone(gradient, variable.op.name)
        losses = self.run_graph([graph.loss, graph.mean_loss], feed)
        self.assertTrue(np.isfinite(losses).all())
        self.assertEqual(losses[0], losses[1])  # without L2
        self.assertEqual(set(graph.watch), set() if values.get("loss") == "full_softmax" else {
            "accidental_hit_rate"})

    @parameterized.parameters(False, True)
    def test_l2_loss_is_that_of_the_rows_in_use(self, featured):
        settings, graph, feed = self._build(featured, l2=0.3, sampler="all")
        embeddings, rows = (logits.whole_table(table, 7) for table in (
            graph.network.item_embeddings(), graph.network.class_rows()))
        loss, mean_loss, embeddings, rows = self.run_graph(
            [graph.loss, graph.mean_loss, embeddings, rows], feed)
        labels, items = feed[graph.labels], feed[graph.inputs.items]
        used = np.concatenate([labels, np.arange(7)])  # labels, and all items as negatives
        total = 0.5 * (np.sum(embeddings[items] ** 2) + np.sum(rows[used] ** 2))
        self.assertAlmostEqual(loss - mean_loss, settings.l2 * total / len(labels), places=5)

    def test_the_l2_loss_of_a_full_loss_has_no_negatives(self):
        settings, graph, feed = self._build(l2=0.3, loss="full_softmax")
        embeddings, rows = (logits.whole_table(table, 7) for table in (
            graph.network.item_embeddings(), graph.network.class_rows()))
        loss, mean_loss, embeddings, rows = self.run_graph(
            [graph.loss, graph.mean_loss, embeddings, rows], feed)
        labels, items = feed[graph.labels], feed[graph.inputs.items]
        total = 0.5 * (np.sum(embeddings[items] ** 2) + np.sum(rows[labels] ** 2))
        self.assertAlmostEqual(loss - mean_loss, settings.l2 * total / len(labels), places=5)

    def test_the_full_loss_is_of_all_items(self):
        _, graph, _ = self._build(similarity="dot", frequency_bias=0.7)
        vectors = np.random.RandomState(1).randn(3, 4).astype(np.float32)
        labels = [6, 0, 2]
        with self.new_session() as session:
            got = session.run(graph.full_losses, {graph.vectors: vectors, graph.labels: labels})
            rows = session.run(logits.whole_table(graph.network.class_rows(), 7))
            biases = session.run(graph.network.class_table()[1])
        scores = vectors.dot(rows.T) + biases
        wanted = np.log(np.exp(scores).sum(1)) - scores[np.arange(3), labels]
        np.testing.assert_allclose(got, wanted, rtol=1e-5)

    def test_examples_have_the_weights_of_their_events(self):
        settings, events = _data(loss="full_softmax", batch_size=100, dropout=0)
        self.assertIsNone(objective.build(settings, events).weights)
        graphs = []
        for weights in (None, np.random.RandomState(1).uniform(1, 5, len(events.items)).astype("f")):
            with tf.Graph().as_default():
                weighted = events._replace(weights=weights)
                built = objective.build(settings, weighted)
                fed = feeds.Fed(built.inputs, built.labels, weights=built.weights)
                feed = next(iter(feeds.epochs_of_feeds(
                    weighted, fed, reading.batch_plan(settings, weighted))))[0]
                users = built.network.user_vectors(built.inputs)
                with self.new_session() as session:
                    vectors = session.run(users, feed)
                    each = session.run(built.full_losses, {
                        built.vectors: vectors, built.labels: feed[built.labels]})
                    graphs.append((session.run(built.mean_loss, feed), each, feed.get(built.weights)))
        self.assertAlmostEqual(graphs[0][0], graphs[0][1].mean(), places=5)
        self.assertAlmostEqual(graphs[1][0], np.average(graphs[1][1], weights=graphs[1][2]), places=5)
        self.assertNotAlmostEqual(graphs[0][0], graphs[1][0], places=3)

    def test_known_items_are_fed_if_they_are_removed(self):
        self.assertIsNone(self._build()[1].known)
        _, graph, feed = self._build(remove_known=True)
        self.assertLessEqual(set(graph.known), set(feed))


class NegativesTest(graph_case.GraphCase):

    def _sampled(self, **values):
        settings, events = _data(**values)
        users = tf.constant(np.random.RandomState(1).randn(2, 4).astype(np.float32))
        classes = (tf.constant(np.eye(7, 4).astype(np.float32)), tf.zeros([7]))
        return objective.draw_negatives(
            settings, events, tf.constant([0, 1]), users, classes, tf.constant([1, 2], tf.int64))

    @parameterized.parameters(({}, 3), ({"sampler": "all"}, 7), ({"sampler": "in_batch"}, 2),
                              ({"hard_negatives": 2}, 5), ({"num_sampled": 6}, 6))
    def test_number_of_negatives(self, values, wanted):
        sampled, known = self._sampled(**values)
        self.assertLen(self.run_graph(sampled.sampled_candidates), wanted)
        self.assertIsNone(known)

    def test_full_loss_has_no_negatives(self):
        self.assertEqual(self._sampled(loss="full_softmax"), (None, None))

    def test_known_items_are_removed_from_the_negatives(self):
        sampled, known = self._sampled(sampler="all", remove_known=True)
        feed = {known.items: [3, 5], known.rows: [0, 0], known.row_of_example: [0, 0]}
        with self.new_session() as session:
            counts = session.run(sampled.sampled_expected_count, feed)
            ids = session.run(sampled.sampled_candidates, feed)
        self.assertEqual(counts.shape, (2, 7))  # for each example
        for row in counts:
            self.assertCountEqual(ids[row == np.finfo(np.float32).max], [3, 5])


class NetworkTest(graph_case.GraphCase):

    def test_the_settings_reach_the_model(self):
        settings, events = _data(
            with_times=True, hidden=[6, 5], similarity="dot", temperature=0.7, dropout=0.2,
            pooling_power=0.5, frequency_bias=0.4, user_rows=True, example_age=True, history_length=7,
            num_poolings=2)
        network = objective.make_network(settings, events)
        self.assertEqual(network.architecture._asdict(), dict(
            dim=4, hidden=(6, 5), similarity="dot", temperature=0.7, pooling_power=0.5,
            class_rows="own", dropout=0.2, frequency_bias=0.4, num_positions=7, num_poolings=2))
        self.assertEqual((network.num_users, network.seed), (6, 1))
        self.assertEqual(network.age_unit, np.ptp(feeds.training_span(events)))

    def test_user_rows_and_ages_are_optional(self):
        network = objective.make_network(*_data())
        self.assertEqual((network.num_users, network.age_unit, network.context), (0, 0, {}))
        self.assertIn(_data()[0].context, batches.CONTEXTS)


if __name__ == "__main__":
    absltest.main()
