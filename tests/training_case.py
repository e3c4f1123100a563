"""Trainings for tests: one with the arguments of its plan, and one that may be resumed."""
import contextlib
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf

from tests import graph_case
from tf1_sampled import distributions, optimizers
from tf1_sampled.training import devices, loop, plans, policy, step_loop, steps


def plan(loss, batches, num_units, folder, make_optimizer=optimizers.SGDOptimizer, rate=0.1,
         decay="linear", threads=None, save_seconds=600, keep=2, held_out_loss=None, watch=None,
         max_loss=float("inf"), **options):
    """Return a Plan; `options` are its further fields."""
    return plans.Plan(
        plans.Objective(loss, tf.identity(loss), held_out_loss, watch, max_loss),
        plans.Data(batches, num_units, "examples"),
        plans.Optimization(make_optimizer, rate, decay,
                           threads and devices.Device("CPU", threads)),
        policy.Saving(folder, save_seconds, keep), **options)


@contextlib.contextmanager
def compiled_on_the_cpu():
    """Make trainings compile their steps as for a GPU. Yield the list of steps of each compiled call."""
    calls, runner = [], step_loop.CompiledLoop.runner

    def counted(loop, session):
        run = runner(loop, session)
        return lambda feeds, further: calls.append(len(feeds)) or run(feeds, further)

    with mock.patch.object(devices, "chosen", return_value=devices.Device("CPU", 1, True)), \
            mock.patch.object(step_loop.CompiledLoop, "runner", counted):
        yield calls


def train(*arguments, **options):
    """Train on one machine with the arguments of `plan`."""
    return loop.train(plan(*arguments, **options))


class ResumeCase(graph_case.GraphCase):
    """A test case with a training whose result depends on every step and every draw."""

    def train(self, folder, num_steps=100, stop_after=None, length=1, rate=0.05,
              before_batch=lambda i: None, threads=1, **options):
        """Return (result, values of all variables, lines) of a training in a new graph."""
        asked, lines = [], []

        def stop():
            asked.append(True)
            return stop_after is not None and len(asked) > stop_after

        def batches(position):
            for i in range(int(position[0]) if position else 0, num_steps):
                before_batch(i)
                yield {x: [float(i % 7)] * length}, (i + 1) / num_steps, (i + 1, np.arange(3))

        with tf.Graph().as_default():
            tf.set_random_seed(4)
            x = tf.placeholder(tf.float32, [None])
            w = tf.get_variable("w", [3], initializer=tf.random_normal_initializer(), use_resource=True)
            drawn = distributions.uniforms([3], steps.step_seed(5))
            loss = tf.reduce_mean(tf.square(w - x * tf.cast(drawn, tf.float32)))
            result = train(loss, batches, num_steps, folder, optimizers.LazyAdamOptimizer, rate,
                           threads=threads, stop=stop, report=lines.append, **options)
            with loop.restored_session(folder) as session:
                variables = [v for v in tf.global_variables() if v.dtype.base_dtype != tf.string]
                return result, session.run(variables), lines

    def new_folder(self):
        return self.create_tempdir().full_path
