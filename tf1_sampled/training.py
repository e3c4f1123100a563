"""A loss in, a trained checkpoint out: the training step, the session, progress, going on.

    result = train(loss, shown_loss, make_optimizer, learning_rate, batches, ..., model_dir)
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
from tf1_sampled import checkpoints, checks, files, summaries

TrainingResult = collections.namedtuple(
    "TrainingResult", "seconds cpu_seconds steps units units_per_second history validations is_whole")
TrainingResult.__doc__ = """What a training took.

  seconds: float, of training alone, without building the graph, validations and the last checkpoint.
  cpu_seconds: float, of all cores in that time.
  steps: integer.
  units: integer, of progress (words, examples).
  units_per_second: float.
  history: list of (units, seconds, loss), the losses that were shown on the way and at the end.
  validations: list of (units, seconds, score, record), what the Validation gave.
  is_whole: boolean, False where it was asked to stop before.
"""

Validation = collections.namedtuple("Validation", "score times patience")
Validation.__doc__ = """How a training is judged on the way, to keep the best of its checkpoints.

  score: function of the session and of which validation it is, from 1 on -> (float, record): the higher
    the better, on data that is not trained on; and what else is to be known of it, as of JSON.
  times: integer, how often, evenly spread over the training: once an epoch, say.
  patience: integer, the training ends after so many scores in a row that were not better; 0 for never.
"""

_ROUND = 50  # steps between two looks at the loss: what the step itself needs is less than it
_LOOK_SHARE = 0.02  # of the time, at most, for looks at the held-out loss
_STEP_SEEDS = "tf1_sampled/step_seeds"  # collection of (tensor, seed)


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
    return _apply(optimizer, _gradients(loss, optimizer))


def _gradients(loss, optimizer):
    gradients = optimizer.compute_gradients(loss, tf.trainable_variables())
    untouched = [variable.op.name for gradient, variable in gradients if gradient is None]
    checks.argument(not untouched, "minimize", "loss", "one that depends on every trainable variable",
                    "none on " + ", ".join(untouched))
    return gradients


def _apply(optimizer, gradients):
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        return optimizer.apply_gradients(gradients, tf.train.get_or_create_global_step())


def _watched(gradients, watch):
    """{name: scalar} of what to tell of a step beside its loss."""
    gradients = [gradient for gradient, _ in gradients]
    rows = [tf.size(tf.unique(tf.reshape(gradient.indices, [-1]))[0]) for gradient in gradients
            if isinstance(gradient, tf.IndexedSlices)]
    watched = dict(watch or {}, gradient_norm=tf.global_norm(gradients))
    if rows:
        watched["rows_touched"] = tf.add_n(rows)
    return watched


def step_seed(seed):
    """A seed for draws (of samplers, say) that `train` makes another one in each step.

    It depends on `seed` and the number of the step alone, so that a training that goes on draws what
    it would have drawn. Outside of `train` it is that of step 0.

    Args:
      seed: integer, not negative.

    Returns:
      int64 [2]; distributions.fold_in gives more of it.
    """
    tensor = tf.placeholder_with_default(tf.constant([seed, 0], tf.int64), [2], "step_seed")
    tf.add_to_collection(_STEP_SEEDS, (tensor, seed))
    return tensor


def train(loss, shown_loss, make_optimizer, learning_rate, batches, num_units, unit, model_dir,
          decay="linear", threads=None, held_out_loss=None, save_seconds=600, keep=2, validation=None,
          initialise=None, watch=None, profile_step=None, stop=lambda: False, report=print):
    """Trains over `batches`, from where a training in `model_dir` ended if there was one.

    The loss is looked at every 50 steps, and before each checkpoint on the values to be saved; a
    loss that is not finite stops the training, with the last checkpoint as it was.

    With several threads as many steps are under way at a time, without locks, each on the values
    that it finds (Recht et al. 2011, "Hogwild!"). With one, the same seeds give the same values,
    whether the training is interrupted or not: a checkpoint holds, beside all variables, the position
    in the data and what was measured so far.

    TensorBoard finds in `model_dir` loss, held_out_loss, units_per_second, gradient_norm (of all uses
    of a row by themselves), rows_touched (in how many rows of all tables a step is made), what `watch`
    has, and the validations.

    Args:
      loss: float scalar, to be minimised.
      shown_loss: float scalar, to be shown (per word, per example).
      make_optimizer: learning rate (float scalar tensor) -> tf.train.Optimizer; see OPTIMIZERS.
      learning_rate: float above 0, at the start.
      batches: function of a position, or None for the beginning, that gives an iterator of (feed_dict,
        progress, position): progress a float in (0, 1] after the batch, and position what
        `batches` wants to go on after it, numbers in tuples or arrays.
      num_units: integer, units of progress in all of `batches`.
      unit: string, what they are called ("words").
      model_dir: string, folder for the checkpoints, in which nobody else is; see model_dir.ModelDir.
      decay: "linear", the learning rate falls to 0; or "none", it stays.
      threads: integer, steps at a time; or None, one that TensorFlow divides among the cores.
      held_out_loss: None, or a function of the session that returns a float: the loss to show
        instead, as often as takes 2% of the time.
      save_seconds: float, seconds between checkpoints; one more is made at the end.
      keep: integer, how many of the newest checkpoints stay, beside the best by validation.
      validation: None, or a Validation: then checkpoints.chosen is that of the best score.
      initialise: None, or a function of the session that gives variables other values to start from.
      watch: None, or {name: scalar}, more to tell TensorBoard.
      profile_step: None, or integer: the trace of this step, counted from 0, goes to trace-<step>.json.
      stop: function that tells whether to end before all is done: asked after each batch.
      report: function of a line of text for the user.

    Returns:
      TrainingResult, of all parts of the training together.

    Raises:
      InputError: a learning rate <= 0, no batch at all, a loss that is not finite, a checkpoint that
        cannot be written, or only damaged ones to go on from.
    """
    checks.argument(learning_rate > 0, "train", "learning_rate", "a number above 0", learning_rate)
    checks.one_of("train", "decay", decay, {"linear", "none"})
    # The rate's own placeholder, so that models and inputs need not know that it falls.
    progress_before = tf.placeholder_with_default(0.0, [], "progress")
    left = tf.maximum(1 - progress_before, 1e-4) if decay == "linear" else tf.constant(1.0)
    optimizer = make_optimizer(learning_rate * left)
    gradients = _gradients(loss, optimizer)
    train_op = _apply(optimizer, gradients)
    watched = _watched(gradients, watch)
    looked_at = (train_op, shown_loss) + tuple(watched.values())
    seeds = tf.get_collection(_STEP_SEEDS)
    saved = _SavedProgress()
    initializer = tf.global_variables_initializer()
    store = checkpoints.Checkpoints(model_dir, keep, report)
    tf.add_to_collection(tf.GraphKeys.SAVERS, store.saver)  # the graph is final from here on

    def start(_, session):
        path = store.restore(session)
        if path is not None:
            report("Going on from %s" % path)
            return
        session.run(initializer)
        if initialise is not None:
            initialise(session)

    def run(session, pool, stack):
        done = saved.read(session, num_units)
        clock = _Clock(done.seconds, done.cpu_seconds)
        callables = {}  # a callable costs a step less than session.run does
        feeds, feed, running = iter(batches(done.position)), None, []
        submitted, progress, position = done.steps, done.progress, done.position

        def step(number, feed, *fetches):
            if number == profile_step:
                path = os.path.join(model_dir, "trace-%d.json" % number)
                return summaries.traced_run(session, list(fetches), feed, path)[1:]
            key = fetches, tuple(feed)
            if key not in callables:
                callables[key] = session.make_callable(list(fetches), list(feed))
            return callables[key](*[np.asarray(value, tensor.dtype.as_numpy_dtype)
                                    for tensor, value in feed.items()])[1:]

        def check_finite(value, number):
            if not np.isfinite(value):
                raise checks.InputError(
                    "train: loss: wanted a finite number, got %s at step %d; learning_rate = %g may be "
                    "too large, for steps of this size. Last checkpoint: %s" % (
                        value, number, learning_rate,
                        tf.train.latest_checkpoint(model_dir) or "none yet"))

        def save(is_best=False):
            if feed is not None:
                check_finite(session.run(loss, feed), done.steps)
            done.seconds, done.cpu_seconds = clock.read()
            saved.write(session, done)
            store.save(session, done.steps, is_best)

        def units():
            return int(round(progress * num_units))

        told = stack.enter_context(summaries.Summaries(model_dir, done.steps))
        display = _Progress(num_units, unit, progress)
        saved_time = looked = time.time()
        look_seconds = 0.0
        judge_from = _next_multiple(progress, validation)
        is_stopped = stop()
        while not is_stopped and not _is_hopeless(done.validations, validation):
            # The pool makes the steps of a round while this thread makes the batches of the next.
            earlier, running = running, []
            judged = False
            try:
                for feed, progress_after, position_after in itertools.islice(feeds, _ROUND):
                    feed[progress_before] = progress
                    feed.update((tensor, [seed, submitted]) for tensor, seed in seeds)
                    fetches = (train_op,) if running else looked_at
                    running.append(pool.submit(step, submitted, feed, *fetches))
                    progress, position = progress_after, position_after
                    submitted += 1
                    judged = progress >= judge_from - 1e-9
                    is_stopped = stop()
                    if judged or is_stopped:
                        break
                now = time.time()
                look = held_out_loss is None or not done.history or (
                    _LOOK_SHARE * (now - looked) > look_seconds)
                due = now - saved_time > save_seconds
                pause = look or due or judged or is_stopped or not running
                for futures in (earlier, running) if pause else (earlier,):
                    values = [future.result() for future in futures]
                    if values:
                        value, *others = values[0]
                        check_finite(value, done.steps + 1)
                        done.steps += len(values)
            except BaseException:
                for future in earlier + running:
                    future.cancel()
                raise
            is_last = not running
            if pause:
                running = []
                done.progress, done.position = progress, position
            if is_last:
                break
            if look:
                now, seconds = time.time(), clock.read()[0]
                numbers = dict(zip(watched, others), loss=value, units_per_second=units() / seconds)
                if held_out_loss is not None:
                    value = numbers["held_out_loss"] = held_out_loss(session)
                looked = time.time()
                look_seconds = looked - now
                told.add(done.steps, numbers)
                done.history.append((units(), seconds, float(value)))
            display.show(progress, done.history[-1][2])
            if judged:
                with clock.stopped():
                    check_finite(session.run(loss, feed), done.steps)
                    judge_from = _next_multiple(progress, validation)
                    score, record = validation.score(session, len(done.validations) + 1)
                    done.validations.append((units(), clock.read()[0], score, record))
                    told.add(done.steps, {"validation": dict(record, score=score)})
                    if _best(done.validations) == len(done.validations) - 1:
                        save(is_best=True)
            if due:
                save()
                saved_time = time.time()
        checks.argument(done.steps or is_stopped, "train", "batches", "one batch or more", 0)
        seconds, cpu_seconds = clock.read()
        if feed is not None:
            last = held_out_loss(session) if held_out_loss else session.run(shown_loss, feed)
            display.close(last, progress)
            if not is_stopped:
                done.history.append((units(), seconds, float(last)))
        save()
        return TrainingResult(seconds, cpu_seconds, done.steps, units(), units() / seconds, done.history,
                              done.validations, not is_stopped)

    scaffold = tf.train.Scaffold(init_op=tf.no_op(), init_fn=start, saver=store.saver)
    with tf.train.MonitoredTrainingSession(
            scaffold=scaffold, config=session_config(threads), save_checkpoint_secs=None,
            save_summaries_steps=None, log_step_count_steps=None) as session:
        with contextlib.ExitStack() as stack:
            pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(threads or 1))
            return session.run_step_fn(lambda step_context: run(step_context.session, pool, stack))


class _Done:
    """What a training has done so far, beside the values of the variables."""

    def __init__(self):
        self.steps = 0
        self.progress = 0.0
        self.position = None
        self.num_units = None
        self.seconds = self.cpu_seconds = 0.0
        self.history, self.validations = [], []  # as of TrainingResult


class _SavedProgress:
    """A _Done as JSON in a variable, so that a checkpoint holds both or neither."""

    def __init__(self):
        self._text = tf.Variable("", trainable=False, use_resource=True, name="training_progress")
        self._given = tf.placeholder(tf.string, [])
        self._write = tf.assign(self._text, self._given)

    def write(self, session, done):
        """Gives the variable its value."""
        session.run(self._write.op, {self._given: json.dumps(
            vars(done), default=lambda value: value.tolist())})  # of NumPy

    def read(self, session, num_units):
        """The _Done of the variable, as progress in `num_units`, which may be others than before."""
        done = _Done()
        vars(done).update(json.loads(session.run(self._text) or "{}"))
        done.history, done.validations = (list(map(tuple, x)) for x in (done.history, done.validations))
        if done.num_units != num_units:
            done.progress = min(done.progress * (done.num_units or 0) / num_units, 1.0)
            done.num_units = num_units
        return done


class _Clock:
    """Seconds, and CPU seconds, without those while it was stopped.

    Args:
      seconds, cpu_seconds: floats, to start from.
    """

    def __init__(self, seconds, cpu_seconds):
        self._stopped_at = None
        self._start = time.time() - seconds, time.process_time() - cpu_seconds

    def read(self):
        """(seconds, cpu_seconds)."""
        return self._stopped_at or (time.time() - self._start[0], time.process_time() - self._start[1])

    @contextlib.contextmanager
    def stopped(self):
        """Stands still meanwhile."""
        self._stopped_at = seconds, cpu_seconds = self.read()
        try:
            yield
        finally:
            self._stopped_at = None
            self._start = time.time() - seconds, time.process_time() - cpu_seconds


def _next_multiple(progress, validation):
    """The progress from which on to validate next."""
    if validation is None:
        return math.inf
    return (math.floor(progress * validation.times + 1e-9) + 1) / validation.times


def _best(validations):
    """Which of the validations, not empty, is the first of the best score."""
    scores = [score for _, _, score, _ in validations]
    return max(range(len(scores)), key=lambda i: (scores[i] == scores[i], scores[i], -i))


def _is_hopeless(validations, validation):
    """Whether the latest scores were not better often enough to end the training."""
    return bool(validations and validation and validation.patience
                and len(validations) - 1 - _best(validations) >= validation.patience)


@contextlib.contextmanager
def restored_session(model_dir):
    """A session on the default graph with the variables of checkpoints.chosen(model_dir)."""
    savers = tf.get_collection(tf.GraphKeys.SAVERS)  # that of `train`, as the graph may be final
    with tf.Session(config=session_config()) as session:
        (savers[0] if savers else tf.train.Saver()).restore(session, checkpoints.chosen(model_dir))
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


class _Progress:
    """Speed, loss and time left on standard error: a bar on a terminal, else a line now and then."""

    def __init__(self, num_units, unit, progress=0.0, stream=None, seconds_between_lines=10):
        self._stream = stream or sys.stderr
        self._num_units, self._unit = num_units, unit
        self._between = seconds_between_lines
        self._start = self._last = time.time()
        self._progress = progress  # at the start
        self._bar = None
        if self._stream.isatty():
            self._bar = tqdm.tqdm(total=num_units, unit=" " + unit, unit_scale=True, file=self._stream,
                                  dynamic_ncols=True, initial=int(progress * num_units))

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
        speed = (progress - self._progress) / (time.time() - self._start)
        print("%3d%% of %s %s, %s %s/s, loss %.3f, %d s left" % (
            100 * progress, format(self._num_units, ","), self._unit,
            format(int(speed * self._num_units), ","), self._unit, loss,
            (1 - progress) / speed if speed else 0), file=self._stream, flush=True)
