"""Parse files of word vectors: word2vec text and binary, GloVe, fastText .vec, detected by content.

    text         "V D\\n" or no header, then per word: word, a blank, D decimal numbers, "\\n"
    binary       "V D\\n", then per word: word, a blank, D little-endian float32, "\\n" or nothing

The last D columns of a line are its numbers, so a word may contain blanks, as in GloVe's 840B file.
A reader repairs some defects and counts them in `Notes`. A missing, malformed or non-finite number is an
error.
"""
import collections
import re
import warnings

import numpy as np

from tf1_sampled import checks

HEAD = 1 << 16  # bytes at the start of a file that decide its format

_CHUNK = 1 << 20
_LONGEST_WORD = 1 << 16  # bytes; a longer word means that the file has another format
_LONGEST_LINE = 1 << 24  # bytes
_MOST_DIMENSIONS = 1 << 20  # a larger number in the header is refused before a row is read
_LONGEST_BLANK = 4096  # bytes of white space skipped at a time at the end of a binary file
_FINITE_AT_A_TIME = 4096  # rows: one by one is slow, all at once takes memory
_LOOKED_AT = 100  # number of first lines that decide the dimension of a file without a header
_HEADER = re.compile(rb"[ \t]*(\d{1,18})[ \t]+(\d{1,18})[ \t\r]*(?:\n|$)")
_NO_WORD = "row%s without a word (left out)"
_REPEATED = "row%s of a repeated word (left out)"
_CONTROL = re.compile(b"[\0-\x08\x0e-\x1a]")
_NO_WORD_OF_BINARY = re.compile(b"[\0-\x1a]")  # no word has these bytes; numbers do
_ODD_BLANKS = (b"\t", b"\v", b"\f", b"\r")
_BOM = b"\xef\xbb\xbf"
_WANTED = "word vectors as word2vec or GloVe text, fastText .vec or word2vec binary"

# The first bytes of other kinds of files, and the names of the kinds.
_OTHERS = (
    (b"\xba\x16\x4f\x2f", "a fastText model; save its vectors as .vec"),
    (b"\x93NUMPY", "a NumPy file; write its rows with tf1_sampled.word2vec.vectors.write_vectors"),
    (b"PK\3\4", "a zip archive, such as .npz or a PyTorch model"),
    (b"\x1f\x8b", "a gzip archive, whose name must end with .gz"),
    (b"BZh", "a bzip2 archive, whose name must end with .bz2"),
    (b"\xfd7zXZ\0", "an xz archive, whose name must end with .xz"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
    (b"version https://git-lfs", "a Git LFS pointer instead of the file"),
    (b"<", "an HTML or XML page"),
)
_GENSIM = re.compile(b"\x80[\2-\5]")  # a pickle of protocol 2 to 5

Form = collections.namedtuple("Form", "is_binary num_words dim num_header")
Form.__doc__ = """The format of a file.

  is_binary: boolean.
  num_words: integer from the header, or None without a header.
  dim: integer D.
  num_header: integer, bytes before the first row.
"""


class Notes:
    """The repairs of a reader in a file.

    Attributes:
      counts: collections.Counter {repair: number of rows}.
      lines: list of strings, other notes.
    """

    def __init__(self):
        self.counts, self.lines = collections.Counter(), []

    def report(self, path, report):
        """Call `report` with a line of text for each kind of note."""
        for what, count in self.counts.items():
            report("%s: %s %s" % (path, format(count, ","), what % ("s" if count > 1 else "")))
        for line in self.lines:
            report("%s: %s" % (path, line))


def recognize(path, head):
    """Detect the Form of a file.

    Args:
      path: string, for errors.
      head: bytes, the first HEAD bytes of the unpacked file, or all of a shorter file.

    Raises:
      InputError: another kind of file, with its kind; a header of 0 or too many dimensions.
    """
    for magic, kind in _OTHERS:
        checks.file(not head.startswith(magic), path, _WANTED, kind)
    checks.file(not _GENSIM.match(head), path, _WANTED, "a gensim model (pickle); save its vectors with "
                "wv.save_word2vec_format")
    begin = len(_BOM) if head.startswith(_BOM) else 0
    header = _HEADER.match(head, begin)
    if not header:
        checks.file(not _CONTROL.search(head), path, _WANTED,
                    "a binary file without the header 'words dimensions'")
        return Form(False, None, _dimensions(path, head[begin:]), begin)
    num_words, dim = (int(number) for number in header.groups())
    checks.line(0 < dim <= _MOST_DIMENSIONS, path, 1, "1 to %d dimensions" % _MOST_DIMENSIONS, dim)
    return Form(not _is_text(head[header.end():]), num_words, dim, header.end())


def _is_text(rows):
    """Return whether the bytes after a header are lines of text."""
    if _CONTROL.search(rows, 0, 4096):
        return False
    # Decimal numbers are ASCII. The bytes of float32 numbers include non-ASCII or control characters.
    last = rows.partition(b"\n")[0].split()[-1:]
    return all(byte < 128 for byte in b"".join(last))


def _dimensions(path, head):
    """Return the dimension: the count of numbers that most of the first lines end with.

    Args:
      path: string, for errors.
      head: bytes, the start of a text file.

    Raises:
      InputError: lines without numbers, or a dimension out of range.
    """
    lines = head.split(b"\n")
    if len(head) >= HEAD and len(lines) > 1:
        del lines[-1]  # it may be cut off
    lines = [line for line in lines[:_LOOKED_AT] if line.strip()]
    counts = collections.Counter(_num_numbers(line) for line in lines)
    dim = counts.most_common(1)[0][0] if counts else 0
    shown = lines[0][:100].decode("utf-8", "replace").strip() if lines else ""
    # A file with one number per line is a vocabulary.
    checks.line(1 < dim <= _MOST_DIMENSIONS, path, 1,
                "a header 'words dimensions', or a word and its numbers, 2 or more", shown)
    return dim


def _num_numbers(line):
    """Count the numbers at the end of a line, without the first column."""
    parts = line.split()
    count = 0
    while count < len(parts) - 1 and _number(parts[-1 - count]) is not None:
        count += 1
    return count if not line[:1].isspace() else count + 1  # a line without a word


def _number(text):
    """Convert bytes to a float; return None if they are not a number."""
    try:
        return float(text) if b"_" not in text else None
    except ValueError:
        return None


class Reader:
    """A parser of the rows of a file.

    Args:
      path: string, for errors.
      stream: binary stream of the unpacked file, from its start.
      max_rows: integer, the largest number of rows to read, or None for all.

    Attributes:
      words: list of V strings.
      notes: Notes.
    """

    def __init__(self, path, stream, max_rows):
        self.path, self._stream, self._most = path, stream, max_rows
        self.words, self.notes = [], Notes()
        self._numbers = bytearray()  # float32, as the rows come

    def read(self):
        """Read the rows: float32 [V, D].

        Raises:
          InputError: as vectors.read_vectors.
        """
        head = _read_whole(self._stream, HEAD)
        self._form = recognize(self.path, head)
        rest = head[self._form.num_header:]
        if self._form.is_binary:
            self._read_binary(rest)
        else:
            self._read_text(rest)
        checks.file(self.words, self.path, "word vectors", "none")
        promised, got = self._form.num_words, self._num_read()
        if promised not in (None, got) and not self._is_full():
            self.notes.lines.append("the header promises %s, the file has %s" % (
                checks.counted(promised, "word"), format(got, ",")))
        return self._rows()

    def _num_left(self):
        """Return the number of rows still to read; a large number without max_rows."""
        return _CHUNK if self._most is None else self._most - len(self.words)

    def _is_full(self):
        return self._num_left() <= 0

    def _num_read(self):
        return len(self.words) + self.notes.counts[_NO_WORD]

    def _rows(self):
        """Return the numbers as a writable array, without the rows of repeated words."""
        rows = np.frombuffer(self._numbers, "<f4").reshape(len(self.words), self._form.dim)
        rows = rows.astype(np.float32, copy=False)
        first = {}
        for row, word in enumerate(self.words):
            first.setdefault(word, row)
        if len(first) < len(self.words):
            self.notes.counts[_REPEATED] = len(self.words) - len(first)
            rows, self.words = rows[list(first.values())], list(first)
        return rows

    def _keep(self, word):
        """Append a word (bytes); return whether to keep its numbers."""
        if not word:
            self.notes.counts[_NO_WORD] += 1
            return False
        try:
            self.words.append(word.decode("utf-8"))
        except UnicodeDecodeError:
            self.words.append(word.decode("utf-8", "replace"))
            self.notes.counts["word%s with bytes that are not UTF-8 (replaced by U+FFFD)"] += 1
        return True

    # Text.

    def _read_text(self, rest):
        number = 1 if self._form.num_words is None else 2
        chunk = True
        while chunk and not self._is_full():
            chunk = self._stream.read(_CHUNK)
            lines = (rest + chunk).split(b"\n")
            rest = lines.pop()
            while lines and not self._is_full():
                some = lines[:self._num_left()]
                self._take_lines(some, number)
                number += len(some)
                del lines[:len(some)]
            checks.line(len(rest) <= _LONGEST_LINE, self.path, number,
                        "a line of at most %d bytes" % _LONGEST_LINE, len(rest))
        if rest.strip() and not self._is_full():
            self._take_lines([rest], number)
            self._check_end()

    def _check_end(self):
        """Check, or note, whether the last line is complete; it has no line end."""
        promised = self._form.num_words
        checks.file(promised is None or self._num_read() >= promised, self.path,
                    "%s words as in the header" % promised,
                    "%d and no line end at the end; the file is truncated" % self._num_read())
        if promised is None:
            self.notes.lines.append("the last line has no line end; the file may be truncated")

    def _take_lines(self, lines, number):
        """Append the rows of lines; `number` is the line number of the first."""
        dim = self._form.dim
        words, numbers = [], []
        for line in lines:
            word, _, rest = line.rstrip().partition(b" ")
            if not word or rest.count(b" ") != dim - 1:
                break
            words.append(word)
            numbers.append(rest)
        joined = b"\n".join(words)
        rows = None
        if len(words) == len(lines) and not _has_odd_blanks(joined):
            rows = _parse(b" ".join(numbers), len(words) * dim)
        try:
            if rows is not None:
                self.words += joined.decode("utf-8").split("\n")
                self._numbers += rows.tobytes()
                return
        except UnicodeDecodeError:
            pass
        # This path is slower, but it accepts blanks in words, and its errors name the line.
        for line_number, line in enumerate(lines, number):
            if line.strip():
                word, row = self._row_of_line(line, line_number)
                if len(word.split()) > 1:
                    self.notes.counts["word%s with blanks"] += 1
                if self._keep(word):
                    self._numbers += row.tobytes()

    def _row_of_line(self, line, number):
        """Parse a line: return (word as bytes, float32 [D])."""
        dim = self._form.dim
        parts = line.rsplit(None, dim)
        if len(parts) == dim and line[:1].isspace():  # the word is empty
            parts.insert(0, b"")
        word = parts[0].strip()
        inner = word.split()
        wanted = "%d numbers after the word %s" % (dim, _shown((inner or [b""])[0]))
        checks.line(len(parts) == dim + 1, self.path, number, wanted, len(parts) - 1)
        if len(inner) > 1 and _number(inner[-1]) is not None:
            checks.line(False, self.path, number, wanted, len(line.split()) - 1)
        values = [_number(part) for part in parts[1:]]
        if None in values:
            checks.line(False, self.path, number, wanted, _text(parts[1 + values.index(None)]))
        with np.errstate(over="ignore"):
            row = np.array(values, np.float64).astype("<f4")
        checks.line(np.isfinite(row).all(), self.path, number, "finite " + wanted,
                    _text(b" ".join(parts[1:])))
        return word, row

    # Binary.

    def _read_binary(self, rest):
        buffer = _Buffer(self.path, self._stream, rest)
        size, number, most, words = 4 * self._form.dim, 0, self._most or float("inf"), self.words
        while len(words) < most:
            number += 1
            row = buffer.row(size, number)
            if row is None:
                break
            word, numbers = row
            if _NO_WORD_OF_BINARY.search(word):
                checks.file(False, _place(self.path, number), "a word", _shown(word[:50]))
            if self._keep(word):
                self._numbers += numbers
        rows = np.frombuffer(self._numbers, "<f4").reshape(-1, self._form.dim)
        for start in range(0, len(rows), _FINITE_AT_A_TIME):
            finite = np.isfinite(rows[start:start + _FINITE_AT_A_TIME]).all(axis=1)
            if not finite.all():
                row = start + int(np.argmin(finite))
                checks.file(False, _place(self.path, row + 1), "finite numbers for the word "
                            + checks.show(self.words[row]), "NaN or infinity")


class _Buffer:
    """A buffer of a binary file that returns its rows one by one."""

    def __init__(self, path, stream, data):
        self._path, self._stream = path, stream
        self._data, self._used = bytearray(data), 0

    def row(self, size, number):
        """Return the next row: (word, `size` bytes of numbers); None at the end.

        Args:
          size: integer.
          number: integer, the number of the row, for errors.

        Raises:
          InputError: an incomplete row.
        """
        begin = self._used
        end = self._data.find(b" ", begin)
        # Some programs write no line ends after the numbers.
        word = self._data[begin:end].lstrip(b"\r\n")
        if end < 0 or not word or len(self._data) <= end + size:
            if self._is_at_end():
                return None
            word = self._until_blank(number).lstrip(b"\r\n")
            end = self._used - 1
        while len(self._data) <= end + size:  # only after _until_blank has used the word
            checks.file(self._more(), _place(self._path, number), "%d numbers of 4 bytes" % (size // 4),
                        "the end of the file")
            end = -1
        self._used = end + 1 + size
        return word, self._data[end + 1:self._used]

    def _more(self):
        """Read the next chunk, and drop the used bytes; return the chunk."""
        del self._data[:self._used]
        self._used = 0
        chunk = self._stream.read(_CHUNK)
        self._data.extend(chunk)
        return chunk

    def _is_at_end(self):
        """Return whether only white space is left; skip it block by block."""
        while True:
            left = self._data[self._used:self._used + _LONGEST_BLANK]
            if left.strip():
                return False
            if len(left) == _LONGEST_BLANK:
                self._used += _LONGEST_BLANK
            elif not self._more():
                return True

    def _until_blank(self, number):
        """Return the bytes before the next blank, and skip the blank."""
        looked = self._used
        while True:
            end = self._data.find(b" ", looked)
            if end >= 0:
                word = self._data[self._used:end]
                self._used = end + 1
                return word
            looked = len(self._data) - self._used
            where = _place(self._path, number)
            checks.file(looked <= _LONGEST_WORD, where, "a word and a blank",
                        "%d bytes without a blank" % looked)
            checks.file(self._more(), where, "a word and a blank", "the end of the file")


def _parse(data, count):
    """Parse `count` decimal numbers from bytes: float32 [count]; None unless that is all they hold."""
    if _has_odd_blanks(data):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the check below finds what the warning is about
        try:
            values = np.fromstring(data + b" 0", np.float64, sep=" ")
        except ValueError:  # instead of the warning, in a later NumPy
            return None
    if len(values) != count + 1:  # the 0 shows that nothing before it stopped the parser
        return None
    with np.errstate(over="ignore"):
        rows = values[:-1].astype("<f4")
    return rows if np.isfinite(rows).all() else None


def _has_odd_blanks(data):
    return any(blank in data for blank in _ODD_BLANKS)


def _read_whole(stream, size):
    """Read `size` bytes of a stream, fewer only at its end."""
    data = b""
    while len(data) < size:
        chunk = stream.read(size - len(data))
        if not chunk:
            break
        data += chunk
    return data


def _text(data):
    return data.decode("utf-8", "replace")


def _shown(data):
    return checks.show(_text(data))


def _place(path, number):
    """Return the place that an error names; `number` counts rows from 1."""
    return "%s: row %d" % (path, number)
