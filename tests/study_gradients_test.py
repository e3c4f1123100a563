"""The measured bias and deviation of a sampled gradient against all draws that there are, enumerated."""
import itertools
import math
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled.study import gradients
from tf1_sampled.study.gradients import Draws, Output

_COUNTS = np.array([40, 25, 20, 10, 5])


def one_example(copies, label=1, seed=3):
    """An Output whose examples are all the same one."""
    random = np.random.RandomState(seed)
    weights = random.normal(size=[5, 3]).astype(np.float32)
    return Output(weights, np.log(_COUNTS / 100).astype(np.float32), _COUNTS,
                  np.tile(random.normal(size=3), (copies, 1)).astype(np.float32), np.full(copies, label))


def softmax(scores):
    exps = np.exp(scores - np.max(scores))
    return exps / exps.sum()


def full(output):
    """[C, D], the gradient of the mean full softmax loss."""
    total = np.zeros(output.weights.shape)
    for x, y in zip(output.inputs, output.labels):
        total += np.outer(softmax(output.weights @ x + output.biases) - np.eye(5)[y], x)
    return total / len(output.labels)


def enumerated(output, num_sampled, refined):
    """(bias, deviation) of one example's gradient, over all draws of S classes by frequency."""
    x, y, share = output.inputs[0], output.labels[0], _COUNTS / _COUNTS.sum()
    scores = output.weights @ x + output.biases
    corrected = scores - np.log(num_sampled * share)
    mean, square = np.zeros([5, 3]), 0.0
    for drawn in itertools.product(range(5), repeat=num_sampled):
        others = [c for c in drawn if c != y]
        shares = softmax(np.array([scores[y] if refined else corrected[y]] + list(corrected[others])))
        gradient = np.outer(-np.eye(5)[y], x)
        for c, part in zip([y] + others, shares):
            gradient[c] += part * x
        probability = np.prod(share[list(drawn)])
        mean += probability * gradient
        square += probability * np.sum(gradient ** 2)
    norm = np.linalg.norm(full(output))
    return np.linalg.norm(mean - full(output)) / norm, math.sqrt(square - np.sum(mean ** 2)) / norm


class FullGradientTest(absltest.TestCase):

    def test_it_is_that_of_the_softmax_over_all_classes(self):
        output = one_example(3)._replace(labels=np.array([0, 4, 2]))
        output = output._replace(inputs=output.inputs * np.float32([[1], [-2], [0.5]]))
        found, log_sums = gradients.full_gradient(output, np.array([0, 1, 2]))
        np.testing.assert_allclose(found, full(output), rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(log_sums, np.log(np.exp(
            output.inputs @ output.weights.T + output.biases).sum(1)), rtol=1e-5)


class MeasureTest(parameterized.TestCase):

    @parameterized.parameters(
        ("sampled_softmax", 2), ("refined_sampled_softmax", 2), ("refined_sampled_softmax", 4))
    def test_bias_and_deviation_are_those_of_all_draws(self, loss, num_sampled):
        output = one_example(2048)
        with mock.patch.object(gradients, "BATCH", 1):
            found = gradients.measure(output, loss, Draws("fixed_unigram", num_sampled), runs=16)
        bias, deviation = enumerated(output, num_sampled, loss.startswith("refined"))
        self.assertLess(found.gradient_bias_noise, 0.1 * bias)
        self.assertAlmostEqual(found.gradient_bias, bias, delta=4 * found.gradient_bias_noise)
        np.testing.assert_allclose(found.gradient_deviation, deviation, rtol=0.2)
        self.assertLess(found.full_gradient_deviation, 1e-6)  # all examples are the same

    @parameterized.parameters("in_batch", "learned_unigram", "in_batch+learned_unigram", "uniform")
    def test_each_kind_of_sampler_is_measured(self, sampler):
        output = one_example(8)._replace(labels=np.arange(8) % 5)
        with mock.patch.object(gradients, "BATCH", 4):
            found = gradients.measure(output, "sampled_softmax", Draws(sampler, 3), runs=3)
        self.assertTrue(np.isfinite(found).all(), found)

    def test_the_full_softmax_has_no_bias(self):
        found = gradients.measure(one_example(4), "full_softmax", Draws("uniform", 3))
        self.assertEqual(found[:3], (0, 0, 0))

    def test_losses_that_do_not_estimate_the_softmax_have_none(self):
        self.assertIs(gradients.measure(one_example(4), "nce", Draws("uniform", 3)), gradients.NONE)


if __name__ == "__main__":
    absltest.main()
