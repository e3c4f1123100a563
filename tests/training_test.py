import io
import json
import os

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest

from tests import graph_case
from tf1_sampled import InputError, optimizers, training


class TrainTest(graph_case.GraphCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path
        self.x = tf.placeholder(tf.float32, [None])
        self.w = tf.get_variable("w", [], initializer=tf.zeros_initializer(), use_resource=True)
        self.loss = tf.reduce_mean(tf.square(self.w - self.x))

    def _train(self, values, rate=0.1, **options):
        batches = (({self.x: v}, (i + 1) / len(values)) for i, v in enumerate(values))
        return training.train(self.loss, self.loss, optimizers.SGDOptimizer, rate, batches, 100,
                              "examples", self.folder, **options)

    def test_learns_and_leaves_a_checkpoint(self):
        result = self._train([[2.0, 4.0]] * 60)
        self.assertEqual(result.steps, 60)
        self.assertGreater(result.seconds, 0)
        self.assertAlmostEqual(result.units_per_second, 100 / result.seconds)
        with training.restored_session(self.folder) as session:
            self.assert_close(session.run(self.w), 3, 1e-2)
            self.assertEqual(session.run(tf.train.get_global_step()), 60)

    def test_the_rate_falls_linearly(self):
        self._train([[1.0]] * 4, rate=0.1)
        w = 0
        for done in (0, 0.25, 0.5, 0.75):
            w -= 0.1 * (1 - done) * 2 * (w - 1)
        with training.restored_session(self.folder) as session:
            self.assert_close(session.run(self.w), w)

    def test_update_ops_run_with_each_step(self):
        counter = tf.get_variable("counter", [], tf.int32, tf.zeros_initializer(), trainable=False)
        tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, tf.assign_add(counter, 1))
        self._train([[1.0]] * 7)
        with training.restored_session(self.folder) as session:
            self.assertEqual(session.run(counter), 7)

    def test_a_loss_that_is_not_finite_names_the_step(self):
        with self.assertRaisesRegex(InputError, "got (inf|nan) at step 51.*learning_rate = 1e\\+30.*"
                                    "Last checkpoint: none yet"):
            self._train([[1.0]] * 60, rate=1e30)
        self.assertEmpty(os.listdir(self.folder))

    def test_a_diverged_model_is_not_saved_over_a_good_one(self):
        # Every step is due for a checkpoint; the value that made the model bad is saved by none.
        with self.assertRaisesRegex(InputError, "got nan at step 3.*Last checkpoint: .*model.ckpt-2"):
            self._train([[1.0], [1.0], [float("nan")], [1.0]], save_seconds=0)
        with training.restored_session(self.folder) as session:
            self.assertTrue(np.isfinite(session.run(self.w)))

    def test_a_variable_without_gradient_is_named(self):
        tf.get_variable("unused", [3])
        with self.assertRaisesRegex(InputError, "minimize: loss: .*none on unused"):
            self._train([[1.0]])

    def test_no_batches(self):
        with self.assertRaisesRegex(InputError, "batches: wanted one batch or more"):
            self._train([])

    def test_a_rate_of_zero(self):
        with self.assertRaisesRegex(InputError, "learning_rate: wanted a number above 0"):
            self._train([[1.0]], rate=0)


class MeanInBlocksTest(graph_case.GraphCase):

    def test_is_the_mean_whatever_the_block(self):
        x, y = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32, [None])
        with self.new_session() as session:
            for size in (1, 4, 10, 100):
                mean = training.mean_in_blocks(session, x * y, {x: np.arange(10), y: np.ones(10)},
                                               size)
                self.assertEqual(mean, 4.5)
            self.assertTrue(np.isnan(training.mean_in_blocks(session, x, {x: np.zeros(0)})))


class MetricsTest(absltest.TestCase):

    def test_is_json_whatever_the_numbers(self):
        path = os.path.join(self.create_tempdir().full_path, "metrics.json")
        training.write_metrics(path, {"scores": {"HR@10": np.float32(0.5), "bad": float("nan")},
                                      "list": [np.int64(3), "x", None, True]})
        with open(path) as stream:
            metrics = json.load(stream)
        self.assertEqual(metrics["scores"], {"HR@10": 0.5, "bad": None})
        self.assertEqual(metrics["list"], [3, "x", None, True])
        self.assertEqual(metrics["versions"]["tensorflow"], tf.VERSION)


class _Terminal(io.StringIO):

    def isatty(self):
        return True


class ProgressTest(absltest.TestCase):

    def test_lines_in_a_log(self):
        log = io.StringIO()
        display = training._Progress(2000, "words", log, seconds_between_lines=0)
        display.show(0.0, 3)
        display.show(0.5, 2)
        display.close(1)
        lines = log.getvalue().splitlines()
        self.assertLen(lines, 2)
        self.assertRegex(lines[0], r"^ 50% of 2,000 words, [\d,]+ words/s, loss 2.000, \d+ s left$")
        self.assertRegex(lines[-1], r"^100% of 2,000 words, [\d,]+ words/s, loss 1.000, 0 s left$")

    def test_a_bar_on_a_terminal(self):
        terminal = _Terminal()
        display = training._Progress(2000, "words", terminal)
        display.show(0.5, 2)
        display.close(1)
        self.assertIn("100%", terminal.getvalue())
        self.assertIn("words/s", terminal.getvalue())


if __name__ == "__main__":
    absltest.main()
