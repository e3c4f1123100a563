"""Names of the files in a model's folder, each stated once. TensorFlow is not imported.

    CHECKPOINT % 1000       "model.ckpt-1000", to which TensorFlow adds .index and .data-...
    step_of("runs/recsys-1/model.ckpt-1000")    1000
    fnmatch.fnmatch(name, pattern) for pattern in KEPT
"""
import os
import re

from tf1_sampled.files import writing

CHECKPOINT = "model.ckpt-%d"
NEWEST, BEST = "checkpoint", "best"  # files that name checkpoints, in TensorFlow's format
SETTINGS, LOCK, METRICS = "settings.json", "lock", "metrics.json"
TRACE = "trace-%d.json"
_EVENTS = "events.out.tfevents.*"  # TensorFlow's name
_ANY_CHECKPOINT = CHECKPOINT.replace("%d", "")

# Patterns of all that is kept in a model's folder, whatever the model.
KEPT = (SETTINGS, LOCK, NEWEST, BEST, _ANY_CHECKPOINT + "*", METRICS, TRACE.replace("%d", "*"), _EVENTS,
        writing.MAKING + "*")


def step_of(path, ending=""):
    """Return the step of a checkpoint's path, or of its file that has this ending; None of another file.

    Args:
      path: string.
      ending: string, a regular expression of what follows the step.
    """
    match = re.match(re.escape(_ANY_CHECKPOINT) + r"(\d+)" + ending + r"\Z", os.path.basename(path))
    return int(match.group(1)) if match else None


def is_of_checkpoints(name):
    """Return whether the file of this name is a part of a checkpoint, or names checkpoints."""
    return name.startswith(_ANY_CHECKPOINT) or name in (NEWEST, BEST)
