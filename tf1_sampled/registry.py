"""The names that flags offer and what each stands for.

    SAMPLERS["log_uniform"]         samplers.log_uniform_candidate_sampler
    sorted(LOSSES)                  the names, without waiting for TensorFlow

A table imports nothing until a name is looked up, so that `--help` and a mistyped flag answer at once.
"""
import collections.abc
import importlib


class Table(collections.abc.Mapping):
    """A read-only mapping of names to public objects of this package, imported when looked up.

    Args:
      targets: dict of name -> "module.attribute", the module relative to this package.
    """

    def __init__(self, targets):
        self._targets = targets

    def __getitem__(self, name):
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

FULL_LOSSES = ("full_softmax",)  # losses over all classes, which no sampler has a part in

OPTIMIZERS = Table({
    "adagrad": "optimizers.AdagradOptimizer",
    "adam": "optimizers.LazyAdamOptimizer",
    "rowwise_adagrad": "optimizers.RowwiseAdagradOptimizer",
    "sgd": "optimizers.SGDOptimizer",
})
