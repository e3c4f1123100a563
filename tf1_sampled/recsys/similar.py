"""The items most similar to some items: those whose class rows have the largest cosines with theirs.

    vectors = np.load("runs/recsys-1/item_vectors.npy", mmap_mode="r", allow_pickle=False)
    items, cosines = similar.nearest(vectors, [3, 17], k=10)

The vectors are read in blocks: a mapped file may be larger than memory. In NumPy alone.

Axes: C items, D' vector size, n rows that are asked.
"""
import numpy as np

from tf1_sampled import checks

_ITEMS_AT_A_TIME = 1 << 15
_ROWS_AT_A_TIME = 1 << 10


def nearest(vectors, rows, k):
    """Return the k items of the largest cosines with each of some items, the item itself left out.

        cosine(i, j) = <v_i, v_j> / (|v_i| |v_j|), 0 where a vector is 0

    Args:
      vectors: float [C, D'], as `export.write_item_vectors` has them; a mapped file will do.
      rows: integer [n], item ids from 0 to C - 1.
      k: integer above 0.

    Returns:
      items: int64 [n, min(k, C - 1)], most similar first, ties by the smaller id.
      cosines: float32, of the same shape.

    Raises:
      InputError: vectors of another shape or not finite, ids out of range, a k that is not above 0.
    """
    function = "nearest"
    checks.positive(function, "k", k)
    checks.argument(np.ndim(vectors) == 2, function, "vectors", "shape [C, D']", np.shape(vectors))
    num_items = len(vectors)
    rows = np.asarray(rows)
    checks.argument(rows.ndim == 1 and (rows.dtype.kind in "iu" or not rows.size), function, "rows",
                    "integers [n]", rows.tolist())
    is_known = (rows >= 0) & (rows < num_items)
    checks.argument(is_known.all(), function, "rows", "integers from 0 to %d" % (num_items - 1),
                    rows[~is_known][:5].tolist())
    k, rows = min(int(k), max(num_items - 1, 0)), rows.astype(np.int64)
    items, cosines = np.empty([len(rows), k], np.int64), np.empty([len(rows), k], np.float32)
    for low in range(0, len(rows), _ROWS_AT_A_TIME):
        part = slice(low, low + _ROWS_AT_A_TIME)
        items[part], cosines[part] = _nearest_of_block(vectors, rows[part], k)
    return items, cosines


def _nearest_of_block(vectors, rows, k):
    """`nearest` of so few rows that their cosines with a block of items fit into memory."""
    asked = _unit_rows(vectors[rows])
    best = np.empty([len(rows), 0], np.float32), np.empty([len(rows), 0], np.int64)
    for first in range(0, len(vectors), _ITEMS_AT_A_TIME):
        block = _unit_rows(vectors[first:first + _ITEMS_AT_A_TIME])
        cosines = asked @ block.T
        here = np.flatnonzero((rows >= first) & (rows < first + len(block)))
        cosines[here, rows[here] - first] = -np.inf
        places, found = _top(cosines, k)
        best = np.concatenate([best[0], found], 1), np.concatenate([best[1], places + first], 1)
        order, found = _top(best[0], k)  # places rise with the ids of equal cosines
        best = found, np.take_along_axis(best[1], order, 1)
    return best[1], best[0]


def _top(scores, k):
    """(places int64 [n, <= k], scores) of the k largest of each row, ties by the smaller place."""
    if scores.shape[1] > k:
        # Ties at the k-th score: all above it, then the first of those equal to it.
        least = np.partition(scores, -k, 1)[:, -k, None] if k else scores[:, :0]
        above, equal = scores > least, scores == least
        missing = k - above.sum(1, keepdims=True)
        chosen = above | (equal & (np.cumsum(equal, 1) <= missing)) if k else np.zeros_like(scores, bool)
        places = np.nonzero(chosen)[1].reshape(len(scores), k)
    else:
        places = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    order = np.argsort(-np.take_along_axis(scores, places, 1), 1, kind="stable")
    places = np.take_along_axis(places, order, 1)
    return places, np.take_along_axis(scores, places, 1)


def _unit_rows(rows):
    """float32 rows of length 1; zeros stay zeros."""
    rows = np.asarray(rows, np.float32)
    checks.argument(np.isfinite(rows).all(), "nearest", "vectors", "finite numbers",
                    rows[~np.isfinite(rows)][:5].tolist())
    lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))
    return (rows / np.where(lengths > 0, lengths, 1.0)[:, None]).astype(np.float32)
