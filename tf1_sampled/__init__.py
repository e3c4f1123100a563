"""Sampled losses for classification with very many classes, in TensorFlow graph mode.

    import tensorflow.compat.v1 as tf
    import tf1_sampled

    sampled = tf1_sampled.log_uniform_candidate_sampler(labels, 1, 64, True, num_classes, seed=1)
    loss = tf1_sampled.sampled_softmax_loss(weights, biases, labels, inputs, 64, num_classes,
                                            sampled_values=sampled)

The names below are the public interface. `tf1_sampled.word2vec` and `tf1_sampled.recsys` hold the parts
of the two programs.
"""
import importlib

__version__ = "1.0.0"  # setup.py reads it here

# {public name: module}, imported at first use, so that `--help` need not wait for TensorFlow.
_HOME = {
    "InputError": "checks",
    "Uniform": "distributions",
    "LogUniform": "distributions",
    "Unigram": "distributions",
    "LearnedUnigram": "distributions",
    "StreamingFrequency": "distributions",
    "log_frequency_biases": "distributions",
    "all_candidate_sampler": "samplers",
    "candidate_sampler": "samplers",
    "fixed_unigram_candidate_sampler": "samplers",
    "in_batch_candidate_sampler": "samplers",
    "learned_unigram_candidate_sampler": "samplers",
    "log_uniform_candidate_sampler": "samplers",
    "mixed_candidate_sampler": "samplers",
    "uniform_candidate_sampler": "samplers",
    "sample_by_name": "samplers",
    "SampledValues": "candidates",
    "with_certain": "candidates",
    "without_classes": "candidates",
    "without_known": "candidates",
    "PairLogits": "logits",
    "SampledLogits": "logits",
    "UnitRows": "logits",
    "accidental_hit_rate": "logits",
    "compute_accidental_hits": "logits",
    "compute_pair_logits": "logits",
    "compute_sampled_logits": "logits",
    "lookup": "logits",
    "whole_table": "logits",
    "TopK": "blocks",
    "top_k": "blocks",
    "nce_loss": "losses",
    "sampled_softmax_loss": "losses",
    "refined_sampled_softmax_loss": "losses",
    "softmax_at_k_loss": "losses",
    "negative_sampling_loss": "losses",
    "gbce_loss": "losses",
    "full_softmax_loss": "losses",
    "full_sigmoid_loss": "losses",
    "l2_loss_of_rows": "losses",
    "loss_by_name": "losses",
    "restore": "training.checkpoints",
    "AdagradOptimizer": "optimizers",
    "ClippedOptimizer": "optimizers",
    "LazyAdamOptimizer": "optimizers",
    "RowwiseAdagradOptimizer": "optimizers",
    "SGDOptimizer": "optimizers",
    "merged": "optimizers",
    "minimize": "training.steps",
    "LOSSES": "registry",
    "OPTIMIZERS": "registry",
    "SAMPLERS": "registry",
}

__all__ = sorted(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError("module 'tf1_sampled' has no attribute %r" % name)
    return getattr(importlib.import_module("tf1_sampled." + _HOME[name]), name)


def __dir__():
    return sorted(list(globals()) + __all__)
