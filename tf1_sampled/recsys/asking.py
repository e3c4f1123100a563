"""Recommend items to many users at once.

Axes: U users, K recommendations for each.
"""
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np

from tf1_sampled.recsys import judging, ordering
from tf1_sampled.recsys.settings import RecsysSettings

_USERS_AT_A_TIME = 4096


class All(NamedTuple):
    """The recommendations for all users, best first.

    users: list of U strings.
    items: array [U, K] of strings; "" after the last recommendation.
    scores: float32 [U, K]; -inf there.
    """

    users: List[str]
    items: np.ndarray
    scores: np.ndarray


class Histories(NamedTuple):
    """The earlier events of users, oldest first.

    users: list of U strings.
    items: list of U lists of item names.
    contexts: list of U {column: string or number}, of each user's last event; None without columns.
    """

    users: List[str]
    items: List[List[str]]
    contexts: Optional[List[Dict[str, Any]]]


def histories(settings: RecsysSettings, log: Any) -> Histories:
    """Return the histories of all users of a log, in the order of `ordering.by_user`.

    Args:
      settings: RecsysSettings; repeats and keep_event decide which repeated events count.
      log: events.Log.
    """
    # Not by `splits`: it needs enough events for training.
    order = ordering.by_user(log, settings.seed)
    last = order[np.cumsum(np.bincount(log.users, minlength=len(log.user_names))) - 1]
    if not settings.repeats:
        order = ordering.without_repeats(log, order, settings.keep_event)
    ends = np.cumsum(np.bincount(log.users[order], minlength=len(log.user_names))).tolist()
    names = np.array(log.item_names, object)[log.items[order]].tolist()
    return Histories(log.user_names, [names[begin:end] for begin, end in zip([0] + ends, ends)],
                     judging.contexts(log.columns, last))


def recommend_all(recommender: Any, had: Histories, k: int,
                  repeat: bool) -> Iterator[Tuple[str, List[Tuple[str, float]]]]:
    """Yield (user, [(item, score)]), best first, for all users, in blocks of bounded memory.

    Args:
      recommender: recommender.Recommender.
      had: Histories.
      k: integer above 0.
      repeat: boolean, whether the user's earlier items may be recommended.
    """
    for low in range(0, len(had.users), _USERS_AT_A_TIME):
        rows = slice(low, low + _USERS_AT_A_TIME)
        best = recommender.recommend_many(
            had.items[rows], k=k, users=had.users[rows] if recommender.has_users else None,
            contexts=had.contexts and had.contexts[rows], repeat=repeat)
        yield from zip(had.users[rows], best)


def collected(best: Iterator[Tuple[str, List[Tuple[str, float]]]], k: int) -> All:
    """Return the output of `recommend_all` as arrays."""
    users, rows = [], []
    for user, row in best:
        users.append(user)
        rows.append(row)
    names = np.full([len(users), k], "", object)
    scores = np.full([len(users), k], -np.inf, np.float32)
    for number, row in enumerate(rows):
        for place, (item, score) in enumerate(row):
            names[number, place], scores[number, place] = item, score
    return All(users, names, scores)
