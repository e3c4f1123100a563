"""Checks of ids while the graph runs, in the wording of `checks`.

    labels = ids_below(labels, num_classes, "nce_loss", "labels")

A wrong constant id is an InputError while the graph is built. Any other wrong id is an
InvalidArgumentError in the session:

    assertion failed: [nce_loss: labels: wanted ids from 0 to 9999, got] [12345]

The check is a few ops on two numbers. Its text is placed on the host, as other devices have no strings.
XLA does not compile assertions: it leaves them out.
"""
from typing import Any

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import checks
from tf1_sampled.type_names import Integer, Tensor


def ids_below(ids: Tensor, num_classes: Integer, function: str, argument: str) -> Tensor:
    """Return `ids`, checked to be in 0 .. num_classes - 1.

    Args:
      ids: int32 or int64, of any shape.
      num_classes: integer C.
      function, argument: strings, for the message.

    Returns:
      ids; an id out of range is an error in the session.

    Raises:
      InputError: an id out of range, where ids are constant.
    """
    wanted = "ids from 0 to %d" % (num_classes - 1)
    value = tf.get_static_value(ids)
    if value is not None:
        wrong = value[(value < 0) | (value >= num_classes)]
        checks.argument(not wrong.size, function, argument, wanted, wrong[:5].tolist())
        return ids
    wide = tf.cast(ids, tf.int64)
    # reduce_min has no GPU kernel for integers: min(x) = ~max(~x), with ~ the inversion of all bits.
    largest = tf.reduce_max(wide)
    smallest = tf.bitwise.invert(tf.reduce_max(tf.bitwise.invert(wide)))
    # Without any id, smallest is the largest int64 and largest the smallest, which fits.
    fits = tf.logical_and(smallest >= 0, largest < num_classes)
    return holds(fits, tf.where(smallest < 0, smallest, largest), ids,
                 function=function, argument=argument, wanted=wanted)


def whole(ids: Tensor, function: str, argument: str) -> Tensor:
    """Return float `ids`, checked to be whole numbers, as int64.

    Args:
      ids: float, of any shape.
      function, argument: strings, for the message.

    Returns:
      int64, of the shape of ids; an id that is not whole is an error in the session.

    Raises:
      InputError: an id that is not whole, where ids are constant.
    """
    wanted = "whole numbers as ids"
    rounded = tf.cast(ids, tf.int64)
    value = tf.get_static_value(ids)
    if value is not None:
        value = value.astype(np.float64)
        wrong = value[~np.isfinite(value) | (value != np.floor(value))]
        checks.argument(not wrong.size, function, argument, wanted, wrong[:5].tolist())
        return rounded
    wide = tf.cast(ids, tf.float64)
    is_whole = tf.equal(tf.cast(rounded, tf.float64), wide)
    wrong = tf.reduce_max(tf.where(is_whole, tf.zeros_like(wide), tf.abs(wide)))
    return holds(tf.reduce_all(is_whole), wrong, rounded,
                 function=function, argument=argument, wanted=wanted)


def ids_with_counts(ids: Tensor, counts: Tensor, never: Any, function: str, argument: str) -> Tensor:
    """Return `counts`, checked to be above 0, so that their logarithms are finite.

    Args:
      ids: int32 or int64, of any shape.
      counts: float, of the shape of ids.
      never: numpy boolean [C], the ids whose count is 0.
      function, argument: strings, for the message, which names the id.

    Returns:
      counts; a count of 0 is an error in the session.

    Raises:
      InputError: an id with the count 0, where ids are constant.
    """
    wanted = "ids that can be drawn, with a count above 0"
    value = tf.get_static_value(ids)
    if value is not None:
        checks.argument(not never[value].any(), function, argument, wanted,
                        value[never[value]][:5].tolist())
    none = tf.constant(-1, tf.int64)
    wrong = tf.where(counts > 0, tf.fill(tf.shape(ids), none), tf.cast(ids, tf.int64))
    wrong = tf.reduce_max(tf.concat([[none], tf.reshape(wrong, [-1])], 0))
    return holds(wrong < 0, wrong, counts, function=function, argument=argument, wanted=wanted)


def holds(condition: Tensor, got: Tensor, result: Tensor, function: str, argument: str,
          wanted: str) -> Tensor:
    """Return `result`, with an error in the session unless `condition` holds.

    Args:
      condition: boolean scalar.
      got: integer scalar, for the message.
      result: a tensor.
      function, argument, wanted: strings, for the message.

    Returns:
      A tensor with the value of result.
    """
    with tf.device("/device:CPU:0"):
        text = tf.constant("%s: %s: wanted %s, got" % (function, argument, wanted))
    checked = tf.raw_ops.Assert(condition=condition, data=[text, got])
    with tf.control_dependencies([checked]):
        return tf.identity(result)
