"""A graph on tf.nn moves to tf1_sampled: same variables, same values, same checkpoints.

    python examples/move_a_graph.py

Only the names of the sampler and the loss change: tf.nn.NAME becomes ts.NAME.
"""
import os
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf

import tf1_sampled as ts

C, D, S = 1000, 16, 50  # classes, dimension, candidates


def before(weights, biases, labels, inputs):
    sampled = tf.nn.log_uniform_candidate_sampler(labels, 1, S, True, C)
    return tf.nn.sampled_softmax_loss(weights, biases, labels, inputs, S, C, sampled_values=sampled)


def after(weights, biases, labels, inputs):
    sampled = ts.log_uniform_candidate_sampler(labels, 1, S, True, C)
    return ts.sampled_softmax_loss(weights, biases, labels, inputs, S, C, sampled_values=sampled)


def train(make_loss, new, old=None):
    """Train, from the checkpoint `old` if given, and save `new`; return the loss before and after."""
    with tf.Graph().as_default(), tf.Session() as session:
        ids = tf.placeholder(tf.int64, [None])
        labels = (ids[:, None] + 1) % C  # what comes next
        inputs = tf.gather(tf.get_variable("embeddings", [C, D]), ids)
        weights, biases = tf.get_variable("weights", [C, D]), tf.get_variable("biases", [C])
        loss = tf.reduce_mean(make_loss(weights, biases, labels, inputs))
        train_op = tf.train.AdagradOptimizer(0.5).minimize(loss)
        full = tf.reduce_mean(ts.full_softmax_loss(weights, biases, labels, inputs, C))
        saver = tf.train.Saver()
        session.run(tf.global_variables_initializer())
        if old:
            saver.restore(session, old)
        batches = np.random.RandomState(1).zipf(1.5, [200, 256]) % C
        first = session.run(full, {ids: batches[0]})
        for batch in batches:
            session.run(train_op, {ids: batch})
        saver.save(session, new)
        return first, session.run(full, {ids: batches[0]})


def main():
    with tempfile.TemporaryDirectory() as folder:
        first, second, third = [os.path.join(folder, name) for name in ("first", "second", "third")]
        losses = [train(before, first), train(after, second, first), train(before, third, second)]
    print("Full loss: tf.nn %.3f, %.3f; tf1_sampled %.3f, %.3f; tf.nn %.3f, %.3f" % sum(losses, ()))
    return losses


if __name__ == "__main__":
    main()
