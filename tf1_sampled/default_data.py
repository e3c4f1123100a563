"""The default data: text and call histories out of the Python source installed here, no download.

    docstrings()       docstrings of the standard library, numpy, absl and tensorflow, one a line
    call_histories()   their functions as users, the calls that each one makes as what it watched

Both are real data of a useful size that a Python user can judge by eye: words near `array` or
`exception`, calls that go with `os.path.join`. The source is parsed, never run or imported; the
text leaves tests out. What was made once is kept in the user's cache folder.
"""
import ast
import builtins
import collections
import hashlib
import importlib.util
import os
import re
import stat
import sys
import sysconfig
import tempfile
import time
import warnings

from tf1_sampled import checks
from tf1_sampled.files import writing

# TensorFlow 1.15 keeps its source in tensorflow_core and imports it under the name tensorflow.
_PACKAGES = (("numpy", "numpy"), ("absl", "absl"), ("tensorflow", "tensorflow"),
             ("tensorflow_core", "tensorflow"))
# _api holds thousands of lines of imports that lead back to the modules already read.
_SKIPPED_FOLDER = re.compile(r"idlelib|lib2to3|turtledemo|_api")
_TEST_FOLDER = re.compile(r"tests?|testing")
_TEST_FILE = re.compile(r"tests?|test_.*|.*_test(s|_.*)?")
_GENERATED = re.compile(
    rb"(?i)(machine|auto|automatically)[ -]generated|generated (by|from) |do not (edit|modify)")
_FORMAT = 2  # part of the name of what is kept: raise it when the same source gives other bytes

_LINK = re.compile(r"\w+://\S+")
# Not inside a word or number (1e5, 0x3f), nor what follows an apostrophe (the s of tensor's).
_WORD = re.compile(r"[a-z]+n't|(?<![^\W_])(?<!\w')[a-z](?:[a-z0-9_]*[a-z0-9])?")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DOCUMENTED = _FUNCTIONS + (ast.ClassDef, ast.Module)
_STATEMENT_FIELDS = ("body", "orelse", "handlers", "finalbody", "cases")
_NO_CALLS_BELOW = frozenset(["ctx", "op", "ops", "annotation", "returns"])

_Source = collections.namedtuple("_Source", "module path size is_package")


def docstrings(report=None):
    """The text file of all docstrings found here, made by the first call and kept.

    A line is a docstring; words are lower-cased, links left out. A word starts with a letter and
    goes on with letters, digits and inner underscores (`ndarray`, `reduce_sum`, `float32`, `x`), or
    is a short negation (`doesn't`). A docstring that comes again word by word counts once. Tests are
    left out.

    Args:
      report: None, or a function that takes a line of progress.

    Returns:
      The path of the file, UTF-8.

    Raises:
      InputError: no Python source is found.
    """
    return _kept("docstrings", "txt", _docstring_lines, _python_files(_folders(), tests=False), report)


def call_histories(report=None):
    """The events file of which function calls what, made by the first call and kept.

    A user is a function, `module:qualified.name` (with `@line` when that name is defined again). An
    item is what it calls, in source order, each one once: `len`, `os.path.join` and `numpy.reshape`
    whatever the names they were imported under, `module.name` for what the module itself defines,
    `.append` for a method of an object that the source does not tell. Calls of local variables,
    functions of fewer than two calls and generated files are left out; tests are users like others.

    Args:
      report: None, or a function that takes a line of progress.

    Returns:
      The path of the file: tab-separated, with the header `user item time`; time counts from 0 in
      each history.

    Raises:
      InputError: no Python source is found.
    """
    return _kept("calls", "tsv", _call_lines, _python_files(_folders(), tests=True), report)


def _folders():
    """[(module prefix, folder)] of the standard library and the packages, found, not imported."""
    found = [("", sysconfig.get_paths()["stdlib"])]
    for package, prefix in _PACKAGES:
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            found.append((prefix, folder))
    return found


def _python_files(folders, tests):
    """The _Source of every module in `folders`, sorted within each folder, with or without tests."""
    sources = []
    for prefix, top in folders:
        for folder, subfolders, names in os.walk(top):
            # site-packages is no identifier: what stands there is not the standard library's.
            subfolders[:] = sorted(name for name in subfolders if name.isidentifier()
                                   and not _SKIPPED_FOLDER.fullmatch(name)
                                   and (tests or not _TEST_FOLDER.fullmatch(name)))
            below = os.path.relpath(folder, top)
            parents = [prefix] * bool(prefix) + below.split(os.sep) * (below != os.curdir)
            for name in sorted(names):
                stem, ending = os.path.splitext(name)
                path = os.path.join(folder, name)
                if (ending == ".py" and stem.isidentifier() and os.path.isfile(path)
                        and (tests or not _TEST_FILE.fullmatch(stem))):
                    is_package = stem == "__init__" and bool(parents)
                    module = ".".join(parents if is_package else parents + [stem])
                    sources.append(_Source(module, path, os.path.getsize(path), is_package))
    return sources


def _parsed(sources, skipped, generated):
    """Yields (source, tree), files that say they are generated only if `generated` is true.

    The path of a file that this Python cannot read is appended to `skipped`.
    """
    for source in sources:
        try:
            with open(source.path, "rb") as stream:
                content = stream.read()
            if not generated and _GENERATED.search(content[:400]):
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # invalid escapes are not this reader's concern
                tree = ast.parse(content)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OSError):
            skipped.append(source.path)
            continue
        yield source, tree


def _words(text):
    """The words of a text, in order."""
    return _WORD.findall(_LINK.sub(" ", text.lower()))


def _docstring_lines(sources, skipped):
    """Yields one line per docstring that has words and is not there yet."""
    seen = set()
    for _, tree in _parsed(sources, skipped, generated=True):
        waiting = [tree]
        while waiting:
            node = waiting.pop()
            for field in _STATEMENT_FIELDS:
                waiting.extend(reversed(getattr(node, field, ())))
            if isinstance(node, _DOCUMENTED):
                line = " ".join(_words(ast.get_docstring(node, clean=False) or ""))
                if line and line not in seen:
                    seen.add(line)
                    yield line


def _call_lines(sources, skipped):
    """Yields the header and one tab-separated line per event, a user's events together."""
    yield "user\titem\ttime"
    users = set()
    for source, tree in _parsed(sources, skipped, generated=False):
        for name, line, calls in _module_calls(tree, source.module, source.is_package):
            user = "%s:%s" % (source.module, name)
            user = "%s@%d" % (user, line) if user in users else user
            items = collections.OrderedDict.fromkeys(calls)
            if len(items) >= 2 and user not in users:
                users.add(user)
                for i, item in enumerate(items):
                    yield "%s\t%s\t%d" % (user, item, i)


def _module_calls(tree, module, is_package):
    """[(qualified name, line, [dotted name of each call])] of every function, in source order."""
    package = module if is_package else module.rpartition(".")[0]
    found = []

    def add_functions(inner, scopes, outer_names):
        for node in inner:
            names = outer_names + [node.name]
            bindings, calls, inner_of_node = _scope(node, package, None)
            if isinstance(node, ast.ClassDef):
                # Methods do not see the names of a class body, and its calls are no function's.
                add_functions(inner_of_node, scopes, names)
                continue
            scopes_of_node = [bindings] + scopes
            called = [_called_name(call, scopes_of_node) for call in calls]
            found.append((".".join(names), node.lineno, [name for name in called if name]))
            add_functions(inner_of_node, scopes_of_node, names)

    bindings, _, inner = _scope(tree, package, module)
    add_functions(inner, [bindings], [])
    return found


def _scope(scope, package, module):
    """What the body of a module, class or function binds and calls, inner ones apart.

    Returns:
      bindings: {name: (dotted name when called, dotted name when an attribute is taken)}, either
        None where the source does not tell.
      calls: the callables of its calls, as nodes, in source order.
      inner: the functions and classes defined in it, as nodes.
    """
    imported, defined, assigned, calls, inner = {}, {}, {}, [], []
    local = module + ".%s" if module else None
    waiting = scope.body[::-1]
    if isinstance(scope, _FUNCTIONS):
        # The parameters, not their defaults: those run outside.
        waiting.extend(node for node in ast.iter_child_nodes(scope.args)
                       if isinstance(node, ast.arg))
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            calls.append(node[0])
        elif isinstance(node, ast.Call):
            # The callable first: a.b().c(d()) calls b, then c, then d.
            waiting.extend(reversed([node.func, (node.func,)] + node.args + node.keywords))
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for name, dotted in _imports(node, package):
                imported.setdefault(name, (dotted, dotted))
        elif isinstance(node, _FUNCTIONS + (ast.ClassDef,)):
            inner.append(node)
            dotted = local and local % node.name
            defined[node.name] = (dotted, dotted)
            # These run where the definition stands.
            waiting.extend(reversed(node.decorator_list + (
                node.bases + node.keywords if isinstance(node, ast.ClassDef) else
                node.args.defaults + [part for part in node.args.kw_defaults if part])))
        else:
            bound = _assigned_name(node)
            if bound:
                assigned[bound] = (local and local % bound, None)
            waiting.extend(reversed(_children(node)))
    # try: import x / except ImportError: x = None. What was imported says most.
    bindings = dict(assigned)
    bindings.update(defined)
    bindings.update(imported)
    return bindings, calls, inner


def _imports(node, package):
    """[(name, dotted name of what it stands for)] of an import statement."""
    if isinstance(node, ast.Import):
        return [(alias.asname, alias.name) if alias.asname else
                (alias.name.partition(".")[0],) * 2 for alias in node.names]
    parts = package.split(".")
    base = parts[:len(parts) - node.level + 1] if node.level else []
    origin = base + [node.module] * bool(node.module)
    return [(alias.asname or alias.name, ".".join(origin + [alias.name])) for alias in node.names]


def _assigned_name(node):
    """The name that a node other than a definition or an import binds, or None."""
    if isinstance(node, ast.Name):
        return node.id if isinstance(node.ctx, ast.Store) else None
    if isinstance(node, ast.arg):
        return node.arg
    return node.name if isinstance(node, ast.ExceptHandler) else None


def _children(node):
    """The parts of a node in source order, which ast itself does not keep for two kinds."""
    if isinstance(node, ast.IfExp):
        return [node.body, node.test, node.orelse]
    if isinstance(node, ast.Dict):
        return [part for pair in zip(node.keys, node.values) for part in pair if part]
    children = []
    for field in node._fields:
        if field not in _NO_CALLS_BELOW:
            value = getattr(node, field, None)
            children.extend(value if isinstance(value, list) else [value])
    return [child for child in children if isinstance(child, ast.AST)]


def _called_name(node, scopes):
    """The dotted name of the callable `node`, None when it has none that means anything outside."""
    if isinstance(node, ast.Attribute):
        return (_base_name(node.value, scopes) or "") + "." + node.attr
    return _looked_up(node.id, scopes)[0] if isinstance(node, ast.Name) else None


def _base_name(node, scopes):
    """The dotted name of what an attribute is taken of, None when the source does not tell."""
    if isinstance(node, ast.Attribute):
        base = _base_name(node.value, scopes)
        return base and base + "." + node.attr
    if isinstance(node, ast.Name):
        return _looked_up(node.id, scopes)[1]
    literal = getattr(node, "value", getattr(node, "s", None))  # ast.Str until Python 3.7
    return type(literal).__name__ if isinstance(literal, (str, bytes)) else None


def _looked_up(name, scopes):
    """(name when called, name when an attribute is taken) by the innermost scope that binds it."""
    for scope in scopes:
        if name in scope:
            return scope[name]
    return (name, name) if hasattr(builtins, name) else (None, None)


def _cache_folders():
    """Where to keep files, best first."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    user = "-%d" % os.getuid() if hasattr(os, "getuid") else ""
    shared = os.path.join(tempfile.gettempdir(), "tf1_sampled" + user)
    return [os.path.join(home, "tf1_sampled")] + [shared] * _is_own(shared)


def _is_own(folder):
    """Return whether a folder is one of this user's, not a link, or not there yet."""
    if not os.path.lexists(folder):
        return True
    status = os.lstat(folder)
    return stat.S_ISDIR(status.st_mode) and (not hasattr(os, "getuid") or status.st_uid == os.getuid())


def _kept(kind, ending, make_lines, sources, report):
    """The path of the file of `make_lines(sources, skipped)`, made unless it is there already."""
    report = report or (lambda line: None)
    # Names and sizes tell one installation from another without importing it.
    told = repr([(source.module, source.size) for source in sources]).encode()
    name = "%s-%d-python%s-%s.%s" % (kind, _FORMAT, ".".join(map(str, sys.version_info[:3])),
                                     hashlib.sha256(told).hexdigest()[:12], ending)
    paths = [os.path.join(folder, name) for folder in _cache_folders()]
    for path in paths:
        if os.path.isfile(path):
            return path

    report("reading %s from %d Python files installed here, this once" % (kind, len(sources)))
    start = time.monotonic()
    skipped = []
    lines = list(make_lines(sources, skipped))
    checks.file(len(sources) > len(skipped), ", ".join(folder for _, folder in _folders()),
                "Python source files", "none that can be read")
    path = _written(paths, lines)
    report("%s: %d lines in %.1f s, %d files skipped" % (
        path, len(lines), time.monotonic() - start, len(skipped)))
    return path


def _written(paths, lines):
    """Writes the lines to the first of `paths` where that goes, and returns it."""
    for path in paths[:-1]:
        try:
            return _write(path, lines)
        except (OSError, checks.InputError):
            pass  # a read-only home or a full disk: the next place may do
    return _write(paths[-1], lines)


def _write(path, lines):
    with writing.writing(path) as stream:
        stream.writelines(line + "\n" for line in lines)
    return path
