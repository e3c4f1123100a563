"""Probabilities from weights, and the alias table that draws from them. NumPy only.

    prob = probabilities([5, 0, 3, 2], power=0.75)
    threshold, alias = alias_table(prob)

To draw a class, draw a column k uniformly from the C columns and u uniformly from [0, 1). The class is k
if u < threshold_k, else alias_k: two look-ups for any C.
"""
import numpy as np

# Expected counts are float32, whose smallest normal number is 2^-126; log, exp and rounding need room.
_LEAST_PROBABILITY = 2.0 ** -120


def probabilities(weights, power=1.0):
    """Compute the probabilities that are proportional to a power of the weights.

        P(k) = weight_k^power / sum over j of weight_j^power where weight_k > 0, else 0 for any power

    The powers are scaled by the largest, so that they do not overflow. The relative error is about
    1e-13 for weights near 1e300 or 1e-300, and less for others. Where weight_k > 0, P(k) is at least
    2^-120, so that P(k) > 0 and log P(k) is finite in float32. Draws from uniforms of 53 bits cannot
    resolve so small a P(k).

    Args:
      weights: float [C], finite, >= 0, not all 0.
      power: float.

    Returns:
      float64 [C], sums to 1.
    """
    weights = np.asarray(weights, np.float64)
    positive = weights > 0
    log_weight = power * np.log(weights[positive])
    scaled = np.exp(log_weight - log_weight.max())
    prob = np.zeros(len(weights))
    prob[positive] = np.maximum(scaled / scaled.sum(), _LEAST_PROBABILITY)
    return prob


def alias_table(prob):
    """Compute the alias table of probabilities.

        P(k) = (threshold_k + sum over the columns j with alias_j = k of (1 - threshold_j)) / C

    P(k) differs from prob_k by at most 2^-40 prob_k for C up to 2^20, by at most C 2^-59 prob_k above.
    A class of probability 0 has threshold 0 and is never an alias; all others have thresholds > 0.

    Large classes (above 1/C) fill the columns of small classes (below 1/C), both in the order of their
    ids. Running sums find the large class that fills each small one: a million classes take 0.2 seconds.
    The sums are integers, as sums of floats lose digits and can leave a small class without a large one.

    Args:
      prob: float64 [C], >= 0, sums to 1.

    Returns:
      threshold: float64 [C] in [0, 1].
      alias: int64 [C].

    Reference: Walker 1977, "An Efficient Method for Generating Discrete Random Variables with General
      Distributions"; Vose 1991, "A Linear Algorithm for Generating Random Numbers with a Given
      Distribution", for a table in linear time.
    """
    size = len(prob)
    # Units per column of 1/C: float64 holds them exactly, and int64 holds those of C columns.
    column = 1 << min(52, 62 - (size - 1).bit_length())
    units = _in_units(prob, column)
    small, large = np.flatnonzero(units < column), np.flatnonzero(units > column)
    rare = units < column // 2
    alias = np.arange(size, dtype=np.int64)

    missing = column - units[small]
    filled = np.cumsum(missing)
    used_up = np.cumsum(units[large] - column)
    # The first large class with surplus left fills all units that a small class misses.
    alias[small] = large[np.searchsorted(used_up, filled - missing, side="right")]
    # Units beyond its surplus come from its own column, which the next large class fills.
    alias[large[:-1]] = large[1:]
    units[large] = column - (filled[np.searchsorted(filled, used_up)] - used_up)

    # Units are too coarse for rare classes; the thresholds of all other columns are exact in units.
    return np.where(rare, prob * size, units / column), alias


def _in_units(prob, column):
    """Round prob * C * column to integers whose sum is C * column."""
    total = len(prob) * column
    exact = prob * total
    units = np.floor(exact).astype(np.int64)
    fraction = exact - units
    # prob sums to 1 only up to rounding.
    fraction += exact * ((total - int(units.sum()) - fraction.sum()) / total)
    # Differences of a rounded running sum are integers with the same sum.
    return units + np.diff(np.rint(np.cumsum(fraction)), prepend=0).astype(np.int64)
