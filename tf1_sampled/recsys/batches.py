"""Make training examples: an item to predict from others of the same user, whole users together.

    plan = Plan("past", history_length=50, examples_per_batch=1000)
    for batch in training_batches(events, plan, np.random.RandomState(1)):
        ...  # example p: batch.items[batch.begin[p]:batch.end[p]] -> batch.labels[p]

The context of an example selects its history:

    past    the events before the label: what comes next?
    others  all events except the label's own: what else? The examples of a user share one slice of
            events, so a model sums the slice once for all of them.

Axes: N events in a flat array, L history length, P examples.
"""
import collections
import itertools

import numpy as np

from tf1_sampled import checks
from tf1_sampled.recsys.splits import check_history_length, ranges

CONTEXTS = ("past", "others")


Plan = collections.namedtuple(
    "Plan", "context history_length examples_per_batch max_examples_per_user epochs seed",
    defaults=[None, 1, 0])
Plan.__doc__ = """The examples of a training, the size of their batches, and the number of epochs.

  context: "past" or "others".
  history_length: int, L; None or 0 for all events. 1 is invalid with "others": some label would have no
    history.
  examples_per_batch: int, the mean number of examples in a batch (except the last one); no batch has
    twice as many.
  max_examples_per_user: int, the largest number of labels of a user, drawn again in each epoch; None for
    all. Histories stay whole.
  epochs: int.
  seed: int, not negative; each epoch has its own order.
"""

Batch = collections.namedtuple("Batch", "items labels begin end own users positions")
Batch.__doc__ = """Examples of several users: items[begin[p]:end[p]] without own[p] -> labels[p].

Fields:
  items: int32 [N], events of the users in the batch, each user's in time order.
  labels: int32 [P], the items to predict.
  begin, end: int32 [P], 0 <= begin < end <= N.
  own: int32 [P], the position in `items` of the label's own event, or -1 if it is not in the slice.
  users: int32 [P].
  positions: int64 [P], the position in `Events.items` of the label's event.
"""

_Parts = collections.namedtuple("_Parts", "users begin end")
_Parts.__doc__ = """Labels of one user each, as many as fit into a batch.

Fields:
  users: int64 [n].
  begin, end: int64 [n], positions in label_events, or in all events if each may be a label.
"""


def num_examples(events, context, max_examples_per_user=None):
    """Return the number of examples in an epoch.

    Args:
      events: `splits.Events`.
      context, max_examples_per_user: see Plan.

    Returns:
      int.

    Raises:
      InputError: an unknown context, an invalid number.
    """
    return int(_label_counts("num_examples", events, context, max_examples_per_user)[1].sum())


def training_batches(events, plan, rng, first=0):
    """Yield one epoch of examples (an item and others of the same user), whole users together.

    With the context "past", each training event except a user's first is the label of one example; its
    history is the L events before it. With "others", each training event of a user with at least two is
    a label; its history is the user's last L training events without its own.

    Users come in random order. A user with more than `examples_per_batch` examples is cut into parts.
    The parts are shuffled like users; each has as much of the history as its examples need.

    Args:
      events: `splits.Events`.
      plan: Plan; its epochs and seed are not used.
      rng: np.random.RandomState or Generator; each call draws another order.
      first: int, how many batches to skip at the beginning; skipping takes no time.

    Returns:
      An iterator of `Batch`.

    Raises:
      InputError: an unknown context, invalid numbers, no user with two training events.
    """
    function = "training_batches"
    labels_from, counts = _label_counts(function, events, plan.context, plan.max_examples_per_user)
    check_history_length(function, plan.history_length)
    checks.argument(plan.context == "past" or plan.history_length != 1, function, "history_length",
                    'an integer above 1 for the context "others"', plan.history_length)
    checks.positive(function, "examples_per_batch", plan.examples_per_batch)
    checks.argument(counts.any(), function, "events", "a user with at least two training events",
                    "%d users" % len(counts))
    label_events = None
    if plan.max_examples_per_user is not None:
        label_events = _drawn(labels_from, events.train_ends, plan.max_examples_per_user, rng)
        labels_from = np.cumsum(counts) - counts

    num_parts = -(-counts // plan.examples_per_batch)
    users = np.repeat(np.arange(len(counts)), num_parts)
    part = ranges(np.zeros(len(counts), np.int64), num_parts)
    labels_from, counts, num_parts = labels_from[users], counts[users], num_parts[users]
    begin = labels_from + counts * part // num_parts
    end = labels_from + counts * (part + 1) // num_parts
    order = rng.permutation(len(users))
    return _batches(events, plan, label_events, _Parts(users[order], begin[order], end[order]), first)


def _label_counts(function, events, context, max_examples_per_user):
    """Return (position of each user's first label int64 [U], number of labels int64 [U])."""
    checks.one_of(function, "context", context, CONTEXTS)
    starts = events.starts[:-1]
    counts = events.train_ends - starts
    if context == "past":
        first, counts = starts + 1, np.maximum(counts - 1, 0)
    else:
        # A single event has no history: its user has no labels.
        first = np.where(counts > 1, starts, events.train_ends)
        counts = events.train_ends - first
    if max_examples_per_user is not None:
        checks.positive(function, "max_examples_per_user", max_examples_per_user)
        counts = np.minimum(counts, max_examples_per_user)
    return first, counts


def _drawn(first, stop, most, rng):
    """Return positions of labels, int64, by user: at most `most` random ones of first..stop-1."""
    counts = np.maximum(stop - first, 0)
    events = ranges(first, counts)
    many = np.repeat(counts > most, counts)
    # Users in the high bits, random numbers in the low bits: sorting shuffles within each user.
    drawn, counts = events[many], counts[counts > most]
    keys = np.repeat(np.arange(len(counts)) << 32, counts) + (rng.random(len(drawn)) * (1 << 32)).astype(
        np.int64)
    place = ranges(np.zeros(len(counts), np.int64), counts)
    stays = ~many
    stays[np.flatnonzero(many)[np.argsort(keys, kind="stable")[place < most]]] = True
    return events[stays]


def _batches(events, plan, label_events, parts, first):
    """Yield the batches of parts in the given order, from batch `first` on."""
    history_length = plan.history_length or len(events.items)
    counts = parts.end - parts.begin
    before = np.cumsum(counts) - counts
    # No part is larger than a batch, so each multiple of the batch size falls into another part.
    cuts = np.searchsorted(before, np.arange(0, before[-1] + 1, plan.examples_per_batch))
    slices = {"past": _past, "others": _others}[plan.context]
    for low, high in zip(cuts[first:], np.append(cuts, len(counts))[first + 1:]):
        users, count = parts.users[low:high], counts[low:high]
        positions = ranges(parts.begin[low:high], count)
        if label_events is not None:
            positions = label_events[positions]
        used, begin, end, own = slices(events, history_length, users, count, positions)
        yield Batch(items=events.items[used], labels=events.items[positions],
                    begin=begin.astype(np.int32), end=end.astype(np.int32), own=own.astype(np.int32),
                    users=np.repeat(users, count).astype(np.int32), positions=positions)


def _past(events, history_length, users, count, positions):
    """Return the slices of events before each label.

    Args:
      events: `splits.Events`.
      history_length: int.
      users: int [n], the user of each part.
      count: int [n], the number of labels in each part.
      positions: int64 [P], of the labels, rising within each part.

    Returns:
      (positions of the needed events int64 [N]; begin, end and own [P] as positions in these).
    """
    oldest = np.maximum(np.repeat(events.starts[users], count), positions - history_length)
    # The events that the previous label of the same part did not need yet.
    done = np.append(0, positions[:-1])
    done[np.cumsum(count) - count] = 0
    fresh = positions - np.maximum(oldest, done)
    end = np.cumsum(fresh)
    return (ranges(positions - fresh, fresh), end - (positions - oldest), end,
            np.full(len(positions), -1))


def _others(events, history_length, users, count, positions):
    """Return slices of all training events, one for all labels of a part; arguments as in `_past`."""
    stop = events.train_ends[users]
    oldest = np.maximum(events.starts[users], stop - history_length)
    length = stop - oldest
    end = np.cumsum(length)
    shift = np.repeat(end - stop, count)
    begin, end = np.repeat(end - length, count), np.repeat(end, count)
    own = positions + shift
    return ranges(oldest, length), begin, end, np.where(own >= begin, own, -1)


def epochs_of_batches(events, plan, position=None, begin=0.0, end=1.0):
    """Yield the batches of all epochs of a plan, from any position on.

    Args:
      events: `splits.Events`.
      plan: Plan.
      position: the position that came with the last used batch of an earlier iterator; None to start.
      begin, end: floats in [0, 1], the share of the work to do. Adjacent shares have each batch once.

    Returns:
      An iterator of (`Batch`, share of the work done after it: float in (0, 1], position after it).

    Raises:
      InputError: see `training_batches`; raised before the first batch.
    """
    checks.positive("epochs_of_batches", "epochs", plan.epochs)
    checks.positive("epochs_of_batches", "examples_per_batch", plan.examples_per_batch)
    total = num_examples(events, plan.context, plan.max_examples_per_user) * plan.epochs
    checks.argument(total > 0, "epochs_of_batches", "events", "a user with at least two training events",
                    "%d users" % len(events.train_ends))

    def place(share):
        """Return (epoch, number of the batch) of the first batch at or after a share of the work."""
        epoch, example = divmod(int(round(share * total)), total // plan.epochs)
        return epoch, -(-example // plan.examples_per_batch)

    first_epoch, first, done = position or (*place(begin), int(round(begin * total)))
    last_epoch, last = place(end)
    for epoch in range(first_epoch, min(last_epoch + 1, plan.epochs)):
        rng = np.random.RandomState([plan.seed, epoch])
        epoch_batches = training_batches(events, plan, rng, first)
        stop = last - first if epoch == last_epoch else None
        for number, batch in enumerate(itertools.islice(epoch_batches, stop), first + 1):
            done += len(batch.labels)
            yield batch, min(done / total, 1.0), (epoch, number, done)
        first = 0
