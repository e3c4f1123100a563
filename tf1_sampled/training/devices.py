"""The device of a training: threads of the CPU, or one GPU.

    device = chosen("auto", threads=0, num_numbers=128 * 50000)
    device.description                       "CPU, 2 threads"
"""
import os
import typing

import tensorflow.compat.v1 as tf

from tf1_sampled import checks

DEVICES = ("auto", "cpu", "gpu")
_LARGE = 1 << 22  # numbers in tables; smaller tables fit the cache of a CPU core, which is then faster


class Device(typing.NamedTuple):
    """A device, and how it runs training steps.

    name: "CPU" or "GPU".
    threads: integer, the number of steps at a time.
    is_compiled: boolean, whether XLA compiles the steps.
    """

    name: str
    threads: int
    is_compiled: bool = False

    @property
    def description(self) -> str:
        """Return the device in words."""
        if self.name == "GPU":
            return "GPU, compiled by XLA" if self.is_compiled else "GPU"
        return "CPU, " + checks.counted(self.threads, "thread")

    def session_config(self) -> tf.ConfigProto:
        """Return the tf.ConfigProto of a session that trains on this device."""
        config = session_config(self.threads if self.name == "CPU" else None)
        if self.name == "CPU":
            config.device_count["GPU"] = 0
        config.gpu_options.allow_growth = True
        return config


def session_config(threads: typing.Optional[int] = None) -> tf.ConfigProto:
    """Return a tf.ConfigProto with soft placement, which moves ops without a kernel to another device.

    Args:
      threads: integer, the number of threads that call the session. Each thread runs the ops of its step
        one after another, so that all cores stay busy. None for TensorFlow's default, which divides the
        ops of one step among the cores, and waits for the longest op.
    """
    if threads is None:
        return tf.ConfigProto(allow_soft_placement=True)
    # inter_op_parallelism_threads=-1 runs the ops of a step in the calling thread.
    return tf.ConfigProto(allow_soft_placement=True, intra_op_parallelism_threads=1,
                          inter_op_parallelism_threads=-1)


def num_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def num_gpus() -> int:
    """Return the number of GPUs that TensorFlow sees."""
    return len(tf.config.experimental.list_physical_devices("GPU"))


def chosen(name: str, threads: int, num_numbers: int, allows_gpu: bool = True) -> Device:
    """Return the device of a training.

    Args:
      name: one of DEVICES. "auto" selects a GPU if TensorFlow sees one and the model is large.
      threads: integer, the number of steps at a time; 0 for one per core, or one on a GPU.
      num_numbers: integer, the size of the model's tables.
      allows_gpu: boolean; False in a cluster, whose tables are in main memory.

    Raises:
      InputError: another name; "gpu" without a GPU or with allows_gpu=False.
    """
    checks.one_of("train", "device", name, DEVICES)
    cpu = Device("CPU", threads or num_cores())
    if name == "cpu" or name == "auto" and (not allows_gpu or num_numbers < _LARGE):
        return cpu
    has_gpu = allows_gpu and num_gpus() > 0
    checks.argument(name == "auto" or has_gpu, "train", "device", "auto or cpu, as %s" % (
        "TensorFlow sees no GPU" if allows_gpu else "a cluster trains on CPUs"), name)
    # Compiled loops cannot run in parallel.
    return Device("GPU", threads or 1, is_compiled=threads < 2) if has_gpu else cpu
