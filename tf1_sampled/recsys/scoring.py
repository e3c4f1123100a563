"""Find the best allowed items for user vectors, exactly, with NumPy alone.

    scorer = ItemScorer(vectors, biases)
    scorer.best(user_vectors, [Wanted(k=10, hidden=had, allowed=None)])     # [(ids, scores)]

    score(user, item) = <user vector, item row> + bias

Hidden and not allowed items are removed before the k best are selected, so even a strict filter gets the
k best of the rest. If few items are allowed, only these are scored; else one matrix product scores all
items for a block of users. With an approximate index (see `index`), it answers users without a filter;
users who would get fewer than k items from it get the exact answer.

Axes: C items, D' vector size, B users.
"""
import collections

import numpy as np

from tf1_sampled import checks
from tf1_sampled.recsys import index as item_index, top_k

_BLOCK_SCORES = 1 << 24  # most scores in memory
_FEW = 8  # score allowed items alone if they are at most 1 / _FEW of all items
_CHECKED_ROWS = 1 << 16  # rows at a time
_SAMPLE = 100  # rows of an index that are compared with the vectors
_MOST_FROM_INDEX = 2000  # k plus the hidden items; a search visits as many candidates

Wanted = collections.namedtuple("Wanted", "k hidden allowed")
Wanted.__doc__ = """The items that a user may be offered.

Fields:
  k: integer above 0, the largest number of items.
  hidden: integer [n], ids of items to leave out, in any order, possibly repeated.
  allowed: integer [m], rising ids, the only items that may be offered; None for all.
"""


class ItemScorer:
    """A scorer and ranker of items.

    Args:
      vectors: float32 [C, D'], item rows; may be a mapped file.
      biases: float32 [C].
      index: from index.load; None for exact answers only.

    Raises:
      InputError: shapes that do not fit, numbers that are not finite, an index of other items.
    """

    def __init__(self, vectors, biases, index=None):
        self._vectors, self._biases = np.asarray(vectors), np.asarray(biases)
        for name, values, ndim in (("vectors", self._vectors, 2), ("biases", self._biases, 1)):
            checks.argument(values.dtype == np.float32 and values.ndim == ndim, "ItemScorer", name,
                            "float32 [C, D']" if ndim == 2 else "float32 [C]",
                            "%s %s" % (values.dtype, values.shape))
        self._num_items = len(self._vectors)
        checks.argument(len(self._biases) == self._num_items, "ItemScorer", "biases",
                        "shape [%d]" % self._num_items, self._biases.shape)
        for low in range(0, self._num_items, _CHECKED_ROWS):
            rows = slice(low, low + _CHECKED_ROWS)
            checks.argument(np.isfinite(self._vectors[rows]).all(), "ItemScorer", "vectors",
                            "finite numbers", "others")
        checks.argument(np.isfinite(self._biases).all(), "ItemScorer", "biases", "finite numbers",
                        "others")
        self._index = index
        if index is not None:
            self._check_index()

    @property
    def is_exact(self):
        """Return whether answers without a filter are exact too."""
        return self._index is None

    def best(self, user_vectors, wanted):
        """Return the best items of each user.

        Args:
          user_vectors: float32 [B, D'].
          wanted: list of B Wanted.

        Returns:
          list of B (ids int64 [n], scores float32 [n]), best first, ties by the smaller id; n is less
          than k if there are too few items.

        Raises:
          InputError: a user vector that is not finite.
        """
        finite = np.isfinite(user_vectors).all(1)
        checks.argument(finite.all(), "best", "user_vectors", "finite numbers",
                        user_vectors[~finite][:1].tolist())
        found, remaining = [None] * len(wanted), []
        for row, one in enumerate(wanted):
            ids = None
            if one.allowed is not None:
                ids = self._without_hidden(one)
                if len(ids) * _FEW <= self._num_items:
                    found[row] = self._best_of_few(user_vectors[row], ids, one.k)
                    continue
            remaining.append((row, ids))
        if self._index is not None:
            remaining = self._look_up(user_vectors, wanted, remaining, found)
        size = max(1, _BLOCK_SCORES // max(self._num_items, 1))
        for low in range(0, len(remaining), size):
            self._score_all(user_vectors, wanted, remaining[low:low + size], found)
        return found

    def _without_hidden(self, one):
        """Return the allowed ids of a Wanted that are not hidden, rising."""
        if not len(one.hidden):
            return one.allowed
        is_left = np.zeros(self._num_items, bool)
        is_left[one.allowed] = True
        is_left[one.hidden] = False
        return np.flatnonzero(is_left)

    def _best_of_few(self, user_vector, ids, k):
        scores = self._vectors[ids] @ user_vector + self._biases[ids]
        places = top_k.largest(scores, k)
        return np.asarray(ids, np.int64)[places], scores[places]

    def _score_all(self, user_vectors, wanted, rows, found):
        """Set `found` for some (row, allowed ids or None), by the scores of all items."""
        scores = user_vectors[[row for row, _ in rows]] @ self._vectors.T
        scores += self._biases
        for own, (row, ids) in zip(scores, rows):
            if ids is None:
                own[wanted[row].hidden] = -np.inf
                places = top_k.largest(own, wanted[row].k)
                found[row] = places, own[places]
            else:
                own = own[ids]
                places = top_k.largest(own, wanted[row].k)
                found[row] = np.asarray(ids, np.int64)[places], own[places]

    def _look_up(self, user_vectors, wanted, rows, found):
        """Set `found` from the index; return the rows that the index cannot answer."""
        asked = [row for row, ids in rows if ids is None
                 and wanted[row].k + len(wanted[row].hidden) <= _MOST_FROM_INDEX]
        if not asked:
            return rows
        most = max(wanted[row].k + len(wanted[row].hidden) for row in asked)
        all_ids, all_scores = item_index.search(self._index, user_vectors[asked],
                                                min(most, self._num_items))
        for row, ids, scores in zip(asked, all_ids, all_scores):
            one = wanted[row]
            left = np.flatnonzero((ids >= 0) & ~np.isin(ids, one.hidden))[:one.k]
            num_left = self._num_items - len(np.unique(one.hidden))
            if len(left) == min(one.k, num_left):
                found[row] = ids[left], scores[left]
        return [(row, ids) for row, ids in rows if found[row] is None]

    def _check_index(self):
        """Raise InputError unless the index holds these items; it may be from an earlier training."""
        wanted = "an index of these %d items" % self._num_items
        width = self._vectors.shape[1]
        fits = self._index.ntotal == self._num_items and self._index.d == width + 1
        checks.argument(fits, "ItemScorer", "index", wanted, "%d items of %d numbers" % (
            self._index.ntotal, self._index.d - 1))
        ids = np.unique(np.linspace(0, self._num_items - 1, _SAMPLE).astype(np.int64))
        close = np.allclose(item_index.rows(self._index, ids), self._vectors[ids], 1e-4, 1e-6)
        checks.argument(close, "ItemScorer", "index", wanted, "other vectors, as of an earlier training")
