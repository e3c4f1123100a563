"""The public names: their docstrings, the examples there, the version and its changes."""
import inspect
import os
import re
import textwrap

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

import tf1_sampled
from tests import graph_case
from tf1_sampled import training


def described_arguments(doc):
    """Return the names that have an entry in the Args section of a docstring: "name:" or "a, b:"."""
    section = re.search(r"(?m)^Args:\n((?:(?: .*)?\n)+)", doc + "\n")
    entries = re.findall(r"(?m)^  ([\w*]+(?:, [\w*]+)*):", section.group(1)) if section else []
    return [name.strip(" *") for entry in entries for name in entry.split(",")]


def example(doc):
    """Return the code of the Example section of a docstring; "" if there is none."""
    section = re.search(r"(?m)^Example:\n\n((?:(?: .*)?\n)+)", doc + "\n")
    return textwrap.dedent(section.group(1)).strip() if section else ""


def described_names():
    """Return the names of the public functions, and of the classes that the user constructs."""
    values = [(name, getattr(tf1_sampled, name)) for name in tf1_sampled.__all__]
    return [name for name, value in values if inspect.isfunction(value) or name == "UnitRows" or (
        inspect.isclass(value) and not issubclass(value, (tuple, Exception)))]


class VersionTest(absltest.TestCase):

    def test_the_changelog_begins_with_this_version(self):
        root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        with open(os.path.join(root, "CHANGELOG.md"), encoding="utf-8") as stream:
            first = re.search(r"(?m)^## (.*)$", stream.read()).group(1)
        self.assertEqual(first, tf1_sampled.__version__)


class PublicNamesTest(absltest.TestCase):

    def test_every_name_is_there(self):
        for name in tf1_sampled.__all__:
            self.assertIsNotNone(getattr(tf1_sampled, name))
            self.assertIn(name, dir(tf1_sampled))

    def test_the_names_of_training_are_there(self):
        self.assertCountEqual(training.__all__, training._HOME)
        for name in training.__all__:
            self.assertIsNotNone(getattr(training, name))
        with self.assertRaisesRegex(AttributeError, "no attribute 'nothing'"):
            getattr(training, "nothing")  # noqa: B009

    def test_an_unknown_name_is_an_attribute_error(self):
        with self.assertRaisesRegex(AttributeError, "no attribute 'nce'"):
            getattr(tf1_sampled, "nce")  # noqa: B009


class DocstringsTest(absltest.TestCase):

    def test_args_describes_each_argument_and_no_other(self):
        self.assertContainsSubset(["UnitRows", "Unigram", "minimize", "nce_loss"], described_names())
        for name in described_names():
            value = getattr(tf1_sampled, name)
            self.assertCountEqual(described_arguments(inspect.getdoc(value)),
                                  inspect.signature(value).parameters, name)

    def test_a_function_that_returns_a_value_describes_it(self):
        names = []
        for name in described_names():
            value = getattr(tf1_sampled, name)
            if inspect.isfunction(value) and re.search(r"\n +return \w", inspect.getsource(value)):
                names.append(name)
                self.assertRegex(inspect.getdoc(value), r"(?m)^Returns:\n  \S", name)
        self.assertContainsSubset(["minimize", "nce_loss"], names)

    def test_entries_of_the_args_section_are_found(self):
        doc = "Do x.\n\nArgs:\n  a, b: one: two\n    c: not\n\n  *d: e\n\nRaises:\n  InputError: f"
        self.assertEqual(described_arguments(doc), ["a", "b", "d"])
        self.assertEqual(described_arguments("Do x.\n\nArgs:\n  a: b"), ["a"])
        self.assertEqual(described_arguments("Do x.\n\nReturns:\n  a: b"), [])


class ExamplesTest(graph_case.GraphCase):

    @parameterized.parameters(*described_names())
    def test_the_example_runs_and_its_values_are_finite(self, name):
        code = example(inspect.getdoc(getattr(tf1_sampled, name)))
        self.assertIn("tf1_sampled.%s(" % name, code)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.create_tempdir().full_path)
        names = {"tf": tf, "tf1_sampled": tf1_sampled}
        exec(code, names)
        fetches = [value for value in names.values() if isinstance(value, (tf.Tensor, tf.Operation))
                   or isinstance(value, tuple) and all(map(tf.is_tensor, value))]
        for value in tf.nest.flatten(self.run_graph(fetches)):
            self.assertTrue(value is None or np.all(np.isfinite(value)))

    def test_the_code_of_the_example_section_is_found(self):
        doc = "Do x.\n\n    f(x)\n\nExample:\n\n    a = 1\n    b = [\n        a]\n\nArgs:\n  a: b"
        self.assertEqual(example(doc), "a = 1\nb = [\n    a]")
        self.assertEqual(example("Do x.\n\nArgs:\n  a: b"), "")


if __name__ == "__main__":
    absltest.main()
