import collections
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import cluster_case, graph_case
from tf1_sampled import initializers, logits, losses, registry, samplers
from tf1_sampled.cluster import placement
from tf1_sampled.recsys import item_features, model
from tf1_sampled.training import checkpoints, policy, steps


def _table(name, shape, initializer=None):
    return tf.get_variable(name, shape, initializer=initializer or initializers.random_normal(1.0, 3),
                           use_resource=True)


def _parts(table):
    """Return the numbers of rows of the parts of a table, or None if it is not partitioned."""
    return [part.shape.as_list()[0] for part in table] if hasattr(table, "_get_partitions") else None


class CutTablesTest(graph_case.GraphCase):

    @parameterized.parameters(
        ([1000, 64], 2, [500, 500]), ([1001, 64], 3, [334, 334, 333]), ([100, 64], 2, [100]),
        ([32768 * 3, 1], 8, [16384] * 6), ([64], 2, None), ([300, 64], 2, [300]),
        ([1000, 64], 1, [1000]))
    def test_parts_of_64_kib_or_more(self, shape, num_ps, wanted):
        placement.cut_tables(cluster_case.a_worker(num_ps))
        table = _table("t", shape)
        self.assertEqual(_parts(table), wanted)

    def test_no_part_is_larger_than_a_message(self):
        placement.cut_tables(cluster_case.a_worker(2))
        with mock.patch.object(placement, "_MAX_PART_BYTES", 1 << 16):
            self.assertEqual(_parts(_table("t", [1024, 64])), [256] * 4)

    def test_variables_that_are_not_trained_have_one_part(self):
        placement.cut_tables(cluster_case.a_worker())
        self.assertIsNone(_parts(tf.get_variable("t", [1000, 64], trainable=False)))

    def test_without_a_cluster_tables_have_one_part(self):
        placement.cut_tables(None)
        self.assertIsNone(_parts(_table("t", [1000, 64])))

    def test_rows_of_parts_begin_differently_and_those_in_memory_as_they_are(self):
        placement.cut_tables(cluster_case.a_worker())
        array = np.random.RandomState(1).normal(size=[1000, 64]).astype(np.float32)
        drawn, given = _table("drawn", [1000, 64]), _table("given", [1000, 64],
                                                           initializers.from_memory(array))
        values = self.run_graph([logits.whole_table(t, 1000) for t in (drawn, given)])
        self.assertLen(np.unique(values[0][:, 0]), 1000)
        self.assertBetween(np.std(values[0]), 0.98, 1.02)
        np.testing.assert_array_equal(values[1], array)

    @parameterized.parameters(*registry.OPTIMIZERS)
    def test_checkpoints_are_those_of_whole_tables_with_their_slots(self, optimizer):
        folder = self.create_tempdir().full_path
        results = []
        for number, which in enumerate((None, cluster_case.a_worker(2), cluster_case.a_worker(3), None)):
            with tf.Graph().as_default():
                placement.cut_tables(which)
                table = _table("t", [1000, 64])
                loss = tf.reduce_sum(tf.square(logits.lookup(table, tf.constant([7, 7, 600, 999])) - 1))
                global_step = tf.train.create_global_step()
                train_op = registry.OPTIMIZERS[optimizer](0.01).minimize(loss, global_step)
                whole = logits.whole_table(table, 1000)
                store = checkpoints.Checkpoints(policy.Saving(folder), lambda line: None)
                with self.new_session() as session:
                    if number:
                        self.assertIsNotNone(store.restore(session))
                    results.append(session.run(whole))
                    session.run(train_op)
                    results.append(session.run(whole))
                    store.save(session, number)
        for after, before in zip(results[1::2], results[2::2]):
            np.testing.assert_array_equal(after, before)
        # Three further steps, with any parts, equal those on one machine.
        with tf.Graph().as_default():
            table = _table("t", [1000, 64])
            loss = tf.reduce_sum(tf.square(tf.gather(table, [7, 7, 600, 999]) - 1))
            train_op = registry.OPTIMIZERS[optimizer](0.01).minimize(loss)
            with self.new_session() as session:
                session.run(table.assign(results[0]))
                for _ in range(4):
                    session.run(train_op)
                # With parts, a repeated row has one gradient, the sum.
                rows = np.arange(1000) != 7
                self.assert_close(results[-1][rows], session.run(table)[rows])


class PlacedTest(graph_case.GraphCase):

    def _recommender(self, which, features=None):
        """Return the train op of a small recommender."""
        placement.cut_tables(which)
        net = model.Network(np.arange(1, 2001), model.Architecture(16, [32, 16], num_positions=5),
                            num_users=2100, features=features)
        inputs = model.placeholders(net, training=True)
        labels = tf.placeholder(tf.int32, [None])
        weights, biases = net.class_table()
        sampled = samplers.sample_by_name("learned_unigram", labels, 8, net.item_counts, seed=1)
        loss = tf.reduce_mean(losses.sampled_softmax_loss(
            weights, biases, labels, net.user_vectors(inputs, True), 8, 2000, sampled_values=sampled))
        return steps.minimize(loss, registry.OPTIMIZERS["adam"](0.01))

    def test_rows_of_features_are_on_servers_and_their_ids_on_the_worker(self):
        which = cluster_case.a_worker()
        self._recommender(which, item_features.ItemFeatures(
            np.arange(2001), np.int32(np.arange(2000) % 7), np.ones(2000, np.float32), list("abcdefg")))
        graph = tf.get_default_graph()
        with placement.placed(graph, which):
            places = {op.name: op.device for op in graph.get_operations()}
        tables = [v for v in tf.trainable_variables() if "_features" in v.op.name]
        self.assertLen(tables, 2)
        for table in tables:
            self.assertStartsWith(places[table.op.name], "/job:ps/")
        for name in ("starts", "ids", "weights"):
            self.assertStartsWith(places["features/" + name], "/job:worker/")

    def test_each_op_is_placed_and_restored_afterwards(self):
        which = cluster_case.a_worker()
        self._recommender(which)
        graph = tf.get_default_graph()
        before = {op.name: op.device for op in graph.get_operations()}
        with placement.placed(graph, which):
            places = {op.name: op.device for op in graph.get_operations()}
        self.assertEqual({op.name: op.device for op in graph.get_operations()}, before)
        self.assertEqual({place.partition("/device")[0] for place in places.values()},
                         {"/job:ps/task:0", "/job:ps/task:1", "/job:worker/task:0"})
        for variable in tf.global_variables():
            self.assertStartsWith(places[variable.op.name], "/job:ps/")
        load = collections.Counter()
        for variable in tf.global_variables():
            load[places[variable.op.name]] += variable.shape.num_elements() * variable.dtype.size
        least, most = sorted(load.values())
        self.assertLess(most / least, 1.2)
        # Slots and their updates are on the server of the part, except reads of Adam's two powers.
        for part in "01":
            of_part = {place for name, place in places.items()
                       if name.startswith(("user_embeddings/part_%s/Adam" % part,
                                           "Adam/update_user_embeddings/part_%s/" % part))
                       and "/ReadVariableOp" not in name}
            self.assertEqual(of_part, {places["user_embeddings/part_%s" % part]})

    def test_a_variable_can_be_placed_on_the_first_server(self):
        which, small = cluster_case.a_worker(3), tf.get_variable("small", [], use_resource=True)
        for sizes in ([], [5], [5, 5], [7, 5, 9, 2]):
            for size in sizes:
                tf.get_variable("v%d" % len(tf.global_variables()), [size])
            with placement.placed(small.graph, which, at_first=[small]):
                self.assertStartsWith(small.op.device, "/job:ps/task:0/")
                self.assertStartsWith(small.initializer.device, "/job:ps/task:0/")

    def test_only_rows_of_the_batch_are_sent(self):
        which = cluster_case.a_worker()
        train_op = self._recommender(which)
        graph = tf.get_default_graph()
        sizes = set()
        with placement.placed(graph, which):
            waiting, seen = [train_op], set()
            while waiting:
                op = waiting.pop()
                if op in seen:
                    continue
                seen.add(op)
                waiting += list(op.control_inputs) + [tensor.op for tensor in op.inputs]
                for tensor in op.inputs:
                    if tensor.dtype != tf.resource and tensor.op.device.partition("/device")[0] != (
                            op.device.partition("/device")[0]):
                        sizes.add((tensor.name, tensor.shape.num_elements()))
        self.assertNotEmpty([size for _, size in sizes if size is None])  # rows, as many as a batch has
        # Layers are sent completely; each part of a table has at least 16,000 numbers.
        self.assertLessEqual(max(size or 0 for _, size in sizes), 32 * 32)

    def test_reference_variables_are_looked_up_on_their_server(self):
        table = tf.get_variable("t", [1000, 64], use_resource=False)
        rows = tf.gather(table, [1, 2])
        step = tf.train.GradientDescentOptimizer(1).minimize(tf.reduce_sum(rows))
        which = cluster_case.a_worker(1)
        with placement.placed(tf.get_default_graph(), which):
            self.assertStartsWith(rows.op.device, "/job:ps/")
            updates = [op for op in tf.get_default_graph().get_operations()
                       if op.type.startswith("Scatter")]
            self.assertLen(updates, 1)
            self.assertStartsWith(updates[0].device, "/job:ps/")
        del step


if __name__ == "__main__":
    absltest.main()
