"""Which events of a log train, which validate and which test, and what is asked of a model then.

    events = split_last(events.read_log("ratings.csv"))
    events = split_shares(log, 0.8, 0.9, at_random=True, rules=Rules(min_item_count=5))
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

User u trains on items[starts[u]:train_ends[u]], validates on items[train_ends[u]:valid_ends[u]] and
tests on items[valid_ends[u]:starts[u + 1]], each in the order of `ordering.by_user`; each user has one
event or more to train on. Item ids fall in training frequency (id 0 is the most frequent), ties by first
appearance in the log, as a log-uniform sampler needs it; items that no training event has come last.

Fields:
  items: int32 [N], the item id of each event.
  starts: int64 [U + 1].
  train_ends, valid_ends: int64 [U].
  times: float64 [N], or None for a log without times.
  columns: {name: columns.Column}, of [N] each.
  user_names, item_names: lists of str, by id.
  item_counts: int64 [C], how many training events each item has.
  weights: float32 [N], above 0, the weight of each event as an example; None for 1 everywhere.
  left_out: {reason: int}, numbers of events, items or users, by the constants above.
  further_users: sequence of str, names that have a row in the model, but no event.
"""

Rules = collections.namedtuple("Rules", "min_item_count min_user_count repeats keep seed",
                               defaults=[1, 1, False, "first", 0])
Rules.__doc__ = """Which events stay, the same for all splits, in this order.

Fields:
  repeats: bool, whether repeated (user, item) pairs stay. Else one event of each stays, so that it is
    fair to leave out of a ranking what the user has had.
  keep: which one, as of `ordering.without_repeats`.
  min_item_count: int, items with fewer events, of any part, are dropped.
  min_user_count: int, users with fewer events left, of any part, are dropped (once: an item may end up
    below its minimum because users went).
  seed: int, of the order of events of one time, and of a split at random.
"""

Rows = collections.namedtuple("Rows", "items begin end")
Rows.__doc__ = """Rows of ids of any length: row r is items[begin[r]:end[r]].

Fields:
  items: int32.
  begin, end: int64, of one length.
"""

_RULES = Rules()

HeldOut = collections.namedtuple("HeldOut", "users ends targets seen")
HeldOut.__doc__ = """What some users took next, to be ranked among the items that they have not had.

Fields:
  users: int64 [V].
  ends: int64 [V], where each one's history before that ends in `Events.items`.
  targets: `Rows`, V of them, what each took, different ids.
  seen: `Rows`, V of them, that history; its items are those of `Events`, not a copy.
"""


def digest(events):
    """Return a short string of all that `events` holds: two that differ have different ones."""
    columns = [part for name in sorted(events.columns) for part in (
        name, events.columns[name].values, events.columns[name].kind.row_names)]
    parts = [events.items, events.starts, events.train_ends, events.valid_ends, events.times,
             events.user_names, events.item_names, events.weights, list(events.further_users)]
    return cache.digest(*parts, *columns)


def split_last(log, rules=_RULES):
    """Split by place: each user's last event tests, the one before it validates.

    Users with fewer than three events only train.

    Args:
      log: `events.Log`.
      rules: `Rules`.

    Returns:
      `Events`.

    Raises:
      InputError: fewer than two items left, rules that are not as there.

    Reference: He et al. 2017, "Neural Collaborative Filtering", section 4.1 (leave-one-out).
    """
    order, left_out = _kept_events("split_last", log, None, rules)
    place, count = _places(log, order)
    part = np.where((count - place <= 2) & (count >= 3), place - count + 3, TRAIN)
    return _made_events("split_last", log, (order, part), rules, left_out)


def split_shares(log, valid_from, test_from, at_random=False, rules=_RULES):
    """Split each user's events at the same shares of their number.

    Of a user's n events the first max(1, floor(valid_from n)) train, those from floor(test_from n) on
    test, and those between validate. At random, the events of each part are drawn from all of the
    user's; each part keeps the order of time.

    Args:
      log: `events.Log`.
      valid_from, test_from: floats, 0 < valid_from <= test_from <= 1.
      at_random: bool.
      rules: `Rules`.

    Returns:
      `Events`.

    Raises:
      InputError: shares that are not as above, fewer than two items left, rules that are not as there.
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
        # What stands at a user's places in the drawn order gets these places.
        place[np.lexsort([drawn, log.users[order]])] = place.copy()
    train_end, valid_end = (np.maximum(1, _share_of(share, count)) for share in (valid_from, test_from))
    part = (place >= train_end).astype(np.int8) + (place >= valid_end)
    by_part = np.lexsort([part, log.users[order]])
    return _made_events(function, log, (order[by_part], part[by_part]), rules, left_out)


def split_time(log, valid_from, test_from, rules=_RULES):
    """Split by time, for all users at the same: what comes before `valid_from` trains.

    Users without an event to train on go, with all their events: there is no history to ask from.

    Args:
      log: `events.Log` with times.
      valid_from: float, in the unit of the log: events from then on validate.
      test_from: float, not before `valid_from`: events from then on test.
      rules: `Rules`.

    Returns:
      `Events`.

    Raises:
      InputError: a log without times, a `test_from` before `valid_from`, fewer than two items left,
        rules that are not as there.
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
    """Return the time before which a share of the events lie, or less where several have this time.

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
    """Split as given, as where train, validation and test are files of their own.

    Of a repeated pair an event of the first part stays. Users without an event to train on go, with
    all their events: there is no history to ask from.

    Args:
      log: `events.Log`.
      part: int [N], 0 for events to train on, 1 to validate, 2 to test.
      rules: `Rules`.

    Returns:
      `Events`.

    Raises:
      InputError: parts that are not as above, fewer than two items left, rules that are not as there.
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
    """floor(share number), a hair more: 0.29 of 100 are 29, though 0.29 * 100 < 29."""
    return np.floor(share * number + 1e-6).astype(np.int64)


def _places(log, order):
    """(the place of each event among its user's, from 0; how many the user has), int64 [n] each."""
    counts = np.bincount(log.users[order], minlength=len(log.user_names))
    users = log.users[order]
    return np.arange(len(order)) - (np.cumsum(counts) - counts)[users], counts[users]


def _kept_events(function, log, part, rules):
    """(positions in the log of the events that stay, as `ordering.by_user`; what is left out)."""
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
      function: string, who asks; for errors.
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
        "two items or more that have %d events or more each (--min_count), of users who have %d such "
        "events or more and one to train on" % (rules.min_item_count, rules.min_user_count),
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
    """Return events whose catalogue has further items, without an event, behind the others.

    Args:
      events: `Events`.
      names: sequence of str; those that the catalogue has already, or that come again, are passed over.

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
    """Return events whose model has rows for further users, without an event.

    Args:
      events: `Events`.
      names: sequence of str; those that have events, or that come again, are passed over.

    Returns:
      `Events`.
    """
    further = list(collections.OrderedDict.fromkeys(list(events.further_users) + list(names)))
    there = set(events.user_names)
    return events._replace(further_users=[name for name in further if name not in there])


def _renumbered(ids, num_ids):
    """(ids renumbered over those that come, in their old order; the old numbers of these)."""
    comes = np.bincount(ids, minlength=num_ids) > 0
    return (np.cumsum(comes) - 1).astype(np.int32)[ids], np.flatnonzero(comes)


def row(rows, number):
    """The ids of one of `Rows`."""
    return rows.items[rows.begin[number]:rows.end[number]]


def held_out(events):
    """Return what is asked of a model after training: what each user took next, and what not to offer.

    For the test, the validation events count as had.

    Args:
      events: `Events`.

    Returns:
      (validation, test), each a `HeldOut`, or None where that part has no event.
    """
    return (_held_out(events, events.train_ends, events.valid_ends),
            _held_out(events, events.valid_ends, events.starts[1:]))


def some_users(part, most):
    """Return the part of at most `most` users, evenly spread.

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
    """Return what each user had before a position, as rows of an array that holds nothing else.

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
