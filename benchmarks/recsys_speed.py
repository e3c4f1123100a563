"""Measure how fast run_recsys.py trains, compared with usual TensorFlow code and other libraries.

    python benchmarks/recsys_speed.py --train=train.txt.gz --valid=valid.txt.gz
    python benchmarks/recsys_speed.py --train=train.txt.gz --valid=valid.txt.gz \\
        --librecommender=librec/bin/python --deepmatch=deepmatch/bin/python

"The usual way" is the same model in plain TensorFlow. Python makes and feeds the padded history of each
example, and each example gathers its rows. tf.nn.sampled_softmax_loss with its own sampler reads a table
that is scaled to unit rows in each step. tf.train.AdamOptimizer trains, with one session.run after the
other.

Both have 64 dimensions, one table of items, the mean of the user's 50 latest other items, cosines
(--similarity=dot: dot products) of temperature 0.1, 800 uniform negatives, 2048 examples per step, and a
learning rate that falls linearly. The same evaluation scores both on the validation file. An epoch has
at most 20 random examples per user. Learning rates and epochs suit each system, so that the scores are
about equal. Ours has no first moment of Adam. Two more rows of ours have the 50 items before the example
as the history: their mean, and learned weights by position.

Other libraries (see recsys_peers.py) are compared with ours with a hidden layer of 64 and a linear
layer, the 50 items before the example as the history, and no validation.

Systems run in turn, --rounds times; a row has the fastest run. Columns:

    examples/s              examples per second of training
    of usual                this speed divided by that of the usual way
    CPU s per 1e6 examples  CPU seconds per million examples; other work on the machine affects it less
    Recall@20, NDCG@20      scores on the validation file
"""
import json
import os
import subprocess
import sys
import tempfile
import time

import gowalla
import machine
import numpy as np
from absl import app, flags

FLAGS = flags.FLAGS

flags.DEFINE_string("train", None, "File of lines 'user item item ...'.", required=True)
flags.DEFINE_string("valid", None, "File of the same users.", required=True)
flags.DEFINE_integer("epochs", 10, "Epochs of ours.")
flags.DEFINE_integer("past_epochs", 5, "Epochs of ours with the items before as the history.")
flags.DEFINE_integer("usual_epochs", 5, "Epochs of the usual way.")
flags.DEFINE_bool("ours_alone", False, "Leave out the usual way.")
flags.DEFINE_enum("similarity", "cosine", ["cosine", "dot"], "Score of a user and an item.")
flags.DEFINE_float("learning_rate", 0.004, "Learning rate of ours at the start.")
flags.DEFINE_float("usual_learning_rate", 0.01, "Learning rate of the usual way at the start.")
flags.DEFINE_integer("rounds", 1, "Runs of each system; the fastest counts.")
flags.DEFINE_string("librecommender", "", "Python interpreter with LibRecommender. Default: leave out.")
flags.DEFINE_string("deepmatch", "", "Python interpreter with DeepMatch. Default: leave out.")
flags.DEFINE_bool("usual", False, "Private: run the usual way, and print a line of JSON.")

_HERE = os.path.dirname(os.path.abspath(__file__))
_DIM, _HISTORY, _BATCH, _NUM_SAMPLED, _K = (
    gowalla.ROWS[name] for name in ("dim", "history_length", "batch_size", "num_sampled", "k"))
_K, _MOST = _K[0], gowalla.OTHERS["max_examples_per_user"]


def _usual():
    """Train the usual way: return {examples_per_second, cpu_seconds, examples, scores}."""
    import tensorflow.compat.v1 as tf

    from tf1_sampled.recsys import evaluation, events, ranking, splits

    tf.disable_v2_behavior()
    tf.set_random_seed(1)
    data = splits.split_given(*events.read_logs([FLAGS.train, FLAGS.valid]))
    valid = splits.held_out(data)[0]
    num_items = len(data.item_names)
    is_cosine = FLAGS.similarity == "cosine"
    table = tf.get_variable("items", [num_items, _DIM], initializer=tf.random_normal_initializer(
        0, (0.15 if is_cosine else 1) * _DIM ** -0.5, seed=1))
    biases = tf.get_variable("biases", [num_items], initializer=tf.zeros_initializer(), trainable=False)
    history = tf.placeholder(tf.int32, [None, _HISTORY])
    length = tf.placeholder(tf.int32, [None])
    labels = tf.placeholder(tf.int64, [None, 1])
    progress = tf.placeholder(tf.float32, [])
    mask = tf.sequence_mask(length, _HISTORY, tf.float32)[:, :, None]
    total = tf.reduce_sum(tf.nn.embedding_lookup(table, history) * mask, 1)
    users = total / tf.maximum(tf.cast(length, tf.float32), 1)[:, None]
    weights = table
    if is_cosine:
        users, weights = tf.nn.l2_normalize(users, 1) / 0.1, tf.nn.l2_normalize(table, 1)
    sampled = tf.random.uniform_candidate_sampler(labels, 1, _NUM_SAMPLED, True, num_items, seed=1)
    loss = tf.reduce_mean(tf.nn.sampled_softmax_loss(
        weights, biases, labels, users, _NUM_SAMPLED, num_items, sampled_values=sampled))
    train_op = tf.train.AdamOptimizer(FLAGS.usual_learning_rate * (1 - progress)).minimize(loss)
    item_ranking = ranking.ItemRanking(weights, biases, num_items, _DIM)

    rows = [data.items[begin:end] for begin, end in zip(data.starts[:-1], data.train_ends)]
    num_examples = sum(min(len(row), _MOST) for row in rows if len(row) > 1)
    random = np.random.RandomState(1)

    def batches():
        for _ in range(FLAGS.usual_epochs):
            examples = [(user, place) for user, row in enumerate(rows) if len(row) > 1
                        for place in random.permutation(len(row))[:_MOST]]
            order = random.permutation(num_examples)
            for low in range(0, num_examples, _BATCH):
                chosen = [examples[i] for i in order[low:low + _BATCH]]
                histories = np.zeros([len(chosen), _HISTORY], np.int32)
                lengths = np.zeros(len(chosen), np.int32)
                for i, (user, place) in enumerate(chosen):
                    row = rows[user]
                    others = np.concatenate([row[:place], row[place + 1:]])[-_HISTORY:]
                    lengths[i] = len(others)
                    histories[i, :len(others)] = others
                yield histories, lengths, [[rows[user][place]] for user, place in chosen]

    with tf.Session(config=tf.ConfigProto(allow_soft_placement=True)) as session:
        session.run(tf.global_variables_initializer())
        start, cpu, done = time.time(), time.process_time(), 0
        for histories, lengths, label in batches():
            session.run(train_op, {history: histories, length: lengths, labels: label,
                                   progress: done / (num_examples * FLAGS.usual_epochs)})
            done += len(label)
        seconds, cpu = time.time() - start, time.process_time() - cpu
        vectors = np.concatenate([session.run(users, {
            history: [np.pad(row[-_HISTORY:], (0, max(0, _HISTORY - len(row))), "constant")
                      for row in part], length: [min(len(row), _HISTORY) for row in part]})
            for low in range(0, len(valid.users), 1024)
            for part in [[rows[user] for user in valid.users[low:low + 1024]]]])
        scores = evaluation.evaluate(item_ranking.ranker(session, vectors), valid, num_items, [_K])
    return {"examples_per_second": done / seconds, "examples": done, "cpu_seconds": cpu,
            "scores": scores}


def _json_of(command):
    """Run a command and parse its last line of output as JSON."""
    done = subprocess.run(command, stdout=subprocess.PIPE, universal_newlines=True, check=True,
                          env=dict(os.environ, PYTHONPATH=os.path.dirname(_HERE)))
    return json.loads(done.stdout.strip().splitlines()[-1])


def _ours(*arguments):
    """Train with run_recsys.py: return {examples_per_second, cpu_seconds, examples, scores}."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([
            sys.executable, os.path.join(os.path.dirname(_HERE), "run_recsys.py"),
            "--model_dir=" + folder, *gowalla.arguments(dict(
                gowalla.ROWS, learning_rate=FLAGS.learning_rate, similarity=FLAGS.similarity)),
            *arguments], stdout=subprocess.DEVNULL, check=True)
        with open(os.path.join(folder, "metrics.json")) as stream:
            metrics = json.load(stream)
    return {"examples_per_second": metrics["examples_per_second"], "examples": metrics["examples"],
            "cpu_seconds": metrics["cpu_seconds"],
            "scores": metrics["validations"][-1]["scores"] if metrics["validations"] else {}}


def main(_):
    if FLAGS.usual:
        print(json.dumps(_usual()))
        return
    peers = os.path.join(_HERE, "recsys_peers.py")
    same = ["--train=" + FLAGS.train, "--valid=" + FLAGS.valid]
    systems = {
        "the usual way": lambda: _json_of([sys.executable, __file__, "--usual", *same, *(
            "--%s=%s" % (name, FLAGS[name].value)
            for name in ("usual_epochs", "similarity", "usual_learning_rate"))]),
        "ours": lambda: _ours(*same, "--epochs=%d" % FLAGS.epochs, *gowalla.arguments(gowalla.OTHERS),
                              "--validations=1")}
    for pooling in ("mean", "positions"):
        systems["ours, past, --pooling=" + pooling] = lambda pooling=pooling: _ours(
            *same, "--epochs=%d" % FLAGS.past_epochs, "--pooling=" + pooling, "--class_rows=shared",
            "--validations=1")
    if FLAGS.librecommender or FLAGS.deepmatch:
        systems["ours, hidden layer"] = lambda: _ours(
            "--train=" + FLAGS.train, "--epochs=1", "--hidden=64,64", "--validations=0")
    for workers in (0, 1) if FLAGS.librecommender else ():
        systems["LibRecommender, %d workers" % workers] = lambda workers=workers: _json_of(
            [FLAGS.librecommender, peers, "--peer=librecommender", "--train=" + FLAGS.train,
             "--workers=%d" % workers])
    if FLAGS.deepmatch:
        systems["DeepMatch"] = lambda: _json_of(
            [FLAGS.deepmatch, peers, "--peer=deepmatch", "--train=" + FLAGS.train])
    if FLAGS.ours_alone:
        del systems["the usual way"]
    best = {}
    for _ in range(FLAGS.rounds):
        for name, run in systems.items():
            result = run()
            print("%s: %d examples/s" % (name, result["examples_per_second"]), file=sys.stderr)
            best[name] = max(best.get(name, result), result, key=lambda r: r["examples_per_second"])
    print("%s; best of %d" % (machine.description(), FLAGS.rounds))
    print("%-34s%14s%10s%24s%12s%10s" % ("system", "examples/s", "of usual", "CPU s per 1e6 examples",
                                         "Recall@20", "NDCG@20"))
    usual = best.get("the usual way", best["ours"])["examples_per_second"]
    for name, result in best.items():
        scores = "".join("%*.4f" % (width, result["scores"][score]) for width, score in (
            (12, "Recall@20"), (10, "NDCG@20"))) if result.get("scores") else ""
        print("%-34s%14s%10.2f%24.1f%s" % (
            name, format(int(result["examples_per_second"]), ","), result["examples_per_second"] / usual,
            1e6 * result["cpu_seconds"] / result["examples"], scores))


if __name__ == "__main__":
    app.run(main)
