"""Lines of JSON objects, or of Python dicts, as some published sets have them.

    objects(path, [(1, '{"user": "a"}'), (2, "{u'user': u'b'}")])        # [{"user": "a"}, {"user": "b"}]
"""
import ast
import json
import re
import warnings

from tf1_sampled import checks

_LONGEST_LITERAL, _MOST_BRACKETS = 1 << 20, 50  # of a line that is a Python dict


def objects(path, numbered_lines):
    """Return the dicts that lines are.

    Args:
      path: string, for errors.
      numbered_lines: list of (number of the line, string).

    Raises:
      InputError: another line, with its number; a string that is not Unicode.
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
    if "\\" in text:  # an escape may be half of a character
        for (number, line), value in zip(numbered_lines, values):
            for part in value.values() if "\\" in line else ():
                checks.line(not isinstance(part, str) or _is_unicode(part), path, number,
                            "Unicode characters", part)
    return values


def as_object(line):
    """Return the dict that a line is, in JSON or as a literal of Python; None for another line."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        value = _literal(line.strip())
    is_object = isinstance(value, dict) and all(
        isinstance(key, str) and _is_unicode(key) for key in value)
    return value if is_object else None


def _literal(line):
    """The value of a literal of Python; None for other text."""
    if not line.startswith("{") or len(line) > _LONGEST_LITERAL or (
            len(re.findall(r"[\[{(]", line)) > _MOST_BRACKETS):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of backslashes that escape nothing
            return ast.literal_eval(line)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None


def text_of(value):
    """Return the text of a value, "" of null; None for a list or an object, which is not one text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, (int, float)) else None


def _is_unicode(text):
    return text.isprintable() or text.encode("utf-8", "ignore") == text.encode("utf-8", "surrogatepass")
