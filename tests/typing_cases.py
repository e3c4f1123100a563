"""Uses of the public interface for mypy: python -m mypy tests/typing_cases.py. This file is never run.

mypy must reject each line with a "type: ignore" for the reason in brackets, as it reports an unneeded
one. It must accept all other lines.
"""
from typing import Any, List

import numpy as np
import tensorflow.compat.v1 as tf

import tf1_sampled as ts
from tf1_sampled import losses, samplers

weights, biases = tf.get_variable("weights", [9, 4]), tf.get_variable("biases", [9])
labels, inputs = tf.placeholder(tf.int64, [3, 1]), tf.placeholder(tf.float32, [3, 4])
counts = np.arange(9)


def losses_take_tensors_arrays_and_lists() -> None:
    ts.nce_loss(weights, biases, labels, inputs, 5, 9)
    ts.nce_loss(ts.UnitRows([weights, weights]), None, [[1], [2], [3]], np.ones([3, 4]), np.int64(5), 9)
    ts.nce_loss(weights, biases, (1, 2, 3), inputs, None, 9,
                sampled_values=tf.nn.all_candidate_sampler(labels, 1, 9, True))
    ts.sampled_softmax_loss(weights, biases, labels, inputs, 5, 9, partition_strategy="div", seed=3)
    ts.softmax_at_k_loss(weights, biases, labels, inputs, 5, 9, k=3, weight_temperature=2)
    ts.loss_by_name("gbce", weights, biases, labels, inputs, 9, calibration=0.5)
    ts.full_softmax_loss(weights, biases, labels, inputs, 9, block_size=4) + 1.0
    losses.nce_loss(weights, biases, labels, inputs, 5, 9)


def losses_reject_other_arguments() -> None:
    ts.nce_loss(None, biases, labels, inputs, 5, 9)  # type: ignore[arg-type]
    ts.nce_loss(weights, biases, None, inputs, 5, 9)  # type: ignore[arg-type]
    ts.nce_loss(weights, biases, "labels", inputs, 5, 9)  # type: ignore[arg-type]
    ts.nce_loss(weights, biases, labels, inputs, "5", 9)  # type: ignore[arg-type]
    ts.nce_loss(weights, biases, labels, inputs, 5, None)  # type: ignore[arg-type]
    ts.nce_loss(weights, biases, labels, inputs, 5, 9.5)  # type: ignore[arg-type]
    ts.nce_loss(weights, biases, labels, inputs, 5)  # type: ignore[call-arg]
    ts.nce_loss(weights, biases, labels, inputs, 5, 9, number_true=1)  # type: ignore[call-arg]
    ts.nce_loss(weights, biases, labels, inputs, 5, 9, partition_strategy="mode")  # type: ignore[arg-type]
    ts.nce_loss(weights, biases, labels, inputs, 5, 9, sampled_values=5)  # type: ignore[arg-type]
    ts.nce_loss(weights, biases, labels, inputs, 5, 9, remove_accidental_hits="no")  # type: ignore[arg-type]
    ts.nce_loss(weights, biases, labels, inputs, 5, 9, seed="1")  # type: ignore[arg-type]
    ts.nce_loss(weights, biases, labels, inputs, 5, 9, name=None)  # type: ignore[arg-type]
    ts.gbce_loss(weights, biases, labels, inputs, 5, 9, calibration="1")  # type: ignore[arg-type]
    ts.loss_by_name(ts.nce_loss, weights, biases, labels, inputs, 9)  # type: ignore[arg-type]
    ts.full_softmax_loss(weights, biases, labels, inputs, 9, block_size="4")  # type: ignore[arg-type]
    ts.l2_loss_of_rows(weights, None)  # type: ignore[arg-type]


def samplers_return_sampled_values(distribution: ts.Unigram) -> List[Any]:
    sampled = ts.uniform_candidate_sampler(labels, 1, 5, "masked", 9)
    sampled = ts.candidate_sampler(labels, 1, 5, True, distribution, num_groups=3, learn=False)
    sampled = ts.candidate_sampler(labels, 1, 5, True, ts.LearnedUnigram(9))
    sampled = ts.in_batch_candidate_sampler(labels, 1, False, 9, ts.StreamingFrequency(9, 3))
    sampled = ts.sample_by_name("in_batch", labels, 5, counts, num_groups=3, seed=[1, 2])
    sampled = ts.with_certain(sampled, labels, [1, 2], 9)
    samplers.log_uniform_candidate_sampler(labels, 1, 5, np.bool_(True), 9)
    return [sampled.sampled_candidates, *sampled]


def samplers_reject_other_arguments() -> None:
    sampled = ts.uniform_candidate_sampler(labels, 1, 5, "mask", 9)  # type: ignore[arg-type]
    sampled.candidates  # type: ignore[attr-defined]
    ts.uniform_candidate_sampler(labels, 1, 5, None, 9)  # type: ignore[arg-type]
    ts.uniform_candidate_sampler(labels, 1, "5", True, 9)  # type: ignore[arg-type]
    ts.uniform_candidate_sampler(None, 1, 5, True, 9)  # type: ignore[arg-type]
    ts.uniform_candidate_sampler(labels, 1, 5, True, 9, learn=True)  # type: ignore[call-arg]
    ts.candidate_sampler(labels, 1, 5, True, 9)  # type: ignore[arg-type]
    ts.candidate_sampler(labels, 1, 5, True, ts.Uniform)  # type: ignore[arg-type]
    ts.fixed_unigram_candidate_sampler(labels, 1, 5, True, 9, unigrams=5)  # type: ignore[arg-type]
    ts.fixed_unigram_candidate_sampler(labels, 1, 5, True, 9, distortion="1")  # type: ignore[arg-type]
    ts.sample_by_name("uniform", labels, 5, None)  # type: ignore[arg-type]
    ts.sample_by_name("uniform", labels, 5, counts, num_group=3)  # type: ignore[call-arg]
    ts.sample_by_name("uniform", labels, 5, counts, seed="1")  # type: ignore[arg-type]
    ts.without_classes(None, [[1]])  # type: ignore[arg-type]
    ts.Uniform("9")  # type: ignore[arg-type]
    ts.Unigram(9)  # type: ignore[arg-type]
    ts.LearnedUnigram(9, decay="1")  # type: ignore[arg-type]
    ts.StreamingFrequency(9)  # type: ignore[call-arg]


def logits_and_scores() -> None:
    ts.compute_sampled_logits(weights, biases, labels, inputs, 5, 9).true_logits
    ts.compute_sampled_logits(weights, biases, labels, inputs, 5, 9).hits  # type: ignore[attr-defined]
    ts.top_k(weights, None, inputs, 9, 3).ids
    ts.top_k(weights, None, inputs, 9).ids  # type: ignore[call-arg]
    ts.top_k(weights, None, inputs, 9, k="3").ids  # type: ignore[arg-type]
    ts.lookup(weights, [1, 2], dtype=tf.float32)
    ts.lookup(weights, None)  # type: ignore[arg-type]
    indices, ids, lowest = ts.compute_accidental_hits(labels, [1, 2], 1)
    indices, ids = ts.compute_accidental_hits(labels, [1, 2], 1)  # type: ignore[misc]


def optimizers_and_tables(loss: Any) -> None:
    ts.minimize(loss, ts.AdagradOptimizer(0.1), [weights], global_step=tf.train.get_global_step())
    ts.minimize(None, ts.SGDOptimizer(0.1))  # type: ignore[arg-type]
    ts.minimize(loss)  # type: ignore[call-arg]
    ts.minimize(loss, ts.SGDOptimizer(0.1), variables=[weights])  # type: ignore[call-arg]
    ts.RowwiseAdagradOptimizer(0.1, learning_rate_power=-0.25)
    ts.SGDOptimizer()  # type: ignore[call-arg]
    ts.AdagradOptimizer("0.1")  # type: ignore[arg-type]
    ts.LazyAdamOptimizer(beta_1=0.9)  # type: ignore[call-arg]
    ts.LOSSES["nce"](weights, biases, labels, inputs, 5, 9)
    ts.LOSSES[0]  # type: ignore[index]
    ts.restore(tf.Session(), "model.ckpt-9", report=None)  # type: ignore[arg-type]
    ts.nce  # type: ignore[attr-defined]
    raise ts.InputError("f: x: wanted 1, got 2")
