"""Reproduce the recommender's scores in docs/benchmarks.md: settings, protocol, other systems.

    python benchmarks/recsys.py --recipe=gowalla --data=gowalla        # train.txt.gz, valid..., test...
    python benchmarks/recsys.py --recipe=health --data=health          # train.tsv.gz, test.tsv.gz
    python benchmarks/recsys.py --recipe=movielens --data=ml-latest-small    # ratings.csv, movies.csv
    python benchmarks/recsys.py --recipe=catalogue                     # generated events of 1e7 items

The benchmark runs run_recsys.py with fixed settings and prints the command. The settings were chosen
with --choose, which trains on the training events, scores the validation events, and does not read the
test events:

    gowalla     the given split; the model of the table is trained on train + valid
    health      a random tenth of each user's training items validates; the model of the table is
                trained on all training items
    movielens   the last event of each user tests, the event before it validates

The table has a row for each system, in the order of the first column: the figures of other systems as
their papers report them, the baselines of the program, and "this model". --recipe=catalogue prints the
time of a training step, of reading, and of evaluation, and the peak memory.

Data: gowalla is the split of Wang et al. 2019 (NGCF), whose training file is train.txt and valid.txt
together. health is Amazon 2014 Health, 10-core, random 80/20 by user. movielens is F. M. Harper and
J. A. Konstan, 2015, "The MovieLens Datasets: History and Context", ACM TiiS 5(4):19.
"""
import json
import os
import subprocess
import sys
import tempfile

import machine
import numpy as np
from absl import app, flags

FLAGS = flags.FLAGS

flags.DEFINE_enum("recipe", None, ["gowalla", "health", "movielens", "catalogue"],
                  "Data and settings to run.", required=True)
flags.DEFINE_string("data", "", "Folder with the files.")
flags.DEFINE_bool("choose", False, "Score the validation events only, to choose settings.")
flags.DEFINE_list("more", [], "More flags of run_recsys.py: --more=--epochs=20,--dim=32")
flags.DEFINE_integer("num_items", 10000000, "Items of --recipe=catalogue.")

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

_SETTINGS = {
    "gowalla": ["--min_count=1", "--context=others", "--history_length=0", "--class_rows=shared",
                "--dim=64", "--sampler=fixed_unigram", "--distortion=0.75", "--num_sampled=1200",
                "--frequency_bias=0.5", "--max_examples_per_user=20", "--batch_size=1024",
                "--learning_rate=0.008", "--epochs=90", "--dropout=0", "--validation_users=0",
                "--k=20"],
    "health": ["--min_count=1", "--context=others", "--history_length=0", "--class_rows=shared",
               "--dim=64", "--sampler=uniform", "--num_sampled=1000", "--temperature=0.3",
               "--frequency_bias=0.7", "--batch_size=512", "--learning_rate=0.005", "--epochs=30",
               "--dropout=0", "--k=20"],
    "movielens": ["--k=10"],  # the defaults
    "catalogue": ["--min_count=1", "--dim=64", "--sampler=uniform", "--num_sampled=1000",
                  "--batch_size=1024", "--epochs=1", "--optimizer=rowwise_adagrad",
                  "--learning_rate=0.1", "--frequency_bias=0", "--dropout=0", "--validations=0",
                  "--k=20"],
}

_PUBLISHED = {  # name: (Recall@20, NDCG@20)
    "gowalla": {"Item2Vec": (.1326, .1057), "ItemCF": (.1570, .1214), "MF-BPR": (.1627, .1378),
                "YoutubeDNN (BARS)": (.1754, .1473), "MF, softmax loss": (.1759, .1395),
                "EASE": (.1765, .1467), "LightGCN": (.1820, .1547), "SimpleX": (.1872, .1557),
                "MF, BSL": (.1882, .1584)},
    "health": {"MF, BPR": (.1627, .1234), "MF, sampled softmax": (.1719, .1261),
               "MF, PSL": (.1718, .1268), "MF, SL@20": (.1823, .1390)},
}


def _run(folder, arguments):
    """Run run_recsys.py: return (metrics, peak memory in bytes)."""
    command = ["run_recsys.py"] + list(arguments) + FLAGS.more
    print("python " + " ".join(command), flush=True)
    model_dir = os.path.join(folder, "model")
    child = subprocess.Popen([sys.executable, os.path.join(_ROOT, command[0])] + command[1:]
                             + ["--model_dir=" + model_dir])
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit("run_recsys.py failed")
    with open(os.path.join(model_dir, "metrics.json")) as stream:
        return json.load(stream), usage.ru_maxrss * 1024


def _split_health(path, folder):
    """Write a tenth of each user's items, at least one, to valid.tsv and the rest to train.tsv."""
    from tf1_sampled.recsys import events

    log = events.read_log(path)
    random = np.random.RandomState(1)
    order = random.permutation(len(log.users))
    order = order[np.argsort(log.users[order], kind="stable")]
    counts = np.bincount(log.users)
    place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    validates = place < np.maximum(np.repeat(counts, counts) // 10, 1)
    for name, chosen in (("train", order[~validates]), ("valid", order[validates])):
        with open(os.path.join(folder, name + ".tsv"), "w") as stream:
            stream.write("user\titem\n")
            stream.writelines("%s\t%s\n" % (log.user_names[log.users[i]], log.item_names[log.items[i]])
                              for i in chosen)


def _files(folder):
    """Return the flags that name the files of the recipe."""
    def path(name):
        return os.path.join(FLAGS.data, name)

    if FLAGS.recipe == "movielens":
        return ["--events=" + path("ratings.csv"), "--titles=" + path("movies.csv")]
    if FLAGS.recipe == "gowalla":
        train, valid, test = (path(name + ".txt.gz") for name in ("train", "valid", "test"))
        if FLAGS.choose:
            return ["--train=" + train, "--valid=" + valid]
        return ["--train=%s,%s" % (train, valid), "--test=" + test, "--validations=0"]
    if FLAGS.choose:
        _split_health(path("train.tsv.gz"), folder)
        return ["--train=%s/train.tsv" % folder, "--valid=%s/valid.tsv" % folder]
    return ["--train=" + path("train.tsv.gz"), "--test=" + path("test.tsv.gz"), "--validations=0"]


def _made_events(path, num_items):
    """Write training users who name each item once, 20 items per line, and 1,000 test users."""
    random = np.random.RandomState(1)
    items = random.permutation(num_items)
    with open(path, "w") as stream:
        for user, low in enumerate(range(0, num_items, 20)):
            stream.write("%d %s\n" % (user, " ".join(map(str, items[low:low + 20]))))
    with open(path + ".test", "w") as stream:
        for user in range(1000):
            stream.write("%d %s\n" % (user, " ".join(map(str, random.randint(0, num_items, 5)))))


def main(_):
    settings = _SETTINGS[FLAGS.recipe]
    with tempfile.TemporaryDirectory() as folder:
        if FLAGS.recipe == "catalogue":
            made = os.path.join(folder, "events.txt")
            _made_events(made, FLAGS.num_items)
            metrics, memory = _run(folder, ["--train=" + made, "--test=%s.test" % made] + settings)
        else:
            metrics, memory = _run(folder, _files(folder) + settings)
    print("\n%s" % machine.description())
    print("training %.0f s, %s examples/s, peak memory %.0f MB" % (
        metrics["seconds"]["train"], format(int(metrics["examples_per_second"]), ","), memory / 1e6))
    if FLAGS.recipe == "catalogue":
        print("%s items: %.1f ms per step of 1024 examples; reading %.0f s, evaluation of 1,000 users "
              "and export %.0f s" % (format(FLAGS.num_items, ","),
                                     1024e3 / metrics["examples_per_second"],
                                     metrics["seconds"]["read"], metrics["seconds"]["evaluate"]))
        return
    if FLAGS.choose:
        return
    names = [name for name in metrics["scores"] if name.split("@")[0] in ("Recall", "NDCG")]
    rows = {name: dict(zip(names, values)) for name, values in _PUBLISHED.get(FLAGS.recipe, {}).items()}
    rows.update(metrics["baselines"])
    rows["this model"] = metrics["scores"]
    print("%-22s%s" % ("system", "".join("%12s" % name for name in names)))
    for system, scores in sorted(rows.items(), key=lambda row: row[1][names[0]]):
        print("%-22s%s" % (system, "".join("%12.4f" % scores[name] for name in names)))


if __name__ == "__main__":
    app.run(main)
