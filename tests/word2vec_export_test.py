"""Tests of exports, read by sessions, by TensorFlow 2, by saved_model_cli and by TensorBoard."""
import json
import os
import tempfile
import unittest
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tests import graph_case, run_program
from tf1_sampled import checks
from tf1_sampled.files import places
from tf1_sampled.word2vec import evaluation, export

try:
    from tensorboard.backend.event_processing import plugin_event_multiplexer
    from tensorboard.plugins import base_plugin
    from tensorboard.plugins.projector import projector_plugin
    from werkzeug import test as werkzeug_test, wrappers
except ImportError:
    projector_plugin = None

WORDS = ["king", "queen", "it's", '"quoted"', "naïve", "日本", "😀", "$x$", "a\u00a0b", "\ufeff",
         "\\n", "3"]
UNKNOWN = ["King", "", "nobody"]

# A program that loads models in TensorFlow 2, all in one process, and prints their answers.
_TENSORFLOW_2 = """
import json, sys
import tensorflow as tf

loaded = [tf.saved_model.load(folder).signatures for folder in sys.argv[2:]]
answers = []
for signatures in loaded:
    words = tf.constant(json.loads(sys.argv[1]))
    similar = signatures["most_similar"](words=words, k=tf.constant(3))
    embed = signatures["embed"](words=words)
    by_id = signatures["embed_ids"](ids=tf.constant([2, 0], tf.int64))
    try:
        signatures["most_similar"](words=words, k=tf.constant(0))
        error = ""
    except tf.errors.InvalidArgumentError as e:
        error = str(e)
    answers.append({
        "words": [[word.decode() for word in row] for row in similar["words"].numpy()],
        "cosines": similar["cosines"].numpy().tolist(),
        "vectors": embed["vectors"].numpy().tolist(),
        "known": embed["known"].numpy().tolist(),
        "by_id": by_id["vectors"].numpy().tolist(),
        "error": error})
print(json.dumps(answers))
"""
_CLI = "import sys; from tensorflow.python.tools.saved_model_cli import main; sys.exit(main())"


def sample(seed=1, dimension=4, words=None):
    words = WORDS if words is None else words
    return words, np.random.RandomState(seed).standard_normal((len(words), dimension)).astype("f")


def nearest_words(words, vectors, word, k):
    ids, cosines = evaluation.nearest(evaluation.unit_rows(vectors), words.index(word), k)
    return [words[i] for i in ids], cosines


def python(code, *arguments):
    """Return the output of a process that imports TensorFlow but not this library."""
    with tempfile.TemporaryDirectory() as folder:
        exit_code, out, err = run_program.run_code(code, folder, *arguments)
    assert exit_code == 0, err
    return out


class SavedModelTest(graph_case.GraphCase):

    def setUp(self):
        super().setUp()
        self.folder = os.path.join(self.create_tempdir().full_path, "model")

    def write(self, words, vectors):
        export.write_saved_model(self.folder, words, vectors)
        return graph_case.SavedModel(self.folder)

    def test_embed_words_gives_vectors_and_zeros_for_unknown_words(self):
        words, vectors = sample()
        answer = self.write(words, vectors)("embed", words=words[::-1] + UNKNOWN)
        np.testing.assert_array_equal(answer["vectors"][:len(words)], vectors[::-1])
        np.testing.assert_array_equal(answer["vectors"][len(words):], np.zeros((len(UNKNOWN), 4)))
        self.assertEqual(answer["known"].tolist(), [True] * len(words) + [False] * len(UNKNOWN))

    def test_embed_ids_gives_vectors_of_ids_in_range(self):
        words, vectors = sample()
        model = self.write(words, vectors)
        np.testing.assert_array_equal(model("embed_ids", ids=[11, 0, 11])["vectors"],
                                      vectors[[11, 0, 11]])
        for wrong in (-1, 12):
            with self.assertRaisesRegex(tf.errors.InvalidArgumentError,
                                        "embed_ids: ids: wanted ids from 0 to 11, got"):
                model("embed_ids", ids=[0, wrong])

    @parameterized.parameters(1, 5, 11)
    def test_most_similar_equals_evaluation(self, k):
        words, vectors = sample()
        answer = self.write(words, vectors)("most_similar", words=words, k=k)
        for row, word in enumerate(words):
            wanted, cosines = nearest_words(words, vectors, word, k)
            self.assertEqual([found.decode() for found in answer["words"][row]], wanted)
            self.assert_close(answer["cosines"][row], cosines)

    def test_most_similar_of_equal_vectors_leaves_out_the_word_itself(self):
        # Of four equal rows, the best three contain the first but not the last.
        words, vectors = sample(dimension=2)
        vectors[2:6] = vectors[2]
        answer = self.write(words, vectors)("most_similar", words=words[2:6], k=2)
        wanted = [[words[j] for j in range(2, 6) if j != i][:2] for i in range(2, 6)]
        self.assertEqual([[word.decode() for word in row] for row in answer["words"]], wanted)
        self.assert_close(answer["cosines"], np.ones((4, 2)))

    def test_most_similar_of_an_unknown_word_is_empty(self):
        answer = self.write(*sample())("most_similar", words=["3"] + UNKNOWN, k=2)
        self.assertEqual(answer["words"][1:].tolist(), [[b"", b""]] * len(UNKNOWN))
        self.assertEqual(answer["cosines"][1:].tolist(), [[0.0, 0.0]] * len(UNKNOWN))
        self.assertNotIn(b"", answer["words"][0])

    def test_k_is_at_most_the_other_words_and_10_by_default(self):
        model = self.write(*sample())
        self.assertEqual(model("most_similar", words=["3"], k=12)["words"].shape, (1, 11))
        self.assertEqual(model("most_similar", words=["3"])["words"].shape, (1, 10))
        self.assertEqual(model("most_similar", words=[], k=3)["cosines"].shape, (0, 3))
        for wrong in (0, -1):
            with self.assertRaisesRegex(tf.errors.InvalidArgumentError,
                                        "most_similar: k: wanted an integer above 0, got"):
                model("most_similar", words=["3"], k=wrong)

    def test_a_model_of_a_single_word_answers(self):
        model = self.write(["one"], [[1, 2]])
        self.assertEqual(model("most_similar", words=["one", "two"], k=3)["words"].shape, (2, 0))
        self.assertEqual(model("embed", words=["one"])["vectors"].tolist(), [[1, 2]])

    def test_cosines_of_rows_of_extreme_length_are_exact(self):
        vectors = np.float32([[1, 0], [0, 0], [3e37, 3e37], [3e-37, 0], [1e-45, 0], [-2, 0]])
        answer = self.write(list("abcdef"), vectors)("most_similar", words=["a", "b"], k=5)
        self.assertEqual(answer["words"][0].tolist(), [b"d", b"c", b"b", b"e", b"f"])
        self.assert_close(answer["cosines"][0], [1, np.sqrt(0.5), 0, 0, -1])
        self.assertEqual(answer["cosines"][1].tolist(), [0] * 5)

    def test_the_graph_holds_no_vectors(self):
        vectors = np.random.RandomState(1).standard_normal((2000, 100))
        self.write(["word%d" % i for i in range(2000)], vectors)
        size = os.path.getsize(os.path.join(self.folder, "saved_model.pb"))
        self.assertLess(size, 50000)

    def test_the_model_contains_no_path_of_the_user(self):
        self.write(*sample())
        with open(os.path.join(self.folder, "saved_model.pb"), "rb") as stream:
            self.assertNotIn(os.path.dirname(self.folder).encode(), stream.read())

    def test_the_users_default_graph_is_unchanged(self):
        self.write(*sample())
        self.assertEmpty(tf.get_default_graph().get_operations())

    @unittest.skipIf(tf.VERSION.startswith("1."), "TensorFlow 2 is not installed")
    def test_tensorflow_2_loads_several_models_at_once(self):
        models = [sample(1), sample(2), sample(3, words=WORDS[::-1])]
        folders = [self.folder + str(i) for i in range(len(models))]
        for folder, (words, vectors) in zip(folders, models):
            export.write_saved_model(folder, words, vectors)
        answers = json.loads(python(_TENSORFLOW_2, json.dumps(WORDS + UNKNOWN), *folders))
        for (words, vectors), answer in zip(models, answers):
            for word, found, cosines in zip(WORDS, answer["words"], answer["cosines"]):
                wanted, wanted_cosines = nearest_words(words, vectors, word, 3)
                self.assertEqual(found, wanted)
                self.assert_close(cosines, wanted_cosines)
            self.assertEqual(answer["words"][len(WORDS):], [[""] * 3] * len(UNKNOWN))
            rows = vectors[[words.index(word) for word in WORDS]]
            np.testing.assert_array_equal(np.float32(answer["vectors"])[:len(WORDS)], rows)
            self.assertEqual(answer["known"], [True] * len(WORDS) + [False] * len(UNKNOWN))
            np.testing.assert_array_equal(np.float32(answer["by_id"]), vectors[[2, 0]])
            self.assertIn("most_similar: k: wanted an integer above 0, got", answer["error"])

    def test_saved_model_cli_answers(self):
        words, vectors = sample()
        export.write_saved_model(self.folder, words, vectors)
        printed = python(_CLI, "run", "--dir", self.folder, "--tag_set", "serve", "--signature_def",
                         "most_similar", "--input_exprs", 'words=["king"];k=3')
        wanted, _ = nearest_words(words, vectors, "king", 3)
        self.assertIn(str(np.array([[word.encode() for word in wanted]], object)), printed)


class ProjectorTest(graph_case.GraphCase):

    def setUp(self):
        super().setUp()
        self.folder = os.path.join(self.create_tempdir().full_path, "projector")

    def lines(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8", newline="\n") as stream:
            return stream.read().split("\n")

    def test_projector_files_hold_the_most_frequent_words(self):
        export.write_projector(self.folder, ["a", "b", "c"], [[1, -0.5], [1 / 3, 1e-9], [9, 9]], most=2)
        self.assertEqual(self.lines("vectors.tsv"), ["1\t-0.5", "0.333333\t1e-09", ""])
        self.assertEqual(self.lines("metadata.tsv"), ["a", "b", ""])
        self.assertCountEqual(os.listdir(self.folder),
                              ["vectors.tsv", "metadata.tsv", "projector_config.pbtxt"])

    def test_words_that_look_empty_are_escaped(self):
        export.write_projector(self.folder, *sample(words=["a", "\ufeff", "\u00a0", "\u2028", "b"]))
        self.assertEqual(self.lines("metadata.tsv"),
                         ["a", "'\\ufeff'", "'\\xa0'", "'\\u2028'", "b", ""])

    @unittest.skipIf(projector_plugin is None, "TensorBoard is not installed")
    def test_tensorboard_reads_the_projector(self):
        words, vectors = sample()
        export.write_projector(self.folder, words, vectors, most=9)
        plugin = projector_plugin.ProjectorPlugin(base_plugin.TBContext(
            logdir=self.folder, multiplexer=plugin_event_multiplexer.EventMultiplexer()))
        apps = plugin.get_plugin_apps()

        def get(route, **query):
            response = werkzeug_test.Client(apps[route], wrappers.Response).get(
                route, query_string=query)
            self.assertEqual(response.status_code, 200, response.data)
            return response.data

        self.assertEqual(json.loads(get("/runs").decode()), ["."])
        config = json.loads(get("/info", run=".").decode())
        self.assertLen(config["embeddings"], 1)
        self.assertEqual(config["embeddings"][0]["tensorShape"], [9, 4])
        name = config["embeddings"][0]["tensorName"]
        shown = np.frombuffer(get("/tensor", run=".", name=name, num_rows=100000), np.float32)
        self.assert_close(shown.reshape(9, 4), vectors[:9])
        labels = get("/metadata", run=".", name=name, num_rows=100000).decode("utf-8")
        self.assertEqual(labels, "\n".join(words[:9]) + "\n")


class EitherTest(graph_case.GraphCase):
    """Tests of both exports."""

    def setUp(self):
        super().setUp()
        self.parent = self.create_tempdir().full_path
        self.folder = os.path.join(self.parent, "new")

    @parameterized.product(
        write=(export.write_saved_model, export.write_projector),
        case=(("words", ["a", "b", "a"], None, "each word once, got 'a'"),
              ("words", ["a", "b"], None, "as many words as vectors, 3, got 2"),
              ("words", ["a", "", "b"], None, "non-empty words without blanks and line ends, got ''"),
              ("words", ["a", "b c", "d"], None, "words without blanks and line ends, got 'b c'"),
              ("words", ["a", "b\r", "d"], None, "without blanks and line ends"),
              ("words", ["a", 3, "d"], None, "non-empty words without blanks and line ends, got 3"),
              ("words", ["a", "\ud800", "d"], None, "words of Unicode characters, got '\\\\ud800'"),
              ("vectors", list("abc"), [[1, 2], [3, np.nan], [5, 6]], "finite numbers for the word 'b'"),
              ("vectors", list("abc"), [[1, 2], [3, 1e39], [5, 6]], "finite numbers for the word 'b'"),
              ("vectors", list("abc"), [1, 2, 3], "an array \\[V, D\\] of at least \\d by \\d, got"),
              ("vectors", [], np.zeros((0, 2)), "an array \\[V, D\\] of at least \\d by \\d, got")))
    def test_invalid_words_and_vectors_are_errors(self, write, case):
        argument, words, vectors, message = case
        vectors = np.ones((3, 2)) if vectors is None else vectors
        with self.assertRaisesRegex(checks.InputError, "%s: %s: wanted .*%s" % (
                write.__name__, argument, message)):
            write(self.folder, words, vectors)
        self.assertEmpty(os.listdir(self.parent))

    def test_a_projector_of_one_word_or_dimension_is_an_error(self):
        for shape in ((1, 2), (2, 1)):
            with self.assertRaisesRegex(checks.InputError, "vectors: wanted .* at least 2 by 2"):
                export.write_projector(self.folder, list("ab")[:shape[0]], np.ones(shape))
        for most in (0, 1, 2.5):
            with self.assertRaisesRegex(checks.InputError, "write_projector: most: wanted an integer"):
                export.write_projector(self.folder, list("ab"), np.ones((2, 2)), most=most)

    @parameterized.parameters(export.write_saved_model, export.write_projector)
    def test_an_empty_folder_is_filled_and_a_full_one_is_an_error(self, write):
        os.mkdir(self.folder)
        places.check_new_folder(self.folder + os.sep)
        write(self.folder + os.sep, *sample())
        before = os.listdir(self.folder)
        with self.assertRaisesRegex(checks.InputError, "a new or empty folder, got a folder with files"):
            places.check_new_folder(self.folder)
        with self.assertRaisesRegex(checks.InputError, "a new or empty folder, got a folder with files"):
            write(self.folder, *sample())
        self.assertEqual(os.listdir(self.folder), before)
        self.assertEqual(os.listdir(self.parent), ["new"])

    @parameterized.parameters(export.write_saved_model, export.write_projector)
    def test_parent_folders_are_made_and_files_are_readable_by_others(self, write):
        deep = os.path.join(self.folder, "a", "b")
        places.check_new_folder(deep)
        self.assertFalse(os.path.exists(deep))
        previous = os.umask(0o022)
        try:
            write(deep, *sample())
        finally:
            os.umask(previous)
        for parent, _, names in os.walk(deep):
            self.assertEqual(os.stat(parent).st_mode & 0o777, 0o755)
            for name in names:
                self.assertEqual(os.stat(os.path.join(parent, name)).st_mode & 0o777, 0o644)

    @parameterized.parameters((export.write_saved_model, tf.saved_model.Builder, "save"),
                              (export.write_projector, os, "fsync"))
    def test_an_error_leaves_no_files(self, write, owner, breaks):
        with mock.patch.object(owner, breaks, side_effect=RuntimeError("broken")):
            with self.assertRaisesRegex(RuntimeError, "broken"):
                write(self.folder, *sample())
        self.assertEmpty(os.listdir(self.parent))


if __name__ == "__main__":
    absltest.main()
