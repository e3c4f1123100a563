"""Ctrl-C during a training, and the state of the process of the caller."""
import contextlib
import os
import signal
import threading
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import run_program, training_case
from tf1_sampled.training import checkpoints, interrupts, policy, step_loop, steps


class DeferredTest(absltest.TestCase):

    def setUp(self):
        super().setUp()
        self._set(signal.default_int_handler)

    def _set(self, handler):
        self.addCleanup(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, handler))

    def _interrupt(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):  # Python calls the handler between two of its instructions
            pass

    def test_the_first_requests_a_stop_and_the_second_interrupts(self):
        with interrupts.deferred() as is_interrupted:
            self.assertFalse(is_interrupted())
            self._interrupt()
            self.assertTrue(is_interrupted())
            with self.assertRaises(KeyboardInterrupt):
                self._interrupt()
        self.assertIs(signal.getsignal(signal.SIGINT), signal.default_int_handler)

    def test_the_handler_is_restored_after_an_error(self):
        with self.assertRaises(ZeroDivisionError):
            with interrupts.deferred():
                raise ZeroDivisionError
        self.assertIs(signal.getsignal(signal.SIGINT), signal.default_int_handler)

    def test_another_handler_stays(self):
        seen = []
        self._set(lambda number, _: seen.append(number))
        with interrupts.deferred() as is_interrupted:
            self._interrupt()
            self.assertFalse(is_interrupted())
        self.assertEqual(seen, [signal.SIGINT])

    def test_another_thread_changes_nothing(self):
        results = []

        def run():
            with interrupts.deferred() as is_interrupted:
                results.append((is_interrupted(), signal.getsignal(signal.SIGINT)))

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        self.assertEqual(results, [(False, signal.default_int_handler)])


class _Interrupt:
    """A function that raises KeyboardInterrupt at its n-th call, counted from 0."""

    def __init__(self, number, function=lambda *arguments: None):
        self._left, self._function, self._lock = number, function, threading.Lock()

    def __call__(self, *arguments):
        with self._lock:
            self._left -= 1
            is_now = self._left == -1
        if is_now:
            raise KeyboardInterrupt
        return self._function(*arguments)


class InterruptTest(training_case.ResumeCase):
    """Ctrl-C at any moment saves the progress, and the resumed training equals an uninterrupted one."""

    def _assert_goes_on(self, folder, steps, validation=None, held_out_loss=None):
        """Assert that the resumed training has the same result as an uninterrupted one."""
        _, wanted, _ = self.train(self.new_folder(), validation=validation, held_out_loss=held_out_loss)
        result, values, lines = self.train(folder, validation=validation, held_out_loss=held_out_loss)
        self.assertEqual(lines, ["Resuming from " + os.path.join(folder, "model.ckpt-%d" % steps)])
        self.assertEqual((result.steps, result.is_whole, result.units), (100, True, 100))
        for value, other in zip(values, wanted):
            np.testing.assert_array_equal(value, other)
        return result

    @parameterized.parameters(0, 49, 77)
    def test_an_interrupt_of_the_data(self, number):
        folder = self.new_folder()
        part, _, _ = self.train(folder, before_batch=_Interrupt(number))
        self.assertEqual((part.is_whole, part.steps, part.units), (False, number, number))
        self._assert_goes_on(folder, number)

    @contextlib.contextmanager
    def _interrupted_step(self, number):
        """Run each step in a call of its own, and interrupt one of them."""
        runner = steps.Step.runner
        with mock.patch.object(steps.Step, "runner", lambda step, session: _Interrupt(
                number, runner(step, session))), mock.patch.object(
                    steps.Step, "repeater", lambda *arguments: None):
            yield

    @parameterized.parameters(0, 49, 77)
    def test_an_interrupt_of_a_step(self, number):
        folder = self.new_folder()
        with self._interrupted_step(number):
            part, _, _ = self.train(folder)
        self.assertEqual((part.is_whole, part.steps), (False, number))
        self._assert_goes_on(folder, number)

    def test_an_interrupt_of_a_call_of_many_steps(self):
        folder, made = self.new_folder(), []
        runner = step_loop.StepLoop.runner

        def interrupted(loop, session):
            run = runner(loop, session)

            def call(feeds, further):
                if sum(made) + len(feeds) > 65:
                    raise KeyboardInterrupt
                made.append(len(feeds))
                run(feeds, further)

            return call

        with mock.patch.object(step_loop.StepLoop, "runner", interrupted):
            part, _, _ = self.train(folder)
        watched = 2  # the first step of each round
        self.assertEqual((part.is_whole, part.steps), (False, sum(made) + watched))
        self._assert_goes_on(folder, part.steps)

    def test_an_interrupt_of_one_of_several_steps_at_a_time(self):
        folder = self.new_folder()
        with self._interrupted_step(60):
            part, _, _ = self.train(folder, threads=3)
        self.assertFalse(part.is_whole)
        self.assertBetween(part.steps, 50, 63)
        seen = []
        result, _, _ = self.train(folder, threads=3, before_batch=seen.append)
        self.assertTrue(result.is_whole)
        self.assertEqual(seen, list(range(part.steps, 100)))  # none left out

    def test_an_interrupt_of_the_held_out_loss(self):
        folder = self.new_folder()
        part, _, _ = self.train(folder, held_out_loss=_Interrupt(0, lambda session: 1.0))
        self.assertEqual((part.is_whole, part.steps), (False, 50))
        result = self._assert_goes_on(folder, 50, held_out_loss=lambda session: 1.0)
        self.assertEqual([row[::2] for row in result.history], [(100, 1.0), (100, 1.0)])

    def test_an_interrupt_of_the_loss_at_the_end(self):
        folder = self.new_folder()
        part, _, _ = self.train(folder, num_steps=50, held_out_loss=_Interrupt(1, lambda session: 1.0))
        self.assertEqual((part.is_whole, part.steps), (False, 50))

    @parameterized.parameters(0, 2)
    def test_an_interrupt_of_a_validation(self, number):
        def score(session, number):
            return -abs(session.run(tf.train.get_global_step()) - 40.0), {}

        folder = self.new_folder()
        part, _, _ = self.train(folder, validation=policy.Validation(_Interrupt(number, score), 5, 0))
        self.assertEqual((part.is_whole, part.steps), (False, 20 * (number + 1)))
        self.assertLen(part.validations, number)
        result = self._assert_goes_on(folder, part.steps, policy.Validation(score, 5, 0))
        # The interrupted validation is repeated after a step.
        self.assertEqual([units for units, *_ in result.validations],
                         [20 * i + (i == number + 1) for i in range(1, 6)])

    def test_an_interrupt_between_a_validation_and_its_checkpoint(self):
        folder = self.new_folder()
        save = checkpoints.Checkpoints.save
        with mock.patch.object(checkpoints.Checkpoints, "save", new=_method(_Interrupt(0, save))):
            part, _, _ = self.train(folder, validation=policy.Validation(
                lambda session, number: (1.0, {}), 5, 0))
        self.assertEqual((part.is_whole, part.steps, len(part.validations)), (False, 20, 1))
        self.assertEqual(tf.train.latest_checkpoint(folder, "best"),
                         os.path.join(folder, "model.ckpt-20"))

    def test_an_interrupt_of_a_save(self):
        folder = self.new_folder()
        save = checkpoints.Checkpoints.save
        with mock.patch.object(checkpoints.Checkpoints, "save", new=_method(_Interrupt(0, save))):
            part, _, _ = self.train(folder, save_seconds=0)
        self.assertEqual((part.is_whole, part.steps), (False, 50))
        self._assert_goes_on(folder, 50)

    def test_a_second_interrupt_during_the_save_ends_the_training(self):
        with mock.patch.object(checkpoints.Checkpoints, "save", side_effect=KeyboardInterrupt):
            with self.assertRaises(KeyboardInterrupt):
                self.train(self.new_folder(), before_batch=_Interrupt(7))

    def test_a_signal(self):
        self.addCleanup(signal.signal, signal.SIGINT,
                        signal.signal(signal.SIGINT, signal.default_int_handler))

        def before_batch(i):
            if i == 30:
                os.kill(os.getpid(), signal.SIGINT)

        folder = self.new_folder()
        part, _, _ = self.train(folder, before_batch=before_batch)
        self.assertEqual((part.is_whole, part.steps), (False, 31))
        self.assertIs(signal.getsignal(signal.SIGINT), signal.default_int_handler)
        self._assert_goes_on(folder, 31)


def _method(function):
    """Return a function that becomes a method of a class."""
    return lambda *arguments: function(*arguments)


# A training in a process that uses TensorFlow 2, and the state that it must not change.
_IN_TENSORFLOW_2 = """
import logging, signal, sys, warnings
import numpy as np
import tensorflow as tf2
import tensorflow.compat.v1 as tf

def state():
    return (tf.executing_eagerly(), tf.get_logger().level, logging.getLogger().handlers,
            warnings.filters[:], signal.getsignal(signal.SIGINT), np.random.get_state()[1][0],
            sys.excepthook, tf.resource_variables_enabled(), tf.control_flow_v2_enabled(),
            tf.get_default_graph().as_graph_def().node[:])

before = state()
from tf1_sampled import optimizers
from tf1_sampled.training import devices, loop, plans, policy

def train(num_steps):
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [None])
        table = tf.get_variable("table", [10, 2], initializer=tf.zeros_initializer())
        w = tf.get_variable("w", [], initializer=tf.zeros_initializer())
        loss = tf.reduce_mean(tf.square(w - x))
        loss += tf.reduce_sum(tf.square(tf.gather(table, [1, 1, 3]) - 1))

        def batches(position):
            for i in range(position or 0, num_steps):
                yield {x: [2.0, 4.0]}, (i + 1) / num_steps, i + 1

        result = loop.train(plans.Plan(
            plans.Objective(loss, tf.identity(loss)), plans.Data(batches, num_steps, "examples"),
            plans.Optimization(optimizers.AdagradOptimizer, 0.5, device=devices.Device("CPU", 2)),
            policy.Saving(sys.argv[1]),
            policy.Validation(lambda session, number: (float(session.run(w)), {}), 2, 0),
            report=lambda line: None))
        with loop.restored_session(sys.argv[1]) as session:
            return result, session.run([w, table])

result, (w, table) = train(100)
assert result.is_whole and result.steps == 100 and abs(w - 3) < 0.1, (result, w)
assert table[1, 0] > 0.5 and table[0, 0] == 0, table
result, _ = train(120)
assert result.steps == 120, result
after = state()
assert before == after, (before, after)
assert tf2.__version__[0] == "1" or float(tf2.constant(2.0) * 3) == 6  # still eager
print("done")
"""


class OwnProcessTest(absltest.TestCase):

    def test_the_process_of_the_caller_does_not_change(self):
        folder = self.create_tempdir().full_path
        code, out, err = run_program.run_code(_IN_TENSORFLOW_2, folder, folder)
        self.assertEqual((code, out), (0, "done\n"), err)


if __name__ == "__main__":
    absltest.main()
