"""A test case with a graph of its own for each test."""
import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized


class GraphCase(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        graph = tf.Graph()
        context = graph.as_default()
        context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)

    def run_graph(self, fetches, feed=None):
        """The values of `fetches` in a new session with all variables initialized."""
        with self.new_session() as session:
            return session.run(fetches, feed)

    def new_session(self):
        session = tf.Session(config=tf.ConfigProto(allow_soft_placement=True))
        session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
        return session

    def assert_close(self, actual, wanted, relative=1e-5, absolute=1e-6):
        np.testing.assert_allclose(actual, wanted, rtol=relative, atol=absolute)


def zipf(size):
    """Probabilities that differ for each of `size` classes."""
    weights = 1 / np.arange(1, size + 1)
    return weights / weights.sum()
