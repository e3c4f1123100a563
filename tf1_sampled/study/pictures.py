"""Draw the pictures of a study into a folder.

    draw(folder, study)        # {"losses.png": "Sampled loss and full softmax loss ...", ...}
"""
import os
from typing import Any, Dict, List, Sequence

import numpy as np

from tf1_sampled import charts
from tf1_sampled.study import records, sentences
from tf1_sampled.study.records import BUDGETS, FULL_LOSS, SAMPLED_LOSS, STEPS, TIME, Study

_FULL = "full softmax loss, held out"


def draw(folder: str, study: Study) -> Dict[str, str]:
    """Draw all pictures.

    Args:
      folder: string, the folder for the pictures.
      study: records.Study.

    Returns:
      {name of the file: caption}.

    Raises:
      InputError: no matplotlib.
    """
    x_label = "negatives" if study.is_ordered else study.vary
    found = {}

    def add(name: str, content: Sequence[Any], title: str, caption: str) -> None:
        charts.panels(os.path.join(folder, name), content, title)
        found[name] = caption

    add("losses.png", [
        _panel(study, x_label, "sampled loss of training", {"": (SAMPLED_LOSS, STEPS)}),
        _panel(study, x_label, _FULL, {
            BUDGETS[budget]: (FULL_LOSS, budget) for budget in (STEPS, TIME)})],
        "Two losses of the same models, in nats",
        "Left: the sampled loss at the end of training. Right: the full softmax loss on held-out data. "
        "Means and standard deviations over the seeds.")
    add("scores.png", [_panel(study, x_label, score, {
        BUDGETS[budget]: (score, budget) for budget in (STEPS, TIME)}) for score in study.scores],
        "Scores on held-out data", "The scores of the task on held-out data; higher is better.")
    add("curves.png", [
        _curves(study, "sampled_loss", STEPS, "sampled loss"),
        _curves(study, "full_softmax_loss", STEPS, _FULL)],
        "During training, for the same number of steps",
        "The losses during training for the same number of steps, means over the seeds. Each point of "
        "the sampled loss is the mean over the steps since the previous point.")
    add("time.png", [
        _curves(study, "full_softmax_loss", TIME, _FULL),
        _panel(study, x_label, "ms per step", {"": ("", STEPS)}, scale=1000.0)],
        "For the same time",
        "Left: the full softmax loss during training, for the same time. Right: the time of a step.")
    measured = [value for value in study.values if study.of(records.BIAS, value).mean > 0]
    if measured:
        add("gradient.png", [
            _panel(study, x_label, what + " of the gradient, %", {"": (measure, STEPS)},
                   scale=100.0, values=measured)
            for measure, what in ((records.BIAS, "bias"), (records.DEVIATION, "standard deviation"))],
            "The sampled gradient against the full one",
            "Bias and standard deviation of the gradient by the class rows, in percent of the norm of "
            "the gradient of the full softmax.")
    return found


def _panel(study: Study, x_label: str, y_label: str, series: Dict[str, Any], scale: float = 1.0,
           values: Sequence[str] = ()) -> Any:
    """Return a charts.Panel of means and spreads: one point for each value and measure."""
    values = values or study.values
    lines = {}
    for name, (measure, budget) in series.items():
        if measure:
            found = [study.of(measure, value, budget) for value in values]
            y, spread = (scale * np.array(part) for part in zip(*[(m.mean, m.spread) for m in found]))
        else:
            y = scale * np.array([sentences.step_seconds(study, value) for value in values])
            spread = np.zeros(len(y))
        lines[name] = np.arange(len(values)), y, spread
    is_log = study.is_ordered and y_label.endswith("%")
    return charts.Panel(lines, x_label, y_label, list(values), is_joined=study.is_ordered, is_log=is_log)


def _curves(study: Study, field: str, budget: str, y_label: str) -> Any:
    """Return a charts.Panel of a loss while training, a line for each value."""
    lines: Dict[str, List[Any]] = {}
    for value in study.values:
        curve = study.curve(value, budget)
        x = curve["seconds"] if budget == TIME else 100 * curve["share"]
        lines[value] = [x, curve[field]]
    return charts.Panel(lines, "seconds" if budget == TIME else "% of the steps", y_label)
