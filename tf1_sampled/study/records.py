"""The results of a study: a record of each training, means and spreads over seeds, differences.

    study = Study("word2vec", "num_sampled", ("10", "100"), trainings)
    study.of("full_softmax_loss", "10", STEPS)         # Measured(mean, spread, number)
    differ(study.of(...), study.of(...))
"""
import math
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

STEPS, TIME = "steps", "time"  # budgets: all trainings have as many steps, or as much time
BUDGETS = {STEPS: "the same number of steps", TIME: "the same time"}

SAMPLED_LOSS, FULL_LOSS = "sampled_loss", "full_softmax_loss"
# The fields of gradients.Error.
BIAS, NOISE, DEVIATION = "gradient_bias", "gradient_bias_noise", "gradient_deviation"
BATCH_DEVIATION = "full_gradient_deviation"
_CERTAIN = 2.0  # spreads of the difference of two trainings


class Point(NamedTuple):
    """A point on the curve of a training.

    share: float, of the training that is done.
    seconds: float, of training until then.
    sampled_loss: float, the mean over the steps since the point before.
    full_softmax_loss: float, on held-out data.
    """

    share: float
    seconds: float
    sampled_loss: float
    full_softmax_loss: float


class Training(NamedTuple):
    """A training of a study.

    value: string, the value of the setting that varies.
    seed: integer.
    budget: STEPS or TIME.
    numbers: {measure: float}: seconds, steps, sampled_loss (the mean of the last part), the
      full_softmax_loss on held-out data, the scores of the task; with STEPS also the fields of
      gradients.Error, NaN where the loss does not estimate the full softmax.
    curve: list of Point.
    """

    value: str
    seed: int
    budget: str
    numbers: Dict[str, float]
    curve: List[Point]


class Measured(NamedTuple):
    """A measure over the seeds of a value.

    mean: float.
    spread: float, the standard deviation of a training; NaN with one seed.
    number: integer, of seeds.
    """

    mean: float
    spread: float
    number: int

    def __str__(self) -> str:
        return shown(self.mean, self.spread)


class Study(NamedTuple):
    """All trainings of a study.

    task: string, of settings.TASKS.
    vary: string, the name of the setting that varies.
    values: its values, as text.
    trainings: sequence of Training.
    scores: names of the scores of the task, the main one first; the higher the better.
    """

    task: str
    vary: str
    values: Sequence[str]
    trainings: Sequence[Training]
    scores: Sequence[str]

    @property
    def is_ordered(self) -> bool:
        """Return whether the values are numbers."""
        return self.vary == "num_sampled"

    def of(self, measure: str, value: str, budget: str = STEPS) -> Measured:
        """Return a measure of a value over the seeds; the mean is NaN where it was not measured."""
        found = np.array([training.numbers.get(measure, math.nan)
                          for training in self._trainings(value, budget)])
        spread = float(np.std(found, ddof=1)) if len(found) > 1 else math.nan
        return Measured(float(np.mean(found)) if len(found) else math.nan, spread, len(found))

    def curve(self, value: str, budget: str = STEPS) -> Dict[str, np.ndarray]:
        """Return {field of Point: its mean over the seeds, at each point}."""
        curves = [training.curve for training in self._trainings(value, budget)]
        length = min(map(len, curves))
        mean = np.mean([curve[:length] for curve in curves], 0)
        return dict(zip(Point._fields, mean.T))

    def pairs(self) -> List[Tuple[str, str]]:
        """Return all pairs of values, those that are farthest apart in the list first."""
        found = [(i, j) for j in range(len(self.values)) for i in range(j)]
        return [(self.values[i], self.values[j])
                for i, j in sorted(found, key=lambda pair: pair[0] - pair[1])]

    def _trainings(self, value: str, budget: str) -> List[Training]:
        return [training for training in self.trainings
                if (training.value, training.budget) == (value, budget)]


def differ(one: Measured, other: Measured) -> bool:
    """Return whether two means differ by more than the seeds explain.

        |m_1 - m_2| > 2 sqrt(s_1^2 + s_2^2)

    s is the standard deviation of a training over the seeds, not that of the mean: with few seeds it is
    itself uncertain. False where there is one seed, which has no spread.
    """
    if math.isnan(one.spread) or math.isnan(other.spread):
        return False
    return bool(abs(one.mean - other.mean) > _CERTAIN * math.hypot(one.spread, other.spread))


def shown(mean: Any, spread: Any = math.nan) -> str:
    """Return a number and its spread as text, with digits that suit: 6.412 +- 0.012, 0.85%."""
    if math.isnan(mean):
        return "-"
    digits = 0 if abs(mean) >= 1000 else 1 if abs(mean) >= 100 else 2 if abs(mean) >= 10 else 3
    if 0 < spread < 1:  # two digits of the spread
        digits = min(max(digits, 1 - math.floor(math.log10(spread) + 1e-9)), 4)
    text = "{:,.{}f}".format(mean, digits)
    return text if math.isnan(spread) else "{} \u00b1 {:,.{}f}".format(text, spread, digits)
