"""Counting of labels for learned distributions. The training step counts; drawing alone does not.

In a graph the ops that count are in the collection tf.GraphKeys.UPDATE_OPS, and the training step must
run them. In eager mode and in a tf.function labels are counted at once.
"""
import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import checks


def count_labels(function, labels, distributions, values, learn):
    """Return `values`, and have each distribution that learns count the labels after drawing.

    Args:
      function: string, for the message.
      labels: Labels; padding is not counted.
      distributions: list of distributions. Those with a method `observe` learn.
      values: SampledValues, computed before the labels are counted.
      learn: True, False, or None: False in a variable scope with reuse=True, as in a second tower, else
        True. Replicas of a tf.distribute.Strategy, which reuse variables too, learn together.

    Raises:
      InputError: learn of another type; counting in a loop or a condition of a graph.
    """
    learners = [distribution for i, distribution in enumerate(distributions)
                # A distribution of both the frequencies and the draws counts once.
                if hasattr(distribution, "observe") and distribution not in distributions[:i]]
    if learn is None:
        is_replica = tf.distribute.has_strategy() and not tf.distribute.in_cross_replica_context()
        learn = is_replica or tf.get_variable_scope().reuse is not True
    checks.argument(isinstance(learn, (bool, np.bool_)), function, "learn", "True, False or None",
                    learn)
    if not learners or not learn:
        return values
    counts_at_once = tf.executing_eagerly() or _runs_all_ops(tf.get_default_graph())
    checks.argument(counts_at_once or _is_outermost(tf.get_default_graph()), function, "learn",
                    "False in a loop or a condition of a graph, where no training step finds the op "
                    "that counts; call the distribution's observe(ids) outside of it", learn)
    with tf.control_dependencies(values):
        ids = labels.ids if labels.mask is None else tf.boolean_mask(labels.ids, labels.mask)
        updates = [distribution.observe(ids) for distribution in learners]
    if not counts_at_once:
        for update in updates:
            tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, update)
    return values


def _runs_all_ops(graph):
    """Return whether this is the graph of a tf.function, which runs each op that changes a variable."""
    return graph.building_function and graph._add_control_dependencies


def _is_outermost(graph):
    """Return whether new ops of the graph are outside of loops and conditions."""
    return not graph.building_function and graph._get_control_flow_context() is None
