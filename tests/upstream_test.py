"""Tests of the rows of docs/upstream.md: the behaviour of tf.nn and of this package.

In TensorFlow 1.15 `tf.nn` kills its process in some rows. These rows run in separate processes:

    python -c "from tests import upstream_test; upstream_test.print_fates()"
"""
import ast
import functools
import inspect
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile

import numpy as np
import tensorflow as tf2
import tensorflow.compat.v1 as tf
from absl.testing import absltest

import tf1_sampled as ts
from tests import graph_case

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_TF1 = tf.VERSION.startswith("1.")
_C, _D = 20, 3
_PEERS = {"nce_loss": (ts.nce_loss, tf.nn.nce_loss),
          "sampled_softmax_loss": (ts.sampled_softmax_loss, tf.nn.sampled_softmax_loss)}


def _ids(ids):
    return tf.constant(ids, tf.int64)


def _fixed_unigram(num_sampled=2, unique=False, range_max=3, **options):
    return tf.random.fixed_unigram_candidate_sampler(_ids([[1]]), 1, num_sampled, unique, range_max,
                                                     **options)


def _vocab_file(text):
    descriptor, path = tempfile.mkstemp()
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    return path


# Cases that kill TensorFlow 1.15.
_CASES = {
    "no vocab_file": lambda: _fixed_unigram(vocab_file="no/such/file"),
    "a vocab_file without a count": lambda: _fixed_unigram(vocab_file=_vocab_file("a,1\nb,\nc,2\n")),
    "a vocab_file that is too short": lambda: _fixed_unigram(vocab_file=_vocab_file("a,1\nb,2\n")),
    "too few unigrams": lambda: _fixed_unigram(unigrams=[1.0, 2.0]),
    "too few weights above 0": lambda: _fixed_unigram(3, True, unigrams=[1.0, 0.0, 2.0]),
    "learned unigram, label out of range": lambda: tf.random.learned_unigram_candidate_sampler(
        _ids([[10 ** 7]]), 1, 2, False, 10),
}


def _end(case):
    """Return the end of a process that runs a case of _CASES: 0, an exit code, or minus a signal."""
    child = os.fork()
    if not child:
        # SIGXCPU after a second of CPU time.
        resource.setrlimit(resource.RLIMIT_CPU, (1, 2))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            with tf.Graph().as_default(), tf.Session() as session:
                session.run(_CASES[case]())
        except BaseException:
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def print_fates():
    """Print {case: end of its process} as JSON. Call it before TensorFlow has threads, as it forks."""
    print(json.dumps({case: _end(case) for case in _CASES}))


@functools.lru_cache(maxsize=None)
def _fates():
    """Return {case: name of the signal that kills its process, or its exit code}."""
    environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="",
                       PYTHONPATH=os.pathsep.join([_ROOT] + [path for path in sys.path if path]))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c",
         "from tests import upstream_test; upstream_test.print_fates()"],
        cwd=_ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, universal_newlines=True, timeout=120)
    assert done.returncode == 0, done.stderr
    ends = json.loads(done.stdout.splitlines()[-1])
    return {case: signal.Signals(-end).name if end < 0 else end for case, end in ends.items()}


def _dense(slices, size):
    """Return the dense sum of fetched IndexedSlices."""
    total = np.zeros((size,) + slices.values.shape[1:])
    np.add.at(total, slices.indices, slices.values)
    return total


class _RowCase(graph_case.GraphCase):

    def setUp(self):
        super().setUp()
        self.random = np.random.RandomState(1)

    def numbers(self, *shape):
        return self.random.randn(*shape).astype(np.float32)

    def model(self, batch=2, dtype=tf.float32):
        """Return (weights, biases, inputs), constants."""
        return (tf.constant(self.numbers(_C, _D), dtype), tf.constant(self.numbers(_C), dtype),
                tf.constant(self.numbers(batch, _D), dtype))

    def run_or_error(self, fetch, feed):
        """Return a value, or the message of the InvalidArgumentError."""
        try:
            return self.run_graph(fetch, feed)
        except tf.errors.InvalidArgumentError as error:
            return error.message

    def assert_dies_of(self, name, case):
        """Assert that the process of a case dies of a signal, in TensorFlow 1.15 only."""
        if _TF1:
            self.assertEqual(_fates()[case], name, case)


class StepTest(_RowCase):
    """Results and cost of a training step."""

    def test_a_bias_that_no_loss_reads(self):
        weights = tf.get_variable("weights", [_C, _D])
        loss = tf.nn.nce_loss(weights, tf.zeros([_C]), _ids([[1]]), tf.ones([1, _D]), 5, _C)
        optimizer = tf.train.GradientDescentOptimizer(0.1)

        def gradients():
            return {variable.op.name: g for g, variable in optimizer.compute_gradients(loss)}

        ts.log_frequency_biases("frequencies", np.arange(_C))
        self.assertEqual(list(gradients()), ["weights"])
        tf.get_variable("biases", [_C])
        self.assertIsNone(gradients()["biases"])
        with self.assertRaisesRegex(ValueError, "None values not supported"):
            tf.clip_by_norm(gradients()["biases"], 1.0)
        ts.minimize(loss, optimizer)
        with self.assertRaisesRegex(ts.InputError, "minimize: .*biases"):
            ts.minimize(loss, optimizer, var_list=tf.trainable_variables())

    def test_l2_of_the_whole_table(self):
        weights = tf.get_variable("weights", [_C, _D], use_resource=True)
        sampled = ts.uniform_candidate_sampler(_ids([[1]]), 1, 5, False, _C)
        for function in (ts.nce_loss, tf.nn.nce_loss):
            loss = tf.reduce_sum(function(weights, tf.zeros([_C]), _ids([[1]]), tf.ones([1, _D]), 5, _C,
                                          sampled_values=sampled))
            whole, = tf.gradients(loss + tf.nn.l2_loss(weights), [weights])
            self.assertEqual(whole.shape.as_list(), [_C, _D])
            self.assertNotIsInstance(whole, tf.IndexedSlices)
            rows, = tf.gradients(loss + ts.l2_loss_of_rows(weights, [1]), [weights])
            self.assertIsInstance(rows, tf.IndexedSlices)
            self.assertLen(self.run_graph(rows.indices), 1 + 5 + 1)

    def test_adam_moves_rows_that_the_batch_does_not_use(self):
        ids = tf.placeholder(tf.int64, [None])
        moved = []
        for optimizer in (ts.LazyAdamOptimizer(0.1), tf.train.AdamOptimizer(0.1)):
            weights = tf.get_variable("weights_%d" % len(moved), [_C, _D], use_resource=True)
            step = optimizer.minimize(tf.reduce_sum(tf.gather(weights, ids)), var_list=[weights])
            state = [weights, optimizer.get_slot(weights, "m"), optimizer.get_slot(weights, "v")]
            with self.new_session() as session:
                session.run(step, {ids: [3, 4]})
                before = session.run(state)
                session.run(step, {ids: [7]})
                moved.append([np.flatnonzero(np.any(old != new, 1)).tolist()
                              for old, new in zip(before, session.run(state))])
        ours, theirs = moved
        self.assertEqual(ours, [[7]] * 3)
        self.assertEqual(theirs, [[3, 4, 7]] * 3)

    def test_clip_by_global_norm_counts_repeats_apart(self):
        weights = tf.get_variable("weights", [_C, _D], initializer=tf.zeros_initializer())
        loss = tf.nn.sampled_softmax_loss(
            weights, tf.zeros([_C]), _ids([[1], [1]]), tf.ones([2, _D]), 3, _C,
            sampled_values=(_ids([5, 5, 6]), tf.ones([2, 1]), tf.ones([3])))
        gradient, = tf.gradients(loss, [weights])
        clipped, norm = tf.clip_by_global_norm([gradient], 0.5)
        right, right_norm = tf.clip_by_global_norm([ts.merged(gradient)], 0.5)
        dense = tf.convert_to_tensor(gradient)
        self.assertIs(ts.merged(dense), dense)
        gradient, norm, right_norm, (clipped,), (right,) = self.run_graph(
            [gradient, norm, right_norm, clipped, right])
        self.assertCountEqual(right.indices, [1, 5, 6])
        wanted = _dense(gradient, _C)
        self.assert_close(right_norm, np.linalg.norm(wanted))
        self.assertLess(norm, 0.9 * right_norm)
        self.assert_close(_dense(right, _C), wanted * 0.5 / np.linalg.norm(wanted))
        self.assertGreater(np.linalg.norm(_dense(clipped, _C)), 0.55)


class TypesAndShapesTest(_RowCase):

    def test_types_other_than_float32(self):
        labels, model = _ids([[1], [3]]), self.model()
        drawn = tf.random.uniform_candidate_sampler(labels, 1, 3, False, _C)
        fetches = {}
        for dtype in (tf.float16, tf.bfloat16, tf.float64):
            weights, biases, inputs = [tf.cast(x, dtype) for x in model]
            arguments = weights, biases, labels, inputs, 3, _C, 1
            for ours, theirs in _PEERS.values():
                with self.assertRaisesRegex(TypeError, "float32 that does not match type " + dtype.name):
                    theirs(*arguments, sampled_values=drawn)
                loss = ours(*arguments, sampled_values=drawn)
                self.assertEqual(loss.dtype, tf.float64 if dtype == tf.float64 else tf.float32)
            # With counts of the same type tf.nn continues, and the logit of a hit becomes -infinity.
            values = _ids([1, 3, 5]), tf.ones([2, 1], dtype), tf.ones([3], dtype)
            fetches[dtype] = [function(*arguments, values) for function in (ours, theirs)]
        results = self.run_graph(fetches)
        self.assert_close(*results[tf.float64])
        for dtype in (tf.float16, tf.bfloat16):
            ours, theirs = results[dtype]
            self.assert_close(ours, results[tf.float64][0], 0.05, 0.05)
            self.assertTrue(np.all(np.isnan(theirs.astype(np.float64))))

    def test_labels_int32_or_flat(self):
        weights, biases, inputs = self.model()
        flat, column = tf.constant([1, 9], tf.int32), _ids([[1], [9]])
        pairs = []
        for name in ("uniform", "log_uniform", "learned_unigram"):
            theirs, ours = [getattr(module, name + "_candidate_sampler") for module in (tf.random, ts)]
            with self.assertRaisesRegex(TypeError, "int32 that does not match expected type of int64"):
                theirs(tf.cast(column, tf.int32), 1, 5, False, _C)
            with self.assertRaisesRegex(ValueError, "rank 2"):
                theirs(_ids([1, 9]), 1, 5, False, _C)
            pairs.append([tf.reshape(ours(labels, 1, 5, False, _C)[1], [2])
                          for labels in (flat, column)])
        drawn = tf.random.uniform_candidate_sampler(column, 1, 5, False, _C)
        for ours, theirs in _PEERS.values():
            with self.assertRaisesRegex(ValueError, "rank 2"):
                theirs(weights, biases, _ids([1, 9]), inputs, 5, _C)
            pairs.append([ours(weights, biases, labels, inputs, 5, _C, sampled_values=drawn)
                          for labels in (flat, column)])
        for of_flat, of_column in self.run_graph(pairs):
            self.assert_close(of_flat, of_column)

    def test_padded_labels(self):
        weights, biases, inputs = self.model()
        labels, candidates, count = tf.placeholder(tf.int64, [2, 2]), _ids([5, 6, 7]), tf.fill([3], 0.5)
        mask = tf.constant([[True, True], [True, False]])
        one_count, two_counts = [(candidates, tf.fill([2, n], 0.25), count) for n in (1, 2)]
        for ours, theirs in _PEERS.values():
            # The second example has one label. For tf.nn, -1 is not a class, and 0 trains class 0.
            loss = theirs(weights, biases, labels, inputs, 3, _C, 2, two_counts)
            of_one = theirs(weights, biases, labels[:, :1], inputs, 3, _C, 1, one_count)
            masked = ours(weights, biases, labels, inputs, 3, _C, 2, two_counts, label_mask=mask)
            gradient, = tf.gradients(masked, [weights])
            with self.new_session() as session:
                with self.assertRaisesRegex(tf.errors.InvalidArgumentError, "= -1 is not in"):
                    session.run(loss, {labels: [[1, 2], [3, -1]]})
                wanted, wanted_of_one = session.run([loss, of_one], {labels: [[1, 2], [3, 0]]})
                self.assertGreater(abs(wanted[1] - wanted_of_one[1]), 1e-2)
                for padding in (0, -1):
                    value, rows = session.run([masked, gradient], {labels: [[1, 2], [3, padding]]})
                    self.assert_close(value, [wanted[0], wanted_of_one[1]])
                    self.assertFalse(np.any(_dense(rows, _C)[0]))


class LabelsTest(_RowCase):

    def test_a_label_of_a_reserved_id(self):
        weights, biases, inputs = self.model()
        options = dict(unigrams=[1.0] * (_C - 1), num_reserved_ids=1)
        labels = tf.placeholder(tf.int64, [2, 1])
        theirs = tf.random.fixed_unigram_candidate_sampler(labels, 1, 5, False, _C, **options)
        ours = ts.fixed_unigram_candidate_sampler(labels, 1, 5, False, _C, **options)
        for our_loss, loss in _PEERS.values():
            wrong = loss(weights, biases, labels, inputs, 5, _C, sampled_values=theirs)
            gradient = tf.gradients(wrong, [inputs])[0]
            value, gradient = self.run_graph([wrong, gradient], {labels: [[0], [3]]})
            self.assertEqual(np.isnan(value).tolist(), [True, False])
            # The gradient of sampled softmax is NaN, that of NCE is not.
            self.assertEqual(np.isnan(gradient[0]).any(), loss is tf.nn.sampled_softmax_loss)
            with self.assertRaisesRegex(tf.errors.InvalidArgumentError,
                                        r"true_classes: wanted ids that can be drawn.*got\] \[0\]"):
                self.run_graph(our_loss(weights, biases, labels, inputs, 5, _C, sampled_values=ours),
                               {labels: [[0], [3]]})
        with self.assertRaisesRegex(ts.InputError, r"true_classes: wanted ids that can .* got \[0\]"):
            ts.fixed_unigram_candidate_sampler(_ids([[0], [3]]), 1, 5, False, _C, **options)

    def test_a_label_out_of_range(self):
        labels = tf.placeholder(tf.int64, [None, 1])
        counts = {}
        for name in ("uniform", "log_uniform", "fixed_unigram", "learned_unigram", "all"):
            options = dict(num_true=1, num_sampled=_C, unique=False)
            if name != "all":
                options["range_max"] = _C
            if name == "fixed_unigram":
                options["unigrams"] = [float(n) for n in range(1, _C + 1)]
            theirs, ours = [getattr(module, name + "_candidate_sampler") for module in (tf.random, ts)]
            counts[name] = [sampler(labels, **options)[1] for sampler in (theirs, ours)]
            with self.assertRaisesRegex(ts.InputError, r"wanted ids from 0 to 19, got \[20\]"):
                ours(_ids([[0], [20]]), **options)
        with self.new_session() as session:
            for name, (theirs, ours) in counts.items():
                for wrong in (20, -1):
                    with self.assertRaisesRegex(
                            tf.errors.InvalidArgumentError,
                            r"%s_candidate_sampler: true_classes: wanted ids from 0 to 19, got\] \[%d\]"
                            % (name, wrong)):
                        session.run(ours, {labels: [[0], [wrong]]})
                if not _TF1:
                    with self.assertRaisesRegex(tf.errors.InvalidArgumentError, "out of range"):
                        session.run(theirs, {labels: [[20]]})
                elif name != "learned_unigram":
                    count = session.run(theirs, {labels: [[20]]})[0, 0]
                    self.assertBetween(count, *((0, 0) if name == "fixed_unigram" else (0.1, 1)))
        self.assert_dies_of("SIGSEGV", "learned unigram, label out of range")


class WeightsTest(_RowCase):
    """Weights, counts and numbers that do not define a distribution."""

    def _ours(self, num_sampled=2, unique=False, range_max=3, **options):
        return ts.fixed_unigram_candidate_sampler(_ids([[1]]), 1, num_sampled, unique, range_max,
                                                  **options)

    def test_a_missing_or_bad_vocab_file(self):
        bad, short = [self.create_tempfile(content=text).full_path
                      for text in ("a,1\nb,\nc,2\n", "a,1\nb,2\n")]
        for options, message in [
                (dict(vocab_file="no/such/file"), "no/such/file: wanted a readable file"),
                (dict(vocab_file=bad), "line 2: wanted a finite count >= 0 as the last"),
                (dict(vocab_file=short), short + ": wanted a count for each of .* = 3 ids, got 2"),
                (dict(unigrams=[1.0, 2.0]), "unigrams: wanted a count for each of .* = 3 ids")]:
            with self.assertRaisesRegex(ts.InputError, message):
                self._ours(**options)
            if not _TF1:
                with self.assertRaises((tf.errors.NotFoundError, tf.errors.InvalidArgumentError)):
                    self.run_graph(_fixed_unigram(**options))
        for case in ("no vocab_file", "a vocab_file without a count", "a vocab_file that is too short",
                     "too few unigrams"):
            self.assert_dies_of("SIGABRT", case)

    def test_more_unique_candidates_than_weights_above_0(self):
        with self.assertRaisesRegex(ts.InputError, "at most 2, the counts above 0, when unique, got 3"):
            self._ours(3, True, unigrams=[1.0, 0.0, 2.0])
        # SIGXCPU: it draws without end. So does TensorFlow 2.21, which is not tested here.
        self.assert_dies_of("SIGXCPU", "too few weights above 0")

    def test_more_unique_candidates_than_classes(self):
        for sampler in ("uniform", "log_uniform", "learned_unigram"):
            name = sampler + "_candidate_sampler"
            theirs = getattr(tf.random, name)(_ids([[1]]), 1, 4, True, 3)
            self.assertIn("range is too small", self.run_or_error(theirs, {}))
            with self.assertRaisesRegex(ts.InputError, "num_sampled: wanted at most range_max = 3"):
                getattr(ts, name)(_ids([[1]]), 1, 4, True, 3)

    def test_negative_weights_and_none_above_0(self):
        for weights, count, message in [
                ([2.0, -1.0, 1.0], -1.0, r"wanted finite counts >= 0, not all 0, got \[-1.0\]"),
                ([0.0, 0.0, 0.0], np.nan, "wanted finite counts >= 0, not all 0, got 'only 0'")]:
            theirs = _fixed_unigram(unigrams=weights)
            np.testing.assert_array_equal(self.run_graph(theirs[1]), [[count]])
            loss = tf.nn.nce_loss(tf.zeros([3, _D]), tf.zeros([3]), _ids([[1]]), tf.zeros([1, _D]), 2, 3,
                                  sampled_values=theirs)
            self.assertTrue(np.isnan(self.run_graph(loss)))
            with self.assertRaisesRegex(ts.InputError, message):
                self._ours(unigrams=weights)

    def test_sharding_with_reserved_ids(self):
        # Ids 0 and 1 are reserved: ids 2, 3, 4, 5 have these weights.
        options = dict(unigrams=[1.0, 2.0, 9.0, 8.0], num_reserved_ids=2, num_shards=2)
        counts = [self.run_graph(tf.random.fixed_unigram_candidate_sampler(
            _ids([[0], [1], [2]]), 1, 100, False, 3, shard=shard, **options)[1])[:, 0]
            for shard in (0, 1)]
        # Shard 0 should have the ids 0, 2 and 4, the even ids, as without reserved ids.
        self.assert_close(counts, [[0, 20, 80], [0, 10, 90]])
        with self.assertRaisesRegex(ts.InputError, r"num_shards, shard: wanted 1, 0, got \(2, 1\)"):
            self._ours(range_max=3, shard=1, **options)


class ValuesTest(_RowCase):

    def test_a_hit_that_was_drawn_twice(self):
        hits = tf.nn.compute_accidental_hits(_ids([[7]]), _ids([7, 3, 7]), 1)
        self.assertEqual(self.run_graph(hits[1]).tolist(), [2])
        # All scores are equal and all candidates are hits, so that the loss is 0.
        sampled = _ids([7, 7]), tf.ones([1, 1]), tf.ones([2])
        ours, theirs = self.run_graph([loss(
            tf.zeros([_C, _D]), tf.zeros([_C]), _ids([[7]]), tf.zeros([1, _D]), 2, _C,
            sampled_values=sampled, remove_accidental_hits=True)
            for loss in _PEERS["sampled_softmax_loss"]])
        self.assert_close(ours, [0])
        self.assert_close(theirs, [np.log(2)])

    def test_expected_counts_of_unique_candidates(self):
        prob, num_sampled = np.log(2) / np.log(11), 4
        counts = [module.log_uniform_candidate_sampler(_ids([[0]]), 1, num_sampled, True, 10, seed=1)[1]
                  for module in (tf.random, ts)]
        with self.new_session() as session:
            theirs, ours = np.array([session.run(counts) for _ in range(60)])[:, :, 0, 0].T
        # 1.156 if four draws had no repeat, although id 0 cannot be drawn twice.
        self.assert_close(theirs.max(), num_sampled * prob)
        self.assert_close(ours.min(), 1 - (1 - prob) ** num_sampled)
        self.assertLess(ours.max(), 1)
        self.assertGreater(np.unique(ours).size, 2)

    def test_a_partitioned_variable_is_contiguous(self):
        weights = tf.get_variable("weights", [_C, _D], partitioner=tf.fixed_size_partitioner(3),
                                  initializer=tf.random_normal_initializer(seed=1))
        biases, inputs = tf.zeros([_C]), tf.ones([2, _D])
        whole = tf.convert_to_tensor(weights)
        values = _ids([5, 6]), tf.ones([2, 1]), tf.ones([2])
        for ours, theirs in _PEERS.values():
            def loss(function, table, values=values, **options):
                return function(table, biases, _ids([[1], [12]]), inputs, 2, _C, 1, values, **options)
            wanted, default, div, here, mod = self.run_graph([
                loss(theirs, whole), loss(theirs, weights),
                loss(theirs, weights, partition_strategy="div"), loss(ours, weights),
                loss(ours, weights, partition_strategy="mod")])
            self.assertGreater(np.abs(default - wanted).min(), 1e-2)
            for value in (div, here, mod):
                self.assert_close(value, wanted)


class LearnedUnigramTest(_RowCase):

    def _counts(self, module, labels, name=None):
        return module.learned_unigram_candidate_sampler(labels, 1, 5, False, 5, name=name)[1]

    def test_learns_in_evaluation(self):
        labels = _ids([[1], [1], [1]])
        theirs, ours = self._counts(tf.random, labels), self._counts(ts, labels)
        update, = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        with self.new_session() as session:
            before, after = [session.run([theirs, ours]) for _ in range(2)]
            self.assert_close(before, np.ones([2, 3, 1]))
            self.assert_close(after[0], np.full([3, 1], 5 * 4 / 8))  # one more than the counted labels
            self.assert_close(after[1], np.ones([3, 1]))
            session.run(update)
            self.assert_close(session.run(ours), np.full([3, 1], 5 * 4 / 8))

    def test_is_lost_on_restart(self):
        path = os.path.join(self.create_tempdir().full_path, "model")
        labels = _ids([[1], [1], [1]])
        theirs, ours = self._counts(tf.random, labels), self._counts(ts, labels)
        update, = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        saver = tf.train.Saver()
        with self.new_session() as session:
            session.run([theirs, update])
            saver.save(session, path)
        with self.new_session() as session:
            saver.restore(session, path)
            theirs, ours = session.run([theirs, ours])
        self.assert_close(theirs, np.ones([3, 1]))
        self.assert_close(ours, np.full([3, 1], 5 * 4 / 8))

    def test_is_one_state_by_name(self):
        labels = _ids([[1], [1], [1]])
        training_counts = [self._counts(module, labels, "counts") for module in (tf.random, ts)]
        update, = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        evaluation = [self._counts(module, _ids([[1]]), "counts") for module in (tf.random, ts)]
        with self.new_session() as session:
            session.run(training_counts + [update])
            theirs, ours = session.run(evaluation)
        self.assert_close(theirs, [[1]])
        self.assert_close(ours, [[5 * 4 / 8]])


class ObjectivesTest(_RowCase):

    def test_seeds(self):
        self.assertNotIn("seed", inspect.signature(tf.nn.nce_loss).parameters)

        def losses(unrelated):
            with tf.Graph().as_default():
                tf.set_random_seed(3)
                for _ in range(unrelated):
                    tf.random_uniform([])
                weights, biases, inputs = tf.ones([1000, _D]), tf.range(1000.0), tf.ones([1, _D])
                arguments = weights, biases, _ids([[1]]), inputs, 5, 1000
                return self.run_graph([tf.nn.nce_loss(*arguments), ts.nce_loss(*arguments, seed=7)])

        (theirs, ours), (their_other, our_other) = losses(0), losses(1)
        self.assertNotEqual(theirs, their_other)
        self.assertEqual(ours, our_other)

    def test_negative_sampling_has_no_log_q(self):
        weights, biases, inputs = self.model()
        labels = _ids([[1], [3]])
        drawn = tf.random.uniform_candidate_sampler(labels, 1, 5, False, _C, seed=1)
        ids = drawn.sampled_candidates

        def losses(function, true_count, sampled_count, **options):
            return function(weights, biases, labels, inputs, 5, _C, 1, (ids, true_count, sampled_count),
                            False, **options)

        ids_drawn, w, b, x, ours, theirs, ones = self.run_graph([
            ids, weights, biases, inputs, losses(ts.negative_sampling_loss, *drawn[1:]),
            losses(tf.nn.nce_loss, *drawn[1:]),
            losses(tf.nn.nce_loss, tf.ones([2, 1]), tf.ones([5]))])
        true = np.sum(x * w[[1, 3]], 1) + b[[1, 3]]
        noise = x.dot(w[ids_drawn].T) + b[ids_drawn]
        wanted = np.log1p(np.exp(-true)) + np.sum(np.log1p(np.exp(noise)), 1)
        self.assert_close(ours, wanted)
        self.assert_close(ones, wanted)  # the workaround with tf.nn
        self.assertGreater(np.abs(theirs - wanted).min(), 0.1)

    def test_expected_counts_of_mixed_candidates(self):
        self.assertEmpty([name for name in dir(tf.nn) + dir(tf.random)
                          if "candidate_sampler" in name and ("batch" in name or "mixed" in name)])
        groups, num_labels, num_sampled = 4000, 4, 3
        prob = graph_case.zipf(_C)
        labels = self.random.choice(_C, [groups, num_labels], p=prob)
        for sampler, options, wanted in [
                (ts.in_batch_candidate_sampler, {}, num_labels * prob),
                (ts.mixed_candidate_sampler,
                 dict(num_sampled=num_sampled, distribution=ts.Uniform(_C), seed=1),
                 num_labels * prob + num_sampled / _C)]:
            sampled = sampler(_ids(labels), 1, unique=False, range_max=_C, num_groups=groups,
                              frequencies=ts.Unigram(prob), **options)
            ids, true_count, count = self.run_graph(sampled)
            self.assert_close(count, wanted[ids])
            self.assert_close(true_count, wanted[labels])
            came = np.bincount(ids.ravel(), minlength=_C)
            self.assertLess(np.max(np.abs(came - groups * wanted) / np.sqrt(groups * wanted)), 5)
        # tf.nn's losses take them.
        weights, biases, inputs = self.model()
        sampled = ts.mixed_candidate_sampler(_ids([[1], [3]]), 1, unique=False, range_max=_C,
                                             frequencies=ts.Unigram(prob), **options)
        ours, theirs = [loss(weights, biases, _ids([[1], [3]]), inputs, 5, _C, sampled_values=sampled)
                        for loss in _PEERS["nce_loss"]]
        self.assert_close(*self.run_graph([ours, theirs]))

    def test_losses_of_other_num_sampled_do_not_compare(self):
        classes, labels, inputs = 1000, _ids([[7]]), tf.zeros([1, _D])
        weights, biases = tf.zeros([classes, _D]), tf.zeros([classes])
        full = ts.full_softmax_loss(weights, biases, labels, inputs, classes)
        logits = tf.matmul(inputs, weights, transpose_b=True) + biases
        same = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels[:, 0], logits=logits)
        sampled = []
        for size in (10, 100, classes):
            values = tf.random.uniform_candidate_sampler(labels, 1, size, True, classes, seed=1)
            sampled += [loss(weights, biases, labels, inputs, size, classes, sampled_values=values)
                        for loss in _PEERS["sampled_softmax_loss"]]
        full, same, sampled = self.run_graph([full, same, sampled])
        # An untrained model: its loss grows with the number of candidates.
        self.assert_close([full, same], np.full([2, 1], np.log(1000)))
        self.assert_close(np.ravel(sampled), np.log([11, 11, 101, 101, 1000, 1000]), 0, 0.1)


class DeviceTest(_RowCase):

    def test_tf_device_of_a_function(self):
        def place(op):
            del op
            return "/device:CPU:0"

        with tf.device(place):
            self.assertEqual(tf.constant(1.0).device, "/device:CPU:0")
        if not _TF1:
            with self.assertRaisesRegex(RuntimeError, "tf.device does not support functions"):
                with tf2.device(place):
                    tf.constant(1.0)


class DocumentTest(graph_case.GraphCase):
    """docs/upstream.md names existing tests, and its code runs."""

    def setUp(self):
        super().setUp()
        path = os.path.join(_ROOT, "docs", "upstream.md")
        if "TEST_SRCDIR" in os.environ and not os.path.exists(path):
            self.skipTest("docs/ is no package of Bazel")
        with open(path, encoding="utf-8") as stream:
            self.text = stream.read()

    def _methods(self, module):
        """Return {(class, method)} of the tests in tests/<module>.py."""
        with open(os.path.join(_ROOT, "tests", module + ".py"), encoding="utf-8") as stream:
            tree = ast.parse(stream.read())
        return {(node.name, method.name) for node in tree.body if isinstance(node, ast.ClassDef)
                for method in node.body if getattr(method, "name", "").startswith("test_")}

    def _named(self):
        """Return {(module, class or "", method)} of the tests that the document names."""
        named = re.findall(r"`(?:(\w+_test)\.)?(?:(\w+)\.)?(test_\w+)`", self.text)
        return {(module or "upstream_test", case, method) for module, case, method in named}

    def test_each_test_that_it_names_is_there(self):
        for module, case, method in self._named():
            self.assertIn(method, {m for c, m in self._methods(module) if case in ("", c)}, module)

    def test_it_names_each_row(self):
        named = {method for module, _, method in self._named() if module == "upstream_test"}
        rows = {method for case, method in self._methods("upstream_test") if case != "DocumentTest"}
        self.assertEqual(named, rows)

    def test_links_go_where_they_say(self):
        links = re.findall(r"\[([^]]*#\d+)\]\(([^)]*)\)", self.text)
        self.assertNotEmpty(links)
        for text, address in links:
            repository, number = text.split("#")
            self.assertEqual(address, "https://github.com/tensorflow/%s/issues/%s" % (
                repository or "tensorflow", number))

    def test_its_line_moves_a_graph(self):
        pattern, replacement = re.search(r"'s/(.*)/(.*)/g'", self.text).groups()
        moved = re.sub(pattern, replacement,
                       "tf.nn.nce_loss(tf.nn.relu(x), tf.random.all_candidate_sampler(y))\n"
                       "tf.nn.sampled_softmax_loss; tf.nn.fixed_unigram_candidate_sampler; "
                       "tf.random.uniform; my_tf.nn.nce_loss; tf.compat.v1.nn.nce_loss; "
                       "tf.nn.compute_accidental_hits")
        self.assertEqual(moved, "ts.nce_loss(tf.nn.relu(x), ts.all_candidate_sampler(y))\n"
                                "ts.sampled_softmax_loss; ts.fixed_unigram_candidate_sampler; "
                                "tf.random.uniform; my_tf.nn.nce_loss; ts.nce_loss; "
                                "ts.compute_accidental_hits")


if __name__ == "__main__":
    absltest.main()
