"""A training graph on a cluster: variables on the parameter servers, all other ops on the worker.

    cut_tables(cluster)                 before the graph is built
    work = Work(cluster, num_pieces)    which part of the data is next
    server = start_server(cluster)
    with placed(graph, cluster, work.variables):
        with tf.train.MonitoredTrainingSession(server.target, ...):

Only rows travel: what looks rows up and what changes them runs where they are. Without a cluster the
same graph is that of one machine, and its checkpoints are the same.
"""
import contextlib
import threading
import time

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled import checks
from tf1_sampled.cluster import addresses

_LOST = (tf.errors.AbortedError, tf.errors.UnavailableError, tf.errors.CancelledError)
_LEAST, _MOST = 1 << 16, 1 << 30  # bytes of a part
_SECONDS_BETWEEN_LOOKS = 5  # whether workers that have a piece are there
_SHARED_OPS = frozenset({"ConditionalAccumulator", "ResourceConditionalAccumulator",
                         "SparseConditionalAccumulator", "FIFOQueueV2"})
_GATHERS = frozenset({"Gather", "GatherV2"})
_ENDED = "tf1_sampled_ended_%d"  # queue of a parameter server, in which something is at the end


def cut_tables(cluster):
    """Trained tables of the default graph are PartitionedVariables from now on, cut among the servers.

    A part has 64 KiB or more where there are several, and 1 GiB at most, which is what one message of
    TensorFlow's can carry with room to spare. A table of one part is such a variable too: the rows that
    `logits.lookup` takes of one travel once. Without a cluster nothing is cut.

    Args:
      cluster: cluster.Cluster or None.
    """
    def made(getter, name, shape=None, dtype=tf.float32, trainable=None, **rest):
        if trainable is not False and tf.TensorShape(shape).rank == 2:
            num_rows, width = tf.TensorShape(shape).as_list()
            size = num_rows * width * tf.as_dtype(dtype).size
            number = max(min(len(cluster.ps_hosts), size // _LEAST), -(-size // _MOST), 1)
            rest["partitioner"] = tf.fixed_size_partitioner(min(number, num_rows))
        return getter(name=name, shape=shape, dtype=dtype, trainable=trainable, **rest)

    if cluster:
        tf.get_variable_scope().set_custom_getter(made)


def start_server(cluster, report=print):
    """TensorFlow's server of this process, which answers only at its own address.

    Args:
      cluster: cluster.Cluster.
      report: function of a line of text for the user.

    Returns:
      tf.train.Server.

    Raises:
      InputError: an address that is not this machine's, a port that is in use.
    """
    try:
        here = addresses.addresses_here(cluster.address)
    except OSError as e:
        raise checks.InputError(
            "%s: wanted an address of this machine to listen at (0.0.0.0 or [::] for all of them), got: "
            "%s" % (cluster.address, e.strerror)) from e
    spec = tf.train.ClusterSpec({"ps": cluster.ps_hosts, "worker": cluster.worker_hosts})
    try:
        server = tf.train.Server(spec, cluster.job_name, cluster.task_index, start=False)
    except tf.errors.OpError as e:
        raise checks.InputError("%s: wanted a port to listen at, got: %s" % (
            cluster.address, e.message)) from e
    addresses.answer_only_at(here, addresses.split(cluster.address)[1], report)
    server.start()
    return server


def serve(cluster, report=print):
    """Is a parameter server, until the chief says that the training has ended.

    Args:
      cluster: cluster.Cluster, of a parameter server.
      report: function of a line of text for the user.
    """
    server = start_server(cluster, report)
    report("Parameter server %d of %d at %s" % (
        cluster.task_index + 1, len(cluster.ps_hosts), cluster.address))
    with tf.Graph().as_default():
        size = _ended(cluster.task_index).size()
        config = tf.ConfigProto(device_filters=[cluster.device])
        with tf.Session(server.target, config=config) as session:
            while not session.run(size):
                time.sleep(0.2)


def end_servers(cluster, server):
    """Tells all parameter servers that the training has ended.

    Args:
      cluster: cluster.Cluster, of a worker.
      server: tf.train.Server of this worker.
    """
    with tf.Graph().as_default():
        ends = [_ended(index).enqueue(True) for index in range(len(cluster.ps_hosts))]
        with tf.Session(server.target, config=session_config(tf.ConfigProto(), cluster)) as session:
            session.run(ends)


def session_config(config, cluster):
    """`config`, for a session of this worker: no other worker needs to be there."""
    config.device_filters.extend(["/job:ps", cluster.device])
    return config


class Work:
    """The pieces of the work, 0 .. num_pieces - 1, which the workers take one after the other.

    So all have work until the end, however fast each of them is. A worker that comes back begins with
    the piece that it had; the piece of one that is gone becomes the chief's. What was taken is in two
    variables that all share and that no checkpoint has: whoever restores the other variables gives them
    their values.

    Args:
      cluster: cluster.Cluster, of a worker.
      num_pieces: integer.
      report: function of a line of text for the user.
    """

    def __init__(self, cluster, num_pieces, report=print):
        self.num_pieces = num_pieces
        self._cluster, self._report = cluster, report
        self._seen, self._next_look = None, 0.0  # of the others' pieces
        with tf.variable_scope("shared_work"):
            self._next, self._taken = self.variables = [
                tf.get_variable(name, shape, tf.int64, tf.zeros_initializer(), trainable=False,
                                use_resource=True, collections=["tf1_sampled/shared_work"])
                for name, shape in (("next", []), ("taken", [len(cluster.worker_hosts)]))]
        nobody = -tf.ones(self._taken.shape, tf.int64)
        self._first = tf.placeholder(tf.int64, [])
        self._set = tf.group(tf.assign(self._next, self._first), tf.assign(self._taken, nobody))
        self._set_next = tf.assign(self._next, self._first).op
        # Reads and counts in one go: no piece goes to two of them.
        piece = tf.raw_ops.ResourceCountUpTo(resource=self._next.handle, limit=num_pieces, T=tf.int64)
        mine = [cluster.task_index]
        with tf.control_dependencies([tf.scatter_update(self._taken, mine, piece[None])]):
            self._take = tf.identity(piece)
        self._give_back = tf.group(tf.scatter_update(self._taken, mine, [-1]))
        self._whose, self._piece = tf.placeholder(tf.int64, []), tf.placeholder(tf.int64, [])
        self._take_over = tf.group(tf.scatter_update(
            self._taken, tf.stack([self._whose, cluster.task_index]), tf.stack([-1, self._piece])))
        self._state = [tf.identity(self._next), tf.identity(self._taken)]
        # For a learning rate that no worker feeds; what is under way counts as done.
        self.progress = tf.minimum(tf.cast(self._next, tf.float32) / num_pieces, 1.0)

    def require(self, variables):
        """These variables, which are all beside its own, have to have values before there is work."""
        self._missing = tf.report_uninitialized_variables(list(variables) + self.variables)
        self._missing.mark_used()  # or TensorFlow tells that nobody did, where the waiting was ended

    def is_ready(self, session):
        """Whether all variables have values."""
        return not session.run(self._missing).size

    def wait_until_ready(self, server, config, stop, report=print):
        """Waits until the parameter servers answer and, but for the chief, their variables have values.

        Args:
          server, config, stop, report: as `until_done`.

        Returns:
          Whether they have; False where `stop` ended the waiting.
        """
        if not addresses.wait_for(self._cluster.ps_hosts, stop, report):
            return False
        if self._cluster.is_chief:
            return True
        with tf.Session(server.target, config=config) as session:
            while not self.is_ready(session):
                if stop():
                    return False
                time.sleep(0.5)
        return True

    def begin(self, session, progress):
        """Sets out the work that is left after `progress`, a float from 0 to 1."""
        session.run(self._set, {self._first: int(progress * self.num_pieces + 1e-6)})

    def take(self, session):
        """The shares of the work that this worker is to do, (begin, end), as it comes for them."""
        mine = session.run(self._state)[1][self._cluster.task_index]
        if mine >= 0:  # left by an earlier session, or process
            yield self._share(mine)
        while True:
            piece = self._of_the_gone(session)
            if piece is None:
                try:
                    piece = session.run(self._take)
                except tf.errors.OutOfRangeError:
                    return
            yield self._share(piece)

    def done(self, session):
        """The share of the work of which all is done; more may be."""
        following, taken = session.run(self._state)
        return min([following, *taken[taken >= 0]]) / self.num_pieces

    def give_back(self, session):
        """This worker has no piece now."""
        session.run(self._give_back)

    def stop(self, session):
        """Nobody gets another piece."""
        session.run(self._set_next, {self._first: self.num_pieces})

    def wait_for_others(self, session, stop, seconds=600):
        """Waits until no worker has a piece, or nothing has moved for so many seconds.

        Yields:
          None, now and then; the chief gets the share of a worker that is gone, as of `take`, which it
          is to do and to give back.
        """
        state, since = None, time.time()
        while not stop():
            following, taken = session.run(self._state)
            now = [following, *taken]
            if following >= self.num_pieces and np.all(taken < 0):
                return
            if now != state:
                state, since = now, time.time()
            if time.time() - since > seconds:
                self._report("Going on without what workers %s have not done" % ", ".join(
                    map(str, np.flatnonzero(taken >= 0))))
                return
            piece = self._of_the_gone(session)
            yield None if piece is None else self._share(piece)
            time.sleep(0.1)

    def _share(self, piece):
        return int(piece) / self.num_pieces, (int(piece) + 1) / self.num_pieces

    def _of_the_gone(self, session):
        """A piece of a worker whose process has ended, which is the chief's now, or None."""
        if not self._cluster.is_chief or time.time() < self._next_look:
            return None
        self._next_look = time.time() + _SECONDS_BETWEEN_LOOKS
        before, self._seen = self._seen, session.run(self._state)[1]
        for worker, piece in enumerate(self._seen):
            if worker != self._cluster.task_index and piece >= 0 and (
                    before is not None and piece == before[worker]
                    and addresses.is_refused(self._cluster.worker_hosts[worker])):
                self._report("Worker %d is gone; its work is done here" % worker)
                session.run(self._take_over, {self._whose: worker, self._piece: piece})
                return piece
        return None


def _ended(task_index):
    with tf.device("/job:ps/task:%d" % task_index):
        return tf.FIFOQueue(1000, tf.bool, [()], shared_name=_ENDED % task_index)


def until_done(attempt, work, server, config, stop, report=print):
    """What `attempt` returns, which is called anew as often as a parameter server is lost meanwhile.

    Args:
      attempt: function that makes a session and trains within `losses_told`.
      work: Work.
      server: tf.train.Server of this worker.
      config: tf.ConfigProto of a session.
      stop: function that tells whether to give up waiting.
      report: function of a line of text for the user.

    Returns:
      What it returns; None where there was nothing to do but wait, and `stop` ended that.
    """
    while True:
        try:
            with losses_told():
                if not work.wait_until_ready(server, config, stop, report):
                    return None
                return attempt()
        except Lost as e:
            report("Lost a parameter server (%s)" % e)
            time.sleep(1)  # one that is being killed answers a little longer


def synchronised(cluster):
    """Has an optimizer make its steps on the gradients of all workers.

    Args:
      cluster: cluster.Cluster.

    Returns:
      function of make_optimizer, as of training.Optimization, that returns such another; its optimizer
      is for Together.
    """
    number = len(cluster.worker_hosts)
    return lambda make_optimizer: lambda learning_rate: tf.train.SyncReplicasOptimizer(
        make_optimizer(learning_rate), number, number)


class Together(tf.train.SessionRunHook):
    """Steps that all workers make together, each with its own share: tf.train.SyncReplicasOptimizer.

    A worker that has given its gradient waits for a token, and the chief hands out one to each when it
    has all gradients. Of TensorFlow's own hook they wait for ever where a token or a gradient was lost
    with a process; here the chief hands out others where long nothing moves. Gradients that are too old
    TensorFlow drops.

    Args:
      cluster: cluster.Cluster.
      optimizer: the tf.train.SyncReplicasOptimizer, of which apply_gradients was called.
    """

    def __init__(self, cluster, optimizer):
        self._is_chief, self._threads, self._error = cluster.is_chief, [], None
        self._init = optimizer.chief_init_op if cluster.is_chief else optimizer.local_step_init_op
        runner = optimizer.get_chief_queue_runner()
        (self._apply,), self._num_tokens = runner.enqueue_ops, runner.queue.size()
        self._tokens = optimizer.get_init_tokens_op(len(cluster.worker_hosts))
        self._step = tf.identity(tf.train.get_global_step())
        optimizer.ready_for_local_init_op.mark_used()  # or TensorFlow tells that nobody did

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
        """Waits for what runs beside the steps, after the session's end."""
        for thread in self._threads:
            thread.join(10)

    def check(self):
        """Raises what ended that, if it was not the end of the session."""
        if self._error is not None:
            raise self._error

    def leave(self, session, steps):
        """Ends this worker's part: neither its steps nor those of the others wait for each other.

        Args:
          session: tf.Session.
          steps: futures of steps; those that have not begun do not begin.
        """
        for future in steps:
            future.cancel()
        with contextlib.suppress(tf.errors.OpError, RuntimeError):  # nobody to wait for
            session.run(self._tokens)
            while not all(future.done() for future in steps):
                time.sleep(0.1)
                session.run(self._tokens)

    def _beside(self, work, session, coord):
        try:
            work(session, coord)
        except _LOST + (RuntimeError,):  # the latter of a session that is closed
            pass
        except Exception as e:
            if not coord.should_stop():
                self._error = e

    def _apply_gradients(self, session, coord):
        while not coord.should_stop():
            session.run(self._apply)

    def _hand_out_tokens(self, session, coord):
        step, since, longest = None, time.time(), 0
        while not coord.wait_for_stop(1):
            now, num_tokens = session.run([self._step, self._num_tokens])
            waited = time.time() - since
            if now != step:
                step, since, longest = now, time.time(), max(longest, waited)
            elif waited > max(10, 5 * longest) and not num_tokens:
                session.run(self._tokens)
                since = time.time()


class Lost(Exception):
    """A parameter server is gone, or has begun anew: the session is of no more use."""


@contextlib.contextmanager
def losses_told():
    """Raises Lost where the ops of a session raise what tells of one.

    MonitoredSession would take these errors for its own to handle, and give the function that it runs
    the session that is closed.
    """
    try:
        yield
    except _LOST as e:
        raise Lost(type(e).__name__) from e


@contextlib.contextmanager
def placed(graph, cluster, variables=()):
    """Each op of a graph has its place in the cluster; afterwards those that it had before.

    A variable and all that works on it (initialization, look-up, update, its slots) are on one parameter
    server, the next largest always where the fewest bytes are. Everything else is on this worker.

    Args:
      graph: tf.Graph, complete. Sessions that see the places are made within.
      cluster: cluster.Cluster, of a worker.
      variables: variables of parameter servers beside tf.GraphKeys.GLOBAL_VARIABLES.
    """
    before = [(op, op.device) for op in graph.get_operations()]
    tasks = _tasks(graph, len(cluster.ps_hosts), graph.get_collection(
        tf.GraphKeys.GLOBAL_VARIABLES) + list(variables))
    for op, device in before:
        if not device.startswith("/job:"):
            task = tasks.get(op.name)
            # Rows are in main memory: a server's GPU would hold less of them.
            op._set_device(cluster.device + device if task is None
                           else "/job:ps/task:%d/device:CPU:0" % task)
    try:
        yield
    finally:
        for op, device in before:
            op._set_device(device)


def _tasks(graph, num_ps, variables):
    """{name of an op: number of its parameter server}, of the ops that are on one."""
    leader = {}

    def find(name):
        while name in leader:
            name = leader[name]
        return name

    def join(one, other):
        one, other = find(one), find(other)
        if one != other:
            leader[one] = other

    shared = {}
    for variable in variables:
        shared[variable.op.name] = variable.shape.num_elements() * variable.dtype.base_dtype.size
    for op in graph.get_operations():
        for group in op.colocation_groups():
            join(op.name, group.decode()[len("loc:@"):])
        for tensor in op.inputs:
            if tensor.dtype == tf.resource or tensor.dtype._is_ref_dtype:
                join(op.name, tensor.op.name)
        if op.type in _GATHERS and _is_read(op.inputs[0].op, shared):  # of a variable of the older kind
            join(op.name, op.inputs[0].op.name)
        if op.type in _SHARED_OPS:
            # SyncReplicasOptimizer's: "<variable>:0/grad_accum", or of no variable.
            of = op.get_attr("shared_name").decode().rpartition(":0/")[0]
            if of in shared:
                join(op.name, of)
            else:
                shared.setdefault(op.name, 0)
    sizes = {}
    for name, size in shared.items():
        sizes[find(name)] = sizes.get(find(name), 0) + size
    load, task_of = [0] * num_ps, {}
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        task_of[name] = load.index(min(load))
        load[task_of[name]] += sizes[name]
    return {op.name: task_of[find(op.name)] for op in graph.get_operations()
            if find(op.name) in task_of}


def _is_read(op, shared):
    return op.type == "Identity" and op.inputs[0].op.name in shared
