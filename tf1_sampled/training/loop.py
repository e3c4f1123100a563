"""A loss in, a trained checkpoint out: the session, rounds of steps, progress, resuming.

    plan = plans.Plan(plans.Objective(loss, shown_loss), plans.Data(batches, num_units, "words"),
                      plans.Optimization(make_optimizer, learning_rate), policy.Saving(model_dir))
    result = train(plan)
    with restored_session(model_dir) as session:
        session.run(...)

Knows no model, no loss function and no cluster: a loss is a scalar, an input is an iterator of feeds.
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

_LOOK_SHARE = 0.02  # of the time, at most, for looks at the held-out loss


def train(plan):
    """Train on one machine, from where a training in the model_dir ended if there was one.

    Checks the loss every 50 steps of each thread, and before each checkpoint on the values to be saved;
    a loss that is NaN or infinite, or a shown loss above `max_loss`, stops the training, with the last
    checkpoint as it was.

    With several threads as many steps are under way at a time, without locks, each on the values
    that it finds (Recht et al. 2011, "Hogwild!"). With one, the same seeds give the same values,
    whether the training is interrupted or not: a checkpoint holds, beside all variables, the position
    in the data and what was measured so far.

    Ctrl-C stops it as `plan.stop` does: the state is saved, and the result is not whole. So does a
    KeyboardInterrupt that the data, a validation or a step raises. The second Ctrl-C ends at once what
    is under way, and the third also the saving.

    TensorBoard finds in the model_dir loss, held_out_loss, units_per_second, what steps.Step watches,
    and the validations.

    Args:
      plan: plans.Plan.

    Returns:
      plans.TrainingResult, of all parts of the training together.

    Raises:
      InputError: a learning rate <= 0, no batch at all, a loss that is not finite or above `max_loss`,
        a checkpoint that cannot be written, only damaged ones to resume from, or fewer units than are
        done already.
    """
    plan.check()
    with stopped_by_interrupts(plan) as stoppable:
        return Training(stoppable).run()


@contextlib.contextmanager
def stopped_by_interrupts(plan):
    """Give a plan that the first Ctrl-C stops, too."""
    with interrupts.deferred() as is_interrupted:
        yield plan._replace(stop=lambda: plan.stop() or is_interrupted())


@contextlib.contextmanager
def restored_session(model_dir):
    """Give a session on the default graph with the variables of checkpoints.chosen(model_dir)."""
    savers = tf.get_collection(tf.GraphKeys.SAVERS)  # that of `train`, as the graph may be final
    with tf.Session(config=devices.session_config()) as session:
        (savers[0] if savers else tf.train.Saver()).restore(session, checkpoints.chosen(model_dir))
        yield session


class Training:
    """A training on one machine: its ops in the default graph, and its session.

    Args:
      plan: plans.Plan.
      settings: {name: value}, to be kept with the progress.
      is_chief: boolean, whether it saves, shows and validates.
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
            tf.add_to_collection(tf.GraphKeys.SAVERS, self.store.saver)  # it is final from here on
        self._scaffold = tf.train.Scaffold(init_op=tf.no_op(), init_fn=self._start,
                                           saver=self.store and self.store.saver)

    def run(self):
        """Train; return the TrainingResult."""
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
        """Prepare calls of many steps."""
        optimization = self.plan.optimization
        self.step.make_loops(optimization.filled if optimization.is_compiled else None)

    def _attempt(self, master, config, hooks=()):
        """Train in a new session; return the TrainingResult."""
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
                    # MonitoredSession would take it for the end of the data.
                    raise RuntimeError("train: %s that nobody caught: %s" % (type(e).__name__, e)) from e

            return session.run_step_fn(run)

    def _run_in(self, session, pool, stack):
        return Run(self, session, pool, stack).run()

    def _start(self, _, session):
        """Give the variables their values."""
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


# A call that the pool has and the state does not: its steps, and where the training is after it.
_Pending = collections.namedtuple("_Pending", "future num_steps progress position")


class Run:
    """A training in one session: rounds of steps, and what is done between them.

    Args:
      training: Training.
      session: tf.Session.
      pool: executor of steps.
      stack: contextlib.ExitStack, of the session.
    """

    def __init__(self, training, session, pool, stack):
        self._training, self._plan, self._session = training, training.plan, session
        self._calls = step_calls.StepCalls(
            training.step, session, pool, self._plan)
        self._pending = collections.deque()
        self._group = []  # steps that become one call
        self._state = self._read_state()
        self._clock = progress.Clock(self._state.seconds, self._state.cpu_seconds)
        # After the steps that the pool has; the state's are of those that are done.
        self._progress, self._submitted = self._state.progress, self._state.steps
        self._position = self._state.position
        self._latest = None  # step: (feed, progress before it, number for its draws)
        self._is_stopped = self._plan.stop()
        self._is_best = False  # whether the variables are the best by validation, and not saved yet
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
        """Train to the end, or until it is to stop; return the TrainingResult."""
        try:
            self._make_all_rounds()
        except KeyboardInterrupt:
            self._interrupt()
        return self._end()

    # What a cluster does otherwise.

    def _make_all_rounds(self):
        self._make_rounds(self._feeds())
        checks.argument(self._submitted or self._is_stopped, "train", "batches", "one batch or more", 0)

    def _read_state(self):
        data = self._plan.data
        return self._training.saved.read(self._session, data.num_units, data.num_epochs)

    def _feeds(self):
        batches = self._plan.data.batches
        if self._state.position is None and self._progress:
            return batches(None, self._progress, 1.0)
        return batches(self._state.position)

    def _number_of_draws(self):
        """Return the number of the next step, for its draws."""
        return self._submitted

    def _wait(self, futures):
        """Wait for steps, or for one that fails."""
        concurrent.futures.wait(futures, return_when=concurrent.futures.FIRST_EXCEPTION)

    def _leave(self):
        """Prepare for the end: the steps under way are the last."""

    # Rounds.

    @property
    def _under_way(self):
        """The futures of calls that the pool has."""
        return [call.future for call in self._pending]

    def _make_rounds(self, feeds):
        """Make the steps of all feeds, unless the training is to stop.

        The pool makes the steps of a round while this thread makes the batches of the next.
        """
        feeds = iter(feeds)
        while not self._is_stopped and not self._is_exhausted():
            num_earlier = len(self._pending)
            try:
                is_validated = self._submit_round(feeds)
                is_looked_at, is_saved = self._is_due() if self._training.is_chief else (False, False)
                num_new = len(self._pending) - num_earlier
                # The loss that a step gave is looked at while the threads go on.
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
        """Hand the pool some steps, the first of them to be watched; return whether to validate then."""
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
        """Hand the pool the steps that were gathered, as one call."""
        if self._group:
            group, self._group = self._group, []
            self._pending.append(_Pending(self._calls.submit(group, is_watched, trace_to), len(group),
                                          self._progress, self._position))

    def _is_due(self):
        """Return whether to look at the loss, and whether to save."""
        now = time.monotonic()
        is_looked_at = (self._plan.objective.held_out_loss is None or not self._state.history
                        or _LOOK_SHARE * (now - self._looked_time) > self._look_seconds)
        return is_looked_at, self._plan.saving.is_due(now - self._saved_time)

    def _finish(self, number):
        """Wait for pending calls, and count their steps; return the values of the watched one."""
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
        """Stop as `plan.stop` does: the state is that of all steps before the first that failed."""
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
            "large, for steps of this size. Last checkpoint: %s" % (
                "" if max_loss == math.inf else " of at most %.0f" % max_loss, loss, step,
                self._plan.optimization.learning_rate, path or "none yet"))

    def _check_latest(self):
        """Raise InputError where the variables as they are give a loss that is not finite."""
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
        """Validate, and save the best so far."""
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
        """Repair what a kill between a validation and naming its checkpoint the best has left.

        The state has the validation then. Without its checkpoint, of a cluster whose variables have
        changed since, the validation does not count, and is made again.
        """
        state = self._state
        if state.best_step is None or self._training.store.name_best(state.best_step):
            return
        state.best_step = None
        if state.validations and policy.best(state.validations) == len(state.validations) - 1:
            state.validations.pop()

    def _set_next_validation(self, last):
        """Validate next where it is due after a validation at this progress."""
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
        """What the latest step was fed."""
        return self._training.step.with_progress(*self._latest)

    def _trace_path(self):
        return os.path.join(self._plan.saving.model_dir, file_names.TRACE % self._plan.profile_step)

    def _report_trace(self):
        if self._plan.profile_step is not None:
            path = self._trace_path()
            self._plan.report("Wrote %s" % path if os.path.exists(path) else
                              "No trace of step %d: %d were made" % (
                                  self._plan.profile_step, self._state.steps))

    def _machine(self):
        """Return how steps are made, for the user: "CPU, 2 threads, 12 steps of 2,048 a call"."""
        device, step_size = self._plan.optimization.device, self._plan.data.step_size
        if not device or not step_size:
            return ""
        number = self._calls.steps_per_call
        return "%s, %d step%s of %s a call" % (
            device.description, number, "s" if number > 1 else "", format(step_size, ","))

    def _units(self, progress=None):
        progress = self._progress if progress is None else progress
        return int(round(progress * self._plan.data.num_units))

    def _is_exhausted(self):
        """Return whether validations end the training early."""
        validation = self._plan.validation
        return validation is not None and validation.is_exhausted(self._state.validations)

    def _end(self):
        """Show and save the end; return the TrainingResult."""
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
        # Where nothing was left to do, the checkpoint may be of before the end was looked at.
        is_new = self._latest is not None or not history or history[-1][0] != self._units()
        if is_new and (self._latest is not None or objective.held_out_loss):
            last = (objective.held_out_loss(self._session) if objective.held_out_loss
                    else self._session.run(objective.shown_loss, self._feed))
            self._check_finite(last, self._state.steps, objective.max_loss)
            self._display.close(last, self._progress, self._machine())
            if not self._is_stopped:
                history.append((self._units(), seconds, float(last)))
