"""Initial values of variables, and the variable scope of the library's own variables.

TensorFlow's graph optimizer replaces tf.zeros and tf.constant_initializer by a constant of the size of
the table, which stays in memory beside the table. The values of `filled` are computed when the variable
is initialized, and freed.

    weights = tf.get_variable("weights", [num_classes, dim], initializer=filled(0.0))
    counts = tf.get_variable("counts", [num_classes], initializer=from_memory(array))

All of them support partitioned variables: each part gets its own random numbers, or its rows of the
array.
"""
import contextlib

import tensorflow.compat.v1 as tf

from tf1_sampled import frozen

OWN_STATE = "tf1_sampled/own_state"  # collection of the library's own variables


def filled(value):
    """Return an initializer that sets all elements to one value, as tf.constant_initializer(value).

    Args:
      value: number.

    Returns:
      A function of shape and dtype, for tf.get_variable.
    """
    def initial(shape, dtype=tf.float32, partition_info=None):
        del partition_info
        # The graph optimizer does not fold tf.empty into a constant.
        zero = tf.raw_ops.Empty(shape=tf.constant([], tf.int32), dtype=tf.float32, init=True)
        return tf.fill(shape, tf.cast(zero + value, dtype))
    return initial


def from_memory(array):
    """Return an initializer of an array: a constant of the graph, or a file beyond 64 MiB.

    Args:
      array: numpy array.

    Returns:
      A function of shape and dtype, for tf.get_variable; without arguments, for tf.Variable.
    """
    def initial(shape=None, dtype=None, partition_info=None):
        part = array
        if partition_info is not None:
            first = partition_info.var_offset[0]
            part = array[first:first + shape[0]]
        tensor = frozen.Frozen(part, "initial_value").tensor
        return tensor if dtype is None else tf.cast(tensor, dtype)
    return initial


@contextlib.contextmanager
def own_state():
    """Enter the current variable scope for the library's own variables.

    A variable of the same name is shared. The scope's regularizer, partitioner, custom getter and
    caching device are for the caller's variables, and do not apply.

    Yields:
      tf.VariableScope.
    """
    with tf.variable_scope(tf.get_variable_scope(), reuse=tf.AUTO_REUSE) as scope:
        scope.set_regularizer(None)
        scope.set_partitioner(None)
        scope.set_custom_getter(None)
        scope.set_caching_device(None)
        yield scope


def random_uniform(limit, seed):
    """Return an initializer that draws uniformly from -limit to limit, as tf.random_uniform_initializer.

    Args:
      limit: float.
      seed: integer or None.

    Returns:
      A function of shape and dtype, for tf.get_variable.
    """
    return _random(tf.random_uniform_initializer, -limit, limit, seed)


def random_normal(deviation, seed):
    """Return an initializer that draws normal numbers with mean 0, as tf.random_normal_initializer.

    Args:
      deviation: float, the standard deviation.
      seed: integer or None.

    Returns:
      A function of shape and dtype, for tf.get_variable.
    """
    return _random(tf.random_normal_initializer, 0, deviation, seed)


def _random(make, low_or_mean, high_or_deviation, seed):
    def initial(shape, dtype=tf.float32, partition_info=None):
        # Parts of the same shape would be equal with the same seed.
        first = 0 if partition_info is None else partition_info.var_offset[0]
        return make(low_or_mean, high_or_deviation, None if seed is None else seed + first)(shape, dtype)
    return initial
