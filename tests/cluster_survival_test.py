"""A cluster of real processes: its score, and what becomes of it when some of them are killed."""
import json
import os
import signal
import subprocess
import sys
import time

from absl.testing import absltest, parameterized

from tests import run_program, survival

_RECSYS_PATH = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "run_recsys.py")
# Tables large enough to be cut into parts.
_RECSYS = ("--dim=256", "--hidden=256")


class ClusterTest(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path
        survival.write_data(self.folder)
        survival.newest(self.folder)  # imports TensorFlow, in which time a program could end

    def _loss(self, folder):
        """What a training came to, on held-out data."""
        with open(os.path.join(folder, "model", "metrics.json")) as stream:
            return json.load(stream)["full_softmax_loss"]

    def _alone(self, program, *arguments):
        """The loss of one machine."""
        folder = os.path.join(self.folder, "alone")
        os.mkdir(folder)
        survival.write_data(folder)
        code, _, err = survival.run(program, folder, *arguments)
        self.assertEqual(code, 0, err)
        return self._loss(folder)

    def _cluster(self, program, *arguments, **options):
        cluster = survival.Cluster(program, self.folder, *arguments, **options)
        self.addCleanup(cluster.kill)
        return cluster

    def _wait_for_step(self, step):
        end = time.time() + 60
        while survival.newest(self.folder) < step:
            if time.time() > end:
                with open(os.path.join(self.folder, "err.txt")) as stream:
                    self.fail("no checkpoint of step %d: %s" % (step, stream.read()))
            time.sleep(0.02)

    def _assert_ended(self, cluster):
        codes = cluster.wait()
        errors = {key: cluster.text(*key, "err.txt") for key in codes}
        self.assertEqual(codes, dict.fromkeys(codes, 0), errors)
        for text in errors.values():
            self.assertNotIn("Traceback", text)

    @parameterized.parameters(False, True)
    def test_kills_of_each_kind_of_process(self, is_sync):
        # So small a rate, and so long, that neither the noise of the default's rate (1% between two
        # asynchronous trainings) nor some steps more or less decide.
        arguments = _RECSYS + (("--epochs=4", "--learning_rate=0.001") if is_sync else
                               ("--epochs=8", "--learning_rate=0.0005"))
        # A step together is one on the examples of both.
        alone = self._alone("run_recsys.py", *arguments, "--batch_size=%d" % (256 if is_sync else 128))
        cluster = self._cluster("run_recsys.py", *arguments, "--sync=%s" % is_sync)
        self._wait_for_step(60)
        cluster.send("worker", 1)
        cluster.start("worker", 1)
        self._wait_for_step(survival.newest(self.folder) + 50)
        cluster.send("ps", 1)
        time.sleep(1)
        cluster.start("ps", 1)
        end = time.time() + 120
        while "Going on from model/model.ckpt-" not in cluster.text(*survival.CHIEF):
            self.assertLess(time.time(), end, cluster.text(*survival.CHIEF))
            time.sleep(0.05)
        self.assertIn("Lost a parameter server (", cluster.text(*survival.CHIEF))
        self._wait_for_step(survival.newest(self.folder) + 50)
        cluster.send(*survival.CHIEF)
        cluster.start(*survival.CHIEF)
        self._assert_ended(cluster)
        self.assertIn("Going on with what the parameter servers have", cluster.text(*survival.CHIEF))
        self.assertLess(self._loss(self.folder) / alone, 1.02)
        survival.check_whole("run_recsys.py", self.folder)

    @parameterized.parameters(False, True)
    def test_a_worker_that_does_not_come_back(self, is_sync):
        cluster = self._cluster("run_recsys.py", "--epochs=4", "--sync=%s" % is_sync)
        self._wait_for_step(50)
        cluster.send("worker", 1)
        codes = cluster.wait()
        self.assertEqual(codes, {("worker", 0): 0, ("worker", 1): -signal.SIGKILL, ("ps", 0): 0,
                                 ("ps", 1): 0}, cluster.text(*survival.CHIEF, "err.txt"))
        self.assertIn("Worker 1 is gone; its work is done here\n", cluster.text(*survival.CHIEF))
        if not is_sync:  # in which a step is one on the examples of both
            self.assertGreaterEqual(survival.newest(self.folder), 4 * 51000 // 128)

    def test_the_launcher_keeps_what_a_killed_chief_made_and_tells_how_to_go_on(self):
        arguments = ["--events=data.txt", "--num_sampled=10", "--batch_size=128", "--epochs=500",
                     "--save_seconds=1"]
        command = ["-m", "tf1_sampled.cluster.launch", "--ps=1", "--workers=2", "--", _RECSYS_PATH, *arguments]
        os.symlink("runs/recsys-1", os.path.join(self.folder, "model"))  # where `survival` looks
        err_path = os.path.join(self.folder, "err.txt")
        with open(err_path, "w") as err:
            launcher = subprocess.Popen(
                [sys.executable, *command, "--restart"], cwd=self.folder,
                env=run_program.environment(self.folder), stdout=subprocess.DEVNULL, stderr=err)
        self.addCleanup(launcher.wait)
        self.addCleanup(launcher.terminate)
        self._wait_for_step(200)
        with open(os.path.join(self.folder, "model", "lock")) as lock:
            os.kill(int(lock.read()), signal.SIGKILL)
        step = survival.newest(self.folder)
        self._wait_for_step(step + 200)
        launcher.send_signal(signal.SIGINT)
        self.assertEqual(launcher.wait(60), 130)
        self.assertEqual(os.listdir(os.path.join(self.folder, "runs")), ["recsys-1"])
        with open(err_path) as err:
            text = err.read()
        self.assertIn("launch: worker 0 was killed by SIGKILL; it is started again\n", text)
        self.assertEqual(text.count("to go on"), 1, text)
        self.assertEndsWith(text, "launch: stopped by SIGINT; to go on:\n    python %s --model_dir="
                            "runs/recsys-1\n" % " ".join(command))

    def test_checkpoints_move_between_one_machine_and_clusters(self):
        program, arguments = "run_word2vec.py", ("--dim=256", "--epochs=30", "--saved_model=saved_model")
        alone = self._alone(program, *arguments)
        # Two parameter servers and two workers begin.
        cluster = self._cluster(program, *arguments)
        self._wait_for_step(50)
        cluster.send(*survival.CHIEF, signal.SIGTERM)
        self.assertEqual(cluster.wait()[survival.CHIEF], 143)
        step = survival.newest(self.folder)
        # One machine goes on.
        process = survival.start(program, self.folder, *arguments)
        self._wait_for_step(step + 50)
        os.kill(process.pid, signal.SIGTERM)
        self.assertEqual(survival.wait(process), 143)
        with open(os.path.join(self.folder, "out.txt")) as stream:
            self.assertIn("Going on from model/model.ckpt-%d\n" % step, stream.read())
        step = survival.newest(self.folder)
        # Three parameter servers and one worker end it.
        cluster = self._cluster(program, *arguments, num_ps=3, num_workers=1)
        self._assert_ended(cluster)
        self.assertIn("Going on from model/model.ckpt-%d\n" % step, cluster.text(*survival.CHIEF))
        self.assertLess(self._loss(self.folder) / alone, 1.02)

    @parameterized.parameters(("--num_sampled=11", "num_sampled=11 for 10"),
                              ("--sync", "sync=True for False"),
                              ("--epochs=4", "num_pieces=32 for 24, num_units=204000 for 153000"))
    def test_a_worker_of_other_settings_is_refused(self, other, told):
        cluster = self._cluster("run_recsys.py", "--epochs=3", absent=[("worker", 1)])
        cluster.start("worker", 1, other)
        codes = cluster.wait()
        self.assertEqual(codes, {("worker", 0): 0, ("worker", 1): 1, ("ps", 0): 0, ("ps", 1): 0})
        self.assertEqual(cluster.text("worker", 1, "err.txt"), "run_recsys.py: error: train: settings: "
                         "wanted those of the chief, got %s\n" % told)


if __name__ == "__main__":
    absltest.main()
