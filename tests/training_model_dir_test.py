"""The folder of a model, and the conditions for resuming in it."""
import json
import os
import subprocess
import sys

from absl.testing import absltest, parameterized

from tests import run_program
from tf1_sampled import InputError
from tf1_sampled.training import model_dir

SETTINGS = {"dim": 8, "epochs": 5, "hidden": ["16", "8"], "rate": None}


class ModelDirTest(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.create_tempdir().full_path)

    def _open(self, path="model", program="recsys", restart=False, **changed):
        folder = model_dir.ModelDir(path, program, dict(SETTINGS, **changed), {"epochs"}, restart)
        self.addCleanup(folder.close)
        return folder

    def _begun(self, *arguments, data="1", **options):
        folder = self._open(*arguments, **options)
        folder.begin({"events": data})
        return folder

    def _leave_model(self):
        """Create a folder as a training does."""
        with self._begun():
            self._write("model.ckpt-1.index")

    def _write(self, *names):
        self._write_to("model", *names)

    def _write_to(self, folder, *names):
        for name in names:
            with open(os.path.join(folder, name), "w") as stream:
                stream.write("some")

    def test_unchanging_settings_leave_out_those_that_may_change(self):
        self.assertEqual(self._open("", epochs=7).unchanging({"events": "1"}), {
            "dim": 8, "hidden": ["16", "8"], "rate": None, "program": "recsys", "data": {"events": "1"}})

    def test_begin_creates_a_new_folder(self):
        folder = self._open("some/model")
        self.assertEqual((folder.is_resumed, folder.earlier("dim")), (False, None))
        self.assertFalse(os.path.exists("some"))
        folder.begin({"events": "1"})
        self.assertEqual(folder.path, "some/model")
        with open("some/model/settings.json") as stream:
            self.assertEqual(json.load(stream), {"program": "recsys", "settings": SETTINGS,
                                                 "data": {"events": "1"}})

    def test_an_empty_path_takes_the_next_free_folder(self):
        self.assertEqual([self._begun("").path for _ in range(3)],
                         [os.path.join("runs", "recsys-%d" % n) for n in (1, 2, 3)])

    def test_resumes_with_the_same_settings(self):
        self._leave_model()
        folder = self._begun(epochs=9)
        self.assertTrue(folder.is_resumed)
        self.assertEqual((folder.earlier("epochs"), folder.earlier("other")), (9, None))
        self.assertTrue(os.path.exists("model/model.ckpt-1.index"))

    def test_another_setting_is_shown(self):
        self._leave_model()
        with self.assertRaisesRegex(
                InputError, "model: wanted the settings that its model is trained with, got --dim=9 for "
                "8, --hidden=16 for 16,8, --rate=0.1 for None; choose another --model_dir, or"):
            self._open(dim=9, hidden=["16"], rate=0.1, epochs=1)

    def test_a_setting_that_is_new_in_this_version(self):
        self._leave_model()
        self.assertTrue(self._begun(more=1).is_resumed)

    def test_a_model_of_another_program_is_refused(self):
        self._leave_model()
        with self.assertRaisesRegex(InputError, "wanted a model of word2vec, got a model of recsys"):
            self._open(program="word2vec")

    def test_a_model_of_other_data_is_refused(self):
        self._leave_model()
        with self.assertRaisesRegex(InputError, "model: wanted the data that its model is trained on, "
                                    "got other events; --restart starts over"):
            self._begun(data="2")

    def test_restart_deletes_the_model_and_nothing_else(self):
        self._leave_model()
        self._write("model.ckpt-1.data-0", "checkpoint", "best", "bestiary")
        folder = self._open(restart=True, dim=9)
        self.assertEqual((folder.is_resumed, folder.earlier("dim")), (False, 8))
        folder.begin({"events": "2"})
        self.assertCountEqual(os.listdir("model"), ["settings.json", "lock", "bestiary"])
        folder.close()
        self.assertEqual(self._begun(dim=9, data="2").earlier("dim"), 9)  # of "bestiary" it is not empty

    def test_incomplete_files_are_deleted(self):
        self._leave_model()
        self._write(".making-vectors.bin.1", "vectors.bin")
        os.makedirs("model/.making-2/x")
        self._begun()
        self.assertCountEqual(os.listdir("model"), ["settings.json", "lock", "vectors.bin",
                                                    "model.ckpt-1.index"])

    def test_one_after_the_other_in_one_process(self):
        for path in ("model", "other", "model"):
            with self._open(path) as folder:
                folder.begin({"events": "1"})
                self._write_to(path, "model.ckpt-1.index")
                with self.assertRaisesRegex(InputError, "in use by process %d$" % os.getpid()):
                    self._open(path)
        self.assertTrue(folder.is_resumed)

    def test_a_closed_folder_can_begin_again(self):
        folder = self._begun(restart=True)
        self._write("model.ckpt-1.index")
        folder.close()
        self._open().close()  # it is not locked
        folder.begin({"events": "1"})
        self.assertTrue(os.path.exists("model/model.ckpt-1.index"))
        with self.assertRaisesRegex(InputError, "in use by process"):
            self._open()

    @parameterized.parameters((False, False), (True, True))
    def test_an_empty_folder_is_deleted_when_it_is_closed(self, writes, stays):
        with self._begun():
            if writes:
                self._write("model.ckpt-1.index")
        self.assertEqual(os.path.exists("model"), stays)

    def test_a_folder_with_early_files_alone_is_deleted_when_it_is_closed(self):
        for early, stays in ((["vocab.txt"], False), ([], True)):
            with model_dir.ModelDir("model", "recsys", SETTINGS, early=early) as folder:
                folder.begin({})
                self._write("vocab.txt")
            self.assertEqual(os.path.exists("model"), stays)

    def test_an_empty_folder_that_was_there_stays(self):
        os.mkdir("model")
        self._begun().close()
        self.assertTrue(os.path.exists("model"))

    def test_is_closed_after_an_error(self):
        with self.assertRaises(ZeroDivisionError):
            with self._begun():
                self._write("model.ckpt-1.index")
                raise ZeroDivisionError
        self._open()

    def test_a_model_of_unknown_settings(self):
        os.mkdir("model")
        self._write("model.ckpt-1.index")
        with self.assertRaisesRegex(InputError, "model: wanted a folder of this program or a new "
                                    "folder, got a model without settings.json"):
            self._open()

    @parameterized.parameters("", "{", "[]", "[" * 100000, '{"program": "recsys"}',
                              '{"program": 1, "settings": 2}')
    def test_broken_settings_are_an_error(self, text):
        os.mkdir("model")
        with open("model/settings.json", "w") as stream:
            stream.write(text)
        with self.assertRaisesRegex(InputError, "model/settings.json: wanted"):
            self._open()

    @parameterized.parameters("f", "f/model")
    def test_a_folder_that_cannot_be_made(self, path):
        with open("f", "w"):
            pass
        with self.assertRaisesRegex(InputError, "^f.*: wanted a folder for the model, got: "):
            self._begun(path)
        with open("runs", "w"):
            pass
        with self.assertRaisesRegex(InputError, "^runs: wanted a folder for the model, got: "):
            self._begun("")

    @parameterized.parameters(("lock", True), ("settings.json", False))
    def test_a_link_or_a_pipe_is_an_error_and_its_target_stays(self, name, with_restart):
        self._leave_model()
        before = open("model/settings.json").read()
        for make in (lambda path: os.symlink("../theirs", path), os.mkfifo):
            with open("theirs", "w") as stream:
                stream.write(before)
            os.unlink(os.path.join("model", name))
            make(os.path.join("model", name))
            for restart in (False, True)[:1 + with_restart]:
                with self.assertRaisesRegex(InputError, name + ": wanted .*, got a (link|pipe)"):
                    self._begun(restart=restart)
            with open("theirs") as stream:
                self.assertEqual(stream.read(), before)

    def test_links_are_replaced_by_a_model_that_starts_over(self):
        self._leave_model()
        os.unlink("model/settings.json")
        with open("theirs", "w") as stream:
            stream.write("theirs")
        for name in ("settings.json", "checkpoint", "model.ckpt-9.index"):
            os.symlink("../theirs", os.path.join("model", name))
        self._begun(restart=True)
        self.assertCountEqual(os.listdir("model"), ["settings.json", "lock"])
        self.assertFalse(os.path.islink("model/settings.json"))
        with open("theirs") as stream:
            self.assertEqual(stream.read(), "theirs")

    def test_the_folder_itself_may_be_a_link(self):
        os.mkdir("place")
        os.symlink("place", "model")
        self._leave_model()
        self.assertTrue(self._open().is_resumed)
        self.assertIn("settings.json", os.listdir("place"))

    def test_a_path_that_is_not_text_is_an_error(self):
        with self.assertRaisesRegex(InputError, r"^m\\udcff: wanted a path in .*, got other bytes"):
            self._open(os.fsdecode(b"m\xff"))
        self.assertEmpty(os.listdir("."))

    def test_a_folder_in_use_is_refused(self):
        self._begun()
        with self.assertRaisesRegex(InputError, "wanted a model_dir that no other program uses, got "
                                    "one in use by process %d$" % os.getpid()):
            self._open()

    def test_a_lock_ends_with_its_process(self):
        code = ("import os, sys\nfrom tf1_sampled.training import model_dir\n"
                "model_dir.ModelDir('model', 'recsys', %r).begin({'events': '1'})\n"
                "print('begun', flush=True)\nsys.stdin.read()\n" % SETTINGS)
        child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, env=run_program.environment(os.getcwd()))
        self.addCleanup(child.communicate)
        self.assertEqual(child.stdout.readline(), b"begun\n")
        with self.assertRaisesRegex(InputError, "in use by process %d$" % child.pid):
            self._open()
        child.kill()
        child.wait()
        self.assertTrue(self._begun().is_resumed)

    @parameterized.parameters((False, False), (True, True))
    def test_a_folder_without_a_model_is_deleted_at_the_end(self, writes, stays):
        code = ("from tf1_sampled.training import model_dir\n"
                "model_dir.ModelDir('model', 'recsys', {}).begin({})\n"
                "if %r: open('model/model.ckpt-1.index', 'w').close()\n"
                "raise SystemExit(1)" % writes)
        subprocess.call([sys.executable, "-c", code], env=run_program.environment(os.getcwd()))
        self.assertEqual(os.path.exists("model"), stays)


if __name__ == "__main__":
    absltest.main()
