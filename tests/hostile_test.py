"""Tests of the programs in hostile environments: links, pipes, streams that cannot be written."""
import json
import os
import subprocess
import sys

from absl.testing import absltest, parameterized

from tests import run_program

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_BAD = os.fsdecode(b"b\xff")  # not valid UTF-8
_TITLE = "\x1b[31mFilm \u202e"
_EVENTS = "user,item,time\n" + "".join("u%d,caf\xe9 %d,%d\n" % (
    user, (user + i) % 12, i) for user in range(40) for i in range(5))
_TITLES = "item,title\n" + "".join("caf\xe9 %d,%s%d\n" % (i, _TITLE, i) for i in range(12))
_TEXT = "".join("k\xf6nig stra\xdfe w%d w%d k\xf6nig\n" % (i % 5, i % 3) for i in range(200))
_RECSYS = ("run_recsys.py", "--events=events.csv", "--dim=8", "--epochs=1", "--threads=1")
_WORD2VEC = ("run_word2vec.py", "--dim=8", "--epochs=1", "--min_count=1", "--threads=1")


class HostileTest(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = os.path.join(self.create_tempdir().full_path, "work")
        os.mkdir(self.folder)
        self.write("events.csv", _EVENTS)
        self.write("titles.csv", _TITLES)
        self.write("text.txt", _TEXT)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as stream:
            stream.write(text)

    def read(self, *names):
        with open(self.path(*names), encoding="utf-8") as stream:
            return stream.read()

    def run_program(self, program, *arguments, redirections="", **variables):
        """Return (exit code, standard output, standard error) of a process with redirections."""
        command = ["-m", program] if not program.endswith(".py") else [os.path.join(_ROOT, program)]
        environment = dict(run_program.environment(self.folder), TF_CPP_MIN_LOG_LEVEL="3", **variables)
        done = subprocess.run(
            ["bash", "-c", 'exec "$@" ' + redirections, "bash", sys.executable, *command, *arguments],
            cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=300)
        return done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")

    def check_error(self, message, program, *arguments):
        """Check that a program ends with one line, and that it begins with a message."""
        code, out, err = self.run_program(program, *arguments)
        self.assertEqual((1, 1), (code, len(err.splitlines())), err)
        self.assertStartsWith(err, "%s: error: %s" % (program, message))

    # The environment.

    def test_recommender_with_unprintable_names_replaces_links(self):
        os.mkdir(self.path("theirs"))
        self.write("theirs/file", "theirs")
        os.mkdir(self.path("model"))
        for name in ("saved_model", "users"):
            os.symlink("../theirs", self.path("model", name))
        for name in ("items.tsv", "metrics.json", "item_vectors.npy"):
            os.symlink("../theirs/file", self.path("model", name))
        code, out, err = self.run_program(
            *_RECSYS, "--titles=titles.csv", "--model_dir=model", "--recommend=offers.tsv",
            PYTHONIOENCODING="ascii")
        self.assertEqual(0, code, err)
        # Printed names are escaped, written names are not.
        self.assertIn(" \\x1b[31mFilm \\u202e", out)
        self.assertNotRegex(out + err, "[\x1b\u202e]")
        self.assertIn("caf\xe9 3\t%s3\t" % _TITLE, self.read("model", "items.tsv"))
        self.assertIn("\tcaf\xe9 ", self.read("offers.tsv"))
        self.assertLen(json.loads(self.read("model", "metrics.json"))["scores"], 7)
        # Results replaced the links.
        self.assertEqual(["file"], os.listdir(self.path("theirs")))
        self.assertEqual("theirs", self.read("theirs/file"))
        self.assertEmpty([name for name in os.listdir(self.path("model"))
                          if os.path.islink(self.path("model", name))])
        self.assertIn("saved_model.pb", os.listdir(self.path("model", "saved_model")))

    def test_recommender_with_a_closed_pipe_in_an_undecodable_folder(self):
        os.rename(self.folder, os.path.join(os.path.dirname(self.folder), _BAD))
        self.folder = os.path.join(os.path.dirname(self.folder), _BAD)
        code, out, err = self.run_program(
            *_RECSYS, "--model_dir=model", redirections="> >(head -1) 2>&-")
        self.assertEqual((0, ""), (code, err))
        self.assertLen(out.splitlines(), 1)
        self.assertLen(json.loads(self.read("model", "metrics.json"))["scores"], 7)

    @absltest.skipUnless(os.path.exists("/dev/full"), "needs a full device")
    def test_word2vec_on_a_full_device_is_one_error(self):
        code, _, err = self.run_program(*_WORD2VEC, "--corpus=text.txt", "--model_dir=model",
                                        redirections=">/dev/full")
        self.assertEqual(1, code)
        self.assertEndsWith(err, "\nrun_word2vec.py: error: standard output: wanted a writable stream, "
                                 "got No space left on device\n")
        self.assertIn("files", json.loads(self.read("model", "metrics.json")))

    def test_word2vec_without_streams_and_with_undecodable_names(self):
        corpus, vectors = _BAD + ".txt", "vectors%s.txt" % _BAD
        os.rename(self.path("text.txt"), self.path(corpus))
        code, _, _ = self.run_program(
            *_WORD2VEC, "--corpus=" + corpus, "--model_dir=model", "--vectors=" + vectors,
            redirections="<&- >&- 2>&-", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", LC_ALL="C")
        self.assertEqual(0, code)
        self.assertIn("\nk\xf6nig ", self.read(vectors))
        # No file of the training used the descriptor of a standard stream.
        self.assertRegex(self.read("model", "lock"), r"\A\d+\n\Z")
        self.assertIn('"program": "word2vec"', self.read("model", "settings.json"))

        # Queries and phrases end when the reader closes.
        self.write("phrases.txt", "1 k\xf6nig stra\xdfe\n")
        code, out, err = self.run_program(
            "tf1_sampled.word2vec.query", vectors, redirections="< <(yes k\xf6nig) > >(head -1)",
            PYTHONIOENCODING="utf-8")
        self.assertEqual((0, ""), (code, err))
        self.assertLen(out.splitlines(), 1)
        code, out, err = self.run_program(
            "tf1_sampled.word2vec.phrases", "phrases.txt", PYTHONIOENCODING="ascii",
            redirections="< <(yes 'k\xf6nig stra\xdfe \x1b[3m') > >(head -1)")
        self.assertEqual((0, "k\xf6nig_stra\xdfe \x1b[3m\n", ""), (code, out, err))

    # Folders.

    def test_undecodable_model_dir_is_an_error_before_files_are_made(self):
        self.write("theirs", "theirs")
        before = sorted(os.listdir(self.folder))
        for program in (_RECSYS, _WORD2VEC + ("--corpus=text.txt",)):
            self.check_error("b\\udcff: wanted a path in utf-8, got other bytes\n", *program,
                             "--model_dir=" + _BAD)
        self.check_error("b\\udcff: wanted a path in utf-8, got other bytes\n", *_WORD2VEC,
                         "--corpus=text.txt", "--saved_model=" + _BAD)
        self.assertEqual(before, sorted(set(os.listdir(self.folder)) - {"runs", run_program.CACHE}))

    def test_pipe_instead_of_the_best_checkpoint_file_is_an_error(self):
        os.mkdir(self.path("model"))
        os.mkfifo(self.path("model", "best"))
        code, _, err = run_program.run(_RECSYS[0], self.folder, *_RECSYS[1:], "--model_dir=model")
        error = "run_recsys.py: error: model/best: wanted a file, got a pipe or a device\n"
        self.assertEqual((1, error), (code, err))


if __name__ == "__main__":
    absltest.main()
