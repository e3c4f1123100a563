"""What every benchmark says above its table: versions and machine."""
import os
import platform

import numpy as np


def description():
    """One line: TensorFlow, Python, NumPy, cores, and the CPU's model where the system says it."""
    import tensorflow.compat.v1 as tf  # not for `cpu`, which runs beside libraries without it

    return "TensorFlow %s, Python %s, NumPy %s; %d cores, %s" % (
        tf.__version__, platform.python_version(), np.__version__, os.cpu_count(), cpu())


def cpu():
    """Return the model of the CPU where the system says it, else its kind."""
    try:
        with open("/proc/cpuinfo") as stream:
            return next(line.split(":")[1].strip() for line in stream if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
