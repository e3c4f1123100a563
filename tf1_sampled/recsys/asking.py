"""Questions about many users at once: recommendations for all, scores on later events.

Axes: U users, K recommendations of each.
"""
import itertools
import numbers
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np

from tf1_sampled import checks
from tf1_sampled.files import writing
from tf1_sampled.recsys import evaluation, events, fitting, items, splits
from tf1_sampled.recsys.settings import RecsysSettings

_USERS_AT_A_TIME = 4096


class All(NamedTuple):
    """The recommendations for all users, best first.

    users: list of U strings.
    items: array [U, K] of strings; "" where the items run out.
    scores: float32 [U, K]; -inf there.
    """

    users: List[str]
    items: np.ndarray
    scores: np.ndarray


class Histories(NamedTuple):
    """What users have had, oldest first.

    users: list of U strings.
    items: list of U lists of item names.
    contexts: list of U {column: string or number}, of each one's last event; None without columns.
    """

    users: List[str]
    items: List[List[str]]
    contexts: Optional[List[Dict[str, Any]]]


def histories(settings: RecsysSettings, log: Any) -> Histories:
    """Return the histories of all users of a log, in the order of time.

    Args:
      settings: RecsysSettings, which says whether repeated events count.
      log: events.Log.
    """
    # Not by `splits`, which wants as many events as a training needs.
    times = np.zeros(len(log.users)) if log.times is None else log.times
    order = np.lexsort([times, log.users])  # stable
    last = order[np.cumsum(np.bincount(log.users, minlength=len(log.user_names))) - 1]
    if not settings.repeats:  # the first event of a pair stays
        pairs = log.users[order].astype(np.int64) * len(log.item_names) + log.items[order]
        order = order[np.sort(np.unique(pairs, return_index=True)[1])]
    ends = np.cumsum(np.bincount(log.users[order], minlength=len(log.user_names))).tolist()
    names = np.array(log.item_names, object)[log.items[order]].tolist()
    return Histories(log.user_names, [names[begin:end] for begin, end in zip([0] + ends, ends)],
                     _contexts(log.columns, last))


def _contexts(columns: Dict[str, Any], places: np.ndarray) -> Optional[List[Dict[str, Any]]]:
    """Return what the columns say of some events, as a model is asked; None without columns."""
    if not columns:
        return None
    return [{name: column.kind.asked(column.values[place]) for name, column in columns.items()}
            for place in places.tolist()]


def recommend_all(recommender: Any, had: Histories, k: int,
                  repeat: bool) -> Iterator[Tuple[str, List[Tuple[str, float]]]]:
    """Yield (user, [(item, score)]), best first, for all users, in blocks of bounded memory.

    Args:
      recommender: recommender.Recommender.
      had: Histories.
      k: integer above 0.
      repeat: boolean, whether a user's own items are offered too.
    """
    for low in range(0, len(had.users), _USERS_AT_A_TIME):
        rows = slice(low, low + _USERS_AT_A_TIME)
        best = recommender.recommend_many(
            had.items[rows], k=k, users=had.users[rows] if recommender.has_users else None,
            contexts=had.contexts and had.contexts[rows], repeat=repeat)
        yield from zip(had.users[rows], best)


def collected(best: Iterator[Tuple[str, List[Tuple[str, float]]]], k: int) -> All:
    """Return what `recommend_all` yields as arrays."""
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


def write(path: str, best: Iterator[Tuple[str, List[Tuple[str, float]]]]) -> None:
    """Write what `recommend_all` yields to a file, whole or not at all: user, item, score with tabs.

    Args:
      path: string; packed where it ends in .gz, .bz2 or .xz.
      best: iterator of (user, [(item, score)]); names are escaped as `items` does.

    Raises:
      InputError: a path where no file can be made.
    """
    with writing.writing(path) as stream:
        stream.write("user\titem\tscore\n")
        for user, row in best:
            stream.writelines("%s\t%s\t%.6g\n" % (items.escaped(user), items.escaped(item), score)
                              for item, score in row)


def cuts_of(settings: RecsysSettings, k: Any, num_items: int) -> List[int]:
    """Return the integers that `k` stands for.

    Args:
      settings: RecsysSettings.
      k: integer, or list, tuple or array of them; None for the setting.
      num_items: integer, the largest that they may be.

    Raises:
      InputError: none, or other values than integers from 1 to `num_items`.
    """
    values: Any = settings.k if k is None else k
    values = values.tolist() if hasattr(values, "tolist") else values
    values = list(values) if isinstance(values, (list, tuple)) else [values]
    settings.check(values, "k", "one integer or more", k)
    for value in values:
        is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        settings.check(is_integer and 0 < value <= num_items, "k",
                       "an integer from 1 to %d items" % num_items, value)
    return [int(value) for value in values]


def evaluate_fit(settings: RecsysSettings, fit: Any, k: Any) -> Dict[str, float]:
    """Return the scores of a fit on the test events that it kept apart.

    Args:
      settings: RecsysSettings.
      fit: fitting.Fit; None where there is none.
      k: as of `cuts_of`.

    Raises:
      InputError: no test events, a k as `cuts_of` refuses.
    """
    has_test = fit is not None and fit.data.test is not None
    settings.check(has_test, "test", "later events, where fit kept none to test with", None)
    cuts = cuts_of(settings, k, len(fit.data.events.item_names))
    with fit.session() as session:
        return fitting.judge(session, fit.graph, fit.data, fit.data.test,
                             history_length=settings.history_length, cuts=cuts).scores


def evaluate(recommender: Any, before: Any, after: Any, k: Any,
             settings: RecsysSettings) -> Dict[str, float]:
    """Return the scores of a recommender on what users took next.

    Args:
      recommender: recommender.Recommender.
      before: events.Log, what the users have had.
      after: events.Log, what they took then.
      k: as of `cuts_of`.
      settings: RecsysSettings, which says whether repeated events count.

    Returns:
      {score: float}, as evaluation.metrics.

    Raises:
      InputError: no user who is in both logs, a k as `cuts_of` refuses.
    """
    num_items = len(recommender.names)
    cuts = cuts_of(settings, k, num_items)
    log, part = events.merge_logs([before, after])
    found = splits.split_given(log, np.where(part == 0, splits.TRAIN, splits.TEST), 1,
                               repeats=settings.repeats)
    test = splits.held_out(found)[1]
    checks.argument(test, "evaluate", "test", "events of users with earlier ones", None)
    # Ids: those of the recommender, then those of items that it does not know.
    ids = {name: number for number, name in enumerate(recommender.names)}
    place = np.array([ids.setdefault(name, len(ids)) for name in found.item_names])
    targets = test.targets._replace(items=place[test.targets.items])
    ranked = evaluation.rank(_ranker(recommender, found, ids, repeat=settings.repeats),
                             test._replace(targets=targets), len(ids), max(cuts))
    # The coverage is that of the recommender's own items.
    return evaluation.metrics(ranked._replace(first_offered=ranked.first_offered[:num_items]), cuts)


def _ranker(recommender: Any, found: splits.Events, ids: Dict[str, int], repeat: bool) -> Any:
    """Return the ranker, as `evaluation` has them, of a recommender."""
    names = np.array(found.item_names, object)

    def ranker(part: splits.HeldOut, k: int) -> Iterator[Tuple[np.ndarray, np.ndarray]]:
        for low in range(0, len(part.users), _USERS_AT_A_TIME):
            rows = range(low, min(low + _USERS_AT_A_TIME, len(part.users)))
            users = part.users[rows.start:rows.stop]
            had = [names[found.items[found.starts[user]:part.ends[row]]].tolist()
                   for row, user in zip(rows, users)]
            best = recommender.recommend_many(
                had, k=k + 1, repeat=repeat,
                contexts=_contexts(found.columns, part.ends[rows.start:rows.stop]),
                users=[found.user_names[user] for user in users] if recommender.has_users else None)
            yield _ranks(best, [splits.row(part.targets, row) for row in rows], ids, k)

    return ranker


def _ranks(best: List[List[Tuple[str, float]]], targets: List[np.ndarray], ids: Dict[str, int],
           k: int) -> Tuple[np.ndarray, np.ndarray]:
    """Return (offered ids [b, k], ranks of the targets [p]): equal scores count against a target."""
    offered = np.full([len(best), k], -1, np.int64)
    ranks = []
    for number, (row, wanted) in enumerate(zip(best, targets)):
        own = {ids[name]: score for name, score in row}
        offered[number, :min(k, len(row))] = list(itertools.islice(own, k))
        for target in wanted.tolist():
            at_least = sum(score >= own[target] for score in own.values()) - 1 if target in own else k
            ranks.append(min(at_least, k))
    return offered, np.array(ranks, np.int64)
