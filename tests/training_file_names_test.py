import fnmatch
import os

from absl.testing import absltest, parameterized

from tests import file_case
from tf1_sampled import InputError
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


class NamedTest(file_case.FileCase):

    def write(self, name, line):
        self.path(name, line.encode("utf-8", "surrogateescape"))
        for ending in (".index", ".data-00000-of-00001"):
            self.path("model.ckpt-7" + ending, b"x")

    def test_the_newest_and_the_best(self):
        self.assertIsNone(file_names.newest(self.folder))
        self.write("checkpoint", 'model_checkpoint_path: "model.ckpt-7"\nall_model: "model.ckpt-6"\n')
        self.write("best", 'model_checkpoint_path: "model.ckpt-5"\n')
        self.assertEqual(file_names.newest(self.folder), self.path("model.ckpt-7"))
        self.assertIsNone(file_names.best(self.folder))  # it is not there

    @parameterized.parameters(
        "{}/model.ckpt-7", "../x/model.ckpt-7", "./model.ckpt-7", "model.ckpt-7/../model.ckpt-7", "",
        "x", 'model.ckpt-7"', "model.ckpt-7.index")
    def test_a_path_outside_of_the_folder_is_an_error(self, name):
        self.write("best", 'model_checkpoint_path: "%s"\n' % name.format(self.folder))
        with self.assertRaisesRegex(InputError, "best: line 1: wanted the name of a checkpoint in "):
            file_names.best(self.folder)

    @parameterized.parameters(("", "a file that is not empty"), ("\udcff\n", "UTF-8"), ("\0", "UTF-8"),
                              ("x" * 100000, "line 1"))
    def test_other_contents_are_an_error(self, text, message):
        self.write("checkpoint", text)
        with self.assertRaisesRegex(InputError, "checkpoint:.*" + message):
            file_names.newest(self.folder)

    def test_links_and_pipes_are_errors(self):
        for name in ("best", "model.ckpt-7.index", "model.ckpt-7.data-00000-of-00001"):
            for make in (lambda path: os.symlink("target", path), os.mkfifo):
                self.write("target", 'model_checkpoint_path: "model.ckpt-7"\n')
                self.write("best", 'model_checkpoint_path: "model.ckpt-7"\n')
                os.unlink(self.path(name))
                make(self.path(name))
                with self.assertRaisesRegex(InputError, name + ": wanted .*, got a (link|pipe)"):
                    file_names.best(self.folder)
                os.unlink(self.path(name))


if __name__ == "__main__":
    absltest.main()
