"""Measure how fast other libraries train a YouTube DNN, for comparison with run_recsys.py.

    python3.11 -m venv librec
    librec/bin/pip install LibRecommender==1.5.2 tensorflow==2.15.1 torch==2.13.0 pandas scikit-learn
    librec/bin/python benchmarks/recsys_peers.py --peer=librecommender --train=train.txt.gz

    python3.11 -m venv deepmatch
    deepmatch/bin/pip install deepmatch==0.3.2 deepctr==0.9.4 tensorflow==2.15.1
    deepmatch/bin/python benchmarks/recsys_peers.py --peer=deepmatch --train=train.txt.gz

The file (.gz or plain) has a line for each user: "user item item ...". An example is an item with the
items before it on its line as the history, at most 50. The user is not a feature. Both libraries have 64
dimensions, a ReLU layer of 64 and a linear layer of 64, batches of 2048, sampled softmax with 800 unique
uniform negatives, and Adam, without batch normalization and penalties on weights; other settings are the
library's defaults. LibRecommender also trains on the first item of a line, with an empty history.
DeepMatch's examples leave it out, and so does this benchmark.

The output is a line of JSON:

    examples_per_second     speed of one epoch in the library's own loop, with its making of batches
    seconds                 duration of that epoch
    cpu_seconds             CPU time of the process and its children in the epoch; if two runs differ in
                            seconds only, other processes used the cores
    preparation_seconds     reading, making examples, building the model, and a first run of two batches
    loss                    shows that the model learns, but is not comparable: the epoch's mean for
                            DeepMatch, and the loss of two batches after the epoch for LibRecommender
"""
import gzip
import json
import os
import sys
import time

import machine
import numpy as np
import tensorflow.compat.v1 as tf
from absl import app, flags

FLAGS = flags.FLAGS

flags.DEFINE_enum("peer", None, ["librecommender", "deepmatch"], "Library to measure.", required=True)
flags.DEFINE_string("train", None, "File of lines 'user item item ...'.", required=True)
flags.DEFINE_integer("examples", 0, "Number of random examples to train on; 0 for all.", lower_bound=0)
flags.DEFINE_integer("workers", 0, "Processes that make LibRecommender's batches; its default is 0.")

_DIM = 64
_HIDDEN = 64
_HISTORY = 50
_BATCH = 2048
_NUM_SAMPLED = 800
_FIRST = 2 * _BATCH  # examples of an untimed first run, in which TensorFlow prepares its graph


def _read(path):
    """Read the items of each user: [[item, ...]], with items numbered from 1."""
    numbers = {}
    with (gzip.open if path.endswith(".gz") else open)(path, "rt") as stream:
        lines = [line.split()[1:] for line in stream]
    return [[numbers.setdefault(item, len(numbers) + 1) for item in line] for line in lines]


def _chosen(number):
    """Choose the examples to train on: all of `number`, or --examples of them, in random order."""
    return np.random.RandomState(1).permutation(number)[:FLAGS.examples or number]


def _timed(run):
    """Time run(): return (its result, {"start", "seconds", "cpu_seconds": of all processes})."""
    cpu, start = sum(os.times()[:4]), time.time()
    result = run()
    return result, {"start": start, "seconds": time.time() - start,
                    "cpu_seconds": sum(os.times()[:4]) - cpu}


def _librecommender(users):
    """Train an epoch: return (versions, number of examples, loss, times)."""
    import libreco
    import pandas
    import torch
    from libreco.algorithms import YouTubeRetrieval
    from libreco.batch import get_batch_loader, get_tf_feeds
    from libreco.data import DatasetPure, TransformedSet
    from libreco.training.dispatch import get_trainer

    events = [(user, item, 1) for user, items in enumerate(users) for item in items]
    data, info = DatasetPure.build_trainset(pandas.DataFrame(events, columns=["user", "item", "label"]))
    model = YouTubeRetrieval(
        "ranking", info, embed_size=_DIM, hidden_units=_HIDDEN, recent_num=_HISTORY, batch_size=_BATCH,
        num_sampled_per_batch=_NUM_SAMPLED, sampler="uniform", use_bn=False, n_epochs=1)
    # The parts of fit(), which would also build the model, and score items for serving at the end.
    model.build_model()
    trainer = get_trainer(model)

    def train(part):
        trainer.run(part, neg_sampling=True, verbose=0, shuffle=True, eval_data=None, metrics=None, k=10,
                    eval_batch_size=_BATCH, eval_user_num=None, num_workers=FLAGS.workers)

    chosen = _chosen(len(data))
    first, part = [TransformedSet(data.user_indices[these], data.item_indices[these], data.labels[these])
                   for these in (chosen[:_FIRST], chosen)]
    train(first)
    _, times = _timed(lambda: train(part))
    batches = get_batch_loader(model, first, True, _BATCH, shuffle=False, num_workers=0, seed=1)
    loss = np.mean([model.sess.run(trainer.loss, get_tf_feeds(model, batch, is_training=False))
                    for batch in batches])
    return {"libreco": libreco.__version__, "torch": torch.__version__}, len(part), loss, times


def _deepmatch(users):
    """Train an epoch: return (versions, number of examples, loss, times)."""
    tf.disable_eager_execution()  # as in DeepMatch's examples; it cannot build the model otherwise
    import deepctr
    import deepmatch
    from deepctr.feature_column import SparseFeat, VarLenSparseFeat
    from deepmatch.models import YoutubeDNN
    from deepmatch.utils import NegativeSampler, sampledsoftmaxloss

    pairs = [(items, place) for items in users for place in range(1, len(items))]
    pairs = [pairs[number] for number in _chosen(len(pairs))]
    inputs = {
        "history": np.zeros([len(pairs), _HISTORY], np.int32),
        "length": np.array([min(place, _HISTORY) for _, place in pairs], np.int32),
        "item": np.array([items[place] for items, place in pairs], np.int32)}
    for row, length, (items, place) in zip(inputs["history"], inputs["length"], pairs):
        row[:length] = items[place - length:place]

    rows = 1 + max(item for items in users for item in items)  # row 0 is the padding
    history = SparseFeat("history", rows, _DIM, embedding_name="item")
    model = YoutubeDNN(
        [VarLenSparseFeat(history, _HISTORY, "mean", "length")], [SparseFeat("item", rows, _DIM)],
        user_dnn_hidden_units=(_HIDDEN, _DIM), l2_reg_embedding=0,
        sampler_config=NegativeSampler("uniform", _NUM_SAMPLED, "item"))
    model.compile(optimizer="adam", loss=sampledsoftmaxloss)

    def train(number):
        part = {name: values[:number] for name, values in inputs.items()}
        unused = np.ones(len(part["item"]))  # the model's output is its loss
        return model.fit(part, unused, batch_size=_BATCH, epochs=1, verbose=0).history["loss"][-1]

    train(_FIRST)
    loss, times = _timed(lambda: train(len(pairs)))
    return {"deepmatch": deepmatch.__version__, "deepctr": deepctr.__version__}, len(pairs), loss, times


def main(_):
    begin = time.time()
    # The libraries print, one from a thread, but standard output must have only the result.
    output, sys.stdout = sys.stdout, sys.stderr
    peers = {"librecommender": _librecommender, "deepmatch": _deepmatch}
    versions, examples, loss, times = peers[FLAGS.peer](_read(FLAGS.train))
    print(json.dumps({
        "peer": FLAGS.peer, "versions": versions, "machine": machine.description(), "examples": examples,
        "examples_per_second": round(examples / times["seconds"]),
        "seconds": round(times["seconds"], 2), "cpu_seconds": round(times["cpu_seconds"], 2),
        "preparation_seconds": round(times["start"] - begin, 2), "loss": round(float(loss), 4)}),
        file=output)


if __name__ == "__main__":
    app.run(main)
