"""Whether a context column gives the item away: an item's own column, as its genres, is not a context.

    for leak in find(events, ["genres", "hour"]):
        print(leak.column, leak.share, leak.median_items)

A context column must be known before the event. One that only the chosen item has tells the model the
answer: scores rise in the test and there is nothing to fill it with when the model is asked. Such a
column is a function of the item, up to noise, and the test is how much of its entropy the item explains:

    share = (H'(value | item) - H(value | item)) / H'(value | item)

H is the entropy over training events, in nats. H' is its mean where the values are permuted among the
events of each user, which keeps what users, small samples and rare values explain by chance: 1 for an
item's own column, 0 for what says nothing more of the item. A column that is the same in all events of a
user, and one whose values come once each, has 0. Numbers count as they are and in equal parts by size.
A column that becomes known with the choice but is not a function of the item, as a rating, is not found.

Axes: N events.
"""
import collections

import numpy as np

from tf1_sampled import checks
from tf1_sampled.recsys import splits

_LEAST_SHARE = 0.5  # an item's own column has 1, the hour, the device or the rating at most 0.1
_MOST_EVENTS = 1 << 20  # of users that are spread evenly
_SHUFFLED_EVENTS = 200000  # the fewer events, the more permutations
_MOST_PERMUTATIONS = 50
_PARTS = 16  # of numbers

Leak = collections.namedtuple("Leak", "column share nats median_items")
Leak.__doc__ = """A column that is a function of the item.

Fields:
  column: string.
  share: float up to 1, the share of the column's entropy that the item explains beyond chance.
  nats: float, the entropy of the item that the column takes off beyond chance.
  median_items: int, with how many items the value of an event occurs, the median over events.
"""


def find(events, names, seed=0):
    """Find the columns that are a function of the item.

    Args:
      events: splits.Events, of which those that train count.
      names: names of columns of the events.
      seed: int, of the permutations.

    Returns:
      list of Leak, in the order of the names.
    """
    positions, users = _training_events(events)
    items = events.items[positions]
    measured = [_measured(name, users, items, events.columns[name].values[positions], seed)
                for name in names]
    return [leak for leak in measured if leak is not None]


def check(settings, events, report):
    """Refuse context columns that give the item away, or report them where `allow_leaks` is set.

    Args:
      settings: settings.RecsysSettings.
      events: splits.Events with the columns.
      report: function of a line of text.

    Returns:
      list of Leak, of what was allowed.

    Raises:
      InputError: a leak without `allow_leaks`.
    """
    columns_of = settings.event_columns()
    found = find(events, [name for names in columns_of.values() for name in names], settings.seed)
    for leak in found:
        setting = next(kind for kind, names in columns_of.items() if leak.column in names)
        got = "%s, %.0f%% of which follows from the item (median: a value comes with %d of %d items)" % (
            checks.show(leak.column), 100 * leak.share, leak.median_items, len(events.item_names))
        others = tuple(map(settings.label, ("items", "item_" + setting, "allow_leaks")))
        checks.file(settings.allow_leaks, settings.label(setting),
                    "columns that are known before the event (an item's own belong to %s and %s; %s "
                    "goes on)" % others, got)
        report("Warning: %s: %s: the scores hold only where it is known before the event" % (
            settings.label(setting), got))
    return found


def _training_events(events):
    """(positions of training events, int64 [N]; the user of each), of all users or some."""
    lengths = events.train_ends - events.starts[:-1]
    every = -(-int(lengths.sum()) // _MOST_EVENTS)
    users = np.arange(0, len(lengths), every)
    return (splits.ranges(events.starts[users], lengths[users]),
            np.repeat(np.arange(len(users)), lengths[users]))


def _measured(name, users, items, values, seed):
    """The Leak of a column, or None; [N] each, `users` rising."""
    found = []
    if values.dtype.kind == "f":
        missing = np.isnan(values)  # a value like the others, below them
        values = np.where(missing, np.nextafter(np.append(values[~missing], 0).min(), -np.inf), values)
    ids = np.unique(values, return_inverse=True)[1].reshape(-1)
    for parts in [ids] + ([_parts(values)] if values.dtype.kind == "f" else []):
        before = _entropy(items, parts)  # of the pair
        shuffled = _permuted_entropies(users, items, parts, np.random.RandomState(seed))
        nats = shuffled.mean() - before
        share = nats / max(shuffled.mean() - _entropy(items), 1e-9)
        # In few events a share may be large by chance.
        if share >= _LEAST_SHARE and before < shuffled.min() and nats > 3 * shuffled.std():
            found.append(Leak(name, float(share), float(nats), _median_items(items, parts)))
    return max(found, key=lambda leak: leak.share, default=None)


def _permuted_entropies(users, items, values, random):
    """The joint entropies of items and values that are permuted within each user."""
    number = min(_MOST_PERMUTATIONS, max(3, _SHUFFLED_EVENTS // len(users)))
    return np.array([_entropy(items, values[np.lexsort([random.random_sample(len(users)), users])])
                     for _ in range(number)])


def _entropy(items, values=None):
    """The entropy in nats of items, or of pairs of items and values; int [N] each, 0 or more."""
    keys = np.asarray(items, np.int64)
    if values is not None:
        keys = keys * (int(values.max()) + 1) + values
    counts = np.unique(keys, return_counts=True)[1]
    return float(np.log(len(keys)) - (counts * np.log(counts)).sum() / len(keys))


def _parts(values):
    """The part of each number, by size, equal numbers together: int [N]."""
    edges = np.quantile(values, np.arange(1, _PARTS) / _PARTS)
    return np.searchsorted(edges, values, side="right")


def _median_items(items, values):
    """The median over events of the number of items that their value occurs with."""
    pairs = np.unique(np.stack([values, items]), axis=1)
    return int(np.median(np.bincount(pairs[0])[values]))
