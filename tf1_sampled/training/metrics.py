"""Metrics of a trained model: means over more rows than fit in memory, and the file of metrics.

    loss = mean_in_blocks(session, losses, {users: vectors, labels: items})
    write_metrics("runs/recsys-1/metrics.json", {"full_softmax_loss": loss})
"""
import json
import math
import platform

import numpy as np
import tensorflow.compat.v1 as tf

import tf1_sampled
from tf1_sampled.files import writing


def mean_in_blocks(session, values, feed, block=256):
    """Compute the mean of `values` over all rows of `feed`, in blocks of bounded memory.

    Args:
      session: tf.Session.
      values: float [B], one value per row of the feed.
      feed: {placeholder: array}, arrays of the same length.
      block: integer, number of rows in a block.

    Returns:
      float; NaN if there are no rows.
    """
    size = len(next(iter(feed.values())))
    total = 0.0
    for begin in range(0, size, block):
        rows = {key: array[begin:begin + block] for key, array in feed.items()}
        total += float(np.sum(session.run(values, rows), dtype=np.float64))
    return total / size if size else math.nan


def ratio_of_sums(session, total, weight, feeds):
    """Compute the sum of `total` divided by the sum of `weight`, both over all feeds: a weighted mean.

    Args:
      session: tf.Session.
      total, weight: float scalars.
      feeds: list of feed_dicts.

    Returns:
      float; NaN if the sum of the weights is 0.
    """
    totals, weights = np.sum([session.run([total, weight], feed) for feed in feeds] or [(0, 0)], axis=0,
                             dtype=np.float64)
    return float(totals / weights) if weights else math.nan


def write_metrics(path, metrics):
    """Write metrics and the versions of Python, TensorFlow, NumPy and this package as JSON.

    NaN and infinity become null.

    Args:
      path: string.
      metrics: nested dict of numbers, strings and lists, of Python or NumPy.

    Raises:
      InputError: a file that cannot be written.
    """
    versions = {"python": platform.python_version(), "tensorflow": tf.VERSION,
                "numpy": np.__version__, "tf1_sampled": tf1_sampled.__version__}
    with writing.writing(path) as stream:
        json.dump(_plain(dict(metrics, versions=versions)), stream, indent=2, sort_keys=True,
                  allow_nan=False)
        stream.write("\n")


def _plain(value):
    """Return a value with the types of JSON."""
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
