"""Which events of a log train, which validate and which test, and what is asked of a model then.

    events = split_last(events.read_log("ratings.csv"))
    events = split_time(log, time_at(log, 0.8), time_at(log, 0.9))
    events = split_given(*events.read_logs(["train.txt", "valid.txt", "test.txt"]))
    valid, test = held_out(events)

Each user's events lie together, those to train on first, then those to validate, then those to test.
Axes: N events, U users, C items (the classes), V users of whom something is held out.
"""
import collections

import numpy as np

from tf1_sampled import checks
from tf1_sampled.files import cache

TRAIN, VALID, TEST = 0, 1, 2


Events = collections.namedtuple(
    "Events", "items starts train_ends valid_ends times columns user_names item_names item_counts "
    "num_dropped_users")
Events.__doc__ = """The events of all users, one user after the other.

User u trains on items[starts[u]:train_ends[u]], validates on items[train_ends[u]:valid_ends[u]] and
tests on items[valid_ends[u]:starts[u + 1]], each in the order of time; each user has one event or more
to train on. Item ids fall in training frequency (id 0 is the most frequent), ties by first appearance
in the log, as a log-uniform sampler needs it; items that no training event has come last.

Fields:
  items: int32 [N], the item id of each event.
  starts: int64 [U + 1].
  train_ends, valid_ends: int64 [U].
  times: float64 [N], or None for a log without times.
  columns: {name: columns.Column}, of [N] each.
  user_names, item_names: lists of str, by id.
  item_counts: int64 [C], how many training events each item has.
  num_dropped_users: int, users who had enough events, but none to train on.
"""

Rows = collections.namedtuple("Rows", "items begin end")
Rows.__doc__ = """Rows of ids of any length: row r is items[begin[r]:end[r]].

Fields:
  items: int32.
  begin, end: int64, of one length.
"""

_Kept = collections.namedtuple("_Kept", "min_item_count min_user_count repeats")
_Kept.__doc__ = """Which events stay: the arguments of these names of the splits."""

HeldOut = collections.namedtuple("HeldOut", "users ends targets seen")
HeldOut.__doc__ = """What some users took next, to be ranked among the items that they have not had.

Fields:
  users: int64 [V].
  ends: int64 [V], where each one's history before that ends in `Events.items`.
  targets: `Rows`, V of them, what each took, different ids.
  seen: `Rows`, V of them, that history; its items are those of `Events`, not a copy.
"""


def digest(events):
    """A short string of all that `events` holds, which tells whether two are the same."""
    columns = [part for name in sorted(events.columns) for part in (
        name, events.columns[name].values, events.columns[name].kind.row_names)]
    parts = [events.items, events.starts, events.train_ends, events.valid_ends, events.times,
             events.user_names, events.item_names]
    return cache.digest(*parts, *columns)


def split_last(log, min_item_count=5, min_user_count=3, repeats=False):
    """Splits by place: each user's last event tests, the one before it validates.

    Users with fewer than three events only train. Events are put in the order of time, those of equal
    time (or all, without one) in that of the log. Of a (user, item) pair that is repeated the first
    event stays, so that it is fair to leave out of a ranking what the user has had. Then rare items
    go, then users left with too few events (once each: an item may end up below its minimum because
    users went).

    Args:
      log: `events.Log`.
      min_item_count: int, items with fewer events, of any part, are dropped.
      min_user_count: int, users with fewer events left are dropped; 3 leaves one to train on, one
        to validate and one to test.
      repeats: bool, whether repeated pairs stay.

    Returns:
      `Events`.

    Raises:
      InputError: fewer than two items left after the minimum counts.

    Reference: He et al. 2017, "Neural Collaborative Filtering", section 4.1 (leave-one-out).
    """
    function = "split_last"
    kept = _Kept(min_item_count, min_user_count, repeats)
    order = _kept_events(function, log, None, kept)
    counts = np.bincount(log.users[order], minlength=len(log.user_names))
    users = log.users[order]
    from_end = np.cumsum(counts)[users] - np.arange(len(order))  # 1 for the last
    part = np.where((from_end <= 2) & (counts[users] >= 3), 3 - from_end, TRAIN)
    return _made_events(function, log, order, part, kept)


def split_time(log, valid_from, test_from, min_item_count=5, min_user_count=1, repeats=False):
    """Splits by time, for all users at the same: what comes before `valid_from` trains.

    Repeated pairs and rare items are dropped as in `split_last`. Users without an event to train on go,
    with all their events: there is no history to ask from.

    Args:
      log: `events.Log` with times.
      valid_from: float, in the unit of the log: events from then on validate.
      test_from: float, not before `valid_from`: events from then on test.
      min_item_count: int, items with fewer events, of any part, are dropped.
      min_user_count: int, users with fewer events left, of any part, are dropped.
      repeats: bool, whether repeated pairs stay.

    Returns:
      `Events`.

    Raises:
      InputError: a log without times, a `test_from` before `valid_from`, fewer than two items left.
    """
    function = "split_time"
    _check_times(function, log)
    checks.argument(valid_from == valid_from, function, "valid_from", "a time", valid_from)
    checks.argument(test_from >= valid_from, function, "test_from",
                    "a time not before valid_from = %s" % valid_from, test_from)
    part = (log.times >= valid_from).astype(np.int8) + (log.times >= test_from)
    kept = _Kept(min_item_count, min_user_count, repeats)
    order = _kept_events(function, log, part, kept)
    return _made_events(function, log, order, part[order], kept)


def time_at(log, share):
    """The time before which a share of the events lie, or less where several have this time.

    Args:
      log: `events.Log` with times.
      share: float between 0 and 1.

    Returns:
      float.

    Raises:
      InputError: a log without times, a share that is not above 0 and below 1.
    """
    _check_times("time_at", log)
    checks.argument(0 < share < 1, "time_at", "share", "a number above 0 and below 1", share)
    # A hair more: 0.29 of 100 events are 29, though 0.29 * 100 < 29.
    place = min(int(share * len(log.times) + 1e-6), len(log.times) - 1)
    return float(np.partition(log.times, place)[place])


def times_at(log, cuts):
    """The times that texts stand for: times as they are, or shares of the events (see `time_at`).

    Args:
      log: `events.Log` with times.
      cuts: two strings, numbers; one between 0 and 1 is a share.

    Returns:
      (valid_from, test_from), floats.

    Raises:
      InputError: a log without times, other than two numbers.
    """
    try:
        first, second = (float(cut) for cut in cuts)
    except ValueError:
        checks.argument(False, "times_at", "cuts", "two numbers", cuts)
    return tuple(time_at(log, cut) if 0 < cut < 1 else cut for cut in (first, second))


def split_given(log, part, min_item_count=1, repeats=False):
    """Splits as told, as where train, validation and test are files of their own.

    Of a repeated pair the first event stays, in the order of parts, then of time. Users without an
    event to train on go, with all their events: there is no history to ask from.

    Args:
      log: `events.Log`.
      part: int [N], 0 for events to train on, 1 to validate, 2 to test.
      min_item_count: int, items with fewer events, of any part, are dropped.
      repeats: bool, whether repeated pairs stay.

    Returns:
      `Events`.

    Raises:
      InputError: parts that are not as above, fewer than two items left.
    """
    function = "split_given"
    part = np.asarray(part)
    checks.argument(part.shape == log.users.shape, function, "part", "shape %s" % (log.users.shape,),
                    part.shape)
    known = np.isin(part, (TRAIN, VALID, TEST))
    if not known.all():
        checks.argument(False, function, "part", "0 to train, 1 to validate, 2 to test",
                        part[~known][0].item())
    kept = _Kept(min_item_count, 1, repeats)
    order = _kept_events(function, log, part, kept)
    return _made_events(function, log, order, part[order], kept)


def _check_times(function, log):
    checks.argument(log.times is not None, function, "log", "events with times", None)


def _kept_events(function, log, part, kept):
    """Positions in the log of the events that stay, by user, part (if any), time and place in it."""
    checks.positive(function, "min_item_count", kept.min_item_count)
    checks.positive(function, "min_user_count", kept.min_user_count)
    keys = [key for key in (log.times, part, log.users) if key is not None]  # the last counts most
    order = np.lexsort(keys)
    if not kept.repeats:
        pairs = log.users[order].astype(np.int64) * len(log.item_names) + log.items[order]
        order = order[np.sort(np.unique(pairs, return_index=True)[1])]
    for ids, least in ((log.items, kept.min_item_count), (log.users, kept.min_user_count)):
        counts = np.bincount(ids[order])
        order = order[counts[ids[order]] >= least]
    return order


def _made_events(function, log, order, part, kept):
    """`Events` of the events at these positions in the log, each user's together, and their parts."""
    num_users = len(log.user_names)
    users = log.users[order]
    trains = np.bincount(users[part == TRAIN], minlength=num_users) > 0
    num_dropped = np.count_nonzero(np.bincount(users, minlength=num_users)[~trains])
    order, part = order[trains[users]], part[trains[users]]

    users, old_users = _renumbered(log.users[order], num_users)
    items, old_items = _renumbered(log.items[order], len(log.item_names))
    checks.argument(
        len(old_items) > 1, function, "log",
        "two items or more that have %d events or more each, of users who have %d such events or more "
        "and one to train on" % (kept.min_item_count, kept.min_user_count),
        "%d left of %d items and %d users" % (len(old_items), len(log.item_names), num_users))

    counts = np.bincount(items[part == TRAIN], minlength=len(old_items))
    by_count = np.argsort(-counts, kind="stable")  # stable: ties by first appearance
    new_ids = np.empty(len(by_count), np.int32)
    new_ids[by_count] = np.arange(len(by_count))

    train, valid, test = (np.bincount(users[part == p], minlength=len(old_users))
                          for p in (TRAIN, VALID, TEST))
    starts = np.concatenate([[0], np.cumsum(train + valid + test)]).astype(np.int64)
    train_ends = starts[:-1] + train
    columns = {name: column._replace(values=column.values[order])
               for name, column in log.columns.items()}
    return Events(
        items=new_ids[items], starts=starts, train_ends=train_ends, valid_ends=train_ends + valid,
        times=None if log.times is None else log.times[order], columns=columns,
        user_names=[log.user_names[u] for u in old_users],
        item_names=[log.item_names[i] for i in old_items[by_count]],
        item_counts=counts[by_count].astype(np.int64), num_dropped_users=int(num_dropped))


def _renumbered(ids, num_ids):
    """(ids renumbered over those that come, in their old order; the old numbers of these)."""
    comes = np.bincount(ids, minlength=num_ids) > 0
    return (np.cumsum(comes) - 1).astype(np.int32)[ids], np.flatnonzero(comes)


def row(rows, number):
    """The ids of one of `Rows`."""
    return rows.items[rows.begin[number]:rows.end[number]]


def held_out(events):
    """What is asked of a model after training: what each user took next, and what not to offer.

    For the test, the validation events count as had.

    Args:
      events: `Events`.

    Returns:
      (validation, test), each a `HeldOut`, or None where that part has no event.
    """
    return (_held_out(events, events.train_ends, events.valid_ends),
            _held_out(events, events.valid_ends, events.starts[1:]))


def _held_out(events, ends, stops):
    """`HeldOut` of the events from `ends` to `stops`, int64 [U]."""
    users = np.flatnonzero(ends < stops)
    if not len(users):
        return None
    ends = ends[users]
    lengths = stops[users] - ends
    items = events.items[ranges(ends, lengths)]
    rows = np.repeat(np.arange(len(users)), lengths)
    first = np.sort(np.unique(rows * len(events.item_names) + items, return_index=True)[1])
    stop = np.cumsum(np.bincount(rows[first]))
    targets = Rows(items[first], np.append(0, stop[:-1]), stop)
    return HeldOut(users, ends, targets, Rows(events.items, events.starts[users], ends))


def histories(events, users, ends, history_length=None):
    """What each user had before a position, as rows of an array that holds nothing else.

    Args:
      events: `Events`.
      users: int [B].
      ends: int [B], positions in `Events.items`: the history is what comes before, as
        `HeldOut.ends`.
      history_length: int, the last L events only; None or 0 for all of them.

    Returns:
      `Rows` of B rows, all int32.

    Raises:
      InputError: unknown users, ends outside the user's events, an empty history.
    """
    users = np.asarray(users, np.int64)
    known = (users >= 0) & (users < len(events.starts) - 1)
    checks.argument(known.all(), "histories", "users", "0 to %d" % (len(events.starts) - 2),
                    users[~known].tolist())
    check_history_length("histories", history_length)
    start, stop = events.starts[users], events.starts[users + 1]
    ends = np.asarray(ends, np.int64)
    checks.argument(ends.shape == users.shape, "histories", "ends", "shape %s" % (users.shape,),
                    ends.shape)
    outside = np.flatnonzero((ends <= start) | (ends > stop))
    if len(outside):
        row = int(outside[0])
        checks.argument(False, "histories", "ends[%d]" % row,
                        "%d to %d, within the user's events" % (start[row] + 1, stop[row]),
                        int(ends[row]))
    begin = np.maximum(start, ends - history_length) if history_length else start
    lengths = ends - begin
    stop = np.cumsum(lengths)
    return Rows(events.items[ranges(begin, lengths)], (stop - lengths).astype(np.int32),
                stop.astype(np.int32))


def check_history_length(function, history_length):
    """Raises InputError unless it is None or 0, for all events, or an integer above 0."""
    if history_length is not None and history_length != 0:
        checks.positive(function, "history_length", history_length)


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
