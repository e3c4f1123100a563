"""Measure the effect of item features on rare items: scores with and without them.

    python benchmarks/recsys_features.py --data=ml-latest-small            # ratings.csv, movies.csv
    python benchmarks/recsys_features.py --data=ml-latest-small --split=last

Each seed trains two models on the same events, with default settings; one also has --item_categorical.
The last tenth of each user's events tests, and the tenth before it validates (--split=last: one event
each). The seed orders events of equal times. Columns:

    events                  groups of test targets by the number of training events of their item
    targets                 number of targets of all seeds
    features                whether the model has item features
    Recall@10, Recall@100   share of targets ranked that high among all items that the user has not had
    Recall@10, rare only    the same, ranked among items of fewer than 10 training events only
"""
import contextlib
import os

import machine
import numpy as np
from absl import app, flags

from tf1_sampled.recsys import YouTubeDNN, fitting, splits

FLAGS = flags.FLAGS

flags.DEFINE_string("data", None, "Folder with ratings.csv and movies.csv.", required=True)
flags.DEFINE_list("columns", ["genres"], "Columns of movies.csv with the features.")
flags.DEFINE_enum("split", "ratio", ["ratio", "last"], "Test events: the last tenth, or the last one.")
flags.DEFINE_list("seeds", ["1", "2", "3"], "Seeds of the order, the initial values and the negatives.")
flags.DEFINE_integer("epochs", 0, "Epochs; 0 for the default.")

_FEW = 10  # training events
_GROUPS = (("0", 0, 1), ("1 to %d" % (_FEW - 1), 1, _FEW), ("%d or more" % _FEW, _FEW, np.inf),
           ("all", 0, np.inf))


def _trained(seed, columns):
    """Train a model: return {group: [targets, hits in 10, hits in 100, hits in 10 among rare items]}."""
    more = {"epochs": FLAGS.epochs} if FLAGS.epochs else {}
    model = YouTubeDNN(min_count=1, split=FLAGS.split, seed=seed, item_categorical=columns,
                       titles=os.path.join(FLAGS.data, "movies.csv"), **more)
    with contextlib.redirect_stdout(None):
        model.fit(os.path.join(FLAGS.data, "ratings.csv"))
    counts, test = model.fitted.data.events.item_counts, model.fitted.data.test
    frequent = np.flatnonzero(counts >= _FEW).astype(np.int32)
    seen = [np.concatenate([splits.row(test.seen, row), frequent]) for row in range(len(test.users))]
    ends = np.cumsum([len(some) for some in seen])
    among_rare = splits.Rows(np.concatenate(seen), np.append(0, ends[:-1]), ends)
    with model.fitted.session() as session:
        ranked, among = [fitting.judge(
            session, model.fitted.graph, model.fitted.data, part, history_length=model.history_length,
            cuts=[100]).ranking for part in (test, test._replace(seen=among_rare))]
    found = {}
    for name, least, below in _GROUPS:
        group = (counts[ranked.targets] >= least) & (counts[ranked.targets] < below)
        found[name] = [group.sum()] + [(ranks[group] < k).sum() for ranks, k in (
            (ranked.ranks, 10), (ranked.ranks, 100), (among.ranks, 10))]
    return found


def main(_):
    print(machine.description())
    totals = {}
    for seed in map(int, FLAGS.seeds):
        for columns in ([], FLAGS.columns):
            found = _trained(seed, columns)
            print("seed %d, %s: %s" % (seed, ",".join(columns) or "no features", {
                group: [int(n) for n in numbers] for group, numbers in found.items()}), flush=True)
            for group, numbers in found.items():
                key = group, bool(columns)
                totals[key] = totals.get(key, 0) + np.array(numbers)
    print("%-12s %9s %11s %11s %12s %21s" % ("events", "targets", "features", "Recall@10", "Recall@100",
                                             "Recall@10, rare only"))
    for group, _, least in _GROUPS:
        for featured in (False, True):
            number, ten, hundred, rare = totals[group, featured]
            print("%-12s %9d %11s %11.4f %12.4f %21s" % (
                group, number, "yes" if featured else "no", ten / number, hundred / number,
                "%.4f" % (rare / number) if least <= _FEW else ""))


if __name__ == "__main__":
    app.run(main)
