"""Find the most similar items: those whose class rows have the largest cosines with an item's own.

    vectors = np.load("runs/recsys-1/item_vectors.npy", mmap_mode="r", allow_pickle=False)
    items, cosines = similar.nearest(vectors, [3, 17], k=10)     # lists of two arrays

The vectors are read in blocks, so a mapped file may be larger than memory. Only NumPy is used.

Axes: C items, D' vector size, n query rows.
"""
import numpy as np

from tf1_sampled import checks
from tf1_sampled.recsys import top_k

_ITEMS_AT_A_TIME = 1 << 15
_ROWS_AT_A_TIME = 1 << 10


def nearest(vectors, rows, k, among=None):
    """Return the k items with the largest cosines with each of some items, without the item itself.

        cosine(i, j) = <v_i, v_j> / (|v_i| |v_j|), 0 if a vector is 0

    Args:
      vectors: float [C, D'], as `export.write_item_vectors` writes them; may be a mapped file.
      rows: integer [n], item ids from 0 to C - 1.
      k: integer above 0.
      among: integer [m], rising ids, the only items to return; None for all.

    Returns:
      items: list of n int64 [<= k], most similar first, ties by the smaller id.
      cosines: list of n float32, of the same shapes.

    Raises:
      InputError: vectors of another shape or not finite, ids out of range, a k that is not above 0.
    """
    function = "nearest"
    checks.positive(function, "k", k)
    checks.argument(np.ndim(vectors) == 2, function, "vectors", "shape [C, D']", np.shape(vectors))
    rows = np.asarray(rows)
    checks.argument(rows.ndim == 1 and (rows.dtype.kind in "iu" or not rows.size), function, "rows",
                    "integers [n]", rows.tolist())
    is_known = (rows >= 0) & (rows < len(vectors))
    checks.argument(is_known.all(), function, "rows", "integers from 0 to %d" % (len(vectors) - 1),
                    rows[~is_known][:5].tolist())
    rows, among = rows.astype(np.int64), None if among is None else np.asarray(among, np.int64)
    found = []
    for low in range(0, len(rows), _ROWS_AT_A_TIME):
        found += _nearest_of_block(vectors, rows[low:low + _ROWS_AT_A_TIME], k, among)
    return [items for items, _ in found], [cosines for _, cosines in found]


def _nearest_of_block(vectors, rows, k, among):
    """Return [(items, cosines)] for so few rows that a block of cosines fits in memory."""
    asked = _unit_rows(vectors[rows])
    best = [(np.empty(0, np.int64), np.empty(0, np.float32)) for _ in rows]
    for first in range(0, len(vectors) if among is None else len(among), _ITEMS_AT_A_TIME):
        part = slice(first, first + _ITEMS_AT_A_TIME)
        block = vectors[part] if among is None else vectors[among[part]]
        ids = np.arange(first, first + len(block)) if among is None else among[part]
        for number, cosines in enumerate(asked @ _unit_rows(block).T):
            cosines[ids == rows[number]] = -np.inf
            places = top_k.largest(cosines, k)
            items = np.concatenate([best[number][0], ids[places]])
            cosines = np.concatenate([best[number][1], cosines[places]])
            order = top_k.largest(cosines, k)  # smaller places have smaller ids: ties by the id
            best[number] = items[order], cosines[order]
    return best


def _unit_rows(rows):
    """Return float32 rows of length 1; zero rows stay zero."""
    rows = np.asarray(rows, np.float32)
    checks.argument(np.isfinite(rows).all(), "nearest", "vectors", "finite numbers",
                    rows[~np.isfinite(rows)][:5].tolist())
    lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))
    return (rows / np.where(lengths > 0, lengths, 1.0)[:, None]).astype(np.float32)
