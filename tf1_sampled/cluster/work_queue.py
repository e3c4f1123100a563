"""A queue of pieces of the work of a training, which the workers of a cluster share.

    queue = WorkQueue(cluster, num_pieces(num_units, units_per_step))
    for begin, end in queue.take(session):      shares of the work, floats in 0 .. 1
        ...
    queue.give_back(session)
"""
import time

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled.cluster import addresses

_SECONDS_BETWEEN_LOOKS = 5  # between checks that the workers with a piece still run
_NONE, _LEFT = -1, -2  # in place of the number of a worker's piece


def num_pieces(num_units, units_per_step):
    """Return the number of pieces of the work, each of 50 steps, as taking a piece is a call."""
    return num_units // (50 * units_per_step) + 1


class WorkQueue:
    """A queue of the pieces 0 .. num_pieces - 1 of the work, which the workers take one by one.

    All workers have work until the end, at any speed. A worker that restarts begins with the piece that
    it had. The chief takes the piece of a worker that has ended. The queue is in two variables on the
    parameter servers, which are not in checkpoints: `begin` sets their values.

    Args:
      cluster: spec.Cluster, of a worker.
      num_pieces: integer.
      report: function of a line of text for the user.
    """

    def __init__(self, cluster, num_pieces, report=print):
        self.num_pieces = num_pieces
        self._cluster, self._report = cluster, report
        self._seen, self._next_look = None, 0.0  # for the pieces of other workers
        with tf.variable_scope("shared_work"):
            self._next, self._taken = self.variables = [
                tf.get_variable(name, shape, tf.int64, tf.zeros_initializer(), trainable=False,
                                use_resource=True, collections=["tf1_sampled/shared_work"])
                for name, shape in (("next", []), ("taken", [len(cluster.worker_hosts)]))]
        no_worker = tf.fill(self._taken.shape, tf.constant(_NONE, tf.int64))
        self._first = tf.placeholder(tf.int64, [])
        self._set = tf.group(tf.assign(self._next, self._first), tf.assign(self._taken, no_worker))
        self._set_next = tf.assign(self._next, self._first).op
        # Reads and counts in one op, so that two workers cannot take the same piece.
        piece = tf.raw_ops.ResourceCountUpTo(resource=self._next.handle, limit=num_pieces, T=tf.int64)
        mine = [cluster.task_index]
        with tf.control_dependencies([tf.scatter_update(self._taken, mine, piece[None])]):
            self._take = tf.identity(piece)
        self._give_back, self._leave = (
            tf.group(tf.scatter_update(self._taken, mine, [state])) for state in (_NONE, _LEFT))
        self._whose, self._piece = tf.placeholder(tf.int64, []), tf.placeholder(tf.int64, [])
        self._move = tf.group(tf.scatter_update(
            self._taken, tf.stack([self._whose, cluster.task_index]), tf.stack([_NONE, self._piece])))
        self._state = [tf.identity(self._next), tf.identity(self._taken)]
        # For a learning rate that is not fed. Pieces in progress count as done.
        self.progress = tf.minimum(tf.cast(self._next, tf.float32) / num_pieces, 1.0)

    def require(self, variables):
        """Set the other variables of the graph, which must be initialized before the work starts."""
        self._missing = tf.report_uninitialized_variables(list(variables) + self.variables)
        self._missing.mark_used()  # otherwise TensorFlow logs an error if the waiting is stopped

    def is_ready(self, session):
        """Return whether all variables are initialized."""
        return not session.run(self._missing).size

    def wait_until_ready(self, server, config, stop, report=print, check=lambda session: None):
        """Wait until the parameter servers answer and, in other workers than the chief, are initialized.

        Args:
          server: tf.train.Server of this worker.
          config: tf.ConfigProto of a session.
          stop: function that returns whether to stop waiting.
          report: function of a line of text for the user.
          check: function of a session, called repeatedly. It raises if this worker does not fit the
            cluster: variables that only this worker has would never be initialized.

        Returns:
          boolean, False if `stop` ended the waiting.
        """
        if not addresses.wait_for(self._cluster.ps_hosts, stop, report):
            return False
        if self._cluster.is_chief:
            return True
        with tf.Session(server.target, config=config) as session:
            while not self.is_ready(session):
                check(session)
                if stop():
                    return False
                time.sleep(0.5)
        return True

    def begin(self, session, progress):
        """Fill the queue with the work that is left after `progress`, a float from 0 to 1."""
        session.run(self._set, {self._first: int(progress * self.num_pieces + 1e-6)})

    def take(self, session):
        """Take pieces for this worker, and yield their shares of the work, (begin, end)."""
        mine = session.run(self._state)[1][self._cluster.task_index]
        if mine >= 0:  # taken in an earlier session or process
            yield self._share(mine)
        while True:
            piece = self._take_over_of_ended(session)
            if piece is None:
                try:
                    piece = session.run(self._take)
                except tf.errors.OutOfRangeError:
                    return
            yield self._share(piece)

    def done(self, session):
        """Return the share of the work that is done without a gap. Later pieces may be done too."""
        following, taken = session.run(self._state)
        return min([following, *taken[taken >= 0]]) / self.num_pieces

    def give_back(self, session):
        """Record that this worker has no piece."""
        session.run(self._give_back)

    def leave(self, session):
        """Record that this worker does not use the parameter servers any more."""
        session.run(self._leave)

    def wait_until_left(self, session, stop, seconds=60):
        """Wait until all other workers have left or ended, or for so many seconds.

        The parameter servers must not end before: a worker that loses them waits until they are back.

        Args:
          session: tf.Session.
          stop: function that returns whether to give up waiting.
          seconds: float.
        """
        until, others = time.monotonic() + seconds, set(range(len(self._cluster.worker_hosts)))
        others.remove(self._cluster.task_index)
        while others and not stop() and time.monotonic() < until:
            taken = session.run(self._state)[1]
            others = {worker for worker in others if taken[worker] != _LEFT
                      and not addresses.is_refused(self._cluster.worker_hosts[worker])}
            time.sleep(0.1)

    def stop(self, session):
        """Empty the queue: no worker gets another piece."""
        session.run(self._set_next, {self._first: self.num_pieces})

    def wait_for_others(self, session, stop, seconds=600):
        """Wait until no worker has a piece, or until there is no progress for `seconds`.

        Args:
          session: tf.Session.
          stop: function that returns whether to stop waiting.
          seconds: float.

        Yields:
          None, repeatedly; or the share (begin, end) of a worker that has ended, which the chief must do
          and give back.
        """
        state, since = None, time.monotonic()
        while not stop():
            following, taken = session.run(self._state)
            now = [following, *taken]
            if following >= self.num_pieces and np.all(taken < 0):
                return
            if now != state:
                state, since = now, time.monotonic()
            if time.monotonic() - since > seconds:
                self._report("Continuing without the unfinished work of workers %s" % ", ".join(
                    map(str, np.flatnonzero(taken >= 0))))
                return
            piece = self._take_over_of_ended(session)
            yield None if piece is None else self._share(piece)
            time.sleep(0.1)

    def _share(self, piece):
        return int(piece) / self.num_pieces, (int(piece) + 1) / self.num_pieces

    def _take_over_of_ended(self, session):
        """Take over the piece of a worker whose process has ended, for the chief. Return it or None."""
        if not self._cluster.is_chief or time.monotonic() < self._next_look:
            return None
        self._next_look = time.monotonic() + _SECONDS_BETWEEN_LOOKS
        before, self._seen = self._seen, session.run(self._state)[1]
        for worker, piece in enumerate(self._seen):
            if worker != self._cluster.task_index and piece >= 0 and (
                    before is not None and piece == before[worker]
                    and addresses.is_refused(self._cluster.worker_hosts[worker])):
                self._report("Worker %d has ended; this worker continues its work" % worker)
                session.run(self._move, {self._whose: worker, self._piece: piece})
                return piece
        return None
