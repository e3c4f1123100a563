"""A recommender with a tower for users and one for items, which predicts three items at a time.

User u has taste u % NUM_TASTES, and item i is for taste i % NUM_TASTES: a user sees and takes items of
one taste only. Items with low ids are popular.
"""
import collections

import numpy as np
import tensorflow.compat.v1 as tf

NUM_USERS = 40
NUM_ITEMS = 60
NUM_CATEGORIES = 12
NUM_TASTES = 4
HISTORY_LENGTH = 5
NUM_TRUE = 3
BATCH_SIZE = 32
EMBEDDING_SIZE = 16
NUM_SAMPLED = np.int64(15)

ITEM_CATEGORIES = np.arange(NUM_ITEMS) % NUM_CATEGORIES

Model = collections.namedtuple("Model", "loss train_op evaluation global_step")


def popularity():
    """Return how often each item is taken, a list of floats."""
    return (1000.0 / (np.arange(NUM_ITEMS) + 3)).tolist()


def make_batch(random, size=BATCH_SIZE):
    """Return {placeholder: value}: users, items that they have seen, and NUM_TRUE items to predict."""
    users = random.randint(NUM_USERS, size=size)
    keys = np.log(popularity()) + random.gumbel(size=[size, NUM_ITEMS])
    keys[np.arange(NUM_ITEMS) % NUM_TASTES != (users % NUM_TASTES)[:, None]] = -np.inf
    items = np.argsort(-keys, axis=1)[:, :HISTORY_LENGTH + NUM_TRUE]
    return {"user:0": users, "history:0": items[:, NUM_TRUE:], "labels:0": items[:, :NUM_TRUE]}


def dense(inputs, size, activation=None):
    kernel = tf.get_variable("kernel", [inputs.get_shape()[1], size])
    bias = tf.get_variable("bias", [size], initializer=tf.zeros_initializer())
    outputs = tf.matmul(inputs, kernel) + bias
    return outputs if activation is None else activation(outputs)


def user_tower(user, history, item_embeddings):
    user_embeddings = tf.get_variable("user_embeddings", [NUM_USERS, EMBEDDING_SIZE])
    seen = tf.reduce_mean(tf.nn.embedding_lookup(item_embeddings, history), axis=1)
    features = tf.concat([tf.nn.embedding_lookup(user_embeddings, user), seen], axis=1)
    with tf.variable_scope("hidden"):
        hidden = dense(features, 2 * EMBEDDING_SIZE, tf.nn.relu)
    with tf.variable_scope("output"):
        return dense(hidden, EMBEDDING_SIZE)


def item_tower(item_embeddings):
    categories = tf.get_variable("categories", [NUM_CATEGORIES, EMBEDDING_SIZE])
    features = tf.concat([item_embeddings, tf.gather(categories, ITEM_CATEGORIES)], axis=1)
    with tf.variable_scope("output"):
        return dense(features, EMBEDDING_SIZE)


def negatives(labels, sampler, vocab_file):
    """Return the candidates of a sampler, "learned_unigram" or "fixed_unigram"."""
    if sampler == "learned_unigram":
        return tf.nn.learned_unigram_candidate_sampler(
            true_classes=labels, num_true=NUM_TRUE, num_sampled=NUM_SAMPLED, unique=True,
            range_max=NUM_ITEMS)
    counts = dict(vocab_file=vocab_file) if vocab_file else dict(unigrams=popularity())
    return tf.nn.fixed_unigram_candidate_sampler(
        true_classes=labels, num_true=NUM_TRUE, num_sampled=NUM_SAMPLED, unique=True,
        range_max=NUM_ITEMS, distortion=0.75, **counts)


def build(sampler="fixed_unigram", vocab_file=""):
    """Build the graph of training and evaluation."""
    user = tf.placeholder(tf.int32, [None], name="user")
    history = tf.placeholder(tf.int32, [None, HISTORY_LENGTH], name="history")
    labels = tf.placeholder(tf.int64, [None, NUM_TRUE], name="labels")
    global_step = tf.train.get_or_create_global_step()

    with tf.variable_scope("towers", initializer=tf.glorot_uniform_initializer(seed=1),
                           regularizer=lambda weights: 1e-5 * tf.nn.l2_loss(weights)):
        item_embeddings = tf.get_variable("item_embeddings", [NUM_ITEMS, EMBEDDING_SIZE])
        with tf.variable_scope("user"):
            user_vectors = user_tower(user, history, item_embeddings)
        with tf.variable_scope("item"):
            item_vectors = item_tower(item_embeddings)
        item_biases = tf.get_variable("item_biases", [NUM_ITEMS], initializer=tf.zeros_initializer(),
                                      trainable=False)
        loss = tf.reduce_mean(tf.nn.sampled_softmax_loss(
            weights=item_vectors, biases=item_biases, labels=labels, inputs=user_vectors,
            num_sampled=int(NUM_SAMPLED), num_classes=NUM_ITEMS, num_true=NUM_TRUE,
            sampled_values=negatives(labels, sampler, vocab_file), partition_strategy="div"))
    loss += tf.losses.get_regularization_loss()

    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        train_op = tf.train.AdamOptimizer(0.01).minimize(loss, global_step=global_step)

    logits = tf.matmul(user_vectors, item_vectors, transpose_b=True) + item_biases
    targets = tf.reduce_mean(tf.one_hot(labels, NUM_ITEMS), axis=1)
    evaluation = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(labels=targets,
                                                                           logits=logits))
    return Model(loss, train_op, evaluation, global_step)
