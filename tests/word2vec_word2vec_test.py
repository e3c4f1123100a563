"""Tests of Word2Vec as a user calls it: fit, query, save, load, resume, without side effects."""
import dataclasses
import gc
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import warnings

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case, placement, run_program, training_case, word2vec_case
from tf1_sampled import InputError
from tf1_sampled.training import host
from tf1_sampled.word2vec import Word2Vec, vectors

_SMALL = dict(dim=8, epochs=2, batch_size=256, threads=1, sample=0)


class InterruptedHost(host.OneMachine):
    """A host whose user types Ctrl-C after some steps; it collects the reported lines."""

    def __init__(self, steps):
        self._steps, self.lines = steps, []

    def report(self, line):
        self.lines.append(line)

    def stop(self):
        self._steps -= 1
        if self._steps == 0:
            os.kill(os.getpid(), signal.SIGINT)
        return False


class Word2VecTestCase(parameterized.TestCase):

    sentences = word2vec_case.sentences(300)

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path

    def path(self, *names):
        return os.path.join(self.folder, *names)


class NotebookTest(Word2VecTestCase):
    """The steps of docs/word2vec.md, in separate processes."""

    FIRST = """
        import logging, signal, sys
        import tensorflow as tf
        from absl import flags
        from tests import word2vec_case
        from tf1_sampled.word2vec import Word2Vec
        def state():
            return [tf.executing_eagerly(), flags.FLAGS.is_parsed(), signal.getsignal(signal.SIGINT),
                    signal.getsignal(signal.SIGTERM), logging.root.level, logging.root.handlers[:],
                    logging.getLogger("tensorflow").level, tf.compat.v1.control_flow_v2_enabled(),
                    tf.compat.v1.resource_variables_enabled(), tf.compat.v1.get_default_graph.__module__]
        before = state()
        sentences = word2vec_case.sentences()
        model = Word2Vec(dim=16, epochs=2, sample=0.0, threads=1, batch_size=256).fit(sentences)
        assert state() == before, (state(), before)
        if before[0]:
            assert float(tf.reduce_sum(tf.Variable([1.0, 2.0]) * 2)) == 6
        assert {word for word, _ in model.most_similar("anvil", k=4)} == set(word2vec_case.TOPICS[1][1:])
        assert model["king" if "king" in model else "apple"].shape == (16,)
        model.save("model")
        print(model.most_similar("apple", k=2), model.full_softmax_loss, len(model))
        """
    SECOND = """
        from tests import word2vec_case
        from tf1_sampled.word2vec import Word2Vec
        model = Word2Vec.load("model")
        print(model.most_similar("apple", k=2), model.full_softmax_loss, len(model))
        import sys; assert "tensorflow" not in sys.modules
        more = Word2Vec.load("model", epochs=3).fit(word2vec_case.sentences())
        assert more.history[:len(model.history)] == model.history and more.is_whole
        print(more.dim, more.epochs, round(more.history[-1][0] / 23760, 1), more.folder)
        """

    def run_script(self, text):
        environment = run_program.environment(self.folder)
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(text)], cwd=self.folder, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.splitlines()

    def test_fit_query_save_then_load_and_resume_in_another_process(self):
        printed, = self.run_script(self.FIRST)
        self.assertRegex(printed, r"^\[\('\w+', 0\.\d+\), \('\w+', 0\.\d+\)\] 1\.\d+ 10$")
        self.assertCountEqual(os.listdir(self.path("model")), [
            "checkpoint", "metrics.json", "settings.json", "vectors.bin", "vocab.txt"] + [
            name for name in os.listdir(self.path("model")) if name.startswith("model.ckpt-")])
        self.assertNotIn("tf1_sampled-", " ".join(os.listdir(self.folder)))
        loaded, more = self.run_script(self.SECOND)
        self.assertEqual(loaded, printed)
        self.assertEqual(more, "16 3 3.0 model")


class FittedCase(graph_case.AsBuiltCase, Word2VecTestCase):
    """Tests that share one model and do not change it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = Word2Vec(**_SMALL).fit(cls.sentences)


class CompiledTest(Word2VecTestCase):
    """Tests of the steps that XLA compiles for a GPU, here on the CPU."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        placement.compile_quickly(cls)

    def test_compiled_steps_learn_as_others_do(self):
        if tf.VERSION.startswith("1."):
            self.skipTest("TensorFlow %s has no tf.function(jit_compile=True)" % tf.VERSION)
        settings = dict(_SMALL, batch_size=64, threads=1)
        wanted = Word2Vec(**settings).fit(self.sentences)
        with training_case.compiled_on_the_cpu() as calls:
            model = Word2Vec(**settings).fit(self.sentences)
        self.assertGreater(sum(calls), 20)
        np.testing.assert_allclose(model.vectors, wanted.vectors, atol=1e-3)


class FitTest(FittedCase):

    def test_a_model_has_words_vectors_and_scores(self):
        model = self.model
        self.assertCountEqual(model.words, sum(word2vec_case.TOPICS, []))
        self.assertLen(model, 10)
        self.assertEqual((model.vectors.shape, model.vectors.dtype), ((10, 8), np.float32))
        self.assertEqual(model.output_vectors.shape, (10, 8))
        self.assertTrue(np.any(model.output_vectors != model.vectors))
        self.assertEqual(model.counts.sum(), 3600)
        self.assertEqual(model.counts.tolist(), sorted(model.counts, reverse=True))
        count = model.counts[model.words.index("apple")]
        self.assertEqual(count, sum(self.sentences, []).count("apple"))
        self.assertIn("apple", model)
        self.assertNotIn("king", model)
        np.testing.assert_array_equal(model["apple"], model.vectors[model.words.index("apple")])
        word, cosine = model.most_similar(positive=["apple", "bolt"], negative=["bread"], k=1)[0]
        self.assertNotIn(word, ("apple", "bolt", "bread"))
        self.assertAlmostEqual(model.similarity("apple", "bread"), model.similarity("bread", "apple"), 6)
        self.assertEqual(model.full_softmax_loss, model.history[-1][2])
        self.assertBetween(model.held_out_auc, 0.7, 0.8)  # half of the words are of the other topic
        used = model.metrics()["settings"]
        self.assertEqual([used[name] for name in ("learning_rate", "batch_size", "threads", "dim")],
                         [0.1, 256, 1, 8])
        self.assertTrue(model.is_whole)
        self.assertGreater(model.words_per_second, 0)
        self.assertGreater(model.seconds, 0)
        self.assertTrue(os.path.isdir(model.folder))
        with self.assertRaisesRegex(KeyError, "^Word2Vec: word: wanted .*similar: apple.*, got 'aple'"):
            model["aple"]

    def test_evaluation_and_files(self):
        model = self.model
        pairs = self.create_tempfile(content="apple\tbread\t9\napple\tbolt\t1\n").full_path
        questions = self.create_tempfile(content=": a\napple bread cheese dates\n").full_path
        self.assertEqual(model.evaluate_similarity(pairs).num_pairs, 2)
        self.assertEqual(model.evaluate_analogies(questions).total.num_questions, 1)
        self.assertEqual(model.odd_one_out(["apple", "apple", "bolt"]), "bolt")
        model.save_word2vec_format(self.path("v.txt"))
        words, rows = vectors.read_vectors(self.path("v.txt"))
        self.assertEqual(words, model.words)
        np.testing.assert_array_equal(rows, model.vectors)

    def test_the_same_seed_gives_the_same_model(self):
        other = Word2Vec(seed=2, **_SMALL).fit(self.sentences)
        path = self.create_tempfile(content="".join(
            " ".join(sentence) + "\n" for sentence in self.sentences)).full_path
        second = Word2Vec(cache_dir=self.path("cache"), **_SMALL).fit(path)
        np.testing.assert_array_equal(self.model.vectors, second.vectors)
        self.assertTrue(np.any(self.model.vectors != other.vectors))

    def test_a_second_fit_without_a_model_dir_starts_again(self):
        model = Word2Vec(**_SMALL).fit(self.sentences)
        before, folder = model.vectors, model.folder
        model.fit(sentence for sentence in self.sentences)
        np.testing.assert_array_equal(model.vectors, before)
        self.assertNotEqual(model.folder, folder)
        model.fit([["x", "y"] * 50] * 9)
        self.assertEqual(model.words, ["x", "y"])

    def test_a_second_fit_in_a_model_dir_resumes(self):
        model = Word2Vec(model_dir=self.path("model"), **_SMALL).fit(self.sentences)
        self.assertEqual(model.folder, self.path("model"))
        before = model.vectors
        model.fit(self.sentences)
        np.testing.assert_array_equal(model.vectors, before)
        more = Word2Vec(model_dir=self.path("model"), **dict(_SMALL, epochs=3)).fit(self.sentences)
        self.assertTrue(np.any(more.vectors != before))
        with self.assertRaisesRegex(InputError, "wanted the data that its model is trained on"):
            model.fit(self.sentences[:-1])
        np.testing.assert_array_equal(model.vectors, before)

    def test_a_temporary_folder_is_deleted_with_the_model(self):
        model = Word2Vec(**_SMALL).fit(self.sentences)
        folder = model.folder
        self.assertTrue(os.path.exists(folder))
        del model
        gc.collect()
        self.assertFalse(os.path.exists(folder))

    def test_phrases_and_min_count_apply_to_sentences(self):
        sentences = [["new", "york"]] * 20 + self.sentences
        model = Word2Vec(phrases=1, **_SMALL).fit(sentences + [["rare"]])
        self.assertIn("new_york", model)
        self.assertNotIn("rare", model)

    def test_saved_phrases_join_new_text(self):
        sentences = [["new", "york", "city"]] * 20 + self.sentences
        model = Word2Vec(phrases=2, phrase_threshold=10.0, **_SMALL).fit(sentences)
        model.save(self.path("model"))
        for one in (model, Word2Vec.load(self.path("model"))):
            self.assertEqual(one.joined_phrases.apply(["in", "new", "york", "city"]),
                             ["in", "new_york_city"])
        model = Word2Vec(model_dir=self.path("model"), restart=True, **_SMALL).fit(sentences)
        self.assertEqual(model.joined_phrases.passes, [])

    def test_short_texts_are_trained(self):
        sentences = ["the king rules the land".split(), "the queen rules the land".split(),
                     "a dog barks".split()]
        for number in (1, 3, 20):
            start, model = (Word2Vec(min_count=1, dim=8, epochs=epochs, threads=1).fit(
                sentences * number) for epochs in (1, 100))
            self.assertTrue(np.all(np.any(start.vectors != model.vectors, 1)))
            self.assertTrue(np.isnan([model.full_softmax_loss, model.held_out_auc]).all())
            self.assertTrue(np.isfinite(model.history[-1][2]))
            self.assertGreater(model.similarity("king", "queen"), model.similarity("king", "barks"))

    def test_a_word_at_the_end_of_the_text_is_trained(self):
        sentences = self.sentences + ["unicorn chases rainbow quickly".split()] * 7
        start, model = (Word2Vec(**dict(_SMALL, epochs=epochs)).fit(sentences) for epochs in (1, 3))
        self.assertTrue(np.all(np.any(start.vectors != model.vectors, 1)))

    def test_three_sentences_train_given_vectors(self):
        model = self.model
        model.save_word2vec_format(self.path("v.bin"))
        more = Word2Vec(init_from=self.path("v.bin"), min_count=1, threads=1).fit(
            [["apple", "king"], ["king", "bread"], ["bolt"]])
        self.assertCountEqual(more.words, model.words + ["king"])
        self.assertTrue(np.isfinite(more.vectors).all())

    def test_a_vocabulary_of_other_words_than_the_vectors_gives_no_counts(self):
        self.model.save(self.path("model"))  # as after a kill early in a training that restarted
        for name, text in (("checkpoint", None), ("vocab.txt", "apple 9\n")):
            os.remove(self.path("model", name))
            if text:
                with open(self.path("model", name), "w") as stream:
                    stream.write(text)
        model = Word2Vec.load(self.path("model"))
        self.assertEqual(model.words, self.model.words)
        with self.assertRaisesRegex(InputError, "counts: wanted a folder with vocab.txt"):
            model.counts  # noqa: B018

    def test_epochs_of_0_is_an_error(self):
        with self.assertRaisesRegex(InputError, "Word2Vec: epochs: wanted an integer of 1 or more"):
            Word2Vec(epochs=0).fit(self.sentences)

    def test_lines_go_to_the_logger_only(self):
        with self.assertLogs("tf1_sampled", logging.INFO) as logs:
            Word2Vec(**_SMALL).fit(self.sentences)
        self.assertIn("Text: 3,600 words; vocabulary: 10 words", " ".join(logs.output))

    @parameterized.parameters(
        ([["a", "b c"]], "Word2Vec: sentences: wanted non-empty words of Unicode characters without"),
        ((word for word in ["a"]), "Word2Vec: sentences: wanted a list of words as sentence 1, got 'a'"),
        ([], "Word2Vec: sentences: wanted lists of words, got 'none'"),
        ([["a", "b"]], "sentences: wanted at least 2 different words with a count of"),
        (["no/such/file"], "no/such/file: wanted a readable file"))
    def test_invalid_sentences_are_errors(self, sentences, message):
        with self.assertRaises(InputError) as caught:
            Word2Vec().fit(sentences)
        self.assertStartsWith(str(caught.exception), message)

    def test_settings_are_checked_before_the_text_is_read(self):
        for values, message in ((dict(dims=3), "Word2Vec: dims: wanted a setting, maybe dim"),
                                (dict(batch_size=100), "Word2Vec: batch_size: wanted 32, 64, 96 or "),
                                (dict(loss="hinge"), "Word2Vec: loss: wanted one of ")):
            with self.assertRaises(InputError) as caught:
                Word2Vec(**values)
            self.assertStartsWith(str(caught.exception), message)
        with self.assertRaises(dataclasses.FrozenInstanceError):
            Word2Vec().dim = 3
        self.assertEqual(repr(Word2Vec(dim=3)), "Word2Vec(dim=3)")

    def test_a_model_before_fit_raises_errors(self):
        model = Word2Vec()
        self.assertLen(model, 0)
        self.assertTrue(model)
        for ask in (lambda: model["a"], lambda: model.words, lambda: "a" in model, lambda: model.counts,
                    lambda: model.most_similar("a"), lambda: model.save(self.path("model")),
                    lambda: model.joined_phrases, lambda: model.output_vectors):
            with self.assertRaisesRegex(InputError, "^Word2Vec: .*: wanted a model after fit or load"):
                ask()
        self.assertFalse(os.path.exists(self.path("model")))


class InterruptTest(FittedCase):

    def test_ctrl_c_keeps_the_vectors_trained_so_far(self):
        handler = signal.default_int_handler  # background processes of a shell ignore SIGINT
        self.addCleanup(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, handler))
        whole = self.model
        who = InterruptedHost(9)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            model = Word2Vec(**_SMALL).fit(self.sentences, host=who)
        self.assertIs(signal.getsignal(signal.SIGINT), handler)
        self.assertIn("fit was stopped", " ".join(str(warning.message) for warning in warned))
        self.assertIn("Text: 3,600 words; vocabulary: 10 words", who.lines)
        self.assertFalse(model.is_whole)
        self.assertLess(model.history[-1][0], whole.history[-1][0])
        self.assertLen(model.most_similar("apple", k=3), 3)
        model.save(self.path("model"))
        loaded = Word2Vec.load(self.path("model"))
        self.assertFalse(loaded.is_whole)
        loaded.fit(self.sentences)
        self.assertTrue(loaded.is_whole)
        np.testing.assert_array_equal(loaded.vectors, whole.vectors)
        self.assertTrue(Word2Vec.load(self.path("model")).is_whole)


class SaveTest(FittedCase):

    def test_load_restores_everything_saved(self):
        self.model.save(self.path("model"))
        loaded = Word2Vec.load(self.path("model"))
        np.testing.assert_array_equal(loaded.vectors, self.model.vectors)
        np.testing.assert_array_equal(loaded.output_vectors, self.model.output_vectors)
        np.testing.assert_array_equal(loaded.counts, self.model.counts)
        for name in ("words", "history", "seconds", "words_per_second", "full_softmax_loss", "dim",
                     "epochs"):
            self.assertEqual(getattr(loaded, name), getattr(self.model, name), name)
        self.assertEqual(loaded.folder, self.path("model"))
        with self.assertRaisesRegex(InputError, "dim: wanted 8, as the model in .* has, got 9"):
            Word2Vec.load(self.path("model"), dim=9)

    def test_paths_are_saved_for_resuming(self):
        path = self.path("text.txt")
        with open(path, "w") as stream:
            stream.writelines(" ".join(sentence) + "\n" for sentence in self.sentences)
        model = Word2Vec(cache_dir=self.path("cache"), **_SMALL).fit([path])
        model.save(self.path("model"))
        loaded = Word2Vec.load(self.path("model"), epochs=3)
        self.assertEqual(loaded.corpus, (path,))
        self.assertGreater(loaded.fit().history[-1][0], model.history[-1][0])

    def test_save_replaces_a_model_and_nothing_else(self):
        self.model.save(self.path("model"))
        self.model.save(self.model.folder)
        other = Word2Vec(**dict(_SMALL, dim=3)).fit(self.sentences)
        other.save(self.path("model"))
        self.assertEqual(Word2Vec.load(self.path("model")).vectors.shape, (10, 3))
        os.mkdir(self.path("full"))
        with open(self.path("full", "mine.txt"), "w"):
            pass
        with self.assertRaisesRegex(InputError, "wanted a new or empty folder"):
            self.model.save(self.path("full"))
        self.assertEqual(os.listdir(self.path("full")), ["mine.txt"])

    def test_load_without_a_vectors_file_reads_the_checkpoint(self):
        self.model.save(self.path("model"))
        os.unlink(self.path("model", "vectors.bin"))
        loaded = Word2Vec.load(self.path("model"))
        np.testing.assert_array_equal(loaded.vectors, self.model.vectors)
        os.unlink(self.path("model", "vocab.txt"))
        with self.assertRaisesRegex(InputError, "vectors.bin: wanted a readable file"):
            Word2Vec.load(self.path("model"))

    def test_the_word_for_the_line_end_of_word2vec_c_is_kept(self):
        model = Word2Vec(**_SMALL).fit([["</s>", "a"], ["</s>"]] * 50)
        model.save(self.path("model"))
        loaded = Word2Vec.load(self.path("model"))
        self.assertEqual((loaded.words, loaded.counts.tolist()), (["</s>", "a"], [100, 50]))

    def test_counts_of_a_folder_without_a_vocabulary_are_an_error(self):
        self.model.save(self.path("model"))
        os.unlink(self.path("model", "vocab.txt"))
        loaded = Word2Vec.load(self.path("model"))
        self.assertLen(loaded, 10)
        with self.assertRaisesRegex(InputError, "counts: wanted a folder with vocab.txt"):
            loaded.counts  # noqa: B018

    def test_a_folder_that_is_not_a_model_is_an_error(self):
        with self.assertRaisesRegex(InputError, "settings.json: wanted a readable file"):
            Word2Vec.load(self.path("nowhere"))
        self.model.save(self.path("model"))
        with open(self.path("model", "settings.json")) as stream:
            content = json.load(stream)
        with open(self.path("model", "settings.json"), "w") as stream:
            json.dump(dict(content, program="recsys"), stream)
        with self.assertRaisesRegex(InputError, "wanted a model of word2vec, got a model of recsys"):
            Word2Vec.load(self.path("model"))

    @parameterized.parameters("vectors.bin", "vocab.txt", "settings.json", "metrics.json")
    def test_links_and_pipes_in_a_folder_are_errors(self, name):
        self.model.save(self.path("model"))
        os.rename(self.path("model", name), self.path("theirs"))
        for make in (lambda path: os.symlink(self.path("theirs"), path), os.mkfifo):
            make(self.path("model", name))
            with self.assertRaisesRegex(InputError, name + ": wanted .*, got a (link|pipe)"):
                Word2Vec.load(self.path("model"))
            os.unlink(self.path("model", name))

    def test_a_moved_folder_is_loaded(self):
        self.model.save(self.path("a"))
        shutil.move(self.path("a"), self.path("b"))
        more = Word2Vec.load(self.path("b"), epochs=3).fit(self.sentences)
        self.assertEqual(more.history[:len(self.model.history)], self.model.history)


if __name__ == "__main__":
    absltest.main()
