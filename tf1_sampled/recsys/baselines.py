"""Rank items by baselines: popularity, item-kNN, chance. Each is a ranker, see `evaluation`.

    evaluation.evaluate(popularity(events.item_counts), test, num_items, [10])
    found = neighbours(events, repeats=False)
    evaluation.evaluate(item_knn(events, found, 20), test, num_items, [10])

Axes: V users, b of them in a block; C items; N training events.
"""
import collections

import numpy as np

from tf1_sampled import checks
from tf1_sampled.recsys import evaluation, splits

NUMBERS = (5, 10, 20, 50, 100)  # of neighbours, to select from
_PAIRS_AT_A_TIME = 1 << 20

Neighbours = collections.namedtuple("Neighbours", "starts ids cosines")
Neighbours.__doc__ = """The nearest items of item c, nearest first: ids[starts[c]:starts[c + 1]].

Fields:
  starts: int64 [C + 1].
  ids: int32.
  cosines: float32, of the sets of users who have taken the two items.
"""


def popularity(item_counts):
    """Return the ranker that offers each user the most frequent items.

    All users share one order, so that ranking for a user takes time for the seen items, not for all.

    Args:
      item_counts: int [C], the number of training events of each item.
    """
    counts = np.asarray(item_counts)
    order = np.argsort(-counts, kind="stable")
    falling = -counts[order]

    def rank_users(part, k):
        for row in range(len(part.users)):
            targets = splits.row(part.targets, row)
            seen = [] if part.seen is None else splits.row(part.seen, row)
            hidden = np.setdiff1d(seen, targets).astype(np.int64)
            first = order[:k + len(hidden)]
            as_good = np.searchsorted(falling, -counts[targets], side="right")
            as_good -= np.searchsorted(np.sort(-counts[hidden]), -counts[targets], side="right")
            yield first[np.isin(first, hidden, invert=True)][np.newaxis, :k], as_good - 1
    return rank_users


def at_random(num_items, seed):
    """Return the ranker that draws random scores.

    Args:
      num_items: int, C.
      seed: int. A user's scores depend on the seed and the user only, not on the blocks.
    """
    return evaluation.score_ranker(lambda users: np.stack(
        [np.random.default_rng([seed, user]).random(num_items) for user in users]), num_items)


def num_pairs(events):
    """Return sum_u n_u^2 over users with n_u training events, the number of pairs for `neighbours`."""
    counts = (events.train_ends - events.starts[:-1]).astype(np.float64)
    return int(np.sum(counts * counts))


def neighbours(events, repeats=False):
    """Return the nearest items of each item, by the cosine of their sets of users in training.

        cos(i, j) = #{users of both} / sqrt(#{users of i} #{users of j})

    Args:
      events: `splits.Events`.
      repeats: bool, whether an item is a neighbour of itself.

    Returns:
      `Neighbours`, at most max(NUMBERS) for each item; ties by the smaller id.

    Reference: Sarwar et al. 2001, "Item-based collaborative filtering recommendation algorithms".
    """
    num_items = len(events.item_names)
    lengths = events.train_ends - events.starts[:-1]
    users = np.repeat(np.arange(len(lengths)), lengths)
    items = events.items[splits.ranges(events.starts[:-1], lengths)].astype(np.int64)
    pairs = np.unique(users * num_items + items)  # once each
    users, items = pairs // num_items, pairs % num_items
    begin = np.searchsorted(users, np.arange(len(lengths) + 1))
    of_item = np.argsort(items, kind="stable")
    counts = np.bincount(items, minlength=num_items)
    first = np.append(0, np.cumsum(counts))
    seen = np.append(0, np.cumsum(np.diff(begin)[users[of_item]]))[first]  # pairs before each item
    found, low = [], 0
    while low < num_items:
        high = max(low + 1, int(np.searchsorted(seen, seen[low] + _PAIRS_AT_A_TIME, side="right")) - 1)
        events_of = of_item[first[low]:first[high]]
        takers = users[events_of]
        sizes = begin[takers + 1] - begin[takers]
        keys = (np.repeat(items[events_of] - low, sizes) * num_items
                + items[splits.ranges(begin[takers], sizes)])
        found.append(_nearest(_counted(keys, (high - low) * num_items), (low, high), counts, repeats))
        low = high
    lengths, ids, cosines = (np.concatenate(parts) for parts in zip(*found))
    return Neighbours(np.append(0, np.cumsum(lengths)), ids, cosines)


def _counted(keys, num_keys):
    """Return (the distinct keys, rising; how often each occurs)."""
    if num_keys > 8 * len(keys):
        return np.unique(keys, return_counts=True)
    counts = np.bincount(keys, minlength=num_keys)
    different = np.flatnonzero(counts)
    return different, counts[different]


def _nearest(counted, block, counts, repeats):
    """Return (number of neighbours of each item of a block, their ids, their cosines).

    Args:
      counted: (keys (item - low) C + other, users of both), from `_counted`.
      block: (low, high), the items.
      counts: int [C], users of each item.
      repeats: bool, whether an item is a neighbour of itself.
    """
    keys, both = counted
    rows, others = keys // len(counts), keys % len(counts)
    if not repeats:
        apart = rows + block[0] != others
        rows, others, both = rows[apart], others[apart], both[apart]
    cosines = (both / np.sqrt(counts[rows + block[0]].astype(np.float64) * counts[others])).astype(
        np.float32)
    order = np.argsort(2.0 * rows - cosines, kind="stable")  # exact in float64
    rows, others, cosines = rows[order], others[order], cosines[order]
    stays = _places(rows) < max(NUMBERS)
    return (np.bincount(rows[stays], minlength=block[1] - block[0]), others[stays].astype(np.int32),
            cosines[stays])


def _places(rows):
    """Return the position of each entry in its row, from 0; `rows` must not fall."""
    counts = np.bincount(rows)
    return np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)


def item_knn(events, found, number):
    """Return the ranker that offers the neighbours of a user's earlier items.

    The score of an item is the sum of its cosines with the items of the history that have it as a
    neighbour. Items without a score are not offered, and targets without a score count as misses.

    Args:
      events: `splits.Events`, with the histories.
      found: `Neighbours`.
      number: int, neighbours of each item.

    Raises:
      InputError: a number that is not an integer from 1 to max(NUMBERS).
    """
    checks.positive("item_knn", "number", number)
    checks.argument(number <= max(NUMBERS), "item_knn", "number", "at most %d" % max(NUMBERS), number)
    sizes = np.minimum(np.diff(found.starts), number)
    work = np.append(0, np.cumsum(sizes[events.items]))

    def ranker(part, k):
        starts = events.starts[part.users]
        done = np.append(0, np.cumsum(work[part.ends] - work[starts] + k))
        low = 0
        while low < len(part.users):
            high = max(low + 1, int(np.searchsorted(done, done[low] + _PAIRS_AT_A_TIME, "right")) - 1)
            lengths = part.ends[low:high] - starts[low:high]
            had = events.items[splits.ranges(starts[low:high], lengths)]
            rows = np.repeat(np.repeat(np.arange(high - low), lengths), sizes[had])
            places = splits.ranges(found.starts[had], sizes[had])
            yield _ranked(rows, found.ids[places], found.cosines[places],
                          _block_of(part, low, high, len(events.item_names)), k)
            low = high
    return ranker


_Block = collections.namedtuple("_Block", "num_rows num_items targets hidden")
_Block.__doc__ = """Some users: their targets and their other seen items, as row C + item."""


def _block_of(part, low, high, num_items):
    def keys(rows):
        lengths = (rows.end - rows.begin)[low:high]
        ids = rows.items[splits.ranges(rows.begin[low:high], lengths)]
        return np.repeat(np.arange(high - low), lengths) * num_items + ids

    targets = keys(part.targets)
    hidden = np.setdiff1d(keys(part.seen), targets) if part.seen is not None else targets[:0]
    return _Block(high - low, num_items, targets, hidden)


def _ranked(rows, ids, scores, block, k):
    """Return (offered items [b, k], ranks of the targets), in the form that `evaluation` defines.

    Args:
      rows, ids, scores: [n], the contributions to the score of an item for a user.
      block: _Block.
      k: int.
    """
    offered = np.full([block.num_rows, k], -1, np.int64)
    ranks = np.full(len(block.targets), k)
    keys, place = np.unique(rows * block.num_items + ids, return_inverse=True)
    # Exact, so the order does not matter: float64 holds the sum of a history's float32 values.
    sums = np.bincount(place, scores, minlength=len(keys))
    stays = np.isin(keys, block.hidden, assume_unique=True, invert=True)
    keys, sums = keys[stays], sums[stays]
    if not len(keys):
        return offered, ranks
    rows = keys // block.num_items
    order = np.lexsort([-sums, rows])  # stable: ties by the smaller id
    places = _places(rows)
    first = places < k
    offered[rows[first], places[first]] = keys[order][first] % block.num_items
    # Ties count against a target: its rank is the last place of its score.
    ends = np.append((np.diff(rows) != 0) | (np.diff(sums[order]) != 0), True)
    last = np.empty(len(keys), np.int64)
    last[order] = places[np.flatnonzero(ends)[np.cumsum(ends) - ends]]
    at = np.minimum(np.searchsorted(keys, block.targets), len(keys) - 1)
    there = keys[at] == block.targets
    ranks[there] = np.minimum(last[at[there]], k)
    return offered, ranks
