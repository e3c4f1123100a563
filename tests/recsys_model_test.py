import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case
from tf1_sampled import InputError, losses, samplers, tables, training
from tf1_sampled.recsys import evaluation, events, model


class PoolHistoriesTest(graph_case.GraphCase):

    def test_is_the_mean_of_each_slice(self):
        random = np.random.RandomState(1)
        rows = random.randn(500, 6)
        begin = random.randint(0, 499, 200)
        end = begin + 1 + random.randint(0, 500 - begin, 200) % 50
        end = np.minimum(end, 500)
        pooled = self.run_graph(model.pool_histories(tf.constant(rows, tf.float32), begin, end))
        self.assert_close(pooled, [rows[b:e].mean(0) for b, e in zip(begin, end)], 1e-4, 1e-5)

    def test_gradient_reaches_each_row_of_the_slice_alike(self):
        rows = tf.ones([5, 1])
        pooled = model.pool_histories(rows, [1], [4])
        self.assert_close(self.run_graph(tf.gradients(pooled, rows)[0])[:, 0],
                          [0, 1 / 3, 1 / 3, 1 / 3, 0])


class YouTubeDNNTest(graph_case.GraphCase):

    def _histories(self):
        return model.Histories(tf.constant([3, 1, 4, 1, 0]), tf.constant([0, 2]), tf.constant([2, 5]))

    @parameterized.product(similarity=model.SIMILARITIES, hidden=[(), (7,), (6, 5)])
    def test_is_the_papers_tower(self, similarity, hidden):
        net = model.YouTubeDNN([5, 4, 3, 2, 1], 4, hidden, similarity, 0.5, seed=1)
        vectors = net.user_vectors(self._histories())
        scores = net.scores(vectors)
        variables = {v.op.name: v for v in tf.global_variables()}
        values, vectors, scores = self.run_graph([variables, vectors, scores])
        layer = np.array([values["item_embeddings"][ids].mean(0) for ids in ([3, 1], [4, 1, 0])])
        for number in range(1, len(hidden) + 1):
            name = "hidden_%d/" % number
            layer = layer @ values[name + "kernel"] + values[name + "bias"]
            if number < len(hidden):
                layer = np.maximum(layer, 0)
        rows = values["class_weights"]
        if similarity == "cosine":
            layer = layer / np.linalg.norm(layer, axis=1, keepdims=True)
            rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        self.assert_close(vectors, layer / 0.5, 1e-4)
        bias = np.log(np.array([6, 5, 4, 3, 2]) / 20)
        self.assert_close(scores, layer @ rows.T / 0.5 + bias, 1e-4)
        self.assertEqual(vectors.shape[1], net.vector_size)

    def test_parts_built_twice_share_their_variables(self):
        net = model.YouTubeDNN([2, 1], 3, (4,))
        first, second = (net.user_vectors(model.Histories([1], [0], [1])) for _ in range(2))
        self.assertLen(tf.trainable_variables(), 3)
        self.assert_close(*self.run_graph([first, second]))

    def test_wrong_settings_are_named(self):
        for options, message in [(dict(dim=0), "dim: wanted an integer above 0"),
                                 (dict(hidden=(4, -1)), "hidden: wanted an integer above 0, got -1"),
                                 (dict(similarity="angle"), "similarity: wanted one of cosine, dot"),
                                 (dict(temperature=0), "temperature: wanted a number above 0")]:
            with self.assertRaisesRegex(InputError, message):
                model.YouTubeDNN(**dict(dict(item_counts=[1, 2], dim=3), **options))


def _write_events(case, follows):
    """A file of users who go through 40 items, each next one by `follows`."""
    random = np.random.RandomState(1)
    lines = ["user\titem\n"]
    for user in range(400):
        item = random.randint(40)
        for _ in range(8):
            lines.append("u%d\ti%d\n" % (user, item))
            item = follows(item, random)
    return case.create_tempfile("events.tsv", "".join(lines)).full_path


class EpochsOfBatchesTest(graph_case.GraphCase):

    def test_progress_rises_to_one_over_all_epochs(self):
        data = events.read_events(_write_events(self, lambda item, _: (item + 1) % 40), 1)
        ends = events.split_last(data).train_ends
        batches = list(events.epochs_of_batches(data, ends, 5, 64, 3, np.random.RandomState(1)))
        done = np.cumsum([len(batch.labels) for batch, _ in batches])
        self.assertEqual(done[-1], 3 * 400 * 5)
        self.assert_close([progress for _, progress in batches], done / done[-1])


class LearningTest(graph_case.GraphCase):
    """Each item is followed by the next one, or by any: what can be learned is known."""

    def _hit_rate(self, follows, loss, sampler, optimizer, rate, **options):
        data = events.read_events(_write_events(self, follows), min_item_count=1)
        split = events.split_last(data)
        num_items = len(data.item_names)
        net = model.YouTubeDNN(data.item_counts, 16, seed=1, **options)
        inputs, labels = model.history_placeholders(), tf.placeholder(tf.int32, [None])
        vectors = net.user_vectors(inputs)
        weights, biases = net.class_table()
        size = num_items if sampler == "all" else 10
        sampled = samplers.sample_by_name(sampler, labels, size, data.item_counts, unique=True,
                                          seed=1)
        more = {"k": 5} if loss == "softmax_at_k" else {}
        value = tf.reduce_mean(tables.LOSSES[loss](weights, biases, labels, vectors, size, num_items,
                                                   sampled_values=sampled, **more))
        # A history of one event: which one comes next hangs on the last one alone.
        batches = (({labels: b.labels, **model.feed(inputs, b)}, p)
                   for b, p in events.epochs_of_batches(data, split.train_ends, 1, 64, 20,
                                                        np.random.RandomState(1)))
        folder = self.create_tempdir().full_path
        training.train(value, value, tables.OPTIMIZERS[optimizer], rate, batches, 1, "examples",
                       folder)
        test = events.held_out(data, split)[1]
        given = tf.placeholder(tf.float32, [None, 16])
        scores = net.scores(given)
        full = losses.full_softmax_loss(weights, biases, labels, given, num_items)
        with training.restored_session(folder) as session:
            known = model.embed_users(session, vectors, inputs, data, test, 1, block=100)
            metrics = evaluation.evaluate(lambda rows: session.run(scores, {given: known[rows]}),
                                          np.arange(len(known)), test.items, test.seen, num_items, [1])
            loss = training.mean_in_blocks(session, full, {given: known, labels: test.items})
        return metrics["HR@1"], loss

    @parameterized.parameters(*[(loss, "uniform") for loss in sorted(tables.LOSSES)] + [
        ("sampled_softmax", sampler) for sampler in sorted(tables.SAMPLERS) if sampler != "uniform"])
    def test_the_next_item_is_found(self, loss, sampler):
        hit_rate, full_loss = self._hit_rate(lambda item, _: (item + 1) % 40, loss, sampler, "adam",
                                             0.03, similarity="cosine", temperature=0.1)
        self.assertGreater(hit_rate, 0.95)
        if loss in ("nce", "refined_sampled_softmax", "sampled_softmax"):
            self.assertLess(full_loss, 0.7)

    @parameterized.parameters(dict(similarity="dot"),
                              dict(similarity="cosine", temperature=0.1, hidden=(32, 16)))
    def test_other_models_find_it_too(self, **options):
        hit_rate, _ = self._hit_rate(lambda item, _: (item + 1) % 40, "sampled_softmax", "uniform",
                                     "adam", 0.02, **options)
        self.assertGreater(hit_rate, 0.95)

    def test_nothing_is_found_where_nothing_is(self):
        hit_rate, full_loss = self._hit_rate(lambda _, random: random.randint(40), "sampled_softmax",
                                             "uniform", "adam", 0.002, similarity="dot")
        self.assertLess(hit_rate, 0.1)
        self.assert_close(full_loss, np.log(40), 0.1)


if __name__ == "__main__":
    absltest.main()
