"""Word vectors in the two file forms of the word2vec program, as gensim and others read and write.

    text         "V D\\n", then per word: word, a blank, D decimal numbers, "\\n"
    binary       "V D\\n", then per word: word, a blank, D little-endian float32, "\\n"

A name that ends in `.bin` is binary (also `.bin.gz` and the like), any other is text.
"""
import os
import re

import numpy as np

from tf1_sampled import checks
from tf1_sampled.files import reading, writing

FILE_NAME = "vectors.bin"  # in the folder of a model

_CHUNK = 1 << 20
_BREAKS = re.compile("[ \t\n\r\v\f\0]")
_LONGEST_WORD = 1 << 16  # bytes; a file of another kind is told by it early
_MOST_DIMENSIONS = 1 << 20  # a header that lies is told by it before its row is read
_FINITE_AT_A_TIME = 4096  # rows: one by one is slow, all at once takes memory


def write_vectors(path, words, vectors):
    """Write words and their vectors to a word2vec file, whole or not at all.

    Numbers in text have nine digits, which give every float32 back exactly.

    Args:
      path: where to; the form is that of the name.
      words: V strings without blanks and line ends, none empty.
      vectors: [V, D] of numbers, finite as float32.

    Raises:
      InputError: a word or a row that the form cannot hold, other numbers of words than of rows.
    """
    words = list(words)
    with np.errstate(over="ignore"):  # found below, with its word
        vectors = np.asarray(vectors, np.float32)
    checks.argument(vectors.ndim == 2 and vectors.size > 0, "write_vectors", "vectors",
                    "an array [V, D] of at least one word and dimension", vectors.shape)
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
        if _is_binary(path):
            for word, row in zip(encoded, vectors.astype("<f4")):
                stream.write(word + b" " + row.tobytes() + b"\n")
        else:
            form = b"%s " + b" ".join([b"%.9g"] * vectors.shape[1]) + b"\n"
            for word, row in zip(encoded, vectors):
                stream.write(form % ((word,) + tuple(row.tolist())))


def read_vectors(path):
    """Read the words and vectors of a word2vec file, text or binary by its name, unpacked as needed.

    The header is believed only as far as the rows that come bear it out.

    Args:
      path: the file.

    Returns:
      A list of V words and an array [V, D] of float32.

    Raises:
      InputError: anything that is not the form above; names the line or row. Also a number that is
        not finite.
    """
    read = _read_binary if _is_binary(path) else _read_text
    return read(os.fspath(path))


class InitialVectors:
    """Word vectors that a training starts from, and maybe the output vectors of the same training.

    Attributes:
      words: list of strings; empty where there are none to start from.
      dim: integer D, or None.
    """

    def __init__(self, paths, dim=None):
        """Read the files.

        Args:
          paths: list of none, the vectors' file, or that and the output vectors' file.
          dim: None, or the dimension that they must have.

        Raises:
          InputError: more files, a file that is none, or vectors of another dimension.
        """
        checks.argument(len(paths) <= 2, "InitialVectors", "paths", "vectors, and maybe output vectors",
                        paths)
        self._tables = [read_vectors(path) for path in paths]
        for path, (_, rows) in zip(paths, self._tables):
            dim = dim or rows.shape[1]
            checks.file(rows.shape[1] == dim, path, "vectors of %d dimensions" % dim, rows.shape[1])
        self.words = self._tables[0][0] if paths else []
        self.dim = dim

    def inputs(self, words):
        """Return the vectors of words: float32 [V, D], NaN for a word without; None without vectors."""
        return self._rows(0, words)

    def outputs(self, words):
        """Return the output vectors of words: float32 [V, D], NaN for a word without; else None."""
        return self._rows(1, words)

    def _rows(self, table, words):
        if table >= len(self._tables):
            return None
        known, rows = self._tables[table]
        place = {word: i for i, word in reversed(list(enumerate(known)))}  # the first of equal ones
        found = np.array([place.get(word, -1) for word in words])
        return np.where((found >= 0)[:, None], rows[found], np.float32(np.nan))


def _is_binary(path):
    stem, ending = os.path.splitext(os.fspath(path).lower())
    return ending == ".bin" or (ending in reading.PACKED and stem.endswith(".bin"))


def _encoded(word):
    """The UTF-8 bytes of a word that a word2vec file can hold."""
    fits = isinstance(word, str) and word != "" and not _BREAKS.search(word)
    checks.argument(fits, "write_vectors", "words",
                    "words without blanks and line ends, none empty", word)
    try:
        return word.encode("utf-8")
    except UnicodeEncodeError:
        checks.argument(False, "write_vectors", "words", "words of Unicode characters", word)


def _header(path, line):
    """(V, D) of the first line, a string."""
    parts = line.split()
    fits = len(parts) == 2 and all(part.isdecimal() and len(part) < 18 for part in parts)
    checks.line(fits, path, 1, "a header of two numbers, words and dimensions", line.rstrip("\n"))
    count, dimension = int(parts[0]), int(parts[1])
    checks.line(count > 0 and 0 < dimension <= _MOST_DIMENSIONS, path, 1,
                "a word at least and 1 to %d dimensions" % _MOST_DIMENSIONS, line.rstrip("\n"))
    return count, dimension


class _Rows:
    """An array [rows, D] that grows by what comes, never by what a header promises."""

    def __init__(self, count):
        self._count = count
        self._array = None
        self._used = 0

    def append(self, row):
        if self._array is None:
            self._array = np.empty((1, len(row)), np.float32)
        if self._used == len(self._array):
            larger = min(self._count, 2 * len(self._array))
            self._array.resize((larger, self._array.shape[1]), refcheck=False)
        self._array[self._used] = row
        self._used += 1

    def array(self):
        return self._array


def _read_text(path):
    words = []
    with reading.open_text(path) as stream:
        count, dimension = _header(path, stream.readline())
        rows = _Rows(count)
        for number, line in enumerate(stream, 2):
            if len(words) == count:
                checks.line(not line.strip(), path, number, "the end after %d words" % count,
                            line.rstrip("\n"))
                continue
            word, _, numbers = line.partition(" ")
            checks.line(word.strip() and not _BREAKS.search(word), path, number,
                        "a word, a blank and numbers", line.rstrip("\n"))
            parts = numbers.split()
            wanted = "%d numbers after the word %s" % (dimension, checks.show(word))
            checks.line(len(parts) == dimension, path, number, wanted, len(parts))
            try:
                with np.errstate(over="ignore"):
                    row = np.array(parts, np.float32)
            except ValueError as e:
                checks.line(False, path, number, wanted, str(e))
            checks.line(np.isfinite(row).all(), path, number, "finite " + wanted, numbers.rstrip("\n"))
            words.append(word)
            rows.append(row)
    checks.file(len(words) == count, path, "%d words as its header says" % count, str(len(words)))
    return words, rows.array()


def _read_binary(path):
    words, numbers = [], bytearray()  # all rows' numbers, as they come
    with reading.open_binary(path) as stream:
        buffer = bytearray()
        used = 0  # bytes at the start of the buffer

        def more():
            nonlocal used
            del buffer[:used]
            used = 0
            chunk = stream.read(_CHUNK)
            buffer.extend(chunk)
            return chunk

        def find(end, longest, number, wanted):
            """Where `end` first stands in what was not used yet, read on as needed."""
            looked = used
            while True:
                found = buffer.find(end, looked)
                if found >= 0:
                    return found
                looked = len(buffer) - used
                where = _row_of(path, number) if number else path
                checks.file(looked <= longest, where, wanted, "%d bytes without" % looked)
                checks.file(more(), where, wanted, "the end of the file")

        end = find(b"\n", 100, 0, "a header of two numbers, words and dimensions")
        count, dimension = _header(path, buffer[:end].decode("latin-1"))
        used = end + 1
        for number in range(1, count + 1):
            end = find(b" ", _LONGEST_WORD, number, "a word and a blank")
            try:
                # Some programs write no line end after the numbers.
                word = buffer[used:end].decode("utf-8").lstrip("\n")
            except UnicodeDecodeError as e:
                checks.file(False, _row_of(path, number), "a word in UTF-8", str(e))
            if not word.strip() or _BREAKS.search(word):
                checks.file(False, _row_of(path, number), "a word", repr(word[:50]))
            used = end + 1
            while len(buffer) - used < 4 * dimension:
                checks.file(more(), _row_of(path, number), "%d numbers of 4 bytes" % dimension,
                            "the end of the file")
            numbers += buffer[used:used + 4 * dimension]
            words.append(word)
            used += 4 * dimension
        while not buffer[used:].strip():
            used = len(buffer)
            if not more():
                break
        checks.file(not buffer[used:].strip(), path, "the end after %d words" % count, "more bytes")
    rows = np.frombuffer(numbers, "<f4").reshape(count, dimension)
    for start in range(0, count, _FINITE_AT_A_TIME):
        finite = np.isfinite(rows[start:start + _FINITE_AT_A_TIME]).all(axis=1)
        if not finite.all():
            row = start + int(np.argmin(finite))
            checks.file(False, _row_of(path, row + 1),
                        "finite numbers for the word " + checks.show(words[row]), "one that is not")
    return words, rows.astype(np.float32, copy=False)


def _row_of(path, number):
    """The place that an error names; numbers count from 1."""
    return "%s: row %d" % (path, number)
