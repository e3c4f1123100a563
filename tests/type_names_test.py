import ast
import importlib.util
import inspect
import os
import re
import subprocess
import sys
import tempfile

from absl.testing import absltest

import tf1_sampled

_PACKAGE = os.path.dirname(tf1_sampled.__file__)
_MARK = re.compile(r"  # type: ignore\[(.+)\]$")
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _missing_annotations(function):
    """Return the parameters of a function without an annotation, and "return" if it has none."""
    signature = inspect.signature(function)
    missing = [name for name, parameter in signature.parameters.items()
               if parameter.annotation is parameter.empty and name != "self"]
    return missing + ["return"] * (signature.return_annotation is signature.empty)


class AnnotationsTest(absltest.TestCase):

    def test_each_public_function_and_method_is_annotated(self):
        seen = []
        for name in tf1_sampled.__all__:
            value = getattr(tf1_sampled, name)
            if inspect.isfunction(value):
                functions = [value]
            elif inspect.isclass(value) and issubclass(value, tuple):
                self.assertCountEqual(value.__annotations__, value._fields, name)
                continue
            elif inspect.isclass(value):
                self.assertIn("__init__", vars(value), name)
                functions = [method for method in vars(value).values() if inspect.isfunction(method)
                             and (method.__name__ == "__init__" or method.__name__[0] != "_")]
            else:
                functions = []  # a table
            for function in functions:
                seen.append(function.__qualname__)
                self.assertEmpty(_missing_annotations(function), function.__qualname__)
        self.assertContainsSubset(["nce_loss", "Unigram.__init__", "Unigram.log_prob"], seen)

    def test_a_missing_annotation_is_found(self):
        def function(a: int, b=1, *c, d: str, **e):
            del a, b, c, d, e

        self.assertEqual(_missing_annotations(function), ["b", "c", "e", "return"])

    def test_the_names_need_no_tensorflow(self):
        code = "import sys; from tf1_sampled import type_names; sys.exit('tensorflow' in sys.modules)"
        self.assertEqual(subprocess.call([sys.executable, "-c", code],
                                         env={"PYTHONPATH": ":".join(sys.path)}), 0)


class TypeCheckerTest(absltest.TestCase):

    def test_the_stub_has_the_public_names(self):
        with open(os.path.join(_PACKAGE, "__init__.pyi"), encoding="utf-8") as f:
            body = ast.parse(f.read()).body
        found = {}
        for statement in body:
            if isinstance(statement, ast.ImportFrom):
                for alias in statement.names:
                    self.assertEqual(alias.asname, alias.name, "without `as` it is not public")
                    found["tf1_sampled." + alias.name] = statement.module
        self.assertEqual(found, {"tf1_sampled." + name: "tf1_sampled." + module
                                 for name, module in tf1_sampled._HOME.items()})

    def test_the_package_says_that_it_is_typed(self):
        self.assertTrue(os.path.exists(os.path.join(_PACKAGE, "py.typed")))

    def test_mypy_rejects_the_wrong_uses_and_no_others(self):
        if importlib.util.find_spec("mypy") is None:
            self.skipTest("mypy is not installed")
        with open(os.path.join(_ROOT, "tests", "typing_cases.py"), encoding="utf-8") as f:
            lines = f.read().split("\n")
        marked = {(number, match.group(1)) for number, match in enumerate(map(_MARK.search, lines), 1)
                  if match}
        self.assertGreater(len(marked), 40)
        with tempfile.TemporaryDirectory() as folder:
            unmarked = os.path.join(folder, "unmarked.py")
            with open(unmarked, "w", encoding="utf-8") as f:
                f.write("\n".join(_MARK.sub("", line) for line in lines))
            # The errors of this file only: `make lint` reports those of the package.
            output = subprocess.run(
                [sys.executable, "-m", "mypy", "--cache-dir", os.path.join(folder, "cache"),
                 "--follow-imports=silent", unmarked],
                cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                universal_newlines=True).stdout
        errors = re.findall(r":(\d+): error: .*\[(.+)\]", output)
        found = {(int(number), code) for number, code in errors}
        self.assertEqual(found, marked, output)


if __name__ == "__main__":
    absltest.main()
