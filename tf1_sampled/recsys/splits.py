"""Split the events of a log into training, validation and test, and define the held-out questions.

    events = split_last(events.read_log("ratings.csv"))
    events = split_shares(log, 0.8, 0.9, at_random=True, rules=Rules(min_item_count=5))
    events = split_time(log, time_at(log, 0.8), time_at(log, 0.9))
    events = split_given(*events.read_logs(["train.txt", "valid.txt", "test.txt"]))
    valid, test = held_out(events)

Each user's events are together: first training, then validation, then test events. Axes: N events, U
users, C items (the classes), V users with held-out events.
"""
import collections

import numpy as np

from tf1_sampled import checks
from tf1_sampled.files import cache
from tf1_sampled.recsys import ordering

TRAIN, VALID, TEST = 0, 1, 2

# The keys of Events.left_out.
REPEATED = "repeated pairs"
RARE_ITEMS = "items below --min_count"
SHORT_USERS = "users too short"
UNTRAINED_USERS = "users with nothing to train on"
UNTRAINED_TEST_USERS = "test users with nothing to train on"

Events = collections.namedtuple(
    "Events", "items starts train_ends valid_ends times columns user_names item_names item_counts "
    "weights left_out further_users", defaults=[None, {}, ()])
Events.__doc__ = """The events of all users, one user after the other.

User u's training events are items[starts[u]:train_ends[u]], the validation events are
items[train_ends[u]:valid_ends[u]], and the test events are items[valid_ends[u]:starts[u + 1]]. Each part
is in the order of `ordering.by_user`; each user has at least one training event. Item ids are sorted by
falling training frequency (id 0 is the most frequent), ties by first appearance in the log, as
log-uniform samplers need it. Items without training events come last.

Fields:
  items: int32 [N], the item id of each event.
  starts: int64 [U + 1].
  train_ends, valid_ends: int64 [U].
  times: float64 [N], or None for a log without times.
  columns: {name: columns.Column}, of [N] each.
  user_names, item_names: lists of str, by id.
  item_counts: int64 [C], the number of training events of each item.
  weights: float32 [N], above 0, the weight of each event as an example; None if all are 1.
  left_out: {reason: int}, numbers of events, items or users, by the constants above.
  further_users: sequence of str, names with a row in the model but without events.
"""

Rules = collections.namedtuple("Rules", "min_item_count min_user_count repeats keep seed",
                               defaults=[1, 1, False, "first", 0])
Rules.__doc__ = """The rules for the events to keep, for all splits, applied in this order.

Fields:
  repeats: bool, whether repeated (user, item) pairs are kept. Else one event of each pair is kept, so
  that a ranking may fairly leave out a user's earlier items.
  keep: the event of a pair to keep, see `ordering.without_repeats`.
  min_item_count: int, items with fewer events, of any part, are dropped.
  min_user_count: int, users with fewer remaining events, of any part, are dropped. This is done once, so
    an item may fall below its minimum because users are dropped.
  seed: int, for the order of simultaneous events, and for a random split.
"""

Rows = collections.namedtuple("Rows", "items begin end")
Rows.__doc__ = """Rows of ids of any length: row r is items[begin[r]:end[r]].

Fields:
  items: int32.
  begin, end: int64, of one length.
"""

_RULES = Rules()

HeldOut = collections.namedtuple("HeldOut", "users ends targets seen")
HeldOut.__doc__ = """The held-out items of some users, to be ranked among their unseen items.

Fields:
  users: int64 [V].
  ends: int64 [V], positions in `Events.items` where the histories before the held-out events end.
  targets: `Rows`, V of them, the held-out items of each user, distinct ids.
  seen: `Rows`, V of them, the histories; its items are those of `Events`, not a copy.
"""


def digest(events):
    """Return a hash of everything in `events`."""
    columns = [part for name in sorted(events.columns) for part in (
        name, events.columns[name].values, events.columns[name].kind.row_names)]
    parts = [events.items, events.starts, events.train_ends, events.valid_ends, events.times,
             events.user_names, events.item_names, events.weights, list(events.further_users)]
    return cache.digest(*parts, *columns)


def split_last(log, rules=_RULES):
    """Split by position: each user's last event is for the test, the one before it for validation.

    Users with fewer than three events have only training events.

    Args:
      log: `events.Log`.
      rules: `Rules`.

    Returns:
      `Events`.

    Raises:
      InputError: fewer than two items left, invalid rules.

    Reference: He et al. 2017, "Neural Collaborative Filtering", section 4.1 (leave-one-out).
    """
    order, left_out = _kept_events("split_last", log, None, rules)
    place, count = _places(log, order)
    part = np.where((count - place <= 2) & (count >= 3), place - count + 3, TRAIN)
    return _made_events("split_last", log, (order, part), rules, left_out)


def split_shares(log, valid_from, test_from, at_random=False, rules=_RULES):
    """Split each user's events at the same shares of their number.

    Of a user's n events, the first max(1, floor(valid_from n)) are for training, those from
    floor(test_from n) on for the test, and those between for validation. A random split draws the events
    of each part from all of the user's events; each part keeps the order of time.

    Args:
      log: `events.Log`.
      valid_from, test_from: floats, 0 < valid_from <= test_from <= 1.
      at_random: bool.
      rules: `Rules`.

    Returns:
      `Events`.

    Raises:
      InputError: invalid shares, fewer than two items left, invalid rules.
    """
    function = "split_shares"
    checks.argument(0 < valid_from <= 1, function, "valid_from", "a share above 0, at most 1",
                    valid_from)
    checks.argument(valid_from <= test_from <= 1, function, "test_from",
                    "a share from valid_from = %s to 1" % valid_from, test_from)
    order, left_out = _kept_events(function, log, None, rules)
    place, count = _places(log, order)
    if at_random:
        drawn = np.random.RandomState(rules.seed).permutation(len(order))
        # The events at a user's positions in the drawn order get these positions.
        place[np.lexsort([drawn, log.users[order]])] = place.copy()
    train_end, valid_end = (np.maximum(1, _share_of(share, count)) for share in (valid_from, test_from))
    part = (place >= train_end).astype(np.int8) + (place >= valid_end)
    by_part = np.lexsort([part, log.users[order]])
    return _made_events(function, log, (order[by_part], part[by_part]), rules, left_out)


def split_time(log, valid_from, test_from, rules=_RULES):
    """Split by time, at the same times for all users: events before `valid_from` are for training.

    Users without training events are dropped, with all their events: they have no history.

    Args:
      log: `events.Log` with times.
      valid_from: float, in the unit of the log: events from this time on are for validation.
      test_from: float, not before `valid_from`: events from this time on are for the test.
      rules: `Rules`.

    Returns:
      `Events`.

    Raises:
      InputError: a log without times, a `test_from` before `valid_from`, fewer than two items left,
        invalid rules.
    """
    function = "split_time"
    _check_times(function, log)
    checks.argument(valid_from == valid_from, function, "valid_from", "a time", valid_from)
    checks.argument(test_from >= valid_from, function, "test_from",
                    "a time not before valid_from = %s" % valid_from, test_from)
    part = (log.times >= valid_from).astype(np.int8) + (log.times >= test_from)
    order, left_out = _kept_events(function, log, part, rules)
    return _made_events(function, log, (order, part[order]), rules, left_out)


def time_at(log, share):
    """Return the time before which a share of the events lies, or less if several have this time.

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
    place = min(int(_share_of(share, len(log.times))), len(log.times) - 1)
    return float(np.partition(log.times, place)[place])


def split_given(log, part, rules=_RULES):
    """Split as given, for example for separate files of training, validation and test events.

    Of a repeated pair, an event of the first part is kept. Users without training events are dropped,
    with all their events: they have no history.

    Args:
      log: `events.Log`.
      part: int [N], 0 for training, 1 for validation, 2 for test events.
      rules: `Rules`.

    Returns:
      `Events`.

    Raises:
      InputError: invalid parts, fewer than two items left, invalid rules.
    """
    function = "split_given"
    part = np.asarray(part)
    checks.argument(part.shape == log.users.shape, function, "part", "shape %s" % (log.users.shape,),
                    part.shape)
    known = np.isin(part, (TRAIN, VALID, TEST))
    if not known.all():
        checks.argument(False, function, "part", "0 to train, 1 to validate, 2 to test",
                        part[~known][0].item())
    order, left_out = _kept_events(function, log, part, rules)
    return _made_events(function, log, (order, part[order]), rules, left_out)


def _check_times(function, log):
    checks.argument(log.times is not None, function, "log", "events with times", None)


def _share_of(share, number):
    """Return floor(share number), rounded up by a little: 0.29 of 100 is 29, though 0.29 * 100 < 29."""
    return np.floor(share * number + 1e-6).astype(np.int64)


def _places(log, order):
    """Return (index of each event among its user's, number of its user's events): int64 [n] each."""
    counts = np.bincount(log.users[order], minlength=len(log.user_names))
    users = log.users[order]
    return np.arange(len(order)) - (np.cumsum(counts) - counts)[users], counts[users]


def _kept_events(function, log, part, rules):
    """Return (positions in the log of the kept events, in the order of `ordering.by_user`; left_out)."""
    checks.positive(function, "min_item_count", rules.min_item_count)
    checks.positive(function, "min_user_count", rules.min_user_count)
    order = ordering.by_user(log, rules.seed, part)
    left_out = {REPEATED: 0}
    if not rules.repeats:
        order = ordering.without_repeats(log, order, rules.keep, part)
        left_out[REPEATED] = len(log.users) - len(order)
    for reason, ids, least in ((RARE_ITEMS, log.items, rules.min_item_count),
                               (SHORT_USERS, log.users, rules.min_user_count)):
        counts = np.bincount(ids[order])
        left_out[reason] = int(np.count_nonzero((counts > 0) & (counts < least)))
        order = order[counts[ids[order]] >= least]
    return order, left_out


def _made_events(function, log, order_and_part, rules, left_out):
    """Return `Events`.

    Args:
      function: string, the caller, for errors.
      log: `events.Log`.
      order_and_part: (positions in the log, each user's together; the part of each), int [n].
      rules: `Rules`.
      left_out: {reason: int}, so far.
    """
    num_users = len(log.user_names)
    order, part = order_and_part
    users = log.users[order]
    trains = np.bincount(users[part == TRAIN], minlength=num_users) > 0
    left_out = dict(left_out)
    for reason, some in ((UNTRAINED_USERS, users), (UNTRAINED_TEST_USERS, users[part == TEST])):
        there = np.bincount(some, minlength=num_users) > 0
        left_out[reason] = int(np.count_nonzero(there & ~trains))
    order, part = order[trains[users]], part[trains[users]]

    users, old_users = _renumbered(log.users[order], num_users)
    items, old_items = _renumbered(log.items[order], len(log.item_names))
    checks.argument(
        len(old_items) > 1, function, "log",
        "at least two items with %d or more events each (--min_count), of users with %d or more such "
        "events and at least one for training" % (rules.min_item_count, rules.min_user_count),
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
        item_counts=counts[by_count].astype(np.int64),
        weights=None if log.weights is None else log.weights[order], left_out=left_out)


def with_items(events, names):
    """Return events whose catalogue has further items, without events, after the others.

    Args:
      events: `Events`.
      names: sequence of str; repeated names and items of the catalogue are ignored.

    Returns:
      `Events`.
    """
    further = list(collections.OrderedDict.fromkeys(names))
    there = set(events.item_names)
    further = [name for name in further if name not in there]
    return events._replace(
        item_names=events.item_names + further,
        item_counts=np.append(events.item_counts, np.zeros(len(further), np.int64)))


def with_users(events, names):
    """Return events whose model has rows for further users, without events.

    Args:
      events: `Events`.
      names: sequence of str; repeated names and users with events are ignored.

    Returns:
      `Events`.
    """
    further = list(collections.OrderedDict.fromkeys(list(events.further_users) + list(names)))
    there = set(events.user_names)
    return events._replace(further_users=[name for name in further if name not in there])


def _renumbered(ids, num_ids):
    """Return (ids renumbered over those that occur, in their old order; their old numbers)."""
    comes = np.bincount(ids, minlength=num_ids) > 0
    return (np.cumsum(comes) - 1).astype(np.int32)[ids], np.flatnonzero(comes)


def row(rows, number):
    """Return the ids of one of `Rows`."""
    return rows.items[rows.begin[number]:rows.end[number]]


def held_out(events):
    """Return the held-out items and the histories of users, for validation and for the test.

    For the test, validation events are part of the history.

    Args:
      events: `Events`.

    Returns:
      (validation, test), each a `HeldOut`, or None if that part has no event.
    """
    return (_held_out(events, events.train_ends, events.valid_ends),
            _held_out(events, events.valid_ends, events.starts[1:]))


def some_users(part, most):
    """Return at most `most` users of a part, evenly spread.

    Args:
      part: `HeldOut`.
      most: int, above 0.

    Returns:
      `HeldOut`.
    """
    if len(part.users) <= most:
        return part
    rows = np.arange(most) * len(part.users) // most
    targets, seen = (some and Rows(some.items, some.begin[rows], some.end[rows])
                     for some in (part.targets, part.seen))
    return HeldOut(part.users[rows], part.ends[rows], targets, seen)


def _held_out(events, ends, stops):
    """Return the `HeldOut` of the events from `ends` to `stops`, int64 [U]."""
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
    """Return the histories of users before given positions, in a new array.

    Args:
      events: `Events`.
      users: int [B].
      ends: int [B], positions in `Events.items` where the histories end, see `HeldOut.ends`.
      history_length: int, the number of latest events to use; None or 0 for all.

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
    """Raise InputError unless it is None or 0, for all events, or an integer above 0."""
    if history_length is not None and history_length != 0:
        checks.positive(function, "history_length", history_length)


def ranges(begin, lengths):
    """Return the integers begin[0], begin[0] + 1, ... (lengths[0] of them), then those of begin[1], ...

    Args:
      begin, lengths: int [n].

    Returns:
      int64 [sum of lengths].
    """
    lengths = np.asarray(lengths, np.int64)
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(np.asarray(begin, np.int64) - (ends - lengths), lengths) + np.arange(total)
