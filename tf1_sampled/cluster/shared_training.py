"""One training by all workers of a cluster, with the variables on the parameter servers.

    placement.cut_tables(cluster)       before the graph is built
    sharing = Sharing(cluster, work_queue.num_pieces(num_units, units_per_step), settings)
    result = train(plan, sharing)
"""
import concurrent.futures
import typing

import tensorflow.compat.v1 as tf

import tf1_sampled
from tf1_sampled import checks
from tf1_sampled.cluster import placement, servers, spec, sync, work_queue
from tf1_sampled.training import devices, file_names, loop, plans


class Sharing(typing.NamedTuple):
    """The division of one training among the workers of a cluster.

    cluster: spec.Cluster of this worker.
    num_pieces: integer, the number of pieces of the work, the same for all workers; see
      work_queue.num_pieces.
    settings: {name: JSON value}, the settings that must be equal for all workers, and the data.
    """

    cluster: spec.Cluster
    num_pieces: int
    settings: dict


def train(plan, sharing):
    """Train as one worker of a cluster, and resume the training in the model_dir of the chief.

    Each worker calls this function with the same graph, built after placement.cut_tables. The work is
    divided into pieces, and each worker takes the next piece after it has finished one. After the loss
    of a parameter server all workers wait until it is back, and resume from the last checkpoint. The
    chief shows progress, saves and validates, finishes the piece of a worker that has ended, and ends
    after all other workers. A checkpoint can be resumed on one machine or on any cluster.

    Ctrl-C stops the training, see loop.train.

    Args:
      plan: plans.Plan.
      sharing: Sharing.

    Returns:
      plans.TrainingResult of the whole training. In a worker that is not the chief, only is_whole is
      meaningful.

    Raises:
      InputError: an error of loop.train; an address at which this process cannot listen; settings,
        versions or variables that differ from those of the chief.
    """
    plan.check()
    checks.positive("train", "num_pieces", sharing.num_pieces)
    with loop.stopped_by_interrupts(plan) as stoppable:
        return _SharedTraining(stoppable, sharing).run()


class _SharedTraining(loop.Training):
    """The training of one worker of a cluster."""

    def __init__(self, plan, sharing):
        self.cluster = sharing.cluster
        self.queue = work_queue.WorkQueue(self.cluster, sharing.num_pieces, plan.report)
        self.sync_hook = None
        # Settings that may change from one run to the next must be the same for all workers, too.
        settings = dict(sharing.settings, num_units=plan.data.num_units, num_pieces=sharing.num_pieces,
                        learning_rate=plan.optimization.learning_rate, sync=self.cluster.is_sync)
        if self.cluster.is_sync:  # a step ends when those of all workers do
            plan = plan._replace(optimization=plan.optimization._replace(
                device=devices.Device("CPU", 1)))
        super().__init__(plan, settings, self.cluster.is_chief)
        variables = tf.global_variables()
        self.saved.require({
            "tf1_sampled": tf1_sampled.__version__, "TensorFlow": tf.VERSION,
            **{"variable " + variable.op.name: "%s %s" % (
                variable.dtype.base_dtype.name, variable.shape.as_list()) for variable in variables}})
        self.queue.require(variables)
        self._scaffold.finalize()  # adds ops, which need a placement

    def run(self):
        plan, cluster = self.plan, self.cluster
        config = placement.session_config(tf.ConfigProto(allow_soft_placement=True), cluster)
        server = servers.start_server(cluster, plan.report)
        hooks = [self.sync_hook] if self.sync_hook else []
        if self.is_chief and file_names.newest(plan.saving.model_dir) is None:
            # Initialized on this machine, as initial values may be in the memory of this process.
            with tf.Session(config=devices.session_config()) as session:
                self._initialise(session)
                self.store.save(session, 0)

        with placement.placed(tf.get_default_graph(), cluster, self.queue.variables,
                              at_first=[self.saved.variable]):
            result = servers.until_done(
                lambda: self._attempt(server.target, config, hooks),
                lambda: self.queue.wait_until_ready(
                    server, config, plan.stop, plan.report, self.saved.check_settings), plan.report)
            if self.sync_hook:
                self.sync_hook.join()
            if result and result.is_whole:
                self._leave(server, config)
        return result or plans.TrainingResult(
            seconds=0.0, cpu_seconds=0.0, steps=0, units=0, units_per_second=0.0, history=[],
            validations=[], is_whole=False)

    def _leave(self, server, config):
        """Record that this worker has ended its session; the chief ends the servers after all others."""
        if not self.is_chief:
            servers.run_apart(server, config, self.queue.leave)
            return
        servers.run_apart(server, config, lambda session: self.queue.wait_until_left(
            session, self.plan.stop), seconds=90)
        servers.end_servers(self.cluster, server)

    def _make_step(self):
        if not self.cluster.is_sync:
            return super()._make_step(begin=self.queue.progress)
        step = super()._make_step(
            lambda make_optimizer: sync.sync_optimizers(self.cluster, make_optimizer),
            self.queue.progress)
        self.sync_hook = sync.SyncHook(self.cluster, step.optimizer)
        return step

    def _make_loops(self):
        """Do nothing, so that each step is a call of its own.

        In a loop the parameter servers would wait for the worker's loop condition in each step: a
        training by two workers on one machine was a fifth slower with it.
        """

    def _run_in(self, session, pool, stack):
        with servers.raise_server_lost():
            return _SharedRun(self, session, pool, stack).run()

    def _start(self, _, session):
        is_kept = self.queue.is_ready(session) and self.saved.is_of(session, self.plan.saving.model_dir)
        if is_kept:
            self.plan.report("Resuming with the variables of the parameter servers")
        else:
            path = self.store.restore(session)
            if file_names.step_of(path) != 0:  # step 0 holds the initial values
                self.plan.report("Resuming from %s" % path)
        state = self.saved.read(session, self.plan.data.num_units, self.plan.data.num_epochs)
        self.saved.write(session, state)  # with the current settings
        if not is_kept:
            self.queue.begin(session, state.progress)


class _SharedRun(loop.Run):
    """The training of one worker in a session with the parameter servers."""

    _ended_at = None  # the share of the work that was done when the chief ended it early
    _extra_steps = ()  # futures of steps that only release the steps of other workers

    def _make_all_rounds(self):
        self._make_rounds(self._feeds())
        training, queue = self._training, self._training.queue
        if self._latest is None:  # the other workers have done all work
            feed = next(iter(self._plan.data.batches(None)), (None,))[0]
            checks.argument(feed is not None, "train", "batches", "at least one batch", 0)
            self._latest = feed, self._progress, self._number_of_draws()
        if training.is_chief and self._is_exhausted():
            self._ended_at = queue.done(self._session)
            queue.stop(self._session)
        if not self._is_stopped:
            queue.give_back(self._session)
            self._wait_for_others()
        self._leave()
        if training.is_chief and not self._is_stopped and not self._is_exhausted():
            self._progress = 1.0
            if self._validate_from <= 1:
                self._validate()  # other workers have done the last pieces

    def _wait_for_others(self):
        training = self._training
        for share in training.queue.wait_for_others(self._session, self._plan.stop):
            if share:
                self._make_rounds(self._plan.data.batches(None, *share))
                if self._is_stopped:
                    return
                training.queue.give_back(self._session)
            elif training.sync_hook and all(step.done() for step in self._under_way):
                training.sync_hook.check()  # and run a step, for which other workers wait
                self._extra_steps = [self._calls.submit([self._latest])]
        self._is_stopped = self._plan.stop()

    @property
    def _under_way(self):
        return super()._under_way + list(self._extra_steps)

    def _read_state(self):
        state = super()._read_state()
        if not self._training.is_chief:
            self._training.saved.check_settings(self._session)
        state.steps = self._steps_of_all()
        return state

    def _feeds(self):
        for begin, end in self._training.queue.take(self._session):
            yield from self._plan.data.batches(None, begin, end)
            self._wait(self._under_way)  # before the piece is counted as done
            if self._is_stopped:
                return

    def _number_of_draws(self):
        cluster = self._training.cluster
        return self._submitted * len(cluster.worker_hosts) + cluster.task_index

    def _leave(self):
        if self._training.sync_hook:
            self._training.sync_hook.leave(self._session, self._under_way)

    def _wait(self, futures):
        """Wait for steps. Synchronous steps would wait forever after the other workers have stopped."""
        if self._training.sync_hook:
            self._training.sync_hook.check()
        while concurrent.futures.wait(futures, 0.5).not_done:
            if self._training.sync_hook and not self._is_stopped and self._plan.stop():
                self._is_stopped = True
                self._leave()

    def _save(self):
        self._state.position, self._state.steps = None, self._steps_of_all()
        self._state.progress = self._ended_at
        if self._ended_at is None:
            self._state.progress = self._training.queue.done(self._session)
        super()._save()

    def _steps_of_all(self):
        return int(self._session.run(self._training.step.global_step))
