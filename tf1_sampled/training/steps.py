"""One step of a training: gradients of the loss, the update by the optimizer, seeds of random draws.

    train_op = minimize(loss, optimizer)
    seed = step_seed(1)                    for samplers and dropout: different draws in each step
"""
from typing import Any, Optional, Sequence

import tensorflow.compat.v1 as tf

from tf1_sampled import checks
from tf1_sampled.training import step_loop, summaries
from tf1_sampled.type_names import Array, Optimizer, Tensor

MOST_STEPS = 50  # in a call, and the minimum between two records of the loss

_SEEDS = "tf1_sampled/step_seeds"  # collection of (tensor, seed)


def minimize(loss: Array, optimizer: Optimizer, var_list: Optional[Sequence[Any]] = None,
             global_step: Optional[Tensor] = None) -> Tensor:
    """Return the training op: one step of `optimizer` after the ops in tf.GraphKeys.UPDATE_OPS.

    UPDATE_OPS holds the ops that count labels for learned samplers, for example. Variables that the loss
    does not depend on, such as those of another task in the graph, keep their values.

    Example:

        weights = tf.get_variable("weights", [1000, 16])
        loss = tf.nn.l2_loss(tf.gather(weights, [3, 1, 4]))
        train_op = tf1_sampled.minimize(loss, tf1_sampled.AdagradOptimizer(0.1))

    Args:
      loss: float scalar.
      optimizer: tf.train.Optimizer.
      var_list: list of the variables to train. Default: the trainable variables that the loss depends
        on.
      global_step: integer variable, which is incremented by 1, or None.

    Returns:
      tf.Operation.

    Raises:
      InputError: the loss depends on no trainable variable, or not on every variable in var_list; the
        graph has a training.step_seed, which changes in the steps of training.train only; the optimizer
        is not a tf.train.Optimizer, but one of Keras, for example.
    """
    checks.argument(not tf.get_collection(_SEEDS), "minimize", "seed", "an integer or None, as only "
                    "training.train feeds training.step_seed", "step_seed")
    return _apply(optimizer, _gradients("minimize", loss, optimizer, var_list), global_step)


def step_seed(seed):
    """Return a seed tensor, for example for samplers, that has another value in each training step.

    The value depends on `seed` and the number of the step only, so that a resumed training has the same
    draws as an uninterrupted one. Only training.train feeds the number of the step. Elsewhere the value
    is that of step 0, which would repeat the same draws: `minimize` raises an error.

    Args:
      seed: integer, not negative.

    Returns:
      int64 [2]. distributions.fold_in derives further seeds from it.
    """
    tensor = tf.placeholder_with_default(tf.constant([seed, 0], tf.int64), [2], "step_seed")
    tf.add_to_collection(_SEEDS, (tensor, seed))
    return tensor


class Step:
    """The training step of the default graph, with a decaying learning rate and watched values.

    Args:
      loss: float scalar, the loss to minimize.
      shown_loss: float scalar, the loss to show.
      make_optimizer: learning rate (float scalar tensor) -> tf.train.Optimizer.
      learning_rate: float, at the start.
      decay: "linear", the learning rate falls to 0 with `progress`; or "none", it is constant.
      progress: float or float scalar, the default of the progress, which is fed.
      watch: None, or {name: scalar}, further values to watch.

    Raises:
      InputError: a trainable variable on which the loss does not depend.
    """

    def __init__(self, loss, shown_loss, make_optimizer, learning_rate, decay="linear", progress=0.0,
                 watch=None):
        # A resource variable: SyncReplicasOptimizer then reads its value after the step.
        with tf.variable_scope(tf.get_variable_scope(), use_resource=True):
            self.global_step = tf.train.get_or_create_global_step()
        # A placeholder of the step, so that models and inputs do not depend on the decay.
        self._progress = tf.placeholder_with_default(progress, [], "progress")
        left = tf.maximum(1 - self._progress, 1e-4) if decay == "linear" else tf.constant(1.0)
        self.optimizer = make_optimizer(learning_rate * left)
        gradients = _gradients("Step", loss, self.optimizer, tf.trainable_variables())
        self._op = _apply(self.optimizer, gradients, self.global_step)
        self._watched = dict({"loss": shown_loss}, **_watched(gradients, watch))
        self._seeds = tf.get_collection(_SEEDS)
        self._loop = self._compiled = self._why_not = None

    def make_loops(self, filled=None):
        """Add the loops that run many steps in one call, if possible. Call it before there is a session.

        Args:
          filled: {placeholder: step_loop.Filled}, for calls that XLA compiles; None without XLA.
        """
        self._why_not = step_loop.obstacle(self._op)
        if self._why_not:
            return
        further = [self._progress] + [tensor for tensor, _ in self._seeds]
        self._loop = step_loop.StepLoop(self._op, further)
        if filled is not None:
            try:
                self._compiled = step_loop.CompiledLoop(self._op, further, MOST_STEPS, filled)
            except NotImplementedError as e:
                self._why_not = str(e)

    def with_progress(self, feed, progress, number):
        """Return `feed` with the progress before the step and the seeds for the step `number`."""
        feed = dict(feed)
        feed[self._progress] = progress
        feed.update((tensor, [seed, number]) for tensor, seed in self._seeds)
        return feed

    def runner(self, session):
        """Return a function that runs the step: (feed, is_watched, trace_to=None) -> {name: value}.

        The values of a watched step are the shown loss as "loss", gradient_norm (each use of a row
        counts separately), rows_touched (the number of rows of all tables that change), and the scalars
        of `watch`. trace_to is None, or the path for the trace of the ops.
        """
        callables = {}

        def run(feed, is_watched, trace_to=None):
            fetches = list(self._watched.values()) if is_watched else []
            if trace_to:
                values = summaries.traced_run(session, [self._op] + fetches, feed, trace_to)[1:]
            else:
                key = is_watched, tuple(feed)
                if key not in callables:
                    callables[key] = step_loop.callable_of(session, self._op, fetches, list(feed))
                values = callables[key](*feed.values())
            return dict(zip(self._watched, values))

        return run

    def repeater(self, session, feed, is_compiled, report):
        """Return a function that runs the steps of a list of feeds, all like `feed`, in one call.

        Args:
          session: tf.Session.
          feed: feed_dict, the return value of `with_progress`.
          is_compiled: boolean, whether XLA should compile the steps.
          report: function of a line of text, called with the reason if XLA cannot.

        Returns:
          function: list of (feed, progress, number), see `with_progress` -> None; or None if each step
          needs a call of its own.
        """
        if self._loop is None or not self._loop.takes(feed):
            run = None
        else:
            run = self._loop.runner(session)
        if is_compiled and run and self._compiled is not None:
            run = _compiled_first(self._compiled, session, run, report)
        elif is_compiled:
            report("XLA does not compile the steps: %s" % (
                self._why_not or "the feed does not match the placeholders"))
        return run and (lambda steps: run(*self._joined(steps)))

    def _joined(self, steps):
        """Return (feeds, {tensor: values of all steps}) of a list of (feed, progress, number)."""
        feeds, progress, numbers = zip(*steps)
        seeds = {tensor: [(seed, number) for number in numbers] for tensor, seed in self._seeds}
        return feeds, {self._progress: progress, **seeds}


def _compiled_first(loop, session, otherwise, report):
    """Return a function that runs steps by a compiled loop, or by `otherwise` if XLA cannot compile it.

    Args:
      loop: step_loop.CompiledLoop.
      session: tf.Session.
      otherwise: function of feeds and further values, the return value of step_loop.StepLoop.runner.
      report: function of a line of text.
    """
    compiled = loop.runner(session)
    refused = []

    def run(feeds, further):
        if refused or not loop.fits(feeds):
            return otherwise(feeds, further)
        try:
            return compiled(feeds, further)
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError,
                tf.errors.InternalError) as e:
            # XLA fails before the first step: no step of these feeds was run.
            refused.append(e)
            report("XLA does not compile the steps: %s" % checks.first_line(e))
            return otherwise(feeds, further)

    return run


def _gradients(function, loss, optimizer, var_list=None):
    """Return [(gradient, variable)] for var_list, or for the variables that the loss depends on."""
    checks.argument(hasattr(optimizer, "compute_gradients"), function, "optimizer",
                    "a tf.train.Optimizer", optimizer)
    variables = tf.nest.flatten(tf.trainable_variables() if var_list is None else var_list)
    gradients = optimizer.compute_gradients(loss, variables) if variables else []
    reached = [(gradient, variable) for gradient, variable in gradients if gradient is not None]
    if var_list is not None:
        untouched = [variable.op.name for gradient, variable in gradients if gradient is None]
        checks.argument(not untouched, function, "loss", "a loss that depends on every variable to "
                        "train", "no dependence on " + ", ".join(untouched))
    checks.argument(reached, function, "loss", "a loss that depends on a variable to train", loss.name)
    return reached


def _apply(optimizer, gradients, global_step):
    """Return the op of a step, which runs after the ops in UPDATE_OPS."""
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    if isinstance(optimizer, tf.train.SyncReplicasOptimizer):
        # It applies gradients in a separate step without feeds: UPDATE_OPS cannot be its inputs.
        return tf.group(optimizer.apply_gradients(gradients, global_step), *updates)
    with tf.control_dependencies(updates):
        return optimizer.apply_gradients(gradients, global_step)


def _watched(gradients, watch):
    gradients = [gradient for gradient, _ in gradients]
    rows = [tf.size(tf.unique(tf.reshape(gradient.indices, [-1]))[0]) for gradient in gradients
            if isinstance(gradient, tf.IndexedSlices)]
    watched = dict(watch or {}, gradient_norm=tf.global_norm(gradients))
    if rows:
        watched["rows_touched"] = tf.add_n(rows)
    return watched
