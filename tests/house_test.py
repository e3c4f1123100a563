"""House rules: imports go down, functions are short, only programs have flags, modules have tests."""
import ast
import collections
import functools
import os
import re

from absl.testing import absltest

# Not realpath: under Bazel the tree is in the runfiles.
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_PACKAGE = "tf1_sampled"
_PROGRAMS = ("run_word2vec.py", "run_recsys.py")

# (importer, imported): imports that the list of rooms would allow but that are forbidden.
_APART = (
    ("word2vec", "recsys"),
    ("recsys", "word2vec"),
    ("word2vec.model", "losses"),
    ("recsys.model", "losses"),
)

_MOST_LINES = 60  # of a function, without its docstring
_MOST_PARAMETERS = 8
_MOST_POSITIONAL = 5  # arguments of a call

# Functions with the parameters of functions of tf.nn and tf.random, and more.
_LIKE_TF_NN = (
    "full_softmax_loss",
    "full_sigmoid_loss",
    "nce_loss",
    "sampled_softmax_loss",
    "refined_sampled_softmax_loss",
    "softmax_at_k_loss",
    "negative_sampling_loss",
    "gbce_loss",
    "compute_sampled_logits",
    "candidate_sampler",
    "all_candidate_sampler",
    "fixed_unigram_candidate_sampler",
    "in_batch_candidate_sampler",
    "learned_unigram_candidate_sampler",
    "log_uniform_candidate_sampler",
    "mixed_candidate_sampler",
    "uniform_candidate_sampler",
)

# Calls with any number of positional arguments of one kind. Calls of named tuples are allowed too.
_OF_ANY_NUMBER = ("dict", "min", "max", "zip", "print", "tf.group", "os.path.join", "cache.digest")

# Modules that compare the time of day with the times of files.
_WITH_DATES = (os.path.join(_PACKAGE, "files", "cache.py"),)

# Modules whose load functions run code from the file.
_UNPICKLING = ("pickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve")


def _read(path):
    with open(os.path.join(_ROOT, path), encoding="utf-8") as f:
        return f.read()


@functools.lru_cache(maxsize=None)
def _parse(path):
    return ast.parse(_read(path), path)


def _modules():
    """Return {"word2vec.model": "tf1_sampled/word2vec/model.py"} of all modules of the package."""
    found = {}
    for folder, _, names in os.walk(os.path.join(_ROOT, _PACKAGE)):
        for name in names:
            if name.endswith(".py"):
                path = os.path.relpath(os.path.join(folder, name), _ROOT)
                found[".".join(path[:-len(".py")].split(os.sep)[1:])] = path
    return found


def _layers(text):
    """Return the layers of the first indented list of the section "Rooms", from the bottom up.

    Args:
      text: string, the text of CONTRIBUTING.md. In the list, commas separate modules of one layer;
        semicolons and line ends separate layers. "files: places; reading" is short for
        "files.places; files.reading". A line that is indented further continues the line before it.

    Returns:
      [["alias", "checks"], ["files.places"], ...]. The `__init__` of a package has its own layer above
      the last module of the package. The `__init__` of the whole package is the lowest layer.
    """
    section = re.search(r"(?ms)^## Rooms\n(.*?)(?=^## |\Z)", text).group(1)
    lines = re.search(r"(?m)(^    .*\n)+", section).group().replace("\n        ", " ").splitlines()
    layers = [["__init__"]]
    for line in lines:
        package, _, rest = line.rpartition(":")
        prefix = package.strip() + "." if package else ""
        layers += [[prefix + name.strip() for name in layer.split(",")] for layer in rest.split(";")]
    last = {name.rpartition(".")[0]: i for i, layer in enumerate(layers) for name in layer}
    for package, i in sorted(last.items(), key=lambda item: -item[1]):
        if package:
            layers.insert(i + 1, [package + ".__init__"])
    return layers


def _literal(path, name):
    """Return the literal that a file, of Python or Bazel, assigns to `name`."""
    for node in _parse(path).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    raise AssertionError("%s has no %s" % (path, name))


def _imports(tree, modules):
    """Return the modules of the package that `tree` imports, also inside of functions."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "line %d: a relative import" % node.lineno
            names += [node.module + "." + alias.name for alias in node.names]
        elif isinstance(node, ast.Attribute) and getattr(node.value, "id", None) == _PACKAGE:
            names.append(_PACKAGE + "." + node.attr)
    home = _literal(modules["__init__"], "_HOME")
    found = set()
    for name in names:
        top, _, rest = name.partition(".")
        if top == _PACKAGE:
            # A module, a public name, a name in a module, a package, or a name in a package.
            outer = rest.rpartition(".")[0]
            candidates = (home.get(rest, rest), outer, rest + ".__init__", outer + ".__init__")
            known = [c.lstrip(".") for c in candidates if c.lstrip(".") in modules]
            assert known, "no module has the name " + name
            found.add(known[0])
    return found


def _within(module, part):
    return module == part or module.startswith(part + ".")


def _dotted(node):
    """Return "os.path.join" for the expression os.path.join; "" for other expressions."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return "%s.%s" % (_dotted(node.value), node.attr)
    return ""


def _num_lines(function):
    """Return the number of lines of a function, without its decorators and its docstring."""
    first, last = function.lineno, getattr(function, "end_lineno", None)
    if last is None:  # Python 3.7, where a function begins with its decorators
        last = _last_line(function)
        first = max([first] + [_last_line(decorator) + 1 for decorator in function.decorator_list])
    docstring = ast.get_docstring(function, clean=False)
    return last - first + 1 - (docstring.count("\n") + 1 if docstring else 0)


def _last_line(tree):
    return max(getattr(node, "lineno", 0) for node in ast.walk(tree))


def _parameters(function):
    arguments = function.args
    return [a.arg for a in getattr(arguments, "posonlyargs", []) + arguments.args + arguments.kwonlyargs
            if a.arg not in ("self", "cls")]


def _named_tuples(trees):
    """Return the names of the named tuples that modules define."""
    found = set()
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                bases = [base.func if isinstance(base, ast.Call) else base for base in node.bases]
                if {"collections.namedtuple", "NamedTuple"} & set(map(_dotted, bases)):
                    found.add(node.name)
            elif (isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
                  and _dotted(node.value.func) == "collections.namedtuple"):
                found.add(node.targets[0].id)
    return found


def _used_names(trees):
    """Return {("losses", "nce_loss")}, the attributes and imported names that modules use."""
    used = set()
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                used.add((_dotted(node.value).rpartition(".")[2], node.attr))
            elif isinstance(node, ast.ImportFrom):
                used.update((node.module.rpartition(".")[2], alias.name) for alias in node.names)
    return used


class HouseTestCase(absltest.TestCase):

    def setUp(self):
        super().setUp()
        self.modules = _modules()
        self.assertIn("checks", self.modules)
        self.trees = {path: _parse(path) for path in list(self.modules.values()) + list(_PROGRAMS)}

    def check_none(self, wrong, rule):
        """Fail with a line for each of `wrong`."""
        if wrong:
            self.fail("\n    ".join([rule + ":"] + list(wrong)))

    def imports(self, module):
        """Return the modules of the package that a module imports."""
        return _imports(self.trees[self.modules[module]], self.modules)

    def nodes(self, *kinds):
        """Yield (path, node) of all nodes of these kinds in the package and the programs."""
        for path, tree in self.trees.items():
            for node in ast.walk(tree):
                if isinstance(node, kinds):
                    yield path, node


class LayersTest(absltest.TestCase):

    def test_a_list_is_read_from_the_bottom_up(self):
        self.assertEqual(_layers(
            "# Contributing\n\n    no rooms\n\n## Rooms\n\nText:\n\n    a, b\n    files: c, d;\n"
            "        e\n    files.f, g\n    net: h\n\nMore.\n\n    x\n\n## Style\n\n    y\n"),
            [["__init__"], ["a", "b"], ["files.c", "files.d"], ["files.e"], ["files.f", "g"],
             ["files.__init__"], ["net.h"], ["net.__init__"]])


class ImportsTest(HouseTestCase):

    def setUp(self):
        super().setUp()
        self.layers = _layers(_read("CONTRIBUTING.md"))

    def test_each_module_is_in_the_list_of_rooms(self):
        listed = collections.Counter(module for layer in self.layers for module in layer)
        self.check_none(
            ["%s is not listed; it imports %s" % (module, ", ".join(sorted(self.imports(module))))
             for module in sorted(set(self.modules) - set(listed))]
            + ["%s does not exist" % module for module in sorted(set(listed) - set(self.modules))]
            + ["%s is listed %d times" % item for item in sorted(listed.items()) if item[1] > 1],
            "CONTRIBUTING.md, the list of the section Rooms")

    def test_imports_go_down(self):
        height = {module: i for i, layer in enumerate(self.layers) for module in layer}
        wrong = []
        for module, path in sorted(self.modules.items()):
            for other in sorted(self.imports(module)):
                if module in height and other in height and height[other] >= height[module]:
                    wrong.append("%s imports %s, which is not in a lower layer" % (path, other))
        self.check_none(wrong, "imports go down")

    def test_modules_kept_apart_do_not_import_each_other(self):
        for who, whom in _APART:
            for part in (who, whom):
                self.assertTrue(any(_within(module, part) for module in self.modules), part)
        for module, path in self.modules.items():
            for other in self.imports(module):
                for who, whom in _APART:
                    self.assertFalse(_within(module, who) and _within(other, whom),
                                     "%s imports %s" % (path, other))

    def test_the_table_of_rooms_names_modules_that_exist(self):
        page = os.path.join("docs", "architecture.md")
        for row in re.search(r"(?m)^\| room \|.*\n((\|.*\n)+)", _read(page)).group(1).splitlines():
            first = row.split("|")[1]
            folder = re.match(r" `(\w+)/` ", first)
            for name in re.findall(r"`([\w/]+)\.py`", row):
                if name + ".py" not in _PROGRAMS:
                    module = (folder.group(1) + "." if folder else "") + name.replace("/", ".")
                    if module not in self.modules:
                        self.fail("%s names %s.py: %s" % (page, name, row))


class FlagsTest(HouseTestCase):

    def test_only_the_programs_package_knows_flags(self):
        uses = collections.defaultdict(list)
        for path, node in self.nodes(ast.Import, ast.ImportFrom, ast.Name, ast.Attribute, ast.arg):
            if path.split(os.sep)[:2] == [_PACKAGE, "programs"]:
                continue
            names = [getattr(node, field, None) for field in ("id", "attr", "arg", "module")]
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names += ["%s.%s" % (names[-1], alias.name) for alias in node.names]
                names += [alias.name for alias in node.names]
            for name in {"FLAGS", "flag_values", "absl.flags"}.intersection(names):
                uses[path].append((node.lineno, name))
        self.check_none(["%s: line %d: %s (%d in this file)" % (path, *min(found), len(found))
                         for path, found in sorted(uses.items())],
                        "only tf1_sampled/programs/ uses flags")

    def test_the_programs_package_has_flags(self):
        found = [path for path, node in self.nodes(ast.ImportFrom)
                 if node.module == "absl" and "flags" in [alias.name for alias in node.names]]
        self.assertIn(os.path.join(_PACKAGE, "programs"), {os.path.dirname(path) for path in found})


class FunctionsTest(HouseTestCase):

    def functions(self):
        return self.nodes(ast.FunctionDef, ast.AsyncFunctionDef)

    def test_functions_are_short(self):
        wrong = ["%s: %s has %d lines" % (path, function.name, _num_lines(function))
                 for path, function in self.functions() if _num_lines(function) > _MOST_LINES]
        self.check_none(wrong, "wanted at most %d lines" % _MOST_LINES)

    def test_functions_have_few_parameters(self):
        wrong = ["%s: %s has %d parameters" % (path, function.name, len(_parameters(function)))
                 for path, function in self.functions()
                 if len(_parameters(function)) > _MOST_PARAMETERS and function.name not in _LIKE_TF_NN]
        self.check_none(wrong, "wanted at most %d parameters" % _MOST_PARAMETERS)

    def test_each_exception_is_needed(self):
        wide = {function.name for _, function in self.functions()
                if len(_parameters(function)) > _MOST_PARAMETERS}
        self.check_none(sorted(set(_LIKE_TF_NN) - wide), "these need no exception")

    def test_calls_have_few_positional_arguments(self):
        named_tuples = _named_tuples(self.trees.values())
        wrong = []
        for path, call in self.nodes(ast.Call):
            count = sum(not isinstance(argument, ast.Starred) for argument in call.args)
            name = _dotted(call.func)
            if count > _MOST_POSITIONAL and name not in _OF_ANY_NUMBER and (
                    name.rpartition(".")[2] not in named_tuples):
                wrong.append("%s: line %d: %s with %d" % (path, call.lineno, name, count))
        self.check_none(wrong, "wanted at most %d positional arguments" % _MOST_POSITIONAL)

    def test_lines_and_parameters_are_counted_as_described(self):
        function = ast.parse(
            "@a(\n  1)\ndef f(self, b, c,\n    *d, e=1, **g):\n  '''Do.\n\n  More.\n  '''\n"
            "  def h():\n    return 1\n\n  return h\n").body[0]
        self.assertEqual(_parameters(function), ["b", "c", "e"])
        self.assertEqual(_num_lines(function), 6)


class ClockTest(HouseTestCase):

    def test_durations_use_a_monotonic_clock(self):
        uses = collections.defaultdict(list)
        for path, node in self.nodes(ast.Attribute, ast.ImportFrom):
            is_imported = getattr(node, "module", "") == "time" and "time" in [
                alias.name for alias in node.names]
            if is_imported or _dotted(node) == "time.time":
                uses[path].append("%s: line %d: time.time; measure durations by time.monotonic" % (
                    path, node.lineno))
        for path in _WITH_DATES:
            self.assertTrue(uses.pop(path, None), path + " needs no exception")
        self.check_none(sum(uses.values(), []), "durations need a clock that cannot be set back")


class PublicNamesTest(HouseTestCase):

    def _results(self, tree):
        """Return the names that the public functions and constants of a module use."""
        used = set()
        for node in tree.body:
            target = getattr(node, "name", "") or _dotted(getattr(node, "targets", [None])[0])
            if not isinstance(node, ast.ClassDef) and target and target[0] != "_":
                used.update(n.id for n in ast.walk(node) if isinstance(n, ast.Name))
        return used

    def test_a_helper_that_no_other_module_uses_has_an_underscore(self):
        home = set(_literal(self.modules["__init__"], "_HOME").items())
        wrong = []
        for module, path in sorted(self.modules.items()):
            if "." in module or module == "__init__":
                continue
            used = _used_names(tree for other, tree in self.trees.items() if other != path)
            results = self._results(self.trees[path])
            for node in self.trees[path].body:
                if (isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name[0] != "_"
                        and (node.name, module) not in home and (module, node.name) not in used
                        and not (isinstance(node, ast.ClassDef) and node.name in results)):
                    wrong.append("%s: %s" % (path, node.name))
        self.check_none(wrong, "neither in __init__.py nor used by another module")


class UnpicklingTest(HouseTestCase):

    def test_nothing_is_unpickled(self):
        for path, node in self.nodes(ast.Import, ast.ImportFrom, ast.Call):
            where = "%s: line %d" % (path, node.lineno)
            if not isinstance(node, ast.Call):
                names = [alias.name for alias in node.names] + [getattr(node, "module", None)]
                self.assertNoCommonElements(names, _UNPICKLING, where)
            elif _dotted(node.func) == "np.load":
                refused = [keyword.value.value for keyword in node.keywords
                           if keyword.arg == "allow_pickle"]
                self.assertEqual(refused, [False], where + ": np.load without allow_pickle=False")


class TestsTest(HouseTestCase):

    def setUp(self):
        super().setUp()
        self.files = [name[:-len(".py")] for name in os.listdir(os.path.join(_ROOT, "tests"))
                      if name.endswith(".py")]

    def test_each_module_has_a_test(self):
        self.check_none([path for module, path in sorted(self.modules.items())
                         if not module.endswith("__init__")
                         and module.replace(".", "_") + "_test" not in self.files],
                        "modules without a test")

    def test_bazel_knows_each_test(self):
        self.assertCountEqual(_literal("tests/BUILD", "_TESTS"),
                              [name for name in self.files if name.endswith("_test")])

    def test_bazel_knows_what_tests_share(self):
        for node in ast.walk(_parse("tests/BUILD")):
            if isinstance(node, ast.Call) and _dotted(node.func) == "py_library":
                library = {keyword.arg: ast.literal_eval(keyword.value) for keyword in node.keywords}
                self.assertEqual(library["name"], "shared")
                self.assertCountEqual(
                    [name[:-len(".py")] for name in library["srcs"]] + ["__init__", "conftest"],
                    [name for name in self.files if not name.endswith("_test")])
                break
        else:
            self.fail("tests/BUILD has no py_library")


if __name__ == "__main__":
    absltest.main()
