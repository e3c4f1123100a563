"""The code of all pages: each block of Python runs, each command names programs and flags that exist.

The blocks of a page run in order, in one graph, and share names; _files makes the files that they may
read, _names what they take as given. What a block quotes of a file of examples/ runs in examples_test.
A comment in the line above a block makes an exception for it:

    <!-- TensorFlow 2 -->         it runs outside of a graph, eagerly, and not on TensorFlow 1.15
    <!-- not run: its reason -->  rare
"""
import ast
import functools
import glob
import gzip
import os
import re
import unittest

import numpy as np
import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

import tf1_sampled as ts
from tests import docs_commands, docs_pages, graph_case

_C, _D = 20, 3
_ITEMS = (50, 172) + tuple(range(1, 23))
_NOT_RUN, _EAGER = "not run: ", "TensorFlow 2"
_GENERATED = ("docs/api.md", "docs/settings.md")  # their code is that of docstrings
_SHELL = ("sh", "bash", "shell", "console")


def _is_python(block):
    """Return whether a block is Python: a fence says so, or without one it parses and does something."""
    if block.language:
        return block.language == "python"
    try:
        body = ast.parse(block.code).body
    except SyntaxError:
        return False
    return any(isinstance(node, (ast.Import, ast.ImportFrom, ast.Assign, ast.FunctionDef, ast.With))
               or isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) for node in body)


def _stripped(text):
    return "\n".join(map(str.strip, text.splitlines()))


@functools.lru_cache(maxsize=None)
def _examples():
    """Return the texts of the files of examples/, without indentation."""
    names = glob.glob(os.path.join(docs_pages.ROOT, "examples", "*.py"))
    return [_stripped(docs_pages.read(os.path.relpath(name, docs_pages.ROOT))) for name in names]


def _python_of(path):
    """Return the Blocks of Python of a page, but for what it quotes of examples/."""
    return [block for block in docs_pages.blocks(docs_pages.read(path)) if _is_python(block)
            and not any(_stripped(block.code) in example for example in _examples())]


def _pages_with_python():
    return [path for path in docs_pages.paths() if path not in _GENERATED and _python_of(path)]


def _names():
    """Return what blocks take as given: a batch of two examples and a model of 20 classes."""
    users = np.repeat([str(i) for i in range(30)], 6)
    items = [str(_ITEMS[(i // 6 + i % 6) % len(_ITEMS)]) for i in range(180)]
    return dict(
        tf=tf, ts=ts, np=np, num_classes=_C, dim=_D, counts=np.arange(_C), users=users, items=items,
        times=np.arange(180), later_events=(users, items, None), labels=np.array([[1], [3]]),
        inputs=np.ones([2, _D], np.float32), biases=np.zeros(_C, np.float32),
        weights=tf.get_variable("given_weights", [_C, _D], use_resource=True))


def _files(folder):
    """Make the files that blocks may read."""
    words = "king queen man woman paris france rome italy".split()
    with gzip.open(os.path.join(folder, "text.txt.gz"), "wt") as stream:
        for i in range(200):
            places = [(i * 3 + j * (1 + i % 3)) % len(words) for j in range(8)]
            stream.write(" ".join(words[place] for place in places) + "\n")
    with open(os.path.join(folder, "ratings.csv"), "w") as stream:
        stream.write("userId,movieId,rating,timestamp\n")
        for user in range(40):
            for i in range(8):
                item = _ITEMS[(user + i) % len(_ITEMS)]
                stream.write("%d,%d,%d,%d\n" % (user, item, i % 5 + 1, 10 ** 9 + 1000 * i + user))
    with open(os.path.join(folder, "movies.csv"), "w") as stream:
        stream.write("movieId,title,genres\n")
        for item in _ITEMS:
            stream.write("%d,Film %d,%s\n" % (item, item, "War|Drama" if item % 2 else "War"))


class PythonTest(graph_case.AsBuiltCase):

    def setUp(self):
        super().setUp()
        folder = self.create_tempdir().full_path
        _files(folder)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder)

    @parameterized.parameters(*_pages_with_python())
    def test_the_blocks_of_a_page_run(self, path):
        blocks = _python_of(path)
        if tf.VERSION.startswith("1.") and any(".fit(" in block.code for block in blocks):
            self.skipTest("a training takes seconds; those of the pages run on TensorFlow 2")
        with tf.Graph().as_default():
            names = _names()
            for block in blocks:
                code = compile("\n" * (block.line - 1) + block.code, "<%s>" % path, "exec")
                if block.comment == _EAGER:
                    self.run_eagerly(code)
                elif not block.comment.startswith(_NOT_RUN):
                    exec(code, names)
        for name in ("train_op", "loss"):
            if isinstance(names.get(name), (tf.Tensor, tf.Operation)):
                self.check_runs(names[name])

    def check_runs(self, made):
        with made.graph.as_default(), tf.Session() as session:
            session.run(tf.global_variables_initializer())
            found = session.run(made)
        self.assertTrue(found is None or np.isfinite(found).all(), made.name)

    def run_eagerly(self, code):
        with tf.init_scope():
            if tf.executing_eagerly():
                exec(code, dict(_names(), weights=tf.Variable(np.ones([_C, _D], np.float32))))

    def test_nearly_all_blocks_run(self):
        comments = [block.comment for path in _pages_with_python() for block in _python_of(path)]
        self.assertLess(10 * sum(comment.startswith(_NOT_RUN) for comment in comments), len(comments))

    @parameterized.parameters(
        ("from x import y\n", "", True), ("x = f(1)\n", "", True), ("f(1)\n", "python", True),
        ("make demo\n", "", False), ("python x.py --y=1\n", "", False), ("king - man\n", "", False),
        ("x = f(1)\n", "text", False))
    def test_what_is_python(self, code, language, wanted):
        self.assertEqual(_is_python(docs_pages.Block(1, language, code)), wanted)


@unittest.skipUnless(docs_pages.IS_WHOLE_TREE, "the tree is not whole")
class ShellTest(parameterized.TestCase):

    def commands(self):
        """Yield (place, words) of each command of the pages."""
        for path in docs_pages.paths():
            for block in docs_pages.blocks(docs_pages.read(path)):
                script = block.code if block.language in _SHELL else ""
                if not block.language and not _is_python(block):
                    script = docs_commands.lines_of_output(block.code)
                for words in docs_commands.commands(script):
                    yield "%s:%d" % (path, block.line), words

    def test_each_command_has_a_program_and_its_flags(self):
        wrong = []
        for place, words in self.commands():
            try:
                docs_commands.check(words)
            except ValueError as e:
                wrong.append("%s: %s: %s" % (place, " ".join(words), e))
        self.assertEqual(wrong, [])

    def test_each_flag_in_the_prose_exists(self):
        programs = [os.path.relpath(os.path.join(folder, name), docs_pages.ROOT)
                    for folder, _, names in os.walk(docs_pages.ROOT) for name in names
                    if name.endswith(".py") and "/." not in folder]
        known = set().union(*map(docs_commands.flags_of, programs))
        for path in docs_pages.paths():
            for code in re.findall(r"`([^`\n]*)`", docs_pages.prose(docs_pages.read(path))):
                for flag in re.findall(r"^--(\w+)", code):
                    self.assertTrue(flag in known or flag[len("no"):] in known, "%s: %s" % (path, code))
                for words in docs_commands.commands(docs_commands.lines_of_output(code)):
                    docs_commands.check(words)

    @parameterized.parameters(
        ("make nothing", "target: wanted one of clean, .*, got nothing"),
        ("pip install '.[all]'", "extra: .* got all"),
        ("python run_recsys.py --dims=1", "unknown flag --dims|Unknown command line flag 'dims'"),
        ("run_recsys --dim=0", "dim: wanted an integer of 1 or more"),
        ("python -m tf1_sampled.recsys.serve m --hosts=x", "flag of .*serve.py: .* got hosts"),
        ("python -m tf1_sampled.cluster.launch --ps=2 -- run_recsys.py --dims=1", "dims"),
        ("python benchmarks/none.py", "there is no benchmarks/none.py"),
        ("python benchmarks/gpu.py --none=1", "flag of .*gpu.py: .* got none"),
        ("zcat x | sudoku", "program: .* got sudoku"))
    def test_a_wrong_command_is_seen(self, line, message):
        with self.assertRaisesRegex(ValueError, message):
            for words in docs_commands.commands(line):
                docs_commands.check(words)

    def test_commands_of_a_script(self):
        self.assertEqual(docs_commands.commands(
            'h="--a=1 --b=2"   # c\n'
            'A=1 python x.py \\\n    $h --c=\'d e\' < f > g && make x | head -1\n'),
            [["python", "x.py", "--a=1", "--b=2", "--c=d e"], ["make", "x"], ["head", "-1"]])


if __name__ == "__main__":
    absltest.main()
