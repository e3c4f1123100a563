"""Measure the cost of a training step on a cluster: bytes, milliseconds and memory, with formulas.

    python benchmarks/cluster.py                 # --num_classes=100000 for a small machine

The processes of the cluster run on this machine. Workers make asynchronous steps of a sampled softmax
(log-uniform candidates, repeats masked) with row-wise Adagrad. There is an input table [C, D] and a
class table [C, D]; labels and inputs are log-uniform. Columns:

    ps x workers, B, S, D, C    the numbers of processes, the batch size, negatives, dimension, classes
    rows U          distinct rows that a step uses
    KB per step     kilobytes on the loopback interface per step, so nothing else should use it
    / 2 U D 4       these bytes divided by 2 U D 4: the rows pulled and their gradients pushed
    ms per step     milliseconds of one step of one worker
    MB of a ps      memory of a parameter server beyond that without tables
    / tables        this memory divided by the size of its tables

The last lines fit milliseconds = a + b U D + c B S D to the rows of each cluster.
"""
import collections
import json
import subprocess
import sys
import threading
import time

import machine
import numpy as np
import tensorflow.compat.v1 as tf
from absl import app, flags

import tf1_sampled as ts
from tf1_sampled import initializers, logits
from tf1_sampled.cluster import launch, placement, servers, spec as cluster_lib

FLAGS = flags.FLAGS

flags.DEFINE_list("clusters", "1x1,2x1,2x2", "Clusters: parameter servers x workers.")
flags.DEFINE_list("num_classes", "100000,1000000", "Numbers of classes C.")
flags.DEFINE_list("shapes", ["1024x1000x64", "256x1000x64", "4096x1000x64", "1024x100x64",
                             "1024x4000x64", "1024x1000x128"], "Shapes B x S x D.")
flags.DEFINE_integer("seconds", 5, "Seconds of steps for each row of the table.")
flags.DEFINE_string("member", "", "Private: run a process of the cluster, given as JSON.")

_POOL = 64  # batches that are fed in turn

Row = collections.namedtuple("Row", "num_ps num_workers b s d c rows bytes ms memory")


def _bytes():
    """Return the bytes that the loopback interface has received so far."""
    with open("/proc/net/dev") as stream:
        fields = next(line for line in stream if line.strip().startswith("lo:")).split(":")[1].split()
    return int(fields[0])


def _memory(pid="self"):
    """Return VmRSS of a process in bytes."""
    with open("/proc/%s/status" % pid) as stream:
        return 1024 * int(next(line for line in stream if line.startswith("VmRSS:")).split()[1])


def _step(b, s, d, c):
    """Build a step: return (train op, number of rows it uses, placeholders of labels and inputs)."""
    def table(name):
        return tf.get_variable(name, [c, d], use_resource=True, initializer=initializers.filled(0))

    labels, inputs = (tf.placeholder(tf.int32, [b]) for _ in range(2))
    biases = tf.get_variable("biases", [c], use_resource=True, trainable=False,
                             initializer=initializers.filled(0))
    sampled = ts.log_uniform_candidate_sampler(labels, 1, s, "masked", c)
    loss = tf.reduce_mean(ts.sampled_softmax_loss(
        table("weights"), biases, labels, logits.lookup(table("inputs"), inputs), s, c,
        sampled_values=sampled))
    optimizer = ts.RowwiseAdagradOptimizer(0.1)
    gradients = optimizer.compute_gradients(loss)
    rows = tf.add_n([tf.size(tf.unique(gradient.indices).y) for gradient, _ in gradients])
    return optimizer.apply_gradients(gradients), rows, [labels, inputs]


def _work(cluster, b, s, d, c):
    """Be a worker: make steps between two lines of input; print [steps, seconds, rows] as JSON."""
    placement.cut_tables(cluster)
    train_op, rows, placeholders = _step(b, s, d, c)
    random = np.random.RandomState(cluster.task_index)
    pool = (np.exp(random.uniform(size=[_POOL, 2, b]) * np.log(c + 1)) - 1).astype(np.int32)
    initializer = tf.global_variables_initializer()
    missing = tf.report_uninitialized_variables()
    server = servers.start_server(cluster)
    config = placement.session_config(tf.ConfigProto(), cluster)
    with placement.placed(tf.get_default_graph(), cluster), tf.Session(
            server.target, config=config) as session:
        if cluster.is_chief:
            session.run(initializer)
        while session.run(missing).size:
            time.sleep(0.1)
        run = session.make_callable(train_op, placeholders)
        touched = np.mean([session.run(rows, dict(zip(placeholders, batch))) for batch in pool])
        for batch in pool:
            run(*batch)
        print("ready", flush=True)
        sys.stdin.readline()
        steps, stop, start = 0, threading.Event(), time.time()
        threading.Thread(target=lambda: sys.stdin.readline() and stop.set(), daemon=True).start()
        while not stop.is_set():
            run(*pool[steps % _POOL])
            steps += 1
        print(json.dumps([steps, time.time() - start, touched]), flush=True)
        sys.stdin.readline()
        if cluster.is_chief:
            servers.end_servers(cluster, server)


def _measure(num_ps, num_workers, b, s, d, c):
    """Run a cluster and return its Row."""
    hosts = ["127.0.0.1:%d" % port for port in launch.free_ports(num_ps + num_workers)]
    members = {}
    for job, number in (("ps", num_ps), ("worker", num_workers)):
        for index in range(number):
            member = json.dumps([hosts[:num_ps], hosts[num_ps:], job, index, b, s, d, c])
            members[job, index] = subprocess.Popen(
                [sys.executable, __file__, "--member=" + member], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True)
    parameter_servers, workers = ([members[job, i] for i in range(number)] for job, number in (
        ("ps", num_ps), ("worker", num_workers)))

    def send_line(processes):
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()

    bare = [int(process.stdout.readline()) for process in parameter_servers]
    for worker in workers:
        worker.stdout.readline()
    memory = np.mean([_memory(process.pid) - before for process, before in zip(parameter_servers, bare)])
    before = _bytes()
    send_line(workers)
    time.sleep(FLAGS.seconds)
    send_line(workers)
    steps, seconds, touched = np.transpose([json.loads(worker.stdout.readline()) for worker in workers])
    carried = _bytes() - before
    send_line(workers)
    for process in workers + parameter_servers:
        process.wait(30)
    return Row(num_ps, num_workers, b, s, d, c, touched.mean(), carried / steps.sum(),
               1000 * np.mean(seconds / steps), memory)


def _be_member():
    ps_hosts, worker_hosts, job, index, *shape = json.loads(FLAGS.member)
    cluster = cluster_lib.read_cluster(ps_hosts, worker_hosts, job, index)
    if cluster.is_ps:
        print(_memory(), flush=True)
        servers.serve(cluster, report=lambda line: None)
    else:
        _work(cluster, *shape)


def _fit(rows):
    """Fit milliseconds = a + b U D + c B S D: return ((a, b, c), the largest relative error)."""
    terms = np.array([[1, row.rows * row.d, row.b * row.s * row.d] for row in rows])
    ms = np.array([row.ms for row in rows])
    # Least squares of relative errors, with coefficients of 0 or more.
    kept = list(range(terms.shape[1]))
    while True:
        found = np.linalg.lstsq(terms[:, kept] / ms[:, None], np.ones(len(ms)), rcond=None)[0]
        if np.all(found >= 0):
            break
        kept.remove(kept[int(np.argmin(found))])
    factors = np.zeros(terms.shape[1])
    factors[kept] = found
    return factors, np.max(np.abs(terms.dot(factors) / ms - 1))


def main(_):
    tf.logging.set_verbosity(tf.logging.ERROR)
    tf.disable_v2_behavior()
    if FLAGS.member:
        _be_member()
        return
    print(machine.description() + "\n")
    print("| ps x workers | B | S | D | C | rows U | KB per step | / 2 U D 4 | ms per step | MB of a ps "
          "| / tables |\n|" + "---|" * 11)
    rows = []
    for text in FLAGS.clusters:
        num_ps, num_workers = map(int, text.split("x"))
        for c in map(int, FLAGS.num_classes):
            for shape in FLAGS.shapes:
                row = _measure(num_ps, num_workers, *map(int, shape.split("x")), c)
                rows.append(row)
                tables = (2 * c * (row.d + 1) + c) * 4 / num_ps  # rows, accumulators, biases
                print("| %d x %d | %d | %d | %d | %s | %d | %.1f | %.2f | %.2f | %.0f | %.2f |" % (
                    num_ps, num_workers, row.b, row.s, row.d, format(c, ","), row.rows, row.bytes / 1e3,
                    row.bytes / (8 * row.rows * row.d), row.ms, row.memory / 1e6, row.memory / tables),
                    flush=True)
    print()
    for text in FLAGS.clusters:
        chosen = [row for row in rows if "%dx%d" % row[:2] == text]
        if len(chosen) > 3:
            (a, b, c), error = _fit(chosen)
            print("%s: %.2f ms + %.2f ns U D + %.4f ns B S D, error at most %.0f%%" % (
                text, a, 1e6 * b, 1e6 * c, 100 * error))


if __name__ == "__main__":
    app.run(main)
