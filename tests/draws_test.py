from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import oracles, sampler_case
from tf1_sampled import candidates, class_ids, distributions, draws, samplers

_C, _COUNTS, _DRAWN = sampler_case.C, sampler_case.COUNTS, sampler_case.DRAWN
_IN_BATCH, _LABELS = sampler_case.IN_BATCH, sampler_case.LABELS


class LabelsTest(sampler_case.SamplerCase):

    @parameterized.product(name=_IN_BATCH, num_groups=[None, 4])
    def test_labels_come_first_in_their_order(self, name, num_groups):
        labels = np.reshape(_LABELS[num_groups], [num_groups or 1, -1])
        for _, (ids, _, _), _, _ in sampler_case.sampled(name, num_groups):
            ids = np.reshape(ids, [len(labels), -1])[:, :labels.shape[1]]
            np.testing.assert_array_equal(ids, np.roll(labels, len(labels) // 2, 0))


class PaddingTest(sampler_case.SamplerCase):

    @parameterized.parameters((None, 4), (2, [[3], [1]]))
    def test_padding_is_masked_and_does_not_count_as_a_draw(self, num_groups, number):
        mask = np.array([[True, False, True], [True, True, False]])
        if num_groups:  # a group gets the labels of the other group: 3 and 1 of them are no padding
            mask = np.array([[True, False, False], [True, True, True]])
        labels = class_ids.Labels(tf.constant([[7, 0, 3], [7, 1, 0]]), tf.constant(mask))
        found = self.run_graph(draws.labels_as_draws(
            labels, distributions.Unigram(_COUNTS), num_groups)._replace(distribution=()))
        np.testing.assert_array_equal(found.number, number)
        np.testing.assert_array_equal(found.masked, ~mask[::-1] if num_groups else ~mask.reshape(-1))

    def test_a_masked_place_does_not_hide_the_first_candidate_of_its_class(self):
        padding = tf.constant([True, False, True])
        sources = [draws.Draws(tf.constant([0, 7, 0], tf.int64), padding, 1.0, ()),
                   draws.Draws(tf.constant([0, 7, 5, 0], tf.int64), None, 4.0, ())]
        _, masked = self.run_graph(draws.joined(sources, "masked", _C))
        np.testing.assert_array_equal(masked, [True, False, True, False, True, False, True])


class GroupsTest(sampler_case.SamplerCase):

    @parameterized.product(name=["in_batch", "in_batch+uniform"], num_groups=[1, 2, 3, 5])
    def test_labels_are_candidates_of_another_group(self, name, num_groups):
        # Each group has its own labels: two rows of two.
        labels = np.arange(4 * num_groups).reshape(2 * num_groups, 2)
        ids = self.run_graph(self.sample(name, tf.constant(labels), num_groups=num_groups)
                             .sampled_candidates)[:, :4]
        source = ids[:, 0] // 4
        np.testing.assert_array_equal(ids, 4 * source[:, None] + np.arange(4))
        self.assertCountEqual(source, range(num_groups))
        self.assertEqual(np.any(source == np.arange(num_groups)), num_groups == 1)

    @parameterized.parameters("all", "fixed_unigram", "in_batch", "in_batch+uniform", "log_uniform")
    def test_one_group_has_exact_counts(self, name):
        labels = np.arange(6).reshape(3, 2)
        ids, true_count, stated = self.run_graph(self.sample(
            name, tf.constant(labels), None, "masked", num_groups=1))
        wanted = sampler_case.exact(name, "masked", 6, sampler_case.num_drawn(name))
        self.assertEqual(ids.shape, (1, sampler_case.num_candidates(name, 6)))
        self.assertEqual(stated.shape, ids.shape)
        self.assert_close(true_count, wanted[labels])

    def test_several_labels_in_each_row_without_groups(self):
        labels = np.array([[7, 3], [7, 1]])
        ids, true_count, stated = self.run_graph(samplers.in_batch_candidate_sampler(
            tf.constant(labels), 2, "masked", _C, distributions.Unigram(_COUNTS)))
        np.testing.assert_array_equal(ids, [7, 3, 7, 1])
        np.testing.assert_array_equal(stated == candidates.MASKED_COUNT, [False, False, True, False])
        self.assert_close(true_count, sampler_case.exact("in_batch", "masked", 4, 0)[labels])


class UniqueTest(sampler_case.SamplerCase):
    """Repeats are redrawn until all candidates are different."""

    SEED = (5, 9)
    TOO_FEW = (r"\[unique candidates: num_sampled: wanted at most the number of different ids in \d+ "
               r"draws, got\] ")

    def _replay(self, name, num_groups, size):
        """Return (SampledValues, the sequence of drawn ids [G, many]) for a seed."""
        labels = np.tile(np.arange(_C), [2 * (num_groups or 1), 1])[:, ::-1]  # two rows for each group
        if num_groups is None:
            labels = labels.reshape(-1, 1)
        with mock.patch.object(distributions, "uniforms", wraps=distributions.uniforms) as uniforms:
            values = self.sample(name, tf.constant(labels), size, True, num_groups=num_groups,
                                 seed=tf.constant(self.SEED))
        shape = uniforms.call_args_list[0][0][0]
        self.assertEqual(shape[0], num_groups or 1)
        # The number of the chunk is added to the seed. 59 different classes of 60 may need thousands of
        # draws.
        num_turns = 1 + (4000 if size > 50 else 200) // shape[1]
        turns = tf.concat([distributions.uniforms(shape, tf.constant(
            [self.SEED[0] + turn, self.SEED[1]], tf.int64)) for turn in range(num_turns)], 1)
        values, draws = self.run_graph([values, sampler_case.distribution(name).ids_of(turns)])
        return labels, values, draws, shape[1]

    @parameterized.product(name=_DRAWN, size=[20, 58])
    def test_ids_and_counts_are_those_of_a_replay(self, name, size):
        labels, (ids, true_count, stated), draws, chunk = self._replay(name, 3, size)
        self.assertEqual(ids.shape, (3, size))
        all_tries = []
        for row in range(3):
            first = np.flatnonzero(sampler_case.first_of_its_kind(draws[row]))[:size]
            self.assertLen(first, size)
            np.testing.assert_array_equal(ids[row], draws[row][first])
            tries = first[-1] + 1
            wanted = oracles.expected_count(sampler_case.prob(name), size, tries)
            for own in (2 * row, 2 * row + 1):
                self.assert_close(true_count[own], wanted[labels[own]], 1e-4)
            self.assert_close(stated[row], wanted[ids[row]], 1e-4)
            all_tries.append(tries)
        self.assertGreater(len(set(all_tries)), 1)
        if size == 58:
            self.assertGreater(max(all_tries), chunk)  # more than one chunk

    @parameterized.parameters(*_DRAWN)
    def test_without_groups_ids_and_counts_are_those_of_a_replay(self, name):
        labels, (ids, true_count, stated), draws, _ = self._replay(name, None, 20)
        first = np.flatnonzero(sampler_case.first_of_its_kind(draws[0]))[:20]
        np.testing.assert_array_equal(ids, draws[0][first])
        wanted = oracles.expected_count(sampler_case.prob(name), 20, first[-1] + 1)
        self.assert_close(true_count, wanted[labels], 1e-4)
        self.assert_close(stated, wanted[ids], 1e-4)

    @parameterized.product(name=_DRAWN, num_groups=[None, 2])
    def test_the_whole_range_is_all_ids_once(self, name, num_groups):
        labels = np.array([[5], [0], [59], [5]])
        ids, true_count, stated = self.run_graph(self.sample(
            name, tf.constant(labels), _C, True, num_groups=num_groups))
        for row in np.reshape(ids, [num_groups or 1, -1]):
            self.assertCountEqual(row, range(_C))
        np.testing.assert_array_equal(true_count, np.ones([4, 1]))
        np.testing.assert_array_equal(stated, np.ones(ids.shape))

    def test_the_whole_range_needs_no_draws(self):
        # The second class is drawn once in 10^15 draws.
        values = samplers.fixed_unigram_candidate_sampler(
            tf.constant([[1]]), 1, 2, True, 2, unigrams=[1, 1e-15])
        self.assertEqual([v.tolist() for v in self.run_graph(values)], [[0, 1], [[1]], [1, 1]])

    @parameterized.parameters(None, 3)
    def test_too_few_different_ids_are_an_error(self, num_groups):
        labels = tf.placeholder(tf.int64, [None, 1])
        with mock.patch.object(draws, "_MAX_TURNS", 30):
            values = samplers.fixed_unigram_candidate_sampler(
                labels, 1, 2, True, 3, unigrams=[1, 1e-15, 1e-15], num_groups=num_groups)
        with self.new_session() as session:
            for value in (values.sampled_candidates, values.sampled_expected_count):
                self.assert_fails(self.TOO_FEW + r"\[1\]", session, value, {labels: np.zeros([3, 1])})

    def test_the_number_of_turns_has_a_limit(self):
        self.assertBetween(draws._MAX_TURNS, 100, 10000)

    def test_as_many_turns_as_allowed(self):
        with mock.patch.object(draws, "_MAX_TURNS", 1):
            for size, enough in ((40, True), (59, False)):
                ids = self.sample("uniform", tf.constant([[1]]), size, True,
                                  seed=tf.constant(self.SEED)).sampled_candidates
                with self.new_session() as session:
                    if enough:
                        self.assertLen(set(session.run(ids)), size)
                    else:
                        self.assert_fails(self.TOO_FEW + r"\[5\d\]", session, ids, None)


if __name__ == "__main__":
    absltest.main()
