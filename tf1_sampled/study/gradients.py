"""The gradient of a sampled loss against that of the full softmax: its bias and its deviation.

    error = measure(output, "sampled_softmax", Draws("log_uniform", num_sampled=64))

The class rows and the held-out examples of a trained model stay as they are; the candidates are drawn
again and again. The N examples are shuffled into M batches, each with candidates of its own. With g the
gradient of the mean sampled loss by the class rows, [C, D], over the N examples, and f that of the mean
full softmax loss over the same examples:

    bias       |E g - f| / |f|
    deviation  sqrt(M E |g - E g|^2) / |f|, that of the gradient of one batch

The expectation is estimated by the mean over R shuffles, and its noise from their spread; the square of
the noise is subtracted from that of the bias. h has the candidates of g, but the exact sum over all
classes,

    h = 1/N sum_n [ sum_{c not y_n} exp(s(x_n, c)) / (Q(c) Z_n) e_c + (P(y_n | x_n) - 1) e_{y_n} ] x_n

so that E h = f: the mean of g - b (h - f), with the b that makes its variance least, has less noise than
that of g. Where candidates are labels of the batch, whose frequencies are not known, b = 0.
"""
import math
from typing import Any, Dict, NamedTuple, Optional, Tuple

import numpy as np

from tf1_sampled import registry

# With a log expected count subtracted, these tend to the full softmax where candidates are many.
ESTIMATORS = ("full_softmax", "refined_sampled_softmax", "sampled_softmax")
BATCH = 512  # examples that share candidates
_MOST_EXAMPLES = 2048
_RUNS, _MOST_RUNS = 16, 50
_CANDIDATES = 3000  # of all runs together, at least: small samples take more runs
_BLOCK = 256  # examples whose scores of all classes are in memory


class Output(NamedTuple):
    """The output layer of a trained model, and held-out examples.

    weights: float32 [C, D].
    biases: float32 [C].
    counts: integer [C], the number of times that each class is a label in training.
    inputs: float32 [N, D].
    labels: integer [N].
    """

    weights: np.ndarray
    biases: np.ndarray
    counts: np.ndarray
    inputs: np.ndarray
    labels: np.ndarray


class Draws(NamedTuple):
    """The arguments of samplers.sample_by_name.

    learned_unigram is measured as fixed_unigram of the training's frequencies, which it learns.
    """

    sampler: str
    num_sampled: int
    distortion: float = 1.0
    unique: Any = False


class Error(NamedTuple):
    """The error of a sampled gradient, relative to the norm of the full gradient.

    gradient_bias: float, 0 where the noise is larger.
    gradient_bias_noise: float, the standard error of the bias.
    gradient_deviation: float, the standard deviation of the gradient of a batch, by its candidates.
    full_gradient_deviation: float, that of the full softmax's gradient, by the examples of the batch.
    """

    gradient_bias: float
    gradient_bias_noise: float
    gradient_deviation: float
    full_gradient_deviation: float


NONE = Error(math.nan, math.nan, math.nan, math.nan)


def measure(output: Output, loss: str, draws: Draws, options: Optional[Dict[str, Any]] = None,
            runs: Optional[int] = None, seed: int = 1) -> Error:
    """Measure the gradient of a sampled loss.

    Args:
      output: Output.
      loss: string, a key of LOSSES, or a full loss.
      draws: Draws.
      options: {keyword: value} of the loss.
      runs: integer R, 2 or more; None for a default, which is larger for few candidates.
      seed: integer.

    Returns:
      Error; NONE where the loss does not estimate the full softmax.
    """
    if loss not in ESTIMATORS:
        return NONE
    size = min(BATCH, len(output.labels))
    num_batches = min(len(output.labels), _MOST_EXAMPLES) // size
    chosen = np.random.RandomState(seed).permutation(len(output.labels))[:size * num_batches]
    output = output._replace(inputs=output.inputs[chosen], labels=output.labels[chosen])
    parts, log_sums = zip(*[full_gradient(output, batch) for batch in np.split(
        np.arange(len(chosen)), num_batches)])
    full = np.mean(parts, 0)
    norm = float(np.linalg.norm(full))
    distances = sum(float(np.sum((part - full) ** 2)) for part in parts)
    spread = math.sqrt(distances / max(num_batches - 1, 1)) / norm
    if loss in registry.FULL_LOSSES:
        return Error(0.0, 0.0, 0.0, spread)
    runs = runs or min(max(_RUNS, _CANDIDATES // draws.num_sampled), _MOST_RUNS)
    sampled = _Sampled(output, np.concatenate(log_sums), num_batches)
    pairs = sampled.pairs(full, loss, draws, options or {}, runs=runs, seed=seed)
    bias, noise = pairs.bias()
    return Error(bias / norm, noise / norm, math.sqrt(num_batches * pairs.variances()[0]) / norm, spread)


def full_gradient(output: Output, chosen: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Compute the gradient of the mean full softmax loss of some examples by the class rows.

        1/N sum_n (P(. | x_n) - onehot(y_n)) x_n

    Args:
      output: Output.
      chosen: integer [N], the places of the examples.

    Returns:
      float64 [C, D]; float64 [N], log sum_k exp s(x_n, k).
    """
    gradient, log_sums = np.zeros(output.weights.shape), []
    for low in range(0, len(chosen), _BLOCK):
        inputs, labels = (part[chosen[low:low + _BLOCK]] for part in (output.inputs, output.labels))
        logits = inputs.dot(output.weights.T).astype(np.float64) + output.biases
        most = logits.max(1, keepdims=True)
        errors = np.exp(logits - most)
        sums = errors.sum(1, keepdims=True)
        errors /= sums
        errors[np.arange(len(labels)), labels] -= 1
        gradient += errors.astype(np.float32).T.dot(inputs)
        log_sums.append((most + np.log(sums))[:, 0])
    return gradient / len(chosen), np.concatenate(log_sums)


class _Pairs:
    """The sums and the products of pairs of gradients, g - f and h - f."""

    def __init__(self) -> None:
        self._number, self._sums = 0, [np.zeros(()), np.zeros(())]
        self._products = np.zeros([2, 2])

    def add(self, *pair: np.ndarray) -> None:
        self._number += 1
        self._sums = [total + value for total, value in zip(self._sums, pair)]
        self._products += [[np.vdot(one, other) for other in pair] for one in pair]

    def variances(self) -> Tuple[float, float, float]:
        """Return the traces of the covariances of g with g, g with h, and h with h."""
        products = self._products - [[np.vdot(one, other) / self._number for other in self._sums]
                                     for one in self._sums]
        return tuple(products[[0, 0, 1], [0, 1, 1]] / (self._number - 1))

    def bias(self) -> Tuple[float, float]:
        """Return (|E g - f| without the contribution of the noise, the noise)."""
        of_g, of_both, of_h = self.variances()
        factor = of_both / of_h if of_h > 0 else 0.0
        variance = max(of_g - factor * of_both, 0.0) / self._number
        mean = (self._sums[0] - factor * self._sums[1]) / self._number
        return math.sqrt(max(float(np.vdot(mean, mean)) - variance, 0.0)), math.sqrt(variance)


class _Sampled:
    """The gradients of sampled losses of examples in batches.

    Args:
      output: Output, of N examples.
      log_sums: float [N], log sum_k exp s(x_n, k).
      num_batches: integer M, a divisor of N.
    """

    def __init__(self, output: Output, log_sums: np.ndarray, num_batches: int):
        self._output, self._log_sums, self._num_batches = output, log_sums, num_batches

    def pairs(self, full: np.ndarray, loss: str, draws: Draws, options: Dict[str, Any], runs: int,
              seed: int) -> _Pairs:
        """Return the _Pairs of `runs` shuffles; `full` is f."""
        import tensorflow.compat.v1 as tf

        output, random = self._output, np.random.RandomState(seed)
        pairs = _Pairs()
        with tf.Graph().as_default():
            tf.set_random_seed(seed)
            fed = (tf.placeholder(tf.float32, output.weights.shape),
                   tf.placeholder(tf.float32, output.inputs.shape),
                   tf.placeholder(tf.int64, output.labels.shape),
                   tf.placeholder(tf.float32, self._log_sums.shape))
            tensors = self._gradients(fed, loss, draws, options)
            with tf.Session(config=tf.ConfigProto(device_count={"GPU": 0})) as session:
                session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
                for _ in range(runs):
                    order = random.permutation(len(output.labels))
                    values = (output.weights, output.inputs[order], output.labels[order],
                              self._log_sums[order])
                    sampled, exact = session.run(tensors, dict(zip(fed, values)))
                    pairs.add(sampled - full, 0 * full if draws.sampler.startswith("in_batch")
                              else exact - full)
        return pairs

    def _gradients(self, fed: Tuple[Any, ...], loss: str, draws: Draws,
                   options: Dict[str, Any]) -> Tuple[Any, Any]:
        """Return the tensors g and h, [C, D] each."""
        import tensorflow.compat.v1 as tf

        from tf1_sampled import losses, samplers

        weights, inputs, labels, log_sums = fed
        biases, counts = tf.constant(self._output.biases), self._output.counts
        learns = "learned_unigram" in draws.sampler
        sampled = samplers.sample_by_name(
            draws.sampler.replace("learned", "fixed"), labels, draws.num_sampled, counts,
            unique=draws.unique, distortion=1.0 if learns else draws.distortion,
            num_groups=self._num_batches)
        mean_loss = tf.reduce_mean(losses.loss_by_name(
            loss, weights, biases, labels, inputs, num_classes=len(counts), sampled_values=sampled,
            **options))
        gradient, = tf.gradients(mean_loss, weights)

        ids, log_counts = sampled.sampled_candidates, tf.log(sampled.sampled_expected_count)  # [M, S]
        groups = [self._num_batches, -1]
        grouped = tf.reshape(inputs, groups + [inputs.shape[1]])  # [M, B, D]
        rows, label_rows = tf.gather(weights, ids), tf.gather(weights, labels)
        scores = tf.matmul(grouped, rows, transpose_b=True) + tf.gather(biases, ids)[:, None, :]
        shares = tf.exp(scores - log_counts[:, None, :] - tf.reshape(log_sums, groups)[:, :, None])
        is_other = tf.not_equal(tf.reshape(labels, groups)[:, :, None], ids[:, None, :])
        shares *= tf.cast(is_other, tf.float32)  # [M, B, S]
        label_scores = tf.reduce_sum(inputs * label_rows, 1) + tf.gather(biases, labels)
        label_shares = tf.exp(label_scores - log_sums) - 1
        number = tf.cast(tf.size(labels), tf.float32)
        exact, = tf.gradients(
            (tf.reduce_sum(scores * tf.stop_gradient(shares))
             + tf.reduce_sum(label_scores * tf.stop_gradient(label_shares))) / number, weights)
        return tf.convert_to_tensor(gradient), tf.convert_to_tensor(exact)
