"""Tests of the command query: answers, errors, and its process with and without a terminal."""
import io
import os
import pty
import subprocess
import sys
from unittest import mock

from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.word2vec import query, questions, vectors

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# A package in place of TensorFlow whose import fails.
_BROKEN = "raise AssertionError('TensorFlow was imported')\n"

WORDS = ["man", "woman", "king", "queen", "apple", "king", "King"]
ROWS = [[1, 0, 0], [1, 1, 0], [1, 0, 1], [1, 1, 1], [-1, 1, 0], [5, 5, 5], [0, 0, 1]]

# See word2vec_questions_test.
KING = "  king             queen 0.82  man 0.71"
ROYAL = "  man : king = woman : ? queen 0.98  King 0.65"


MENDED = "v.txt: 1 row of a repeated word (left out)\n"


class MainTest(parameterized.TestCase):

    def ask(self, *arguments, stdin=b"", k=2):
        return self.results(*arguments, stdin=stdin, k=k)[1]

    def results(self, *arguments, stdin=b"", k=2):
        """Return (exit code, standard output, standard error)."""
        out, err = io.StringIO(), io.StringIO()
        with mock.patch("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8")), \
                mock.patch("sys.stdout", out), mock.patch("sys.stderr", err):
            code = query.answer(list(arguments) + ["--k=%d" % k])
        return code, out.getvalue(), err.getvalue()

    def write(self, name="v.bin"):
        path = os.path.join(self.create_tempdir().full_path, name)
        vectors.write_vectors(path, WORDS, ROWS)
        return path

    @parameterized.parameters("v.bin", "v.txt", "v.bin.gz")
    def test_flags_ask_for_neighbours_and_analogies(self, name):
        self.assertEqual(KING + "\n" + ROYAL + "\n", self.ask(
            self.write(name), "--neighbours=king", "--analogy=man:king:woman"))

    def test_the_folder_of_a_model_is_read(self):
        folder = os.path.dirname(self.write("vectors.bin"))
        with self.assertRaisesRegex(checks.InputError, "settings.json: wanted a readable file"):
            self.ask(folder, "--neighbours=king")
        with open(os.path.join(folder, "settings.json"), "w") as stream:
            stream.write('{"program": "word2vec", "settings": {"dim": 3}, "data": {}}')
        self.assertEqual(KING + "\n", self.ask(folder, "--neighbours", "king"))

    def test_an_unknown_word_does_not_stop_the_other_answers(self):
        path, wanted = self.write(), "wanted a word of the vocabulary, got"
        code, out, err = self.results(
            path, "--neighbours=prince,king", "--analogy=man:king:woman", "--ask=king x")
        self.assertEqual((1, KING + "\n" + ROYAL + "\n"), (code, out))
        self.assertEqual([path + ": 1 row of a repeated word (left out)",
                          "query.py: error: query: --neighbours: %s 'prince'" % wanted,
                          "query.py: error: query: --ask: %s 'x'" % wanted], err.splitlines())

    def test_ask_takes_any_line_and_a_phrase_joins_by_underscores(self):
        path = self.create_tempfile("v.txt", "new_york 1 2\nking 1 2\n").full_path
        self.assertEqual((0, "  new_york, king: cosine 1.00\n  new_york         king 1.00\n", ""),
                         self.results(path, '--ask="new york" king', '--ask="new york"'))
        self.assertEqual("  new_york         king 1.00\n", self.ask(path, "--neighbours=new york"))

    def test_only_the_first_rows_are_read(self):
        self.assertEqual("  king             woman 0.50\n",
                         self.ask(self.write(), "--max_rows=3", "--neighbours=king", k=1).replace(
                             "man 0.71", "woman 0.50"))
        with self.assertRaisesRegex(checks.InputError, "^query: --max_rows: wanted an integer above 0"):
            self.ask(self.write(), "--max_rows=0")

    def test_repairs_in_a_file_are_reported_on_standard_error(self):
        code, out, err = self.results(self.write(), "--neighbours=king")
        self.assertEqual((0, KING + "\n"), (code, out))
        self.assertRegex(err, r"v.bin: 1 row of a repeated word \(left out\)\n$")

    def test_standard_input_has_a_question_in_each_line(self):
        asked = b"king\n\n  man king\twoman \r\nkig\nman king\na b c d\n\xff\nking"
        lines = self.ask(self.write(), stdin=asked).splitlines()
        wrong = "query: line: wanted %s, got " % questions.FORMS
        self.assertEqual([
            KING, ROYAL, "query: word: wanted a word of the vocabulary (similar: king), got 'kig'",
            "  man, king: cosine 0.71", wrong + "'a b c d'",
            "query: word: wanted a word of the vocabulary, got '\ufffd'", KING], lines)

    def test_without_questions_nothing_is_printed(self):
        self.assertEqual("", self.ask(self.write()))

    @parameterized.parameters(
        (["--neighbours=king", "--ask=a b c d"], "^query: line: wanted one word, .* got 'a b c d'"),
        (["--analogy=man:king"], "^query: --analogy: wanted three words a:b:c, got 'man:king'"),
        (["--analogy=a:b:c:d"], "^query: --analogy: wanted three words a:b:c, got 'a:b:c:d'"))
    def test_an_invalid_flag_is_an_error_before_any_answer(self, flags, message):
        with mock.patch("builtins.print") as printed:
            with self.assertRaisesRegex(checks.InputError, message):
                self.ask(self.write(), *flags)
        printed.assert_not_called()

    @parameterized.parameters(([],), (["a.bin", "b.bin"],))
    def test_other_than_one_file_is_an_error(self, argv):
        with self.assertRaisesRegex(checks.InputError, "^query: VECTORS: wanted one file "):
            self.ask(*argv)

    def test_a_k_of_0_is_an_error(self):
        with self.assertRaisesRegex(checks.InputError, "^query: k: wanted an integer above 0, got 0"):
            self.ask(self.write(), k=0)

    def test_a_broken_file_is_an_error(self):
        path = self.create_tempfile("v.txt", "1 2\na 1 x\n").full_path
        with self.assertRaisesRegex(checks.InputError, "v.txt: line 2: wanted 2 numbers "):
            self.ask(path, "--neighbours=a")


class ProcessTest(absltest.TestCase):
    """Tests of the command as a process without TensorFlow."""

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path
        os.makedirs(os.path.join(self.folder, "broken", "tensorflow"))
        with open(os.path.join(self.folder, "broken", "tensorflow", "__init__.py"), "w") as stream:
            stream.write(_BROKEN)
        vectors.write_vectors(os.path.join(self.folder, "v.txt"), WORDS, ROWS)

    def start(self, *arguments, **streams):
        path = [os.path.join(self.folder, "broken"), _ROOT] + [p for p in sys.path if p]
        return subprocess.Popen(
            [sys.executable, "-m", "tf1_sampled.word2vec.query"] + list(arguments), cwd=self.folder,
            env=dict(os.environ, PYTHONPATH=os.pathsep.join(path)), **streams)

    def ask(self, *arguments, text=""):
        pipe = subprocess.PIPE
        process = self.start(*arguments, stdin=pipe, stdout=pipe, stderr=pipe, universal_newlines=True)
        out, err = process.communicate(text)
        return process.returncode, out, err

    def test_help_lists_the_flags(self):
        code, out, _ = self.ask("--help")
        self.assertEqual(code, 0)
        self.assertEqual(self.ask("-h"), (0, out, ""))
        for part in ("--neighbours", "--analogy", "--ask", "--k", "--max_rows",
                     "tf1_sampled.word2vec.query vectors.bin"):
            self.assertIn(part, out)

    def test_flags_may_follow_the_file(self):
        self.assertEqual((0, KING + "\n" + ROYAL + "\n", MENDED), self.ask(
            "v.txt", "--neighbours=king", "--analogy=man:king:woman", "--k=2"))

    def test_standard_input_has_no_prompt(self):
        self.assertEqual((0, KING + "\n" + ROYAL + "\n", MENDED),
                         self.ask("v.txt", "--k=2", text="king\nman king woman\n"))

    def test_an_unknown_word_is_one_line_and_exit_code_1(self):
        self.assertEqual(
            (1, "", MENDED + "query.py: error: query: --neighbours: wanted a word of the vocabulary "
             "(similar: queen), got 'quen'\n"), self.ask("v.txt", "--neighbours=quen"))
        self.assertEqual(
            (1, "", "query.py: error: none.txt: wanted a readable file, got: No such file or "
             "directory\n"), self.ask("none.txt", "--neighbours=quen"))

    def test_a_closed_pipe_is_not_an_error(self):
        pipe = subprocess.PIPE
        process = self.start("v.txt", stdin=pipe, stdout=pipe, stderr=pipe)
        process.stdout.close()
        process.stdin.write(b"king\n" * 9)
        process.stdin.close()
        self.assertEqual(MENDED, process.stderr.read().decode())
        process.stderr.close()
        self.assertEqual(0, process.wait())

    def test_a_terminal_gets_a_prompt(self):
        ours, theirs = pty.openpty()
        process = self.start("v.txt", "--k=2", stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        os.write(ours, b"king\nquen\n\x04")
        shown = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # on Linux: the other side is closed
                part = b""
            if not part:
                break
            shown += part
        os.close(ours)
        self.assertEqual(0, process.wait(), shown)
        shown = shown.decode().replace("\r", "")
        self.assertIn("Ctrl-D", shown)
        self.assertEqual(3, shown.count("> "), shown)
        self.assertIn(KING + "\n", shown)
        self.assertIn("(similar: queen), got 'quen'\n", shown)


if __name__ == "__main__":
    absltest.main()
