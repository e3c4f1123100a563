import os
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case
from tf1_sampled import InputError, distributions

_WEIGHTS = {
    "falling": 1 / np.arange(1, 51),
    "random": np.random.RandomState(3).rand(50) ** 6,
    "with_zeros": np.arange(50) % 3,
    "even": np.ones(50),
    "one_of_all": np.arange(50) == 7,
    "two_classes": np.array([1, 3]),
    "one_class": np.array([2]),
    # Classes of exactly 1 / C, and classes above and below it.
    "with_averages": np.array([0, 4, 3, 2, 2, 1, 0, 4, 2]),
}
# Counts of 40 classes, all different.
_SEEN = np.random.RandomState(1).permutation(40)

_TOP = 1 - 2.0 ** -53  # the largest float64 below 1
_SETUP = "setup"  # collection of ops that run before a test


def _seed(*numbers):
    return tf.constant(numbers, tf.int64)


def _log_uniform(size):
    k = np.arange(size)
    return np.log((k + 2) / (k + 1)) / np.log(size + 1)


def _learned(size):
    learned = distributions.LearnedUnigram(size)
    tf.add_to_collection(_SETUP, learned.observe(np.repeat(np.arange(size), _SEEN)))
    return learned


def _rising_cases():
    yield "uniform", distributions.Uniform, np.full(40, 1 / 40)
    yield "log_uniform", distributions.LogUniform, _log_uniform(40)
    yield "learned_unigram", _learned, (1 + _SEEN) / np.sum(1 + _SEEN)


def _cases():
    for case in _rising_cases():
        yield case
    for name, weights in _WEIGHTS.items():
        def unigram(_, weights=weights):
            return distributions.Unigram(weights)
        yield "unigram_" + name, unigram, weights / weights.sum()


class _DistributionCase(graph_case.GraphCase):

    def new_session(self):
        session = super().new_session()
        session.run(tf.get_collection(_SETUP))
        return session

    def assert_counted(self, ids, prob):
        """Assert that ids are independent draws from `prob`."""
        count = np.bincount(ids.ravel(), minlength=len(prob))
        self.assertLen(count, len(prob))
        deviation = np.sqrt(ids.size * prob * (1 - prob))
        np.testing.assert_array_less(np.abs(count - ids.size * prob), 5 * deviation + 1e-9)
        likely = prob > 0
        wanted = ids.size * prob[likely]
        chi_square = np.sum((count[likely] - wanted) ** 2 / wanted)
        self.assertLess(chi_square, len(prob) + 5 * np.sqrt(2 * len(prob)))


class DistributionTest(_DistributionCase):

    @parameterized.named_parameters(*_cases())
    def test_log_prob_is_the_formula(self, make, prob):
        distribution = make(len(prob))
        ids = np.arange(len(prob))
        values = self.run_graph([distribution.log_prob(tf.constant(of, dtype)) for of in
                                 (ids, ids[:, None], ids[:0]) for dtype in (tf.int32, tf.int64)])
        self.assertEqual([value.shape for value in values[::2]],
                         [(len(prob),), (len(prob), 1), (0,)])
        with np.errstate(divide="ignore"):
            for value in values[:4]:
                self.assertEqual(value.dtype, np.float32)
                self.assert_close(value.ravel(), np.log(prob), 1e-6)

    @parameterized.named_parameters(*_cases())
    def test_draws_come_as_often_as_log_prob_says(self, make, prob):
        distribution = make(len(prob))
        self.assertEqual(distribution.num_classes, len(prob))
        drawn = [distributions.uniforms([2000, 100], _seed(5, 6))]
        if distribution.rises:
            drawn.append(distributions.sorted_uniforms([2000, 100], _seed(7, 8)))
        for ids in self.run_graph([distribution.ids_of(uniforms) for uniforms in drawn]):
            self.assertEqual(ids.shape, (2000, 100))
            self.assertEqual(ids.dtype, np.int64)
            self.assert_counted(ids, prob)

    @parameterized.named_parameters(*_cases())
    def test_every_uniform_draws_an_id_in_range(self, make, prob):
        distribution = make(len(prob))
        uniforms = tf.placeholder(tf.float64, None)
        ids = distribution.ids_of(uniforms)
        with self.new_session() as session:
            # Stateless uniforms are below 1. Sorted uniforms, for rising distributions, may be 1.
            ends = [0, 2.0 ** -53, 2.0 ** -52, 1 - 2.0 ** -52, _TOP] + [1] * distribution.rises
            for shape in ([-1], [-1, 1], [1, -1, 1]):
                drawn = session.run(ids, {uniforms: np.reshape(ends, shape)})
                self.assertEqual(drawn.shape, np.reshape(ends, shape).shape)
                self.assertTrue(np.all(prob[drawn] > 0), drawn)
            self.assertEqual(session.run(ids, {uniforms: np.zeros([2, 0])}).shape, (2, 0))

    def test_rises_is_false_for_a_unigram_only(self):
        for make in (distributions.Uniform, distributions.LogUniform, distributions.LearnedUnigram):
            self.assertTrue(make(4).rises)
        # An alias below its column makes the drawn ids fall.
        distribution = distributions.Unigram(_WEIGHTS["falling"])
        ids = self.run_graph(distribution.ids_of(tf.constant(np.linspace(0, _TOP, 1000))))
        self.assertLess(np.diff(ids).min(), 0)
        self.assertFalse(distribution.rises)

    @parameterized.named_parameters(*_rising_cases())
    def test_rising_uniforms_draw_rising_ids(self, make, prob):
        size, num_grid = len(prob), 100000
        distribution = make(size)
        grid = (np.arange(num_grid) + 0.5) / num_grid
        edges = np.cumsum(prob)[:, None] + 1e-15 * np.arange(-9, 10)
        everything = np.sort(np.concatenate([grid, edges.ravel(), [0, 1e-300, _TOP, 1]]))
        ids, of_grid = self.run_graph([
            distribution.ids_of(tf.constant(np.minimum(of, 1))) for of in (everything, grid)])
        self.assertGreaterEqual(np.diff(ids).min(), 0)
        self.assertEqual((ids[0], ids[-1]), (0, size - 1))
        # Each id has an interval of uniforms as long as its probability.
        count = np.bincount(of_grid, minlength=size)
        np.testing.assert_array_less(np.abs(count - num_grid * prob), 1.01)

    @parameterized.product(make=[distributions.Uniform, distributions.LogUniform],
                           size=[1, 2, 3, 7, 1 << 20, (1 << 31) + 11, 1 << 40])
    def test_uniforms_from_0_to_1_reach_the_first_and_last_id(self, make, size):
        uniforms = np.concatenate([[0, 2.0 ** -53], np.linspace(0, 1, 1001)[1:-1],
                                   1 - 2.0 ** -np.arange(20, 54), [1]])
        uniforms.sort()
        ids = self.run_graph(make(size).ids_of(tf.constant(uniforms)))
        self.assertGreaterEqual(np.diff(ids).min(), 0)
        self.assertEqual((ids[0], ids[-1]), (0, size - 1))

    @parameterized.parameters(3, 5, 6, 7, 49, 51, 1000003)
    def test_the_largest_uniform_draws_from_the_last_column_of_a_unigram(self, size):
        weights = np.zeros(size)
        weights[-1] = 1
        distribution = distributions.Unigram(weights)
        self.assertEqual(self.run_graph(distribution.ids_of(tf.constant([0, 0.5, _TOP], tf.float64))
                                        ).tolist(), [size - 1] * 3)

    def test_log_uniform_reaches_every_id_of_a_large_range(self):
        size = 1 << 22
        log_uniform = distributions.LogUniform(size)
        for uniforms in (distributions.uniforms([4000000], _seed(1, 1)),
                         distributions.sorted_uniforms([4000, 1000], _seed(1, 1))):
            ids = self.run_graph(log_uniform.ids_of(uniforms))
            far = ids[ids >= size // 2]
            self.assertGreater(len(far), 100000)
            # About one in 23 of these draws meets an earlier one. Of 32-bit uniforms 2^23 are different,
            # which reach one in 6 of these ids; then one draw in 5 does.
            self.assertGreater(len(np.unique(far)), 0.94 * len(far))

    def test_a_unigram_has_a_mask_of_ids_that_are_never_drawn(self):
        self.assertIsNone(distributions.Unigram([1, 2, 3]).never)
        never = distributions.Unigram([0.0, 2, 0, 1e-300]).never
        self.assertEqual(never.dtype, bool)
        self.assertEqual(never.tolist(), [True, False, True, False])

    def test_a_unigram_has_16_bytes_for_each_class_in_the_graph_and_no_variable(self):
        distributions.Unigram(np.arange(1, 100001)).ids_of(distributions.uniforms([3], _seed(1, 1)))
        self.assertLess(tf.get_default_graph().as_graph_def().ByteSize(), 16 * 100000 + 20000)
        self.assertEmpty(tf.global_variables() + tf.local_variables())

    def test_a_unigram_can_be_built_with_reuse(self):
        with tf.variable_scope("model", reuse=True):
            ids = distributions.Unigram([1, 1]).ids_of(distributions.uniforms([10], _seed(1, 1)))
        self.assertLen(self.run_graph(ids), 10)


class UniformsTest(graph_case.GraphCase):

    def assert_uniform(self, values):
        """Assert that values are uniform, by the test of Kolmogorov and Smirnov."""
        values = np.sort(values.ravel())
        self.assertGreaterEqual(values[0], 0)
        self.assertLess(values[-1], 1)
        steps = np.arange(len(values) + 1) / len(values)
        distance = max(np.max(steps[1:] - values), np.max(values - steps[:-1]))
        self.assertLess(distance, 2.3 / np.sqrt(len(values)))  # exceeded once in 20,000 cases

    def test_uniforms_are_uniform_and_distinct(self):
        values = self.run_graph(distributions.uniforms([300, 400], _seed(1, 2)))
        self.assertEqual((values.dtype, values.shape), (np.float64, (300, 400)))
        self.assert_uniform(values)
        self.assertLen(np.unique(values), values.size)

    @parameterized.parameters(([5],), ([3, 1],), ([2, 3, 40],), ([4, 100000],), ([0, 3],))
    def test_sorted_uniforms_rise_in_each_row(self, shape):
        tensor = distributions.sorted_uniforms(shape, _seed(3, 4))
        self.assertEqual(tensor.shape.as_list(), shape)
        values = self.run_graph(tensor)
        self.assertEqual(values.dtype, np.float64)
        self.assertTrue(np.all(values >= 0) and np.all(values <= 1))
        self.assertTrue(np.all(np.diff(values, axis=-1) >= 0))

    @parameterized.parameters(1, 2, 9)
    def test_sorted_uniforms_are_order_statistics(self, size):
        rows = 40000
        values = self.run_graph(distributions.sorted_uniforms([rows, size], _seed(5, size)))
        # Within a row and over the rows, they are distributed as sorted uniforms.
        self.assert_uniform(values)
        i = np.arange(1, size + 1)
        mean = i / (size + 1)
        low, high = np.minimum(i, i[:, None]), np.maximum(i, i[:, None])
        covariance = low * (size + 1 - high) / ((size + 1) ** 2 * (size + 2))
        variance = np.diag(covariance)
        np.testing.assert_array_less(np.abs(values.mean(0) - mean), 5 * np.sqrt(variance / rows))
        products = (values - mean)[:, :, None] * (values - mean)[:, None, :]
        error = products.std(0) / np.sqrt(rows)
        np.testing.assert_array_less(np.abs(products.mean(0) - covariance), 5 * error)
        # Rows are independent.
        across = (values - mean)[:-1, :, None] * (values - mean)[1:, None, :]
        np.testing.assert_array_less(np.abs(across.mean(0)),
                                     5 * np.sqrt(np.outer(variance, variance) / rows))


class SeedTest(graph_case.GraphCase):

    def _two_runs(self, seed, function=distributions.uniforms):
        """Return the draws of a seed or of a function's seed in two runs of a session of a new graph."""
        with tf.Graph().as_default():
            values = function([3, 20], distributions.stateless_seed(seed() if callable(seed) else seed))
            with self.new_session() as session:
                return [session.run(values) for _ in range(2)]

    @parameterized.parameters(distributions.uniforms, distributions.sorted_uniforms)
    def test_a_tensor_seed_draws_the_same_in_each_run_and_graph(self, function):
        first, again = self._two_runs(lambda: tf.constant([4, 2 ** 31 - 1], tf.int32), function)
        np.testing.assert_array_equal(first, again)
        for value in self._two_runs(lambda: _seed(4, 2 ** 31 - 1), function):
            np.testing.assert_array_equal(first, value)
        for other in ([5, 2 ** 31 - 1], [4, 2 ** 30 - 1], [2 ** 30 + 4, 2 ** 31 - 1]):
            value = self._two_runs(lambda other=other: _seed(*other), function)[0]
            self.assertFalse(np.any(first == value))

    @parameterized.parameters(tf.int32, tf.int64)
    def test_a_fed_seed_repeats_its_uniforms(self, dtype):
        seed = tf.placeholder(dtype, [2])
        stateless = distributions.stateless_seed(seed)
        self.assertEqual(stateless.dtype, tf.int64)
        values = distributions.uniforms([20], stateless)
        with self.new_session() as session:
            first, same, other = (session.run(values, {seed: s}) for s in ([1, 2], [1, 2], [2, 1]))
        np.testing.assert_array_equal(first, same)
        self.assertFalse(np.any(first == other))

    @parameterized.parameters(0, 7, np.int32(7), np.int64(7))
    def test_an_integer_seed_repeats_a_session_and_not_a_run(self, seed):
        first, second = self._two_runs(seed)
        self.assertFalse(np.any(first == second))
        again = self._two_runs(seed)
        np.testing.assert_array_equal([first, second], again)
        self.assertFalse(np.any(first == self._two_runs(seed + 1)[0]))

    def test_without_a_seed_nothing_repeats(self):
        runs = self._two_runs(None) + self._two_runs(None)
        self.assertLen(np.unique(runs), np.size(runs))


class LearnedUnigramTest(_DistributionCase):

    @parameterized.parameters(1, 2, 5, 8, 9)
    def test_follows_the_counts(self, size):
        learned = distributions.LearnedUnigram(size)
        seen = np.minimum(np.arange(300) ** 2 % (size + 2), size - 1)
        observe = learned.observe(seen.reshape(100, 3))
        log_prob = learned.log_prob(tf.range(size))
        ids = learned.ids_of(distributions.uniforms([100000], _seed(2, 2)))
        ends = learned.ids_of(tf.constant([0, _TOP, 1], tf.float64))
        with self.new_session() as session:
            self.assert_close(session.run(log_prob), np.full(size, -np.log(size)))
            session.run(observe)
            session.run(observe)
            prob = (1 + 2 * np.bincount(seen, minlength=size)) / (size + 600)
            self.assert_close(session.run(log_prob), np.log(prob))
            self.assert_counted(session.run(ids), prob)
            self.assertEqual(session.run(ends).tolist(), [0, size - 1, size - 1])

    def test_counts_are_one_variable_by_name(self):
        train, serve = distributions.LearnedUnigram(6), distributions.LearnedUnigram(6)
        other = distributions.LearnedUnigram(6, "other")
        with self.new_session() as session:
            session.run(train.observe([2, 2, 2]))
            values = session.run([d.log_prob([2]) for d in (train, serve, other)])
        self.assert_close(np.ravel(values), np.log([4 / 9, 4 / 9, 1 / 6]))
        self.assertEmpty(tf.trainable_variables())
        self.assertLen(tf.global_variables(), 2)

    def test_weights_of_decayed_counts_are_one_variable_by_name(self):
        train, serve = (distributions.LearnedUnigram(6, decay=0.5) for _ in range(2))
        observe = train.observe([2, 2, 3])
        with self.new_session() as session:
            session.run(observe)
            session.run(observe)
            values = session.run([d.log_prob([2, 3, 4]) for d in (train, serve)])
        self.assert_close(values, np.log([[4 / 10.5, 2.5 / 10.5, 1 / 10.5]] * 2))
        self.assertEmpty(tf.trainable_variables())

    # With a decay of 0.01 the weight of new labels would overflow float64 within 160 batches.
    @parameterized.parameters((1.0, 1e100, 20), (0.9, 1e100, 60), (0.5, 3.0, 20), (0.01, 1e100, 200))
    def test_old_labels_decay(self, decay, large, num_batches):
        size, random, num_grid = 11, np.random.RandomState(5), 20000
        with mock.patch.object(distributions.LearnedUnigram, "_LARGE", large):
            learned = distributions.LearnedUnigram(size, decay=decay)
            ids = tf.placeholder(tf.int64, [None, None])
            observe = learned.observe(ids)
        log_prob = learned.log_prob(tf.range(size))
        grid = learned.ids_of(tf.constant((np.arange(num_grid) + 0.5) / num_grid))
        seen = np.zeros(size)
        with self.new_session() as session:
            for i in range(num_batches):
                # The frequencies change halfway. Some batches are empty.
                batch = np.minimum(random.geometric(0.3, [i % 4, 3]), size) - 1
                if i > num_batches // 2:
                    batch = size - 1 - batch
                session.run(observe, {ids: batch})
                seen = decay * seen + np.bincount(batch.ravel(), minlength=size)
                prob = (1 + seen) / (size + seen.sum())
                self.assert_close(session.run(log_prob), np.log(prob))
                if i % 5 == 0 or large < 1e100:
                    count = np.bincount(session.run(grid), minlength=size)
                    np.testing.assert_array_less(np.abs(count - num_grid * prob), 1.01)

    def test_rescaling_leaves_probabilities_unchanged(self):
        with mock.patch.object(distributions.LearnedUnigram, "_LARGE", 5.0):
            learned = distributions.LearnedUnigram(7, decay=0.5)
            ids = tf.placeholder(tf.int64, [None])
            observe = learned.observe(ids)
        log_prob = learned.log_prob(tf.range(7))
        with self.new_session() as session:
            totals = []
            for batch in ([0, 0, 0, 6], [1], [5, 1, 0], []):
                session.run(observe, {ids: batch})
                totals.append([np.sum(session.run(v)) for v in tf.global_variables()])
            # The third weight, 8, is too large: then all variables are rescaled.
            self.assertGreater(np.max(totals[1]), 4)
            self.assertEqual([np.min(total) for total in totals], [2, 4, 1, 2])
            seen = np.array([1 + 3 / 4, 1 + 1 / 2, 0, 0, 0, 1, 1 / 4]) / 2
            self.assert_close(session.run(log_prob), np.log((1 + seen) / (7 + seen.sum())))

    def test_evaluation_changes_nothing(self):
        learned = distributions.LearnedUnigram(5, decay=0.5)
        observe = learned.observe([3, 3])
        with self.new_session() as session:
            session.run(observe)
            before = session.run(tf.global_variables())
            for _ in range(3):
                session.run([learned.log_prob([0, 3]),
                             learned.ids_of(distributions.uniforms([9], _seed(1, 1)))])
            for value, wanted in zip(session.run(tf.global_variables()), before):
                np.testing.assert_array_equal(value, wanted)

    @parameterized.parameters(0, -0.5, 1.01, float("nan"), float("inf"))
    def test_a_decay_out_of_its_range_is_named(self, decay):
        with self.assertRaisesRegex(
                InputError, "LearnedUnigram: decay: wanted a number above 0, at most 1, got %s" % decay):
            distributions.LearnedUnigram(5, decay=decay)


def _streaming(batches, size, labels_per_step, rate):
    """Return P of each class after each batch, by algorithm 2 of Yi et al. 2019."""
    first = 1 / (1 - (1 - 1 / size) ** labels_per_step)
    interval, last = np.full(size, first), np.zeros(size)
    for t, batch in enumerate(batches, 1):
        for k in sorted(set(batch)):
            interval[k] = (1 - rate) * interval[k] + rate * (t - last[k])
            last[k] = t
        in_batch = np.minimum(1 / interval, 1 - 2.0 ** -24)
        yield 1 - (1 - in_batch) ** (1 / labels_per_step)


class StreamingFrequencyTest(graph_case.GraphCase):

    # Also so many labels in a batch that the formula saturates.
    @parameterized.parameters((10, 1), (10, 8), (10, 100), (10, 1000), (2, 1), (2, 64), (100000, 4096))
    def test_before_the_first_label_each_class_has_probability_1_by_size(self, size, labels_per_step):
        frequency = distributions.StreamingFrequency(size, labels_per_step)
        self.assertEqual(frequency.num_classes, size)
        values = self.run_graph([frequency.log_prob(tf.constant([[0], [size - 1]], dtype))
                                 for dtype in (tf.int32, tf.int64)])
        self.assertEqual(values[0].dtype, np.float32)
        # 1 - 1 / interval loses digits where a class is expected in nearly every batch.
        self.assert_close(values, np.full([2, 2, 1], -np.log(size)), 1e-4)

    @parameterized.product(labels_per_step=[1, 6], rate=[0.01, 0.3, 1.0])
    def test_follows_algorithm_2(self, labels_per_step, rate):
        size, random = 9, np.random.RandomState(4)
        # Duplicates in a batch, batches without labels, rare classes and absent classes.
        batches = [np.minimum(random.geometric(0.4, i % 5), size - 1) - 1 for i in range(40)]
        batches += [[3, 3, 3, 3], [7], [7, 7], []]
        frequency = distributions.StreamingFrequency(size, labels_per_step, rate)
        ids = tf.placeholder(tf.int32, [None])
        observe, log_prob = frequency.observe(ids), frequency.log_prob(tf.range(size))
        probs = list(_streaming(batches, size, labels_per_step, rate))
        self.assertLen(probs, 44)
        with self.new_session() as session:
            for batch, prob in zip(batches, probs):
                session.run(observe, {ids: batch})
                self.assert_close(session.run(log_prob), np.log(prob))
                # Evaluation changes nothing.
                self.assert_close(session.run(log_prob), np.log(prob))

    def test_labels_may_have_any_shape(self):
        frequency = distributions.StreamingFrequency(5, 4, 0.5)
        observe = frequency.observe(tf.constant([[1, 3], [3, 0]], tf.int64))
        log_prob = frequency.log_prob([0, 1, 2, 3])
        with self.new_session() as session:
            session.run(observe)
            prob, = _streaming([[1, 3, 3, 0]], 5, 4, 0.5)
            self.assert_close(session.run(log_prob), np.log(prob[:4]))

    @parameterized.parameters(1, 4)
    def test_a_class_in_every_batch_has_a_finite_log_prob(self, labels_per_step):
        frequency = distributions.StreamingFrequency(5, labels_per_step, 0.5)
        observe, log_prob = frequency.observe([2]), frequency.log_prob([2])
        with self.new_session() as session:
            for _ in range(60):
                session.run(observe)
            value, = session.run(log_prob)
        self.assertTrue(np.isfinite(value))
        self.assertBetween(value, np.log(0.5), -1e-9)

    def test_estimates_the_probabilities_and_their_change(self):
        # Many independent streams in one object: their classes do not overlap.
        size, streams, labels_per_step, rate = 12, 300, 8, 0.05
        random = np.random.RandomState(2)
        frequency = distributions.StreamingFrequency(size * streams, labels_per_step, rate)
        ids = tf.placeholder(tf.int64, [streams, labels_per_step])
        observe, log_prob = frequency.observe(ids), frequency.log_prob(tf.range(size * streams))
        falling = graph_case.zipf(size)
        with self.new_session() as session:
            for prob in (random.permutation(falling), falling, falling[::-1]):
                for batch in random.choice(size, [1200, streams, labels_per_step], p=prob):
                    session.run(observe, {ids: batch + size * np.arange(streams)[:, None]})
                estimate = np.exp(session.run(log_prob).astype(np.float64)).reshape(streams, size)
                # The interval is averaged, and the estimate is not linear in it.
                interval = 1 / (1 - (1 - estimate) ** labels_per_step)
                in_batch = 1 - (1 - prob) ** labels_per_step
                deviation = np.sqrt(rate / (2 - rate) * (1 - in_batch)) / in_batch
                np.testing.assert_array_less(np.abs(interval.mean(0) - 1 / in_batch),
                                             5 * deviation / np.sqrt(streams))
                self.assert_close(interval.std(0), deviation, relative=0.2)
                # The mean of 1 / interval is slightly above 1 / mean of the interval.
                rare = in_batch < 0.8
                self.assert_close(estimate.mean(0)[rare], prob[rare], relative=rate)

    def test_state_is_shared_by_name(self):
        train, serve = (distributions.StreamingFrequency(6, 2, 0.5) for _ in range(2))
        other = distributions.StreamingFrequency(6, 2, 0.5, name="other")
        observe = train.observe([4, 4])
        with self.new_session() as session:
            session.run(observe)
            values = session.run([d.log_prob([4, 1]) for d in (train, serve, other)])
        prob, = _streaming([[4, 4]], 6, 2, 0.5)
        self.assert_close(values, np.log([prob[[4, 1]], prob[[4, 1]], [1 / 6, 1 / 6]]))
        self.assertEmpty(tf.trainable_variables())

    def test_arguments_out_of_their_range_are_named(self):
        for wrong in (0, -1, 2.5, None, True):
            with self.assertRaisesRegex(
                    InputError, "StreamingFrequency: labels_per_step: wanted an integer above 0, got"):
                distributions.StreamingFrequency(5, wrong)
        for wrong in (0, -0.1, 1.5, float("nan")):
            with self.assertRaisesRegex(
                    InputError, "StreamingFrequency: rate: wanted a number above 0, at most 1, got"):
                distributions.StreamingFrequency(5, 2, wrong)


class CheckpointTest(graph_case.GraphCase):

    @parameterized.named_parameters(
        ("learned_unigram", lambda: distributions.LearnedUnigram(9)),
        ("learned_unigram_decay", lambda: distributions.LearnedUnigram(9, decay=0.7)),
        ("streaming_frequency", lambda: distributions.StreamingFrequency(9, 5, 0.3)))
    def test_learned_state_is_in_checkpoints(self, make):
        path = os.path.join(self.create_tempdir().full_path, "model")
        batches = [[1, 1, 2], [8], [2, 3], [1, 8, 4], [4, 4]]
        results = []
        for stop in (None, 3):  # in one session, and in two
            with tf.Graph().as_default():
                learned = make()
                ids = tf.placeholder(tf.int64, [None])
                observe, log_prob = learned.observe(ids), learned.log_prob(tf.range(9))
                saver, session = tf.train.Saver(), self.new_session()
                for number, batch in enumerate(batches):
                    if number == stop:
                        saver.save(session, path)
                        session.close()
                        session = self.new_session()
                        saver.restore(session, path)
                    session.run(observe, {ids: batch})
                results.append(session.run(log_prob))
                session.close()
        np.testing.assert_array_equal(results[0], results[1])
        self.assertGreater(len(np.unique(results[0])), 3)


class LogFrequencyBiasesTest(graph_case.GraphCase):

    def test_values(self):
        counts = np.array([5, 0, 2, 90])
        biases = distributions.log_frequency_biases("biases", counts)
        again = distributions.log_frequency_biases("biases", counts)
        self.assertEqual((biases.dtype.base_dtype, biases.shape.as_list()), (tf.float32, [4]))
        self.assert_close(self.run_graph([biases, again]), np.log([np.array([6, 1, 3, 91]) / 101] * 2))
        self.assertEmpty(tf.trainable_variables())
        self.assertLen(tf.global_variables(), 1)

    def test_a_power_multiplies_the_log_frequency(self):
        biases = distributions.log_frequency_biases("biases", [5, 0, 2, 90], power=0.5)
        self.assert_close(self.run_graph(biases), 0.5 * np.log(np.array([6, 1, 3, 91]) / 101))


def _learned_states(size):
    """Return (name, function that creates it) for each object with variables of its own."""
    yield "learned_unigram", lambda: distributions.LearnedUnigram(size)
    yield "decayed", lambda: distributions.LearnedUnigram(size, decay=0.9)
    yield "streaming_frequency", lambda: distributions.StreamingFrequency(size, 3)
    yield "biases", lambda: distributions.log_frequency_biases("biases", np.arange(size))


class OwnStateTest(graph_case.GraphCase):

    @parameterized.named_parameters(*_learned_states(40))
    def test_another_number_of_classes_under_one_name_is_an_error(self, make):
        make()
        other = dict(_learned_states(60))[self.id().rpartition("_error_")[2]]
        with self.assertRaisesRegex(InputError, "name: wanted another name, as .* has another number"):
            other()

    def test_sizes_below_one_power_of_two_are_distinguished(self):
        shapes = set()
        for size in range(1, 130):
            with tf.variable_scope("of_%d" % size):
                distributions.LearnedUnigram(size)
            shapes.add(tf.global_variables()[-1].shape.num_elements())
        self.assertLen(shapes, 129)

    def test_the_name_is_that_of_the_variable(self):
        with tf.variable_scope("model"):
            distributions.LearnedUnigram(4)
            distributions.StreamingFrequency(4, 2)
        self.assertEqual([v.op.name for v in tf.global_variables()], [
            "model/learned_unigram", "model/streaming_frequency/step", "model/streaming_frequency/last",
            "model/streaming_frequency/interval"])

    def test_two_heads_of_other_names_have_counts_of_their_own(self):
        heads = [distributions.LearnedUnigram(size, "head_%d" % size) for size in (40, 60)]
        update = heads[0].observe([1, 1, 2])
        with self.new_session() as session:
            session.run(update)
            for head, counted in zip(heads, (3, 0)):
                prob = np.exp(session.run(head.log_prob(tf.range(head.num_classes))))
                self.assert_close(prob.sum(), 1)
                self.assert_close(prob[1], (1 + 2 * bool(counted)) / (head.num_classes + counted))

    def test_another_decay_under_one_name_is_an_error(self):
        distributions.LearnedUnigram(40, decay=0.9)
        with self.assertRaisesRegex(InputError, "LearnedUnigram: decay: wanted 0.9, the decay of"):
            distributions.LearnedUnigram(40)

    @parameterized.named_parameters(*_learned_states(40))
    def test_options_of_the_callers_scope_do_not_apply(self, make):
        def half(getter, *args, **options):
            return getter(*args, **options) / 2

        for options in (dict(regularizer=tf.nn.l2_loss), dict(custom_getter=half),
                        dict(partitioner=tf.fixed_size_partitioner(3))):
            with self.subTest(str(options)), tf.Graph().as_default():
                with tf.variable_scope("model", **options):
                    state = make()
                    tf.get_variable("theirs", [40])
                if not isinstance(state, tf.Module):  # the biases
                    self.assertEqual(state.shape.as_list(), [40])
                else:
                    ids = state.log_prob(tf.range(40))
                    with self.new_session() as session:
                        session.run(state.observe([1, 2]))
                        self.assertTrue(np.all(np.isfinite(session.run(ids))))
                regularized = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
                self.assertLen(regularized, 1 if "regularizer" in options else 0)  # those of the caller

    @parameterized.named_parameters(*_learned_states(40))
    def test_is_a_variable_of_the_module(self, make):
        state = make()
        if isinstance(state, tf.Module):
            self.assertCountEqual([v.name for v in state.variables],
                                  [v.name for v in tf.global_variables()])
        self.assertEmpty(tf.trainable_variables())

    @parameterized.parameters(1.0, 0.5)
    def test_replicas_count_the_labels_of_all(self, decay):
        strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
        run = getattr(strategy, "run", None) or strategy.experimental_run_v2  # of 1.15
        with strategy.scope():
            def step():
                replica = tf.distribute.get_replica_context().replica_id_in_sync_group
                ids = tf.constant([1, 2, 2], tf.int64) + 3 * tf.cast(replica, tf.int64)
                learned = distributions.LearnedUnigram(10, decay=decay)
                streaming = distributions.StreamingFrequency(10, 6)
                updates = learned.observe(ids), streaming.observe(ids)
                with tf.control_dependencies(updates):
                    return tf.exp(learned.log_prob(tf.range(10))), streaming.log_prob(tf.range(10))

            probs, frequencies = run(step)
        of_replicas = [strategy.experimental_local_results(values) for values in (probs, frequencies)]
        config = tf.ConfigProto(device_count={"CPU": 2}, allow_soft_placement=True)
        with tf.Session(config=config) as session:
            session.run(tf.global_variables_initializer())
            session.run(of_replicas)
            probs, frequencies = session.run(of_replicas)
        labels = np.bincount([1, 2, 2, 4, 5, 5], minlength=10)
        counts = 1 + labels * (1 + decay)  # of two steps
        self.assert_close(probs, np.tile(counts / counts.sum(), [2, 1]))
        np.testing.assert_array_equal(frequencies[0], frequencies[1])
        self.assertTrue(np.all((frequencies[0] > np.log(0.1)) == (labels > 0)), frequencies)


if __name__ == "__main__":
    absltest.main()
