"""Synchronous training on a cluster: each step uses the gradients of all workers.

    make_optimizer = sync_optimizers(cluster, make_optimizer)
    ...
    hook = SyncHook(cluster, optimizer)
    with tf.train.MonitoredTrainingSession(server.target, hooks=[hook], ...):
"""
import contextlib
import threading
import time

import tensorflow.compat.v1 as tf

from tf1_sampled.cluster import servers


def sync_optimizers(cluster, make_optimizer):
    """Return a make_optimizer for plans.Optimization whose steps use the gradients of all workers.

    Args:
      cluster: spec.Cluster.
      make_optimizer: learning rate (float scalar tensor) -> tf.train.Optimizer.
    """
    number = len(cluster.worker_hosts)
    return lambda learning_rate: tf.train.SyncReplicasOptimizer(
        make_optimizer(learning_rate), number, number)


class SyncHook(tf.train.SessionRunHook):
    """A hook that runs the queues of tf.train.SyncReplicasOptimizer and survives lost workers.

    A worker that has sent its gradient waits for a token, and the chief sends one token to each worker
    when it has all gradients. With TensorFlow's own hook the workers wait forever if a token or a
    gradient was lost with a process. With this hook the chief sends new tokens after a long time without
    progress. TensorFlow drops gradients of earlier steps.

    Args:
      cluster: spec.Cluster.
      optimizer: tf.train.SyncReplicasOptimizer, after the call of apply_gradients.
    """

    def __init__(self, cluster, optimizer):
        self._is_chief, self._threads, self._error = cluster.is_chief, [], None
        self._init = optimizer.chief_init_op if cluster.is_chief else optimizer.local_step_init_op
        runner = optimizer.get_chief_queue_runner()
        (self._apply,), self._num_tokens = runner.enqueue_ops, runner.queue.size()
        self._tokens = optimizer.get_init_tokens_op(len(cluster.worker_hosts))
        self._step = tf.identity(tf.train.get_global_step())
        optimizer.ready_for_local_init_op.mark_used()  # otherwise TensorFlow logs an error

    def after_create_session(self, session, coord):
        self._error = None
        session.run(self._init)
        if self._is_chief:
            self._threads = [
                threading.Thread(target=self._beside, args=(work, session, coord), daemon=True)
                for work in (self._apply_gradients, self._hand_out_tokens)]
            for thread in self._threads:
                thread.start()

    def join(self):
        """Wait for the threads of this hook to end, after the end of the session."""
        for thread in self._threads:
            thread.join(10)

    def check(self):
        """Raise the error that ended a thread of this hook before the end of the session."""
        if self._error is not None:
            raise self._error

    def leave(self, session, steps):
        """Release this worker: its steps and those of other workers no longer wait for each other.

        Args:
          session: tf.Session.
          steps: futures of steps; steps that have not started are cancelled.
        """
        for future in steps:
            future.cancel()
        with contextlib.suppress(tf.errors.OpError, RuntimeError):  # the session has ended
            session.run(self._tokens)
            while not all(future.done() for future in steps):
                time.sleep(0.1)
                session.run(self._tokens)

    def _beside(self, work, session, coord):
        try:
            work(session, coord)
        except servers.LOST_ERRORS + (RuntimeError,):  # RuntimeError: the session is closed
            pass
        except Exception as e:
            if not coord.should_stop():
                self._error = e

    def _apply_gradients(self, session, coord):
        while not coord.should_stop():
            session.run(self._apply)

    def _hand_out_tokens(self, session, coord):
        step, since, longest = None, time.monotonic(), 0
        while not coord.wait_for_stop(1):
            now, num_tokens = session.run([self._step, self._num_tokens])
            waited = time.monotonic() - since
            if now != step:
                step, since, longest = now, time.monotonic(), max(longest, waited)
            elif waited > max(10, 5 * longest) and not num_tokens:
                session.run(self._tokens)
                since = time.monotonic()
