"""Select the k largest of many scores without sorting them, with NumPy alone.

    places = top_k.largest(scores, k)   # scores[places] falls; ties by the smaller place

The scores are cut into blocks. The k largest scores are in the blocks with the k largest maxima, so only
these blocks are searched; computing the maxima takes one fast pass.
"""
import numpy as np

_BLOCK = 64  # scores
_LEAST_BLOCKS = 4  # times k blocks; fewer blocks save no time


def largest(scores, k):
    """Return the positions of the k largest scores.

    Args:
      scores: float32 or float64 [N]; -inf excludes a score.
      k: integer, 0 or more.

    Returns:
      int64 [n], n <= min(k, N): the largest score first, ties by the smaller position; without scores of
      -inf.
    """
    k = min(int(k), len(scores))
    if not k:
        return np.empty([0], np.int64)
    if len(scores) < _LEAST_BLOCKS * _BLOCK * k:
        return _largest(scores, k)
    whole = len(scores) // _BLOCK * _BLOCK
    maxima = scores[:whole].reshape(-1, _BLOCK).max(1)
    # Keep blocks whose maximum equals the k-th largest one: their ties may have smaller positions.
    blocks = np.flatnonzero(maxima >= np.partition(maxima, -k)[-k])
    places = (blocks[:, None] * _BLOCK + np.arange(_BLOCK)).ravel()
    places = np.concatenate([places, np.arange(whole, len(scores))])
    return places[_largest(scores[places], k)]


def _largest(scores, k):
    """Return `largest` for 0 < k <= N, by a pass over all scores."""
    if k < len(scores):
        least = np.partition(scores, -k)[-k]
        above, equal = np.flatnonzero(scores > least), np.flatnonzero(scores == least)
        places = np.sort(np.concatenate([above, equal[:k - len(above)]]))
    else:
        places = np.arange(len(scores))
    order = places[np.argsort(-scores[places], kind="stable")]
    return order[scores[order] > -np.inf]
