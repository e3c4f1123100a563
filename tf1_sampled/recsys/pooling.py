"""Pool histories to vectors: the mean of their item rows, or a mean with a weight for each position.

    pool_mean(rows, begin, end, own)                 # from one running sum over the batch
    pool_by_position(rows, begin, end, log_weights)  # from a matrix product for each block of events

A batch is a sequence of events; example p's history is the slice begin_p : end_p of it. Neither function
gathers the rows of an example. A batch of P histories of length L needs N rows, about P if examples are
consecutive events of a user, and never an array [P, L, D].

Axes: N events, P examples, D dimension, L positions, M poolings, K events of a block, W of its window.
"""
import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import graph_checks

_SUM_BLOCK = 64  # rows of a running sum that one matrix product adds
_BLOCK = 32  # K, the number of rows in a block


def pool_mean(rows, begin, end, own=None, power=1.0):
    """Compute the sum of each slice of rows, divided by a power of its length.

        pooled_p = (R[end_p] - R[begin_p] - rows[own_p]) / n_p^power

    R[n] = rows[0] + ... + rows[n - 1], and n_p = end_p - begin_p, minus 1 if own_p is a row. An empty
    slice gives zeros.

    Args:
      rows: float [N, D].
      begin, end: int32 or int64 [P], 0 <= begin <= end <= N.
      own: None, or int32 or int64 [P]: a row to exclude from the slice, -1 for none.
      power: float from 0 (the sum) to 1 (the mean).

    Returns:
      float [P, D].
    """
    begin, end = tf.convert_to_tensor(begin), tf.convert_to_tensor(end)
    short = tf.math.floormod(-1 - tf.shape(rows)[0], _SUM_BLOCK)
    rows = tf.pad(rows, [[1, short], [0, 0]])  # R[0] is zeros
    within, before = _running_sum(rows)
    total = tf.gather(within, end) - tf.gather(within, begin)
    total += tf.cast(tf.gather(before, end // _SUM_BLOCK) - tf.gather(before, begin // _SUM_BLOCK),
                     rows.dtype)
    length = end - begin
    if own is not None:
        own = tf.convert_to_tensor(own)
        total -= tf.gather(rows, own + 1)
        length -= tf.cast(own >= 0, length.dtype)
    # A row minus itself is not always exactly zero.
    total *= tf.cast(length > 0, rows.dtype)[:, None]
    return total / tf.pow(tf.cast(tf.maximum(length, 1), rows.dtype), power)[:, None]


def _running_sum(rows):
    """Return rows[0] + ... + rows[n] as within[n] + before[n // block].

    A product with a triangular matrix of ones sums within a block; on a CPU it takes a fraction of the
    time of tf.cumsum. Sums over blocks are in float64, as the difference of two long float32 sums is
    inexact.

    Args:
      rows: float [N, D], N a multiple of the block.

    Returns:
      within: [N, D], of the type of the rows.
      before: float64 [N / block, D].
    """
    size = rows.shape.as_list()[1]
    triangle = tf.linalg.band_part(tf.ones([1, _SUM_BLOCK, _SUM_BLOCK], rows.dtype), -1, 0)
    within = tf.matmul(triangle, tf.reshape(rows, [-1, _SUM_BLOCK, size]))
    before = tf.cumsum(tf.cast(within[:, -1], tf.float64), exclusive=True)
    return tf.reshape(within, [-1, size]), before


def position_log_weights(num_positions, num_poolings):
    """Return the initial log weights, which fall along the positions, slower in the first poolings.

        log w[l, m] = -0.3 * 5^(m - (M - 1) / 2) * l

    Args:
      num_positions: integer L.
      num_poolings: integer M.

    Returns:
      float32 [L, M].
    """
    falls = 0.3 * 5 ** (np.arange(num_poolings) - (num_poolings - 1) / 2)
    return (-np.arange(num_positions)[:, None] * falls).astype(np.float32)


def pool_by_position(rows, begin, end, log_weights, power=1.0):
    """Compute weighted means of each slice of rows, with weights by the distance from its end.

        pooled_pm = sum_n w[end_p - 1 - n, m] rows[n] / (sum_n w[end_p - 1 - n, m])^power,
        w = exp(log_weights), n from max(begin_p, end_p - L) to end_p - 1

    Rows further than L from the end are not used. An empty slice gives zeros. All slices that end in a
    block of K rows are one product: a band matrix of weights [K, W] times the block's rows and the L - 1
    rows before it. The band is the same for all blocks, except that rows before `begin` have weight 0.

    Args:
      rows: float [N, D].
      begin, end: int32 or int64 [P], 0 <= begin <= end <= N. Slices with the same end must have the same
        begin, except empty ones; else the session raises InvalidArgumentError.
      log_weights: float [L, M], of the type of the rows; the weight of a slice's last row comes first.
      power: float from 0 (the weighted sum) to 1 (the weighted mean).

    Returns:
      float [P, M, D].
    """
    begin, end = (tf.cast(ids, tf.int32) for ids in (begin, end))
    num_positions, num_poolings = log_weights.shape.as_list()
    size = rows.shape.as_list()[1]
    further = -(-(num_positions - 1) // _BLOCK)  # blocks before a window's last one
    num_blocks = (tf.shape(rows)[0] + _BLOCK - 1) // _BLOCK
    counts = _counting(_begins_by_end(begin, end, num_blocks * _BLOCK), further, rows.dtype)
    weights = counts[:, None] * _band(log_weights, further)  # [N / K, M, K, W]
    totals = tf.matmul(tf.reshape(weights, [num_blocks, num_poolings * _BLOCK, (further + 1) * _BLOCK]),
                       _windows(rows, num_blocks, further))
    totals = tf.reshape(totals, [num_blocks, num_poolings, _BLOCK, size])
    sums = tf.reduce_sum(weights, -1)  # [N / K, M, K]
    sums = tf.where(sums > 0, sums, tf.ones_like(sums))  # avoids NaN, 0 / 0 without rows
    pooled = tf.transpose(totals / tf.pow(sums, power)[..., None], [0, 2, 1, 3])
    pooled = tf.reshape(pooled, [-1, num_poolings, size])
    # Row 0 is for slices that end at 0; they are empty.
    pooled = tf.gather(tf.pad(pooled, [[1, 0], [0, 0], [0, 0]]), end)
    return pooled * tf.cast(begin < end, rows.dtype)[:, None, None]


def _begins_by_end(begin, end, num_rows):
    """Return the begin of the slice that ends with each row: int32 [num_rows]; very large without."""
    begins = tf.math.unsorted_segment_min(begin, end - 1, num_rows)
    there = tf.gather(tf.pad(begins, [[1, 0]]), end)
    wrong = tf.boolean_mask(begin, tf.logical_and(begin < end, tf.not_equal(begin, there)))[:5]
    return graph_checks.holds(tf.equal(tf.size(wrong), 0), wrong, begins, function="pool_by_position",
                              argument="begin", wanted="one for all slices of one end")


def _counting(begins, further, dtype):
    """Return 1 for the rows of a window in the slice, 0 for rows before its begin: [N / K, K, W].

    Args:
      begins: int32 [N], of the slice that ends with each row.
      further: integer, blocks of a window before its last one.
      dtype: of the result.
    """
    blocks = tf.reshape(begins, [-1, _BLOCK, 1])
    first = (tf.range(tf.shape(blocks)[0]) - further) * _BLOCK  # row of each window
    places = first[:, None, None] + tf.range((further + 1) * _BLOCK)  # [N / K, 1, W]
    return tf.cast(places >= blocks, dtype)


def _band(log_weights, further):
    """Return the weights of a window's rows for each row that a slice may end with: [M, K, W]."""
    num_positions = log_weights.shape.as_list()[0]
    back = (np.arange(_BLOCK)[:, None] + further * _BLOCK) - np.arange((further + 1) * _BLOCK)
    outside = (back < 0) | (back >= num_positions)
    weights = tf.pad(tf.exp(log_weights), [[0, 1], [0, 0]])  # the last weight, 0, is for rows outside
    band = tf.gather(weights, np.where(outside, num_positions, back).astype(np.int32))  # [K, W, M]
    return tf.transpose(band, [2, 0, 1])


def _windows(rows, num_blocks, further):
    """Return the rows of each block with those of the blocks before it, zeros before the first row.

    Args:
      rows: float [N, D].
      num_blocks: int32 scalar, the number of blocks of K rows; the last one may have fewer.
      further: integer, blocks of a window before its last one.

    Returns:
      float [N / K, W, D].
    """
    size = rows.shape.as_list()[1]
    short = num_blocks * _BLOCK - tf.shape(rows)[0]
    rows = tf.pad(rows, [[further * _BLOCK, short], [0, 0]])
    blocks = tf.reshape(rows, [num_blocks + further, _BLOCK, size])
    return tf.concat([blocks[n:n + num_blocks] for n in range(further + 1)], 1)
