"""A loss in, a trained checkpoint out: the training step, the session, progress, checkpoints.

    result = train(loss, shown_loss, make_optimizer, learning_rate, batches, model_dir, ...)
    with restored_session(model_dir) as session:
        session.run(...)

Knows no model and no loss function: a loss is a scalar, an input is an iterator of feeds.
"""
import collections
import concurrent.futures
import contextlib
import itertools
import json
import math
import os
import platform
import sys
import time

import numpy as np
import tensorflow.compat.v1 as tf
import tqdm

import tf1_sampled
from tf1_sampled import checks, files

TrainingResult = collections.namedtuple(
    "TrainingResult", "seconds cpu_seconds steps units units_per_second history validations")
TrainingResult.__doc__ = """What a training took.

  seconds: float, of training alone, without building the graph, validations and the last checkpoint.
  cpu_seconds: float, of all cores in that time.
  steps: integer.
  units: integer, of progress (words, examples).
  units_per_second: float.
  history: list of (units, seconds, loss), the losses that were shown on the way and at the end.
  validations: list of (units, seconds, score), what the Validation gave.
"""

Validation = collections.namedtuple("Validation", "score times patience")
Validation.__doc__ = """How a training is judged on the way, to keep the best of its checkpoints.

  score: function of the session -> float, the higher the better, on data that is not trained on.
  times: integer, how often, evenly spread over the training: once an epoch, say.
  patience: integer, the training ends after so many scores in a row that were not better; 0 for never.
"""

_ROUND = 50  # steps between two looks at the loss: what the step itself needs is less than it
_LOOK_SHARE = 0.02  # of the time, at most, for looks at the held-out loss


def session_config(threads=None):
    """ConfigProto with soft placement: an op without a kernel for its device goes to another one.

    Args:
      threads: integer, how many threads call the session, each to run its steps by itself, op after
        op: so all cores are busy all the time, where a step that is divided among them waits for its
        longest op. None for TensorFlow's own way, which divides a step.

    Returns:
      tf.ConfigProto.
    """
    if threads is None:
        return tf.ConfigProto(allow_soft_placement=True)
    # -1: the ops of a step run in the thread that called.
    return tf.ConfigProto(allow_soft_placement=True, intra_op_parallelism_threads=1,
                          inter_op_parallelism_threads=-1)


def minimize(loss, optimizer):
    """The training op: one step of `optimizer` on the trainable variables, then the global step.

    Runs the ops in tf.GraphKeys.UPDATE_OPS first (a learned sampler's counts).

    Args:
      loss: float scalar.
      optimizer: tf.train.Optimizer.

    Returns:
      tf.Operation.

    Raises:
      InputError: a trainable variable on which the loss does not depend.
    """
    gradients = optimizer.compute_gradients(loss, tf.trainable_variables())
    untouched = [variable.op.name for gradient, variable in gradients if gradient is None]
    checks.argument(not untouched, "minimize", "loss", "one that depends on every trainable variable",
                    "none on " + ", ".join(untouched))
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        return optimizer.apply_gradients(gradients, tf.train.get_or_create_global_step())


def train(loss, shown_loss, make_optimizer, learning_rate, batches, num_units, unit, model_dir,
          decay="linear", threads=None, held_out_loss=None, save_seconds=600, validation=None,
          initialise=None):
    """Trains over `batches`.

    The loss is looked at every 50 steps, and before each checkpoint on the values to be saved; a
    loss that is not finite stops the training, with the last checkpoint as it was.

    With several threads as many steps are under way at a time, without locks, each on the values
    that it finds (Recht et al. 2011, "Hogwild!"). With one, the same seeds give the same values.

    Args:
      loss: float scalar, to be minimised.
      shown_loss: float scalar, to be shown (per word, per example).
      make_optimizer: learning rate (float scalar tensor) -> tf.train.Optimizer; see OPTIMIZERS.
      learning_rate: float above 0, at the start.
      batches: iterator of (feed_dict, progress), progress a float in (0, 1] after the batch.
      num_units: integer, units of progress in all of `batches`.
      unit: string, what they are called ("words").
      model_dir: string, folder for the checkpoints.
      decay: "linear", the learning rate falls to 0; or "none", it stays.
      threads: integer, steps at a time; or None, one that TensorFlow divides among the cores.
      held_out_loss: None, or a function of the session that returns a float: the loss to show
        instead, as often as takes 2% of the time.
      save_seconds: float, seconds between checkpoints; one more is made at the end.
      validation: None, or a Validation: then the checkpoint is that of the best score, and no other.
      initialise: None, or a function of the session that gives variables other values to start from.

    Returns:
      TrainingResult.

    Raises:
      InputError: a learning rate <= 0, no batch at all, or a loss that is not finite.
    """
    checks.argument(learning_rate > 0, "train", "learning_rate", "a number above 0", learning_rate)
    checks.one_of("train", "decay", decay, {"linear", "none"})
    # The rate's own placeholder, so that models and inputs need not know that it falls.
    progress_before = tf.placeholder_with_default(0.0, [], "progress")
    left = tf.maximum(1 - progress_before, 1e-4) if decay == "linear" else tf.constant(1.0)
    train_op = minimize(loss, make_optimizer(learning_rate * left))
    saver = tf.train.Saver(max_to_keep=1)
    with contextlib.ExitStack() as stack:
        session = stack.enter_context(tf.Session(config=session_config(threads)))
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(threads or 1))
        session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
        if initialise is not None:
            initialise(session)

        callables = {}  # a callable costs a step less than session.run does

        def step(feed, *fetches):
            key = fetches, tuple(feed)
            if key not in callables:
                callables[key] = session.make_callable(list(fetches), list(feed))
            return callables[key](*[np.asarray(value, tensor.dtype.as_numpy_dtype)
                                    for tensor, value in feed.items()])[1:]

        def save():
            _check_finite(session.run(loss, feed), steps, learning_rate, model_dir)
            saver.save(session, os.path.join(model_dir, "model.ckpt"), tf.train.get_global_step(),
                       write_meta_graph=False)

        display = _Progress(num_units, unit)
        start = saved = looked = time.time()
        start_cpu = time.process_time()
        look_seconds = apart = apart_cpu = 0.0  # apart: what was not training
        steps, progress, history, running, validations = 0, 0.0, [], [], []
        best, best_number, judge_from = -math.inf, 0, 1 / validation.times if validation else math.inf
        batches = iter(batches)
        while True:
            # The pool makes the steps of a round while this thread makes the batches of the next.
            earlier, running = running, []
            judged = False
            try:
                for feed, progress_after in itertools.islice(batches, _ROUND):
                    feed[progress_before] = progress
                    fetches = (train_op,) if running else (train_op, shown_loss)
                    running.append(pool.submit(step, feed, *fetches))
                    progress = progress_after
                    judged = progress >= judge_from - 1e-9
                    if judged:
                        break
                now = time.time()
                look = held_out_loss is None or not history or (
                    _LOOK_SHARE * (now - looked) > look_seconds)
                due = validation is None and now - saved > save_seconds
                pause = look or due or judged or not running
                for futures in (earlier, running) if pause else (earlier,):
                    values = [future.result() for future in futures]
                    if values:
                        value, = values[0]
                        _check_finite(value, steps + 1, learning_rate, model_dir)
                        steps += len(values)
            except BaseException:
                for future in earlier + running:
                    future.cancel()
                raise
            if not running:
                break
            if pause:
                running = []
            now, cpu = time.time(), time.process_time()
            if look:
                if held_out_loss is not None:
                    value = held_out_loss(session)
                looked = time.time()
                look_seconds = looked - now
                history.append((int(round(progress * num_units)), now - start - apart, value))
            display.show(progress, history[-1][2])
            if judged:
                _check_finite(session.run(loss, feed), steps, learning_rate, model_dir)
                judge_from = (math.floor(progress * validation.times + 1e-9) + 1) / validation.times
                score = validation.score(session)
                validations.append((int(round(progress * num_units)), now - start - apart, score))
                if score > best or not best_number:
                    best, best_number = max(best, score), len(validations)
                    save()
                apart += time.time() - now
                apart_cpu += time.process_time() - cpu
                if validation.patience and len(validations) - best_number >= validation.patience:
                    break
            if due:
                save()
                saved = time.time()
        checks.argument(steps, "train", "batches", "one batch or more", 0)
        seconds = time.time() - start - apart
        cpu_seconds = time.process_time() - start_cpu - apart_cpu
        last = session.run(shown_loss, feed) if held_out_loss is None else held_out_loss(session)
        history.append((int(round(progress * num_units)), seconds, last))
        display.close(last, progress)
        if not validations:
            save()
    units = int(round(progress * num_units))
    return TrainingResult(seconds, cpu_seconds, steps, units, units / seconds, history, validations)


@contextlib.contextmanager
def restored_session(model_dir):
    """A session on the default graph with the variables of the newest checkpoint in `model_dir`."""
    with tf.Session(config=session_config()) as session:
        tf.train.Saver().restore(session, tf.train.latest_checkpoint(model_dir))
        yield session


def mean_in_blocks(session, values, feed, block=256):
    """The mean of `values` over all rows of `feed`, a block of rows at a time: memory is bounded.

    Args:
      session: tf.Session.
      values: float [B], one per row fed.
      feed: dict of placeholder -> array, all of one length.
      block: integer, rows at a time.

    Returns:
      float; NaN where there are no rows.
    """
    size = len(next(iter(feed.values())))
    total = 0.0
    for begin in range(0, size, block):
        rows = {key: array[begin:begin + block] for key, array in feed.items()}
        total += float(np.sum(session.run(values, rows), dtype=np.float64))
    return total / size if size else math.nan


def ratio_of_sums(session, total, weight, feeds):
    """Sum of `total` over sum of `weight`, over all feeds: a weighted mean in pieces of bounded memory.

    Args:
      session: tf.Session.
      total, weight: float scalars.
      feeds: list of feed_dicts.

    Returns:
      float; NaN where the weights sum to 0.
    """
    totals, weights = np.sum([session.run([total, weight], feed) for feed in feeds] or [(0, 0)], axis=0,
                             dtype=np.float64)
    return float(totals / weights) if weights else math.nan


def num_cores():
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def write_metrics(path, metrics):
    """Writes `metrics`, and the versions of what ran, as JSON; a number that is not finite is null."""
    versions = {"python": platform.python_version(), "tensorflow": tf.VERSION,
                "numpy": np.__version__, "tf1_sampled": tf1_sampled.__version__}
    with files.writing(path) as stream:
        json.dump(_plain(dict(metrics, versions=versions)), stream, indent=2, sort_keys=True,
                  allow_nan=False)
        stream.write("\n")


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value


def _check_finite(loss, step, learning_rate, model_dir):
    if np.isfinite(loss):
        return
    kept = tf.train.latest_checkpoint(model_dir)
    raise checks.InputError(
        "train: loss: wanted a finite number, got %s at step %d; learning_rate = %g may be too large, "
        "for steps of this size. Last checkpoint: %s" % (loss, step, learning_rate, kept or "none yet"))


class _Progress:
    """Speed, loss and time left on standard error: a bar on a terminal, else a line now and then."""

    def __init__(self, num_units, unit, stream=None, seconds_between_lines=10):
        self._stream = stream or sys.stderr
        self._num_units, self._unit = num_units, unit
        self._between = seconds_between_lines
        self._start = self._last = time.time()
        self._bar = None
        if self._stream.isatty():
            self._bar = tqdm.tqdm(total=num_units, unit=" " + unit, unit_scale=True, file=self._stream,
                                  dynamic_ncols=True)

    def show(self, progress, loss):
        """`progress` in [0, 1] of the work is done."""
        if self._bar is not None:
            self._bar.set_postfix_str("loss %.3f" % loss, refresh=False)
            self._bar.update(int(progress * self._num_units) - self._bar.n)
        elif 0 < progress < 1 and time.time() - self._last > self._between:
            self._last = time.time()
            self._line(progress, loss)

    def close(self, loss, progress=1.0):
        """The work ended, at `progress` of it."""
        self.show(progress, loss)
        if self._bar is not None:
            self._bar.close()
        else:
            self._line(progress, loss)

    def _line(self, progress, loss):
        seconds = time.time() - self._start
        print("%3d%% of %s %s, %s %s/s, loss %.3f, %d s left" % (
            100 * progress, format(self._num_units, ","), self._unit,
            format(int(progress * self._num_units / seconds), ","), self._unit, loss,
            seconds / progress - seconds), file=self._stream, flush=True)
