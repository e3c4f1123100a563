"""Arrays that a graph reads without initialization: constants, and files beyond 64 MiB.

    log_probs = Frozen(array, "log_probs")
    of_labels = log_probs.gather(labels)

A constant is a part of the graph: it moves with the graph into another process, onto a parameter server
or a GPU, and into a MetaGraph or a SavedModel. It counts toward the limit of 2 GB for a GraphDef.

TensorFlow maps the file of a larger array into memory. The graph holds the path, the CPU reads the
array, and XLA does not compile the ops that read it. The file is deleted when the process ends, unless
`folder` names a folder, which other processes can read too.
"""
import atexit
import os
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import checks
from tf1_sampled.files import cache, writing

LARGEST_CONSTANT = 1 << 26  # bytes


class Frozen:
    """An array in the graph that needs no initialization and is not in checkpoints.

    The ops are in the outermost graph, so that a loop, a condition or a tf.function can read the array.
    In eager mode it is an eager tensor, which a tf.Graph cannot read.

    Args:
      array: NumPy array of numbers.
      name: string, name of the op.
      folder: None, or string, the folder that keeps the file of an array beyond 64 MiB. With None the
        file is deleted when the process ends.

    Raises:
      InputError: a file that cannot be written.
    """

    def __init__(self, array, name, folder=None):
        array = np.ascontiguousarray(array)
        with tf.init_scope():
            self._in_file = array.nbytes > LARGEST_CONSTANT and not tf.executing_eagerly()
            with self._device():
                self.tensor = _mapped(array, name, folder) if self._in_file else tf.constant(
                    array, name=name)

    def gather(self, ids):
        """Return the elements (or rows) with these ids: ids.shape + array.shape[1:].

        Raises:
          InputError: in a tf.Graph, if the array was made in eager mode.
        """
        with tf.init_scope():
            checks.argument(tf.executing_eagerly() or not hasattr(self.tensor, "numpy"), "Frozen",
                            "graph", "an array made in this graph", "an array made in eager mode")
        with self._device():
            return tf.gather(self.tensor, ids)

    def _device(self):
        return tf.device("/device:CPU:0" if self._in_file else "")  # "" changes nothing


def _mapped(array, name, folder):
    """Write an array to a file, and return a tensor that maps the file into memory."""
    path = os.path.join(folder or _temporary_folder(), cache.digest(array) + ".table")
    if not os.path.exists(path):
        with writing.writing(path, "wb") as stream:
            stream.write(array.data)
    return tf.raw_ops.ImmutableConst(dtype=tf.as_dtype(array.dtype), shape=array.shape,
                                     memory_region_name=os.path.abspath(path), name=name)


def _temporary_folder():
    if not _TEMPORARY:
        _TEMPORARY.append(tempfile.TemporaryDirectory(prefix="tf1_sampled-"))
        atexit.register(_TEMPORARY[0].cleanup)
    return _TEMPORARY[0].name


_TEMPORARY = []  # the temporary folder of this process, once there is a file in it
