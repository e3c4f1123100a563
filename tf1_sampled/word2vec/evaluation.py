"""How good word vectors are: nearest words, and agreement with human judgements of similarity."""
import collections
import math

import numpy as np

from tf1_sampled import checks, files

Similarity = collections.namedtuple("Similarity", "spearman used missing")


def unit_rows(vectors):
    """Rows scaled to length 1, so that dot products are cosines; a row of zeros stays.

    Args:
      vectors: [V, D] of floats.

    Returns:
      [V, D] of float32.
    """
    vectors = np.asarray(vectors, np.float32)
    # The square of a small or large float32 is 0 or inf: float64, but not for the whole array.
    norms = np.sqrt(np.einsum("vd,vd->v", vectors, vectors, dtype=np.float64))
    norms[norms == 0] = 1
    return np.divide(vectors, norms[:, None], out=np.empty_like(vectors), casting="same_kind")


def nearest(vectors_unit, row, k):
    """The k other rows of the largest cosine with a row, best first, ties by the smaller id.

    Args:
      vectors_unit: [V, D], rows of length 1 as from `unit_rows`.
      row: id of a row, in [0, V).
      k: how many; all others when there are fewer.

    Returns:
      ids, [min(k, V - 1)] of int64, and cosines, of the same shape.

    Raises:
      InputError: a row that is not there, k below 1.
    """
    checks.positive("nearest", "k", k)
    count = len(vectors_unit)
    checks.argument(0 <= row < count, "nearest", "row", "a row in [0, %d)" % count, row)
    cosines = np.dot(vectors_unit, vectors_unit[row])
    others = np.delete(np.arange(count), row)
    if k < len(others):
        # All that could be among the k best, ties included; then only these are sorted.
        bound = np.partition(cosines[others], len(others) - k)[len(others) - k]
        others = others[cosines[others] >= bound]
    ids = others[np.argsort(-cosines[others], kind="stable")][:k]
    return ids, cosines[ids]


def some_frequent(vocab_size, number=8):
    """Rows of some words to show: evenly on a log scale, without the most frequent 300.

    Args:
      vocab_size: integer V; rows are in falling order of frequency.
      number: integer, at most so many.

    Returns:
      list of integers in 0 .. V - 1, rising.
    """
    first, last = min(300, vocab_size // 10), min(3000, vocab_size - 1)
    return sorted(set(np.geomspace(first + 1, last + 1, number).astype(int) - 1))


def spearman(x, y):
    """The rank correlation of two sequences, equal values sharing the mean of their ranks.

    rho = sum(r s) / sqrt(sum(r^2) sum(s^2)), with r and s the ranks of x and y minus their mean.

    Args:
      x: [N] of numbers.
      y: [N] of numbers.

    Returns:
      A float in [-1, 1]; nan when all of x or all of y are equal, or N is below 2.

    Raises:
      InputError: sequences that do not go together, values that are nan.

    Reference: Spearman, "The proof and measurement of association between two things", 1904.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    checks.argument(x.ndim == 1 and x.shape == y.shape, "spearman", "x and y",
                    "two sequences of one length", (x.shape, y.shape))
    checks.argument(not np.isnan(x).any() and not np.isnan(y).any(), "spearman", "x and y",
                    "numbers", float("nan"))
    r, s = _centred_ranks(x), _centred_ranks(y)
    scale = math.sqrt(np.dot(r, r) * np.dot(s, s))
    return min(1.0, max(-1.0, float(np.dot(r, s)) / scale)) if scale else float("nan")


def _centred_ranks(values):
    """The ranks of values minus their mean, (N + 1) / 2; ties share the mean of their ranks."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2.0
    return ranks[group] - (len(values) + 1) / 2.0


def read_similarity(path):
    """The word pairs and human scores of a file such as WordSim-353, SimLex-999 or MEN.

    A line is word, word, score, set apart by tabs, else commas, else blanks; further columns are
    left alone. Empty lines and lines that start with # are none. A first line whose first column
    starts with "word" is a header; a column SimLex999 in it is the score's.

    Args:
      path: the file, packed or not.

    Returns:
      [(word, word, score)], score a float.

    Raises:
      InputError: a line that is none of this, with its number; no pairs.
    """
    pairs = []
    columns = None  # how many, as in the first line
    score_column = 2
    with files.open_text(path) as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip() or line.startswith("#"):
                continue
            parts = _columns(line)
            if columns is None:
                columns = max(3, len(parts))
                if _is_header(parts):
                    score_column = parts.index("SimLex999") if "SimLex999" in parts else 2
                    continue
            checks.line(len(parts) == columns, path, number,
                        "%d columns, word, word, score" % columns, line.rstrip("\n"))
            checks.line(parts[0] and parts[1], path, number, "two words", line.rstrip("\n"))
            checks.line(_is_number(parts[score_column]), path, number,
                        "a score in column %d" % (score_column + 1), parts[score_column])
            pairs.append((parts[0], parts[1], float(parts[score_column])))
    checks.file(pairs, path, "word pairs with scores", "none")
    return pairs


def _columns(line):
    for separator in "\t,":
        if separator in line:
            return [part.strip() for part in line.split(separator)]
    return line.split()


def _is_header(parts):
    return len(parts) > 2 and parts[0].lower().startswith("word") and not _is_number(parts[2])


def _is_number(text):
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def similarity(index, vectors, pairs):
    """How well cosines agree with human scores: their rank correlation over the word pairs.

    A word is looked up as it is, else lower-cased. A pair with a word that is not there is counted
    and left out.

    Args:
      index: mapping of word to row of `vectors`.
      vectors: [V, D] of floats.
      pairs: [(word, word, score)], as from `read_similarity`.

    Returns:
      A Similarity: spearman (nan when fewer than two pairs are used), pairs used, pairs missing.
    """
    def row(word):
        return index.get(word, index.get(word.lower()))

    found = [(row(first), row(second), score) for first, second, score in pairs]
    found = [pair for pair in found if pair[0] is not None and pair[1] is not None]
    rho = float("nan")
    if found:
        first, second, scores = (np.array(column) for column in zip(*found))
        vectors = np.asarray(vectors)
        cosines = np.einsum("pd,pd->p", unit_rows(vectors[first]), unit_rows(vectors[second]),
                            dtype=np.float64)
        rho = spearman(cosines, scores)
    return Similarity(rho, len(found), len(pairs) - len(found))
