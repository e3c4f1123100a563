"""The default data: text and call histories from the installed Python source, without a download.

    docstrings()       docstrings of the standard library, numpy, absl and tensorflow, one per line
    call_histories()   events: a user is a function, its items are the functions that it calls

Both are real data that a Python user can judge by eye: words near `array` or `exception`, calls that
occur together with `os.path.join`. The source is parsed, not run or imported. The text leaves out tests.
The files are kept in the cache folder of the user.
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

# TensorFlow 1.15 has its source in tensorflow_core and imports it under the name tensorflow.
_PACKAGES = (("numpy", "numpy"), ("absl", "absl"), ("tensorflow", "tensorflow"),
             ("tensorflow_core", "tensorflow"))
# _api holds thousands of lines of imports of other modules of TensorFlow.
_SKIPPED_FOLDER = re.compile(r"idlelib|lib2to3|turtledemo|_api")
_TEST_FOLDER = re.compile(r"tests?|testing")
_TEST_FILE = re.compile(r"tests?|test_.*|.*_test(s|_.*)?")
_GENERATED = re.compile(
    rb"(?i)(machine|auto|automatically)[ -]generated|generated (by|from) |do not (edit|modify)")
_FORMAT = 2  # in the names of files: increment it when the same source gives other bytes

_LINK = re.compile(r"\w+://\S+")
# Not inside a word or number (1e5, 0x3f), and not after an apostrophe (the s of tensor's).
_WORD = re.compile(r"[a-z]+n't|(?<![^\W_])(?<!\w')[a-z](?:[a-z0-9_]*[a-z0-9])?")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DOCUMENTED = _FUNCTIONS + (ast.ClassDef, ast.Module)
_STATEMENT_FIELDS = ("body", "orelse", "handlers", "finalbody", "cases")
_NO_CALLS_BELOW = frozenset(["ctx", "op", "ops", "annotation", "returns"])

_Source = collections.namedtuple("_Source", "module path size is_package")


def docstrings(report=None):
    """Return the text file of all docstrings of the installed source. The first call writes it.

    A line is a docstring, in lower case and without links. A word is a letter followed by letters,
    digits and inner underscores (`ndarray`, `reduce_sum`, `float32`, `x`), or a short negation
    (`doesn't`). Duplicates are left out, as are tests.

    Args:
      report: None, or a function that takes a line of progress.

    Returns:
      string, the path of the file, in UTF-8.

    Raises:
      InputError: no Python source is found.
    """
    return _kept("docstrings", "txt", _docstring_lines, _python_files(_folders(), tests=False), report)


def call_histories(report=None):
    """Return the file of events of the calls in the installed source. The first call writes it.

    A user is a function, `module:qualified.name` (with `@line` for a repeated name). Its items are the
    functions that it calls, in source order and without repeats: `len`, `os.path.join` and
    `numpy.reshape` under any imported name, `module.name` for functions of the same module, `.append`
    for a method of an unknown object. Calls of local variables, functions with fewer than two calls, and
    generated files are left out. Tests are included.

    Args:
      report: None, or a function that takes a line of progress.

    Returns:
      string, the path of the file: tab-separated, with the header `user item time`. Times count from 0
        in
      each history.

    Raises:
      InputError: no Python source is found.
    """
    return _kept("calls", "tsv", _call_lines, _python_files(_folders(), tests=True), report)


def _folders():
    """Return [(module prefix, folder)] of the standard library and the packages, without importing."""
    found = [("", sysconfig.get_paths()["stdlib"])]
    for package, prefix in _PACKAGES:
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            found.append((prefix, folder))
    return found


def _python_files(folders, tests):
    """Return the _Source of every module in `folders`, sorted in each folder, with or without tests."""
    sources = []
    for prefix, top in folders:
        for folder, subfolders, names in os.walk(top):
            # site-packages, which is not an identifier, does not belong to the standard library.
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
    """Yield (source, tree) of each file; generated files only if `generated` is True.

    The path of a file that this Python cannot parse is appended to `skipped`.
    """
    for source in sources:
        try:
            with open(source.path, "rb") as stream:
                content = stream.read()
            if not generated and _GENERATED.search(content[:400]):
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # warnings of invalid escapes
                tree = ast.parse(content)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OSError):
            skipped.append(source.path)
            continue
        yield source, tree


def _words(text):
    """Return the words of a text, in order."""
    return _WORD.findall(_LINK.sub(" ", text.lower()))


def _docstring_lines(sources, skipped):
    """Yield one line per docstring with words, without duplicates."""
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
    """Yield the header and one tab-separated line per event, the events of a user together."""
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
    """Return [(qualified name, line, [dotted name of each call])] of all functions, in source order."""
    package = module if is_package else module.rpartition(".")[0]
    found = []

    def add_functions(inner, scopes, outer_names):
        for node in inner:
            names = outer_names + [node.name]
            bindings, calls, inner_of_node = _scope(node, package, None)
            if isinstance(node, ast.ClassDef):
                # Methods do not see names of the class body, and its calls belong to no function.
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
    """Return the names and calls of the body of a module, class or function, without inner scopes.

    Returns:
      bindings: {name: (dotted name when called, dotted name when an attribute is taken)}, None for a
        name that the source does not determine.
      calls: list of nodes, the callables of its calls, in source order.
      inner: list of nodes, its inner functions and classes.
    """
    imported, defined, assigned, calls, inner = {}, {}, {}, [], []
    local = module + ".%s" if module else None
    waiting = scope.body[::-1]
    if isinstance(scope, _FUNCTIONS):
        # The parameters without their defaults, which run outside.
        waiting.extend(node for node in ast.iter_child_nodes(scope.args)
                       if isinstance(node, ast.arg))
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):
            calls.append(node[0])
        elif isinstance(node, ast.Call):
            # The callable first: a.b().c(d()) lists b, c, d.
            waiting.extend(reversed([node.func, (node.func,)] + node.args + node.keywords))
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for name, dotted in _imports(node, package):
                imported.setdefault(name, (dotted, dotted))
        elif isinstance(node, _FUNCTIONS + (ast.ClassDef,)):
            inner.append(node)
            dotted = local and local % node.name
            defined[node.name] = (dotted, dotted)
            # These run in the scope of the definition.
            waiting.extend(reversed(node.decorator_list + (
                node.bases + node.keywords if isinstance(node, ast.ClassDef) else
                node.args.defaults + [part for part in node.args.kw_defaults if part])))
        else:
            bound = _assigned_name(node)
            if bound:
                assigned[bound] = (local and local % bound, None)
            waiting.extend(reversed(_children(node)))
    # try: import x / except ImportError: x = None. The import has priority.
    bindings = dict(assigned)
    bindings.update(defined)
    bindings.update(imported)
    return bindings, calls, inner


def _imports(node, package):
    """Return [(name, dotted name that it stands for)] of an import statement."""
    if isinstance(node, ast.Import):
        return [(alias.asname, alias.name) if alias.asname else
                (alias.name.partition(".")[0],) * 2 for alias in node.names]
    parts = package.split(".")
    base = parts[:len(parts) - node.level + 1] if node.level else []
    origin = base + [node.module] * bool(node.module)
    return [(alias.asname or alias.name, ".".join(origin + [alias.name])) for alias in node.names]


def _assigned_name(node):
    """Return the name that a node other than a definition or an import binds, or None."""
    if isinstance(node, ast.Name):
        return node.id if isinstance(node.ctx, ast.Store) else None
    if isinstance(node, ast.arg):
        return node.arg
    return node.name if isinstance(node, ast.ExceptHandler) else None


def _children(node):
    """Return the children of a node in source order; ast has another order for two kinds of nodes."""
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
    """Return the dotted name of the callable `node`, or None if it is local."""
    if isinstance(node, ast.Attribute):
        return (_base_name(node.value, scopes) or "") + "." + node.attr
    return _looked_up(node.id, scopes)[0] if isinstance(node, ast.Name) else None


def _base_name(node, scopes):
    """Return the dotted name of the object of an attribute, or None if it is unknown."""
    if isinstance(node, ast.Attribute):
        base = _base_name(node.value, scopes)
        return base and base + "." + node.attr
    if isinstance(node, ast.Name):
        return _looked_up(node.id, scopes)[1]
    literal = getattr(node, "value", getattr(node, "s", None))  # ast.Str until Python 3.7
    return type(literal).__name__ if isinstance(literal, (str, bytes)) else None


def _looked_up(name, scopes):
    """Return (name when called, name when an attribute is taken) from the innermost scope with it."""
    for scope in scopes:
        if name in scope:
            return scope[name]
    return (name, name) if hasattr(builtins, name) else (None, None)


def _cache_folders():
    """Return the folders where files may be kept, in order of preference."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    user = "-%d" % os.getuid() if hasattr(os, "getuid") else ""
    shared = os.path.join(tempfile.gettempdir(), "tf1_sampled" + user)
    return [os.path.join(home, "tf1_sampled")] + [shared] * _is_own(shared)


def _is_own(folder):
    """Return whether a folder belongs to this user and is not a link, or does not exist."""
    if not os.path.lexists(folder):
        return True
    status = os.lstat(folder)
    return stat.S_ISDIR(status.st_mode) and (not hasattr(os, "getuid") or status.st_uid == os.getuid())


def _kept(kind, ending, make_lines, sources, report):
    """Return the path of the file of `make_lines(sources, skipped)`, and write it unless it exists."""
    report = report or (lambda line: None)
    # Names and sizes distinguish installations without importing them.
    installed = repr([(source.module, source.size) for source in sources]).encode()
    name = "%s-%d-python%s-%s.%s" % (kind, _FORMAT, ".".join(map(str, sys.version_info[:3])),
                                     hashlib.sha256(installed).hexdigest()[:12], ending)
    paths = [os.path.join(folder, name) for folder in _cache_folders()]
    for path in paths:
        if os.path.isfile(path):
            return path

    report("reading %s from %d installed Python files, once" % (kind, len(sources)))
    start = time.monotonic()
    skipped = []
    lines = list(make_lines(sources, skipped))
    checks.file(len(sources) > len(skipped), ", ".join(folder for _, folder in _folders()),
                "Python source files", "none that can be read")
    path = _written(paths, lines)
    report("%s: %s in %.1f s, %s skipped" % (
        path, checks.counted(len(lines), "line"), time.monotonic() - start,
        checks.counted(len(skipped), "file")))
    return path


def _written(paths, lines):
    """Write the lines to the first writable path of `paths`, and return it."""
    for path in paths[:-1]:
        try:
            return _write(path, lines)
        except (OSError, checks.InputError):
            pass  # a read-only home or a full disk: try the next path
    return _write(paths[-1], lines)


def _write(path, lines):
    with writing.writing(path) as stream:
        stream.writelines(line + "\n" for line in lines)
    return path
