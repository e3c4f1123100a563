import json
import os

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case
from tf1_sampled import InputError, distributions, optimizers
from tf1_sampled.training import steps


class MinimizeTest(graph_case.GraphCase):

    def test_updates_the_variables_and_then_the_step(self):
        w = tf.get_variable("w", [], initializer=tf.ones_initializer(), use_resource=True)
        global_step = tf.train.get_or_create_global_step()
        seen = tf.get_variable("seen", [], tf.int32, tf.zeros_initializer(), trainable=False)
        tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, tf.assign_add(seen, 1))
        step = steps.minimize(tf.square(w), tf.train.GradientDescentOptimizer(0.25),
                              global_step=global_step)
        with self.new_session() as session:
            session.run(step)
            self.assertEqual(session.run([w, global_step, seen]), [0.5, 1, 1])

    def test_makes_no_global_step(self):
        w = tf.get_variable("w", [], initializer=tf.ones_initializer(), use_resource=True)
        steps.minimize(tf.square(w), tf.train.GradientDescentOptimizer(0.25))
        self.assertEqual(tf.global_variables(), [w])

    def _two_tasks(self):
        """Create variables and losses of two tasks: one shared, one of each task, one of neither."""
        shared, first, second, _ = [
            tf.get_variable(name, [], initializer=tf.ones_initializer(), use_resource=True)
            for name in ("shared", "first", "second", "unused")]
        return [shared, first, second], [tf.square(shared * first), tf.square(shared * second)]

    def _moved(self, step):
        """Return the names of the trainable variables that a step changes."""
        variables = tf.trainable_variables()
        with self.new_session() as session:
            before = session.run(variables)
            session.run(step)
            after = session.run(variables)
        return [v.op.name for v, old, new in zip(variables, before, after) if old != new]

    def test_variables_of_another_task_do_not_change(self):
        _, losses = self._two_tasks()
        optimizer = optimizers.LazyAdamOptimizer(0.1)
        trained = [steps.minimize(loss, optimizer) for loss in losses]
        self.assertEqual([self._moved(step) for step in trained],
                         [["shared", "first"], ["shared", "second"]])

    def test_a_var_list_is_all_that_is_trained(self):
        (shared, first, _), losses = self._two_tasks()
        for var_list, wanted in (([first], ["first"]), ((first, shared), ["shared", "first"]),
                                 (shared, ["shared"])):
            step = steps.minimize(losses[0], optimizers.SGDOptimizer(0.1), var_list)
            self.assertEqual(self._moved(step), wanted)

    def test_a_var_list_may_hold_variables_that_are_not_trainable(self):
        w = tf.get_variable("w", [], initializer=tf.ones_initializer(), trainable=False)
        step = steps.minimize(tf.square(w), optimizers.SGDOptimizer(0.25), var_list=[w])
        with self.new_session() as session:
            session.run(step)
            self.assertEqual(session.run(w), 0.5)

    def test_a_variable_of_var_list_without_gradient_is_named(self):
        (shared, first, second), losses = self._two_tasks()
        with self.assertRaisesRegex(InputError, "^minimize: loss: wanted a loss that depends on every "
                                                "variable to train, got 'no dependence on second'$"):
            steps.minimize(losses[0], optimizers.SGDOptimizer(0.1), [shared, first, second])

    @parameterized.parameters(False, True)
    def test_a_loss_of_no_variable_is_named(self, has_variables):
        if has_variables:
            self._two_tasks()
        with self.assertRaisesRegex(InputError, "^minimize: loss: wanted a loss that depends on a "
                                                "variable to train, got 'alone:0'$"):
            steps.minimize(tf.constant(1.0, name="alone"), optimizers.SGDOptimizer(0.1))

    def test_another_kind_of_optimizer_is_an_error(self):
        with self.assertRaisesRegex(InputError, "^minimize: optimizer: wanted a tf.train.Optimizer, got "
                                                "'adam'"):
            steps.minimize(self._two_tasks()[1][0], "adam")

    def test_an_empty_var_list(self):
        _, losses = self._two_tasks()
        with self.assertRaisesRegex(InputError, "minimize: loss: .* depends on a variable to train"):
            steps.minimize(losses[0], optimizers.SGDOptimizer(0.1), [])

    def test_a_global_step_of_the_callers(self):
        _, losses = self._two_tasks()
        own = tf.get_variable("own_step", [], tf.int64, tf.zeros_initializer(), trainable=False)
        step = steps.minimize(losses[0], optimizers.SGDOptimizer(0.1), global_step=own)
        self.assertIsNone(tf.train.get_global_step())
        with self.new_session() as session:
            session.run(step)
            self.assertEqual(session.run(own), 1)

    def test_updates_come_before_the_step(self):
        w = tf.get_variable("w", [], initializer=tf.ones_initializer(), use_resource=True)
        seen = tf.get_variable("seen", [], initializer=tf.zeros_initializer(), trainable=False)
        with tf.control_dependencies([tf.matrix_inverse(tf.random_normal([300, 300]))]):  # slow
            tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, tf.assign(seen, w.read_value()))
        step = steps.minimize(tf.square(w), optimizers.SGDOptimizer(0.25))
        with self.new_session() as session:
            session.run(step)
            self.assertEqual(session.run([w, seen]), [0.5, 1])

    def test_minimize_refuses_a_seed_that_only_train_changes(self):
        w = tf.get_variable("w", [2])
        loss = tf.reduce_sum(w * tf.cast(distributions.uniforms([2], steps.step_seed(5)), tf.float32))
        with self.assertRaisesRegex(InputError, "minimize: seed: wanted an integer.*step_seed"):
            steps.minimize(loss, optimizers.SGDOptimizer(0.1))



class StepTest(graph_case.GraphCase):

    def setUp(self):
        super().setUp()
        self.x = tf.placeholder(tf.float32, [None])
        self.w = tf.get_variable("w", [], initializer=tf.zeros_initializer(), use_resource=True)
        self.loss = tf.reduce_mean(tf.square(self.w - self.x))

    def test_a_trainable_variable_without_gradient_is_named(self):
        tf.get_variable("unused", [3])
        with self.assertRaisesRegex(InputError, "^Step: loss: wanted a loss that depends on every "
                                                "variable to train, got 'no dependence on unused'$"):
            self._step()

    def _step(self, **options):
        return steps.Step(self.loss, self.loss, optimizers.SGDOptimizer, 0.1, **options)

    def _ws(self, step, progress):
        """Return w after steps towards 1, at these values of the progress."""
        found = []
        with self.new_session() as session:
            run = step.runner(session)
            for number, before in enumerate(progress):
                run(step.with_progress({self.x: [1.0]}, before, number), False)
                found.append(session.run(self.w))
            self.assertEqual(session.run(step.global_step), len(progress))
        return found

    def test_the_rate_falls_with_the_progress(self):
        w, wanted = 0, []
        for before in (0, 0.5, 1):
            w -= 0.1 * max(1 - before, 1e-4) * 2 * (w - 1)
            wanted.append(w)
        self.assert_close(self._ws(self._step(), [0, 0.5, 1]), wanted)

    def test_the_rate_stays(self):
        self.assert_close(self._ws(self._step(decay="none"), [0, 0.5, 1]),
                          [1 - 0.8 ** n for n in (1, 2, 3)])

    def test_the_rate_where_no_progress_is_fed(self):
        step = self._step(progress=tf.constant(0.75))
        with self.new_session() as session:
            step.runner(session)({self.x: [1.0]}, False)
            self.assert_close(session.run(self.w), 0.1 * 0.25 * 2)

    def test_values_of_a_watched_step(self):
        table = tf.get_variable("table", [50, 2], initializer=tf.ones_initializer(), use_resource=True)
        self.loss += 0.5 * tf.reduce_sum(tf.gather(table, [3, 3, 7, 9]))
        step = self._step(watch={"mine": tf.constant(5)})
        with self.new_session() as session:
            run = step.runner(session)
            feed = step.with_progress({self.x: [2.0]}, 0, 0)
            reported = run(feed, True)
            self.assertEqual(run(feed, False), {})
        self.assertCountEqual(reported, ["loss", "gradient_norm", "rows_touched", "mine"])
        self.assertEqual((reported["loss"], reported["rows_touched"], reported["mine"]), (8, 3, 5))
        # The gradient by w is 2 (w - x), and by each use of a row 0.5, twice.
        self.assertAlmostEqual(reported["gradient_norm"], (16 + 8 * 0.25) ** 0.5, places=5)

    def test_a_trace(self):
        path = os.path.join(self.create_tempdir().full_path, "trace.json")
        step = self._step()
        with self.new_session() as session:
            reported = step.runner(session)(step.with_progress({self.x: [2.0]}, 0, 0), True, path)
            self.assertEqual((reported["loss"], session.run(step.global_step)), (4, 1))
        with open(path) as stream:
            self.assertNotEmpty(json.load(stream)["traceEvents"])

    def test_draws_of_a_step_depend_on_its_number_only(self):
        seed = steps.step_seed(5)
        drawn = distributions.uniforms([2], seed)
        step = self._step(watch={"drawn": drawn, "seed": seed})
        feed = {self.x: [1.0]}
        with self.new_session() as session:
            run = step.runner(session)
            reported = [run(step.with_progress(feed, 0.5, number), True) for number in (0, 1, 7, 1)]
            unfed = session.run(drawn)
        self.assertEqual([tuple(values["seed"]) for values in reported],
                         [(5, 0), (5, 1), (5, 7), (5, 1)])
        first, second, third, again = (tuple(values["drawn"]) for values in reported)
        self.assertLen({first, second, third}, 3)
        self.assertEqual(again, second)
        np.testing.assert_array_equal(unfed, first)


if __name__ == "__main__":
    absltest.main()
