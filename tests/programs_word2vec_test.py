"""Tests of the results of the word2vec program; tests/run_word2vec_test.py runs it as a user does."""
import contextlib
import io
import os
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from tests import run_program, word2vec_case
from tf1_sampled import InputError
from tf1_sampled.programs import word2vec as program
from tf1_sampled.training import host
from tf1_sampled.word2vec import Word2Vec, vectors, word_vectors

_SMALL = ("--dim=8", "--batch_size=256", "--threads=1", "--sample=0")


class StoppedHost(host.OneMachine):
    """A host that stops the training at its first step, and leaves then, as a program does."""

    def stop(self):
        return True

    def train(self, *arguments):
        super().train(*arguments)
        raise KeyboardInterrupt


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

    def test_program_and_python_train_the_same_model_and_load_each_others(self):
        self.run_program("--model_dir=model", "--epochs=1", "--saved_model=saved")
        model = Word2Vec.load(self.path("model"))
        rows = vectors.read_vectors(self.path("model", "vectors.bin"))[1]
        np.testing.assert_array_equal(model.vectors, rows)
        self.assertEqual(model.counts.sum(), 3600)
        self.assertEqual((model.dim, model.epochs, model.corpus), (8, 1, ("text.txt",)))
        same = Word2Vec(dim=8, batch_size=256, threads=1, sample=0, epochs=1).fit(self.sentences)
        np.testing.assert_array_equal(model.vectors, same.vectors)

        more = Word2Vec.load(self.path("model"), epochs=2).fit(self.sentences)
        # The program resumes the training of Python, and replaces its own SavedModel.
        out = self.run_program("--model_dir=model", "--epochs=3", "--saved_model=saved",
                               "--vectors=v.txt")
        self.assertIn("Resuming from model/model.ckpt-", out)
        words, rows = vectors.read_vectors(self.path("v.txt"))
        self.assertEqual(words, more.words)
        self.assertTrue(np.any(rows != more.vectors))
        # vectors.bin is now older than the checkpoint, which has the vectors of v.txt.
        np.testing.assert_array_equal(Word2Vec.load(self.path("model")).vectors, rows)


class JudgedTest(parameterized.TestCase):

    def write(self, content):
        return self.create_tempfile(content=content).full_path

    def test_files_are_read_before_the_training(self):
        path = self.write("no pair\n")
        for values in (dict(eval_similarity=[path]), dict(eval_analogies=[path])):
            with self.assertRaisesRegex(InputError, "line 1: wanted"):
                program.Judged(program.ResultSettings(**values))

    def test_scores(self):
        pairs = self.write("king\tqueen\t9\nking\tman\t1\nking\tunheard\t5\n")
        questions = self.write(": royal\nman king woman queen\nman king woman x\n")
        judged = program.Judged(program.ResultSettings(
            eval_similarity=[pairs], eval_analogies=[questions], eval_top=4))
        model = Word2Vec()
        model.folder, model.history = "m", [(1, 1.0, 2.5)]
        model._found = word_vectors.WordVectors(
            ["man", "woman", "king", "queen", "apple"],
            [[1, 0, 0], [1, 1, 0], [1, 0, 1], [1, 1, 1], [-1, 1, 0]])
        model.full_softmax_loss, model.held_out_auc = 2.5, 0.75
        with contextlib.redirect_stdout(io.StringIO()) as out:
            scores = judged.scores(model)
        self.assertEqual(scores, {
            pairs: {"spearman": 1, "pairs": 2, "left_out": 1},
            questions: {"accuracy": 1, "questions": 1, "left_out": 1, "sections": [
                {"name": "royal", "accuracy": 1, "questions": 1, "left_out": 1}]}})
        lines = [" ".join(line.split()) for line in out.getvalue().splitlines()]
        self.assertEqual(lines, [
            "", "Full softmax loss on held-out text: 2.500 nats per pair",
            "Held-out AUC against words drawn by frequency: 0.750 (chance: 0.5)",
            "similarity: Spearman score pairs left out", pairs + " 1.000 2 1",
            "analogies: correct score questions left out", questions + " 100.0% 1 1", "royal 100.0% 1 1",
            pairs + ": 1 word not among the first 4 of the vocabulary: unheard",
            questions + ": 1 word not among the first 4 of the vocabulary: x"])

    def test_unknown_neighbours_are_reported_and_an_error_if_all_are_unknown(self):
        lines = []
        host = mock.Mock(report=lines.append)
        results = program.ResultSettings(neighbours=["King", "king", "colour"])
        program._check_neighbours(["king", "queen"], results, host)
        wanted = "run_word2vec: neighbours: wanted a word of the vocabulary"
        self.assertEqual([wanted + " (similar: king), got 'King'", wanted + ", got 'colour'"], lines)
        program._check_neighbours(["king"], program.ResultSettings(), host)
        with self.assertRaisesRegex(InputError, "^run_word2vec: neighbours: wanted .* got 'King'"):
            program._check_neighbours(["queen"], results, host)

    def test_known_neighbours_are_shown_after_the_unknown_ones(self):
        model = Word2Vec()
        model.folder = "m"
        model._found = word_vectors.WordVectors(["king", "queen"], [[1, 0], [1, 1]], "query")
        made = program.Made(model, program.ResultSettings(neighbours=["King", "king"]))
        with contextlib.redirect_stdout(io.StringIO()) as out:
            made.show_neighbours()
        self.assertEqual([
            "", "Nearest neighbours:",
            "query: neighbours: wanted a word of the vocabulary (similar: king), got 'King'",
            "  king             queen 0.71"], out.getvalue().splitlines())


class MakeResultsTest(absltest.TestCase):

    def make(self, results=None, **values):
        """Return the printed lines when results are made from a folder."""
        model = Word2Vec.of_program("run_word2vec", dict(dict(epochs=0), **values))
        with contextlib.redirect_stdout(io.StringIO()) as out:
            program._run(model, program.ResultSettings(**results or {}), mock.Mock())
        return out.getvalue().splitlines()

    def test_results_are_made_from_a_folder_without_its_text(self):
        folder = self.create_tempdir().full_path
        path = os.path.join(folder, "model")
        model = Word2Vec(dim=4, min_count=1, epochs=2).fit([["the", "king"], ["the", "queen"]])
        model.save(path)
        for name in ("metrics.json", "vectors.bin"):  # as after a stopped training
            os.remove(os.path.join(path, name))
        target = os.path.join(folder, "v.txt")
        lines = self.make(dict(vectors=target, neighbours=["king"]), model_dir=path)
        self.assertEqual(lines[-1], "Wrote " + target)
        self.assertIn("  king  ", lines[-2])
        words, rows = vectors.read_vectors(target)
        self.assertEqual(words, model.words)
        np.testing.assert_array_equal(rows, model.vectors)
        self.assertFalse(os.path.exists(os.path.join(path, "metrics.json")))
        self.make(model_dir=path)
        self.assertTrue(os.path.exists(os.path.join(path, "vectors.bin")))

    def test_results_are_made_from_the_checkpoint_of_a_stopped_training(self):
        path = os.path.join(self.create_tempdir().full_path, "model")
        sentences = [["new", "york", "city"], ["the", "queen"]] * 50
        with self.assertRaises(KeyboardInterrupt):
            Word2Vec(dim=4, phrases=1, phrase_threshold=1.0, model_dir=path).fit(
                sentences, host=StoppedHost())
        self.assertIn("  new_york  ", "".join(self.make(model_dir=path)))
        model = Word2Vec.load(path)
        words, rows = vectors.read_vectors(os.path.join(path, "vectors.bin"))
        self.assertEqual(words, model.words)
        np.testing.assert_array_equal(rows, model.vectors)
        self.assertEqual(model.joined_phrases.apply(["new", "york"]), ["new_york"])
        self.assertFalse(model.is_whole)

    def test_settings_of_a_training_are_refused(self):
        with self.assertRaisesRegex(InputError, "--model_dir: wanted the folder of a model"):
            self.make()
        with self.assertRaisesRegex(InputError, "--dim: wanted only --model_dir and flags for results "
                                    "together with --epochs=0, got 3"):
            self.make(model_dir="m", dim=3)
        with self.assertRaisesRegex(InputError, "m: wanted .*settings.json|no/such"):
            self.make(model_dir="no/such/m")


class ResultSettingsTest(parameterized.TestCase):

    @parameterized.parameters("x.npy", "x.model", "x", "x.kv.gz", "x.csv")
    def test_file_names_of_an_unknown_form_are_refused(self, name):
        for setting in ("vectors", "output_vectors"):
            with self.assertRaisesRegex(
                    InputError, "%s: wanted a name that ends with .txt, .vec or .bin, optionally "
                    "followed by .gz, .bz2 or .xz, got '%s'" % (setting, name)):
                program.ResultSettings(**{setting: name})
        program.ResultSettings(vectors="x.vec.xz", output_vectors="X.BIN")

    def test_other_than_three_columns_are_refused(self):
        with self.assertRaisesRegex(InputError, "similarity_columns: wanted three columns: first word"):
            program.ResultSettings(similarity_columns=["a", "b"])


if __name__ == "__main__":
    absltest.main()
