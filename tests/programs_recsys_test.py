"""Tests of the checks of run_recsys.py before training, and of its results; see run_recsys_test."""
import os
import types
from unittest import mock

from absl.testing import absltest, parameterized

from tf1_sampled import InputError
from tf1_sampled.programs import flags, recsys
from tf1_sampled.recsys import YouTubeDNN


def _parsed(*arguments):
    return flags.parse("run_recsys", ["run_recsys.py", *arguments], [YouTubeDNN, recsys.ResultSettings])


class CheckResultsTest(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.create_tempdir().full_path)

    def test_flags_are_the_settings_of_model_and_results(self):
        model, results = _parsed("--hidden=8,4", "--loss=nce", "--category=genres", "--noann_index")
        self.assertIsInstance(model, YouTubeDNN)
        self.assertEqual((model.hidden, model.loss), ((8, 4), "nce"))
        self.assertEqual(results.values(), {
            "ann_index": False, "plots": "", "category": "genres", "recommend": "", "recommend_to": "",
            "recommend_k": 10})

    @parameterized.parameters(
        (["--category=genres"],
         "^run_recsys: --titles: wanted a file with the column of --category, got ''"),
        (["--model_dir=m", "--events=m/items.tsv"],
         "^--events: wanted a path of its own, got items.tsv, a file of the model in m"),
        (["--model_dir=m", "--train=a,m/model.ckpt-1.index"], "^--train: wanted a path of its own"),
        (["--model_dir=m", "--titles=m/items.faiss"], "^--titles: wanted .*, got items.faiss"),
        (["--model_dir=m", "--plots=m/saved_model"], "^--plots: wanted a path of its own, got saved"))
    def test_results_in_place_of_an_input_are_errors(self, arguments, message):
        with self.assertRaisesRegex(InputError, message):
            recsys._check_results(*_parsed(*arguments))
        self.assertEmpty(os.listdir("."))

    @parameterized.parameters(
        (["--recommend=a.csv"], "^a.csv: wanted a name that ends in .tsv or .jsonl"),
        (["--recommend_to=a.txt"], "--recommend: wanted the name of a file, got ''"),
        (["--recommend_k=3"], "--recommend: wanted the name of a file, got ''"),
        (["--recommend=a.tsv", "--recommend_to=a.tsv"], "--recommend: wanted a path of its own"),
        (["--recommend=a.tsv", "--events=a.tsv"], "--recommend: wanted a path of its own, .* --events"),
        (["--recommend=a.tsv", "--recommend_to=none.txt"], "^none.txt: wanted a readable file"),
        (["--recommend=m/items.tsv", "--model_dir=m"], "^--recommend: wanted a path of its own"))
    def test_recommendations_that_cannot_be_written_are_errors(self, arguments, message):
        with self.assertRaisesRegex(InputError, message):
            recsys._check_results(*_parsed(*arguments))
        self.assertEmpty(os.listdir("."))

    def test_valid_places_for_recommendations_are_accepted(self):
        with open("users.txt", "w") as stream:
            stream.write("u1\n")
        recsys._check_results(*_parsed("--recommend=new/a.jsonl.gz", "--recommend_to=users.txt"))

    def test_plots_in_place_of_an_input_are_an_error(self):
        with mock.patch.object(recsys.charts, "check_available"):
            with self.assertRaisesRegex(InputError, "--users: wanted a path of its own, got map.png"):
                recsys._check_results(*_parsed("--users=p/map.png", "--plots=p"))
            recsys._check_results(*_parsed("--users=p/users.csv", "--plots=p"))

    def test_valid_results_are_accepted(self):
        recsys._check_results(*_parsed())
        recsys._check_results(*_parsed("--model_dir=m", "--events=m.csv", "--titles=t", "--category=g"))


class MadeTest(absltest.TestCase):

    def test_by_default_only_the_files_of_the_model_are_written(self):
        fit = types.SimpleNamespace(data=types.SimpleNamespace(test=None, protocol="none"))
        model = types.SimpleNamespace(folder="m", fitted=fit)
        made = recsys.Made(model, recsys.ResultSettings(), None)
        made.evaluate()
        made.index()
        made.draw()
        self.assertEqual(made.written, [
            os.path.join("m", name) for name in (
                "", "saved_model" + os.sep, "item_vectors.npy", "item_biases.npy", "items.tsv",
                "names.json", "users" + os.sep, "item_categories.npz", "recommender.json")])


class RunTest(absltest.TestCase):

    def test_only_the_chief_makes_results(self):
        host = types.SimpleNamespace(is_chief=False)
        with mock.patch.object(YouTubeDNN, "fit") as fit, mock.patch.object(recsys, "Made") as made:
            recsys._run(*_parsed("--category=genres"), host)  # only the chief reports errors
        fit.assert_called_once_with(host=host)
        made.assert_not_called()


if __name__ == "__main__":
    absltest.main()
