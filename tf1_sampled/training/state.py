"""The state of a training beside the values of its variables; a checkpoint holds both.

    saved = SavedState({"dim": 8})
    state = saved.read(session, num_units)
    state.steps += 1
    saved.write(session, state)
"""
import json
import math
import uuid

import tensorflow.compat.v1 as tf

from tf1_sampled import checks
from tf1_sampled.training import file_names

_NAMED_SETTINGS = 8  # in an error


class State:
    """The progress and the measurements of a training.

      training: string, a unique id of the training.
      settings: {name: value}, the settings of the process that wrote the state.
      steps: integer, the number of steps.
      progress: float, the share of the work that is done, from 0 to 1.
      position: the next position in the data, see plans.Data; None for the beginning, or where
        `progress` determines it.
      num_units: integer, units of progress of the whole work.
      seconds, cpu_seconds: floats, time of the training so far.
      history, validations: see plans.TrainingResult.
      best_step: integer, the step of the best validation; None before the first validation.
    """

    def __init__(self):
        self.training = uuid.uuid4().hex
        self.settings = {}
        self.steps = 0
        self.progress = 0.0
        self.position = None
        self.num_units = None
        self.seconds = self.cpu_seconds = 0.0
        self.history, self.validations = [], []
        self.best_step = None


class SavedState:
    """A State as JSON in a variable of the default graph.

    Args:
      settings: {name: JSON value}, the settings that must be equal for all workers of a cluster.

    Attributes:
      variable: the tf.Variable, which has the same name in all graphs.
    """

    def __init__(self, settings):
        self._settings = json.loads(json.dumps(settings))
        self.variable = tf.Variable(
            "", trainable=False, use_resource=True, name="training_progress")
        self._has_value = self.variable.is_initialized()
        self._given = tf.placeholder(tf.string, [])
        self._write = tf.assign(self.variable, self._given)

    def write(self, session, state):
        """Write a state, with the current settings, to the variable."""
        state.settings = self._settings
        session.run(self._write.op, {self._given: json.dumps(
            vars(state), default=lambda value: value.tolist())})  # NumPy values

    def read(self, session, num_units, num_epochs=None):
        """Read the State in the variable, with its progress converted to `num_units`.

        Args:
          session: tf.Session.
          num_units: integer, units of progress of the whole work, which may be more than before.
          num_epochs: integer, the number of passes over the data, for errors; None if the caller counts
            units.

        Raises:
          InputError: fewer units than are already done.
        """
        state = State()
        vars(state).update(json.loads(session.run(self.variable)))
        state.history, state.validations = (
            list(map(tuple, rows)) for rows in (state.history, state.validations))
        if state.num_units != num_units:
            num_done = int(round(state.progress * (state.num_units or 0)))
            if num_done > num_units and num_epochs is not None:
                done = num_done * num_epochs / num_units
                checks.argument(False, "train", "epochs", "%d or more, as %.2f are done already" % (
                    math.ceil(done), done), num_epochs)
            checks.argument(num_done <= num_units, "train", "num_units", "%d or more, which are done "
                            "already" % num_done, num_units)
            state.progress = num_done / num_units
            state.num_units = num_units
        return state

    def require(self, settings):
        """Add further settings, {name: JSON value}, that are known once the graph is complete."""
        self._settings.update(settings)

    def check_settings(self, session):
        """Check that the state in the variable, if there is one, has the current settings.

        Raises:
          InputError: settings differ; the error names them.
        """
        text = session.run(self._has_value) and session.run(self.variable)
        theirs = json.loads(text)["settings"] if text else self._settings
        changed = ["%s=%s for %s" % (name, self._settings.get(name), theirs.get(name))
                   for name in sorted(set(self._settings) | set(theirs))
                   if self._settings.get(name) != theirs.get(name)]
        if len(changed) > _NAMED_SETTINGS:
            changed[_NAMED_SETTINGS:] = ["and %d more" % (len(changed) - _NAMED_SETTINGS)]
        if changed:
            raise checks.InputError("train: settings: wanted the settings of the chief, got %s" % (
                ", ".join(changed)))

    def is_of(self, session, folder):
        """Return whether the variable continues the training of the newest checkpoint in a folder."""
        path = file_names.newest(folder)
        if path is None:
            return False
        try:
            text = tf.train.load_checkpoint(path).get_tensor(self.variable.op.name)
        except (ValueError, IndexError, tf.errors.OpError):
            return False  # a damaged checkpoint
        kept, here = json.loads(text), json.loads(session.run(self.variable))
        return kept["training"] == here["training"] and kept["steps"] <= here["steps"]
