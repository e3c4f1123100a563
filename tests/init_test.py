"""The public names and their docstrings, which describe each argument; the version and its changes."""
import inspect
import os
import re

from absl.testing import absltest

import tf1_sampled


def described_arguments(doc):
    """Return the names that have an entry in the Args section of a docstring: "name:" or "a, b:"."""
    section = re.search(r"(?m)^Args:\n((?:(?: .*)?\n)+)", doc + "\n")
    entries = re.findall(r"(?m)^  ([\w*]+(?:, [\w*]+)*):", section.group(1)) if section else []
    return [name.strip(" *") for entry in entries for name in entry.split(",")]


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

    def test_an_unknown_name_is_an_attribute_error(self):
        with self.assertRaisesRegex(AttributeError, "no attribute 'nce'"):
            getattr(tf1_sampled, "nce")  # noqa: B009


class DocstringsTest(absltest.TestCase):

    def described(self):
        """Yield (name, value) of the public functions, and of the classes that the user constructs."""
        for name in tf1_sampled.__all__:
            value = getattr(tf1_sampled, name)
            constructed = inspect.isclass(value) and not issubclass(value, (tuple, Exception))
            if inspect.isfunction(value) or constructed:
                yield name, value

    def test_args_describes_each_argument_and_no_other(self):
        names = []
        for name, value in self.described():
            names.append(name)
            self.assertCountEqual(described_arguments(inspect.getdoc(value)),
                                  inspect.signature(value).parameters, name)
        self.assertContainsSubset(["Unigram", "minimize", "nce_loss"], names)

    def test_a_function_that_returns_a_value_describes_it(self):
        names = []
        for name, value in self.described():
            if inspect.isfunction(value) and re.search(r"\n +return \w", inspect.getsource(value)):
                names.append(name)
                self.assertRegex(inspect.getdoc(value), r"(?m)^Returns:\n  \S", name)
        self.assertContainsSubset(["minimize", "nce_loss"], names)

    def test_entries_of_the_args_section_are_found(self):
        doc = "Do x.\n\nArgs:\n  a, b: one: two\n    c: not\n\n  *d: e\n\nRaises:\n  InputError: f"
        self.assertEqual(described_arguments(doc), ["a", "b", "d"])
        self.assertEqual(described_arguments("Do x.\n\nArgs:\n  a: b"), ["a"])
        self.assertEqual(described_arguments("Do x.\n\nReturns:\n  a: b"), [])


if __name__ == "__main__":
    absltest.main()
