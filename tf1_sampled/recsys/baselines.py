"""Baselines beside a model: popularity, item-kNN, chance. Each is a ranker, as `evaluation` has them.

    evaluation.evaluate(popularity(events.item_counts), test, num_items, [10])
    found = neighbours(events, repeats=False)
    evaluation.evaluate(item_knn(events, found, 20), test, num_items, [10])

Axes: V users, b of them in a block; C items; N training events.
"""
import collections

import numpy as np

from tf1_sampled import checks
from tf1_sampled.recsys import evaluation, splits

NUMBERS = (5, 10, 20, 50, 100)  # of neighbours, to choose from
_PAIRS_AT_A_TIME = 1 << 20

Neighbours = collections.namedtuple("Neighbours", "starts ids cosines")
Neighbours.__doc__ = """The nearest items of item c, nearest first: ids[starts[c]:starts[c + 1]].

Fields:
  starts: int64 [C + 1].
  ids: int32.
  cosines: float32, of the sets of users who have taken the two items.
"""


def popularity(item_counts):
    """Return the ranker that offers everyone the items with the most events.

    All users have one order, so that a user takes the time of what was seen, not of all items.

    Args:
      item_counts: int [C], how often each item comes in training.
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
    """Return the ranker that draws scores at random.

    Args:
      num_items: int, C.
      seed: int; a user's scores depend on it and on the user alone, not on the blocks.
    """
    return evaluation.score_ranker(lambda users: np.stack(
        [np.random.default_rng([seed, user]).random(num_items) for user in users]), num_items)


def num_pairs(events):
    """Return sum_u n_u^2 of users with n_u training events: what `neighbours` has to look at."""
    counts = (events.train_ends - events.starts[:-1]).astype(np.float64)
    return int(np.sum(counts * counts))


def neighbours(events, repeats=False):
    """Return the nearest items of each item, by the cosine of who has taken them in training.

        cos(i, j) = #{users of both} / sqrt(#{users of i} #{users of j})

    Args:
      events: `splits.Events`.
      repeats: bool, whether an item is a neighbour of itself.

    Returns:
      `Neighbours`, at most the largest of NUMBERS for each item; of equal cosines the smaller id.

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
    """(the different keys in rising order, how often each comes)."""
    if num_keys > 8 * len(keys):
        return np.unique(keys, return_counts=True)
    counts = np.bincount(keys, minlength=num_keys)
    different = np.flatnonzero(counts)
    return different, counts[different]


def _nearest(counted, block, counts, repeats):
    """(number of neighbours of each item of a block, their ids, their cosines).

    Args:
      counted: (keys (item - low) C + other, users of both), as `_counted`.
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
    """The place of each entry among those of its row, from 0; rows do not fall."""
    counts = np.bincount(rows)
    return np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)


def item_knn(events, found, number):
    """Return the ranker that offers the neighbours of what a user has had.

    The score of an item is the sum of the cosines over the items of the history whose neighbour it is.
    An item without a score is not offered, and a target without one is not found.

    Args:
      events: `splits.Events`, with the histories.
      found: `Neighbours`.
      number: int, neighbours of each item.

    Raises:
      InputError: a number that is not an integer from 1 to the largest of NUMBERS.
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
_Block.__doc__ = """Some users: their targets, and what they have seen but for these, as row C + item."""


def _block_of(part, low, high, num_items):
    def keys(rows):
        lengths = (rows.end - rows.begin)[low:high]
        ids = rows.items[splits.ranges(rows.begin[low:high], lengths)]
        return np.repeat(np.arange(high - low), lengths) * num_items + ids

    targets = keys(part.targets)
    hidden = np.setdiff1d(keys(part.seen), targets) if part.seen is not None else targets[:0]
    return _Block(high - low, num_items, targets, hidden)


def _ranked(rows, ids, scores, block, k):
    """(offered items [b, k], ranks of the targets), as `evaluation` wants them of a ranker.

    Args:
      rows, ids, scores: [n] of what adds to the score of an item for a user.
      block: _Block.
      k: int.
    """
    offered = np.full([block.num_rows, k], -1, np.int64)
    ranks = np.full(len(block.targets), k)
    keys, place = np.unique(rows * block.num_items + ids, return_inverse=True)
    # Exact, so in any order the same: float64 has room for the sum of a history's float32.
    sums = np.bincount(place, scores, minlength=len(keys))
    stays = np.isin(keys, block.hidden, assume_unique=True, invert=True)
    keys, sums = keys[stays], sums[stays]
    if not len(keys):
        return offered, ranks
    rows = keys // block.num_items
    order = np.lexsort([-sums, rows])  # stable: of equal scores the smaller id first
    places = _places(rows)
    first = places < k
    offered[rows[first], places[first]] = keys[order][first] % block.num_items
    # Equal scores count against a target: its rank is the last place of its score.
    ends = np.append((np.diff(rows) != 0) | (np.diff(sums[order]) != 0), True)
    last = np.empty(len(keys), np.int64)
    last[order] = places[np.flatnonzero(ends)[np.cumsum(ends) - ends]]
    at = np.minimum(np.searchsorted(keys, block.targets), len(keys) - 1)
    there = keys[at] == block.targets
    ranks[there] = np.minimum(last[at[there]], k)
    return offered, ranks
