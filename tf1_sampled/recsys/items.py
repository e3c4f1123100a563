"""The item table of a model, a text file: a name, a title and a count on each line.

    item            title               events
    os.path.join    Join path parts     8061

Line i is the item with the id i. Tabs, line ends, backslashes and NULs in a name or a title are escaped
as \\t, \\n, \\r, \\\\ and \\0, so that reading restores each name. A name that begins with =, +, - or @,
which a spreadsheet would run as a formula, has a backslash before it.
"""
import re

from tf1_sampled import checks
from tf1_sampled.files import reading, writing

_HEADER = "item\ttitle\tevents"
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"}
_FORMULA = "=+-@"  # first characters of a formula
_ESCAPES.update((sign, "\\" + sign) for sign in _FORMULA)
_PLAIN = {escaped: plain for plain, escaped in _ESCAPES.items()}
_TO_ESCAPE = re.compile("[\\\\\t\n\r\0]|^[%s]" % re.escape(_FORMULA))
_ESCAPED = re.compile(r"\\.?")
_SURROGATE = re.compile("[\ud800-\udfff]")


def write_items(path, names, titles, counts):
    """Write the table, whole or not at all.

    Args:
      path: string, the file to write.
      names: C strings of Unicode characters, none empty, none repeated.
      titles: C strings of Unicode characters, or None to use the names.
      counts: C integers, the number of training events of each item.

    Raises:
      InputError: invalid names, titles or counts, a path that cannot be written.
    """
    check_names("write_items", "names", names)
    titles = names if titles is None else titles
    for argument, values in (("titles", titles), ("counts", counts)):
        checks.argument(len(values) == len(names), "write_items", argument,
                        "the length of names, %d" % len(names), len(values))
    for title in titles:
        checks.argument(_is_text(title), "write_items", "titles", "strings of Unicode characters", title)
    with writing.writing(path) as stream:
        stream.write(_HEADER + "\n")
        stream.writelines("%s\t%s\t%d\n" % (escaped(name), escaped(title), count)
                          for name, title, count in zip(names, titles, counts))


def read_items(path):
    """Read a file of `write_items`.

    Args:
      path: string, the file, which may be compressed.

    Returns:
      (names, titles, counts): lists of C strings, C strings and C integers.

    Raises:
      InputError: a file that cannot be read or is not such a table, with the number of the line.
    """
    names, titles, counts = [], [], []
    first = {}  # the line of each name
    with reading.open_text(path) as stream:
        header = stream.readline().rstrip("\n")
        checks.line(header == _HEADER, path, 1, "the header %r" % _HEADER, header)
        for number, line in enumerate(stream, 2):
            cells = line.rstrip("\n").split("\t")
            checks.line(len(cells) == 3, path, number, "3 columns separated by tabs", len(cells))
            name, title = (_unescape(path, number, cell) for cell in cells[:2])
            checks.line(name != "", path, number, "a name in column 'item'", name)
            checks.line(first.setdefault(name, number) == number, path, number,
                        "a name that is not in line %d" % first[name], name)
            checks.line(cells[2].isdecimal() and len(cells[2]) < 19, path, number,
                        "a count in column 'events'", cells[2])
            names.append(name)
            titles.append(title)
            counts.append(int(cells[2]))
    return names, titles, counts


def check_names(function, argument, names):
    """Raise InputError unless names are strings of Unicode characters, none empty, none repeated."""
    seen = set()
    for name in names:
        checks.argument(_is_text(name) and name != "", function, argument,
                        "strings of Unicode characters, none empty", name)
        checks.argument(name not in seen, function, argument, "each name once", name)
        seen.add(name)


def _is_text(value):
    """Return whether a value is a string that UTF-8 can encode; lone surrogates it cannot."""
    return isinstance(value, str) and not _SURROGATE.search(value)


def escaped(text):
    """Return a name as a cell of the table."""
    return _TO_ESCAPE.sub(lambda found: _ESCAPES[found.group()], text)


def _unescape(path, number, text):
    if "\\" not in text:
        return text
    for escaped in _ESCAPED.findall(text):
        checks.line(escaped in _PLAIN, path, number, "one of " + " ".join(sorted(_PLAIN)), escaped)
    return _ESCAPED.sub(lambda found: _PLAIN[found.group()], text)
