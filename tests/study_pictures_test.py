"""The pictures of a study of made-up numbers."""
import os
import unittest

from absl.testing import absltest

from tests import study_case
from tests.study_case import losses
from tf1_sampled.study import pictures

try:
    import matplotlib
except ImportError:
    matplotlib = None


@unittest.skipIf(matplotlib is None, "matplotlib is not installed")
class DrawTest(absltest.TestCase):

    def drawn(self, numbers, **options):
        folder = self.create_tempdir().full_path
        found = pictures.draw(folder, study_case.made_up(numbers, **options))
        self.assertCountEqual(os.listdir(folder), found)
        return list(found)

    def test_each_picture_has_a_file(self):
        more = dict(gradient_bias=0.4, gradient_bias_noise=0.01, gradient_deviation=2.0)
        self.assertEqual(self.drawn({"10": losses(2.0, 6.5, **more), "100": losses(4.0, 6.0, **more)}),
                         ["losses.png", "scores.png", "curves.png", "time.png", "gradient.png"])

    def test_losses_without_a_bias_have_no_picture_of_it(self):
        self.assertEqual(self.drawn({"nce": losses(2.0, 6.5), "negative_sampling": losses(4.0, 6.0)},
                                    vary="loss", seeds=[1])[-1], "time.png")

    def test_points_are_means_with_their_spread(self):
        study = study_case.made_up({"10": losses(2.0, 6.5), "100": losses(4.0, 6.0)}, spread=0.1)
        panel = pictures._panel(study, "x", "y", {"": ("full_softmax_loss", "time")})
        x, y, spread = panel.series[""]
        self.assertEqual((x.tolist(), y.round(6).tolist()), ([0, 1], [6.5, 6.0]))
        self.assertEqual(spread.round(6).tolist(), [0.1, 0.1])
        self.assertEqual(panel.labels, ["10", "100"])


if __name__ == "__main__":
    absltest.main()
