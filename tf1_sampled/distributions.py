"""Distributions over the class ids 0 .. C-1: the log-probability of an id, and draws, in the graph.

A distribution has

    num_classes             C
    log_prob(ids)           float32, of the shape of `ids`: log P(id)
    draw(shape, seed)       int64 of that shape, independent draws with replacement

and that is all that `samplers` wants of one. Draws start from 64-bit uniforms: with 32 bits the far
classes of a large catalogue have gaps that are never drawn (log-uniform from about 1e6 classes on),
and their stated probability would be a fiction.
"""
import numpy as np
import tensorflow.compat.v1 as tf


class Uniform:
    """P(k) = 1 / C.

    Args:
      num_classes: integer C.
    """

    def __init__(self, num_classes):
        self.num_classes = num_classes

    def log_prob(self, ids):
        return tf.fill(tf.shape(ids), np.float32(-np.log(self.num_classes)))

    def draw(self, shape, seed=None):
        return tf.cast(tf.floor(_uniform(shape, seed) * self.num_classes), tf.int64)


class LogUniform:
    """P(k) = log((k + 2) / (k + 1)) / log(C + 1): Zipf's law, for ids sorted by falling frequency.

    Args:
      num_classes: integer C.
    """

    def __init__(self, num_classes):
        self.num_classes = num_classes

    def log_prob(self, ids):
        # log1p keeps the full precision of float32 where (k + 2) / (k + 1) rounds to 1.
        weight = tf.math.log1p(1 / (tf.cast(ids, tf.float32) + 1))
        return tf.log(weight) - np.float32(np.log(np.log1p(self.num_classes)))

    def draw(self, shape, seed=None):
        value = tf.exp(_uniform(shape, seed) * np.log1p(self.num_classes))
        # exp may round up to C + 1 for the largest uniform below 1.
        return tf.minimum(tf.cast(value, tf.int64) - 1, self.num_classes - 1)


class Unigram:
    """P(k) = weight_k / sum of weights, drawn by the alias method: two look-ups whatever C is.

    The tables are local variables, 12 bytes per class, filled from memory when they are initialized
    (`tf.local_variables_initializer()`; MonitoredTrainingSession runs it): neither the GraphDef nor
    a checkpoint holds them, so that new weights are never mistaken for old ones.

    Args:
      weights: float [C], finite, not negative, not all zero.
      name: string, scope of the variables.

    Reference: Walker 1977, "An Efficient Method for Generating Discrete Random Variables with
      General Distributions"; Vose 1991 for the exact table.
    """

    def __init__(self, weights, name="unigram"):
        self.num_classes = len(weights)
        prob = np.asarray(weights, np.float64) / np.sum(weights, dtype=np.float64)
        threshold, alias = alias_table(prob)
        with np.errstate(divide="ignore"):
            log_prob = np.log(prob).astype(np.float32)
        with tf.name_scope(name):
            self._log_prob = _local_variable(log_prob, "log_prob")
            self._threshold = _local_variable(threshold.astype(np.float32), "threshold")
            self._alias = _local_variable(alias.astype(np.int32), "alias")

    def log_prob(self, ids):
        return tf.gather(self._log_prob, ids)

    def draw(self, shape, seed=None):
        # One uniform gives both the column and, by its fraction, the side: 52 bits are enough.
        position = _uniform(shape, seed) * self.num_classes
        column = tf.floor(position)
        side = tf.cast(position - column, tf.float32)
        column = tf.cast(column, tf.int64)
        other = tf.cast(tf.gather(self._alias, column), tf.int64)
        return tf.where(side < tf.gather(self._threshold, column), column, other)


class LearnedUnigram:
    """P(k) = (1 + n_k) / (C + n), n_k the number of labels k observed so far and n their total.

    The counts are a non-trainable variable, in the checkpoint and shared by name: a second
    LearnedUnigram of the same name in the same variable scope has the same counts. They stand in a
    tree of sums, so that a draw or an observation costs log2(C), where a sum over all classes
    before each draw would cost C.

    Args:
      num_classes: integer C.
      name: string, name of the variable.
    """

    def __init__(self, num_classes, name="learned_unigram"):
        self.num_classes = num_classes
        self._depth = max(num_classes - 1, 0).bit_length()
        self._leaves = 1 << self._depth
        # A heap: node 1 is the root, node i has the children 2i and 2i + 1, leaf k is leaves + k.
        # float64 counts to 2^53 and has scatter kernels on every device, which int64 has not.
        with tf.variable_scope(tf.get_variable_scope(), reuse=tf.AUTO_REUSE):
            self._counts = tf.get_variable(
                name, [2 * self._leaves], tf.float64, tf.zeros_initializer(), trainable=False,
                use_resource=True)

    def log_prob(self, ids):
        count = tf.gather(self._counts, tf.cast(ids, tf.int64) + self._leaves)
        return tf.cast(tf.log((1 + count) / self._total()), tf.float32)

    def draw(self, shape, seed=None):
        rest = _uniform(shape, seed) * self._total()
        node = tf.ones(shape, tf.int64)
        first = tf.zeros(shape, tf.int64)  # the smallest id below the node
        for level in reversed(range(self._depth)):
            half = 1 << level
            ids_left = tf.minimum(self.num_classes - first, half)
            weight_left = tf.gather(self._counts, 2 * node) + tf.cast(ids_left, tf.float64)
            # No way right where no id is, whatever rounding says.
            right = tf.logical_and(rest >= weight_left, first + half < self.num_classes)
            rest -= tf.where(right, weight_left, tf.zeros_like(rest))
            step = tf.cast(right, tf.int64)
            node = 2 * node + step
            first += half * step
        return first

    def observe(self, ids):
        """The op that counts `ids` (any integer shape) once each."""
        leaf = tf.reshape(tf.cast(ids, tf.int64), [-1, 1]) + self._leaves
        nodes = tf.reshape(leaf // (2 ** np.arange(self._depth + 1, dtype=np.int64)), [-1])
        return tf.group(tf.scatter_add(self._counts, nodes, tf.ones_like(nodes, tf.float64)))

    def _total(self):
        return self.num_classes + tf.gather(self._counts, 1)


def log_frequency_biases(name, counts):
    """Class biases log((n_k + 1) / (n + C)), not trained: what is known of a class without any input.

    With them the product of an input and a class row says only how the input changes the class's
    probability. NCE needs them where biases are not trained: it learns log P(k | x) itself, which is
    far below 0 for every class of very many, and rows would have to spend themselves on that.

    Args:
      name: string, of the variable; one made before under this name is shared.
      counts: integer [C], how often each class comes.

    Returns:
      tf.Variable, float32 [C], filled from memory, in checkpoints.
    """
    smoothed = np.asarray(counts, np.float64) + 1
    log_frequency = np.log(smoothed / smoothed.sum()).astype(np.float32)
    with tf.variable_scope(tf.get_variable_scope(), reuse=tf.AUTO_REUSE):
        return tf.get_variable(name, dtype=tf.float32, initializer=host_value(log_frequency),
                               trainable=False, use_resource=True)


def _uniform(shape, seed):
    """float64 uniforms in [0, 1)."""
    return tf.random_uniform(shape, dtype=tf.float64, seed=seed)


def host_value(array):
    """`array` as an initial value that the GraphDef does not hold (its limit is 2 GB in all)."""
    def value():
        tensor = tf.numpy_function(lambda: array, [], array.dtype)
        tensor.set_shape(array.shape)
        return tensor
    return value


def _local_variable(array, name):
    # tf.Variable, as a table that is no part of the model must not mind the caller's reuse.
    return tf.Variable(host_value(array), trainable=False, use_resource=True, name=name,
                       dtype=tf.as_dtype(array.dtype), collections=[tf.GraphKeys.LOCAL_VARIABLES])


def alias_table(prob):
    """The alias table of `prob`: column k is id k below threshold_k and id alias_k above it.

    P(k) = (threshold_k + sum over the columns j with alias_j = k of (1 - threshold_j)) / C

    Classes below 1/C are filled up in id order by those above it, which are used up one after the
    other; running sums say who fills whom, so that a million classes take a fraction of a second.

    Args:
      prob: float64 [C], sums to 1.

    Returns:
      threshold: float64 [C] in [0, 1].
      alias: int64 [C].
    """
    size = len(prob)
    scaled = prob * size
    small = np.flatnonzero(scaled < 1)
    large = np.flatnonzero(scaled >= 1)
    threshold = np.ones(size)
    alias = np.arange(size)
    if not len(small):
        return threshold, alias
    missing = np.cumsum(1 - scaled[small])  # wanted by the small ones up to and including this one
    surplus = np.cumsum(scaled[large] - 1)  # offered by the large ones up to and including this one
    before = missing - (1 - scaled[small])
    giver = np.minimum(np.searchsorted(surplus, before, side="right"), len(large) - 1)
    threshold[small] = scaled[small]
    alias[small] = large[giver]
    # A large one whose surplus runs out within a small one's want becomes small itself: what it
    # lacks then is filled up by the next large one.
    last = np.searchsorted(missing, surplus[:-1], side="right")
    lacks = np.where(last < len(small), missing[np.minimum(last, len(small) - 1)] - surplus[:-1], 0)
    threshold[large[:-1]] = np.clip(1 - lacks, 0, 1)
    alias[large[:-1]] = large[1:]
    return threshold, alias
