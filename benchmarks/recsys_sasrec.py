"""Score the SASRec of RecTools and item-kNN, with the split and scores of run_recsys.py.

    python3.11 -m venv rectools
    rectools/bin/pip install 'rectools[torch]==0.19.0' absl-py
    PYTHONPATH=. rectools/bin/python benchmarks/recsys_sasrec.py --ratings=ml-latest-small/ratings.csv

The last event of each user tests, and the event before it validates. All items are included (min_count
1), and --seed orders events of equal times. Each model ranks all items that the user has not had; a tie
counts against the target. Both models train on the training events only. In the test, the validation
event is part of the history.

SASRec has 2 blocks, the full softmax, and Adam with RecTools' defaults (learning rate 0.001, batches of
128 users, their last 100 events, dropout 0.2, 4 heads) except --dim. It is validated by NDCG@10 every
--epochs_between epochs, and stops after --patience validations without a better one. The test uses the
best model. item-kNN uses the number of neighbours with the best validation NDCG@10.

The output is a line of JSON for each model: the scores of the test, and `seconds` and `cpu_seconds` (all
threads) of training without validations. Without RecTools, only item-kNN is measured.

Reference: W.-C. Kang and J. McAuley 2018, "Self-Attentive Sequential Recommendation".
"""
import json
import sys
import time

import machine
import numpy as np
from absl import app, flags

from tf1_sampled.recsys import baselines, evaluation, events, splits

FLAGS = flags.FLAGS

flags.DEFINE_string("ratings", None, "File of events, as for --events of run_recsys.py.", required=True)
flags.DEFINE_integer("seed", 1, "Seed of the order of equal times and of the model.")
flags.DEFINE_integer("dim", 64, "Dimension of SASRec.", lower_bound=4)
flags.DEFINE_integer("most_epochs", 300, "Largest number of epochs of SASRec.", lower_bound=1)
flags.DEFINE_integer("epochs_between", 5, "Epochs between two validations.", lower_bound=1)
flags.DEFINE_integer("patience", 4, "Validations without a better one before SASRec stops.",
                     lower_bound=1)

_K = 10
_TOP = 200  # items that RecTools returns; only the first _K count


def _scores(ranker, part, num_items):
    return evaluation.evaluate(ranker, part, num_items, [_K])


def _item_knn(data, valid, test):
    """Test item-kNN: return {score: number} and the time of finding neighbours, in one dict."""
    num_items = len(data.item_names)
    cpu, start = time.process_time(), time.time()
    found = baselines.neighbours(data)
    times = {"seconds": time.time() - start, "cpu_seconds": time.process_time() - cpu}
    best = max(baselines.NUMBERS, key=lambda number: _scores(
        baselines.item_knn(data, found, number), valid, num_items)["NDCG@%d" % _K])
    scores = _scores(baselines.item_knn(data, found, best), test, num_items)
    return dict(scores, neighbours=best, **times)


def _dataset(data, ends):
    """Return a RecTools Dataset of the events of each user before `ends`, int [U]."""
    import pandas
    from rectools import Columns
    from rectools.dataset import Dataset

    lengths = ends - data.starts[:-1]
    places = splits.ranges(data.starts[:-1], lengths)
    return Dataset.construct(pandas.DataFrame({
        Columns.User: np.repeat(np.arange(len(ends)), lengths), Columns.Item: data.items[places],
        Columns.Weight: 1.0, Columns.Datetime: pandas.to_datetime(places, unit="s")}))


def _ranker(model, dataset, num_items):
    """Return the ranker of a trained model with the histories of a dataset."""
    from rectools import Columns

    def scores(users):
        found = model.recommend(users, dataset, k=_TOP, filter_viewed=True)
        rows = np.full([users.max() + 1, num_items], -np.inf, np.float32)
        rows[found[Columns.User].to_numpy(), found[Columns.Item].to_numpy()] = found[Columns.Score]
        return rows[users]
    return evaluation.score_ranker(scores, num_items)


def _sasrec(data, valid, test):
    """Train and test SASRec: return {score: number} and the time of training, in one dict."""
    import pytorch_lightning
    from rectools.models import SASRecModel

    pytorch_lightning.seed_everything(FLAGS.seed)
    model = SASRecModel(n_factors=FLAGS.dim, recommend_torch_device="cpu")
    num_items = len(data.item_names)
    before, after = _dataset(data, data.train_ends), _dataset(data, data.valid_ends)
    best, result, epochs, since, seconds, cpu_seconds = -1.0, {}, 0, 0, 0.0, 0.0
    while epochs < FLAGS.most_epochs and since < FLAGS.patience:
        cpu, start = time.process_time(), time.time()
        model.fit_partial(before, FLAGS.epochs_between, FLAGS.epochs_between)
        seconds, cpu_seconds = seconds + time.time() - start, cpu_seconds + time.process_time() - cpu
        epochs, since = epochs + FLAGS.epochs_between, since + 1
        score = _scores(_ranker(model, before, num_items), valid, num_items)["NDCG@%d" % _K]
        print("epoch %d: validation NDCG@%d %.4f, %.0f s" % (epochs, _K, score, seconds),
              file=sys.stderr)
        if score > best:
            best, since = score, 0
            result = dict(_scores(_ranker(model, after, num_items), test, num_items), best_epoch=epochs)
    return dict(result, epochs=epochs, seconds=seconds, cpu_seconds=cpu_seconds)


def _versions():
    """{package: version} of RecTools and PyTorch; None where RecTools or its [torch] is missing."""
    try:
        import pytorch_lightning
        import rectools
        import torch
    except ImportError:
        return None
    return {"rectools": rectools.__version__, "torch": torch.__version__,
            "pytorch_lightning": pytorch_lightning.__version__}


def main(_):
    data = splits.split_last(events.read_log(FLAGS.ratings), splits.Rules(seed=FLAGS.seed))
    valid, test = splits.held_out(data)
    shared = {"seed": FLAGS.seed, "items": len(data.item_names), "users": len(test.users),
              "cpu": machine.cpu()}

    def show(name, result, **more):
        result = {key: round(value, 4) if isinstance(value, float) else value
                  for key, value in result.items()}
        print(json.dumps(dict(shared, model=name, **result, **more)), flush=True)

    show("item-kNN", _item_knn(data, valid, test))
    versions = _versions()
    if versions is None:
        print("skipped: SASRec, as rectools[torch] is not installed", file=sys.stderr)
        return
    show("SASRec", _sasrec(data, valid, test), versions=versions)


if __name__ == "__main__":
    app.run(main)
