"""Compare losses and samplers with those of tf.nn, in one session on the same inputs.

    python benchmarks/tf_nn.py            # --only=losses or --only=samplers for one of the tables

Losses: the loss and its gradients for weights (sparse) and inputs; biases are not trained. Accidental
hits are removed if that is the default of the loss. Both sides read the same variables. Candidates and
expected counts were drawn once by tf.nn's log-uniform sampler. Samplers: log-uniform candidates and
their expected counts. Nothing is fed or fetched. Columns:

    C, S               the numbers of classes and of candidates
    ours, tf.nn, time  microseconds of a run, in the fastest turn
    ratio              time divided by that of tf.nn; below 1 ours is faster

Both sides take short turns. Other work on the machine makes a turn slower, so the fastest counts. The
ratio is the median of the ratios of adjacent turns. It repeats better than the quotient of the
microseconds, and may differ from it.
"""
import time

import machine
import numpy as np
import tensorflow.compat.v1 as tf
from absl import app, flags

import tf1_sampled as ts

FLAGS = flags.FLAGS

flags.DEFINE_enum("only", "all", ["losses", "samplers", "all"], "Table to make.")
flags.DEFINE_float("seconds", 3, "Seconds of turns for each row; every side has at least 9 turns.")
flags.DEFINE_float("block_seconds", 0.02, "Approximate duration of a turn, which has at least one run.")

_BATCH = 1024
_DIM = 64
_MIN_ROUNDS = 9
_LOSSES = (
    # name, ours, tf.nn's, the default of remove_accidental_hits
    ("nce", ts.nce_loss, tf.nn.nce_loss, False),
    ("sampled_softmax", ts.sampled_softmax_loss, tf.nn.sampled_softmax_loss, True),
)


def _runner(session, tensors):
    """Return a function that computes `tensors` and fetches none of them.

    It uses Assert, which needs its data but reads them only if its condition is false. With tf.group,
    TensorFlow's graph optimizer would remove the computation, as no op reads its result.
    """
    return session.make_callable(tf.raw_ops.Assert(condition=tf.constant(True), data=tensors))


def _seconds(run, times):
    start = time.perf_counter()
    for _ in range(times):
        run()
    return (time.perf_counter() - start) / times


def _compare(runners):
    """Time runners in turns: return [(microseconds, ratio to the last runner)]."""
    times = []
    for run in runners:
        _seconds(run, 3)  # the first run builds its executor
        times.append(max(1, int(round(FLAGS.block_seconds / _seconds(run, 3)))))
    rounds = []
    end = time.perf_counter() + FLAGS.seconds
    while len(rounds) < _MIN_ROUNDS or time.perf_counter() < end:
        turns = list(range(len(runners)))
        block = np.zeros(len(runners))
        for i in reversed(turns) if len(rounds) % 2 else turns:
            block[i] = _seconds(runners[i], times[i])
        rounds.append(block)
    rounds = np.array(rounds)
    return list(zip(1e6 * np.min(rounds, 0), np.median(rounds / rounds[:, -1:], 0)))


def _variable(name, value, dtype, local=False):
    """Return a variable, as TensorFlow would fold a constant and compute it once."""
    collection = tf.GraphKeys.LOCAL_VARIABLES if local else tf.GraphKeys.GLOBAL_VARIABLES
    return tf.get_variable(name, dtype=dtype, initializer=value, use_resource=True, trainable=False,
                           collections=[collection])


def _session():
    session = tf.Session(config=tf.ConfigProto(allow_soft_placement=True))
    session.run(tf.global_variables_initializer())
    session.run(tf.local_variables_initializer())  # after the labels, from which they are drawn
    return session


def _labels(num_classes):
    """Return labels [B, 1], log-uniform as the candidates, so that some candidates are hits."""
    uniform = np.random.RandomState(1).uniform(size=[_BATCH, 1])
    labels = np.exp(uniform * np.log(num_classes + 1)).astype(np.int64) - 1
    return _variable("labels", np.minimum(labels, num_classes - 1), tf.int64).read_value()


def loss_and_gradients(function, weights, biases, labels, inputs, num_sampled, num_classes,
                       sampled_values, remove_accidental_hits):
    """Return the tensors that a training step needs: the loss and its gradients."""
    loss = function(weights, biases, labels, inputs, num_sampled, num_classes, 1, sampled_values,
                    remove_accidental_hits)
    for_weights, for_inputs = tf.gradients(tf.reduce_sum(loss), [weights, inputs])
    return [loss, for_weights.values, for_weights.indices, for_inputs]


def loss_cases(num_classes, all_num_sampled):
    """Yield (name, S, tensors of ours, tensors of tf.nn) in the default graph."""
    weights = tf.get_variable("weights", [num_classes, _DIM], use_resource=True,
                              initializer=tf.random_uniform_initializer(-0.1, 0.1))
    biases = tf.get_variable("biases", [num_classes], use_resource=True, trainable=False,
                             initializer=tf.zeros_initializer())
    inputs = _variable("inputs", tf.random_uniform([_BATCH, _DIM], -1, 1), tf.float32).read_value()
    labels = _labels(num_classes)
    for num_sampled in all_num_sampled:
        drawn = tf.random.log_uniform_candidate_sampler(labels, 1, num_sampled, True, num_classes)
        with tf.variable_scope("sampled_%d" % num_sampled):
            sampled_values = type(drawn)(*[
                _variable(name, value, value.dtype, local=True).read_value()
                for name, value in zip(drawn._fields, drawn)])
        for name, ours, theirs, remove_accidental_hits in _LOSSES:
            yield (name, num_sampled) + tuple(
                loss_and_gradients(function, weights, biases, labels, inputs, num_sampled,
                                   num_classes, sampled_values, remove_accidental_hits)
                for function in (ours, theirs))


def sampler_cases(num_classes, all_num_sampled):
    """Yield (S, [(name, tensors)]), tf.nn last, in the default graph."""
    labels = _labels(num_classes)
    for num_sampled in all_num_sampled:
        contestants = [("unique=%s" % unique, ts.log_uniform_candidate_sampler(
            labels, 1, num_sampled, unique, num_classes)) for unique in (True, False, "masked")]
        contestants.append(("tf.nn, unique=True", tf.random.log_uniform_candidate_sampler(
            labels, 1, num_sampled, True, num_classes)))
        yield num_sampled, [(name, list(values)) for name, values in contestants]


def _print_losses():
    print("\nLosses, B = %d, D = %d: microseconds" % (_BATCH, _DIM))
    print("%-18s%10s%8s%12s%12s%8s" % ("loss", "C", "S", "ours", "tf.nn", "ratio"))
    for num_classes in (10000, 1000000):
        with tf.Graph().as_default():
            tf.set_random_seed(1)
            cases = list(loss_cases(num_classes, (10, 100, 1000, 8192)))
            with _session() as session:
                for name, num_sampled, ours, theirs in sorted(cases, key=lambda case: case[:2]):
                    (us, ratio), (their_us, _) = _compare(
                        [_runner(session, ours), _runner(session, theirs)])
                    print("%-18s%10d%8d%12.0f%12.0f%8.2f" % (
                        name, num_classes, num_sampled, us, their_us, ratio), flush=True)


def _print_samplers():
    num_classes = 1000000
    print("\nLog-uniform samplers, C = %d, %d labels: microseconds" % (num_classes, _BATCH))
    print("%-20s%8s%12s%8s" % ("sampler", "S", "time", "ratio"))
    with tf.Graph().as_default():
        tf.set_random_seed(1)
        cases = list(sampler_cases(num_classes, (1000, 8192)))
        with _session() as session:
            for num_sampled, contestants in cases:
                results = _compare([_runner(session, tensors) for _, tensors in contestants])
                for (name, _), (us, ratio) in zip(contestants, results):
                    print("%-20s%8d%12.0f%8.2f" % (name, num_sampled, us, ratio), flush=True)


def main(_):
    tf.logging.set_verbosity(tf.logging.ERROR)
    tf.disable_v2_behavior()
    print(machine.description())
    if FLAGS.only != "samplers":
        _print_losses()
    if FLAGS.only != "losses":
        _print_samplers()


if __name__ == "__main__":
    app.run(main)
