"""Policies of a training: when to save, validate and stop early, and which checkpoints to keep.

    saving = Saving("runs/recsys-1", seconds=600, keep=2)
    validation = Validation(score, times=10, patience=3)

`loop` and `checkpoints` call the methods of this module for each decision about checkpoints.
"""
import math
import typing


class Saving(typing.NamedTuple):
    """The folder and the times of checkpoints, and the number to keep.

    model_dir: string, the folder of the checkpoints, which no other process uses; see
      model_dir.ModelDir. In a cluster only the chief uses it.
    seconds: float, seconds between checkpoints. One more is written at the end.
    keep: integer above 0, the number of the newest checkpoints to keep, beside the best by validation.
    """

    model_dir: str
    seconds: float = 600
    keep: int = 2

    def is_due(self, seconds):
        """Return whether to save, given the seconds since the last checkpoint."""
        return seconds > self.seconds

    def kept(self, steps):
        """Return the steps of the checkpoints to keep, beside the best.

        Args:
          steps: list of integers, the steps of all checkpoints in rising order.
        """
        return steps[-self.keep:]


class Validation(typing.NamedTuple):
    """The validation of a training, which selects the best checkpoint and can stop the training early.

    score: function of the session and of the number of the validation, from 1 -> (float, record). The
      float is a score on held-out data, higher is better. The record is a dict with JSON values.
    times: integer, the number of validations, evenly spread over the training.
    patience: integer, stop after this number of consecutive scores without improvement; 0 for never.
    """

    score: typing.Callable
    times: int
    patience: int

    def next_after(self, progress):
        """Return the progress at which the next validation is due; above 1 if there is none."""
        return (math.floor(progress * self.times + 1e-9) + 1) / self.times

    def is_exhausted(self, validations):
        """Return whether the last `patience` scores were no improvement."""
        return bool(validations and self.patience
                    and len(validations) - 1 - best(validations) >= self.patience)


def best(validations):
    """Return the index of the first validation with the best score; NaN is worse than any number.

    Args:
      validations: non-empty list of (units, seconds, score, record).
    """
    scores = [score for _, _, score, _ in validations]
    return max(range(len(scores)), key=lambda i: (scores[i] == scores[i], scores[i], -i))
