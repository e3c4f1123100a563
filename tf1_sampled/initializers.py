"""Initial values that the graph does not hold.

A constant of a table's size counts toward the GraphDef's limit of 2 GB, and TensorFlow makes one of
tf.zeros and tf.constant_initializer too, when it optimizes the graph: it then stays in memory beside
the table. What `filled` and `from_memory` return is computed when the variable is initialized.

    weights = tf.get_variable("weights", [num_classes, dim], initializer=filled(0.0))
    counts = tf.get_variable("counts", [num_classes], initializer=from_memory(array))

All know the parts of a partitioned variable: its rows start as different numbers, or as those in memory.
"""
import tensorflow.compat.v1 as tf


def filled(value):
    """An initializer of one value, as tf.constant_initializer(value).

    Args:
      value: number.

    Returns:
      A function of shape and dtype, for tf.get_variable.
    """
    def initial(shape, dtype=tf.float32, partition_info=None):
        del partition_info
        # Empty is what the optimizer does not take for a constant.
        zero = tf.raw_ops.Empty(shape=tf.constant([], tf.int32), dtype=tf.float32, init=True)
        return tf.fill(shape, tf.cast(zero + value, dtype))
    return initial


def from_memory(array):
    """An initial value that is an array in the memory of the process that builds the graph.

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
        tensor = tf.numpy_function(lambda: part, [], array.dtype)
        tensor.set_shape(part.shape)
        return tensor if dtype is None else tf.cast(tensor, dtype)
    return initial


def random_uniform(limit, seed):
    """An initializer of uniforms from -limit to limit, as tf.random_uniform_initializer.

    Args:
      limit: float.
      seed: integer or None.

    Returns:
      A function of shape and dtype, for tf.get_variable.
    """
    return _random(tf.random_uniform_initializer, -limit, limit, seed)


def random_normal(deviation, seed):
    """The same of normal numbers with mean 0, as tf.random_normal_initializer."""
    return _random(tf.random_normal_initializer, 0, deviation, seed)


def _random(make, low_or_mean, high_or_deviation, seed):
    def initial(shape, dtype=tf.float32, partition_info=None):
        # Of one seed, parts of one shape would be alike.
        first = 0 if partition_info is None else partition_info.var_offset[0]
        return make(low_or_mean, high_or_deviation, None if seed is None else seed + first)(shape, dtype)
    return initial
