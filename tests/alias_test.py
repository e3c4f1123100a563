import fractions
import itertools
import unittest

import numpy as np
from absl.testing import absltest, parameterized

from tests import graph_case
from tf1_sampled import alias

try:
    import hypothesis
    from hypothesis import strategies
except ImportError:
    hypothesis = None

_LEAST = 2.0 ** -120  # the least probability of a weight above 0
_POWERS = (1, 0, 2, -1)  # those of which fractions are exact

_RANDOM = np.random.RandomState(1)
_WEIGHTS = {
    "one_class": [3],
    "one_tiny_class": [1e-300],
    "two_classes": [1, 3],
    "zeros_in_front": [0, 0, 0, 2, 1, 5],
    "zeros_at_the_end": [2, 1, 5, 0, 0, 0],
    "zeros_but_one": np.arange(50) == 7,
    "zeros_among_equals": np.arange(98) % 2,
    "average_classes": [0, 4, 3, 2, 2, 1, 0, 4, 2],
    "barely_above_average": np.append(np.ones(1000), 1 + 2 ** -40),
    "tiny": [3e-300, 0, 1e-300, 2e-300],
    "huge": [1e308, 0, 1.7e308, 1.1e308],
    "tiny_and_huge": [1e300, 1e-300, 2e300, 0, 2e-300, 3e299],
    "huge_among_many": np.append(np.ones(1000), 1e300),
    "all_scales": 10 ** _RANDOM.uniform(-300, 300, 100),
    "counts": _RANDOM.randint(1, 10 ** 9, 200),
    "zipf": graph_case.zipf(200),
}
_MILLION = 1000000
_MANY_WEIGHTS = {
    "equal_20000": np.ones(20000),
    "equal_999999": np.ones(999999),
    "equal_1000000": np.ones(_MILLION),
    "integers": _RANDOM.randint(4, size=_MILLION),
    "nearly_equal": 1 + 1e-6 * _RANDOM.rand(_MILLION),
    "random": _RANDOM.rand(_MILLION) ** 6,
    "zipf": graph_case.zipf(_MILLION),
    "one_barely_above_equals": np.append(np.ones(_MILLION - 1), 1.001),
    "half_of_all_is_one": np.append(np.ones(_MILLION - 1), _MILLION),
    "all_is_one": np.append(np.full(_MILLION - 1, 1e-300), 1),
    "all_scales": 10 ** _RANDOM.uniform(-300, 300, _MILLION),
}


def _exact(values):
    return np.array([fractions.Fraction(float(value)) for value in values])


def _drawn(threshold, other):
    """Return the P(k) of an alias table by its definition, in the number type of `threshold`."""
    total = threshold.copy()
    np.add.at(total, other, 1 - threshold)
    return total / len(total)


def _for_any_weights(check):
    """Run check(weights) for many lists of weights, the same each time."""
    weight = strategies.one_of(strategies.just(0), strategies.integers(1, 5),
                               strategies.floats(0.9, 1.1), strategies.floats(1e-300, 1e300))

    @hypothesis.settings(max_examples=100, derandomize=True, deadline=None, database=None,
                         suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(strategies.lists(weight, min_size=1, max_size=60).filter(any))
    def run(weights):
        check(weights)

    run()


class ProbabilitiesTest(parameterized.TestCase):

    def assert_proportional(self, weights):
        for power in _POWERS:
            prob = alias.probabilities(weights, power)
            self.assertEqual(prob.dtype, np.float64)
            wanted = np.array([weight and weight ** power for weight in _exact(weights)])
            wanted = np.array([max(p, _LEAST) if p else 0 for p in wanted / wanted.sum()], np.float64)
            np.testing.assert_allclose(prob, wanted, rtol=1e-12, atol=0)
            self.assertAlmostEqual(prob.sum(), 1, delta=1e-15)

    @parameterized.named_parameters(*_WEIGHTS.items())
    def test_proportional_to_powers_of_the_weights(self, weights):
        self.assert_proportional(weights)

    @unittest.skipIf(hypothesis is None, "hypothesis is not installed: nothing makes the inputs")
    def test_proportional_to_powers_of_any_weights(self):
        _for_any_weights(self.assert_proportional)

    def test_powers_that_are_fractions_are_applied(self):
        counts = np.arange(1, 1000)
        np.testing.assert_allclose(
            alias.probabilities(counts, 0.75), counts ** 0.75 / np.sum(counts ** 0.75), rtol=1e-13)
        np.testing.assert_allclose(alias.probabilities([1e300, 1e-300], 0.05), [1, 1e-30], rtol=1e-12)

    def test_each_weight_above_0_has_a_finite_log_probability_in_float32(self):
        for weights in ([1e300, 1e-300], [1, 0, 1e-39], [1e-200] * 1000 + [1]):
            prob = alias.probabilities(weights).astype(np.float32)
            np.testing.assert_array_equal(prob > 0, np.array(weights) > 0)
            log_prob = np.log(prob[prob > 0])
            self.assertGreater(np.exp(log_prob).min(), np.finfo(np.float32).tiny)


class AliasTableTest(parameterized.TestCase):

    def assert_exact(self, weights, number=_exact):
        """Check the table of the weights' probabilities, with sums in the type of number(array)."""
        prob = alias.probabilities(weights)
        threshold, other = alias.alias_table(prob)
        self.assertEqual((threshold.dtype, other.dtype), (np.float64, np.int64))
        self.assertBetween(threshold.min(), 0, 1)
        self.assertBetween(threshold.max(), 0, 1)
        drawn, wanted = _drawn(number(threshold), other), number(prob)
        self.assertTrue(np.all(abs(drawn - wanted) <= wanted * 2.0 ** -40))
        self.assertGreater(prob[other].min(), 0)  # so that no rounding of a threshold draws such a class
        np.testing.assert_array_equal(threshold.astype(np.float32) > 0, prob > 0)

    @parameterized.named_parameters(*_WEIGHTS.items())
    def test_draws_the_probabilities(self, weights):
        self.assert_exact(weights)

    # longdouble: a sum of a million float64 would be less exact than the table.
    @parameterized.named_parameters(*_MANY_WEIGHTS.items())
    def test_draws_the_probabilities_of_many_classes(self, weights):
        self.assert_exact(weights, np.longdouble)

    def test_draws_equal_probabilities_of_any_number_of_classes(self):
        for size in itertools.chain(range(1, 301), range(301, 20000, 97)):
            self.assert_exact(np.ones(size), np.longdouble)

    def test_draws_the_probabilities_of_small_integers(self):
        for weights in itertools.product(range(5), repeat=4):
            if any(weights):
                self.assert_exact(weights)

    @unittest.skipIf(hypothesis is None, "hypothesis is not installed: nothing makes the inputs")
    def test_draws_any_probabilities(self):
        _for_any_weights(self.assert_exact)


if __name__ == "__main__":
    absltest.main()
