"""The program as a user runs it, on text with a known answer."""
import json
import os

import numpy as np
from absl.testing import absltest, parameterized

from tests import run_program
from tf1_sampled.word2vec import vectors

# Two sets of words that never stand in one sentence.
_TOPICS = ("apple bread cheese dates eggs".split(), "anvil bolt chisel drill engine".split())


def _text():
    random = np.random.RandomState(1)
    lines = []
    for _ in range(2000):
        topic = _TOPICS[random.randint(2)]
        lines.append(" ".join(topic[i] for i in random.randint(0, 5, 12)))
    return "\n".join(lines)


class RunWord2vecTest(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path
        self.corpus = self.create_tempfile("corpus.txt", _text()).full_path

    def _run(self, *arguments):
        return run_program.run("run_word2vec.py", self.folder, *arguments)

    def test_from_text_to_vectors(self):
        pairs = "".join("%s\t%s\t%d\n" % (a, b, 10 if s == t else 1)
                        for s in (0, 1) for t in (0, 1) for a in _TOPICS[s] for b in _TOPICS[t] if a < b)
        judged = self.create_tempfile("pairs.tsv", pairs + "apple\tunheard\t5\n").full_path
        code, out, err = self._run(
            "--loss=sampled_softmax", "--corpus=" + self.corpus, "--dim=16", "--batch_size=256",
            "--sample=0", "--epochs=3", "--l2=0.0001", "--model_dir=model", "--vectors=out/words.txt",
            "--eval_similarity=" + judged)
        self.assertEqual(code, 0, err)
        self.assertIn("24,000 words, 10 different ones that come 5 times or more", out)
        self.assertRegex(out, r"Full softmax loss on held-out text: 1\.\d+ nats")
        self.assertIn("with an unknown word left out", out)
        words, rows = vectors.read_vectors(os.path.join(self.folder, "out", "words.txt"))
        self.assertCountEqual(words, _TOPICS[0] + _TOPICS[1])
        self.assertEqual(rows.shape, (10, 16))
        with open(os.path.join(self.folder, "model", "metrics.json")) as stream:
            metrics = json.load(stream)
        self.assertCountEqual(metrics, ["settings", "versions", "seconds", "words_per_second", "scores",
                                        "full_softmax_loss", "baselines", "files"])
        self.assertCountEqual(metrics["seconds"], ["read", "train", "evaluate"])
        self.assertGreater(metrics["scores"]["pairs.tsv"], 0.8)
        self.assertAlmostEqual(metrics["full_softmax_loss"], np.log(5), delta=0.1)
        self.assertEqual(metrics["settings"]["dim"], 16)
        for path in metrics["files"]:
            self.assertTrue(os.path.exists(os.path.join(self.folder, path)), path)
        self.assertIn("Wrote " + ", ".join(metrics["files"]), out)

    def test_same_seed_same_vectors(self):
        rows = []
        for name in ("a", "b"):
            code, _, err = self._run("--corpus=" + self.corpus, "--dim=4", "--batch_size=4096",
                                     "--epochs=1", "--model_dir=" + name)
            self.assertEqual(code, 0, err)
            rows.append(vectors.read_vectors(os.path.join(self.folder, name, "vectors.bin"))[1])
        # Threads add up gradients in any order.
        np.testing.assert_allclose(rows[0], rows[1], rtol=1e-3, atol=1e-4)

    @parameterized.named_parameters(
        ("missing", ["--corpus=no/such/file"], "no/such/file: wanted"),
        ("folder", ["--corpus=."], "wanted"),
        ("no_word", ["--corpus=CORPUS", "--min_count=99999"], "at least 2 different words"),
        ("batch", ["--corpus=CORPUS", "--batch_size=100"], "--batch_size: wanted a multiple of 32"),
        ("rate", ["--corpus=CORPUS", "--learning_rate=0"], "wanted a number above 0"),
        ("vectors", ["--corpus=CORPUS", "--vectors=/proc/x/y"], "/proc/x/y: wanted a place to write"),
        ("similarity", ["--corpus=CORPUS", "--eval_similarity=CORPUS"], "corpus.txt: line 1: wanted"),
        ("loss", ["--loss=hinge"], "nce|negative_sampling"),
        ("all", ["--corpus=CORPUS", "--sampler=all", "--num_sampled=3"], "wanted all the classes"),
    )
    def test_wrong_input_is_one_line(self, arguments, message):
        code, out, err = self._run(*[a.replace("CORPUS", self.corpus) for a in arguments])
        self.assertEqual(code, 1)
        self.assertIn(message, err)
        self.assertNotIn("Traceback", err)
        self.assertEqual(os.listdir(self.folder), [])

    def test_one_word_and_binary_corpora(self):
        for content, message in [(b"a a a a a a a", "at least 2 different words"),
                                 (b"\0\1\2", "a binary file"), (b"", "an empty file")]:
            path = self.create_tempfile(content=content, mode="wb").full_path
            code, _, err = self._run("--corpus=" + path)
            self.assertEqual((code, len(err.splitlines())), (1, 1), err)
            self.assertIn(message, err)

    def test_a_loss_that_diverges_stops_the_training(self):
        code, _, err = self._run("--corpus=" + self.corpus, "--optimizer=sgd", "--learning_rate=1e20",
                                 "--batch_size=256", "--model_dir=model")
        self.assertEqual(code, 1, err)
        self.assertRegex(err.splitlines()[-1], "loss: wanted a finite number, got (nan|inf) at step ")
        self.assertNotIn("Traceback", err)
        self.assertEqual(os.listdir(os.path.join(self.folder, "model")), [])

    def test_an_earlier_model_is_kept(self):
        os.makedirs(os.path.join(self.folder, "model"))
        with open(os.path.join(self.folder, "model", "model.ckpt-1.index"), "w"):
            pass
        code, _, err = self._run("--corpus=" + self.corpus, "--model_dir=model")
        self.assertEqual(code, 1)
        self.assertIn("wanted a model_dir without a checkpoint", err)

    def test_a_bad_file_needs_no_tensorflow(self):
        code, _, err = run_program.run("run_word2vec.py", self.folder, "--corpus=nowhere",
                                       no_tensorflow=True)
        self.assertEqual(code, 1)
        self.assertStartsWith(err, "run_word2vec.py: error: nowhere: wanted a readable file")

    @parameterized.parameters("run_word2vec.py", "run_word2vec")
    def test_help_needs_no_tensorflow(self, program):
        code, out, err = run_program.run(program, self.folder, "--help", no_tensorflow=True)
        self.assertEqual((code, err), (1, ""))  # absl's exit code for --help
        for flag in ("--loss", "--sampler", "--num_sampled", "--eval_similarity"):
            self.assertIn(flag, out)
        self.assertIn("Trains skip-gram word vectors", out)


if __name__ == "__main__":
    absltest.main()
