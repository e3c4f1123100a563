"""Recognise event files without a header by the contents of their first rows.

    shape = recognised("u.data", "\\t", [["196", "242", "3", "881250949"], ...])
    shape.places                        # {"user": 0, "item": 1, "rating": 2, "time": 3}

Each row of the table here describes a published data set. A shape that fits two kinds of files is an
error.
"""
import collections
import re

from tf1_sampled import checks

_EARLIEST = 1e8  # larger numbers are times in seconds or a smaller unit
_LARGEST_RATING = 10  # numbers up to this magnitude may be ratings

Shape = collections.namedtuple("Shape", "places names kind form month_first",
                               defaults=(None, "cells", "", False))
Shape.__doc__ = """The shape of a file.

Fields:
  places: {role: column index}, with roles of roles.COLUMNS.
  names: list of str, the columns; None for "1", "2", ...
  kind: see layouts.Layout.
  form: string, the format in words; "" for the form of the separator.
  month_first: boolean, whether times have the form "11/15/2019 8:55:22 AM".
"""

_Known = collections.namedtuple("_Known", "separator columns form names month_first kind",
                                defaults=(None, False, "cells"))
_Known.__doc__ = """A published set: the role and a regular expression of each column.

Fields:
  separator: of the cells.
  columns: list of (role or "", regular expression of the whole cell).
  form: string, the set's name.
  names: list of str or None.
  month_first: boolean.
  kind: see layouts.Layout.
"""

_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ISO_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"
_MONTH_FIRST = r"\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d\d:\d\d [AP]M"
_NUMBER = r"[+-]?\d+(\.\d*)?"
_SECONDS = r"\d{9,10}"
_USER, _ASIN = r"A[0-9A-Z]{10,20}", r"[0-9A-Z]{10}"

_KNOWN = (
    _Known(",", [("user", _USER), ("item", _ASIN), ("rating", r"[1-5](\.0)?"), ("time", _SECONDS)],
           "Amazon ratings"),
    _Known(",", [("item", _ASIN), ("user", _USER), ("rating", r"[1-5](\.0)?"), ("time", _SECONDS)],
           "Amazon ratings"),
    _Known("\t", [("user", r"[0-9a-f]{40}"), ("", "(%s)?" % _UUID), ("item", r".*"), ("", r" *\d+ *")],
           "Last.fm 360K", ["user", "artist id", "artist name", "plays"]),
    _Known("\t", [("user", r"user_\d{6}"), ("time", _ISO_TIME), ("", "(%s)?" % _UUID), ("item", r".*"),
                  ("", "(%s)?" % _UUID), ("", r".*")],
           "Last.fm 1K", ["user", "time", "artist id", "artist name", "track id", "track name"]),
    _Known(",", [("user", r"\d+"), ("time", _ISO_TIME), ("item", r"\d+"), ("", r"[0-9S]+")],
           "Yoochoose clicks", ["session", "time", "item", "category"]),
    _Known(",", [("user", r"\d+"), ("time", _ISO_TIME), ("item", r"\d+"), ("", r"\d+"), ("", r"\d+")],
           "Yoochoose buys", ["session", "time", "item", "price", "quantity"]),
    _Known(",", [("user", r"\d+"), ("item", r".*"), ("event", "purchase|play"), ("", _NUMBER),
                 ("", "0")],
           "Steam 200K", ["user", "game", "behavior", "hours", "0"]),
    _Known(",", [("user", r"\d+"), ("item", r"\d+"), ("", r"\d+"), ("event", "pv|buy|cart|fav"),
                 ("time", r"\d{10}")],
           "Taobao UserBehavior", ["user", "item", "category", "behavior", "time"]),
    _Known("\t", [("", r"\d+"), ("user", r"U\d+"), ("time", _MONTH_FIRST),
                  ("items", r"(N\d+( N\d+)*)?"), ("item", r"N\d+(-[01])?( N\d+(-[01])?)*")],
           "MIND behaviors", ["impression", "user", "time", "history", "impressions"], True, "mind"),
)


def recognised(path, separator, rows):
    """Return the Shape of a file without a header, or None for an unknown shape.

    Args:
      path: string, for errors.
      separator: one of roles.SEPARATORS.
      rows: list of lists of str, the cells of the first lines.

    Raises:
      InputError: a shape that fits several kinds of files; it names the options that decide.
    """
    if not rows or not rows[0]:
        return None
    if re.fullmatch(r"\d+:", ",".join(rows[0]).strip()) and len(rows) > 1 and separator == ",":
        if len(rows[1]) == 3 or re.fullmatch(r"\d+:", rows[1][0].strip()):
            return Shape({"user": 0, "item": 3, "rating": 1, "time": 2},
                         ["user", "rating", "date", "movie"], "netflix", "Netflix ratings")
    for known in _KNOWN:
        if known.separator == separator and all(_fits(known, row) for row in rows[:20]):
            places = {role: place for place, (role, _) in enumerate(known.columns) if role}
            return Shape(places, known.names, known.kind, known.form, known.month_first)
    if separator == " ":
        return _lists(path, rows)
    if separator == "\t" and len(rows[0]) == 2:
        return _pairs(path, rows)
    if separator in ("\t", "::") and len(rows[0]) in (3, 4):
        return _ratings(path, rows)
    return None


def _fits(known, row):
    return len(row) == len(known.columns) and all(
        re.fullmatch(pattern, cell.strip(), re.ASCII) for (_, pattern), cell in zip(known.columns, row))


def _number(cell):
    """Return the number in a cell, or None."""
    try:
        return float(cell) if abs(float(cell)) < 1e300 else None
    except ValueError:
        return None


def _column(rows, place):
    """Return the numbers in a column, from the cells that are numbers."""
    found = [_number(row[place]) for row in rows if len(row) > place]
    return [number for number in found if number is not None]


def _has_digit(rows):
    """Return whether the first row has a digit, unlike prose and headers."""
    return any(re.search("[0-9]", cell) for cell in rows[0])


def _lists(path, rows):
    """Return the Shape of lines of a user and items, separated by blanks."""
    if not _has_digit(rows):
        return None
    widths = set(map(len, rows))
    if widths in ({3}, {4}):
        width = widths.pop()
        numbers = all(_number(cell) is not None for row in rows for cell in row[2:])
        roles = "user,item,rating" if width == 3 else "user,item,rating,time"
        checks.file(not numbers, path, "--columns=%s for lines of one event, or --columns=user,items "
                    "for lines of a user and items" % roles,
                    "%d columns separated by blanks, which may be either" % width)
    return Shape({"user": 0, "item": 1}, ["1", "2"], "lists", "lines of a user and items")


def _pairs(path, rows):
    """Return the Shape of lines of user and item, separated by a tab."""
    if not _has_digit(rows):
        return None
    lists = [row for row in rows if len(row) == 2 and len(row[1].split()) > 1
             and all(re.search("[0-9]", item) for item in row[1].split())]
    checks.file(2 * len(lists) <= len(rows), path, "--columns=user,items for a user and a list of items "
                "or --columns=user,item for names with blanks", repr("\t".join(rows[0]))[:80])
    return Shape({"user": 0, "item": 1})


def _ratings(path, rows):
    """Return the Shape of user, item, rating and, as a fourth column, time: u.data and ratings.dat."""
    if not all(_number(cell) is not None for cell in rows[0][2:]):
        return None
    third = _column(rows, 2)
    if all(abs(number) <= _LARGEST_RATING for number in third):
        return Shape(dict(zip(("user", "item", "rating", "time"), range(len(rows[0])))))
    wanted = ("--columns=user,item,time or --columns=user,item,rating" if len(rows[0]) == 3 else
              "--columns=user,item,rating,time, or these in another order")
    kind = ", which look like times" if min(third) >= _EARLIEST else ""
    checks.file(False, path, wanted + " for a file without a header",
                "a third column of numbers such as %g%s" % (max(third, key=abs), kind))
