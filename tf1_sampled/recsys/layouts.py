"""Detect the layout of an event file or a table: its format, its separator and the roles of its columns.

    layout = of_events(path, first_lines, roles.Options())
    layout.places        # {"user": 0, "item": 1, "time": 3}
    layout.form          # "CSV with a header"

A layout follows from the options, from the names in a header, or from a shape that only one kind of file
has. If several kinds of files have the same shape, an error names the options that decide.
"""
import collections
import csv
import re

from tf1_sampled import checks
from tf1_sampled.recsys import json_lines, roles as roles_lib, shapes

WITHOUT_HEADER = "without a header"
_FORMS = {"\t": "tab-separated", "::": "separated by ::", ",": "CSV", ";": "CSV with semicolons",
          "|": "separated by |", " ": "separated by blanks"}
_LIST = "token_seq"  # RecBole's type for a column of several items

Layout = collections.namedtuple("Layout", "kind separator names places num_skipped form month_first",
                                defaults=(False,))
Layout.__doc__ = """The layout of a file.

Fields:
  kind: "cells", "lists" (lines of a user and items), "json", "netflix" or "mind".
  separator: one of roles.SEPARATORS, of the cells.
  names: list of str, the columns; "1", "2", ... if neither the file nor the options name them.
  places: {role: column index}, with roles of roles_lib.COLUMNS.
  num_skipped: int, the number of lines before the first row.
  form: string, the format in words.
  month_first: boolean, whether times have the form "11/15/2019 8:55:22 AM".
"""


def cells(lines, separator):
    """Return an iterator over the cells of each line, by a csv reader; only CSV has quotes."""
    if separator == "::":
        stripped = (line.rstrip("\n") for line in lines)
        return (line.split("::") if line else [] for line in stripped)
    if separator == " ":
        return (line.split() for line in lines)
    if separator in ",;":
        return csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    return csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE)


def shown(names):
    """Describe the names of columns, or the cells, in an error."""
    return "columns " + ", ".join(repr(name.strip()[:30]) for name in names[:20]) if names else "none"


def indexes(path, layout, names):
    """Return the indexes of the columns with these names.

    Raises:
      InputError: a name that the file does not have, or has twice.
    """
    for name in names:
        checks.file(layout.names.count(name) == 1, path, "one column " + checks.show(name),
                    shown(layout.names))
    return [layout.names.index(name) for name in names]


def of_events(path, lines, options):
    """Return the Layout of an event file.

    Args:
      path: string, for errors.
      lines: list of str, the first lines of the file, with their ends.
      options: roles.Options.

    Raises:
      InputError: no layout fits, or several do; the header lacks a name of the options.
    """
    start = _start(lines, roles_lib.separator_of(options.separator))
    if not start.lines:
        checks.file(False, path, "a header with " + roles_lib.wanted(("user", "item")), "none")
    first = start.lines[0]
    if first.startswith("{") and not options.columns and not start.separator:
        return _of_json(path, start, options)
    if options.columns:
        return _of_columns(path, start, options)
    header = _of_header(start.lines[0], start, options)
    if header is None and start.comment:
        header = _of_comment(start, options)
    if header is not None:
        return header
    named = [name for name in options[:5] if name not in ("", roles_lib.NOTHING)]
    splits = _split(first, start.separator)
    if named:
        checks.file(False, path, "a header with the columns " + ", ".join(map(repr, named)),
                    shown(max(splits.values(), key=len, default=[])))
    for separator in splits:
        shape = shapes.recognised(path, separator, _rows(start.lines, separator))
        if shape is not None:
            return Layout(shape.kind, separator, shape.names or _numbers(len(splits[separator])),
                          shape.places, start.num_skipped, shape.form or _form(separator, False),
                          shape.month_first)
    checks.file(False, path, "a header with %s (--user_column and --item_column set other names), or "
                "--columns for a file without a header" % roles_lib.wanted(("user", "item")),
                shown(max(splits.values(), key=len, default=[])))


def of_table(path, lines, roles, needed, headerless=None, key_column=""):
    """Return the Layout of a table, such as one of titles or of users.

    Args:
      path: string, for errors.
      lines: list of str, the first lines of the file, with their ends.
      roles: keys of roles.COLUMNS to find in the header.
      needed: the roles that a header must have.
      headerless: function of (separator, cells) of the first line of a file without a header ->
        {role: column index} or None; None if each file has a header.
      key_column: string, the name of the column of the first needed role, if the table has it.

    Raises:
      InputError: no layout fits.
    """
    start = _start(lines, "")
    first = start.lines[0] if start.lines else ""
    named = {needed[0]: key_column}
    if first.startswith("{"):
        objects = [json_lines.as_object(line) or {} for line in start.lines]
        names = list(dict.fromkeys(key for value in objects for key in value))
        places = roles_lib.places_in(names, roles, named)
        checks.file(all(role in places for role in needed), path,
                    "JSON Lines with " + roles_lib.wanted(needed), _shown_keys(names))
        return Layout("json", "", names, places, start.num_skipped, "JSON Lines")
    splits = {separator: row for separator, row in _split(first, start.separator).items()
              if separator != " "}
    for separator, row in splits.items():
        names = [name.strip() for name in row]
        places = roles_lib.places_in(names, roles, named)
        if all(role in places for role in needed):
            return Layout("cells", separator, names, places,
                          start.num_skipped + 1, _form(separator, True))
    for separator, row in splits.items() if headerless else ():
        places = headerless(separator, row)
        if places is not None:
            return Layout("cells", separator, _numbers(len(row)), places, start.num_skipped,
                          _form(separator, False))
    known = ", or lines of item and title, as in movies.dat or u.item" if headerless else ""
    checks.file(False, path, "a header with %s%s" % (roles_lib.wanted(needed), known),
                shown(max(splits.values(), key=len, default=[])))


_Start = collections.namedtuple("_Start", "lines num_skipped separator comment")
_Start.__doc__ = """The first lines of a file, from its first row or header.

Fields:
  lines: list of str.
  num_skipped: int, the number of lines before them.
  separator: string, the separator in the options or in the file, or "".
  comment: string, the text of the last comment before them.
"""


def _start(lines, separator):
    """Return the `_Start` of a file: skip blank lines, `sep=;` as Excel writes it, and `#` comments."""
    place, comment = 0, ""
    while place < len(lines):
        line = lines[place].strip()
        found = re.fullmatch(r'"?sep=(\t|[,;|])"?', lines[place].strip(" \r\n"), re.IGNORECASE)
        if found:
            separator = separator or found.group(1)
        elif line and not line.startswith("#"):
            break
        comment = line.lstrip("# ") or comment
        place += 1
    return _Start(lines[place:], place, separator, comment)


def _split(line, separator):
    """Return {separator: cells} of a line, for each separator that the line may have."""
    found = {}
    for one in [separator] if separator else roles_lib.SEPARATORS:
        try:
            found[one] = next(cells([line], one), [])
        except csv.Error:  # a quote in a format without quotes
            continue
    if any(len(row) > 1 for one, row in found.items() if one != " "):
        found.pop(" ", None)
    return found


def _rows(lines, separator):
    """Return the cells of the first lines that are not blank, up to the first line that is not CSV."""
    rows = []
    try:
        for row in cells(lines, separator):
            if row:
                rows.append(row)
    except csv.Error:  # or a quoted cell that continues after these lines
        pass
    return rows


def _numbers(size):
    return ["%d" % (n + 1) for n in range(size)]


def _form(separator, has_header):
    name = _FORMS.get(separator, "separated by " + separator)
    return "%s %s" % (name, "with a header" if has_header else WITHOUT_HEADER)


def _of_header(line, start, options):
    """Return the Layout of a file with a header line; None if the line is not a header."""
    splits = _split(line, start.separator)
    named = roles_lib.named(options)
    for separator, row in splits.items():
        names = [name.strip() for name in row]
        places = roles_lib.named_places(names, roles_lib.EVENT_ROLES, named)
        if places is None or "user" not in places or not ("item" in places or "items" in places):
            continue
        return Layout("cells", separator, names, places, start.num_skipped + 1, _form(separator, True))
    return None


def _of_comment(start, options):
    """Return the Layout of a file whose last comment names its columns; None if it does not."""
    header = _of_header(start.comment, start, options)
    rows = {separator: _rows(start.lines[:1], separator) for separator in roles_lib.SEPARATORS}
    if header is None or {len(row) for row in rows[header.separator]} != {len(header.names)}:
        return None
    return header._replace(num_skipped=start.num_skipped)


def _of_columns(path, start, options):
    """Return the Layout that the option `columns` defines."""
    names, first = list(options.columns), start.lines[0]
    splits = _split(first, start.separator)
    header = _of_header(first, start, roles_lib.Options())
    checks.file(header is None, path, "a file without a header for --columns (--user_column and "
                "--item_column are for files with one)", header and "the header " + first.strip()[:80])
    places = {role: names.index(role) for role in roles_lib.EVENT_ROLES if role in names}
    if names == ["user", "items"] and " " in splits:
        return Layout("lists", " ", names, {"user": 0, "item": 1}, start.num_skipped,
                      "lines of a user and items")
    fitting = [separator for separator, row in splits.items() if len(row) == len(names)]
    checks.file(fitting, path, "%d columns, as in --columns" % len(names),
                shown(max(splits.values(), key=len, default=[])))
    return Layout("cells", fitting[0], names, places, start.num_skipped, _form(fitting[0], False))


def _of_json(path, start, options):
    """Return the Layout of JSON Lines; the column names are the keys of the first lines."""
    keys, common = {}, None
    for line in start.lines:
        row = json_lines.as_object(line)
        if row is not None:
            keys.update(dict.fromkeys(row))
            common = set(row) if common is None else common & set(row)
    names = list(keys)
    named = roles_lib.named(options)
    # Keys of all first lines take precedence over keys of some of them.
    usual = [name if name in (common or ()) else "" for name in names]
    places = roles_lib.named_places(names, roles_lib.EVENT_ROLES, named)
    asked = [repr(name) for name in named.values() if name not in ("", roles_lib.NOTHING)]
    checks.file(places is not None, path, "JSON Lines with the keys " + ", ".join(asked),
                _shown_keys(names))
    for role, place in roles_lib.roles_of(usual, roles_lib.EVENT_ROLES).items():
        if not named.get(role) and place not in [places.get(other) for other in named if named[other]]:
            places[role] = place
    checks.file("user" in places and "item" in places, path,
                "JSON Lines with keys for the user and the item (--user_column and --item_column name "
                "them)", _shown_keys(names))
    return Layout("json", "", names, places, start.num_skipped, "JSON Lines")


def _shown_keys(names):
    return "keys " + ", ".join(repr(name[:30]) for name in names[:20]) if names else "none"
