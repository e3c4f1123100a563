"""Tests of the program run as a user does, on text with a known answer."""
import gzip
import json
import os
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import run_program
from tf1_sampled.word2vec import evaluation, evaluation_sets, vectors, vocabulary

try:
    import matplotlib
except ImportError:
    matplotlib = None
try:
    from gensim.models import KeyedVectors
except ImportError:
    KeyedVectors = None

# Two sets of words that never occur in the same sentence.
_TOPICS = ("apple bread cheese dates eggs".split(), "anvil bolt chisel drill engine".split())


def _lines(topics=_TOPICS, number=2000, words=12, seed=1):
    random = np.random.RandomState(seed)
    for _ in range(number):
        topic = topics[random.randint(len(topics))]
        yield " ".join(topic[i] for i in random.randint(0, len(topic), words))


def _text(*arguments, **options):
    return "\n".join(_lines(*arguments, **options)) + "\n"


class RunWord2vecTest(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path
        self.corpus = self.create_tempfile("corpus.txt", _text()).full_path

    def _run(self, *arguments, **options):
        return run_program.run("run_word2vec.py", self.folder, *arguments, **options)

    def _succeed(self, *arguments, **options):
        """Run the program without an error, and return its standard output."""
        code, out, err = self._run(*arguments, **options)
        self.assertEqual(code, 0, err)
        self.assertNotIn("Traceback", err)
        return out

    def _fail(self, *arguments, **options):
        """Run the program with an error, and return its standard error."""
        code, _, err = self._run(*arguments, **options)
        self.assertEqual(code, 1, err)
        self.assertNotIn("Traceback", err)
        return err

    def _path(self, *names):
        return os.path.join(self.folder, *names)

    def _check_neighbours(self, words, rows, topics=_TOPICS):
        """Check that the nearest words of each word are of its topic."""
        unit = evaluation.unit_rows(rows)
        for topic in topics:
            for word in topic:
                ids, _ = evaluation.nearest(unit, words.index(word), len(topic) - 1)
                self.assertCountEqual([words[i] for i in ids] + [word], topic)

    def _metrics(self, folder):
        """Return the content of metrics.json, and check that its files exist."""
        with open(self._path(folder, "metrics.json")) as stream:
            metrics = json.load(stream)
        self.assertCountEqual(metrics, [
            "settings", "versions", "seconds", "words_per_second", "history", "scores",
            "cpu_seconds", "device", "threads", "steps_per_call", "batch_size",
            "full_softmax_loss", "held_out_auc", "baselines", "files"])
        for path in metrics["files"]:
            self.assertTrue(os.path.exists(self._path(path)), path)
        return metrics

    def test_a_folder_of_text_gives_vectors(self):
        lines = list(_lines())
        os.mkdir(self._path("text"))
        with open(self._path("text", "a.txt"), "w") as stream:
            stream.write("\n".join(lines[:700]))
        with gzip.open(self._path("text", "b.gz"), "wt") as stream:
            stream.write("\n".join(lines[700:]))
        pairs = "".join("%s\t%s\t%d\n" % (a, b, 10 if s == t else 1)
                        for s in (0, 1) for t in (0, 1) for a in _TOPICS[s] for b in _TOPICS[t] if a < b)
        judged = self.create_tempfile("pairs.tsv", pairs + "apple\tunheard\t5\n").full_path
        out = self._succeed(
            "--loss=sampled_softmax", "--corpus=text", "--dim=16", "--batch_size=256", "--sample=0",
            "--epochs=3", "--l2=0.0001", "--model_dir=model", "--vectors=out/words.txt",
            "--eval_similarity=" + judged)
        self.assertIn("Text: 24,000 words; vocabulary: 10 words", out)
        self.assertRegex(out, r"Full softmax loss on held-out text: 1\.\d+ nats")
        self.assertRegex(out, r"pairs.tsv +0.\d+ +\d+ +1\n")
        self.assertIn("pairs.tsv: 1 word not among the first 300,000 of the vocabulary: unh", out)
        words, rows = vectors.read_vectors(self._path("out", "words.txt"))
        self.assertCountEqual(words, _TOPICS[0] + _TOPICS[1])
        self.assertEqual(rows.shape, (10, 16))
        self._check_neighbours(words, rows)
        metrics = self._metrics("model")
        self.assertCountEqual(metrics["seconds"], ["read", "train", "evaluate"])
        self.assertGreater(metrics["scores"][judged]["spearman"], 0.8)
        self.assertAlmostEqual(metrics["full_softmax_loss"], np.log(5), delta=0.1)
        self.assertEqual([metrics["settings"][name] for name in ("dim", "batch_size", "learning_rate")],
                         [16, 256, 0.2])
        self.assertGreater(metrics["settings"]["threads"], 0)
        units, seconds, losses = zip(*metrics["history"])
        self.assertEqual((sorted(units), sorted(seconds)), (list(units), list(seconds)))
        self.assertAlmostEqual(units[-1], 3 * 24000, delta=3 * 24000 * 0.02)
        self.assertEqual(losses[-1], metrics["full_softmax_loss"])
        self.assertIn("Wrote " + ", ".join(metrics["files"]), out)

    def test_every_result_is_written(self):
        # A pair of words that is rare enough to be a phrase.
        with open(self.corpus, "a") as stream:
            stream.write("new york apple bread\n" * 60)
        questions = self.create_tempfile("questions.txt", (
            ": food\napple bread cheese dates\napple bread cheese unheard\n: tools\n" + "".join(
                "%s %s %s %s\n" % tuple(np.roll(_TOPICS[1], i)[:4]) for i in range(5)))).full_path
        pictures = ["--plots=out/plots"] if matplotlib else []
        out = self._succeed(
            "--corpus=" + self.corpus, "--model=cbow", "--loss=full_softmax", "--phrases=1",
            "--window=3", "--noshrink_window", "--dim=8", "--epochs=2", "--sample=0", "--threads=2",
            "--model_dir=model", "--save_vocab=out/vocab.txt", "--vectors=out/vectors.bin",
            "--output_vectors=out/outputs.txt.gz", "--saved_model=out/saved",
            "--projector=out/projector", "--neighbours=apple,new_york",
            "--eval_analogies=" + questions, *pictures)
        words, counts = vocabulary.read_vocabulary(self._path("out", "vocab.txt"))
        self.assertCountEqual(words, _TOPICS[0] + _TOPICS[1] + ["new_york"])
        self.assertEqual((words[-1], counts[-1], counts.sum()), ("new_york", 60, 24180))
        self.assertEqual(counts.tolist(), sorted(counts, reverse=True))
        known, rows = vectors.read_vectors(self._path("out", "vectors.bin"))
        self.assertEqual((known, rows.shape), (words, (11, 8)))
        self._check_neighbours(words[:-1], rows[:-1])
        known, output_rows = vectors.read_vectors(self._path("out", "outputs.txt.gz"))
        self.assertEqual((known, output_rows.shape), (words, (11, 8)))
        self.assertTrue(np.any(output_rows != rows))
        if KeyedVectors:
            theirs = KeyedVectors.load_word2vec_format(self._path("out", "vectors.bin"), binary=True)
            self.assertEqual(theirs.index_to_key, words)
            np.testing.assert_array_equal(theirs.vectors, rows)
        with tf.Graph().as_default(), tf.Session() as session:
            saved = tf.saved_model.load(session, ["serve"], self._path("out", "saved"))
            embed = saved.signature_def["embed"]
            np.testing.assert_array_equal(session.run(
                embed.outputs["vectors"].name, {embed.inputs["words"].name: words}), rows)
        with open(self._path("out", "projector", "metadata.tsv")) as stream:
            self.assertEqual(stream.read().splitlines(), words)
        if matplotlib:
            for name in ("loss.png", "map.png"):
                with open(self._path("out", "plots", name), "rb") as stream:
                    self.assertEqual(stream.read(8), b"\x89PNG\r\n\x1a\n")
        self.assertRegex(out, r"\n  apple +(%s) [01]\.\d\d  " % "|".join(_TOPICS[0]))
        self.assertRegex(out, r"\n  new_york +\w+ [01]\.\d\d  ")
        score = evaluation.analogies(words, rows, evaluation_sets.read_analogies(questions))
        self.assertRegex(out, r"\n  food +%.1f%% +1 +1\n  tools +%.1f%% +5 +0\n" % (
            tuple(100 * section.accuracy for section in score.sections)))
        self.assertIn("questions.txt: 1 word not among the first 30,000 of the vocabulary: ", out)
        metrics = self._metrics("model")
        self.assertEqual(metrics["scores"][questions]["accuracy"], score.total.accuracy)
        self.assertLess(metrics["full_softmax_loss"], 2)
        names = ["vectors.bin", "outputs.txt.gz", "saved/", "projector/"]
        names += ["plots/loss.png", "plots/map.png"] if matplotlib else []
        self.assertCountEqual(metrics["files"],
                              ["model/", "model/metrics.json"] + ["out/" + name for name in names])

    def test_a_warm_start_on_a_new_text(self):
        random = np.random.RandomState(1)
        old = ["gone", "apple", "anvil", "lost"]
        rows, output_rows = random.standard_normal([2, 4, 6]).astype(np.float32)
        vectors.write_vectors(self._path("old.bin"), old, rows)
        vectors.write_vectors(self._path("outputs.txt"), old, output_rows)
        arguments = ["--sample=0", "--epochs=3", "--batch_size=256", "--threads=1"]
        self._succeed("--corpus=" + self.corpus, "--init_from=old.bin,outputs.txt", "--model_dir=model",
                      "--save_vocab=vocab.txt", "--output_vectors=new.txt", *arguments)
        words, new_rows = vectors.read_vectors(self._path("model", "vectors.bin"))
        self.assertCountEqual(words, _TOPICS[0] + _TOPICS[1] + ["gone", "lost"])
        self.assertEqual(words[-2:], ["gone", "lost"])
        np.testing.assert_array_equal(new_rows[-2:], rows[[0, 3]])
        _, new_output_rows = vectors.read_vectors(self._path("new.txt"))
        np.testing.assert_array_equal(new_output_rows[-2:], output_rows[[0, 3]])
        self._check_neighbours(words[:-2], new_rows[:-2])
        self.assertTrue(np.all(new_rows[words.index("apple")] != rows[1]))

        # Its vocabulary, with words that it never saw, for a text that has one of these words.
        with open(self.corpus, "a") as stream:
            stream.write("gone apple gone\n" * 3)
        self._succeed("--corpus=" + self.corpus, "--read_vocab=vocab.txt", "--save_vocab=again.txt",
                      "--dim=6", "--model_dir=again", *arguments)
        before, counts = vocabulary.read_vocabulary(self._path("vocab.txt"))
        self.assertEqual((before, counts[-2:].tolist()), (words, [0, 0]))
        after, counts_after = vocabulary.read_vocabulary(self._path("again.txt"))
        self.assertEqual(after, words)
        self.assertEqual(counts_after.tolist(), counts[:-2].tolist() + [1, 0])

    def test_a_warm_start_may_overwrite_its_vectors_with_all_words_as_negatives(self):
        rows = np.random.RandomState(1).standard_normal([2, 6]).astype(np.float32)
        vectors.write_vectors(self._path("vectors.bin"), ["gone", "apple"], rows)
        self._succeed("--corpus=" + self.corpus, "--sampler=all", "--init_from=vectors.bin",
                      "--vectors=vectors.bin", "--sample=0", "--epochs=1", "--batch_size=256")
        words, new_rows = vectors.read_vectors(self._path("vectors.bin"))
        self.assertCountEqual(words, _TOPICS[0] + _TOPICS[1] + ["gone"])
        np.testing.assert_array_equal(new_rows[words.index("gone")], rows[0])

    def test_one_thread_gives_the_same_vectors_from_standard_input(self):
        # Each line is a word, which has neighbours only if lines are joined.
        text = _text(number=300, words=80).replace(" ", "\n")
        found = []
        for name in ("a", "b"):
            out = self._succeed("--corpus=-", "--join_lines", "--threads=1", "--dim=8", "--epochs=4",
                                "--sample=0", "--batch_size=256", "--model_dir=" + name, text=text)
            self.assertIn("Text: 24,000 words; vocabulary: 10 words", out)
            found.append(vectors.read_vectors(self._path(name, "vectors.bin")))
        self.assertEqual(found[0][0], found[1][0])
        np.testing.assert_array_equal(found[0][1], found[1][1])
        self._check_neighbours(*found[0])
        # The encoded standard input is deleted.
        self.assertEqual(os.listdir(self._path(run_program.CACHE, "tf1_sampled")), [])

    @parameterized.named_parameters(
        ("missing", ["--corpus=no/such/file"], "no/such/file: wanted a readable file"),
        ("folder", ["--corpus=EMPTY"], "wanted files that are not empty, got none"),
        ("no_word", ["--corpus=CORPUS", "--min_count=99999"], "at least 2 different words"),
        ("encoding", ["--corpus=CORPUS", "--encoding=utf-9"],
         "run_word2vec: --encoding: wanted the name of a text encoding, got 'utf-9'"),
        ("batch", ["--corpus=CORPUS", "--batch_size=100"], "--batch_size: wanted 32, 64, 96 or a"),
        ("rate", ["--corpus=CORPUS", "--learning_rate=0"], "wanted a number above 0"),
        ("vectors", ["--corpus=CORPUS", "--vectors=/proc/x/y.txt"], "/proc/x/y.txt: wanted a "),
        ("outputs", ["--corpus=CORPUS", "--output_vectors=x.npy"],
         "--output_vectors: wanted a name that ends with"),
        ("saved_model", ["--corpus=CORPUS", "--saved_model=OTHER"],
         "wanted a new or empty folder, got a folder"),
        ("projector", ["--corpus=CORPUS", "--projector=PAIRS"], "wanted a new or empty folder, got a"),
        ("apart", ["--corpus=CORPUS", "--saved_model=out", "--vectors=out/vectors.bin"],
         "error: --saved_model: wanted a path of its own, got the path of --vectors"),
        ("default_apart", ["--corpus=CORPUS", "--model_dir=model", "--save_vocab=model/vectors.bin"],
         "error: --vectors: wanted a path of its own, got the path of --save_vocab"),
        ("vectors_over_text", ["--corpus=FULL", "--vectors=CORPUS"],
         "error: --vectors: wanted a path of its own, got the path of --corpus"),
        ("vocabulary_over_text", ["--corpus=CORPUS*", "--save_vocab=CORPUS"],
         "error: --save_vocab: wanted a path of its own, got the path of --corpus"),
        ("outputs_over_vocabulary", ["--corpus=CORPUS", "--read_vocab=VECTORS",
                                     "--output_vectors=VECTORS"],
         "error: --output_vectors: wanted a path of its own, got the path of --read_vocab"),
        ("vocabulary_over_vectors", ["--corpus=CORPUS", "--init_from=VECTORS", "--save_vocab=VECTORS"],
         "error: --save_vocab: wanted a path of its own, got the path of --init_from"),
        ("saved_model_over_text", ["--corpus=CORPUS", "--saved_model=FULL"],
         "error: --saved_model: wanted a path of its own, got the path of --corpus"),
        ("vectors_over_pairs", ["--corpus=CORPUS", "--eval_similarity=PAIRS", "--vectors=PAIRS"],
         "error: --vectors: wanted a path of its own, got the path of --eval_similarity"),
        ("vectors_over_questions", ["--corpus=CORPUS", "--eval_analogies=QUESTIONS",
                                    "--vectors=QUESTIONS"],
         "error: --vectors: wanted a path of its own, got the path of --eval_analogies"),
        ("vectors_over_checkpoint", ["--corpus=CORPUS", "--model_dir=m", "--vectors=m/model.ckpt-5.bin"],
         "error: --vectors: wanted a path of its own, got model.ckpt-5.bin, a file of the model in m"),
        ("projector_over_metrics", ["--corpus=CORPUS", "--model_dir=m", "--projector=m/metrics.json"],
         "error: --projector: wanted a path of its own, got metrics.json, a file of the model in m"),
        ("text_in_metrics", ["--corpus=CORPUS,m/metrics.json", "--model_dir=m"],
        "error: --corpus: wanted a path of its own, got metrics.json, a file of the model in m"),
        ("no_flag", ["CORPUS"], "run_word2vec: arguments: wanted only flags (for several files: "
                                "--corpus=a.txt,b.txt or a glob in quotes), got '/"),
        ("glob_of_the_shell", ["--corpus", "CORPUS", "s2.txt", "s3.txt"], "got 's2.txt s3.txt'"),
        ("no_corpus", ["--corpus="],
         "run_word2vec: --corpus: wanted the name of a file, got ''"),
        ("no_name", ["--corpus=CORPUS,,b.txt"], "--corpus: wanted names of files, folders or globs, g"),
        ("twice", ["--corpus=-,-"], "run_word2vec: --corpus: wanted standard input (-) once, got '-,-'"),
        ("min_count", ["--corpus=CORPUS", "--read_vocab=VECTORS", "--min_count=5"],
         "run_word2vec: --min_count: wanted no value together with --read_vocab, got 5"),
        ("max_vocab", ["--corpus=CORPUS", "--read_vocab=VECTORS", "--max_vocab=9"],
         "run_word2vec: --max_vocab: wanted no value together with --read_vocab, got 9"),
        ("window", ["--corpus=CORPUS", "--window=1001"],
         "run_word2vec: --window: wanted an integer from 1 to 1000, got 1001"),
        ("flat", ["--corpus=CORPUS", "--projector=out", "--dim=1"],
         "--dim: wanted 2 or more together with --projector, got 1"),
        ("similarity", ["--corpus=CORPUS", "--eval_similarity=CORPUS"], "corpus.txt: line 1: wanted"),
        ("analogies", ["--corpus=CORPUS", "--eval_analogies=CORPUS"], "corpus.txt: line 1: wanted"),
        ("vocabulary", ["--corpus=CORPUS", "--read_vocab=CORPUS"], "corpus.txt: line 1: wanted a word"),
        ("dim", ["--corpus=CORPUS", "--init_from=VECTORS", "--dim=3"],
         "old.txt: wanted vectors of 3 dimensions, got 2"),
        ("init_from", ["--corpus=CORPUS", "--init_from=CORPUS"], "corpus.txt: line 1: wanted a header"),
        ("neighbours", ["--corpus=CORPUS", "--neighbours=aple,colour"],
         "--neighbours: wanted a word of the vocabulary (similar: apple), got 'aple'"),
        ("loss", ["--loss=hinge"], "run_word2vec: --loss: wanted one of full_softmax, "),
        ("model", ["--model=glove"], "run_word2vec: --model: wanted one of cbow, skipgram, got 'glove'"),
        ("unknown", ["--dimension=3"], "dimension"),
        ("text_in_vocabulary", ["--corpus=CORPUS", "--model_dir=m", "--vectors=m/vocab.txt"],
         "error: --vectors: wanted a path of its own, got vocab.txt, a file of the model in m"),
        ("earlier", ["--corpus=CORPUS", "--init_from=a,b,c"],
         "run_word2vec: --init_from: wanted one or two files: vectors, output vectors, got 'a,b,c'"),
    )
    def test_an_input_error_is_one_line_without_importing_tensorflow(self, arguments, message):
        places = {"CORPUS": self.corpus, "EMPTY": self.create_tempdir().full_path,
                  "FULL": os.path.dirname(self.corpus),
                  "OTHER": os.path.dirname(self.create_tempdir().create_file("any").full_path),
                  "PAIRS": self.create_tempfile("pairs.txt", "apple\tbread\t9\n" * 2).full_path,
                  "QUESTIONS": self.create_tempfile("questions.txt", ": a\nb c d e\n").full_path,
                  "VECTORS": self.create_tempfile("old.txt", "1 2\napple 1 2\n").full_path}
        for name, place in places.items():
            arguments = [argument.replace(name, place) for argument in arguments]
        err = self._fail(*arguments, no_tensorflow=True)
        self.assertIn(message, err)
        self.assertLen(err.splitlines(), 1)
        self.assertStartsWith(err, "run_word2vec.py: error: ")
        self.assertEmpty(set(os.listdir(self.folder)) - {run_program.CACHE})

    def test_an_error_of_the_graph_is_one_line(self):
        err = self._fail("--corpus=" + self.corpus, "--loss=softmax_at_k", "--num_sampled=9")
        self.assertEqual(err, "run_word2vec.py: error: run_word2vec: --at_k: wanted at most the number "
                              "of negatives, 9, got 20\n")
        self.assertEmpty(set(os.listdir(self.folder)) - {run_program.CACHE})

    def test_a_launched_worker_cannot_read_standard_input(self):
        with mock.patch.dict(os.environ, {"TF1_SAMPLED_LAUNCH": self._path("reported")}):
            err = self._fail("--corpus=" + self.corpus + ",-", no_tensorflow=True)
        self.assertEqual(err, "run_word2vec.py: error: run_word2vec: --corpus: wanted files, as the "
                              "processes of a cluster have no standard input, got '-'\n")

    def test_plots_need_matplotlib(self):
        err = self._fail("--corpus=" + self.corpus, "--plots=plots", no_tensorflow=True,
                         no_matplotlib=True)
        self.assertStartsWith(err, "run_word2vec.py: error: plots: matplotlib: wanted it installed, as "
                              "by pip install 'tf1_sampled[plots]', got ")
        self.assertLen(err.splitlines(), 1)

    def test_corpora_of_one_word_or_binary_are_errors(self):
        for content, message in [(b"a a a a a a a", "at least 2 different words"),
                                 (b"\0\1\2", "a binary file"), (b"", "an empty file")]:
            path = self.create_tempfile(content=content, mode="wb").full_path
            err = self._fail("--corpus=" + path, no_tensorflow=True)
            self.assertLen(err.splitlines(), 1)
            self.assertIn(message, err)

    @parameterized.parameters("adagrad", "adam", "sgd")
    def test_no_default_diverges(self, optimizer):
        # Ten words, each of which occurs hundreds of times in a step.
        self._succeed("--corpus=" + self.corpus, "--optimizer=" + optimizer, "--loss=sampled_softmax",
                      "--sample=0", "--num_sampled=10", "--model_dir=model")
        self.assertLess(self._metrics("model")["full_softmax_loss"], np.log(10) + 0.01)

    def test_a_loss_far_above_a_uniform_guess_stops_the_training(self):
        err = self._fail("--corpus=" + self.corpus, "--learning_rate=1000", "--batch_size=256",
                         "--sample=0", "--model_dir=model")
        self.assertRegex(err.splitlines()[-1], "loss: wanted a finite number of at most 2303, got "
                         "[0-9.e+]+ at step [0-9]+; learning_rate = 1000 may be too large")
        self.assertFalse(os.path.exists(self._path("model", "checkpoint")))

    def test_a_loss_that_diverges_stops_the_training(self):
        err = self._fail("--corpus=" + self.corpus, "--optimizer=sgd", "--learning_rate=1e20",
                         "--batch_size=256", "--model_dir=model")
        self.assertRegex(err.splitlines()[-1], "loss: wanted a finite number.*, got (nan|inf) at step ")
        self.assertFalse(os.path.exists(self._path("model", "checkpoint")))

    def test_files_of_another_program_in_model_dir_are_kept(self):
        os.makedirs(self._path("model"))
        with open(self._path("model", "model.ckpt-1.index"), "w"):
            pass
        err = self._fail("--corpus=" + self.corpus, "--model_dir=model", no_tensorflow=True)
        self.assertIn("wanted a folder of this program", err)

    @parameterized.parameters("run_word2vec.py", "run_word2vec")
    def test_help_needs_no_tensorflow(self, program):
        code, out, err = run_program.run(program, self.folder, "--help", no_tensorflow=True)
        self.assertEqual((code, err), (0, ""))
        for flag in ("--loss", "--sampler", "--num_sampled", "--eval_similarity", "--init_from"):
            self.assertIn(flag, out)
        self.assertIn("Train word vectors, skip-gram or CBOW", out)
        words = " ".join(out.split())
        for text in ("or - for standard input", "If a name has a comma, write a glob: 'we?ird.txt'",
                     "It replaces --min_count and --max_vocab", "--sampler=all, which takes all words",
                     "adagrad 0.1, adam 0.0003, rowwise_adagrad 0.2, sgd 0.001); half of that with"):
            self.assertIn(text, words)


if __name__ == "__main__":
    absltest.main()
