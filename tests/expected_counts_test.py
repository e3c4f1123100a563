from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case, sampler_case
from tf1_sampled import InputError, candidates, distributions, samplers

_C, _NAMES, _DRAWN = sampler_case.C, sampler_case.NAMES, sampler_case.DRAWN
_IN_BATCH, _SEEDED, _UNIQUE = sampler_case.IN_BATCH, sampler_case.SEEDED, sampler_case.UNIQUE


class CountedTest(sampler_case.SamplerCase):
    """Expected counts compared with counted draws."""

    OPTIMIZED = True

    @parameterized.parameters(
        [(name, unique, False) for name in _SEEDED + ["in_batch"] for unique in (False, "masked")]
        + [(name, "masked", True) for name in _IN_BATCH] + [("in_batch", False, True)])
    def test_counts_are_exact(self, name, unique, padded):
        groups, num_labels, num_sampled = 10000, 6, 8
        random = np.random.RandomState(len(name))
        labels = random.choice(_C, [groups, num_labels], p=sampler_case.prob("in_batch"))
        mask = random.rand(groups, num_labels) < (0.6 if padded else 2)
        values = self.sample(name, tf.constant(np.where(mask, labels, -7)), num_sampled, unique,
                             num_groups=groups, seed=3, label_mask=mask if padded else None)
        ids, true_count, stated = self.run_graph(values)
        self.assertEqual(ids.shape, (groups, len(name.split("+")) * 8 - 2 * name.startswith("in_batch")))
        # The candidates of a group are the labels of another group, num_groups // 2 before it.
        number = np.roll(mask.sum(1), groups // 2)[:, None]
        wanted = np.broadcast_to(sampler_case.exact(name, unique, number, num_sampled), [groups, _C])
        if name == "in_batch":  # a group without candidates has any count with a finite logarithm
            alone = number[:, 0] == 0
            self.assertEqual(np.any(alone), padded)
            self.assertTrue(np.all((true_count[alone] > 0) & (true_count[alone] <= 1)))
            mask[alone], true_count[alone] = False, 1
        self.assert_close(true_count, np.where(mask, np.take_along_axis(wanted, labels, 1), 1))
        masked = stated == candidates.MASKED_COUNT
        self.assertEqual(np.any(masked), bool(padded and "in_batch" in name or unique))
        self.assert_close(stated[~masked], np.take_along_axis(wanted, ids, 1)[~masked])

        if unique:
            variance = np.sum(wanted * (1 - wanted), 0)
        else:
            variance = sum(np.sum(n * np.ones([groups, 1]) * prob * (1 - prob), 0)
                           for n, prob in sampler_case.sources(name, number, num_sampled))
        count = np.bincount(ids[~masked], minlength=_C)
        distance = (count - wanted.sum(0)) / np.sqrt(variance)
        self.assertLess(np.abs(distance).max(), 5)
        self.assertLess(np.sum(distance ** 2), _C + 5 * np.sqrt(2 * _C))

    @parameterized.parameters(*_DRAWN)
    def test_counts_of_unique_draws(self, name):
        groups, size = 10000, 8
        labels = np.tile(np.arange(_C), [groups, 1])
        values = self.sample(name, tf.constant(labels), size, True, num_groups=groups, seed=3)
        ids, stated_of_all, stated = self.run_graph(values)
        np.testing.assert_array_less(0, np.diff(np.sort(ids, 1), axis=1))
        self.assert_close(stated, np.take_along_axis(stated_of_all, ids, 1))
        count = np.bincount(ids.ravel(), minlength=_C) / groups
        wanted = stated_of_all.astype(np.float64).mean(0)
        deviation = np.sqrt(count * (1 - count) / groups)
        # The formula treats T as independent of the draws, so that the count of a class that is in
        # nearly every sample is slightly too high.
        np.testing.assert_array_less(np.abs(count - wanted), 5 * deviation + 0.03 * wanted)

    def test_counts_of_rare_classes_keep_their_digits(self):
        size = 10 ** 9
        labels = np.array([[0], [1000], [size - 1]])
        k = labels[:, 0]
        for sampler, prob in (
                (samplers.uniform_candidate_sampler, np.full(3, 1 / size)),
                (samplers.log_uniform_candidate_sampler, np.log1p(1 / (k + 1)) / np.log1p(size))):
            for unique in (False, "masked", True):
                _, stated, _ = self.run_graph(sampler(tf.constant(labels), 1, 1, unique, size))
                self.assert_close(stated[:, 0], prob, absolute=0)  # of a single draw


class OneClassTest(graph_case.GraphCase):
    """P = 1, for which log(1 - P) is -infinity."""

    @parameterized.parameters(*[name for name in _NAMES if name != "all"])
    def test_counts_of_a_single_class(self, name):
        labels, num_draws = tf.constant([[0], [0], [0]]), 3 if name == "in_batch" else 4
        num_draws += 3 * ("+" in name)
        repeated, masked, unique = self.run_graph([samplers.sample_by_name(
            name, labels, 1 if unique is True else 4, [5.0], unique) for unique in _UNIQUE])
        self.assert_close(repeated.true_expected_count, np.full([3, 1], num_draws))
        self.assert_close(repeated.sampled_expected_count, np.full(num_draws, num_draws))
        self.assert_close(masked.true_expected_count, np.ones([3, 1]))
        np.testing.assert_array_equal(masked.sampled_expected_count,
                                      [1] + [candidates.MASKED_COUNT] * (num_draws - 1))
        self.assert_close(unique.true_expected_count, np.ones([3, 1]))
        self.assertEqual(unique.sampled_expected_count[0], 1)

    def test_a_probability_that_was_rounded_up(self):
        frequencies = mock.Mock(spec=["num_classes", "log_prob"], num_classes=1)
        frequencies.log_prob = lambda ids: tf.fill(tf.shape(ids), np.float32(2e-7))
        for values in self.run_graph([samplers.in_batch_candidate_sampler(
                tf.constant([[0], [0]]), 1, unique, 1, frequencies) for unique in ("masked", False)]):
            self.assertBetween(values.true_expected_count.min(), 1, 2)


class NoCountTest(sampler_case.SamplerCase):
    """Labels that no source of candidates can draw."""

    def _calls(self, labels, label_mask=None):
        """Yield SampledValues of 3 classes for each sampler; class 0 has no count in any source."""
        none = distributions.Unigram([0, 1, 2])
        return [
            ("fixed_unigram_candidate_sampler", lambda unique: samplers.fixed_unigram_candidate_sampler(
                labels, 1, 2, unique, 3, unigrams=[1, 2], num_reserved_ids=1, label_mask=label_mask)),
            ("in_batch_candidate_sampler", lambda unique: samplers.in_batch_candidate_sampler(
                labels, 1, unique, 3, none, label_mask=label_mask)),
            ("mixed_candidate_sampler", lambda unique: samplers.mixed_candidate_sampler(
                labels, 1, 2, unique, 3, none, none, label_mask=label_mask))]

    REFUSED = "%s: true_classes: wanted ids that can be drawn, with a count above 0, got"

    def test_constant_ids_that_have_no_count(self):
        for function, call in self._calls(tf.constant([[1], [0]])):
            for unique in (False, "masked") + (True,) * function.startswith("fixed"):
                with self.assertRaisesRegex(InputError, self.REFUSED % function + r" \[0\]"):
                    call(unique)

    @parameterized.product(shape=[[None, 1], [2, 1]], unique=[False, "masked", True])
    def test_fed_ids_that_have_no_count(self, shape, unique):
        labels = tf.placeholder(tf.int32, shape)
        calls = self._calls(labels)
        values = [call(unique) for _, call in (calls[:1] if unique is True else calls)]
        with self.new_session() as session:
            session.run(values, {labels: [[1], [2]]})
            for value, (function, _) in zip(values, calls):
                self.assert_fails(r"\[" + self.REFUSED % function + r"\] \[0\]", session,
                                  value.true_expected_count, {labels: [[1], [0]]})

    def test_ids_that_have_a_count_in_one_of_two_sources(self):
        labels = tf.placeholder(tf.int64, [None, 1])
        none = distributions.Unigram([0, 1, 2])
        for some, wanted in ((distributions.Unigram([3, 1, 0]), [[2 / 3 + 5 / 4], [15 / 4]]),
                             (distributions.Uniform(3), [[2 / 3 + 5 / 3], [5 / 3]])):
            for value in self.run_graph([samplers.mixed_candidate_sampler(
                    of, 1, 5, False, 3, none, some).true_expected_count
                    for of in (tf.constant([[1], [0]]), labels)], {labels: [[1], [0]]}):
                self.assert_close(value, wanted)

    @parameterized.parameters(0, -5)
    def test_padding_needs_no_count(self, padding):
        fed, mask = tf.placeholder(tf.int32, [None, 1]), [[True], [False]]
        constant = tf.constant([[1], [padding]])
        values = [call(unique) for labels, unique in ((fed, "masked"), (constant, False))
                  for _, call in self._calls(labels, mask)]
        for _, true_count, _ in self.run_graph(values, {fed: [[1], [padding]]}):
            self.assertGreater(true_count[0, 0], 0)
            self.assertEqual(true_count[1, 0], 1)


if __name__ == "__main__":
    absltest.main()
