"""A cluster of real processes of which some are killed: its score is that of one machine."""
import time

from absl.testing import absltest, parameterized

from tests import cluster_survival_case, survival


class KillsTest(cluster_survival_case.ClusterSurvivalCase):

    @parameterized.parameters(False, True)
    def test_kills_of_each_kind_of_process(self, is_sync):
        # So small a rate, and so long, that neither the noise of the default's rate (1% between two
        # asynchronous trainings) nor some steps more or less decide.
        num_epochs, rate = (4, 0.001) if is_sync else (8, 0.0005)
        arguments = cluster_survival_case.RECSYS + (
            "--epochs=%d" % num_epochs, "--learning_rate=%g" % rate)
        # A step together is one on the examples of both.
        alone = self.alone("run_recsys.py", *arguments, "--batch_size=%d" % (256 if is_sync else 128))
        cluster = self.cluster("run_recsys.py", *arguments, "--sync=%s" % is_sync)
        self.wait_for_step(60)
        cluster.send("worker", 1)
        cluster.start("worker", 1)
        self.wait_for_step(survival.newest(self.folder) + 50)
        cluster.send("ps", 1)
        time.sleep(1)
        cluster.start("ps", 1)
        end = time.time() + 120
        while "Going on from model/model.ckpt-" not in cluster.text(*survival.CHIEF):
            self.assertLess(time.time(), end, cluster.text(*survival.CHIEF))
            time.sleep(0.05)
        self.assertIn("Lost a parameter server (", cluster.text(*survival.CHIEF))
        self.wait_for_step(survival.newest(self.folder) + 50)
        cluster.send(*survival.CHIEF)
        cluster.start(*survival.CHIEF)
        self.assert_ended(cluster)
        self.assertIn("Going on with what the parameter servers have", cluster.text(*survival.CHIEF))
        # The chosen model is of the end: that of the validation before has a loss that is 3% higher.
        self.assertEqual(self.metrics(self.folder)["validations"][-1]["examples"], num_epochs * 51000)
        self.assertLess(self.loss(self.folder) / alone, 1.02)
        survival.check_whole("run_recsys.py", self.folder)


if __name__ == "__main__":
    absltest.main()
