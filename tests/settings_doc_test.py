"""docs/settings.md is generated from the settings."""
import importlib.util
import os

from absl.testing import absltest

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class SettingsDocTest(absltest.TestCase):

    def test_the_document_is_up_to_date(self):
        path = os.path.join(_ROOT, "tools", "write_settings.py")
        spec = importlib.util.spec_from_file_location("write_settings", path)
        tool = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(tool)
        with open(tool.PATH, encoding="utf-8") as stream:
            written = stream.read()
        self.assertIn("| `num_sampled` |", written)
        self.assertEqual(written, tool.text(), "run python tools/write_settings.py")


if __name__ == "__main__":
    absltest.main()
