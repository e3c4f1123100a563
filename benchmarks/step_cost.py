"""Measure time and memory of a training step as the number of classes grows, for each optimizer.

    python benchmarks/step_cost.py                 # --num_classes=10000,1000000 for a small machine

A step is a sampled softmax with log-uniform candidates and the L2 loss of the rows used, its gradients,
and the optimizer's update of a class table [C, D] and an input table [10000, D]. Labels are also
log-uniform, so that they spread over the whole range. Batches are in variables, so that nothing is fed
or fetched. Columns:

    C = ...       milliseconds per step with that number of classes, the median of blocks
    ratio         time with the largest C divided by that with the smallest
    tables MB     size of variables and slots with the largest C
    training      resident memory during training with the largest C, divided by the size of the tables
    peak          peak of the resident memory until then, divided by the size of the tables

Memory excludes that of TensorFlow and the batches before the tables are initialized. Each optimizer and
C has its own process. The processes of an optimizer take turns in short blocks of steps. The ratio is
the median of the ratios of adjacent blocks, as other work on the machine affects both.
"""
import multiprocessing
import time

import machine
import numpy as np
import tensorflow.compat.v1 as tf
from absl import app, flags

import tf1_sampled as ts

FLAGS = flags.FLAGS

flags.DEFINE_list("num_classes", "10000,10000000", "Numbers of classes, the smallest first.")
flags.DEFINE_list("optimizers", sorted(ts.OPTIMIZERS), "Optimizers to measure.")
flags.DEFINE_enum("unique", "masked", ["masked", "True", "False"], "Treatment of repeated draws.")
flags.DEFINE_integer("rounds", 15, "Blocks of each process.")
flags.DEFINE_float("block_seconds", 0.5, "Approximate duration of a block with the smallest C.")

_BATCH = 1024
_SAMPLED = 1000
_DIM = 64
_INPUTS = 10000  # rows of the input table
_POOL = 1024  # batches; with fewer, the rows would be in the processor's cache
_L2 = 1e-6
_WARM_UP = 20  # steps
_LEARNING_RATE = 1e-3


def _batch_from_pool(num_classes):
    """Return (labels, input ids), int32 [B] each, of a random prepared batch."""
    random = np.random.RandomState(1)
    labels = np.exp(random.uniform(size=[_POOL, _BATCH]) * np.log(num_classes + 1)) - 1
    ids = [np.minimum(labels, num_classes - 1), random.randint(_INPUTS, size=[_POOL, _BATCH])]
    which = tf.random_uniform([], 0, _POOL, tf.int32)
    return [tf.gather(_local_variable(array.astype(np.int32)), which) for array in ids]


def _local_variable(array):
    # From a placeholder, as a constant would need the memory a second time.
    value = tf.placeholder(array.dtype, array.shape)
    variable = tf.Variable(value, trainable=False, use_resource=True,
                           collections=[tf.GraphKeys.LOCAL_VARIABLES])
    tf.add_to_collection("feeds", (variable.initializer, {value: array}))
    return variable


def _training_step(optimizer, num_classes, unique):
    """Build a step and return its op."""
    labels, input_ids = _batch_from_pool(num_classes)
    initializer = tf.random_uniform_initializer(-0.1, 0.1)
    weights = tf.get_variable("weights", [num_classes, _DIM], use_resource=True, initializer=initializer)
    biases = tf.get_variable("biases", [num_classes], use_resource=True, trainable=False,
                             initializer=tf.zeros_initializer())
    table = tf.get_variable("inputs", [_INPUTS, _DIM], use_resource=True, initializer=initializer)
    sampled = ts.log_uniform_candidate_sampler(labels, 1, _SAMPLED, unique, num_classes)
    loss = tf.reduce_mean(ts.sampled_softmax_loss(
        weights, biases, labels, tf.gather(table, input_ids), _SAMPLED, num_classes,
        sampled_values=sampled))
    rows = tf.concat([tf.cast(labels, tf.int64), sampled.sampled_candidates], 0)
    loss += _L2 * ts.l2_loss_of_rows(weights, rows)
    return ts.OPTIMIZERS[optimizer](_LEARNING_RATE).minimize(loss)


def _memory(field):
    """Return VmRSS or VmHWM of this process in bytes."""
    with open("/proc/self/status") as stream:
        line = next(line for line in stream if line.startswith(field + ":"))
    return 1024 * int(line.split()[1])


def _train(pipe, optimizer, num_classes, unique):
    """Train in a process: send the memory in bytes, then the seconds of each block of steps."""
    tf.logging.set_verbosity(tf.logging.ERROR)
    tf.disable_v2_behavior()
    step = _training_step(optimizer, num_classes, unique)
    with tf.Session() as session:
        for op, feed in tf.get_collection("feeds"):
            session.run(op, feed)
        before = _memory("VmRSS")
        session.run(tf.global_variables_initializer())
        peak = _memory("VmHWM") - before
        run = session.make_callable(step)
        for _ in range(_WARM_UP):
            run()
        tables = sum(variable.shape.num_elements() * variable.dtype.size
                     for variable in tf.global_variables())
        pipe.send({"tables": tables, "training": _memory("VmRSS") - before, "peak": peak})
        for steps in iter(pipe.recv, None):
            start = time.perf_counter()
            for _ in range(steps):
                run()
            pipe.send(time.perf_counter() - start)


def _compare(optimizer, all_num_classes, unique):
    """Measure each number of classes: return [(seconds per step, ratio to the first, memory)]."""
    context = multiprocessing.get_context("spawn")
    pipes, processes, memory = [], [], []

    def seconds(pipe, steps):
        pipe.send(steps)
        return pipe.recv() / steps

    for num_classes in all_num_classes:
        pipe, other = context.Pipe()
        # A daemon ends with this process in any case.
        process = context.Process(target=_train, daemon=True,
                                  args=(other, optimizer, num_classes, unique))
        process.start()
        other.close()  # so that recv fails if the process dies
        pipes.append(pipe)
        processes.append(process)
        memory.append(pipe.recv())
    steps = max(1, int(round(FLAGS.block_seconds / seconds(pipes[0], _WARM_UP))))
    blocks = np.zeros([FLAGS.rounds, len(pipes)])
    for i in range(FLAGS.rounds):
        order = range(len(pipes))
        for j in reversed(order) if i % 2 else order:
            blocks[i, j] = seconds(pipes[j], steps)
    for pipe, process in zip(pipes, processes):
        pipe.send(None)
        process.join()
    return list(zip(np.median(blocks, 0), np.median(blocks / blocks[:, :1], 0), memory))


def main(_):
    print(machine.description())
    unique = {"True": True, "False": False}.get(FLAGS.unique, FLAGS.unique)
    all_num_classes = [int(number) for number in FLAGS.num_classes]
    print("\nTraining steps, B = %d, S = %d, D = %d, unique=%r: milliseconds; memory relative to tables"
          % (_BATCH, _SAMPLED, _DIM, unique))
    print("%-18s" % "optimizer" + "".join("%12s" % ("C = %.0e" % number) for number in all_num_classes)
          + "%8s%12s%10s%8s" % ("ratio", "tables MB", "training", "peak"))
    for optimizer in FLAGS.optimizers:
        results = _compare(optimizer, all_num_classes, unique)
        _, ratio, memory = results[-1]
        print("%-18s" % optimizer + "".join("%12.2f" % (1e3 * result[0]) for result in results)
              + "%8.2f%12.0f%10.2f%8.2f" % (ratio, memory["tables"] / 1e6,
                                             memory["training"] / memory["tables"],
                                             memory["peak"] / memory["tables"]), flush=True)


if __name__ == "__main__":
    app.run(main)
