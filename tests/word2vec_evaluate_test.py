"""Tests of the command evaluate: table, JSON, errors, and its process without TensorFlow."""
import contextlib
import io
import json
import os
import subprocess
import sys

from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.word2vec import evaluate

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_VECTORS = "man 1 0 0\nwoman 1 1 0\nking 1 0 1\nqueen 1 1 1\napple -1 1 0\n"
_PROGRAM = """
import sys
from tf1_sampled.word2vec import evaluate
sys.argv = ["evaluate.py", "v.vec", "--similarity=p.txt", "--json=s.json"]
try:
    evaluate.main()
finally:
    print(sorted(name for name in sys.modules if name.startswith("tensorflow")))
"""


class EvaluateTest(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path
        for name, text in (("v.vec", _VECTORS), ("w.txt", "5 3\n" + _VECTORS.replace("-1", "-2")),
                           ("p.txt", "king queen 9\nking apple 1\n"),
                           ("q.txt", ": royal\nman king woman queen\n")):
            with open(self.path(name), "w") as stream:
                stream.write(text)

    def path(self, name):
        return os.path.join(self.folder, name)

    def evaluate(self, *arguments):
        """Return the output for arguments in which FOLDER stands for the folder."""
        with contextlib.redirect_stdout(io.StringIO()) as out:
            code = evaluate.evaluate([argument.replace("FOLDER", self.folder) for argument in arguments])
        self.assertEqual(0, code)
        return out.getvalue().replace(self.folder + os.sep, "")

    def test_a_table_for_each_file_of_vectors_and_json(self):
        out = self.evaluate("FOLDER/v.vec", "FOLDER/w.txt", "--similarity=FOLDER/p.txt",
                            "--analogies=FOLDER/q.txt", "--json=FOLDER/out/s.json")
        lines = [" ".join(line.split()) for line in out.splitlines()]
        self.assertEqual([
            line for name in ("v.vec", "w.txt") for line in (
                name + ": 5 words, 3 dimensions", "similarity: Spearman score pairs left out",
                "p.txt 1.000 2 0", "analogies: correct score questions left out", "q.txt 100.0% 1 0",
                "royal 100.0% 1 0")], lines)
        with open(self.path("out/s.json")) as stream:
            scores = json.load(stream)
        self.assertEqual([self.path("v.vec"), self.path("w.txt")], list(scores))
        self.assertEqual({"spearman": 1, "pairs": 2, "left_out": 0},
                         scores[self.path("v.vec")][self.path("p.txt")])

    def test_max_rows_and_top_limit_the_words(self):
        for flag in ("--max_rows=3", "--top=3"):
            self.assertIn("p.txt: no score, as 0 of 2 pairs have two known words",
                          self.evaluate("FOLDER/v.vec", "--similarity=FOLDER/p.txt", flag))

    def test_a_flag_names_the_columns(self):
        with open(self.path("c.csv"), "w") as stream:
            stream.write("1,king,queen,9\n2,king,apple,1\n")
        arguments = "FOLDER/v.vec", "--similarity=FOLDER/c.csv"
        with self.assertRaisesRegex(checks.InputError, "c.csv: line 1: wanted --similarity_columns="):
            self.evaluate(*arguments)
        self.assertIn(" 1.000 ", self.evaluate(*(arguments + ("--similarity_columns=2,3,4",))))

    @parameterized.parameters(
        ([], "^evaluate: VECTORS: wanted files of word vectors, got 'none'"),
        (["FOLDER/v.vec"], "^evaluate: --similarity, --analogies: wanted at least one evaluation file"),
        (["FOLDER/v.vec", "--similarity=FOLDER/v.vec"], "v.vec: line 1: wanted "),
        (["FOLDER/p.npy", "--similarity=FOLDER/p.txt"], "p.npy: wanted a readable file"),
        (["FOLDER/v.vec", "--similarity=FOLDER/p.txt", "--top=0"], "top: wanted an integer above 0"),
        (["FOLDER/v.vec", "--similarity=FOLDER/p.txt", "--json=FOLDER/v.vec"],
         "^--json: wanted a path of its own, got the path of VECTORS"),
        (["FOLDER/v.vec", "--similarity=FOLDER/p.txt", "--json=FOLDER"], "wanted .*folder"))
    def test_invalid_arguments_are_errors(self, arguments, message):
        with self.assertRaisesRegex(checks.InputError, message):
            self.evaluate(*arguments)

    def test_a_process_does_not_import_tensorflow(self):
        path = os.pathsep.join([_ROOT] + [p for p in sys.path if p])
        process = subprocess.run(
            [sys.executable, "-c", _PROGRAM], cwd=self.folder, env=dict(os.environ, PYTHONPATH=path),
            universal_newlines=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual((0, ""), (process.returncode, process.stderr))
        self.assertEqual("[]", process.stdout.splitlines()[-1])
        self.assertTrue(os.path.exists(self.path("s.json")))


if __name__ == "__main__":
    absltest.main()
