"""Measure the effect of the loss, the sampler, the optimizer or the number of negatives.

    python -m tf1_sampled.study
    python -m tf1_sampled.study --task=recsys --vary=num_sampled --values=10,100,1000
    python -m tf1_sampled.study --vary=sampler --corpus=text.txt --study_dir=samplers
    python -m tf1_sampled.study --task=recsys --help

It trains each value from the same start, for the same number of steps and for the same time, with
several seeds. It prints a table, and writes a page with pictures: study.html in the --study_dir. The
flags of run_word2vec.py, or of run_recsys.py, choose the data and the model.
"""
import os
import platform
import shlex
import sys
from typing import List, Sequence, Tuple

import numpy as np

from tf1_sampled import charts, checks
from tf1_sampled.files import places, writing
from tf1_sampled.programs import flags, running
from tf1_sampled.study import pictures, report, runner, sentences, settings, tasks
from tf1_sampled.study.records import Study

_PROGRAM = "study"


def main(argv: Sequence[str]) -> None:
    """Run a study.

    Args:
      argv: strings, the path of this file first.

    Raises:
      InputError: an invalid flag, invalid data, or a folder that cannot be created.
    """
    study = flags.parse_some(_PROGRAM, argv, settings.StudySettings)
    classes = [settings.StudySettings, tasks.TASKS[study.task][0]]
    if flags.wants_help(argv[1:]):
        print(flags.help_text("python -m tf1_sampled.study", __doc__ or "", classes,
                              settings.DEFAULTS[study.task], settings.REFUSED))
        return
    study, base = flags.parse(_PROGRAM, argv, classes)
    study.models(base)
    places.check_new_folder(study.folder())
    found = runner.run(base, study, lambda line: print(line, flush=True))
    print("\n" + report.table(found))
    print("\n%s\n%s" % (sentences.question(found), "\n".join(sentences.answer(found))))
    write(study.folder(), found, about(argv))
    print("\nWrote " + study.folder() + os.sep)


def write(folder: str, study: Study, about: Sequence[Tuple[str, str]]) -> None:
    """Write the results into a new folder, whole or not at all.

    Without matplotlib it prints a line, and writes no pictures.

    Raises:
      InputError: a folder that cannot be created.
    """
    with writing.writing_folder(folder) as temporary:
        os.mkdir(temporary)
        report.write_tables(temporary, study)
        try:
            charts.check_available()
            drawn = pictures.draw(temporary, study)
        except checks.InputError as e:
            print("No pictures: %s" % e, file=sys.stderr)
            drawn = {}
        report.write_page(temporary, study, drawn, about)


def about(argv: Sequence[str]) -> List[Tuple[str, str]]:
    """Return (name, text) of the command, the versions and the machine."""
    import tensorflow.compat.v1 as tf
    command = ["python", "-m", "tf1_sampled.study", *argv[1:]]
    return [("Command", " ".join(map(shlex.quote, command))), ("TensorFlow", tf.__version__),
            ("NumPy", np.__version__), ("Python", platform.python_version()),
            ("Machine", "%s, %d cores" % (platform.machine(), os.cpu_count() or 1))]


if __name__ == "__main__":
    with running.report_errors():
        main(sys.argv)
