"""What every benchmark says above its table: versions and machine."""
import os
import platform

import numpy as np
import tensorflow.compat.v1 as tf


def description():
    """One line: TensorFlow, Python, NumPy, cores, and the CPU's model where the system says it."""
    return "TensorFlow %s, Python %s, NumPy %s; %d cores, %s" % (
        tf.__version__, platform.python_version(), np.__version__, os.cpu_count(), _cpu())


def _cpu():
    try:
        with open("/proc/cpuinfo") as stream:
            return next(line.split(":")[1].strip() for line in stream if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
