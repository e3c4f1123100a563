"""Means and spreads over seeds, and which of them differ."""
import math

import numpy as np
from absl.testing import absltest, parameterized

from tests import study_case
from tf1_sampled.study import records
from tf1_sampled.study.records import TIME, Measured


class StudyTest(absltest.TestCase):

    def setUp(self):
        super().setUp()
        self.study = study_case.made_up({
            "10": study_case.losses(2.0, 6.5), "100": study_case.losses(4.0, 6.0),
            "30": study_case.losses(3.0, 6.2)}, spread=0.1)

    def test_a_measure_is_the_mean_and_deviation_over_seeds(self):
        found = self.study.of("sampled_loss", "100", TIME)
        np.testing.assert_allclose(found, [4.0, np.std([3.9, 4.0, 4.1], ddof=1), 3])

    def test_what_was_not_measured_is_nan(self):
        self.assertTrue(math.isnan(self.study.of("gradient_bias", "10").mean))

    def test_one_seed_has_no_spread(self):
        study = study_case.made_up({"10": study_case.losses(2.0, 6.5)}, seeds=[1])
        self.assertTrue(math.isnan(study.of("sampled_loss", "10").spread))

    def test_a_curve_is_the_mean_over_seeds(self):
        curve = self.study.curve("10")
        np.testing.assert_allclose(curve["share"], [0.5, 1])
        np.testing.assert_allclose(curve["sampled_loss"], [8.5, 8])

    def test_the_pairs_farthest_apart_come_first(self):
        self.assertEqual(self.study.pairs()[0], ("10", "30"))
        self.assertLen(self.study.pairs(), 3)


class DifferTest(parameterized.TestCase):

    @parameterized.parameters((1.0, 1.29, False), (1.0, 1.31, True), (1.31, 1.0, True))
    def test_means_differ_by_twice_the_spread_of_their_difference(self, one, other, wanted):
        # 2 sqrt(0.12^2 + 0.09^2) = 0.3
        self.assertEqual(records.differ(Measured(one, 0.12, 3), Measured(other, 0.09, 3)), wanted)

    def test_one_seed_differs_from_nothing(self):
        self.assertFalse(records.differ(Measured(1.0, math.nan, 1), Measured(9.0, 0.1, 3)))


class ShownTest(parameterized.TestCase):

    @parameterized.parameters(
        (6.41249, 0.0123, "6.412 \u00b1 0.012"), (0.61234, 0.0004, "0.6123 \u00b1 0.0004"),
        (12.3456, 3.0, "12.35 \u00b1 3.00"), (1234.5, math.nan, "1,234"), (math.nan, math.nan, "-"))
    def test_digits_suit_the_spread(self, mean, spread, wanted):
        self.assertEqual(records.shown(mean, spread), wanted)


if __name__ == "__main__":
    absltest.main()
