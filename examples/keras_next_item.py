"""A Keras 3 model of the next item: trained with a sampled loss, evaluated with the full one.

    python examples/keras_next_item.py

Needs TensorFlow 2.16 or newer, whose Keras is Keras 3. The data is made here: after item k comes one of
three items that belong to k.
"""
import os
import tempfile

import keras
import numpy as np
import tensorflow as tf

import tf1_sampled as ts


class ClassTable(keras.layers.Layer):
    """The rows and biases of all classes, and the distribution that candidates are drawn from.

    Args:
      num_classes, dim, num_sampled: integers C, D and S.
    """

    def __init__(self, num_classes, dim, num_sampled, **options):
        super().__init__(**options)
        self.num_classes, self.dim, self.num_sampled = num_classes, dim, num_sampled
        self.rows = self.add_weight(shape=[num_classes, dim], initializer="glorot_uniform", name="rows")
        self.biases = self.add_weight(shape=[num_classes], initializer="zeros", name="biases")
        self.labels_seen = ts.LearnedUnigram(num_classes)

    def loss(self, labels, vectors, training):
        """Return the loss [B]: sampled softmax in training, which counts labels, else full softmax."""
        rows, biases = self.rows.value, self.biases.value
        if not training:
            return ts.full_softmax_loss(rows, biases, labels, vectors, self.num_classes)
        sampled = ts.candidate_sampler(labels[:, None], 1, self.num_sampled, "masked", self.labels_seen)
        return ts.sampled_softmax_loss(rows, biases, labels, vectors, self.num_sampled, self.num_classes,
                                       sampled_values=sampled)

    # Keras saves its own variables; the counts are TensorFlow's.
    def save_own_variables(self, store):
        super().save_own_variables(store)
        for i, variable in enumerate(self.labels_seen.variables):
            store["labels_seen_%d" % i] = variable.numpy()

    def load_own_variables(self, store):
        values = {key: store[key] for key in store.keys()}
        for i, variable in enumerate(self.labels_seen.variables):
            variable.assign(values.pop("labels_seen_%d" % i))
        super().load_own_variables(values)


@keras.saving.register_keras_serializable("examples")
class NextItem(keras.Model):
    """Which item comes after these: the mean of the history's rows, a hidden layer, and a class table.

    Args:
      num_items, dim, num_sampled: integers.
    """

    def __init__(self, num_items, dim=32, num_sampled=30, **options):
        super().__init__(**options)
        self.settings = dict(num_items=num_items, dim=dim, num_sampled=num_sampled)
        self.histories = keras.layers.Embedding(num_items, dim)
        self.hidden = keras.layers.Dense(dim)
        self.classes = ClassTable(num_items, dim, num_sampled)

    def call(self, histories):
        """[B, L] item ids -> [B, D]."""
        return self.hidden(keras.ops.mean(self.histories(histories), 1))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return tf.reduce_mean(self.classes.loss(y, y_pred, training))

    def recommend(self, histories, k):
        """Return the ids [B, k] of the best items."""
        table = self.classes
        return ts.top_k(table.rows.value, table.biases.value, self(histories), table.num_classes, k).ids

    def get_config(self):
        return dict(super().get_config(), **self.settings)


def make_data(num_items, num_examples, seed):
    """Return histories [N, 1] and the items that come next [N]."""
    random = np.random.RandomState(seed)
    histories = random.randint(0, num_items, [num_examples, 1])
    return histories, (7 * histories[:, 0] + random.randint(0, 3, num_examples)) % num_items


def main(num_items=300, epochs=12):
    """Train, evaluate, save and load; return the loss before and after, and after loading."""
    train, test = make_data(num_items, 20000, 1), make_data(num_items, 2000, 2)
    model = NextItem(num_items)
    model.compile(keras.optimizers.Adam(0.02))
    before = model.evaluate(*test, batch_size=500, verbose=0)
    model.fit(*train, batch_size=200, epochs=epochs, verbose=0)
    after = model.evaluate(*test, batch_size=500, verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "next_item.keras")
        model.save(path)
        loaded = keras.models.load_model(path)
    counts = [m.classes.labels_seen.variables[0].numpy() for m in (model, loaded)]
    np.testing.assert_array_equal(*counts)
    print("Full softmax loss: %.3f before, %.3f after; a uniform guess %.3f, the best possible %.3f" % (
        before, after, np.log(num_items), np.log(3)))
    offered = loaded.recommend(np.array([[5]]), 3).numpy()[0]
    print("After item 5 come 35, 36 and 37: offered %s" % sorted(offered.tolist()))
    return before, after, loaded.evaluate(*test, batch_size=500, verbose=0)


if __name__ == "__main__":
    main()
