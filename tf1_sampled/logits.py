"""Logits of the labels and of the sampled classes: gather rows, multiply, mask hits, subtract log Q.

    logit(x, k) = <x, w_k> + b_k - log Q(k)

Q(k) is the expected count of class k among the candidates (see `samplers`). With the correction by log
Q, a sampled softmax estimates the full softmax (Bengio and Senecal 2008), and a logit is the log odds of
noise-contrastive estimation (Mnih and Teh 2012, eq. 4).

Two forms, with the same arithmetic:

  examples  inputs [B, D], labels [B, T]: each input has its own labels. `compute_sampled_logits`.
  pairs     inputs [G, K, D], labels [G, J], pairs [G, K, J]: `pairs` selects the inputs and labels of a
            group that belong together, and each such pair is an example with one label. K + J rows serve
            up to K * J examples, in batched matrix products. `compute_pair_logits`.

Weights, biases and inputs may be float16, bfloat16, float32 or float64. Rows of the 16-bit types are
stored in 16 bits; logits are computed and returned in float32, as 16 bits are too few for a sum over
thousands of candidates and for the logarithm of a small count.

A masked repeat and a removed hit have a logit of about MASKED_LOGIT of their type: it is finite, its
exponential is 0, and the gradient of each loss by it is 0.
"""
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import candidates, checks, class_ids, matches, samplers
from tf1_sampled.frozen import Frozen
from tf1_sampled.type_names import (
    Array,
    DType,
    Integer,
    PartitionStrategy,
    SampledLike,
    Seed,
    Tensor,
    TensorLike,
)


class SampledLogits(NamedTuple):
    """The logits of examples.

      true_logits: float [B, T], of each example for its labels; masked where label_mask is False.
      sampled_logits: float [B, S], of each example for each candidate; masked candidates have
        MASKED_LOGIT.
    """

    true_logits: Tensor
    sampled_logits: Tensor


class PairLogits(NamedTuple):
    """The logits of groups of pairs.

      true_logits: float [G, K, J], of each input for each label.
      sampled_logits: float [G, K, S], of each input for each candidate; masked candidates have
        MASKED_LOGIT.
      hits: boolean [G, J, S], whether the candidate is the label.
    """

    true_logits: Tensor
    sampled_logits: Tensor
    hits: Tensor


class UnitRows(NamedTuple):
    """A table whose rows are scaled to length 1 when they are looked up, for cosine scores.

    Only the rows of the batch are scaled, so that gradients stay sparse.

    Example:

        weights = tf1_sampled.UnitRows(tf.get_variable("weights", [1000, 16]))
        labels, inputs = tf.constant([[3], [1], [4]]), tf.random_normal([3, 16])
        loss = tf1_sampled.sampled_softmax_loss(weights, None, labels, inputs, 64, 1000)

    Args:
      params: float [C, D], a list of shards of that, or a PartitionedVariable.
    """

    params: TensorLike


class SummedRows(NamedTuple):
    """A table with features: the row of a class is its own row plus the weighted rows of its features.

        w_c = [c < num_own] params_c + sum_n weights_n features_(ids_n),   starts_c <= n < starts_(c + 1)

        weights = SummedRows(own, features, *[Frozen(array, name) for name, array in ...], num_own=C)

    Only the rows of the batch and of its features are read, so that gradients stay sparse. UnitRows of a
    SummedRows scales the sums.

    Args:
      params: float [C, D], a list of shards of that, or a PartitionedVariable.
      features: float [F, D], in the same forms.
      starts: Frozen, int64 [C + 1], rising from 0 to N.
      ids: Frozen, integer [N], ids of features.
      weights: Frozen, float32 [N].
      num_own: integer; a class from num_own on, which is never a label, has no row of its own and no
        gradient.
    """

    params: TensorLike
    features: TensorLike
    starts: Frozen
    ids: Frozen
    weights: Frozen
    num_own: Integer


class AddedRows(NamedTuple):
    """A table whose rows are the sums of the rows of two tables: w_c = params_c + others_c.

        weights = AddedRows(own, tf.get_variable("shared", [C, D]))

    Only the rows of the batch are added, so that gradients stay sparse. UnitRows of an AddedRows scales
    the sums.

    Args:
      params, others: float [C, D], in any form that `lookup` takes except UnitRows.
    """

    params: Any
    others: Any


Table = Union[TensorLike, UnitRows, SummedRows, AddedRows]  # a table that `lookup` takes

# A quarter of the lowest number: the sum of two of them and a logit is finite.
MASKED_LOGIT: Dict[DType, float] = {dtype: dtype.min / 4 for dtype in (tf.float32, tf.float64)}


def compute_sampled_logits(
        weights: Table, biases: Optional[Table], labels: TensorLike, inputs: TensorLike,
        num_sampled: Optional[Integer], num_classes: Integer, num_true: Integer = 1,
        sampled_values: Optional[SampledLike] = None, subtract_log_q: bool = True,
        remove_accidental_hits: bool = False, partition_strategy: PartitionStrategy = "mod",
        name: Optional[str] = None, seed: Seed = None,
        label_mask: Optional[TensorLike] = None) -> SampledLogits:
    """Compute the logits of each example for its labels and for the sampled classes.

        logit(x, k) = <x, w_k> + b_k - log Q(k)

    Example:

        weights, biases = tf.get_variable("weights", [1000, 16]), tf.get_variable("biases", [1000])
        labels, inputs = tf.constant([[3], [1], [4]]), tf.random_normal([3, 16])
        logits = tf1_sampled.compute_sampled_logits(weights, biases, labels, inputs, 64, 1000)
        loss = tf.reduce_logsumexp(tf.concat(logits, 1), 1) - logits.true_logits[:, 0]

    Args:
      weights: float [C, D], a list of shards of that, a PartitionedVariable, or UnitRows of one.
      biases: float [C], in the form of the weights, or None.
      labels: integer [B, T] or flat, [B * T].
      inputs: float [B, D].
      num_sampled: integer S; ignored where sampled_values are given.
      num_classes: integer C, at most the rows of weights.
      num_true: integer T.
      sampled_values: the return value of a sampler of `tf.nn` or of this package. Default:
        log_uniform_candidate_sampler with unique=True. Candidates may be [S], or [G, S] with one set
        for each of G groups of B / G consecutive examples. With [S], expected counts may be [B, S].
      subtract_log_q: boolean, whether log Q is subtracted.
      remove_accidental_hits: boolean, whether to mask candidates that are a label of the example.
      partition_strategy: "mod" or "div", how a list of shards is divided. The parts of a
        PartitionedVariable are contiguous and always read as "div".
      name: string or None, of the name scope.
      seed: integer, None or an integer tensor [2], for the default sampler.
      label_mask: None, or boolean [B, T]: False for padding, where an example has fewer labels.

    Returns:
      SampledLogits, float64 where weights or inputs are, else float32.

    Raises:
      InputError: an argument out of its range, or static shapes that do not fit together.
      tf.errors.InvalidArgumentError: in the session, a label that is not in 0 .. num_classes - 1.

    Reference: _compute_sampled_logits in TensorFlow's nn_impl.
    """
    function = name or "compute_sampled_logits"
    with tf.name_scope(name, "compute_sampled_logits"):
        num_true, num_classes = (checks.positive(function, *argument) for argument in (
            ("num_true", num_true), ("num_classes", num_classes)))
        inputs = tf.convert_to_tensor(inputs)
        checks.argument(inputs.shape.rank in (2, None), function, "inputs", "shape [B, D]",
                        inputs.shape)
        check_tables(function, weights, biases, inputs, num_classes)
        if inputs.shape.rank is None:
            inputs = tf.ensure_shape(inputs, [None, None])
        labels = class_ids.label_tensor(function, "labels", labels, num_true, num_classes,
                                        label_mask=label_mask)
        if sampled_values is None:
            sampled_values = samplers.log_uniform_candidate_sampler(
                labels, num_true, num_sampled, unique=True,  # type: ignore[arg-type]  # it checks for None
                range_max=num_classes, seed=seed, label_mask=label_mask)
        sampled, true_count, sampled_count = [tf.stop_gradient(v) for v in sampled_values]
        if sampled.shape.rank is None:
            sampled = tf.ensure_shape(sampled, [None])
        checks.argument(sampled.shape.rank in (1, 2), function, "sampled_values",
                        "candidates of shape [S] or [G, S]", sampled.shape)
        labels = tf.reshape(tf.cast(labels, sampled.dtype), [-1, num_true])
        check_batch(function, labels, inputs)
        _check_counts(function, labels, sampled, true_count, sampled_count)
        dtype = dtype_of(weights, inputs)
        inputs = tf.cast(inputs, dtype)
        (true_rows, true_bias), (sampled_rows, sampled_bias) = rows_and_biases(
            weights, biases, [labels, sampled], partition_strategy, dtype)

        true_logits = tf.reduce_sum(tf.expand_dims(inputs, 1) * true_rows, 2) + true_bias
        if subtract_log_q:
            true_logits -= tf.log(tf.cast(tf.reshape(true_count, [-1, num_true]), dtype))
        if label_mask is not None:
            true_logits, labels = _without_padding(true_logits, labels, label_mask)
        # Added once per candidate, [S], instead of twice per logit, [B, S].
        offset = _offset(sampled_bias, sampled_count, subtract_log_q)
        if sampled.shape.rank == 2:
            groups = _dimension(sampled, 0)
            inputs = tf.reshape(inputs, tf.stack([groups, -1, _dimension(inputs, 1)]))
            labels = tf.reshape(labels, tf.stack([groups, -1, num_true]))
            sampled, offset = sampled[:, None], offset[:, None]
        sampled_logits = tf.matmul(inputs, sampled_rows, transpose_b=True)
        if remove_accidental_hits:
            sampled_logits = _plus_without_hits(
                sampled_logits, offset, labels, sampled, num_classes,
                offset_is_trained=getattr(biases, "trainable", biases is not None))
        else:
            sampled_logits += offset
        shape = tf.stack([-1, _dimension(sampled, -1)])
        return SampledLogits(true_logits, tf.reshape(sampled_logits, shape))


def compute_pair_logits(weights: Table, biases: Optional[Table], labels: TensorLike, inputs: TensorLike,
                        sampled_values: SampledLike, subtract_log_q: bool = True,
                        partition_strategy: PartitionStrategy = "mod",
                        name: Optional[str] = None) -> PairLogits:
    """Compute the logits of groups of inputs for the labels and candidates of their group.

        logit(x, k) = <x, w_k> + b_k - log Q(k)

    Example:

        weights, inputs = tf.get_variable("weights", [1000, 16]), tf.random_normal([2, 5, 16])
        labels = tf.constant([[3, 1, 4], [1, 5, 9]])
        sampled = tf1_sampled.log_uniform_candidate_sampler(labels, 3, 64, False, 1000, num_groups=2)
        logits = tf1_sampled.compute_pair_logits(weights, None, labels, inputs, sampled)

    Args:
      weights: float [C, D], a list of shards of that, a PartitionedVariable, or UnitRows of one.
      biases: float [C], in the form of the weights, or None.
      labels: integer [G, J].
      inputs: float [G, K, D].
      sampled_values: the return value of a sampler for `labels` and num_groups=H: candidates [H, S], one
        set for each G / H consecutive groups. With fewer sets the matrix products are closer to square.
      subtract_log_q: boolean, whether log Q is subtracted.
      partition_strategy: "mod" or "div", how a list of shards is divided. The parts of a
        PartitionedVariable are contiguous and always read as "div".
      name: string or None, of the name scope.

    Returns:
      PairLogits, float64 where weights or inputs are, else float32.

    Raises:
      InputError: labels, inputs or candidates of another rank; a number of groups that is not a multiple
        of the number of sets.

    Reference: Ji et al. 2016, "Parallelizing Word2Vec in Shared and Distributed Memory", for shared
      negatives as matrix products.
    """
    function = name or "compute_pair_logits"
    with tf.name_scope(name, "compute_pair_logits"):
        labels = class_ids.id_tensor(function, "labels", labels)
        inputs = tf.convert_to_tensor(inputs)
        sampled, true_count, sampled_count = [tf.stop_gradient(v) for v in sampled_values]
        for argument, tensor, rank, wanted in [("labels", labels, 2, "shape [G, J]"),
                                               ("inputs", inputs, 3, "shape [G, K, D]"),
                                               ("sampled_values", sampled, 2,
                                                "candidates of shape [H, S]")]:
            checks.argument(tensor.shape.rank == rank, function, argument, wanted, tensor.shape)
        groups, sets = (tf.compat.dimension_value(ids.shape[0]) for ids in (labels, sampled))
        checks.argument(groups is None or sets is None or groups % max(sets, 1) == 0, function,
                        "sampled_values", "a number of sets that divides %s groups" % groups, sets)
        check_tables(function, weights, biases, inputs)
        dtype = dtype_of(weights, inputs)
        inputs = tf.cast(inputs, dtype)
        labels = tf.cast(labels, sampled.dtype)
        of_labels, of_sampled = rows_and_biases(weights, biases, [labels, sampled], partition_strategy,
                                                 dtype)

        def logits(inputs, rows_and_bias, count):
            rows, bias = rows_and_bias
            offset = _offset(bias, count, subtract_log_q)
            return tf.matmul(inputs, rows, transpose_b=True) + offset[:, None]

        true_logits = logits(inputs, of_labels, true_count)
        of_sets = tf.reshape(inputs, [_dimension(sampled, 0), -1, _dimension(inputs, 2)])
        sampled_logits = tf.reshape(logits(of_sets, of_sampled, sampled_count),
                                    [_dimension(inputs, 0), -1, _dimension(sampled, 1)])
        hits = tf.equal(labels[:, :, None], of_groups(sampled, labels)[:, None, :])
        return PairLogits(true_logits, sampled_logits, hits)


def of_groups(of_sets: Tensor, labels: Tensor) -> Tensor:
    """Repeat values of H sets of candidates, [H, S], for each of the groups of labels [G, J]: [G, S]."""
    groups, sets = _dimension(labels, 0), _dimension(of_sets, 0)
    if isinstance(groups, int) and groups == sets:
        return of_sets
    tiled = tf.tile(of_sets[:, None], tf.stack([1, groups // sets, 1]))
    return tf.reshape(tiled, [groups, _dimension(of_sets, 1)])


def accidental_hit_rate(labels: TensorLike, sampled_candidates: Array,
                        label_mask: Optional[TensorLike] = None) -> Tensor:
    """Compute the share of pairs of a label and a candidate in which both are the same class.

    Example:

        labels = tf.constant([3, 1, 4])
        sampled = tf1_sampled.log_uniform_candidate_sampler(labels, 1, 64, False, 1000)
        rate = tf1_sampled.accidental_hit_rate(labels, sampled.sampled_candidates)

    Args:
      labels: integer [B], or for groups [G, J].
      sampled_candidates: integer [S], or [H, S] with one set for each G / H consecutive groups.
      label_mask: None, or boolean of the shape of `labels`: False for padding.

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


def compute_accidental_hits(true_classes: TensorLike, sampled_candidates: TensorLike, num_true: Integer,
                            seed: Seed = None,
                            name: Optional[str] = None) -> Tuple[Tensor, Tensor, Tensor]:
    """Return the candidates that are a label of an example, as a sparse mask of the logits [B, S].

    The losses of this package remove hits themselves. Use this function for logits of your own, on any
    device. A candidate that was drawn twice is two hits; `tf.nn.compute_accidental_hits` finds one.

    Example:

        labels, logits = tf.constant([[3], [1], [4]], tf.int64), tf.random_normal([3, 4])
        indices, ids, weights = tf1_sampled.compute_accidental_hits(labels, tf.range(1, 5), 1)
        logits += tf.scatter_nd(tf.stack([tf.cast(indices, tf.int64), ids], 1), weights,
                                tf.shape(logits, out_type=tf.int64))

    Args:
      true_classes: integer [B, num_true].
      sampled_candidates: int64 [S].
      num_true: integer T.
      seed: ignored; `tf.nn` has it.
      name: string or None, of the name scope.

    Returns:
      indices: int32 [H], the example of each hit.
      ids: int64 [H], the position of the candidate in sampled_candidates.
      weights: float32 [H], the lowest float32, which is added to the logit.

    Raises:
      InputError: true_classes or sampled_candidates of another shape or type.

    Reference: tf.nn.compute_accidental_hits.
    """
    del seed
    function = "compute_accidental_hits"
    with tf.name_scope(name, function):
        num_true = checks.positive(function, "num_true", num_true)
        labels, sampled = [
            tf.cast(class_ids.id_tensor(function, *argument), tf.int64) for argument in (
                ("true_classes", true_classes), ("sampled_candidates", sampled_candidates))]
        checks.argument(sampled.shape.rank == 1, function, "sampled_candidates", "shape [S]",
                        sampled.shape)
        checks.argument(labels.shape.rank == 2 and labels.shape.is_compatible_with([None, num_true]),
                        function, "true_classes", "shape [B, %d]" % num_true, labels.shape)
        places = tf.where(matches.hits_of(tf.ensure_shape(labels, [None, num_true]), sampled))
        lowest = tf.fill(tf.shape(places)[:1], tf.constant(tf.float32.min, tf.float32))
        return tf.cast(places[:, 0], tf.int32), places[:, 1], lowest


def lookup(params: Table, ids: TensorLike, partition_strategy: PartitionStrategy = "mod",
           dtype: Optional[DType] = None) -> Tensor:
    """Return rows of a table: a tensor, a list of shards, a PartitionedVariable, or a sum of tables.

    The parts of a PartitionedVariable are contiguous, so it is always read as "div": "mod" would return
    the rows of other classes.

    Example:

        table = tf.get_variable("table", [1000, 16])
        rows = tf1_sampled.lookup(tf1_sampled.UnitRows(table), tf.constant([3, 1, 4]))

    Args:
      params: [C, ...], a list of shards of it, a PartitionedVariable, SummedRows, AddedRows, or
        UnitRows of one of these.
      ids: int32 or int64, of any shape.
      partition_strategy: "mod" or "div", how a list of shards is divided.
      dtype: None, or the type that the rows are cast to.

    Returns:
      float, of shape ids.shape + [...].

    Reference: tf.nn.embedding_lookup.
    """
    if isinstance(params, UnitRows):
        return tf.nn.l2_normalize(lookup(params.params, ids, partition_strategy, dtype), -1)
    if isinstance(params, AddedRows):
        return (lookup(params.params, ids, partition_strategy, dtype)
                + lookup(params.others, ids, partition_strategy, dtype))
    if isinstance(params, SummedRows):
        rows = lookup(params.params, ids, partition_strategy, dtype)
        ids = tf.reshape(ids, [-1])
        sums = _with_features(params, tf.reshape(rows, [tf.size(ids), -1]), ids, partition_strategy)
        return tf.reshape(sums, tf.shape(rows))
    checks.one_of("lookup", "partition_strategy", partition_strategy, {"mod", "div"})
    if _is_partitioned(params):
        # Read each row once: the parts may be on other machines.
        unique = tf.unique(tf.reshape(ids, [-1]))
        rows = tf.nn.embedding_lookup(_parts_of(params), unique.y, partition_strategy="div")
        rows = tf.gather(rows, tf.reshape(unique.idx, tf.shape(ids)))
    else:
        rows = tf.nn.embedding_lookup(params, ids, partition_strategy=partition_strategy)
    return rows if dtype is None else tf.cast(rows, dtype)


def _with_features(table, rows, ids, partition_strategy):
    """Return the rows of SummedRows, [n, D], for the own rows [n, D] of the classes `ids` [n]."""
    dtype = rows.dtype
    first = table.starts.gather(ids)
    length = table.starts.gather(ids + 1) - first
    row = tf.repeat(tf.range(tf.size(ids, out_type=tf.int64)), length)  # [m], of each feature
    places = tf.range(tf.size(row, out_type=tf.int64)) + tf.gather(
        first - tf.cumsum(length, exclusive=True), row)
    # Read each feature once: many classes share it, and its gradient has one row.
    unique = tf.unique(table.ids.gather(places), tf.int64)
    wide = tf.float64 if dtype == tf.float64 else tf.float32
    features = lookup(table.features, unique.y, partition_strategy, wide)
    weights = tf.cast(table.weights.gather(places), wide)
    shape = tf.stack([tf.size(ids, out_type=tf.int64), tf.size(unique.y, out_type=tf.int64)])
    sums = tf.sparse.sparse_dense_matmul(
        tf.SparseTensor(tf.stack([row, unique.idx], 1), weights, shape), features)
    sums, has_own = tf.cast(sums, dtype), tf.cast(ids < table.num_own, dtype)[:, None]
    # A class from num_own on is never a label. As a negative it would only push down its features.
    return (rows + sums) * has_own + tf.stop_gradient(sums) * (1 - has_own)


def _is_partitioned(params):
    return hasattr(params, "_get_partitions")  # the class itself has no public name


def _parts_of(params: Any) -> List[Any]:
    """Return the parts of a PartitionedVariable, or the shards of a list."""
    return list(params)


def whole_table(params: Table, num_classes: Integer, partition_strategy: PartitionStrategy = "mod",
                dtype: Optional[DType] = None) -> Tensor:
    """Return the rows 0 .. num_classes - 1 of a table that `lookup` takes, in the order of their ids.

    Example:

        shards = [tf.get_variable("even", [500, 16]), tf.get_variable("odd", [500, 16])]
        weights = tf1_sampled.whole_table(shards, 1000)

    Args:
      params: [C, ...], a list of shards of it, a PartitionedVariable, SummedRows, AddedRows, or
        UnitRows of one of these.
      num_classes: integer C. Further rows, as in a padded table, are left out.
      partition_strategy: "mod" or "div", how a list of shards is divided.
      dtype: None, or the type that the rows are cast to.

    Returns:
      float [C, ...].

    Raises:
      InputError: a table with fewer rows.
    """
    if isinstance(params, UnitRows):
        table = whole_table(params.params, num_classes, partition_strategy, dtype)
        return tf.nn.l2_normalize(table, -1)
    if isinstance(params, AddedRows):
        return (whole_table(params.params, num_classes, partition_strategy, dtype)
                + whole_table(params.others, num_classes, partition_strategy, dtype))
    if isinstance(params, SummedRows):
        table = whole_table(params.params, num_classes, partition_strategy, dtype)
        return _with_features(params, table, tf.range(num_classes), partition_strategy)
    rows = _static_shape(params)[0]
    checks.argument(rows is None or num_classes <= rows, "whole_table", "num_classes",
                    "at most the %s rows of the table" % rows, num_classes)
    if isinstance(params, (list, tuple)):
        return lookup(params, tf.range(num_classes), partition_strategy, dtype)
    table = tf.convert_to_tensor(params)
    table = table if rows == num_classes else table[:num_classes]
    return table if dtype is None else tf.cast(table, dtype)


def check_tables(function: str, weights: Table, biases: Optional[Table], inputs: Tensor,
                 num_classes: Optional[Integer] = None) -> None:
    """Raise InputError if tables, inputs and num_classes do not fit together by their static shapes.

    Args:
      function: string, for the message.
      weights, biases: as `compute_sampled_logits`.
      inputs: float [..., D].
      num_classes: integer or None.
    """
    rows, *width = _static_shape(weights)
    checks.argument(len(width) in (0, 1), function, "weights", "shape [C, D]", [rows] + width)
    width = width[0] if width else None
    got = None if inputs.shape.rank is None else tf.compat.dimension_value(inputs.shape[-1])
    checks.argument(width is None or got in (None, width), function, "inputs",
                    "the width of the rows of weights, %s" % width, got)
    if num_classes is not None:
        checks.argument(rows is None or num_classes <= rows, function, "num_classes",
                        "at most the %s rows of weights" % rows, num_classes)
    if biases is not None:
        bias_rows, *rest = _static_shape(biases)
        checks.argument(not rest, function, "biases", "shape [C]", [bias_rows] + rest)
        checks.argument(bias_rows is None or num_classes is None or num_classes <= bias_rows, function,
                        "biases", "an element for each of num_classes = %s" % num_classes, bias_rows)


def _static_shape(params: Table) -> List[Any]:
    """Return the static shape [rows, ...] of a table that `lookup` takes, None for an unknown size.

    An unknown rank gives [None].
    """
    if isinstance(params, (UnitRows, SummedRows, AddedRows)):
        return _static_shape(params.params)
    if isinstance(params, (list, tuple)) and not _is_partitioned(params):
        shapes = [_static_shape(shard) for shard in params]
        rows = [shape[0] for shape in shapes]
        return [None if None in rows else sum(rows)] + shapes[0][1:]
    shape = tf.TensorShape(params.shape if hasattr(params, "shape") else np.shape(params))
    return [None] if not shape.rank else shape.as_list()


def check_batch(function: str, labels: Tensor, inputs: Tensor) -> None:
    """Raise InputError if labels [B, T] and inputs [B, D] differ in B by their static shapes."""
    batch, size = (tf.compat.dimension_value(tensor.shape[0]) for tensor in (inputs, labels))
    checks.argument(batch is None or size in (None, batch), function, "labels",
                    "labels of %s examples, as inputs" % batch, size)


def _check_counts(function, labels, sampled, true_count, sampled_count):
    """Raise InputError if labels and sampled_values do not fit together by their static shapes."""
    counts = true_count.shape.num_elements()
    checks.argument(counts is None or labels.shape.num_elements() in (None, counts), function,
                    "sampled_values", "a true_expected_count for each label, %s" % labels.shape,
                    true_count.shape)
    rank = sampled_count.shape.rank
    fits = rank is None or rank in (1, 2) and sampled_count.shape[-1:].is_compatible_with(
        sampled.shape[-1:])
    checks.argument(fits, function, "sampled_values",
                    "a sampled_expected_count for each candidate, %s" % sampled.shape,
                    sampled_count.shape)
    batch = tf.compat.dimension_value(labels.shape[0])
    sets = tf.compat.dimension_value(sampled.shape[0]) if sampled.shape.rank == 2 else 1
    checks.argument(batch is None or sets is None or batch % max(sets, 1) == 0, function,
                    "sampled_values", "a number of sets that divides %s examples" % batch, sets)


def rows_and_biases(weights: Table, biases: Optional[Table], all_ids: List[Tensor],
                    partition_strategy: PartitionStrategy, dtype: DType) -> List[Tuple[Tensor, Tensor]]:
    """Return a list with (rows, biases) for each tensor of ids: ids.shape + [D] and ids.shape.

    There is one look-up for all ids, so that each table gets one sparse gradient.
    """
    flat = tf.concat([tf.reshape(ids, [-1]) for ids in all_ids], 0)
    sizes, shapes = [_size(ids) for ids in all_ids], [_dimensions(ids) for ids in all_ids]
    rows = lookup(weights, flat, partition_strategy, dtype)
    if rows.shape.rank is None:
        rows = tf.ensure_shape(rows, [None, None])
    width = _dimension(rows, 1)
    # The gradient of split is one concat; that of slices is a sum of padded copies.
    rows = [tf.reshape(part, tf.stack(shape + [width]))
            for part, shape in zip(tf.split(rows, sizes, 0), shapes)]
    if biases is None:
        return [(part, tf.zeros(tf.stack(shape), dtype)) for part, shape in zip(rows, shapes)]
    of_ids = tf.split(lookup(biases, flat, partition_strategy, dtype), sizes, 0)
    return [(part, tf.reshape(bias, tf.stack(shape))) for part, bias, shape in zip(rows, of_ids, shapes)]


def dtype_of(weights: Any, inputs: Tensor) -> DType:
    """Return the type in which logits are computed: float64 if weights or inputs are, else float32."""
    while isinstance(weights, (UnitRows, SummedRows, AddedRows, list, tuple)) or (
            _is_partitioned(weights)):
        is_made = isinstance(weights, (UnitRows, SummedRows, AddedRows))
        weights = weights.params if is_made else _parts_of(weights)[0]
    weights = weights if hasattr(weights, "dtype") else tf.convert_to_tensor(weights)
    dtypes = {tf.as_dtype(x.dtype).base_dtype for x in (weights, inputs)}
    wanted = (tf.float16, tf.bfloat16, tf.float32, tf.float64)
    checks.argument(dtypes <= set(wanted), "logits", "weights, inputs",
                    "types among " + ", ".join(d.name for d in wanted), sorted(d.name for d in dtypes))
    return tf.float64 if tf.float64 in dtypes else tf.float32


def _without_padding(true_logits, labels, label_mask):
    """Return true_logits and labels, both [B, T], with MASKED_LOGIT and the id -1 for padding."""
    dtype, num_true = true_logits.dtype, labels.shape.as_list()[1]
    # Not `_masked`, which adds: the logit of padding may be NaN or infinite.
    lowest = tf.fill(tf.shape(true_logits), tf.constant(MASKED_LOGIT[dtype], dtype))
    true_logits = tf.where(tf.reshape(label_mask, [-1, num_true]), true_logits, lowest)
    labels = tf.where(tf.reshape(label_mask, [-1, num_true]), labels, -tf.ones_like(labels))
    return true_logits, labels


def _offset(bias, count, subtract_log_q):
    """Return b - log Q for each candidate, or MASKED_LOGIT for a masked one."""
    offset = bias
    if count.shape.rank == 2 and bias.shape.rank == 1:  # each example has counts of its own
        offset += tf.zeros_like(count, bias.dtype)
    if subtract_log_q:
        offset -= tf.log(tf.cast(count, bias.dtype))
    return _masked(offset, count >= candidates.MASKED_COUNT)


def _masked(logits, mask):
    """Return logits to which MASKED_LOGIT is added where mask is True."""
    # The gradient of a sum needs no op, and the gradient of each loss by a masked logit is 0 already.
    return logits + tf.cast(mask, logits.dtype) * tf.constant(MASKED_LOGIT[logits.dtype], logits.dtype)


def _plus_without_hits(logits, offset, labels, sampled, num_classes, offset_is_trained):
    """Return logits + offset, masked where the candidate is one of the example's labels.

    Args:
      logits: float [B, S] or [G, R, S].
      offset: float, broadcasts to logits.
      labels: integer [B, T] or [G, R, T].
      sampled: integer [S] or [G, 1, S].
      num_classes: integer C.
      offset_is_trained: boolean, a hint for speed. Results and gradients do not depend on it.
    """
    dtype = logits.dtype
    exact = 1 << (24 if dtype == tf.float32 else 53)  # the type holds all integers up to this one
    if labels.shape.as_list()[-1] > 1 or num_classes > exact:
        return _masked(logits + offset, matches.hits_of(labels, sampled))
    # Integer comparisons and tf.where are slow. (huge label - huge candidate)^2 is 0 for a hit, else
    # infinite, as huge^2 overflows.
    huge = 2.0 ** (64 if dtype == tf.float32 else 512)
    beyond = tf.math.squared_difference(*[tf.cast(ids, dtype) * huge for ids in (labels, sampled)])
    beyond += MASKED_LOGIT[dtype]
    if offset_is_trained:  # the gradient of tf.minimum(offset, ...) would take two passes
        return logits + offset + tf.minimum(beyond, 0)
    return logits + tf.minimum(offset, beyond)  # in this order TensorFlow 1.15 keeps a NaN of the offset


def _size(tensor):
    """Return the number of elements: an integer if it is static, else a scalar tensor."""
    static = tensor.shape.num_elements()
    return tf.size(tensor) if static is None else static


def _dimensions(tensor):
    """Return the sizes of all dimensions: integers if they are static, else scalar tensors."""
    return [_dimension(tensor, axis) for axis in range(tensor.shape.rank)]


def _dimension(tensor, axis):
    """Return the size of a dimension: an integer if it is static, else a scalar tensor."""
    static = tf.compat.dimension_value(tensor.shape[axis])
    return tf.shape(tensor)[axis] if static is None else static
