"""python -m tf1_sampled.study, as a user runs it."""
import contextlib
import io
import os
import sys
from unittest import mock

from absl.testing import absltest, parameterized

from tests import study_case, word2vec_case
from tests.study_case import losses
from tf1_sampled import InputError
from tf1_sampled.study import __main__ as program, runner

_MADE_UP = study_case.made_up({"10": losses(2.0, 6.5), "100": losses(4.0, 6.0)})


class ProgramTest(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.create_tempdir().full_path

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def run_program(self, *arguments):
        """(standard output, standard error)."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            program.main(["study", *arguments])
        return out.getvalue(), err.getvalue()

    def test_a_study_trains_and_writes_its_page(self):
        with open(self.path("text.txt"), "w") as stream:
            stream.writelines(" ".join(words) + "\n" for words in word2vec_case.sentences(100))
        out, _ = self.run_program(
            "--corpus=" + self.path("text.txt"), "--values=2,6", "--seeds=1", "--dim=4", "--sample=0",
            "--held_out=0.1", "--batch_size=64", "--cache_dir=" + self.path("cache"),
            "--study_dir=" + self.path("study"))
        self.assertIn("4 of 4: num_sampled=6, seed 1, the same time", out)
        self.assertIn("With one seed there is no spread", out)
        names = os.listdir(self.path("study"))
        self.assertContainsSubset(["study.html", "trainings.csv", "curves.csv"], names)
        with open(self.path("study", "study.html"), encoding="utf-8") as stream:
            self.assertIn("python -m tf1_sampled.study --corpus=", stream.read())

    def test_without_matplotlib_there_are_tables_and_a_page(self):
        with mock.patch.dict(sys.modules, {
                name: None for name in list(sys.modules) + ["matplotlib"]
                if name.split(".")[0] == "matplotlib"}), mock.patch.object(
                    runner, "run", return_value=_MADE_UP):
            out, err = self.run_program("--study_dir=" + self.path("study"))
        self.assertIn("although its sampled loss is higher", out)
        self.assertRegex(err, "^No pictures: plots: matplotlib: wanted it installed")
        self.assertCountEqual(os.listdir(self.path("study")),
                              ["study.html", "trainings.csv", "curves.csv"])

    def test_a_study_that_fails_leaves_nothing(self):
        with mock.patch.object(runner, "run", return_value=_MADE_UP), mock.patch.object(
                program.report, "write_page", side_effect=InputError("no")):
            with self.assertRaises(InputError):
                self.run_program("--study_dir=" + self.path("study"))
        self.assertEmpty(os.listdir(self.folder))

    @parameterized.parameters(
        (["--values=10"], "^study: --values: wanted at least two different values"),
        (["--task=words"], "^study: --task: wanted one of recsys, word2vec, got 'words'"),
        (["--task=recsys", "--corpus=x"], "^Unknown command line flag 'corpus'|unknown flag"),
        (["--corpus", "text.txt", "--task=recsys"], "corpus"),
        (["--dim=0"], "^study: --dim: wanted an integer of 1 or more"),
        (["text.txt"], "^study: arguments: wanted only flags"))
    def test_an_invalid_flag_is_named(self, arguments, message):
        with self.assertRaisesRegex(InputError, message):
            self.run_program(*arguments)

    def test_a_folder_with_something_in_it_is_an_error_before_the_work(self):
        open(self.path("file"), "w").close()
        with mock.patch.object(runner, "run") as run:
            with self.assertRaisesRegex(InputError, "got a folder with files"):
                self.run_program("--study_dir=" + self.folder)
        run.assert_not_called()

    def test_help_has_the_flags_of_the_task(self):
        for task, own in (("word2vec", "--corpus="), ("recsys", "--events=")):
            out, _ = self.run_program("--task=" + task, "--help")
            self.assertIn(own, out)
            self.assertIn("Study:\n  --task=NAME", out)

    def test_help_shows_the_defaults_of_a_study_and_no_flag_that_it_refuses(self):
        for task, dim in (("word2vec", 64), ("recsys", 32)):
            words = " ".join(self.run_program("--task=" + task, "--help")[0].split())
            self.assertRegex(words, r"--dim=N [^-]*Default: %d\. " % dim)
            self.assertRegex(words, r"--threads=N [^-]*Default: 1\. ")
            self.assertNotIn("--model_dir=", words)
            self.assertNotIn("--[no]restart", words)


if __name__ == "__main__":
    absltest.main()
