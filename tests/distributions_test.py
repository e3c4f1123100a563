import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case
from tf1_sampled import distributions

_WEIGHTS = {
    "falling": 1 / np.arange(1, 51),
    "random": np.random.RandomState(3).rand(50) ** 6,
    "with_zeros": np.arange(50) % 3,
    "even": np.ones(50),
    "one_of_all": np.arange(50) == 7,
    "two_classes": np.array([1, 3]),
    "one_class": np.array([2]),
}


def _log_uniform(size):
    k = np.arange(size)
    return np.log((k + 2) / (k + 1)) / np.log(size + 1)


def _cases():
    yield "uniform", distributions.Uniform, np.full(40, 1 / 40)
    yield "log_uniform", distributions.LogUniform, _log_uniform(40)
    for name, weights in _WEIGHTS.items():
        def unigram(_, weights=weights):
            return distributions.Unigram(weights)
        yield "unigram_" + name, unigram, weights / weights.sum()


class DistributionTest(graph_case.GraphCase):

    @parameterized.named_parameters(*_cases())
    def test_log_prob_is_the_formula(self, make, prob):
        log_prob = make(len(prob)).log_prob(tf.range(len(prob)))
        with np.errstate(divide="ignore"):
            self.assert_close(self.run_graph(log_prob), np.log(prob), 1e-6)

    @parameterized.named_parameters(*_cases())
    def test_draws_come_as_often_as_log_prob_says(self, make, prob):
        num_draws = 200000
        ids = self.run_graph(make(len(prob)).draw([num_draws // 100, 100], seed=5))
        self.assertEqual(ids.shape, (num_draws // 100, 100))
        self.assertEqual(ids.dtype, np.int64)
        count = np.bincount(ids.ravel(), minlength=len(prob))
        self.assertLen(count, len(prob))
        deviation = np.sqrt(num_draws * prob * (1 - prob))
        np.testing.assert_array_less(np.abs(count - num_draws * prob), 5 * deviation + 1e-9)

    @parameterized.named_parameters(*_cases())
    def test_a_seed_repeats_its_draws(self, make, prob):
        first, same, other = (self.run_graph(make(len(prob)).draw([500], seed)) for seed in (1, 1, 2))
        np.testing.assert_array_equal(first, same)
        if np.max(prob) < 1:
            self.assertTrue(np.any(first != other))

    def test_log_uniform_reaches_every_id_of_a_large_range(self):
        size = 1 << 22
        ids = self.run_graph(distributions.LogUniform(size).draw([4000000], seed=1))
        far = ids[ids >= size // 2]
        self.assertGreater(len(far), 100000)
        # About one in 23 of these draws meets an earlier one. Of 32-bit uniforms 2^23 are different,
        # which reach one in 6 of these ids; then one draw in 5 does.
        self.assertGreater(len(np.unique(far)), 0.94 * len(far))

    def test_tables_of_a_unigram_are_not_in_the_graph(self):
        distributions.Unigram(np.arange(1, 100001)).draw([3])
        self.assertLess(tf.get_default_graph().as_graph_def().ByteSize(), 20000)
        self.assertEmpty(tf.global_variables())

    def test_a_unigram_does_not_mind_reuse(self):
        with tf.variable_scope("model", reuse=True):
            ids = distributions.Unigram([1, 1]).draw([10])
        self.assertLen(self.run_graph(ids), 10)


class AliasTableTest(parameterized.TestCase):

    @parameterized.named_parameters(*_WEIGHTS.items())
    def test_columns_add_up_to_the_probabilities(self, weights):
        prob = weights / weights.sum()
        threshold, alias = distributions.alias_table(prob)
        total = threshold.copy()
        np.add.at(total, alias, 1 - threshold)
        np.testing.assert_allclose(total / len(prob), prob, atol=1e-12)
        self.assertBetween(threshold.min(), 0, 1)
        self.assertBetween(threshold.max(), 0, 1)

    def test_zipf_of_a_million_classes(self):
        prob = graph_case.zipf(1000000)
        threshold, alias = distributions.alias_table(prob)
        total = threshold.copy()
        np.add.at(total, alias, 1 - threshold)
        np.testing.assert_allclose(total / len(prob), prob, atol=1e-12)


class LearnedUnigramTest(graph_case.GraphCase):

    @parameterized.parameters(1, 2, 5, 8, 9)
    def test_follows_the_counts(self, size):
        learned = distributions.LearnedUnigram(size)
        seen = np.minimum(np.arange(300) ** 2 % (size + 2), size - 1)
        observe = learned.observe(seen.reshape(100, 3))
        log_prob, ids = learned.log_prob(tf.range(size)), learned.draw([100000], seed=2)
        with self.new_session() as session:
            self.assert_close(session.run(log_prob), np.full(size, -np.log(size)))
            session.run(observe)
            session.run(observe)
            prob = (1 + 2 * np.bincount(seen, minlength=size)) / (size + 600)
            self.assert_close(session.run(log_prob), np.log(prob))
            count = np.bincount(session.run(ids), minlength=size)
        deviation = np.sqrt(100000 * prob * (1 - prob))
        np.testing.assert_array_less(np.abs(count - 100000 * prob), 5 * deviation + 1e-9)

    def test_counts_are_one_variable_by_name(self):
        train, serve = distributions.LearnedUnigram(6), distributions.LearnedUnigram(6)
        other = distributions.LearnedUnigram(6, "other")
        with self.new_session() as session:
            session.run(train.observe([2, 2, 2]))
            values = session.run([d.log_prob([2]) for d in (train, serve, other)])
        self.assert_close(np.ravel(values), np.log([4 / 9, 4 / 9, 1 / 6]))
        self.assertEmpty(tf.trainable_variables())
        self.assertLen(tf.global_variables(), 2)


if __name__ == "__main__":
    absltest.main()
