"""Find the files of names, folders and globs.

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
  named: boolean, whether the user named the file itself, not a folder or a glob.
"""


def find(inputs, argument):
    """Return the files that `inputs` name, in the order in which they are read.

    Args:
      inputs: string or list of strings: a file; a folder, for all files below it in sorted order without
        hidden and empty files; a glob (`**` is any number of folders), for its matches in sorted order,
        each file once; "-" for standard input.
      argument: string, the name of the inputs in errors.

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
        checks.file(paths, name, "files that are not empty", "none")
        found += [Source(path, False) for path in paths]
    return found


def _is_glob(name):
    return glob.has_magic(name) and not os.path.exists(name)


def _matches(pattern):
    """Return the files that a glob matches, and the files below the folders that it matches."""
    paths = {}  # an ordered set
    for path in sorted(glob.glob(pattern, recursive=True)):
        paths.update(dict.fromkeys(_below(path) if os.path.isdir(path) else _not_empty([path])))
    return list(paths)


def _below(folder):
    """Return all files below a folder in sorted order, without hidden and empty files."""
    def fail(error):
        raise checks.InputError("%s: wanted a readable folder, got: %s" % (
            error.filename, error.strerror)) from error

    paths = []
    for at, folders, names in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths += [os.path.join(at, name) for name in names if not name.startswith(".")]
    return _not_empty(sorted(paths))


def _not_empty(paths):
    # A broken link is kept, so that the error of opening it names it.
    return [path for path in paths if not os.path.exists(path)
            or (os.path.isfile(path) and os.path.getsize(path) > 0)]
