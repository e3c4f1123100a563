import concurrent.futures
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case, training_case
from tf1_sampled import distributions, optimizers
from tf1_sampled.training import devices, loop, step_calls, step_loop, steps


class _Step:
    """A step that takes simulated seconds, and records its calls."""

    def __init__(self, seconds, can_repeat=True):
        self.seconds, self._can_repeat = seconds, can_repeat
        self.calls, self.clock = [], 0.0

    def with_progress(self, feed, progress, number):
        return feed

    def runner(self, session):
        def run(feed, is_watched, trace_to=None):
            self.calls.append([feed])
            self.clock += self.seconds
            return {"loss": feed} if is_watched else {}
        return run

    def repeater(self, session, feed, is_compiled, report):
        def run(made):
            self.calls.append([feed for feed, _, _ in made])
            self.clock += self.seconds * len(made) + 1e-5
        return run if self._can_repeat else None


def _step(feed):
    return feed, 0.0, 0


class StepCallsTest(parameterized.TestCase):

    def _calls(self, step, threads=1):
        plan = mock.Mock(**{"optimization.threads": threads})
        pool = concurrent.futures.ThreadPoolExecutor(threads)
        self.addCleanup(pool.shutdown)
        clock = mock.patch.object(step_calls, "time", mock.Mock(perf_counter=lambda: step.clock))
        clock.start()
        self.addCleanup(clock.stop)
        return step_calls.StepCalls(step, None, pool, plan)

    @parameterized.parameters((0.024, 2), (0.2, 1), (0.0, 50), (0.005, 9))
    def test_the_number_of_steps_depends_on_their_duration(self, seconds, wanted):
        calls = self._calls(_Step(seconds))
        self.assertEqual((calls.steps_per_call, calls.steps_of_round), (1, 50))
        calls.submit([_step(1)]).result()
        self.assertEqual(calls.steps_per_call, wanted)

    def test_a_slow_first_call_does_not_count(self):
        step = _Step(0.2)
        calls = self._calls(step)
        calls.submit([_step(1)]).result()
        step.seconds = 0.0
        calls.submit([_step(2)] * 3).result()
        self.assertEqual(calls.steps_per_call, 50)

    def test_a_round_has_work_for_all_threads(self):
        for threads, wanted in ((1, 50), (2, 100), (16, 800)):
            calls = self._calls(_Step(0.0), threads)
            with mock.patch.object(step_calls.StepCalls, "steps_per_call", 50):
                self.assertEqual(calls.steps_of_round, wanted)

    def test_a_watched_step_has_a_call_of_its_own(self):
        step = _Step(0.0)
        calls = self._calls(step)
        self.assertEqual(calls.submit([_step(7)], is_watched=True).result(), {"loss": 7})
        self.assertEqual(calls.submit([_step(8), _step(9)]).result(), {})
        self.assertEqual(step.calls, [[7], [8, 9]])

    def test_steps_run_one_by_one_without_a_loop(self):
        step = _Step(0.0, can_repeat=False)
        calls = self._calls(step)
        calls.submit([_step(7), _step(8)]).result()
        self.assertEqual((step.calls, calls.steps_per_call), ([[7], [8]], 1))


class TrainingTest(graph_case.GraphCase):
    """Results do not depend on the number of steps in a call, on compilation, or on padding."""

    def _train(self, steps_per_call, device=None, filled=None, rate=0.05, profile_step=None):
        with tf.Graph().as_default():
            tf.set_random_seed(4)
            x = tf.placeholder(tf.int32, [None])
            weights = tf.placeholder(tf.float32, [None])
            table = tf.get_variable("table", [9, 3], use_resource=True,
                                    initializer=tf.random_normal_initializer())
            drawn = tf.cast(distributions.uniforms([3], steps.step_seed(5)), tf.float32)
            error = tf.reduce_sum(tf.square(tf.gather(table, x) - drawn), 1)
            loss = tf.reduce_sum(weights * error) / tf.reduce_sum(weights)
            feeds = [{x: np.arange(i, i + 1 + i % 4) % 9, weights: np.ones(1 + i % 4)}
                     for i in range(130)]
            lines, folder = [], self.create_tempdir().full_path
            plan = training_case.plan(
                loss, lambda position: ((feed, (i + 1) / 130, None) for i, feed in enumerate(feeds)),
                130, folder, optimizers.LazyAdamOptimizer, rate, report=lines.append,
                profile_step=profile_step)
            if filled:
                filled = {x: step_loop.Filled([filled]), weights: step_loop.Filled([filled], 0.0)}
            plan = plan._replace(optimization=plan.optimization._replace(device=device, filled=filled))
            with mock.patch.object(step_calls.StepCalls, "steps_per_call", steps_per_call):
                result = loop.train(plan)
            with loop.restored_session(folder) as session:
                return result, session.run(tf.trainable_variables())[0], lines

    def test_any_number_of_steps_a_call(self):
        result, wanted, _ = self._train(1)
        self.assertEqual(result.steps, 130)
        for number in (2, 7, 49):
            result, table, _ = self._train(number)
            np.testing.assert_array_equal(table, wanted)
            self.assertEqual((result.steps, result.steps_per_call), (130, number))

    def test_a_trace_amid_a_call_is_of_one_step_and_loses_none(self):
        _, wanted, _ = self._train(7)
        result, table, lines = self._train(7, profile_step=11)
        self.assertRegex(lines[0], "^Wrote .*/trace-11.json$")
        np.testing.assert_array_equal(table, wanted)
        self.assertEqual(result.steps, 130)

    def test_compiled(self):
        if tf.VERSION.startswith("1."):
            self.skipTest("TensorFlow %s has no tf.function(jit_compile=True)" % tf.VERSION)
        _, wanted, _ = self._train(7)
        compiled = devices.Device("CPU", 1, is_compiled=True)
        for size in (4, 6):
            with training_case.compiled_on_the_cpu() as calls:
                _, table, lines = self._train(7, compiled, size)
            self.assertEqual(lines, [])
            self.assertEqual(sum(calls), 127)  # all but the watched steps
            self.assert_close(table, wanted, 1e-5)

    def test_a_batch_larger_than_the_compiled_shape(self):
        if tf.VERSION.startswith("1."):
            self.skipTest("TensorFlow %s has no tf.function(jit_compile=True)" % tf.VERSION)
        _, wanted, _ = self._train(7)
        _, table, _ = self._train(7, devices.Device("CPU", 1, is_compiled=True), 3)
        self.assert_close(table, wanted, 1e-5)

    def test_steps_that_xla_refuses_run_without_it(self):
        if tf.VERSION.startswith("1."):
            self.skipTest("TensorFlow %s has no tf.function(jit_compile=True)" % tf.VERSION)
        _, wanted, _ = self._train(7)

        def refused(loop, session):
            def run(feeds, further):
                raise tf.errors.InvalidArgumentError(None, None, "Graph execution error:\n\nno such op")
            return run

        with mock.patch.object(step_loop.CompiledLoop, "runner", refused):
            _, table, lines = self._train(7, devices.Device("CPU", 1, is_compiled=True), 4)
        np.testing.assert_array_equal(table, wanted)
        self.assertEqual(lines, ["XLA does not compile the steps: no such op"])

    def test_the_reason_against_compilation_is_reported(self):
        wanted = "Placeholder has no fixed shape"
        if tf.VERSION.startswith("1."):
            wanted = "TensorFlow %s has no tf.function(jit_compile=True)" % tf.VERSION
        _, _, lines = self._train(7, devices.Device("CPU", 1, is_compiled=True), {})
        self.assertEqual(lines, ["XLA does not compile the steps: " + wanted])

    def test_a_gpu_with_too_little_memory_is_replaced_by_the_cpu(self):
        attempt = loop.Training._attempt
        configs = []

        def refused(training, master, config, hooks=()):
            configs.append(config)
            if len(configs) == 1:
                raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")
            return attempt(training, master, config, hooks)

        with mock.patch.object(loop.Training, "_attempt", refused):
            result, _, lines = self._train(7, devices.Device("GPU", 1))
        self.assertEqual((result.is_whole, result.device, result.threads),
                         (True, "CPU", devices.num_cores()))
        self.assertEqual([config.device_count.get("GPU") for config in configs], [None, 0])
        self.assertEqual(lines, ["Training on the CPU, as the GPU has too little memory: OOM when "
                                 "allocating"])


if __name__ == "__main__":
    absltest.main()
