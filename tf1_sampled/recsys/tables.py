"""Read tables of users and items: the titles of items, and the columns of users or items.

    titles = read_titles("movies.csv")
    genres = read_side_table("movies.csv", "item", categorical=["genres"])["genres"]
    log = with_user_columns(log, "users.csv", numeric=["age"])
"""
import functools
import itertools

from tf1_sampled import checks
from tf1_sampled.files import reading
from tf1_sampled.recsys import arrays, columns, layouts, rows


def with_user_columns(log, path, key_column="", **names_by_type):
    """Return the log with further columns, from a table of its users.

    Args:
      log: `events.Log`.
      path: table with a user column, see `read_side_table`.
      key_column: string, see `read_side_table`.
      **names_by_type: categorical=[names], numeric=[names] of columns of the table.

    Returns:
      `events.Log`. For a user who is not in the table, the category is "" and the number is missing.

    Raises:
      InputError: see `read_side_table`; a column that the log already has.
    """
    function = "with_user_columns"
    further = dict(log.columns)
    table = read_side_table(path, "user", key_column, **names_by_type)
    for name, kind in columns.typed(function, names_by_type).items():
        values = table[name]
        checks.argument(name not in further, function, ", ".join(columns.TYPES),
                        "names that the event file's columns do not have", name)
        of_user = kind.of_array(function, name, [values.get(user) for user in log.user_names])
        further[name] = of_user._replace(values=of_user.values[log.users])
    return log._replace(columns=further)


def read_titles(path):
    """Read the titles of items: {item name: title}; a repeated item has its first title.

    Formats: MovieLens `movies.csv`, `movies.dat` (`::`) and `u.item` (`|`), and any CSV, TSV or JSON
    Lines with an item column and a title column. The file may be compressed. Invalid UTF-8 bytes are
    read as Latin-1, as in `u.item`.

    Raises:
      InputError: a file without these columns, a line that is unlike the others.
    """
    with _opened(path) as lines:
        first = rows.first_lines(lines)
        layout = layouts.of_table(path, first, ("item", "title"), ("item", "title"),
                                  headerless=_headerless_titles)
        found = {}
        for item, _, row in _keyed(path, itertools.chain(first, lines), layout, layout.places["item"]):
            found.setdefault(item, row[layout.places["title"]].strip())
    return _with_whole_keys(found)


def read_side_table(path, key_role, key_column="", **names_by_type):
    """Read columns of users or of items; a repeated user or item has its first line.

    Args:
      path: CSV, TSV or JSON Lines with a user or item column. May be compressed; invalid UTF-8 bytes are
        read as Latin-1.
      key_role: "user" or "item".
      key_column: string, the name of that column; "" or a name that the table lacks for the usual names.
      **names_by_type: categorical=[names], numeric=[names] of columns, as named in the header.

    Returns:
      {column: {user or item name: str, or float if numeric}}; a missing text is "", a missing number
      NaN.

    Raises:
      InputError: a file without these columns, a line that is unlike the others or has an invalid
        number.
    """
    checks.one_of("read_side_table", "key_role", key_role, ("user", "item"))
    typed = columns.typed("read_side_table", names_by_type)
    with _opened(path) as lines:
        first = rows.first_lines(lines)
        layout = layouts.of_table(path, first, (key_role,), (key_role,), key_column=key_column)
        kinds = list(zip(layouts.indexes(path, layout, typed), typed.values()))
        table = {name: {} for name in typed}
        for key, line_of, row in _keyed(path, itertools.chain(first, lines), layout,
                                        layout.places[key_role]):
            for values, (index, kind) in zip(table.values(), kinds):
                if key not in values:
                    try:
                        values[key] = kind.value(row[index])
                    except ValueError:
                        checks.line(False, path, line_of(), "%s in column %s" % (
                            kind.wanted, checks.show(layout.names[index])), row[index])
    return {name: _with_whole_keys(values) for name, values in table.items()}


def side_columns(path, key_role, key_column=""):
    """Return the names of the columns of a file that `read_side_table` may read.

    Args:
      path, key_role, key_column: see `read_side_table`.

    Returns:
      list of strings, without those of users, items and titles, and without repeated names.

    Raises:
      InputError: a file whose header has no user or item column.
    """
    with _opened(path) as lines:
        layout = layouts.of_table(path, rows.first_lines(lines), ("user", "item", "title"), (key_role,),
                                  headerless=_headerless_titles, key_column=key_column)
    if layout.form.endswith(layouts.WITHOUT_HEADER):
        return []
    return [name for place, name in enumerate(layout.names)
            if place not in layout.places.values() and layout.names.count(name) == 1]


def _opened(path):
    return reading.open_text(path, "", errors=reading.LATIN1)


def _headerless_titles(separator, cells):
    """Return the roles of movies.dat and u.item: item, title and more."""
    return {"item": 0, "title": 1} if separator in ("::", "|") and len(cells) >= 2 else None


def _keyed(path, lines, layout, place):
    """Yield (name in the column at `place`, function () -> number of the line, row)."""
    for chunk in rows.read(path, lines, layout):
        for number, row in enumerate(chunk.rows):
            name = row[place].strip()
            if not name:
                checks.line(False, path, chunk.line_of(number), "a name in column " + checks.show(
                    layout.names[place]), row[place])
            yield name, functools.partial(chunk.line_of, number), row


def _with_whole_keys(table):
    return dict(zip(arrays.whole_names(list(table)), table.values()))
