"""A cluster of real processes: lost or wrong workers, the launcher, checkpoints on other clusters."""
import os
import signal
import subprocess
import sys

from absl.testing import absltest, parameterized

from tests import cluster_survival_case, run_program, survival

_RECSYS_PATH = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "run_recsys.py")


class SurvivalTest(cluster_survival_case.ClusterSurvivalCase):

    @parameterized.parameters(False, True)
    def test_the_work_of_a_lost_worker_is_finished(self, is_sync):
        cluster = self.cluster("run_recsys.py", "--epochs=2", "--sync=%s" % is_sync)
        self.wait_for_step(50)
        cluster.send("worker", 1)
        codes = cluster.wait()
        self.assertEqual(codes, {("worker", 0): 0, ("worker", 1): -signal.SIGKILL, ("ps", 0): 0,
                                 ("ps", 1): 0}, cluster.text(*survival.CHIEF, "err.txt"))
        self.assertIn("Worker 1 has ended; this worker continues its work\n",
                      cluster.text(*survival.CHIEF))
        self.assertIn("Catalogue: ", cluster.text(*survival.CHIEF))
        self.assertNotIn("Catalogue: ", cluster.text("worker", 1))
        if not is_sync:  # a synchronous step uses the examples of both workers
            self.assertGreaterEqual(survival.newest(self.folder), 2 * 51000 // 128)

    def test_the_launcher_resumes_after_a_killed_chief_and_prints_how_to_resume(self):
        arguments = ["--events=data.txt", "--num_sampled=10", "--batch_size=128", "--epochs=500",
                     "--save_seconds=1"]
        command = ["-m", "tf1_sampled.cluster.launch", "--ps=1", "--workers=2", "--", _RECSYS_PATH,
                   *arguments]
        os.symlink("runs/recsys-1", os.path.join(self.folder, "model"))  # read by `survival`
        err_path = os.path.join(self.folder, "err.txt")
        with open(err_path, "w") as err:
            launcher = subprocess.Popen(
                [sys.executable, *command, "--restart"], cwd=self.folder,
                env=run_program.environment(self.folder), stdout=subprocess.DEVNULL, stderr=err)
        self.addCleanup(launcher.wait)
        self.addCleanup(launcher.terminate)
        self.wait_for_step(50)
        with open(os.path.join(self.folder, "model", "lock")) as lock:
            os.kill(int(lock.read()), signal.SIGKILL)
        step = survival.newest(self.folder)
        self.wait_for_step(step + 50)
        launcher.send_signal(signal.SIGINT)
        self.assertEqual(launcher.wait(60), 130)
        self.assertEqual(os.listdir(os.path.join(self.folder, "runs")), ["recsys-1"])
        with open(err_path) as err:
            text = err.read()
        self.assertIn("launch: worker 0 was killed by SIGKILL; it is restarted\n", text)
        self.assertEqual(text.count("to resume"), 1, text)
        self.assertEndsWith(text, "launch: stopped by SIGINT; to resume:\n    python %s --model_dir="
                            "runs/recsys-1\n" % " ".join(command))

    def test_checkpoints_move_between_one_machine_and_clusters(self):
        program, arguments = "run_word2vec.py", ("--dim=256", "--epochs=12", "--saved_model=saved_model")
        alone = self.alone(program, *arguments)
        # Two parameter servers and two workers start.
        cluster = self.cluster(program, *arguments)
        self.wait_for_step(50)
        cluster.send(*survival.CHIEF, signal.SIGTERM)
        self.assertEqual(cluster.wait()[survival.CHIEF], 143)
        step = survival.newest(self.folder)
        # One machine resumes.
        process = survival.start(program, self.folder, *arguments)
        self.wait_for_step(step + 50)
        os.kill(process.pid, signal.SIGTERM)
        self.assertEqual(survival.wait(process), 143)
        with open(os.path.join(self.folder, "out.txt")) as stream:
            self.assertIn("Resuming from model/model.ckpt-%d\n" % step, stream.read())
        step = survival.newest(self.folder)
        # Three parameter servers and one worker finish.
        cluster = self.cluster(program, *arguments, num_ps=3, num_workers=1)
        self.assert_ended(cluster)
        self.assertIn("Resuming from model/model.ckpt-%d\n" % step, cluster.text(*survival.CHIEF))
        self.assertLess(self.loss(self.folder) / alone, 1.02)

    def test_workers_of_other_settings_are_refused(self):
        others = {1: ("--num_sampled=11", "num_sampled=11 for 10"), 2: ("--sync", "sync=True for False"),
                  3: ("--epochs=4", "num_pieces=32 for 16, num_units=204000 for 102000")}
        cluster = self.cluster("run_recsys.py", "--epochs=2", num_workers=4,
                               absent=[("worker", index) for index in others])
        for index, (other, _) in others.items():
            cluster.start("worker", index, other)
        codes = cluster.wait()
        self.assertEqual(codes, {("worker", 0): 0, ("worker", 1): 1, ("worker", 2): 1, ("worker", 3): 1,
                                 ("ps", 0): 0, ("ps", 1): 0})
        for index, (_, got) in others.items():
            self.assertEqual(cluster.text("worker", index, "err.txt"), "run_recsys.py: error: train: "
                             "settings: wanted the settings of the chief, got %s\n" % got)


if __name__ == "__main__":
    absltest.main()
