import dataclasses
import inspect
import subprocess
import sys
from typing import ClassVar, Dict

import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tf1_sampled import InputError, losses, registry, samplers, settings

_OWN_RATES = {"adagrad": 0.1, "adam": 0.005, "rowwise_adagrad": 0.2, "sgd": 1.0}


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Objective(registry.ObjectiveSettings):
    LEARNING_RATES: ClassVar[Dict[str, float]] = _OWN_RATES


class TablesTest(absltest.TestCase):

    def test_every_name_is_there(self):
        for table in (registry.SAMPLERS, registry.LOSSES, registry.OPTIMIZERS):
            self.assertNotEmpty(table)
            for name, value in table.items():
                self.assertTrue(callable(value), name)
                self.assertTrue(inspect.getdoc(value), name)

    def test_a_loss_and_a_sampler_have_the_name_of_their_function(self):
        for name, loss in registry.LOSSES.items():
            self.assertEqual(loss.__name__, name + "_loss")
        for name, sampler in registry.SAMPLERS.items():
            self.assertEqual(sampler.__name__,
                             ("mixed" if "+" in name else name) + "_candidate_sampler")

    def test_names_need_no_tensorflow(self):
        code = ("import sys; from tf1_sampled import LOSSES, OPTIMIZERS, SAMPLERS, registry; "
                "print(sorted(LOSSES), sorted(OPTIMIZERS), sorted(SAMPLERS)); "
                "print(registry.ObjectiveSettings(loss='gbce', optimizer='adam').loss_options()); "
                "sys.exit('tensorflow' in sys.modules)")
        self.assertEqual(subprocess.call([sys.executable, "-c", code],
                                         env={"PYTHONPATH": ":".join(sys.path)}), 0)

    def test_an_unknown_name_is_a_key_error(self):
        self.assertNotIn("nceloss", registry.LOSSES)
        with self.assertRaises(KeyError):
            registry.LOSSES["nceloss"]  # pylint: disable=pointless-statement


class ChoicesTest(parameterized.TestCase):

    def test_any_loss_sampler_or_optimizer_may_be_chosen(self):
        for loss in [*registry.LOSSES, *registry.FULL_LOSSES]:
            self.assertEqual(Objective(loss=loss).loss, loss)
        for sampler in registry.SAMPLERS:
            self.assertEqual(Objective(sampler=sampler).sampler, sampler)
        for optimizer in registry.OPTIMIZERS:
            self.assertEqual(Objective(optimizer=optimizer).optimizer, optimizer)

    @parameterized.parameters(
        ("loss", "nec", "one of full_softmax, gbce, nce, negative_sampling, refined_sampled_softmax, "
                        "sampled_softmax, softmax_at_k"),
        ("sampler", "zipf", "one of all, fixed_unigram, in_batch, in_batch[+]fixed_unigram, "),
        ("optimizer", "adamw", "one of adagrad, adam, rowwise_adagrad, sgd"),
        ("num_sampled", 0, "an integer of 1 or more"), ("num_negatives", 0, "a number above 0"),
        ("calibration", 1.1, "a number from 0 to 1"), ("calibration", -0.1, "a number from 0 to 1"),
        ("at_k", 0, "an integer of 1 or more"), ("l2", -1, "a number of 0 or more"),
        ("learning_rate", 0, "a number above 0"), ("learning_rate_power", 0.1, "a number from -1 to 0"),
        ("learning_rate_power", -1.1, "a number from -1 to 0"), ("beta1", 1, "a number from 0 to 0.999"))
    def test_invalid_values_are_named(self, name, value, wanted):
        with self.assertRaisesRegex(InputError, "^Objective: %s: wanted %s" % (name, wanted)):
            Objective(**{name: value})

    def test_the_learning_rate_alone_may_change(self):
        self.assertEqual([field.name for field in dataclasses.fields(registry.ObjectiveSettings)
                          if field.metadata["setting"].may_change], ["learning_rate"])

    def test_all_but_the_full_losses_are_sampled(self):
        self.assertEqual({loss: Objective(loss=loss).is_sampled
                          for loss in [*registry.LOSSES, *registry.FULL_LOSSES]},
                         dict(dict.fromkeys(registry.LOSSES, True), full_softmax=False))


class OptionsTest(parameterized.TestCase):

    @parameterized.parameters(
        ("gbce", {"calibration": 0.3}), ("negative_sampling", {"num_negatives": 7.0}),
        ("softmax_at_k", {"k": 4}), ("nce", {}), ("sampled_softmax", {}),
        ("refined_sampled_softmax", {}), ("full_softmax", {}))
    def test_a_loss_gets_its_own_options(self, loss, wanted):
        objective = Objective(loss=loss, calibration=0.3, num_negatives=7, at_k=4)
        self.assertEqual(objective.loss_options(), wanted)

    @parameterized.parameters(
        ("adam", "nce", {}, {"beta1": 0.9}), ("adam", "nce", {"beta1": 0}, {"beta1": 0.0}),
        ("rowwise_adagrad", "nce", {}, {"learning_rate_power": -0.5}),
        ("rowwise_adagrad", "negative_sampling", {}, {"learning_rate_power": -0.25}),
        ("rowwise_adagrad", "nce", {"learning_rate_power": -1}, {"learning_rate_power": -1.0}),
        ("rowwise_adagrad", "negative_sampling", {"learning_rate_power": 0},
         {"learning_rate_power": 0.0}),
        ("adagrad", "nce", {"beta1": 0, "learning_rate_power": 0}, {}),
        ("sgd", "negative_sampling", {"beta1": 0, "learning_rate_power": 0}, {}))
    def test_an_optimizer_gets_its_own_options(self, optimizer, loss, values, wanted):
        self.assertEqual(Objective(optimizer=optimizer, loss=loss, **values).optimizer_options(), wanted)

    def test_each_option_is_a_parameter_of_the_loss_or_optimizer(self):
        for table, options in ((registry.LOSSES, registry._LOSS_OPTIONS),
                               (registry.OPTIMIZERS, registry._OPTIMIZER_OPTIONS)):
            for name, keywords in options.items():
                self.assertContainsSubset(keywords, inspect.signature(table[name]).parameters, name)

    def test_each_option_has_a_setting(self):
        names = {field.name for field in dataclasses.fields(registry.ObjectiveSettings)}
        for options in (registry._LOSS_OPTIONS, registry._OPTIMIZER_OPTIONS):
            for keywords in options.values():
                self.assertContainsSubset(keywords.values(), names)

    def test_each_parameter_that_one_loss_alone_has_is_an_option(self):
        # weight_temperature keeps the default of its paper.
        shared = set.intersection(*(set(inspect.signature(loss).parameters)
                                    for loss in registry.LOSSES.values()))
        for name, loss in registry.LOSSES.items():
            own = set(inspect.signature(loss).parameters) - shared - {"weight_temperature"}
            self.assertCountEqual(own, registry._LOSS_OPTIONS.get(name, {}), name)

    def test_default_options_are_those_of_the_functions(self):
        # Except num_negatives, whose default is the number of negatives.
        for name in ("gbce", "softmax_at_k"):
            parameters = inspect.signature(registry.LOSSES[name]).parameters
            for keyword, value in Objective(loss=name).loss_options().items():
                self.assertEqual(parameters[keyword].default, value, keyword)

    @parameterized.parameters(sorted(_OWN_RATES))
    def test_the_learning_rate_is_that_of_the_optimizer_unless_given(self, optimizer):
        self.assertEqual(Objective(optimizer=optimizer).chosen_learning_rate(), _OWN_RATES[optimizer])
        self.assertEqual(Objective(optimizer=optimizer, learning_rate=0.3).chosen_learning_rate(), 0.3)

    @parameterized.parameters(
        ("sgd", "SGDOptimizer"), ("adagrad", "AdagradOptimizer"), ("adam", "LazyAdamOptimizer"),
        ("rowwise_adagrad", "RowwiseAdagradOptimizer"))
    def test_the_optimizer_is_made(self, name, wanted):
        with tf.Graph().as_default():
            optimizer = Objective(optimizer=name).make_optimizer(0.1)
        self.assertIsInstance(optimizer, tf.train.Optimizer)
        self.assertEqual(type(optimizer).__name__, wanted)

    def test_the_optimizer_is_made_with_its_options(self):
        got = {}

        class Table(dict):
            def __getitem__(self, name):
                return lambda rate, **options: got.update({name: (rate, options)})

        original, registry.OPTIMIZERS = registry.OPTIMIZERS, Table()
        self.addCleanup(setattr, registry, "OPTIMIZERS", original)
        objective = registry.ObjectiveSettings(optimizer="adam", beta1=0.5)
        objective.make_optimizer(0.25)
        self.assertEqual(got, {"adam": (0.25, {"beta1": 0.5})})

    @parameterized.parameters(*registry.LOSSES, *registry.FULL_LOSSES)
    def test_a_loss_takes_its_options(self, name):
        objective = Objective(loss=name, at_k=2)
        with tf.Graph().as_default(), tf.Session() as session:
            labels = tf.constant([[1], [2]], tf.int64)
            sampled = samplers.uniform_candidate_sampler(labels, 1, 4, True, 8)
            got = session.run(losses.loss_by_name(
                name, weights=tf.ones([8, 2]), biases=tf.zeros([8]), labels=labels,
                inputs=tf.ones([2, 2]), num_classes=8, sampled_values=sampled,
                **objective.loss_options()))
        self.assertEqual(got.shape, (2,))


class HelpTest(absltest.TestCase):

    def test_settings_have_a_known_group_and_a_sentence(self):
        for field in dataclasses.fields(registry.ObjectiveSettings):
            self.assertIn(field.metadata["setting"].group, settings.GROUPS)
            self.assertEndsWith(field.metadata["setting"].help, ".")


if __name__ == "__main__":
    absltest.main()
