"""The examples run as they are, give what docs/examples.md says, and are quoted there correctly."""
import ast
import contextlib
import io
import json
import os
import re
import runpy
import textwrap

import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_FOLDER = os.path.join(_ROOT, "examples")
_NAMES = sorted(name for name in os.listdir(_FOLDER) if name.endswith(".py"))
_TF_VERSION = [int(part) for part in tf.__version__.split(".")[:2]]


def _read(*path):
    with open(os.path.join(_ROOT, *path), encoding="utf-8") as stream:
        return stream.read()


def _run(name, folder="."):
    """Return what an example prints and its names, after a run as the main program in a folder."""
    output, before = io.StringIO(), os.getcwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(output):
            names = runpy.run_path(os.path.join(_FOLDER, name), run_name="__main__")
        return output.getvalue(), names
    finally:
        os.chdir(before)


def _numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.\d*(?:e-?\d+)?", text)]


class ExamplesTest(parameterized.TestCase):

    def test_own_loss_and_sampler(self):
        output, names = _run("own_loss_and_sampler.py")
        for line in range(2):
            counted, stated = [np.array(_numbers(numbers)) for numbers in re.findall(
                r"(?:counted|stated) +\[([^]]*)\]", output)][2 * line:2 * line + 2]
            self.assertLen(stated, 8)
            np.testing.assert_allclose(counted, stated, atol=4 * np.sqrt(2 / 20000))
        wrong = names["Geometric"](8, 0.6)
        wrong.log_prob = names["Geometric"](8, 0.5).log_prob
        counted, stated = names["count_draws"](wrong, False)
        self.assertGreater(np.max(np.abs(counted - stated)), 0.1)  # a wrong count is seen

    def test_move_a_graph(self):
        output, names = _run("move_a_graph.py")
        start, *losses = _numbers(output)
        self.assertAlmostEqual(start, np.log(names["C"]), delta=0.1)
        self.assertEqual(losses, sorted(losses, reverse=True))
        self.assertEqual(losses[:3:2], losses[1:4:2])  # the next one begins where one ended
        before, after = [re.search(r"def %s\(.*\n((    .*\n)+)" % function, _read(
            "examples", "move_a_graph.py")).group(1) for function in ("before", "after")]
        self.assertEqual(before.replace("tf.nn.", "ts."), after)

    def test_multi_label_nce(self):
        output, _ = _run("multi_label_nce.py")
        self.assertGreater(_numbers(output)[0], 0.98)

    def test_serve_saved_model(self):
        folder = self.create_tempdir().full_path
        output, names = _run("serve_saved_model.py", folder)
        request, response = [json.loads(line) for line in output.splitlines()]
        items = response["outputs"]["items"]
        self.assertEqual([len(row) for row in items], [3, 3])
        self.assertEqual([row[0] for row in items], ["book 12", "book 21"])
        self.assertEqual(os.listdir(os.path.join(folder, "runs", "books")), ["1"])
        if _TF_VERSION >= [2, 0]:
            model = tf.saved_model.load(os.path.join(folder, "runs", "books", "1"))
            theirs = model.signatures["recommend"](**{
                name: tf.constant(value) for name, value in request["inputs"].items()})
            self.assertEqual(theirs["items"].numpy().astype(str).tolist(), items)
            np.testing.assert_allclose(theirs["scores"], response["outputs"]["scores"], rtol=1e-5)

    def test_recommend_from_pandas(self):
        try:
            import pandas  # noqa: F401
        except ImportError:
            self.skipTest("pandas is not installed")
        output, _ = _run("recommend_from_pandas.py")
        for_history, for_user, similar, scores = map(ast.literal_eval, output.splitlines())
        self.assertEqual(for_history[0][0], "series 3, volume 3")
        self.assertEqual([len(for_user), len(similar)], [3, 3])
        self.assertGreater(scores["HR@10"], 0.9)

    def test_tf2_training_loop(self):
        if _TF_VERSION < [2, 0]:
            return self.check_version_is_refused("tf2_training_loop.py", "TensorFlow 2")
        output, names = _run("tf2_training_loop.py")
        self.assertLess(_numbers(output)[-1], 1.5)
        model, words = names["model"], np.arange(500)
        counts = model.label_counts.variables[0]
        self.assertEqual(counts.numpy()[1], 400 * 256)
        path = os.path.join(self.create_tempdir().full_path, "model")
        path = tf.train.Checkpoint(model=model).save(path)
        variables = [variable for variable, _ in tf.train.list_variables(path)]
        for part in ("model/label_counts/", "model/rows/.OPTIMIZER_SLOT/model/optimizer/v/"):
            self.assertTrue(any(variable.startswith(part) for variable in variables), part)
        restored = names["NextWord"](500)
        tf.train.Checkpoint(model=restored).restore(path)
        np.testing.assert_array_equal(restored.label_counts.variables[0], counts)
        self.assertEqual(restored.evaluate(words, words), model.evaluate(words, words))

    def test_keras_next_item(self):
        if _TF_VERSION < [2, 16]:
            return self.check_version_is_refused("keras_next_item.py", "TensorFlow 2.16 or newer")
        output, names = _run("keras_next_item.py")
        epoch, offered = output.splitlines()[-2:]
        self.assertRegex(epoch, r" - loss: \S+ - val_loss: \S+ - val_sparse_top_k_categorical_accuracy")
        self.assertRegex(offered, r"After item 5: \[[678] [678] [678]\]")
        model, items, labels = names["model"], names["items"][:999], names["labels"][:999]
        self.assertEqual(model.predict(items, verbose=0).shape, (999, 300))
        scores = model.evaluate(items, labels, verbose=0, return_dict=True)
        self.assertLess(scores["loss"], 1.6)
        path = os.path.join(self.create_tempdir().full_path, "model.keras")
        model.save(path)
        loaded = names["keras"].saving.load_model(path)
        self.assertEqual(loaded.evaluate(items, labels, verbose=0, return_dict=True), scores)
        fit = loaded.fit(items, labels, batch_size=999, sample_weight=np.zeros(999), verbose=0)
        self.assertEqual(fit.history, {"loss": [0]})

    def check_version_is_refused(self, name, wanted):
        with self.assertRaisesRegex(SystemExit, r"^%s: wanted %s, got %s$" % (
                re.escape(name), re.escape(wanted), re.escape(tf.__version__))):
            _run(name)

class PageTest(absltest.TestCase):
    """docs/examples.md."""

    def setUp(self):
        super().setUp()
        self.sections = {
            re.search(r"python examples/(\w+\.py)", section).group(1): section
            for section in _read("docs", "examples.md").split("\n## ")[1:]}

    def test_each_example_has_a_page(self):
        pages = "".join(_read("docs", name) for name in os.listdir(os.path.join(_ROOT, "docs"))
                        if name.endswith(".md"))
        for name in _NAMES:
            self.assertIn("python examples/" + name, pages)
        self.assertContainsSubset(self.sections, _NAMES)

    def test_quotes_what_the_examples_have(self):
        for name, section in self.sections.items():
            source = textwrap.dedent(_read("examples", name))
            quotes = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
            self.assertNotEmpty(quotes, name)
            for quote in quotes:
                found = quote in source or textwrap.indent(quote, "    ") in source
                self.assertTrue(found, "examples/%s does not have:\n%s" % (name, quote))

    def test_an_example_is_short(self):
        for name in self.sections:
            self.assertLess(_read("examples", name).count("\n"), 60, name)
            self.assertIn("\n    python examples/%s\n" % name, _read("examples", name))


if __name__ == "__main__":
    absltest.main()
