import dataclasses
import gc
import json
import os
import subprocess
import sys
import types

from absl.testing import absltest, parameterized

from tests import run_program
from tf1_sampled import InputError
from tf1_sampled.settings import setting
from tf1_sampled.training.estimator import Estimator
from tf1_sampled.training.host import OneMachine
from tf1_sampled.training.settings import TrainingSettings


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class _ToySettings(TrainingSettings):
    dim: int = setting(8, "Size.", "model", least=1)
    name: str = setting("toy", "Name.", "model")


class Toy(_ToySettings, Estimator):
    """A model whose training writes few files."""

    PROGRAM = "toy"
    KEPT = ("toy.txt", "toys")

    def fit(self, data="1", error=None, is_whole=True):
        with self._open_folder(OneMachine()) as folder:
            folder.begin({"data": data})
            if error:
                raise error
            os.makedirs(os.path.join(folder.path, "toys"), exist_ok=True)
            for name in ("toy.txt", "toys/one", "model.ckpt-3.index", "checkpoint", "other.txt"):
                with open(os.path.join(folder.path, name), "w") as stream:
                    stream.write(str(self.dim))
            self._take(types.SimpleNamespace(
                history=[(7, 0.5, 2.0)], seconds=0.25, cpu_seconds=0.5, is_whole=is_whole, device="CPU",
                threads=2, steps_per_call=9, step_size=64), folder.path)
            with open(os.path.join(folder.path, "metrics.json"), "w") as stream:
                json.dump({"history": self.history, "seconds": {"train": 0.25}, "is_whole": is_whole},
                          stream)
        return self


class Other(Toy):
    PROGRAM = "other"


class EstimatorCase(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.create_tempdir().full_path)

    def recorded(self, folder):
        with open(os.path.join(folder, "settings.json")) as stream:
            return json.load(stream)["settings"]


class FolderTest(EstimatorCase):

    def test_a_new_model_has_no_folder(self):
        model = Toy(dim=3)
        self.assertEqual((model.folder, model.history, model.seconds), ("", [], 0.0))
        self.assertFalse(model.is_whole)
        self.assertEmpty(os.listdir("."))
        for method in (lambda: model.save("x"), lambda: model._check_fitted("ask")):
            with self.assertRaisesRegex(InputError, "Toy: (save|ask): wanted a model after fit or load"):
                method()

    def test_it_has_the_measurements_of_the_training(self):
        model = Toy(learning_rate=0.1).fit(is_whole=False)
        self.assertEqual((model.history, model.seconds, model.is_whole), ([(7, 0.5, 2.0)], 0.25, False))
        self.assertEqual((model.cpu_seconds, model.machine), (
            0.5, {"device": "CPU", "threads": 2, "steps_per_call": 9, "batch_size": 64}))
        used = model.used()
        self.assertEqual((used["device"], used["threads"], used["batch_size"]), ("CPU", 2, 64))

    def test_a_model_dir_is_kept_and_unlocked(self):
        model = Toy(model_dir="m").fit()
        self.assertEqual(model.folder, "m")
        del model
        gc.collect()
        self.assertIn("toy.txt", os.listdir("m"))
        Toy(model_dir="m").fit()  # another object in this process

    def test_an_error_unlocks_the_folder(self):
        Toy(model_dir="m").fit()
        for error in (ValueError("x"), KeyboardInterrupt()):
            with self.assertRaises(type(error)):
                Toy(model_dir="m").fit(error=error)
        with self.assertRaisesRegex(InputError, "m: wanted the data that its model is trained on"):
            Toy(model_dir="m").fit(data="2")
        Toy(model_dir="m").fit()

    def test_a_temporary_folder_is_deleted_with_the_object(self):
        model = Toy().fit()
        folder = model.folder
        self.assertTrue(os.path.exists(os.path.join(folder, "toy.txt")))
        self.assertEmpty(os.listdir("."))
        model.myself = model  # as a graph refers to it
        del model
        gc.collect()
        self.assertFalse(os.path.exists(folder))

    def test_a_second_fit_deletes_the_first_temporary_folder(self):
        model = Toy()
        first = model.fit().folder
        with self.assertRaises(KeyError):
            model.fit(error=KeyError())
        self.assertTrue(os.path.exists(first))  # the model is still the first one
        second = model.fit().folder
        self.assertNotEqual(first, second)
        self.assertEqual([os.path.exists(path) for path in (first, second)], [False, True])
        self.assertLen(model._temporary, 1)

    def test_a_temporary_folder_is_deleted_at_the_end_of_the_process_but_not_of_a_child(self):
        code = ("import os, sys; from tests.training_estimator_test import Toy\n"
                "model = Toy().fit()\n"
                "if os.fork() == 0: sys.exit()\n"
                "os.wait(); print(model.folder, os.path.exists(model.folder))")
        output = subprocess.check_output([sys.executable, "-c", code], universal_newlines=True,
                                         env=run_program.environment(os.getcwd(), "tensorflow"))
        folder, was_there = output.split()
        self.assertEqual(was_there, "True")
        self.assertFalse(os.path.exists(folder))


class SaveTest(EstimatorCase):

    def test_only_the_model_is_copied(self):
        Toy(dim=3).fit().save("a/b")
        self.assertCountEqual(os.listdir("a/b"), [
            "toy.txt", "toys", "model.ckpt-3.index", "checkpoint", "settings.json", "metrics.json"])
        self.assertEqual(os.listdir("a/b/toys"), ["one"])
        self.assertEqual(os.listdir("a"), ["b"])

    def test_saving_replaces_a_model_or_an_empty_folder(self):
        model = Toy(dim=3).fit()
        os.mkdir("a")
        Toy(dim=4).fit().save("a")
        model.save("a")
        with open("a/toy.txt") as stream:
            self.assertEqual(stream.read(), "3")

    def test_saving_over_itself_changes_nothing(self):
        model = Toy(model_dir="m").fit()
        before = sorted(os.listdir("m"))
        os.symlink("m", "link")
        for folder in ("m", "./m", "link"):
            model.save(folder)
        self.assertEqual(sorted(os.listdir("m")), before)

    @parameterized.parameters("toy.txt", "toys", os.path.join("toys", "one"), "checkpoint")
    def test_a_link_is_not_copied(self, name):
        model = Toy(model_dir="m").fit()
        path = os.path.join("m", name)
        os.rename(path, "theirs")
        os.symlink(os.path.abspath("theirs"), path)
        with self.assertRaisesRegex(InputError, path + ": wanted .* that is not a link, got a link"):
            model.save("a")
        self.assertFalse(os.path.exists("a"))

    def test_saving_over_other_files_is_refused(self):
        model = Toy().fit()
        os.mkdir("mine")
        with open("mine/thesis.txt", "w"):
            pass
        Other().fit().save("other")
        Toy().fit().save("more")
        with open("more/thesis.txt", "w"):
            pass
        for folder, message in (
                ("mine", "mine: wanted a new or empty folder, got a folder with files"),
                ("other", "other: wanted a model of toy, got a model of other"),
                ("more", "more: wanted .* only a model in it, got a folder that also has thesis.txt"),
                ("mine/thesis.txt", "thesis.txt: wanted a new or empty folder, got a file")):
            with self.assertRaisesRegex(InputError, message):
                model.save(folder)
        self.assertTrue(os.path.exists("mine/thesis.txt") and os.path.exists("more/thesis.txt"))


class LoadTest(EstimatorCase):

    def test_settings_and_measurements_are_loaded(self):
        Toy(dim=3, epochs=2).fit(is_whole=False).save("a")
        model = Toy.load("a")
        self.assertIs(type(model), Toy)
        self.assertEqual((model.dim, model.epochs, model.folder, model.model_dir), (3, 2, "a", "a"))
        self.assertEqual((model.history, model.seconds, model.is_whole), ([(7, 0.5, 2.0)], 0.25, False))
        self.assertFalse(model.is_given("seed"))

    def test_fit_resumes_in_the_folder(self):
        Toy(dim=3).fit().save("a")
        model = Toy.load("a", epochs=9).fit()
        self.assertEqual((model.folder, self.recorded("a")["epochs"]), ("a", 9))
        self.assertEqual(Toy.load("a").epochs, 9)

    def test_a_default_that_was_given_stays_given(self):
        Toy(dim=8).fit().save("a")
        self.assertTrue(Toy.load("a").is_given("dim"))
        self.assertFalse(Toy.load("a").is_given("name"))

    def test_restart_is_not_kept(self):
        Toy(restart=True, model_dir="a").fit()
        self.assertFalse(Toy.load("a").restart)

    def test_a_setting_of_the_model_can_change_only_with_restart(self):
        Toy(dim=3).fit().save("a")
        with self.assertRaisesRegex(InputError, "^Toy: dim: wanted 3, as the model in a has, got 4$"):
            Toy.load("a", dim=4)
        self.assertEqual(Toy.load("a", dim=3).dim, 3)
        model = Toy.load("a", dim=4, restart=True).fit()
        self.assertEqual((model.dim, self.recorded("a")["dim"]), (4, 4))
        with self.assertRaisesRegex(InputError, "^Toy: model_dir: wanted the folder itself, got 'b'$"):
            Toy.load("a", model_dir="b")
        with self.assertRaisesRegex(InputError, "^Toy: dmi: wanted a setting, maybe dim, got 4$"):
            Toy.load("a", dmi=4)

    @parameterized.parameters(
        (None, "a/settings.json: wanted"),
        ("{", "a/settings.json: wanted the settings of a model, got: JSONDecodeError"),
        ("[]", "a/settings.json: wanted the settings of a model, got: TypeError"),
        ("{\"program\": \"toy\"}", "a/settings.json: wanted the settings of a model, got: KeyError"),
        ("{\"program\": \"word2vec\", \"settings\": {}, \"data\": {}}",
         "^a: wanted a model of toy, got a model of word2vec"),
        ("{\"program\": \"toy\", \"settings\": {\"dim\": -1}, \"data\": {}}",
         "^Toy: dim: wanted an integer of 1"))
    def test_a_folder_without_such_a_model(self, text, message):
        os.mkdir("a")
        if text is not None:
            with open("a/settings.json", "w") as stream:
                stream.write(text)
        with self.assertRaisesRegex(InputError, message):
            Toy.load("a")

    def test_settings_that_this_version_does_not_have_and_no_metrics(self):
        os.mkdir("a")
        with open("a/settings.json", "w") as stream:
            json.dump({"program": "toy", "settings": {"dim": 3, "colour": "red"}, "data": {}}, stream)
        for text in (None, "{", "[]"):
            if text:
                with open("a/metrics.json", "w") as stream:
                    stream.write(text)
            model = Toy.load("a")
            self.assertEqual((model.dim, model.history, model.seconds), (3, [], 0.0))


class ImportTest(absltest.TestCase):

    def test_tensorflow_is_not_imported(self):
        code = ("import sys; from tf1_sampled.training import estimator; "
                "sys.exit('tensorflow' in sys.modules)")
        self.assertEqual(subprocess.call([sys.executable, "-c", code],
                                         env={"PYTHONPATH": os.pathsep.join(sys.path)}), 0)


if __name__ == "__main__":
    absltest.main()
