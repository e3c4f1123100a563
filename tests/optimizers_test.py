import os

import numpy as np
import tensorflow as tf2
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case, placement
from tf1_sampled import InputError, optimizers, registry

_IDS = [1, 3, 1, 0, 1]
_GRADS = np.random.RandomState(1).randn(5, 2)
_START = np.random.RandomState(2).randn(6, 2)


def _sgd(w, _, ids, grads, rate):
    for i, g in zip(ids, grads):
        w[i] -= rate * g


def _adagrad(w, slots, ids, grads, rate):
    a = slots.setdefault("accumulator", np.full_like(w, 0.1))
    for i, g in zip(ids, grads):
        a[i] += g ** 2
    for i, g in zip(ids, grads):
        w[i] -= rate * g / np.sqrt(a[i])


def _rowwise_adagrad(w, slots, ids, grads, rate, initial=0.1, power=-0.5):
    a = slots.setdefault("accumulator", np.full(len(w), initial))
    for i, g in zip(ids, grads):
        a[i] += np.mean(g ** 2)
    for i, g in zip(ids, grads):
        w[i] -= rate * g * a[i] ** power


def _adam(w, slots, ids, grads, rate, beta1=0.9):
    m, v = slots.setdefault("m", np.zeros_like(w)), slots.setdefault("v", np.zeros_like(w))
    slots["t"] = t = slots.get("t", 0) + 1
    sums = np.zeros_like(w)
    for i, g in zip(ids, grads):
        sums[i] += g
    for i in sorted(set(ids)):
        g = sums[i]
        m[i] = beta1 * m[i] + (1 - beta1) * g
        v[i] = 0.999 * v[i] + 0.001 * g ** 2
        w[i] -= rate * np.sqrt(1 - 0.999 ** t) / (1 - beta1 ** t) * m[i] / (np.sqrt(v[i]) + 1e-8)


_ORACLES = {"sgd": _sgd, "adagrad": _adagrad, "rowwise_adagrad": _rowwise_adagrad, "adam": _adam}


def _table(use_resource, dtype=tf.float32):
    return tf.get_variable("table", initializer=tf.constant(_START, dtype), use_resource=use_resource)


def _rows(ids, grads):
    return tf.IndexedSlices(tf.constant(grads, tf.float32), tf.constant(ids))


class OptimizerTest(graph_case.GraphCase):

    @parameterized.product(name=sorted(registry.OPTIMIZERS), use_resource=[False, True])
    def test_sparse_steps_are_the_oracles(self, name, use_resource):
        table = _table(use_resource)
        ids, grads = tf.placeholder(tf.int32, [None]), tf.placeholder(tf.float32, [None, 2])
        step = registry.OPTIMIZERS[name](0.3).apply_gradients([(tf.IndexedSlices(grads, ids), table)])
        wanted, slots = _START.copy(), {}
        with self.new_session() as session:
            for turn in range(3):
                some = slice(0, None if turn != 1 else 2)  # a step may leave out a row
                session.run(step, {ids: _IDS[some], grads: _GRADS[some]})
                _ORACLES[name](wanted, slots, _IDS[some], _GRADS[some], 0.3)
            self.assert_close(session.run(table), wanted, 1e-5, 1e-5)

    @parameterized.product(name=sorted(registry.OPTIMIZERS), use_resource=[False, True],
                           dtype=[tf.float16, tf.bfloat16, tf.float64])
    def test_types_of_other_widths(self, name, use_resource, dtype):
        if name == "adam" and dtype == tf.bfloat16:
            self.skipTest("1 - beta2 is 0 in bfloat16, in tf.train.AdamOptimizer too")
        table = _table(use_resource, dtype)
        grads = tf.IndexedSlices(tf.constant(_GRADS, dtype), tf.constant(_IDS))
        step = registry.OPTIMIZERS[name](0.25).apply_gradients([(grads, table)])
        wanted = _START.copy()
        _ORACLES[name](wanted, {}, _IDS, _GRADS, 0.25)
        with tf.Session() as session:  # an op without a kernel is an error
            session.run(tf.global_variables_initializer())
            session.run(step)
            values = session.run(tf.cast(table, tf.float64))
        self.assert_close(values, wanted, 0, {2: 0.05, 8: 1e-6}[dtype.size])

    @parameterized.product(name=sorted(registry.OPTIMIZERS), use_resource=[False, True])
    def test_a_row_that_is_used_six_times(self, name, use_resource):
        table = tf.get_variable("table", [5, 2], initializer=tf.zeros_initializer(),
                                use_resource=use_resource)
        step = registry.OPTIMIZERS[name](0.1).apply_gradients([(_rows([3] * 6, np.ones([6, 2])), table)])
        with self.new_session() as session:
            session.run(step)
            moved = session.run(table)
        accumulator = 0.1 + 6 * 1 ** 2
        wanted = {"sgd": 0.1 * 6, "adagrad": 0.1 * 6 / np.sqrt(accumulator),
                  "rowwise_adagrad": 0.1 * 6 / np.sqrt(accumulator), "adam": 0.1}[name]
        self.assert_close(moved, np.outer([0, 0, 0, -wanted, 0], [1, 1]))

    @parameterized.product(name=sorted(registry.OPTIMIZERS), use_resource=[False, True])
    def test_the_order_of_occurrences_does_not_matter(self, name, use_resource):
        optimizer, table = registry.OPTIMIZERS[name](0.3), _table(use_resource)
        ids, grads = tf.placeholder(tf.int32, [None]), tf.placeholder(tf.float32, [None, 2])
        step = optimizer.apply_gradients([(tf.IndexedSlices(grads, ids), table)])
        state = [table] + [optimizer.get_slot(table, slot) for slot in optimizer.get_slot_names()]

        def after(order):
            with self.new_session() as session:
                for _ in range(2):
                    session.run(step, {ids: np.take(_IDS, order), grads: _GRADS[order]})
                return session.run(state)

        wanted = after(np.arange(5))
        for order in ([4, 3, 2, 1, 0], [2, 0, 4, 1, 3]):
            for values, first in zip(after(order), wanted):
                self.assert_close(values, first, 1e-6, 1e-7)

    @parameterized.product(name=sorted(registry.OPTIMIZERS), use_resource=[False, True])
    def test_a_large_step_on_all_cores_repeats(self, name, use_resource):
        num_classes, batch, dim = 1000, 8192, 128
        random = np.random.RandomState(1)
        start = random.randn(num_classes, dim).astype(np.float32)
        ids = random.choice(num_classes, batch, p=graph_case.zipf(num_classes))
        grads = random.uniform(0.1, 1, [batch, dim]).astype(np.float32)
        optimizer = registry.OPTIMIZERS[name](0.1)
        table = tf.get_variable("table", initializer=start, use_resource=use_resource)
        step = optimizer.apply_gradients([(_rows(ids, grads), table)])
        slots = optimizer.get_slot_names()
        state = [table] + [optimizer.get_slot(table, slot) for slot in slots]
        wanted, wanted_slots = start.astype(np.float64), {}
        _ORACLES[name](wanted, wanted_slots, ids, grads.astype(np.float64), 0.1)
        for _ in range(5):
            with self.new_session() as session:
                session.run(step)
                values = session.run(state)
            self.assert_close(values[0], wanted, 1e-5, 1e-4)
            for slot, value in zip(slots, values[1:]):
                self.assert_close(value, wanted_slots[slot], 1e-4)

    @parameterized.product(name=sorted(registry.OPTIMIZERS), use_resource=[False, True])
    def test_parts_of_a_table_take_the_steps_of_the_whole(self, name, use_resource):
        parts = tf.get_variable("table", _START.shape, partitioner=tf.fixed_size_partitioner(2),
                                initializer=lambda shape, dtype, partition_info: tf.constant(
                                    _START[partition_info.var_offset[0]:][:shape[0]], dtype),
                                use_resource=use_resource)
        used = tf.nn.embedding_lookup(parts, _IDS, "div")
        step = registry.OPTIMIZERS[name](0.3).minimize(tf.reduce_sum(used * _GRADS.astype(np.float32)))
        wanted, slots = _START.copy(), {}
        with self.new_session() as session:
            for _ in range(2):
                session.run(step)
                _ORACLES[name](wanted, slots, _IDS, _GRADS, 0.3)
            self.assert_close(session.run(parts.as_tensor()), wanted, 1e-5, 1e-5)

    @parameterized.product(name=sorted(registry.OPTIMIZERS), use_resource=[False, True])
    def test_each_op_has_a_gpu_kernel(self, name, use_resource):
        if not placement.has_gpu_kernels():
            self.skipTest("TensorFlow %s here is built for CPUs alone" % tf.VERSION)
        steps = []
        for dtype in (tf.float16, tf.float32, tf.float64):
            for shape in ([4], [4, 2], [4, 2, 3]):
                table = tf.get_variable("%s_%d" % (dtype.name, len(shape)), shape, dtype,
                                        use_resource=use_resource)
                used = tf.gather(table, [1, 1, 2])
                steps.append(registry.OPTIMIZERS[name](0.1).minimize(tf.reduce_sum(used * used)))
        self.assertEqual(placement.without_gpu_kernel(tf.group(steps)), [])

    @parameterized.product(name=sorted(registry.OPTIMIZERS), use_resource=[False, True])
    def test_dense_steps_are_the_oracles(self, name, use_resource):
        table = _table(use_resource)
        gradient = np.random.RandomState(3).randn(6, 2)
        step = registry.OPTIMIZERS[name](0.3).apply_gradients(
            [(tf.constant(gradient, tf.float32), table)])
        wanted, slots = _START.copy(), {}
        with self.new_session() as session:
            for _ in range(3):
                session.run(step)
                _ORACLES[name](wanted, slots, range(6), gradient, 0.3)
            self.assert_close(session.run(table), wanted, 1e-5, 1e-5)

    @parameterized.parameters(*sorted(registry.OPTIMIZERS))
    def test_tables_may_have_rank_one_and_three(self, name):
        vector = tf.get_variable("vector", [4], use_resource=True)
        cube = tf.get_variable("cube", [4, 2, 3], use_resource=True)
        loss = tf.reduce_sum(tf.square(tf.gather(vector, [1, 1]))) + tf.reduce_sum(
            tf.square(tf.gather(cube, [2, 0])))
        step = registry.OPTIMIZERS[name](0.01).minimize(loss)
        with self.new_session() as session:
            before = session.run(loss)
            session.run(step)
            self.assertLess(session.run(loss), before)

    @parameterized.parameters(*sorted(registry.OPTIMIZERS))
    def test_a_rate_may_be_a_tensor(self, name):
        table, rate = _table(True), tf.placeholder(tf.float32, [])
        step = registry.OPTIMIZERS[name](rate).minimize(tf.nn.l2_loss(tf.gather(table, [1])))
        with self.new_session() as session:
            session.run(step, {rate: 0.0})
            self.assert_close(session.run(table), _START)
            session.run(step, {rate: 0.1})
            self.assertTrue(np.any(session.run(table)[1] != _START[1].astype(np.float32)))

    @parameterized.parameters(*sorted(registry.OPTIMIZERS))
    def test_no_op_of_a_sparse_step_has_the_size_of_the_table(self, name):
        num_classes, dim = 1001, 2
        table = tf.get_variable("table", [num_classes, dim], use_resource=True)
        before = set(tf.get_default_graph().get_operations())
        optimizer = registry.OPTIMIZERS[name](0.1)
        gradients = optimizer.compute_gradients(tf.nn.l2_loss(tf.gather(table, [1, 2, 1])))
        step = optimizer.apply_gradients(gradients)
        # The ops of the step, without the initialization of slots.
        reached, front = set(), [step]
        while front:
            op = front.pop()
            if op not in reached:
                reached.add(op)
                front += list(op.control_inputs) + [tensor.op for tensor in op.inputs]
        self.assertIn(step, reached)
        for op in reached - before:
            for tensor in op.outputs:
                if op.type not in ("VarHandleOp",):
                    self.assertNotIn(num_classes, tensor.shape.as_list() or [], op.name)


def _doubled(getter, *args, **kwargs):
    """Return a tensor instead of a variable, as a custom getter."""
    return 2 * getter(*args, **kwargs)


@absltest.skipUnless(tf.executing_eagerly(), "TensorFlow 1 has no eager mode here")
class EagerTest(parameterized.TestCase):
    """TensorFlow 2 without a session."""

    @parameterized.product(name=sorted(registry.OPTIMIZERS), is_traced=[False, True])
    def test_sparse_steps_are_the_oracles(self, name, is_traced):
        table, optimizer = tf2.Variable(_START, dtype=tf.float32), registry.OPTIMIZERS[name](0.3)

        def step(ids, grads):
            optimizer.apply_gradients([(tf.IndexedSlices(grads, ids), table)])

        step = tf2.function(step, autograph=False) if is_traced else step
        wanted, slots = _START.copy(), {}
        for _ in range(2):
            step(tf.constant(_IDS), tf.constant(_GRADS, tf.float32))
            _ORACLES[name](wanted, slots, _IDS, _GRADS, 0.3)
        np.testing.assert_allclose(table, wanted, 1e-5, 1e-5)


class SlotsTest(graph_case.GraphCase):
    """The scope in which a step is built does not change its slots."""

    def _variables(self):
        return sorted((v.op.name, tuple(v.shape.as_list())) for v in tf.global_variables())

    @parameterized.product(
        name=sorted(registry.OPTIMIZERS), use_resource=[False, True],
        option=[("regularizer", tf.nn.l2_loss), ("partitioner", tf.fixed_size_partitioner(2)),
                ("custom_getter", _doubled), ("caching_device", "/device:CPU:0")])
    def test_options_of_the_variable_scope_do_not_change_slots(self, name, use_resource, option):
        found, wanted, state = [], _START.copy(), {}
        for options in ({}, dict([option])):
            with tf.Graph().as_default():
                table = _table(use_resource)
                optimizer = registry.OPTIMIZERS[name](0.3)
                with tf.variable_scope("scope", **options) as scope:
                    step = optimizer.apply_gradients([(_rows(_IDS, _GRADS), table)])
                    for key, value in options.items():
                        self.assertIs(getattr(scope, key), value)
                found.append(self._variables())
                self.assertEmpty(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES))
                for slot in optimizer.get_slot_names():
                    self.assertIsNone(getattr(optimizer.get_slot(table, slot), "_caching_device", None))
                with self.new_session() as session:
                    session.run(step)
                    after = session.run(table)
        _ORACLES[name](wanted, state, _IDS, _GRADS, 0.3)
        self.assert_close(after, wanted, 1e-5, 1e-5)
        self.assertEqual(*found)

    @parameterized.parameters("adagrad", "rowwise_adagrad", "adam")
    def test_options_of_the_scope_are_restored_after_an_error(self, name):
        table = tf.get_variable("table", [3], use_resource=True)
        with tf.variable_scope("scope", regularizer=tf.nn.l2_loss, reuse=True) as scope:
            with self.assertRaisesRegex(ValueError, "does not exist"):  # there is no slot to reuse
                registry.OPTIMIZERS[name](0.1).minimize(tf.reduce_sum(tf.gather(table, [1])))
            self.assertIs(scope.regularizer, tf.nn.l2_loss)

    @parameterized.parameters("adagrad", "rowwise_adagrad", "adam")
    def test_two_optimizers_have_slots_of_their_own(self, name):
        table = _table(True)
        slots = []
        for _ in range(2):
            optimizer = registry.OPTIMIZERS[name](0.1)
            optimizer.minimize(tf.reduce_sum(tf.gather(table, [1])))
            slots += [optimizer.get_slot(table, slot).op.name for slot in optimizer.get_slot_names()]
        self.assertLen(set(slots), len(slots))


class MergedTest(graph_case.GraphCase):

    @parameterized.parameters((tf.int32, [5, 2]), (tf.int64, [5]), (tf.int64, [5, 2, 3]))
    def test_each_row_occurs_once_with_its_sum(self, dtype, shape):
        values = np.random.RandomState(1).randn(*shape)
        gradient = tf.IndexedSlices(tf.placeholder(tf.float64, [None] + shape[1:]),
                                    tf.placeholder(dtype, [None]), tf.constant([7] + shape[1:]))
        once = optimizers.merged(gradient)
        self.assertEqual(once.values.shape.as_list(), [None] + shape[1:])
        once = self.run_graph(once, {gradient.values: values, gradient.indices: _IDS})
        self.assertEqual(once.indices.tolist(), [1, 3, 0])
        self.assertEqual(once.indices.dtype, dtype.as_numpy_dtype)
        self.assertEqual(once.dense_shape.tolist(), [7] + shape[1:])
        self.assert_close(once.values, [values[0] + values[2] + values[4], values[1], values[3]])

    def test_the_norm_is_the_gradients(self):
        gradient = _rows(_IDS, _GRADS)
        dense = np.zeros([6, 2])
        np.add.at(dense, _IDS, _GRADS)
        merged, apart = self.run_graph([tf.global_norm([optimizers.merged(gradient)]),
                                        tf.global_norm([gradient])])
        self.assert_close(merged, np.linalg.norm(dense))
        self.assertGreater(abs(apart - merged), 0.1)

    def test_an_unknown_shape_stays_unknown(self):
        self.assertIsNone(optimizers.merged(_rows(_IDS, _GRADS)).dense_shape)

    def test_merged_of_no_rows_has_none(self):
        once = self.run_graph(optimizers.merged(_rows(np.zeros([0], np.int32), np.zeros([0, 2]))))
        self.assertEqual((once.values.shape, once.indices.shape), ((0, 2), (0,)))

    def test_dense_gradients_are_returned_unchanged(self):
        dense = tf.ones([3, 2])
        self.assertIs(optimizers.merged(dense), dense)
        self.assertIsNone(optimizers.merged(None))

    def test_adagrads_step_with_it_is_tensorflows(self):
        gradient, after = _rows(_IDS, _GRADS), []
        for optimizer, used in ((optimizers.AdagradOptimizer(0.3), optimizers.merged(gradient)),
                                (tf.train.AdagradOptimizer(0.3), gradient)):
            with tf.variable_scope("table_%d" % len(after)):
                table = _table(True)
            step = optimizer.apply_gradients([(used, table)])
            with self.new_session() as session:
                session.run(step)
                after.append(session.run(table))
        self.assert_close(*after, 1e-5, 1e-6)

    def test_each_op_has_a_gpu_kernel(self):
        if not placement.has_gpu_kernels():
            self.skipTest("TensorFlow %s here is built for CPUs alone" % tf.VERSION)
        values = [optimizers.merged(tf.IndexedSlices(tf.placeholder(dtype, [None, 2]),
                                                     tf.placeholder(ids, [None]))).values
                  for dtype in (tf.float16, tf.float32, tf.float64) for ids in (tf.int32, tf.int64)]
        self.assertEqual(placement.without_gpu_kernel(tf.group(values)), [])


class ClippedTest(graph_case.GraphCase):

    def _step(self, clip_norm, make=optimizers.SGDOptimizer):
        """Return how far a step moves a table with repeated rows, and a dense vector."""
        table = tf.get_variable("table", [7, 2], initializer=tf.zeros_initializer(), use_resource=True)
        dense = tf.get_variable("dense", [2], initializer=tf.zeros_initializer(), use_resource=True)
        loss = tf.reduce_sum(tf.gather(table, _IDS) * _GRADS) + tf.reduce_sum(dense * [3.0, -4.0])
        step = optimizers.ClippedOptimizer(make(1.0), clip_norm).minimize(loss)
        with self.new_session() as session:
            session.run(step)
            return session.run([table, dense])

    def test_all_gradients_together_have_the_norm(self):
        wanted = np.zeros([7, 2])
        np.add.at(wanted, _IDS, -np.asarray(_GRADS, np.float32))
        norm = np.sqrt(np.sum(wanted ** 2) + 25)
        table, dense = self._step(norm / 3)
        self.assert_close(table, wanted / 3)
        self.assert_close(dense, [-1, 4 / 3])

    def test_a_smaller_gradient_is_not_changed(self):
        _, dense = self._step(1000.0)
        self.assert_close(dense, [-3, 4])

    def test_slots_are_those_of_the_other(self):
        made = []
        self._step(0.5, lambda rate: made.append(optimizers.AdagradOptimizer(rate)) or made[0])
        clipped = optimizers.ClippedOptimizer(made[0], 0.5)
        table = tf.trainable_variables()[0]
        self.assertEqual(clipped.get_slot_names(), ["accumulator"])
        self.assertIs(clipped.get_slot(table, "accumulator"), made[0].get_slot(table, "accumulator"))
        self.assertEqual(clipped.variables(), made[0].variables())
        self.assertLen(tf.global_variables(), 4)

    def test_a_norm_of_0_is_an_error(self):
        with self.assertRaisesRegex(InputError, "ClippedOptimizer: clip_norm: wanted a number above 0, "
                                    "got 0"):
            optimizers.ClippedOptimizer(optimizers.SGDOptimizer(1.0), 0)

    def test_another_kind_of_optimizer_is_an_error(self):
        with self.assertRaisesRegex(InputError, "^ClippedOptimizer: optimizer: wanted a "
                                    "tf.train.Optimizer, got 'adam'"):
            optimizers.ClippedOptimizer("adam", 1.0)


class AdagradTest(graph_case.GraphCase):

    @parameterized.product(name=["AdagradOptimizer", "RowwiseAdagradOptimizer"], value=[0, -0.1])
    def test_accumulators_start_above_zero(self, name, value):
        with self.assertRaisesRegex(
                InputError, "^%s: initial_accumulator_value: wanted a number above 0, got %s" % (
                    name, value)):
            getattr(optimizers, name)(0.1, value)

    @parameterized.parameters(optimizers.AdagradOptimizer, optimizers.RowwiseAdagradOptimizer)
    def test_a_table_of_float64_is_not_rounded_to_float32(self, make):
        table = tf.get_variable("table", [2, 1], tf.float64, tf.zeros_initializer(), use_resource=True)
        step = make(0.5, 0.25).minimize(tf.reduce_sum(tf.gather(table, [1])))
        with self.new_session() as session:
            session.run(step)
            self.assert_close(session.run(table), [[0], [-0.5 / np.sqrt(0.25 + 1)]], 1e-14, 0)

    def test_accumulators_start_at_a_value(self):
        table, optimizer = _table(True), optimizers.AdagradOptimizer(0.1, 0.75)
        optimizer.minimize(tf.reduce_sum(tf.gather(table, [1])))
        accumulator = self.run_graph(optimizer.get_slot(table, "accumulator"))
        self.assert_close(accumulator, np.full([6, 2], 0.75))


class RowwiseAdagradTest(graph_case.GraphCase):

    @parameterized.parameters(-1, -0.25, 0)
    def test_the_power_of_the_accumulators(self, power):
        table = _table(True)
        optimizer = optimizers.RowwiseAdagradOptimizer(0.3, 0.2, learning_rate_power=power)
        step = optimizer.apply_gradients(
            [(tf.IndexedSlices(tf.constant(_GRADS, tf.float32), tf.constant(_IDS)), table)])
        wanted, slots = _START.copy(), {}
        with self.new_session() as session:
            for _ in range(2):
                session.run(step)
                _rowwise_adagrad(wanted, slots, _IDS, _GRADS, 0.3, 0.2, power)
            self.assert_close(session.run(table), wanted, 1e-5, 1e-5)

    @parameterized.parameters(False, True)
    def test_a_part_without_an_id_and_constant_ids(self, use_resource):
        parts = tf.get_variable("table", [6, 2], partitioner=tf.fixed_size_partitioner(3),
                                initializer=tf.zeros_initializer(), use_resource=use_resource)
        used = tf.nn.embedding_lookup(parts, [1, 3], "div")
        step = optimizers.RowwiseAdagradOptimizer(0.3).minimize(tf.reduce_sum(used))
        # Grappler kills the process for a product like this one, so look for it before the run.
        for op in tf.get_default_graph().get_operations():
            if op.type == "Mul" and op.outputs[0].shape[:1] == [0]:
                a, b = [tensor.shape for tensor in op.inputs]
                self.assertTrue(a == b or a.rank != b.rank, op)
        with self.new_session() as session:
            session.run(step)
            moved = np.zeros([6, 2])
            moved[[1, 3]] = -0.3 / np.sqrt(1.1)
            self.assert_close(session.run(parts.as_tensor()), moved)

    @parameterized.parameters(0.5, -1.5)
    def test_a_power_out_of_its_range(self, power):
        with self.assertRaisesRegex(InputError, "RowwiseAdagradOptimizer: learning_rate_power: wanted"):
            optimizers.RowwiseAdagradOptimizer(0.1, learning_rate_power=power)


class LazyAdamTest(graph_case.GraphCase):

    @parameterized.product(is_sparse=[False, True], use_resource=[False, True])
    def test_beta1_of_0_has_no_first_moment(self, is_sparse, use_resource):
        table = _table(use_resource)
        optimizer = optimizers.LazyAdamOptimizer(0.3, beta1=0)
        gradient = tf.constant(_GRADS if is_sparse else _START[::-1], tf.float32)
        ids = _IDS if is_sparse else range(6)
        step = optimizer.apply_gradients(
            [(tf.IndexedSlices(gradient, tf.constant(_IDS)) if is_sparse else gradient, table)])
        self.assertEqual(optimizer.get_slot_names(), ["v"])
        wanted, slots = _START.copy(), {}
        with self.new_session() as session:
            for _ in range(3):
                session.run(step)
                _adam(wanted, slots, ids, _GRADS if is_sparse else _START[::-1], 0.3, beta1=0)
            self.assert_close(session.run(table), wanted, 1e-5, 1e-5)

    @parameterized.parameters(-0.1, 1)
    def test_beta1_out_of_its_range(self, beta1):
        with self.assertRaisesRegex(InputError, "LazyAdamOptimizer: beta1: wanted a number from 0"):
            optimizers.LazyAdamOptimizer(0.1, beta1=beta1)


class CheckpointTest(graph_case.GraphCase):

    @parameterized.parameters((optimizers.AdagradOptimizer, tf.train.AdagradOptimizer),
                              (optimizers.LazyAdamOptimizer, tf.train.AdamOptimizer))
    def test_variables_are_those_of_tensorflows_optimizer(self, ours, theirs):
        names = []
        for optimizer in (ours, theirs):
            with tf.Graph().as_default():
                with tf.variable_scope("model"):
                    table = tf.get_variable("table", [3, 2], use_resource=True)
                loss = tf.nn.l2_loss(tf.gather(table, [1]))
                optimizer(0.1).minimize(loss)
                optimizer(0.1).minimize(loss)
                with tf.variable_scope("training"):
                    optimizer(0.1).minimize(loss)
                names.append(sorted(v.op.name for v in tf.global_variables()))
        self.assertEqual(*names)

    @parameterized.parameters(*sorted(registry.OPTIMIZERS))
    def test_slots_of_a_table_in_parts_are_those_of_the_whole(self, name):
        path = os.path.join(self.create_tempdir().full_path, "model")
        wanted, slots = _START.copy(), {}
        for num_parts in (2, 3, None):  # each continues where the one before ended
            partitioner = num_parts and tf.fixed_size_partitioner(num_parts)
            config = graph_case.session_config(self.OPTIMIZED)
            with tf.Graph().as_default(), tf.Session(config=config) as session:
                table = tf.get_variable("table", _START.shape, partitioner=partitioner,
                                        use_resource=num_parts is None)
                used = tf.nn.embedding_lookup(table, _IDS, "div")
                step = registry.OPTIMIZERS[name](0.3).minimize(
                    tf.reduce_sum(used * _GRADS.astype(np.float32)))
                saver = tf.train.Saver()
                session.run(tf.global_variables_initializer())
                if num_parts == 2:
                    for part, rows in zip(table, np.split(_START, 2)):
                        part.load(rows, session)
                else:
                    saver.restore(session, path)
                session.run(step)
                saver.save(session, path)
                _ORACLES[name](wanted, slots, _IDS, _GRADS, 0.3)
                self.assert_close(session.run(tf.convert_to_tensor(table)), wanted, 1e-5, 1e-5)


if __name__ == "__main__":
    absltest.main()
