"""Skip-gram word vectors trained with NCE, in the form of the TensorFlow 1 tutorial.

Words of one topic stand beside each other; word k has topic k % NUM_TOPICS, and low ids are frequent.
"""
import collections
import math

import numpy as np
import tensorflow.compat.v1 as tf

VOCABULARY_SIZE = 60
EMBEDDING_SIZE = 16
BATCH_SIZE = 64
NUM_SAMPLED = 16
NUM_TOPICS = 4
VALID_WORDS = list(range(8))

Model = collections.namedtuple("Model", "loss train_op evaluation similarity summary")


def make_batch(random, size=BATCH_SIZE):
    """Return {placeholder: value}: words, and a neighbour of the same topic for nine words in ten."""
    frequency = 1.0 / (np.arange(VOCABULARY_SIZE) + 5)
    words = random.choice(VOCABULARY_SIZE, size, p=frequency / frequency.sum())
    same_topic = np.arange(VOCABULARY_SIZE) % NUM_TOPICS == (words % NUM_TOPICS)[:, None]
    weights = frequency * np.where(same_topic, 0.9, 0.1 / (NUM_TOPICS - 1))
    last = np.cumsum(weights, axis=1)
    neighbours = np.sum(last < last[:, -1:] * random.uniform(size=[size, 1]), axis=1)
    return {"train_inputs:0": words, "train_labels:0": neighbours[:, None]}


def build():
    """Build the graph of training and validation."""
    train_inputs = tf.placeholder(tf.int32, shape=[None], name="train_inputs")
    train_labels = tf.placeholder(tf.int32, shape=[None, 1], name="train_labels")
    valid_words = tf.constant(VALID_WORDS, dtype=tf.int32)

    with tf.name_scope("embeddings"):
        embeddings = tf.Variable(
            tf.random_uniform([VOCABULARY_SIZE, EMBEDDING_SIZE], -1.0, 1.0, seed=1), name="embeddings")
        embed = tf.nn.embedding_lookup(embeddings, train_inputs)

    with tf.name_scope("weights"):
        nce_weights = tf.Variable(
            tf.truncated_normal([VOCABULARY_SIZE, EMBEDDING_SIZE],
                                stddev=1.0 / math.sqrt(EMBEDDING_SIZE), seed=2),
            name="nce_weights")
    with tf.name_scope("biases"):
        nce_biases = tf.Variable(tf.zeros([VOCABULARY_SIZE]), name="nce_biases")

    with tf.name_scope("loss"):
        loss = tf.reduce_mean(tf.nn.nce_loss(weights=nce_weights,
                                             biases=nce_biases,
                                             labels=train_labels,
                                             inputs=embed,
                                             num_sampled=NUM_SAMPLED,
                                             num_classes=VOCABULARY_SIZE))
    tf.summary.scalar("loss", loss)

    with tf.name_scope("optimizer"):
        train_op = tf.train.GradientDescentOptimizer(1.0).minimize(loss)

    logits = tf.nn.bias_add(tf.matmul(embed, nce_weights, transpose_b=True), nce_biases)
    evaluation = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.squeeze(train_labels, axis=1), logits=logits))

    norm = tf.sqrt(tf.reduce_sum(tf.square(embeddings), 1, keepdims=True))
    normalized_embeddings = embeddings / norm
    valid_embeddings = tf.nn.embedding_lookup(normalized_embeddings, valid_words)
    similarity = tf.matmul(valid_embeddings, normalized_embeddings, transpose_b=True)

    tf.summary.histogram("nce_biases", nce_biases)
    return Model(loss, train_op, evaluation, similarity, tf.summary.merge_all())
