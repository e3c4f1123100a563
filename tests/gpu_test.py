"""Whole graphs on a GPU with hard placement: results equal those of a CPU up to rounding.

    python -m pytest -rs tests/gpu_test.py                         on the GPU, if TensorFlow sees one
    TF1_SAMPLED_DEVICE=/cpu:0 python -m pytest tests/gpu_test.py   on the CPU, which tests this file
    python -m tests.gpu_test --device=/cpu:0

Without a GPU and without --device or TF1_SAMPLED_DEVICE, only KernelTest runs.
"""
import functools
import itertools
import os
import unittest

import numpy as np
import tensorflow.compat.v1 as tf
from absl import flags
from absl.testing import absltest, parameterized

import tf1_sampled
from tests import graph_case, placement
from tf1_sampled import candidates, distributions, logits, losses, registry, samplers
from tf1_sampled.recsys import columns, feeds, model as recsys_model, ranking
from tf1_sampled.training import steps
from tf1_sampled.word2vec import corpus, model as word2vec_model, runs

FLAGS = flags.FLAGS
flags.DEFINE_string("device", os.environ.get("TF1_SAMPLED_DEVICE", ""),
                    "Device to test: /gpu:0, /gpu:1, /cpu:0. Default: the first GPU, if there is one.")

# Classes, dimension, examples, candidates; more of the last two than softmax_at_k's 20.
_C, _D, _B, _S = 31, 4, 25, 24
_COUNTS = np.arange(_C, 0, -1)
_RATES = {"adagrad": 0.1, "adam": 0.01, "rowwise_adagrad": 0.1, "sgd": 0.05}

_TOLERANCES = 1e-4, 1e-5  # relative and absolute

# A row's first step is rate * total / scale; total and squares sum its gradients and their squares.
_SCALES = {
    "adagrad": lambda total, squares: np.sqrt(0.1 + squares),
    "adam": lambda total, squares: np.abs(total) + 1 / np.sqrt(1 - 0.999),
    "rowwise_adagrad": lambda total, squares: np.sqrt(0.1 + squares.mean(1, keepdims=True)),
    "sgd": lambda total, squares: 1,
}

# Each of these functions builds a graph and returns step(session, number) -> {name: value}.


def _all_losses(sampler):
    """Build all losses, with draws for each value of `unique`, and a step of all optimizers."""
    labels, seed = tf.placeholder(tf.int64, [None, 1]), tf.placeholder(tf.int32, [2])
    features = tf.placeholder(tf.float32, [None, 3])
    inputs = tf.matmul(features, _variable("kernel", [3, _D]))
    draws = _draws(sampler, labels, seed)
    fetches = {}
    for unique, sampled in draws.items():
        fetches.update(_named("unique=%s" % unique, sampled))
    # The full loss's gradients are dense, so it has tables of its own.
    for kind, names in (("sampled", sorted(registry.LOSSES)), ("full", registry.FULL_LOSSES)):
        with tf.variable_scope(kind):
            weights, biases = _variable("weights", [_C, _D]), _variable("biases", [_C])
        for name, sampled in zip(names, itertools.cycle(draws.values())):
            fetches[name] = losses.loss_by_name(name, weights, biases, labels, inputs, _C, sampled)
    names = [*registry.LOSSES, *registry.FULL_LOSSES]
    total = tf.add_n([tf.reduce_mean(fetches[name]) for name in names])
    train_op = _minimize_by_all(total)

    def step(session, number):
        random = np.random.RandomState(number)
        return session.run((fetches, train_op), {
            labels: random.randint(0, _C, [_B, 1]), features: random.randn(_B, 3), seed: [3, number]})[0]
    return step


def _draws(sampler, labels, seed=None):
    """Return {unique: SampledValues} of a sampler."""
    draws = {}
    for unique in (True, False, "masked"):
        with tf.variable_scope("%s_%s" % (sampler.replace("+", "_"), unique)):  # counts are not shared
            draws[unique] = samplers.sample_by_name(sampler, labels, _S, _COUNTS, unique, seed=seed)
    return draws


def _variable(name, shape):
    return tf.get_variable(name, shape, initializer=tf.random_normal_initializer(seed=len(shape)))


def _minimize_by_all(loss):
    """Return an op that runs all optimizers in turn, with the gradients from before the first step."""
    made = [registry.OPTIMIZERS[name](rate) for name, rate in sorted(_RATES.items())]
    gradients = made[0].compute_gradients(loss)
    done = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    for optimizer in made:
        with tf.control_dependencies(done):
            done = [optimizer.apply_gradients(gradients)]
    return done


def _word2vec(windows_of, loss, sampler, optimizer):
    """Build the training step of run_word2vec.py and its loss on held-out text."""
    window, num_places = 2, 2
    is_relative = loss == "negative_sampling"
    table = word2vec_model.embeddings(_C, _D, seed=1)
    weights, biases = word2vec_model.output_table(_COUNTS, _D, not is_relative)
    tokens = tf.placeholder(tf.int32, [num_places, runs.BLOCK + 2 * window])
    seed = steps.step_seed(1)
    windows = windows_of(table, tokens, window, distributions.fold_in(seed, "windows"))
    sampled = None
    if loss not in registry.FULL_LOSSES:
        sampled = samplers.sample_by_name(
            sampler, windows.labels, _S, _COUNTS, distortion=0.75, seed=seed, num_groups=num_places,
            label_mask=windows.label_mask)
    total = tf.reduce_sum(losses.loss_by_name(
        loss, weights, biases, windows.labels, windows.inputs, _C, sampled, windows.pairs))
    watch = {}
    if sampled:
        watch = _named("sampled", sampled)
        watch["accidental_hit_rate"] = logits.accidental_hit_rate(
            windows.labels, sampled.sampled_candidates, windows.label_mask)
        total += 0.01 * losses.l2_loss_of_rows(weights, sampled.sampled_candidates)
    total += 0.01 * losses.l2_loss_of_rows(table, windows.input_words)
    seen = windows_of(table, tokens[0], window, shrink=False)
    held_out_loss = tf.reduce_sum(losses.full_softmax_loss(
        weights, biases, seen.labels, seen.inputs, _C, pairs=seen.pairs))

    def feed(number):
        random = np.random.RandomState(number)
        words = random.randint(0, _C, tokens.shape.as_list())
        return {tokens: np.where(random.rand(*words.shape) < 0.1, corpus.END, words)}

    train = _program_step(total, optimizer, watch, feed)

    def step(session, number):
        before = session.run(held_out_loss, feed(number))
        return dict(train(session, number), held_out_loss=before)
    return step


def _recsys(loss, sampler, optimizer, hard_negatives=0, remove_known=False, data=None, **options):
    """Build the training step of run_recsys.py and its ranking of items."""
    net = recsys_model.Network(_COUNTS, recsys_model.Architecture(_D, **options), seed=1, **(data or {}))
    inputs = recsys_model.placeholders(net, training=True)
    labels = tf.placeholder(tf.int32, [None])
    seed = steps.step_seed(1)
    users = net.user_vectors(inputs, True, distributions.fold_in(seed, "dropout"))
    weights, biases = net.class_table()
    sampled, watch = None, {}
    known = feeds.Known(*(tf.placeholder(tf.int32, [None]) for _ in feeds.Known._fields))
    if loss not in registry.FULL_LOSSES:
        sampled = samplers.sample_by_name(sampler, labels, _S, _COUNTS, unique=True, seed=seed)
        if hard_negatives:
            hard = ranking.best_items(weights, biases, users, _C, hard_negatives)
            sampled = candidates.with_certain(sampled, labels, hard, _C)
        if remove_known:
            sampled = candidates.without_known(sampled, *known)
        watch = _named("sampled", sampled)
        watch["accidental_hit_rate"] = logits.accidental_hit_rate(labels, sampled.sampled_candidates)
    total = tf.reduce_mean(losses.loss_by_name(loss, weights, biases, labels, users, _C, sampled))
    total += 0.01 * losses.l2_loss_of_rows(net.item_embeddings(), inputs.items)
    total += 0.01 * losses.l2_loss_of_rows(net.class_rows(), labels)
    item_ranking = ranking.ItemRanking(weights, biases, _C, net.vector_size)

    def feed(number):
        random = np.random.RandomState(number)
        begin, end = np.sort(random.randint(0, 60, [2, _B]), 0)
        if options.get("num_positions"):  # slices with the same end have the same begin
            begin = np.maximum(0, end - 1 - end % 7)
        fed = recsys_model.feed(inputs, recsys_model.Inputs(
            random.randint(0, _C, 60), begin, end, np.where(begin < end, begin, -1),
            random.randint(-1, 3, _B), {"kind": random.randint(0, 4, _B), "hour": random.rand(_B)},
            random.rand(_B)))
        fed[labels] = random.randint(0, _C, _B)
        fed.update(zip(known, (random.randint(0, high, size) for high, size in (
            (_C, 40), (6, 40), (6, _B)))))
        return fed

    train = _program_step(total, optimizer, watch, feed)

    def step(session, number):
        vectors = np.random.RandomState(number).randn(5, net.vector_size)
        items, scores = item_ranking.top(session, vectors, None, 3)
        return dict(train(session, number), best_items=items, best_scores=scores)
    return step


def _program_step(loss, optimizer, watch, feed):
    """Return a watched training step of the programs. feed: number of the step -> feed_dict."""
    made = steps.Step(loss, loss, registry.OPTIMIZERS[optimizer], _RATES[optimizer], watch=watch)

    def step(session, number):
        return made.runner(session)(made.with_progress(feed(number), number / 4, number), True)
    return step


def _named(prefix, sampled):
    """Return {name: tensor} of SampledValues."""
    return {"%s: %s" % (prefix, field): tensor for field, tensor in sampled._asdict().items()}


def _other_functions():
    """Build accidental hits, a merged gradient, and the best classes."""
    labels, candidates = tf.placeholder(tf.int64, [None, 1]), tf.placeholder(tf.int64, [_S])
    weights, inputs = tf.placeholder(tf.float32, [_C, _D]), tf.placeholder(tf.float32, [None, _D])
    rows = tf1_sampled.merged(tf.IndexedSlices(inputs, labels[:, 0]))
    fetches = [
        tf1_sampled.compute_accidental_hits(labels, candidates, 1), [rows.indices, rows.values]]
    if "top_k" in tf1_sampled.__all__:
        fetches += [tf1_sampled.top_k(weights, None, inputs, _C, 5, block_size=block_size)
                    for block_size in (None, 8)]

    def step(session, number):
        random = np.random.RandomState(number)
        values = session.run(fetches, {
            labels: random.randint(0, _C, [_B, 1]), candidates: random.randint(0, _C, _S),
            weights: random.randn(_C, _D), inputs: random.randn(_B, _D)})
        return {(i, j): value for i, result in enumerate(values) for j, value in enumerate(result)}
    return step


_TOWER = dict(hidden=(6, 4), dropout=0.2, data=dict(num_users=3, age_unit=0.5, context={
    "kind": columns.Categorical(["", "a", "b", "c"]), "hour": columns.Numeric(0.5, 0.3)}))
_PROGRAMS = {
    "skip_gram": functools.partial(_word2vec, word2vec_model.skip_gram, "negative_sampling",
                                   "fixed_unigram", "rowwise_adagrad"),
    "skip_gram_in_batch": functools.partial(_word2vec, word2vec_model.skip_gram, "nce", "in_batch",
                                            "sgd"),
    "cbow": functools.partial(_word2vec, word2vec_model.cbow, "sampled_softmax",
                              "in_batch+learned_unigram", "adagrad"),
    "cbow_full": functools.partial(_word2vec, word2vec_model.cbow, "full_softmax", None, "adam"),
    "recsys": functools.partial(_recsys, "sampled_softmax", "log_uniform", "adam", similarity="cosine",
                                temperature=0.1),
    "recsys_tower": functools.partial(_recsys, "gbce", "in_batch", "adagrad", remove_known=True,
                                      **_TOWER),
    "recsys_positions": functools.partial(_recsys, "sampled_softmax", "uniform", "adam", num_positions=5,
                                          class_rows="sum", num_poolings=2, hidden=(6, 4)),
    "recsys_shared": functools.partial(_recsys, "refined_sampled_softmax", "in_batch+fixed_unigram",
                                       "rowwise_adagrad", hard_negatives=8, class_rows="shared",
                                       pooling_power=0.5),
}


def _states(session, step, start=None):
    """Return the variables after initialization, and the variables and results of three steps.

    Args:
      session: tf.Session of the default graph.
      step: function of a session and the number of the step.
      start: None, or {name: value}, initial values of the trainable variables.

    Returns:
      List of four {name: value}.
    """
    variables = {variable.op.name: variable for variable in tf.global_variables()}
    session.run(tf.global_variables_initializer())
    if start:
        for variable in tf.trainable_variables():
            assign = variable.initializer
            session.run(assign, {assign.inputs[1]: start[variable.op.name]})
    states = [session.run(variables)]
    for number in range(1, 4):
        values = step(session, number)
        states.append(dict(values, **session.run(variables)))
    return states


class GpuCase(graph_case.GraphCase):
    """A test whose graph is built under tf.device of the device to test."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.device = FLAGS.device or "/gpu:0"
        if not FLAGS.device and not tf.config.experimental.list_physical_devices("GPU"):
            raise unittest.SkipTest(
                "TensorFlow sees no GPU; set TF1_SAMPLED_DEVICE=/cpu:0 to run this on the CPU")

    def setUp(self):
        super().setUp()
        context = tf.device(self.device)
        context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        config = tf.config.experimental
        if hasattr(config, "enable_tensor_float_32_execution"):
            # TensorFloat-32 rounds the factors of matrix products to 10 bits.
            self.addCleanup(config.enable_tensor_float_32_execution,
                            config.tensor_float_32_execution_enabled())
            config.enable_tensor_float_32_execution(False)

    def session(self):
        """Return a session with hard placement, after a check that every op has a device."""
        # TensorFlow places initial values and reads on the device of their variable.
        unplaced = [op.name for op in tf.get_default_graph().get_operations() if not (
            op.device or op.type == "ReadVariableOp" or "/Initializer/" in op.name)]
        self.assertEqual(unplaced[:5], [])
        return tf.Session(config=tf.ConfigProto(
            allow_soft_placement=False, gpu_options=tf.GPUOptions(allow_growth=True)))

    def cpu_session(self):
        """Return a session without GPUs, which runs the graph as it was built: without Grappler."""
        config = tf.ConfigProto(allow_soft_placement=True, device_count={"GPU": 0})
        config.graph_options.rewrite_options.disable_meta_optimizer = True
        return tf.Session(config=config)

    def check_same(self, step):
        """Check that three steps have equal results on device and CPU, and change each table."""
        with self.cpu_session() as session:
            wanted = _states(session, step)
        with self.session() as session:
            # Two devices may draw different initial values.
            states = _states(session, step, wanted[0])
        for number, (state, of_cpu) in enumerate(zip(states, wanted)):
            self.assertCountEqual(state, of_cpu)
            for name, value in of_cpu.items():
                exact = np.issubdtype(np.asarray(value).dtype, np.integer)
                np.testing.assert_allclose(state[name], value, *((0, 0) if exact else _TOLERANCES),
                                           err_msg="%s after step %d" % (name, number))
        for variable in tf.trainable_variables():
            name = variable.op.name
            self.assertTrue(np.any(wanted[-1][name] != wanted[0][name]), name)


class StepTest(GpuCase):

    @parameterized.parameters(*sorted(registry.SAMPLERS))
    def test_losses_and_optimizers_are_those_of_a_cpu(self, sampler):
        if "cpu" in self.device and sampler not in ("in_batch+uniform", "log_uniform"):
            self.skipTest("on the CPU, which tests this file, two samplers do")
        self.check_same(_all_losses(sampler))

    @parameterized.parameters(*sorted(_PROGRAMS))
    def test_programs_are_those_of_a_cpu(self, name):
        placement.behave_as(self, 1)  # the programs disable the behaviour of TensorFlow 2
        self.check_same(_PROGRAMS[name]())

    def test_other_functions_are_those_of_a_cpu(self):
        self.check_same(_other_functions())


class RepeatedRowsTest(GpuCase):
    """A row that a step uses several times gets all of its gradients."""

    def step(self, name, use_resource, ids, gradients):
        """Return the change of each row of a table in a step at rate 0.1, and the expected change."""
        table = tf.get_variable("table", [1000, _D], initializer=tf.zeros_initializer(),
                                use_resource=use_resource)
        rows = tf.IndexedSlices(tf.constant(gradients, tf.float32), tf.constant(ids))
        # With a small epsilon the first step of Adam is the rate, for any gradient.
        options = {"epsilon": 1.0} if name == "adam" else {}
        train_op = registry.OPTIMIZERS[name](0.1, **options).apply_gradients([(rows, table)])
        with self.session() as session:
            session.run(tf.global_variables_initializer())
            session.run(train_op)
            actual = session.run(table)
        total, squares = np.zeros([2, 1000, _D])
        np.add.at(total, ids, gradients)
        np.add.at(squares, ids, gradients ** 2)
        return actual, -0.1 * total / _SCALES[name](total, squares)

    @parameterized.product(name=sorted(registry.OPTIMIZERS), use_resource=[False, True])
    def test_a_row_that_occurs_six_times_is_updated_exactly(self, name, use_resource):
        actual, wanted = self.step(name, use_resource, [3] * 6, np.ones([6, _D]))
        self.assert_close(actual, wanted)

    @parameterized.product(name=sorted(registry.OPTIMIZERS), use_resource=[False, True])
    def test_a_large_step_of_zipf_ids(self, name, use_resource):
        random = np.random.RandomState(1)
        ids = random.choice(1000, 8192, p=graph_case.zipf(1000))
        actual, wanted = self.step(name, use_resource, ids, random.uniform(0.1, 1, [8192, _D]))
        self.assert_close(actual, wanted, 1e-4)


class KernelTest(graph_case.GraphCase):
    """Each op, also of the initializers, has a GPU kernel or is placed on the CPU. No GPU is needed."""

    def setUp(self):
        super().setUp()
        if not placement.has_gpu_kernels():
            self.skipTest("TensorFlow %s here is built for CPUs only" % tf.VERSION)

    def check(self):
        tf.global_variables_initializer()
        self.assertEqual(placement.without_gpu_kernel(is_exempt=placement.is_on_host), [])

    def test_ops_of_losses_and_optimizers(self):
        _all_losses("uniform")
        self.check()

    @parameterized.parameters(*sorted(registry.SAMPLERS))
    def test_ops_of_samplers(self, sampler):
        _draws(sampler, tf.placeholder(tf.int64, [None, 1]))
        self.check()

    def test_ops_of_other_functions(self):
        _other_functions()
        self.check()

    @parameterized.parameters(*sorted(_PROGRAMS))
    def test_ops_of_programs(self, name):
        placement.behave_as(self, 1)
        _PROGRAMS[name]()
        self.check()


if __name__ == "__main__":
    absltest.main()
