"""A language model by full and by sampled softmax, as the vocabulary grows: speed, memory, perplexity.

    python benchmarks/language_model.py --corpus=text.txt --picture=docs/images/language_model.png
    python benchmarks/language_model.py --corpus=text.txt --vocabularies=10000 --seconds=30

The model is that of examples/language_model.py, with the same settings for both losses. Each loss and
vocabulary has a process of its own. The two processes of a vocabulary take turns, a few seconds each, on
all cores; only one runs at a time, so other work on the machine disturbs both. Clocks run only while the
processes train, not while they compute the perplexity of the full softmax on the same held-out words.

Memory is the peak of resident memory from the initialization to the end of the first turn, less the
resident memory before the variables had values (Python, TensorFlow, the words). Tables are the trained
variables and the optimizer's slots.

A vocabulary is the most frequent words of the corpus. Where the corpus has too few different words, they
are made: each word w becomes one of w~0, w~1, ..., chosen by a hash of the word before it in the text.
The word before determines the number, so the made text is as easy to predict as the real one, but it has
more words, and rarer ones.
"""
import importlib.util
import itertools
import math
import multiprocessing
import os
import tempfile
import time

import machine
import numpy as np
from absl import app, flags

import tf1_sampled
from tf1_sampled import charts
from tf1_sampled.word2vec import corpus, sequences

FLAGS = flags.FLAGS

flags.DEFINE_list("corpus", None, "Files of text.", required=True)
flags.DEFINE_list("vocabularies", "10000,100000,800000", "Numbers of classes.")
flags.DEFINE_integer("seconds", 180, "How long each process trains, without evaluations.")
flags.DEFINE_integer("turn_seconds", 6, "How long it trains in a turn; one step at least.")
flags.DEFINE_integer("evaluations", 5, "How often the perplexity is computed.")
flags.DEFINE_integer("held_out_words", 1920, "On so many held-out words.")
flags.DEFINE_list("model", "", "More flags of the example, without dashes: dim=64,tied.")
flags.DEFINE_string("picture", "", "PNG for the loss by time.")

_LOSSES = ("full_softmax", "sampled_softmax")
_EXAMPLE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "examples",
                        "language_model.py")


def made_text(paths, num_classes, folder):
    """Write a text with more different words; return its path.

    Args:
      paths: files of text.
      num_classes: integer, how many different words it has at least.
      folder: where to.
    """
    path = os.path.join(folder, "made.txt")
    with corpus.read_corpus(paths, corpus.ReadOptions(min_count=1)) as text:
        tokens, names = text.read_all(0, text.num_positions), text.words
    tokens = tokens[tokens >= 0]
    before = np.append(0, tokens[:-1]).astype(np.uint32) * np.uint32(2654435761) >> np.uint32(16)
    for num_parts in itertools.count(2):
        keys = tokens.astype(np.int64) * num_parts + before % num_parts
        different, index = np.unique(keys, return_inverse=True)
        if len(different) >= num_classes:
            break
    words = np.array(["%s~%d" % (names[key // num_parts], key % num_parts) for key in different], object)
    with open(path, "w", encoding="utf-8") as stream:
        for begin in range(0, len(index), 1 << 20):
            stream.write(" ".join(words[index[begin:begin + (1 << 20)]]) + " ")
    print("Made text: %s words, %s different; a word of the corpus became %d at most" % (
        format(len(index), ","), format(len(words), ","), num_parts), flush=True)
    _read([path], num_classes, folder).close()  # once, before two processes want it
    return path


def _read(paths, num_classes, cache_dir):
    options = corpus.ReadOptions(min_count=1, max_vocab=num_classes - 2)
    return corpus.read_corpus(paths, options, cache_dir, report=lambda line: None)


def _memory(field):
    """VmRSS or VmHWM of this process, bytes."""
    with open("/proc/self/status") as stream:
        line = next(line for line in stream if line.startswith(field + ":"))
    return 1024 * int(line.split()[1])


def _forget_peak():
    """Reset VmHWM to the current resident memory."""
    with open("/proc/self/clear_refs", "w") as stream:
        stream.write("5")


def _train(pipe, options, text, num_held_out):
    """Run a process that trains for the seconds that it receives, or evaluates when it receives None."""
    spec = importlib.util.spec_from_file_location("language_model", _EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    tf, settings = example.tf, example.Flags(**options)
    data = sequences.Sequences(_read(*text), example.NUM_LANES, example.LENGTH)
    held_out = list(itertools.islice(data.held_out(), -(-num_held_out // (
        example.NUM_LANES * example.LENGTH))))
    from tf1_sampled.training import steps as steps_lib

    tf.disable_v2_behavior()
    tf.set_random_seed(1)
    model = example.LanguageModel(settings, data)
    data.held_out = lambda: held_out
    step = steps_lib.Step(
        model.loss, model.mean_loss,
        lambda rate: tf1_sampled.ClippedOptimizer(tf1_sampled.AdagradOptimizer(rate), 5.0),
        settings.learning_rate, decay="none")
    feeds = (feed for feed, *_ in data.feeds(model.tokens, 1000)(None))
    with tf.Session() as session:
        session.run(tf.constant(0))
        _forget_peak()
        before = _memory("VmRSS")
        session.run(tf.global_variables_initializer())
        run, total = step.runner(session), 0
        for seconds in iter(pipe.recv, "end"):
            if seconds is None:
                pipe.send((model.held_out_loss(session), data.unigram_loss()))
                continue
            begin, steps = time.perf_counter(), 0
            while not steps or time.perf_counter() - begin < seconds:
                run(step.with_progress(next(feeds), 0.0, total), False)
                steps, total = steps + 1, total + 1
            pipe.send((steps, time.perf_counter() - begin, _memory("VmHWM") - before))
        tables = sum(variable.shape.num_elements() * variable.dtype.size
                     for variable in tf.global_variables())
        pipe.send((len(data.words), tables))


class System:
    """A process that trains by one loss.

    Attributes:
      steps, seconds: how much it has trained.
      memory: bytes, of the first turn.
      history: list of (seconds, loss on held-out words).
    """

    def __init__(self, loss, text):
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        options = {"loss": loss}
        for name, _, value in (option.partition("=") for option in FLAGS.model):
            options[name] = {"": True}.get(value) or (float(value) if "." in value else int(value))
        self._process = context.Process(target=_train, daemon=True, args=(
            other, options, text, FLAGS.held_out_words))
        self._process.start()
        other.close()  # the process has its own: should that die, the pipe says so
        self.steps, self.seconds, self.memory, self.history = 0, 0.0, None, []

    def train(self, seconds):
        self.pipe.send(seconds)
        steps, took, memory = self.pipe.recv()
        self.steps, self.seconds = self.steps + steps, self.seconds + took
        self.memory = self.memory or memory

    def evaluate(self):
        self.pipe.send(None)
        loss, of_unigrams = self.pipe.recv()
        self.history.append((self.seconds, loss))
        return loss, of_unigrams

    def end(self):
        """End the process; return the number of classes and the bytes of the tables."""
        self.pipe.send("end")
        found = self.pipe.recv()
        self._process.join()
        return found


def compare(num_classes, paths, cache_dir):
    """Train by both losses; print a row for each; return {name: (seconds, losses)}."""
    systems = {loss: System(loss, (paths, num_classes, cache_dir)) for loss in _LOSSES}
    for system in systems.values():
        system.train(0)  # the first step prepares the graph, and does not count
        system.steps, system.seconds = 0, 0.0
    for number in range(FLAGS.evaluations + 1):
        until = FLAGS.seconds * number / FLAGS.evaluations
        while any(system.seconds < until for system in systems.values()):
            for system in systems.values():
                if system.seconds < until:
                    system.train(FLAGS.turn_seconds)
        for system in systems.values():
            _, of_unigrams = system.evaluate()
    rates = {loss: system.steps / system.seconds for loss, system in systems.items()}
    for loss, system in systems.items():
        found, tables = system.end()
        print("| %s | %s | %.3g | %.1f | %.0f | %.2f | %d | %.1f | %.1f |" % (
            format(found, ","), loss, rates[loss], rates[loss] / rates["full_softmax"],
            tables / 1e6, system.memory / tables, system.steps, math.exp(system.history[-1][1]),
            math.exp(of_unigrams)), flush=True)
    return {"%s words, %s" % (format(num_classes, ","), loss.replace("_", " ")): tuple(
        zip(*system.history)) for loss, system in systems.items()}


def main(_):
    print(machine.description())
    if FLAGS.picture:
        charts.check_available()
    with corpus.read_corpus(FLAGS.corpus, corpus.ReadOptions(min_count=1)) as text:
        num_different = len(text.words)
        print("%s words, %s different" % (format(text.num_raw_words, ","), format(num_different, ",")))
    series = {}
    print("\n| classes | loss | steps/s | times full | tables MB | memory / tables | steps in %d s | "
          "perplexity | of a unigram model |\n|---|---|---|---|---|---|---|---|---|" % FLAGS.seconds)
    with tempfile.TemporaryDirectory() as folder:
        for num_classes in map(int, FLAGS.vocabularies):
            paths, cache_dir = FLAGS.corpus, None
            if num_classes - 2 > num_different:
                paths, cache_dir = [made_text(FLAGS.corpus, num_classes, folder)], folder
            series.update(compare(num_classes, paths, cache_dir))
    print("\nPerplexity")
    for name, history in series.items():
        print("%s: %s" % (name, ", ".join(
            "%.1f after %.0f s" % (math.exp(nats), seconds) for seconds, nats in zip(*history))))
    if FLAGS.picture:
        charts.curves(FLAGS.picture, series, "seconds of training",
                      "loss of held-out text, nats per word", "Full and sampled softmax at equal time")


if __name__ == "__main__":
    app.run(main)
