import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case, sampler_case
from tf1_sampled import InputError, candidates, samplers

_C = sampler_case.C


class MaskedTest(absltest.TestCase):

    def test_the_masked_count_is_the_largest_float32(self):
        self.assertEqual(candidates.MASKED_COUNT, np.finfo(np.float32).max)
        self.assertTrue(np.isfinite(np.float32(candidates.MASKED_COUNT)))


class WithoutKnownTest(graph_case.GraphCase):

    SAMPLED = np.array([4, 7, 1, 4, 9, 2, 30])
    COUNT = np.array([0.5, 0.25, 2, 0.5, 0.125, candidates.MASKED_COUNT, 3], np.float32)

    def _values(self, known, rows, known_dtype=np.int64, rows_dtype=np.int32):
        """Return `without_known` for {row: its known classes} and the rows of examples."""
        pairs = [(k, row) for row, classes in known.items() for k in classes]
        arrays = np.array(pairs, known_dtype).reshape([-1, 2])
        tensors = [tf.constant(x) for x in (arrays[:, 0], arrays[:, 1], np.array(rows, rows_dtype))]
        values = candidates.SampledValues(tf.constant(self.SAMPLED), tf.ones([len(rows), 1]),
                                        tf.constant(self.COUNT))
        return candidates.without_known(values, *tensors)

    def _wanted(self, known, rows):
        return [[candidates.MASKED_COUNT if k in known.get(row, ()) else count
                 for k, count in zip(self.SAMPLED, self.COUNT)] for row in rows]

    @parameterized.parameters(
        ({0: [4, 5], 1: [9, 30, 1], 2: []}, [0, 0, 1, 2, 1]),
        ({0: [4, 4, 2], 1: [3]}, [1, 0]),
        ({0: [], 1: []}, [0, 1, 1]),
        ({}, [0, 0]),
        ({0: [1, 2, 4, 7, 9, 30]}, [0]),
        ({0: [7], 5: [4]}, [0, 2]),  # a row without examples
        ({2: [7]}, [4, 2]),
        ({0: [7], 1: [4]}, []))
    def test_against_a_loop(self, known, rows):
        results = [self._values(known, rows, *dtypes) for dtypes in (
            (np.int64, np.int32), (np.int32, np.int64))]
        for values in self.run_graph(results):
            np.testing.assert_array_equal(values.sampled_candidates, self.SAMPLED)
            np.testing.assert_array_equal(values.true_expected_count, np.ones([len(rows), 1]))
            self.assertEqual(values.sampled_expected_count.shape, (len(rows), len(self.SAMPLED)))
            np.testing.assert_array_equal(
                values.sampled_expected_count,
                np.array(self._wanted(known, rows), np.float32).reshape([-1, len(self.SAMPLED)]))

    def test_sizes_may_be_unknown_until_the_session_runs(self):
        ids, rows, row = (tf.placeholder(tf.int32, [None]) for _ in range(3))
        sampled = tf.placeholder(tf.int64, [None])
        values = candidates.SampledValues(sampled, tf.ones([3, 1]), tf.placeholder(tf.float32, [None]))
        count = candidates.without_known(values, ids, rows, row).sampled_expected_count
        self.assertEqual(count.shape.as_list(), [None, None])
        known, of_examples = {0: [4], 1: [9, 2]}, [1, 0, 1]
        self.assert_close(self.run_graph(count, {
            ids: [4, 9, 2], rows: [0, 1, 1], row: of_examples, sampled: self.SAMPLED,
            values.sampled_expected_count: self.COUNT}), self._wanted(known, of_examples))

    def test_the_number_of_candidates_stays_known(self):
        count = self._values({0: [4]}, [0, 0]).sampled_expected_count
        self.assertEqual(count.shape.as_list()[1:], [len(self.SAMPLED)])

    def test_wrong_arguments_are_named(self):
        grouped = candidates.SampledValues(tf.zeros([2, 3], tf.int64), tf.ones([4, 1]), tf.ones([2, 3]))
        with self.assertRaisesRegex(
                InputError, r"without_known: sampled_values: wanted candidates of shape \[S\], got"):
            candidates.without_known(grouped, [1], [0], [0, 0])
        flat = candidates.SampledValues(tf.zeros([3], tf.int64), tf.ones([4, 1]), tf.ones([3]))
        with self.assertRaisesRegex(
                InputError, r"without_known: known_classes: wanted whole numbers as ids, got \[0.5\]"):
            candidates.without_known(flat, [0.5], [0], [0, 0])


class WithoutClassesTest(graph_case.GraphCase):

    def test_an_excluded_class_is_masked_for_its_example(self):
        sampled = np.array([4, 2, 4, 0, 7])
        excluded = np.array([[4, -1, 7], [9, 9, 9], [0, 2, 4]])
        for of_sampler in (tf.constant([0.1, 0.2, 0.3, 0.4, 0.5]), tf.fill([3, 5], 0.25)):
            ids, true_count, counts = self.run_graph(candidates.without_classes(
                (tf.constant(sampled, tf.int64), tf.constant([[1.0]] * 3), of_sampler), excluded))
            np.testing.assert_array_equal(ids, sampled)
            np.testing.assert_array_equal(true_count, [[1]] * 3)
            wanted = np.where([np.isin(sampled, row) for row in excluded], candidates.MASKED_COUNT,
                              self.run_graph(of_sampler))
            np.testing.assert_array_equal(counts, wanted.astype(np.float32))

    def test_wrong_arguments_are_named(self):
        flat = candidates.SampledValues(tf.zeros([3], tf.int64), tf.ones([4, 1]), tf.ones([3]))
        with self.assertRaisesRegex(
                InputError, r"without_classes: excluded_classes: wanted shape \[B, E\]"):
            candidates.without_classes(flat, [1, 2])
        with self.assertRaisesRegex(InputError, "without_classes: excluded_classes: wanted integer ids"):
            candidates.without_classes(flat, [[True]])


class WithCertainTest(graph_case.GraphCase):

    @parameterized.parameters(np.int32, np.int64)
    def test_against_a_loop(self, dtype):
        drawn = [4, 7, 1, 4, 9, 2]
        drawn_count = np.array([0.5, 0.25, 2, 0.5, 0.125, candidates.MASKED_COUNT], np.float32)
        certain = [9, 3, 9, 4, 3]
        labels = np.array([[3, 1], [9, 4], [0, 7]])
        true_count = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], np.float32)
        values = candidates.SampledValues(tf.constant(drawn, tf.int64), tf.constant(true_count),
                                        tf.constant(drawn_count))
        result = self.run_graph(candidates.with_certain(
            values, tf.constant(labels, dtype), tf.constant(certain, dtype), 10))
        np.testing.assert_array_equal(result.sampled_candidates, certain + drawn)
        masked = candidates.MASKED_COUNT
        np.testing.assert_array_equal(
            result.sampled_expected_count,
            [1, 1, masked, 1, masked, masked, np.float32(0.25), 2, masked, masked, masked])
        np.testing.assert_array_equal(
            result.true_expected_count, np.float32([[1, 0.2], [1, 1], [0.5, 0.6]]))

    def test_flat_labels(self):
        values = samplers.uniform_candidate_sampler(tf.constant([3, 5]), 1, 4, True, _C, seed=1)
        for labels in ([3, 5], [[3], [5]]):
            result = self.run_graph(candidates.with_certain(
                values, tf.constant(labels, tf.int32), tf.constant([5]), _C))
            self.assert_close(result.true_expected_count.ravel()[1], 1)
            self.assertLess(result.true_expected_count.ravel()[0], 0.5)

    def test_none_for_certain(self):
        values = samplers.uniform_candidate_sampler(tf.constant([3, 5]), 1, 4, True, _C, seed=1)
        result = candidates.with_certain(values, tf.constant([3, 5]), tf.zeros([0], tf.int32), _C)
        for ours, theirs in zip(*self.run_graph([result, values])):
            np.testing.assert_array_equal(ours, theirs)

    @parameterized.product(name=["uniform", "fixed_unigram", "in_batch+uniform"],
                           unique=[False, "masked"])
    def test_the_estimate_of_the_whole_sum_is_unbiased_and_less_noisy(self, name, unique):
        # A few classes have most of the sum. Some of them are certain, and one is repeated.
        random = np.random.RandomState(5)
        exponentials = np.exp(random.randn(_C))
        best = random.permutation(_C)[:5]
        exponentials[best] *= 30
        labels = tf.placeholder(tf.int32, [8])
        values = sampler_case.sample(name, labels, 10, unique)
        certain = tf.constant(list(best[:4]) + [best[0]])
        # The terms of the losses: exp(s - log Q), 0 for masked candidates.
        sums = []
        for v in (values, candidates.with_certain(values, labels, certain, _C)):
            weights = tf.where(v.sampled_expected_count >= candidates.MASKED_COUNT,
                               tf.zeros_like(v.sampled_expected_count), 1 / v.sampled_expected_count)
            sums.append(tf.reduce_sum(tf.gather(tf.constant(exponentials, tf.float32),
                                                v.sampled_candidates) * weights))
        with sampler_case.new_session(optimized=False) as session:
            run = session.make_callable(sums, [labels])
            prob = sampler_case.prob("in_batch")
            drawn = np.array([run(random.choice(_C, 8, p=prob)) for _ in range(2000)])
        errors = drawn.std(0) / len(drawn) ** 0.5
        difference = np.abs(drawn.mean(0) - exponentials.sum())
        self.assertLess(difference[0], 5 * errors[0])
        self.assertLess(difference[1], 5 * errors[1])
        self.assertLess(errors[1], errors[0] / 1.5)
        # The tolerance is small enough to see a class that is counted twice or not at all.
        self.assertGreater(exponentials[best[:4]].min(), 10 * errors[1])

    def test_wrong_arguments_are_named(self):
        grouped = candidates.SampledValues(tf.zeros([2, 3], tf.int64), tf.ones([4, 1]), tf.ones([2, 3]))
        with self.assertRaisesRegex(
                InputError, r"with_certain: sampled_values: wanted candidates of shape \[S\], got"):
            candidates.with_certain(grouped, [[1]], [0], _C)
        flat = candidates.SampledValues(tf.zeros([3], tf.int64), tf.ones([1, 1]), tf.ones([3]))
        with self.assertRaisesRegex(
                InputError, r"with_certain: certain_classes: wanted whole numbers as ids, got \[0.5\]"):
            candidates.with_certain(flat, [[1]], [0.5], _C)
        for certain, labels, name in (([-1], [[1]], "certain_classes"), ([99], [[1]], "certain_classes"),
                                      ([0], [[_C]], "true_classes")):
            with self.assertRaisesRegex(
                    InputError, "with_certain: %s: wanted ids from 0 to %d, got" % (name, _C - 1)):
                candidates.with_certain(flat, labels, certain, _C)
        with self.assertRaisesRegex(InputError, r"with_certain: certain_classes: wanted shape \[H\]"):
            candidates.with_certain(flat, [[1]], [[0]], _C)


if __name__ == "__main__":
    absltest.main()
