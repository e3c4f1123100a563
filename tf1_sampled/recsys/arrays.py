"""Convert lists, arrays and pandas columns to ids of names and to numbers.

    names = Numbering()
    name_ids("log_of_arrays", "items", ["b", "a", "b"], names)    # int32 [0, 1, 0]
    names.names                                                   # ["b", "a"]
    numbers("log_of_arrays", "times", [3, 4.5])                   # float64 [3, 4.5]

Arrays of numbers are converted as a whole, lists and arrays of objects in one pass. An error names the
position of the first invalid value. Missing names have the id -1; missing numbers are NaN.
"""
import datetime
import re
import sys

import numpy as np

from tf1_sampled import checks

# Texts for a missing value in exports of pandas, R, SQL and Hive.
MISSING = frozenset(["", "NA", "N/A", "#N/A", "<NA>", "nan", "NaN", "NAN", "NaT", "null", "Null", "NULL",
                     "None", "NONE", "\\N"])
NO_ID = -1

_LARGEST = sys.float_info.max


class Numbering(dict):
    """A dict of ids by text, numbered in order of appearance; surrounding spaces are ignored.

    A missing name has the id of "" if that is one of the names, else NO_ID.

    Args:
      names: strings that have the first ids.
      missing: set of strings that are not names; "" is never a name.

    Attributes:
      names: list of str, by id.
    """

    def __init__(self, names=(), missing=MISSING):
        super().__init__()
        self.names = list(names)
        self._ids = {name: number for number, name in enumerate(self.names)}
        self._missing = missing
        self._none = self._ids.get("", NO_ID)

    def __missing__(self, text):
        name = text.strip()
        if not name or name in self._missing:
            number = self._none
        else:
            number = self._ids.get(name)
            if number is None:
                number = self._ids[name] = len(self.names)
                self.names.append(name)
        self[text] = number
        return number


def is_missing_text(text):
    """Return whether a text means a missing value."""
    return text.strip() in MISSING


def whole_names(names):
    """Return names without ".0" at the end, if all have it: pandas writes integers beside NaN like that.

    Args:
      names: list of str.

    Returns:
      list of str; `names` itself if one of them is not a whole number with a decimal point, or if two
      would become the same.
    """
    if not names or not all(re.fullmatch(r"-?[0-9]+\.0+", name) for name in names):
        return names
    found = [name.partition(".")[0] for name in names]
    return found if len(set(found)) == len(names) else names


def length(function, argument, values):
    """Return the length of a sequence, an array of one dimension or a pandas column.

    Raises:
      InputError: another type, such as a string, or an array of two dimensions.
    """
    return len(_cells(function, argument, values))


def name_ids(function, argument, values, numbering):
    """Return the ids of names; a name is `str` of its value.

    Args:
      function, argument: strings, the caller and its argument, for errors.
      values: sequence or array [N]; None, NaN and NaT are missing.
      numbering: Numbering, to which new names are added.

    Returns:
      int32 [N].

    Raises:
      InputError: not a sequence, bytes, a name that UTF-8 cannot encode.
    """
    cells = _cells(function, argument, values)
    known = len(numbering.names)
    if isinstance(cells, np.ndarray):
        ids = _ids_of_distinct(cells, numbering)
    else:
        kinds = set(map(type, cells))
        if bytes in kinds:  # their encoding is unknown
            _wrong(function, argument, next(n for n, cell in enumerate(cells) if type(cell) is bytes),
                   "a name", cells)
        texts = cells if kinds <= {str} else map(_text, cells)
        ids = np.fromiter(map(numbering.__getitem__, texts), np.int32, len(cells))
    for number, name in enumerate(numbering.names[known:], known):
        if name.encode("utf-8", "ignore") != name.encode("utf-8", "surrogatepass"):
            place = int(np.flatnonzero(ids == number)[0])
            _wrong(function, argument, place, "a name of Unicode characters", cells)
    return ids


def numbers(function, argument, values, largest=_LARGEST, wanted="a number"):
    """Return numbers; dates and times become seconds since 1970, those without a time zone as UTC.

    Missing values (None, NaN, NaT or a text of MISSING) become NaN.

    Args:
      function, argument: strings, the caller and its argument, for errors.
      values: sequence or array [N].
      largest: float, the largest magnitude.
      wanted: string, the description of a valid value, for errors.

    Returns:
      float64 [N].

    Raises:
      InputError: not a sequence, a value that is infinite, too large or not a number.
    """
    cells = _cells(function, argument, values)
    is_missing = None
    if not isinstance(cells, np.ndarray):
        found = np.fromiter(map(_number, cells), np.float64, len(cells))
        is_missing = np.fromiter(map(_is_missing_cell, cells), bool, len(cells))
    elif cells.dtype.kind == "M":
        found = cells.astype("datetime64[us]").astype(np.int64) / 1e6
        found[np.isnat(cells)] = np.nan
    else:
        found = cells.astype(np.float64)
    with np.errstate(invalid="ignore"):  # NumPy before 1.20 warns about NaN in comparisons
        is_wrong = ~(np.abs(found) <= largest)
    is_wrong &= ~(np.isnan(found) if is_missing is None else is_missing)
    if is_wrong.any():
        _wrong(function, argument, int(np.argmax(is_wrong)), wanted, cells)
    return found


def _cells(function, argument, values):
    """Return the values as an array [N] of numbers or times, or else as a list."""
    if str(getattr(values, "type", "")).startswith("dictionary"):  # pyarrow: its nulls would be lost
        values = values.to_pylist()
    elif hasattr(values, "to_numpy"):
        values = values.to_numpy()
    if isinstance(values, np.ndarray):
        checks.argument(values.ndim == 1, function, argument, "shape [N]", values.shape)
        return values if values.dtype.kind in "biufM" else values.tolist()
    is_sequence = hasattr(values, "__len__") and hasattr(values, "__getitem__") and not isinstance(
        values, (str, bytes, dict))
    checks.argument(is_sequence, function, argument, "a sequence or an array", values)
    cells = list(values)
    if set(map(type, cells)) in ({int}, {float}):  # not mixed: 1 and 1.0 are two names
        array = np.array(cells)
        return array if array.dtype.kind in "iuf" else cells
    return cells


def _ids_of_distinct(cells, numbering):
    """Return `name_ids` of an array, by one lookup for each distinct value, in order of appearance."""
    distinct, first, inverse = np.unique(cells, return_index=True, return_inverse=True)
    order = np.argsort(first)
    ids = np.empty(len(distinct), np.int32)
    ids[order] = [numbering[_text(value)] for value in distinct[order]]
    return ids[inverse.reshape(-1)]


def _is_missing(value):
    """Return whether a value is None, NaN, NaT or pandas' NA, which cannot be compared."""
    if value is None or type(value).__name__ == "NAType":
        return True
    return isinstance(value, (float, np.floating, datetime.datetime, np.datetime64)) and value != value


def _is_missing_cell(value):
    return value in MISSING if isinstance(value, str) else _is_missing(value)


def _text(value):
    """Return the name of a value; "" for a missing one."""
    return "" if _is_missing(value) else str(value)


def are_dates(values):
    """Return whether a sequence or an array holds dates or times."""
    cells = _cells("are_dates", "values", values)
    if isinstance(cells, np.ndarray):
        return cells.dtype.kind == "M"
    return any(isinstance(cell, (datetime.date, np.datetime64)) for cell in cells)


def as_texts(function, argument, values):
    """Return the texts of a sequence or an array, "" for missing values: list of N strings."""
    return list(map(_text, _cells(function, argument, values)))


def texts(function, argument, values):
    """Return the strings of a sequence of strings and missing values; None for other sequences.

    Args:
      function, argument: strings, the caller and its argument, for errors.
      values: sequence or array [N].

    Returns:
      list of N strings, "" for missing values, or None.
    """
    cells = _cells(function, argument, values)
    if isinstance(cells, np.ndarray) or not any(isinstance(cell, str) for cell in cells):
        return None
    if not all(isinstance(cell, str) or _is_missing(cell) for cell in cells):
        return None
    return list(map(_text, cells))


def _number(value):
    """Return a value as a float; NaN if it is not a number."""
    if type(value) in (int, float):
        try:
            return float(value)
        except OverflowError:
            return np.nan
    if _is_missing(value) or isinstance(value, (str, bytes)):
        return np.nan
    if isinstance(value, datetime.date):
        if not isinstance(value, datetime.datetime):
            value = datetime.datetime(value.year, value.month, value.day)
        return (value if value.tzinfo else value.replace(tzinfo=datetime.timezone.utc)).timestamp()
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return np.nan


def _wrong(function, argument, place, wanted, cells):
    """Raise InputError for one value of a sequence."""
    value = cells[place]
    checks.argument(False, function, "%s[%d]" % (argument, place), wanted,
                    value.item() if isinstance(value, np.generic) else value)
