"""Calls of the session that run many steps, in threads. The number of steps depends on their duration.

    calls = StepCalls(step, session, pool, plan)
    for made in ...:                   lists of at most calls.steps_per_call steps
        futures.append(calls.submit(made))

A call holds Python's global lock for about 0.2 ms, for any number of steps.
"""
import time

from tf1_sampled.training.steps import MOST_STEPS

_SECONDS_OF_CALL = 0.05  # target duration: far longer than the overhead, shorter than a user notices


class StepCalls:
    """Calls of a session that run training steps.

    Args:
      step: steps.Step.
      session: tf.Session.
      pool: executor whose threads make the calls.
      plan: plans.Plan.
    """

    def __init__(self, step, session, pool, plan):
        self._step, self._session, self._pool = step, session, pool
        self._plan = plan
        self._run_one = step.runner(session)
        self._run_many = None
        self._is_new = True  # until the first feed
        self._seconds_of_step = None  # the shortest so far, as the first call of each kind takes longer
        self._is_interrupted = False  # whether a step raised KeyboardInterrupt

    @property
    def steps_per_call(self):
        """Return the current number of steps in one call, an integer above 0."""
        if self._run_many is None or self._seconds_of_step is None:
            return 1
        return min(max(int(_SECONDS_OF_CALL / self._seconds_of_step), 1), MOST_STEPS)

    @property
    def steps_of_round(self):
        """Return the number of steps in a round, enough for all threads."""
        return max(MOST_STEPS, self._plan.optimization.threads * self.steps_per_call)

    def submit(self, made, is_watched=False, trace_to=None):
        """Submit a call to the pool.

        Args:
          made: non-empty list of (feed_dict, progress, number), one per step; see
            steps.Step.with_progress.
          is_watched: boolean; if True, there is one step, and the call returns its values, see
            steps.Step.
          trace_to: None, or string, the path for the trace of the only step.

        Returns:
          Future of {name: value}, empty unless is_watched.
        """
        if self._is_new:
            self._is_new = False
            self._run_many = self._step.repeater(
                self._session, self._step.with_progress(*made[0]), self._plan.optimization.is_compiled,
                self._plan.report)
        return self._pool.submit(self._run, made, is_watched, trace_to)

    def _run(self, made, is_watched, trace_to):
        """Run a call in a thread of the pool. After a KeyboardInterrupt in a step, no more calls run."""
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
