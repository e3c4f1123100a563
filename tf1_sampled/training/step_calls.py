"""Steps handed to threads, many for one call of the session: how many follows from how long they take.

    calls = StepCalls(step, session, pool, plan)
    for made in ...:                   lists of at most calls.steps_per_call steps
        futures.append(calls.submit(made))

A call costs Python some 0.2 ms under its lock, whatever the number of its steps.
"""
import time

from tf1_sampled.training.steps import MOST_STEPS

_SECONDS_OF_CALL = 0.05  # about what a call takes: far more than it costs, far less than a user notices


class StepCalls:
    """Calls of a session that make steps.

    Args:
      step: steps.Step.
      session: tf.Session.
      pool: executor, whose threads make the calls.
      plan: plans.Plan.
    """

    def __init__(self, step, session, pool, plan):
        self._step, self._session, self._pool = step, session, pool
        self._plan = plan
        self._run_one = step.runner(session)
        self._run_many = None
        self._is_new = True  # no feed was seen yet
        self._seconds_of_step = None  # the shortest so far: the first call of a kind takes longer
        self._is_interrupted = False  # by a KeyboardInterrupt of a step

    @property
    def steps_per_call(self):
        """The number of steps of one call, for now: integer above 0."""
        if self._run_many is None or self._seconds_of_step is None:
            return 1
        return min(max(int(_SECONDS_OF_CALL / self._seconds_of_step), 1), MOST_STEPS)

    @property
    def steps_of_round(self):
        """The number of steps of a round, which has work for all threads: integer."""
        return max(MOST_STEPS, self._plan.optimization.threads * self.steps_per_call)

    def submit(self, made, is_watched=False, trace_to=None):
        """Hand the pool a call.

        Args:
          made: non-empty list of (feed_dict, progress, number), a step each; see
            steps.Step.with_progress.
          is_watched: boolean; then there is one step, and the call gives values of it, see steps.Step.
          trace_to: None, or string, the file for the trace of the one step.

        Returns:
          Future of {name: value}, empty unless it is watched.
        """
        if self._is_new:
            self._is_new = False
            self._run_many = self._step.repeater(
                self._session, self._step.with_progress(*made[0]), self._plan.optimization.is_compiled,
                self._plan.report)
        return self._pool.submit(self._run, made, is_watched, trace_to)

    def _run(self, made, is_watched, trace_to):
        """Make a call, in the pool; after a KeyboardInterrupt there, none any more."""
        if self._is_interrupted:
            raise KeyboardInterrupt
        try:
            if is_watched or trace_to:
                return self._run_one(self._step.with_progress(*made[0]), is_watched, trace_to)
            start = time.perf_counter()
            self._make_steps(made)
            seconds = (time.perf_counter() - start) / len(made)
            self._seconds_of_step = min(self._seconds_of_step or seconds, seconds)
            return {}
        except KeyboardInterrupt:
            self._is_interrupted = True
            raise

    def _make_steps(self, made):
        if self._run_many is not None:
            self._run_many(made)
            return
        for step in made:
            self._run_one(self._step.with_progress(*step), False)
