"""Export a trained recommender to its folder, and score it on the test events."""
import contextlib
import os
from typing import Any, Dict, List, NamedTuple, Tuple

import numpy as np

from tf1_sampled import checks
from tf1_sampled.recsys import (
    baselines,
    evaluation,
    export,
    feeds,
    fitting,
    item_categories,
    judging,
    model_files,
    reading,
    recommender,
    splits,
    user_table,
    warm_start,
)
from tf1_sampled.training import checkpoints

_EXAMPLES = 5  # test users whose recommendations are printed
_KNN_PAIRS = 10 ** 8  # item pairs that item-kNN may always count; takes some seconds
_KNN_PAIRS_PER_EXAMPLE = 10  # more for a long training: about a tenth of its time
_KNN_USERS = 1000  # users whose validation events select the number of neighbours
_KNN_NEIGHBOURS = 20  # the number without validation events


class Test(NamedTuple):
    """The results of a model on its test events.

    scores: {metric: float}.
    full_softmax_loss: float, in nats per event.
    baselines: {name: scores}.
    rankings: {name: evaluation.Ranking}, of the model and of the baselines.
    examples: list of (user, [(label, titles)]): history, recommendations and test items of some users.
    notes: list of strings, lines about the baselines.
    """

    scores: Dict[str, float]
    full_softmax_loss: float
    baselines: Dict[str, Dict[str, float]]
    rankings: Dict[str, evaluation.Ranking]
    examples: List[Any]
    notes: List[str]


def export_model(fit: Any) -> List[str]:
    """Write the model of the selected checkpoint into the training's folder.

    Args:
      fit: fitting.Fit.

    Returns:
      list of strings, the paths of the written files.

    Raises:
      InputError: names that cannot be exported, a full disk.
    """
    folder, network, events = fit.model_dir, fit.graph.network, fit.data.events
    checkpoint = checkpoints.chosen(folder)
    export.write_saved_model(
        os.path.join(folder, "saved_model"), network, checkpoint, fit.names.items, fit.names.users,
        history_length=fit.settings.history_length or None, replaces=True)
    export.write_item_vectors(folder, network, checkpoint, events.item_names, fit.data.titles)
    with contextlib.suppress(FileNotFoundError):
        os.remove(os.path.join(folder, model_files.INDEX))  # it belongs to earlier vectors
    warm_start.write_names(folder, fit.names)
    user_table.write(os.path.join(folder, model_files.USERS), events,
                     sum(map(list, fit.settings.user_columns().values()), []))
    item_categories.write(os.path.join(folder, model_files.CATEGORIES), events.item_names,
                          fit.data.item_tables or {})
    model_files.write_about(folder, model_files.About(
        repeats=fit.settings.repeats, is_ordered=bool(network.architecture.num_positions),
        history_length=fit.settings.history_length))
    return [os.path.join(folder, name) for name in (
        "saved_model" + os.sep, "item_vectors.npy", "item_biases.npy", "items.tsv", "names.json",
        model_files.USERS + os.sep, model_files.CATEGORIES, model_files.ABOUT)]


def test(fit: Any) -> Test:
    """Score a model on its test events.

    Args:
      fit: fitting.Fit with test events.

    Returns:
      Test.
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
    rankings = {"this model": judged.ranking}
    notes: List[str] = []
    if settings.init_from:
        try:
            rankings["previous model"] = _rank_previous(fit)
        except checks.InputError as e:
            notes.append("previous model: left out; %s" % e)
    rankers = {"popularity": baselines.popularity(data.events.item_counts)}
    item_knn = _item_knn(fit, notes)
    if item_knn:
        rankers["item-kNN"] = item_knn
    for name, ranker in rankers.items():
        rankings[name] = evaluation.rank(ranker, data.test, num_items, max(cuts))
    scores = {name: evaluation.metrics(ranking, cuts) for name, ranking in rankings.items()
              if name != "this model"}
    return Test(judged.scores, judged.full_loss, scores, rankings, _examples(fit, shown, offers), notes)


def _rank_previous(fit: Any) -> evaluation.Ranking:
    """Return the Ranking of the test events by the model of `init_from`."""
    settings = fit.settings
    with recommender.Recommender(settings.init_from) as previous:
        return judging.rank(previous, fit.data.events, fit.data.test, most=max(settings.k),
                            repeat=settings.repeats)


def _item_knn(fit: Any, notes: List[str]) -> Any:
    """Return the ranker of item-kNN, or None if it would take too long; add a line to `notes`."""
    settings, data = fit.settings, fit.data
    pairs = baselines.num_pairs(data.events)
    most = max(_KNN_PAIRS, _KNN_PAIRS_PER_EXAMPLE * settings.epochs * reading.num_examples(
        settings, data.events))
    if pairs > most:
        notes.append("item-kNN: left out; counting its %s item pairs would take more than a tenth of "
                     "the training time" % format(pairs, ","))
        return None
    found = baselines.neighbours(data.events, settings.repeats)
    number, how = _KNN_NEIGHBOURS, "without validation events"
    if data.valid is not None:
        part = splits.some_users(data.valid, _KNN_USERS)
        name = settings.chosen_score()
        scores = {each: evaluation.evaluate(
            baselines.item_knn(data.events, found, each), part, len(data.events.item_names),
            settings.k)[name] for each in baselines.NUMBERS}
        number, how = max(scores, key=lambda each: scores[each]), "best of %s by %s on validation" % (
            ", ".join(map(str, baselines.NUMBERS)), name)
    notes.append("item-kNN: %d neighbours, %s" % (number, how))
    return baselines.item_knn(data.events, found, number)


def _examples(fit: Any, shown: np.ndarray, offers: np.ndarray) -> List[Any]:
    """Return (user, [("had", titles), ("offered", titles), ("took", titles)]) of some test users."""
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
    """Return the title of each item, or its name if it has no title."""
    titles = fit.data.titles
    return [titles.get(name) or name for name in fit.data.events.item_names]


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
