import dataclasses
import inspect
import json
import math
import pathlib
import pickle
import subprocess
import sys
from typing import Optional, Sequence

import numpy as np
from absl.testing import absltest, parameterized

from tf1_sampled import InputError, settings
from tf1_sampled.recsys import YouTubeDNN
from tf1_sampled.settings import inherited, setting
from tf1_sampled.word2vec import Word2Vec


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Example(settings.Settings):
    shuffle: bool = setting(True, "Whether to shuffle.", "training")
    rate: float = setting(0.5, "Above 0.", "training", above=0)
    share: float = setting(0.1, "From 0 to 1.", "training", least=0, most=1)
    tempo: float = setting(0.1, "Above 0, at most 2.", "training", above=0, most=2)
    cold: float = setting(-1.0, "At most 0.", "training", most=0)
    any_number: float = setting(1.0, "Any.", "training")
    limit: Optional[float] = setting(None, "Above 0, or none.", "training", above=0)
    dim: int = setting(128, "Of 1 or more.", "model", least=1)
    offset: int = setting(0, "Any.", "model")
    kind: str = setting("cosine", "A choice.", "model", choices=("cosine", "dot"))
    layers: Sequence[int] = setting((8, 4), "Sizes.", "model", least=1)
    cuts: Sequence[float] = setting((), "Numbers.", "data")
    flips: Sequence[bool] = setting((), "Booleans.", "data")
    corpus: Sequence[str] = setting((), "Files.", "data")
    folder: str = setting("", "Folder.", "results")
    job: Optional[str] = setting(None, "A choice, or none.", "cluster", choices=("ps", "worker"))


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Smaller(Example):
    dim: int = inherited(Example, "dim", default=16)
    rate: float = inherited(Example, "rate", help="More help.", most=3)
    extra: int = setting(3, "One more.", "model", least=0)

    def _check_together(self):
        super()._check_together()
        self.check(self.extra < self.dim, "extra", "less than " + self.label("dim"), self.extra)


class ValuesTest(parameterized.TestCase):

    @parameterized.parameters(
        ("shuffle", False, False), ("shuffle", np.bool_(False), False),
        ("rate", 2, 2.0), ("rate", 0.25, 0.25), ("rate", np.float32(0.25), 0.25),
        ("rate", np.int64(2), 2.0), ("rate", np.array(0.25), 0.25), ("share", 0, 0.0),
        ("share", 1, 1.0), ("tempo", 2, 2.0),
        ("cold", 0, 0.0), ("any_number", -7, -7.0), ("limit", None, None), ("limit", 3, 3.0),
        ("dim", 1, 1), ("dim", np.int32(64), 64), ("dim", np.uint8(64), 64), ("offset", -3, -3),
        ("offset", 10 ** 20, 10 ** 20), ("kind", "dot", "dot"), ("kind", np.str_("dot"), "dot"),
        ("layers", (256, 128), (256, 128)), ("layers", [256], (256,)), ("layers", [], ()),
        ("layers", np.array([256, 128]), (256, 128)), ("cuts", [1, 0.5], (1.0, 0.5)),
        ("cuts", np.array([0.5, 0.25], np.float32), (0.5, 0.25)),
        ("flips", [True, np.bool_(0)], (True, False)),
        ("corpus", "a,b.txt", ("a,b.txt",)), ("corpus", ["a", pathlib.Path("b")], ("a", "b")),
        ("corpus", np.array(["a", "b"]), ("a", "b")), ("corpus", pathlib.Path("c") / "a", ("c/a",)),
        ("folder", "", ""), ("folder", pathlib.Path("c") / "a", "c/a"), ("job", None, None),
        ("job", "ps", "ps"))
    def test_a_value_becomes_its_type(self, name, value, wanted):
        got = getattr(Example(**{name: value}), name)
        self.assertEqual(got, wanted)
        of_list, wanted_of_list = ([v] if not isinstance(v, tuple) else v for v in (got, wanted))
        self.assertEqual([type(got)] + [type(v) for v in of_list],
                         [type(wanted)] + [type(v) for v in wanted_of_list])

    @parameterized.parameters(
        # Another type.
        ("shuffle", 1, "True or False"), ("shuffle", "True", "True or False"),
        ("shuffle", None, "True or False"),
        ("rate", "0.1", "a number above 0"), ("rate", b"1", "a number above 0"),
        ("rate", 1j, "a number above 0"),
        ("rate", True, "a number above 0"), ("rate", np.bool_(True), "a number above 0"),
        ("rate", None, "a number above 0"), ("rate", [0.1], "a number above 0"),
        ("rate", np.array([0.1]), "a number above 0"), ("rate", np.str_("1"), "a number above 0"),
        ("dim", True, "an integer of 1 or more"), ("dim", np.bool_(True), "an integer of 1 or more"),
        ("dim", 2.0, "an integer of 1 or more"), ("dim", np.float64(2), "an integer of 1 or more"),
        ("dim", "2", "an integer of 1 or more"), ("dim", None, "an integer of 1 or more"),
        ("dim", np.array([2]), "an integer of 1 or more"), ("dim", math.nan, "an integer of 1 or more"),
        ("offset", "x", "an integer"), ("any_number", "x", "a number"),
        ("kind", 3, "a string"), ("kind", b"dot", "a string"), ("kind", None, "a string"),
        ("folder", None, "a string"), ("folder", ["a"], "a string"),
        # Out of range.
        ("rate", 0, "a number above 0"), ("rate", -1e-9, "a number above 0"),
        ("rate", math.nan, "a number above 0"), ("rate", math.inf, "a number above 0"),
        ("any_number", math.nan, "a number"), ("any_number", -math.inf, "a number"),
        ("any_number", 10 ** 400, "a number"), ("any_number", np.float32("inf"), "a number"),
        ("limit", 0, "a number above 0"), ("share", -0.1, "a number from 0 to 1"),
        ("share", 1.1, "a number from 0 to 1"), ("tempo", 0, "a number above 0 and at most 2"),
        ("tempo", 2.1, "a number above 0 and at most 2"), ("cold", 0.1, "a number of 0 or less"),
        ("dim", 0, "an integer of 1 or more"), ("dim", 10 ** 400, "an integer of 1 or more"),
        ("kind", "dott", "one of cosine, dot"), ("kind", "", "one of cosine, dot"),
        ("job", "chief", "one of ps, worker"))
    def test_another_type_or_range_is_refused(self, name, value, wanted):
        with self.assertRaises(InputError) as caught:
            Example(**{name: value})
        self.assertStartsWith(str(caught.exception), "Example: %s: wanted %s, got " % (name, wanted))

    @parameterized.parameters(
        ("layers", 5, "a list of integers"), ("layers", None, "a list of integers"),
        ("layers", {5}, "a list of integers"), ("layers", np.int64(5), "a list of integers"),
        ("layers", np.array(5), "a list of integers"), ("layers", np.array([[5]]), "a list of integers"),
        ("layers", iter([5]), "a list of integers"), ("layers", [5, 0], "an integer of 1 or more"),
        ("layers", [5, "4"], "an integer of 1 or more"), ("layers", "5", "an integer of 1 or more"),
        ("layers", [5, True], "an integer of 1 or more"), ("layers", [[5]], "an integer of 1 or more"),
        ("cuts", 0.5, "a list of numbers"), ("cuts", [math.nan], "a number"),
        ("flips", True, "a list of booleans"), ("flips", [1], "True or False"),
        ("corpus", b"a", "a list of strings"), ("corpus", 3, "a list of strings"),
        ("corpus", ["a", 3], "a string"), ("corpus", {"a": 1}, "a list of strings"))
    def test_another_list_is_refused(self, name, value, wanted):
        with self.assertRaises(InputError) as caught:
            Example(**{name: value})
        self.assertStartsWith(str(caught.exception), "Example: %s: wanted %s, got " % (name, wanted))

    def test_complete_messages_of_errors(self):
        for values, text in (
                ({"dim": 0}, "Example: dim: wanted an integer of 1 or more, got 0"),
                ({"layers": [3, 0]}, "Example: layers: wanted an integer of 1 or more, got 0"),
                ({"kind": "sine"}, "Example: kind: wanted one of cosine, dot, got 'sine'"),
                ({"shuffle": 1}, "Example: shuffle: wanted True or False, got 1"),
                ({"diim": 3}, "Example: diim: wanted a setting, maybe dim, got 3"),
                ({"zzz": 3}, "Example: zzz: wanted a setting, got 3")):
            with self.assertRaises(InputError) as caught:
                Example(**values)
            self.assertEqual(str(caught.exception), text)

    def test_a_positional_argument_is_refused(self):
        with self.assertRaises(InputError) as caught:
            Example(64, 0.1)
        self.assertEqual(str(caught.exception),
                         "Example: settings: wanted keywords alone, got (64, 0.1)")

    def test_errors_name_the_flag_of_a_program(self):
        for values, text in (
                ({"dim": 0}, "run_x: --dim: wanted an integer of 1 or more, got 0"),
                ({"dim": 8, "extra": 9}, "run_x: --extra: wanted less than --dim, got 9")):
            with self.assertRaises(InputError) as caught:
                Smaller.of_program("run_x", values)
            self.assertEqual(str(caught.exception), text)
        self.assertEqual(Smaller.of_program("run_x", {}).label("dim"), "--dim")
        # The settings of a program do not change those of the Python API.
        with self.assertRaisesRegex(InputError, "^Smaller: extra: wanted less than dim, got 9$"):
            Smaller(dim=8, extra=9)


class ObjectTest(absltest.TestCase):

    def test_defaults(self):
        example = Example()
        self.assertEqual([getattr(example, field.name) for field in dataclasses.fields(Example)],
                         [True, 0.5, 0.1, 0.1, -1.0, 1.0, None, 128, 0, "cosine", (8, 4), (), (), (),
                         "", None])

    def test_settings_do_not_change(self):
        example = Example(dim=3)
        with self.assertRaises(dataclasses.FrozenInstanceError):
            example.dim = 4
        with self.assertRaises(dataclasses.FrozenInstanceError):
            del example.dim
        self.assertEqual(example.dim, 3)

    def test_a_list_that_changes_later_does_not_change_them(self):
        layers = [3, 4]
        example = Example(layers=layers)
        layers.append(5)
        self.assertEqual(example.layers, (3, 4))

    def test_given_settings(self):
        example = Example(dim=128, corpus="a")
        self.assertTrue(example.is_given("dim"))  # though it is the default
        self.assertTrue(example.is_given("corpus"))
        self.assertFalse(example.is_given("rate"))
        self.assertEqual(example.given(), {"corpus": ("a",), "dim": 128})
        self.assertEqual(Example().given(), {})
        of_program = Example.of_program("run_x", {"dim": 128})
        self.assertEqual((of_program.is_given("dim"), of_program.is_given("rate")), (True, False))

    def test_values_are_json(self):
        values = Example(dim=np.int64(3), rate=np.float64(2), folder=pathlib.Path("a")).values()
        self.assertEqual(values, {
            "shuffle": True, "rate": 2.0, "share": 0.1, "tempo": 0.1, "cold": -1.0, "any_number": 1.0,
            "limit": None, "dim": 3, "offset": 0, "kind": "cosine", "layers": [8, 4], "cuts": [],
            "flips": [], "corpus": [], "folder": "a", "job": None})
        self.assertEqual(json.loads(json.dumps(values)), values)

    def test_values_make_the_same_settings_again(self):
        example = Example(dim=3, layers=[5], limit=0.5)
        self.assertEqual(Example(**example.values()).values(), example.values())

    def test_repr_shows_the_given_settings(self):
        self.assertEqual(repr(Example()), "Example()")
        self.assertEqual(repr(Example(rate=2, corpus=np.array(["a"]), dim=128)),
                         "Example(corpus=('a',), dim=128, rate=2.0)")

    def test_repr_makes_the_same_settings_again(self):
        example = Smaller(dim=np.int64(8), layers=[3])
        self.assertEqual(eval(repr(example)).values(), example.values())  # pylint: disable=eval-used

    def test_a_copy_knows_the_given_settings(self):
        example = pickle.loads(pickle.dumps(Example(dim=3)))
        self.assertEqual((example.dim, example.given()), (3, {"dim": 3}))


class SubclassTest(absltest.TestCase):

    def test_an_inherited_setting_has_another_default(self):
        self.assertEqual((Example().dim, Smaller().dim), (128, 16))
        with self.assertRaisesRegex(InputError, "^Smaller: dim: wanted an integer of 1 or more, got 0$"):
            Smaller(dim=0)

    def test_unchanged_properties_are_inherited(self):
        def about(settings_class, name):
            return {f.name: f for f in dataclasses.fields(settings_class)}[name].metadata["setting"]

        self.assertEqual(about(Smaller, "dim"), about(Example, "dim"))
        self.assertEqual(about(Smaller, "rate"),
                         settings.Setting("More help.", "training", above=0, most=3))
        self.assertEqual(about(Example, "rate"), settings.Setting("Above 0.", "training", above=0))
        self.assertEqual(Smaller().rate, 0.5)

    def test_settings_of_the_base_are_those_of_the_subclass(self):
        self.assertEqual(Smaller(kind="dot", extra=2).given(), {"extra": 2, "kind": "dot"})
        with self.assertRaisesRegex(InputError, "^Smaller: extr: wanted a setting, maybe extra, got 2$"):
            Smaller(extr=2)
        with self.assertRaisesRegex(InputError, "^Example: extra: wanted a setting"):
            Example(extra=2)

    def test_settings_are_checked_together(self):
        self.assertEqual(Smaller(dim=8, extra=7).extra, 7)
        with self.assertRaisesRegex(InputError, "^Smaller: extra: wanted less than dim, got 8$"):
            Smaller(dim=8, extra=8)

    def test_checks_of_a_class_see_converted_values(self):
        with self.assertRaisesRegex(InputError, "^Smaller: dim: wanted an integer of 1 or more, got"):
            Smaller(dim="x")


class FieldsTest(absltest.TestCase):

    def test_kinds(self):
        kinds = {field.name: settings.kind_of(field) for field in dataclasses.fields(Example)}
        for names, name, is_list in (
                (("shuffle",), "boolean", False), (("rate", "any_number", "limit"), "number", False),
                (("dim", "offset"), "integer", False), (("kind", "folder", "job"), "string", False),
                (("layers",), "integer", True), (("cuts",), "number", True),
                (("flips",), "boolean", True), (("corpus",), "string", True)):
            self.assertEqual({kinds[n] for n in names}, {settings.Kind(name, is_list)})

    def test_fields_are_in_the_order_of_the_groups(self):
        self.assertEqual([field.name for field in settings.fields_of(Example)], [
            "cuts", "flips", "corpus", "dim", "offset", "kind", "layers", "shuffle", "rate", "share",
            "tempo", "cold", "any_number", "limit", "folder", "job"])

    def test_tensorflow_is_not_imported(self):
        code = "import sys; from tf1_sampled import settings; sys.exit('tensorflow' in sys.modules)"
        self.assertEqual(subprocess.call([sys.executable, "-c", code],
                                         env={"PYTHONPATH": ":".join(sys.path)}), 0)


class ShownTest(absltest.TestCase):

    def test_the_signature_has_each_setting_with_its_default_group_after_group(self):
        parameters = inspect.signature(YouTubeDNN).parameters
        names = [field.name for field in settings.fields_of(YouTubeDNN)]
        self.assertEqual(list(parameters), names)
        self.assertEqual(names[0], "events")
        self.assertEqual((parameters["dim"].default, parameters["dim"].annotation), (128, int))
        self.assertEqual({parameter.kind for parameter in parameters.values()},
                         {inspect.Parameter.KEYWORD_ONLY})

    def test_the_docstring_of_a_documented_class_has_each_setting(self):
        for settings_class in (YouTubeDNN, Word2Vec):
            self.assertEqual(settings_class.__doc__.count("Settings:\n"), 1)
            for field in settings.fields_of(settings_class):
                self.assertIn("\n      %s: " % field.name, settings_class.__doc__)
            self.assertNotIn("--", settings_class.__doc__)


if __name__ == "__main__":
    absltest.main()
