"""A loss and a sampler of your own, and how to check that the sampler states the right expected counts.

    python examples/own_loss_and_sampler.py

A distribution has num_classes, log_prob, ids_of and rises. A loss starts from the logits of labels and
candidates, in which log Q is subtracted and accidental hits are masked.
"""
import numpy as np
import tensorflow.compat.v1 as tf

import tf1_sampled as ts


class Geometric:
    """P(k) = (1 - r) r^k / (1 - r^C): each class is r times as likely as the one before."""
    rises = True  # rising uniforms draw rising ids

    def __init__(self, num_classes, ratio):
        self.num_classes, self.ratio = num_classes, ratio
        self.mass = 1 - ratio ** num_classes

    def log_prob(self, ids):
        return tf.cast(ids, tf.float32) * np.log(self.ratio) + np.log((1 - self.ratio) / self.mass)

    def ids_of(self, uniforms):  # the inverse of the cumulative distribution
        ids = tf.math.log1p(-uniforms * self.mass) / np.log(self.ratio)
        return tf.minimum(tf.cast(ids, tf.int64), self.num_classes - 1)


def pairwise_loss(weights, biases, labels, inputs, num_classes, sampled):
    """Return the sum over candidates of softplus(l_c - l_y), float [B]: BPR with log Q subtracted."""
    logits = ts.compute_sampled_logits(weights, biases, labels, inputs, None, num_classes,
                                       sampled_values=sampled, remove_accidental_hits=True)
    return tf.reduce_sum(tf.nn.softplus(logits.sampled_logits - logits.true_logits), 1)


def count_draws(distribution, unique, num_sampled=5, num_sets=20000):
    """Return how often each class was a candidate of a set, and its expected count: two float [C]."""
    num_classes = distribution.num_classes
    with tf.Graph().as_default(), tf.Session() as session:
        labels = tf.tile(tf.range(num_classes)[None], [num_sets, 1])  # all classes, for their counts
        ids, of_labels, counts = session.run(ts.candidate_sampler(
            labels, 1, num_sampled, unique, distribution, num_groups=num_sets, seed=1))
    kept = ids[counts < np.finfo(np.float32).max]  # a masked repeat has the largest number as its count
    return np.bincount(kept, minlength=num_classes) / num_sets, of_labels.mean(0)


def main():
    distribution = Geometric(num_classes=8, ratio=0.6)
    for unique in (False, "masked"):
        print("unique=%r\n  counted %s\n  stated  %s" % (unique, *count_draws(distribution, unique)))
    with tf.Graph().as_default(), tf.Session() as session:
        weights, labels, inputs = tf.ones([8, 4]), tf.constant([[3], [0]]), tf.ones([2, 4])
        sampled = ts.candidate_sampler(labels, 1, 5, "masked", distribution)
        print("loss", session.run(pairwise_loss(weights, None, labels, inputs, 8, sampled)))


if __name__ == "__main__":
    main()
