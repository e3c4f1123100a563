"""The training loop on one machine: the session, rounds of steps, progress, checkpoints, resuming.

    plan = plans.Plan(plans.Objective(loss, shown_loss), plans.Data(batches, num_units, "words"),
                      plans.Optimization(make_optimizer, learning_rate), policy.Saving(model_dir))
    result = train(plan)
    with restored_session(model_dir) as session:
        session.run(...)

This module does not depend on a model, a loss function or a cluster: the loss is a scalar tensor, and
the input is an iterator of feeds.
"""
import collections
import concurrent.futures
import contextlib
import itertools
import math
import os
import time

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import checks
from tf1_sampled.training import (
    checkpoints,
    devices,
    file_names,
    interrupts,
    plans,
    policy,
    progress,
    state as state_lib,
    step_calls,
    steps as steps_lib,
    summaries,
)

_LOOK_SHARE = 0.02  # maximum share of the time for the computation of the held-out loss


def train(plan):
    """Train on one machine, and resume the training in the model_dir if there is one.

    The loss is checked every 50 steps of each thread, and before each checkpoint with the values to be
    saved. A loss that is NaN or infinite, or a shown loss above `max_loss`, stops the training, and the
    last checkpoint stays unchanged.

    With several threads, that many steps run at a time. They read and update the variables without locks
    (Recht et al. 2011, "Hogwild!"). With one thread, the same seeds give the same values, whether the
    training is interrupted or not: a checkpoint holds all variables, the position in the data and the
    measurements.

    Ctrl-C stops the training like `plan.stop`: the state is saved, and the result has is_whole=False. A
    KeyboardInterrupt that the data, a validation or a step raises has the same effect. A second Ctrl-C
    interrupts the steps that are running, and a third interrupts the saving.

    The model_dir has summaries for TensorBoard: loss, held_out_loss, units_per_second, the values that
    steps.Step watches, and the validations.

    Args:
      plan: plans.Plan.

    Returns:
      plans.TrainingResult of the whole training, interrupted parts included.

    Raises:
      InputError: a learning rate <= 0, no batches, a loss that is not finite or above `max_loss`, a
        checkpoint that cannot be written, only damaged checkpoints, or fewer units than are already
        done.
    """
    plan.check()
    with stopped_by_interrupts(plan) as stoppable:
        return Training(stoppable).run()


@contextlib.contextmanager
def stopped_by_interrupts(plan):
    """Yield a plan that the first Ctrl-C stops too."""
    with interrupts.deferred() as is_interrupted:
        yield plan._replace(stop=lambda: plan.stop() or is_interrupted())


@contextlib.contextmanager
def restored_session(model_dir):
    """Yield a session on the default graph with the variables of checkpoints.chosen(model_dir)."""
    savers = tf.get_collection(tf.GraphKeys.SAVERS)  # the saver of `train`, as the graph may be final
    with tf.Session(config=devices.session_config()) as session:
        (savers[0] if savers else tf.train.Saver()).restore(session, checkpoints.chosen(model_dir))
        yield session


class Training:
    """A training on one machine: its ops in the default graph, and its session.

    Args:
      plan: plans.Plan.
      settings: {name: value}, settings that are saved with the progress.
      is_chief: boolean, whether this process saves, shows progress and validates.
    """

    def __init__(self, plan, settings=None, is_chief=True):
        self.plan, self.is_chief = plan, is_chief
        self.step = self._make_step()
        self._make_loops()
        self.saved = state_lib.SavedState(settings or {})
        self._initializer = tf.global_variables_initializer()
        self.store = None
        if is_chief:
            self.store = checkpoints.Checkpoints(plan.saving, plan.report)
            tf.add_to_collection(tf.GraphKeys.SAVERS, self.store.saver)  # for restored_session
        self._scaffold = tf.train.Scaffold(init_op=tf.no_op(), init_fn=self._start,
                                           saver=self.store and self.store.saver)

    def run(self):
        """Train, and return the TrainingResult."""
        device = self.plan.optimization.device
        if not device:
            return self._attempt("", devices.session_config())
        try:
            return self._attempt("", device.session_config())
        except tf.errors.ResourceExhaustedError as e:
            if device.name == "CPU":
                raise
            self.plan.report("Training on the CPU, as the GPU has too little memory: %s" % (
                checks.first_line(e)))
            device = devices.Device("CPU", devices.num_cores())
            self.plan = self.plan._replace(
                optimization=self.plan.optimization._replace(device=device))
            return self._attempt("", device.session_config())

    def _make_step(self, wrap=lambda make_optimizer: make_optimizer, begin=0.0):
        objective, optimization = self.plan.objective, self.plan.optimization
        return steps_lib.Step(
            objective.loss, objective.shown_loss, wrap(optimization.make_optimizer),
            optimization.learning_rate, decay=optimization.decay, progress=begin, watch=objective.watch)

    def _make_loops(self):
        """Prepare calls that run many steps."""
        optimization = self.plan.optimization
        self.step.make_loops(optimization.filled if optimization.is_compiled else None)

    def _attempt(self, master, config, hooks=()):
        """Train in a new session, and return the TrainingResult."""
        with tf.train.MonitoredTrainingSession(
                master=master, is_chief=self.is_chief, scaffold=self._scaffold, hooks=hooks,
                config=config, stop_grace_period_secs=2, save_checkpoint_secs=None,
                save_summaries_steps=None, log_step_count_steps=None,
                ) as session, contextlib.ExitStack() as stack:
            pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(
                self.plan.optimization.threads))

            def run(step_context):
                try:
                    return self._run_in(step_context.session, pool, stack)
                except (StopIteration, tf.errors.OutOfRangeError) as e:
                    # MonitoredSession would treat the error as the end of the data.
                    raise RuntimeError("train: uncaught %s: %s" % (type(e).__name__, e)) from e

            return session.run_step_fn(run)

    def _run_in(self, session, pool, stack):
        return Run(self, session, pool, stack).run()

    def _start(self, _, session):
        """Restore or initialize the variables."""
        path = self.store.restore(session)
        if path is None:
            self._initialise(session)
        else:
            self.plan.report("Resuming from %s" % path)

    def _initialise(self, session):
        session.run(self._initializer)
        if self.plan.initialise is not None:
            self.plan.initialise(session)
        self.saved.write(session, state_lib.State())


# A call in the pool that the state does not count yet: its steps, and the progress after it.
_Pending = collections.namedtuple("_Pending", "future num_steps progress position")


class Run:
    """A training in one session: rounds of steps; between rounds it records, validates and saves.

    Args:
      training: Training.
      session: tf.Session.
      pool: executor that runs the steps.
      stack: contextlib.ExitStack that is closed with the session.
    """

    def __init__(self, training, session, pool, stack):
        self._training, self._plan, self._session = training, training.plan, session
        self._calls = step_calls.StepCalls(
            training.step, session, pool, self._plan)
        self._pending = collections.deque()
        self._group = []  # steps of the next call
        self._state = self._read_state()
        self._clock = progress.Clock(self._state.seconds, self._state.cpu_seconds)
        # Counts with the steps in the pool; the state counts the steps that are done.
        self._progress, self._submitted = self._state.progress, self._state.steps
        self._position = self._state.position
        self._latest = None  # (feed, progress before it, number for its draws) of the latest step
        self._is_stopped = self._plan.stop()
        self._is_best = False  # whether the variables are the best by validation and not yet saved
        self._validate_from = math.inf
        if training.is_chief:
            self._summaries = stack.enter_context(
                summaries.Summaries(self._plan.saving.model_dir, self._state.steps))
            data = self._plan.data
            self._display = stack.enter_context(
                progress.Display(data.num_units, data.unit, self._progress))
            self._repair_best()
            self._set_next_validation(
                self._state.validations[-1][0] / data.num_units if self._state.validations else 0.0)
        self._saved_time = self._looked_time = time.monotonic()
        self._look_seconds = 0.0

    def run(self):
        """Train until the end or a stop, and return the TrainingResult."""
        try:
            self._make_all_rounds()
        except KeyboardInterrupt:
            self._interrupt()
        return self._end()

    # Methods that a cluster overrides.

    def _make_all_rounds(self):
        self._make_rounds(self._feeds())
        checks.argument(self._submitted or self._is_stopped, "train", "batches", "at least one batch", 0)

    def _read_state(self):
        data = self._plan.data
        return self._training.saved.read(self._session, data.num_units, data.num_epochs)

    def _feeds(self):
        batches = self._plan.data.batches
        if self._state.position is None and self._progress:
            return batches(None, self._progress, 1.0)
        return batches(self._state.position)

    def _number_of_draws(self):
        """Return the number of the next step, which determines its random draws."""
        return self._submitted

    def _wait(self, futures):
        """Wait until all steps are done or one fails."""
        concurrent.futures.wait(futures, return_when=concurrent.futures.FIRST_EXCEPTION)

    def _leave(self):
        """Prepare for the end: no steps follow those in the pool."""

    # Rounds.

    @property
    def _under_way(self):
        """Return the futures of the calls in the pool."""
        return [call.future for call in self._pending]

    def _make_rounds(self, feeds):
        """Run the steps of all feeds, or until the training must stop.

        The pool runs the steps of a round while this thread builds the batches of the next round.
        """
        feeds = iter(feeds)
        while not self._is_stopped and not self._is_exhausted():
            num_earlier = len(self._pending)
            try:
                is_validated = self._submit_round(feeds)
                is_looked_at, is_saved = self._is_due() if self._training.is_chief else (False, False)
                num_new = len(self._pending) - num_earlier
                # The loss of a watched step is recorded without a pause of the threads.
                is_pause = (is_looked_at and self._plan.objective.held_out_loss is not None
                            or is_saved or is_validated or self._is_stopped or not num_new)
                if self._is_stopped:
                    self._leave()
                watched = self._finish(num_earlier)
                if is_pause:
                    watched = self._finish(num_new) or watched
            except KeyboardInterrupt:
                raise
            except BaseException:
                self._leave()
                for future in self._under_way:
                    future.cancel()
                raise
            if is_looked_at and watched:
                self._look(watched)
            if not num_new:
                break
            if self._training.is_chief and self._state.history:
                self._display.show(self._progress, self._state.history[-1][2], self._machine())
            if is_validated:
                self._validate()
            if is_saved:
                self._save()
                self._saved_time = time.monotonic()

    def _submit_round(self, feeds):
        """Submit a round of steps, the first one watched. Return whether to validate afterwards."""
        is_validated = False
        steps_per_call, num_steps = self._calls.steps_per_call, self._calls.steps_of_round
        for i, (feed, progress_after, position_after) in enumerate(itertools.islice(feeds, num_steps)):
            is_traced = self._submitted == self._plan.profile_step and self._training.is_chief
            if is_traced:
                self._submit_group()
            self._latest = feed, self._progress, self._number_of_draws()
            self._progress = max(self._progress, progress_after)
            self._position = position_after
            self._group.append(self._latest)
            self._submitted += 1
            if i == 0 or is_traced or len(self._group) == steps_per_call:
                self._submit_group(i == 0, self._trace_path() if is_traced else None)
            is_validated = self._progress >= self._validate_from - 1e-9
            self._is_stopped = self._plan.stop()
            if is_validated or self._is_stopped:
                break
        self._submit_group()
        return is_validated

    def _submit_group(self, is_watched=False, trace_to=None):
        """Submit the steps of the group to the pool as one call."""
        if self._group:
            group, self._group = self._group, []
            self._pending.append(_Pending(self._calls.submit(group, is_watched, trace_to), len(group),
                                          self._progress, self._position))

    def _is_due(self):
        """Return (whether to record the loss, whether to save)."""
        now = time.monotonic()
        is_looked_at = (self._plan.objective.held_out_loss is None or not self._state.history
                        or _LOOK_SHARE * (now - self._looked_time) > self._look_seconds)
        return is_looked_at, self._plan.saving.is_due(now - self._saved_time)

    def _finish(self, number):
        """Wait for pending calls, and count their steps. Return the values of the watched step."""
        self._wait(self._under_way[:number])
        watched = {}
        for _ in range(number):
            call = self._pending[0]
            if not call.future.cancelled():
                values = call.future.result()
                if values:
                    self._check_finite(values["loss"], self._state.steps + 1)
                    watched = values
                self._count(call)
            self._pending.popleft()
        return watched

    def _count(self, call):
        self._state.steps += call.num_steps
        self._state.progress, self._state.position = call.progress, call.position

    def _interrupt(self):
        """Stop like `plan.stop`. The state counts all steps before the first failed one."""
        self._is_stopped = True
        self._leave()
        concurrent.futures.wait(self._under_way)
        for call in self._pending:
            if call.future.cancelled():
                continue
            try:
                call.future.result()
            except KeyboardInterrupt:
                break
            self._count(call)
        self._pending.clear()
        self._progress, self._submitted = self._state.progress, self._state.steps

    def _check_finite(self, loss, step, max_loss=math.inf):
        if np.isfinite(loss) and loss <= max_loss:
            return
        path = self._training.is_chief and file_names.newest(self._plan.saving.model_dir)
        raise checks.InputError(
            "train: loss: wanted a finite number%s, got %s at step %d; learning_rate = %g may be too "
            "large for this batch size. Last checkpoint: %s" % (
                "" if max_loss == math.inf else " of at most %.0f" % max_loss, loss, step,
                self._plan.optimization.learning_rate, path or "none yet"))

    def _check_latest(self):
        """Raise InputError if the loss with the current variables is not finite."""
        self._check_finite(self._session.run(self._plan.objective.loss, self._feed), self._state.steps)

    # Between rounds.

    def _look(self, watched):
        """Record the loss, and show it."""
        now, seconds = time.monotonic(), self._clock.read()[0]
        units = self._units(self._state.progress)
        loss, watched = watched["loss"], dict(watched, units_per_second=units / seconds)
        if self._plan.objective.held_out_loss is not None:
            loss = watched["held_out_loss"] = self._plan.objective.held_out_loss(self._session)
        self._check_finite(loss, self._state.steps, self._plan.objective.max_loss)
        self._looked_time = time.monotonic()
        self._look_seconds = self._looked_time - now
        self._summaries.add(self._state.steps, watched)
        self._state.history.append((units, seconds, float(loss)))

    def _validate(self):
        """Validate, and save a checkpoint if it is the best so far."""
        state = self._state
        with self._clock.stopped():
            self._check_latest()
            score, record = self._plan.validation.score(self._session, len(state.validations) + 1)
            state.validations.append((self._units(), self._clock.read()[0], score, record))
            self._is_best = policy.best(state.validations) == len(state.validations) - 1
            self._summaries.add(state.steps, {"validation": dict(record, score=score)})
            if self._is_best:
                self._save()
        self._set_next_validation(self._progress)

    def _repair_best(self):
        """Complete a validation after a SIGKILL before its checkpoint was marked as the best.

        The state has the validation already. If its checkpoint is missing, as in a cluster whose
        variables have changed since, the validation is removed and repeated.
        """
        state = self._state
        if state.best_step is None or self._training.store.name_best(state.best_step):
            return
        state.best_step = None
        if state.validations and policy.best(state.validations) == len(state.validations) - 1:
            state.validations.pop()

    def _set_next_validation(self, last):
        """Set the progress of the next validation, after a validation at the progress `last`."""
        if self._plan.validation is not None:
            self._validate_from = self._plan.validation.next_after(last)

    def _save(self):
        if self._latest is not None:
            self._check_latest()
        self._state.seconds, self._state.cpu_seconds = self._clock.read()
        if self._is_best:
            self._state.best_step = self._state.steps
        self._training.saved.write(self._session, self._state)
        self._training.store.save(self._session, self._state.steps, self._is_best)
        self._is_best = False

    @property
    def _feed(self):
        """Return the feed of the latest step."""
        return self._training.step.with_progress(*self._latest)

    def _trace_path(self):
        return os.path.join(self._plan.saving.model_dir, file_names.TRACE % self._plan.profile_step)

    def _report_trace(self):
        if self._plan.profile_step is not None:
            path = self._trace_path()
            self._plan.report("Wrote %s" % path if os.path.exists(path) else
                              "No trace of step %d: the training has %d steps" % (
                                  self._plan.profile_step, self._state.steps))

    def _machine(self):
        """Return a description for the user: "CPU, 2 threads, 12 steps of 2,048 per call"."""
        device, step_size = self._plan.optimization.device, self._plan.data.step_size
        if not device or not step_size:
            return ""
        return "%s, %s of %s per call" % (
            device.description, checks.counted(self._calls.steps_per_call, "step"),
            format(step_size, ","))

    def _units(self, progress=None):
        progress = self._progress if progress is None else progress
        return int(round(progress * self._plan.data.num_units))

    def _is_exhausted(self):
        """Return whether validations end the training early."""
        validation = self._plan.validation
        return validation is not None and validation.is_exhausted(self._state.validations)

    def _end(self):
        """Show and save the final state, and return the TrainingResult."""
        seconds, cpu_seconds = self._clock.read()
        if self._training.is_chief:
            try:
                self._look_at_the_end(seconds)
            except KeyboardInterrupt:
                self._is_stopped = True
            self._save()
            self._report_trace()
        device = self._plan.optimization.device
        return plans.TrainingResult(
            seconds, cpu_seconds, self._state.steps, self._units(),
            units_per_second=self._units() / seconds, history=self._state.history,
            validations=self._state.validations, is_whole=not self._is_stopped,
            device=device.name if device else "", threads=self._plan.optimization.threads,
            steps_per_call=self._calls.steps_per_call, step_size=self._plan.data.step_size)

    def _look_at_the_end(self, seconds):
        objective, history = self._plan.objective, self._state.history
        # Without new steps, the restored checkpoint may lack the loss at the end.
        is_new = self._latest is not None or not history or history[-1][0] != self._units()
        if is_new and (self._latest is not None or objective.held_out_loss):
            last = (objective.held_out_loss(self._session) if objective.held_out_loss
                    else self._session.run(objective.shown_loss, self._feed))
            self._check_finite(last, self._state.steps, objective.max_loss)
            self._display.close(last, self._progress, self._machine())
            if not self._is_stopped:
                history.append((self._units(), seconds, float(last)))
