"""Checks what a recommender is asked, in one wording for Python and for HTTP.

    items: wanted names of 1 to 1000 characters, got 3
    mood: wanted a string of at most 1000 characters, got null

The value that came is shown as JSON, in which an HTTP client wrote it. A service bounds the length of
text by `longest`. TensorFlow is not imported.
"""
import json
import re

import numpy as np

from tf1_sampled import checks

_SHOWN = 80  # characters of a value in a message
_LARGEST = float(np.finfo(np.float32).max)
_SURROGATE = re.compile("[\ud800-\udfff]")


def wrong(name, wanted, got):
    """Return the text "name: wanted X, got Y" with Y as JSON of bounded length."""
    try:
        got = json.dumps(got, ensure_ascii=False, default=repr)
    except (TypeError, ValueError, RecursionError):  # keys that JSON lacks, a list within itself
        got = checks.show(got)
    return "%s: wanted %s, got %s" % (name, wanted, got if len(got) <= _SHOWN else got[:60] + "...")


def want(condition, name, wanted, got):
    """Raise InputError "name: wanted X, got Y" unless `condition` holds."""
    if not condition:
        raise checks.InputError(wrong(name, wanted, got))


def is_text(value, least, longest=None):
    """Return whether a value is a string of so many characters, which UTF-8 can hold."""
    return (isinstance(value, str) and len(value) >= least and (longest is None or len(value) <= longest)
            and not _SURROGATE.search(value))


def check_names(field, names, longest=None):
    """Return names as a list.

    Args:
      field: string, the argument that they are.
      names: list, tuple or array [N] of strings; None for no names.
      longest: integer, the characters of a name at most; None for any number.

    Returns:
      list of N strings.

    Raises:
      InputError: another type, a name that is not a string of at least 1 and at most `longest` Unicode
        characters.
    """
    if hasattr(names, "tolist"):  # NumPy, pandas
        names = names.tolist()
    want(names is None or isinstance(names, (list, tuple)), field, "a list of names", names)
    wanted = "names of at least 1 character" if longest is None else (
        "names of 1 to %d characters" % longest)
    for name in names or ():
        want(is_text(name, 1, longest), field, wanted, name)
    return list(names or ())


def check_user(user, has_users, longest=None):
    """Raise InputError unless `user` is a string that suits a model with or without users.

    Args:
      user: string; "" for none.
      has_users: boolean, whether the model takes a user.
      longest: integer, its characters at most; None for any number.

    Raises:
      InputError: not a string, a longer one, a user where the model has none.
    """
    want(is_text(user, 0, longest), "user", "a name" + _at_most(longest), user)
    want(user == "" or has_users, "user", "none, as the model has no users", user)


def check_context(context, columns, longest=None):
    """Return the context of a query, with a value for each column of the model.

    Args:
      context: {column: value}; None where the model has no columns.
      columns: {column: "string" or "number"}, those of the model.
      longest: integer, the characters of a string at most; None for any number.

    Returns:
      dict, of the same values.

    Raises:
      InputError: another type, a column that the model lacks, a missing one, a value of another kind.
    """
    context = {} if context is None else context
    want(isinstance(context, dict), "context", "a dict of columns", context)
    for name in context:
        want(name in columns, "context",
             "the columns " + ", ".join(columns) if columns else "no columns", name)
    for name, kind in columns.items():
        want(name in context, "context", "a value for the column " + name, sorted(context))
        _check_column(name, kind, context[name], longest)
    return context


def _check_column(name, kind, value, longest):
    """Raise InputError unless a value, which may be NumPy's, suits a column of "string" or "number"."""
    if kind == "string":
        want(is_text(value, 0, longest), name, "a string" + _at_most(longest), value)
    else:
        want(isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
             and -_LARGEST <= value <= _LARGEST, name, "a number", value)


def _at_most(longest):
    return "" if longest is None else " of at most %d characters" % longest
