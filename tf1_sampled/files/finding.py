"""The files that names, folders and globs stand for.

    find(["books/", "news-*.txt.gz", "-"], "corpus")
"""
import collections
import glob
import os

from tf1_sampled import checks

STANDARD_INPUT = "-"

Source = collections.namedtuple("Source", "path named")
Source.__doc__ = """A file to read.

  path: string; "-" is standard input.
  named: whether the user named this very file, rather than a folder or a glob in which it was found.
"""


def find(inputs, argument):
    """Return the files that `inputs` name, in the order in which they are read.

    Args:
      inputs: string or list of strings: a file; a folder, for all files below it in sorted order, hidden
        and empty ones left out; a glob (`**` is any number of folders), for what it matches in sorted
        order, each file once; "-" for standard input.
      argument: string, what errors call the inputs.

    Returns:
      list of Source.

    Raises:
      InputError: no inputs, standard input twice, a folder or glob without files.
    """
    if isinstance(inputs, (str, os.PathLike)):
        inputs = [inputs]
    inputs = [os.fspath(name) for name in inputs]
    checks.argument(len(inputs) > 0 and "" not in inputs, "find", argument,
                    "names of files, folders or globs", inputs)
    checks.argument(inputs.count(STANDARD_INPUT) < 2, "find", argument, "standard input (-) once",
                    inputs)
    found = []
    for name in inputs:
        if name == STANDARD_INPUT or not (os.path.isdir(name) or _is_glob(name)):
            found.append(Source(name, True))
            continue
        paths = _below(name) if os.path.isdir(name) else _matches(name)
        checks.file(paths, name, "files with something in them", "none")
        found += [Source(path, False) for path in paths]
    return found


def _is_glob(name):
    return glob.has_magic(name) and not os.path.exists(name)


def _matches(pattern):
    """The files that a glob matches, and those below the folders that it matches."""
    paths = {}  # a set that keeps its order
    for path in sorted(glob.glob(pattern, recursive=True)):
        paths.update(dict.fromkeys(_below(path) if os.path.isdir(path) else _not_empty([path])))
    return list(paths)


def _below(folder):
    """All files below a folder, in sorted order, but hidden and empty ones."""
    def fail(error):
        raise checks.InputError("%s: wanted a readable folder, got: %s" % (
            error.filename, error.strerror)) from error

    paths = []
    for at, folders, names in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths += [os.path.join(at, name) for name in names if not name.startswith(".")]
    return _not_empty(sorted(paths))


def _not_empty(paths):
    # A broken link is kept, to be named when it is opened.
    return [path for path in paths if not os.path.exists(path)
            or (os.path.isfile(path) and os.path.getsize(path) > 0)]
