"""Initial values that the graph does not hold.

A constant of a table's size counts toward the GraphDef's limit of 2 GB, and TensorFlow makes one of
tf.zeros and tf.constant_initializer too, when it optimizes the graph: it then stays in memory beside
the table. What `filled` and `from_memory` return is computed when the variable is initialized.

    weights = tf.get_variable("weights", [num_classes, dim], initializer=filled(0.0))
    counts = tf.get_variable("counts", dtype=tf.float32, initializer=from_memory(array))
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
      A function without arguments that returns a tensor, for tf.get_variable and tf.Variable.
    """
    def initial():
        tensor = tf.numpy_function(lambda: array, [], array.dtype)
        tensor.set_shape(array.shape)
        return tensor
    return initial
