"""An LSTM language model with a partitioned softmax: training and validation share one scope.

A sentence counts through the vocabulary in steps of 1, 2 or 3, so that two words determine the next
word. Token ids are float32, as a reader of CSV records returns them.
"""
import collections

import numpy as np
import tensorflow.compat.v1 as tf

VOCABULARY_SIZE = 20
EMBEDDING_SIZE = 16
HIDDEN_SIZE = 32
NUM_STEPS = 5
BATCH_SIZE = 16
NUM_SAMPLED = 12
NUM_SHARDS = 3
LEARNING_RATE = 0.5
MAX_GRAD_NORM = 5.0

Model = collections.namedtuple("Model", "loss train_op evaluation")


def make_batch(random, size=BATCH_SIZE):
    """Return {placeholder: value}: sentences of NUM_STEPS words and the word after each."""
    first = random.randint(VOCABULARY_SIZE, size=[size, 1])
    stride = random.randint(1, 4, size=[size, 1])
    return {"tokens:0": (first + stride * np.arange(NUM_STEPS + 1)) % VOCABULARY_SIZE}


def lstm(inputs):
    """Return the outputs [B * T, H] of an LSTM over inputs [B, T, D]."""
    kernel = tf.get_variable("kernel", [EMBEDDING_SIZE + HIDDEN_SIZE, 4 * HIDDEN_SIZE])
    bias = tf.get_variable("bias", [4 * HIDDEN_SIZE], initializer=tf.zeros_initializer())
    state = cell = tf.zeros([tf.shape(inputs)[0], HIDDEN_SIZE])
    outputs = []
    for step in tf.unstack(inputs, axis=1):
        gates = tf.nn.bias_add(tf.matmul(tf.concat([step, state], 1), kernel), bias)
        i, j, f, o = tf.split(gates, 4, axis=1)
        cell = cell * tf.sigmoid(f + 1.0) + tf.sigmoid(i) * tf.tanh(j)
        state = tf.tanh(cell) * tf.sigmoid(o)
        outputs.append(state)
    return tf.reshape(tf.stack(outputs, axis=1), [-1, HIDDEN_SIZE])


def language_model(tokens, is_training):
    """Return the loss of each word: sampled in training, with all logits otherwise."""
    embedding = tf.get_variable("embedding", [VOCABULARY_SIZE, EMBEDDING_SIZE])
    inputs = tf.nn.embedding_lookup(embedding, tf.cast(tokens[:, :-1], tf.int32))
    targets = tf.reshape(tokens[:, 1:], [-1, 1])
    with tf.variable_scope("lstm"):
        outputs = lstm(inputs)
    partitioner = tf.fixed_size_partitioner(NUM_SHARDS)
    softmax_w = tf.get_variable("softmax_w", [VOCABULARY_SIZE, HIDDEN_SIZE], partitioner=partitioner)
    softmax_b = tf.get_variable("softmax_b", [VOCABULARY_SIZE], partitioner=partitioner,
                                initializer=tf.zeros_initializer())
    if is_training:
        return tf.nn.sampled_softmax_loss(softmax_w, softmax_b, targets, outputs, NUM_SAMPLED,
                                          VOCABULARY_SIZE, partition_strategy="div")
    logits = tf.matmul(outputs, tf.transpose(tf.convert_to_tensor(softmax_w))) + softmax_b
    return tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.cast(tf.reshape(targets, [-1]), tf.int64), logits=logits)


def l2_regularizer(weights):
    return 1e-5 * tf.nn.l2_loss(weights)


def build():
    """Build the graphs of training and validation."""
    tokens = tf.placeholder(tf.float32, [None, NUM_STEPS + 1], name="tokens")
    scope = dict(initializer=tf.random_uniform_initializer(-0.4, 0.4, seed=1),
                 regularizer=l2_regularizer)
    with tf.name_scope("train"), tf.variable_scope("model", **scope):
        loss = tf.reduce_mean(language_model(tokens, is_training=True))
    with tf.name_scope("valid"), tf.variable_scope("model", reuse=True, **scope):
        evaluation = tf.reduce_mean(language_model(tokens, is_training=False))

    loss += tf.add_n(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES))
    variables = tf.trainable_variables()
    gradients, _ = tf.clip_by_global_norm(tf.gradients(loss, variables), MAX_GRAD_NORM)
    optimizer = tf.train.AdagradOptimizer(LEARNING_RATE)
    train_op = optimizer.apply_gradients(zip(gradients, variables),
                                         global_step=tf.train.get_or_create_global_step())
    return Model(loss, train_op, evaluation)
