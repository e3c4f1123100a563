"""A test case with a new graph for each test, and shared helpers."""
import glob
import os
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import parameterized
from tensorflow.python.client import session as session_lib

_START_SESSION = session_lib.BaseSession.__init__


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


class AsBuiltCase(parameterized.TestCase):
    """A case in whose sessions, the library's too, Grappler leaves graphs as they were built.

    It takes a third of a small training. The programs that a test starts have it all the same.
    """

    @classmethod
    def setUpClass(cls):
        cls._start = mock.patch.object(session_lib.BaseSession, "__init__", _start_as_built)
        cls._start.start()
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls._start.stop()


def _start_as_built(session, target="", graph=None, config=None):
    as_built = tf.ConfigProto()
    as_built.CopyFrom(config or as_built)
    as_built.graph_options.rewrite_options.disable_meta_optimizer = True
    _START_SESSION(session, target, graph, as_built)


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
