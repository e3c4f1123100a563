"""Word vectors, and questions about them: similar words, analogies, agreement with human scores.

    found = WordVectors(*vectors.read_vectors("vectors.bin"))
    found["king"]                       float32 [D]
    found.most_similar("king", k=3)     [("queen", 0.82), ...]
    found.most_similar(positive=["king", "woman"], negative=["man"])
    found.similarity("king", "queen")   0.82
    found.odd_one_out(["breakfast", "cereal", "dinner", "car"])    "car"
"""
import difflib
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

import numpy as np

from tf1_sampled import checks
from tf1_sampled.word2vec import evaluation, evaluation_sets, vectors

_COMPARED = 50000  # number of first words among which similar spellings are searched
_LONGEST = 40  # characters; for longer words no similar spellings are searched


class UnknownWordError(checks.InputError, KeyError):
    """An out-of-vocabulary word; also a KeyError."""

    __str__ = BaseException.__str__  # a KeyError would quote the message


class WordVectors:
    """Words and their vectors.

    Args:
      words: list of strings, in falling order of frequency. The first of several equal words counts.
      rows: [number of words, D] of numbers, the vector of each word.
      asker: string, the function or program that errors name.
      keeps_rows: boolean. False keeps only unit vectors and lengths, which takes half the memory. Then
        `vectors` are the unit vectors, and self[word] is exact to six digits.

    Attributes:
      words: list of V distinct strings.
      vectors: float32 [V, D].

    Raises:
      InputError: different numbers of words and rows.
    """

    def __init__(self, words: Sequence[str], rows: Any, asker: str = "WordVectors",
                 keeps_rows: bool = True):
        self.words: List[str]
        self.words, self.vectors = evaluation.distinct_words(words, np.asarray(rows, np.float32))
        self._unit: Optional[np.ndarray] = None
        self._lengths: Optional[np.ndarray] = None
        if not keeps_rows:
            self._lengths = evaluation.lengths(self.vectors)
            self._unit = self.vectors = evaluation.unit_rows(self.vectors)
        self._asker = asker
        self._index: Optional[Dict[str, int]] = None

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: Any) -> bool:
        return isinstance(word, str) and word in self.index

    def __getitem__(self, word: str) -> np.ndarray:
        """Return the vector of a word: float32 [D].

        Args:
          word: string.

        Raises:
          UnknownWordError: an out-of-vocabulary word.
        """
        row, = self.rows([word])
        if self._lengths is None:
            return self.vectors[row]
        return (self.vectors[row] * self._lengths[row]).astype(np.float32)

    @property
    def index(self) -> Dict[str, int]:
        """Return the row of each word, {word: integer}."""
        if self._index is None:
            self._index = {word: row for row, word in enumerate(self.words)}
        return self._index

    @property
    def unit(self) -> np.ndarray:
        """Return the vectors scaled to length 1, float32 [V, D]."""
        if self._unit is None:
            self._unit = evaluation.unit_rows(self.vectors)
        return self._unit

    def rows(self, wanted: Iterable[Any], name: str = "word") -> List[int]:
        """Return the rows of words, a list of integers.

        Args:
          wanted: strings.
          name: string, the source of the words in errors, such as a flag.

        Raises:
          UnknownWordError: an out-of-vocabulary word; names up to three words of similar spelling.
        """
        return known_rows(self.index, wanted, self._asker, name)

    def known_words(self, wanted: Iterable[str], name: str = "word") -> Tuple[List[str], List[str]]:
        """Return (the words that have a vector, a message for each word without one).

        Args:
          wanted: strings; a phrase may have blanks, see `spelled`.
          name: string, the source of the words in messages, such as a flag.
        """
        return known_words(self.index, wanted, self._asker, name)

    def most_similar(self, positive: Any, negative: Any = (), k: int = 10) -> List[Tuple[str, float]]:
        """Return the words whose vectors have the largest cosine with the positive minus the negative.

            most_similar("king")                                         the words nearest to king
            most_similar(positive=["king", "woman"], negative=["man"])   3CosAdd: man : king = woman : ?

        All vectors are scaled to length 1 first. The words of the question are not among the answers.

        Args:
          positive, negative: a word, a vector float [D], or a list of words and vectors. Negative may be
            empty.
          k: integer, the number of words to return; fewer if the vocabulary has fewer.

        Returns:
          list of (word, cosine), best first; words of equal cosine in the order of `words`.

        Raises:
          InputError: no positive word, vectors that are not finite numbers [D], k below 1.
          UnknownWordError: an out-of-vocabulary word.

        Reference: Mikolov, Yih and Zweig 2013, equation 1.
        """
        checks.positive(self._asker, "k", k)
        positive, asked = self._directions("positive", positive)
        negative, more = self._directions("negative", negative)
        checks.argument(positive, self._asker, "positive", "a word or vector", "none")
        target = positive[0]
        for vector in negative:
            target = target - vector
        for vector in positive[1:]:
            target = target + vector
        if len(positive) + len(negative) > 1:
            target = evaluation.unit_rows(target[None])[0]
        rows, cosines = evaluation.nearest_to(self.unit, target, k, sorted(set(asked + more)))
        return [(self.words[row], float(cosine)) for row, cosine in zip(rows, cosines)]

    def similarity(self, first: Any, second: Any) -> float:
        """Return the cosine of the vectors of two words, a float.

        Args:
          first, second: a word, or a vector float [D].

        Raises:
          InputError: a vector that is not finite numbers [D].
          UnknownWordError: an out-of-vocabulary word.
        """
        (first,), _ = self._directions("first", [first])
        (second,), _ = self._directions("second", [second])
        return float(np.dot(first, second))

    def odd_one_out(self, words: Sequence[str]) -> str:
        """Return the word whose cosine with the mean of all the words is smallest.

        argmin over i of cos(x_i, sum_j x_j / |x_j|); gensim calls it doesnt_match.

        Args:
          words: list of 3 or more words. The first of several equal cosines counts.

        Returns:
          string, one of `words`.

        Raises:
          InputError: fewer than 3 words.
          UnknownWordError: an out-of-vocabulary word.
        """
        words = list(words)
        checks.argument(len(words) > 2, self._asker, "words", "3 or more words that have a vector",
                        ", ".join(map(str, words)))
        rows = self.unit[self.rows(words)]
        return words[int(np.argmin(np.dot(rows, rows.mean(axis=0))))]

    def evaluate_similarity(self, path: str, columns: Sequence[str] = (),
                            top: int = 300000) -> evaluation.Similarity:
        """Compute the rank correlation of cosines with human scores of word pairs.

        Args:
          path: a file such as WordSim-353, SimLex-999 or MEN; see evaluation_sets.read_similarity.
          columns: strings, the names in the header or the numbers from 1 of the columns first word,
            second word, score; empty to detect them.
          top: integer; only the first `top` words are known.

        Returns:
          evaluation.Similarity: spearman, num_pairs, num_left_out, missing_words.

        Raises:
          InputError: an invalid file, top below 1.
        """
        pairs = evaluation_sets.read_similarity(path, columns)
        return evaluation.similarity(self.words, self.vectors, pairs, top)

    def evaluate_analogies(self, path: str, top: int = 30000) -> evaluation.Analogies:
        """Compute the share of analogy questions that the vectors answer correctly.

        Args:
          path: a file such as questions-words.txt; see evaluation_sets.read_analogies.
          top: integer; only the first `top` words are known, and may be answers.

        Returns:
          evaluation.Analogies: sections, total (with `accuracy`), missing_words.

        Raises:
          InputError: an invalid file, top below 1.
        """
        sections = evaluation_sets.read_analogies(path)
        return evaluation.analogies(self.words, self.vectors, sections, top)

    def save_word2vec_format(self, path: str) -> None:
        """Write the vectors to a file in word2vec's format.

        Args:
          path: a name that ends with .txt or .vec for text, or .bin for binary; .gz, .bz2 or .xz after
            that compresses the file.

        Raises:
          InputError: another name, a path that cannot be written.
        """
        vectors.write_vectors(path, self.words, self.vectors)

    def _directions(self, name: str, asked: Any) -> Tuple[List[np.ndarray], List[int]]:
        """Return (unit vectors [D] of the words and vectors, rows of the words), two lists."""
        is_one = isinstance(asked, str) or (isinstance(asked, np.ndarray) and asked.ndim == 1
                                            and asked.dtype.kind in "fiu")
        directions: List[np.ndarray] = []
        rows: List[int] = []
        for one in [asked] if is_one else asked:
            if isinstance(one, str):
                rows += self.rows([one])
                directions.append(self.unit[rows[-1]])
            else:
                directions.append(self._unit_vector(name, one))
        return directions, rows

    def _unit_vector(self, name: str, vector: Any) -> np.ndarray:
        dim = self.vectors.shape[1]
        wanted = "words, or vectors of %d finite numbers" % dim
        try:
            with np.errstate(over="ignore"):
                row = np.asarray(vector, np.float32)
        except (TypeError, ValueError):
            checks.argument(False, self._asker, name, wanted, vector)
        fits = row.shape == (dim,) and np.isfinite(row).all()
        checks.argument(fits, self._asker, name, wanted, vector)
        return evaluation.unit_rows(row[None])[0]


def known_rows(index: Dict[str, int], wanted: Iterable[Any], asker: str,
               name: str = "word") -> List[int]:
    """Look up the rows of words.

    Args:
      index: {word: row}.
      wanted: the words to look up.
      asker: string, the function or program that errors name.
      name: string, the source of the words in errors, such as a flag.

    Returns:
      list of integers, the row of each word.

    Raises:
      UnknownWordError: an out-of-vocabulary word; names up to three words of similar spelling.
    """
    wanted = list(wanted)
    for word in wanted:
        if not isinstance(word, str) or word not in index:
            close = close_words(list(index), word) if isinstance(word, str) else []
            hint = " (similar: %s)" % ", ".join(close) if close else ""
            try:
                checks.argument(False, asker, name, "a word of the vocabulary" + hint, word)
            except checks.InputError as e:
                raise UnknownWordError(str(e)) from None
    return [index[word] for word in wanted]


def known_words(index: Dict[str, int], wanted: Iterable[str], asker: str,
                name: str = "word") -> Tuple[List[str], List[str]]:
    """Separate words that have a vector from out-of-vocabulary words.

    Args:
      index: {word: row}.
      wanted: list of strings; a phrase may have blanks, see `spelled`.
      asker: string, the function or program that messages name.
      name: string, the source of the words in messages, such as a flag.

    Returns:
      (list of the words that have a vector, list of a message for each word without one).
    """
    known: List[str] = []
    messages: List[str] = []
    for word in wanted:
        word = spelled(index, word)
        try:
            known_rows(index, [word], asker, name)
            known.append(word)
        except UnknownWordError as e:
            messages.append(str(e))
    return known, messages


def spelled(index: Dict[str, int], word: str) -> str:
    """Return the spelling of a word in the vocabulary: new_york for "new york" if only new_york is."""
    joined = "_".join(word.split())
    return joined if word not in index and joined in index else word


def close_words(words: Sequence[str], word: str, number: int = 3) -> List[str]:
    """Find words of similar spelling: words that differ in case, then some of the first 50,000.

    Args:
      words: list of V strings.
      word: string.
      number: integer, the largest number of words to return.

    Returns:
      list of strings, the closest first; empty for a word of more than 40 characters.
    """
    if not 0 < len(word) <= _LONGEST:
        return []
    lower = word.lower()
    close = [other for other in words if other.lower() == lower]
    # Comparison is slow, and a word of a very different length is not a misspelling.
    near = [other for other in words[:_COMPARED] if abs(len(other) - len(word)) <= 2]
    close += difflib.get_close_matches(word, near, number, 0.7)
    return list(dict.fromkeys(close))[:number]
