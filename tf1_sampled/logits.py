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

Weights, biases and inputs may be float16, bfloat16, float32 or float64. Rows of the 16-bit types are
stored as such and computed with in float32, in which the logits come then: 16 bits hold neither a sum
over thousands of candidates nor the logarithm of a small count.

A candidate that is none, as a masked repeat or a removed hit, has a logit of MASKED_LOGIT of its type or
less: finite, and so low that its exponential is 0, as is the gradient of each loss by it.
"""
import collections

import tensorflow.compat.v1 as tf

from tf1_sampled import checks, samplers

SampledLogits = collections.namedtuple("SampledLogits", "true_logits sampled_logits")
SampledLogits.__doc__ = """The logits of examples.

  true_logits: [B, T], of each example for its labels; masked where label_mask is False.
  sampled_logits: [B, S], of each example for each candidate; masked where that is none.
"""

PairLogits = collections.namedtuple("PairLogits", "true_logits sampled_logits hits")
PairLogits.__doc__ = """The logits of groups of pairs.

  true_logits: [G, K, J], of each input for each label.
  sampled_logits: [G, K, S] of each input for each candidate; masked where that is none.
  hits: boolean [G, J, S], whether the candidate is the label.
"""

# A quarter of the lowest number: two of them and a logit still make a finite sum.
MASKED_LOGIT = {dtype: dtype.min / 4 for dtype in (tf.float32, tf.float64)}


def compute_sampled_logits(weights, biases, labels, inputs, num_sampled, num_classes, num_true=1,
                           sampled_values=None, subtract_log_q=True, remove_accidental_hits=False,
                           partition_strategy="mod", name=None, seed=None, label_mask=None):
    """The logits of each example for its labels and for the sampled classes.

    Args:
      weights: float [C, D], a list of shards of that, a PartitionedVariable, or UnitRows of one.
      biases: float [C], in the form of the weights.
      labels: int32 or int64 [B, T], or [B] where num_true is 1.
      inputs: float [B, D].
      num_sampled: integer S; not read where sampled_values are given.
      num_classes: integer C.
      num_true: integer T.
      sampled_values: what a sampler returned, of `tf.nn` or of ours; by default that of
        log_uniform_candidate_sampler, unique. Candidates may be [S], or [G, S] with a set for each of
        G groups of B / G consecutive examples. With [S], expected counts may be [B, S].
      subtract_log_q: boolean, whether log Q is subtracted.
      remove_accidental_hits: boolean, whether a candidate that is one of the example's labels is
        taken out of that example's candidates.
      partition_strategy: "mod" or "div", how a list of shards is divided. A PartitionedVariable is
        contiguous, and read as "div" always.
      name: string or None.
      seed: integer, None or an integer tensor [2], for the default sampler.
      label_mask: None, or boolean [B, T]: False for padding, where an example has fewer labels.

    Returns:
      SampledLogits, float64 where weights or inputs are, else float32.

    Raises:
      InputError: an argument out of its range, or labels or inputs of another type or shape.

    Reference: _compute_sampled_logits in TensorFlow's nn_impl.
    """
    function = name or "compute_sampled_logits"
    with tf.name_scope(name, "compute_sampled_logits"):
        inputs = tf.convert_to_tensor(inputs)
        checks.argument(inputs.shape.rank in (2, None), function, "inputs", "shape [B, D]",
                        inputs.shape)
        if inputs.shape.rank is None:
            inputs = tf.ensure_shape(inputs, [None, None])
        labels = samplers.label_tensor(function, "labels", labels, num_true, num_classes, label_mask)
        if sampled_values is None:
            sampled_values = samplers.log_uniform_candidate_sampler(
                labels, num_true, num_sampled, unique=True, range_max=num_classes, seed=seed,
                label_mask=label_mask)
        sampled, true_count, sampled_count = [tf.stop_gradient(v) for v in sampled_values]
        checks.argument(sampled.shape.rank in (1, 2), function, "sampled_values",
                        "candidates of shape [S] or [G, S]", sampled.shape)
        labels = tf.reshape(tf.cast(labels, sampled.dtype), [-1, num_true])
        dtype = dtype_of(weights, inputs)
        inputs = tf.cast(inputs, dtype)

        # One look-up for both, so that each table gets one sparse gradient.
        ids = tf.concat([tf.reshape(labels, [-1]), tf.reshape(sampled, [-1])], 0)
        rows = lookup(weights, ids, partition_strategy, dtype)
        bias = lookup(biases, ids, partition_strategy, dtype)
        # split, not slices: its gradient is one concat, theirs are padded copies that are added.
        sizes = [_dimension(labels, 0) * num_true, _size(sampled)]
        true_rows, sampled_rows = tf.split(rows, sizes, 0)
        true_bias, sampled_bias = tf.split(bias, sizes, 0)

        true_rows = tf.reshape(true_rows, [-1, num_true, _dimension(rows, 1)])
        true_logits = tf.reduce_sum(tf.expand_dims(inputs, 1) * true_rows, 2)
        true_logits += tf.reshape(true_bias, [-1, num_true])
        if subtract_log_q:
            true_logits -= tf.log(tf.cast(tf.reshape(true_count, [-1, num_true]), dtype))
        if label_mask is not None:
            true_logits = _masked(true_logits, tf.reshape(tf.logical_not(label_mask), [-1, num_true]))

        # [S] at a time, before the numbers are [B, S].
        offset = _offset(tf.reshape(sampled_bias, tf.shape(sampled)), sampled_count, subtract_log_q)
        if sampled.shape.rank == 1:
            sampled_logits = tf.matmul(inputs, sampled_rows, transpose_b=True) + offset
        else:
            groups = _dimension(sampled, 0)
            width = _dimension(rows, 1)
            sampled_logits = tf.matmul(tf.reshape(inputs, [groups, -1, width]),
                                       tf.reshape(sampled_rows, [groups, -1, width]), transpose_b=True)
            sampled_logits = tf.reshape(sampled_logits + offset[:, None], [-1, _dimension(sampled, 1)])
        if remove_accidental_hits:
            if label_mask is not None:  # padding is no class, whatever number it is
                is_label = tf.reshape(label_mask, [-1, num_true])
                labels = tf.where(is_label, labels, -tf.ones_like(labels))
            sampled_logits = _masked(sampled_logits, _hits(labels, sampled))
        return SampledLogits(true_logits, sampled_logits)


def compute_pair_logits(weights, biases, labels, inputs, sampled_values, subtract_log_q=True,
                        partition_strategy="mod", name=None):
    """The logits of groups of inputs for their group's labels and candidates.

    Args:
      weights, biases, subtract_log_q, partition_strategy, name: as `compute_sampled_logits`.
      labels: int32 or int64 [G, J].
      inputs: float [G, K, D].
      sampled_values: what a sampler returned for `labels` and num_groups=H: candidates [H, S], a set for
        each G / H consecutive groups. The fewer sets, the squarer their products.

    Returns:
      PairLogits, float64 where weights or inputs are, else float32.

    Raises:
      InputError: labels, inputs or candidates of another rank, groups that the sets do not divide.

    Reference: Ji et al. 2016, "Parallelizing Word2Vec in Shared and Distributed Memory", for shared
      negatives as matrix products.
    """
    function = name or "compute_pair_logits"
    with tf.name_scope(name, "compute_pair_logits"):
        labels = samplers.id_tensor(function, "labels", labels)
        inputs = tf.convert_to_tensor(inputs)
        sampled, true_count, sampled_count = [tf.stop_gradient(v) for v in sampled_values]
        for argument, tensor, rank, wanted in [("labels", labels, 2, "shape [G, J]"),
                                               ("inputs", inputs, 3, "shape [G, K, D]"),
                                               ("sampled_values", sampled, 2,
                                                "candidates of shape [H, S]")]:
            checks.argument(tensor.shape.rank == rank, function, argument, wanted, tensor.shape)
        groups, sets = (tf.compat.dimension_value(ids.shape[0]) for ids in (labels, sampled))
        checks.argument(groups is None or sets is None or groups % max(sets, 1) == 0, function,
                        "sampled_values", "sets of candidates that divide %s groups" % groups, sets)
        dtype = dtype_of(weights, inputs)
        inputs = tf.cast(inputs, dtype)
        labels = tf.cast(labels, sampled.dtype)

        # One look-up for both, so that each table gets one sparse gradient.
        ids = tf.concat([tf.reshape(labels, [-1]), tf.reshape(sampled, [-1])], 0)
        sizes = [_size(labels), _size(sampled)]
        true_rows, sampled_rows = tf.split(lookup(weights, ids, partition_strategy, dtype), sizes, 0)
        true_bias, sampled_bias = tf.split(lookup(biases, ids, partition_strategy, dtype), sizes, 0)

        def logits(inputs, ids, rows, bias, count):
            shape, width = tf.shape(ids), _dimension(rows, 1)
            rows = tf.reshape(rows, tf.concat([shape, [width]], 0))
            offset = _offset(tf.reshape(bias, shape), count, subtract_log_q)
            return tf.matmul(inputs, rows, transpose_b=True) + offset[:, None]

        true_logits = logits(inputs, labels, true_rows, true_bias, true_count)
        of_sets = tf.reshape(inputs, [_dimension(sampled, 0), -1, _dimension(inputs, 2)])
        sampled_logits = logits(of_sets, sampled, sampled_rows, sampled_bias, sampled_count)
        sampled_logits = tf.reshape(sampled_logits, [_dimension(inputs, 0), -1, _dimension(sampled, 1)])
        hits = tf.equal(labels[:, :, None], of_groups(sampled, labels)[:, None, :])
        return PairLogits(true_logits, sampled_logits, hits)


def of_groups(of_sets, labels):
    """What H sets of candidates have, [H, S], for each of the groups of labels [G, J]: [G, S]."""
    groups, sets = _dimension(labels, 0), _dimension(of_sets, 0)
    if isinstance(groups, int) and groups == sets:
        return of_sets
    tiled = tf.tile(of_sets[:, None], tf.stack([1, groups // sets, 1]))
    return tf.reshape(tiled, [groups, _dimension(of_sets, 1)])


def accidental_hit_rate(labels, sampled_candidates, label_mask=None):
    """The share of pairs of a label and a candidate drawn for it that are one class.

    Args:
      labels: integer [B], or [G, J] of groups.
      sampled_candidates: integer [S], or [H, S] where each G / H groups in a row share a set.
      label_mask: None, or boolean of the shape of `labels`: False for labels that are none.

    Returns:
      float32 scalar.
    """
    labels = tf.cast(labels, tf.int64)
    if labels.shape.rank == 1:
        candidates = sampled_candidates[None]
    else:
        candidates = of_groups(sampled_candidates, labels)[:, None]
    hits = tf.reduce_mean(tf.cast(tf.equal(labels[..., None], candidates), tf.float32), -1)
    if label_mask is None:
        return tf.reduce_mean(hits)
    mask = tf.cast(label_mask, tf.float32)
    return tf.reduce_sum(hits * mask) / tf.maximum(tf.reduce_sum(mask), 1)


class UnitRows(collections.namedtuple("UnitRows", "params")):
    """A table whose rows are scaled to length 1 when they are looked up: `weights` for cosines.

        weights = UnitRows(tf.get_variable("weights", [C, D]))

    Only the rows of the batch are scaled, so that gradients stay sparse.

    Args:
      params: float [C, D], a list of shards of that, or a PartitionedVariable.
    """


def lookup(params, ids, partition_strategy="mod", dtype=None):
    """Rows of a table that is one tensor, a list of shards, a PartitionedVariable or UnitRows.

    A PartitionedVariable holds contiguous parts, so its strategy is "div" whatever is asked; read as
    "mod", every row would be another class's.

    Args:
      params: [C, ...], a list of shards of it, a PartitionedVariable, or UnitRows of one of these.
      ids: int32 or int64, any shape.
      partition_strategy: "mod" or "div", for a list.
      dtype: None, or the type that the rows are cast to.

    Returns:
      ids.shape + [...].

    Reference: tf.nn.embedding_lookup.
    """
    if isinstance(params, UnitRows):
        return tf.nn.l2_normalize(lookup(params.params, ids, partition_strategy, dtype), -1)
    checks.one_of("lookup", "partition_strategy", partition_strategy, {"mod", "div"})
    if _is_partitioned(params):
        # Each row once: its parts may be on other machines.
        unique = tf.unique(tf.reshape(ids, [-1]))
        rows = tf.nn.embedding_lookup(list(params), unique.y, partition_strategy="div")
        rows = tf.gather(rows, tf.reshape(unique.idx, tf.shape(ids)))
    else:
        rows = tf.nn.embedding_lookup(params, ids, partition_strategy=partition_strategy)
    return rows if dtype is None else tf.cast(rows, dtype)


def _is_partitioned(params):
    return hasattr(params, "_get_partitions")  # the class itself has no public name


def whole_table(params, num_classes, partition_strategy="mod", dtype=None):
    """All rows in the order of their ids, of whatever `lookup` takes.

    Args:
      params, partition_strategy, dtype: as `lookup`.
      num_classes: integer C.

    Returns:
      float [C, ...].
    """
    if isinstance(params, UnitRows):
        table = whole_table(params.params, num_classes, partition_strategy, dtype)
        return tf.nn.l2_normalize(table, -1)
    if isinstance(params, (list, tuple)):
        return lookup(params, tf.range(num_classes), partition_strategy, dtype)
    table = tf.convert_to_tensor(params)
    return table if dtype is None else tf.cast(table, dtype)


def dtype_of(weights, inputs):
    """The type that logits are computed in: float64 where either is, else float32."""
    while isinstance(weights, (UnitRows, list, tuple)) or _is_partitioned(weights):
        weights = weights.params if isinstance(weights, UnitRows) else list(weights)[0]
    weights = weights if hasattr(weights, "dtype") else tf.convert_to_tensor(weights)
    dtypes = {tf.as_dtype(x.dtype).base_dtype for x in (weights, inputs)}
    wanted = (tf.float16, tf.bfloat16, tf.float32, tf.float64)
    checks.argument(dtypes <= set(wanted), "logits", "weights, inputs",
                    "types among " + ", ".join(d.name for d in wanted), sorted(d.name for d in dtypes))
    return tf.float64 if tf.float64 in dtypes else tf.float32


def _offset(bias, count, subtract_log_q):
    """What is added to the product of a row: b - log Q, or MASKED_LOGIT for a candidate that is none."""
    offset = bias
    if count.shape.rank == 2 and bias.shape.rank == 1:  # each example has counts of its own
        offset += tf.zeros_like(count, bias.dtype)
    if subtract_log_q:
        offset -= tf.log(tf.cast(count, bias.dtype))
    return _masked(offset, count >= samplers.MASKED_COUNT)


def _hits(labels, sampled):
    """[B, T], [S] or [G, S] -> boolean [B, S], whether the candidate is a label of the example."""
    hits = None
    for label in tf.unstack(labels, axis=1):
        if sampled.shape.rank == 1:
            hit = tf.equal(label[:, None], sampled)
        else:
            label = tf.reshape(label, [_dimension(sampled, 0), -1, 1])
            hit = tf.reshape(tf.equal(label, sampled[:, None]), [-1, _dimension(sampled, 1)])
        hits = hit if hits is None else tf.logical_or(hits, hit)
    return hits


@tf.custom_gradient
def _masked(logits, mask):
    """logits, MASKED_LOGIT where mask."""
    lowest = tf.fill(tf.shape(logits), tf.constant(MASKED_LOGIT[logits.dtype], logits.dtype))
    # No loss has a gradient by a masked logit, so that there is none to be taken out.
    return tf.where(mask, lowest, logits), lambda gradient: (gradient, None)


def _size(tensor):
    """The number of elements: an integer where the graph knows it, else a scalar tensor."""
    static = tensor.shape.num_elements()
    return tf.size(tensor) if static is None else static


def _dimension(tensor, axis):
    """The size of a dimension: an integer where the graph knows it, else a scalar tensor."""
    static = tf.compat.dimension_value(tensor.shape[axis])
    return tf.shape(tensor)[axis] if static is None else static
