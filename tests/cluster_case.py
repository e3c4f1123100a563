"""Clusters on this machine, for tests."""
import threading

import tensorflow.compat.v1 as tf

from tests import graph_case
from tf1_sampled.cluster import launch, servers, spec


def clusters(num_ps=2, num_workers=2):
    """Return {("ps", 0): Cluster, ...} with free ports of this machine."""
    hosts = ["127.0.0.1:%d" % port for port in launch.free_ports(num_ps + num_workers)]
    hosts = tuple(hosts[:num_ps]), tuple(hosts[num_ps:])
    return {(job, index): spec.Cluster(*hosts, job, index, False)
            for job, number in (("ps", num_ps), ("worker", num_workers)) for index in range(number)}


def a_worker(num_ps=2):
    """Return the Cluster of the chief."""
    return clusters(num_ps)["worker", 0]


def end_serving(cluster, thread):
    """End a thread that runs servers.serve, which could abort the process at its exit.

    Args:
      cluster: spec.Cluster, of the parameter server.
      thread: threading.Thread.
    """
    if thread.is_alive():
        with tf.Graph().as_default():
            end = servers.end_op(cluster.task_index)
            config = tf.ConfigProto(device_filters=[cluster.device])  # the workers need not run
            with tf.Session("grpc://" + cluster.address, config=config) as session:
                session.run(end)
        thread.join(10)


class ServedCase(graph_case.GraphCase):
    """A parameter server and the servers of two workers in this process; TensorFlow cannot stop them.

    Attributes:
      clusters: {(job, index): spec.Cluster}.
      lines: list of strings, the lines that the servers reported.
      serving: thread of the parameter server.
      servers: list of the tf.train.Servers of the workers.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clusters = clusters(1, 2)
        cls.lines = []
        cls.serving = threading.Thread(
            target=servers.serve, args=(cls.clusters["ps", 0], cls.lines.append), daemon=True)
        cls.serving.start()
        cls.servers = [servers.start_server(cls.clusters["worker", index], cls.lines.append)
                       for index in (0, 1)]

    @classmethod
    def tearDownClass(cls):
        end_serving(cls.clusters["ps", 0], cls.serving)
        super().tearDownClass()
