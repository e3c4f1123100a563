"""Detect context columns that reveal the item: an item's own column, such as its genres.

    for leak in find(events, ["genres", "hour"]):
        print(leak.column, leak.share, leak.median_items)

A context column must be known before the event. A column that belongs to the chosen item reveals the
answer to the model: scores rise in the test, but at serving time its value is unknown. Such a column is
a function of the item, up to noise. The check measures how much of its entropy the item explains:

    share = (H'(value | item) - H(value | item)) / H'(value | item)

H is the entropy over training events, in nats. H' is its mean after permuting the values among the
events of each user. That removes what users, small samples and rare values explain by chance: the share
is 1 for an item's own column, and 0 for a column independent of the item. It is also 0 for a column that
is constant for each user, and for one whose values occur once each. Numbers are tested both as they are
and in bins of equal size. A column that becomes known with the choice but is not a function of the item,
such as a rating, is not found.

Axes: N events.
"""
import collections

import numpy as np

from tf1_sampled import checks
from tf1_sampled.recsys import splits

_LEAST_SHARE = 0.5  # an item's own column has 1; the hour, the device or the rating has at most 0.1
_MOST_EVENTS = 1 << 20  # of evenly spread users
_SHUFFLED_EVENTS = 200000  # fewer events get more permutations
_MOST_PERMUTATIONS = 50
_PARTS = 16  # bins of numbers

Leak = collections.namedtuple("Leak", "column share nats median_items")
Leak.__doc__ = """A column that is a function of the item.

Fields:
  column: string.
  share: float up to 1, the share of the column's entropy that the item explains beyond chance.
  nats: float, the entropy of the item that the column removes beyond chance.
  median_items: int, the number of items with which an event's value occurs, median over events.
"""


def find(events, names, seed=0):
    """Find the columns that are a function of the item.

    Args:
      events: splits.Events; only training events are used.
      names: names of columns of the events.
      seed: int, for the permutations.

    Returns:
      list of Leak, in the order of the names.
    """
    positions, users = _training_events(events)
    items = events.items[positions]
    measured = [_measured(name, users, items, events.columns[name].values[positions], seed)
                for name in names]
    return [leak for leak in measured if leak is not None]


def check(settings, events, report):
    """Refuse context columns that reveal the item, or report them if `allow_leaks` is set.

    Args:
      settings: settings.RecsysSettings.
      events: splits.Events with the columns.
      report: function of a line of text.

    Returns:
      list of Leak, the allowed leaks.

    Raises:
      InputError: a leak without `allow_leaks`.
    """
    columns_of = settings.event_columns()
    found = find(events, [name for names in columns_of.values() for name in names], settings.seed)
    for leak in found:
        setting = next(kind for kind, names in columns_of.items() if leak.column in names)
        got = "%s, of which the item explains %.0f%% (median: a value occurs with %d of %d items)" % (
            checks.show(leak.column), 100 * leak.share, leak.median_items, len(events.item_names))
        others = tuple(map(settings.label, ("items", "item_" + setting, "allow_leaks")))
        checks.file(settings.allow_leaks, settings.label(setting),
                    "columns that are known before the event (item features belong to %s and %s; %s "
                    "allows this column)" % others, got)
        report("Warning: %s: %s: the scores are valid only if it is known before the event" % (
            settings.label(setting), got))
    return found


def _training_events(events):
    """Return (positions of training events, int64 [N]; their users), of all users or some."""
    lengths = events.train_ends - events.starts[:-1]
    every = -(-int(lengths.sum()) // _MOST_EVENTS)
    users = np.arange(0, len(lengths), every)
    return (splits.ranges(events.starts[users], lengths[users]),
            np.repeat(np.arange(len(users)), lengths[users]))


def _measured(name, users, items, values, seed):
    """Return the Leak of a column, or None; [N] each, `users` rising."""
    found = []
    if values.dtype.kind == "f":
        missing = np.isnan(values)  # one more value, below all numbers
        values = np.where(missing, np.nextafter(np.append(values[~missing], 0).min(), -np.inf), values)
    ids = np.unique(values, return_inverse=True)[1].reshape(-1)
    for parts in [ids] + ([_parts(values)] if values.dtype.kind == "f" else []):
        before = _entropy(items, parts)  # of the pair
        shuffled = _permuted_entropies(users, items, parts, np.random.RandomState(seed))
        nats = shuffled.mean() - before
        share = nats / max(shuffled.mean() - _entropy(items), 1e-9)
        # With few events, a share may be large by chance.
        if share >= _LEAST_SHARE and before < shuffled.min() and nats > 3 * shuffled.std():
            found.append(Leak(name, float(share), float(nats), _median_items(items, parts)))
    return max(found, key=lambda leak: leak.share, default=None)


def _permuted_entropies(users, items, values, random):
    """Return the joint entropies of items and values, for permutations within each user."""
    number = min(_MOST_PERMUTATIONS, max(3, _SHUFFLED_EVENTS // len(users)))
    return np.array([_entropy(items, values[np.lexsort([random.random_sample(len(users)), users])])
                     for _ in range(number)])


def _entropy(items, values=None):
    """Return the entropy in nats of items, or of pairs of items and values; int [N] each, 0 or more."""
    keys = np.asarray(items, np.int64)
    if values is not None:
        keys = keys * (int(values.max()) + 1) + values
    counts = np.unique(keys, return_counts=True)[1]
    return float(np.log(len(keys)) - (counts * np.log(counts)).sum() / len(keys))


def _parts(values):
    """Return the bin of each number, by size, equal numbers together: int [N]."""
    edges = np.quantile(values, np.arange(1, _PARTS) / _PARTS)
    return np.searchsorted(edges, values, side="right")


def _median_items(items, values):
    """Return the median over events of the number of items that occur with their value."""
    pairs = np.unique(np.stack([values, items]), axis=1)
    return int(np.median(np.bincount(pairs[0])[values]))
