import contextlib
import gc
import threading
import time
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest

from tests import cluster_case
from tf1_sampled.cluster import addresses, placement, work_queue


class NumPiecesTest(absltest.TestCase):

    def test_a_piece_has_50_steps(self):
        self.assertEqual([work_queue.num_pieces(n, 128) for n in (0, 6399, 6400, 64000)], [1, 1, 2, 11])


class WorkQueueTest(cluster_case.ServedCase):

    @contextlib.contextmanager
    def _work(self, index, num_pieces):
        """Return (WorkQueue, session) of a worker, in a new graph."""
        which, graph = self.clusters["worker", index], tf.Graph()
        with graph.as_default():
            work = work_queue.WorkQueue(which, num_pieces, self.lines.append)
            work.require([])
            with placement.placed(graph, which, work.variables), tf.Session(
                    self.servers[index].target,
                    config=placement.session_config(tf.ConfigProto(), which)) as session:
                yield work, session

    def test_tensorflow_logs_nothing_if_the_waiting_is_stopped(self):
        with self.assertLogs("tensorflow", "ERROR") as logs:
            tf.logging.error("the only line")  # assertLogs needs at least one line
            with tf.Graph().as_default():
                work = work_queue.WorkQueue(self.clusters["worker", 0], 3)
                work.require([])
                del work
            gc.collect()
        self.assertEqual([record.getMessage() for record in logs.records], ["the only line"])

    @mock.patch.object(work_queue, "_SECONDS_BETWEEN_LOOKS", 0)
    def test_each_piece_is_done_once(self):
        # One test, as the variables on the parameter server outlive a test.
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
            # Each piece once, from the beginning, and both workers got some.
            every = sorted(taken[0] + taken[1])
            np.testing.assert_allclose(every, [(i / 200, (i + 1) / 200) for i in range(50, 200)])
            self.assertGreater(min(map(len, taken)), 10)
            # The last piece is not done until it is given back.
            self.assertEqual(first.done(one), min(taken[0][-1][0], taken[1][-1][0]))
            first.give_back(one)
            self.assertEqual(first.done(one), taken[1][-1][0])
            self.assertAlmostEqual(other.run(second.progress), 1.0)

            # The wait for a worker that hangs has a limit.
            start = time.time()
            self.assertNotEmpty(list(first.wait_for_others(one, lambda: False, seconds=0.5)))
            self.assertBetween(time.time() - start, 0.5, 5)
            self.assertEqual(self.lines[-1], "Continuing without the unfinished work of workers 1")
            timer = threading.Timer(0.3, second.give_back, [other])
            timer.start()
            self.assertNotEmpty(list(first.wait_for_others(one, lambda: False)))
            timer.join()
            self.assertEqual(first.done(one), 1)

            first.begin(one, 0)
            self.assertEqual(next(second.take(other)), (0, 1 / 200))
            # A worker that returns still has its piece.
            self.assertEqual(next(second.take(other)), (0, 1 / 200))
            # The piece of a worker whose process has ended goes to the chief only.
            take = first.take(one)
            self.assertEqual([next(take)[0] for _ in range(3)], [1 / 200, 2 / 200, 3 / 200])
            with mock.patch.object(addresses, "is_refused", return_value=True):
                self.assertEqual(next(take), (0, 1 / 200))
                self.assertEqual(self.lines[-1], "Worker 1 has ended; this worker continues its work")
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

            # The chief waits for each worker until it has left or ended, or for some time.
            answers = iter([False, False, True])
            first.wait_until_left(one, lambda: next(answers))
            self.assertEmpty(list(answers))
            with mock.patch.object(addresses, "is_refused", return_value=True):
                first.wait_until_left(one, lambda: False)
            first.wait_until_left(one, lambda: False, seconds=0.2)
            second.leave(other)
            first.wait_until_left(one, lambda: False)


if __name__ == "__main__":
    absltest.main()
