"""Sampled candidates: the values that a sampler returns, and functions that change them.

    sampled = log_uniform_candidate_sampler(labels, 1, 64, "masked", num_classes)
    sampled = with_certain(sampled, labels, hard_negatives, num_classes)
    sampled = without_classes(sampled, excluded)          # or without_known

A masked candidate has the expected count MASKED_COUNT, the largest float32. The losses of this package
leave it out.
"""
from typing import NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import checks, class_ids, graph_checks, matches
from tf1_sampled.type_names import Integer, SampledLike, Tensor, TensorLike

MASKED_COUNT = np.finfo(np.float32).max


class SampledValues(NamedTuple):
    """The return value of a sampler, which a loss takes as `sampled_values`.

      sampled_candidates: int64 [S] or [G, S], the sampled class ids.
      true_expected_count: float32, of the shape of true_classes.
      sampled_expected_count: float32, of the shape of sampled_candidates; the largest float32 where a
        candidate is masked.
    """

    sampled_candidates: Tensor
    true_expected_count: Tensor
    sampled_expected_count: Tensor


def without_known(sampled_values: SampledLike, known_classes: TensorLike, known_rows: TensorLike,
                  rows: TensorLike) -> SampledValues:
    """Mask, for each example, the candidates that are known positives of its row.

    In a recommender a row is a user with many items. Each item is the label of one example, and the
    user's other items must not be negatives of this example.

    Example:

        labels, users = tf.constant([[3], [1], [4]]), tf.constant([0, 0, 1])
        sampled = tf1_sampled.log_uniform_candidate_sampler(labels, 1, 64, False, 1000)
        sampled = tf1_sampled.without_known(sampled, tf.reshape(labels, [-1]), users, rows=users)

    Args:
      sampled_values: the return value of a sampler, candidates [S].
      known_classes: int32 or int64 [K], the known positives.
      known_rows: int32 or int64 [K], the row of each known positive, an integer from 0.
      rows: int32 or int64 [B], the row of each example.

    Returns:
      SampledValues with sampled_expected_count [B, S]: the largest float32 where the candidate is masked
      for the example. Only the losses of this package take counts of this shape.

    Raises:
      InputError: candidates of another shape, known_classes of another type.
    """
    with tf.name_scope("without_known"):
        sampled, true_count, sampled_count = _of_one_set("without_known", sampled_values)
        known_classes = class_ids.id_tensor("without_known", "known_classes", known_classes)
        known_classes = tf.cast(known_classes, sampled.dtype)
        rows = tf.cast(rows, tf.int64)
        known_rows = tf.cast(known_rows, tf.int64)
        num_rows = tf.reduce_max(tf.concat([[-1], rows, known_rows], 0)) + 1
        # Few of the K S pairs are equal: scatter only those, by row and candidate.
        hits = tf.where(tf.equal(known_classes[:, None], sampled))  # [H, 2]
        places = tf.stack([tf.gather(known_rows, hits[:, 0]), hits[:, 1]], 1)
        shape = tf.stack([num_rows, tf.size(sampled, out_type=tf.int64)])
        known = tf.scatter_nd(places, tf.ones(tf.shape(places)[:1]), shape)
        counts = _masked_count(sampled_count, known > 0)
        counts = tf.ensure_shape(tf.gather(counts, rows), [None, sampled.shape[0]])
        return SampledValues(sampled, true_count, counts)


def without_classes(sampled_values: SampledLike, excluded_classes: TensorLike) -> SampledValues:
    """Mask, for each example, the candidates that the example excludes.

    Example:

        labels = tf.constant([[3], [1], [4]])
        sampled = tf1_sampled.log_uniform_candidate_sampler(labels, 1, 64, False, 1000)
        sampled = tf1_sampled.without_classes(sampled, tf.constant([[1, 5], [9, 2], [6, -1]]))

    Args:
      sampled_values: the return value of a sampler, candidates [S].
      excluded_classes: integer [B, E]; negative numbers are padding and exclude nothing.

    Returns:
      SampledValues with sampled_expected_count [B, S]: the largest float32 where the candidate is masked
      for the example. Only the losses of this package take counts of this shape.

    Raises:
      InputError: candidates or excluded_classes of another shape or type.
    """
    function = "without_classes"
    with tf.name_scope(function):
        sampled, true_count, sampled_count = _of_one_set(function, sampled_values)
        excluded = class_ids.id_tensor(function, "excluded_classes", excluded_classes)
        checks.argument(excluded.shape.rank == 2, function, "excluded_classes", "shape [B, E]",
                        excluded.shape)
        hits = matches.hits_of(tf.cast(excluded, sampled.dtype), sampled)
        return SampledValues(sampled, true_count, _masked_count(sampled_count, hits))


def with_certain(sampled_values: SampledLike, true_classes: TensorLike, certain_classes: TensorLike,
                 num_classes: Integer) -> SampledValues:
    """Add classes that are candidates in every step, such as the hardest negatives of a model.

    A certain class is in the sample with probability 1, so its expected count is 1. The sum of exp(s)
    over all classes splits in two parts: the sum over the certain classes H is exact, and the draws
    estimate the sum over all other classes. A draw that is in H is masked. The losses estimate the same
    value as without certain classes, with less noise where the classes of H have a large part of the
    sum.

    Example:

        labels = tf.constant([[3], [1], [4]])
        sampled = tf1_sampled.log_uniform_candidate_sampler(labels, 1, 64, "masked", 1000)
        sampled = tf1_sampled.with_certain(sampled, labels, tf.constant([5, 9, 2]), 1000)

    Args:
      sampled_values: the return value of a sampler for true_classes, candidates [S].
      true_classes: integer [B, num_true] or [B].
      certain_classes: integer [H], the classes to add; repeats are masked.
      num_classes: integer C.

    Returns:
      SampledValues, candidates [H + S].

    Raises:
      InputError: candidates or certain_classes of another shape or type, constant ids out of range.
      tf.errors.InvalidArgumentError: in the session, an id that is not in 0 .. num_classes - 1.
    """
    function = "with_certain"
    with tf.name_scope(function):
        sampled, true_count, sampled_count = _of_one_set(function, sampled_values)
        num_classes = checks.positive(function, "num_classes", num_classes)

        def checked(name, ids):
            ids = class_ids.id_tensor(function, name, ids)
            return tf.cast(graph_checks.ids_below(ids, num_classes, function, name), sampled.dtype)

        certain = checked("certain_classes", certain_classes)
        labels = checked("true_classes", true_classes)
        checks.argument(certain.shape.rank == 1, function, "certain_classes", "shape [H]", certain.shape)

        def is_certain(ids):
            return tf.reduce_any(tf.equal(ids[..., None], certain), -1)

        repeats = tf.logical_not(matches.first_of_its_kind(certain, num_classes))
        return SampledValues(
            tf.concat([certain, sampled], 0),
            tf.where(is_certain(tf.reshape(labels, tf.shape(true_count))), tf.ones_like(true_count),
                     true_count),
            tf.concat([_masked_count(tf.ones(tf.shape(certain), sampled_count.dtype), repeats),
                       _masked_count(sampled_count, is_certain(sampled))], 0))


def _of_one_set(function, sampled_values):
    """Return `sampled_values`; raise InputError unless the candidates are [S], one set for all."""
    shape = sampled_values[0].shape
    checks.argument(shape.rank == 1, function, "sampled_values", "candidates of shape [S]", shape)
    return sampled_values


def _masked_count(count, mask):
    """Return `count` in the mask's shape, with the largest float32 where the mask is True."""
    largest = tf.fill(tf.shape(mask), tf.constant(MASKED_COUNT, count.dtype))
    return tf.where(mask, largest, tf.broadcast_to(count, tf.shape(mask)))
