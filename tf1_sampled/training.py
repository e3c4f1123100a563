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
import time
import uuid

import numpy as np
import tensorflow.compat.v1 as tf

import tf1_sampled
from tf1_sampled import checkpoints, checks, distributed, files, summaries
from tf1_sampled import progress as progress_lib

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

STEPS_OF_A_PIECE = 50  # of work on a cluster, more or less: taking one is a call over the network

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
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    global_step = tf.train.get_or_create_global_step()
    if isinstance(optimizer, tf.train.SyncReplicasOptimizer):
        # What it makes to apply runs in a step of its own, in which nothing is fed.
        return tf.group(optimizer.apply_gradients(gradients, global_step), *updates)
    with tf.control_dependencies(updates):
        return optimizer.apply_gradients(gradients, global_step)


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
          initialise=None, watch=None, profile_step=None, stop=lambda: False, report=print,
          cluster=None, num_pieces=1, fingerprint=""):
    """Trains over `batches`, from where a training in `model_dir` ended if there was one.

    The loss is looked at every 50 steps, and before each checkpoint on the values to be saved; a
    loss that is not finite stops the training, with the last checkpoint as it was.

    With several threads as many steps are under way at a time, without locks, each on the values
    that it finds (Recht et al. 2011, "Hogwild!"). With one, the same seeds give the same values,
    whether the training is interrupted or not: a checkpoint holds, beside all variables, the position
    in the data and what was measured so far.

    On a cluster each worker calls this with the same graph, built after distributed.cut_tables. The work
    is cut into pieces, of which each worker takes the next when it is done with one. Where a parameter
    server is lost, all wait until it is back, and go on from the last checkpoint. What is shown, saved
    and validated is the chief's matter, who ends when no worker has work. A checkpoint goes on anywhere:
    on one machine, or on any cluster.

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
        `batches` wants to go on after it, numbers in tuples or arrays. Where there is no position,
        batches(None, begin, end) gives those of that share of the work, floats in 0 .. 1.
      num_units: integer, units of progress in all of `batches`.
      unit: string, what they are called ("words").
      model_dir: string, folder for the checkpoints, in which nobody else is; see model_dir.ModelDir.
        Only the chief of a cluster reads it.
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
      cluster: None, or the cluster.Cluster of this worker.
      num_pieces: integer, into how many pieces a cluster cuts the work, the same on all its machines:
        STEPS_OF_A_PIECE each, say.
      fingerprint: string, of the settings and the data, which all workers of a cluster have to share.

    Returns:
      TrainingResult, of all parts of the training together; of a worker that is not the chief, its own.

    Raises:
      InputError: a learning rate <= 0, no batch at all, a loss that is not finite, a checkpoint that
        cannot be written, only damaged ones to go on from, or a worker of another fingerprint.
    """
    checks.argument(learning_rate > 0, "train", "learning_rate", "a number above 0", learning_rate)
    checks.one_of("train", "decay", decay, {"linear", "none"})
    checks.positive("train", "num_pieces", num_pieces)
    # A resource: what SyncReplicasOptimizer reads after a step is then the value after it.
    with tf.variable_scope(tf.get_variable_scope(), use_resource=True):
        global_step = tf.train.get_or_create_global_step()
    work = distributed.Work(cluster, num_pieces) if cluster else None
    is_chief = cluster is None or cluster.is_chief
    # The rate's own placeholder, so that models and inputs need not know that it falls.
    progress_before = tf.placeholder_with_default(work.progress if work else 0.0, [], "progress")
    left = tf.maximum(1 - progress_before, 1e-4) if decay == "linear" else tf.constant(1.0)
    optimizer, together = make_optimizer(learning_rate * left), None
    if cluster and cluster.is_sync:
        optimizer = tf.train.SyncReplicasOptimizer(
            optimizer, len(cluster.worker_hosts), len(cluster.worker_hosts))
        threads = 1  # a step ends when those of all workers do
    gradients = _gradients(loss, optimizer)
    train_op = _apply(optimizer, gradients)
    if cluster and cluster.is_sync:
        together = distributed.Together(cluster, optimizer)
    watched = _watched(gradients, watch)
    looked_at = (train_op, shown_loss) + tuple(watched.values())
    seeds = tf.get_collection(_STEP_SEEDS)
    # What may change from one run to the next must be the same for all workers of one, too.
    saved = _SavedProgress("%s (%d %s in %d pieces, learning_rate %g)" % (
        fingerprint, num_units, unit, num_pieces, learning_rate))
    initializer = tf.global_variables_initializer()
    store = checkpoints.Checkpoints(model_dir, keep, report) if is_chief else None
    if is_chief:
        tf.add_to_collection(tf.GraphKeys.SAVERS, store.saver)  # the graph is final from here on

    def start(_, session):
        """Gives the variables their values, where they have none."""
        is_there = work and work.is_ready(session) and saved.is_of(session, model_dir)
        path = None if is_there else store.restore(session)
        if is_there:
            report("Going on with what the parameter servers have")
        elif path is None:
            initial_values(session)
        elif not (work and path.endswith("-0")):  # the initial values, made a moment ago
            report("Going on from %s" % path)
        if work:
            done = saved.read(session, num_units)
            saved.write(session, done)  # with the fingerprint of now
            if not is_there:
                work.begin(session, done.progress)

    def initial_values(session):
        session.run(initializer)
        if initialise is not None:
            initialise(session)
        saved.write(session, _Done())

    def run(session, pool, stack):
        done = saved.read(session, num_units)
        if not is_chief:
            saved.check(done)
        clock = progress_lib.Clock(done.seconds, done.cpu_seconds)
        callables = {}  # a callable costs a step less than session.run does
        feed, running, progress, position = None, [], done.progress, done.position
        if work:
            done.steps = int(session.run(global_step))
            feeds = _feeds_of_shares(batches, work.take(session))
        elif position is None and progress:
            feeds = iter(batches(None, progress, 1.0))
        else:
            feeds = iter(batches(position))
        submitted = done.steps
        # Draws of their own for each step of each worker.
        apart, mine = (len(cluster.worker_hosts), cluster.task_index) if cluster else (1, 0)

        def step(number, feed, *fetches):
            if number == profile_step and is_chief:
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
                        is_chief and tf.train.latest_checkpoint(model_dir) or "none yet"))

        def save(is_best=False):
            if feed is not None:
                check_finite(session.run(loss, feed), done.steps)
            done.seconds, done.cpu_seconds = clock.read()
            if work:
                done.progress, done.position = work.done(session), None
                done.steps = int(session.run(global_step))
            saved.write(session, done)
            store.save(session, done.steps, is_best)

        def units():
            return int(round(progress * num_units))

        def judge():
            with clock.stopped():
                check_finite(session.run(loss, feed), done.steps)
                score, record = validation.score(session, len(done.validations) + 1)
                done.validations.append((units(), clock.read()[0], score, record))
                told.add(done.steps, {"validation": dict(record, score=score)})
                if _best(done.validations) == len(done.validations) - 1:
                    save(is_best=True)

        if is_chief:
            told = stack.enter_context(summaries.Summaries(model_dir, done.steps))
            display = progress_lib.Display(num_units, unit, progress)
        saved_time = looked = time.time()
        look_seconds = 0.0
        # What was restored may be of before the last validation.
        judged_at = done.validations[-1][0] / num_units if done.validations else 0
        judge_from = _next_multiple(max(progress, judged_at), validation) if is_chief else math.inf
        is_stopped = stop()
        while not is_stopped and not _is_hopeless(done.validations, validation):
            # The pool makes the steps of a round while this thread makes the batches of the next.
            earlier, running = running, []
            judged = False
            try:
                for feed, progress_after, position_after in itertools.islice(feeds, _ROUND):
                    feed[progress_before] = progress
                    feed.update((tensor, [seed, submitted * apart + mine]) for tensor, seed in seeds)
                    fetches = (train_op,) if running else looked_at
                    running.append(pool.submit(step, submitted, feed, *fetches))
                    progress, position = progress_after, position_after
                    submitted += 1
                    judged = progress >= judge_from - 1e-9
                    is_stopped = stop()
                    if judged or is_stopped:
                        break
                now = time.time()
                look = is_chief and (held_out_loss is None or not done.history or (
                    _LOOK_SHARE * (now - looked) > look_seconds))
                due = is_chief and now - saved_time > save_seconds
                pause = look or due or judged or is_stopped or not running
                if is_stopped and together:
                    together.leave(session, earlier + running)
                for futures in (earlier, running) if pause else (earlier,):
                    values = [future.result() for future in futures if not future.cancelled()]
                    if values:
                        value, *others = values[0]
                        check_finite(value, done.steps + 1)
                        done.steps += len(values)
            except BaseException:
                if together:
                    together.leave(session, earlier + running)
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
            if is_chief:
                display.show(progress, done.history[-1][2])
            if judged:
                judge()
                judge_from = _next_multiple(progress, validation)
            if due:
                save()
                saved_time = time.time()
        checks.argument(done.steps or is_stopped or work, "train", "batches", "one batch or more", 0)
        if work:
            if feed is None:  # the others had done it all
                feed = next(iter(batches(None)))[0]
            if not is_stopped and is_chief:
                work.stop(session)  # it may have ended early
            if not is_stopped or not is_chief:
                work.give_back(session)
            idle = None
            for _ in work.wait_for_others(session, lambda: is_stopped or stop()):
                if together and (idle is None or idle.done()):  # others wait for a step of this worker
                    idle = pool.submit(step, submitted, feed, train_op)
            if together:
                together.leave(session, [idle] if idle else [])
            if is_chief and not is_stopped:
                progress = 1.0
                is_hopeless = _is_hopeless(done.validations, validation)
                if judge_from <= 1 and not is_hopeless:
                    judge()  # the last pieces were the others'
        seconds, cpu_seconds = clock.read()
        if is_chief:
            if feed is not None:
                last = held_out_loss(session) if held_out_loss else session.run(shown_loss, feed)
                display.close(last, progress)
                if not is_stopped:
                    done.history.append((units(), seconds, float(last)))
            save()
        return TrainingResult(seconds, cpu_seconds, done.steps, units(), units() / seconds, done.history,
                              done.validations, not is_stopped)

    config = session_config(threads)
    server = None
    if cluster:
        config = distributed.session_config(tf.ConfigProto(allow_soft_placement=True), cluster)
        server = distributed.start_server(cluster, report)
        if is_chief and tf.train.latest_checkpoint(model_dir) is None:
            # Made here: initial values may be in the memory of this process, which no server has.
            with tf.Session(config=session_config()) as session:
                initial_values(session)
                store.save(session, 0)
    scaffold = tf.train.Scaffold(init_op=tf.no_op(), init_fn=start, saver=store and store.saver)
    scaffold.finalize()

    def guarded(session, pool, stack):
        with distributed.losses_told():
            return run(session, pool, stack)

    def attempt():
        with tf.train.MonitoredTrainingSession(
                master=server.target if server else "", is_chief=is_chief, scaffold=scaffold,
                hooks=[together] if together else None, config=config, stop_grace_period_secs=2,
                save_checkpoint_secs=None, save_summaries_steps=None,
                log_step_count_steps=None) as session, contextlib.ExitStack() as stack:
            pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(threads or 1))
            return session.run_step_fn(
                lambda step_context: guarded(step_context.session, pool, stack))

    if not cluster:
        return attempt()
    with distributed.placed(tf.get_default_graph(), cluster, work.variables):
        result = distributed.until_done(attempt, work, server, config, stop, report)
        if together:
            together.join()
        if is_chief and result and result.is_whole:
            distributed.end_servers(cluster, server)
    return result or TrainingResult(0.0, 0.0, 0, 0, 0.0, [], [], False)


def _feeds_of_shares(batches, shares):
    for begin, end in shares:
        yield from batches(None, begin, end)


class _Done:
    """What a training has done so far, beside the values of the variables."""

    def __init__(self):
        self.training = uuid.uuid4().hex  # which one it is
        self.fingerprint = ""
        self.steps = 0
        self.progress = 0.0
        self.position = None
        self.num_units = None
        self.seconds = self.cpu_seconds = 0.0
        self.history, self.validations = [], []  # as of TrainingResult


class _SavedProgress:
    """A _Done as JSON in a variable, so that a checkpoint holds both or neither."""

    def __init__(self, fingerprint):
        self._fingerprint = fingerprint
        self._text = tf.Variable("", trainable=False, use_resource=True, name="training_progress")
        self._given = tf.placeholder(tf.string, [])
        self._write = tf.assign(self._text, self._given)

    def write(self, session, done):
        """Gives the variable its value."""
        done.fingerprint = self._fingerprint
        session.run(self._write.op, {self._given: json.dumps(
            vars(done), default=lambda value: value.tolist())})  # of NumPy

    def read(self, session, num_units):
        """The _Done of the variable, as progress in `num_units`, which may be others than before."""
        done = _Done()
        vars(done).update(json.loads(session.run(self._text)))
        done.history, done.validations = (list(map(tuple, x)) for x in (done.history, done.validations))
        if done.num_units != num_units:
            done.progress = min(done.progress * (done.num_units or 0) / num_units, 1.0)
            done.num_units = num_units
        return done

    def check(self, done):
        """Raises InputError where `done` is of a training of other settings or data than this one."""
        checks.argument(done.fingerprint == self._fingerprint, "train", "fingerprint",
                        "the settings and the data of the chief, %s" % done.fingerprint,
                        self._fingerprint)

    def is_of(self, session, model_dir):
        """Whether the variable has a training of which model_dir has a checkpoint."""
        path = tf.train.latest_checkpoint(model_dir)
        if path is None:
            return False
        try:
            text = tf.train.load_checkpoint(path).get_tensor(self._text.op.name)
        except (ValueError, IndexError, tf.errors.OpError):
            return False  # a damaged one
        return json.loads(text)["training"] == json.loads(session.run(self._text))["training"]


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
