"""Tests of pooled histories: values and gradients equal those of one example at a time."""
import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case
from tf1_sampled.recsys import pooling


def slow_pooled(rows, begin, end, own=None, power=1.0):
    """Return the pooled histories, one example at a time, and the share of each row, [P, N]."""
    shares = np.zeros([len(begin), len(rows)])
    for p, (low, high) in enumerate(zip(begin, end)):
        places = [n for n in range(low, high) if own is None or n != own[p]]
        shares[p, places] = 1 / max(len(places), 1) ** power
    return np.array([sum((shares[p, n] * rows[n] for n in np.flatnonzero(shares[p])),
                         np.zeros(rows.shape[1])) for p in range(len(begin))]), shares


class PoolMeanTest(graph_case.GraphCase):

    def check(self, rows, begin, end, own, power, integer=np.int32):
        """Check that values and gradients equal those of slow_pooled."""
        factors = np.random.RandomState(2).standard_normal([len(begin), rows.shape[1]])
        table = tf.constant(rows, tf.float32)
        begin, end, own = (x if x is None else np.asarray(x, integer) for x in (begin, end, own))
        pooled = pooling.pool_mean(table, begin, end, own, power)
        gradient = tf.gradients(tf.reduce_sum(pooled * factors.astype(np.float32)), table)[0]
        pooled, gradient = self.run_graph([pooled, gradient])
        wanted, shares = slow_pooled(rows, begin, end, own, power)
        self.assert_close(pooled, wanted, 1e-5, 1e-5)
        self.assert_close(gradient, shares.T @ factors, 1e-5, 1e-5)

    # A zero row comes before the N rows in blocks of 64.
    @parameterized.product(size=(1, 62, 63, 64, 126, 127, 128, 200), power=(0, 0.5, 1),
                           own=(False, True))
    def test_pooled_vectors_equal_one_slice_at_a_time(self, size, power, own):
        random = np.random.RandomState(size)
        edges = [(0, size), (0, 0), (size, size), (size - 1, size), (0, 1)]
        begin, end = np.array(edges + [sorted(random.randint(0, size + 1, 2)) for _ in range(30)]).T
        places = None
        if own:
            places = [random.randint(low, high) if low < high and random.rand() < 0.7 else -1
                      for low, high in zip(begin, end)]
            places[3] = size - 1  # of a slice with only this row
        self.check(random.standard_normal([size, 3]), begin, end, places, power,
                   random.choice(["i4", "i8"]))

    def test_slice_of_only_the_own_row_is_exactly_zero(self):
        rows = np.random.RandomState(1).standard_normal([500, 8])
        places = np.arange(500)
        pooled = pooling.pool_mean(tf.constant(rows, tf.float32), places, places + 1, places)
        self.assertEqual(self.run_graph(tf.reduce_max(tf.abs(pooled))), 0)

    def test_empty_rows_give_zeros(self):
        rows = tf.placeholder(tf.float32, [None, 3])
        pooled = pooling.pool_mean(rows, [0, 0], [0, 0], [-1, -1])
        self.assertEqual(self.run_graph(pooled, {rows: np.zeros([0, 3])}).tolist(), [[0] * 3] * 2)

    def test_short_slices_of_a_long_batch_are_exact(self):
        # The sum over the batch is 100,000 times as large as that of a slice.
        random = np.random.RandomState(1)
        rows = random.standard_normal([200000, 2]) + 1
        begin = np.append(random.randint(0, len(rows) - 20, 300), [0, len(rows) - 1])
        end = np.append(begin[:-2] + random.randint(1, 20, 300), [3, len(rows)])
        table = tf.constant(rows, tf.float32)
        pooled = pooling.pool_mean(table, begin, end, begin, 0)
        gradient = tf.gradients(pooled, table)[0]
        pooled, gradient = self.run_graph([pooled, gradient])
        exact = np.array([rows[low + 1:high].sum(0) for low, high in zip(begin, end)])
        self.assert_close(pooled, exact, 1e-5, 2e-5)
        wanted = np.zeros(len(rows))
        for low, high in zip(begin, end):
            wanted[low + 1:high] += 1
        self.assert_close(gradient[:, 0], wanted, 1e-5, 2e-5)

    def test_float64_stays_float64(self):
        rows = np.random.RandomState(1).standard_normal([150, 2])
        pooled = self.run_graph(pooling.pool_mean(tf.constant(rows), [3], [140], [70], 0.5))
        self.assertEqual(pooled.dtype, np.float64)
        self.assert_close(pooled, slow_pooled(rows, [3], [140], [70], 0.5)[0], 1e-12, 1e-12)


class PositionLogWeightsTest(absltest.TestCase):

    def test_one_pooling_falls_by_three_tenths(self):
        got = pooling.position_log_weights(4, 1)
        self.assertEqual((got.dtype, got.shape), (np.float32, (4, 1)))
        np.testing.assert_allclose(got[:, 0], [0, -0.3, -0.6, -0.9], rtol=1e-6)

    def test_several_poolings_fall_slower_and_faster(self):
        got = pooling.position_log_weights(3, 3)
        np.testing.assert_allclose(got[1], [-0.06, -0.3, -1.5], rtol=1e-6)
        np.testing.assert_allclose(got[2], 2 * got[1], rtol=1e-6)


def slow_by_position(rows, begin, end, log_weights, power=1.0):
    """Return the pooled histories, one example at a time: [P, M, D]."""
    weights = np.exp(log_weights)
    pooled = np.zeros([len(begin), weights.shape[1], rows.shape[1]])
    for p, (low, high) in enumerate(zip(begin, end)):
        for m in range(weights.shape[1]):
            total = 0
            for position, n in enumerate(list(range(low, high))[::-1][:len(weights)]):
                pooled[p, m] += weights[position, m] * rows[n]
                total += weights[position, m]
            pooled[p, m] /= total ** power if total else 1
    return pooled


def gathered(rows, begin, end, log_weights, power=1.0):
    """Return the same by TensorFlow's gather of each example's rows [P, L, D], for gradients."""
    positions = end[:, None] - 1 - np.arange(log_weights.shape.as_list()[0])  # [P, L]
    there = positions >= begin[:, None]
    weights = tf.exp(log_weights)[None] * tf.constant(there, rows.dtype)[:, :, None]  # [P, L, M]
    history = tf.gather(rows, np.where(there, positions, 0))
    sums = tf.maximum(tf.reduce_sum(weights, 1), 1e-30)
    return tf.einsum("plm,pld->pmd", weights, history) / tf.pow(sums, power)[:, :, None]


def some_slices(size, longest, random):
    """Return (begin, end) of slices with one begin for each end, in random order, some empty."""
    cuts = np.append(0, np.sort(random.randint(0, size + 1, 4)))
    end = random.permutation(size + 1)[:max(1, 2 * size // 3)]
    begin = np.array([max(cuts[cuts <= stop].max() if stop else 0, stop - longest) for stop in end])
    return np.append(begin, [0, size, size]), np.append(end, [0, size, size])


class PoolByPositionTest(graph_case.GraphCase):

    # Blocks of 32 events, and windows of one to three blocks.
    @parameterized.parameters(
        (1, 1, 1, 1), (1, 60, 0.5, 2), (31, 2, 0, 1), (32, 33, 1, 2), (33, 34, 0.5, 1), (64, 2, 1, 2),
        (100, 1, 0.5, 1), (100, 33, 1, 1), (100, 34, 1, 2), (100, 60, 0, 1), (130, 66, 0.5, 2))
    def test_pooled_vectors_equal_one_slice_at_a_time(self, size, num_positions, power, num_poolings):
        random = np.random.RandomState(size + num_positions)
        begin, end = some_slices(size, num_positions + random.randint(-1, 5), random)
        rows = random.standard_normal([size, 3])
        log_weights = random.standard_normal([num_positions, num_poolings])
        factors = random.standard_normal([len(end), num_poolings, 3])
        inputs = tf.constant(rows), tf.constant(log_weights)
        kind = random.choice(["i4", "i8"])
        ours = pooling.pool_by_position(inputs[0], begin.astype(kind), end.astype(kind), inputs[1],
                                        power)
        naive = gathered(inputs[0], begin, end, inputs[1], power)
        gradients = [[tf.convert_to_tensor(part) for part in tf.gradients(
            tf.reduce_sum(pooled * factors), inputs)] for pooled in (ours, naive)]
        ours, gradients = self.run_graph([ours, gradients])
        wanted = slow_by_position(rows, begin, end, log_weights, power)
        self.assert_close(ours, wanted, 1e-10, 1e-10)
        self.assert_close(gradients[0][0], gradients[1][0], 1e-9, 1e-9)
        self.assert_close(gradients[0][1], gradients[1][1], 1e-9, 1e-9)

    @parameterized.parameters(0.5, 1)
    def test_gradients_are_finite_differences(self, power):
        random = np.random.RandomState(1)
        begin, end = some_slices(40, 6, random)
        values = random.standard_normal([40, 2]), random.standard_normal([6, 2])
        factors = random.standard_normal([len(end), 2, 2])
        inputs = [tf.placeholder(tf.float64, value.shape) for value in values]
        total = tf.reduce_sum(factors * pooling.pool_by_position(
            inputs[0], begin, end, inputs[1], power))
        gradients = tf.gradients(total, inputs)

        with self.new_session() as session:
            def at(values):
                return session.run(total, dict(zip(inputs, values)))

            exact = session.run(gradients, dict(zip(inputs, values)))
            for which, value in enumerate(values):
                for place in [(0, 0), (3, 1), (5, 0)]:
                    step = np.zeros_like(value)
                    step[place] = 1e-6
                    ends = [at([v + sign * step if i == which else v for i, v in enumerate(values)])
                            for sign in (1, -1)]
                    self.assert_close(exact[which][place], (ends[0] - ends[1]) / 2e-6, 1e-6, 1e-7)

    def test_equal_weights_are_the_mean(self):
        random = np.random.RandomState(1)
        begin, end = some_slices(150, 20, random)
        rows = tf.constant(random.standard_normal([150, 5]), tf.float32)
        ours, wanted = self.run_graph([
            pooling.pool_by_position(rows, begin, end, tf.zeros([20, 1]), 0.7)[:, 0],
            pooling.pool_mean(rows, begin, end, None, 0.7)])
        self.assert_close(ours, wanted, 1e-5, 1e-5)

    def test_the_latest_event_has_the_first_weight(self):
        rows = tf.constant([[1.0], [10.0], [100.0]])
        log_weights = tf.log([[4.0], [1.0], [0.5]])
        pooled = pooling.pool_by_position(rows, [0], [3], log_weights, 0)
        self.assert_close(self.run_graph(pooled), [[[410.5]]])

    def test_rows_of_other_slices_have_no_effect(self):
        rows = np.random.RandomState(1).standard_normal([70, 2])
        begin, end = np.array([0, 30]), np.array([30, 70])
        pooled = []
        for change in (0, 1e30):
            rows[:30] += change
            pooled.append(pooling.pool_by_position(tf.constant(rows), begin, end,
                                                   tf.zeros([50, 1], tf.float64)))
        before, after = self.run_graph(pooled)
        np.testing.assert_array_equal(before[1], after[1])

    def test_empty_rows_give_zeros(self):
        rows, log_weights = tf.placeholder(tf.float32, [None, 3]), tf.zeros([4, 2])
        pooled = pooling.pool_by_position(rows, [0, 0], [0, 0], log_weights)
        gradients = tf.gradients(pooled, log_weights)[0]
        pooled, gradients = self.run_graph([pooled, gradients], {rows: np.zeros([0, 3])})
        self.assertEqual(pooled.tolist(), np.zeros([2, 2, 3]).tolist())
        self.assertEqual(gradients.tolist(), np.zeros([4, 2]).tolist())

    def test_two_begins_of_one_end_are_an_error(self):
        pooled = pooling.pool_by_position(tf.ones([5, 2]), [0, 1, 3], [2, 4, 4], tf.zeros([4, 1]))
        with self.assertRaisesRegex(tf.errors.InvalidArgumentError, "one for all slices of one end"):
            self.run_graph(pooled)

    def test_rows_are_not_gathered_for_each_example(self):
        # The largest tensor of [P, L, D] would have 64 * 200 * 8 numbers.
        rows = tf.random_normal([64, 8])
        end = np.arange(64) + 1
        pooling.pool_by_position(rows, np.zeros(64, np.int32), end, tf.zeros([200, 1]))
        ranks = [output.shape.as_list() for op in tf.get_default_graph().get_operations()
                 for output in op.outputs if output.shape.rank == 3 and output.shape.as_list()[-1] == 8]
        self.assertNotIn([64, 200, 8], ranks)


if __name__ == "__main__":
    absltest.main()
