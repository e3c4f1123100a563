"""What a training has done so far, beside the values of the variables; a checkpoint holds both.

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
    """How far a training is.

      training: string, which one it is.
      settings: {name: value}, of whoever wrote it last.
      steps: integer.
      progress: float, the share of the work that is done, 0 to 1.
      position: where in the data it goes on, as of plans.Data; None for the beginning, or where
        `progress` alone tells.
      num_units: integer, units of progress of the whole work.
      seconds, cpu_seconds: floats.
      history, validations: as of plans.TrainingResult.
      best_step: integer, of the best validation; None before the first.
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
      settings: {name: value as of JSON}, what all workers of a cluster have to share.

    Attributes:
      variable: the tf.Variable, of the same name in all graphs.
    """

    def __init__(self, settings):
        self._settings = json.loads(json.dumps(settings))
        self.variable = tf.Variable(
            "", trainable=False, use_resource=True, name="training_progress")
        self._has_value = self.variable.is_initialized()
        self._given = tf.placeholder(tf.string, [])
        self._write = tf.assign(self.variable, self._given)

    def write(self, session, state):
        """Gives the variable its value, with the settings of now."""
        state.settings = self._settings
        session.run(self._write.op, {self._given: json.dumps(
            vars(state), default=lambda value: value.tolist())})  # of NumPy

    def read(self, session, num_units, num_epochs=None):
        """The State of the variable, as progress in `num_units`, which may be more than before.

        Args:
          session: tf.Session.
          num_units: integer, units of progress of the whole work.
          num_epochs: integer, the passes over the data that these are, for errors; None where the caller
            counts units.

        Raises:
          InputError: fewer units than are done.
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
            checks.argument(num_done <= num_units, "train", "num_units", "%d or more, as so many are "
                            "done already" % num_done, num_units)
            state.progress = num_done / num_units
            state.num_units = num_units
        return state

    def require(self, settings):
        """Adds settings of `__init__`, as of JSON, that the complete graph has."""
        self._settings.update(settings)

    def check_settings(self, session):
        """Checks that the variable, if it has a value, is of the settings of now.

        Raises:
          InputError: others; it tells which.
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
        """Whether the variable has the training of a folder's newest checkpoint, as of then or later."""
        path = file_names.newest(folder)
        if path is None:
            return False
        try:
            text = tf.train.load_checkpoint(path).get_tensor(self.variable.op.name)
        except (ValueError, IndexError, tf.errors.OpError):
            return False  # a damaged one
        kept, here = json.loads(text), json.loads(session.run(self.variable))
        return kept["training"] == here["training"] and kept["steps"] <= here["steps"]
