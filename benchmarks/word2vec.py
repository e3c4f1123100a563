"""Compare word vectors with gensim's on the same text: speed and accuracy; or measure growing tasks.

    python benchmarks/word2vec.py --corpus=text.txt --epochs=1,5 --eval_similarity=wordsim353.tsv
    python benchmarks/word2vec.py --corpus=text.txt --systems=nce,nce/uniform,cbow:nce
    python benchmarks/word2vec.py --corpus=text.txt --growth

The benchmark needs gensim (pip install '.[test]'). The corpus is plain text of one or more lines.
Columns:

    raw words/s    words of the text per second of training; the next ratio is to the first system
    total, s       seconds from text to vectors, including reading and counting words; of ours also
                   starting Python and TensorFlow, evaluation and writing; the next ratio is to the first
    loss           full softmax loss on held-out text, of ours
    FILE           rank correlation, or the share of correct analogies, by gensim's own evaluation

With --growth the columns are microseconds per word of training, this time as a multiple of a smaller
task's, the total seconds, and the peak memory.

Systems run in turn, --rounds times. The best times count, as other work on the machine makes them
slower. The scores are of the last round.
"""
import json
import os
import subprocess
import sys
import tempfile
import time

import machine
import numpy as np
from absl import app, flags, logging

FLAGS = flags.FLAGS

flags.DEFINE_string("corpus", None, "Text file.", required=True)
flags.DEFINE_list("eval_similarity", [], "Files of word pairs with human scores, for gensim.")
flags.DEFINE_string("eval_analogies", "", "File of analogy questions, for gensim (top 30,000 words).")
flags.DEFINE_list("systems", "gensim,negative_sampling,nce,sampled_softmax",
                  "gensim, and losses of run_word2vec.py, optionally as MODEL:LOSS/SAMPLER.")
flags.DEFINE_list("epochs", "1", "Numbers of passes over the text; a row for each.")
flags.DEFINE_integer("dim", 128, "Dimension of the vectors.")
flags.DEFINE_integer("workers", 2, "Training threads of gensim and of ours.")
flags.DEFINE_integer("rounds", 1, "Runs of each system; the best times count.")
flags.DEFINE_bool("growth", False, "Measure growing tasks instead of comparing systems.")

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _run(folder, corpus, *arguments):
    """Run run_word2vec.py: return (metrics, seconds of the command, peak memory in bytes)."""
    command = [sys.executable, os.path.join(_ROOT, "run_word2vec.py"), "--corpus=" + corpus,
               "--cache_dir=" + os.path.join(folder, "cache"), "--threads=%d" % FLAGS.workers,
               "--model_dir=" + os.path.join(folder, "model")] + list(arguments)
    start = time.time()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.time() - start
    if status:
        sys.exit("run_word2vec.py failed")
    with open(os.path.join(folder, "model", "metrics.json")) as stream:
        return json.load(stream), seconds, usage.ru_maxrss * 1024


def _ours(system, epochs, folder):
    """Train with run_word2vec.py: return (raw words per second, total seconds, loss, vectors)."""
    from gensim.models import KeyedVectors
    model, _, loss = system.rpartition(":")
    loss, _, sampler = loss.partition("/")
    arguments = ["--loss=" + loss, "--dim=%d" % FLAGS.dim, "--epochs=%d" % epochs]
    arguments += ["--model=" + model] if model else []
    arguments += ["--sampler=" + sampler] if sampler else []
    metrics, seconds, _ = _run(folder, FLAGS.corpus, *arguments)
    path = os.path.join(folder, "model", "vectors.bin")
    return (metrics["words_per_second"], seconds, metrics["full_softmax_loss"],
            KeyedVectors.load_word2vec_format(path, binary=True))


def _gensim(epochs):
    """Train with gensim: return (raw words per second, total seconds, NaN, vectors).

    Skip-gram with window 5, 5 negatives, sample 1e-4, min_count 5, and gensim's learning rate.
    """
    from gensim.models import Word2Vec
    start = time.time()
    with open(FLAGS.corpus) as stream:
        lines = [line.split() for line in stream]
    # gensim silently drops the rest of a sentence after 10,000 words.
    sentences = [line[i:i + 10000] for line in lines for i in range(0, len(line), 10000)]
    model = Word2Vec(sg=1, vector_size=FLAGS.dim, window=5, negative=5, sample=1e-4, min_count=5,
                     workers=FLAGS.workers, seed=1)
    model.build_vocab(sentences)
    trained = time.time()
    model.train(sentences, total_words=model.corpus_total_words, epochs=epochs)
    end = time.time()
    return model.corpus_total_words * epochs / (end - trained), end - start, float("nan"), model.wv


def _accuracy(vectors):
    scores = {os.path.basename(path): vectors.evaluate_word_pairs(path)[1][0]
              for path in FLAGS.eval_similarity}
    if FLAGS.eval_analogies:
        scores["analogies"] = vectors.evaluate_word_analogies(FLAGS.eval_analogies, 30000)[0]
    return scores


def _print_head():
    import gensim
    print("%s; gensim %s" % (machine.description(), gensim.__version__))


def _compare():
    """Print the table of systems."""
    results = {}
    for _ in range(FLAGS.rounds):
        for epochs in map(int, FLAGS.epochs):
            for system in FLAGS.systems:
                with tempfile.TemporaryDirectory() as folder:
                    speed, seconds, loss, vectors = (
                        _gensim(epochs) if system == "gensim" else _ours(system, epochs, folder))
                before = results.get((epochs, system), (0, float("inf")))
                results[epochs, system] = (max(speed, before[0]), min(seconds, before[1]), loss,
                                           _accuracy(vectors))
                print("epochs %d, %s: %d words/s" % (epochs, system, speed), file=sys.stderr)
    _print_head()
    print("%s, %d dimensions, best times of %d runs" % (
        os.path.basename(FLAGS.corpus), FLAGS.dim, FLAGS.rounds))
    names = list(next(iter(results.values()))[3])
    print("%-32s%7s%13s%7s%9s%7s%7s" % (
        "system", "epochs", "raw words/s", "ratio", "total, s", "ratio", "loss")
        + "".join("%18s" % name for name in names))
    for (epochs, system), (speed, seconds, loss, scores) in results.items():
        first = results[epochs, FLAGS.systems[0]]
        print("%-32s%7d%13s%7.2f%9.1f%7.2f%7.2f" % (
            system, epochs, format(int(speed), ","), speed / first[0], seconds, seconds / first[1], loss)
            + "".join("%18.3f" % scores[name] for name in names))


def _made_text(path, num_words, vocab_size):
    """Write words w0, w1, ... with Zipf's frequencies, each at least once, 1000 per line."""
    random = np.random.RandomState(1)
    weights = np.cumsum(1 / np.arange(1.0, vocab_size + 1))
    names = np.array(["w%d" % i for i in range(vocab_size)])
    with open(path, "w") as stream:
        first = random.permutation(vocab_size)
        for _ in range(num_words // 1000000):
            ids = np.searchsorted(weights, random.uniform(0, weights[-1], 1000000))
            ids[:len(first)] = first[:1000000]
            first = first[1000000:]
            random.shuffle(ids)
            for row in names[np.minimum(ids, vocab_size - 1)].reshape(-1, 1000):
                stream.write(" ".join(row) + "\n")


def _cost(corpus, arguments):
    """Train an epoch: return (microseconds per word, total seconds, peak memory in bytes)."""
    with tempfile.TemporaryDirectory() as folder:
        metrics, seconds, memory = _run(folder, corpus, "--epochs=1", *arguments)
    return 1e6 / metrics["words_per_second"], seconds, memory


def _growth():
    """Print the table of growing tasks: time per word and peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        four = os.path.join(folder, "four.txt")
        with open(four, "wb") as stream:
            for _ in range(4):
                with open(FLAGS.corpus, "rb") as text:
                    stream.write(text.read() + b"\n")
        made = {size: os.path.join(folder, "%d.txt" % size) for size in (10000, 1000000)}
        for size, path in made.items():
            _made_text(path, 20000000, size)
        name = os.path.basename(FLAGS.corpus)
        tasks = [
            (name + ", 128 dimensions", None, FLAGS.corpus, ["--dim=128"]),
            (name + ", 300 dimensions", 0, FLAGS.corpus, ["--dim=300"]),
            (name + " four times", 0, four, ["--dim=128"]),
            ("random text, 10,000 different words", None, made[10000], ["--dim=128", "--min_count=1"]),
            ("random text, 1,000,000 different words", 3, made[1000000],
             ["--dim=128", "--min_count=1"])]
        rows = []
        for task, base, corpus, arguments in tasks:
            costs = [_cost(corpus, arguments) for _ in range(FLAGS.rounds)]
            best = tuple(map(min, zip(*costs)))
            rows.append((task, base, best))
            print("%s: %.2f us per word" % (task, best[0]), file=sys.stderr)
    _print_head()
    print("negative_sampling, one epoch, best of %d runs" % FLAGS.rounds)
    print("%-40s%12s%10s%10s%12s" % ("task", "us per word", "multiple", "total, s", "peak, MB"))
    for task, base, (micros, seconds, memory) in rows:
        multiple = "" if base is None else "%.2f" % (micros / rows[base][2][0])
        print("%-40s%12.2f%10s%10.1f%12.0f" % (task, micros, multiple, seconds, memory / 1e6))


def main(_):
    logging.set_verbosity(logging.WARNING)  # gensim logs every second
    (_growth if FLAGS.growth else _compare)()


if __name__ == "__main__":
    app.run(main)
