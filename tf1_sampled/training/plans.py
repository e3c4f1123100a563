"""A training as one named object, and its result.

    plan = Plan(Objective(loss, shown_loss), Data(batches, num_units, "words"),
                Optimization(make_optimizer, learning_rate), policy.Saving(model_dir))
    result = loop.train(plan)
"""
import math
import typing

from tf1_sampled import checks
from tf1_sampled.training import devices, policy


class Objective(typing.NamedTuple):
    """The loss of a training, and the values to show.

    loss: float scalar, the loss to minimize.
    shown_loss: float scalar, the loss to show (per word, per example).
    held_out_loss: None, or a function of the session that returns a float, the loss to show instead. It
      is called in at most 2% of the time.
    watch: None, or {name: scalar}, further values for TensorBoard.
    max_loss: float; a larger shown loss means that the training has diverged.
    """

    loss: typing.Any
    shown_loss: typing.Any
    held_out_loss: typing.Optional[typing.Callable] = None
    watch: typing.Optional[dict] = None
    max_loss: float = math.inf


class Data(typing.NamedTuple):
    """The data of a training.

    batches: function of a position, or of None for the beginning, that returns an iterator of
      (feed_dict, progress, position). progress is a float in (0, 1], the share of the work after this
      batch. position is the argument of `batches` that continues after this batch, numbers in tuples or
      arrays. Where position is None, batches(None, begin, end) returns the batches from the share
      `begin` to the share `end` of the work, floats in [0, 1].
    num_units: integer, units of progress in all data.
    unit: string, the name of the units ("words").
    num_epochs: integer, the number of passes over the data; None if the caller counts units.
    step_size: integer, the approximate size of a step, which is shown to the user; None to show nothing.
    """

    batches: typing.Callable
    num_units: int
    unit: str
    num_epochs: typing.Optional[int] = None
    step_size: typing.Optional[int] = None


class Optimization(typing.NamedTuple):
    """The optimizer, the learning rate and the device of a training.

    make_optimizer: learning rate (float scalar tensor) -> tf.train.Optimizer; see OPTIMIZERS.
    learning_rate: float above 0, at the start.
    decay: "linear", the learning rate falls to 0; or "none", it is constant.
    device: devices.Device; or None for one step at a time on all devices that TensorFlow sees.
    filled: {placeholder: step_loop.Filled}, the fixed shapes for steps that XLA compiles.
    """

    make_optimizer: typing.Callable
    learning_rate: float
    decay: str = "linear"
    device: typing.Optional[devices.Device] = None
    filled: typing.Optional[dict] = None

    @property
    def is_compiled(self):
        """Return whether XLA compiles the steps."""
        return bool(self.device and self.device.is_compiled)

    @property
    def threads(self):
        """Return the number of steps at a time."""
        return self.device.threads if self.device else 1


class Plan(typing.NamedTuple):
    """A whole training.

    objective: Objective.
    data: Data.
    optimization: Optimization.
    saving: policy.Saving.
    validation: None, or a policy.Validation: then checkpoints.chosen is the checkpoint of the best
      score.
    initialise: None, or a function of the session that changes the initial values of variables.
    profile_step: None, or integer: the trace of this step, counted from 0, is written to
      trace-<step>.json.
    stop: function that returns whether to stop the training, called after each batch.
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
        """Check the learning rate and its decay.

        Raises:
          InputError: a learning rate <= 0, an unknown decay.
        """
        rate = self.optimization.learning_rate
        checks.argument(rate > 0, "train", "learning_rate", "a number above 0", rate)
        checks.one_of("train", "decay", self.optimization.decay, {"linear", "none"})


class TrainingResult(typing.NamedTuple):
    """The result of a training.

    seconds: float, time of the training, without graph building, validations and the last checkpoint.
    cpu_seconds: float, CPU time of all cores in these seconds.
    steps: integer.
    units: integer, units of progress (words, examples).
    units_per_second: float.
    history: list of (units, seconds, loss), the losses shown during the training and at its end.
    validations: list of (units, seconds, score, record), see policy.Validation.
    is_whole: boolean, False if the training was stopped before its end.
    device: string, the name of the devices.Device; "" without one.
    threads: integer, the number of steps at a time.
    steps_per_call: integer, the number of steps in a call of the session at the end.
    step_size: integer or None, see Data.
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
