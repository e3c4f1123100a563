import os

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest

from tests import graph_case
from tf1_sampled import InputError
from tf1_sampled.training import checkpoints, policy, state


class SavedStateTest(graph_case.GraphCase):

    def _saved(self, **settings):
        return state.SavedState(settings)

    def test_a_state_is_read_back_unchanged(self):
        saved = self._saved(dim=8, hidden=("16", "8"))
        written = state.State()
        written.steps, written.progress, written.num_units = 7, 0.25, 100
        written.position = (3, np.arange(4), np.int64(5))
        written.history = [(25, 1.5, 0.7)]
        written.validations = [(25, 1.5, float("nan"), {"loss": np.float32(0.5)})]
        with self.new_session() as session:
            saved.write(session, written)
            read = saved.read(session, 100)
            saved.check_settings(session)
        self.assertEqual((read.training, read.steps, read.progress), (written.training, 7, 0.25))
        self.assertEqual(read.position, [3, [0, 1, 2, 3], 5])
        self.assertEqual(read.history, [(25, 1.5, 0.7)])
        (units, _, score, record), = read.validations
        self.assertEqual((units, record), (25, {"loss": 0.5}))
        self.assertTrue(np.isnan(score))

    def test_progress_in_more_units_and_in_fewer(self):
        saved, written = self._saved(), state.State()
        written.progress, written.num_units = 0.5, 100
        with self.new_session() as session:
            saved.write(session, written)
            for num_units, progress in ((200, 0.25), (50, 1)):
                read = saved.read(session, num_units)
                self.assertEqual((read.progress, read.num_units), (progress, num_units))
            with self.assertRaisesRegex(
                    InputError, "train: epochs: wanted 3 or more, as 2.50 are done already, got 2"):
                saved.read(session, 40, num_epochs=2)
            with self.assertRaisesRegex(
                    InputError, "train: num_units: wanted 50 or more, which are done already, got 40"):
                saved.read(session, 40)

    def test_other_settings_are_named(self):
        with tf.Graph().as_default():
            other = self._saved(dim=8, hidden=["16", "8"], rate=None, data={"events": "1"}, more=1)
            with self.new_session() as session:
                other.check_settings(session)  # no value yet
                other.write(session, state.State())
                other.check_settings(session)
                text = session.run(other.variable)
        mine = self._saved(dim=9, hidden=["16"], rate=None)
        mine.require({"data": {"events": "2"}})
        with self.new_session() as session:
            mine.variable.load(text, session)
            wanted = ("^train: settings: wanted the settings of the chief, got data={'events': '2'} for "
                      r"{'events': '1'}, dim=9 for 8, hidden=\['16'\] for \['16', '8'\], "
                      r"more=None for 1%s$")
            with self.assertRaisesRegex(InputError, wanted % ""):
                mine.check_settings(session)
            mine.require({"variable %d" % i: "int32 []" for i in range(9)})
            with self.assertRaisesRegex(InputError, wanted % (
                    r"(, variable \d=int32 \[\] for None){4}, and 5 more")):
                mine.check_settings(session)

    def test_the_training_of_a_checkpoint_is_recognised(self):
        folder = self.create_tempdir().full_path
        saved = self._saved()
        store = checkpoints.Checkpoints(policy.Saving(folder))
        with self.new_session() as session:
            saved.write(session, state.State())
            self.assertFalse(saved.is_of(session, folder))
            store.save(session, 1)
            self.assertTrue(saved.is_of(session, folder))
            same = saved.read(session, 1)
            saved.write(session, state.State())
            self.assertFalse(saved.is_of(session, folder))
            for steps, wanted in ((0, True), (7, True)):
                same.steps = steps
                saved.write(session, same)
                self.assertEqual(saved.is_of(session, folder), wanted)
            store.save(session, 2)
            self.assertTrue(saved.is_of(session, folder))
            same.steps = 6  # before the checkpoint
            saved.write(session, same)
            self.assertFalse(saved.is_of(session, folder))
            same.steps = 7
            saved.write(session, same)
            with open(os.path.join(folder, "model.ckpt-2.index"), "r+b") as stream:
                stream.truncate(5)
            self.assertFalse(saved.is_of(session, folder))


if __name__ == "__main__":
    absltest.main()
