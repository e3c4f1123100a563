"""Read lines of JSON objects, or of Python dicts, which some published sets have.

    objects(path, [(1, '{"user": "a"}'), (2, "{u'user': u'b'}")])        # [{"user": "a"}, {"user": "b"}]
"""
import ast
import json
import re
import warnings

from tf1_sampled import checks

_LONGEST_LITERAL, _MOST_BRACKETS = 1 << 20, 50  # of a line with a Python dict


def objects(path, numbered_lines):
    """Return the dicts of lines.

    Args:
      path: string, for errors.
      numbered_lines: list of (number of the line, string).

    Raises:
      InputError: an invalid line, with its number; a string that is not Unicode.
    """
    text = ",".join(line for _, line in numbered_lines)
    try:
        values = json.loads("[%s]" % text)
        if len(values) != len(numbered_lines) or set(map(type, values)) != {dict}:
            values = None
    except (ValueError, RecursionError):
        values = None
    if values is None:
        values = []
        for number, line in numbered_lines:
            values.append(as_object(line))
            checks.line(values[-1] is not None, path, number, "a JSON object", line.strip())
    if "\\" in text:  # an escape may be a lone surrogate
        for (number, line), value in zip(numbered_lines, values):
            for part in value.values() if "\\" in line else ():
                checks.line(not isinstance(part, str) or _is_unicode(part), path, number,
                            "Unicode characters", part)
    return values


def as_object(line):
    """Return the dict of a line of JSON or of a Python literal; None for another line."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        value = _literal(line.strip())
    is_object = isinstance(value, dict) and all(
        isinstance(key, str) and _is_unicode(key) for key in value)
    return value if is_object else None


def _literal(line):
    """Return the value of a Python literal; None for other text."""
    if not line.startswith("{") or len(line) > _LONGEST_LITERAL or (
            len(re.findall(r"[\[{(]", line)) > _MOST_BRACKETS):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes
            return ast.literal_eval(line)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None


def text_of(value):
    """Return the text of a value, "" for null; None for a list or an object, which have no one text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, (int, float)) else None


def _is_unicode(text):
    return text.isprintable() or text.encode("utf-8", "ignore") == text.encode("utf-8", "surrogatepass")
