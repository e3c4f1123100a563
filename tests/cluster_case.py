"""Clusters of this machine, for tests."""
import tensorflow.compat.v1 as tf

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
    """End a thread that is in servers.serve: at exit it could abort the process from TensorFlow's code.

    Args:
      cluster: Cluster, of the parameter server.
      thread: threading.Thread.
    """
    if thread.is_alive():
        with tf.Graph().as_default():
            end = servers.end_op(cluster.task_index)
            config = tf.ConfigProto(device_filters=[cluster.device])  # the workers need not be there
            with tf.Session("grpc://" + cluster.address, config=config) as session:
                session.run(end)
        thread.join(10)
