"""Summaries of a training for TensorBoard, and the trace of a step for a browser.

    with Summaries("runs/recsys-1", step=0) as summaries:
        summaries.add(50, {"loss": 3.2, "validation": {"NDCG@10": 0.25}})

    tensorboard --logdir runs
"""
import numbers
import uuid

import tensorflow.compat.v1 as tf

from tf1_sampled.files import writing


class Summaries:
    """A writer of scalars to an event file of TensorFlow, which is created with the first scalar.

    Args:
      folder: string, the folder of the event file.
      step: integer, the first step. TensorBoard ignores later steps in earlier files.
    """

    def __init__(self, folder, step):
        self._folder, self._step = folder, step
        self._writer = None

    def add(self, step, values):
        """Write the numbers of a step.

        Args:
          step: integer.
          values: nested {name: number}; other values are ignored.
        """
        if self._writer is None:
            # A random name: TensorFlow would follow a link that was placed under a predictable name.
            suffix = "." + uuid.uuid4().hex[:16]
            self._writer = tf.summary.FileWriter(self._folder, filename_suffix=suffix)
            self._writer.add_session_log(tf.SessionLog(status=tf.SessionLog.START), self._step)
        self._writer.add_summary(tf.Summary(value=[
            tf.Summary.Value(tag=name, simple_value=value) for name, value in _flat(values)]), step)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._writer is not None:
            self._writer.close()


def _flat(values, prefix=""):
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, prefix + name + "/")
        elif isinstance(value, numbers.Real):
            yield prefix + name, float(value)


def traced_run(session, fetches, feed, path):
    """Run session.run(fetches, feed), and write the times of its ops to `path` as a Chrome trace.

    Open the trace at chrome://tracing or https://ui.perfetto.dev.

    Raises:
      InputError: a file that cannot be written.
    """
    from tensorflow.python.client import timeline  # pylint: disable=no-name-in-module

    metadata = tf.RunMetadata()
    values = session.run(fetches, feed, tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE), metadata)
    with writing.writing(path) as stream:
        stream.write(timeline.Timeline(metadata.step_stats).generate_chrome_trace_format())
    return values
