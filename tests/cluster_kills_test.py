"""A cluster of real processes of which some are killed: its score equals that of one machine."""
import time

from absl.testing import absltest, parameterized

from tests import cluster_survival_case, survival

# A matrix large enough for several parts. The rate is small and the training long, so that neither the
# noise of asynchronous trainings (1% with the default rate) nor a few steps change the score much.
_EPOCHS = 6
_ARGUMENTS = ("--dim=64", "--hidden=512", "--epochs=%d" % _EPOCHS, "--learning_rate=0.001",
              "--dropout=0", "--num_sampled=100", "--frequency_bias=1", "--pooling=mean",
              "--history_length=10", "--validations=1")
_EXAMPLES = 512  # in a step


class KillsTest(cluster_survival_case.ClusterSurvivalCase):

    alone_loss = []

    def loss_alone(self):
        """Return the loss of a training on one machine, which runs once."""
        if not self.alone_loss:
            self.alone_loss.append(self.alone(
                "run_recsys.py", *_ARGUMENTS, "--batch_size=%d" % _EXAMPLES))
        return self.alone_loss[0]

    @parameterized.parameters(False, True)
    def test_kills_of_each_kind_of_process(self, is_sync):
        alone = self.loss_alone()
        # A synchronous step uses the examples of both workers.
        batch_size = _EXAMPLES // 2 if is_sync else _EXAMPLES
        cluster = self.cluster("run_recsys.py", *_ARGUMENTS, "--sync=%s" % is_sync,
                               "--batch_size=%d" % batch_size)
        self.wait_for_step(30)
        cluster.send("worker", 1)
        cluster.start("worker", 1)
        self.wait_for_step(survival.newest(self.folder) + 25)
        cluster.send("ps", 1)
        time.sleep(1)
        cluster.start("ps", 1)
        end = time.time() + 120
        while "Resuming from model/model.ckpt-" not in cluster.text(*survival.CHIEF):
            self.assertLess(time.time(), end, cluster.text(*survival.CHIEF))
            time.sleep(0.05)
        self.assertIn("Lost a parameter server (", cluster.text(*survival.CHIEF))
        self.wait_for_step(survival.newest(self.folder) + 25)
        cluster.send(*survival.CHIEF)
        cluster.start(*survival.CHIEF)
        self.assert_ended(cluster)
        self.assertIn("Resuming with the variables of the parameter servers",
                      cluster.text(*survival.CHIEF))
        # The chosen model is the last one.
        self.assertEqual(self.metrics(self.folder)["validations"][-1]["examples"], _EPOCHS * 51000)
        self.assertLess(self.loss(self.folder) / alone, 1.02)
        survival.check_whole("run_recsys.py", self.folder)


if __name__ == "__main__":
    absltest.main()
