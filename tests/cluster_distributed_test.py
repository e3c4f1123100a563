import collections
import contextlib
import gc
import socket
import sys
import threading
import time
import unittest
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case
from tf1_sampled import initializers, logits, losses, registry, samplers
from tf1_sampled.checks import InputError
from tf1_sampled.cluster import addresses, distributed, launch, spec
from tf1_sampled.recsys import model
from tf1_sampled.training import checkpoints, steps


def _clusters(num_ps=2, num_workers=2):
    """{("ps", 0): Cluster, ...} with free ports of this machine."""
    hosts = ["127.0.0.1:%d" % port for port in launch.free_ports(num_ps + num_workers)]
    hosts = tuple(hosts[:num_ps]), tuple(hosts[num_ps:])
    return {(job, index): spec.Cluster(*hosts, job, index, False)
            for job, number in (("ps", num_ps), ("worker", num_workers)) for index in range(number)}


def _a_worker(num_ps=2):
    return _clusters(num_ps)["worker", 0]


def _table(name, shape, initializer=None):
    return tf.get_variable(name, shape, initializer=initializer or initializers.random_normal(1.0, 3),
                           use_resource=True)


def _parts(table):
    """How many rows the parts of a table have; None of one that is whole."""
    return [part.shape.as_list()[0] for part in table] if hasattr(table, "_get_partitions") else None


class CutTablesTest(graph_case.GraphCase):

    @parameterized.parameters(
        ([1000, 64], 2, [500, 500]), ([1001, 64], 3, [334, 334, 333]), ([100, 64], 2, [100]),
        ([32768 * 3, 1], 8, [16384] * 6), ([64], 2, None), ([300, 64], 2, [300]),
        ([1000, 64], 1, [1000]))
    def test_parts_of_64_kib_or_more(self, shape, num_ps, wanted):
        distributed.cut_tables(_a_worker(num_ps))
        table = _table("t", shape)
        self.assertEqual(_parts(table), wanted)

    def test_no_part_is_larger_than_a_message_holds(self):
        distributed.cut_tables(_a_worker(2))
        with mock.patch.object(distributed, "_MOST", 1 << 16):
            self.assertEqual(_parts(_table("t", [1024, 64])), [256] * 4)

    def test_what_is_not_trained_stays_whole(self):
        distributed.cut_tables(_a_worker())
        self.assertIsNone(_parts(tf.get_variable("t", [1000, 64], trainable=False)))

    def test_one_machine_cuts_nothing(self):
        distributed.cut_tables(None)
        self.assertIsNone(_parts(_table("t", [1000, 64])))

    def test_rows_of_parts_begin_differently_and_those_in_memory_as_they_are(self):
        distributed.cut_tables(_a_worker())
        array = np.random.RandomState(1).normal(size=[1000, 64]).astype(np.float32)
        drawn, given = _table("drawn", [1000, 64]), _table("given", [1000, 64],
                                                           initializers.from_memory(array))
        values = self.run_graph([logits.whole_table(t, 1000) for t in (drawn, given)])
        self.assertLen(np.unique(values[0][:, 0]), 1000)
        self.assertBetween(np.std(values[0]), 0.98, 1.02)
        np.testing.assert_array_equal(values[1], array)

    @parameterized.parameters(*registry.OPTIMIZERS)
    def test_checkpoints_are_those_of_whole_tables_with_their_slots(self, optimizer):
        folder = self.create_tempdir().full_path
        results = []
        for number, which in enumerate((None, _a_worker(2), _a_worker(3), None)):
            with tf.Graph().as_default():
                distributed.cut_tables(which)
                table = _table("t", [1000, 64])
                loss = tf.reduce_sum(tf.square(logits.lookup(table, tf.constant([7, 7, 600, 999])) - 1))
                global_step = tf.train.create_global_step()
                train_op = registry.OPTIMIZERS[optimizer](0.01).minimize(loss, global_step)
                whole = logits.whole_table(table, 1000)
                store = checkpoints.Checkpoints(folder, report=lambda line: None)
                with self.new_session() as session:
                    if number:
                        self.assertIsNotNone(store.restore(session))
                    results.append(session.run(whole))
                    session.run(train_op)
                    results.append(session.run(whole))
                    store.save(session, number)
        for after, before in zip(results[1::2], results[2::2]):
            np.testing.assert_array_equal(after, before)
        # Three steps on, by whichever parts, are those of one machine.
        with tf.Graph().as_default():
            table = _table("t", [1000, 64])
            loss = tf.reduce_sum(tf.square(tf.gather(table, [7, 7, 600, 999]) - 1))
            train_op = registry.OPTIMIZERS[optimizer](0.01).minimize(loss)
            with self.new_session() as session:
                session.run(table.assign(results[0]))
                for _ in range(4):
                    session.run(train_op)
                # In parts a row that comes twice has one gradient, the sum.
                rows = np.arange(1000) != 7
                self.assert_close(results[-1][rows], session.run(table)[rows])


class PlacedTest(graph_case.GraphCase):

    def _recommender(self, which):
        """The train op of a small recommender."""
        distributed.cut_tables(which)
        net = model.YouTubeDNN(np.arange(1, 2001), 16, hidden=[32, 16], num_users=2100)
        inputs = model.placeholders(net, training=True)
        labels = tf.placeholder(tf.int32, [None])
        weights, biases = net.class_table()
        sampled = samplers.sample_by_name("learned_unigram", labels, 8, net.item_counts, seed=1)
        loss = tf.reduce_mean(losses.sampled_softmax_loss(
            weights, biases, labels, net.user_vectors(inputs, True), 8, 2000, sampled_values=sampled))
        return steps.minimize(loss, registry.OPTIMIZERS["adam"](0.01))

    def test_each_op_has_a_place_and_the_old_one_afterwards(self):
        which = _a_worker()
        self._recommender(which)
        graph = tf.get_default_graph()
        before = {op.name: op.device for op in graph.get_operations()}
        with distributed.placed(graph, which):
            places = {op.name: op.device for op in graph.get_operations()}
        self.assertEqual({op.name: op.device for op in graph.get_operations()}, before)
        self.assertEqual({place.partition("/device")[0] for place in places.values()},
                         {"/job:ps/task:0", "/job:ps/task:1", "/job:worker/task:0"})
        for variable in tf.global_variables():
            self.assertStartsWith(places[variable.op.name], "/job:ps/")
        load = collections.Counter()
        for variable in tf.global_variables():
            load[places[variable.op.name]] += variable.shape.num_elements() * variable.dtype.size
        least, most = sorted(load.values())
        self.assertLess(most / least, 1.2)
        # The slots of a part are where it is, and so is their update, but for reading Adam's two powers.
        for part in "01":
            of_part = {place for name, place in places.items()
                       if name.startswith(("user_embeddings/part_%s/Adam" % part,
                                           "Adam/update_user_embeddings/part_%s/" % part))
                       and "/ReadVariableOp" not in name}
            self.assertEqual(of_part, {places["user_embeddings/part_%s" % part]})

    def test_only_rows_of_the_batch_travel(self):
        which = _a_worker()
        train_op = self._recommender(which)
        graph = tf.get_default_graph()
        sizes = set()
        with distributed.placed(graph, which):
            waiting, seen = [train_op], set()
            while waiting:
                op = waiting.pop()
                if op in seen:
                    continue
                seen.add(op)
                waiting += list(op.control_inputs) + [tensor.op for tensor in op.inputs]
                for tensor in op.inputs:
                    if tensor.dtype != tf.resource and tensor.op.device.partition("/device")[0] != (
                            op.device.partition("/device")[0]):
                        sizes.add((tensor.name, tensor.shape.num_elements()))
        self.assertNotEmpty([size for _, size in sizes if size is None])  # rows, as many as a batch has
        # The layers travel as they are; the tables have 16,000 numbers and more in each part.
        self.assertLessEqual(max(size or 0 for _, size in sizes), 32 * 32)

    def test_variables_of_the_older_kind_are_looked_up_where_they_are(self):
        table = tf.get_variable("t", [1000, 64], use_resource=False)
        rows = tf.gather(table, [1, 2])
        step = tf.train.GradientDescentOptimizer(1).minimize(tf.reduce_sum(rows))
        which = _a_worker(1)
        with distributed.placed(tf.get_default_graph(), which):
            self.assertStartsWith(rows.op.device, "/job:ps/")
            updates = [op for op in tf.get_default_graph().get_operations()
                       if op.type.startswith("Scatter")]
            self.assertLen(updates, 1)
            self.assertStartsWith(updates[0].device, "/job:ps/")
        del step


class TogetherTest(graph_case.GraphCase):

    @parameterized.parameters((tf.errors.InvalidArgumentError(None, None, "broken"), True),
                              (tf.errors.AbortedError(None, None, "gone"), False),
                              (RuntimeError("Attempted to use a closed Session."), False))
    def test_what_ends_the_updates_is_told_unless_the_session_ended(self, error, is_told):
        which = _a_worker()
        w = tf.get_variable("w", [], use_resource=True)
        optimizer = distributed.synchronised(which)(tf.train.GradientDescentOptimizer)(0.1)
        steps.minimize(tf.square(w), optimizer, global_step=tf.train.get_or_create_global_step())
        together = distributed.Together(which, optimizer)
        together.check()
        session, coord = mock.Mock(), mock.Mock()
        session.run.side_effect = [None, error, error]
        coord.should_stop.return_value = coord.wait_for_stop.return_value = False
        together.after_create_session(session, coord)
        together.join()
        if is_told:
            with self.assertRaisesRegex(type(error), "broken"):
                together.check()
        else:
            together.check()
        # It is nothing to the next session.
        session.run.side_effect = [None, RuntimeError(), RuntimeError()]
        together.after_create_session(session, coord)
        together.join()
        together.check()


class ServersTest(graph_case.GraphCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Servers in this process, which TensorFlow never stops.
        cls.clusters = _clusters(1, 2)
        cls.lines = []
        cls.serving = threading.Thread(
            target=distributed.serve, args=(cls.clusters["ps", 0], cls.lines.append), daemon=True)
        cls.serving.start()
        cls.servers = [distributed.start_server(cls.clusters["worker", index], cls.lines.append)
                       for index in (0, 1)]

    @contextlib.contextmanager
    def _work(self, index, num_pieces):
        """(Work, session) of a worker, in a graph of its own."""
        which, graph = self.clusters["worker", index], tf.Graph()
        with graph.as_default():
            work = distributed.Work(which, num_pieces, self.lines.append)
            work.require([])
            with distributed.placed(graph, which, work.variables), tf.Session(
                    self.servers[index].target,
                    config=distributed.session_config(tf.ConfigProto(), which)) as session:
                yield work, session

    def test_waiting_that_was_ended_is_no_news_of_tensorflow(self):
        with self.assertLogs("tensorflow", "ERROR") as logs:
            tf.logging.error("the only line")  # or there would have to be some
            with tf.Graph().as_default():
                work = distributed.Work(self.clusters["worker", 0], 3)
                work.require([])
                del work
            gc.collect()
        self.assertEqual([record.getMessage() for record in logs.records], ["the only line"])

    @mock.patch.object(distributed, "_SECONDS_BETWEEN_LOOKS", 0)
    def test_work(self):
        # In one test, as the variables are the parameter server's.
        with self._work(0, 200) as (first, one), self._work(1, 200) as (second, other):
            self.assertFalse(first.is_ready(one))
            first.begin(one, 0.25)
            self.assertTrue(second.is_ready(other))
            taken = [[], []]

            def take(mine, work, session):
                mine.extend(work.take(session))

            threads = [threading.Thread(target=take, args=arguments)
                       for arguments in zip(taken, (first, second), (one, other))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            # Each once, from where it began, and both got some.
            every = sorted(taken[0] + taken[1])
            np.testing.assert_allclose(every, [(i / 200, (i + 1) / 200) for i in range(50, 200)])
            self.assertGreater(min(map(len, taken)), 10)
            # What was taken last is not done until it is given back.
            self.assertEqual(first.done(one), min(taken[0][-1][0], taken[1][-1][0]))
            first.give_back(one)
            self.assertEqual(first.done(one), taken[1][-1][0])
            self.assertAlmostEqual(other.run(second.progress), 1.0)

            # A worker that hangs is waited for, but not for ever.
            start = time.time()
            self.assertNotEmpty(list(first.wait_for_others(one, lambda: False, seconds=0.5)))
            self.assertBetween(time.time() - start, 0.5, 5)
            self.assertEqual(self.lines[-1], "Going on without what workers 1 have not done")
            timer = threading.Timer(0.3, second.give_back, [other])
            timer.start()
            self.assertNotEmpty(list(first.wait_for_others(one, lambda: False)))
            timer.join()
            self.assertEqual(first.done(one), 1)

            first.begin(one, 0)
            self.assertEqual(next(second.take(other)), (0, 1 / 200))
            # One that comes back has its piece still.
            self.assertEqual(next(second.take(other)), (0, 1 / 200))
            # One whose process has ended has lost it to the chief, nobody else.
            take = first.take(one)
            self.assertEqual([next(take)[0] for _ in range(3)], [1 / 200, 2 / 200, 3 / 200])
            with mock.patch.object(addresses, "is_refused", return_value=True):
                self.assertEqual(next(take), (0, 1 / 200))
                self.assertEqual(self.lines[-1], "Worker 1 is gone; its work is done here")
                self.assertEqual(next(take), (4 / 200, 5 / 200))
                others = second.take(other)
                self.assertEqual([next(others)[0] for _ in range(3)], [5 / 200, 6 / 200, 7 / 200])
                first.stop(one)
                first.give_back(one)
                waiting = first.wait_for_others(one, lambda: False)
                self.assertEqual(next(share for share in waiting if share), (7 / 200, 8 / 200))
                first.give_back(one)
                self.assertEmpty(list(waiting))
            self.assertEmpty(list(second.take(other)))

    @unittest.skipUnless(sys.platform.startswith("linux"), "packet filters of Linux")
    def test_servers_answer_only_at_their_own_address(self):
        refused = [line for line in self.lines if "no filter for its sockets" in line]
        if refused:
            self.skipTest(refused[0])
        for which in self.clusters.values():
            port = int(which.address.rpartition(":")[2])
            self.assertTrue(addresses.wait_for([which.address]))
            with self.assertRaises(OSError):
                socket.create_connection(("127.0.0.2", port), timeout=0.5)

    def test_another_machines_address_is_refused_before_there_is_a_server(self):
        for address, got in (("192.0.2.77:2222", "one of another machine"),
                             ("a..b:2222", "not the name of a host")):
            which = spec.Cluster((address,), ("127.0.0.1:1",), "ps", 0, False)
            with mock.patch.object(tf.train, "Server") as made:
                with self.assertRaisesWithLiteralMatch(
                        InputError, "%s: wanted an address of this machine to listen at (0.0.0.0 or "
                        "[::] for all of them), got: %s" % (address, got)):
                    distributed.start_server(which)
            made.assert_not_called()

    def test_a_server_whose_own_address_is_another_than_others_have(self):
        ps, worker = ("127.0.0.1:%d" % port for port in launch.free_ports(2))
        own = "0.0.0.0:" + ps.partition(":")[2]
        kept = distributed.start_server(spec.Cluster((own,), (worker,), "ps", 0, False))
        which = spec.Cluster((ps,), (worker,), "worker", 0, False)
        server = distributed.start_server(which)
        with tf.Graph().as_default() as graph:
            table = tf.get_variable("elsewhere", [3], use_resource=True)
            with distributed.placed(graph, which), tf.Session(server.target) as session:
                self.assertStartsWith(table.op.device, "/job:ps/")
                session.run(table.initializer)
                self.assertLen(session.run(table + 1), 3)
        del kept

    def test_a_port_in_use(self):
        with self.assertRaisesRegex(InputError, "%s: wanted a port to listen at, got: " % (
                self.clusters["worker", 0].address)):
            distributed.start_server(self.clusters["worker", 0])

    def test_what_tells_of_a_lost_server(self):
        for error, told in ((tf.errors.UnavailableError, True), (tf.errors.AbortedError, True),
                            (tf.errors.InvalidArgumentError, False)):
            with self.assertRaises(distributed.Lost if told else error):
                with distributed.losses_told():
                    raise error(None, None, "gone")

    def test_attempts_until_done(self):
        attempts, lines = [], []

        def attempt():
            attempts.append(1)
            if len(attempts) < 3:
                raise tf.errors.UnavailableError(None, None, "gone")
            return "done"

        work = mock.Mock()
        self.assertEqual(distributed.until_done(attempt, work, None, None, None, lines.append), "done")
        self.assertEqual(lines, ["Lost a parameter server (UnavailableError)"] * 2)
        work.wait_until_ready.return_value = False
        self.assertIsNone(distributed.until_done(attempt, work, None, None, None))

    def test_zz_a_parameter_server_ends_with_the_training(self):
        self.assertTrue(self.serving.is_alive())
        self.assertIn("Parameter server 1 of 1 at " + self.clusters["ps", 0].address, self.lines)
        distributed.end_servers(self.clusters["worker", 0], self.servers[0])
        self.serving.join(10)
        self.assertFalse(self.serving.is_alive())


if __name__ == "__main__":
    absltest.main()
