"""The results of a training: a SavedModel, vectors and names in its folder; scores on test events."""
import os
from typing import Any, Dict, List, NamedTuple, Tuple

import numpy as np

from tf1_sampled.recsys import evaluation, export, feeds, fitting, splits, warm_start
from tf1_sampled.training import checkpoints

_EXAMPLES = 5  # test users whose recommendations are shown


class Test(NamedTuple):
    """What a model is worth on its test events.

    scores: {metric: float}.
    full_softmax_loss: float, in nats per event.
    baselines: {name: scores}.
    rankings: {name: evaluation.Ranking}, of the model and of the baselines.
    examples: list of (user, [(what, titles)]): what some users had, were offered and took.
    """

    scores: Dict[str, float]
    full_softmax_loss: float
    baselines: Dict[str, Dict[str, float]]
    rankings: Dict[str, evaluation.Ranking]
    examples: List[Any]


def export_model(fit: Any) -> List[str]:
    """Write the model of the checkpoint that was chosen into the training's folder.

    Args:
      fit: fitting.Fit.

    Returns:
      list of strings, the paths of what was written.

    Raises:
      InputError: names that cannot be exported, a full disk.
    """
    folder, network, events = fit.model_dir, fit.graph.network, fit.data.events
    checkpoint = checkpoints.chosen(folder)
    export.write_saved_model(
        os.path.join(folder, "saved_model"), network, checkpoint, fit.names.items, fit.names.users,
        history_length=fit.settings.history_length or None, replaces=True)
    export.write_item_vectors(folder, network, checkpoint, events.item_names, fit.data.titles)
    warm_start.write_names(folder, fit.names)
    return [os.path.join(folder, name) for name in (
        "saved_model" + os.sep, "item_vectors.npy", "item_biases.npy", "items.tsv", "names.json")]


def test(fit: Any) -> Test:
    """Judge a model by its test events.

    Args:
      fit: fitting.Fit with test events.
    """
    settings, data = fit.settings, fit.data
    num_items, cuts = len(data.events.item_names), settings.k
    with fit.session() as session:
        judged = fitting.judge(session, fit.graph, data, data.test,
                               history_length=settings.history_length, cuts=cuts)
        shown = np.linspace(0, len(data.test.users) - 1, _EXAMPLES).astype(int)
        seen = data.test.seen and splits.Rows(
            data.test.seen.items, data.test.seen.begin[shown], data.test.seen.end[shown])
        offers = fit.graph.ranking.top(session, judged.vectors[shown], seen, _EXAMPLES)[0]
    popular = evaluation.rank(evaluation.popularity_baseline(data.events.item_counts), data.test,
                              num_items, max(cuts))
    return Test(judged.scores, judged.full_loss, {"popularity": evaluation.metrics(popular, cuts)},
                {"this model": judged.ranking, "popularity": popular}, _examples(fit, shown, offers))


def _examples(fit: Any, shown: np.ndarray, offers: np.ndarray) -> List[Any]:
    """Return (user, [("had", titles), ("offered", titles), ("took", titles)]) for some test users."""
    events, part, titles = fit.data.events, fit.data.test, titles_of_items(fit)
    found = []
    for row, offer in zip(shown, offers):
        user = part.users[row]
        had = events.items[events.starts[user]:part.ends[row]]
        lists = (("had", had[-5:]), ("offered", offer[offer >= 0]),
                 ("took", splits.row(part.targets, row)[:5]))
        found.append((events.user_names[user], [
            (what, [titles[item] for item in ids]) for what, ids in lists]))
    return found


def titles_of_items(fit: Any) -> List[str]:
    """Return the title of each item, its name where it has none."""
    titles = fit.data.titles
    return [titles.get(name, name) for name in fit.data.events.item_names]


def item_table(folder: str) -> Tuple[np.ndarray, np.ndarray]:
    """Map the exported vectors float32 [C, D] and biases float32 [C] of the items into memory."""
    vectors, biases = (np.load(os.path.join(folder, "item_%s.npy" % name), "r", allow_pickle=False)
                       for name in ("vectors", "biases"))
    return vectors, biases


def vectors_of_some_users(fit: Any, most: int) -> np.ndarray:
    """Return the vectors of some users after all their events: float32 [at most `most`, D]."""
    with fit.session() as session:
        return feeds.user_vectors(
            session, fit.graph.asked_users, fit.graph.asked, fit.data.events,
            feeds.everyone(fit.data.events, most), history_length=fit.settings.history_length)
