from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case
from tf1_sampled import frozen, initializers


class RandomTest(graph_case.GraphCase):

    @parameterized.parameters(initializers.random_uniform, initializers.random_normal)
    def test_parts_of_one_seed_differ(self, make):
        table = tf.get_variable("table", [4, 3], initializer=make(1.0, 7),
                                partitioner=tf.fixed_size_partitioner(2))
        first, second = self.run_graph(list(table))
        self.assertGreater(np.min(np.abs(first - second)), 0)


class OwnStateTest(graph_case.GraphCase):

    def test_options_of_the_callers_scope_do_not_apply(self):
        with tf.variable_scope("scope", partitioner=tf.fixed_size_partitioner(2),
                               regularizer=tf.nn.l2_loss):
            with initializers.own_state():
                state = tf.get_variable("state", [4])
            self.assertLen(list(tf.get_variable("theirs", [4])), 2)
        self.assertEqual(state.shape, [4])
        self.assertEqual(state.op.name, "scope/state")
        self.assertLen(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES), 2)  # of theirs


class FilledTest(graph_case.GraphCase):

    @parameterized.product(dtype=[tf.float16, tf.float32, tf.float64, tf.int64], value=[0, 3])
    def test_filled_has_the_value_and_type(self, dtype, value):
        table = tf.get_variable("table", [3, 2], dtype, initializers.filled(value))
        result = self.run_graph(table)
        np.testing.assert_array_equal(result, np.full([3, 2], value))
        self.assertEqual(result.dtype, dtype.as_numpy_dtype)

    def test_parts_of_a_partitioned_variable(self):
        table = tf.get_variable("table", [5, 2], initializer=initializers.filled(0.5),
                                partitioner=tf.fixed_size_partitioner(3))
        self.assert_close(self.run_graph(tf.convert_to_tensor(table)), np.full([5, 2], 0.5))

    @parameterized.parameters((initializers.filled(0), False), (tf.zeros_initializer(), True))
    def test_no_constant_of_the_tables_size(self, initializer, is_constant):
        """Check the graph after TensorFlow's optimizer, whose constants stay in memory."""
        table = tf.get_variable("table", [2000, 10], initializer=initializer, use_resource=True)
        options = tf.RunOptions(output_partition_graphs=True)
        metadata = tf.RunMetadata()
        with tf.Session() as session:
            session.run(table.initializer, options=options, run_metadata=metadata)
        sizes = [np.prod([d.size for d in node.attr["value"].tensor.tensor_shape.dim] or [0])
                 for graph in metadata.partition_graphs for node in graph.node if node.op == "Const"]
        self.assertEqual(max(sizes) >= 20000, is_constant)


class FromMemoryTest(graph_case.GraphCase):

    def test_value_and_type_are_the_arrays(self):
        for array in (np.arange(6.0).reshape(2, 3), np.arange(4)):
            variable = tf.get_variable("v%d" % array.ndim, dtype=tf.as_dtype(array.dtype),
                                       initializer=initializers.from_memory(array))
            self.assertEqual(variable.shape.as_list(), list(array.shape))
            np.testing.assert_array_equal(self.run_graph(variable), array)

    @parameterized.parameters(False, True)
    def test_parts_of_a_partitioned_variable_are_parts_of_the_array(self, in_file):
        array = np.arange(10.0).reshape(5, 2)
        with mock.patch.object(frozen, "LARGEST_CONSTANT", 0 if in_file else frozen.LARGEST_CONSTANT):
            table = tf.get_variable("v", array.shape, tf.float64, initializers.from_memory(array),
                                    partitioner=tf.fixed_size_partitioner(3))
        np.testing.assert_array_equal(self.run_graph(tf.convert_to_tensor(table)), array)


if __name__ == "__main__":
    absltest.main()
