"""What the word2vec program makes of a model; tests/run_word2vec_test.py runs it as a user does."""
import contextlib
import io
import os

import numpy as np
from absl.testing import absltest, parameterized

from tests import run_program, word2vec_case
from tf1_sampled import InputError
from tf1_sampled.programs import word2vec as program
from tf1_sampled.word2vec import Word2Vec, vectors, word_vectors

_SMALL = ("--dim=8", "--batch_size=256", "--threads=1", "--sample=0")


class ProcessTest(absltest.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path
        self.sentences = word2vec_case.sentences(300)
        with open(self.path("text.txt"), "w") as stream:
            stream.writelines(" ".join(sentence) + "\n" for sentence in self.sentences)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def run_program(self, *arguments):
        code, out, err = run_program.run("run_word2vec.py", self.folder, "--corpus=text.txt", *_SMALL,
                                         *arguments)
        self.assertEqual(code, 0, err)
        return out

    def test_a_model_of_the_program_is_one_of_python_and_the_other_way_round(self):
        self.run_program("--model_dir=model", "--epochs=1", "--saved_model=saved")
        model = Word2Vec.load(self.path("model"))
        rows = vectors.read_vectors(self.path("model", "vectors.bin"))[1]
        np.testing.assert_array_equal(model.vectors, rows)
        self.assertEqual(model.counts.sum(), 3600)
        self.assertEqual((model.dim, model.epochs, model.corpus), (8, 1, ("text.txt",)))
        same = Word2Vec(dim=8, batch_size=256, threads=1, sample=0, epochs=1).fit(self.sentences)
        np.testing.assert_array_equal(model.vectors, same.vectors)

        more = Word2Vec.load(self.path("model"), epochs=2).fit(self.sentences)
        # The program goes on with it, and its own folder gives way.
        out = self.run_program("--model_dir=model", "--epochs=3", "--saved_model=saved",
                               "--vectors=v.txt")
        self.assertIn("Going on from model/model.ckpt-", out)
        words, rows = vectors.read_vectors(self.path("v.txt"))
        self.assertEqual(words, more.words)
        self.assertTrue(np.any(rows != more.vectors))
        # vectors.bin is that of before: the checkpoint has those of v.txt.
        np.testing.assert_array_equal(Word2Vec.load(self.path("model")).vectors, rows)


class JudgedTest(parameterized.TestCase):

    def write(self, content):
        return self.create_tempfile(content=content).full_path

    def test_files_are_read_before_the_work(self):
        path = self.write("no pair\n")
        for values in (dict(eval_similarity=[path]), dict(eval_analogies=path)):
            with self.assertRaisesRegex(InputError, "line 1: wanted"):
                program.Judged(program.ResultSettings(**values))

    def test_scores(self):
        pairs = self.write("king\tqueen\t9\nking\tapple\t1\nking\tunheard\t5\n")
        questions = self.write(": royal\nman king woman queen\nman king woman x\n")
        judged = program.Judged(program.ResultSettings(
            eval_similarity=[pairs], eval_analogies=questions))
        model = Word2Vec()
        model.folder, model.history = "m", [(1, 1.0, 2.5)]
        model._found = word_vectors.WordVectors(
            ["man", "woman", "king", "queen", "apple"],
            [[1, 0, 0], [1, 1, 0], [1, 0, 1], [1, 1, 1], [-1, 1, 0]])
        with contextlib.redirect_stdout(io.StringIO()) as out:
            scores = judged.scores(model)
        self.assertEqual(scores, {os.path.basename(pairs): 1, os.path.basename(questions): 1})
        self.assertEqual(out.getvalue().splitlines(), [
            "", "Full softmax loss on held-out text: 2.500 nats per pair",
            pairs + ": Spearman 1.000 on 2 pairs; 1 left out for unheard",
            "  royal                        100.0% of 1 questions, 1 left out",
            "  total                        100.0% of 1 questions, 1 left out",
            "Not among the 30,000 most frequent words: x"])

    def test_few_words_of_many_are_shown(self):
        self.assertEqual(program._some([]), "none")
        self.assertEqual(program._some(list("abc")), "a, b, c")
        self.assertEqual(program._some(list("abc"), 2), "a, b and 1 more")


if __name__ == "__main__":
    absltest.main()
