"""Measure the bias of the gradient of sampled losses, by sampler and number of candidates.

    python benchmarks/gradient_bias.py             # --unique=False for draws with repeats only

The model has 1000 classes with frequencies P(k) ~ 1 / (k + 1), biases log P(k), random rows, and 64
random inputs; <x, w_k> has a standard deviation of 1. A draw is a batch of examples and its candidates.
An example is one of the inputs and a label drawn from P. Let g be the gradient of a sampled loss for the
rows, and f that of the full softmax loss on the same batch. Over N draws:

    error^2 = |mean (g - f)|^2 / |E f|^2,   E error^2 = bias^2 + noise^2

The noise is the standard error of the mean, estimated from the spread of the draws. Columns of a table:

    S = ...    sqrt(error^2 - noise^2) in percent, "-" if the root is not real; the noise in parentheses
    slope      slope of log bias over log S
    ratio      bias divided by that of fixed_unigram, geometric mean over S

Slope and ratio ignore biases that are not larger than their noise. S is the number of draws. For
in_batch it is the number of labels, which is also the batch size; in_batch+uniform has S or S/2 of each.
In other rows the batch size is 64.

Expected results: with candidates of probabilities q, the bias falls as 1/S once S is well above the mean
over inputs of sum_k P(k | x)^2 / q(k), which is 2.5 for fixed_unigram and 55 for uniform.
sampled_softmax also subtracts log Q of the label, so the label's term of the sum is divided by Q(y).
With masked repeats Q tends to 1. With unique=False it grows as S P(y), and the bias tends to 11%.
"""
import os
import time

import machine
import numpy as np
import tensorflow.compat.v1 as tf
from absl import app, flags

import tf1_sampled as ts

FLAGS = flags.FLAGS

flags.DEFINE_integer("draws", 10000, "Batches for each sampler and S.")
flags.DEFINE_list("num_sampled", "8,16,32,64,128,256", "Numbers of candidates S.")
flags.DEFINE_list("unique", "masked,False", "Treatment of repeated draws; a table for each.")

_CLASSES = 1000
_DIM = 16
_INPUTS = 64
_BATCH = 64
_AT_ONCE = 100  # draws in a run of the graph
_LEARNING_RUNS = 10  # runs in which the learned unigram counts, before the measurement
_LOSSES = ("sampled_softmax", "refined_sampled_softmax")
_REFERENCE = "fixed_unigram"
_SAMPLERS = {
    # row: sampler, distortion, number of sources among which S is split
    "log_uniform": ("log_uniform", 1.0, 1),
    _REFERENCE: ("fixed_unigram", 1.0, 1),
    "fixed_unigram ^.75": ("fixed_unigram", 0.75, 1),
    "uniform": ("uniform", 1.0, 1),
    "learned_unigram": ("learned_unigram", 1.0, 1),
    "in_batch": ("in_batch", 1.0, 1),
    "in_batch+uniform": ("in_batch+uniform", 1.0, 1),
    "in_batch+uniform S/2": ("in_batch+uniform", 1.0, 2),
}


class _Model:
    """A fixed model and its examples.

      frequencies: P, numpy float64 [C].
      mean_gradient: [C, D], the gradient of the expected full softmax loss, E f.
    """

    def __init__(self):
        random = np.random.RandomState(1)
        weights = 1 / np.arange(1, _CLASSES + 1)
        self.frequencies = weights / weights.sum()
        self._weights = _variable(random.normal(size=[_CLASSES, _DIM]))
        self._biases = _variable(np.log(self.frequencies))
        self._inputs = _variable(random.normal(size=[_INPUTS, _DIM]) / np.sqrt(_DIM))
        self._label_distribution = ts.Unigram(self.frequencies, "labels")
        self._logits = tf.matmul(self._inputs, self._weights, transpose_b=True) + self._biases
        self._log_sums = tf.reduce_logsumexp(self._logits, 1)
        label_logits = tf.reduce_sum(self._logits * self.frequencies.astype(np.float32), 1)
        self.mean_gradient = self._gradient(self._log_sums - label_logits)

    def batches(self, number, size):
        """Draw batches: return (labels, numbers of the inputs), [number, size] each."""
        labels = self._label_distribution.ids_of(tf.random_uniform([number, size], dtype=tf.float64))
        return labels, tf.random_uniform([number, size], 0, _INPUTS, tf.int64)

    def full_gradient(self, labels, which):
        """Return the gradient [C, D] of the mean full softmax loss; `_log_sums` is shared by inputs."""
        label_logits = tf.gather_nd(self._logits, tf.stack([which, labels], -1))
        return self._gradient(tf.gather(self._log_sums, which) - label_logits)

    def sampled_gradient(self, loss, labels, which, sampled_values):
        """Return the gradient [C, D] of the mean of a sampled loss; candidates are [number, S]."""
        num_sampled = sampled_values.sampled_candidates.shape[-1]
        return self._gradient(ts.LOSSES[loss](
            self._weights, self._biases, tf.reshape(labels, [-1]),
            tf.gather(self._inputs, tf.reshape(which, [-1])), num_sampled, _CLASSES,
            sampled_values=sampled_values, remove_accidental_hits=True))

    def _gradient(self, losses):
        gradient, = tf.gradients(tf.reduce_mean(losses), self._weights)
        return tf.convert_to_tensor(gradient)  # sums the slices of repeated rows


def _variable(value):
    """Return a variable, as TensorFlow would fold a constant and compute it once."""
    return tf.Variable(value.astype(np.float32), trainable=False, use_resource=True)


def _differences(model, row, num_sampled, unique):
    """Return the mean of g - f over _AT_ONCE draws for each loss: [L, C, D]."""
    sampler, distortion, parts = _SAMPLERS[row]
    each = num_sampled // parts
    in_batch = sampler.startswith("in_batch")
    labels, which = model.batches(_AT_ONCE, each if in_batch else _BATCH)

    def sample(labels, num_groups=None):
        return ts.sample_by_name(sampler, labels, each, model.frequencies, unique, distortion,
                                 num_groups=num_groups)

    if in_batch:
        # One batch at a time, as groups would share their labels.
        sampled_values = ts.SampledValues(*tf.map_fn(
            lambda labels: tuple(sample(labels)), labels, (tf.int64, tf.float32, tf.float32)))
    else:
        sampled_values = sample(labels, _AT_ONCE)
    full = model.full_gradient(labels, which)
    return tf.stack([model.sampled_gradient(loss, labels, which, sampled_values) - full
                     for loss in _LOSSES])


def _bias_and_noise(run, norm):
    """Return (bias, noise), [L] each, relative to `norm`; `run` computes _differences."""
    runs = max(2, FLAGS.draws // _AT_ONCE)
    total, squares = 0.0, 0.0
    for _ in range(runs):
        difference = run().astype(np.float64)
        total += difference
        squares += np.sum(difference ** 2, (1, 2))
    error = np.sum((total / runs) ** 2, (1, 2))
    noise = (squares / runs - error) / (runs - 1)
    return np.sqrt(np.maximum(error - noise, 0)) / norm, np.sqrt(noise) / norm


def _measure(row, all_num_sampled, unique):
    """Return [(bias, noise)] of a sampler, one pair of arrays [L] for each S."""
    with tf.Graph().as_default():
        tf.set_random_seed(1)
        model = _Model()
        cases = [_differences(model, row, num_sampled, unique) for num_sampled in all_num_sampled]
        learn = tf.get_collection(tf.GraphKeys.UPDATE_OPS)[:1]  # all S share the counts; one is enough
        with tf.Session() as session:
            session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
            for _ in range(_LEARNING_RUNS):
                session.run(learn)
            norm = np.linalg.norm(session.run(model.mean_gradient))
            return [_bias_and_noise(session.make_callable(case), norm) for case in cases]


def _print_table(title, all_num_sampled, results):
    """Print a table of `results`: {row: float [number of S, 2], bias and noise}."""
    print("\n%s: bias of the gradient in %% (noise)" % title)
    print("%-21s" % "sampler" + "".join("%14s" % ("S = %d" % size) for size in all_num_sampled)
          + "%8s%8s" % ("slope", "ratio"))
    reference, reference_noise = results[_REFERENCE].T
    for row, result in results.items():
        bias, noise = result.T
        seen, both = bias > noise, (bias > noise) & (reference > reference_noise)
        slope = ratio = np.nan
        if seen.sum() > 1:
            slope = np.polyfit(np.log(all_num_sampled)[seen], np.log(bias[seen]), 1)[0]
        if both.any():
            ratio = np.exp(np.mean(np.log(bias[both] / reference[both])))
        columns = ["%s (%.2f)" % ("%.2f" % (100 * b) if b else "-", 100 * n) for b, n in result]
        print("%-21s" % row + "".join("%14s" % column for column in columns)
              + "%8.2f%8.2f" % (slope, ratio), flush=True)


def main(_):
    tf.logging.set_verbosity(tf.logging.ERROR)
    tf.disable_v2_behavior()
    print("%s; %d draws" % (machine.description(), FLAGS.draws))
    all_num_sampled = [int(size) for size in FLAGS.num_sampled]
    for name in FLAGS.unique:
        start = time.time()
        unique = {"True": True, "False": False}.get(name, name)
        results = {row: np.array(_measure(row, all_num_sampled, unique)) for row in _SAMPLERS}
        for i, loss in enumerate(_LOSSES):
            _print_table("%s, unique=%s" % (loss, name), all_num_sampled,
                         {row: result[:, :, i] for row, result in results.items()})
        print("%.0f s on %d cores" % (time.time() - start, os.cpu_count()), flush=True)


if __name__ == "__main__":
    app.run(main)
