"""A test case with a cluster of real processes in a folder of the test."""
import json
import os
import time

from absl.testing import parameterized

from tests import survival


class ClusterSurvivalCase(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path
        survival.write_data(self.folder)
        survival.newest(self.folder)  # imports TensorFlow now, as the program could end meanwhile

    def metrics(self, folder):
        """Return metrics.json of a training."""
        with open(os.path.join(folder, "model", "metrics.json")) as stream:
            return json.load(stream)

    def loss(self, folder):
        """Return the loss of the model that a training chose, on held-out data."""
        return self.metrics(folder)["full_softmax_loss"]

    def alone(self, program, *arguments):
        """Return the loss of a training on one machine."""
        folder = self.create_tempdir().full_path
        survival.write_data(folder)
        code, _, err = survival.run(program, folder, *arguments)
        self.assertEqual(code, 0, err)
        return self.loss(folder)

    def cluster(self, program, *arguments, **options):
        cluster = survival.Cluster(program, self.folder, *arguments, **options)
        self.addCleanup(cluster.kill)
        return cluster

    def wait_for_step(self, step):
        end = time.time() + 120
        while survival.newest(self.folder) < step:
            if time.time() > end:
                with open(os.path.join(self.folder, "err.txt")) as stream:
                    self.fail("no checkpoint of step %d: %s" % (step, stream.read()))
            time.sleep(0.02)

    def assert_ended(self, cluster):
        codes = cluster.wait()
        errors = {key: cluster.text(*key, "err.txt") for key in codes}
        self.assertEqual(codes, dict.fromkeys(codes, 0), {
            key: cluster.text(*key) + errors[key] for key in codes})
        for text in errors.values():
            self.assertNotIn("Traceback", text)
