import dataclasses
import math

from absl.testing import absltest, parameterized

from tf1_sampled import InputError, registry, settings
from tf1_sampled.training.settings import TrainingSettings


class TrainingSettingsTest(parameterized.TestCase):

    def test_defaults(self):
        own = TrainingSettings()
        self.assertEqual(
            (own.decay, own.epochs, own.seed, own.threads, own.model_dir, own.restart, own.save_seconds,
             own.keep, own.profile), ("linear", 5, 1, 0, "", False, 600.0, 2, None))

    def test_the_learning_rate_falls_linearly_or_not_at_all(self):
        for decay in ("linear", "none"):
            self.assertEqual(TrainingSettings(decay=decay).decay, decay)
        with self.assertRaisesRegex(
                InputError, "^TrainingSettings: decay: wanted one of linear, none, got 'cosine'$"):
            TrainingSettings(decay="cosine")

    @parameterized.parameters(
        ("epochs", 0, "an integer of 1 or more"), ("epochs", 1.5, "an integer of 1 or more"),
        ("seed", -1, "an integer of 0 or more"), ("threads", -1, "an integer of 0 or more"),
        ("restart", 1, "True or False"), ("model_dir", 3, "a string"),
        ("save_seconds", -1, "a number of 0 or more"),
        ("save_seconds", math.inf, "a number of 0 or more"),
        ("keep", 0, "an integer of 1 or more"), ("profile", -1, "an integer of 0 or more"))
    def test_invalid_values_are_named(self, name, value, wanted):
        message = "^TrainingSettings: %s: wanted %s, got " % (name, wanted)
        with self.assertRaisesRegex(InputError, message):
            TrainingSettings(**{name: value})

    @parameterized.parameters(("seed", 0), ("threads", 0), ("save_seconds", 0), ("profile", 0),
                              ("keep", 1), ("epochs", 1))
    def test_the_least_values_fit(self, name, value):
        self.assertEqual(getattr(TrainingSettings(**{name: value}), name), value)

    def test_the_objective_is_among_them(self):
        self.assertTrue(issubclass(TrainingSettings, registry.ObjectiveSettings))
        self.assertEqual(TrainingSettings(loss="softmax_at_k", at_k=3).loss_options(), {"k": 3})

    def test_settings_that_may_change_when_a_training_is_resumed(self):
        self.assertCountEqual(
            [field.name for field in dataclasses.fields(TrainingSettings)
             if field.metadata["setting"].may_change],
            ["device", "epochs", "keep", "learning_rate", "model_dir", "profile", "restart",
             "save_seconds", "threads"])

    def test_all_are_of_the_group_training(self):
        self.assertEqual({field.metadata["setting"].group
                          for field in settings.fields_of(TrainingSettings)}, {"training"})


if __name__ == "__main__":
    absltest.main()
