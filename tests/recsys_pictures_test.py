"""Tests of the pictures of a recommender: each shows its data."""
import os
import unittest
from unittest import mock

import numpy as np
from absl.testing import absltest

from tf1_sampled import InputError, charts
from tf1_sampled.recsys import evaluation, pictures

try:
    import matplotlib
except ImportError:
    matplotlib = None


SCORES = [{"Recall@5": recall, "NDCG@5": recall / 2, "Coverage@5": 0.9} for recall in (0.1, 0.3, 0.2)]
UNITS, SECONDS, LOSSES = (100, 200, 300), (1.0, 2.5, 3.0), (5.0, 4.0, 4.5)


def ranking_of(ranks):
    """Return the Ranking of targets 0, 1, 2 and 3, each of one user, among four items."""
    return evaluation.Ranking(np.array(ranks), np.arange(4), np.arange(4), np.zeros(4, int), 10)


class DataTest(absltest.TestCase):

    def setUp(self):
        super().setUp()
        self.charts = mock.create_autospec(charts)
        patch = mock.patch.object(pictures, "charts", self.charts)
        patch.start()
        self.addCleanup(patch.stop)

    def test_training_draws_loss_and_validation(self):
        self.charts.loss.return_value = "folder/loss.png"
        path = os.path.join("folder", "validation.png")
        self.assertEqual(pictures.training("folder", UNITS, SECONDS, LOSSES, SCORES),
                         ["folder/loss.png", path])
        self.charts.loss.assert_called_once_with(
            "folder", [(100, 1.0, 5.0), (200, 2.5, 4.0), (300, 3.0, 4.5)], "examples",
            "Full softmax loss on validation")
        # Coverage has another scale than the other scores.
        self.charts.curves.assert_called_once_with(
            path, {"Recall@5": (UNITS, [0.1, 0.3, 0.2]), "NDCG@5": (UNITS, [0.05, 0.15, 0.1])},
            "examples", "", "Scores on validation")

    def test_popularity_draws_shares_by_count(self):
        counts = [4, 4, 1, 1]
        rankings = {"a": ranking_of([0, 9, 1, 7]), "b": ranking_of([9, 9, 0, 0])}
        path = pictures.popularity("folder", rankings, counts, 5)
        self.assertEqual(path, os.path.join("folder", "popularity.png"))
        given, named = self.charts.bars.call_args
        self.assertEqual(given[0], path)
        # Fifths of ten events: items 0 and 1 begin the first and the third, 2 and 3 the fifth.
        self.assertEqual(given[1], ["1\n1 targets", "2\n1 targets", "3-4\n2 targets"])
        self.assertEqual(given[2], {"a": [1.0, 0.0, 0.5], "b": [0.0, 0.0, 1.0]})
        self.assertEqual(named["y_label"], "share found in the top 5")

    def test_map_of_the_most_frequent_items_with_the_first_of_their_categories(self):
        size = 600
        vectors = np.arange(2.0 * size).reshape(size, 2)
        names = ["n%d" % i for i in range(size)]
        categories = ["", "Action|Comedy", "Drama"] * (size // 3)
        path = pictures.item_map("folder", vectors, names, categories, seed=3)
        self.assertEqual(path, os.path.join("folder", "map.png"))
        (given_path, points, labels), named = self.charts.map_of_points.call_args
        self.assertEqual((given_path, named["seed"]), (path, 3))
        np.testing.assert_array_equal(points, vectors[:500])
        self.assertEqual(labels, names[:500])
        self.assertEqual(named["colours"], (["", "Action", "Drama"] * 200)[:500])

    def test_map_without_categories(self):
        pictures.item_map("folder", np.ones([3, 2]), list("abc"), None)
        self.assertIsNone(self.charts.map_of_points.call_args[1]["colours"])

    def test_categories_may_be_an_array(self):
        pictures.item_map("folder", np.ones([2, 2]), list("ab"), np.array(["x|y", "z"]))
        self.assertEqual(self.charts.map_of_points.call_args[1]["colours"], ["x", "z"])


@unittest.skipIf(matplotlib is None, "matplotlib is not installed")
class FilesTest(absltest.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = os.path.join(self.create_tempdir().full_path, "plots")

    def check(self, paths):
        self.assertCountEqual(os.listdir(self.folder), [os.path.basename(path) for path in paths])
        for path in paths:
            self.assertEqual(os.path.dirname(path), self.folder)
            with open(path, "rb") as stream:
                self.assertEqual(stream.read(8), b"\x89PNG\r\n\x1a\n")

    def test_each_picture_is_a_file(self):
        paths = pictures.training(self.folder, UNITS, SECONDS, LOSSES, SCORES)
        rankings = {"this model": ranking_of([0, 9, 1, 7])}
        paths.append(pictures.popularity(self.folder, rankings, [4, 4, 1, 1], 5))
        vectors = np.random.RandomState(1).standard_normal([9, 4])
        paths.append(pictures.item_map(self.folder, vectors, list("abcdefghi"), ["x|y", "z", ""] * 3))
        self.assertEqual([os.path.basename(path) for path in paths],
                         ["loss.png", "validation.png", "popularity.png", "map.png"])
        self.check(paths)

    def test_one_validation_is_enough(self):
        self.check(pictures.training(self.folder, UNITS[:1], SECONDS[:1], LOSSES[:1], SCORES[:1]))

    def test_cut_above_the_ranking_is_named(self):
        with self.assertRaisesRegex(InputError,
                                    "recall_by_popularity: k: wanted at most 10 items, got 11"):
            pictures.popularity(self.folder, {"a": ranking_of([0] * 4)}, [1] * 4, 11)


if __name__ == "__main__":
    absltest.main()
