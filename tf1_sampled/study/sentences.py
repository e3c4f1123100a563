"""Sentences about the result of a study, made from its numbers.

    question(study), answer(study), findings(study)

A difference is claimed only where `records.differ` sees one.
"""
from typing import List, Optional, Tuple

import numpy as np

from tf1_sampled.study import gradients, records
from tf1_sampled.study.records import BUDGETS, FULL_LOSS, SAMPLED_LOSS, STEPS, TIME, Study

_ALIKE = "does not differ by more than the spread of the seeds"
_SURE = 2.0  # a bias counts if it is this multiple of its noise or more
_ABOUT = 0.25  # a power law of about 1 / S has an exponent within this of -1

# Why sampled losses of two values of a setting are not comparable; "" where they are.
_WHY_NOT = {
    "loss": "Each loss is a different function of the scores.",
    "num_sampled": "With S negatives the loss measures the choice of the label among about S + 1 "
                   "classes, so for the same model it grows with S.",
    "optimizer": "",
    "sampler": "Samplers draw different negatives, and the label is easier to separate from some of "
               "them than from others.",
}


def question(study: Study) -> str:
    """Return the question that a study answers."""
    if study.vary == "num_sampled":
        few, many = _asked(study)
        return "The sampled loss falls faster with %s negatives than with %s: which is better?" % (
            few, many)
    return "Which %s is best, and does the sampled loss say so?" % study.vary


def answer(study: Study) -> List[str]:
    """Return the answer, as sentences."""
    one, other = _asked(study)
    sampled, full = (lower(study, measure, one, other) for measure in (SAMPLED_LOSS, FULL_LOSS))
    lines = [_two(study, SAMPLED_LOSS, "sampled loss", STEPS)]
    if _has_one_seed(study):
        lines.insert(0, "With one seed there is no spread, so this study claims no difference; use "
                        "--seeds=3.")
    if _WHY_NOT[study.vary]:
        lines.append("That does not say which model is better. " + _WHY_NOT[study.vary])
    lines += [_two(study, FULL_LOSS, "full softmax loss on held-out data", budget)
              for budget in (STEPS, TIME)]
    if not full and not _has_one_seed(study):
        lines.append("So for the same number of steps these trainings show no difference between the "
                     "models.")
    elif full and not sampled:
        lines.append("So %s is better for the same number of steps." % full)
    elif full:
        lines.append("So %s is better for the same number of steps, %s." % (
            full, "and its sampled loss is lower too" if full == sampled
            else "although its sampled loss is higher"))
    if _WHY_NOT[study.vary]:
        lines.append("Compare trainings by the full softmax loss or by the score of the task. Do not "
                     "compare sampled losses of different values of %s." % study.vary)
    return lines


def findings(study: Study) -> List[str]:
    """Return the findings about all values, one paragraph each."""
    found = [_best(study, FULL_LOSS, budget, "full softmax loss on held-out data", False)
             for budget in (STEPS, TIME)]
    for score in study.scores:
        found += [_best(study, score, budget, score, True) for budget in (STEPS, TIME)]
    return found + [_order(study), _cost(study)] + _gradient(study)


def lower(study: Study, measure: str, one: str, other: str, budget: str = STEPS) -> str:
    """Return which of two values has the lower mean of a measure; "" where they do not differ."""
    first, second = (study.of(measure, value, budget) for value in (one, other))
    if not records.differ(first, second):
        return ""
    return one if first.mean < second.mean else other


def power(study: Study, measure: str) -> Optional[float]:
    """Return the exponent a of measure ~ S^a by least squares of logs; None without two clear values."""
    clear = [(float(value), study.of(measure, value).mean) for value in study.values
             if _is_clear(study, measure, value)]
    if not study.is_ordered or len(clear) < 2:
        return None
    log_size, log_mean = np.log(clear).T
    return float(np.polyfit(log_size, log_mean, 1)[0])


def _has_one_seed(study: Study) -> bool:
    return all(study.of(FULL_LOSS, value).number == 1 for value in study.values)


def _asked(study: Study) -> Tuple[str, str]:
    """Return the two values of the question: 10 and 100 if the study has them, else first and last."""
    if study.is_ordered:
        if {"10", "100"} <= set(study.values):
            return "10", "100"
        ordered = sorted(study.values, key=float)
        return ordered[0], ordered[-1]
    ranked = sorted(study.values, key=lambda value: study.of(FULL_LOSS, value).mean)
    return ranked[0], ranked[-1]


def _two(study: Study, measure: str, name: str, budget: str) -> str:
    """Return a sentence about a loss of the two values of the question."""
    one, other = _asked(study)
    found = lower(study, measure, one, other, budget)
    says = "is lower with %s" % found if found else "is" if _has_one_seed(study) else _ALIKE
    return "For %s the %s %s%s %s with %s, %s with %s." % (
        BUDGETS[budget], name, says, "" if says == "is" else ":", study.of(measure, one, budget), one,
        study.of(measure, other, budget), other)


def _best(study: Study, measure: str, budget: str, name: str, is_higher_better: bool) -> str:
    """Return a sentence on the best value by a measure, and on those within the spread of it."""
    sign = -1 if is_higher_better else 1
    ranked = sorted((value for value in study.values), key=lambda value: (
        sign * np.nan_to_num(study.of(measure, value, budget).mean, nan=sign * np.inf)))
    best, worst = ranked[0], ranked[-1]
    found = {value: study.of(measure, value, budget) for value in ranked}
    alike = [value for value in ranked[1:] if not records.differ(found[best], found[value])]
    word = "highest" if is_higher_better else "lowest"
    if len(alike) == len(ranked) - 1:
        says = "" if _has_one_seed(study) else "%s: it " % _ALIKE
        return "For %s the %s %sgoes from %s with %s to %s with %s." % (
            BUDGETS[budget], name, says, found[best], best, found[worst], worst)
    sentence = "For %s the %s is %s with %s (%s), and worst with %s (%s)." % (
        BUDGETS[budget], name, word, best, found[best], worst, found[worst])
    if alike:
        sentence += " Within the spread of the seeds, %s is not better than %s." % (best, _listed(alike))
    return sentence


def _order(study: Study) -> str:
    """Return a sentence on whether the sampled loss orders the values as the full softmax loss does."""
    lowest = [tuple(lower(study, measure, *pair) for measure in (SAMPLED_LOSS, FULL_LOSS))
              for pair in study.pairs()]
    both = [pair for pair in lowest if all(pair)]
    against = [pair for pair in both if pair[0] != pair[1]]
    if not both:
        return "No two values differ in both losses, so their orders cannot be compared."
    if not against:
        return ("Pairs of values that differ in both losses: %d. In each of them the value with the "
                "lower sampled loss also has the lower full softmax loss.%s" % (
                    len(both), _reminder(study)))
    one, other = against[0]
    return ("Pairs of values that differ in both losses: %d. In %d of them the value with the lower "
            "sampled loss has the higher full softmax loss. With %s the sampled loss is %s and the full "
            "softmax loss %s, with %s they are %s and %s.%s" % (
                len(both), len(against), one, study.of(SAMPLED_LOSS, one), study.of(FULL_LOSS, one),
                other, study.of(SAMPLED_LOSS, other), study.of(FULL_LOSS, other), _reminder(study)))


def _reminder(study: Study) -> str:
    reason = _WHY_NOT[study.vary]
    if not reason:
        return " Sampled losses are comparable if loss, sampler and number of negatives are the same."
    return " Sampled losses of different values of %s are not comparable. %s" % (study.vary, reason)


def _cost(study: Study) -> str:
    """Return a sentence on the time of a step."""
    times = {value: step_seconds(study, value) for value in study.values}
    least, most = min(times, key=lambda v: times[v]), max(times, key=lambda v: times[v])
    return "A step takes from %.3g ms with %s to %.3g ms with %s, %.1f times as long." % (
        1000 * times[least], least, 1000 * times[most], most, times[most] / times[least])


def step_seconds(study: Study, value: str) -> float:
    """Return the seconds of a step, of the trainings of the same number of steps."""
    return study.of("seconds", value).mean / study.of("steps", value).mean


def _gradient(study: Study) -> List[str]:
    """Return sentences on the gradient of the sampled loss against that of the full softmax."""
    measured = [value for value in study.values if not np.isnan(study.of(records.BIAS, value).mean)]
    found = []
    if measured and study.is_ordered:
        found += [_law(study, records.BIAS, "bias", -1.0), _law(study, records.DEVIATION,
                                                               "standard deviation", -0.5)]
    elif measured:
        found.append("Bias of the gradient, relative to the gradient of the full softmax: %s. Standard "
                     "deviation: %s." % tuple(_listed([
                         "%s with %s" % (percent(study, measure, value), value) for value in measured])
                         for measure in (records.BIAS, records.DEVIATION)))
    missing = [value for value in study.values if value not in measured]
    if missing:
        found.append(
            "No bias is stated for %s: only %s estimate the loss of the full softmax. The gradients of "
            "other losses do not estimate its gradient." % (
                _listed(missing), _listed([n for n in gradients.ESTIMATORS if n != "full_softmax"])))
    return found


def _law(study: Study, measure: str, name: str, expected: float) -> str:
    """Return a sentence on how a number falls with the number of negatives."""
    clear = sorted((value for value in study.values if _is_clear(study, measure, value)), key=float)
    unclear = [value for value in study.values if value not in clear]
    exponent = power(study, measure)
    if exponent is None:
        return "The %s of the gradient is too close to its noise to show how it falls." % name
    law = "1/S" if expected == -1.0 else "1/sqrt(S)"
    sentence = "The %s of the gradient goes from %s with %s negatives to %s with %s, as S^%.2f: %s." % (
        name, percent(study, measure, clear[0]), clear[0], percent(study, measure, clear[-1]), clear[-1],
        exponent, ("about " if abs(exponent - expected) < _ABOUT else "not ") + law)
    if unclear:
        sentence += " With %s it is within the noise of the measurement." % _listed(unclear)
    return sentence


def _is_clear(study: Study, measure: str, value: str) -> bool:
    mean = study.of(measure, value).mean
    return bool(mean > 0 and (measure != records.BIAS or mean > _SURE * _noise(study, value)))


def _noise(study: Study, value: str) -> float:
    """Return the standard error of the mean bias of the seeds."""
    noise = study.of(records.NOISE, value)
    return noise.mean / noise.number ** 0.5


def percent(study: Study, measure: str, value: str) -> str:
    """Return a mean as text in percent, a bias with its noise; "-" where it was not measured."""
    mean = study.of(measure, value).mean
    if np.isnan(mean):
        return "-"
    if measure == records.BIAS and _noise(study, value) > 0:
        return "%s%%" % records.shown(100 * mean, 100 * _noise(study, value))
    return "%.3g%%" % (100 * mean)


def _listed(names: List[str]) -> str:
    """Return "a, b and c"."""
    return " and ".join([", ".join(names[:-1])] * (len(names) > 1) + names[-1:])
