"""When a training is saved and validated, which checkpoints stay, which is the best, when to end early.

    saving = Saving("runs/recsys-1", seconds=600, keep=2)
    validation = Validation(score, times=10, patience=3)

All decisions about checkpoints are methods here; `loop` and `checkpoints` ask them.
"""
import math
import typing


class Saving(typing.NamedTuple):
    """Where and when checkpoints are made, and which of them stay.

    model_dir: string, folder for them, which no other process uses; see model_dir.ModelDir. Only the
      chief of a cluster reads it.
    seconds: float, between checkpoints; one more is made at the end.
    keep: integer above 0, how many of the newest stay, beside the best by validation.
    """

    model_dir: str
    seconds: float = 600
    keep: int = 2

    def is_due(self, seconds):
        """Return whether to save, so many seconds after the last checkpoint."""
        return seconds > self.seconds

    def kept(self, steps):
        """Return which checkpoints stay beside the best.

        Args:
          steps: list of integers, the steps of all checkpoints in rising order.
        """
        return steps[-self.keep:]


class Validation(typing.NamedTuple):
    """How a training is validated, to keep the best of its checkpoints and to end it early.

    score: function of the session and of the number of the validation, from 1 on -> (float, record): the
      higher the better, on data that is not trained on; and more to record, as of JSON.
    times: integer, how often, evenly spread over the training: once an epoch, say.
    patience: integer, the training ends after so many scores in a row that were not better; 0 for never.
    """

    score: typing.Callable
    times: int
    patience: int

    def next_after(self, progress):
        """Return the progress, in (0, 1] or beyond, from which on to validate next."""
        return (math.floor(progress * self.times + 1e-9) + 1) / self.times

    def is_exhausted(self, validations):
        """Return whether the latest scores were not better often enough to end the training."""
        return bool(validations and self.patience
                    and len(validations) - 1 - best(validations) >= self.patience)


def best(validations):
    """Return the index of the first validation with the best score; NaN is worse than any number.

    Args:
      validations: non-empty list of (units, seconds, score, record).
    """
    scores = [score for _, _, score, _ in validations]
    return max(range(len(scores)), key=lambda i: (scores[i] == scores[i], scores[i], -i))
