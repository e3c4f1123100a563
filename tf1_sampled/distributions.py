"""Distributions over the class ids 0 .. C-1: the log-probability of an id, and draws, in the graph.

A distribution has

    num_classes             C
    log_prob(ids)           float32, of the shape of `ids`: log P(id)
    ids_of(uniforms)        int64, of the shape of `uniforms`: what float64 uniforms in [0, 1) draw
    rises                   whether rising uniforms draw rising ids
    never                   only where some ids have P = 0: numpy boolean [C], which
    observe(ids)            only of one that learns: the op that counts ids

and that is all that the samplers read. A frequency needs log_prob alone. Draws start from 64-bit
uniforms: with 32 bits the far classes of a large catalogue have gaps that are never drawn (log-uniform
from about 1e6 classes on), and their stated probability would be a fiction.

Random numbers are stateless. A seed is an integer or None, of which each run of the graph makes new
numbers, as everywhere in TensorFlow; or an integer tensor [2], of which the same numbers come always.

In a graph, learned state is a variable that is found again by its name. In TensorFlow 2's eager mode the
object holds it: make it once, outside of the tf.function, and keep it, for example in a tf.Module.
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
    """P(k) = 1 / C.

    Args:
      num_classes: integer C.
    """

    rises = True

    def __init__(self, num_classes: Integer) -> None:
        self.num_classes = num_classes

    def log_prob(self, ids: Tensor) -> Tensor:
        return tf.fill(tf.shape(ids), np.float32(-np.log(self.num_classes)))

    def ids_of(self, uniforms: Tensor) -> Tensor:
        # Sorted uniforms may round up to 1.
        return tf.minimum(tf.cast(uniforms * self.num_classes, tf.int64), self.num_classes - 1)


class LogUniform:
    """P(k) = log((k + 2) / (k + 1)) / log(C + 1): Zipf's law, for ids sorted by falling frequency.

    Args:
      num_classes: integer C.
    """

    rises = True

    def __init__(self, num_classes: Integer) -> None:
        self.num_classes = num_classes

    def log_prob(self, ids: Tensor) -> Tensor:
        # log1p keeps the full precision of float32 where (k + 2) / (k + 1) rounds to 1. 2 / (2k + 2) and
        # the product, as TensorFlow fuses 1 / x, log1p and log into one loop, which has no SIMD.
        weight = tf.math.log1p(2 / (2 * tf.cast(ids, tf.float32) + 2))
        return tf.log(weight * np.float32(1 / np.log1p(self.num_classes)))

    def ids_of(self, uniforms: Tensor) -> Tensor:
        value = tf.exp(uniforms * np.log1p(self.num_classes))
        # exp may round up to C + 1 for the largest uniform below 1.
        return tf.minimum(tf.cast(value, tf.int64) - 1, self.num_classes - 1)


class Unigram:
    """P(k) = weight_k^power / sum of weights^power, drawn by two look-ups whatever C is: an alias table.

    The tables, 16 bytes per class, are `frozen.Frozen`: no session has to initialize them, and no
    checkpoint holds them, so that new weights are never mistaken for old ones. They are constants of the
    graph up to 8,388,608 classes, and files beyond.

    Args:
      weights: float [C], finite, not negative, not all zero.
      name: string, of the ops.
      power: float, of word2vec 0.75; a weight of 0 stays 0.
      folder: None, or string, where tables of more classes stay; see `frozen`.

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
            self._alias = Frozen(other, "alias", folder)  # int64: int32 stays in a GPU's host memory

    def log_prob(self, ids: Tensor) -> Tensor:
        return self._log_prob.gather(ids)

    def ids_of(self, uniforms: Tensor) -> Tensor:
        # One uniform gives both the column and, by its fraction, the side: 52 bits are enough.
        position = uniforms * self.num_classes
        column = tf.floor(position)
        side = tf.cast(position - column, tf.float32)
        column = tf.cast(column, tf.int64)
        return tf.where(side < self._threshold.gather(column), column, self._alias.gather(column))


class LearnedUnigram(tf.Module):
    """P(k) = (1 + n_k) / (C + n), n_k the number of labels k observed so far and n their total.

        observation of a batch with c_k labels k:    n_k <- decay n_k + c_k

    The counts are a non-trainable variable, in checkpoints. In a graph they are shared by name: a second
    LearnedUnigram of the same name in the same variable scope has the same counts. They stand in a tree
    of sums, so that a draw or an observation costs log2(C), where a sum over all classes before each
    draw would cost C.

    Args:
      num_classes: integer C.
      name: string, name of the variable.
      decay: float in (0, 1], the weight that an old label keeps with each observation; 1 for counts.

    Raises:
      InputError: a decay out of its range; counts of this name that have other classes or another decay;
        in a tf.function of eager mode: make it once, outside.
    """

    rises = True
    _LARGE = 1e100  # of float64: sums of new labels' weights and old ones' have room on both sides
    _DECAYS: Any = weakref.WeakKeyDictionary()  # graph -> {name of the counts: their decay}

    def __init__(self, num_classes: Integer, name: str = "learned_unigram",
                 decay: Number = 1.0) -> None:
        _check_outermost("LearnedUnigram")
        super().__init__("learned_unigram_module")  # a name scope: the counts' own name stays free
        checks.argument(0 < decay <= 1, "LearnedUnigram", "decay", "a number above 0, at most 1", decay)
        self.num_classes = checks.positive("LearnedUnigram", "num_classes", num_classes)
        self._depth = (self.num_classes - 1).bit_length()
        self._leaves = 1 << self._depth
        self._decay = decay
        # A heap: node 1 is the root, node i has the children 2i and 2i + 1, leaf k is leaves + k. No two
        # numbers of classes have one size.
        # float64 counts to 2^53 and has scatter kernels on every device, which int64 has not.
        self._counts = _state("LearnedUnigram", name, [self._leaves + self.num_classes], tf.float64)
        self._check_decay()
        # To decay all counts is to let the weight of a new label grow instead.
        self._weight = 1.0 if decay == 1 else _state(
            "LearnedUnigram", name + "/weight", [], tf.float64, tf.ones_initializer())

    def _check_decay(self):
        decays = self._DECAYS.setdefault(self._counts.graph, {}) if not tf.executing_eagerly() else {}
        decay = decays.setdefault(self._counts.name, self._decay)
        checks.argument(decay == self._decay, "LearnedUnigram", "decay",
                        "%s, that of the counts %s so far" % (decay, self._counts.name), self._decay)

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
            # No way right where no id is, whatever rounding says.
            right = tf.logical_and(rest >= weight_left, first + half < self.num_classes)
            rest -= tf.where(right, weight_left, tf.zeros_like(rest))
            step = tf.cast(right, tf.int64)
            node = 2 * node + step
            first += half * step
        return tf.reshape(first, uniforms.shape) if uniforms.shape.is_fully_defined() else first

    def observe(self, ids: TensorLike) -> Tensor:
        """Return the op that counts `ids` (any integer shape) once each.

        Under a tf.distribute.Strategy the ids of all replicas are counted on each of them.
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
    """How often a class is a label, from the steps between the batches that have it.

        batch t has class k:    interval_k <- (1 - rate) interval_k + rate (t - last_k);  last_k <- t

    1 / interval_k estimates the probability that a batch has k, and with n independent labels in a
    batch, P(k) = 1 - (1 - 1 / interval_k)^(1/n). Follows frequencies that change. A class not seen yet
    has P(k) = 1 / C. One in every batch has no more than 1 - 2^(-24/n), as that it is there says little
    of how often: where such classes matter, take `LearnedUnigram`. The state is in non-trainable
    variables, shared by name and in checkpoints: an interval and a step per class, without hashing, so
    that classes do not collide.

    Args:
      num_classes: integer C.
      labels_per_step: integer n.
      rate: float in (0, 1]; the estimate's relative deviation is about sqrt(rate / 2) where a batch has
        3 labels k or fewer, and more, with too high a mean, where it has more.
      name: string, scope of the variables.

    Raises:
      InputError: labels_per_step or rate out of its range.

    Reference: Yi et al. 2019, "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item
      Recommendations", algorithm 2 and eq. 6, whose rate is 0.01.
    """

    def __init__(self, num_classes: Integer, labels_per_step: Integer, rate: Number = 0.01,
                 name: str = "streaming_frequency") -> None:
        _check_outermost("StreamingFrequency")
        super().__init__("streaming_frequency_module")  # a name scope: that of the state stays free
        self._labels_per_step = checks.positive("StreamingFrequency", "labels_per_step", labels_per_step)
        checks.argument(0 < rate <= 1, "StreamingFrequency", "rate", "a number above 0, at most 1", rate)
        self.num_classes = checks.positive("StreamingFrequency", "num_classes", num_classes)
        self._rate = rate
        self._step, self._last, self._interval = [
            _state("StreamingFrequency", name + part, shape, dtype) for part, shape, dtype in (
                ("/step", [], tf.int64), ("/last", [num_classes], tf.int64),
                ("/interval", [num_classes], tf.float32))]  # an interval of 0: not seen yet

    def log_prob(self, ids: Tensor) -> Tensor:
        in_batch = tf.minimum(1 / self._intervals(ids), np.float32(1 - 2.0 ** -24))
        log_prob = tf.log(-tf.math.expm1(tf.math.log1p(-in_batch) / self._labels_per_step))
        seen = tf.gather(self._interval, ids) > 0
        return tf.where(seen, log_prob, Uniform(self.num_classes).log_prob(ids))

    def observe(self, ids: TensorLike) -> Tensor:
        """Return the op that counts one batch, whose labels are `ids` (any integer shape).

        Under a tf.distribute.Strategy the batches of all replicas are one, with labels_per_step labels.
        """
        return _on_all_replicas(self._interval, self._count, tf.reshape(tf.cast(ids, tf.int64), [-1]))

    def _count(self, ids):
        step = tf.identity(tf.assign_add(self._step, 1))
        # A label that comes twice in the batch writes the same number twice.
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
    """Class biases power log((n_k + 1) / (n + C)), not trained: what is known of a class without input.

    With them the product of an input and a class row says only how the input changes the class's
    probability. NCE needs them where biases are not trained: it learns log P(k | x) itself, which is
    far below 0 for every class of very many, and rows would have to spend themselves on that.

    Args:
      name: string, of the variable; one made before under this name is shared.
      counts: integer [C], how often each class comes.
      power: float; below 1, rows learn a part of the frequencies themselves, and 0 gives zeros.

    Returns:
      tf.Variable, float32 [C], in checkpoints.

    Raises:
      InputError: a variable of this name that has another number of classes.
    """
    smoothed = np.asarray(counts, np.float64) + 1
    log_frequency = (power * np.log(smoothed / smoothed.sum())).astype(np.float32)
    return _state("log_frequency_biases", name, [len(log_frequency)], tf.float32,
                  from_memory(log_frequency))


def stateless_seed(seed: Any) -> Tensor:
    """An int64 tensor [2] of a seed that is an integer or None (new in each run of the graph), or that
    is such a tensor already.
    """
    if seed is None or not tf.is_tensor(seed) and np.ndim(seed) == 0:
        return tf.random_uniform([2], 0, 1 << 31, tf.int64, seed)
    return tf.cast(seed, tf.int64)


def fold_in(seed: Any, name: str) -> Any:
    """A seed of its own for one of several uses of `seed`: of one seed, draws of one shape are the same.

    Args:
      seed: integer, None, or an integer tensor [2].
      name: string, of the use.

    Returns:
      The like of `seed`.
    """
    if seed is None:
        return None
    if tf.is_tensor(seed):
        return tf.cast(seed, tf.int64) + tf.constant([zlib.crc32(name.encode()), 0], tf.int64)
    return zlib.crc32(b"%d %s" % (seed, name.encode()))


def uniforms(shape: List[Any], seed: Tensor) -> Tensor:
    """float64 uniforms in [0, 1) of a stateless seed."""
    return tf.cast(_bits(53, tf.int64, shape, seed), tf.float64) * 2.0 ** -53


def sorted_uniforms(shape: List[Any], seed: Tensor) -> Tensor:
    """As `uniforms`, each row (the last axis) in rising order, without sorting.

    The sums of n + 1 exponential waiting times, divided by the last of them, are n sorted uniforms.

    Reference: Devroye 1986, "Non-Uniform Random Variate Generation", theorem V.2.2.
    """
    # 32 bits will do for the waiting times: it is their 64-bit sums that have to leave no gaps.
    bits = _bits(24, tf.int32, list(shape[:-1]) + [shape[-1] + 1], seed)
    uniform = tf.cast(bits + 1, tf.float32) * 2.0 ** -24  # in (0, 1]
    sums = tf.cumsum(tf.cast(tf.log(uniform), tf.float64), -1)  # all of them negative
    return sums[..., :-1] / sums[..., -1:]


def _bits(number, dtype, shape, seed):
    """Integers from 0 to 2^number - 1."""
    # Integers of a seed below 2^31 are the same with XLA as without, which XLA's floats are not.
    seed = tf.bitwise.bitwise_and(seed, tf.constant((1 << 31) - 1, seed.dtype))
    return tf.random.stateless_uniform(shape, seed, 0, 1 << number, dtype)


def _check_outermost(function):
    """Raise InputError in a tf.function of eager mode, which would make new state with each trace."""
    with tf.init_scope():
        is_eager = tf.executing_eagerly()
    checks.argument(not is_eager or tf.executing_eagerly(), function, "state",
                    "to be made once, outside of the tf.function", "a tf.function")


def _state(function, name, shape, dtype, initializer=None):
    """Return a non-trainable variable, 0 at first; a graph's made before under this name is shared."""
    initializer = initializer or filled(0)
    with tf.init_scope():
        if tf.executing_eagerly():
            return tf.Variable(initializer(shape, dtype), trainable=False, name=name, use_resource=True)
        with own_state() as scope:
            full_name = scope.name + "/" + name if scope.name else name
            for variable in tf.global_variables():
                checks.argument(variable.op.name != full_name or variable.shape.as_list() == shape,
                                function, "name",
                                "one of its own, as %s has other classes" % full_name, name)
            variable = tf.get_variable(name, shape, dtype, initializer, trainable=False,
                                       use_resource=True)
            if variable.name not in [of_earlier.name for of_earlier in tf.get_collection(OWN_STATE)]:
                tf.add_to_collection(OWN_STATE, variable)
            return variable


def _on_all_replicas(variable, count, ids):
    """Return the op count(ids), which updates `variable` and others of the same placement.

    In a replica of a tf.distribute.Strategy, the ids of all replicas count, and each updates its copy.
    """
    def on_each(strategy, of_replicas):
        everything = tf.concat(strategy.experimental_local_results(of_replicas), 0)
        return strategy.extended.update(variable, lambda _, ids: count(ids), args=(everything,))

    if not tf.distribute.has_strategy() or tf.distribute.in_cross_replica_context():
        return count(ids)
    return tf.distribute.get_replica_context().merge_call(on_each, args=(ids,))
