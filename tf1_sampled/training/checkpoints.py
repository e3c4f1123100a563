"""Checkpoints in a folder. Each is complete or absent, and a policy decides which are kept.

    checkpoints = Checkpoints(policy.Saving(folder, keep=2))
    checkpoints.restore(session)            restore the newest checkpoint that is not damaged
    checkpoints.save(session, step)         write model.ckpt-<step>
    chosen(folder)                          path of the best checkpoint by validation, else of the newest
    restore(session, path)                  restore a checkpoint of a graph with samplers of tf.nn

The checkpoints, and the files `checkpoint` and `best` that name them, have TensorFlow's formats.
file_names.newest(folder) and file_names.best(folder) read these files without following links.
"""
import glob
import os
import shutil
import tempfile
from typing import Any, Callable

import tensorflow.compat.v1 as tf

from tf1_sampled import checks, initializers
from tf1_sampled.files import places, writing
from tf1_sampled.training import file_names

_DAMAGED = (tf.errors.DataLossError, tf.errors.OutOfRangeError, tf.errors.NotFoundError, ValueError)


def chosen(folder):
    """Return the path of the best checkpoint by validation, else of the newest, else None.

    Raises:
      InputError: an error of file_names.newest or file_names.best.
    """
    return file_names.best(folder) or file_names.newest(folder)


def restore(session: Any, save_path: str, report: Callable[[str], Any] = print) -> None:
    """Restore the global variables from a checkpoint that may lack the library's own variables.

    The learned_unigram_candidate_sampler of tf.nn keeps its counts in the kernel, so that checkpoints do
    not have them, and `tf.train.Saver().restore` fails for a graph with the sampler of this package.
    This function initializes the missing counts and reports them. All other variables must be in the
    checkpoint.

    Example:

        weights = tf.get_variable("weights", [1000, 16])
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            path = tf.train.Saver().save(session, "model.ckpt")
            tf1_sampled.restore(session, path)

    Args:
      session: tf.Session of the default graph, to which ops are added.
      save_path: string, path of the checkpoint without its ending.
      report: function of a line of text for the user.

    Raises:
      tf.errors.NotFoundError, tf.errors.DataLossError: an error of tf.train.Saver.restore.
      InputError: a file of the checkpoint is a pipe or a device.
    """
    for path in glob.glob(glob.escape(save_path) + ".*"):
        places.check_not_special(path)
    saved = {name for name, _ in tf.train.list_variables(save_path)}
    # By name: an imported graph has tensors in the collection.
    missing = {v.op.name for v in tf.get_collection(initializers.OWN_STATE)} - saved
    variables = tf.global_variables()
    session.run([v.initializer for v in variables if v.op.name in missing])
    for name in sorted(missing):
        report("%s: not in %s, starts from its initial value" % (name, save_path))
    tf.train.Saver([v for v in variables if v.op.name not in missing]).restore(session, save_path)


class Checkpoints:
    """Checkpoints of all saveable variables that the default graph has at construction.

    Args:
      saving: policy.Saving. Its folder must exist, and no other process may write to it.
      report: function of a line of text for the user.

    Raises:
      InputError: an error of file_names.newest or file_names.best.
    """

    def __init__(self, saving, report=print):
        checks.positive("Checkpoints", "keep", saving.keep)
        self._saving, self._folder, self._report = saving, saving.model_dir, report
        self._damaged = set()
        for find in (file_names.newest, file_names.best):
            find(self._folder)  # errors before the training, not after it
        self.saver = tf.train.Saver(max_to_keep=None, save_relative_paths=True)
        self._clean()

    def save(self, session, step, is_best=False):
        """Write model.ckpt-<step>, and delete the checkpoints that the policy does not keep.

        A SIGKILL at any moment leaves the earlier checkpoints unchanged. A step that is saved already is
        not written again, but `is_best` has its effect.

        Args:
          session: tf.Session of the graph.
          step: integer.
          is_best: boolean, whether this is the best checkpoint so far.

        Raises:
          InputError: a checkpoint that cannot be written, for example on a full disk. The earlier
            checkpoints are unchanged.
        """
        try:
            if step not in self._steps():
                self._write(session, step)
            steps = self._saving.kept(self._steps())
            self._name_newest(file_names.NEWEST, steps)
            if is_best:
                self._name_newest(file_names.BEST, [step])
        except (OSError, tf.errors.OpError, checks.InputError) as e:
            if isinstance(e, (tf.errors.AbortedError, tf.errors.CancelledError,
                              tf.errors.UnavailableError)):
                raise  # the connection to a parameter server is lost
            raise checks.InputError("%s: wanted room for a checkpoint, got: %s. Last checkpoint: %s" % (
                self._folder, _reason(e), file_names.newest(self._folder) or "none yet")) from e
        best = file_names.best(self._folder)
        for other in self._steps() + sorted(self._damaged):
            if other not in steps and (not best or file_names.step_of(best) != other):
                self._delete(other)

    def name_best(self, step):
        """Mark the checkpoint of this step as the best in the file `best`.

        Returns:
          boolean, False if there is no such checkpoint.
        """
        best = file_names.best(self._folder)
        if best is None or file_names.step_of(best) != step:
            if step not in self._steps():
                return False
            self._name_newest(file_names.BEST, [step])
        return True

    def restore(self, session):
        """Restore the variables from the newest checkpoint that is not damaged.

        Args:
          session: tf.Session of the graph.

        Returns:
          string, the path of the checkpoint; None if there are no checkpoints.

        Raises:
          InputError: all checkpoints are damaged, or a file of a checkpoint is a link or a pipe.
        """
        for step in reversed(self._steps()):
            path = file_names.checkpoint(self._folder, file_names.CHECKPOINT % step)
            try:
                self.saver.restore(session, path)
            except _DAMAGED as e:
                self._report("%s is damaged: %s" % (path, _reason(e)))
                self._damaged.add(step)
            else:
                if self._damaged:
                    self._report("Resuming from an earlier checkpoint: %s" % path)
                    best = file_names.best(self._folder)
                    if best in map(self._path, self._damaged):
                        os.unlink(os.path.join(self._folder, file_names.BEST))
                return path
        checks.file(not self._damaged, self._folder, "an undamaged checkpoint", "%d damaged; "
                    "--restart starts over" % len(self._damaged))
        return None

    def _write(self, session, step):
        self._delete(step)  # a damaged one
        making = tempfile.mkdtemp(prefix=writing.MAKING, dir=self._folder)
        try:
            self.saver.save(session, os.path.join(making, file_names.CHECKPOINT % step),
                            write_meta_graph=False, write_state=False)
            # The index last: a checkpoint without it does not exist for TensorFlow.
            for name in sorted(os.listdir(making), key=lambda name: name.endswith(".index")):
                writing.sync(os.path.join(making, name))
                os.replace(os.path.join(making, name), os.path.join(self._folder, name))
            writing.sync(self._folder)
        finally:
            shutil.rmtree(making, ignore_errors=True)
        self._damaged.discard(step)

    def _name_newest(self, state_file, steps):
        """Write a file in TensorFlow's format that names the checkpoints of `steps`, the newest last."""
        # Not by TensorFlow, which reads some paths as relative to the working folder.
        with writing.writing(os.path.join(self._folder, state_file)) as stream:
            names = [file_names.CHECKPOINT % step for step in steps]
            stream.write('model_checkpoint_path: "%s"\n' % names[-1])
            stream.writelines('all_model_checkpoint_paths: "%s"\n' % name for name in names)

    def _delete(self, step):
        # The index first: see _write.
        for path in sorted(glob.glob(glob.escape(self._path(step)) + ".*"), reverse=True):
            os.unlink(path)
        self._damaged.discard(step)

    def _steps(self):
        """Return the steps of all checkpoints that are not known to be damaged, in rising order."""
        found = {file_names.step_of(name, r"\.index") for name in os.listdir(self._folder)}
        return sorted(found - {None} - self._damaged)

    def _path(self, step):
        return os.path.join(self._folder, file_names.CHECKPOINT % step)

    def _clean(self):
        """Delete the data files of incomplete checkpoints, which a SIGKILL can leave."""
        steps = self._steps()
        for name in os.listdir(self._folder):
            step = file_names.step_of(name, r"\.data-.*")
            if step is not None and step not in steps:
                os.unlink(os.path.join(self._folder, name))


def _reason(error):
    """Return the message of an error without the name of the op."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return getattr(error, "message", str(error)).split("\n\t [[")[0].rpartition("\n")[2]
