import json
import os
import threading
import time
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case, training_case
from tf1_sampled import InputError, distributions
from tf1_sampled.training import checkpoints, loop, policy, steps


def _once(batches):
    """Return `batches` of a Data for an iterator of (feed, progress)."""
    return lambda position: ((feed, progress, None) for feed, progress in batches)


def _validation(score, times, patience):
    """Return a Validation whose records are empty."""
    return policy.Validation(lambda session, _: (score(session), {}), times, patience)


def _score_of_step_40(session, _):
    """Return a score that is best at step 40."""
    return -abs(float(session.run(tf.train.get_global_step())) - 40), {}


class _TrainCase(graph_case.GraphCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path
        self.x = tf.placeholder(tf.float32, [None])
        self.w = tf.get_variable("w", [], initializer=tf.zeros_initializer(), use_resource=True)
        self.loss = tf.reduce_mean(tf.square(self.w - self.x))

    def _train(self, values, **options):
        def batches(position):
            return (({self.x: v}, (i + 1) / len(values), i + 1) for i, v in enumerate(values)
                    if i >= (position or 0))

        return training_case.train(self.loss, batches, 100, self.folder, **options)


class TrainTest(_TrainCase):

    def test_learns_and_leaves_a_checkpoint(self):
        result = self._train([[2.0, 4.0]] * 60)
        self.assertEqual((result.steps, result.units, result.validations), (60, 100, []))
        self.assertGreater(min(result.seconds, result.cpu_seconds), 0)
        self.assertAlmostEqual(result.units_per_second, 100 / result.seconds)
        with loop.restored_session(self.folder) as session:
            self.assert_close(session.run(self.w), 3, 1e-2)
            self.assertEqual(session.run(tf.train.get_global_step()), 60)

    @parameterized.parameters((60, None), (60, lambda session: 7.0), (10, lambda session: 7.0))
    def test_a_loss_above_max_loss_stops_the_training(self, number, held_out_loss):
        with self.assertRaisesRegex(InputError, "train: loss: wanted a finite number of at most 3, "
                                    "got (4|7).0 at step %d; learning_rate = 0.1" % min(number, 50)):
            self._train([[2.0]] * number, held_out_loss=held_out_loss, max_loss=3.0)
        self.assertIsNone(tf.train.latest_checkpoint(self.folder))

    def test_a_loss_above_max_loss_at_the_end_is_an_error(self):
        looks = iter([1.0, 7.0])

        def held_out_loss(session):
            time.sleep(0.2)  # so long that the loss of the last round is not computed
            return next(looks)

        with self.assertRaisesRegex(InputError, "of at most 3, got 7.0 at step 60"):
            self._train([[2.0]] * 60, held_out_loss=held_out_loss, max_loss=3.0)
        self.assertIsNone(tf.train.latest_checkpoint(self.folder))

    def test_a_loss_below_max_loss_does_not_stop_the_training(self):
        result = self._train([[2.0]] * 60, held_out_loss=lambda session: 7.0, max_loss=7.0)
        self.assertTrue(result.is_whole)

    def test_the_rate_falls_linearly(self):
        self._train([[1.0]] * 4, rate=0.1)
        w = 0
        for done in (0, 0.25, 0.5, 0.75):
            w -= 0.1 * (1 - done) * 2 * (w - 1)
        with loop.restored_session(self.folder) as session:
            self.assert_close(session.run(self.w), w)

    def test_update_ops_run_with_each_step(self):
        counter = tf.get_variable("counter", [], tf.int32, tf.zeros_initializer(), trainable=False)
        tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, tf.assign_add(counter, 1))
        self._train([[1.0]] * 7)
        with loop.restored_session(self.folder) as session:
            self.assertEqual(session.run(counter), 7)

    def test_a_loss_that_is_not_finite_names_the_step(self):
        with self.assertRaisesRegex(InputError, "got (inf|nan) at step 51.*learning_rate = 1e\\+30.*"
                                    "Last checkpoint: none yet"):
            self._train([[1.0]] * 60, rate=1e30)
        self.assertEmpty([name for name in os.listdir(self.folder) if not name.startswith("events.")])

    def test_a_diverged_model_is_not_saved_over_a_good_one(self):
        # A checkpoint is due at each record of the loss; none has the diverged values.
        values = [[1.0]] * 52 + [[float("nan")]] + [[1.0]] * 47
        with self.assertRaisesRegex(InputError, "got nan at step 100.*Last checkpoint: .*model.ckpt-50"):
            self._train(values, save_seconds=0)
        with loop.restored_session(self.folder) as session:
            self.assertTrue(np.isfinite(session.run(self.w)))

    def test_an_unknown_decay_is_an_error(self):
        with self.assertRaisesRegex(InputError, "decay: wanted one of linear, none, got 'cosine'"):
            self._train([[1.0]], decay="cosine")

    def test_the_held_out_loss_is_shown(self):
        looks = []

        def held_out_loss(session):
            looks.append(float(session.run(self.w)))
            return 7.0 + len(looks)

        result = self._train([[1.0]] * 120, held_out_loss=held_out_loss)
        units, seconds, losses = zip(*result.history)
        self.assertEqual(list(losses), [8.0 + i for i in range(len(looks))])
        self.assertEqual((units[0], units[-1]), (42, 100))  # 50 steps of 120; the end
        reported = graph_case.read_summaries(self.folder)
        self.assertEqual((reported["held_out_loss", 50], reported["loss", 50]), (8, 1))
        self.assertEqual(sorted(seconds), list(seconds))
        self.assertLess(abs(looks[-1] - 1), abs(looks[0] - 1))

    def test_the_history_of_the_training_loss(self):
        result = self._train([[2.0]] * 120)
        self.assertEqual([units for units, _, _ in result.history], [42, 83, 100, 100])
        losses = [loss for _, _, loss in result.history]
        self.assertEqual(losses[0], 4.0)
        self.assertLess(losses[-1], 1e-3)

    def test_as_many_steps_at_a_time_as_threads(self):
        for threads, together in ((1, 1), (2, 2), (3, 3)):
            with tf.Graph().as_default():
                # Each step waits for other running steps, which do not exist with fewer threads.
                barrier = threading.Barrier(together)

                def meet(value, barrier=barrier):
                    barrier.wait(timeout=20)
                    return value

                x = tf.placeholder(tf.float32, [])
                w = tf.get_variable("w", [], initializer=tf.zeros_initializer(), use_resource=True)
                met = tf.numpy_function(meet, [x], tf.float32)
                tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, met.op)
                loss = tf.square(w - x)
                batches = (({x: 1.0}, (i + 1) / 12) for i in range(12))
                result = training_case.train(loss, _once(batches), 12, self.create_tempdir().full_path,
                                threads=threads)
                self.assertEqual(result.steps, 12)

    def test_several_threads_use_each_batch_once(self):
        total = tf.get_variable("total", [], initializer=tf.zeros_initializer(), trainable=False,
                                use_resource=True)
        tf.add_to_collection(tf.GraphKeys.UPDATE_OPS,
                             tf.assign_add(total, tf.reduce_sum(self.x)))
        self._train([[float(i)] for i in range(130)], rate=1e-6, threads=3)
        with loop.restored_session(self.folder) as session:
            self.assertEqual(session.run(total), sum(range(130)))

    def test_an_error_in_the_input_ends_the_training(self):
        def batches():
            yield {self.x: [1.0]}, 0.1
            raise InputError("text.txt: gone")

        with self.assertRaisesRegex(InputError, "text.txt: gone"):
            training_case.train(self.loss, _once(batches()), 100, self.folder, threads=2)

    def test_no_batches_are_an_error(self):
        with self.assertRaisesRegex(InputError, "batches: wanted at least one batch"):
            self._train([])

    def test_a_rate_of_zero_is_an_error(self):
        with self.assertRaisesRegex(InputError, "learning_rate: wanted a number above 0"):
            self._train([[1.0]], rate=0)


class ValidationTest(_TrainCase):

    def _steps(self, number):
        return [[float(i)] for i in range(number)]

    def _scored(self, scores, number_of_steps, times=None, patience=0, **options):
        """Return (result, [global step at each validation]) of a training with given scores."""
        steps, scores = [], iter(scores)

        def score(session):
            steps.append(int(session.run(tf.train.get_global_step())))
            return next(scores)

        validation = _validation(score, times or number_of_steps, patience)
        return self._train(self._steps(number_of_steps), validation=validation, **options), steps

    @parameterized.parameters(None, 1, 3)
    def test_the_best_is_kept(self, threads):
        seen = {}

        def score(session):
            seen[len(seen)] = session.run(self.w)
            return [0.1, 0.7, 0.3, 0.7, 0.5][len(seen) - 1]

        result = self._train(self._steps(10), validation=_validation(score, 5, 0),
                             threads=threads)
        self.assertEqual([x[2] for x in result.validations], [0.1, 0.7, 0.3, 0.7, 0.5])
        self.assertLen(set(seen.values()), 5)
        with loop.restored_session(self.folder) as session:
            self.assertEqual(session.run(self.w), seen[1])  # of equal ones the first
            self.assertEqual(session.run(tf.train.get_global_step()), 4)
        self.assertEqual(result.steps, 10)

    @parameterized.parameters((120, 4, [30, 60, 90, 120]), (3, 3, [1, 2, 3]), (3, 10, [1, 2, 3]),
                              (6, 4, [2, 3, 5, 6]), (100, 1, [100]), (7, 3, [3, 5, 7]),
                              (100, 100, list(range(1, 101))))
    def test_validations_are_spread_evenly(self, number, times, wanted):
        result, steps = self._scored([1.0] * number, number, times)
        self.assertEqual(steps, wanted)
        self.assertEqual([units for units, *_ in result.validations],
                         [int(round(100 * step / number)) for step in wanted])

    def test_validations_within_a_large_step_are_skipped(self):
        places = []

        def score(session):
            places.append(int(session.run(tf.train.get_global_step())))
            return 0.0

        progress = [0.55, 0.57, 0.59, 0.61, 0.8, 1.0]
        batches = (({self.x: [1.0]}, p) for p in progress)
        training_case.train(self.loss, _once(batches), 100, self.folder,
                            validation=_validation(score, 10, 0))
        self.assertEqual(places, [1, 4, 5, 6])

    @parameterized.parameters(([0.5, 0.4, 0.6, 0.6, 0.5, 0.7], 2, 5, 3), ([0.5, 0.4, 0.6], 1, 2, 1),
                              ([3, 4, 5, 6, 7, 8], 1, 6, 6), ([5, 4, 3, 2, 1, 0], 0, 6, 1))
    def test_patience_ends_the_training(self, scores, patience, wanted, best):
        result, steps = self._scored(scores, 6, patience=patience)
        self.assertEqual(steps, list(range(1, wanted + 1)))
        self.assertEqual((result.steps, len(result.validations)), (wanted, wanted))
        self.assertEqual(result.units, int(round(100 * wanted / 6)))
        self.assertEqual(result.history[-1][0], result.units)
        self.assertAlmostEqual(result.units_per_second * result.seconds, result.units)
        with loop.restored_session(self.folder) as session:
            self.assertEqual(session.run(tf.train.get_global_step()), best)

    def test_a_score_of_nan_is_worse_than_any_other(self):
        self._scored([float("nan"), -7.0, float("nan")], 3)
        with loop.restored_session(self.folder) as session:
            self.assertEqual(session.run(tf.train.get_global_step()), 2)

    def test_the_first_of_scores_that_are_all_nan_is_the_best(self):
        result, _ = self._scored([float("nan")] * 3, 3)
        self.assertLen(result.validations, 3)
        with loop.restored_session(self.folder) as session:
            self.assertEqual(session.run(tf.train.get_global_step()), 1)

    def test_the_newest_are_kept_beside_the_best(self):
        self._scored([0.5, 0.9, 0.8, 0.7, 0.6], 100, 5, save_seconds=0, keep=1)
        self.assertEqual(checkpoints.chosen(self.folder), os.path.join(self.folder, "model.ckpt-40"))
        self.assertEqual(tf.train.latest_checkpoint(self.folder),
                         os.path.join(self.folder, "model.ckpt-100"))
        self.assertLen([name for name in os.listdir(self.folder) if name.endswith(".index")], 2)

    def test_the_record_of_a_validation_is_kept(self):
        validation = policy.Validation(lambda session, number: (0.5, {"loss": 7.0}), 2, 0)
        result = self._train(self._steps(2), validation=validation)
        self.assertEqual([(score, record) for *_, score, record in result.validations],
                         [(0.5, {"loss": 7.0})] * 2)

    def test_seconds_are_without_validation(self):
        clock = [1000.0]
        cpu = [50.0]

        def score(session):
            clock[0] += 1000
            cpu[0] += 500
            return 0.0

        def batches():
            for i in range(10):
                clock[0] += 1
                cpu[0] += 2
                yield {self.x: [1.0]}, (i + 1) / 10

        with mock.patch.object(loop.time, "monotonic", lambda: clock[0]), mock.patch.object(
                loop.time, "process_time", lambda: cpu[0]):
            result = training_case.train(self.loss, _once(batches()), 100, self.folder,
                            validation=_validation(score, 5, 0))
        self.assertEqual((result.seconds, result.cpu_seconds), (10, 20))
        self.assertEqual(result.units_per_second, 10)
        self.assertEqual([seconds for _, seconds, *_ in result.validations], [2, 4, 6, 8, 10])
        self.assertEqual([seconds for _, seconds, _ in result.history], [2, 4, 6, 8, 10, 10])

    def test_a_diverged_model_is_not_validated(self):
        with self.assertRaisesRegex(InputError, "got nan at step 2.*Last checkpoint: .*model.ckpt-1"):
            self._train([[1.0], [float("nan")], [1.0]], validation=_validation(
                lambda session: 1.0 + session.run(tf.train.get_global_step()), 3, 0))
        with loop.restored_session(self.folder) as session:
            self.assertTrue(np.isfinite(session.run(self.w)))

    def test_without_a_validation_the_last_state_is_kept(self):
        result = self._train(self._steps(6))
        self.assertEqual(result.validations, [])
        with loop.restored_session(self.folder) as session:
            self.assertEqual(session.run(tf.train.get_global_step()), 6)

    def test_an_error_in_a_validation_ends_the_training(self):
        def score(session):
            raise InputError("score: broken")

        with self.assertRaisesRegex(InputError, "score: broken"):
            self._train(self._steps(60), validation=_validation(score, 2, 0))


class GoingOnTest(training_case.ResumeCase):
    """A training that is interrupted and resumed equals an uninterrupted one."""

    @parameterized.parameters(0, 1, 7, 49, 50, 51, 99)
    def test_resumed_values_are_bitwise_equal(self, stop_after):
        whole, wanted, lines = self.train(self.new_folder())
        self.assertTrue(whole.is_whole)
        self.assertEmpty(lines)
        folder = self.new_folder()
        part, _, _ = self.train(folder, stop_after=stop_after)
        self.assertEqual((part.is_whole, part.steps), (False, stop_after))
        result, values, lines = self.train(folder)
        self.assertEqual(lines, ["Resuming from " + os.path.join(folder, "model.ckpt-%d" % stop_after)])
        self.assertEqual((result.steps, result.is_whole, result.units), (100, True, 100))
        self.assertEqual(result.history[-1][::2], whole.history[-1][::2])
        for value, other in zip(values, wanted):
            np.testing.assert_array_equal(value, other)

    def test_draws_differ_from_step_to_step(self):
        seed = steps.step_seed(5)
        drawn = distributions.uniforms([2], seed)
        kept = []
        keep = tf.numpy_function(
            lambda *values: kept.append(values) or np.int32(0), [seed, drawn], tf.int32)
        tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, keep.op)
        w = tf.get_variable("w", [], use_resource=True)
        training_case.train(tf.square(w), _once(({}, (i + 1) / 60) for i in range(60)), 60,
                            self.new_folder())
        self.assertCountEqual([tuple(seed) for seed, _ in kept], [(5, i) for i in range(60)])
        self.assertLen({tuple(drawn) for _, drawn in kept}, 60)

    def test_measurements_continue(self):
        def score(session, number):
            self.assertEqual(number, len(numbers) + 1)
            numbers.append(number)
            step = int(session.run(tf.train.get_global_step()))
            return -abs(step - 40.0), {"step": step}

        folder, numbers = self.new_folder(), []
        validation = policy.Validation(score, 10, 0)
        self.train(folder, stop_after=55, validation=validation)
        result, _, _ = self.train(folder, validation=validation)
        self.assertEqual([record["step"] for *_, record in result.validations],
                         list(range(10, 101, 10)))
        self.assertEqual(checkpoints.chosen(folder), os.path.join(folder, "model.ckpt-40"))
        seconds = [seconds for _, seconds, *_ in result.validations]
        self.assertEqual(sorted(seconds), seconds)
        self.assertLessEqual(seconds[-1], result.seconds)

    def test_a_kill_before_the_best_is_marked(self):
        class Killed(BaseException):
            pass

        def name_newest(store, state_file, steps):
            if (state_file, steps) == ("best", [40]):
                raise Killed
            return named(store, state_file, steps)

        named = checkpoints.Checkpoints._name_newest
        folder, validation = self.new_folder(), policy.Validation(_score_of_step_40, 10, 0)
        with mock.patch.object(checkpoints.Checkpoints, "_name_newest", name_newest):
            with self.assertRaises(Killed):
                self.train(folder, validation=validation)
        self.assertEqual(checkpoints.chosen(folder), os.path.join(folder, "model.ckpt-30"))
        result, _, _ = self.train(folder, validation=validation)
        self.assertLen(result.validations, 10)
        self.assertEqual(checkpoints.chosen(folder), os.path.join(folder, "model.ckpt-40"))

    def test_a_kill_before_the_best_is_saved(self):
        # In a cluster the parameter servers have the validation, and no checkpoint has the variables.
        folder, validation = self.new_folder(), policy.Validation(_score_of_step_40, 10, 0)
        self.train(folder, stop_after=35, validation=validation)
        for name in os.listdir(folder):
            if name == "best" or name.startswith("model.ckpt-30."):
                os.unlink(os.path.join(folder, name))
        result, _, _ = self.train(folder, validation=validation)
        self.assertEqual([units for units, *_ in result.validations],
                         [10, 20, 36, 40, 50, 60, 70, 80, 90, 100])
        self.assertEqual(checkpoints.chosen(folder), os.path.join(folder, "model.ckpt-40"))

    def test_an_ended_training_stays_ended_by_patience(self):
        folder = self.new_folder()
        validation = policy.Validation(lambda session, number: (0.0, {}), 10, 2)
        first, _, _ = self.train(folder, validation=validation)
        again, _, _ = self.train(folder, validation=validation)
        self.assertEqual((first.steps, again.steps), (30, 30))

    def test_a_complete_training_is_not_repeated(self):
        folder = self.new_folder()
        first, wanted, _ = self.train(folder)
        again, values, _ = self.train(folder)
        self.assertEqual((again.steps, again.history), (first.steps, first.history))
        np.testing.assert_array_equal(values[0], wanted[0])

    def test_more_epochs_continue_to_the_larger_total(self):
        folder = self.new_folder()
        self.train(folder, 60)
        result, _, _ = self.train(folder, 90)
        self.assertEqual((result.steps, result.units), (90, 90))
        self.assertGreater(result.history[-1][0], 60)

    def test_another_rate_applies_when_resumed(self):
        folder = self.new_folder()
        _, before, _ = self.train(folder, stop_after=50)
        _, values, _ = self.train(folder, rate=1e-9)
        np.testing.assert_allclose(values[0], before[0], atol=1e-6)

    def test_the_loss_at_the_end_is_computed_after_a_restore(self):
        folder, looks = self.new_folder(), iter([3.0, 1.0, 0.5])

        def held_out_loss(session):
            time.sleep(0.2)  # so long that the loss of the last round is not computed
            return next(looks)

        first, _, _ = self.train(folder, held_out_loss=held_out_loss, save_seconds=0)
        again, _, _ = self.train(folder, held_out_loss=held_out_loss)
        for result, loss in ((first, 1.0), (again, 0.5)):
            self.assertEqual([row[::2] for row in result.history], [(50, 3.0), (100, loss)])

    def test_an_out_of_range_error_is_not_the_end_of_the_data(self):
        def held_out_loss(session):
            raise tf.errors.OutOfRangeError(None, None, "mine")

        with self.assertRaisesRegex(RuntimeError, "train: uncaught OutOfRangeError: .*mine"):
            self.train(self.new_folder(), held_out_loss=held_out_loss)

    def test_checkpoints_are_saved_after_some_seconds(self):
        folder = self.new_folder()
        steps = []
        save = checkpoints.Checkpoints.save
        with mock.patch.object(checkpoints.Checkpoints, "save", lambda store, session, step, best: (
                steps.append(step), save(store, session, step, best))):
            self.train(folder, 170, save_seconds=0)
        self.assertEqual(steps, [50, 100, 150, 170, 170])


class WatchingTest(_TrainCase):

    def test_summaries_for_tensorboard(self):
        table = tf.get_variable("table", [50, 2], initializer=tf.ones_initializer(), use_resource=True)
        ids = tf.constant([3, 3, 7, 9])
        self.loss += 0.5 * tf.reduce_sum(tf.gather(table, ids))
        validation = policy.Validation(lambda session, number: (number / 4, {"more": {"x": 9}}), 2, 0)
        result = self._train([[2.0]] * 100, rate=1e-9, validation=validation, watch={"mine": self.w + 5})
        reported = graph_case.read_summaries(self.folder)
        self.assertAlmostEqual(reported["loss", 50], 4 + 0.5 * 4 * 2, places=4)
        self.assertEqual(reported["rows_touched", 50], 3)
        # The gradient by w is 2 (w - x), and by each use of a row 0.5, twice.
        self.assertAlmostEqual(reported["gradient_norm", 50], (16 + 8 * 0.25) ** 0.5, places=4)
        self.assertAlmostEqual(reported["mine", 100], 5, places=4)
        self.assertGreater(reported["units_per_second", 50], 0)
        self.assertEqual([reported["validation/score", step] for step in (50, 100)], [0.25, 0.5])
        self.assertEqual(reported["validation/more/x", 100], 9)
        self.assertLen(result.validations, 2)

    def test_the_trace_of_a_step(self):
        lines = []
        self._train([[2.0]] * 3, profile_step=1, report=lines.append)
        path = os.path.join(self.folder, "trace-1.json")
        self.assertEqual(lines, ["Wrote " + path])
        with open(path) as stream:
            self.assertNotEmpty(json.load(stream)["traceEvents"])
        with loop.restored_session(self.folder) as session:
            self.assertEqual(session.run(tf.train.get_global_step()), 3)

    def test_a_step_that_is_not_reached_has_no_trace(self):
        lines = []
        self._train([[2.0]] * 3, profile_step=3, report=lines.append)
        self.assertEqual(lines, ["No trace of step 3: the training has 3 steps"])


class InitialiseTest(_TrainCase):

    def test_starts_from_other_values(self):
        calls = []

        def initialise(session):
            calls.append(session.run(self.w))
            self.w.load(3.0, session)

        self._train([[1.0]] * 4, rate=0.1, decay="none", initialise=initialise)
        self.assertEqual(calls, [0])  # variables are there, and no step was made
        with loop.restored_session(self.folder) as session:
            self.assert_close(session.run(self.w), 1 + 2 * 0.8 ** 4)

    def test_an_error_of_initialise_ends_the_training(self):
        def initialise(session):
            raise InputError("runs/recsys-1: wanted another model")

        with self.assertRaisesRegex(InputError, "wanted another model"):
            self._train([[1.0]], initialise=initialise)
        self.assertEmpty(os.listdir(self.folder))


if __name__ == "__main__":
    absltest.main()
