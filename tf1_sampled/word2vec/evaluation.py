"""How good word vectors are: nearest words, analogies, agreement with human judgements of similarity.

evaluation_sets reads the files of pairs and questions. Scores count as gensim's do: case makes no
difference, of several words that differ in nothing else the first (the most frequent) stands for all,
and a pair or question with an unknown word is left out.
"""
import collections
import math
import re

import numpy as np

from tf1_sampled import checks

_BLOCK = 4096  # columns of scores at a time
_SCORES = 1 << 23  # of single words in memory at a time, and of questions 1 / 64 of that
_LAST = -1e30  # in the place of a cosine that is none
_SHOWN = 5  # words that gensim looks at for the answer of a question, without those of the question

_LEMMA = re.compile("(.+)-[njv]$")  # of MEN, as sun-n

Similarity = collections.namedtuple("Similarity", "spearman num_pairs num_left_out missing_words")
Analogies = collections.namedtuple("Analogies", "sections total missing_words")


class Section(collections.namedtuple("Section", "name num_correct num_questions num_left_out")):
    """Questions of a section: answered right, used, and left out for a word that is not there."""

    __slots__ = ()

    @property
    def accuracy(self):
        """The share of the used questions that were answered right; None when none was used."""
        return self.num_correct / self.num_questions if self.num_questions else None


def distinct_words(words, vectors):
    """Return words and rows without those of a word that came before: the first one counts.

    Args:
      words: V strings.
      vectors: [V, D] of numbers.

    Returns:
      A list of W <= V strings and an array [W, D]; `vectors` itself where no word comes twice.

    Raises:
      InputError: other numbers of words than of rows.
    """
    vectors = np.asarray(vectors)
    checks.argument(vectors.ndim == 2 and len(words) == len(vectors), "distinct_words", "vectors",
                    "an array [V, D] of a row for each of %d words" % len(words), vectors.shape)
    first = {}
    for row, word in enumerate(words):
        first.setdefault(word, row)
    if len(first) < len(words):
        vectors = vectors[list(first.values())]
    return list(first), vectors


def unit_rows(vectors):
    """Scale rows to length 1, so that dot products are cosines; a row of zeros stays.

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
    """Return the Euclidean lengths of rows [V, D] of float32: float64 [V]."""
    # The square of a small or large float32 is 0 or inf: float64, but not for the whole array.
    return np.sqrt(np.einsum("vd,vd->v", vectors, vectors, dtype=np.float64))


def nearest(vectors_unit, row, k):
    """Return the k other rows of the largest cosine with a row, best first, ties by the smaller id.

    Args:
      vectors_unit: [V, D], rows of length 1 as from `unit_rows`.
      row: id of a row, in [0, V).
      k: how many; all others when there are fewer.

    Returns:
      ids, [min(k, V - 1)] of int64, and cosines, of the same shape.

    Raises:
      InputError: a row that is not there, k below 1.
    """
    _check_rows("nearest", vectors_unit, k, row=row)
    return nearest_to(vectors_unit, vectors_unit[row], k, [row])


def nearest_to(vectors_unit, target_unit, k, left_out=()):
    """Return the k rows of the largest cosine with a vector, best first, ties by the smaller id.

    Args:
      vectors_unit: [V, D], rows of length 1 as from `unit_rows`.
      target_unit: [D], of length 1.
      k: integer above 0, how many; all others when there are fewer.
      left_out: ids of rows, in [0, V), that are not among them.

    Returns:
      ids, [min(k, others)] of int64, and cosines, of the same shape.
    """
    cosines = np.dot(vectors_unit, target_unit)
    others = np.delete(np.arange(len(cosines)), np.array(left_out, np.int64))
    if k < len(others):
        # All that could be among the k best, ties included; then only these are sorted.
        bound = np.partition(cosines[others], len(others) - k)[len(others) - k]
        others = others[cosines[others] >= bound]
    ids = others[np.argsort(-cosines[others], kind="stable")][:k]
    return ids, cosines[ids]


def analogy(vectors_unit, a, b, c, k):
    """Return the k rows d that answer "a is to b as c is to d" best, by 3CosAdd.

    d = argmax cos(d, b - a + c), over all rows but a, b and c; best first, ties by the smaller id.

    Args:
      vectors_unit: [V, D], rows of length 1 as from `unit_rows`.
      a, b, c: ids of rows, in [0, V).
      k: how many; all others when there are fewer.

    Returns:
      ids, [min(k, others)] of int64, and cosines, of the same shape.

    Raises:
      InputError: a row that is not there, k below 1.

    Reference: Mikolov, Yih and Zweig, "Linguistic Regularities in Continuous Space Word
      Representations", 2013, equation 1; the name is of Levy and Goldberg, "Linguistic Regularities
      in Sparse and Explicit Word Representations", 2014, equation 3.
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
    """Return rows of words to show: evenly on a log scale, without the most frequent 300.

    Args:
      vocab_size: integer V; rows are in falling order of frequency.
      number: integer, at most so many.

    Returns:
      list of integers in 0 .. V - 1, rising.
    """
    first, last = min(300, vocab_size // 10), min(3000, vocab_size - 1)
    return sorted(set(np.geomspace(first + 1, last + 1, number).astype(int) - 1))


def spearman(x, y):
    """Compute the rank correlation of two sequences, equal values sharing the mean of their ranks.

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


def similarity(words, vectors, pairs, top=300000):
    """Compute how well cosines agree with human scores: their rank correlation over the word pairs.

    The numbers are those of gensim's `evaluate_word_pairs`. Case makes no difference; of several words
    that differ in nothing else the first counts. Where all words of the pairs end with -n, -v or -j, the
    lemmas of MEN, one that is not there counts as the word without that.

    Args:
      words: V strings, in falling order of frequency.
      vectors: [V, D] of floats.
      pairs: [(word, word, score)], as from evaluation_sets.read_similarity.
      top: integer; the words after so many first ones are not looked at.

    Returns:
      A Similarity: spearman, None when fewer than two pairs are used or all cosines or all scores of
      these are equal; num_pairs, used; num_left_out, pairs with a word that is not there; missing_words,
      these words, sorted.

    Raises:
      InputError: other numbers of words than of rows, top below 1.
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
    """Count the questions "a is to b as c is to ...?" that the vectors answer right, by 3CosAdd.

    The answer is argmax over d of cos(d, b - a + c), without a, b and c. The numbers are those of
    gensim's `evaluate_word_analogies` with restrict_vocab=top: case makes no difference; of several
    words that differ in nothing else the first counts, but any of them is the right answer, and none
    of them is an answer where one is in the question. Where the five best rows beside a, b and c
    are all such words of the question, the fifth is the answer. Ties go to the smaller row.

    Args:
      words: V strings, in falling order of frequency.
      vectors: [V, D] of floats.
      sections: [(name, [(a, b, c, d)])], as from evaluation_sets.read_analogies.
      top: integer; the words after so many first ones are neither known nor answers.

    Returns:
      An Analogies: sections, a Section (name, num_correct, num_questions, num_left_out) for each; total,
      a Section of all; missing_words, those that are in questions but not in the first `top` words,
      sorted. Questions with such a word are left out.

    Raises:
      InputError: other numbers of words than of rows, top below 1.

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
    """{upper-cased word: row of the first word of that form}."""
    row_of = {}
    for row, word in enumerate(words):
        row_of.setdefault(word.upper(), row)
    return row_of


def _answers(unit, group, questions):
    """The row that answers each question, as `analogies` has it.

    cos(d, b - a + c) goes with cos(d, b) - cos(d, a) + cos(d, c), and questions share their words: one
    product of matrices for the distinct words, then sums of its rows.

    Args:
      unit: [V, D] of float32, rows of length 1 or 0.
      group: [V] of int64, the first row of the same upper-cased word.
      questions: [Q, 3] of int64, rows a, b, c, each the first of its group.

    Returns:
      [Q] of int64; -1 where there is no other row than a, b and c.
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
        zeros = np.flatnonzero(~block.any(axis=1))  # no direction
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

    # Where five or more rows are other forms of the question's words, these may be all one looks at.
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
    """(question, row), two arrays, for all rows in the groups of a question's words; by question."""
    by_group = np.argsort(group, kind="stable")
    sizes = np.bincount(group, minlength=len(group))
    starts = np.cumsum(sizes) - sizes
    flat = questions.ravel()
    repeats = sizes[flat]
    within = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    rows = by_group[np.repeat(starts[flat], repeats) + within]
    return np.repeat(np.arange(flat.size) // questions.shape[1], repeats), rows
