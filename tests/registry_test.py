import inspect
import subprocess
import sys

from absl.testing import absltest

from tf1_sampled import registry


class TablesTest(absltest.TestCase):

    def test_every_name_is_there(self):
        for table in (registry.SAMPLERS, registry.LOSSES, registry.OPTIMIZERS):
            self.assertNotEmpty(table)
            for name, value in table.items():
                self.assertTrue(callable(value), name)
                self.assertTrue(inspect.getdoc(value), name)

    def test_names_need_no_tensorflow(self):
        code = ("import sys; from tf1_sampled import LOSSES, OPTIMIZERS, SAMPLERS; "
                "print(sorted(LOSSES), sorted(OPTIMIZERS), sorted(SAMPLERS)); "
                "sys.exit('tensorflow' in sys.modules)")
        self.assertEqual(subprocess.call([sys.executable, "-c", code],
                                         env={"PYTHONPATH": ":".join(sys.path)}), 0)

    def test_an_unknown_name_is_a_key_error(self):
        self.assertNotIn("nceloss", registry.LOSSES)
        with self.assertRaises(KeyError):
            registry.LOSSES["nceloss"]  # pylint: disable=pointless-statement


if __name__ == "__main__":
    absltest.main()
