"""Where a training runs: on threads of the CPU, or on one GPU.

    device = chosen("auto", threads=0, num_numbers=128 * 50000)
    device.description                       "CPU, 2 threads"
"""
import os
import typing

import tensorflow.compat.v1 as tf

from tf1_sampled import checks

DEVICES = ("auto", "cpu", "gpu")
_LARGE = 1 << 22  # numbers of a model from which on a GPU may gain: below, its tables fit a core's cache


class Device(typing.NamedTuple):
    """A device, and how it makes steps.

    name: "CPU" or "GPU".
    threads: integer, steps at a time.
    is_compiled: boolean, whether XLA compiles the steps.
    """

    name: str
    threads: int
    is_compiled: bool = False

    @property
    def description(self) -> str:
        """The device in words."""
        if self.name == "GPU":
            return "GPU, compiled by XLA" if self.is_compiled else "GPU"
        return "CPU, %d thread%s" % (self.threads, "s" if self.threads > 1 else "")

    def session_config(self) -> tf.ConfigProto:
        """Return the tf.ConfigProto of a session that trains on this device."""
        config = session_config(self.threads if self.name == "CPU" else None)
        if self.name == "CPU":
            config.device_count["GPU"] = 0
        config.gpu_options.allow_growth = True
        return config


def session_config(threads: typing.Optional[int] = None) -> tf.ConfigProto:
    """Return a ConfigProto with soft placement: an op without a kernel for its device goes to another.

    Args:
      threads: integer, how many threads call the session, each to run its steps by itself, op after
        op: so all cores are busy all the time, where a step that is divided among them waits for its
        longest op. None for TensorFlow's own way, which divides a step.
    """
    if threads is None:
        return tf.ConfigProto(allow_soft_placement=True)
    # -1: the ops of a step run in the thread that called.
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
      name: one of DEVICES; "auto" takes a GPU that TensorFlow sees where the model is large.
      threads: integer, steps at a time; 0 for one on each core, and one on a GPU.
      num_numbers: integer, of the model's tables.
      allows_gpu: boolean; False in a cluster, whose tables are in main memory.

    Raises:
      InputError: another name, "gpu" where TensorFlow sees none or where it is not allowed.
    """
    checks.one_of("train", "device", name, DEVICES)
    cpu = Device("CPU", threads or num_cores())
    if name == "cpu" or name == "auto" and (not allows_gpu or num_numbers < _LARGE):
        return cpu
    has_gpu = allows_gpu and num_gpus() > 0
    checks.argument(name == "auto" or has_gpu, "train", "device", "auto or cpu, as %s" % (
        "TensorFlow sees no GPU" if allows_gpu else "a cluster trains on CPUs"), name)
    # Steps of a compiled loop exclude each other.
    return Device("GPU", threads or 1, is_compiled=threads < 2) if has_gpu else cpu
