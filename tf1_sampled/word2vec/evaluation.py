"""Evaluate word vectors: nearest words, analogies, correlation with human judgements of similarity.

evaluation_sets reads the files of pairs and questions. The scores equal gensim's: case is ignored; the
first (most frequent) of several words that differ only in case stands for all; a pair or question with
an out-of-vocabulary word is left out.
"""
import collections
import math
import re

import numpy as np

from tf1_sampled import checks

_BLOCK = 4096  # columns of scores at a time
_SCORES = 1 << 23  # scores of words in memory at a time; of questions, 1 / 64 of that
_LAST = -1e30  # the cosine with a row of zeros, so that it ranks last
_SHOWN = 5  # candidates that gensim looks at for the answer of a question

_LEMMA = re.compile("(.+)-[njv]$")  # as in MEN: sun-n

Similarity = collections.namedtuple("Similarity", "spearman num_pairs num_left_out missing_words")
Analogies = collections.namedtuple("Analogies", "sections total missing_words")


class Section(collections.namedtuple("Section", "name num_correct num_questions num_left_out")):
    """The counts of a section: questions answered correctly, used, and left out for unknown words."""

    __slots__ = ()

    @property
    def accuracy(self):
        """Return the share of the used questions with a correct answer; None if none was used."""
        return self.num_correct / self.num_questions if self.num_questions else None


def distinct_words(words, vectors):
    """Remove repeated words and their rows; the first occurrence stays.

    Args:
      words: V strings.
      vectors: [V, D] of numbers.

    Returns:
      (list of W <= V distinct strings, array [W, D]); `vectors` itself if no word is repeated.

    Raises:
      InputError: different numbers of words and rows.
    """
    vectors = np.asarray(vectors)
    checks.argument(vectors.ndim == 2 and len(words) == len(vectors), "distinct_words", "vectors",
                    "an array [V, D] with a row for each of %d words" % len(words), vectors.shape)
    first = {}
    for row, word in enumerate(words):
        first.setdefault(word, row)
    if len(first) < len(words):
        vectors = vectors[list(first.values())]
    return list(first), vectors


def unit_rows(vectors):
    """Scale rows to length 1, so that dot products are cosines; rows of zeros stay zeros.

    Args:
      vectors: [V, D] of floats.

    Returns:
      [V, D] of float32.
    """
    vectors = np.asarray(vectors, np.float32)
    norms = lengths(vectors)
    norms[norms == 0] = 1
    return np.divide(vectors, norms[:, None], out=np.empty_like(vectors), casting="same_kind")


def lengths(vectors):
    """Compute the Euclidean lengths of rows, float64 [V].

    Args:
      vectors: float32 [V, D].
    """
    # Squares of very small or large float32 are 0 or inf, so sum in float64 without converting all.
    return np.sqrt(np.einsum("vd,vd->v", vectors, vectors, dtype=np.float64))


def nearest(vectors_unit, row, k):
    """Find the k other rows with the largest cosine with a row.

    Args:
      vectors_unit: float [V, D], rows of length 1, see `unit_rows`.
      row: integer in [0, V).
      k: integer, the number of rows to return.

    Returns:
      (int64 [min(k, V - 1)], the rows, best first, ties by the smaller row; float, same shape, the
      cosines).

    Raises:
      InputError: a row outside [0, V), k below 1.
    """
    _check_rows("nearest", vectors_unit, k, row=row)
    return nearest_to(vectors_unit, vectors_unit[row], k, [row])


def nearest_to(vectors_unit, target_unit, k, left_out=()):
    """Find the k rows with the largest cosine with a vector.

    Args:
      vectors_unit: float [V, D], rows of length 1, see `unit_rows`.
      target_unit: float [D], of length 1.
      k: integer above 0, the number of rows to return.
      left_out: integers in [0, V), rows to exclude.

    Returns:
      (int64 [min(k, V - number of excluded rows)], the rows, best first, ties by the smaller row; float,
      same shape, the cosines).
    """
    cosines = np.dot(vectors_unit, target_unit)
    others = np.delete(np.arange(len(cosines)), np.array(left_out, np.int64))
    if k < len(others):
        # Sort only the rows that can be among the k best, including ties.
        bound = np.partition(cosines[others], len(others) - k)[len(others) - k]
        others = others[cosines[others] >= bound]
    ids = others[np.argsort(-cosines[others], kind="stable")][:k]
    return ids, cosines[ids]


def analogy(vectors_unit, a, b, c, k):
    """Find the k rows d that best answer "a is to b as c is to d", by 3CosAdd.

    d = argmax cos(d, b - a + c), over all rows except a, b and c.

    Args:
      vectors_unit: float [V, D], rows of length 1, see `unit_rows`.
      a, b, c: integers in [0, V), rows.
      k: integer, the number of rows to return.

    Returns:
      (int64 [min(k, V - number of distinct rows of the question)], the rows, best first, ties by the
      smaller row; float, same shape, the cosines).

    Raises:
      InputError: a row outside [0, V), k below 1.

    Reference: Mikolov, Yih and Zweig, "Linguistic Regularities in Continuous Space Word
      Representations", 2013, equation 1; Levy and Goldberg, "Linguistic Regularities in Sparse and
      Explicit Word Representations", 2014, equation 3, give the name.
    """
    _check_rows("analogy", vectors_unit, k, a=a, b=b, c=c)
    target = vectors_unit[b] - vectors_unit[a] + vectors_unit[c]
    return nearest_to(vectors_unit, unit_rows(target[None])[0], k, [a, b, c])


def _check_rows(function, vectors_unit, k, **rows):
    checks.positive(function, "k", k)
    count = len(vectors_unit)
    for name, row in rows.items():
        checks.argument(0 <= row < count, function, name, "a row in [0, %d)" % count, row)


def some_frequent(vocab_size, number=8):
    """Choose words to show: even steps on a log scale of frequency ranks, after the first 300.

    Args:
      vocab_size: integer V; rows are in falling order of frequency.
      number: integer, the largest number of rows.

    Returns:
      list of integers in 0 .. V - 1, rising.
    """
    first, last = min(300, vocab_size // 10), min(3000, vocab_size - 1)
    return sorted(set(np.geomspace(first + 1, last + 1, number).astype(int) - 1))


def spearman(x, y):
    """Compute Spearman's rank correlation of two sequences.

    rho = sum(r s) / sqrt(sum(r^2) sum(s^2)), with r and s the ranks of x and y minus their mean. Equal
    values share the mean of their ranks.

    Args:
      x: [N] of numbers.
      y: [N] of numbers.

    Returns:
      A float in [-1, 1]; NaN if all of x or all of y are equal, or N is below 2.

    Raises:
      InputError: sequences of different lengths, values that are NaN.

    Reference: Spearman, "The proof and measurement of association between two things", 1904.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    checks.argument(x.ndim == 1 and x.shape == y.shape, "spearman", "x and y",
                    "two sequences of equal length", (x.shape, y.shape))
    checks.argument(not np.isnan(x).any() and not np.isnan(y).any(), "spearman", "x and y",
                    "numbers", float("nan"))
    r, s = _centred_ranks(x), _centred_ranks(y)
    scale = math.sqrt(np.dot(r, r) * np.dot(s, s))
    return min(1.0, max(-1.0, float(np.dot(r, s)) / scale)) if scale else float("nan")


def _centred_ranks(values):
    """Compute the ranks of values minus their mean, (N + 1) / 2; ties share the mean of their ranks."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2.0
    return ranks[group] - (len(values) + 1) / 2.0


def similarity(words, vectors, pairs, top=300000):
    """Compute the rank correlation of cosines with human scores over word pairs.

    The result equals gensim's `evaluate_word_pairs`. Case is ignored; the first of several words that
    differ only in case counts. If all words of the pairs end with -n, -v or -j, as the lemmas of MEN do,
    an unknown word is looked up without this ending.

    Args:
      words: V strings, in falling order of frequency.
      vectors: [V, D] of floats.
      pairs: list of (word, word, score), as from evaluation_sets.read_similarity.
      top: integer; only the first `top` words are known.

    Returns:
      A Similarity. spearman: float, or None if fewer than two pairs are used or all their cosines or all
      their scores are equal. num_pairs: the number of pairs used. num_left_out: the number of pairs with
      an unknown word. missing_words: the unknown words, sorted.

    Raises:
      InputError: different numbers of words and rows, top below 1.
    """
    checks.positive("similarity", "top", top)
    words, vectors = distinct_words(words, vectors)
    row_of = _rows_by_upper(words[:top])
    lemmas = [_LEMMA.match(word) for pair in pairs for word in pair[:2]]
    plain = {lemma.group(): lemma.group(1) for lemma in lemmas if lemma} if all(lemmas) else {}

    def row(word):
        return row_of.get(word.upper(), row_of.get(plain.get(word, word).upper()))

    rows = [(row(first), row(second)) for first, second, _ in pairs]
    missing_words = {word for pair, pair_rows in zip(pairs, rows)
                     for word, found_row in zip(pair, pair_rows) if found_row is None}
    found = [(first, second, pair[2]) for pair, (first, second) in zip(pairs, rows)
             if first is not None and second is not None]
    rho = float("nan")
    if found:
        first, second, scores = (np.array(column) for column in zip(*found))
        cosines = np.einsum("pd,pd->p", unit_rows(vectors[first]), unit_rows(vectors[second]),
                            dtype=np.float64)
        rho = spearman(cosines, scores)
    return Similarity(None if math.isnan(rho) else rho, len(found), len(pairs) - len(found),
                      sorted(missing_words))


def analogies(words, vectors, sections, top=30000):
    """Count the questions "a is to b as c is to ...?" that the vectors answer correctly, by 3CosAdd.

    The answer is argmax over d of cos(d, b - a + c), without a, b and c. Ties go to the smaller row. The
    result equals gensim's `evaluate_word_analogies` with restrict_vocab=top:

    - Case is ignored. The first of several words that differ only in case is looked up. Any of them is a
      correct answer. None of them is an answer if one of them is in the question.
    - If the five best rows besides a, b and c are all variants of words in the question, the fifth is
      the answer.

    Args:
      words: V strings, in falling order of frequency.
      vectors: [V, D] of floats.
      sections: list of (name, list of (a, b, c, d)), as from evaluation_sets.read_analogies.
      top: integer; only the first `top` words are known, and may be answers.

    Returns:
      An Analogies. sections: list of Section (name, num_correct, num_questions, num_left_out). total: a
      Section of all questions. missing_words: the unknown words of the questions, sorted. Questions with
      an unknown word are left out.

    Raises:
      InputError: different numbers of words and rows, top below 1.

    Reference: Mikolov, Yih and Zweig, 2013, equation 1; Levy and Goldberg, 2014, equation 3.
    """
    checks.positive("analogies", "top", top)
    words, vectors = distinct_words(words, vectors)
    row_of = _rows_by_upper(words[:top])
    group = np.array([row_of[word.upper()] for word in words[:top]], np.int64)
    questions, section_of, missing_words = [], [], set()
    for number, (_, lines) in enumerate(sections):
        for line in lines:
            question = [row_of.get(word.upper()) for word in line]
            if None in question:
                missing_words.update(w for w, row in zip(line, question) if row is None)
            else:
                questions.append(question)
                section_of.append(number)
    totals = np.bincount(np.array(section_of, np.int64), minlength=len(sections))
    correct = np.zeros_like(totals)
    if questions:
        questions = np.array(questions, np.int64)
        answers = _answers(unit_rows(vectors[:top]), group, questions[:, :3])
        right = (answers >= 0) & (group[answers] == questions[:, 3])
        correct = np.bincount(np.array(section_of)[right], minlength=len(sections))
    counted = [Section(name, int(correct[i]), int(totals[i]), len(lines) - int(totals[i]))
               for i, (name, lines) in enumerate(sections)]
    total = Section("total", *(sum(section[i] for section in counted) for i in (1, 2, 3)))
    return Analogies(counted, total, sorted(missing_words))


def _rows_by_upper(words):
    """Return {word in upper case: row of the first word with this form}."""
    row_of = {}
    for row, word in enumerate(words):
        row_of.setdefault(word.upper(), row)
    return row_of


def _answers(unit, group, questions):
    """Find the row that answers each question, see `analogies`.

    cos(d, b - a + c) ranks d as cos(d, b) - cos(d, a) + cos(d, c) does. So one matrix product for the
    distinct words of all questions is enough, followed by sums of its rows.

    Args:
      unit: float32 [V, D], rows of length 1 or 0.
      group: int64 [V], the first row of the same word in upper case.
      questions: int64 [Q, 3], rows a, b, c, each the first of its group.

    Returns:
      int64 [Q]; -1 if there is no row besides a, b and c.
    """
    known, places = np.unique(questions, return_inverse=True)
    a, b, c = places.reshape(questions.shape).T
    asking, barred = _members(group, questions)
    best = np.full(len(questions), -np.inf, np.float32)
    answers = np.full(len(questions), -1, np.int64)
    width = max(1, min(_BLOCK, _SCORES // len(known), len(unit)))
    height = max(1, _SCORES // 64 // width)
    for left in range(0, len(unit), width):
        block = unit[left:left + width]
        scores_of_known = np.dot(unit[known], block.T)
        zeros = np.flatnonzero(~block.any(axis=1))  # rows without a direction
        inside = (barred >= left) & (barred < left + width)
        block_asking, block_barred = asking[inside], barred[inside] - left
        for low in range(0, len(questions), height):
            some = slice(low, low + height)
            scores = scores_of_known[b[some]]
            scores -= scores_of_known[a[some]]
            scores += scores_of_known[c[some]]
            scores[:, zeros] = _LAST
            of_these = slice(*np.searchsorted(block_asking, [low, low + height]))
            scores[block_asking[of_these] - low, block_barred[of_these]] = -np.inf
            columns = scores.argmax(axis=1)
            values = scores[np.arange(len(columns)), columns]
            better = values > best[some]
            best[some][better] = values[better]
            answers[some][better] = columns[better] + left

    # gensim looks at five rows only: all of them may be variants of the question's words.
    variants = np.bincount(asking, minlength=len(questions)) >= 3 + _SHOWN
    for i in np.flatnonzero(variants | (answers < 0)):
        rows = np.unique(barred[slice(*np.searchsorted(asking, [i, i + 1]))])
        rows = rows[~np.isin(rows, questions[i])]
        of_a, of_b, of_c = unit[questions[i]]
        scores = np.dot(unit[rows], of_b - of_a + of_c)
        scores[~unit[rows].any(axis=1)] = _LAST
        shown = np.argsort(-scores, kind="stable")[:_SHOWN]
        are_best = len(shown) == _SHOWN and scores[shown[-1]] > best[i]
        if len(shown) and (answers[i] < 0 or are_best):
            answers[i] = rows[shown[-1]]
    return answers


def _members(group, questions):
    """Return (question, row), two arrays, of all rows in the groups of each question's words."""
    by_group = np.argsort(group, kind="stable")
    sizes = np.bincount(group, minlength=len(group))
    starts = np.cumsum(sizes) - sizes
    flat = questions.ravel()
    repeats = sizes[flat]
    within = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    rows = by_group[np.repeat(starts[flat], repeats) + within]
    return np.repeat(np.arange(flat.size) // questions.shape[1], repeats), rows
