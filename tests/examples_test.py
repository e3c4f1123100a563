"""The examples run, and have the results that they describe."""
import importlib.util
import os

import numpy as np
import tensorflow as tf
from absl.testing import absltest

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class KerasTest(absltest.TestCase):

    def setUp(self):
        super().setUp()
        try:
            import keras
        except ImportError:
            keras = None
        if int(getattr(keras, "__version__", "0").split(".")[0]) < 3:
            self.skipTest("TensorFlow %s has no Keras 3" % tf.__version__)
        spec = importlib.util.spec_from_file_location(
            "keras_next_item", os.path.join(_ROOT, "examples", "keras_next_item.py"))
        self.example = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.example)

    def test_a_model_trains_by_a_sampled_loss_and_is_saved(self):
        before, after, loaded = self.example.main(num_items=100, epochs=6)
        self.assertAlmostEqual(before, np.log(100), delta=0.2)
        self.assertLess(after, 2)
        self.assertAlmostEqual(loaded, after, places=4)

    def test_training_counts_labels_and_evaluation_does_not(self):
        import keras

        model = self.example.NextItem(50)
        model.compile(keras.optimizers.Adam(0.01))
        data = self.example.make_data(50, 300, 1)
        model.evaluate(*data, verbose=0)
        total = model.classes.labels_seen.variables[0]
        self.assertEqual(total.numpy()[1], 0)
        model.fit(*data, epochs=2, verbose=0)
        model.evaluate(*data, verbose=0)
        self.assertEqual(total.numpy()[1], 600)
        items = np.bincount(data[1], minlength=50)
        np.testing.assert_array_equal(total.numpy()[-50:], 2 * items)


if __name__ == "__main__":
    absltest.main()
