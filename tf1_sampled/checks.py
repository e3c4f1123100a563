"""Argument and input checks. All errors have the form that is defined here.

A message names the argument or the place in a file, the wanted value and the actual value:

    uniform_candidate_sampler: num_sampled: wanted at most range_max = 10 when unique, got 64
    ratings.csv: line 7: wanted a number in column 'timestamp', got 'yesterday'

All of them are `InputError`, so that a program can distinguish invalid input, which it prints on one
line without a traceback, from a defect. TensorFlow is not imported, so that readers of files work
without it.
"""
import operator
from typing import Any, Collection

_LONGEST_MESSAGE = 10000  # characters, of which a file may have 4096 in its name


class InputError(ValueError):
    """An error in an argument or a file. The message is one printable line that names it."""

    def __init__(self, message: object) -> None:
        message = str(message)
        if len(message) > _LONGEST_MESSAGE:
            half = _LONGEST_MESSAGE // 2
            message = "%s ... %s" % (message[:half], message[-half:])
        super().__init__(printable(message))


def printable(text: str) -> str:
    """Return the text as one printable line. Other characters become escape sequences.

    Names of files may hold line ends, control codes for terminals, and bytes that are not UTF-8.
    """
    return text if text.isprintable() else "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def first_line(error: Exception) -> str:
    """Return the first line of an error's message; for an error of TensorFlow, the line of its cause."""
    lines = [line.strip() for line in str(getattr(error, "message", error)).splitlines() if line.strip()]
    lines = [line for line in lines if not line.endswith("error:")] or lines
    return printable(lines[0][:300]) if lines else type(error).__name__


def show(value: object) -> str:
    """Return the repr of a value, on one line and of bounded length."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else text[:60] + "... (%d characters)" % len(text)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: "1 word", "2,000 words"."""
    return "%s %s%s" % (format(number, ","), noun, "" if number == 1 else "s")


def argument(condition: Any, function: str, name: str, wanted: str, got: object) -> None:
    """Raise InputError "function: name: wanted X, got Y" unless `condition` holds."""
    if not condition:
        raise InputError("%s: %s: wanted %s, got %s" % (function, name, wanted, show(got)))


def one_of(function: str, name: str, value: Any, table: Collection[str]) -> None:
    """Raise InputError unless `value` is a key of `table`."""
    argument(value in table, function, name, "one of " + ", ".join(sorted(table)), value)


def positive(function: str, name: str, value: Any) -> int:
    """Return `value` as an int; raise InputError unless it is an integer above 0 (booleans are not)."""
    try:
        fits = type(value).__name__ not in ("bool", "bool_") and operator.index(value) > 0
    except TypeError:
        fits = False
    argument(fits, function, name, "an integer above 0", value)
    return operator.index(value)


def file(condition: Any, path: str, wanted: str, got: object) -> None:
    """Raise InputError "path: wanted X, got Y" unless `condition` holds."""
    if not condition:
        raise InputError("%s: wanted %s, got %s" % (path, wanted, got))


def line(condition: Any, path: str, number: int, wanted: str, got: object) -> None:
    """Raise InputError "path: line N: wanted X, got Y" unless `condition` holds; N counts from 1."""
    if not condition:
        raise InputError("%s: line %d: wanted %s, got %s" % (path, number, wanted, show(got)))
