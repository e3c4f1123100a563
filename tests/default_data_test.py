"""The default data: words, users and items, and the folders of the files."""
import os
import subprocess
import sys
import sysconfig
from unittest import mock

from absl.testing import absltest, parameterized

from tf1_sampled import checks, default_data


class SourcesTestCase(parameterized.TestCase):
    """A case with new cache and temporary folders for each test, and with known source files."""

    def setUp(self):
        super().setUp()
        self.cache = os.path.join(self.create_tempdir().full_path, "cache")
        self.temporary = os.path.join(self.create_tempdir().full_path, "tmp")
        self.enter(mock.patch.dict(os.environ, {"XDG_CACHE_HOME": self.cache}))
        self.enter(mock.patch("tempfile.gettempdir", lambda: self.temporary))

    def enter(self, patcher):
        value = patcher.__enter__()
        self.addCleanup(patcher.__exit__, None, None, None)
        return value

    def made(self, contents, prefix=""):
        """Replace the installed source by files, {path: content}, and return their folder."""
        folder = self.create_tempdir().full_path
        for path, content in contents.items():
            path = os.path.join(folder, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as stream:
                stream.write(content if isinstance(content, bytes) else content.encode("utf-8"))
        self.enter(mock.patch.object(default_data, "_folders", lambda: [(prefix, folder)]))
        return folder

    def lines(self, path):
        with open(path, encoding="utf-8") as stream:
            return stream.read().splitlines()

    def histories(self, path):
        """Return {user: items}, and check that the times of a user are 0, 1, ... in adjacent rows."""
        found = {}
        header, *rows = [line.split("\t") for line in self.lines(path)]
        self.assertEqual(["user", "item", "time"], header)
        last = None
        for user, item, when in rows:
            self.assertTrue(user == last or user not in found, user)
            items = found.setdefault(user, [])
            self.assertEqual(len(items), int(when))
            items.append(item)
            last = user
        return found

    def calls(self, text, path="m.py"):
        self.made({path: text})
        return self.histories(default_data.call_histories())


class DocstringsTest(SourcesTestCase):

    def test_docstrings_of_modules_classes_and_functions_in_source_order(self):
        self.made({"b.py": '"""Last file."""', "a.py": '''
"""The module."""
if True:
    def f():
        """A function."""
        def inner():
            """An inner one."""
        "no docstring"
class C:
    """A class."""
    async def method(self):
        """A coroutine."""
try:
    pass
except ImportError:
    def g():
        """In a handler."""
'''})
        self.assertEqual(["the module", "a function", "an inner one", "a class", "a coroutine",
                          "in a handler", "last file"], self.lines(default_data.docstrings()))

    @parameterized.parameters(
        ("Returns an `ndarray` of Float32.", "returns an ndarray of float32"),
        ("tf.reduce_sum(x, axis=0)", "tf reduce_sum x axis"),
        ("__init__ and _private", "init and private"),
        ("It doesn't; the tensor's shape isn't", "it doesn't the tensor shape isn't"),
        ("see https://example.org/a_page.html now", "see now"),
        ("1e5, 0x3f, 2d, utf8", "utf8"),
        ("two\n\n   lines\tand tabs", "two lines and tabs"))
    def test_a_docstring_is_cut_into_lower_case_words(self, text, words):
        self.made({"a.py": '"""%s"""' % text})
        self.assertEqual([words], self.lines(default_data.docstrings()))

    def test_a_repeated_docstring_counts_once(self):
        self.made({"a.py": '"""Same words."""', "b.py": '"""Same, words!"""', "c.py": '"""1 2."""'})
        self.assertEqual(["same words"], self.lines(default_data.docstrings()))

    def test_tests_and_other_packages_are_left_out(self):
        names = ["kept.py", "sub/kept.py", "contest/latest.py", "test/a.py", "sub/tests/b.py",
                 "x_test.py", "test_x.py", "testing/c.py", "site-packages/pip/d.py",
                 "x_test_base.py", "a-script.py", "lib2to3/e.py", "idlelib/f.py", "kept.txt"]
        self.made({name: '"""From %s."""' % name.replace("/", " ").replace(".", " ")
                   for name in names})
        self.assertEqual(["from kept py", "from contest latest py", "from sub kept py"],
                         self.lines(default_data.docstrings()))

    def test_tests_are_users_like_others(self):
        self.made({name: "def f(): len(abs(1))" for name in (
            "a.py", "test/b.py", "sub/c_test.py", "lib2to3/d.py")})
        users = {line.split("\t")[0] for line in self.lines(default_data.call_histories())[1:]}
        self.assertEqual({"a:f", "test.b:f", "sub.c_test:f"}, users)

    def test_files_that_do_not_parse_are_skipped_and_counted(self):
        self.made({"good.py": '"""Good."""', "syntax.py": "def f(:", "null.py": b"x = 1\0",
                   "bytes.py": b'"""caf\xe9"""',
                   "latin.py": b'# coding: latin-1\n"""caf\xe9 ole"""'})
        said = []
        self.assertEqual(["good", "caf ole"], self.lines(default_data.docstrings(said.append)))
        self.assertLen(said, 2)
        self.assertIn("5 installed Python files", said[0])
        self.assertIn("2 lines", said[1])
        self.assertIn("3 files skipped", said[1])


    def test_generated_files_are_documentation_too(self):
        self.made({"gen.py": '"""Ops.\n\nThis file is MACHINE GENERATED! Do not edit."""'})
        self.assertEqual(["ops this file is machine generated do not edit"],
                         self.lines(default_data.docstrings()))


class CallHistoriesTest(SourcesTestCase):

    def test_calls_have_the_names_behind_imports(self):
        self.assertEqual({"m:f": [
            "os.path.join", "numpy.reshape", "numpy.random.rand", "a.b.c", "a.b.d.e", "time.time",
            "p.q.s", "late.call"]}, self.calls("""
import os, os.path
import numpy as np
from a import b as bb
from a.b import d
from p.q import r, s
def f(x):
    os.path.join(x)
    np.reshape(x)
    np.random.rand()
    bb.c()
    d.e()
    import time
    time.time()
    s()
    import late
    late.call()
"""))

    @parameterized.parameters(
        ("pkg/sub/m.py", "pkg.sub.m:f"), ("pkg/sub/__init__.py", "pkg.sub:f"))
    def test_relative_imports_are_resolved(self, path, user):
        items = ["pkg.sub.near", "pkg.sub.beside.call", "pkg.up.call"]
        text = ("from . import near\nfrom .beside import call as a\nfrom ..up import call as b\n"
                "def f():\n    near(a(), b())\n")
        self.assertEqual({user: items}, self.calls(text, path))

    def test_the_prefix_of_a_package_precedes_its_modules(self):
        text = "from . import x\ndef g(): pass\ndef f():\n    x()\n    g()\n"
        self.made({"__init__.py": text, "sub/m.py": text}, prefix="pkg")
        self.assertEqual({"pkg:f": ["pkg.x", "pkg.g"], "pkg.sub.m:f": ["pkg.sub.x", "pkg.sub.m.g"]},
                         self.histories(default_data.call_histories()))

    def test_methods_builtins_literals_and_names_of_the_module(self):
        self.assertEqual({"m:f": [
            "len", "str.join", ".append", "m.g", "m.C", "m.C.make", ".run", "m.later", ".info",
            "super", ".go"]}, self.calls("""
log = x.y()
def g(): pass
class C:
    def make(self): pass
def f(self, rows):
    len(", ".join(rows))
    rows.append(1)
    g()
    C()
    C.make()
    C().run()
    later()
    log.info("x")
    super().go()
later = g
"""))

    def test_calls_of_local_variables_are_left_out(self):
        self.assertEqual({"m:f": ["len", "os.getcwd"], "m:h": ["len", ".path"]}, self.calls("""
import os
def f(callback, list, *more, **named):
    callback(len(list()))
    more(), named()
    for zip in (): zip()
    try: os.getcwd()
    except OSError as iter: iter()
    def inner(): return 1
    inner()
    return lambda max: max()
def h(os):
    len(os.path())
"""))

    def test_inner_scopes_see_outer_ones(self):
        self.assertEqual({"m:C.f": ["len", "abs"], "m:C.f.g": ["os.getpid", "abs"]}, self.calls("""
class C:
    def abs(self): pass
    def f(self, callback):
        import os
        len(abs())
        def g():
            os.getpid()
            callback()
            abs()
"""))

    def test_source_order_not_order_of_execution(self):
        self.assertEqual({"m:f": [
            "a.one", ".two", "a.three", "a.four", "a.five", "a.six", "a.seven", "a.eight", "a.nine",
            "a.ten", "a.eleven"]}, self.calls("""
import a
def f():
    a.one().two(a.three(x=a.four()))
    y = a.five() if a.six() else a.seven()
    z = {a.eight(): a.nine(), a.ten(): a.eleven()}
"""))

    def test_decorators_and_defaults_belong_to_the_scope_outside(self):
        self.assertEqual({"m:f": ["a.wrap", "a.make", "a.key", "a.base"], "m:f.g": ["a.x", "a.y"]},
                         self.calls("""
import a
def f():
    @a.wrap
    @a.wrap()
    def g(p: a.note() = a.make(), *, q=a.key()):
        a.x(), a.y()
    class C(a.base()):
        z = a.body()
"""))

    def test_each_call_once_and_no_history_of_one(self):
        self.assertEqual({"m:two": ["len", "abs"]}, self.calls("""
def two(): len(abs(len(abs(1))))
def one(): len(len(1))
def none(): pass
"""))

    def test_users_of_the_same_name_are_distinguished_by_line(self):
        self.assertEqual({"m:f": ["len", "abs"], "m:f@5": ["abs", "len"]}, self.calls("""
if x:
    def f(): len(abs(1))
else:
    def f(): abs(len(1))
"""))

    def test_an_import_has_priority_over_its_fallback(self):
        self.assertEqual({"m:f": ["fast.load", "fast.dump"]}, self.calls("""
try: from fast import load, dump
except ImportError:
    load = None
    def dump(): pass
def f(): load(), dump()
"""))

    @parameterized.parameters(
        "# This file is MACHINE GENERATED! Do not edit.",
        "# Generated by the protocol buffer compiler",
        "# automatically generated by the FlatBuffers compiler, do not modify")
    def test_generated_files_are_left_out(self, comment):
        function = "def f(): len(abs(1))\n"
        self.made({"gen.py": comment + "\n" + function, "own.py": "# Generates\n" + function})
        self.assertEqual({"own:f": ["len", "abs"]}, self.histories(default_data.call_histories()))


class CacheTest(SourcesTestCase):

    def test_the_second_call_reads_no_source(self):
        self.made({"a.py": '"""Words."""'})
        path = default_data.docstrings()
        with mock.patch.object(default_data, "_parsed", side_effect=AssertionError):
            said = []
            self.assertEqual(path, default_data.docstrings(said.append))
        self.assertEmpty(said)
        folder, name = os.path.split(path)
        self.assertEqual(os.path.join(self.cache, "tf1_sampled"), folder)
        self.assertEqual([name], os.listdir(folder))

    def test_each_kind_and_each_source_has_its_own_file(self):
        self.made({"a.py": "def f(): len(abs(1))"})
        first = default_data.call_histories()
        self.assertNotEqual(first, default_data.docstrings())
        self.made({"a.py": "def f(): len(abs(12))"})
        second = default_data.call_histories()
        self.made({"b.py": "def f(): len(abs(12))"})
        self.assertLen({first, second, default_data.call_histories()}, 3)
        self.assertTrue(os.path.exists(first))

    def test_the_same_source_gives_the_same_bytes_in_another_place_and_process(self):
        contents = {"%s.py" % name: '"""Of %s."""\ndef f(%s): len(abs(1))\n' % (name, name)
                    for name in ("b", "a", "C", "d")}
        made = []
        for hash_seed in ("1", "2"):
            folder = self.made(contents)
            cache = self.create_tempdir().full_path
            code = ("from tf1_sampled import default_data as d; d._folders = lambda: [('', %r)]; "
                    "print(d.docstrings()); print(d.call_histories())" % folder)
            env = dict(os.environ, PYTHONHASHSEED=hash_seed, XDG_CACHE_HOME=cache,
                       TMPDIR=cache)
            paths = subprocess.check_output([sys.executable, "-c", code], env=env).decode().split()
            made.append([(os.path.relpath(path, cache), self.lines(path)) for path in paths])
        self.assertEqual(made[0], made[1])
        self.assertEqual(["of c", "of a", "of b", "of d"], made[0][0][1])

    def test_a_cache_that_cannot_be_written_falls_back_to_the_temporary_folder(self):
        blocked = self.create_tempfile("blocked").full_path
        self.made({"a.py": '"""Words."""'})
        with mock.patch.dict(os.environ, {"XDG_CACHE_HOME": blocked}):
            path = default_data.docstrings()
            self.assertStartsWith(path, self.temporary)
            self.assertEqual(["words"], self.lines(path))
            with mock.patch.object(default_data, "_parsed", side_effect=AssertionError):
                self.assertEqual(path, default_data.docstrings())

    def test_a_temporary_folder_of_another_user_is_not_used(self):
        blocked = self.create_tempfile("blocked").full_path
        theirs = self.create_tempdir("theirs").full_path
        user = "-%d" % os.getuid()
        os.makedirs(self.temporary, exist_ok=True)
        os.symlink(theirs, os.path.join(self.temporary, "tf1_sampled" + user))
        self.made({"a.py": '"""Words."""'})
        with mock.patch.dict(os.environ, {"XDG_CACHE_HOME": blocked}), \
                self.assertRaisesRegex(checks.InputError, blocked + ".*: wanted a writable path"):
            default_data.docstrings()
        self.assertEmpty(os.listdir(theirs))

    def test_no_writable_folder_is_an_input_error(self):
        blocked = self.create_tempfile("blocked").full_path
        self.temporary = blocked
        self.made({"a.py": '"""Words."""'})
        with mock.patch.dict(os.environ, {"XDG_CACHE_HOME": blocked}), \
                self.assertRaisesRegex(checks.InputError, "wanted a writable path"):
            default_data.docstrings()

    def test_an_error_while_writing_leaves_no_file(self):
        self.made({"a.py": '"""Words."""'})
        # Fail after the temporary file exists and has data.
        with mock.patch("os.fsync", side_effect=KeyboardInterrupt), \
                self.assertRaises(KeyboardInterrupt):
            default_data.docstrings()
        self.assertEmpty(os.listdir(os.path.join(self.cache, "tf1_sampled")))

    def test_home_is_used_without_an_xdg_folder(self):
        home = self.create_tempdir().full_path
        self.made({"a.py": '"""Words."""'})
        with mock.patch.dict(os.environ, {"XDG_CACHE_HOME": "", "HOME": home, "USERPROFILE": home}):
            self.assertStartsWith(default_data.docstrings(), os.path.join(home, ".cache", "tf1_sampled"))

    @parameterized.parameters({"contents": {}}, {"contents": {"a.py": "def"}})
    def test_no_source_is_an_input_error(self, contents):
        self.made(contents)
        with self.assertRaisesRegex(checks.InputError, "wanted Python source files, got none"):
            default_data.docstrings()


class InstalledTest(SourcesTestCase):

    def test_folders_are_found_without_importing(self):
        code = ("import sys; from tf1_sampled import default_data as d; print(d._folders()); "
                "assert not {'numpy', 'absl', 'tensorflow'} & set(sys.modules)")
        found = subprocess.check_output([sys.executable, "-c", code]).decode()
        self.assertIn(sysconfig.get_paths()["stdlib"], found)
        for package in ("numpy", "absl", "tensorflow"):
            self.assertIn("('%s', " % package, found)

    def test_a_missing_package_is_left_out(self):
        with mock.patch("importlib.util.find_spec", return_value=None):
            self.assertEqual([("", sysconfig.get_paths()["stdlib"])], default_data._folders())

    def test_json_of_the_standard_library_is_read(self):
        folder = os.path.join(sysconfig.get_paths()["stdlib"], "json")
        self.enter(mock.patch.object(default_data, "_folders", lambda: [("json", folder)]))
        self.assertIn("json decoder", " ".join(self.lines(default_data.docstrings())))
        histories = self.histories(default_data.call_histories())
        self.assertIn("json.decoder.JSONDecodeError",
                      histories["json.decoder:JSONDecoder.raw_decode"])
        self.assertIn("isinstance", histories["json:loads"])


if __name__ == "__main__":
    absltest.main()
