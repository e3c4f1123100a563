"""Sort the events of each user, and select one event of each repeated pair.

    order = by_user(log, seed=1)                      # int64 [N], positions in the log
    order = without_repeats(log, order, "first")      # one event of each (user, item) pair

Axes: N events.
"""
import zlib

import numpy as np

from tf1_sampled import checks

KEEP = ("first", "last", "strongest")


def by_user(log, seed, part=None):
    """Sort events by user, part and time; events of the same time come in random order.

    The order of equal times depends only on the seed, the user's name and the item's name. So a file in
    another order, or a part of the events, gives the same order. Without times, the order of the log
    stays.

    Args:
      log: `events.Log`.
      seed: int, 0 or more.
      part: None, or int [N], which sorts before the time.

    Returns:
      int64 [N], positions in the log.
    """
    keys = [key for key in (log.times, part, log.users) if key is not None]  # lexsort: the last is first
    order = np.lexsort(keys)
    if log.times is None:
        return order
    same = np.ones(max(len(order) - 1, 0), bool)
    for key in keys:
        values = np.asarray(key)[order]
        same &= values[1:] == values[:-1]
    if same.any():
        tied = np.append(False, same) | np.append(same, False)
        run = np.cumsum(np.append(True, ~same))[tied]
        events = order[tied]
        order[tied] = events[np.lexsort([_random_keys(log, events, seed), run])]
    return order


def _random_keys(log, events, seed):
    """Return a hash of the seed and the names of each event's user and item: uint64 [n].

    Reference: Steele et al. 2014, "Fast Splittable Pseudorandom Number Generators", the mix of
    SplitMix64.
    """
    hashed = []
    for names, ids in ((log.user_names, log.users[events]), (log.item_names, log.items[events])):
        ids, places = np.unique(ids, return_inverse=True)
        hashed.append(np.array([zlib.crc32(names[i].encode("utf-8", "surrogatepass"))
                                for i in ids.tolist()], np.uint64)[places])
    keys = (hashed[0] << np.uint64(32)) | hashed[1]
    with np.errstate(over="ignore"):
        keys = keys + np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % (1 << 64))
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            keys = (keys ^ (keys >> np.uint64(shift))) * np.uint64(factor)
    return keys ^ (keys >> np.uint64(31))


def without_repeats(log, order, keep, part=None):
    """Keep one event of each (user, item) pair.

    Args:
      log: `events.Log`.
      order: int [n], positions in the log, from `by_user`.
      keep: "first", "last" or "strongest" (the largest weight, ties by the last): the event of a pair to
        keep, among those of the first part that has the pair.
      part: None, or int [N].

    Returns:
      int64, the kept entries of `order`, in their order.

    Raises:
      InputError: an unknown `keep`.
    """
    checks.one_of("without_repeats", "keep", keep, KEEP)
    pairs = log.users[order].astype(np.int64) * len(log.item_names) + log.items[order]
    if keep == "first":  # `order` has the first event of the first part first
        return order[np.sort(np.unique(pairs, return_index=True)[1])]
    keys = [-np.arange(len(order))]
    if keep == "strongest" and log.weights is not None:
        keys.append(-log.weights[order])
    if part is not None:
        keys.append(np.asarray(part)[order])
    best_first = np.lexsort(keys + [pairs])
    starts = np.unique(pairs[best_first], return_index=True)[1]
    return order[np.sort(best_first[starts])]
