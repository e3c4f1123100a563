"""From an event file (who took which item, and when) to arrays, splits and training batches.

    events = read_events("ratings.csv")
    split = split_last(events)
    for batch in training_batches(events, split.train_ends, 50, 1000, np.random.RandomState(1)):
        ...  # example p: batch.items[batch.begin[p]:batch.end[p]] -> batch.labels[p]

Axes: N events in a flat array, U users, C items (the classes), L history length, P examples.
"""
import collections
import csv
import io
import itertools
import operator
import re

import numpy as np

from tf1_sampled import checks, files

# Column names, lower case and without signs; of several in a header the first one here is taken.
_COLUMNS = {
    "user": ("userid", "user", "uid", "username", "userprocid", "reviewerid", "customerid",
             "visitorid"),
    "item": ("itemid", "item", "iid", "movieid", "movie", "productid", "product", "asin", "isbn",
             "bookid", "songid", "trackid", "artistid", "videoid", "articleid", "itemprocid"),
    "time": ("timestamp", "time", "ts", "unixtime", "unixreviewtime", "datetime", "date"),
    "title": ("title", "itemtitle", "movietitle", "booktitle", "name", "itemname", "moviename"),
}
_SEPARATORS = ("\t", "::", ",", ";", "|")
_ROWS_AT_A_TIME = 1 << 12  # fits the cache: 16 times as many take a third longer


Events = collections.namedtuple("Events", "items starts user_names item_names item_counts")
Events.__doc__ = """The events of all users, one user after the other, each in the order of time.

User u's events are items[starts[u]:starts[u + 1]]. Item ids fall in training frequency (id 0 is the
most frequent), as a log-uniform sampler needs it; items that no training event has come last.

Fields:
  items: int32 [N], the item id of each event.
  starts: int64 [U + 1].
  user_names, item_names: lists of str, by id.
  item_counts: int64 [C], how many training events (see `split_last`) each item has.
"""

Split = collections.namedtuple("Split", "train_ends valid_items test_items users")
Split.__doc__ = """Which events train, which one validates and which one tests, for each user.

Fields:
  train_ends: int64 [U], the position in `Events.items` after the user's last training event; the
    history that comes before the test item ends one further on.
  valid_items, test_items: int32 [U], item ids, -1 where a user has too few events.
  users: int64 [V], the users who have both.
"""

Batch = collections.namedtuple("Batch", "items labels begin end")
Batch.__doc__ = """Examples of several users: example p is items[begin[p]:end[p]] -> labels[p].

Fields:
  items: int32 [N], events of the users in the batch, each user's in the order of time.
  labels: int32 [P], the item to predict.
  begin, end: int32 [P], 0 <= begin < end <= N.
"""

Rows = collections.namedtuple("Rows", "items begin end")
Rows.__doc__ = """Rows of ids of any length: row r is items[begin[r]:end[r]], all three int32."""


HeldOut = collections.namedtuple("HeldOut", "users items ends seen")
HeldOut.__doc__ = """One item of each of some users, to be ranked among those that the user has not had.

Fields:
  users: int64 [V].
  items: int32 [V], what each of them took next.
  ends: int64 [V], where each one's history before that ends in `Events.items`.
  seen: `Rows`, V of them, that history.
"""


class _Names(dict):
    """Text -> id, numbered in the order of appearance; spaces around a name do not count."""

    def __init__(self):
        super().__init__()
        self.names = []
        self._ids = {}

    def __missing__(self, text):
        name = text.strip()
        if not name:
            raise ValueError("an empty name")
        number = self._ids.get(name)
        if number is None:
            number = self._ids[name] = len(self.names)
            self.names.append(name)
        self[text] = number
        return number


def _cells(lines, separator):
    """The cells of each line, as a csv reader gives them: quotes count in CSV alone."""
    if separator == "::":
        stripped = (line.rstrip("\n") for line in lines)
        return (line.split("::") if line else [] for line in stripped)
    if separator in ",;":
        return csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    return csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE)


def _is_number(text):
    try:
        return bool(np.isfinite(float(text)))
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


def _layout(path, first_line, roles, needed, headerless, shape):
    """(separator, {role: column}, names of the columns, whether there is a header) of a file.

    `headerless(separator, cells)` gives the columns of a first line that is no header, or None.
    """
    split = {}
    for separator in _SEPARATORS:
        try:
            split[separator] = next(_cells([first_line], separator), [])
        except csv.Error:  # a quote in a format that has no quotes
            continue
        columns = _columns(split[separator], roles)
        if all(role in columns for role in needed):
            return separator, columns, [cell.strip() for cell in split[separator]], True
    for separator, cells in split.items():
        columns = headerless(separator, cells)
        if columns is not None:
            return separator, columns, ["%d" % (n + 1) for n in range(len(cells))], False
    wanted = " and ".join("a column for the %s (%s)" % (role, ", ".join(_COLUMNS[role]))
                          for role in needed)
    cells = max(split.values(), key=len)
    checks.file(False, path, "a header with %s, or %s" % (wanted, shape),
                "columns " + ", ".join(repr(cell.strip()[:30]) for cell in cells[:20]))


def _check_row(path, number, row, columns, names):
    """Raises InputError for the first thing wrong with a row."""
    checks.line(len(row) == len(names), path, number, "%d columns" % len(names), row)
    for role in ("user", "item"):
        if role in columns:
            cell = row[columns[role]]
            checks.line(cell.strip(), path, number,
                        "a name in column %r" % names[columns[role]], cell)
    if "time" in columns:
        cell = row[columns["time"]]
        checks.line(_is_number(cell), path, number,
                    "a number in column %r" % names[columns["time"]], cell)


def _read_rows(path, lines, roles, needed, headerless, shape):
    """Yields (rows, columns, check): rows are lists of cells, check() raises for the bad one."""
    first_line = lines.readline()
    separator, columns, names, has_header = _layout(path, first_line, roles, needed, headerless,
                                                    shape)
    header_lines = number = 1 if has_header else 0
    reader = _cells(lines if has_header else itertools.chain([first_line], lines), separator)
    while True:
        try:
            rows = list(itertools.islice(reader, _ROWS_AT_A_TIME))
        except csv.Error as e:
            checks.line(False, path, header_lines + reader.line_num,
                        "CSV whose quotes are in pairs", str(e))
        if not rows:
            return

        def check(rows=rows, number=number):
            for row in rows:
                if row:
                    _check_row(path, number + 1, row, columns, names)
                # A quoted cell may hold line ends: the next row starts that many lines later.
                number += 1 + sum(cell.count("\n") for cell in row)

        widths = set(map(len, rows))
        if widths - {0, len(names)}:
            check()
        yield [row for row in rows if row] if 0 in widths else rows, columns, check
        number = header_lines + reader.line_num if separator != "::" else number + len(rows)


def _headerless_events(separator, cells):
    """u.data and ratings.dat: user, item, rating and, with four columns, time."""
    if separator in ("\t", "::") and len(cells) in (3, 4) and all(map(_is_number, cells[2:])):
        return {"user": 0, "item": 1, "time": 3} if len(cells) == 4 else {"user": 0, "item": 1}
    return None


def _headerless_titles(separator, cells):
    """movies.dat and u.item: item, title and more."""
    return {"item": 0, "title": 1} if separator in ("::", "|") and len(cells) >= 2 else None


def _read_columns(path):
    """(users int32 [N], items int32 [N], times float64 [N] or None, user names, item names)."""
    users, items = _Names(), _Names()
    parts = {"user": [], "item": [], "time": []}
    numbers = (("user", users.__getitem__, np.int32), ("item", items.__getitem__, np.int32),
               ("time", float, np.float64))
    with files.open_text(path) as lines:
        for rows, columns, check in _read_rows(
                path, lines, ("user", "item", "time"), ("user", "item"), _headerless_events,
                "lines without one of user, item, rating and time, as in u.data or ratings.dat"):
            try:
                for role, number, dtype in numbers:
                    if role in columns:
                        cells = map(operator.itemgetter(columns[role]), rows)
                        part = np.fromiter(map(number, cells), dtype, len(rows))
                        if not np.isfinite(part).all():
                            raise ValueError("a time that is no finite number")
                        parts[role].append(part)
            except ValueError:
                check()
                raise
    checks.file(sum(map(len, parts["user"])) > 0, path, "events after the header", "none")
    arrays = {role: np.concatenate(part) if part else None for role, part in parts.items()}
    return arrays["user"], arrays["item"], arrays["time"], users.names, items.names


def _kept(ids, keep):
    """(ids renumbered over the kept ones in their old order, the old numbers of the kept)."""
    new = np.cumsum(keep) - 1
    return new.astype(np.int32)[ids], np.flatnonzero(keep)


def _train_ends(starts):
    """Where each user's training events end: all but the last two, or all of fewer than three."""
    lengths = np.diff(starts)
    return starts[1:] - np.where(lengths >= 3, 2, 0)


def read_events(path, min_item_count=5, min_user_count=3):
    """Reads who took what from a file; each line is one event, and a rating in it is ignored.

    Implicit feedback: that the user chose the item is all that counts, be it rated 1 or 5. Known by
    their headers: MovieLens `ratings.csv` and any CSV or TSV file (quotes count in CSV only) with a
    column for the user, the item and, if it has one, the time; without a header: `u.data` (tabs)
    and `ratings.dat` (`::`), of user, item, rating and, in a fourth column, time. May be
    compressed.

    Events are put in the order of time, those of equal time (or all, without one) in that of the
    file. Of a (user, item) pair that is repeated the first event stays, so that it is fair to leave
    out of a ranking what the user has had. Then rare items go, then users left with too few events
    (once each: an item may end up below its minimum because users went).

    Args:
      path: the file.
      min_item_count: int, items with fewer events are dropped.
      min_user_count: int, users with fewer events left are dropped; 3 leaves one to train on, one
        to validate and one to test.

    Returns:
      `Events`.

    Raises:
      InputError: a file without the columns or events, a line that is not as the others (with its
        number), fewer than two items, nothing left after the minimum counts.
    """
    checks.positive("read_events", "min_item_count", min_item_count)
    checks.positive("read_events", "min_user_count", min_user_count)
    users, items, times, user_names, item_names = _read_columns(path)
    checks.file(len(item_names) > 1, path, "at least two different items",
                "only %r" % item_names[0])

    order = np.argsort(users, kind="stable") if times is None else np.lexsort((times, users))
    users, items = users[order], items[order]
    del times, order
    pairs = users.astype(np.int64) * len(item_names) + items
    first = np.sort(np.unique(pairs, return_index=True)[1])
    users, items = users[first], items[first]
    del pairs, first

    common = np.bincount(items, minlength=len(item_names))[items] >= min_item_count
    users, items = users[common], items[common]
    active = np.bincount(users, minlength=len(user_names))[users] >= min_user_count
    users, items = users[active], items[active]
    items, old_items = _kept(items, np.bincount(items, minlength=len(item_names)) > 0)
    users, old_users = _kept(users, np.bincount(users, minlength=len(user_names)) > 0)
    checks.file(len(old_items) > 1, path,
                "at least two items of %d or more users who have %d or more such items"
                % (min_item_count, min_user_count),
                "%d left of %d items and %d users"
                % (len(old_items), len(item_names), len(user_names)))

    starts = np.concatenate([[0], np.cumsum(np.bincount(users))]).astype(np.int64)
    in_training = np.arange(len(items)) < np.repeat(_train_ends(starts), np.diff(starts))
    counts = np.bincount(items[in_training], minlength=len(old_items))
    by_count = np.argsort(-counts, kind="stable")  # stable: ties by first appearance
    new_ids = np.empty(len(by_count), np.int32)
    new_ids[by_count] = np.arange(len(by_count))
    return Events(new_ids[items], starts, [user_names[u] for u in old_users],
                  [item_names[i] for i in old_items[by_count]],
                  counts[by_count].astype(np.int64))


def read_titles(path):
    """Reads what the items are called: {item name: title}, of a repeated item the first.

    Known: MovieLens `movies.csv`, `movies.dat` (`::`) and `u.item` (`|`), and any CSV or TSV file
    whose header has a column for the item and one for the title. May be compressed. The text is
    UTF-8, or Latin-1 where it is no valid UTF-8, as in `u.item`.

    Raises:
      InputError: a file without these columns, a line that is not as the others.
    """
    with files.open_binary(path) as stream:
        content = stream.read()
    checks.file(b"\0" not in content, path, "text", "a binary file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    titles = {}
    for rows, columns, check in _read_rows(
            path, io.StringIO(text, newline=None), ("item", "title"), ("item", "title"),
            _headerless_titles, "lines without one of item and title, as in movies.dat or u.item"):
        check()
        for row in rows:
            titles.setdefault(row[columns["item"]].strip(), row[columns["title"]].strip())
    return titles


def split_last(events):
    """Splits by time within each user: the last event tests, the one before it validates.

    Users with fewer than three events only train.

    Args:
      events: `Events`.

    Returns:
      `Split`.

    Reference: He et al. 2017, "Neural Collaborative Filtering", section 4.1 (leave-one-out).
    """
    ends = _train_ends(events.starts)
    users = np.flatnonzero(ends < events.starts[1:])
    valid = np.full(len(ends), -1, np.int32)
    test = np.full(len(ends), -1, np.int32)
    valid[users] = events.items[ends[users]]
    test[users] = events.items[ends[users] + 1]
    return Split(ends, valid, test, users)


def held_out(events, split):
    """What is asked of a model after training: each user's next item, and what it must not offer.

    Args:
      events: `Events`.
      split: `Split`.

    Returns:
      `HeldOut` for validation, and one for the test, where the validation item counts as had.
    """
    users = split.users
    parts = []
    for items, after in ((split.valid_items, 0), (split.test_items, 1)):
        ends = split.train_ends[users] + after
        parts.append(HeldOut(users, items[users], ends, histories(events, users, ends)))
    return tuple(parts)


def ranges(begin, lengths):
    """The integers begin[0], begin[0] + 1, ... (lengths[0] of them), then those of begin[1], ...

    Args:
      begin, lengths: int [n].

    Returns:
      int64 [sum of lengths].
    """
    lengths = np.asarray(lengths, np.int64)
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(np.asarray(begin, np.int64) - (ends - lengths), lengths) + np.arange(total)


def training_batches(events, split_ends, history_length, examples_per_batch, rng):
    """One epoch of examples (an item and the events before it), whole users together.

    Each training event but a user's first is the label of one example, whose history are the last
    `history_length` events before it. Users come in random order; one with more than
    `examples_per_batch` examples is cut into parts that are shuffled like users, each with as much
    of the history before it as its examples need.

    Args:
      events: `Events`.
      split_ends: int [U], where each user's training events end, `Split.train_ends`.
      history_length: int, L.
      examples_per_batch: int, the mean number of examples in a batch (but for the last one); none
        has twice as many.
      rng: np.random.RandomState or Generator; draws another order at each call.

    Returns:
      An iterator of `Batch`.

    Raises:
      InputError: ends outside the user's events, no user with two training events.
    """
    checks.positive("training_batches", "history_length", history_length)
    checks.positive("training_batches", "examples_per_batch", examples_per_batch)
    ends = _checked_ends("training_batches", "split_ends", split_ends, events.starts[:-1],
                         events.starts[1:])
    counts = np.maximum(ends - events.starts[:-1] - 1, 0)
    checks.argument(counts.any(), "training_batches", "events",
                    "a user with two training events or more", "%d users" % len(counts))

    parts = -(-counts // examples_per_batch)
    start = np.repeat(events.starts[:-1], parts)
    part = ranges(np.zeros(len(parts), np.int64), parts)
    counts, parts = np.repeat(counts, parts), np.repeat(parts, parts)
    first = start + 1 + counts * part // parts
    last = start + 1 + counts * (part + 1) // parts

    order = rng.permutation(len(start))
    return _batches(events.items, start[order], first[order], last[order], history_length,
                    examples_per_batch)


def _batches(items, start, first, last, history_length, examples_per_batch):
    """Batches of parts in the given order: a part has the labels first..last-1 of one user."""
    before = np.cumsum(last - first) - (last - first)
    # No part is larger than a batch, so each multiple of its size meets another part.
    cuts = np.searchsorted(before, np.arange(0, before[-1] + 1, examples_per_batch))
    oldest = np.maximum(start, first - history_length)
    for low, high in zip(cuts, np.append(cuts[1:], len(start))):
        begin, count = first[low:high], (last - first)[low:high]
        flat_count = last[low:high] - 1 - oldest[low:high]
        shift = np.repeat(np.cumsum(flat_count) - flat_count - oldest[low:high], count)
        labels = ranges(begin, count)
        history = np.maximum(labels - history_length, np.repeat(start[low:high], count))
        yield Batch(items[ranges(oldest[low:high], flat_count)], items[labels],
                    (history + shift).astype(np.int32), (labels + shift).astype(np.int32))


def _checked_ends(function, name, ends, starts, stops):
    """int64 ends, one for each user and within the user's events."""
    ends = np.asarray(ends)
    checks.argument(ends.shape == starts.shape, function, name, "shape %s" % (starts.shape,),
                    ends.shape)
    outside = np.flatnonzero((ends < starts) | (ends > stops))
    if len(outside):
        row = int(outside[0])
        checks.argument(False, function, "%s[%d]" % (name, row),
                        "%d to %d, within the user's events" % (starts[row], stops[row]),
                        int(ends[row]))
    return ends.astype(np.int64)


def histories(events, users, ends, history_length=None):
    """What each user had before a position, for ranking and for leaving out what was seen.

    Args:
      events: `Events`.
      users: int [B].
      ends: int [B], positions in `Events.items`: the history is what comes before. For validation
        `split.train_ends[users]`, for testing one more.
      history_length: int, the last L events only; None for all of them.

    Returns:
      `Rows` of B rows.

    Raises:
      InputError: unknown users, ends outside the user's events, an empty history.
    """
    users = np.asarray(users, np.int64)
    known = (users >= 0) & (users < len(events.starts) - 1)
    checks.argument(known.all(), "histories", "users", "0 to %d" % (len(events.starts) - 2),
                    users[~known].tolist())
    if history_length is not None:
        checks.positive("histories", "history_length", history_length)
    start = events.starts[users]
    ends = _checked_ends("histories", "ends", ends, start + 1, events.starts[users + 1])
    begin = start if history_length is None else np.maximum(start, ends - history_length)
    lengths = ends - begin
    stop = np.cumsum(lengths)
    return Rows(events.items[ranges(begin, lengths)], (stop - lengths).astype(np.int32),
                stop.astype(np.int32))


def epochs_of_batches(events, split_ends, history_length, examples_per_batch, epochs, rng):
    """`training_batches` for several epochs, each batch with the share of the work done after it.

    Args:
      events, split_ends, history_length, examples_per_batch, rng: as `training_batches`.
      epochs: int.

    Returns:
      An iterator of (`Batch`, float in (0, 1]).
    """
    num_examples = np.maximum(np.asarray(split_ends) - events.starts[:-1] - 1, 0).sum() * epochs
    done = 0
    for _ in range(epochs):
        for batch in training_batches(events, split_ends, history_length, examples_per_batch, rng):
            done += len(batch.labels)
            yield batch, done / num_examples
