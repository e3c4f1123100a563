"""Names of the files in the folder of a model. TensorFlow is not imported.

    CHECKPOINT % 1000       "model.ckpt-1000", to which TensorFlow adds .index and .data-...
    step_of("runs/recsys-1/model.ckpt-1000")    1000
    fnmatch.fnmatch(name, pattern) for pattern in KEPT
    newest("runs/recsys-1")     "runs/recsys-1/model.ckpt-1000", read from the file `checkpoint`
"""
import glob
import os
import re

from tf1_sampled import checks
from tf1_sampled.files import places, reading, writing

CHECKPOINT = "model.ckpt-%d"
NEWEST, BEST = "checkpoint", "best"  # files that name checkpoints, in TensorFlow's format
SETTINGS, LOCK, METRICS = "settings.json", "lock", "metrics.json"
TRACE = "trace-%d.json"
_EVENTS = "events.out.tfevents.*"  # TensorFlow's name
_ANY_CHECKPOINT = CHECKPOINT.replace("%d", "")
_STATE = re.compile(r'model_checkpoint_path: "(.*)"$')  # the first line of NEWEST and BEST

# Patterns of the files that the folder of any model may have.
KEPT = (SETTINGS, LOCK, NEWEST, BEST, _ANY_CHECKPOINT + "*", METRICS, TRACE.replace("%d", "*"), _EVENTS,
        writing.MAKING + "*")


def step_of(path, ending=""):
    """Return the step of a checkpoint, from its path or from the path of a file; None for other paths.

    Args:
      path: string.
      ending: string, a regular expression for the rest of the file's name after the step.
    """
    match = re.match(re.escape(_ANY_CHECKPOINT) + r"(\d+)" + ending + r"\Z", os.path.basename(path))
    return int(match.group(1)) if match else None


def is_of_checkpoints(name):
    """Return whether the file of this name is part of a checkpoint, or names checkpoints."""
    return name.startswith(_ANY_CHECKPOINT) or name in (NEWEST, BEST)


def newest(folder):
    """Return the path of the newest checkpoint, or None if there is no checkpoint.

    Args:
      folder: string.

    Raises:
      InputError: the file `checkpoint` is damaged or names a path outside of the folder; the file or a
        file of the checkpoint is a link or a pipe.
    """
    return _named(folder, NEWEST)


def best(folder):
    """Return the path of the best checkpoint by validation, or None if there is none.

    Args:
      folder: string.

    Raises:
      InputError: the file `best` is damaged or names a path outside of the folder; the file or a file of
        the checkpoint is a link or a pipe.
    """
    return _named(folder, BEST)


def _named(folder, name):
    # Not tf.train.latest_checkpoint, which follows links and accepts paths outside of the folder.
    path = places.kept(folder, name)
    if not os.path.exists(path):
        return None
    with reading.open_text(path) as stream:
        line = stream.readline().rstrip("\n")
    found = _STATE.match(line)
    named = found.group(1) if found else ""
    is_here = step_of(named) is not None and os.path.basename(named) == named
    checks.line(is_here, path, 1, "the name of a checkpoint in this folder", line)
    return checkpoint(folder, named)


def checkpoint(folder, name):
    """Return the path of the checkpoint of this name, or None if the folder does not have it.

    Args:
      folder, name: strings.

    Raises:
      InputError: a file of the checkpoint is a link or a pipe.
    """
    path = os.path.join(folder, name)
    for found in glob.glob(glob.escape(path) + ".*"):
        places.kept(folder, os.path.basename(found))
    return path if os.path.exists(path + ".index") else None
