"""From an event file (who took which item, and when) to arrays, as the file has it.

    log = read_log("ratings.csv", numeric=["rating"])
    log, part = read_logs(["train.txt.gz", "valid.txt.gz", "test.txt.gz"])
    genres = read_side_table("movies.csv", "item", categorical=["genres"])["genres"]

Implicit feedback: that the user chose the item is all that counts, be it rated 1 or 5. Axes: N events.
"""
import codecs
import collections
import csv
import itertools
import operator
import os
import re
import sys

import numpy as np

from tf1_sampled import checks
from tf1_sampled.files import reading

# Column names, lower case and without signs; of several in a header the first one here is taken.
_COLUMNS = {
    "user": ("userid", "user", "uid", "username", "userprocid", "reviewerid", "customerid",
             "visitorid"),
    "item": ("itemid", "item", "iid", "movieid", "movie", "productid", "product", "asin", "isbn",
             "bookid", "songid", "trackid", "artistid", "videoid", "articleid", "itemprocid"),
    "time": ("timestamp", "time", "ts", "unixtime", "unixreviewtime", "datetime", "date"),
    "title": ("title", "itemtitle", "movietitle", "booktitle", "name", "itemname", "moviename"),
}
# A space separates only what nothing else does.
_SEPARATORS = ("\t", "::", ",", ";", "|", " ")
_ROWS_AT_A_TIME = 1 << 12  # fits the cache: 16 times as many take a third longer
_BYTES_AT_A_TIME = 1 << 20
_LARGEST_FLOAT32 = float(np.finfo(np.float32).max)


Log = collections.namedtuple("Log", "users items times columns user_names item_names")
Log.__doc__ = """The events of a file or several, in their order; ids fall to names as these appear.

Fields:
  users, items: int32 [N].
  times: float64 [N], or None where the file has none.
  columns: {name: `Column`}, of [N] each, those that were asked for.
  user_names, item_names: lists of str, by id.
"""

Column = collections.namedtuple("Column", "values categories")
Column.__doc__ = """What a further column says of each event.

Fields:
  values: int32 [N], ids of categories, or float32 [N], numbers.
  categories: list of str by id, of which the first is "", an empty cell; None for numbers.
"""

_Form = collections.namedtuple("_Form", "roles needed separators headerless shape")
_Form.__doc__ = """What a kind of file may look like.

Fields:
  roles: keys of _COLUMNS to look for in the header.
  needed: those without which it is no header.
  separators: some of _SEPARATORS.
  headerless: function of (separator, cells) of a first line that is no header -> {role: column
    index}, or None where it cannot be such a file.
  shape: in words, what `headerless` knows; may be empty.
"""

_Layout = collections.namedtuple("_Layout", "separator columns names first_line")
_Layout.__doc__ = """What a file looks like.

Fields:
  separator: one of _SEPARATORS, or None for lines of a user and items.
  columns: {role: column index}.
  names: list of str, of the columns; "1", "2", ... where the file does not name them.
  first_line: str, if it is no header but a row, else None.
"""


class _Names(dict):
    """Text -> id, numbered in the order of appearance; spaces around a name do not count."""

    def __init__(self, names=()):
        super().__init__()
        self.names = list(names)
        self._ids = {name: number for number, name in enumerate(self.names)}

    def __missing__(self, text):
        name = text.strip()
        number = self._ids.get(name)
        if number is None:
            if not name:
                raise ValueError("an empty name")
            number = self._ids[name] = len(self.names)
            self.names.append(name)
        self[text] = number
        return number


def _cells(lines, separator):
    """The cells of each line, as a csv reader gives them: quotes count in CSV alone."""
    if separator == "::":
        stripped = (line.rstrip("\n") for line in lines)
        return (line.split("::") if line else [] for line in stripped)
    if separator == " ":
        return (line.split() for line in lines)
    if separator is None:
        return ([cells[0], item] for cells in map(str.split, lines) for item in cells[1:])
    if separator in ",;":
        return csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    return csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE)


def _is_number(text, largest=sys.float_info.max):
    try:
        return abs(float(text)) <= largest
    except ValueError:
        return False


def _columns(names, roles):
    """{role: column index} of the roles that a header has."""
    plain = [re.sub(r":.*|[^0-9a-z]", "", name.lower()) for name in names]
    found = {}
    for role in roles:
        known = [name for name in _COLUMNS[role] if name in plain]
        if known:
            found[role] = plain.index(known[0])
    return found


def _shown(cells):
    """Cells in words."""
    return "columns " + ", ".join(repr(cell.strip()[:30]) for cell in cells[:20]) if cells else "none"


def _layout(path, first_line, form):
    """The `_Layout` of a file of some `_Form`."""
    split = {}
    for separator in form.separators:
        if separator == " " and any(len(cells) > 1 for cells in split.values()):
            continue
        try:
            split[separator] = next(_cells([first_line], separator), [])
        except csv.Error:  # a quote in a format that has no quotes
            continue
        columns = _columns(split[separator], form.roles)
        if all(role in columns for role in form.needed):
            return _Layout(separator, columns, [cell.strip() for cell in split[separator]], None)
    for separator, cells in split.items():
        columns = form.headerless(separator, cells)
        if columns is not None:
            width = 2 if separator == " " else len(cells)
            return _Layout(None if separator == " " else separator, columns,
                           ["%d" % (n + 1) for n in range(width)], first_line)
    wanted = " and ".join("a column for the %s (%s)" % (role, ", ".join(_COLUMNS[role]))
                          for role in form.needed)
    checks.file(False, path, "a header with %s%s" % (wanted, form.shape and ", or " + form.shape),
                _shown(max(split.values(), key=len)))


def _indexes(path, layout, names):
    """Where the columns of these names are."""
    for name in names:
        checks.file(layout.names.count(name) == 1, path, "one column " + checks.show(name),
                    _shown(layout.names))
    return [layout.names.index(name) for name in names]


def _check_row(path, number, row, layout, numeric):
    """Raises InputError for the first thing wrong with a row."""
    names, columns = layout.names, layout.columns
    checks.line(len(row) == len(names), path, number, "%d columns" % len(names), row)
    for role in ("user", "item"):
        if role in columns:
            cell = row[columns[role]]
            checks.line(cell.strip(), path, number,
                        "a name in column " + checks.show(names[columns[role]]), cell)
    if "time" in columns:
        cell = row[columns["time"]]
        checks.line(_is_number(cell), path, number,
                    "a number in column " + checks.show(names[columns["time"]]), cell)
    for index in numeric:
        checks.line(_is_number(row[index], _LARGEST_FLOAT32), path, number,
                    "a number of float32 in column " + checks.show(names[index]), row[index])


def _read_rows(path, lines, layout, numeric=()):
    """Yields (rows, check): rows are lists of cells, check() raises for the bad one.

    `numeric`: indexes of the further columns of numbers.
    """
    header_lines = number = 1 if layout.first_line is None else 0
    if not header_lines:
        lines = itertools.chain([layout.first_line], lines)
    reader = _cells(lines, layout.separator)
    while True:
        try:
            rows = list(itertools.islice(reader, _ROWS_AT_A_TIME))
        except csv.Error as e:
            checks.line(False, path, header_lines + reader.line_num,
                        "CSV whose quotes are in pairs, and cells of at most %d characters"
                        % csv.field_size_limit(), str(e))
        if not rows:
            return

        def check(rows=rows, number=number):
            for row in rows:
                if row:
                    _check_row(path, number + 1, row, layout, numeric)
                # A quoted cell may hold line ends: the next row starts that many lines later.
                number += 1 + sum(cell.count("\n") for cell in row)

        widths = set(map(len, rows))
        if widths - {0, len(layout.names)}:
            check()
        yield [row for row in rows if row] if 0 in widths else rows, check
        number = getattr(reader, "line_num", number - header_lines + len(rows)) + header_lines


def _headerless_events(separator, cells):
    """u.data and ratings.dat: user, item, rating and, with four columns, time; pairs and lists.

    A digit somewhere tells a line of a user and items from prose and from a header of other names.
    """
    if separator in ("\t", "::") and len(cells) in (3, 4) and all(map(_is_number, cells[2:])):
        return {"user": 0, "item": 1, "time": 3} if len(cells) == 4 else {"user": 0, "item": 1}
    if separator == " " or (separator == "\t" and len(cells) == 2):
        return {"user": 0, "item": 1} if any(re.search("[0-9]", cell) for cell in cells) else None
    return None


def _headerless_titles(separator, cells):
    """movies.dat and u.item: item, title and more."""
    return {"item": 0, "title": 1} if separator in ("::", "|") and len(cells) >= 2 else None


_EVENTS = _Form(
    ("user", "item", "time"), ("user", "item"), _SEPARATORS, _headerless_events,
    "lines without one of user, item, rating and time, as in u.data or ratings.dat, or of user and "
    "item (tab), or user and items (spaces), with a digit in the first")
_TITLES = _Form(("item", "title"), ("item", "title"), _SEPARATORS[:-1], _headerless_titles,
                "lines without one of item and title, as in movies.dat or u.item")


def read_log(path, categorical=(), numeric=()):
    """Reads who took what from a file; each line is one event, unless it is a list of items.

    Known by their headers: MovieLens `ratings.csv` and any CSV or TSV file (quotes count in CSV only)
    with a column for the user, the item and, if it has one, the time; spaces may separate the columns
    too. Without a header, and then with a digit in the first line: `u.data` (tabs) and `ratings.dat`
    (`::`), of user, item, rating and, in a fourth column, time; user and item with a tab between;
    a user and any number of items, or none, with spaces between. May be compressed.

    Args:
      path: the file.
      categorical: names of further columns, of which each text is a category; as the header has them,
        or "1", "2", ... in a file without one.
      numeric: names of further columns, of numbers.

    Returns:
      `Log`.

    Raises:
      InputError: a file without the columns or events, a line that is not as the others or has no
        number where one is wanted (with its number), fewer than two items.
    """
    return _read_logs("read_log", [path], categorical, numeric)[0]


def read_logs(paths, categorical=(), numeric=()):
    """Reads several files as `read_log` reads one, with one numbering of users, items and categories.

    Args:
      paths: the files.
      categorical, numeric: as `read_log`; each file has these columns.

    Returns:
      (`Log` of all events, one file after the other; int32 [N], the number of each event's path).

    Raises:
      InputError: as `read_log`; no path, times in some of the files only.
    """
    checks.argument(len(paths) > 0, "read_logs", "paths", "one file or more", paths)
    return _read_logs("read_logs", paths, categorical, numeric)


def _read_logs(function, paths, categorical, numeric):
    """As `read_logs`, for either function."""
    _check_columns(function, categorical, numeric)
    paths = [os.fspath(path) for path in paths]
    users, items = _Names(), _Names()
    categories = [_Names([""]) for _ in categorical]
    read = [_read_file(path, users, items, categories, categorical, numeric) for path in paths]
    lengths = [len(arrays[0]) for arrays in read]
    times = [arrays[2] is not None for arrays in read]
    if any(times) and not all(times):
        checks.file(False, paths[times.index(False)],
                    "times, as %s has them" % paths[times.index(True)], "none")
    # One array after the other, so that only one of them is there twice.
    whole = []
    for index in range(len(read[0])):
        parts = [arrays[index] for arrays in read]
        for arrays in read:
            arrays[index] = None
        whole.append(None if parts[0] is None else parts[0] if len(parts) == 1
                     else np.concatenate(parts))
    checks.file(len(items.names) > 1, ", ".join(paths), "at least two different items",
                "only " + checks.show(items.names[0]))
    names = [c.names for c in categories] + [None] * len(numeric)
    columns = {name: Column(*column) for name, column in
               zip(list(categorical) + list(numeric), zip(whole[3:], names))}
    log = Log(whole[0], whole[1], whole[2], columns, users.names, items.names)
    return log, np.repeat(np.arange(len(paths), dtype=np.int32), lengths)


def _read_file(path, users, items, categories, categorical, numeric):
    """[users, items, times or None, further columns...], arrays of one file."""
    with reading.open_text(path) as lines:
        layout = _layout(path, lines.readline(), _EVENTS)
        numeric = _indexes(path, layout, numeric)
        indexes = [layout.columns["user"], layout.columns["item"], layout.columns.get("time")]
        indexes += _indexes(path, layout, categorical) + numeric
        functions = [users.__getitem__, items.__getitem__, float]
        functions += [names.__getitem__ for names in categories] + [float] * len(numeric)
        dtypes = [np.int32, np.int32, np.float64]
        dtypes += [np.int32] * len(categories) + [np.float32] * len(numeric)
        parts = [[] for _ in indexes]
        for rows, check in _read_rows(path, lines, layout, numeric):
            try:
                for index, function, dtype, part in zip(indexes, functions, dtypes, parts):
                    if index is not None:
                        cells = map(operator.itemgetter(index), rows)
                        with np.errstate(over="ignore"):  # found below, with its line
                            array = np.fromiter(map(function, cells), dtype, len(rows))
                        if not np.isfinite(array).all():
                            raise ValueError("no finite number")
                        part.append(array)
            except ValueError:
                check()
                raise
    checks.file(sum(map(len, parts[0])) > 0, path, "events", "none")
    return [np.concatenate(part) if part else None for part in parts]


def _check_columns(function, categorical, numeric):
    """Raises InputError unless all names of columns differ."""
    for role, names in (("categorical", categorical), ("numeric", numeric)):
        checks.argument(not isinstance(names, str), function, role, "a list of names of columns", names)
    twice = [name for name, n in collections.Counter(list(categorical) + list(numeric)).items() if n > 1]
    checks.argument(not twice, function, "categorical, numeric", "each column once", twice)


def with_user_columns(log, path, categorical=(), numeric=()):
    """The log with further columns, which say of each event what a side table says of its user.

    Args:
      log: `Log`.
      path, categorical, numeric: as `read_side_table`, of users.

    Returns:
      `Log`. A user who is not in the table has the category "".

    Raises:
      InputError: as `read_side_table`; a column that the log has already, a user without a number.
    """
    columns = dict(log.columns)
    for name, values in read_side_table(path, "user", categorical, numeric).items():
        checks.argument(name not in columns, "with_user_columns", "categorical, numeric",
                        "names that are not those of the event file's columns", name)
        if name in categorical:
            ids = _Names([""])
            of_user = [ids[values[user]] if values.get(user) else 0 for user in log.user_names]
            columns[name] = Column(np.array(of_user, np.int32)[log.users], ids.names)
        else:
            missing = [user for user in log.user_names if user not in values]
            checks.file(not missing, path, "a number in column %s for each user" % checks.show(name),
                        "none for " + checks.show((missing or [""])[0]))
            of_user = np.array([values[user] for user in log.user_names], np.float32)
            columns[name] = Column(of_user[log.users], None)
    return log._replace(columns=columns)


def read_titles(path):
    """Reads what the items are called: {item name: title}, of a repeated item the first.

    Known: MovieLens `movies.csv`, `movies.dat` (`::`) and `u.item` (`|`), and any CSV or TSV file
    whose header has a column for the item and one for the title. May be compressed. The text is
    UTF-8, or Latin-1 where it is no valid UTF-8, as in `u.item`.

    Raises:
      InputError: a file without these columns, a line that is not as the others.
    """
    titles = {}
    with reading.open_text(path, _encoding(path)) as lines:
        layout = _layout(path, lines.readline(), _TITLES)
        for rows, check in _read_rows(path, lines, layout):
            check()
            for row in rows:
                titles.setdefault(row[layout.columns["item"]].strip(),
                                  row[layout.columns["title"]].strip())
    return titles


def read_side_table(path, key_role, categorical=(), numeric=()):
    """Reads what columns say of users or of items: of a repeated one the first line.

    Args:
      path: CSV or TSV file whose header has a column for the user or the item. May be compressed; the
        text is as in `read_titles`.
      key_role: "user" or "item".
      categorical, numeric: names of columns, as the header has them.

    Returns:
      {column: {user or item name: str, or float if numeric}}; an empty text is "".

    Raises:
      InputError: a file without these columns, a line that is not as the others or has no number where
        one is wanted.
    """
    checks.one_of("read_side_table", "key_role", key_role, ("user", "item"))
    _check_columns("read_side_table", categorical, numeric)
    form = _Form((key_role,), (key_role,), _SEPARATORS[:-1], lambda separator, cells: None, "")
    with reading.open_text(path, _encoding(path)) as lines:
        layout = _layout(path, lines.readline(), form)
        values = [(name, index, str.strip) for name, index in
                  zip(categorical, _indexes(path, layout, categorical))]
        numbers = _indexes(path, layout, numeric)
        values += [(name, index, float) for name, index in zip(numeric, numbers)]
        table = {name: {} for name, _, _ in values}
        for rows, check in _read_rows(path, lines, layout, numbers):
            check()
            for row in rows:
                key = row[layout.columns[key_role]].strip()
                for name, index, function in values:
                    table[name].setdefault(key, function(row[index]))
    return table


def _encoding(path):
    """That of a file that is UTF-8 or else Latin-1."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with reading.open_binary(path) as stream:
        try:
            for data in iter(lambda: stream.read(_BYTES_AT_A_TIME), b""):
                decoder.decode(data)
            decoder.decode(b"", True)
        except UnicodeDecodeError:
            return "latin-1"
    return "utf-8-sig"
