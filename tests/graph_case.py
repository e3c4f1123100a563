"""A test case with a new graph for each test, and shared helpers."""
import glob
import os

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized


def session_config(optimized):
    """Return a tf.ConfigProto with soft placement.

    Args:
      optimized: boolean, whether Grappler rewrites the graph, as by default. This takes longer than
        running a small graph.
    """
    config = tf.ConfigProto(allow_soft_placement=True)
    config.graph_options.rewrite_options.disable_meta_optimizer = not optimized
    return config


def new_session(optimized):
    """Return a session of the default graph with all variables initialized; see `session_config`."""
    session = tf.Session(config=session_config(optimized))
    session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
    return session


class GraphCase(parameterized.TestCase):
    """A case with a new graph for each test.

    OPTIMIZED: boolean, whether Grappler rewrites the graphs of its sessions.
    """

    OPTIMIZED = False

    def setUp(self):
        super().setUp()
        graph = tf.Graph()
        context = graph.as_default()
        context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)

    def run_graph(self, fetches, feed=None):
        """Return the values of `fetches` in a new session with all variables initialized."""
        with self.new_session() as session:
            return session.run(fetches, feed)

    def new_session(self):
        return new_session(self.OPTIMIZED)

    def assert_close(self, actual, wanted, relative=1e-5, absolute=1e-6):
        np.testing.assert_allclose(actual, wanted, rtol=relative, atol=absolute)


class SavedModel:
    """A SavedModel in a session; model(signature, input=value, ...) -> {output: value}.

    Attributes:
      signatures: {name: SignatureDef}.
    """

    def __init__(self, folder):
        self._session = tf.Session(graph=tf.Graph())
        self.signatures = tf.saved_model.load(
            self._session, [tf.saved_model.SERVING], folder).signature_def

    def __call__(self, name, **values):
        signature = self.signatures[name]
        return self._session.run(
            {name: info.name for name, info in signature.outputs.items()},
            {signature.inputs[name].name: value for name, value in values.items()})


def read_summaries(folder):
    """Return {(name, step): value} of the event files in a folder."""
    return {(value.tag, event.step): value.simple_value
            for path in glob.glob(os.path.join(folder, "events.out.tfevents.*"))
            for event in tf.train.summary_iterator(path) for value in event.summary.value}


def zipf(size):
    """Return probabilities that differ for each of `size` classes."""
    weights = 1 / np.arange(1, size + 1)
    return weights / weights.sum()
