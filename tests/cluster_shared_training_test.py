"""Workers of a cluster, each in a thread, with a parameter server in another."""
import concurrent.futures
import threading
import time
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest

import tf1_sampled
from tests import cluster_case, graph_case, training_case
from tf1_sampled import InputError
from tf1_sampled.cluster import addresses, placement, servers, shared_training, work_queue
from tf1_sampled.training import loop, policy


class SharedTrainingTest(graph_case.GraphCase):

    def setUp(self):
        super().setUp()
        clusters = cluster_case.clusters(1, 2)
        self.clusters = [clusters["worker", 0], clusters["worker", 1]]
        self.folder = self.create_tempdir().full_path
        self.gone = {cluster.address for cluster in self.clusters}  # of workers that do not run
        for where, name, value in ((work_queue, "_SECONDS_BETWEEN_LOOKS", 0),
                                   (addresses, "is_refused", self.gone.__contains__)):
            patch = mock.patch.object(where, name, value)
            patch.start()
            self.addCleanup(patch.stop)
        self.serving = threading.Thread(
            target=servers.serve, args=(clusters["ps", 0], lambda line: None), daemon=True)
        self.serving.start()
        self.addCleanup(cluster_case.end_serving, clusters["ps", 0], self.serving)
        self.pool = self.enter_context(concurrent.futures.ThreadPoolExecutor(2))
        self.is_over = threading.Event()  # ends the threads of a failed test
        self.addCleanup(self.is_over.set)

    def _train(self, which, num_batches=400, num_pieces=4, stop=lambda num_made: False, seconds=0.002,
               name="w", **options):
        """Return (result, int [num_batches], the number of times that each batch was trained on)."""
        made = []

        def batches(position, begin=0.0, end=1.0):
            for i in range(int(round(begin * num_batches)), int(round(end * num_batches))):
                time.sleep(seconds)
                made.append(i)
                yield {x: i}, (i + 1) / num_batches, None

        with tf.Graph().as_default():
            placement.cut_tables(which)
            x = tf.placeholder(tf.int32, [])
            w = tf.get_variable(name, [], initializer=tf.zeros_initializer(), use_resource=True)
            seen = tf.get_variable("seen", [num_batches], tf.int32, tf.zeros_initializer(),
                                   use_resource=True, trainable=False)
            tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, tf.scatter_add(seen, [x], [1]).op)
            plan = training_case.plan(
                tf.square(w - 1), batches, max(num_batches, 1), self.folder, threads=2,
                stop=lambda: stop(len(made)) or self.is_over.is_set(), report=lambda line: None,
                **options)
            if which:
                result = shared_training.train(plan, shared_training.Sharing(which, num_pieces, {}))
            else:
                result = loop.train(plan)
            if which and not which.is_chief:
                return result, None
            return result, tf.train.load_checkpoint(self.folder).get_tensor("seen")

    def _start(self, index, is_sync=False, **options):
        cluster = self.clusters[index]._replace(is_sync=is_sync)
        self.gone.discard(cluster.address)
        worker = self.pool.submit(self._train, cluster, **options)
        worker.add_done_callback(lambda _: self.gone.add(cluster.address))
        return worker

    def test_each_batch_is_trained_on_by_one_worker(self):
        chief, worker = self._start(0), self._start(1)
        result, seen = chief.result(60)
        self.assertTrue(result.is_whole)
        np.testing.assert_array_equal(seen, np.ones(400))
        self.assertTrue(worker.result(60)[0].is_whole)
        self.serving.join(60)
        self.assertFalse(self.serving.is_alive())

    def test_the_parameter_servers_serve_until_all_workers_have_left(self):
        leave, order = work_queue.WorkQueue.leave, []

        def late(work, session):
            if not work._cluster.is_chief:
                time.sleep(1)
                order.append("left")
            leave(work, session)

        end_servers = servers.end_servers
        with mock.patch.object(work_queue.WorkQueue, "leave", late), mock.patch.object(
                servers, "end_servers", lambda *args: (order.append("ended"), end_servers(*args))):
            chief, worker = self._start(0), self._start(1)
            self.assertTrue(chief.result(60)[0].is_whole)
            self.assertTrue(worker.result(60)[0].is_whole)
        self.assertEqual(order, ["left", "ended"])

    def test_a_piece_is_done_after_its_steps(self):
        take, made = work_queue.WorkQueue.take, []

        def watched(work, session):
            for share in take(work, session):
                yield share
                made.append(int(session.run(tf.train.get_global_step(session.graph))))

        with mock.patch.object(work_queue.WorkQueue, "take", watched):
            self._start(0, seconds=0, num_batches=420, num_pieces=7).result(60)
        self.assertEqual(made, list(range(60, 421, 60)))

    def test_the_chief_finishes_the_work_of_an_ended_worker(self):
        chief = self._start(0, seconds=0.01)
        worker = self._start(1, stop=lambda num_made: num_made == 30)
        self.assertFalse(worker.result(60)[0].is_whole)
        result, seen = chief.result(60)
        self.assertTrue(result.is_whole)
        self.assertGreaterEqual(min(seen), 1)
        self.assertEqual(sum(seen), 400 + 30)  # these it made twice

    def test_a_stopped_chief_leaves_unfinished_work_for_the_next_training(self):
        worker = self._start(1, num_pieces=2, stop=lambda num_made: num_made == 30)
        chief = self._start(0, num_pieces=2, seconds=0.01, stop=lambda num_made: num_made >= 220)
        self.assertFalse(worker.result(60)[0].is_whole)
        result, seen = chief.result(60)
        self.assertFalse(result.is_whole)
        self.assertEqual(sorted({min(seen[:200]), min(seen[200:])}), [0, 1])
        result, seen = self._train(None)  # on one machine
        self.assertTrue(result.is_whole)
        self.assertGreaterEqual(min(seen), 1)

    def test_synchronous_steps_end_after_the_other_workers_have_stopped(self):
        chief = self._start(0, True, stop=lambda num_made: num_made >= 120)
        asked = threading.Event()
        worker = self._start(1, True, stop=lambda num_made: asked.is_set())
        self.assertFalse(chief.result(60)[0].is_whole)
        time.sleep(1)
        asked.set()
        self.assertFalse(worker.result(15)[0].is_whole)

    def test_a_training_that_patience_ends_has_work_left(self):
        validation = policy.Validation(lambda session, number: (-number, {}), 10, 2)
        chief = self._start(0, validation=validation, num_pieces=40)
        worker = self._start(1, validation=validation, num_pieces=40)
        result, seen = chief.result(60)
        self.assertTrue(result.is_whole and worker.result(60)[0].is_whole)
        self.assertLen(result.validations, 3)
        self.assertLess(max(sum(seen), result.units), 300)
        again, seen = self._train(None, validation=validation._replace(patience=0))
        self.assertEqual(again.units, 400)
        self.assertGreaterEqual(min(seen), 1)

    def test_a_worker_of_another_version_or_graph_is_refused_and_other_workers_continue(self):
        begun = threading.Event()
        chief = self._start(0, stop=lambda num_made: num_made and begun.set())
        self.assertTrue(begun.wait(60))
        with mock.patch.object(tf1_sampled, "__version__", "0.0.9"):
            with self.assertRaisesRegex(InputError, (
                    r"settings: wanted the settings of the chief, got tf1_sampled=0\.0\.9 for [^,]*, "
                    r"variable v=float32 \[\] for None, .*variable w=None for float32 \[\]")):
                self._start(1, name="v").result(60)
        result, seen = chief.result(60)
        self.assertTrue(result.is_whole)
        np.testing.assert_array_equal(seen, np.ones(400))

    def test_no_batches_are_an_error(self):
        chief, worker = self._start(0, num_batches=0), self._start(1, num_batches=0)
        for each in (chief, worker):
            with self.assertRaisesRegex(InputError, "batches: wanted at least one batch"):
                each.result(60)


if __name__ == "__main__":
    absltest.main()
