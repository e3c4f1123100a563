import os
import subprocess
import sys

from absl.testing import absltest

_IMPORT = """
import sys
from tf1_sampled.programs import quiet
print("tensorflow" in sys.modules)
tf = quiet.import_tensorflow()
"""
_TENSORFLOW = _IMPORT + """
import tensorflow.compat.v1
assert tf is tensorflow.compat.v1
tf.disable_v2_behavior()
tf.Session().run(tf.constant(1))
print("still here", file=sys.stderr)
"""
# A stand-in for TensorFlow that writes to standard error as its libraries and Python do.
_FAKE = """
import os, sys, warnings
os.write(2, b"I0000 00:00:17 oneDNN custom operations are on.\\n")
os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\\n")
os.write(2, b"W0000 00:00:17 all is lost\\n")
print("a line of Python", file=sys.stderr)
warnings.warn("Converting sparse IndexedSlices to a dense Tensor of unknown shape.")
print("level", os.environ["TF_CPP_MIN_LOG_LEVEL"])

class logging:
    ERROR = 40
    def set_verbosity(level):
        print("verbosity", level)
"""


class ImportTensorFlowTest(absltest.TestCase):

    def run_script(self, script, fake=None, **variables):
        """Run a script with `fake` as tensorflow.compat.v1: return (exit code, output, errors)."""
        path = [p for p in sys.path if p]
        if fake is not None:
            folder = self.create_tempdir()
            for name, text in (("", ""), ("compat/", ""), ("compat/v1/", fake)):
                folder.create_file("tensorflow/%s__init__.py" % name, text)
            path.insert(0, folder.full_path)
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join(path))
        environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
        # TensorFlow imports Matplotlib if it is installed, which warns if it cannot write at home.
        environment["MPLCONFIGDIR"] = self.create_tempdir().full_path
        environment.update(variables)
        done = subprocess.run([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, universal_newlines=True)
        return done.returncode, done.stdout, done.stderr

    def test_tensorflow_is_imported_without_noise(self):
        self.assertEqual(self.run_script(_TENSORFLOW), (0, "False\n", "still here\n"))

    def test_warnings_and_errors_are_passed_on(self):
        self.assertEqual(self.run_script(_IMPORT + "print('end', file=sys.stderr)", _FAKE), (
            0, "False\nlevel 3\nverbosity 40\n", "W0000 00:00:17 all is lost\na line of Python\nend\n"))

    @absltest.skipUnless(os.path.exists("/dev/full"), "needs a full device")
    def test_a_full_standard_error_is_not_an_error(self):
        code = "import os; os.dup2(os.open('/dev/full', os.O_WRONLY), 2)\n" + _IMPORT + "print('end')"
        fake = _FAKE.replace('print("a line of Python", file=sys.stderr)', "").replace(
            "warnings.warn", "str")
        self.assertEqual((0, "False\nlevel 3\nverbosity 40\nend\n"), self.run_script(code, fake)[:2])

    def test_the_users_log_level_is_kept(self):
        self.assertIn("level 1\n", self.run_script(_IMPORT, _FAKE, TF_CPP_MIN_LOG_LEVEL="1")[1])

    def test_everything_is_passed_on_if_the_import_fails(self):
        code, _, errors = self.run_script(_IMPORT, _FAKE + "raise ImportError('no library')")
        self.assertEqual(code, 1)
        self.assertStartsWith(
            errors, "I0000 00:00:17 oneDNN custom operations are on.\nWARNING: All log messages before ")
        self.assertIn("\nW0000 00:00:17 all is lost\na line of Python\n", errors)
        self.assertEndsWith(errors, "ImportError: no library\n")


if __name__ == "__main__":
    absltest.main()
