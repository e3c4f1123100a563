"""Read the rows of an event file or a table of any layout, as lists of cells.

    with files.reading.open_text(path) as lines:
        first = first_lines(lines)
        layout = layouts.of_events(path, first, roles.Options())
        for chunk in read(path, itertools.chain(first, lines), layout):
            chunk.rows, chunk.line_of(0)

Each row has a cell for each of layout.names. If a line of a file stands for several events, such as a
list of items, it becomes a row for each event.
"""
import collections
import csv
import datetime
import functools
import itertools

from tf1_sampled import checks
from tf1_sampled.recsys import json_lines, layouts

_ROWS_AT_A_TIME = 1 << 12  # fits the cache: 16 times as many take a third longer
_LISTS_AT_A_TIME = 1 << 8
_FIRST_LINES, _FIRST_CHARACTERS = 100, 1 << 20

Chunk = collections.namedtuple("Chunk", "rows line_of")
Chunk.__doc__ = """Consecutive rows of a file.

Fields:
  rows: list of lists of str.
  line_of: function of the index of a row -> the number of its line, from 1.
"""


def first_lines(lines):
    """Read and return the first lines of a text stream: at most 100 lines, or a million characters."""
    found, size = [], 0
    for line in itertools.islice(lines, _FIRST_LINES):
        found.append(line)
        size += len(line)
        if size > _FIRST_CHARACTERS:
            break
    return found


def read(path, lines, layout):
    """Yield a file's rows as Chunks.

    Args:
      path: string, for errors.
      lines: iterator of all lines of the file, with their ends.
      layout: layouts.Layout.

    Raises:
      InputError: a line with another layout, with its number.
    """
    lines = itertools.islice(lines, layout.num_skipped, None)
    chunks = _READERS[layout.kind](path, lines, layout)
    if layout.kind != "mind" and "items" in layout.places:
        chunks = map(functools.partial(_expanded, layout=layout), chunks)
    return (chunk for chunk in chunks if chunk.rows)


def _cells(path, lines, layout):
    """Yield Chunks of lines of cells; a quoted cell may contain line ends."""
    reader, before = layouts.cells(lines, layout.separator), layout.num_skipped
    width = len(layout.names)
    while True:
        try:
            rows = list(itertools.islice(reader, _ROWS_AT_A_TIME))
        except csv.Error as e:
            checks.line(False, path, layout.num_skipped + reader.line_num,
                        "CSV with paired quotes, and cells of at most %d characters"
                        % csv.field_size_limit(), str(e))
        if not rows:
            return
        widths = set(map(len, rows))
        given = [place for place, row in enumerate(rows) if row] if 0 in widths else None
        line_of = functools.partial(_line_of_cells, rows=rows, given=given, before=before)
        if widths - {0, width}:
            wrong = next(place for place, row in enumerate(rows) if len(row) not in (0, width))
            checks.line(False, path, _line_of_cells(wrong, rows, None, before), "%d columns" % width,
                        rows[wrong])
        yield Chunk(rows if given is None else [rows[place] for place in given], line_of)
        before = (layout.num_skipped + reader.line_num if hasattr(reader, "line_num")
                  else before + len(rows))


def _line_of_cells(index, rows, given, before):
    """Return the line of a row; `given` has its index among `rows`. A cell may contain line ends."""
    place = index if given is None else given[index]
    return before + 1 + sum(1 + sum(cell.count("\n") for cell in row) for row in rows[:place])


def _numbered(lines, before):
    """Yield chunks of (number, line) for the lines that are not blank."""
    numbered = ((number, line) for number, line in enumerate(lines, before + 1)
                if line and not line.isspace())
    while True:
        chunk = list(itertools.islice(numbered, _ROWS_AT_A_TIME))
        if not chunk:
            return
        yield chunk


def _lists(path, lines, layout):
    """Yield Chunks of lines of a user and items: a row for each item."""
    before = layout.num_skipped
    while True:
        chunk = list(map(str.split, itertools.islice(lines, _LISTS_AT_A_TIME)))
        if not chunk:
            return
        rows = [[cells[0], item] for cells in chunk for item in cells[1:]]
        yield Chunk(rows, functools.partial(_line_of_lists, chunk=chunk, before=before))
        before += len(chunk)


def _line_of_lists(index, chunk, before):
    """Return the line of a row, for lines with a row for each cell but the first."""
    ends = itertools.accumulate(max(len(cells) - 1, 0) for cells in chunk)
    return before + 1 + next(place for place, end in enumerate(ends) if index < end)


def _expanded(chunk, layout):
    """Return a Chunk with a row for each item of the lists, then for the row's own item."""
    lists = layout.places["items"]
    own = layout.places.get("item")
    place = lists if own is None else own
    rows, numbers = [], []
    for index, row in enumerate(chunk.rows):
        items = row[lists].split() + ([] if own is None else [row[own]])
        for item in items:
            rows.append(row[:place] + [item] + row[place + 1:])
        numbers += [index] * len(items)
    return Chunk(rows, lambda place: chunk.line_of(numbers[place]))


def _netflix(path, lines, layout):
    """Yield Chunks of Netflix ratings: a line `movie:`, then its lines `user,rating,date`."""
    movie = ""
    for chunk in _numbered(lines, layout.num_skipped):
        rows, numbers = [], []
        for number, line in chunk:
            row = line.strip().split(",")
            if len(row) == 1 and row[0].endswith(":"):
                movie = row[0][:-1]
                continue
            checks.line(len(row) == 3, path, number, "user,rating,date or movie:", line.strip())
            rows.append(row + [movie])
            numbers.append(number)
        yield Chunk(rows, numbers.__getitem__)


def _mind(path, lines, layout):
    """Yield Chunks of MIND's behaviors.tsv: the history of each user once, then the clicked items."""
    user, time, history, shown = (layout.places[role] for role in ("user", "time", "items", "item"))
    users = set()
    for chunk in _cells(path, lines, layout._replace(kind="cells")):
        rows, numbers = [], []
        for index, row in enumerate(chunk.rows):
            events = [(row[time], item[:-2]) for item in row[shown].split() if item.endswith("-1")]
            if row[user] not in users:
                users.add(row[user])
                events = [(_second(number), item)
                          for number, item in enumerate(row[history].split())] + events
            for at, item in events:
                event = list(row)
                event[time], event[shown] = at, item
                rows.append(event)
            numbers += [index] * len(events)
        yield Chunk(rows, lambda place, numbers=numbers, chunk=chunk: chunk.line_of(numbers[place]))


def _second(number):
    """Return the text of a time `number` seconds after the start of 1970, before all real events."""
    time = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=number)
    return "%d/%d/%d %s" % (time.month, time.day, time.year, time.strftime("%I:%M:%S %p"))


def _json(path, lines, layout):
    """Yield Chunks of JSON Lines: rows of the values of layout.names."""
    needed = set(layout.places.values())
    for chunk in _numbered(lines, layout.num_skipped):
        rows = [list(map(value.get, layout.names)) for value in json_lines.objects(path, chunk)]
        for (number, _), row in zip(chunk, rows):
            for place, value in enumerate(row):
                if not isinstance(value, str):
                    text = json_lines.text_of(value)
                    checks.line(text is not None or place not in needed, path, number,
                                "a text or a number in column " + checks.show(layout.names[place]),
                                value)
                    row[place] = text or ""
        yield Chunk(rows, [number for number, _ in chunk].__getitem__)


_READERS = {"cells": _cells, "lists": _lists, "netflix": _netflix, "mind": _mind, "json": _json}
