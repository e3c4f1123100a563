"""From events (who took which item, and when) in files or in Python to one form of arrays.

    log = read_log("ratings.csv", numeric=["rating"])
    log, part = read_logs(["train.txt.gz", "valid.txt.gz", "test.txt.gz"])
    log = log_of_frame(pandas.read_parquet("events.parquet"), categorical=["device"])
    log, part = merge_logs([log_of_arrays(users, items, times) for users, items, times in parts])
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

import numpy as np

from tf1_sampled import checks
from tf1_sampled.files import reading
from tf1_sampled.recsys import arrays, columns

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


Log = collections.namedtuple("Log", "users items times columns user_names item_names")
Log.__doc__ = """Events in their order; ids fall to names as these appear.

Fields:
  users, items: int32 [N].
  times: float64 [N], or None for events without.
  columns: {name: `columns.Column`}, of [N] each, those that were asked for.
  user_names, item_names: lists of str, by id.
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

_Layout = collections.namedtuple("_Layout", "separator places names first_line")
_Layout.__doc__ = """What a file looks like.

Fields:
  separator: one of _SEPARATORS, or None for lines of a user and items.
  places: {role: column index}.
  names: list of str, of the columns; "1", "2", ... where the file does not name them.
  first_line: str, if it is no header but a row, else None.
"""


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


def _columns_of_roles(names, roles):
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
        places = _columns_of_roles(split[separator], form.roles)
        if all(role in places for role in form.needed):
            return _Layout(separator, places, [cell.strip() for cell in split[separator]], None)
    for separator, cells in split.items():
        places = form.headerless(separator, cells)
        if places is not None:
            width = 2 if separator == " " else len(cells)
            return _Layout(None if separator == " " else separator, places,
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


def _check_row(path, number, row, layout, kinds):
    """Raise InputError for the first thing wrong with a row; `kinds` as `_read_rows`."""
    names, places = layout.names, layout.places
    checks.line(len(row) == len(names), path, number, "%d columns" % len(names), row)
    for role in ("user", "item"):
        if role in places:
            cell = row[places[role]]
            checks.line(cell.strip(), path, number,
                        "a name in column " + checks.show(names[places[role]]), cell)
    if "time" in places:
        cell = row[places["time"]]
        checks.line(columns.is_number(cell), path, number,
                    "a number in column " + checks.show(names[places["time"]]), cell)
    for index, kind in kinds:
        checks.line(kind.fits(row[index]), path, number,
                    "%s in column %s" % (kind.wanted, checks.show(names[index])), row[index])


def _read_rows(path, lines, layout, kinds=()):
    """Yields (rows, check): rows are lists of cells, check() raises for the bad one.

    `kinds`: (index, subclass of ColumnType) of each further column.
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
                    _check_row(path, number + 1, row, layout, kinds)
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
    if separator in ("\t", "::") and len(cells) in (3, 4) and all(map(columns.is_number, cells[2:])):
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


def read_log(path, **names_by_type):
    """Read who took what from a file; each line is one event, unless it is a list of items.

    Known by their headers: MovieLens `ratings.csv` and any CSV or TSV file (quotes count in CSV only)
    with a column for the user, the item and, if it has one, the time; spaces may separate the columns
    too. Without a header, and then with a digit in the first line: `u.data` (tabs) and `ratings.dat`
    (`::`), of user, item, rating and, in a fourth column, time; user and item with a tab between;
    a user and any number of items, or none, with spaces between. May be compressed.

    Args:
      path: the file.
      **names_by_type: of further columns: categorical=[names] of those of which each text is a category,
        numeric=[names] of those of numbers; as the header has them, or "1", "2", ... in a file without
        one.

    Returns:
      `Log`.

    Raises:
      InputError: a file without the columns or events, a line that is not as the others or has no
        number where one is wanted (with its number), fewer than two items.
    """
    return _read_logs("read_log", [path], names_by_type)[0]


def read_logs(paths, **names_by_type):
    """Read several files as `read_log` reads one, with one numbering of users, items and categories.

    Args:
      paths: the files.
      **names_by_type: categorical=[names], numeric=[names] of columns that each file has.

    Returns:
      (`Log` of all events, one file after the other; int32 [N], the number of each event's path).

    Raises:
      InputError: as `read_log`; no path, times in some of the files only.
    """
    checks.argument(len(paths) > 0, "read_logs", "paths", "one file or more", paths)
    return _read_logs("read_logs", paths, names_by_type)


def _read_logs(function, paths, names_by_type):
    """As `read_logs`, for either function."""
    readers = {name: (kind, kind.reader())
               for name, kind in columns.typed(function, names_by_type).items()}
    paths = [os.fspath(path) for path in paths]
    users, items = arrays.Numbering(), arrays.Numbering()
    read = [_read_file(path, users, items, readers) for path in paths]
    lengths = [len(parts[0]) for parts in read]
    times = [parts[2] is not None for parts in read]
    if any(times) and not all(times):
        checks.file(False, paths[times.index(False)],
                    "times, as %s has them" % paths[times.index(True)], "none")
    # One array after the other, so that only one of them is there twice.
    whole = []
    for index in range(len(read[0])):
        parts = [parts_of_file[index] for parts_of_file in read]
        for parts_of_file in read:
            parts_of_file[index] = None
        whole.append(None if parts[0] is None else parts[0] if len(parts) == 1
                     else np.concatenate(parts))
    checks.file(len(items.names) > 1, ", ".join(paths), "at least two different items",
                "only " + checks.show(items.names[0]))
    further = {name: columns.Column(values, reader.kind())
               for (name, (_, reader)), values in zip(readers.items(), whole[3:])}
    log = Log(whole[0], whole[1], whole[2], further, users.names, items.names)
    return log, np.repeat(np.arange(len(paths), dtype=np.int32), lengths)


def _read_file(path, users, items, readers):
    """[users, items, times or None, further columns...], arrays of one file."""
    with reading.open_text(path) as lines:
        layout = _layout(path, lines.readline(), _EVENTS)
        further = _indexes(path, layout, readers)
        kinds = [(index, kind) for index, (kind, _) in zip(further, readers.values())]
        indexes = [layout.places["user"], layout.places["item"], layout.places.get("time")] + further
        functions = [users.__getitem__, items.__getitem__, float]
        functions += [reader.parse for _, reader in readers.values()]
        dtypes = [np.int32, np.int32, np.float64] + [kind.dtype for kind, _ in readers.values()]
        parts = [[] for _ in indexes]
        for rows, check in _read_rows(path, lines, layout, kinds):
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


def log_of_arrays(users, items, times=None, **values_by_type):
    """Return the log of events in Python, as `read_log` reads it from a file of the same rows.

        log_of_arrays(["ann", "ann", "bob"], [7, 8, 7], categorical={"device": ["tv", None, "tv"]})

    Args:
      users, items: sequences or arrays [N]; names are what `str` makes of the values, without spaces
        around them.
      times: None, or sequence or array [N] of numbers; dates and times become seconds since 1970.
      **values_by_type: of further columns: categorical={name: [N] values}, where a missing one is "",
        and numeric={name: [N] numbers}.

    Returns:
      `Log`; a part of the data may have a single item.

    Raises:
      InputError: no events, lengths that differ; with its place, a missing or empty name, or a value
        that is no finite number where one is wanted.
    """
    function = "log_of_arrays"
    kinds = columns.typed(function, values_by_type)
    further = {name: values for of_type in values_by_type.values() for name, values in of_type.items()}
    labels = {"users": "users", "items": "items", "times": "times"}
    return _log_of_arrays(function, labels, (users, items, times), kinds, further)


def log_of_frame(frame, user="user", item="item", time="time", **names_by_type):
    """Return the log of the rows of a pandas DataFrame, each one event, as `read_log` reads a file.

    Args:
      frame: pandas.DataFrame, or what has `columns` and columns with `to_numpy()`.
      user, item: names of columns. Where a default is missing, a column is found by what a file's
        header may have, as userId or movie_id.
      time: the same, of numbers or of dates and times, which become seconds since 1970. None for no
        times; by default there are none where there is no such column.
      **names_by_type: of further columns: categorical=[names], where a missing value is "", and
        numeric=[names].

    Returns:
      `Log`; a part of the data may have a single item.

    Raises:
      InputError: a column that is missing or comes twice, no rows; with the row, counted from 0, a
        missing or empty name, or a value that is no finite number where one is wanted.
    """
    function = "log_of_frame"
    kinds = columns.typed(function, names_by_type)
    names = list(frame.columns)
    found = _columns_of_roles(list(map(str, names)), ("user", "item", "time"))

    def place(role, name):
        """The name of the role's column in the frame."""
        if name == role and name not in names:
            checks.argument(role in found or role == "time", function, role,
                            "a column for the %s (%s)" % (role, ", ".join(_COLUMNS[role])), names)
            name = names[found[role]] if role in found else None
        if name is not None:
            checks.argument(names.count(name) == 1, function, role, "one column " + checks.show(name),
                            names)
        return name

    places = [place(*role) for role in (("user", user), ("item", item), ("time", time))]
    for name in kinds:
        checks.argument(names.count(name) == 1, function, "columns", "one column " + checks.show(name),
                        names)
    labels = {role: "column " + checks.show(name)
              for role, name in zip(("users", "items", "times"), places)}
    values = [None if name is None else frame[name] for name in places]
    return _log_of_arrays(function, labels, values, kinds, {name: frame[name] for name in kinds})


def _log_of_arrays(function, labels, users_items_times, kinds, further):
    """The `Log` of values in Python.

    Args:
      function: string, who asks; for errors.
      labels: {"users", "items", "times": what errors call them}.
      users_items_times: three sequences or arrays [N], the last may be None.
      kinds: {name: subclass of ColumnType} of further columns.
      further: {name: sequence or array [N]} of these.
    """
    users, items, times = users_items_times
    size = arrays.length(function, labels["users"], users)
    checks.argument(size > 0, function, labels["users"], "one event or more", size)
    others = [(labels["items"], items)] + ([] if times is None else [(labels["times"], times)])
    for label, values in others + [("column " + checks.show(name), further[name]) for name in kinds]:
        found = arrays.length(function, label, values)
        checks.argument(found == size, function, label, "as many as users, %d" % size, found)
    user_names, item_names = arrays.Numbering(), arrays.Numbering()
    return Log(
        arrays.name_ids(function, labels["users"], users, user_names),
        arrays.name_ids(function, labels["items"], items, item_names),
        None if times is None else arrays.numbers(function, labels["times"], times),
        {name: kind.of_array(function, "column " + checks.show(name), further[name])
         for name, kind in kinds.items()},
        user_names.names, item_names.names)


def merge_logs(logs):
    """Merge logs with one numbering of users, items and categories, as `read_logs` does with files.

        log, part = merge_logs([log_of_frame(frame) for frame in (train, valid, test)])
        events = splits.split_given(log, part)

    Args:
      logs: sequence of `Log`, all with the same columns, and with times or all without.

    Returns:
      (`Log` of all events, one log after the other; int32 [N], the number of each event's log).

    Raises:
      InputError: no log, times or columns in some of them only.
    """
    function = "merge_logs"
    checks.argument(len(logs) > 0, function, "logs", "one log or more", len(logs))
    kinds = {name: type(column.kind) for name, column in logs[0].columns.items()}
    for number, log in enumerate(logs):
        argument = "logs[%d]" % number
        checks.argument((log.times is None) == (logs[0].times is None), function, argument,
                        "events %s times, as those of logs[0]" % (
                            "without" if logs[0].times is None else "with"),
                        "events %s times" % ("without" if log.times is None else "with"))
        found = {name: type(column.kind) for name, column in log.columns.items()}
        checks.argument(found == kinds, function, argument, "the columns of logs[0], %s" % (
            _kinds_shown(kinds)), _kinds_shown(found))
    numberings, ids = [arrays.Numbering(), arrays.Numbering()], []
    for numbering, names, values in zip(numberings, ("user_names", "item_names"), ("users", "items")):
        # By the names of each log, not by its events.
        ids.append(np.concatenate([
            np.array([numbering[name] for name in getattr(log, names)], np.int32)[getattr(log, values)]
            for log in logs]))
    times = None if logs[0].times is None else np.concatenate([log.times for log in logs])
    further = {name: kind.merged([log.columns[name] for log in logs]) for name, kind in kinds.items()}
    log = Log(ids[0], ids[1], times, further, numberings[0].names, numberings[1].names)
    return log, np.repeat(np.arange(len(logs), dtype=np.int32), [len(log.users) for log in logs])


def _kinds_shown(kinds):
    """Types of columns in words."""
    return ", ".join("%s (%s)" % (checks.show(name), kind.__name__.lower())
                     for name, kind in kinds.items()) or "none"


def with_user_columns(log, path, **names_by_type):
    """Return the log with further columns, which say of each event what a table says of its user.

    Args:
      log: `Log`.
      path: CSV or TSV file whose header has a column for the user, as `read_side_table`.
      **names_by_type: categorical=[names], numeric=[names] of columns of the table.

    Returns:
      `Log`. A user who is not in the table has the category "".

    Raises:
      InputError: as `read_side_table`; a column that the log has already, a user without a number.
    """
    function = "with_user_columns"
    further = dict(log.columns)
    table = read_side_table(path, "user", **names_by_type)
    for name, kind in columns.typed(function, names_by_type).items():
        values = table[name]
        checks.argument(name not in further, function, ", ".join(columns.TYPES),
                        "names that are not those of the event file's columns", name)
        if kind.needs_value:
            missing = [user for user in log.user_names if user not in values]
            checks.file(not missing, path, "%s in column %s for each user" % (
                kind.wanted, checks.show(name)),
                        "none for " + checks.show((missing or [""])[0]))
        of_user = kind.of_array(function, name, [values.get(user) for user in log.user_names])
        further[name] = of_user._replace(values=of_user.values[log.users])
    return log._replace(columns=further)


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
                titles.setdefault(row[layout.places["item"]].strip(),
                                  row[layout.places["title"]].strip())
    return titles


def read_side_table(path, key_role, **names_by_type):
    """Read what columns say of users or of items: of a repeated one the first line.

    Args:
      path: CSV or TSV file whose header has a column for the user or the item. May be compressed; the
        text is UTF-8, or Latin-1 where it is no valid UTF-8.
      key_role: "user" or "item".
      **names_by_type: categorical=[names], numeric=[names] of columns, as the header has them.

    Returns:
      {column: {user or item name: str, or float if numeric}}; an empty text is "".

    Raises:
      InputError: a file without these columns, a line that is not as the others or has no number where
        one is wanted.
    """
    checks.one_of("read_side_table", "key_role", key_role, ("user", "item"))
    typed = columns.typed("read_side_table", names_by_type)
    form = _Form((key_role,), (key_role,), _SEPARATORS[:-1], lambda separator, cells: None, "")
    with reading.open_text(path, _encoding(path)) as lines:
        layout = _layout(path, lines.readline(), form)
        kinds = list(zip(_indexes(path, layout, typed), typed.values()))
        table = {name: {} for name in typed}
        for rows, check in _read_rows(path, lines, layout, kinds):
            check()
            for row in rows:
                key = row[layout.places[key_role]].strip()
                for values, (index, kind) in zip(table.values(), kinds):
                    values.setdefault(key, kind.value(row[index]))
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
