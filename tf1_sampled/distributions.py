"""Distributions over the class ids 0 .. C-1: log-probabilities of ids, and draws, as graph ops.

The samplers read these attributes of a distribution:

    num_classes             C
    log_prob(ids)           float32, of the shape of `ids`: log P(id)
    ids_of(uniforms)        int64, of the shape of `uniforms`: draws for float64 uniforms in [0, 1)
    rises                   boolean, whether rising uniforms give rising ids
    never                   optional numpy boolean [C], True for ids with P = 0
    observe(ids)            only of a distribution that learns: return the op that counts ids

A frequency, which is not drawn from, needs num_classes and log_prob only. Draws use 64-bit uniforms:
with 32 bits, many rare classes of a large catalogue could never be drawn (log-uniform from about 1e6
classes on), and log_prob would be wrong for them.

Random numbers are stateless. A seed is an integer or None, which gives new numbers in each run of the
graph, as everywhere in TensorFlow; or an integer tensor [2], which gives the same numbers in each run.

In a graph, learned state is a variable that is shared by its name. In the eager mode of TensorFlow 2 the
object holds the state: create it once, outside of the tf.function, and keep it, for example in a
tf.Module.
"""
import weakref
import zlib
from typing import Any, List, Optional

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import alias, checks
from tf1_sampled.frozen import Frozen
from tf1_sampled.initializers import OWN_STATE, filled, from_memory, own_state
from tf1_sampled.type_names import Integer, Number, Numbers, Tensor, TensorLike


class Uniform:
    """The uniform distribution, P(k) = 1 / C.

    Example:

        labels, classes = tf.constant([[3], [1], [4]]), tf1_sampled.Uniform(1000)
        sampled = tf1_sampled.candidate_sampler(labels, 1, 64, False, classes)

    Args:
      num_classes: integer C.
    """

    rises = True

    def __init__(self, num_classes: Integer) -> None:
        self.num_classes = num_classes

    def log_prob(self, ids: Tensor) -> Tensor:
        return tf.fill(tf.shape(ids), np.float32(-np.log(self.num_classes)))

    def ids_of(self, uniforms: Tensor) -> Tensor:
        # Sorted uniforms may be rounded up to 1.
        return tf.minimum(tf.cast(uniforms * self.num_classes, tf.int64), self.num_classes - 1)


class LogUniform:
    """The log-uniform distribution, P(k) = log((k + 2) / (k + 1)) / log(C + 1).

    It is close to Zipf's law, for ids that are sorted by falling frequency.

    Example:

        labels, classes = tf.constant([[3], [1], [4]]), tf1_sampled.LogUniform(1000)
        sampled = tf1_sampled.candidate_sampler(labels, 1, 64, "masked", classes)

    Args:
      num_classes: integer C.
    """

    rises = True

    def __init__(self, num_classes: Integer) -> None:
        self.num_classes = num_classes

    def log_prob(self, ids: Tensor) -> Tensor:
        # log((k + 2) / (k + 1)) = log1p(1 / (k + 1)), which is precise also where the ratio rounds to 1.
        # With 1 / x and a quotient, TensorFlow would fuse 1 / x, log1p and log into a loop without SIMD.
        weight = tf.math.log1p(2 / (2 * tf.cast(ids, tf.float32) + 2))
        return tf.log(weight * np.float32(1 / np.log1p(self.num_classes)))

    def ids_of(self, uniforms: Tensor) -> Tensor:
        value = tf.exp(uniforms * np.log1p(self.num_classes))
        # exp may be rounded up to C + 1 for the largest uniform below 1.
        return tf.minimum(tf.cast(value, tf.int64) - 1, self.num_classes - 1)


class Unigram:
    """The unigram distribution, P(k) = weight_k^power / sum_j weight_j^power.

    An alias table draws an id by two look-ups for any C. The tables have 16 bytes per class and are
    `frozen.Frozen`: they need no initialization and are not in checkpoints, so that a restored model
    uses the given weights. They are constants of the graph up to 8,388,608 classes, and files beyond.

    Example:

        classes = tf1_sampled.Unigram([100, 50, 20, 10, 5], power=0.75)
        sampled = tf1_sampled.candidate_sampler(tf.constant([[3], [1], [4]]), 1, 64, False, classes)

    Args:
      weights: float [C], finite, not negative, not all zero.
      name: string, name scope of the ops.
      power: float; word2vec uses 0.75. A weight of 0 stays 0.
      folder: None, or string, the folder that keeps the files of larger tables; see `frozen`.

    Raises:
      InputError: weights that are not [C], not finite, negative or all zero.

    Reference: Walker 1977, "An Efficient Method for Generating Discrete Random Variables with
      General Distributions"; Vose 1991 for the exact table.
    """

    rises = False

    def __init__(self, weights: Numbers, name: str = "unigram", power: Number = 1.0,
                 folder: Optional[str] = None) -> None:
        weights = np.asarray(weights, np.float64)
        checks.argument(weights.ndim == 1 and weights.size, "Unigram", "weights", "shape [C]",
                        weights.shape)
        usable = np.isfinite(weights) & (np.nan_to_num(weights) >= 0)
        checks.argument(np.all(usable) and np.any(weights), "Unigram", "weights",
                        "finite numbers >= 0, not all 0", weights[~usable][:5].tolist() or "only 0")
        self.num_classes = len(weights)
        self.never = None if np.all(weights) else weights == 0
        prob = alias.probabilities(weights, power)
        threshold, other = alias.alias_table(prob)
        with np.errstate(divide="ignore"):
            log_prob = np.log(prob).astype(np.float32)
        with tf.name_scope(name):
            self._log_prob = Frozen(log_prob, "log_prob", folder)
            self._threshold = Frozen(threshold.astype(np.float32), "threshold", folder)
            self._alias = Frozen(other, "alias", folder)  # int64, as TensorFlow keeps int32 on the host

    def log_prob(self, ids: Tensor) -> Tensor:
        return self._log_prob.gather(ids)

    def ids_of(self, uniforms: Tensor) -> Tensor:
        # The integer part of u C is the column, its fraction decides between class and alias.
        position = uniforms * self.num_classes
        column = tf.floor(position)
        side = tf.cast(position - column, tf.float32)
        column = tf.cast(column, tf.int64)
        return tf.where(side < self._threshold.gather(column), column, self._alias.gather(column))


class LearnedUnigram(tf.Module):
    """The learned unigram distribution, P(k) = (1 + n_k) / (C + n).

    n_k counts the labels k that were observed, and n is the sum of all n_k:

        n_k <- decay n_k + c_k    for a batch with c_k labels k

    The counts are a non-trainable variable, which is in checkpoints. In a graph they are shared by name:
    a second LearnedUnigram of the same name in the same variable scope has the same counts. They form a
    tree of sums, so that a draw or an observation takes time in proportion to log2(C) instead of C.

    Example:

        labels, classes = tf.constant([[3], [1], [4]]), tf1_sampled.LearnedUnigram(1000, decay=0.999)
        sampled = tf1_sampled.candidate_sampler(labels, 1, 64, "masked", classes)
        update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)  # the training step runs them

    Args:
      num_classes: integer C.
      name: string, name of the variable.
      decay: float in (0, 1], the factor of earlier counts in each observation; 1 keeps them.

    Raises:
      InputError: a decay out of its range; counts of this name with another number of classes or another
        decay; construction in a tf.function, which would create new state with each trace.
    """

    rises = True
    _LARGE = 1e100  # rescale the counts here, far below the largest float64
    _DECAYS: Any = weakref.WeakKeyDictionary()  # graph -> {name of the counts: their decay}

    def __init__(self, num_classes: Integer, name: str = "learned_unigram",
                 decay: Number = 1.0) -> None:
        _check_outermost("LearnedUnigram")
        super().__init__("learned_unigram_module")  # a name scope other than the name of the counts
        checks.argument(0 < decay <= 1, "LearnedUnigram", "decay", "a number above 0, at most 1", decay)
        self.num_classes = checks.positive("LearnedUnigram", "num_classes", num_classes)
        self._depth = (self.num_classes - 1).bit_length()
        self._leaves = 1 << self._depth
        self._decay = decay
        # A heap: node 1 is the root, node i has the children 2i and 2i + 1, leaf k is leaves + k. The
        # size differs for each number of classes.
        # float64 counts to 2^53 and has scatter kernels on every device; int64 has not.
        self._counts = _state("LearnedUnigram", name, [self._leaves + self.num_classes], tf.float64)
        self._check_decay()
        # Instead of decaying all counts, the weight of new labels grows: P depends on the ratios only.
        self._weight = 1.0 if decay == 1 else _state(
            "LearnedUnigram", name + "/weight", [], tf.float64, tf.ones_initializer())

    def _check_decay(self):
        decays = self._DECAYS.setdefault(self._counts.graph, {}) if not tf.executing_eagerly() else {}
        decay = decays.setdefault(self._counts.name, self._decay)
        checks.argument(decay == self._decay, "LearnedUnigram", "decay",
                        "%s, the decay of the counts %s" % (decay, self._counts.name), self._decay)

    def log_prob(self, ids: Tensor) -> Tensor:
        count = tf.gather(self._counts, tf.cast(ids, tf.int64) + self._leaves)
        return tf.cast(tf.log((self._weight + count) / self._total()), tf.float32)

    def ids_of(self, uniforms: Tensor) -> Tensor:
        rest = uniforms * self._total()
        node = tf.ones(tf.shape(uniforms), tf.int64)
        first = tf.zeros(tf.shape(uniforms), tf.int64)  # the smallest id below the node
        for level in reversed(range(self._depth)):
            half = 1 << level
            ids_left = tf.minimum(self.num_classes - first, half)
            weight_left = tf.gather(self._counts, 2 * node)
            weight_left += tf.cast(ids_left, tf.float64) * self._weight
            # Rounding must not lead to the right where there are no ids.
            right = tf.logical_and(rest >= weight_left, first + half < self.num_classes)
            rest -= tf.where(right, weight_left, tf.zeros_like(rest))
            step = tf.cast(right, tf.int64)
            node = 2 * node + step
            first += half * step
        return tf.reshape(first, uniforms.shape) if uniforms.shape.is_fully_defined() else first

    def observe(self, ids: TensorLike) -> Tensor:
        """Return the op that counts `ids`, integers of any shape.

        Under a tf.distribute.Strategy each replica counts the ids of all replicas.
        """
        return _on_all_replicas(self._counts, self._count, tf.reshape(tf.cast(ids, tf.int64), [-1]))

    def _count(self, ids):
        leaf = ids[:, None] + self._leaves
        nodes = tf.reshape(leaf // (2 ** np.arange(self._depth + 1, dtype=np.int64)), [-1])
        if self._decay == 1:
            return tf.group(tf.scatter_add(self._counts, nodes, tf.ones_like(nodes, tf.float64)))
        weight = tf.identity(tf.assign(self._weight, self._weight / self._decay))
        counted = tf.scatter_add(self._counts, nodes, tf.fill(tf.shape(nodes), weight))

        def rescale():
            return tf.group(tf.assign(self._counts, self._counts / weight), tf.assign(self._weight, 1))

        with tf.control_dependencies([counted]):
            return tf.group(tf.cond(weight > self._LARGE, rescale, tf.no_op))

    def _total(self):
        return self.num_classes * self._weight + tf.gather(self._counts, 1)


class StreamingFrequency(tf.Module):
    """The frequency of labels, estimated from the number of steps between batches with a class.

        interval_k <- (1 - rate) interval_k + rate (t - last_k);  last_k <- t    if batch t has class k

    1 / interval_k estimates the probability that a batch has class k. With n independent labels in a
    batch, P(k) = 1 - (1 - 1 / interval_k)^(1/n). The estimate follows frequencies that change. A class
    that has not been seen has P(k) = 1 / C. A class in every batch has at most P(k) = 1 - 2^(-24/n), as
    the estimate ignores repeats in a batch: use `LearnedUnigram` where such classes matter. The state is
    an interval and a step per class, in non-trainable variables that are shared by name and in
    checkpoints. Unlike the paper's, it has no hashing, so that classes do not collide.

    Example:

        labels, frequencies = tf.constant([[3], [1], [4]]), tf1_sampled.StreamingFrequency(1000, 3)
        sampled = tf1_sampled.in_batch_candidate_sampler(labels, 1, False, 1000, frequencies)
        update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)  # the training step runs them

    Args:
      num_classes: integer C.
      labels_per_step: integer n, the number of labels in a batch.
      rate: float in (0, 1]. The relative standard deviation of the estimate is about sqrt(rate / 2) for
        a class with up to 3 labels in a batch. For more frequent classes the deviation is larger, and
        the mean is too high.
      name: string, scope of the variables.

    Raises:
      InputError: labels_per_step or rate out of its range.

    Reference: Yi et al. 2019, "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item
      Recommendations", algorithm 2 and eq. 6, whose rate is 0.01.
    """

    def __init__(self, num_classes: Integer, labels_per_step: Integer, rate: Number = 0.01,
                 name: str = "streaming_frequency") -> None:
        _check_outermost("StreamingFrequency")
        super().__init__("streaming_frequency_module")  # a name scope other than the name of the state
        self._labels_per_step = checks.positive("StreamingFrequency", "labels_per_step", labels_per_step)
        checks.argument(0 < rate <= 1, "StreamingFrequency", "rate", "a number above 0, at most 1", rate)
        self.num_classes = checks.positive("StreamingFrequency", "num_classes", num_classes)
        self._rate = rate
        self._step, self._last, self._interval = [
            _state("StreamingFrequency", name + part, shape, dtype) for part, shape, dtype in (
                ("/step", [], tf.int64), ("/last", [num_classes], tf.int64),
                ("/interval", [num_classes], tf.float32))]  # 0 for a class that has not been seen

    def log_prob(self, ids: Tensor) -> Tensor:
        in_batch = tf.minimum(1 / self._intervals(ids), np.float32(1 - 2.0 ** -24))
        log_prob = tf.log(-tf.math.expm1(tf.math.log1p(-in_batch) / self._labels_per_step))
        seen = tf.gather(self._interval, ids) > 0
        return tf.where(seen, log_prob, Uniform(self.num_classes).log_prob(ids))

    def observe(self, ids: TensorLike) -> Tensor:
        """Return the op that counts one batch with the labels `ids`, integers of any shape.

        Under a tf.distribute.Strategy the batches of all replicas form one batch of labels_per_step
        labels.
        """
        return _on_all_replicas(self._interval, self._count, tf.reshape(tf.cast(ids, tf.int64), [-1]))

    def _count(self, ids):
        step = tf.identity(tf.assign_add(self._step, 1))
        # Both occurrences of a repeated label write the same number.
        waited = tf.cast(step - tf.gather(self._last, ids), tf.float32)
        interval = self._intervals(ids)
        interval += self._rate * (waited - interval)
        with tf.control_dependencies([interval]):
            return tf.group(tf.scatter_update(self._interval, ids, interval),
                            tf.scatter_update(self._last, ids, tf.fill(tf.shape(ids), step)))

    def _intervals(self, ids):
        at_first = -1 / np.expm1(self._labels_per_step * np.log1p(-1 / max(self.num_classes, 2)))
        interval = tf.gather(self._interval, ids)
        return tf.where(interval > 0, interval, tf.fill(tf.shape(ids), np.float32(at_first)))


def log_frequency_biases(name: str, counts: Numbers, power: Number = 1.0) -> Tensor:
    """Return class biases that are the log frequencies of the classes, and are not trained.

        b_k = power log((n_k + 1) / (n + C)),   n = sum_k n_k

    With these biases the product of an input and a class row models only how the input changes the
    probability of the class. NCE needs them where biases are not trained: its scores are log P(k | x),
    which is far below 0 for most of many classes, and otherwise the rows would have to learn this
    offset.

    Example:

        weights, biases = tf.get_variable("weights", [5, 16]), tf1_sampled.log_frequency_biases(
            "biases", [100, 50, 20, 10, 5])
        labels, inputs = tf.constant([[3], [1], [4]]), tf.random_normal([3, 16])
        loss = tf1_sampled.nce_loss(weights, biases, labels, inputs, num_sampled=4, num_classes=5)

    Args:
      name: string, of the variable. An existing variable of this name is shared.
      counts: integer [C], how often each class is a label.
      power: float; below 1 the rows learn a part of the frequencies, and 0 gives zeros.

    Returns:
      tf.Variable, float32 [C], in checkpoints.

    Raises:
      InputError: an existing variable of this name with another number of classes.
    """
    smoothed = np.asarray(counts, np.float64) + 1
    log_frequency = (power * np.log(smoothed / smoothed.sum())).astype(np.float32)
    return _state("log_frequency_biases", name, [len(log_frequency)], tf.float32,
                  from_memory(log_frequency))


def stateless_seed(seed: Any) -> Tensor:
    """Return a seed as an int64 tensor [2]: random in each run of the graph for an integer or None.

    Args:
      seed: integer, None, or an integer tensor [2], which is cast.
    """
    if seed is None or not tf.is_tensor(seed) and np.ndim(seed) == 0:
        return tf.random_uniform([2], 0, 1 << 31, tf.int64, seed)
    return tf.cast(seed, tf.int64)


def fold_in(seed: Any, name: str) -> Any:
    """Return a different seed for each use of `seed`. Draws of one shape and seed would be equal.

    Args:
      seed: integer, None, or an integer tensor [2].
      name: string, name of the use.

    Returns:
      A seed of the same form as `seed`.
    """
    if seed is None:
        return None
    if tf.is_tensor(seed):
        return tf.cast(seed, tf.int64) + tf.constant([zlib.crc32(name.encode()), 0], tf.int64)
    return zlib.crc32(b"%d %s" % (seed, name.encode()))


def uniforms(shape: List[Any], seed: Tensor) -> Tensor:
    """Return float64 uniforms in [0, 1) for a stateless seed."""
    return tf.cast(_bits(53, tf.int64, shape, seed), tf.float64) * 2.0 ** -53


def sorted_uniforms(shape: List[Any], seed: Tensor) -> Tensor:
    """Return float64 uniforms in [0, 1) that rise along the last axis, without sorting.

    The first n of the n + 1 running sums of exponential waiting times, divided by the last sum, are n
    sorted uniforms.

    Reference: Devroye 1986, "Non-Uniform Random Variate Generation", theorem V.2.2.
    """
    # 32 bits are enough for the waiting times; their sums need 64 bits to reach every class.
    bits = _bits(24, tf.int32, list(shape[:-1]) + [shape[-1] + 1], seed)
    uniform = tf.cast(bits + 1, tf.float32) * 2.0 ** -24  # in (0, 1]
    sums = tf.cumsum(tf.cast(tf.log(uniform), tf.float64), -1)  # all of them negative
    return sums[..., :-1] / sums[..., -1:]


def _bits(number, dtype, shape, seed):
    """Return random integers from 0 to 2^number - 1."""
    # Integers for a seed below 2^31 are the same with and without XLA; floats are not.
    seed = tf.bitwise.bitwise_and(seed, tf.constant((1 << 31) - 1, seed.dtype))
    return tf.random.stateless_uniform(shape, seed, 0, 1 << number, dtype)


def _check_outermost(function):
    """Raise InputError in a tf.function of eager mode, which would create new state with each trace."""
    with tf.init_scope():
        is_eager = tf.executing_eagerly()
    checks.argument(not is_eager or tf.executing_eagerly(), function, "state",
                    "one object, created outside of the tf.function", "a tf.function")


def _state(function, name, shape, dtype, initializer=None):
    """Return a non-trainable variable, initially 0. In a graph, variables of one name are shared."""
    initializer = initializer or filled(0)
    with tf.init_scope():
        if tf.executing_eagerly():
            return tf.Variable(initializer(shape, dtype), trainable=False, name=name, use_resource=True)
        with own_state() as scope:
            full_name = scope.name + "/" + name if scope.name else name
            for variable in tf.global_variables():
                checks.argument(variable.op.name != full_name or variable.shape.as_list() == shape,
                                function, "name",
                                "another name, as %s has another number of classes" % full_name, name)
            variable = tf.get_variable(name, shape, dtype, initializer, trainable=False,
                                       use_resource=True)
            if variable.name not in [of_earlier.name for of_earlier in tf.get_collection(OWN_STATE)]:
                tf.add_to_collection(OWN_STATE, variable)
            return variable


def _on_all_replicas(variable, count, ids):
    """Return the op count(ids), which updates `variable` and others of the same placement.

    In a replica of a tf.distribute.Strategy, each replica updates its copy by the ids of all replicas.
    """
    def on_each(strategy, of_replicas):
        everything = tf.concat(strategy.experimental_local_results(of_replicas), 0)
        return strategy.extended.update(variable, lambda _, ids: count(ids), args=(everything,))

    if not tf.distribute.has_strategy() or tf.distribute.in_cross_replica_context():
        return count(ids)
    return tf.distribute.get_replica_context().merge_call(on_each, args=(ids,))
