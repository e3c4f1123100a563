"""Logits of the true and of the sampled classes only: gather rows, multiply, mask hits, correct.

    logit(x, k) = <x, w_k> + b_k - log Q(k)

Q(k) is the expected count of class k among the candidates (see `samplers`). The correction makes a
sampled softmax estimate the full one (Bengio and Senecal 2008), and turns a logit into the log odds
that noise-contrastive estimation wants (Mnih and Teh 2012, eq. 4).

Two forms, with the same arithmetic:

  examples  inputs [B, D], labels [B, T]: each input with its own labels. `compute_sampled_logits`.
  pairs     inputs [G, K, D], labels [G, J], pairs [G, K, J]: within a group, which input goes with
            which label; each such pair is an example of one label. K + J rows serve up to K * J
            examples, in batched matrix products. `compute_pair_logits`.
"""
import collections

import tensorflow.compat.v1 as tf

from tf1_sampled import checks, samplers

PairLogits = collections.namedtuple("PairLogits", "true_logits sampled_logits hits")
PairLogits.__doc__ = """The logits of groups of pairs.

  true_logits: [G, K, J], of each input for each label.
  sampled_logits: [G, K, S] of each input for each candidate.
  hits: boolean [G, J, S], whether the candidate is the label.
"""


def compute_sampled_logits(weights, biases, labels, inputs, num_sampled, num_classes, num_true=1,
                           sampled_values=None, subtract_log_q=True, remove_accidental_hits=False,
                           partition_strategy="mod", name=None, seed=None):
    """The logits and the targets of each example for its labels and for the sampled classes.

    Args:
      weights: float [C, D], a list of shards of that, a PartitionedVariable, or UnitRows of one.
      biases: float [C], in the form of the weights.
      labels: int32 or int64 [B, T], or [B] where num_true is 1.
      inputs: float [B, D].
      num_sampled: integer S.
      num_classes: integer C.
      num_true: integer T.
      sampled_values: what a sampler returned, of `tf.nn` or of ours; by default that of
        log_uniform_candidate_sampler, unique.
      subtract_log_q: boolean, whether log Q is subtracted.
      remove_accidental_hits: boolean, whether a candidate that is one of the example's labels is
        taken out of that example's candidates.
      partition_strategy: "mod" or "div", how a list of shards is divided. A PartitionedVariable is
        contiguous, and read as "div" always.
      name: string or None.
      seed: integer or None, for the default sampler.

    Returns:
      logits: float [B, T + S], the labels' first. A removed hit has the lowest finite value.
      targets: float [B, T + S], 1 / T for the labels and 0 for the candidates.

    Raises:
      InputError: an argument out of its range, or labels or inputs of another type or shape.

    Reference: _compute_sampled_logits in TensorFlow's nn_impl.
    """
    function = name or "compute_sampled_logits"
    with tf.name_scope(name, "compute_sampled_logits"):
        labels = samplers.label_tensor(function, "labels", labels, num_true)
        inputs = tf.convert_to_tensor(inputs)
        checks.argument(inputs.shape.rank in (2, None), function, "inputs", "shape [B, D]",
                        inputs.shape)
        labels = tf.reshape(labels, [-1, num_true])
        sampled, true_count, sampled_count = _sampled_values(
            sampled_values, labels, num_true, num_sampled, num_classes, seed)
        ids = tf.concat([tf.reshape(tf.cast(labels, sampled.dtype), [-1]), sampled], 0)
        # One look-up for both, so that each table gets one sparse gradient.
        rows = lookup(weights, ids, partition_strategy)
        bias = lookup(biases, ids, partition_strategy)
        # split, not slices: its gradient is one concat, theirs are padded copies that are added.
        sizes = [_dimension(labels, 0) * num_true, _dimension(sampled, 0)]
        true_rows, sampled_rows = tf.split(rows, sizes, 0)
        true_bias, sampled_bias = tf.split(bias, sizes, 0)
        true_rows = tf.reshape(true_rows, [-1, num_true, _dimension(rows, 1)])
        true_logits = tf.reduce_sum(tf.expand_dims(inputs, 1) * true_rows, 2)
        true_logits += tf.reshape(true_bias, [-1, num_true])
        sampled_logits = tf.matmul(inputs, sampled_rows, transpose_b=True) + sampled_bias
        if subtract_log_q:
            true_logits -= tf.log(tf.reshape(true_count, [-1, num_true]))
            sampled_logits -= tf.log(sampled_count)
        if remove_accidental_hits:
            hits = tf.equal(tf.cast(labels, sampled.dtype)[:, :, None], sampled)
            sampled_logits = tf.where(tf.reduce_any(hits, 1),
                                      tf.fill(tf.shape(sampled_logits), sampled_logits.dtype.min),
                                      sampled_logits)
        logits = tf.concat([true_logits, sampled_logits], 1)
        targets = tf.concat([tf.ones_like(true_logits) / num_true, tf.zeros_like(sampled_logits)],
                            1)
        return logits, targets


def compute_pair_logits(weights, biases, labels, inputs, sampled_values, subtract_log_q=True,
                        partition_strategy="mod", name=None):
    """The logits of groups of inputs for their group's labels and candidates.

    Args:
      weights, biases, subtract_log_q, partition_strategy, name: as `compute_sampled_logits`.
      labels: int32 or int64 [G, J].
      inputs: float [G, K, D].
      sampled_values: what a sampler returned for `labels` and num_groups=G: candidates [G, S].

    Returns:
      PairLogits.

    Raises:
      InputError: labels, inputs or candidates of another rank.

    Reference: Ji et al. 2016, "Parallelizing Word2Vec in Shared and Distributed Memory", for shared
      negatives as matrix products.
    """
    function = name or "compute_pair_logits"
    with tf.name_scope(name, "compute_pair_logits"):
        labels, inputs = tf.convert_to_tensor(labels), tf.convert_to_tensor(inputs)
        sampled, true_count, sampled_count = [tf.stop_gradient(v) for v in sampled_values]
        for argument, tensor, rank, wanted in [("labels", labels, 2, "shape [G, J]"),
                                               ("inputs", inputs, 3, "shape [G, K, D]"),
                                               ("sampled_values", sampled, 2,
                                                "candidates of shape [G, S]")]:
            checks.argument(tensor.shape.rank == rank, function, argument, wanted, tensor.shape)
        labels = tf.cast(labels, sampled.dtype)
        ids = tf.concat([labels, sampled], 1)
        offset = lookup(biases, ids, partition_strategy)
        if subtract_log_q:
            offset -= tf.log(tf.concat([true_count, sampled_count], 1))
        rows = lookup(weights, ids, partition_strategy)
        logits = tf.matmul(inputs, rows, transpose_b=True) + offset[:, None, :]
        sizes = [_dimension(labels, 1), _dimension(sampled, 1)]
        true_logits, sampled_logits = tf.split(logits, sizes, 2)
        return PairLogits(true_logits, sampled_logits,
                          tf.equal(labels[:, :, None], sampled[:, None, :]))


class UnitRows(collections.namedtuple("UnitRows", "params")):
    """A table whose rows are scaled to length 1 when they are looked up: `weights` for cosines.

        weights = UnitRows(tf.get_variable("weights", [C, D]))

    Only the rows of the batch are scaled, so that gradients stay sparse.

    Args:
      params: float [C, D], a list of shards of that, or a PartitionedVariable.
    """


def lookup(params, ids, partition_strategy="mod"):
    """Rows of a table that is one tensor, a list of shards, a PartitionedVariable or UnitRows.

    A PartitionedVariable holds contiguous parts, so its strategy is "div" whatever is asked; read as
    "mod", every row would be another class's.

    Args:
      params: [C, ...], a list of shards of it, a PartitionedVariable, or UnitRows of one of these.
      ids: int32 or int64, any shape.
      partition_strategy: "mod" or "div", for a list.

    Returns:
      ids.shape + [...].

    Reference: tf.nn.embedding_lookup.
    """
    if isinstance(params, UnitRows):
        return tf.nn.l2_normalize(lookup(params.params, ids, partition_strategy), -1)
    if hasattr(params, "_get_partitions"):  # the class itself has no public name
        params, partition_strategy = list(params), "div"
    checks.one_of("lookup", "partition_strategy", partition_strategy, {"mod", "div"})
    return tf.nn.embedding_lookup(params, ids, partition_strategy=partition_strategy)


def whole_table(params, num_classes, partition_strategy="mod"):
    """All rows in the order of their ids, of whatever `lookup` takes.

    Args:
      params, partition_strategy: as `lookup`.
      num_classes: integer C.

    Returns:
      float [C, ...].
    """
    if isinstance(params, UnitRows):
        return tf.nn.l2_normalize(whole_table(params.params, num_classes, partition_strategy), -1)
    if isinstance(params, (list, tuple)) or hasattr(params, "_get_partitions"):
        return lookup(params, tf.range(num_classes), partition_strategy)
    return tf.convert_to_tensor(params)


def _sampled_values(sampled_values, labels, num_true, num_sampled, num_classes, seed):
    if sampled_values is None:
        sampled_values = samplers.log_uniform_candidate_sampler(
            labels, num_true, num_sampled, unique=True, range_max=num_classes, seed=seed)
    return [tf.stop_gradient(value) for value in sampled_values]


def _dimension(tensor, axis):
    """The size of a dimension: an integer where the graph knows it, else a scalar tensor."""
    static = tf.compat.dimension_value(tensor.shape[axis])
    return tf.shape(tensor)[axis] if static is None else static
