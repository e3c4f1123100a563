import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case
from tf1_sampled import InputError, graph_checks

_SMALLEST, _LARGEST = -2 ** 63, 2 ** 63 - 1


class _AssertionsCase(graph_case.GraphCase):

    def value(self, fetch, feed, optimized=True):
        """Return the value of `fetch`, in a graph that Grappler rewrites or not."""
        config = tf.ConfigProto()
        if not optimized:
            config.graph_options.rewrite_options.disable_meta_optimizer = True
            config.graph_options.optimizer_options.opt_level = -1
        with tf.Session(config=config) as session:
            return session.run(fetch, feed)

    def assert_fails(self, message, fetch, feed, optimized=True):
        with self.assertRaises(tf.errors.InvalidArgumentError) as caught:
            self.value(fetch, feed, optimized)
        self.assertIn("assertion failed: " + message, str(caught.exception))


class IdsBelowTest(_AssertionsCase):

    @parameterized.parameters(tf.int32, tf.int64)
    def test_constant_ids_in_range_add_no_ops(self, dtype):
        for value in ([[0, 9], [3, 3]], [], 9):
            ids = tf.constant(value, dtype)
            self.assertIs(graph_checks.ids_below(ids, 10, "f", "labels"), ids)

    @parameterized.parameters(
        ([10], "[10]"), ([0, -1, 9], "[-1]"), ([[10, 0], [-3, 11]], "[10, -3, 11]"), (10, "[10]"),
        (list(range(8, 20)), "[10, 11, 12, 13, 14]"), ([5, _SMALLEST], "[-9223372036854775808]"))
    def test_constant_ids_out_of_range_are_named_at_once(self, value, got):
        with self.assertRaises(InputError) as caught:
            graph_checks.ids_below(tf.constant(value, tf.int64), 10, "nce_loss", "labels")
        self.assertEqual(str(caught.exception), "nce_loss: labels: wanted ids from 0 to 9, got " + got)

    @parameterized.product(dtype=[tf.int32, tf.int64], optimized=[False, True])
    def test_fed_ids_in_range_pass(self, dtype, optimized):
        for shape, value in (([None, 2], [[0, 9], [3, 3]]), ([None, 2], np.zeros([0, 2])), ([None], []),
                             ([], 9), (None, [[[5]]])):
            ids = tf.placeholder(dtype, shape)
            checked = graph_checks.ids_below(ids, 10, "f", "labels")
            self.assertEqual(checked.dtype, dtype)
            self.assertEqual(str(checked.shape), str(ids.shape))
            np.testing.assert_array_equal(self.value(checked, {ids: value}, optimized), value)

    @parameterized.product(
        case=[([10], 10), ([0, -1, 9], -1), ([[3, 12], [10, 9]], 12), (10, 10), (-1, -1), ([12, -2], -2),
              ([2 ** 31 - 1], 2 ** 31 - 1), ([5, -2 ** 31], -2 ** 31)],
        dtype=[tf.int32, tf.int64], optimized=[False, True])
    def test_fed_ids_out_of_range_are_named(self, case, dtype, optimized):
        value, got = case
        ids = tf.placeholder(dtype, np.shape(value))
        checked = graph_checks.ids_below(ids, 10, "nce_loss", "labels")
        self.assert_fails("[nce_loss: labels: wanted ids from 0 to 9, got] [%d]" % got, checked,
                          {ids: value}, optimized)

    @parameterized.product(
        case=[([_SMALLEST], _SMALLEST), ([5, _SMALLEST], _SMALLEST), ([5, _SMALLEST + 1], _SMALLEST + 1),
              ([5, _LARGEST], _LARGEST), ([2 ** 32 + 5], 2 ** 32 + 5)],
        optimized=[False, True])
    def test_the_ends_of_int64_are_out_of_range(self, case, optimized):
        value, got = case
        ids = tf.placeholder(tf.int64, [None])
        checked = graph_checks.ids_below(ids, 10, "f", "labels")
        self.assert_fails("[f: labels: wanted ids from 0 to 9, got] [%d]" % got, checked, {ids: value},
                          optimized)

    def test_ops_that_depend_on_wrong_ids_do_not_run(self):
        ids = tf.placeholder(tf.int64, [None])
        counts = tf.get_variable("counts", [20], use_resource=True, initializer=tf.zeros_initializer())
        count = tf.scatter_add(counts, graph_checks.ids_below(ids, 10, "f", "labels"), tf.ones_like(
            ids, tf.float32))
        with self.new_session() as session:
            session.run(count, {ids: [3, 3]})
            with self.assertRaises(tf.errors.InvalidArgumentError):
                session.run(count, {ids: [4, 12]})
            np.testing.assert_array_equal(session.run(counts), 2 * (np.arange(20) == 3))

    def test_ids_are_checked_in_a_while_loop(self):
        ids = tf.placeholder(tf.int64, [None])

        def add(i, total):
            return i + 1, total + tf.reduce_sum(graph_checks.ids_below(ids + i, 10, "f", "labels"))

        zero = tf.constant(0, tf.int64)
        total = tf.while_loop(lambda i, _: i < 3, add, [zero, zero])[1]
        self.assertEqual(self.value(total, {ids: [0, 7]}), 27)
        self.assert_fails("[f: labels: wanted ids from 0 to 9, got] [10]", total, {ids: [0, 8]})


class IdsWithCountsTest(_AssertionsCase):

    NEVER = np.array([True, False, False, True, False])

    def _checked(self, ids):
        """Return checked float counts of ids, 0 for ids that are never drawn."""
        counts = tf.gather(tf.constant(np.where(self.NEVER, 0, 0.5).astype(np.float32)), ids)
        return graph_checks.ids_with_counts(ids, counts, self.NEVER, "f", "labels")

    @parameterized.parameters(([[1, 2], [4, 4]],), ([],), (1,), (np.zeros([0, 2]),))
    def test_counts_above_zero_pass(self, value):
        for optimized in (False, True):
            ids = tf.placeholder(tf.int32, np.shape(value))
            for checked in (self._checked(ids), self._checked(tf.constant(value, tf.int32))):
                self.assertEqual(checked.dtype, tf.float32)
                np.testing.assert_array_equal(self.value(checked, {ids: value}, optimized),
                                              np.full(np.shape(value), 0.5))

    @parameterized.parameters(([0], "[0]"), ([[1, 3], [0, 2]], "[3, 0]"), (3, "[3]"),
                              ([0, 3] * 4, "[0, 3, 0, 3, 0]"))
    def test_constant_ids_are_named_at_once(self, value, got):
        with self.assertRaises(InputError) as caught:
            self._checked(tf.constant(value, tf.int64))
        self.assertEqual(str(caught.exception),
                         "f: labels: wanted ids that can be drawn, with a count above 0, got " + got)

    @parameterized.product(case=[([0], 0), ([[1, 3], [4, 2]], 3), ([0, 3, 4], 3), (3, 3)],
                           dtype=[tf.int32, tf.int64], optimized=[False, True])
    def test_fed_ids_are_named(self, case, dtype, optimized):
        value, got = case
        ids = tf.placeholder(dtype, np.shape(value))
        self.assert_fails(
            "[f: labels: wanted ids that can be drawn, with a count above 0, got] [%d]" % got,
            self._checked(ids), {ids: value}, optimized)

    def test_nan_and_negative_counts_are_errors(self):
        for count in (float("nan"), -1.0, 0.0):
            counts = tf.placeholder(tf.float32, [2])
            checked = graph_checks.ids_with_counts(
                tf.constant([1, 4]), counts, self.NEVER, "f", "labels")
            for optimized in (False, True):
                self.assert_fails("[f: labels: wanted ids that can be drawn", checked,
                                  {counts: [0.5, count]}, optimized)
            self.assertEqual(self.value(checked, {counts: [0.5, 2]}).tolist(), [0.5, 2])


class HoldsTest(_AssertionsCase):

    @parameterized.parameters(([1.5, 2.5],), (b"text",), ([[True]],), (np.zeros([0, 3]),))
    def test_the_result_or_an_error(self, value):
        condition = tf.placeholder(tf.bool, [])
        result = tf.constant(value)
        checked = graph_checks.holds(condition, tf.constant(7), result, "f", "x", "more")
        self.assertEqual((checked.dtype, checked.shape.as_list()), (result.dtype, list(np.shape(value))))
        np.testing.assert_array_equal(self.value(checked, {condition: True}), value)
        self.assert_fails("[f: x: wanted more, got] [7]", checked, {condition: False})


class FedTest(graph_case.GraphCase):

    def test_no_ids_are_below_any_number(self):
        fed = tf.placeholder(tf.int64, [None])
        checked = graph_checks.ids_below(fed, 5, "f", "ids")
        self.assertEqual(self.run_graph(checked, {fed: []}).shape, (0,))

    def test_a_fraction_is_not_whole(self):
        fed = tf.placeholder(tf.float32, [None])
        checked = graph_checks.whole(fed, "f", "ids")
        with self.assertRaisesRegex(tf.errors.InvalidArgumentError, "f: ids: wanted whole numbers"):
            self.run_graph(checked, {fed: [1, 2.5]})


if __name__ == "__main__":
    absltest.main()
