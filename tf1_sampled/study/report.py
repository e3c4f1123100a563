"""The results of a study: a table of text, tables for other programs, a page for a browser.

    print(table(study))
    write(folder, study, about)

The page contains its pictures, so it opens without a network.
"""
import base64
import csv
import html
import os
from typing import Any, Dict, Iterable, List, Sequence, Tuple

from tf1_sampled import checks
from tf1_sampled.files import writing
from tf1_sampled.study import gradients, records, sentences
from tf1_sampled.study.records import BUDGETS, FULL_LOSS, SAMPLED_LOSS, STEPS, TIME, Study

PAGE, TRAININGS, CURVES = "study.html", "trainings.csv", "curves.csv"
_EXAMPLES = {"recsys": "test events with the vectors of their users",
             "word2vec": "held-out pairs of words within the window"}

_STYLE = """
body { font: 16px/1.5 sans-serif; color: #222; max-width: 60em; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.6em } h2 { font-size: 1.2em; margin-top: 2em }
table { border-collapse: collapse; font-size: .85em } caption { text-align: left; padding: .5em 0 }
th, td { padding: .3em .7em; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap }
th:first-child, td:first-child { text-align: left } .wide { overflow-x: auto }
figure { margin: 1.5em 0 } img { max-width: 100% } figcaption { font-size: .85em; color: #555 }
.answer { background: #f3f6fa; padding: .5em 1em; border-left: 4px solid #332288 }
code, pre { background: #f5f5f5; padding: .1em .3em; white-space: pre-wrap }
"""


def columns(study: Study, budget: str) -> Tuple[List[str], List[List[str]]]:
    """Return the heads and the rows of the table of a budget, all text."""
    heads = [study.vary, "sampled loss", "full softmax loss"] + list(study.scores) + [
        "steps", "seconds", "ms per step"]
    measures = [SAMPLED_LOSS, FULL_LOSS] + list(study.scores) + ["steps", "seconds"]
    rows = []
    for value in study.values:
        found = [study.of(measure, value, budget) for measure in measures]
        steps, seconds = found[-2], found[-1]
        row = [value] + [str(one) for one in found[:-2]]
        row += ["{:,.0f}".format(steps.mean), str(seconds),
                "%.3g" % (1000 * seconds.mean / steps.mean)]
        if budget == STEPS:
            row += [sentences.percent(study, measure, value) for measure in (
                records.BIAS, records.DEVIATION)]
        rows.append(row)
    return heads + (["gradient bias", "gradient sd"] if budget == STEPS else []), rows


def table(study: Study) -> str:
    """Return both tables, for a terminal."""
    lines = []
    for budget in (STEPS, TIME):
        heads, rows = columns(study, budget)
        widths = [max(map(len, column)) for column in zip(heads, *rows)]
        lines += ["", "%s, mean \u00b1 standard deviation over seeds:" % BUDGETS[budget].capitalize()]
        lines += ["  ".join(cell.rjust(width) for cell, width in zip(row, widths))
                  for row in [heads] + rows]
    return "\n".join(lines[1:])


def write_tables(folder: str, study: Study) -> None:
    """Write a row for each training, and one for each point of its curve.

    Raises:
      InputError: a folder that cannot be written.
    """
    names = list(dict.fromkeys(name for training in study.trainings for name in training.numbers))
    _write_csv(os.path.join(folder, TRAININGS), ["budget", study.vary, "seed"] + names, (
        [training.budget, training.value, training.seed] + [
            training.numbers.get(name, "") for name in names] for training in study.trainings))
    _write_csv(os.path.join(folder, CURVES), ["budget", study.vary, "seed", *records.Point._fields], (
        [training.budget, training.value, training.seed, *point]
        for training in study.trainings for point in training.curve))


def write_page(folder: str, study: Study, pictures: Dict[str, str],
               about: Sequence[Tuple[str, str]]) -> None:
    """Write the page.

    Args:
      folder: string, the folder of the page, which has the pictures.
      study: records.Study.
      pictures: {file name: caption}.
      about: list of (name, text): the command, the data, the machine.

    Raises:
      InputError: a folder that cannot be written.
    """
    parts = ["<h1>%s</h1>" % _text(sentences.question(study)), "<div class=answer>"]
    parts += ["<p>%s</p>" % _text(" ".join(sentences.answer(study))), "</div>"]
    for budget in (STEPS, TIME):
        parts.append(_table(study, budget))
    parts += [_figure(folder, name, pictures[name]) for name in pictures]
    parts.append("<h2>Findings</h2><ul>")
    parts += ["<li>%s</li>" % _text(line) for line in sentences.findings(study)]
    parts.append("</ul><h2>Method</h2><ul>")
    parts += ["<li>%s</li>" % _text(line) for line in method(study)]
    parts += ["</ul><h2>Environment</h2><table>"]
    parts += ["<tr><th>%s</th><td style=\"text-align: left; white-space: normal\">%s</td></tr>" % (
        _text(name), _text(text)) for name, text in about]
    with writing.writing(os.path.join(folder, PAGE)) as stream:
        stream.write("<!DOCTYPE html>\n<html lang=en><meta charset=utf-8>\n<meta name=viewport content="
                     "\"width=device-width\">\n<title>%s</title>\n<style>%s</style>\n%s\n</table></html>\n"
                     % (_text(sentences.question(study)), _STYLE, "\n".join(parts)))


def method(study: Study) -> List[str]:
    """Return the method of the measurements, as sentences."""
    seeds = len({training.seed for training in study.trainings})
    seconds = study.of("seconds", study.values[0], TIME).mean
    return [
        "Each value was trained with %s. With the same seed all values start from the same variables "
        "and see the data in the same order." % checks.counted(seeds, "seed"),
        "The same number of steps: all trainings make the same number of passes over the data. The same "
        "time: each training makes the number of steps that fit into %.1f s, at the speed of the "
        "trainings before. In both, the learning rate falls to 0 at the end." % seconds,
        "The sampled loss is the mean over the last tenth of the training, on the training data. The "
        "full softmax loss is over all classes, on held-out data. Both are in nats.",
        "Two values differ if their means are more than 2 sqrt(s1\u00b2 + s2\u00b2) apart; s is the "
        "standard deviation over the seeds. With one seed no difference is claimed.",
        "The gradient is measured on the models after the same number of steps. Their class rows and %s "
        "do not change. Each batch of at most %d examples draws its own candidates. g is the gradient "
        "of the mean sampled loss with respect to the class rows, f that of the mean full softmax loss "
        "over the same examples. Bias: |E g \u2212 f| / |f|, with its standard error. Standard "
        "deviation: that of g for one batch, over draws of the candidates, divided by |f|." % (
            _EXAMPLES[study.task], gradients.BATCH),
        "Times depend on the other work of the machine. Results for the same number of steps do not."]


def _table(study: Study, budget: str) -> str:
    heads, rows = columns(study, budget)
    lines = ["<div class=wide><table><caption>For %s: mean \u00b1 standard deviation over the seeds"
             "</caption>" % BUDGETS[budget]]
    lines.append("<tr>%s</tr>" % "".join("<th>%s</th>" % _text(head) for head in heads))
    lines += ["<tr>%s</tr>" % "".join("<td>%s</td>" % _text(cell) for cell in row) for row in rows]
    return "\n".join(lines + ["</table></div>"])


def _figure(folder: str, name: str, caption: str) -> str:
    with open(os.path.join(folder, name), "rb") as stream:
        data = base64.b64encode(stream.read()).decode("ascii")
    return ("<figure><img alt=\"%s\" src=\"data:image/png;base64,%s\"><figcaption>%s</figcaption>"
            "</figure>" % (_text(caption), data, _text(caption)))


def _write_csv(path: str, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with writing.writing(path) as stream:
        out = csv.writer(stream, lineterminator="\n")
        out.writerow(heads)
        out.writerows(rows)


def _text(text: str) -> str:
    return html.escape(text)
