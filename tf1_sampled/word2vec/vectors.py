"""Read and write word vectors in the formats of word2vec, gensim, GloVe and fastText.

The name of an output file chooses its format: `.bin` is binary, `.txt` and `.vec` are text; .gz, .bz2
or .xz after that compresses the file. The format of an input file is detected from its content, see
vector_files.
"""
import os
import re
import warnings

import numpy as np

from tf1_sampled import checks
from tf1_sampled.files import reading, writing
from tf1_sampled.word2vec import vector_files

FILE_NAME = "vectors.bin"  # in the folder of a model

FORM_NAMES = "a name that ends with .txt, .vec or .bin, optionally followed by .gz, .bz2 or .xz"

_BREAKS = re.compile("[ \t\n\r\v\f\0]")
_ENDINGS = (".txt", ".vec", ".bin")


def write_vectors(path, words, vectors):
    """Write words and their vectors to a word2vec file, whole or not at all.

    Numbers in text have nine digits, so that every float32 is read back exactly.

    Args:
      path: the file to write; its name chooses the format.
      words: V non-empty strings without blanks and line ends.
      vectors: [V, D] of numbers, finite as float32.

    Raises:
      InputError: a name of an unknown format, a word or row that the format cannot hold, different
        numbers of words and rows.
    """
    checks.file(names_form(path), os.fspath(path), FORM_NAMES, checks.show(_ending(path)))
    words = list(words)
    with np.errstate(over="ignore"):  # the check below names the word
        vectors = np.asarray(vectors, np.float32)
    checks.argument(vectors.ndim == 2 and vectors.size > 0, "write_vectors", "vectors",
                    "an array [V, D] of at least 1 by 1", vectors.shape)
    checks.argument(len(words) == len(vectors), "write_vectors", "words",
                    "as many words as vectors, %d" % len(vectors), len(words))
    encoded = [_encoded(word) for word in words]
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        checks.argument(False, "write_vectors", "vectors",
                        "finite numbers for the word %r" % words[row], vectors[row].tolist())

    with writing.writing(path, "wb") as stream:
        stream.write(b"%d %d\n" % vectors.shape)
        if _ending(path) == ".bin":
            for word, row in zip(encoded, vectors.astype("<f4")):
                stream.write(word + b" " + row.tobytes() + b"\n")
        else:
            form = b"%s " + b" ".join([b"%.9g"] * vectors.shape[1]) + b"\n"
            for word, row in zip(encoded, vectors):
                stream.write(form % ((word,) + tuple(row.tolist())))


def names_form(path):
    """Return whether the name of an output file chooses a format, as in FORM_NAMES."""
    return _ending(path) in _ENDINGS


def read_vectors(path, max_rows=None, report=None):
    """Read words and vectors from word2vec text or binary, GloVe or fastText .vec.

        words, rows = read_vectors("glove.6B.100d.txt", max_rows=50000)

    The content of the file decides its format, not the name. In text the last D columns of a line are
    numbers, so a word may contain blanks. The function repairs and reports these defects: it leaves out
    rows without a word and repeated words, replaces bytes that are not UTF-8 by U+FFFD, and ignores a
    wrong number of words in the header.

    Args:
      path: the file; .gz .bz2 .xz .zip are unpacked.
      max_rows: integer, the number of first rows to read, or None for all.
      report: function that takes a line of text for the user; None for `warnings.warn`.

    Returns:
      (list of V distinct words, float32 [V, D]).

    Raises:
      InputError: a file of another kind, with its kind; a truncated file; a row without exactly D finite
        numbers, with its line or row; max_rows below 1.
    """
    if max_rows is not None:
        checks.positive("read_vectors", "max_rows", max_rows)
    path = os.fspath(path)
    with reading.open_binary(path) as stream:
        reader = vector_files.Reader(path, stream, max_rows)
        rows = reader.read()
    reader.notes.report(path, _warn if report is None else report)
    return reader.words, rows


class InitialVectors:
    """Word vectors for a warm start, optionally with the output vectors of the same training.

    Attributes:
      words: list of distinct strings without white space; empty without a warm start.
      dim: integer D, or None.
    """

    def __init__(self, paths, dim=None, report=None):
        """Read the files.

        Args:
          paths: list of zero, one or two paths: the vectors, the output vectors.
          dim: None, or the dimension that the vectors must have.
          report: function that takes a line of text for the user; None for `warnings.warn`.

        Raises:
          InputError: more than two files, as `read_vectors`, vectors of another dimension, no word
            without white space.
        """
        report = _warn if report is None else report
        checks.argument(len(paths) <= 2, "InitialVectors", "paths",
                        "at most two files: vectors, output vectors", paths)
        self._tables = [read_vectors(path, report=report) for path in paths]
        for path, (_, rows) in zip(paths, self._tables):
            dim = dim or rows.shape[1]
            checks.file(rows.shape[1] == dim, path, "vectors of %d dimensions" % dim, rows.shape[1])
        self.dim = dim
        known = self._tables[0][0] if paths else []
        self.words = [word for word in known if word.split() == [word] and "\0" not in word]
        if len(self.words) < len(known):
            report("%s: left out %s with white space, which cannot occur in a text" % (
                paths[0], checks.counted(len(known) - len(self.words), "word")))
            checks.file(self.words, paths[0], "words without white space", "none")

    def inputs(self, words):
        """Return the vectors of words: float32 [V, D], NaN for unknown words; None without vectors."""
        return self._rows(0, words)

    def outputs(self, words):
        """Return the output vectors of words: float32 [V, D], NaN for unknown words; None without."""
        return self._rows(1, words)

    def _rows(self, table, words):
        if table >= len(self._tables):
            return None
        known, rows = self._tables[table]
        place = {word: i for i, word in enumerate(known)}
        found = np.array([place.get(word, -1) for word in words])
        return np.where((found >= 0)[:, None], rows[found], np.float32(np.nan))


def _warn(line):
    warnings.warn(line, stacklevel=4)  # at the line that called read_vectors


def _ending(path):
    """Return the extension of a name in lower case, before .gz, .bz2 or .xz."""
    stem, ending = os.path.splitext(os.fspath(path).lower())
    return os.path.splitext(stem)[1] if ending in reading.PACKED else ending


def _encoded(word):
    """Return the UTF-8 bytes of a word that a word2vec file can hold."""
    fits = isinstance(word, str) and word != "" and not _BREAKS.search(word)
    checks.argument(fits, "write_vectors", "words",
                    "non-empty words without blanks and line ends", word)
    try:
        return word.encode("utf-8")
    except UnicodeEncodeError:
        checks.argument(False, "write_vectors", "words", "words of Unicode characters", word)
