"""Sampled softmax in a Keras 3 model: `fit` samples classes; `evaluate` and `predict` use all of them.

    python examples/keras_next_item.py

`fit` shows the sampled loss alone: compare models by `evaluate`. Ids are sorted by falling frequency.
"""
import numpy as np
import tensorflow as tf

import tf1_sampled as ts

if [int(part) for part in tf.__version__.split(".")[:2]] < [2, 16]:
    raise SystemExit("keras_next_item.py: wanted TensorFlow 2.16 or newer, got %s" % tf.__version__)
import keras  # noqa: E402


@keras.saving.register_keras_serializable("examples")
class NextItem(keras.Model):
    """Score each item as the next one: history [B, L] -> [B, num_items]."""
    def __init__(self, num_items, dim=32, num_sampled=64, **options):
        super().__init__(**options)
        self.num_items, self.dim, self.num_sampled = num_items, dim, num_sampled
        self.embedding = keras.layers.Embedding(num_items, dim)
        self.rows = self.add_weight(shape=[num_items, dim], name="rows")
        self.biases = self.add_weight(shape=[num_items], initializer="zeros", name="biases")

    def get_config(self):
        return dict(super().get_config(), num_items=self.num_items, dim=self.dim,
                    num_sampled=self.num_sampled)

    def call(self, history, training=False):
        vectors = keras.ops.mean(self.embedding(history), 1)
        if training:
            return {"vectors": vectors}  # the loss needs the scores of labels and candidates only
        return keras.ops.matmul(vectors, keras.ops.transpose(self.rows)) + self.biases

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        if not training:
            return super().compute_loss(x, y, y_pred, sample_weight)  # the loss of compile
        sampled = ts.log_uniform_candidate_sampler(y, 1, self.num_sampled, "masked", self.num_items)
        losses = ts.sampled_softmax_loss(self.rows.value, self.biases.value, y, y_pred["vectors"],
                                         self.num_sampled, self.num_items, sampled_values=sampled)
        losses = losses if sample_weight is None else losses * sample_weight
        return tf.reduce_mean(losses) + sum(self.losses)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        if isinstance(y_pred, dict):  # in training, metrics see an empty batch, which builds them
            return {"loss": super().compute_metrics(x, y[:0], tf.zeros([0, self.num_items]))["loss"]}
        return super().compute_metrics(x, y, y_pred, sample_weight)


if __name__ == "__main__":
    items = np.random.RandomState(1).zipf(1.2, [20000, 1]) % 300
    labels = (items[:, 0] + np.arange(20000) % 3 + 1) % 300  # after item k comes k + 1, k + 2 or k + 3
    model = NextItem(300)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["sparse_top_k_categorical_accuracy"])
    model.fit(items, labels, batch_size=200, epochs=4, validation_split=0.1, verbose=2)
    print("After item 5:", np.argsort(-model.predict(np.array([[5]]), verbose=0)[0])[:3])
