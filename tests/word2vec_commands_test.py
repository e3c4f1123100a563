"""Tests of the parts that the commands query and evaluate share."""
import io
import os
from unittest import mock

from absl.testing import absltest, parameterized

from tf1_sampled import checks
from tf1_sampled.word2vec import commands


class OpenVectorsTest(absltest.TestCase):

    def test_a_file_of_any_format_is_read_and_repairs_are_reported_on_standard_error(self):
        path = self.create_tempfile("v.dat", "a 3 4\na 1 2\nb 0 2\n").full_path
        with mock.patch("sys.stderr", io.StringIO()) as err:
            found = commands.open_vectors(path, "query")
        self.assertEqual((["a", "b"], [[0.6000000238418579, 0.800000011920929], [0, 1]]),
                         (found.words, found.vectors.tolist()))
        self.assertEqual(path + ": 1 row of a repeated word (left out)\n", err.getvalue())
        self.assertEqual(["a"], commands.open_vectors(path, "query", 1).words)

    def test_max_rows_limits_the_words_of_a_folder(self):
        folder = self.create_tempdir()
        folder.create_file("settings.json",
                           '{"program": "word2vec", "settings": {"dim": 2}, "data": {}}')
        folder.create_file("vectors.bin", "2 2\na 3 4\nb 0 2\n")
        for max_rows, words in ((None, ["a", "b"]), (1, ["a"])):
            self.assertEqual(words, commands.open_vectors(folder.full_path, "query", max_rows).words)

    def test_max_rows_of_0_is_an_error(self):
        with self.assertRaisesRegex(checks.InputError, "^query: --max_rows: wanted an integer above 0"):
            commands.open_vectors(os.devnull, "query", 0)


class RunTest(parameterized.TestCase):

    def run_command(self, command):
        """Return (exit code or message, standard error)."""
        with mock.patch("sys.stderr", io.StringIO()) as err, mock.patch("sys.argv", ["x.py", "a"]):
            with self.assertRaises(SystemExit) as caught:
                commands.run("x.py", command)
        return caught.exception.code, err.getvalue()

    @parameterized.parameters(0, 1)
    def test_run_exits_with_the_code_of_the_command(self, code):
        self.assertEqual((code, ""), self.run_command(lambda argv: code if argv == ["a"] else 9))

    def test_an_input_error_is_one_line(self):
        def command(argv):
            raise checks.InputError("f: wanted x, got y")
        self.assertEqual(("x.py: error: f: wanted x, got y", ""), self.run_command(command))

    def test_ctrl_c_is_one_line_and_exit_code_130(self):
        def command(argv):
            raise KeyboardInterrupt
        self.assertEqual((130, "x.py: stopped by SIGINT\n"), self.run_command(command))


if __name__ == "__main__":
    absltest.main()
