"""Slow NumPy in float64, in the notation of the papers: one example, one class at a time."""
import numpy as np


def _score(weights, biases, x, k):
    return np.dot(weights[k], x) + biases[k]


def sampled_logits(weights, biases, labels, inputs, sampled, true_count, sampled_count,
                   remove_hits):
    """For each example: (its labels' logits, its candidates' logits without the removed ones)."""
    for i, x in enumerate(inputs):
        true = [_score(weights, biases, x, y) - np.log(q) for y, q in zip(labels[i], true_count[i])]
        noise = [_score(weights, biases, x, c) - np.log(q) for c, q in zip(sampled, sampled_count)
                 if not (remove_hits and c in labels[i])]
        yield np.array(true), np.array(noise)


def nce(*args):
    """-sum over labels and candidates of the log-likelihood of "data" with target 1/T, "noise" 0."""
    losses = []
    for true, noise in sampled_logits(*args):
        target = 1 / len(true)
        # P(data) = 1 / (1 + exp(-logit))
        loss = np.sum(target * np.log1p(np.exp(-true)) + (1 - target) * np.log1p(np.exp(true)))
        losses.append(loss + np.sum(np.log1p(np.exp(noise))))
    return np.array(losses)


def sampled_softmax(*args):
    """Cross-entropy of the softmax over labels and candidates with targets 1/T on the labels."""
    losses = []
    for true, noise in sampled_logits(*args):
        everything = np.concatenate([true, noise])
        log_softmax = everything - np.log(np.sum(np.exp(everything)))
        losses.append(-np.mean(log_softmax[:len(true)]))
    return np.array(losses)


def full_softmax(weights, biases, labels, inputs):
    losses = []
    for ys, x in zip(labels, inputs):
        scores = np.array([_score(weights, biases, x, k) for k in range(len(weights))])
        losses.append(-np.mean([scores[y] - np.log(np.sum(np.exp(scores))) for y in ys]))
    return np.array(losses)


def full_sigmoid(weights, biases, labels, inputs):
    losses = []
    for ys, x in zip(labels, inputs):
        loss = 0
        for k in range(len(weights)):
            p = 1 / (1 + np.exp(-_score(weights, biases, x, k)))
            target = list(ys).count(k) / len(ys)
            loss -= target * np.log(p) + (1 - target) * np.log(1 - p)
        losses.append(loss)
    return np.array(losses)


def gradient(function, array, step=1e-5):
    """Central differences of a scalar function of `array`, an entry at a time."""
    array = np.array(array, np.float64)
    result = np.zeros_like(array)
    for place in np.ndindex(array.shape):
        before = array[place]
        array[place] = before + step
        above = function(array)
        array[place] = before - step
        below = function(array)
        array[place] = before
        result[place] = (above - below) / (2 * step)
    return result


def expected_count(prob, num_sampled, num_tries=None):
    """Expected number of times among the candidates: S p, or 1 - (1 - p)^T for unique ones."""
    prob = np.asarray(prob, np.float64)
    return num_sampled * prob if num_tries is None else 1 - (1 - prob) ** num_tries
