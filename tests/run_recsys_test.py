"""The program as a user runs it, on events with a known answer."""
import json
import os

import numpy as np
from absl.testing import absltest, parameterized

from tests import run_program


def _events():
    """Users who take 30 items in a circle, each from a place of its own: the next item is known."""
    random = np.random.RandomState(1)
    lines = ["userId,movieId,rating,timestamp"]
    for user in range(400):
        start = random.randint(30)
        lines += ["%d,%d,3.5,%d" % (user, (start + i) % 30, 1000 + i) for i in range(8)]
    return "\n".join(lines) + "\n"


class RunRecsysTest(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path
        self.events = self.create_tempfile("ratings.csv", _events()).full_path

    def _run(self, *arguments):
        return run_program.run("run_recsys.py", self.folder, *arguments)

    @parameterized.parameters(["--loss=nce", "--similarity=dot", "--hidden=32,16", "--l2=0.0001"],
                              ["--sampler=fixed_unigram", "--k=1,10"])
    def test_from_events_to_recommendations(self, *arguments):
        titles = "movieId,title,genres\n" + "".join(
            '%d,"Part %d, the film",x\n' % (i, i) for i in range(30))
        code, out, err = self._run(
            "--num_sampled=10", "--events=" + self.events, "--dim=16", "--batch_size=64",
            "--history_length=1", "--epochs=20", "--learning_rate=0.02", "--model_dir=model",
            "--titles=" + self.create_tempfile("movies.csv", titles).full_path, *arguments)
        self.assertEqual(code, 0, err)
        self.assertIn("3,200 events of 400 users and 30 items; 2,000 examples to train on", out)
        self.assertIn("the film", out)
        with open(os.path.join(self.folder, "model", "metrics.json")) as stream:
            metrics = json.load(stream)
        self.assertCountEqual(metrics, [
            "settings", "versions", "seconds", "examples_per_second", "full_softmax_loss", "scores",
            "validation_scores", "baselines", "files"])
        self.assertCountEqual(metrics["baselines"], ["popularity", "random"])
        self.assertGreater(metrics["scores"]["HR@10"], 0.9)
        self.assertLess(metrics["baselines"]["random"]["HR@10"], 0.7)
        self.assertLess(metrics["full_softmax_loss"], 1.5)
        for path in metrics["files"]:
            self.assertTrue(os.path.exists(os.path.join(self.folder, path)), path)
        for scores in (metrics["scores"], metrics["validation_scores"],
                       metrics["baselines"]["random"], metrics["baselines"]["popularity"]):
            self.assertIn("NDCG@10", scores)
            self.assertIn("MRR", scores)

    @parameterized.named_parameters(
        ("missing", ["--events=no/such/file"], "no/such/file: wanted"),
        ("line", ["--events=BROKEN"], "broken.csv: line 3: wanted a number in column 'timestamp'"),
        ("rare", ["--events=EVENTS", "--min_count=100000"], "wanted at least two items"),
        ("sampled", ["--events=EVENTS", "--num_sampled=31"],
         "num_sampled: wanted at most range_max = 30 when unique, got 31"),
        ("zero", ["--events=EVENTS", "--num_sampled=0"], "num_sampled"),
        ("hidden", ["--events=EVENTS", "--hidden=3,x"], "--hidden: value: wanted integers above 0"),
        ("temperature", ["--events=EVENTS", "--temperature=-1"], "temperature: wanted a number above 0"),
        ("titles", ["--events=EVENTS", "--titles=no/titles"], "no/titles: wanted"),
        ("cut", ["--events=EVENTS", "--k=31"], "--k: wanted at most 30 items, got 31"),
        ("no_cut", ["--k="], "--k: wanted one integer or more, got []"),
        ("sampler", ["--sampler=zipf"], "log_uniform"),
    )
    def test_wrong_input_is_one_line(self, arguments, message):
        broken = self.create_tempfile("broken.csv", _events().replace(",1001", ",later", 1)).full_path
        code, _, err = self._run(*[a.replace("EVENTS", self.events).replace("BROKEN", broken)
                                   for a in arguments])
        self.assertEqual(code, 1, err)
        self.assertIn(message, err)
        self.assertNotIn("Traceback", err)
        self.assertEmpty(set(os.listdir(self.folder)) - {run_program.CACHE})

    def test_a_bad_file_needs_no_tensorflow(self):
        code, _, err = run_program.run("run_recsys.py", self.folder, "--events=nowhere",
                                       no_tensorflow=True)
        self.assertEqual(code, 1)
        self.assertStartsWith(err, "run_recsys.py: error: nowhere: wanted a readable file")

    @parameterized.parameters("run_recsys.py", "run_recsys")
    def test_help_needs_no_tensorflow(self, program):
        code, out, err = run_program.run(program, self.folder, "--help", no_tensorflow=True)
        self.assertEqual((code, err), (1, ""))  # absl's exit code for --help
        for flag in ("--events", "--hidden", "--learning_rate", "--similarity"):
            self.assertIn(flag, out)
        self.assertIn("Trains a recommender's candidate generator", out)


if __name__ == "__main__":
    absltest.main()
