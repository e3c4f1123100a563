"""A loss in, a trained checkpoint out: the session, rounds of steps, progress, going on.

    result = train(Objective(loss, shown_loss), Data(batches, num_units, "words"),
                   Optimization(make_optimizer, learning_rate), Saving(model_dir))
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

import numpy as np
import tensorflow.compat.v1 as tf

import tf1_sampled
from tf1_sampled import checks
from tf1_sampled.cluster import distributed
from tf1_sampled.files import writing
from tf1_sampled.training import checkpoints, progress, summaries
from tf1_sampled.training import state as state_lib
from tf1_sampled.training import steps as steps_lib

Objective = collections.namedtuple(
    "Objective", "loss shown_loss held_out_loss watch most", defaults=(None, None, math.inf))
Objective.__doc__ = """What is trained, and what is shown of it.

  loss: float scalar, to be minimised.
  shown_loss: float scalar, to be shown (per word, per example).
  held_out_loss: None, or a function of the session that returns a float: the loss to show instead, as
    often as takes 2% of the time.
  watch: None, or {name: scalar}, more to tell TensorBoard.
  most: float, above which the loss that is shown tells that the training diverges.
"""

Data = collections.namedtuple("Data", "batches num_units unit")
Data.__doc__ = """What is trained on.

  batches: function of a position, or None for the beginning, that gives an iterator of (feed_dict,
    progress, position): progress a float in (0, 1] after the batch, and position what `batches` wants
    to go on after it, numbers in tuples or arrays. Where there is no position,
    batches(None, begin, end) gives those of that share of the work, floats in 0 .. 1.
  num_units: integer, units of progress in all of it.
  unit: string, what they are called ("words").
"""

Optimization = collections.namedtuple(
    "Optimization", "make_optimizer learning_rate decay threads", defaults=("linear", None))
Optimization.__doc__ = """How steps are made.

  make_optimizer: learning rate (float scalar tensor) -> tf.train.Optimizer; see OPTIMIZERS.
  learning_rate: float above 0, at the start.
  decay: "linear", the learning rate falls to 0; or "none", it stays.
  threads: integer, steps at a time; or None, one that TensorFlow divides among the cores.
"""

Saving = collections.namedtuple("Saving", "model_dir seconds keep", defaults=(600, 2))
Saving.__doc__ = """Where and when checkpoints are made.

  model_dir: string, folder for them, in which nobody else is; see model_dir.ModelDir. Only the chief of
    a cluster reads it.
  seconds: float, between checkpoints; one more is made at the end.
  keep: integer, how many of the newest stay, beside the best by validation.
"""

Validation = collections.namedtuple("Validation", "score times patience")
Validation.__doc__ = """How a training is judged on the way, to keep the best of its checkpoints.

  score: function of the session and of which validation it is, from 1 on -> (float, record): the higher
    the better, on data that is not trained on; and what else is to be known of it, as of JSON.
  times: integer, how often, evenly spread over the training: once an epoch, say.
  patience: integer, the training ends after so many scores in a row that were not better; 0 for never.
"""

Sharing = collections.namedtuple("Sharing", "cluster num_pieces settings")
Sharing.__doc__ = """What makes one training of those of all workers of a cluster.

  cluster: the cluster.Cluster of this worker.
  num_pieces: integer, into how many pieces the work is cut, the same for all; see num_pieces.
  settings: {name: value as of JSON} of what must be the same for all, the data included.
"""

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

_ROUND = 50  # steps between two looks at the loss: what the step itself needs is less than it
_LOOK_SHARE = 0.02  # of the time, at most, for looks at the held-out loss


def train(objective, data, optimization, saving, validation=None, initialise=None, profile_step=None,
          stop=lambda: False, report=print, sharing=None):
    """Trains over `data`, from where a training in the model_dir ended if there was one.

    The loss is looked at every 50 steps, and before each checkpoint on the values to be saved; a
    loss that is not finite, or one shown that is above `objective.most`, stops the training, with the
    last checkpoint as it was.

    With several threads as many steps are under way at a time, without locks, each on the values
    that it finds (Recht et al. 2011, "Hogwild!"). With one, the same seeds give the same values,
    whether the training is interrupted or not: a checkpoint holds, beside all variables, the position
    in the data and what was measured so far.

    On a cluster each worker calls this with the same graph, built after distributed.cut_tables. The work
    is cut into pieces, of which each worker takes the next when it is done with one. Where a parameter
    server is lost, all wait until it is back, and go on from the last checkpoint. What is shown, saved
    and validated is the chief's matter, who ends when no worker has work; the piece of a worker that is
    gone becomes the chief's. A checkpoint goes on anywhere: on one machine, or on any cluster.

    TensorBoard finds in the model_dir loss, held_out_loss, units_per_second, what steps.Step watches,
    and the validations.

    Args:
      objective: Objective.
      data: Data.
      optimization: Optimization.
      saving: Saving.
      validation: None, or a Validation: then checkpoints.chosen is that of the best score.
      initialise: None, or a function of the session that gives variables other values to start from.
      profile_step: None, or integer: the trace of this step, counted from 0, goes to trace-<step>.json.
      stop: function that tells whether to end before all is done: asked after each batch.
      report: function of a line of text for the user.
      sharing: None for a training on one machine, or Sharing.

    Returns:
      TrainingResult, of all parts of the training together; of a worker that is not the chief only
      is_whole counts.

    Raises:
      InputError: a learning rate <= 0, no batch at all, a loss that is not finite or above
        `objective.most`, a checkpoint that cannot be written, only damaged ones to go on from, fewer
        units than are done already, or a worker of other settings.
    """
    checks.argument(optimization.learning_rate > 0, "train", "learning_rate", "a number above 0",
                    optimization.learning_rate)
    checks.one_of("train", "decay", optimization.decay, {"linear", "none"})
    plan = _Plan(objective, data, optimization, saving, validation, initialise, profile_step, stop,
                 report)
    if sharing is None:
        return _Training(plan).run()
    checks.positive("train", "num_pieces", sharing.num_pieces)
    return _SharedTraining(plan, sharing).run()


_Plan = collections.namedtuple("_Plan", "objective data optimization saving validation initialise "
                               "profile_step stop report")


class _Training:
    """A training on one machine: what the graph has for it, and its session.

    Args:
      plan: _Plan.
      settings: {name: value}, to be kept with the progress.
      is_chief: boolean, whether it saves, shows and validates.
    """

    def __init__(self, plan, settings=None, is_chief=True):
        self.plan, self.is_chief = plan, is_chief
        self.step = self._make_step()
        self.saved = state_lib.SavedState(settings or {})
        self._initializer = tf.global_variables_initializer()
        self.store = None
        if is_chief:
            self.store = checkpoints.Checkpoints(plan.saving.model_dir, plan.saving.keep, plan.report)
            tf.add_to_collection(tf.GraphKeys.SAVERS, self.store.saver)  # it is final from here on
        self._scaffold = tf.train.Scaffold(init_op=tf.no_op(), init_fn=self._start,
                                           saver=self.store and self.store.saver)

    def run(self):
        """The TrainingResult."""
        return self._attempt("", steps_lib.session_config(self.plan.optimization.threads))

    def _make_step(self, wrap=lambda make_optimizer: make_optimizer, begin=0.0):
        objective, optimization = self.plan.objective, self.plan.optimization
        return steps_lib.Step(
            objective.loss, objective.shown_loss, wrap(optimization.make_optimizer),
            optimization.learning_rate, optimization.decay, begin, objective.watch)

    def _attempt(self, master, config, hooks=()):
        """What a _Run in a session of its own comes to."""
        with tf.train.MonitoredTrainingSession(
                master=master, is_chief=self.is_chief, scaffold=self._scaffold, hooks=hooks,
                config=config, stop_grace_period_secs=2, save_checkpoint_secs=None,
                save_summaries_steps=None, log_step_count_steps=None,
                ) as session, contextlib.ExitStack() as stack:
            pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(
                self.plan.optimization.threads or 1))

            def run(step_context):
                try:
                    return self._run_in(step_context.session, pool, stack)
                except (StopIteration, tf.errors.OutOfRangeError) as e:
                    # MonitoredSession would take it for the end of the data.
                    raise RuntimeError("train: %s that nobody caught: %s" % (type(e).__name__, e)) from e

            return session.run_step_fn(run)

    def _run_in(self, session, pool, stack):
        return _Run(self, session, pool, stack).run()

    def _start(self, _, session):
        """Gives the variables their values."""
        path = self.store.restore(session)
        if path is None:
            self._initialise(session)
        else:
            self.plan.report("Going on from %s" % path)

    def _initialise(self, session):
        session.run(self._initializer)
        if self.plan.initialise is not None:
            self.plan.initialise(session)
        self.saved.write(session, state_lib.State())


class _Run:
    """A training in one session: rounds of steps, and what is done between them.

    Args:
      training: _Training.
      session: tf.Session.
      pool: executor of steps.
      stack: contextlib.ExitStack, of the session.
    """

    def __init__(self, training, session, pool, stack):
        self._training, self._plan, self._session, self._pool = training, training.plan, session, pool
        self._run_step = training.step.runner(session)
        self._under_way = []  # futures of steps
        self._state = self._read_state()
        self._clock = progress.Clock(self._state.seconds, self._state.cpu_seconds)
        # Of the batches that the pool has; the state's are of those that are done.
        self._progress, self._position = self._state.progress, self._state.position
        self._submitted = self._state.steps
        self._feed = None  # of the latest batch
        self._is_stopped = self._plan.stop()
        self._judge_from = math.inf
        if training.is_chief:
            self._told = stack.enter_context(
                summaries.Summaries(self._plan.saving.model_dir, self._state.steps))
            self._display = progress.Display(*self._plan.data[1:], self._progress)
            # What was restored may be of before the last validation.
            validations = self._state.validations
            judged_at = validations[-1][0] / self._plan.data.num_units if validations else 0
            self._judge_from = _next_multiple(max(self._progress, judged_at), self._plan.validation)
        self._saved_time = self._looked_time = time.time()
        self._look_seconds = 0.0

    def run(self):
        """Trains to the end, or until it is to stop; the TrainingResult."""
        self._make_rounds(self._feeds())
        checks.argument(self._submitted or self._is_stopped, "train", "batches", "one batch or more", 0)
        return self._end()

    # What a cluster does otherwise.

    def _read_state(self):
        return self._training.saved.read(self._session, self._plan.data.num_units)

    def _feeds(self):
        batches = self._plan.data.batches
        if self._position is None and self._progress:
            return batches(None, self._progress, 1.0)
        return batches(self._position)

    def _number_of_draws(self):
        """For the draws of the next step."""
        return self._submitted

    def _mark(self):
        """The state is that of the batches that the pool had: all are done."""
        self._state.progress, self._state.position = self._progress, self._position

    def _leave(self):
        """The steps under way are to be the last."""

    # Rounds.

    def _make_rounds(self, feeds):
        """Makes the steps of all feeds, unless it is to stop.

        The pool makes the steps of a round while this thread makes the batches of the next.
        """
        feeds, running = iter(feeds), []
        while not self._is_stopped and not self._is_hopeless():
            earlier, running = running, []
            try:
                is_judged = self._submit_round(feeds, running)
                is_looked_at, is_saved = self._is_due() if self._training.is_chief else (False, False)
                is_pause = is_looked_at or is_saved or is_judged or self._is_stopped or not running
                if self._is_stopped:
                    self._leave()
                told = self._finish(earlier)
                if is_pause:
                    told = self._finish(running) or told
            except BaseException:
                self._leave()
                for future in self._under_way:
                    future.cancel()
                raise
            if is_pause:
                self._mark()
                if not running:
                    break
                running = []
            if is_looked_at and told:
                self._look(told)
            if self._training.is_chief and self._state.history:
                self._display.show(self._progress, self._state.history[-1][2])
            if is_judged:
                self._judge()
            if is_saved:
                self._save()
                self._saved_time = time.time()

    def _submit_round(self, feeds, running):
        """Hands the pool some steps, whose futures go to `running`; whether to validate after them."""
        is_judged = False
        for feed, progress_after, position_after in itertools.islice(feeds, _ROUND):
            self._feed = self._training.step.with_progress(
                feed, self._progress, self._number_of_draws())
            is_traced = self._submitted == self._plan.profile_step and self._training.is_chief
            trace_to = self._trace_path() if is_traced else None
            running.append(self._pool.submit(self._run_step, self._feed, not running, trace_to))
            self._under_way.append(running[-1])
            self._progress, self._position = max(self._progress, progress_after), position_after
            self._submitted += 1
            is_judged = self._progress >= self._judge_from - 1e-9
            self._is_stopped = self._plan.stop()
            if is_judged or self._is_stopped:
                break
        return is_judged

    def _is_due(self):
        """Whether to look at the loss, and whether to save."""
        now = time.time()
        is_looked_at = (self._plan.objective.held_out_loss is None or not self._state.history
                        or _LOOK_SHARE * (now - self._looked_time) > self._look_seconds)
        return is_looked_at, now - self._saved_time > self._plan.saving.seconds

    def _finish(self, futures):
        """Waits for steps; what is to be told of the first of them."""
        values = [future.result() for future in futures if not future.cancelled()]
        self._under_way = [future for future in self._under_way if not future.done()]
        if not values:
            return {}
        self._check_finite(values[0]["loss"], self._state.steps + 1)
        self._state.steps += len(values)
        return values[0]

    def _check_finite(self, loss, number, most=math.inf):
        if np.isfinite(loss) and loss <= most:
            return
        path = self._training.is_chief and tf.train.latest_checkpoint(self._plan.saving.model_dir)
        raise checks.InputError(
            "train: loss: wanted a finite number%s, got %s at step %d; learning_rate = %g may be too "
            "large, for steps of this size. Last checkpoint: %s" % (
                "" if most == math.inf else " of at most %.0f" % most, loss, number,
                self._plan.optimization.learning_rate, path or "none yet"))

    def _check_latest(self):
        """Raises where the variables as they are give a loss that is not finite."""
        self._check_finite(self._session.run(self._plan.objective.loss, self._feed), self._state.steps)

    # Between rounds.

    def _look(self, told):
        """Tells of the training."""
        now, seconds = time.time(), self._clock.read()[0]
        loss, told = told["loss"], dict(told, units_per_second=self._units() / seconds)
        if self._plan.objective.held_out_loss is not None:
            loss = told["held_out_loss"] = self._plan.objective.held_out_loss(self._session)
        self._check_finite(loss, self._state.steps, self._plan.objective.most)
        self._looked_time = time.time()
        self._look_seconds = self._looked_time - now
        self._told.add(self._state.steps, told)
        self._state.history.append((self._units(), seconds, float(loss)))

    def _judge(self):
        """Validates, and saves what is the best so far."""
        state = self._state
        with self._clock.stopped():
            self._check_latest()
            score, record = self._plan.validation.score(self._session, len(state.validations) + 1)
            state.validations.append((self._units(), self._clock.read()[0], score, record))
            self._told.add(state.steps, {"validation": dict(record, score=score)})
            if _best(state.validations) == len(state.validations) - 1:
                self._save(is_best=True)
        self._judge_from = _next_multiple(self._progress, self._plan.validation)

    def _save(self, is_best=False):
        if self._feed is not None:
            self._check_latest()
        self._state.seconds, self._state.cpu_seconds = self._clock.read()
        self._training.saved.write(self._session, self._state)
        self._training.store.save(self._session, self._state.steps, is_best)

    def _trace_path(self):
        return os.path.join(self._plan.saving.model_dir, "trace-%d.json" % self._plan.profile_step)

    def _tell_of_trace(self):
        if self._plan.profile_step is not None:
            path = self._trace_path()
            self._plan.report("Wrote %s" % path if os.path.exists(path) else
                              "No trace of step %d: %d were made" % (
                                  self._plan.profile_step, self._state.steps))

    def _units(self):
        return int(round(self._progress * self._plan.data.num_units))

    def _is_hopeless(self):
        """Whether the latest scores were not better often enough to end the training."""
        validations, validation = self._state.validations, self._plan.validation
        return bool(validations and validation and validation.patience
                    and len(validations) - 1 - _best(validations) >= validation.patience)

    def _end(self):
        """Shows and saves what it came to; the TrainingResult."""
        seconds, cpu_seconds = self._clock.read()
        if self._training.is_chief:
            objective, history = self._plan.objective, self._state.history
            # Where nothing was left to do, the checkpoint may be of before the end was looked at.
            is_new = self._feed is not None or not history or history[-1][0] != self._units()
            if is_new and (self._feed is not None or objective.held_out_loss):
                last = (objective.held_out_loss(self._session) if objective.held_out_loss
                        else self._session.run(objective.shown_loss, self._feed))
                self._check_finite(last, self._state.steps, objective.most)
                self._display.close(last, self._progress)
                if not self._is_stopped:
                    history.append((self._units(), seconds, float(last)))
            self._save()
            self._tell_of_trace()
        return TrainingResult(
            seconds, cpu_seconds, self._state.steps, self._units(), self._units() / seconds,
            self._state.history, self._state.validations, not self._is_stopped)


class _SharedTraining(_Training):
    """The part of one worker in the training of a cluster."""

    def __init__(self, plan, sharing):
        self.cluster = sharing.cluster
        self._num_pieces = sharing.num_pieces
        self.together = None
        # What may change from one run to the next must be the same for all workers of one, too.
        settings = dict(sharing.settings, num_units=plan.data.num_units, num_pieces=sharing.num_pieces,
                        learning_rate=plan.optimization.learning_rate, sync=self.cluster.is_sync)
        if self.cluster.is_sync:  # a step ends when those of all workers do
            plan = plan._replace(optimization=plan.optimization._replace(threads=1))
        super().__init__(plan, settings, self.cluster.is_chief)
        self.work.require(tf.global_variables())
        self._scaffold.finalize()  # before the places of its ops are known

    def run(self):
        config = distributed.session_config(tf.ConfigProto(allow_soft_placement=True), self.cluster)
        server = distributed.start_server(self.cluster, self.plan.report)
        model_dir, hooks = self.plan.saving.model_dir, [self.together] if self.together else []
        if self.is_chief and tf.train.latest_checkpoint(model_dir) is None:
            # Made here: initial values may be in the memory of this process, which no server has.
            with tf.Session(config=steps_lib.session_config()) as session:
                self._initialise(session)
                self.store.save(session, 0)

        with distributed.placed(tf.get_default_graph(), self.cluster, self.work.variables):
            result = distributed.until_done(
                lambda: self._attempt(server.target, config, hooks), self.work, server, config,
                self.plan.stop, self.plan.report)
            if self.together:
                self.together.join()
            if self.is_chief and result and result.is_whole:
                distributed.end_servers(self.cluster, server)
        return result or TrainingResult(0.0, 0.0, 0, 0, 0.0, [], [], False)

    def _make_step(self):
        self.work = distributed.Work(self.cluster, self._num_pieces, self.plan.report)
        if not self.cluster.is_sync:
            return super()._make_step(begin=self.work.progress)
        step = super()._make_step(distributed.synchronised(self.cluster), self.work.progress)
        self.together = distributed.Together(self.cluster, step.optimizer)
        return step

    def _run_in(self, session, pool, stack):
        with distributed.losses_told():
            return _SharedRun(self, session, pool, stack).run()

    def _start(self, _, session):
        is_there = self.work.is_ready(session) and self.saved.is_of(session, self.plan.saving.model_dir)
        if is_there:
            self.plan.report("Going on with what the parameter servers have")
        else:
            path = self.store.restore(session)
            if not path.endswith("-0"):  # the initial values, made a moment ago
                self.plan.report("Going on from %s" % path)
        state = self.saved.read(session, self.plan.data.num_units)
        self.saved.write(session, state)  # with the settings of now
        if not is_there:
            self.work.begin(session, state.progress)


class _SharedRun(_Run):
    """The part of one worker in a session with the parameter servers."""

    _ended_at = None  # the share of the work that was done when the chief ended it early

    def run(self):
        self._make_rounds(self._feeds())
        training, work = self._training, self._training.work
        if self._feed is None:  # the others had done it all
            feed = next(iter(self._plan.data.batches(None)), (None,))[0]
            checks.argument(feed is not None, "train", "batches", "one batch or more", 0)
            self._feed = training.step.with_progress(feed, self._progress, self._number_of_draws())
        if training.is_chief and self._is_hopeless():
            self._ended_at = work.done(self._session)
            work.stop(self._session)
        if not self._is_stopped:
            work.give_back(self._session)
            self._wait_for_others()
        if training.together:
            training.together.leave(self._session, self._under_way)
        if training.is_chief and not self._is_stopped and not self._is_hopeless():
            self._progress = 1.0
            if self._judge_from <= 1:
                self._judge()  # the last pieces were the others'
        return self._end()

    def _wait_for_others(self):
        training = self._training
        for share in training.work.wait_for_others(self._session, self._plan.stop):
            if share:
                self._make_rounds(self._plan.data.batches(None, *share))
                if self._is_stopped:
                    return
                training.work.give_back(self._session)
            elif training.together and all(step.done() for step in self._under_way):
                training.together.check()  # and a step, for which others wait
                self._under_way = [self._pool.submit(self._run_step, self._feed, False)]
        self._is_stopped = self._plan.stop()

    def _read_state(self):
        state = super()._read_state()
        if not self._training.is_chief:
            self._training.saved.check_settings(state)
        state.steps = self._steps_of_all()
        return state

    def _feeds(self):
        for begin, end in self._training.work.take(self._session):
            yield from self._plan.data.batches(None, begin, end)
            self._wait(self._under_way)  # before it is done, for others to know
            if self._is_stopped:
                return

    def _number_of_draws(self):
        cluster = self._training.cluster
        return self._submitted * len(cluster.worker_hosts) + cluster.task_index

    def _leave(self):
        if self._training.together:
            self._training.together.leave(self._session, self._under_way)

    def _finish(self, futures):
        self._wait(futures)
        return super()._finish(futures)

    def _wait(self, futures):
        """Waits for steps, which in those of all together may be for ever if the others have stopped."""
        if self._training.together:
            self._training.together.check()
        while concurrent.futures.wait(futures, 0.5).not_done:
            if self._training.together and not self._is_stopped and self._plan.stop():
                self._is_stopped = True
                self._leave()

    def _save(self, is_best=False):
        self._state.position, self._state.steps = None, self._steps_of_all()
        self._state.progress = self._ended_at
        if self._ended_at is None:
            self._state.progress = self._training.work.done(self._session)
        super()._save(is_best)

    def _steps_of_all(self):
        return int(self._session.run(self._training.step.global_step))


def _next_multiple(progress, validation):
    """The progress from which on to validate next."""
    if validation is None:
        return math.inf
    return (math.floor(progress * validation.times + 1e-9) + 1) / validation.times


def _best(validations):
    """Which of the validations, not empty, is the first of the best score."""
    scores = [score for _, _, score, _ in validations]
    return max(range(len(scores)), key=lambda i: (scores[i] == scores[i], scores[i], -i))


@contextlib.contextmanager
def restored_session(model_dir):
    """A session on the default graph with the variables of checkpoints.chosen(model_dir)."""
    savers = tf.get_collection(tf.GraphKeys.SAVERS)  # that of `train`, as the graph may be final
    with tf.Session(config=steps_lib.session_config()) as session:
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


def num_pieces(num_units, units_per_step):
    """Into how many pieces a cluster cuts its work: 50 steps each, as taking one is a call."""
    return num_units // (50 * units_per_step) + 1


def num_cores():
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def write_metrics(path, metrics):
    """Writes `metrics`, and the versions of what ran, as JSON; a number that is not finite is null."""
    versions = {"python": platform.python_version(), "tensorflow": tf.VERSION,
                "numpy": np.__version__, "tf1_sampled": tf1_sampled.__version__}
    with writing.writing(path) as stream:
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
