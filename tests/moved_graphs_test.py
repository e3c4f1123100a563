"""Graphs like public TensorFlow 1 code move to this package by the command of docs/upstream.md.

tests/moved_graphs/ has three graphs with losses and samplers of tf.nn. Each is trained as original and
as moved graph on the same batches, and each of the two restores the checkpoints of the other.
"""
import collections
import inspect
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf
import tensorflow.compat.v2 as tf2
from absl.testing import absltest, parameterized

import tf1_sampled as ts
from tests import graph_case, run_program

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_IMPORT_TF = "import tensorflow.compat.v1 as tf\n"
_IMPORT_TS = "import tf1_sampled as ts\n"

# entropy: of a label given the word, the two words before it, or the taste of the user, in nats.
_Case = collections.namedtuple("_Case", "module options num_steps entropy")
_CASES = {
    "word2vec": _Case("word2vec_tutorial", {}, 300, 2.87),
    "lstm": _Case("lstm_language_model", {}, 300, np.log(3) / 5),
    "fixed_unigram": _Case("two_tower", {"sampler": "fixed_unigram"}, 120, 2.45),
    "learned_unigram": _Case("two_tower", {"sampler": "learned_unigram"}, 120, 2.45),
}
_TOLERANCE = 0.08  # nats, between two trainings with different candidates


def _read(*path):
    with open(os.path.join(_ROOT, *path), encoding="utf-8") as stream:
        return stream.read()


def _source(module, moved):
    """Return the text of a module of tests/moved_graphs, original or moved by docs/upstream.md."""
    text = _read("tests", "moved_graphs", module + ".py")
    if not moved:
        return text
    document = _read("docs", "upstream.md")
    command = re.search(r"^ +(sed .*) model\.py$", document, re.MULTILINE).group(1)
    assert _IMPORT_TF + _IMPORT_TS in document
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.py")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text.replace(_IMPORT_TF, _IMPORT_TF + _IMPORT_TS))
        subprocess.run(shlex.split(command) + [path], check=True)
        return _read(path)


class _Graph:
    """A graph of tests/moved_graphs.

    Attributes:
      graph: tf.Graph.
      model: the return value of build(): loss, train_op, evaluation.
      make_batch: function of a RandomState and a size that returns the values of placeholders by name.
      saver: tf.train.Saver of all variables.
      folder: string, the folder of checkpoints.
    """

    def __init__(self, module, moved, folder, **options):
        names = {}
        exec(_source(module, moved), names)
        self.make_batch = names["make_batch"]
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.graph = tf.Graph()
        with self.graph.as_default():
            tf.set_random_seed(1)
            self.model = names["build"](**options)
            self.saver = tf.train.Saver()
            self._initializer = tf.global_variables_initializer()

    @property
    def checkpoint(self):
        return os.path.join(self.folder, "model")

    def new_session(self, initialize=False, optimized=False):
        session = tf.Session(graph=self.graph, config=graph_case.session_config(optimized))
        if initialize:
            session.run(self._initializer)
        return session

    def restore(self, session, checkpoint):
        """Restore a checkpoint of the original, and return the names of variables that it lacks."""
        lines = []
        if self.graph.get_collection(tf.GraphKeys.UPDATE_OPS):  # the ops that count for learned_unigram
            with self.graph.as_default():
                ts.restore(session, checkpoint, lines.append)
        else:
            self.saver.restore(session, checkpoint)
        return [line.partition(":")[0] for line in lines]

    def train(self, session, num_steps, seed=7):
        random = np.random.RandomState(seed)
        for _ in range(num_steps):
            session.run(self.model.train_op.name, self.make_batch(random))

    def evaluate(self, session):
        """Return the full softmax loss of held-out examples."""
        return session.run(self.model.evaluation.name, self.held_out())

    def held_out(self):
        return self.make_batch(np.random.RandomState(3), 1000)

    def save_trained(self, num_steps):
        """Train from the start, save a checkpoint, and return the evaluations before and after."""
        with self.new_session(initialize=True, optimized=True) as session:
            before = self.evaluate(session)
            self.train(session, num_steps)
            self.saver.save(session, self.checkpoint)
            return before, self.evaluate(session)


def _gradients(loss, variables):
    """Return dense gradients by variables."""
    return [tf.convert_to_tensor(gradient) for gradient in tf.gradients(loss, variables)]


def write_imported_gradients(request):
    """Write the gradients of graphs that are imported from files, without this library.

    Args:
      request: JSON of [[checkpoint, name of the loss, {placeholder: value}, path of the output], ...].
    """
    for checkpoint, loss, feed, path in json.loads(request):
        with tf.Graph().as_default() as graph, tf.Session() as session:
            saver = tf.train.import_meta_graph(checkpoint + ".meta")
            gradients = _gradients(graph.get_tensor_by_name(loss), tf.trainable_variables())
            saver.restore(session, checkpoint)
            np.savez(path, *session.run(gradients, feed))
    assert "tf1_sampled.losses" not in sys.modules


class MovedGraphTest(parameterized.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._temporary = tempfile.TemporaryDirectory()
        cls._trained = {}

    @classmethod
    def tearDownClass(cls):
        cls._temporary.cleanup()
        super().tearDownClass()

    def trained(self, name, moved):
        """Return the (_Graph, evaluation before training, after) of a case, trained and saved once."""
        if (name, moved) not in self._trained:
            case = _CASES[name]
            folder = os.path.join(self._temporary.name, name, "moved" if moved else "original")
            graph = _Graph(case.module, moved, folder, **case.options)
            self._trained[name, moved] = (graph,) + graph.save_trained(case.num_steps)
        return self._trained[name, moved]

    @parameterized.parameters("word2vec_tutorial", "lstm_language_model", "two_tower")
    def test_the_command_changes_names_only(self, module):
        original, moved = [_source(module, moved) for moved in (False, True)]
        self.assertNotEqual(original, moved)
        self.assertEqual(re.sub(r"\bts\.", "tf.nn.", moved.replace(_IMPORT_TS, "")), original)
        self.assertNotRegex(moved, r"tf\.(nn|random)\.\w*(nce|sampled|candidate)")

    @parameterized.parameters(*_CASES)
    def test_trains_to_the_same_loss(self, name):
        (_, start, wanted), (_, our_start, loss) = [self.trained(name, moved) for moved in (False, True)]
        self.assertAlmostEqual(start, our_start, places=5)
        for value in (wanted, loss):
            self.assertBetween(value, _CASES[name].entropy - 0.1, _CASES[name].entropy + 0.2)
        self.assertAlmostEqual(loss, wanted, delta=_TOLERANCE)

    @parameterized.parameters(*_CASES)
    def test_only_the_global_initializer_is_run(self, name):
        graph, _, _ = self.trained(name, moved=True)
        for collection in (tf.GraphKeys.LOCAL_VARIABLES, tf.GraphKeys.TABLE_INITIALIZERS):
            self.assertEmpty(graph.graph.get_collection(collection))

    @parameterized.parameters(*_CASES)
    def test_variables_and_their_penalties_are_the_same(self, name):
        original, moved = [self.trained(name, moved)[0].graph for moved in (False, True)]
        for collection in (tf.GraphKeys.TRAINABLE_VARIABLES, tf.GraphKeys.REGULARIZATION_LOSSES,
                           tf.GraphKeys.LOSSES, tf.GraphKeys.SUMMARIES):
            theirs, ours = [[element.name for element in graph.get_collection(collection)]
                            for graph in (original, moved)]
            self.assertEqual(theirs, ours)
        theirs, ours = [{variable.op.name: variable.shape.as_list()
                         for variable in graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)}
                        for graph in (original, moved)]
        counts = [variable for variable in ours if variable.endswith("learned_unigram")]
        self.assertLen(counts, name == "learned_unigram")
        self.assertEqual(theirs, {name: shape for name, shape in ours.items() if name not in counts})

    @parameterized.parameters(*_CASES)
    def test_a_checkpoint_of_the_original_restores(self, name):
        original, _, wanted = self.trained(name, moved=False)
        moved, _, _ = self.trained(name, moved=True)
        with moved.new_session() as session:
            missing = moved.restore(session, original.checkpoint)
            self.assertEqual(missing, ["towers/" + name] * (name == "learned_unigram"))
            self.assertAlmostEqual(moved.evaluate(session), wanted, places=5)
            moved.train(session, 20)
            self.assertAlmostEqual(moved.evaluate(session), wanted, delta=_TOLERANCE)

    def test_a_saver_does_not_find_the_counts_of_learned_unigram(self):
        original, _, _ = self.trained("learned_unigram", moved=False)
        moved, _, _ = self.trained("learned_unigram", moved=True)
        with moved.new_session() as session:
            with self.assertRaisesRegex(tf.errors.NotFoundError, "towers/learned_unigram"):
                moved.saver.restore(session, original.checkpoint)

    def test_an_imported_graph_restores_a_checkpoint_without_counts(self):
        original, _, wanted = self.trained("learned_unigram", moved=False)
        moved, _, _ = self.trained("learned_unigram", moved=True)
        lines = []
        with tf.Graph().as_default(), tf.Session() as session:
            tf.train.import_meta_graph(moved.checkpoint + ".meta")
            ts.restore(session, original.checkpoint, lines.append)
            self.assertAlmostEqual(moved.evaluate(session), wanted, places=5)
            moved.train(session, 1)
        self.assertLen(lines, 1)

    @parameterized.parameters(*_CASES)
    def test_a_checkpoint_of_the_moved_graph_restores_in_the_original(self, name):
        original, _, _ = self.trained(name, moved=False)
        moved, _, wanted = self.trained(name, moved=True)
        with original.new_session() as session:
            original.saver.restore(session, moved.checkpoint)
            self.assertAlmostEqual(original.evaluate(session), wanted, places=5)

    def test_gradients_of_an_imported_graph_in_another_process(self):
        graphs = [self.trained(name, moved=True)[0] for name in _CASES]
        feeds = [graph.make_batch(np.random.RandomState(5)) for graph in graphs]
        paths = [os.path.join(graph.folder, "gradients.npz") for graph in graphs]
        request = json.dumps([
            [graph.checkpoint, graph.model.loss.name,
             {name: value.tolist() for name, value in feed.items()}, path]
            for graph, feed, path in zip(graphs, feeds, paths)])
        code, _, err = run_program.run_code(
            "import sys; from tests import moved_graphs_test; "
            "moved_graphs_test.write_imported_gradients(sys.argv[1])", self._temporary.name, request)
        self.assertEqual(code, 0, err)
        for graph, feed, path in zip(graphs, feeds, paths):
            with graph.new_session() as session, graph.graph.as_default(), np.load(path) as imported:
                graph.saver.restore(session, graph.checkpoint)
                gradients = session.run(_gradients(graph.model.loss, tf.trainable_variables()), feed)
                self.assertLen(imported.files, len(gradients))
                for name, gradient in zip(imported.files, gradients):
                    np.testing.assert_allclose(imported[name], gradient, 1e-4, 1e-6)

    @parameterized.parameters(*_CASES)
    def test_a_saved_model_trains_on(self, name):
        graph, start, _ = self.trained(name, moved=True)
        folder = os.path.join(graph.folder, "saved_model")
        with graph.new_session(initialize=True) as session, graph.graph.as_default():
            builder = tf.saved_model.Builder(folder)
            builder.add_meta_graph_and_variables(session, [tf.saved_model.TRAINING])
            builder.save()
        with tf.Session(graph=tf.Graph()) as session:
            tf.saved_model.load(session, [tf.saved_model.TRAINING], folder)
            self.assertAlmostEqual(graph.evaluate(session), start, places=5)
            graph.train(session, _CASES[name].num_steps // 2)
            self.assertLess(graph.evaluate(session), (start + _CASES[name].entropy) / 2)

    def test_word_vectors_of_one_topic_are_neighbours(self):
        graph, _, _ = self.trained("word2vec", moved=True)
        with graph.new_session() as session:
            graph.saver.restore(session, graph.checkpoint)
            similarity, summary = session.run([graph.model.similarity, graph.model.summary],
                                              graph.held_out())
        nearest = np.argsort(-similarity, axis=1)[:, 1:6]
        of_one_topic = (nearest - np.arange(len(nearest))[:, None]) % 4 == 0
        self.assertGreater(np.mean(of_one_topic), 0.9)
        self.assertCountEqual([value.tag for value in tf.Summary.FromString(summary).value],
                              ["loss_1", "nce_biases"])

    def test_counts_of_a_vocab_file_are_those_of_unigrams(self):
        graph, _, _ = self.trained("fixed_unigram", moved=True)
        path = os.path.join(self._temporary.name, "items.csv")
        with open(path, "w") as stream:
            stream.writelines("item %d,%r\n" % (item, 1000.0 / (item + 3)) for item in range(60))
        of_file = _Graph("two_tower", True, graph.folder, vocab_file=path)
        losses = []
        for each in (graph, of_file):
            with each.new_session(initialize=True) as session:
                losses.append(session.run(each.model.loss, graph.held_out()))
        self.assertAlmostEqual(losses[0], losses[1], places=5)

    def test_monitored_training_resumes_from_the_original(self):
        original, _, wanted = self.trained("learned_unigram", moved=False)
        moved = _Graph("two_tower", True, os.path.join(self._temporary.name, "monitored"),
                       sampler="learned_unigram")
        last_step = _CASES["learned_unigram"].num_steps
        with moved.new_session() as session:
            moved.restore(session, original.checkpoint)
            moved.saver.save(session, os.path.join(moved.folder, "model.ckpt"), last_step)
        random = np.random.RandomState(9)
        with moved.graph.as_default():
            for _ in range(2):
                last_step += 20
                with tf.train.MonitoredTrainingSession(
                        checkpoint_dir=moved.folder, save_summaries_steps=None,
                        hooks=[tf.train.StopAtStepHook(last_step=last_step)]) as session:
                    while not session.should_stop():
                        session.run(moved.model.train_op, moved.make_batch(random))
        with moved.new_session() as session:
            moved.saver.restore(session, tf.train.latest_checkpoint(moved.folder))
            self.assertEqual(session.run(moved.model.global_step), last_step)
            self.assertAlmostEqual(moved.evaluate(session), wanted, delta=_TOLERANCE)
        counts = tf.train.load_variable(moved.folder, "towers/learned_unigram")
        self.assertEqual(counts.max(), 2 * 20 * moved.make_batch(random)["labels:0"].size)


class DifferenceTest(graph_case.GraphCase):
    """Uses of tf.nn that a moved graph must change, or that have another result."""

    def setUp(self):
        super().setUp()
        self.labels = tf.constant([[1], [3]], tf.int64)
        random = np.random.RandomState(1)
        self.weights, self.biases, self.inputs = [
            tf.constant(random.normal(size=shape), tf.float32) for shape in ([8, 2], [8], [2, 2])]
        self.sampled = tf.constant([2, 5, 6], tf.int64), tf.fill([2, 1], 0.4), tf.fill([3], 0.3)

    def test_sizes_with_a_fraction(self):
        for num_sampled in (3.0, 3.7):
            theirs = tf.nn.uniform_candidate_sampler(self.labels, 1, num_sampled, True, 8)
            self.assertEqual(theirs.sampled_candidates.shape.as_list(), [3])
            with self.assertRaisesRegex(ts.InputError, "num_sampled: wanted an integer above 0, got 3"):
                ts.uniform_candidate_sampler(self.labels, 1, num_sampled, True, 8)

    def test_labels_with_a_fraction(self):
        def loss(module, labels):
            return module.nce_loss(self.weights, self.biases, tf.constant(labels), self.inputs, 3, 8,
                                   sampled_values=self.sampled)

        self.assert_close(*self.run_graph([loss(tf.nn, [[1.0], [3.7]]), loss(tf.nn, [[1.0], [3.0]])]))
        with self.assertRaisesRegex(ts.InputError, "labels: wanted whole numbers as ids, got .3.7"):
            loss(ts, [[1.0], [3.7]])

    def test_num_classes_bounds_labels_with_sampled_values_too(self):
        def loss(module, num_classes):
            return module.nce_loss(self.weights, self.biases, self.labels, self.inputs, 3, num_classes,
                                   sampled_values=self.sampled)

        self.assert_close(*self.run_graph([loss(tf.nn, 2), loss(tf.nn, 8)]))
        with self.assertRaisesRegex(ts.InputError, r"labels: wanted ids from 0 to 1, got \[3\]"):
            loss(ts, 2)

    def test_a_vocab_file_is_read_while_the_graph_is_built(self):
        path = os.path.join(self.create_tempdir().full_path, "vocabulary")

        def sampler(module):
            return module.fixed_unigram_candidate_sampler(self.labels, 1, 4, False, 8, vocab_file=path)

        theirs = sampler(tf.random)  # tf.nn reads in its first run
        with self.assertRaisesRegex(ts.InputError, "wanted a readable file"):
            sampler(ts)
        with open(path, "w") as stream:
            stream.writelines("word,%d\n" % count for count in range(1, 9))
        wanted = self.run_graph(theirs.true_expected_count)
        ours = sampler(ts)
        os.remove(path)
        self.assert_close(self.run_graph(ours.true_expected_count), wanted)

    def test_learned_unigram_in_a_condition_or_loop(self):
        def candidates(module):
            return module.learned_unigram_candidate_sampler(self.labels, 1, 3, False, 8)[0]

        def in_condition(module):
            return tf.cond(tf.placeholder_with_default(True, []), lambda: candidates(module),
                           lambda: tf.zeros([3], tf.int64))

        def in_loop(module):
            return tf.while_loop(lambda ids: tf.reduce_sum(ids) < 0, lambda _: candidates(module),
                                 [-tf.ones([3], tf.int64)])

        for built_in in (in_condition, in_loop):
            self.assertEqual(self.run_graph(built_in(tf.random)).shape, (3,))
            with self.assertRaisesRegex(ts.InputError, "in a loop or a condition"):
                built_in(ts)

    def test_a_constant_label_without_weight_where_counts_are_not_used(self):
        unigrams = [0.0] + [1.0] * 7
        for module, labels in ((tf.random, [[0]]), (ts, tf.placeholder(tf.int64, [None, 1]))):
            ids, _, _ = module.fixed_unigram_candidate_sampler(labels, 1, 3, True, 8, unigrams=unigrams)
            self.assertGreater(self.run_graph(ids).min(), 0)
        with self.assertRaisesRegex(ts.InputError, r"wanted ids that can be drawn.* got \[0\]"):
            ts.fixed_unigram_candidate_sampler([[0]], 1, 3, True, 8, unigrams=unigrams)

    def test_candidates_that_are_fed_have_counts_of_their_own(self):
        def counts(module):
            ids, _, count = module.log_uniform_candidate_sampler(self.labels, 1, 3, False, 8, seed=1)
            return self.run_graph(count, {ids: [7, 6, 5]})

        wanted = 3 * np.log([9 / 8, 8 / 7, 7 / 6]) / np.log(9)
        self.assert_close(counts(ts), wanted)
        self.assertGreater(np.abs(counts(tf.random) - wanted).max(), 0.1)  # those of what was drawn

    def test_names_of_tensors(self):
        arguments = self.weights, self.biases, self.labels, self.inputs, 3, 8
        for name in ("nce_loss", "sampled_softmax_loss"):
            theirs, ours = [getattr(module, name)(*arguments).name for module in (tf.nn, ts)]
            self.assertNotStartsWith(theirs, name)
            self.assertStartsWith(ours, name)

    def test_the_api_of_tensorflow_2_has_another_order_and_divides_shards_otherwise(self):
        shards = [tf.split(table, 2) for table in (self.weights, self.biases)]
        arguments = shards + [self.labels, self.inputs, 3, 8, 1, self.sampled]
        for name in ("nce_loss", "sampled_softmax_loss"):
            theirs, ours = [getattr(module, name) for module in (tf2.nn, ts)]
            self.assertNotIn("partition_strategy", inspect.signature(theirs).parameters)
            wanted, div, mod = self.run_graph([
                theirs(*arguments), ours(*arguments, partition_strategy="div"), ours(*arguments)])
            self.assert_close(div, wanted)
            self.assertGreater(np.abs(mod - div).max(), 0.1)


if __name__ == "__main__":
    absltest.main()
