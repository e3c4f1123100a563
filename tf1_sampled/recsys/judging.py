"""Score a trained or exported model on later events.

    evaluate(recommender, before, after, 10, settings)       # {"Recall@10": ..., "NDCG@10": ...}
"""
import itertools
import numbers
from typing import Any, Dict, Iterator, List, Optional, Tuple

import numpy as np

from tf1_sampled import checks
from tf1_sampled.recsys import evaluation, events, fitting, splits
from tf1_sampled.recsys.settings import RecsysSettings

_USERS_AT_A_TIME = 4096


def contexts(columns: Dict[str, Any], places: np.ndarray) -> Optional[List[Dict[str, Any]]]:
    """Return the column values of some events, as a query takes them; None without columns."""
    if not columns:
        return None
    return [{name: column.kind.asked(column.values[place]) for name, column in columns.items()}
            for place in places.tolist()]


def cuts_of(settings: RecsysSettings, k: Any, num_items: int) -> List[int]:
    """Return the cut-offs in `k` as a list of integers.

    Args:
      settings: RecsysSettings.
      k: integer, or list, tuple or array of them; None for the setting.
      num_items: integer, the largest valid cut-off.

    Raises:
      InputError: no value, or one that is not an integer from 1 to `num_items`.
    """
    values: Any = settings.k if k is None else k
    values = values.tolist() if hasattr(values, "tolist") else values
    values = list(values) if isinstance(values, (list, tuple)) else [values]
    settings.check(values, "k", "at least one integer", k)
    for value in values:
        is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        settings.check(is_integer and 0 < value <= num_items, "k",
                       "an integer from 1 to %d items" % num_items, value)
    return [int(value) for value in values]


def evaluate_fit(settings: RecsysSettings, fit: Any, k: Any) -> Dict[str, float]:
    """Return the scores of a fit on its own test events.

    Args:
      settings: RecsysSettings.
      fit: fitting.Fit, or None.
      k: see `cuts_of`.

    Raises:
      InputError: no fit or no test events, an invalid k.
    """
    has_test = fit is not None and fit.data.test is not None
    settings.check(has_test, "test", "later events, as fit has no test events", None)
    cuts = cuts_of(settings, k, len(fit.data.events.item_names))
    with fit.session() as session:
        return fitting.judge(session, fit.graph, fit.data, fit.data.test,
                             history_length=settings.history_length, cuts=cuts).scores


def evaluate(recommender: Any, before: Any, after: Any, k: Any,
             settings: RecsysSettings) -> Dict[str, float]:
    """Return the scores of a recommender on the later events of users.

    Args:
      recommender: recommender.Recommender.
      before: events.Log, the earlier events of the users.
      after: events.Log, their later events.
      k: see `cuts_of`.
      settings: RecsysSettings; repeats decides whether repeated events count.

    Returns:
      {score: float}, see evaluation.metrics.

    Raises:
      InputError: no user in both logs, an invalid k.
    """
    cuts = cuts_of(settings, k, len(recommender.names))
    log, part = events.merge_logs([before, after])
    rules = splits.Rules(repeats=settings.repeats, keep=settings.keep_event, seed=settings.seed)
    found = splits.split_given(log, np.where(part == 0, splits.TRAIN, splits.TEST), rules)
    test = splits.held_out(found)[1]
    checks.argument(test, "evaluate", "test", "events of users with earlier ones", None)
    return evaluation.metrics(
        rank(recommender, found, test, most=max(cuts), repeat=settings.repeats), cuts)


def rank(recommender: Any, found: splits.Events, part: splits.HeldOut, most: int,
         repeat: bool) -> evaluation.Ranking:
    """Return the Ranking of held-out events by a recommender among its own items.

    A target that it does not know counts as a miss.

    Args:
      recommender: recommender.Recommender.
      found: splits.Events, with the histories; its items may differ from those of the recommender.
      part: splits.HeldOut of `found`.
      most: integer, the number of places to rank, at most the recommender's items.
      repeat: boolean, whether the user's earlier items may be recommended.
    """
    # Ids: those of the recommender, then those of unknown items.
    ids = {name: number for number, name in enumerate(recommender.names)}
    place = np.array([ids.setdefault(name, len(ids)) for name in found.item_names])
    targets = part.targets._replace(items=place[part.targets.items])
    ranked = evaluation.rank(_ranker(recommender, found, ids, repeat=repeat),
                             part._replace(targets=targets), len(ids), most)
    # The coverage counts only the recommender's own items.
    return ranked._replace(first_offered=ranked.first_offered[:len(recommender.names)])


def _ranker(recommender: Any, found: splits.Events, ids: Dict[str, int], repeat: bool) -> Any:
    """Return the ranker of a recommender, in the form that `evaluation` defines."""
    names = np.array(found.item_names, object)

    def ranker(part: splits.HeldOut, k: int) -> Iterator[Tuple[np.ndarray, np.ndarray]]:
        for low in range(0, len(part.users), _USERS_AT_A_TIME):
            rows = range(low, min(low + _USERS_AT_A_TIME, len(part.users)))
            users = part.users[rows.start:rows.stop]
            had = [names[found.items[found.starts[user]:part.ends[row]]].tolist()
                   for row, user in zip(rows, users)]
            best = recommender.recommend_many(
                had, k=k + 1, repeat=repeat,
                contexts=contexts(found.columns, part.ends[rows.start:rows.stop]),
                users=[found.user_names[user] for user in users] if recommender.has_users else None)
            yield _ranks(best, [splits.row(part.targets, row) for row in rows], ids, k)

    return ranker


def _ranks(best: List[List[Tuple[str, float]]], targets: List[np.ndarray], ids: Dict[str, int],
           k: int) -> Tuple[np.ndarray, np.ndarray]:
    """Return (offered ids [b, k], ranks of the targets [p]); ties count against a target."""
    offered = np.full([len(best), k], -1, np.int64)
    ranks = []
    for number, (row, wanted) in enumerate(zip(best, targets)):
        own = {ids[name]: score for name, score in row}
        offered[number, :min(k, len(row))] = list(itertools.islice(own, k))
        for target in wanted.tolist():
            at_least = sum(score >= own[target] for score in own.values()) - 1 if target in own else k
            ranks.append(min(at_least, k))
    return offered, np.array(ranks, np.int64)
