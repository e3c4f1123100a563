"""The trainings of a study, one after the other: first for the same steps, then for the same time.

    study = run(base, study_settings, report)
"""
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from tf1_sampled.study import gradients, host as host_lib, records, settings as settings_lib, tasks
from tf1_sampled.study.records import STEPS, TIME, Study, Training


def run(base: Any, study: settings_lib.StudySettings, report: Callable[[str], None]) -> Study:
    """Make all trainings of a study.

    The seeds are the outer loop, so that the time left is known after each value was trained once.

    Args:
      base: Word2Vec or YouTubeDNN, the settings that all trainings share.
      study: StudySettings.
      report: function of a line of text.

    Returns:
      records.Study.

    Raises:
      InputError: invalid settings or data.
    """
    models = study.models(base)
    with tasks.TASKS[study.task][1].opened(next(iter(models.values())), study, report) as task:
        trainings = _Trainings(task, models, study, report)
        seeds = range(base.seed, base.seed + study.seeds)
        for seed in seeds:
            for value in models:
                trainings.add(value, seed, STEPS)
        seconds = study.seconds or min(trainings.mean_seconds(value) for value in models)
        report("The same time: %.1f s for each training, at the speed so far" % seconds)
        steps = {value: trainings.steps_in(seconds, value) for value in models}
        for seed in seeds:
            for value in models:
                trainings.add(value, seed, TIME, steps[value])
    return Study(study.task, study.vary, list(models), trainings.made, trainings.scores)


class _Trainings:
    """The trainings that were made so far."""

    def __init__(self, task: Any, models: Dict[str, Any], study: settings_lib.StudySettings,
                 report: Callable[[str], None]):
        self._task, self._models, self._study, self._report = task, models, study, report
        self._number = 2 * study.seeds * len(models)
        self._begin = time.monotonic()
        self.made: List[Training] = []
        self.scores: Tuple[str, ...] = ()

    def mean_seconds(self, value: str) -> float:
        """Return the mean time of the trainings of a value so far."""
        return float(np.mean([training.numbers["seconds"] for training in self.made
                              if training.value == value]))

    def steps_in(self, seconds: float, value: str) -> int:
        """Return the number of steps that a value makes in a time, at its speed so far."""
        made = [training.numbers for training in self.made if training.value == value]
        speed = sum(each["steps"] for each in made) / sum(each["seconds"] for each in made)
        return max(int(seconds * speed), 1)

    def add(self, value: str, seed: int, budget: str, steps: Optional[int] = None) -> None:
        """Train a value with a seed, judge the result, and report it."""
        changes = {"seed": seed}
        if budget == TIME:
            changes["epochs"] = host_lib.MANY_EPOCHS
        model = settings_lib.changed(self._models[value], changes)
        host = host_lib.StudyHost(_no_report if self.made else self._report, steps)
        outcome = self._task.train(model, host)
        numbers = {"seconds": host.result.seconds, "steps": float(host.result.steps),
                   records.SAMPLED_LOSS: host.curve[-1].sampled_loss,
                   records.FULL_LOSS: outcome.full_softmax_loss, **outcome.scores}
        if budget == STEPS:
            error = gradients.measure(outcome.output, model.loss, outcome.draws, model.loss_options())
            numbers.update(error._asdict())
        self.scores = tuple(outcome.scores)
        self.made.append(Training(value, seed, budget, numbers, host.curve))
        self._report_training(self.made[-1])

    def _report_training(self, training: Training) -> None:
        done, numbers = len(self.made), training.numbers
        left = (self._number - done) * (time.monotonic() - self._begin) / done
        self._report(
            "%d of %d: %s=%s, seed %d, %s: %.1f s, sampled loss %.3f, full softmax loss %.3f; about "
            "%d:%02d min left" % (
                done, self._number, self._study.vary, training.value, training.seed,
                records.BUDGETS[training.budget], numbers["seconds"], numbers[records.SAMPLED_LOSS],
                numbers[records.FULL_LOSS], *divmod(int(left), 60)))


def _no_report(line: str) -> None:
    """Ignore a line that an earlier training has reported."""
