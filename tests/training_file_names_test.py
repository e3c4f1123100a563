import fnmatch
import os

from absl.testing import absltest

from tf1_sampled.training import file_names


class FileNamesTest(absltest.TestCase):

    def test_the_step_of_a_checkpoint(self):
        for path, ending, wanted in (
                ("runs/x-1/model.ckpt-12", "", 12), ("model.ckpt-0", "", 0),
                ("model.ckpt-12.index", "", None), ("model.ckpt-12.index", r"\.index", 12),
                ("model.ckpt-12.data-00000-of-00001", r"\.data-.*", 12),
                ("model.ckpt-", "", None), ("modelxckpt-3", "", None), ("my-model.ckpt-3", "", None)):
            self.assertEqual(file_names.step_of(path, ending), wanted, path)

    def test_parts_of_checkpoints(self):
        for name in ("checkpoint", "best", "model.ckpt-1.index"):
            self.assertTrue(file_names.is_of_checkpoints(name), name)
        for name in ("bestiary", "checkpoints", "settings.json"):
            self.assertFalse(file_names.is_of_checkpoints(name), name)

    def test_kept(self):
        def is_kept(name):
            return any(fnmatch.fnmatchcase(name, pattern) for pattern in file_names.KEPT)

        for name in ("checkpoint", "best", "lock", "settings.json", "metrics.json", "model.ckpt-7.index",
                     "trace-12.json", "events.out.tfevents.1.host", ".making-vectors.bin.x"):
            self.assertTrue(is_kept(name), name)
        for name in ("vectors.bin", "saved_model", os.path.join("checkpoints", "x")):
            self.assertFalse(is_kept(name), name)


if __name__ == "__main__":
    absltest.main()
