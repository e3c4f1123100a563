"""Holds the house in order: who imports whom, a test for each module, BUILD files that are true."""
import ast
import os

from absl.testing import absltest

# Not realpath: under Bazel the tree is that of the runfiles.
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_PACKAGE = "tf1_sampled"

# From the bottom up. A module imports those of the lines above its own, none of its own line.
_LAYERS = (
    ("__init__", "alias", "checks", "launch", "matches", "progress", "sockets", "tables"),
    ("assertions", "cluster", "files", "learning", "state"),
    ("class_counts", "class_ids", "frozen"),
    ("candidates", "initializers"),
    ("checkpoints", "distributed", "distributions", "expected_counts", "model_dir", "optimizers",
     "plots", "sources", "summaries"),
    ("draws", "program", "steps"),
    ("samplers", "training"),
    ("logits",),
    ("blocks",),
    ("losses",),
    ("word2vec.__init__", "recsys.__init__"),
    ("word2vec.text", "word2vec.phrases", "word2vec.vocabulary"),
    ("word2vec.corpus", "word2vec.export", "word2vec.vectors", "recsys.events", "recsys.items",
     "recsys.splits"),
    ("word2vec.evaluation", "recsys.batches", "recsys.evaluation"),
    ("word2vec.model", "word2vec.query", "recsys.model"),
    ("recsys.earlier", "recsys.export", "recsys.feeds", "recsys.index", "recsys.pictures",
     "recsys.ranking"),
    ("recsys.serve",),
)

# (who, whom): modules or packages that the layers would let import the other, but that do not know it.
_APART = (
    ("word2vec", "recsys"),
    ("recsys", "word2vec"),
    ("word2vec", "losses"),
    ("recsys", "losses"),
)

_ENVIRONMENT = {
    "absl": "@pypi//absl_py",
    "numpy": "@pypi//numpy",
    "tensorflow": "@pypi//tensorflow",
    "tqdm": "@pypi//tqdm",
}

# What runs the code that a file holds.
_UNPICKLING = ("pickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve")
_NP_LOAD = ast.dump(ast.parse("np.load").body[0].value)


def _parse(path):
    with open(os.path.join(_ROOT, path), encoding="utf-8") as f:
        return ast.parse(f.read(), path)


def _modules():
    """{"word2vec.model": "tf1_sampled/word2vec/model.py"} of all modules of the package."""
    found = {}
    for folder, _, names in os.walk(os.path.join(_ROOT, _PACKAGE)):
        for name in names:
            if name.endswith(".py"):
                path = os.path.relpath(os.path.join(folder, name), _ROOT)
                found[".".join(path[:-len(".py")].split(os.sep)[1:])] = path
    return found


def _imports(tree, modules):
    """(modules of the package, other top-level names) that `tree` imports, functions included."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "line %d: a relative import" % node.lineno
            names += [node.module + "." + alias.name for alias in node.names]
        elif isinstance(node, ast.Attribute) and getattr(node.value, "id", None) == _PACKAGE:
            names.append(_PACKAGE + "." + node.attr)
    home = _table(modules["__init__"], "_HOME")
    inside, outside = set(), set()
    for name in names:
        top, _, rest = name.partition(".")
        if top == _PACKAGE:
            # A module or a public name, a name in a module, a package, a name in a package.
            outer = rest.rpartition(".")[0]
            candidates = (home.get(rest, rest), outer, rest + ".__init__", outer + ".__init__")
            inside.add(next(c.lstrip(".") for c in candidates if c.lstrip(".") in modules))
        else:
            outside.add(top)
    return inside, outside


def _table(path, name):
    """The dict literal that a file, of Python or Bazel, assigns to `name`."""
    for node in _parse(path).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    raise AssertionError("%s has no %s" % (path, name))


def _within(module, part):
    return module == part or module.startswith(part + ".")


def _brought(labels):
    """The modules of the package that Bazel brings with labels."""
    found, waiting = set(), list(labels)
    while waiting:
        package, _, target = waiting.pop().partition(":")
        if package == "//":  # a program
            waiting += ["//" + _PACKAGE, "//%s/%s" % (_PACKAGE, target[len("run_"):])]
        elif package.startswith("//" + _PACKAGE):
            table = _table(package[2:] + "/BUILD", "_MODULES")
            for name in [target] if target else table:
                module = ".".join(package.split("/")[3:] + [name])
                if module not in found:
                    found.add(module)
                    waiting += [package + label if label[0] == ":" else label for label in table[name]]
    return found


class HouseTest(absltest.TestCase):

    def setUp(self):
        super().setUp()
        self.modules = _modules()
        self.assertIn("checks", self.modules)

    def test_each_module_has_a_layer(self):
        layered = [module for layer in _LAYERS for module in layer]
        self.assertEmpty(set(self.modules) - set(layered), "modules without a line in _LAYERS")
        self.assertLen(set(layered), len(layered))

    def test_imports_go_down(self):
        height = {module: i for i, layer in enumerate(_LAYERS) for module in layer}
        for module, path in self.modules.items():
            for other in _imports(_parse(path), self.modules)[0]:
                self.assertLess(height[other], height[module],
                                "%s imports %s, which is not below it" % (path, other))

    def test_those_kept_apart_do_not_import_each_other(self):
        for module, path in self.modules.items():
            for other in _imports(_parse(path), self.modules)[0]:
                for who, whom in _APART:
                    self.assertFalse(_within(module, who) and _within(other, whom),
                                     "%s imports %s" % (path, other))

    def test_only_main_reads_flags(self):
        for path in list(self.modules.values()) + ["run_word2vec.py", "run_recsys.py"]:
            for statement in _parse(path).body:
                if path.startswith("run_") and (
                        getattr(statement, "name", None) == "main"
                        or ast.dump(statement) == ast.dump(ast.parse("FLAGS = flags.FLAGS").body[0])):
                    continue
                for node in ast.walk(statement):
                    names = (getattr(node, "id", None), getattr(node, "attr", None),
                             getattr(node, "name", None))
                    self.assertNotIn("FLAGS", names, "%s: line %d: flags are read in main() alone" % (
                        path, statement.lineno))

    def test_nothing_is_unpickled(self):
        for path in list(self.modules.values()) + ["run_word2vec.py", "run_recsys.py"]:
            for node in ast.walk(_parse(path)):
                where = "%s: line %d" % (path, getattr(node, "lineno", 0))
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    names = [alias.name for alias in node.names] + [getattr(node, "module", None)]
                    self.assertNoCommonElements(names, _UNPICKLING, where)
                elif isinstance(node, ast.Call) and ast.dump(node.func) == _NP_LOAD:
                    refused = [keyword.value.value for keyword in node.keywords
                               if keyword.arg == "allow_pickle"]
                    self.assertEqual(refused, [False], where + ": np.load without allow_pickle=False")

    def test_each_module_has_a_test(self):
        tests = os.listdir(os.path.join(_ROOT, "tests"))
        for module, path in self.modules.items():
            if not module.endswith("__init__"):
                self.assertIn(module.replace(".", "_") + "_test.py", tests, "no test for " + path)

    def test_bazel_knows_each_test(self):
        tests = [name[:-len(".py")] for name in os.listdir(os.path.join(_ROOT, "tests"))
                 if name.endswith("_test.py")]
        self.assertCountEqual(_table("tests/BUILD", "_TESTS"), tests)

    def test_bazel_brings_what_each_test_imports(self):
        for name, (_, labels) in _table("tests/BUILD", "_TESTS").items():
            wanted = _imports(_parse("tests/%s.py" % name), self.modules)[0] - {"__init__"}
            self.assertEmpty(wanted - _brought(labels), name)

    def test_bazel_knows_what_each_module_imports(self):
        for module, path in self.modules.items():
            package, _, name = module.rpartition(".")
            inside, outside = _imports(_parse(path), self.modules)
            wanted = {_ENVIRONMENT[top] for top in outside if top in _ENVIRONMENT}
            for other in inside - {"__init__"}:  # all have that
                other_package, _, target = other.rpartition(".")
                label = "//" + "/".join(filter(None, [_PACKAGE, other_package]))
                wanted.add(("" if other_package == package else label) + ":" + target)
            build = os.path.join(os.path.dirname(path), "BUILD")
            self.assertIn(name, _table(build, "_MODULES"), build)
            self.assertCountEqual(_table(build, "_MODULES")[name], wanted, "%s: %s" % (build, name))


if __name__ == "__main__":
    absltest.main()
