"""Read evaluation sets: word pairs with human scores, and analogy questions.

    pairs = read_similarity("SimLex-999.txt")                      # the header names the columns
    pairs = read_similarity("x.csv", ["left", "right", "gold"])    # the caller names the columns
    sections = read_analogies("questions-words.txt")
"""
import collections
import csv
import math
import re

from tf1_sampled import checks
from tf1_sampled.files import reading

_SEPARATORS = (("\t", "tabs"), (";", "semicolons"), (",", "commas"), (None, "blanks"))
_NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?$", re.ASCII)
# Names of columns, in lower case, letters and digits only.
_WORD_NAMES = (("word1", "w1", "term1"), ("word2", "w2", "term2"))
_SCORE_NAMES = ("simlex999", "score", "similarity", "relatedness", "humanmean", "mean", "meanscore",
                "averagescore", "average", "avg", "rating", "gold", "human", "sim")
_PARTS_OF_SPEECH = frozenset(("n", "v", "a", "r", "j", "s", "noun", "verb", "adj", "adjective", "adv",
                              "adverb", "nn", "vb", "jj", "rb"))
_FLAG = "--similarity_columns=WORD,WORD,SCORE, with names in the header or numbers from 1"

_Row = collections.namedtuple("_Row", "number cells line")


def read_similarity(path, columns=None):
    """Read the word pairs and human scores of a file such as WordSim-353, SimLex-999, MEN or RW.

    Tabs separate the columns, or else semicolons, commas or blanks. Cells may be quoted, and numbers may
    have a decimal comma. Empty lines and lines that start with # are skipped. A first line without a
    number in the column of scores is a header.

    Without `columns`, the function detects them. With a header, the words are in the columns word1 and
    word2, or else in the first two. The score is in the column named SimLex999, score, similarity, mean,
    ..., or else in the only column of numbers. Without a header, the score is in the first column of
    numbers, which must follow the words and optionally their part of speech. An ambiguous file is an
    error.

    Args:
      path: the file, packed or not.
      columns: None, or three names in the header or numbers from 1: first word, second word, score.

    Returns:
      list of (word, word, score), the score a float.

    Raises:
      InputError: an invalid line, with its number; columns that cannot be detected or do not exist; no
        pairs.
    """
    rows = _rows(path)
    data = rows[1:] or rows
    numeric = [sum(_is_number(row.cells[i]) for row in data) * 2 > len(data)
               for i in range(len(rows[0].cells))]
    has_header = len(rows) > 1 and any(
        is_numeric and not _is_number(cell) for cell, is_numeric in zip(rows[0].cells, numeric))
    header = [cell.strip() for cell in rows[0].cells] if has_header else None
    if columns:
        first, second, score = _named(path, columns, header, len(rows[0].cells))
    else:
        first, second, score = _found(path, header, numeric, rows)
    pairs = []
    for row in rows[1:] if has_header else rows:
        words = row.cells[first], row.cells[second]
        checks.line(all(words), path, row.number, "two words", row.line)
        checks.line(_is_number(row.cells[score]), path, row.number, "a score in column %d" % (score + 1),
                    row.cells[score])
        pairs.append(words + (row.cells[score],))
    has_commas = any("," in pair[2] for pair in pairs)
    has_points = any("." in pair[2] for pair in pairs)
    checks.file(not (has_commas and has_points), path, "scores with decimal points or decimal commas",
                "both")
    return [(a, b, _value(number)) for a, b, number in pairs]


def _is_number(text):
    """Return whether a cell is a finite number, with a decimal point or comma."""
    fits = len(text) < 100 and _NUMBER.match(text)
    return bool(fits) and math.isfinite(_value(text))


def _value(text):
    return float(text.replace(",", "."))


def _rows(path):
    """Read the rows of a file, [_Row], all with the same number of cells."""
    lines = []
    with reading.open_text(path) as stream:
        for number, line in enumerate(stream, 1):
            if line.strip() and not line.startswith("#"):
                lines.append((number, line.rstrip("\n")))
    checks.file(lines, path, "word pairs with scores", "none")
    separator, name = _separator(lines)
    rows = [_Row(number, _cells(path, number, line, separator), line) for number, line in lines]
    num_columns = len(rows[0].cells)
    checks.line(num_columns > 2, path, rows[0].number, "two words and a score", rows[0].line)
    for row in rows:
        checks.line(len(row.cells) == num_columns, path, row.number,
                    "%d columns separated by %s" % (num_columns, name), row.line)
    return rows


def _separator(lines):
    """Return (separator, its name): the first that gives three columns in most of the first lines."""
    some = [line for _, line in lines[:20]]
    for separator, name in _SEPARATORS:
        if sum(line.count(separator) >= 2 if separator else True for line in some) * 2 >= len(some):
            return separator, name
    return None, "blanks"


def _cells(path, number, line, separator):
    """Split a line into cells without surrounding blanks."""
    if '"' in line:
        try:
            cells = next(csv.reader([line.strip()], delimiter=separator or " ", skipinitialspace=True))
        except csv.Error as e:
            checks.line(False, path, number, "cells of CSV", str(e))
    else:
        cells = line.split(separator)
    return [cell.strip() for cell in cells]


def _named(path, columns, header, num_columns):
    """Return the three columns, from 0, of given names or numbers from 1."""
    listed = ",".join(columns)
    if all(column.isdecimal() for column in columns):  # numbers, even if the header has such names
        header = None
    checks.argument(len(columns) == 3, "read_similarity", "columns",
                    "three columns: first word, second word, score", listed)
    found = []
    for column in columns:
        if header and column in header:
            found.append(header.index(column))
        else:
            fits = column.isdecimal() and len(column) < 9 and 0 < int(column) <= num_columns
            checks.file(fits, path, "a column %r" % column, checks.show(", ".join(header)) if header else
                        "%d columns without a header" % num_columns)
            found.append(int(column) - 1)
    checks.file(len(set(found)) == 3, path, "three different columns", checks.show(listed))
    return found


def _found(path, header, numeric, rows):
    """Detect the three columns, from 0, by the header or the cells."""
    words = [0, 1]
    if header:
        plain = [re.sub(r"[\W_]", "", name.lower()) for name in header]
        named = [plain.index(name) for names in _WORD_NAMES for name in names if name in plain]
        words = named if len(named) == 2 else words
        scores = [plain.index(name) for name in _SCORE_NAMES if name in plain
                  and numeric[plain.index(name)]]
        others = [i for i, is_numeric in enumerate(numeric) if is_numeric]
        scores = scores[:1] or (others if len(others) == 1 else [])
        checks.line(scores, path, rows[0].number, _FLAG, "a header " + ", ".join(header))
    else:
        scores = [i for i, is_numeric in enumerate(numeric) if is_numeric][:1]
        between = {row.cells[2].lower() for row in rows}
        fits = scores == [2] or (scores == [3] and between <= _PARTS_OF_SPEECH)
        if len(rows[0].cells) == 3:
            scores = [2]  # an invalid score is reported later, with its line
        else:
            checks.line(fits, path, rows[0].number, _FLAG, rows[0].line)
    fits = not numeric[words[0]] and not numeric[words[1]]
    checks.line(fits, path, rows[0].number, "words in columns %d and %d, or %s" % (
        words[0] + 1, words[1] + 1, _FLAG), rows[0].line)
    return words + scores


def read_analogies(path):
    """Read the analogy questions of a file in the format of Google's questions-words.txt.

    A line ": name" or ":name" starts a section. Every other line is four words a b c d, separated by
    blanks, for "a is to b as c is to d". Empty lines and lines that start with # are skipped. Questions
    before the first section are in a section "".

    Args:
      path: the file, packed or not.

    Returns:
      list of (name, list of (a, b, c, d)) for each section, in the order of the file; all strings.

    Raises:
      InputError: an invalid line, with its number; no questions.
    """
    sections = []
    with reading.open_text(path) as stream:
        for number, line in enumerate(stream, 1):
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            if text.startswith(":"):
                checks.line(text[1:].strip(), path, number, "':' and the name of a section", text)
                sections.append((text[1:].strip(), []))
                continue
            parts = text.split(None, 4)
            checks.line(len(parts) == 4, path, number, "four words or ': section'", text)
            if not sections:
                sections.append(("", []))
            sections[-1][1].append(tuple(parts))
    checks.file(any(questions for _, questions in sections), path, "questions of four words", "none")
    return sections
