"""Losses, samplers and optimizers by name, and the settings that choose among them.

    SAMPLERS["log_uniform"]         samplers.log_uniform_candidate_sampler
    sorted(LOSSES)                  the names, without importing TensorFlow
    settings.loss_options()         {"calibration": 0.75} where settings.loss is "gbce"

A table imports a module at the first look-up, so that `--help` and errors in flags need not wait for
TensorFlow.
"""
import collections.abc
import dataclasses
import importlib
from typing import Any, ClassVar, Dict, Optional

from tf1_sampled import settings
from tf1_sampled.settings import setting


class Table(collections.abc.Mapping):
    """A read-only mapping of names to public objects of this package, imported when looked up.

    Args:
      targets: dict of name -> "module.attribute", the module relative to this package.
    """

    def __init__(self, targets: Dict[str, str]) -> None:
        self._targets = targets

    def __getitem__(self, name: str) -> Any:
        module, attribute = self._targets[name].split(".")
        return getattr(importlib.import_module("tf1_sampled." + module), attribute)

    def __iter__(self):
        return iter(self._targets)

    def __len__(self):
        return len(self._targets)

    def __repr__(self):
        return "Table(%r)" % (self._targets,)


SAMPLERS = Table({
    "all": "samplers.all_candidate_sampler",
    "fixed_unigram": "samplers.fixed_unigram_candidate_sampler",
    "in_batch": "samplers.in_batch_candidate_sampler",
    "in_batch+fixed_unigram": "samplers.mixed_candidate_sampler",
    "in_batch+learned_unigram": "samplers.mixed_candidate_sampler",
    "in_batch+log_uniform": "samplers.mixed_candidate_sampler",
    "in_batch+uniform": "samplers.mixed_candidate_sampler",
    "learned_unigram": "samplers.learned_unigram_candidate_sampler",
    "log_uniform": "samplers.log_uniform_candidate_sampler",
    "uniform": "samplers.uniform_candidate_sampler",
})

LOSSES = Table({
    "gbce": "losses.gbce_loss",
    "nce": "losses.nce_loss",
    "negative_sampling": "losses.negative_sampling_loss",
    "refined_sampled_softmax": "losses.refined_sampled_softmax_loss",
    "sampled_softmax": "losses.sampled_softmax_loss",
    "softmax_at_k": "losses.softmax_at_k_loss",
})

FULL_LOSSES = ("full_softmax",)  # losses over all classes, which take no sampled values

OPTIMIZERS = Table({
    "adagrad": "optimizers.AdagradOptimizer",
    "adam": "optimizers.LazyAdamOptimizer",
    "rowwise_adagrad": "optimizers.RowwiseAdagradOptimizer",
    "sgd": "optimizers.SGDOptimizer",
})

# {name: {keyword: setting}}: the keywords that only this loss or optimizer takes.
_LOSS_OPTIONS = {
    "gbce": {"calibration": "calibration"},
    "negative_sampling": {"num_negatives": "num_negatives"},
    "softmax_at_k": {"k": "at_k"},
}
_OPTIMIZER_OPTIONS = {
    "adam": {"beta1": "beta1"},
    "rowwise_adagrad": {"learning_rate_power": "learning_rate_power"},
}


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ObjectiveSettings(settings.Settings):
    """The settings of the loss, the sampler and the optimizer."""

    LEARNING_RATES: ClassVar[Dict[str, float]] = {}  # {optimizer: its default learning rate}

    loss: str = setting(
        "sampled_softmax", "Loss to train with. full_softmax draws no negatives and suits few classes.",
        "training", choices=sorted([*LOSSES, *FULL_LOSSES]))
    sampler: str = setting("log_uniform", "Sampler that draws the negatives.", "training",
                           choices=sorted(SAMPLERS))
    num_sampled: int = setting(
        64, "Negatives per step. --sampler=in_batch (the labels of the batch) and --sampler=all (all "
        "classes) ignore it.", "training", least=1)
    distortion: float = setting(
        0.75, "Power of the counts for --sampler=fixed_unigram: 1 draws by frequency, 0 uniformly.",
        "training")
    num_negatives: float = setting(
        5.0, "k of --loss=negative_sampling, the weight of the negatives for any --num_sampled.",
        "training", above=0)
    calibration: float = setting(
        0.75, "t of --loss=gbce: 0 for binary cross-entropy, 1 for calibrated probabilities.",
        "training", least=0, most=1)
    at_k: int = setting(20, "K of --loss=softmax_at_k, at most the number of negatives.", "training",
                        least=1)
    l2: float = setting(0.0, "Weight of the L2 loss of the rows that a batch uses.", "training", least=0)
    optimizer: str = setting("adagrad", "Optimizer.", "training", choices=sorted(OPTIMIZERS))
    learning_rate: Optional[float] = setting(
        None, "Learning rate at the start. Default: depends on --optimizer.", "training", above=0,
        may_change=True)
    learning_rate_power: Optional[float] = setting(
        None, "Power of the accumulator in the step of --optimizer=rowwise_adagrad: -0.5 as in Adagrad, "
        "0 as in SGD. Default: -0.5; with --loss=negative_sampling -0.25.", "training",
        least=-1, most=0)
    beta1: float = setting(
        0.9, "Decay of the first moment of --optimizer=adam. With 0 there is no first moment, which "
        "saves memory and suits rare rows.", "training", least=0, most=0.999)

    @property
    def is_sampled(self) -> bool:
        """Return whether the loss takes sampled values."""
        return self.loss not in FULL_LOSSES

    def loss_options(self) -> Dict[str, Any]:
        """Return the keywords that only the chosen loss takes."""
        return self._options(_LOSS_OPTIONS.get(self.loss, {}))

    def optimizer_options(self) -> Dict[str, Any]:
        """Return the keywords that only the chosen optimizer takes."""
        options = self._options(_OPTIMIZER_OPTIONS.get(self.optimizer, {}))
        if "learning_rate_power" in options and self.learning_rate_power is None:
            options["learning_rate_power"] = -0.25 if self.loss == "negative_sampling" else -0.5
        return options

    def chosen_learning_rate(self) -> float:
        """Return the given learning rate, or the default of the optimizer."""
        return self.LEARNING_RATES[self.optimizer] if self.learning_rate is None else self.learning_rate

    def make_optimizer(self, learning_rate: Any) -> Any:
        """Return the tf.train.Optimizer.

        Args:
          learning_rate: float, or float scalar tensor.
        """
        return OPTIMIZERS[self.optimizer](learning_rate, **self.optimizer_options())

    def _options(self, names: Dict[str, str]) -> Dict[str, Any]:
        return {keyword: getattr(self, name) for keyword, name in names.items()}
