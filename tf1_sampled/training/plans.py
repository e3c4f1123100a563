"""A training as one named object, and the record of what it took.

    plan = Plan(Objective(loss, shown_loss), Data(batches, num_units, "words"),
                Optimization(make_optimizer, learning_rate), policy.Saving(model_dir))
    result = loop.train(plan)
"""
import math
import typing

from tf1_sampled import checks
from tf1_sampled.training import devices, policy


class Objective(typing.NamedTuple):
    """What is trained, and what is shown of it.

    loss: float scalar, to be minimised.
    shown_loss: float scalar, to be shown (per word, per example).
    held_out_loss: None, or a function of the session that returns a float: the loss to show instead, as
      often as takes 2% of the time.
    watch: None, or {name: scalar}, more for TensorBoard.
    max_loss: float, the training has diverged when the shown loss is above it.
    """

    loss: typing.Any
    shown_loss: typing.Any
    held_out_loss: typing.Optional[typing.Callable] = None
    watch: typing.Optional[dict] = None
    max_loss: float = math.inf


class Data(typing.NamedTuple):
    """What is trained on.

    batches: function of a position, or None for the beginning, that returns an iterator of (feed_dict,
      progress, position): progress a float in (0, 1] after the batch, and position the argument with
      which `batches` goes on after it, numbers in tuples or arrays. Where there is no position,
      batches(None, begin, end) returns those of that share of the work, floats in 0 .. 1.
    num_units: integer, units of progress in all of it.
    unit: string, what they are called ("words").
    num_epochs: integer, the passes over the data that they are; None where the caller counts units.
    step_size: integer, about how much a step has, for the user to know; None for no word of it.
    """

    batches: typing.Callable
    num_units: int
    unit: str
    num_epochs: typing.Optional[int] = None
    step_size: typing.Optional[int] = None


class Optimization(typing.NamedTuple):
    """How steps are made.

    make_optimizer: learning rate (float scalar tensor) -> tf.train.Optimizer; see OPTIMIZERS.
    learning_rate: float above 0, at the start.
    decay: "linear", the learning rate falls to 0; or "none", it stays.
    device: devices.Device, where steps are made and how many at a time; or None, one at a time, which
      TensorFlow divides among all that it sees.
    filled: {placeholder: step_loop.Filled}, for steps that XLA compiles, of fixed shapes.
    """

    make_optimizer: typing.Callable
    learning_rate: float
    decay: str = "linear"
    device: typing.Optional[devices.Device] = None
    filled: typing.Optional[dict] = None

    @property
    def is_compiled(self):
        """Whether XLA compiles the steps."""
        return bool(self.device and self.device.is_compiled)

    @property
    def threads(self):
        """Steps at a time: integer."""
        return self.device.threads if self.device else 1


class Plan(typing.NamedTuple):
    """A whole training.

    objective: Objective.
    data: Data.
    optimization: Optimization.
    saving: policy.Saving.
    validation: None, or a policy.Validation: then checkpoints.chosen is that of the best score.
    initialise: None, or a function of the session that gives variables other values to start from.
    profile_step: None, or integer: the trace of this step, counted from 0, goes to trace-<step>.json.
    stop: function that returns whether to end before all is done: called after each batch.
    report: function of a line of text for the user.
    """

    objective: Objective
    data: Data
    optimization: Optimization
    saving: policy.Saving
    validation: typing.Optional[policy.Validation] = None
    initialise: typing.Optional[typing.Callable] = None
    profile_step: typing.Optional[int] = None
    stop: typing.Callable = lambda: False
    report: typing.Callable = print

    def check(self):
        """Check what can be checked before the training begins.

        Raises:
          InputError: a learning rate <= 0, an unknown decay.
        """
        rate = self.optimization.learning_rate
        checks.argument(rate > 0, "train", "learning_rate", "a number above 0", rate)
        checks.one_of("train", "decay", self.optimization.decay, {"linear", "none"})


class TrainingResult(typing.NamedTuple):
    """What a training took.

    seconds: float, of training alone, without building the graph, validations and the last checkpoint.
    cpu_seconds: float, of all cores in that time.
    steps: integer.
    units: integer, of progress (words, examples).
    units_per_second: float.
    history: list of (units, seconds, loss), the losses that were shown on the way and at the end.
    validations: list of (units, seconds, score, record), of policy.Validation.
    is_whole: boolean, False where it was stopped before the end.
    device: string, devices.Device's name; "" without one.
    threads: integer, steps at a time.
    steps_per_call: integer, the steps of a call of the session at the end.
    step_size: integer or None, as of Data.
    """

    seconds: float
    cpu_seconds: float
    steps: int
    units: int
    units_per_second: float
    history: list
    validations: list
    is_whole: bool
    device: str = ""
    threads: int = 1
    steps_per_call: int = 1
    step_size: typing.Optional[int] = None
