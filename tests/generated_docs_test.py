"""docs/settings.md is what the settings say, and docs/api.md what the docstrings say."""
import importlib.util
import os
import re

from absl.testing import absltest, parameterized

import tf1_sampled

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class GeneratedDocsTest(parameterized.TestCase):

    @parameterized.parameters(
        ("write_settings", "| `num_sampled` |"),
        ("write_api", "\n### nce_loss\n"))
    def test_the_page_is_what_the_code_says(self, name, part):
        path = os.path.join(_ROOT, "tools", name + ".py")
        spec = importlib.util.spec_from_file_location(name, path)
        tool = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(tool)
        with open(tool.PATH, encoding="utf-8") as stream:
            written = stream.read()
        self.assertIn(part, written)
        self.assertEqual(written, tool.text(), "run python tools/%s.py" % name)

    def test_the_api_has_each_public_name(self):
        with open(os.path.join(_ROOT, "docs", "api.md"), encoding="utf-8") as stream:
            names = re.findall(r"(?m)^### (\w+)$", stream.read())
        self.assertContainsSubset(tf1_sampled.__all__, names)


if __name__ == "__main__":
    absltest.main()
