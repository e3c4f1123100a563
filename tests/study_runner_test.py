"""Which trainings a study makes; they are made up here."""
import collections
import contextlib
from unittest import mock

import numpy as np
from absl.testing import absltest

from tf1_sampled.study import gradients, runner, tasks
from tf1_sampled.study.records import STEPS, TIME, Point
from tf1_sampled.study.settings import StudySettings
from tf1_sampled.word2vec import Word2Vec

_Result = collections.namedtuple("_Result", "seconds steps")


class MadeUp:
    """A task whose step takes a millisecond for each negative, and 100 steps where none are given."""

    def __init__(self):
        self.trained = []

    @contextlib.contextmanager
    def opened(self, base, study, report):
        yield self

    def train(self, settings, host):
        steps = host._steps or 100
        self.trained.append((settings.num_sampled, settings.seed, steps))
        host.result = _Result(0.001 * settings.num_sampled * steps, steps)
        host.curve = [Point(1.0, host.result.seconds, 2.5, 6.5)]
        return tasks.Outcome(6.0, {"AUC": 0.7}, None, None)


class RunTest(absltest.TestCase):

    def run_study(self, **values):
        task, self.lines = MadeUp(), []
        values = StudySettings.of_program("study", dict(dict(values=["10", "30"], seeds=2), **values))
        error = gradients.Error(0.5, 0.1, 2.0, 3.0)
        with mock.patch.dict(tasks.TASKS, {"word2vec": (Word2Vec, task)}), mock.patch.object(
                gradients, "measure", return_value=error):
            study = runner.run(Word2Vec.of_program("study", {"seed": 5}), values, self.lines.append)
        return study, task.trained

    def test_each_value_is_trained_with_each_seed_for_both_budgets(self):
        study, trained = self.run_study()
        # The fastest takes 1 s.
        self.assertEqual(trained, [
            (10, 5, 100), (30, 5, 100), (10, 6, 100), (30, 6, 100),
            (10, 5, 100), (30, 5, 33), (10, 6, 100), (30, 6, 33)])
        self.assertEqual([training.budget for training in study.trainings], [STEPS] * 4 + [TIME] * 4)

    def test_a_time_that_is_given_counts(self):
        _, trained = self.run_study(seconds=6)
        self.assertEqual(trained[4:6], [(10, 5, 600), (30, 5, 200)])

    def test_the_numbers_are_those_of_the_training(self):
        study, _ = self.run_study()
        self.assertEqual(study.scores, ("AUC",))
        self.assertEqual(study.trainings[0].numbers, {
            "seconds": 1.0, "steps": 100.0, "sampled_loss": 2.5, "full_softmax_loss": 6.0, "AUC": 0.7,
            "gradient_bias": 0.5, "gradient_bias_noise": 0.1, "gradient_deviation": 2.0,
            "full_gradient_deviation": 3.0})
        self.assertTrue(np.isnan(study.of("gradient_bias", "10", TIME).mean))

    def test_progress_is_told_with_the_time_left(self):
        self.run_study()
        self.assertStartsWith(
            self.lines[0], "1 of 8: num_sampled=10, seed 5, the same number of steps: 1.0 s, sampled "
            "loss 2.500, full softmax loss 6.000; about 0:0")


if __name__ == "__main__":
    absltest.main()
