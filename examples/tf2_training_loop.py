"""Sampled softmax in a training loop of TensorFlow 2: tf.function, no session, no Keras.

    python examples/tf2_training_loop.py

The sampler counts how often each class is a label, with each draw unless learn=False.
tf.train.Checkpoint(model=model) saves the tables, the optimizer's slots and the counts. autograph=False
saves most of the time of tracing: there are no Python conditions on tensors to convert.
"""
import numpy as np
import tensorflow as tf

import tf1_sampled as ts

if tf.__version__ < "2":
    raise SystemExit("tf2_training_loop.py: wanted TensorFlow 2, got %s" % tf.__version__)


class NextWord(tf.Module):
    def __init__(self, num_words, dim=32):
        super().__init__()
        self.num_words = num_words
        self.embeddings = tf.Variable(tf.random.normal([num_words, dim], stddev=0.1))
        self.rows = tf.Variable(tf.zeros([num_words, dim]))
        self.biases = tf.Variable(tf.zeros([num_words]))
        self.label_counts = ts.LearnedUnigram(num_words)  # made once, outside of the tf.function
        self.optimizer = ts.LazyAdamOptimizer(0.01)

    @tf.function(autograph=False)
    def train_step(self, words, labels):
        sampled = ts.candidate_sampler(labels, 1, 64, "masked", self.label_counts)
        with tf.GradientTape() as tape:
            inputs = tf.gather(self.embeddings, words)
            loss = tf.reduce_mean(ts.sampled_softmax_loss(
                self.rows, self.biases, labels, inputs, 64, self.num_words, sampled_values=sampled))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        return loss

    @tf.function(autograph=False)
    def evaluate(self, words, labels):
        inputs = tf.gather(self.embeddings, words)
        return tf.reduce_mean(ts.full_softmax_loss(
            self.rows, self.biases, labels, inputs, self.num_words))


if __name__ == "__main__":
    model, words = NextWord(500), np.arange(500)
    for step in range(1, 401):
        batch = np.random.randint(500, size=256)
        labels = (3 * batch + np.random.randint(2, size=256)) % 500  # after word k comes 3k or 3k + 1
        loss = model.train_step(tf.constant(batch), tf.constant(labels))
        if step % 100 == 0:
            print("step %d: sampled loss %.3f, full softmax loss %.3f" % (
                step, loss, model.evaluate(words, 3 * words % 500)))
