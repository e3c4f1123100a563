"""An installation by pip works without the source tree: console scripts, modules, data files."""
import os
import shutil
import subprocess
import sys
import tempfile

from absl.testing import absltest, parameterized

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_SOURCES = ("setup.py", "pyproject.toml", "README.md", "tf1_sampled")
_MODULES = ("tf1_sampled.recsys.serve", "tf1_sampled.word2vec.query", "tf1_sampled.cluster.launch")


class InstallTest(parameterized.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = tempfile.mkdtemp()
        cls.place = os.path.join(cls.folder, "installed")
        source = os.path.join(cls.folder, "source")  # a copy, as pip builds in the source tree
        os.makedirs(source)
        for name in _SOURCES:
            copy = shutil.copytree if os.path.isdir(os.path.join(_ROOT, name)) else shutil.copyfile
            copy(os.path.join(_ROOT, name), os.path.join(source, name))
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index",
             "--no-build-isolation", "--disable-pip-version-check", "--target", cls.place, source],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        assert done.returncode == 0, done.stdout
        shutil.rmtree(source)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)
        super().tearDownClass()

    def _run(self, command):
        environment = dict(os.environ, PYTHONPATH=self.place, TF_CPP_MIN_LOG_LEVEL="3",
                           XDG_CACHE_HOME=os.path.join(self.folder, "cache"),
                           MPLCONFIGDIR=os.path.join(self.folder, "cache"))
        done = subprocess.run(command, cwd=self.folder, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, universal_newlines=True)
        return done.returncode, done.stdout, done.stderr

    def _script(self, name):
        return [sys.executable, os.path.join(self.place, "bin", name)]

    @parameterized.product(name=("run_word2vec", "run_recsys"), flag=("-h", "--help"))
    def test_a_console_script_shows_its_help(self, name, flag):
        code, out, err = self._run(self._script(name) + [flag])
        self.assertEqual((code, err), (0, ""))
        self.assertIn("\nData:\n", out)

    @parameterized.parameters(*_MODULES)
    def test_a_module_shows_its_help(self, module):
        code, out, err = self._run([sys.executable, "-m", module, "--help"])
        self.assertEqual((code, err), (0, ""))
        self.assertIn(module, out)

    @parameterized.parameters("run_word2vec", "run_recsys")
    def test_a_reader_that_ends_early_is_not_an_error(self, name):
        command = " ".join(self._script(name)) + " --help"
        code, out, err = self._run(["bash", "-c", "set -o pipefail; %s | head -n 1" % command])
        self.assertEqual((code, err), (0, ""))
        self.assertLen(out.splitlines(), 1)

    def test_the_top_level_has_the_package_alone(self):
        modules = [name for name in os.listdir(self.place) if name.endswith(".py")]
        self.assertEmpty(modules)

    def test_a_training_and_a_query(self):
        with open(os.path.join(self.folder, "events.txt"), "w") as stream:
            for user in range(40):
                items = ["i%d" % ((user + i) % 12) for i in range(6)]
                stream.write(" ".join(["u%d" % user] + items) + "\n")
        code, _, err = self._run(self._script("run_recsys") + [
            "--events=events.txt", "--epochs=1", "--dim=4", "--model_dir=model"])
        self.assertEqual(code, 0, err)
        code, out, err = self._run([sys.executable, "-c", (
            "from tf1_sampled.recsys import YouTubeDNN; "
            "print(len(YouTubeDNN.load('model').recommend(['i1', 'i2'], k=3)))")])
        self.assertEqual((code, out), (0, "3\n"), err)


if __name__ == "__main__":
    absltest.main()
