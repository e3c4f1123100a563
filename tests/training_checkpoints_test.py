"""Checkpoints: which are kept, and which remain after an error of writing or reading."""
import os
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case
from tf1_sampled import InputError, samplers
from tf1_sampled.training import checkpoints, policy


class CheckpointsTest(graph_case.GraphCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path
        self.lines = []
        self.w = tf.get_variable("w", [1000], initializer=tf.zeros_initializer(), use_resource=True)
        self.value = tf.placeholder(tf.float32, [])
        self.fill = tf.assign(self.w, tf.fill([1000], self.value))
        self.store = checkpoints.Checkpoints(policy.Saving(self.folder), self.lines.append)
        self.session = self.enter_context(tf.Session())
        self.session.run(self.w.initializer)

    def _save(self, step, is_best=False):
        self.session.run(self.fill, {self.value: step})
        self.store.save(self.session, step, is_best)

    def _path(self, step, ending=""):
        return os.path.join(self.folder, "model.ckpt-%d%s" % (step, ending))

    def _data(self, step):
        return self._path(step, ".data-00000-of-00001")

    def _steps(self):
        return sorted(int(name.split("-")[1].split(".")[0]) for name in os.listdir(self.folder)
                      if name.endswith(".index"))

    def _restored(self):
        self.session.run(self.fill, {self.value: -1})
        path = self.store.restore(self.session)
        values = self.session.run(self.w)
        np.testing.assert_array_equal(values, values[0])
        return path, values[0]

    def test_the_newest_is_read(self):
        self.assertEqual(self._restored(), (None, -1))
        self.assertIsNone(checkpoints.chosen(self.folder))
        for step in (3, 20, 100):
            self._save(step)
        self.assertEqual(self._restored(), (self._path(100), 100))
        self.assertEqual(tf.train.latest_checkpoint(self.folder), self._path(100))
        self.assertEqual(checkpoints.chosen(self.folder), self._path(100))
        self.assertEmpty(self.lines)

    def test_the_newest_ones_and_the_best_are_kept(self):
        for step in range(1, 7):
            self._save(step, is_best=step in (1, 2))
        self.assertEqual(self._steps(), [2, 5, 6])
        self.assertEqual(checkpoints.chosen(self.folder), self._path(2))
        self.assertEqual(tf.train.get_checkpoint_state(self.folder).all_model_checkpoint_paths,
                         [self._path(5), self._path(6)])
        self.assertLen(os.listdir(self.folder), 3 * 2 + 2)

    def test_the_best_is_named_afterwards(self):
        self.assertFalse(self.store.name_best(5))
        for step in (5, 6):
            self._save(step)
        self.assertTrue(self.store.name_best(5))
        self.assertFalse(self.store.name_best(7))
        self.assertEqual(checkpoints.chosen(self.folder), self._path(5))
        self._save(7)
        self._save(8)
        self.assertEqual(self._steps(), [5, 7, 8])

    def test_a_folder_may_be_moved(self):
        self._save(5, is_best=True)
        moved = os.path.join(self.create_tempdir().full_path, "moved")
        os.rename(self.folder, moved)
        self.assertEqual(checkpoints.chosen(moved), os.path.join(moved, "model.ckpt-5"))
        self.assertEqual(tf.train.latest_checkpoint(moved), os.path.join(moved, "model.ckpt-5"))

    def test_a_relative_folder_is_found(self):
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        os.mkdir("model")
        checkpoints.Checkpoints(policy.Saving("model")).save(self.session, 5, is_best=True)
        self.assertEqual(checkpoints.chosen("model"), os.path.join("model", "model.ckpt-5"))

    def test_a_step_that_is_saved_already_can_become_the_best(self):
        self._save(5)
        self.session.run(self.fill, {self.value: 7})
        self.store.save(self.session, 5, is_best=True)
        self.assertEqual(self._restored(), (self._path(5), 5))
        self._save(6)
        self.assertEqual(checkpoints.chosen(self.folder), self._path(5))

    @parameterized.product(part=["data", "index"], damage=["cut", "empty", "changed", "gone"])
    def test_a_damaged_one_is_replaced_by_the_one_before(self, part, damage):
        self._save(5)
        self._save(6)
        path = self._data(6) if part == "data" else self._path(6, ".index")
        with open(path, "rb") as stream:
            content = stream.read()
        middle = len(content) // 2
        if damage == "gone":
            os.unlink(path)
        else:
            with open(path, "wb") as stream:
                stream.write({"cut": content[:middle], "empty": b"",
                              "changed": content[:middle] + b"\xa5\x5a" + content[middle + 2:]}[damage])
        self.assertEqual(self._restored(), (self._path(5), 5))
        if (part, damage) == ("index", "gone"):  # as after a SIGKILL
            self.assertEmpty(self.lines)
        else:
            self.assertLen(self.lines, 2)
            self.assertStartsWith(self.lines[0], self._path(6) + " is damaged: ")
            self.assertNotIn("Graph execution error", self.lines[0])
            self.assertEqual(self.lines[1], "Resuming from an earlier checkpoint: " + self._path(5))
        # The same step is saved again, and is complete now.
        self._save(6)
        self.assertEqual(self._restored(), (self._path(6), 6))
        self.assertEqual(self._steps(), [5, 6])

    def test_a_damaged_one_is_not_the_best(self):
        self._save(5)
        self._save(6, is_best=True)
        os.truncate(self._data(6), 10)
        self._restored()
        self.assertEqual(checkpoints.chosen(self.folder), self._path(6))  # still the newest by name
        self._save(7)
        self.assertEqual(checkpoints.chosen(self.folder), self._path(7))
        self.assertEqual(self._steps(), [5, 7])

    def test_only_damaged_checkpoints_are_an_error(self):
        self._save(5)
        os.truncate(self._data(5), 10)
        with self.assertRaisesRegex(InputError, self.folder + ": wanted an undamaged checkpoint, got "
                                    "1 damaged; --restart starts over"):
            self.store.restore(self.session)
        self.assertTrue(os.path.exists(self._data(5)))

    def test_links_and_pipes_are_errors_and_stay(self):
        for name in ("checkpoint", "model.ckpt-6.index", "model.ckpt-6.data-00000-of-00001"):
            self._save(5)
            self._save(6)
            path = os.path.join(self.folder, name)
            os.rename(path, os.path.join(self.folder, "theirs"))
            for make in (lambda path: os.symlink("theirs", path), os.mkfifo):
                make(path)
                with self.assertRaisesRegex(InputError, name + ": wanted .*, got a (link|pipe)"):
                    checkpoints.Checkpoints(policy.Saving(self.folder)).restore(self.session)
                os.unlink(path)
            os.rename(os.path.join(self.folder, "theirs"), path)

    def test_links_are_replaced_by_a_checkpoint(self):
        theirs = os.path.join(self.folder, "theirs")
        with open(theirs, "w") as stream:
            stream.write("theirs")
        for name in ("checkpoint", "best", "model.ckpt-6.data-00000-of-00001"):
            os.symlink("theirs", os.path.join(self.folder, name))
        self._save(6, is_best=True)
        self.assertEqual(self._restored(), (self._path(6), 6))
        with open(theirs) as stream:
            self.assertEqual(stream.read(), "theirs")

    def test_incomplete_files_are_deleted(self):
        self._save(5)
        with open(self._data(9), "w") as stream:
            stream.write("half")
        checkpoints.Checkpoints(policy.Saving(self.folder))
        self.assertFalse(os.path.exists(self._data(9)))
        self.assertTrue(os.path.exists(self._data(5)))

    @parameterized.parameters("fsync", "replace")
    def test_an_error_leaves_the_earlier_one(self, function):
        self._save(5)
        before = sorted(os.listdir(self.folder))
        with mock.patch.object(os, function, side_effect=OSError(28, "No space left on device")):
            with self.assertRaisesRegex(InputError, "wanted room for a checkpoint, got: No space left "
                                        "on device. Last checkpoint: .*model.ckpt-5$"):
                self._save(6)
        self.assertEqual(sorted(os.listdir(self.folder)), before)
        self.assertEqual(self._restored(), (self._path(5), 5))

    def test_a_kill_at_any_moment_leaves_the_earlier_one(self):
        # Stop after each change of the folder in turn.
        class Killed(BaseException):
            pass

        for last in range(20):
            folder = self.create_tempdir().full_path
            store = checkpoints.Checkpoints(policy.Saving(folder, keep=1), self.lines.append)
            store.save(self.session, 1, is_best=True)
            store.save(self.session, 2)
            made = []

            def until(function, made=made, last=last):
                def call(*arguments, **options):
                    if len(made) > last:
                        raise Killed()
                    made.append(function)
                    return function(*arguments, **options)
                return call

            with mock.patch.multiple(os, replace=until(os.replace), unlink=until(os.unlink)):
                try:
                    store.save(self.session, 3)
                    is_whole = True
                except Killed:
                    is_whole = False
            again = checkpoints.Checkpoints(policy.Saving(folder, keep=1), self.lines.append)
            newest = again.restore(self.session)
            self.assertIn(newest[-2:], ("-3",) if is_whole else ("-2", "-3"))
            self.assertEndsWith(checkpoints.chosen(folder), "model.ckpt-1")
            self.assertIn(os.path.basename(tf.train.latest_checkpoint(folder)),
                          ("model.ckpt-2", "model.ckpt-3"))
            again.save(self.session, 4)
            self.assertCountEqual(
                [name for name in os.listdir(folder) if name.endswith(".index")],
                ["model.ckpt-1.index", "model.ckpt-4.index"])
        self.assertTrue(is_whole)
        self.assertEmpty(self.lines)

    @parameterized.parameters(0, -1, 1.5)
    def test_how_many_to_keep(self, keep):
        with self.assertRaisesRegex(InputError, "Checkpoints: keep: wanted an integer above 0"):
            checkpoints.Checkpoints(policy.Saving(self.folder, keep=keep))


class RestoreTest(graph_case.GraphCase):

    def _graph(self, sampler, **options):
        """Return the values of a graph with two variables and a sampler."""
        for name in ("weights", "biases"):
            tf.get_variable(name, [3], initializer=tf.random_uniform_initializer())
        sampler(tf.constant([[1]], tf.int64), 1, 2, True, 5, **options)
        return tf.global_variables()

    def test_a_pipe_is_not_restored(self):
        path = os.path.join(self.create_tempdir().full_path, "model.ckpt-5")
        os.mkfifo(path + ".index")
        with self.assertRaisesRegex(InputError, "model.ckpt-5.index: wanted a file, got a pipe"):
            checkpoints.restore(None, path)

    def test_counts_that_a_checkpoint_lacks_are_initialized(self):
        path = os.path.join(self.create_tempdir().full_path, "model.ckpt")
        with tf.Graph().as_default(), tf.Session() as session:
            theirs = self._graph(tf.random.learned_unigram_candidate_sampler)
            session.run(tf.global_variables_initializer())
            tf.train.Saver().save(session, path)
            wanted = session.run(theirs)
        ours, lines = self._graph(samplers.learned_unigram_candidate_sampler), []
        with tf.Session() as session:
            checkpoints.restore(session, path, lines.append)
            values = session.run(ours)
        for value, array in zip(values, wanted):
            np.testing.assert_array_equal(value, array)
        self.assertEqual(values[2].sum(), 0)
        self.assertEqual(lines, ["learned_unigram: not in %s, starts from its initial value" % path])

    def test_counts_that_a_checkpoint_has_are_restored(self):
        path = os.path.join(self.create_tempdir().full_path, "model.ckpt")
        variables, lines = self._graph(samplers.learned_unigram_candidate_sampler), []
        with self.new_session() as session:
            session.run(tf.get_collection(tf.GraphKeys.UPDATE_OPS))
            tf.train.Saver().save(session, path)
            wanted = session.run(variables)
        with tf.Session() as session:
            checkpoints.restore(session, path, lines.append)
            for value, array in zip(session.run(variables), wanted):
                np.testing.assert_array_equal(value, array)
        self.assertEqual(wanted[2].max(), 1)
        self.assertEmpty(lines)

    def test_another_variable_that_a_checkpoint_lacks_is_an_error(self):
        path = os.path.join(self.create_tempdir().full_path, "model.ckpt")
        with tf.Graph().as_default(), tf.Session() as session:
            variable = tf.get_variable("weights", [3])
            session.run(variable.initializer)
            tf.train.Saver().save(session, path)
        self._graph(samplers.learned_unigram_candidate_sampler)
        with tf.Session() as session, self.assertRaisesRegex(tf.errors.NotFoundError, "biases"):
            checkpoints.restore(session, path, print)


if __name__ == "__main__":
    absltest.main()
