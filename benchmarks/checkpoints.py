"""Measure the cost of checkpoints: writing one during a training, and reading one to resume.

    python benchmarks/checkpoints.py                 # --num_classes=1000000 --dim=128

The benchmark writes and reads two tables [C, D] with the slots of an optimizer as loop.train does: to a
temporary name, synced to the disk, then renamed. Each line has the best of --rounds:

    writing     seconds, MB/s, and the share of the default time between two checkpoints
    resuming    seconds to read a checkpoint into the session; seconds to read the same bytes from the
                file; the ratio of the two. "cached": the file is in the system's page cache. "on disk":
                the system was asked to drop it from the cache.
"""
import os
import tempfile
import time

import machine
import tensorflow.compat.v1 as tf
from absl import app, flags

from tf1_sampled import initializers, registry
from tf1_sampled.training import checkpoints, policy

FLAGS = flags.FLAGS

flags.DEFINE_enum("optimizer", "rowwise_adagrad", sorted(registry.OPTIMIZERS),
                  "Optimizer whose slots are saved.")
flags.DEFINE_integer("dim", 128, "Numbers in a row.")
flags.DEFINE_integer("num_classes", 1000000, "Rows of each of the two tables.")
flags.DEFINE_integer("rounds", 3, "Number of repetitions; the best counts.")


def _forget(path):
    """Ask the system to drop a file from its page cache."""
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(handle)


def _read(path):
    """Read a file into one buffer."""
    buffer = bytearray(os.path.getsize(path))
    with open(path, "rb", buffering=0) as stream:
        view, at = memoryview(buffer), 0
        while at < len(buffer):
            at += stream.readinto(view[at:at + (1 << 27)])


def _seconds(function, *arguments):
    """Call a function and return the seconds that it took."""
    start = time.time()
    function(*arguments)
    return time.time() - start


def main(_):
    tf.disable_v2_behavior()
    shape = [FLAGS.num_classes, FLAGS.dim]
    both = [tf.get_variable(name, shape, initializer=initializers.filled(0.5), use_resource=True)
            for name in ("inputs", "outputs")]
    loss = tf.add_n([tf.nn.l2_loss(tf.gather(table, [1])) for table in both])
    step = registry.OPTIMIZERS[FLAGS.optimizer](0.1).minimize(loss, tf.train.get_or_create_global_step())
    write, warm, cold, read_warm, read_cold = [], [], [], [], []
    with tempfile.TemporaryDirectory() as folder, tf.Session() as session:
        session.run(tf.global_variables_initializer())
        store = checkpoints.Checkpoints(policy.Saving(folder, keep=1))
        for number in range(1, FLAGS.rounds + 1):
            session.run(step)
            write.append(_seconds(store.save, session, number))
            path = os.path.join(folder, "model.ckpt-%d.data-00000-of-00001" % number)
            warm.append(_seconds(store.restore, session))
            read_warm.append(_seconds(_read, path))
            _forget(path)
            cold.append(_seconds(store.restore, session))
            _forget(path)
            read_cold.append(_seconds(_read, path))
        size = os.path.getsize(path)
    between = policy.Saving._field_defaults["seconds"]
    print(machine.description())
    print("%s classes, two tables of %d numbers a row, %s: %.0f MB" % (
        format(FLAGS.num_classes, ","), FLAGS.dim, FLAGS.optimizer, size / 1e6))
    print("writing %.2f s (%.0f MB/s): %.2f%% of the time with a checkpoint every %d s" % (
        min(write), size / 1e6 / min(write), 100 * min(write) / (between + min(write)), between))
    for name, ours, plain in (("cached", warm, read_warm), ("on disk", cold, read_cold)):
        print("resuming, file %-9s %.2f s; reading its bytes %.2f s; ratio %.2f" % (
            name + ":", min(ours), min(plain), min(ours) / min(plain)))


if __name__ == "__main__":
    app.run(main)
