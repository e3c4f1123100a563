"""A host that watches a training: points on its curve, and an end after a number of steps.

    host = StudyHost(print, steps=2000)
    model.fit(host=host)
    host.curve, host.result
"""
import itertools
from typing import Any, Callable, Iterator, List, Optional

from tf1_sampled import checks
from tf1_sampled.programs import quiet
from tf1_sampled.study.records import Point
from tf1_sampled.training import host as host_lib

_POINTS = 10  # of a curve
MANY_EPOCHS = 10000  # more than a training makes before its steps end it


class StudyHost(host_lib.OneMachine):
    """The host of one training of a study.

    Each step also adds its sampled loss to a sum. At each point of the curve the host reads the mean and
    computes the full softmax loss on held-out data; this time does not count. The model is the last one,
    not that of the best validation.

    Args:
      report: function of a line of text, called with lines about the data.
      steps: integer, the steps of the training, over which the learning rate falls; None for a training
        that ends after its passes over the data.

    Attributes:
      curve: list of records.Point.
      result: plans.TrainingResult.
    """

    def __init__(self, report: Callable[[str], None], steps: Optional[int] = None):
        self._report, self._steps = report, steps
        self._is_training = False
        self.curve: List[Point] = []
        self.result: Any = None

    def report(self, line: str) -> None:
        if not self._is_training:
            self._report(line)

    def import_tensorflow(self) -> Any:
        return quiet.import_tensorflow()

    def train(self, plan: Any, units_per_step: int, unchanging: Any) -> Any:
        from tf1_sampled.training import loop, policy
        self._is_training = True
        full_loss = _full_softmax_loss(plan)
        read_mean = _mean_over_steps(plan.objective.shown_loss)

        def score(session: Any, number: int) -> Any:
            return float(number), {"sampled_loss": read_mean(session),
                                   "full_softmax_loss": full_loss(session, number)}

        plan = plan._replace(validation=policy.Validation(score, _POINTS, 0))
        if self._steps is not None:
            plan = plan._replace(data=_limited(plan.data, self._steps))
        self.result = result = loop.train(plan)
        self.curve = [Point(units / max(result.units, 1), seconds, record["sampled_loss"],
                            record["full_softmax_loss"])
                      for units, seconds, _, record in result.validations]
        return result


def _full_softmax_loss(plan: Any) -> Callable[[Any, int], float]:
    """Return a function of a session and a number: the full softmax loss on held-out data.

    Raises:
      InputError: nothing is held out.
    """
    held_out, validation = plan.objective.held_out_loss, plan.validation
    checks.argument(held_out or validation, "study", "data", "enough data to hold out a part",
                    "no held-out data")
    if held_out:
        return lambda session, number: float(held_out(session))
    return lambda session, number: float(validation.score(session, number)[1]["full_softmax_loss"])


def _mean_over_steps(loss: Any) -> Callable[[Any], float]:
    """Return a function of a session: the mean of a loss over the steps since the call before."""
    import tensorflow.compat.v1 as tf

    sums = tf.get_variable("study_loss", [2], initializer=tf.zeros_initializer(), trainable=False,
                           collections=[tf.GraphKeys.LOCAL_VARIABLES], use_resource=True)
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, sums.assign_add(
        tf.stack([tf.cast(loss, tf.float32), 1.0]), read_value=False))
    value, reset = sums.read_value(), sums.assign(tf.zeros([2]), read_value=False)

    def read(session: Any) -> float:
        total, number = session.run(value)
        session.run(reset)
        return float(total / number) if number else float("nan")

    return read


def _limited(data: Any, steps: int) -> Any:
    """Return plans.Data of the first `steps` batches."""
    def batches(position: Any, *share: float) -> Iterator[Any]:
        found = itertools.islice(data.batches(position, *share), steps)
        return ((feed, (i + 1) / steps, after) for i, (feed, _, after) in enumerate(found))

    return data._replace(batches=batches, num_units=steps, unit="steps", num_epochs=None)
