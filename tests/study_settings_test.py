"""What a study compares: defaults, values, and flags that it has no use for."""
from absl.testing import absltest, parameterized

from tf1_sampled import InputError
from tf1_sampled.recsys import YouTubeDNN
from tf1_sampled.study.settings import StudySettings, changed
from tf1_sampled.word2vec import Word2Vec


def study(**values):
    return StudySettings.of_program("study", values)


def words(**values):
    return Word2Vec.of_program("study", values)


class StudySettingsTest(parameterized.TestCase):

    def test_values_are_settings_of_the_models(self):
        models = study(values=["5", "20"]).models(words(dim=8))
        self.assertEqual(list(models), ["5", "20"])
        self.assertEqual([model.num_sampled for model in models.values()], [5, 20])
        self.assertEqual({model.dim for model in models.values()}, {8})

    def test_defaults_are_those_of_a_study_unless_given(self):
        model = next(iter(study().models(words(epochs=7)).values()))
        self.assertEqual((model.epochs, model.loss, model.threads), (7, "sampled_softmax", 1))
        model = next(iter(study(task="recsys", vary="loss").models(
            YouTubeDNN.of_program("study", {})).values()))
        self.assertEqual((model.dim, model.loss), (32, "nce"))

    @parameterized.parameters("loss", "num_sampled", "optimizer", "sampler")
    def test_each_setting_has_values_that_fit(self, vary):
        for task, base in (("word2vec", words()), ("recsys", YouTubeDNN.of_program("study", {}))):
            models = study(task=task, vary=vary).models(base)
            self.assertEqual([str(getattr(model, vary)) for model in models.values()], list(models))

    def test_the_folder_has_the_name_of_the_study(self):
        self.assertEqual(study().folder(), "runs/study-word2vec-num_sampled")
        self.assertEqual(study(study_dir="here").folder(), "here")

    @parameterized.parameters(
        (dict(values=["5"]), {}, "^study: --values: wanted at least two different values, got '5'"),
        (dict(values=["5", "5"]), {}, "at least two different values"),
        (dict(values=["5", "many"]), {}, "^study: --values: wanted integers, got 'many'"),
        (dict(values=["5", "0"]), {}, "^study: --num_sampled: wanted an integer of 1 or more, got 0"),
        (dict(vary="loss", values=["nce", "mse"]), {}, "^study: --loss: wanted one of "),
        (dict(vary="dim"), {}, "^study: --vary: wanted one of loss, num_sampled, "),
        (dict(seeds=0), {}, "--seeds: wanted an integer of 1 or more"),
        (dict(task="recsys", eval_similarity=["x"]), {}, "--eval_similarity: wanted --task=word2vec"),
        ({}, dict(num_sampled=5), "^study: --num_sampled: wanted no value in a study, which sets it by"),
        ({}, dict(model_dir="x"), "^study: --model_dir: wanted no value in a study, got 'x'"))
    def test_what_does_not_fit_is_named(self, values, of_model, message):
        with self.assertRaisesRegex(InputError, message):
            study(**values).models(words(**of_model))

    def test_changes_leave_a_model_as_it_is(self):
        model = words(dim=8)
        other = changed(model, {"seed": 3}, {"dim": 16, "window": 2})
        self.assertEqual((other.dim, other.seed, other.window), (8, 3, 2))
        self.assertEqual((model.seed, model.window), (1, 5))

    def test_a_vocabulary_file_needs_no_least_count(self):
        model = changed(words(read_vocab="v.txt"), {}, {"min_count": 20})
        self.assertFalse(model.is_given("min_count"))


if __name__ == "__main__":
    absltest.main()
