import contextlib
import signal
import socket
import sys
import threading
import time
import unittest
from unittest import mock

import tensorflow.compat.v1 as tf
from absl.testing import absltest

from tests import cluster_case, run_program
from tf1_sampled.checks import InputError
from tf1_sampled.cluster import addresses, launch, placement, servers, spec


class ServersTest(cluster_case.ServedCase):

    @unittest.skipUnless(sys.platform.startswith("linux"), "packet filters of Linux")
    def test_servers_answer_only_at_their_own_address(self):
        refused = [line for line in self.lines if "cannot filter its sockets" in line]
        if refused:
            self.skipTest(refused[0])
        for which in self.clusters.values():
            port = int(which.address.rpartition(":")[2])
            self.assertTrue(addresses.wait_for([which.address]))
            with self.assertRaises(OSError):
                socket.create_connection(("127.0.0.2", port), timeout=0.5)

    @unittest.skipUnless(sys.platform.startswith("linux"), "packet filters of Linux")
    def test_connections_made_before_the_filter_are_closed(self):
        cluster, lines, early, over = cluster_case.a_worker(1), [], [], threading.Event()
        port = int(cluster.address.rpartition(":")[2])

        def connect(host):
            while not over.is_set() and len(early) < 200:  # both ends use descriptors of this process
                with contextlib.suppress(OSError):
                    early.append(socket.create_connection((host, port), timeout=0.5))
                time.sleep(0.0003)

        threads = [threading.Thread(target=connect, args=("127.0.0.%d" % number,)) for number in (2, 3)]
        for thread in threads:
            thread.start()
        kept = servers.start_server(cluster, lines.append)
        over.set()
        for thread in threads:
            thread.join()
        if lines and "cannot filter its sockets" in lines[0]:
            self.skipTest(lines[0])
        self.assertEqual(lines, [])
        self.assertNotEmpty(early)
        for connection in early:
            with connection:
                connection.settimeout(5)
                with contextlib.suppress(ConnectionError):
                    while connection.recv(1000):  # until the end; a timeout is an error
                        pass
        self.assertTrue(addresses.wait_for([cluster.address]))
        del kept

    def test_another_machines_address_is_refused_before_there_is_a_server(self):
        for address, got in (("192.0.2.77:2222", "an address of another machine"),
                             ("a..b:2222", "not a host name")):
            which = spec.Cluster((address,), ("127.0.0.1:1",), "ps", 0, False)
            with mock.patch.object(tf.train, "Server") as made:
                with self.assertRaisesWithLiteralMatch(
                        InputError, "%s: wanted an address of this machine to listen on (0.0.0.0 or "
                        "[::] for all of them), got: %s" % (address, got)):
                    servers.start_server(which)
            made.assert_not_called()

    def test_a_server_whose_own_address_is_another_than_others_have(self):
        ps, worker = ("127.0.0.1:%d" % port for port in launch.free_ports(2))
        own = "0.0.0.0:" + ps.partition(":")[2]
        kept = servers.start_server(spec.Cluster((own,), (worker,), "ps", 0, False))
        which = spec.Cluster((ps,), (worker,), "worker", 0, False)
        server = servers.start_server(which)
        with tf.Graph().as_default() as graph:
            table = tf.get_variable("elsewhere", [3], use_resource=True)
            with placement.placed(graph, which), tf.Session(server.target) as session:
                self.assertStartsWith(table.op.device, "/job:ps/")
                session.run(table.initializer)
                self.assertLen(session.run(table + 1), 3)
        del kept

    def test_a_port_in_use_is_an_error(self):
        with self.assertRaisesRegex(InputError, "%s: wanted a port to listen on, got: " % (
                self.clusters["worker", 0].address)):
            servers.start_server(self.clusters["worker", 0])

    def test_errors_of_a_lost_server_become_server_lost(self):
        for error, is_lost in ((tf.errors.UnavailableError, True), (tf.errors.AbortedError, True),
                            (tf.errors.InvalidArgumentError, False)):
            with self.assertRaises(servers.ServerLost if is_lost else error):
                with servers.raise_server_lost():
                    raise error(None, None, "gone")

    def test_attempts_until_done(self):
        attempts, lines = [], []

        def attempt():
            attempts.append(1)
            if len(attempts) < 3:
                raise tf.errors.UnavailableError(None, None, "gone")
            return "done"

        self.assertEqual(servers.until_done(attempt, lambda: True, lines.append), "done")
        self.assertEqual(lines, ["Lost a parameter server (UnavailableError)"] * 2)
        self.assertIsNone(servers.until_done(attempt, lambda: False))

    def test_a_session_that_closes_after_its_server_has_ended_is_not_waited_for(self):
        clusters = cluster_case.clusters(1, 1)
        process = run_program.server().Process(target=servers.serve, args=(clusters["ps", 0],))
        process.start()
        worker = clusters["worker", 0]

        def work(session):
            session.run(variable.initializer)
            process.kill()
            process.join()

        server = servers.start_server(worker)
        self.assertTrue(addresses.wait_for(worker.ps_hosts))
        with tf.Graph().as_default():
            with tf.device("/job:ps/task:0"):
                variable = tf.get_variable("v", [], use_resource=True)
            servers.run_apart(server, placement.session_config(tf.ConfigProto(), worker), work)
        self.assertEqual(process.exitcode, -signal.SIGKILL)

    def test_zz_a_parameter_server_ends_with_the_training(self):
        self.assertTrue(self.serving.is_alive())
        self.assertIn("Parameter server 1 of 1 at " + self.clusters["ps", 0].address, self.lines)
        servers.end_servers(self.clusters["worker", 0], self.servers[0])
        self.serving.join(10)
        self.assertFalse(self.serving.is_alive())


if __name__ == "__main__":
    absltest.main()
