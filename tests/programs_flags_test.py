import contextlib
import dataclasses
import io
import os
import re
import shutil
from typing import ClassVar, Optional, Sequence
from unittest import mock

from absl.testing import absltest, parameterized

from tf1_sampled import InputError
from tf1_sampled.cluster import settings as cluster_settings
from tf1_sampled.programs import flags
from tf1_sampled.settings import Settings, setting
from tf1_sampled.training import settings as training_settings

_LONG = " ".join(["Words of a text that is longer than a line, as some are, broken between words."] * 3)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Model(Settings):
    restart: bool = setting(False, "Start anew.", "training")
    shuffle: bool = setting(True, "Shuffle.", "training")
    loss: str = setting("nce", "Loss.", "training", choices=("gbce", "nce"))
    rate: Optional[float] = setting(None, "Rate. Default: by --loss.", "training", above=0)
    dim: int = setting(128, _LONG, "model", least=1)
    layers: Sequence[int] = setting((8, 4), "Sizes.", "model", least=1)
    power: float = setting(1e-05, "Power.", "model")
    few: float = setting(1e-05, "Few. Default: few enough.", "model")
    corpus: Sequence[str] = setting((), "Files.", "data")
    cuts: Sequence[float] = setting((), "Numbers.", "data")


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Results(Settings):
    folder: str = setting("", "Folder.", "results")
    job: Optional[str] = setting(None, "Job.", "cluster", choices=("ps", "worker"))
    words: Sequence[str] = setting((), "Words.", "results")
    seed: int = setting(1, "Seed.", "training", least=0)


def _parse(*arguments):
    return flags.parse("run_x", ["some/run_x.py", *arguments], [Model, Results])


def _help(columns=80, classes=(Model, Results)):
    with mock.patch.object(shutil, "get_terminal_size", return_value=os.terminal_size((columns, 24))):
        return flags.help_text("run_x.py", "\nDo x.\n\n    run_x.py --dim=3\n", classes)


class ParseTest(parameterized.TestCase):

    def error(self, *arguments):
        with self.assertRaises(InputError) as caught:
            _parse(*arguments)
        self.assertLen(str(caught.exception).splitlines(), 1)
        return str(caught.exception)

    def test_an_error_about_a_flag_of_another_program_suggests_ours(self):
        with mock.patch.object(Model, "ELSEWHERE", {"size": "--dim", "sg": "--loss=nce"}):
            for flag, wanted in (("--size=3", "unknown flag --size; use --dim; --help shows"),
                                 ("-size", "unknown flag --size; use --dim; "),
                                 ("-sg", "unknown flag --sg; use --loss=nce; ")):
                self.assertStartsWith(self.error(flag, "3"), wanted)
        self.assertStartsWith(self.error("--Corpus=3"), "unknown flag --Corpus; use --corpus; ")
        self.assertIn("Did you mean: corpus", self.error("--corpu=3"))
        self.assertEqual(self.error("--zzz"), "Unknown command line flag 'zzz'; --help shows all flags")

    @parameterized.parameters(
        (["--dim=64"], {"dim": 64}), (["--dim", "64"], {"dim": 64}), (["-dim=64"], {"dim": 64}),
        (["--dim=128"], {"dim": 128}), (["--dim=3", "--dim=4"], {"dim": 4}),
        (["--restart"], {"restart": True}), (["--norestart"], {"restart": False}),
        (["--restart=true"], {"restart": True}), (["--restart=False"], {"restart": False}),
        (["--restart=1"], {"restart": True}), (["--noshuffle"], {"shuffle": False}),
        (["--restart", "--norestart"], {"restart": False}),
        (["--rate=0.5"], {"rate": 0.5}), (["--rate=1e-3"], {"rate": 0.001}),
        (["--rate=2"], {"rate": 2.0}),
        (["--power=-1"], {"power": -1.0}), (["--loss=gbce"], {"loss": "gbce"}),
        (["--layers=256,128"], {"layers": (256, 128)}), (["--layers=256, 128"], {"layers": (256, 128)}),
        (["--layers=256"], {"layers": (256,)}), (["--layers="], {"layers": ()}),
        (["--cuts=1,.5"], {"cuts": (1.0, 0.5)}), (["--corpus=a.txt"], {"corpus": ("a.txt",)}),
        (["--corpus=a b, c"], {"corpus": ("a b", "c")}),
        (["--corpus=a", "--corpus=b"], {"corpus": ("b",)}),
        (['--corpus="a,b",c'], {"corpus": ("a,b", "c")}), (["--corpus=-"], {"corpus": ("-",)}),
        (["--dim=3", "--"], {"dim": 3}), ([], {}))
    def test_values(self, arguments, wanted):
        model, results = _parse(*arguments)
        self.assertEqual((model.given(), results.given()), (wanted, {}))
        self.assertEqual([type(value) for value in model.given().values()],
                         [type(value) for value in wanted.values()])

    def test_some_settings_are_read_among_the_flags_of_others(self):
        argv = ["program", "--corpus", "a b", "--dim", "3", "--seed=7", "--restart", "--folder", "f"]
        found = flags.parse_some("run_x", argv, Results)
        self.assertEqual(found.given(), {"seed": 7, "folder": "f"})
        with self.assertRaisesRegex(InputError, "^run_x: --seed: wanted an integer"):
            flags.parse_some("run_x", ["program", "--dim=3", "--seed=x"], Results)

    def test_settings_are_objects_of_their_classes(self):
        model, results = _parse("--seed=7", "--dim=3", "--folder=a=b", "--job=ps", "--words=x,y")
        self.assertIsInstance(model, Model)
        self.assertIsInstance(results, Results)
        self.assertEqual(model.given(), {"dim": 3})
        self.assertEqual(results.given(), {"folder": "a=b", "job": "ps", "seed": 7, "words": ("x", "y")})
        # The flags of absl and TensorFlow are not among the settings.
        self.assertCountEqual(results.values(), ["folder", "job", "seed", "words"])

    def test_defaults_are_those_of_the_settings(self):
        self.assertEqual([part.values() for part in _parse()], [Model().values(), Results().values()])

    @parameterized.parameters(
        ("--dim=0", "run_x: --dim: wanted an integer of 1 or more, got 0"),
        ("--dim=x", "run_x: --dim: wanted an integer of 1 or more, got 'x'"),
        ("--dim=", "run_x: --dim: wanted an integer of 1 or more, got ''"),
        ("--dim=1.5", "run_x: --dim: wanted an integer of 1 or more, got '1.5'"),
        ("--dim=True", "run_x: --dim: wanted an integer of 1 or more, got 'True'"),
        ("--seed=-1", "run_x: --seed: wanted an integer of 0 or more, got -1"),
        ("--rate=0", "run_x: --rate: wanted a number above 0, got 0.0"),
        ("--rate=nan", "run_x: --rate: wanted a number above 0, got nan"),
        ("--rate=inf", "run_x: --rate: wanted a number above 0, got inf"),
        ("--rate=1e999", "run_x: --rate: wanted a number above 0, got inf"),
        ("--power=much", "run_x: --power: wanted a number, got 'much'"),
        ("--loss=nec", "run_x: --loss: wanted one of gbce, nce, got 'nec'"),
        ("--loss=", "run_x: --loss: wanted one of gbce, nce, got ''"),
        ("--job=chief", "run_x: --job: wanted one of ps, worker, got 'chief'"),
        ("--layers=3,0", "run_x: --layers: wanted an integer of 1 or more, got 0"),
        ("--layers=3,x", "run_x: --layers: wanted an integer of 1 or more, got 'x'"),
        ("--layers=3,-1", "run_x: --layers: wanted an integer of 1 or more, got -1"),
        ("--layers=3,1.5", "run_x: --layers: wanted an integer of 1 or more, got '1.5'"),
        ("--layers=3,", "run_x: --layers: wanted an integer of 1 or more, got ''"),
        ("--cuts=nan", "run_x: --cuts: wanted a number, got nan"),
        ("--restart=7", "run_x: --restart: wanted True or False, got '7'"),
        ("--restart=", "run_x: --restart: wanted True or False, got ''"))
    def test_an_invalid_value_is_an_error_that_names_flag_and_value(self, argument, message):
        self.assertEqual(self.error(argument), message)

    def test_an_error_about_an_unknown_flag_suggests_a_similar_one(self):
        self.assertEqual(
            self.error("--los=nce"),
            "Unknown command line flag 'los'. Did you mean: loss ?; --help shows all flags")
        self.assertEqual(self.error("--zzzzzz"),
                         "Unknown command line flag 'zzzzzz'; --help shows all flags")
        self.assertStartsWith(self.error("--verbosity=1"), "Unknown command line flag 'verbosity'")

    def test_a_flag_without_its_value_is_an_error(self):
        self.assertEqual(self.error("--dim"), "Missing value for flag --dim; --help shows all flags")
        self.assertEqual(self.error("--norestart=3"),
                         "--norestart=3 does not take an argument; --help shows all flags")
        self.assertIn("--corpus=\"a", self.error('--corpus="a'))

    @parameterized.parameters(
        (["a.txt"], "a.txt"), (["--restart", "false"], "false"), (["--corpus=a", "b", "c"], "b c"),
        (["--", "--help"], "--help"), (["--dim=3", "--", "-h"], "-h"), (["--", "--dim=3"], "--dim=3"))
    def test_an_argument_that_is_not_a_flag_is_an_error(self, arguments, got):
        self.assertEqual(
            self.error(*arguments),
            "run_x: arguments: wanted only flags (for several files: --flag=a,b), got '%s'" % got)

    def test_the_error_shows_how_the_first_class_takes_several_files(self):
        @dataclasses.dataclass(frozen=True, eq=False, repr=False)
        class Training(Settings):
            SEVERAL_FILES: ClassVar[str] = "--train=a,b"

        with self.assertRaisesRegex(InputError, r"\(for several files: --train=a,b\), got 'x'$"):
            flags.parse("run_x", ["run_x.py", "x"], [Training, Results])

    def test_flags_are_read_from_a_flagfile(self):
        path = self.create_tempfile(
            "flags", "--dim=7\n# a comment\n\n--restart\n--corpus=a,b\n").full_path
        model, _ = _parse("--flagfile=" + path, "--layers=3")
        self.assertEqual(model.given(),
                         {"corpus": ("a", "b"), "dim": 7, "layers": (3,), "restart": True})
        self.assertEqual(_parse("--flagfile=" + path, "--dim=8")[0].dim, 8)

    def test_a_flagfile_that_cannot_be_read_is_an_error(self):
        for path in ("/nowhere", self.create_tempdir().full_path):
            self.assertIn("Unable to open flagfile", self.error("--flagfile=" + path))
        self.assertIn("--flagfile with no argument", self.error("--flagfile"))
        unknown = self.create_tempfile("unknown", "--los=nce\n").full_path
        self.assertIn("'los'. Did you mean: loss ?", self.error("--flagfile=" + unknown))
        binary = self.create_tempfile("binary", b"\xff\xfe--dim=3").full_path
        self.assertIn("can't decode byte", self.error("--flagfile=" + binary))

    def test_parsing_prints_nothing(self):
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
            self.error("--los=nce")
            self.error("--restart=7")
            _parse("--dim=3")
        self.assertEqual(out.getvalue(), "")

    def test_two_calls_in_one_process_share_no_flags(self):
        self.assertEqual(_parse("--dim=3")[0].dim, 3)
        self.assertEqual(_parse()[0].dim, 128)

    def test_two_settings_of_one_name_are_not_an_input_error(self):
        with self.assertRaises(Exception) as caught:
            flags.parse("run_x", ["run_x.py"], [Model, Model])
        self.assertNotIsInstance(caught.exception, InputError)


class WantsHelpTest(parameterized.TestCase):

    @parameterized.parameters("-h", "-?", "-help", "--help", "--helpshort", "--helpfull")
    def test_help(self, argument):
        self.assertTrue(flags.wants_help([argument]))
        self.assertTrue(flags.wants_help(["--dim=3", argument, "x"]))
        self.assertTrue(flags.wants_help([argument, "--", "x"]))
        self.assertFalse(flags.wants_help(["--", argument]))

    def test_no_help(self):
        for arguments in ([], ["--helper"], ["--words=--help"], ["help"], ["h"], ["--"]):
            self.assertFalse(flags.wants_help(arguments), arguments)


class HelpTextTest(parameterized.TestCase):

    def section(self, name):
        """Return a group of the help text: {line of the flag: its help}."""
        text = re.search(r"(?ms)^%s:\n(.*?)(?=^\S|^  -h|\Z)" % name, _help()).group(1)
        found = {}
        for line in text.splitlines():
            if re.match("  -", line):
                last = line.strip()
                found[last] = []
            elif line:
                found[last].append(line.strip())
        return {flag: " ".join(lines) for flag, lines in found.items()}

    def test_help_begins_with_the_docstring(self):
        self.assertStartsWith(
            _help(), "Do x.\n\n    run_x.py --dim=3\n\nFlags: run_x.py --flag=value ...\n\nData:\n")

    def test_groups_are_in_their_fixed_order(self):
        self.assertEqual(re.findall(r"(?m)^(\w+):$", _help()),
                         ["Data", "Model", "Training", "Results", "Cluster"])

    def test_a_group_without_settings_is_left_out(self):
        self.assertEqual(re.findall(r"(?m)^(\w+):$", _help(classes=[Results])),
                         ["Training", "Results", "Cluster"])

    @parameterized.parameters(80, 105)
    def test_each_setting_is_listed_once(self, columns):
        names = re.findall(r"(?m)^  --(?:\[no\])?(\w+)", _help(columns))
        self.assertEqual(names, ["corpus", "cuts", "dim", "layers", "power", "few", "restart", "shuffle",
                                 "loss", "rate", "seed", "folder", "words", "job", "flagfile"])

    def test_placeholders_show_the_types_of_values(self):
        for group, wanted in (("Data", ["--corpus=TEXT,...", "--cuts=X,..."]),
                              ("Model", ["--dim=N", "--layers=N,...", "--power=X", "--few=X"]),
                              ("Training", ["--[no]restart", "--[no]shuffle", "--loss=NAME", "--rate=X",
                                            "--seed=N"]),
                              ("Results", ["--folder=TEXT", "--words=TEXT,..."]),
                              ("Cluster", ["--job=NAME"])):
            self.assertEqual(list(self.section(group)), wanted)

    def test_defaults_and_choices_are_shown(self):
        self.assertEqual(self.section("Training"), {
            "--[no]restart": "Start anew. Default: off.", "--[no]shuffle": "Shuffle. Default: on.",
            "--loss=NAME": "Loss. One of gbce, nce. Default: nce.",
            "--rate=X": "Rate. Default: by --loss.", "--seed=N": "Seed. Default: 1."})
        self.assertEqual(self.section("Data"),
                         {"--corpus=TEXT,...": "Files.", "--cuts=X,...": "Numbers."})
        self.assertEqual(self.section("Model"), {
            "--dim=N": _LONG + " Default: 128.", "--layers=N,...": "Sizes. Default: 8,4.",
            "--power=X": "Power. Default: 1e-05.", "--few=X": "Few. Default: few enough."})
        self.assertEqual(self.section("Results")["--folder=TEXT"], "Folder.")
        self.assertEqual(self.section("Cluster")["--job=NAME"], "Job. One of ps, worker.")

    @parameterized.parameters((40, 60), (60, 60), (80, 80), (105, 105), (300, 105))
    def test_lines_fit_the_terminal(self, columns, width):
        longest = max(len(line) for line in _help(columns).splitlines())
        self.assertLessEqual(longest, width)
        self.assertGreater(longest, width - 12)

    def test_a_program_may_have_other_defaults_and_refuse_flags(self):
        text = flags.help_text("run_x.py", "", [Model], {"dim": 7}, ["corpus"])
        self.assertRegex(text, r"--dim=N\n[^-]* Default: 7\.\n")
        self.assertNotIn("--corpus", text)

    def test_a_long_name_is_not_broken(self):
        path = "/".join(["new-folder"] * 9)

        @dataclasses.dataclass(frozen=True, eq=False, repr=False)
        class Named(Settings):
            file: str = setting("", "By default " + path, "data")

        self.assertIn("By default\n      %s\n" % path, _help(80, [Named]))

    def test_lines_of_the_real_settings_fit(self):
        classes = [training_settings.TrainingSettings, cluster_settings.ClusterSettings]
        for columns in (80, 105):
            for line in _help(columns, classes).splitlines():
                self.assertLessEqual(len(line), columns, line)

    def test_help_ends_with_the_flags_that_all_programs_have(self):
        self.assertEndsWith(_help(), "\n\n  -h, --help\n      Show this help.\n  --flagfile=FILE\n"
                            "      Read flags from a file, one per line.")


class MarkdownTest(absltest.TestCase):

    def test_markdown_has_a_table_for_each_group(self):
        @dataclasses.dataclass(frozen=True, eq=False, repr=False)
        class Piped(Settings):
            column: str = setting("a", "One of a|b, by --job=x.y. Up to <N>.", "data")

        head = "\n| setting | meaning and default |\n|---|---|\n"
        self.assertEqual(
            flags.markdown([Results, Piped]),
            "### Data\n" + head
            + "| `column` | One of a\\|b, by `--job=x.y`. Up to &lt;N>. Default: a. |\n\n"
            "### Training\n" + head + "| `seed` | Seed. Default: 1. |\n\n"
            "### Results\n" + head + "| `folder` | Folder. |\n| `words` | Words. |\n\n"
            "### Cluster\n" + head + "| `job` | Job. One of ps, worker. |\n")


if __name__ == "__main__":
    absltest.main()
