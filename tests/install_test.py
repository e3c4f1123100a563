"""An installation by pip works without the source tree: console scripts, modules, data files."""
import csv
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import urllib.request

from absl.testing import absltest, parameterized

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_SOURCES = ("setup.py", "pyproject.toml", "README.md", "LICENSE", "NOTICE", "tf1_sampled")
_MODULES = ("tf1_sampled.recsys.serve", "tf1_sampled.word2vec.query", "tf1_sampled.cluster.launch")
# Set by tools/check_release.py: the package that this interpreter has is tested, with all extras.
_IS_RELEASE = bool(os.environ.get("TF1_SAMPLED_IS_INSTALLED"))


class InstallTest(parameterized.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = tempfile.mkdtemp()
        cls.place = os.path.join(cls.folder, "installed")
        cls.scripts = os.path.join(cls.place, "bin")
        if _IS_RELEASE:
            cls.place, cls.scripts = [sysconfig.get_path(name) for name in ("purelib", "scripts")]
            return
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

    def _environment(self):
        return dict(os.environ, PYTHONPATH=self.place, TF_CPP_MIN_LOG_LEVEL="3",
                    XDG_CACHE_HOME=os.path.join(self.folder, "cache"),
                    MPLCONFIGDIR=os.path.join(self.folder, "cache"))

    def _run(self, command):
        done = subprocess.run(command, cwd=self.folder, env=self._environment(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, universal_newlines=True)
        return done.returncode, done.stdout, done.stderr

    def _script(self, name):
        return [sys.executable, os.path.join(self.scripts, name)]

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

    def _record(self):
        """Return (the name of the folder of metadata, the paths of all installed files)."""
        metadata, = [name for name in os.listdir(self.place)
                     if re.fullmatch(r"tf1_sampled-.*\.dist-info", name)]
        with open(os.path.join(self.place, metadata, "RECORD"), encoding="utf-8") as stream:
            return metadata, [row[0] for row in csv.reader(stream)]

    def test_the_top_level_has_the_package_alone(self):
        metadata, paths = self._record()
        top = {path.split("/")[0] for path in paths} - {"..", "bin"}
        self.assertEqual(top, {"tf1_sampled", metadata})

    def test_files_that_are_no_modules_are_there(self):
        metadata, paths = self._record()
        for path in ("__init__.pyi", "py.typed", "recsys/page.html"):
            self.assertIn("tf1_sampled/" + path, paths)
        for name in ("LICENSE", "NOTICE"):  # in a folder "licenses" where setuptools is new
            self.assertIn(name, [os.path.basename(path) for path in paths if path.startswith(metadata)])

    def test_the_version_is_known_without_tensorflow(self):
        code, out, err = self._run([sys.executable, "-c", (
            "import sys, tf1_sampled; print(tf1_sampled.__version__, 'tensorflow' in sys.modules)")])
        self.assertEqual(code, 0, err)
        version, has_tensorflow = out.split()
        self.assertEqual(has_tensorflow, "False")
        self.assertEqual(self._record()[0], "tf1_sampled-%s.dist-info" % version)

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
        if _IS_RELEASE:
            self._check_the_service("model")

    def _check_the_service(self, model):
        process = subprocess.Popen(
            [sys.executable, "-m", "tf1_sampled.recsys.serve", model, "--port=0"], cwd=self.folder,
            env=self._environment(), stdout=subprocess.PIPE, universal_newlines=True)
        try:
            address = re.search(r"http://\S+", process.stdout.readline()).group()
            with urllib.request.urlopen(address, timeout=60) as response:
                self.assertIn(b"<title>", response.read())
        finally:
            process.terminate()
            process.communicate()

    @absltest.skipUnless(_IS_RELEASE, "run_word2vec_test has it")
    def test_word_vectors_and_a_question(self):
        with open(os.path.join(self.folder, "text.txt"), "w") as stream:
            for i in range(400):
                stream.write("the king of land %d and the queen of land %d met\n" % (i % 7, i % 7))
        code, _, err = self._run(self._script("run_word2vec") + [
            "--corpus=text.txt", "--epochs=1", "--dim=4", "--vectors=v.bin", "--plots=plots"])
        self.assertEqual(code, 0, err)
        self.assertNotEmpty(os.listdir(os.path.join(self.folder, "plots")))
        code, out, err = self._run(
            [sys.executable, "-m", "tf1_sampled.word2vec.query", "v.bin", "--ask=king"])
        self.assertEqual(code, 0, err)
        self.assertIn("queen", out)


if __name__ == "__main__":
    absltest.main()
