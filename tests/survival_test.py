"""Faults of programs in real processes: kills, signals, damage, a full disk."""
import os
import signal
import subprocess
import time

from absl.testing import absltest, parameterized

from tests import survival

_PROGRAMS = sorted(survival.ARGUMENTS)


class SurvivalTest(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path
        survival.write_data(self.folder)

    def _stopped(self, program, steps, *arguments, number=signal.SIGTERM):
        """Return (exit code, standard error) of a run that is stopped after `steps` saved steps."""
        survival.newest(self.folder)  # imports TensorFlow now, as the program could end meanwhile
        process = survival.start(program, self.folder, *arguments)
        end = time.time() + 120
        while survival.newest(self.folder) < steps and time.time() < end and process.exitcode is None:
            time.sleep(0.01)
        os.kill(process.pid, number)
        code = survival.wait(process)
        with open(os.path.join(self.folder, "err.txt")) as stream:
            return code, stream.read()

    def _path(self, *names):
        return os.path.join(self.folder, "model", *names)

    def _run(self, program, *arguments, wanted=0, **options):
        code, out, err = survival.run(program, self.folder, *arguments, **options)
        self.assertEqual(code, wanted, err)
        self.assertNotIn("Traceback", err)
        return out, err

    @parameterized.parameters(*_PROGRAMS)
    def test_a_killed_training_resumes_exactly(self, program):
        self.assertLen(survival.kill(program, 2, report=lambda line: None), 2)

    @parameterized.parameters(("run_recsys.py", signal.SIGINT), ("run_word2vec.py", signal.SIGTERM))
    def test_a_signal_saves_and_prints_how_to_resume(self, program, number):
        code, err = self._stopped(program, 50, number=number)
        self.assertEqual(code, 128 + number, err)
        self.assertRegex(
            err, r"%s: stopped by %s; to resume:\n    python \S*%s .*--model_dir=model.*\n$" % (
            program, number.name, program))
        step = survival.newest(self.folder)
        out, _ = self._run(program)
        self.assertIn("Resuming from model/model.ckpt-%d\n" % step, out)
        self.assertIn("Wrote model/, ", out)

    def test_other_settings_and_another_text_are_refused(self):
        program = "run_word2vec.py"
        self._stopped(program, 50)
        step = survival.newest(self.folder)
        _, err = self._run(program, "--dim=9", wanted=1)
        self.assertIn("model: wanted the settings that its model is trained with, got --dim=9 for 8",
                      err)
        survival.write_data(self.folder, seed=2)
        _, err = self._run(program, wanted=1)
        self.assertIn("model: wanted the data that its model is trained on, got other text", err)
        self.assertEqual(survival.newest(self.folder), step)
        out, _ = self._run(program, "--restart", "--dim=9", "--epochs=1", "--save_seconds=600")
        self.assertNotIn("Resuming", out)
        out, _ = self._run(program, "--dim=9", "--epochs=2", "--learning_rate=0.01")
        self.assertIn("Resuming from model/model.ckpt-", out)

    def test_other_events_are_refused(self):
        program = "run_recsys.py"
        self._stopped(program, 50)
        survival.write_data(self.folder, seed=2)
        _, err = self._run(program, wanted=1)
        self.assertIn("model: wanted the data that its model is trained on, got other events", err)

    def test_two_programs_on_one_folder(self):
        program = "run_word2vec.py"
        process = survival.start(program, self.folder)
        while not os.path.exists(self._path("settings.json")) and process.exitcode is None:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGSTOP)
        try:
            _, err = self._run(program, wanted=1)
            self.assertIn("wanted a model_dir that no other program uses, got one in use by process "
                          "%d" % process.pid, err)
        finally:
            os.kill(process.pid, signal.SIGCONT)
        self.assertEqual(survival.wait(process), 0)

    @parameterized.parameters(("run_recsys.py", -1), ("run_word2vec.py", 0))
    def test_a_damaged_checkpoint_is_replaced_by_the_one_before(self, program, cut):
        self._stopped(program, 100)
        step = survival.newest(self.folder)
        path = self._path("model.ckpt-%d.data-00000-of-00001" % step)
        os.truncate(path, cut % os.path.getsize(path))
        before = max(int(name[len("model.ckpt-"):-len(".index")]) for name in os.listdir(self._path())
                     if name.endswith(".index") and "-%d." % step not in name)
        out, _ = self._run(program)
        self.assertIn("model/model.ckpt-%d is damaged: " % step, out)
        self.assertIn("Resuming from an earlier checkpoint: model/model.ckpt-%d\n" % before, out)
        survival.check_whole(program, self.folder)

    def test_no_room_for_a_checkpoint(self):
        program = "run_word2vec.py"
        self._stopped(program, 50)
        step = survival.newest(self.folder)
        size = os.path.getsize(self._path("model.ckpt-%d.data-00000-of-00001" % step))
        _, err = self._run(program, wanted=1, file_size_limit=size // 2)
        self.assertRegex(err, "%s: error: model: wanted room for a checkpoint, got: .*Last checkpoint: "
                         "model/model.ckpt-%d" % (program, step))
        survival.check_whole(program, self.folder)
        self.assertEqual(survival.newest(self.folder), step)
        out, _ = self._run(program)
        self.assertIn("Resuming from model/model.ckpt-%d\n" % step, out)

    def test_a_full_disk_is_a_one_line_error_and_checkpoints_are_undamaged(self):
        os.mkdir(self._path())
        mounted = subprocess.call(["mount", "-t", "tmpfs", "-o", "size=700k", "none", self._path()],
                                  stderr=subprocess.DEVNULL) == 0
        if not mounted:
            self.skipTest("no tmpfs can be mounted here")
        self.addCleanup(subprocess.call, ["umount", self._path()])
        # There is room for two checkpoints.
        _, err = self._run("run_word2vec.py", "--keep=99", wanted=1)
        self.assertIn("No space left on device", err)
        self.assertEqual(err.count("run_word2vec.py: error: "), 1, err)
        survival.check_whole("run_word2vec.py", self.folder)
        self.assertGreater(survival.newest(self.folder), 0)


if __name__ == "__main__":
    absltest.main()
