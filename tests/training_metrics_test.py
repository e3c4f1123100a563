import json
import os

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest

from tests import graph_case
from tf1_sampled.training import metrics


class MeanInBlocksTest(graph_case.GraphCase):

    def test_the_mean_does_not_depend_on_the_block(self):
        x, y = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32, [None])
        with self.new_session() as session:
            for size in (1, 4, 10, 100):
                mean = metrics.mean_in_blocks(
                    session, x * y, {x: np.arange(10), y: np.ones(10)}, size)
                self.assertEqual(mean, 4.5)
            self.assertTrue(np.isnan(metrics.mean_in_blocks(session, x, {x: np.zeros(0)})))


class RatioOfSumsTest(graph_case.GraphCase):

    def test_is_a_weighted_mean_over_all_feeds(self):
        x, w = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32, [None])
        total, weight = tf.reduce_sum(x * w), tf.reduce_sum(w)
        feeds = [{x: [1, 2], w: [1, 3]}, {x: [10], w: [0]}, {x: [5, 6, 7], w: [0.5, 0, 2]}]
        with self.new_session() as session:
            self.assertAlmostEqual(metrics.ratio_of_sums(session, total, weight, feeds),
                                   (1 + 6 + 2.5 + 14) / 6.5)
            # Sums over many feeds are exact.
            ratio = metrics.ratio_of_sums(session, total, weight, [{x: [1], w: [2 ** 24]}] + [
                {x: [2], w: [1]}] * 64)
            self.assertEqual(ratio, (2 ** 24 + 128) / (2 ** 24 + 64))

    def test_the_mean_of_no_rows_is_nan(self):
        x = tf.placeholder(tf.float32, [])
        with self.new_session() as session:
            self.assertTrue(np.isnan(metrics.ratio_of_sums(session, x, 0 * x, [{x: 3}, {x: 4}])))
            self.assertTrue(np.isnan(metrics.ratio_of_sums(session, x, x, [])))


class WriteMetricsTest(absltest.TestCase):

    def test_numbers_that_are_not_finite_are_null(self):
        path = os.path.join(self.create_tempdir().full_path, "metrics.json")
        metrics.write_metrics(path, {"scores": {"HR@10": np.float32(0.5), "bad": float("nan")},
                                     "list": [np.int64(3), "x", None, True]})
        with open(path) as stream:
            written = json.load(stream)
        self.assertEqual(written["scores"], {"HR@10": 0.5, "bad": None})
        self.assertEqual(written["list"], [3, "x", None, True])
        self.assertEqual(written["versions"]["tensorflow"], tf.VERSION)


if __name__ == "__main__":
    absltest.main()
