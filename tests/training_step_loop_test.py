import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

import tf1_sampled
from tests import graph_case
from tf1_sampled import InputError
from tf1_sampled.training import step_loop

_NUM_CLASSES = 60


def _feeds(x, y, seed, number):
    """Return feeds of steps of different sizes."""
    random = np.random.RandomState(1)
    sizes = random.randint(1, 9, number)
    return [{x: random.randint(_NUM_CLASSES, size=size), y: random.rand(size, 3, 4), seed: [7, i]}
            for i, size in enumerate(sizes)]


class StepLoopTest(graph_case.GraphCase):
    """K steps in one call and K calls of one step have bitwise equal results."""

    OPTIMIZED = True  # by Grappler, as in a training

    def _model(self, optimizer, use_resource=True):
        """Return a step of sampled softmax: (op, global step, x, y, seed)."""
        x = tf.placeholder(tf.int32, [None], "x")
        y = tf.placeholder(tf.float32, [None, 3, 4], "y")
        seed = tf.placeholder_with_default(tf.constant([7, 0], tf.int64), [2], "seed")
        table, weights = (tf.get_variable(name, [_NUM_CLASSES, 8], use_resource=use_resource,
                                          initializer=tf.random_normal_initializer(seed=1))
                          for name in ("table", "weights"))
        dense = tf.get_variable("dense", [12, 8], use_resource=use_resource,
                                initializer=tf.random_normal_initializer(seed=2))
        biases = tf.get_variable("biases", [_NUM_CLASSES], use_resource=use_resource, trainable=False,
                                 initializer=tf.zeros_initializer())
        labels = tf.cast(x, tf.int64)[:, None]
        sampled = tf1_sampled.learned_unigram_candidate_sampler(
            labels, 1, 5, True, _NUM_CLASSES, seed=seed)
        inputs = tf.gather(table, x) + tf.matmul(tf.reshape(y, [-1, 12]), dense)
        loss = tf.reduce_mean(tf1_sampled.sampled_softmax_loss(
            weights, biases, labels, inputs, 5, _NUM_CLASSES, sampled_values=sampled))
        global_step = tf.train.get_or_create_global_step()
        return tf1_sampled.minimize(loss, optimizer, global_step=global_step), x, y, seed

    def _values(self, session):
        return session.run(tf.global_variables() + tf.local_variables())

    @parameterized.product(
        optimizer=(tf1_sampled.SGDOptimizer, tf1_sampled.AdagradOptimizer,
                   tf1_sampled.RowwiseAdagradOptimizer, tf1_sampled.LazyAdamOptimizer),
        use_resource=(True, False))
    def test_results_equal_those_of_calls_of_one_step(self, optimizer, use_resource):
        op, x, y, seed = self._model(optimizer(0.1), use_resource)
        self.assertIsNone(step_loop.obstacle(op))
        loop = step_loop.StepLoop(op, [seed])
        feeds = _feeds(x, y, seed, 13)
        with self.new_session() as session:
            for feed in feeds:
                session.run(op, feed)
            wanted = self._values(session)
        for sizes in ([13], [1, 5, 7]):
            with self.new_session() as session:
                run, begin = loop.runner(session), 0
                for size in sizes:
                    part = feeds[begin:begin + size]
                    run(part, {seed: [feed[seed] for feed in part]} if size > 5 else {})
                    begin += size
                for one, other in zip(self._values(session), wanted):
                    np.testing.assert_array_equal(one, other)

    def test_takes_feeds_with_all_placeholders(self):
        op, x, y, seed = self._model(tf1_sampled.SGDOptimizer(0.1))
        loop = step_loop.StepLoop(op, [seed])
        unused = tf.placeholder(tf.float32, [])
        feed = _feeds(x, y, seed, 1)[0]
        self.assertTrue(loop.takes(feed))
        feed[unused] = 1.0
        self.assertTrue(loop.takes(feed))
        del feed[y]
        self.assertFalse(loop.takes(feed))

    def test_a_tensor_that_a_feed_replaces(self):
        x = tf.placeholder(tf.float32, [])
        square = tf.square(x)
        w = tf.get_variable("w", [], use_resource=True)
        loop = step_loop.StepLoop(tf.assign_add(w, square).op, [])
        self.assertTrue(loop.takes({x: 1.0}))
        self.assertFalse(loop.takes({x: 1.0, square: 2.0}))

    def test_strings_scalars_and_empty_values(self):
        words = tf.placeholder(tf.string, [None])
        factor = tf.placeholder(tf.float64, [])
        total = tf.get_variable("total", [], tf.float64, tf.zeros_initializer(), use_resource=True)
        length = tf.reduce_sum(tf.cast(tf.strings.length(words), tf.float64))
        loop = step_loop.StepLoop(tf.assign_add(total, factor * length).op, [])
        with self.new_session() as session:
            loop.runner(session)([{words: ["a", "bcd"], factor: 2.0}, {words: [], factor: 5.0},
                                  {words: [b"ef"], factor: 10.0}], {})
            self.assertEqual(session.run(total), 2 * 4 + 10 * 2)

    def test_a_value_of_another_shape_is_named(self):
        x = tf.placeholder(tf.float32, [3], "x")
        y = tf.placeholder(tf.float32, [None, 2], "y")
        total = tf.get_variable("total", [], initializer=tf.zeros_initializer(), use_resource=True)
        op = tf.assign_add(total, tf.reduce_sum(x) + tf.reduce_sum(y)).op
        good = {x: np.ones(3), y: np.ones([4, 2])}
        with self.new_session() as session:
            many = step_loop.StepLoop(op, []).runner(session)
            one = step_loop.callable_of(session, op, [], [x, y])
            many([good, good], {})
            for tensor, value, wanted in (
                    (x, np.ones(4), r"x: wanted a value of shape \[3\], got \[4\]"),
                    (x, 1.0, r"x: wanted a value of shape \[3\], got \[\]"),
                    (y, np.ones([2, 3]), r"y: wanted a value of shape \[any, 2\], got \[2, 3\]"),
                    (y, np.ones(2), r"y: wanted a value of shape \[any, 2\], got \[2\]")):
                bad = dict(good)
                bad[tensor] = value
                for feeds in ([good, bad], [bad], [bad, bad]):
                    with self.assertRaisesRegex(InputError, wanted):
                        many(feeds, {})
                with self.assertRaisesRegex(InputError, wanted):
                    one(bad[x], bad[y])
            self.assertEqual(session.run(total), 2 * (3 + 8))

    def test_a_table_that_is_looked_up(self):
        x = tf.placeholder(tf.int64, [])
        table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(
            tf.constant([3, 4], tf.int64), tf.constant([30.0, 40.0])), -1.0)
        total = tf.get_variable("total", [], initializer=tf.zeros_initializer(), use_resource=True)
        op = tf.assign_add(total, table.lookup(x)).op
        self.assertIsNone(step_loop.obstacle(op))
        loop = step_loop.StepLoop(op, [])
        with self.new_session() as session:
            session.run(tf.tables_initializer())
            loop.runner(session)([{x: 3}, {x: 4}, {x: 3}], {})
            self.assertEqual(session.run(total), 100)

    def test_a_large_constant_is_not_copied(self):
        x = tf.placeholder(tf.int32, [])
        numbers = tf.constant(np.arange(5000.0))
        total = tf.get_variable("total", [], tf.float64, tf.zeros_initializer(), use_resource=True)
        op = tf.assign_add(total, tf.gather(numbers, x)).op
        before = tf.get_default_graph().as_graph_def().ByteSize()
        loop = step_loop.StepLoop(op, [])
        self.assertLess(tf.get_default_graph().as_graph_def().ByteSize() - before, 5000 * 8)
        with self.new_session() as session:
            loop.runner(session)([{x: 7}, {x: 4000}], {})
            self.assertEqual(session.run(total), 4007)


class ObstacleTest(graph_case.GraphCase):
    """Ops with a state of their own, which a copy would duplicate."""

    def _obstacle(self, value):
        total = tf.get_variable("total", [], initializer=tf.zeros_initializer(), use_resource=True)
        return step_loop.obstacle(tf.assign_add(total, tf.reduce_sum(tf.cast(value, tf.float32))).op)

    def test_random_ops_are_an_obstacle(self):
        self.assertIn("RandomUniform", self._obstacle(tf.random_uniform([3], seed=1)))

    def test_a_sampler_of_tensorflow(self):
        sampled = tf.random.uniform_candidate_sampler(tf.constant([[1]], tf.int64), 1, 5, True, 50)
        self.assertIn("UniformCandidateSampler", self._obstacle(sampled.sampled_candidates))

    def test_python_functions_are_an_obstacle(self):
        self.assertIn("PyFunc", self._obstacle(tf.numpy_function(lambda: 1.0, [], tf.float64)))

    def test_a_queue_is_one_for_all_copies(self):
        queue = tf.FIFOQueue(3, tf.float32)
        self.assertIsNone(self._obstacle(queue.dequeue()))

    def test_a_loop_with_frames_is_an_obstacle(self):
        tf.disable_control_flow_v2()
        self.assertIn("older kind", self._obstacle(tf.while_loop(lambda i: i < 3, lambda i: i + 1, [0])))

    def test_stateful_functions_are_an_obstacle(self):
        @tf.function
        def draw():
            return tf.random_uniform([3], seed=1)

        @tf.function
        def stateless():
            return tf.random.stateless_uniform([3], [1, 2])

        self.assertIn("RandomUniform", self._obstacle(draw()))
        self.assertIsNone(step_loop.obstacle(tf.reduce_sum(stateless()).op))

    def test_a_placeholder_of_unknown_rank_is_an_obstacle(self):
        self.assertIn("no known rank", self._obstacle(tf.placeholder(tf.float32, name="x")))


if __name__ == "__main__":
    absltest.main()
