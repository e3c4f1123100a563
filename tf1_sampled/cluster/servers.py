"""TensorFlow's servers of a cluster: start, end, and repeated attempts after the loss of a server.

    serve(cluster)                      in a parameter server, until the training has ended
    server = start_server(cluster)      in a worker
    result = until_done(attempt, wait_until_ready)
    end_servers(cluster, server)
"""
import contextlib
import threading
import time

import tensorflow.compat.v1 as tf

from tf1_sampled import checks
from tf1_sampled.cluster import addresses, placement

LOST_ERRORS = (tf.errors.AbortedError, tf.errors.UnavailableError, tf.errors.CancelledError)
_ENDED = "tf1_sampled_ended_%d"  # queue of a parameter server, which is empty until the end


class ServerLost(Exception):
    """A parameter server has ended or restarted, so that the session is closed."""


@contextlib.contextmanager
def raise_server_lost():
    """Raise ServerLost instead of the errors of a session whose parameter server is lost.

    MonitoredSession would handle these errors itself, and call its function with the closed session.
    """
    try:
        yield
    except LOST_ERRORS as e:
        raise ServerLost(type(e).__name__) from e


def start_server(cluster, report=print):
    """Start TensorFlow's server of this process, which accepts connections only at its own address.

    Args:
      cluster: spec.Cluster.
      report: function of a line of text for the user.

    Returns:
      tf.train.Server.

    Raises:
      InputError: an address of another machine, or a port that is in use.
    """
    try:
        here = addresses.addresses_here(cluster.address)
    except OSError as e:
        raise checks.InputError(
            "%s: wanted an address of this machine to listen on (0.0.0.0 or [::] for all of them), got: "
            "%s" % (cluster.address, e.strerror)) from e
    spec = tf.train.ClusterSpec({"ps": cluster.ps_hosts, "worker": cluster.worker_hosts})
    try:
        server = tf.train.Server(spec, cluster.job_name, cluster.task_index, start=False)
    except tf.errors.OpError as e:
        raise checks.InputError("%s: wanted a port to listen on, got: %s" % (
            cluster.address, e.message)) from e
    addresses.answer_only_at(here, addresses.split(cluster.address)[1], report)
    server.start()
    return server


def serve(cluster, report=print):
    """Run a parameter server until the chief ends the training.

    Args:
      cluster: spec.Cluster, of a parameter server.
      report: function of a line of text for the user.
    """
    server = start_server(cluster, report)
    report("Parameter server %d of %d at %s" % (
        cluster.task_index + 1, len(cluster.ps_hosts), cluster.address))
    with tf.Graph().as_default():
        size = _end_queue(cluster.task_index).size()
        config = tf.ConfigProto(device_filters=[cluster.device])
        with tf.Session(server.target, config=config) as session:
            while not session.run(size):
                time.sleep(0.2)


def end_servers(cluster, server):
    """End all parameter servers after the training.

    Args:
      cluster: spec.Cluster, of a worker.
      server: tf.train.Server of this worker.
    """
    with tf.Graph().as_default():
        ends = [end_op(index) for index in range(len(cluster.ps_hosts))]
        config = placement.session_config(tf.ConfigProto(), cluster)
        run_apart(server, config, lambda session: session.run(ends))


def run_apart(server, config, work, seconds=60):
    """Call work(session) in a thread of its own, and wait at most so many seconds until it returns.

    For sessions on the default graph whose servers may end before the session is closed: TensorFlow 1.15
    then never returns from closing it. An error of a lost server ends the work.

    Args:
      server: tf.train.Server of this process.
      config: tf.ConfigProto of the session.
      work: function of a tf.Session.
      seconds: float.
    """
    graph, is_done = tf.get_default_graph(), threading.Event()

    def run():
        with contextlib.suppress(*LOST_ERRORS), tf.Session(server.target, graph, config) as session:
            try:
                work(session)
            finally:
                is_done.set()

    threading.Thread(target=run, daemon=True).start()
    is_done.wait(seconds)


def end_op(task_index):
    """Add an op to the default graph that ends the parameter server of this index, and return it."""
    return _end_queue(task_index).enqueue(True)


def until_done(attempt, wait_until_ready, report=print):
    """Call `attempt` until it ends without the loss of a parameter server, and return its value.

    Args:
      attempt: function that creates a session and trains within `raise_server_lost`.
      wait_until_ready: function that returns True once the servers are ready, False if it was stopped.
      report: function of a line of text for the user.

    Returns:
      The value of `attempt`; None if the waiting was stopped.
    """
    while True:
        try:
            with raise_server_lost():
                if not wait_until_ready():
                    return None
                return attempt()
        except ServerLost as e:
            report("Lost a parameter server (%s)" % e)
            time.sleep(1)  # a server that is being killed may still answer for a moment


def _end_queue(task_index):
    with tf.device("/job:ps/task:%d" % task_index):
        return tf.FIFOQueue(1000, tf.bool, [()], shared_name=_ENDED % task_index)
