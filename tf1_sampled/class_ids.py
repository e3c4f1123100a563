"""Checks of class ids and labels, which become tensors of one type with 0 for padding.

    ids = id_tensor("nce_loss", "labels", labels)
    labels = label_tensor("nce_loss", "labels", labels, num_true, num_classes, label_mask)

A constant id out of range is an InputError, any other an error in the session (see `graph_checks`).
"""
from typing import NamedTuple, Optional

import tensorflow.compat.v1 as tf

from tf1_sampled import checks, graph_checks
from tf1_sampled.type_names import Integer, Tensor, TensorLike


class Labels(NamedTuple):
    """The checked labels of a batch.

      ids: int32 or int64, of any shape; 0 for padding.
      mask: boolean of the shape of ids, False for padding; or None where all are labels.
    """

    ids: Tensor
    mask: Optional[Tensor]


def id_tensor(function: str, name: str, ids: TensorLike) -> Tensor:
    """Return `ids` as a tensor of int32 or int64. Other integers and whole floats are cast to int64.

    Args:
      function, name: strings, for the message.
      ids: integers, or floats that are whole numbers, of any shape.

    Returns:
      int32 or int64, of the shape of ids.

    Raises:
      InputError: another type, constant floats that are not whole numbers.
    """
    ids = tf.convert_to_tensor(ids)
    checks.argument(ids.dtype.is_integer or ids.dtype.is_floating, function, name, "integer ids",
                    ids.dtype.name)
    if ids.dtype.is_floating:
        return graph_checks.whole(ids, function, name)
    return ids if ids.dtype in (tf.int32, tf.int64) else tf.cast(ids, tf.int64)


def label_tensor(function: str, name: str, labels: TensorLike, num_true: Integer, num_classes: Integer,
                 label_mask: Optional[TensorLike] = None) -> Tensor:
    """Check the type, shape and ids of `labels`, and return them as a tensor with 0 for padding.

    Args:
      function, name: strings, for the message.
      labels: integers, or floats that are whole numbers, [..., num_true]; or flat, [B * num_true], which
        becomes [B, num_true] where num_true is not 1.
      num_true: integer T.
      num_classes: integer C.
      label_mask: None, or boolean of the shape of labels: False for padding.

    Returns:
      int32 or int64 [..., num_true], or [B].

    Raises:
      InputError: another type, another last dimension than num_true, a mask of another type or shape, or
        a constant id out of range.
    """
    num_true = checks.positive(function, "num_true", num_true)
    labels = id_tensor(function, name, labels)
    rank = labels.shape.rank
    last = None if not rank else tf.compat.dimension_value(labels.shape[-1])
    fits = rank is None or rank >= 2 and last in (None, num_true) or (
        rank == 1 and (last is None or last % num_true == 0))
    checks.argument(fits, function, name, "shape [B, num_true] with num_true = %d" % num_true,
                    labels.shape.as_list() if rank is not None else None)
    labels = _without_padding(function, name, labels, num_classes, label_mask)
    return tf.reshape(labels, [-1, num_true]) if rank == 1 and num_true > 1 else labels


def labels_of(function: str, true_classes: TensorLike, num_true: Integer, range_max: int,
              num_groups: Optional[int], label_mask: Optional[TensorLike]) -> Labels:
    """Check the `true_classes` of a sampler, and return them as Labels.

    Args:
      function: string, for the message.
      true_classes: labels as in `label_tensor`; with num_groups, of any shape whose first dimension is a
        multiple of num_groups.
      num_true: integer T.
      range_max: integer, the number of classes.
      num_groups: integer G, or None.
      label_mask: None, or boolean of the shape of true_classes: False for padding.

    Raises:
      InputError: an error of `label_tensor`; a first dimension that num_groups does not divide.
    """
    if num_groups is None:
        ids = label_tensor(function, "true_classes", true_classes, num_true, range_max,
                           label_mask=label_mask)
    else:
        # Labels of groups may be [G, J]: their shape does not depend on num_true.
        checks.positive(function, "num_true", num_true)
        ids = id_tensor(function, "true_classes", true_classes)
        size = None if not ids.shape.rank else tf.compat.dimension_value(ids.shape[0])
        checks.argument(size is None or size % num_groups == 0, function, "true_classes",
                        "a first dimension that is a multiple of num_groups = %d" % num_groups, size)
        ids = _without_padding(function, "true_classes", ids, range_max, label_mask)
    return Labels(ids, None if label_mask is None else tf.reshape(label_mask, tf.shape(ids)))


def _without_padding(function, name, labels, num_classes, label_mask):
    """Check the mask and the ids, and return `labels` with 0 where label_mask is False."""
    if label_mask is not None:
        label_mask = tf.convert_to_tensor(label_mask)
        checks.argument(label_mask.dtype == tf.bool, function, "label_mask", "booleans",
                        label_mask.dtype.name)
        checks.argument(label_mask.shape.is_compatible_with(labels.shape), function, "label_mask",
                        "the shape of %s, %s" % (name, labels.shape), label_mask.shape)
        labels = tf.where(label_mask, labels, tf.zeros_like(labels))
    return graph_checks.ids_below(labels, num_classes, function, name)
