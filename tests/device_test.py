"""Devices: each op of a training step has a GPU kernel, and XLA compiles the losses.

No GPU is needed. TensorFlow's registry lists the devices and types for which an op has kernels, and XLA
compiles the same graphs for the CPU as for other devices.
"""
import itertools

import numpy as np
import tensorflow as tf2
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case, placement
from tf1_sampled import losses, registry, samplers
from tf1_sampled.training import steps

# Classes, dimension, examples (and labels of a group), candidates; more of the last two than SL@K's 20.
_C, _D, _B, _S = 31, 4, 25, 24
_COUNTS = np.arange(1, _C + 1)


def _variables():
    weights = tf.get_variable("weights", [_C, _D], initializer=tf.random_normal_initializer(seed=1))
    biases = tf.get_variable("biases", [_C], initializer=tf.random_normal_initializer(seed=2))
    kernel = tf.get_variable("kernel", [3, _D], initializer=tf.random_normal_initializer(seed=3))
    return weights, biases, kernel


def _num_sampled(sampler):
    return _C if sampler == "all" else _S


class _AllOptimizers:
    """All of OPTIMIZERS as one: the gradients are built once, for the updates of all optimizers."""

    def __init__(self):
        rate = tf.placeholder_with_default(0.05, [])
        self._optimizers = [optimizer(rate) for optimizer in registry.OPTIMIZERS.values()]
        # One optimizer computes the gradients for all, so none may override compute_gradients.
        for optimizer in self._optimizers:
            assert type(optimizer).compute_gradients is tf.train.Optimizer.compute_gradients, optimizer

    def compute_gradients(self, loss, variables):
        return self._optimizers[0].compute_gradients(loss, variables)

    def apply_gradients(self, gradients, step):
        return tf.group([o.apply_gradients(gradients, step) for o in self._optimizers])


def _draw(sampler, unique, pairs=False):
    """Return SampledValues for fed labels of examples or of two groups of pairs, and the labels."""
    labels = tf.placeholder(*((tf.int32, [2, _B]) if pairs else (tf.int64, [None, 1])))
    return labels, samplers.sample_by_name(sampler, labels, _num_sampled(sampler), _COUNTS, unique,
                                           seed=1, num_groups=2 if pairs else None)


def _train_op(sampler, pairs=False):
    """Return a training step of each optimizer on the sum of all losses with masked candidates."""
    weights, biases, kernel = _variables()
    labels, sampled = _draw(sampler, "masked", pairs)
    inputs = tf.matmul(tf.placeholder(tf.float32, [6 if pairs else None, 3]), kernel)
    options = dict(sampled_values=sampled, remove_accidental_hits=True)
    if pairs:
        inputs = tf.reshape(inputs, [2, 3, _D])
        options["pairs"] = tf.placeholder(tf.float32, [2, 3, _B])
    total = 0.01 * losses.l2_loss_of_rows(weights, labels)
    total += 0.01 * losses.l2_loss_of_rows(weights, sampled.sampled_candidates)
    size = _num_sampled(sampler)
    for loss in registry.LOSSES.values():
        total += tf.reduce_mean(loss(weights, biases, labels, inputs, size, _C, **options))
    return steps.minimize(total, _AllOptimizers())


class _GpuCase(graph_case.GraphCase):

    def setUp(self):
        super().setUp()
        if not placement.has_gpu_kernels():
            self.skipTest("TensorFlow %s here is built for CPUs alone: not even MatMul has a GPU kernel"
                          % tf.VERSION)


class GpuTest(_GpuCase):

    # Each loss and optimizer with each sampler of the programs; other forms with one sampler.
    @parameterized.parameters(*[(sampler, 1, False) for sampler in sorted(registry.SAMPLERS)] + [
        ("log_uniform", 1, True), ("log_uniform", 2, False), ("log_uniform", 2, True)])
    def test_each_op_of_a_step_has_a_kernel(self, sampler, behavior, pairs):
        placement.behave_as(self, behavior)
        self.assertEqual(placement.without_gpu_kernel(_train_op(sampler, pairs)), [])

    @parameterized.product(sampler=sorted(registry.SAMPLERS), behavior=[1, 2])
    def test_each_op_of_a_draw_has_a_kernel(self, sampler, behavior):
        placement.behave_as(self, behavior)
        draws = []
        for unique, pairs in itertools.product([False, True, "masked"], [False, True]):
            with tf.name_scope("unique_%s_pairs_%s" % (unique, pairs)):
                draws += _draw(sampler, unique, pairs)[1]
        draws += tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        self.assertEqual(placement.without_gpu_kernel(tf.group(draws)), [])


class WalkTest(_GpuCase):
    """The search finds ops without a kernel anywhere in a graph."""

    def test_upstreams_samplers_and_hits_have_no_kernel(self):
        labels = tf.placeholder(tf.int64, [_B, 1])
        values = tf.random.log_uniform_candidate_sampler(labels, 1, _S, True, _C)
        hits = tf.nn.compute_accidental_hits(labels, values.sampled_candidates, 1)
        found = placement.without_gpu_kernel(tf.group(hits))
        self.assertLen(found, 2)
        self.assertRegex(found[0], r"^ComputeAccidentalHits\(\) at ")
        self.assertRegex(found[1], r"^LogUniformCandidateSampler\(\) at ")

    def _sampler_op(self):
        return tf.random.log_uniform_candidate_sampler(tf.zeros([_B, 1], tf.int64), 1, _S, True, _C)

    @parameterized.parameters(1, 2)
    def test_ops_in_a_loop_within_a_branch_are_found(self, behavior):
        placement.behave_as(self, behavior)

        def loop():
            return tf.while_loop(lambda i: i < 3, lambda i: i + self._sampler_op()[0][0],
                                 [tf.zeros([], tf.int64)])
        value = tf.cond(tf.placeholder(tf.bool, []), loop, lambda: tf.zeros([], tf.int64))
        found = placement.without_gpu_kernel(value.op)
        self.assertLen(found, 1)
        self.assertRegex(found[0], "^LogUniformCandidateSampler")

    def test_ops_behind_a_control_input_are_found(self):
        with tf.control_dependencies(self._sampler_op()):
            done = tf.no_op()
        self.assertLen(placement.without_gpu_kernel(done), 1)

    def test_an_op_that_does_not_run_is_left_out(self):
        self._sampler_op()
        self.assertEqual(placement.without_gpu_kernel(tf.no_op()), [])

    def test_a_kernel_counts_for_its_types_only(self):
        for dtype, wanted in [(tf.float32, []), (tf.int32, ["MatMul(T=int32) at int32"])]:
            table = tf.placeholder(dtype, [2, 2])
            product = tf.matmul(table, table, name=dtype.name)
            self.assertEqual(placement.without_gpu_kernel(product.op), wanted)

    def test_a_message_is_allowed_on_the_host_only(self):
        condition = tf.placeholder(tf.bool, [])
        with tf.device("/device:CPU:0"):
            message = tf.constant("message", name="text")
        check = tf.Assert(condition, [message])
        self.assertEqual(placement.without_gpu_kernel(check), [])
        self.assertEqual(placement.without_gpu_kernel(tf.group(check, tf.identity(message))),
                         ["Const(dtype=string) at text"])
        check = tf.Assert(condition, [tf.constant("message", name="misplaced")])
        self.assertEqual(placement.without_gpu_kernel(check), ["Const(dtype=string) at misplaced"])


class XlaTest(graph_case.GraphCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        placement.compile_quickly(cls)

    def setUp(self):
        super().setUp()
        if tf.VERSION.startswith("1."):
            self.skipTest("TensorFlow %s has no tf.function(jit_compile=True)" % tf.VERSION)
        # Fed values: ops on constants would be folded before XLA compiles.
        self.labels = tf.placeholder(tf.int64, [None, 1])
        self.inputs = tf.placeholder(tf.float32, [None, _D])
        self.seed = tf.placeholder(tf.int32, [2])
        random = np.random.RandomState(1)
        self.feed = {self.labels: random.randint(0, _C, [_B, 1]), self.seed: [3, 4],
                     self.inputs: random.randn(_B, _D)}

    def run_compiled_and_not(self, function, *arguments):
        """Return the values of a function of tensors, compiled by XLA and not compiled."""
        results = [tf2.function(function, jit_compile=compiled, autograph=False)(*arguments)
                   for compiled in (True, False)]
        return [self.run_graph(result, self.feed) for result in results]

    @parameterized.parameters(*sorted(registry.SAMPLERS))
    def test_draws_losses_and_gradients(self, sampler):
        # A loss depends on the sampled values only: all losses with one sampler, one loss with all.
        names = sorted(registry.LOSSES) if sampler == "log_uniform" else ["sampled_softmax"]
        with tf.variable_scope(tf.get_variable_scope(), use_resource=True):
            weights, biases, _ = _variables()

        def results(labels, inputs, seed):
            ids, numbers, size = {}, {}, _num_sampled(sampler)
            for unique in (False, True, "masked"):
                sampled = samplers.sample_by_name(sampler, labels, size, _COUNTS, unique, seed=seed)
                ids["unique=%s" % unique], *numbers["unique=%s" % unique] = sampled
            for name in names:  # of the candidates drawn last
                value = registry.LOSSES[name](weights, biases, labels, inputs, size, _C,
                                            sampled_values=sampled, remove_accidental_hits=True)
                to_inputs, to_rows = tf.gradients(value, [inputs, weights])
                ids[name], *numbers[name] = to_rows.indices, value, to_inputs, to_rows.values
            return ids, numbers

        compiled, wanted = self.run_compiled_and_not(results, self.labels, self.inputs, self.seed)
        for name, ids in wanted[0].items():
            np.testing.assert_array_equal(compiled[0][name], ids, name)
        for name, arrays in wanted[1].items():
            for ours, array in zip(compiled[1][name], arrays):
                self.assertTrue(np.all(np.isfinite(array)), name)
                np.testing.assert_allclose(ours, array, 1e-4, 1e-5, err_msg=name)

    def test_upstreams_sampler_does_not_compile(self):
        def draw(labels):
            return tf.random.log_uniform_candidate_sampler(labels, 1, _S, True, _C, seed=1)[0]

        self.assertLen(self.run_graph(tf2.function(draw)(self.labels), self.feed), _S)
        with self.assertRaisesRegex(tf.errors.InvalidArgumentError, "LogUniformCandidateSampler"):
            self.run_graph(tf2.function(draw, jit_compile=True)(self.labels), self.feed)


if __name__ == "__main__":
    absltest.main()
