import importlib
import inspect
import re

from absl.testing import absltest

import tf1_sampled

_CORE = ("candidates", "distributions", "samplers", "logits", "losses", "optimizers")


class PublicNamesTest(absltest.TestCase):

    def test_every_name_is_there(self):
        for name in tf1_sampled.__all__:
            self.assertIsNotNone(getattr(tf1_sampled, name))
            self.assertIn(name, dir(tf1_sampled))

    def test_every_public_name_of_the_core_is_there(self):
        for module_name in _CORE:
            module = importlib.import_module("tf1_sampled." + module_name)
            for name, value in vars(module).items():
                if name.startswith("_") or inspect.ismodule(value):
                    continue
                if getattr(value, "__module__", None) == module.__name__ and name not in (
                        "check_batch", "check_tables", "dtype_of", "fold_in", "of_groups",
                        "rows_and_biases", "sorted_uniforms", "stateless_seed", "uniforms"):
                    self.assertIn(name, tf1_sampled.__all__, module_name)

    def test_every_public_function_says_what_it_takes(self):
        for name in tf1_sampled.__all__:
            value = getattr(tf1_sampled, name)
            if inspect.isfunction(value):
                doc = inspect.getdoc(value)
                if re.search(r"\n +return \w", inspect.getsource(value)):
                    self.assertIn("Returns", doc, name)
                # Arguments that are the same as another function's are described there.
                if "Args, Returns" not in doc:
                    for argument in inspect.signature(value).parameters:
                        self.assertIn(argument, doc, name)

    def test_an_unknown_name_is_an_attribute_error(self):
        with self.assertRaisesRegex(AttributeError, "no attribute 'nce'"):
            getattr(tf1_sampled, "nce")  # noqa: B009


if __name__ == "__main__":
    absltest.main()
