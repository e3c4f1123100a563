"""Counts of classes from a vocab file or from memory, for the fixed unigram sampler."""
import contextlib
import io
import operator

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import checks
from tf1_sampled.files import reading


def weights_of(function, range_max, num_reserved_ids, vocab_file, unigrams):
    """Return a weight for each class: 0 for reserved ids, followed by the counts.

    Args:
      function: string, for the message.
      range_max: integer, the number of classes.
      num_reserved_ids: integer, the number of ids before the first count.
      vocab_file: string, path of a file with a line per id, whose last comma-separated field is the
        count; or "" or None.
      unigrams: float [range_max - num_reserved_ids], counts in memory; or empty or None.

    Returns:
      numpy float64 [range_max].

    Raises:
      InputError: neither or both of vocab_file and unigrams, a number out of its range, counts that are
        not range_max - num_reserved_ids finite numbers >= 0, or are all 0.
    """
    unigrams = _sequence(function, unigrams)
    checks.argument(bool(vocab_file) != (len(unigrams) > 0), function, "vocab_file, unigrams",
                    "one of them", "both" if vocab_file else "neither")
    num_reserved_ids = operator.index(num_reserved_ids)
    checks.argument(num_reserved_ids >= 0, function, "num_reserved_ids", "an integer >= 0",
                    num_reserved_ids)
    range_max = checks.positive(function, "range_max", range_max)
    num_counts = range_max - num_reserved_ids
    wanted = "a count for each of range_max - num_reserved_ids = %d ids" % num_counts
    if vocab_file:
        counts = _read_counts(vocab_file, num_counts, wanted)
    else:
        counts = _counts_in_memory(function, unigrams, num_counts, wanted)
    return np.concatenate([np.zeros(num_reserved_ids), counts])


def _sequence(function, unigrams):
    """Return counts in memory as a sequence: None becomes (), an iterable becomes a list."""
    checks.argument(not tf.is_tensor(unigrams) or hasattr(unigrams, "numpy"), function, "unigrams",
                    "numbers in memory", unigrams)
    if unigrams is None:
        return ()
    is_sequence = hasattr(unigrams, "__len__") and hasattr(unigrams, "__getitem__")
    return unigrams if is_sequence else list(unigrams)


def _counts_in_memory(function, unigrams, number, wanted):
    """Check counts in memory, and return them as float64 [number]."""
    counts = np.asarray(unigrams, np.float64)
    checks.argument(counts.shape == (number,), function, "unigrams", wanted, counts.shape)
    usable = np.isfinite(counts) & (np.nan_to_num(counts) >= 0)
    checks.argument(np.all(usable) and np.any(counts), function, "unigrams",
                    "finite counts >= 0, not all 0", counts[~usable][:5].tolist() or "only 0")
    return counts


def _read_counts(path, number, wanted):
    """Return the counts of a vocab file, float64 [number]: the last comma-separated field of each line.

    As in tf.nn, empty lines are skipped, words may have any encoding, and the path may be in one of
    TensorFlow's file systems.
    """
    counts = []
    with _vocab_lines(path) as lines:
        for line_number, line in enumerate(lines, 1):
            if not line.strip("\r\n"):
                continue
            checks.line(len(counts) < number, path, line_number, wanted + ", then the end of the file",
                        line.rstrip("\n"))
            field = line.rstrip("\n").rsplit(",", 1)[-1]
            try:
                count = float(field)
            except ValueError:
                count = -1
            checks.line(0 <= count < np.inf, path, line_number,
                        "a finite count >= 0 as the last comma-separated field", field)
            counts.append(count)
    checks.file(len(counts) == number, path, wanted, len(counts))
    checks.file(any(counts), path, "counts that are not all 0", "only 0")
    return np.array(counts)


@contextlib.contextmanager
def _vocab_lines(path):
    """Open the lines of a vocab file. Latin-1 decodes any encoding and keeps the digits."""
    if "://" not in path:
        with reading.open_text(path, "latin-1") as lines:
            yield lines
        return
    try:
        with tf.gfile.GFile(path, "rb") as stream:
            yield io.StringIO(stream.read().decode("latin-1"))
    except tf.errors.OpError as e:
        raise checks.InputError("%s: wanted a readable file, got: %s" % (path, e.message)) from e
