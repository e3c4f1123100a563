"""Oracles of the losses: slow NumPy in float64, in the notation of the papers, one example at a time.

Arguments of a sampled loss:

    weights, biases   [C, D], [C]
    labels            a list of labels for each example; without labels the loss is 0
    inputs            [B, D]
    sampled           a list of candidates for each example; or [S], the candidates of all examples
    true_count        Q of the labels, in lists of the same form
    sampled_count     Q of the candidates, in lists of the same form
    remove_hits       whether candidates that are a label of the example are left out

The lists do not contain masked labels and candidates.
"""
import collections

import numpy as np

# Scores s = <x, w> + b and logits s - log Q. `noise` is without removed hits, num_sampled with them.
_Example = collections.namedtuple("_Example", "true true_scores noise noise_scores num_sampled")


def _examples(weights, biases, labels, inputs, sampled, true_count, sampled_count, remove_hits):
    """Return an _Example for each row of inputs."""
    own = np.ndim(sampled[0]) == 1
    for i, x in enumerate(inputs):
        scores = np.dot(weights, x) + biases
        candidates, counts = (sampled[i], sampled_count[i]) if own else (sampled, sampled_count)
        removed = labels[i] if remove_hits else ()
        kept = [place for place, c in enumerate(candidates) if c not in removed]
        true_scores, noise_scores = _at(scores, labels[i]), _at(scores, _at(candidates, kept))
        noise_log_q = np.log(_at(counts, kept).astype(np.float64))
        yield _Example(true_scores - np.log(np.array(true_count[i], np.float64)), true_scores,
                       noise_scores - noise_log_q, noise_scores, len(candidates))


def _at(values, places):
    """Return the values at places, which may be empty."""
    return np.asarray(values)[np.asarray(places, np.int64)]


def _losses(loss, args, *factors):
    """Return loss(example, *its factors) of each example with labels, else 0."""
    return np.array([loss(example, *own) if len(example.true) else 0.0
                     for example, *own in zip(_examples(*args), *factors)])


def _log_sigmoid(x):
    """Compute log(1 / (1 + exp(-x))), also where exp(-x) overflows."""
    return -np.logaddexp(0, -np.asarray(x))


def _log_sum_exp(x):
    return np.logaddexp.reduce(x)


def sampled_logits(*args):
    """Return (logits of labels, logits of candidates without removed hits) of each example."""
    for example in _examples(*args):
        yield example.true, example.noise


def nce(*args):
    """Compute -sum of log-likelihoods of "data", with target 1/T for labels and 0 for candidates."""
    def loss(example):
        target = 1 / len(example.true)
        # P(data) = sigmoid(logit), P(noise) = 1 - P(data) = sigmoid(-logit)
        data = target * _log_sigmoid(example.true) + (1 - target) * _log_sigmoid(-example.true)
        return -np.sum(data) - np.sum(_log_sigmoid(-example.noise))

    return _losses(loss, args)


def sampled_softmax(*args):
    """Compute the cross-entropy of the softmax over labels and candidates, targets 1/T on the labels."""
    def loss(example):
        everything = np.concatenate([example.true, example.noise])
        log_softmax = everything - _log_sum_exp(everything)
        return -np.mean(log_softmax[:len(example.true)])

    return _losses(loss, args)


def negative_sampling(*args, num_negatives=None, num_sampled=None):
    """Compute -log sigmoid(s_y) - k/S sum_c log sigmoid(-s_c), the mean over labels y.

    num_negatives is k (default S), and num_sampled is S (default: the number of candidates).
    """
    def loss(example):
        size = example.num_sampled if num_sampled is None else num_sampled
        k = size if num_negatives is None else num_negatives
        return (-np.mean(_log_sigmoid(example.true_scores))
                - k / size * np.sum(_log_sigmoid(-example.noise_scores)))

    return _losses(loss, args)


def gbce(*args, calibration, num_sampled=None):
    """Compute -1/(S+1) [log(sigmoid(s_y)^beta) + sum_c log(1 - sigmoid(s_c))], the mean over labels y.

    beta = a (t (1 - 1/a) + 1/a), a = S / (C - 1), t = calibration; num_sampled is S.
    """
    num_others = max(len(args[0]) - 1, 1)  # for a single class, 1 as in the loss

    def loss(example):
        size = example.num_sampled if num_sampled is None else num_sampled
        a = size / num_others
        beta = a * (calibration * (1 - 1 / a) + 1 / a)
        positive = np.mean(beta * _log_sigmoid(example.true_scores))
        # 1 - sigmoid(s) = sigmoid(-s)
        return -1 / (size + 1) * (positive + np.sum(_log_sigmoid(-example.noise_scores)))

    return _losses(loss, args)


def refined_factors(*args):
    """Compute 1 - Phat(y) of each label, with Phat(y) = e^{s_y} / (e^{s_y} + sum_c e^{s_c} / Q(c))."""
    factors = []
    for example in _examples(*args):
        log_total = np.logaddexp(example.true_scores, _log_sum_exp(example.noise))
        factors.append(-np.expm1(example.true_scores - log_total))
    return factors


def refined_sampled_softmax(*args, factors=None):
    """Compute (1 - Phat(y)) * -log(e^{s_y} / sum_c e^{s_c} / Q(c)), the mean over labels y.

    factors is 1 - Phat, a constant for the gradient. Without candidates it is 0, and so is the loss.
    """
    def loss(example, factor):
        if not len(example.noise):
            return 0.0
        return np.mean(factor * (_log_sum_exp(example.noise) - example.true_scores))

    return _losses(loss, args, refined_factors(*args) if factors is None else factors)


def softmax_at_k_factors(*args, k, weight_temperature):
    """Compute sigmoid((s_y - beta) / t) of each label of each example.

    beta is the k-th largest of s_y and the scores of candidates, or -infinity if there are fewer.
    """
    factors = []
    for example in _examples(*args):
        ranked = [sorted([y] + list(example.noise_scores), reverse=True) for y in example.true_scores]
        beta = np.array([scores[k - 1] if k <= len(scores) else -np.inf for scores in ranked])
        factors.append(np.exp(_log_sigmoid((example.true_scores - beta) / weight_temperature)))
    return factors


def softmax_at_k(*args, k, weight_temperature, factors=None):
    """Compute sigmoid((s_y - beta) / t) * -log softmax(y), the mean over labels y.

    The softmax is over labels and candidates. factors is the sigmoid, a constant for the gradient.
    """
    if factors is None:
        factors = softmax_at_k_factors(*args, k=k, weight_temperature=weight_temperature)

    def loss(example, factor):
        log_total = _log_sum_exp(np.concatenate([example.true, example.noise]))
        return np.mean(factor * (log_total - example.true))

    return _losses(loss, args, factors)


LOSSES = {
    "gbce": gbce,
    "nce": nce,
    "negative_sampling": negative_sampling,
    "refined_sampled_softmax": refined_sampled_softmax,
    "sampled_softmax": sampled_softmax,
    "softmax_at_k": softmax_at_k,
}
_FACTORS = {refined_sampled_softmax: refined_factors, softmax_at_k: softmax_at_k_factors}


def full_softmax(weights, biases, labels, inputs):
    """Compute the cross-entropy of the softmax over all classes, with targets 1/T on the labels."""
    losses = []
    for ys, x in zip(labels, inputs):
        scores = np.dot(weights, x) + biases
        log_softmax = scores - _log_sum_exp(scores)
        losses.append(-np.mean([log_softmax[y] for y in ys]) if len(ys) else 0.0)
    return np.array(losses)


def full_sigmoid(weights, biases, labels, inputs):
    """Compute -sum over all classes of the log-likelihood of "is a label", target 1/T on the labels."""
    losses = []
    for ys, x in zip(labels, inputs):
        loss = 0.0
        for k, score in enumerate(np.dot(weights, x) + biases) if len(ys) else ():
            target = list(ys).count(k) / len(ys)
            loss -= target * _log_sigmoid(score) + (1 - target) * _log_sigmoid(-score)
        losses.append(loss)
    return np.array(losses)


def gradients(loss, args, **options):
    """Compute numerical gradients of the sum of loss(*args, **options) by weights, biases and inputs.

    Factors that a loss takes as constants keep their values at args.
    """
    if loss in _FACTORS:
        options["factors"] = _FACTORS[loss](*args, **options)

    def at(place):
        return lambda array: loss(*args[:place], array, *args[place + 1:], **options)

    return [gradient(lambda array: at(0)(array).sum(), args[0]),
            gradient(lambda array: at(1)(array).sum(), args[1]), row_gradients(at(3), args[3])]


def gradient(function, array, step=1e-5):
    """Compute central differences of a scalar function of `array`, one entry at a time."""
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


def row_gradients(function, array, step=1e-5):
    """Compute central differences of function(array)[i] by array[i], for all rows at once."""
    array = np.array(array, np.float64)
    steps = step * np.eye(array.shape[1])
    return np.stack([(function(array + one) - function(array - one)) / (2 * step) for one in steps], 1)


def expected_count(prob, num_sampled, num_tries=None):
    """Compute the expected count of a candidate: S p, or 1 - (1 - p)^T for unique candidates."""
    prob = np.asarray(prob, np.float64)
    return num_sampled * prob if num_tries is None else 1 - (1 - prob) ** num_tries
