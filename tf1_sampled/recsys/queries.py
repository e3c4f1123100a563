"""Define the questions to a recommender, and check them with the same wording for Python and HTTP.

    items: wanted names of 1 to 1000 characters, got 3
    mood: wanted a string of at most 1000 characters, got null

Errors show the value as JSON, as an HTTP client wrote it. A service limits the length of text with
`longest`. TensorFlow is not imported.
"""
import collections
import json
import numbers
import re

import numpy as np

from tf1_sampled import checks

_SHOWN = 80  # most characters of a value in an error
_LARGEST = float(np.finfo(np.float32).max)
_SURROGATE = re.compile("[\ud800-\udfff]")

Question = collections.namedtuple("Question", "items user k exclude candidates category context repeat",
                                  defaults=[(), "", 10, (), None, None, None, None])
Question.__doc__ = """A question to a recommender.

Fields:
  items: list of names, oldest first: the history; () for the stored history of the user.
  user: name; "" for none.
  k: integer above 0, the largest number of items.
  exclude: list of names that are not offered.
  candidates: list of names, the only ones that may be offered; None for all.
  category: {column: value or list of values}, which an offered item has; None for all.
  context: {column: string or number}, the columns of the model; None without columns. Columns that
  depend on the user alone are optional for a known user.
  repeat: boolean, whether the user's earlier items may be offered; None for yes if the model was trained
    with repeats.
"""


def wrong(name, wanted, got):
    """Return the text "name: wanted X, got Y" with Y as JSON of bounded length."""
    try:
        got = json.dumps(got, ensure_ascii=False, default=repr)
    except (TypeError, ValueError, RecursionError):  # keys of invalid types, a list in itself
        got = checks.show(got)
    return "%s: wanted %s, got %s" % (name, wanted, got if len(got) <= _SHOWN else got[:60] + "...")


def want(condition, name, wanted, got):
    """Raise InputError "name: wanted X, got Y" unless `condition` holds."""
    if not condition:
        raise checks.InputError(wrong(name, wanted, got))


def is_text(value, least, longest=None):
    """Return whether a value is a string of `least` to `longest` characters that UTF-8 can encode."""
    return (isinstance(value, str) and len(value) >= least and (longest is None or len(value) <= longest)
            and not _SURROGATE.search(value))


def as_name(value):
    """Return an integer as text; other values unchanged."""
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, (bool, np.bool_))
    return str(int(value)) if is_integer else value


def check_name(field, name, longest=None, least=1):
    """Return a name; an integer is converted to text.

    Args:
      field: string, the name of the argument.
      name: string or integer.
      longest: integer, the largest number of characters; None for any number.
      least: integer, the smallest number of characters.

    Raises:
      InputError: another type, a string of fewer or more characters.
    """
    name = as_name(name)
    want(is_text(name, least, longest), field, "a name" + _at_most(longest), name)
    return name


def check_names(field, names, longest=None, most=None):
    """Return names as a list; integers are converted to text.

    Args:
      field: string, the name of the argument.
      names: list, tuple or array [N] of strings and integers; None for no names.
      longest: integer, the largest number of characters of a name; None for any number.
      most: integer, the largest number of names; None for any number.

    Returns:
      list of N strings.

    Raises:
      InputError: another type, too many names, a name that is not a string of at least 1 and at most
        `longest` Unicode characters.
    """
    if hasattr(names, "tolist"):  # NumPy, pandas
        names = names.tolist()
    want(names is None or isinstance(names, (list, tuple)), field, "a list of names", names)
    want(most is None or len(names or ()) <= most, field, "at most %s names" % most, len(names or ()))
    names = list(map(as_name, names or ()))
    wanted = "names of at least 1 character" if longest is None else (
        "names of 1 to %d characters" % longest)
    for name in names:
        want(is_text(name, 1, longest), field, wanted, name)
    return names


def check_category(category, columns, longest=None, most=None):
    """Return a filter by categories of items.

    Args:
      category: {column: value or list of values}, strings or integers; None for no filter.
      columns: the columns of categories that the items have.
      longest: integer, the largest number of characters of a value; None for any number.
      most: integer, the largest number of values of a column; None for any number.

    Returns:
      {column: list of strings}.

    Raises:
      InputError: another type, a column that the items lack, a value that is not a name.
    """
    category = {} if category is None else category
    want(isinstance(category, dict), "category", "columns and their values", category)
    found = {}
    for column, values in category.items():
        want(column in columns, "category",
             "the columns " + ", ".join(columns) if columns else "no columns, as the items have none",
             column)
        values = values if isinstance(values, (list, tuple)) else [values]
        found[column] = check_names("category", values, longest, most)
    return found


def check_context(context, columns, longest=None):
    """Return the values of a question's context.

    Args:
      context: {column: value}; None for no values. In a column of text, an integer is converted to text.
      columns: {column: "string" or "number"}, those of the model.
      longest: integer, the largest number of characters of a string; None for any number.

    Returns:
      dict.

    Raises:
      InputError: another type, a column that the model lacks, a value of another kind.
    """
    context = {} if context is None else context
    want(isinstance(context, dict), "context", "columns and their values", context)
    found = {}
    for name, value in context.items():
        want(name in columns, "context",
             "the columns " + ", ".join(columns) if columns else "no columns", name)
        found[name] = as_name(value) if columns[name] == "string" else value
        _check_column(name, columns[name], found[name], longest)
    return found


def check_complete(context, columns):
    """Raise InputError unless a context has a value for each column of the model."""
    for name in columns:
        want(name in context, "context", "a value for the column " + name, sorted(context))


def check_count(name, value, most=None):
    """Raise InputError unless a value is an integer above 0 and at most `most`."""
    is_count = isinstance(value, numbers.Integral) and not isinstance(value, (bool, np.bool_))
    want(is_count and 0 < value <= (value if most is None else most), name,
         "an integer above 0" if most is None else "an integer from 1 to %d" % most, value)


def check_flag(name, value):
    """Raise InputError unless a value is a boolean."""
    want(isinstance(value, (bool, np.bool_)), name, "true or false", value)


def _check_column(name, kind, value, longest):
    """Raise InputError unless a value, possibly of NumPy, fits a column of "string" or "number"."""
    if kind == "string":
        want(is_text(value, 0, longest), name, "a string" + _at_most(longest), value)
    else:  # None and NaN: a missing number
        is_number = not isinstance(value, bool) and isinstance(
            value, (int, float, np.integer, np.floating))
        want(value is None or is_number and (value != value or -_LARGEST <= value <= _LARGEST), name,
             "a number", value)


def _at_most(longest):
    return "" if longest is None else " of at most %d characters" % longest
