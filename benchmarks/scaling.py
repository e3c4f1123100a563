"""Measure how both programs scale with the cores of one machine, and the bound by Python's lock.

    python benchmarks/scaling.py --corpus=text.txt --eval_similarity=wordsim353.tsv \\
        --train=train.txt.gz --valid=valid.txt.gz
    python benchmarks/scaling.py --corpus=text.txt --parts=bound

word2vec: run_word2vec.py with its defaults, compared with gensim with as many threads. The flags
--epochs (the first number), --dim, --rounds and --eval_similarity are those of benchmarks/word2vec.py.

    words/s, examples/s    speed of training
    vs. 1 thread           this speed divided by that of the first row
    vs. gensim             this speed divided by gensim's
    loss                   full softmax loss on held-out text
    FILE                   rank correlation with human scores; "gensim FILE" is gensim's
    CPU us per word        CPU microseconds per word or example of training
    words per step, steps per call    sizes that the program chose

recsys: run_recsys.py with the settings of "ours" in recsys_speed.py; without --train, with the default
data and settings. Columns as above, and NDCG@20 on the validation file.

bound: the speed that the programs would reach if steps cost nothing, for any number of cores. A separate
process trains three times, each time for --bound_seconds:

1. A real training on the cores of this machine, with the step size that --bound_threads threads have. It
   gives the duration of a step, which decides the number of steps per call.
2. --bound_threads threads do all their work, but the session fetches a number in place of the steps.
   The speed on the clock is the bound on this machine. "by CPU time" is the inverse of the CPU time per
   unit of the feeding thread and the calling threads together, without evaluations of held-out text.
   Other work on the machine affects it less. It underestimates the bound, as some of this time is spent
   without the lock.
3. As 2, but each call sleeps for as long as its steps took in 1, as if each thread had its own core. The
   speed is that of a machine whose cores share only the lock, not even memory.

    step size, units    words or examples per step: as set, and on average
    ms                  milliseconds of a step in 1
    steps per call      steps in a call in 1
    bound, units/s      the speed on the clock in 2; "by CPU time" as above
    feeding, calling    nanoseconds of CPU time per unit of the feeding and of the calling threads in 2
    N cores, units/s    the speed in 3
    of ideal            this speed divided by N times that of one thread in 1

In 2 and 3 the watched step of each round also computes nothing, and does not sleep.
"""
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings

import gowalla
import machine
import word2vec
from absl import app, flags, logging

from tf1_sampled.training import devices, host

FLAGS = flags.FLAGS

flags.DEFINE_list("threads", [], "Numbers of threads. Default: powers of two, and the number of cores.")
flags.DEFINE_list("parts", "word2vec,recsys,bound", "Parts to run.")
flags.DEFINE_bool("gensim", True, "Whether to run gensim.")
flags.DEFINE_string("train", "", "File of lines 'user item item ...'. Default: the program's own data.")
flags.DEFINE_string("valid", "", "Validation file of the same users. Default: none.")
flags.DEFINE_integer("recsys_epochs", 10, "Passes over the events.")
flags.DEFINE_integer("bound_threads", 16, "Threads of the bound.")
flags.DEFINE_float("bound_seconds", 10, "Seconds of each training of the bound.")
flags.DEFINE_string("job", "", "Private: file of a bound to measure; the result is printed as JSON.")

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_MANY = 1000000  # more passes over the data than a training finishes


def _numbers_of_threads():
    cores = devices.num_cores()
    powers = [1 << i for i in range(cores.bit_length())]
    return [int(number) for number in FLAGS.threads] or sorted({*powers, cores})


def _recsys_settings():
    """Return {setting: value} of run_recsys.py and YouTubeDNN, without epochs."""
    if not FLAGS.train:
        return {}
    valid = {"valid": [FLAGS.valid]} if FLAGS.valid else {}
    return dict(gowalla.ROWS, **gowalla.OTHERS, validations=1, train=[FLAGS.train], **valid)


def _best_of_rounds(run, speed):
    """Call `run` --rounds times, and return its result of the fastest run."""
    return max((run() for _ in range(FLAGS.rounds)), key=speed)


def _print_row(names_and_widths, values):
    print("".join("%*s" % (width, value) for (_, width), value in zip(names_and_widths, values)),
          flush=True)


def _shown(number):
    return format(int(number), ",")


# ---------------------------------------------------------------- word2vec


def _train_words():
    """Train with run_word2vec.py in FLAGS.workers threads: return (metrics, {file: score})."""
    from gensim.models import KeyedVectors
    with tempfile.TemporaryDirectory() as folder:
        metrics, _, _ = word2vec._run(folder, FLAGS.corpus, "--device=cpu", "--dim=%d" % FLAGS.dim,
                                      "--epochs=%s" % FLAGS.epochs[0])
        path = os.path.join(folder, "model", "vectors.bin")
        scores = {}
        if FLAGS.eval_similarity:
            scores = word2vec._accuracy(KeyedVectors.load_word2vec_format(path, binary=True))
    return metrics, scores


def _train_gensim():
    """Train with gensim in FLAGS.workers threads: return (words per second, {file: score})."""
    speed, _, _, vectors = word2vec._gensim(int(FLAGS.epochs[0]))
    return speed, word2vec._accuracy(vectors)


def _word2vec():
    """Print the table of run_word2vec.py and gensim."""
    files = [os.path.basename(path) for path in FLAGS.eval_similarity]
    columns = [("threads", 7), ("words/s", 12), ("vs. 1 thread", 14), ("vs. gensim", 12), ("loss", 7),
               *((name, 18) for name in files), ("CPU us per word", 17), ("words per step", 16),
               ("steps per call", 16), ("gensim words/s", 16),
               *(("gensim " + name, 25) for name in files)]
    print("\nrun_word2vec.py, %s, %s epochs, best of %d runs" % (
        os.path.basename(FLAGS.corpus), FLAGS.epochs[0], FLAGS.rounds))
    _print_row(columns, [name for name, _ in columns])
    first = None
    for threads in _numbers_of_threads():
        FLAGS.workers = threads
        metrics, scores = _best_of_rounds(_train_words, lambda run: run[0]["words_per_second"])
        speed = metrics["words_per_second"]
        first = first or speed
        theirs, their_scores = float("nan"), {}
        if FLAGS.gensim:
            theirs, their_scores = _best_of_rounds(_train_gensim, lambda run: run[0])
        words = speed * metrics["seconds"]["train"]
        _print_row(columns, [
            threads, _shown(speed), "%.2f" % (speed / first), "%.2f" % (speed / theirs),
            "%.3f" % metrics["full_softmax_loss"], *("%.3f" % scores[name] for name in files),
            "%.3f" % (1e6 * metrics["cpu_seconds"] / words), metrics["batch_size"],
            metrics["steps_per_call"], _shown(theirs) if FLAGS.gensim else "",
            *("%.3f" % their_scores[name] if FLAGS.gensim else "" for name in files)])


# ---------------------------------------------------------------- recsys


def _train_recsys(threads):
    """Train with run_recsys.py and return its metrics."""
    settings = dict(_recsys_settings(), epochs=FLAGS.recsys_epochs, threads=threads, device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, os.path.join(_ROOT, "run_recsys.py"), "--model_dir=" + folder,
                        *gowalla.arguments(settings)], stdout=subprocess.DEVNULL, check=True)
        with open(os.path.join(folder, "metrics.json")) as stream:
            return json.load(stream)


def _recsys():
    """Print the table of run_recsys.py."""
    columns = [("threads", 7), ("examples/s", 12), ("vs. 1 thread", 14), ("NDCG@20", 10),
               ("CPU us per example", 20), ("examples per step", 19), ("steps per call", 16)]
    print("\nrun_recsys.py, %s, %d epochs, best of %d runs" % (
        os.path.basename(FLAGS.train) or "default data", FLAGS.recsys_epochs, FLAGS.rounds))
    _print_row(columns, [name for name, _ in columns])
    first = None
    for threads in _numbers_of_threads():
        metrics = _best_of_rounds(lambda threads=threads: _train_recsys(threads),
                                  lambda run: run["examples_per_second"])
        speed = metrics["examples_per_second"]
        first = first or speed
        scores = metrics["validations"][-1]["scores"] if metrics["validations"] else {}
        _print_row(columns, [
            threads, _shown(speed), "%.2f" % (speed / first),
            "%.4f" % scores["NDCG@20"] if "NDCG@20" in scores else "",
            "%.3f" % (1e6 * metrics["cpu_seconds"] / metrics["examples"]), metrics["batch_size"],
            metrics["steps_per_call"]])


# ---------------------------------------------------------------- the bound by Python's lock


class _Host(host.OneMachine):
    """A host that stops the training after some seconds.

    Args:
      seconds: float.
    """

    def __init__(self, seconds):
        self._seconds, self._end = seconds, None

    def stop(self):
        now = time.perf_counter()
        self._end = self._end or now + self._seconds  # the first call is at the start of the training
        return now > self._end


class _Record:
    """Measurements of a training.

    Attributes:
      calls: list of (steps, CPU seconds of the calling thread) for each call.
      feeding: float, CPU seconds of the thread that makes and feeds batches.
      looking: float, the part of them spent on the evaluation of held-out text.
      seconds_of_step: float, the smallest mean duration of a step in a call.
    """

    def __init__(self):
        self.calls, self.feeding, self.looking, self.seconds_of_step = [], 0.0, 0.0, None


def _recorded(record):
    """Return the replacements that make a training fill a _Record."""
    from tf1_sampled.training import loop, step_calls

    class Calls(step_calls.StepCalls):
        def _run(self, feeds, is_watched, trace_to):
            start = time.thread_time()
            values = super()._run(feeds, is_watched, trace_to)
            record.calls.append((len(feeds), time.thread_time() - start))
            record.seconds_of_step = self._seconds_of_step
            return values

    class Run(loop.Run):
        def _make_all_rounds(self):
            start = time.thread_time()
            super()._make_all_rounds()
            record.feeding = time.thread_time() - start

        def _look(self, watched):
            start = time.thread_time()
            super()._look(watched)
            record.looking += time.thread_time() - start

    return {(step_calls, "StepCalls"): Calls, (loop, "Run"): Run}


def _without_steps(steps_per_call, seconds_of_step):
    """Return the replacements that make calls of a session sleep in place of their steps.

    Args:
      steps_per_call: integer.
      seconds_of_step: float, the seconds to sleep for a step; 0 for no sleep.
    """
    import tensorflow.compat.v1 as tf

    from tf1_sampled.training import step_calls, step_loop, steps

    class Loop(step_loop.StepLoop):
        def runner(self, session):
            self.done = self.number  # the session fetches it in place of the loop's end
            run = super().runner(session)

            def run_and_sleep(feeds, further):
                run(feeds, further)
                time.sleep(len(feeds) * seconds_of_step)

            return run_and_sleep if seconds_of_step else run

    class Step(steps.Step):
        def make_loops(self, filled=None):
            super().make_loops(filled)
            self._op = tf.zeros([]).op  # the session runs it for a call of a single step
            self._watched = {name: tf.ones([]) for name in self._watched}

    class Calls(step_calls.StepCalls):
        @property
        def steps_per_call(self):
            return 1 if self._run_many is None else steps_per_call

    return {(step_loop, "StepLoop"): Loop, (steps, "Step"): Step, (step_calls, "StepCalls"): Calls}


def _trained(job, threads, replaced):
    """Train a model for some seconds.

    Args:
      job: dict, see _bound.
      threads: integer.
      replaced: list of functions that return replacements: {(module, name): class}.

    Returns:
      (units per second, units, _Record, Estimator.machine, a dict).
    """
    if job["part"] == "word2vec":
        from tf1_sampled.word2vec import Word2Vec as Model
    else:
        from tf1_sampled.recsys import YouTubeDNN as Model
    record, before = _Record(), {}
    for replace in [*replaced, lambda: _recorded(record)]:  # each class derives from the previous one
        for (module, name), new in replace().items():
            before.setdefault((module, name), getattr(module, name))
            setattr(module, name, new)
    try:
        model = Model(**job["settings"], threads=threads, device="cpu", epochs=_MANY)
        model.fit(job["data"], host=_Host(job["seconds"]))
    finally:
        for (module, name), old in before.items():
            setattr(module, name, old)
    speed = getattr(model, "words_per_second" if job["part"] == "word2vec" else "examples_per_second")
    return speed, speed * model.seconds, record, model.machine


def _run_job(job):
    """Measure a bound, and print it as a line of JSON."""
    import tensorflow.compat.v1 as tf
    tf.logging.set_verbosity(tf.logging.ERROR)
    warnings.simplefilter("ignore")  # of fit, that it was stopped
    _, units, record, made = _trained(job, devices.num_cores(), [])
    steps = sum(number for number, _ in record.calls)
    result = {"step_size": made["batch_size"], "steps_per_call": made["steps_per_call"],
              "seconds_of_step": record.seconds_of_step, "units_of_step": units / steps}
    for name, seconds_of_step in (("bound", 0), ("own_cores", record.seconds_of_step)):
        def replace(seconds_of_step=seconds_of_step):
            return _without_steps(result["steps_per_call"], seconds_of_step)
        speed, units, done, _ = _trained(job, job["threads"], [replace])
        result[name] = dict(
            speed=speed, feeding=(done.feeding - done.looking) / units,
            calling=sum(seconds for _, seconds in done.calls) / units)
    print(json.dumps(result))


def _measure_bound(part, settings, data):
    """Run _run_job in a separate process and return its result."""
    with tempfile.TemporaryDirectory() as folder:
        if part == "word2vec":
            settings = dict(settings, cache_dir=os.path.join(folder, "cache"))
        path = os.path.join(folder, "job.json")
        with open(path, "w") as stream:
            json.dump({"part": part, "settings": settings, "data": data, "threads": FLAGS.bound_threads,
                       "seconds": FLAGS.bound_seconds}, stream)
        done = subprocess.run(
            [sys.executable, os.path.abspath(__file__), "--corpus=" + FLAGS.corpus, "--job=" + path],
            stdout=subprocess.PIPE, universal_newlines=True, check=True,
            env=dict(os.environ, PYTHONPATH=_ROOT, TF_CPP_MIN_LOG_LEVEL="2"))
    return json.loads(done.stdout.strip().splitlines()[-1])


def _bound():
    """Print the table of the bounds by Python's lock."""
    from tf1_sampled.word2vec import runs
    columns = [("part", 9), ("step size", 11), ("units", 7), ("ms", 8), ("steps per call", 16),
               ("bound, units/s", 16), ("by CPU time", 13), ("feeding, ns", 13), ("calling, ns", 13),
               ("%d cores, units/s" % FLAGS.bound_threads, 20), ("of ideal", 10)]
    print("\nBound if steps cost nothing, %d threads; a unit is a word of the text or an example" % (
        FLAGS.bound_threads))
    _print_row(columns, [name for name, _ in columns])
    batch_size = runs.batch_size(sys.maxsize, FLAGS.bound_threads)
    for part, settings, data in (
            ("word2vec", dict(dim=FLAGS.dim, batch_size=batch_size), FLAGS.corpus),
            ("recsys", dict(_recsys_settings(), validations=0), None)):
        found = _measure_bound(part, settings, data)
        bound, own_cores = found["bound"], found["own_cores"]
        ideal = FLAGS.bound_threads * found["units_of_step"] / found["seconds_of_step"]
        _print_row(columns, [
            part, found["step_size"], "%.0f" % found["units_of_step"],
            "%.2f" % (1e3 * found["seconds_of_step"]), found["steps_per_call"], _shown(bound["speed"]),
            _shown(1 / (bound["feeding"] + bound["calling"])), "%.1f" % (1e9 * bound["feeding"]),
            "%.1f" % (1e9 * bound["calling"]), _shown(own_cores["speed"]),
            "%.2f" % (own_cores["speed"] / ideal)])


def main(_):
    logging.set_verbosity(logging.WARNING)  # gensim logs every second
    if FLAGS.job:
        with open(FLAGS.job) as stream:
            _run_job(json.load(stream))
        return
    print(machine.description())
    for part in FLAGS.parts:
        {"word2vec": _word2vec, "recsys": _recsys, "bound": _bound}[part]()


if __name__ == "__main__":
    app.run(main)
