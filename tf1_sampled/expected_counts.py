"""Expected counts: the expected number of times that a class is among the candidates of some draws.

    once=False      Q(k) = sum over sources of S P(k)
    once=True       Q(k) = 1 - product over sources of (1 - P(k))^S, where each class is a candidate once

A source is a set of S draws from a distribution P (see `draws`).
"""
from typing import Any, List

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import graph_checks
from tf1_sampled.candidates import MASKED_COUNT, SampledValues


def sampled_values(function, labels, sources, ids, masked, once, num_groups):
    """Return the candidates of all sources together with their expected counts.

    Args:
      function: string, for the message.
      labels: Labels.
      sources: list of Draws.
      ids: int64 [N] or [G, N], the candidates.
      masked: boolean, of the shape of ids, or None where no candidate is masked.
      once: boolean, whether a class is a candidate once at most.
      num_groups: integer G, or None.

    Returns:
      SampledValues. A label that is padding has the expected count 1.

    Raises:
      InputError: a constant label that no source can draw. Other labels are an error in the session.
    """
    true_count = _after(labels, _expected_count(labels.ids, sources, once, num_groups))
    sampled_count = _expected_count(ids, sources, once, num_groups)
    if labels.mask is not None:
        true_count = tf.where(labels.mask, true_count, tf.ones_like(true_count))
    if masked is not None:
        sampled_count = tf.where(masked, tf.fill(tf.shape(ids), MASKED_COUNT), sampled_count)
    nevers: List[Any] = [getattr(source.distribution, "never", None) for source in sources]
    if all(never is not None for never in nevers):
        true_count = graph_checks.ids_with_counts(labels.ids, true_count, np.logical_and.reduce(nevers),
                                                function, "true_classes")
    return SampledValues(ids, true_count, sampled_count)


def all_classes(num_classes, labels, num_groups):
    """Return the SampledValues of all classes as candidates, each with the expected count 1."""
    ids = tf.range(num_classes, dtype=tf.int64)
    if num_groups is not None:
        ids = tf.tile(ids[None], [num_groups, 1])
    return SampledValues(ids, _after(labels, tf.ones(tf.shape(labels.ids))), tf.ones(tf.shape(ids)))


def _expected_count(ids, sources, once, num_groups):
    """Return the expected count of each id among the candidates of all sources: float32."""
    grouped = ids if num_groups is None else tf.reshape(ids, [num_groups, -1])
    # Rounding must not make a probability exceed 1.
    probs = [tf.exp(tf.minimum(source.distribution.log_prob(grouped), 0)) for source in sources]
    if once:
        # x * -1 instead of -x: TensorFlow fuses unary ops into a loop without SIMD.
        missed = [source.number * tf.math.log1p(prob * -1.0) for source, prob in zip(sources, probs)]
        count = tf.math.expm1(sum(missed[1:], missed[0])) * -1.0
    else:
        counts = [source.number * prob for source, prob in zip(sources, probs)]
        count = sum(counts[1:], counts[0])
    if num_groups is not None:
        count = tf.reshape(count, tf.shape(ids))
        count.set_shape(ids.shape)
    return count


def _after(labels, true_count):
    """Return `true_count`, computed after the checks of the labels."""
    with tf.control_dependencies([labels.ids]):
        return tf.identity(true_count)
