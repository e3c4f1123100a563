import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case
from tf1_sampled import InputError, optimizers, tables

_IDS = [1, 3, 1, 0, 1]
_GRADS = np.random.RandomState(1).randn(5, 2)
_START = np.random.RandomState(2).randn(6, 2)


def _sgd(w, _, ids, grads, rate):
    for i, g in zip(ids, grads):
        w[i] -= rate * g


def _adagrad(w, slots, ids, grads, rate):
    a = slots.setdefault("a", np.full_like(w, 0.1))
    for i, g in zip(ids, grads):
        a[i] += g ** 2
        w[i] -= rate * g / np.sqrt(a[i])


def _rowwise_adagrad(w, slots, ids, grads, rate, initial=0.1, power=-0.5):
    a = slots.setdefault("a", np.full(len(w), initial))
    for i, g in zip(ids, grads):
        a[i] += np.mean(g ** 2)
    for i, g in zip(ids, grads):
        w[i] -= rate * g * a[i] ** power


def _adam(w, slots, ids, grads, rate, beta1=0.9):
    m, v = slots.setdefault("m", np.zeros_like(w)), slots.setdefault("v", np.zeros_like(w))
    slots["t"] = t = slots.get("t", 0) + 1
    for i in sorted(set(ids)):
        g = sum(g for j, g in zip(ids, grads) if j == i)
        m[i] = beta1 * m[i] + (1 - beta1) * g
        v[i] = 0.999 * v[i] + 0.001 * g ** 2
        w[i] -= rate * np.sqrt(1 - 0.999 ** t) / (1 - beta1 ** t) * m[i] / (np.sqrt(v[i]) + 1e-8)


_ORACLES = {"sgd": _sgd, "adagrad": _adagrad, "rowwise_adagrad": _rowwise_adagrad, "adam": _adam}


def _table(use_resource):
    return tf.get_variable("table", initializer=tf.constant(_START, tf.float32),
                           use_resource=use_resource)


class OptimizerTest(graph_case.GraphCase):

    @parameterized.product(name=sorted(tables.OPTIMIZERS), use_resource=[False, True])
    def test_sparse_steps_are_the_oracles(self, name, use_resource):
        table = _table(use_resource)
        ids, grads = tf.placeholder(tf.int32, [None]), tf.placeholder(tf.float32, [None, 2])
        step = tables.OPTIMIZERS[name](0.3).apply_gradients([(tf.IndexedSlices(grads, ids), table)])
        wanted, slots = _START.copy(), {}
        with self.new_session() as session:
            for turn in range(3):
                some = slice(0, None if turn != 1 else 2)  # a row may be left out of a step
                session.run(step, {ids: _IDS[some], grads: _GRADS[some]})
                _ORACLES[name](wanted, slots, _IDS[some], _GRADS[some], 0.3)
            self.assert_close(session.run(table), wanted, 1e-5, 1e-5)

    @parameterized.product(name=sorted(tables.OPTIMIZERS), use_resource=[False, True])
    def test_dense_steps_are_the_oracles(self, name, use_resource):
        table = _table(use_resource)
        gradient = np.random.RandomState(3).randn(6, 2)
        step = tables.OPTIMIZERS[name](0.3).apply_gradients(
            [(tf.constant(gradient, tf.float32), table)])
        wanted, slots = _START.copy(), {}
        with self.new_session() as session:
            for _ in range(3):
                session.run(step)
                _ORACLES[name](wanted, slots, range(6), gradient, 0.3)
            self.assert_close(session.run(table), wanted, 1e-5, 1e-5)

    @parameterized.parameters(*sorted(tables.OPTIMIZERS))
    def test_rank_one_and_three(self, name):
        vector = tf.get_variable("vector", [4], use_resource=True)
        cube = tf.get_variable("cube", [4, 2, 3], use_resource=True)
        loss = tf.reduce_sum(tf.square(tf.gather(vector, [1, 1]))) + tf.reduce_sum(
            tf.square(tf.gather(cube, [2, 0])))
        step = tables.OPTIMIZERS[name](0.01).minimize(loss)
        with self.new_session() as session:
            before = session.run(loss)
            session.run(step)
            self.assertLess(session.run(loss), before)

    @parameterized.parameters(*sorted(tables.OPTIMIZERS))
    def test_a_rate_may_be_a_tensor(self, name):
        table, rate = _table(True), tf.placeholder(tf.float32, [])
        step = tables.OPTIMIZERS[name](rate).minimize(tf.nn.l2_loss(tf.gather(table, [1])))
        with self.new_session() as session:
            session.run(step, {rate: 0.0})
            self.assert_close(session.run(table), _START)
            session.run(step, {rate: 0.1})
            self.assertTrue(np.any(session.run(table)[1] != _START[1].astype(np.float32)))

    @parameterized.parameters(*sorted(tables.OPTIMIZERS))
    def test_no_op_of_a_sparse_step_has_the_size_of_the_table(self, name):
        num_classes, dim = 1001, 2
        table = tf.get_variable("table", [num_classes, dim], use_resource=True)
        before = set(tf.get_default_graph().get_operations())
        optimizer = tables.OPTIMIZERS[name](0.1)
        gradients = optimizer.compute_gradients(tf.nn.l2_loss(tf.gather(table, [1, 2, 1])))
        step = optimizer.apply_gradients(gradients)
        # What the step runs, not what initializes the slots.
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

    @parameterized.parameters(("learning_rate_power", 0.5), ("learning_rate_power", -1.5),
                              ("initial_accumulator_value", 0))
    def test_arguments_out_of_their_range(self, name, value):
        with self.assertRaisesRegex(InputError, "RowwiseAdagradOptimizer: %s: wanted a number" % name):
            optimizers.RowwiseAdagradOptimizer(0.1, **{name: value})


class LazyAdamTest(graph_case.GraphCase):

    @parameterized.product(is_sparse=[False, True], use_resource=[False, True])
    def test_without_a_first_moment(self, is_sparse, use_resource):
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
                table = tf.get_variable("table", [3, 2], use_resource=True)
                optimizer(0.1).minimize(tf.nn.l2_loss(tf.gather(table, [1])))
                names.append(sorted(v.op.name for v in tf.global_variables()))
        self.assertEqual(*names)


if __name__ == "__main__":
    absltest.main()
