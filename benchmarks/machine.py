"""Describe versions and machine, the line above the table of every benchmark."""
import os
import platform

import numpy as np


def description():
    """Return a line: TensorFlow, Python, NumPy, cores, and the model of the CPU if it is known."""
    import tensorflow.compat.v1 as tf  # here, as `cpu` is also called without TensorFlow installed

    return "TensorFlow %s, Python %s, NumPy %s; %d cores, %s" % (
        tf.__version__, platform.python_version(), np.__version__, os.cpu_count(), cpu())


def cpu():
    """Return the model of the CPU if it is known, else its architecture."""
    try:
        with open("/proc/cpuinfo") as stream:
            return next(line.split(":")[1].strip() for line in stream if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
