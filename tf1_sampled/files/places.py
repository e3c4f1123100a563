"""Checks of paths before the work: results can be written, and overwrite no inputs or model files.

A link that the user names is followed for reading, and replaced by a result. In the folder of a model no
link is followed: see `kept`.
"""
import contextlib
import fnmatch
import os
import sys
import tempfile

from tf1_sampled import checks


def check_not_special(path):
    """Raise InputError if `path` exists and is not a regular file."""
    checks.file(not os.path.isdir(path), path, "a file", "a folder")
    checks.file(not _is_special(path), path, "a file", "a pipe or a device")


def _is_special(path):
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


def check_replaceable(path):
    """Raise InputError if a new file cannot replace `path`.

    A link is replaced itself, not its target. A link to a device, such as /dev/stdout, is an error.
    """
    if os.path.islink(path) and not _is_special(path):
        return
    check_not_special(path)


def kept(folder, *names):
    """Return the path of a file or folder of a program in `folder`, checked before it is opened.

        places.kept("runs/recsys-1", "users", "items.npy")

    A missing file is not an error. `folder` itself may be a link.

    Args:
      folder: string.
      *names: strings, the names of folders in it and of the file or folder itself.

    Raises:
      InputError: the path, or a folder in it, is a link, which might lead anywhere; or the path is a
        pipe or a device, on which opening would wait.
    """
    path = os.fspath(folder)
    for name in names:
        path = os.path.join(path, name)
        checks.file(not os.path.islink(path), path, "a file or folder that is not a link", "a link")
        checks.file(not _is_special(path), path, "a file", "a pipe or a device")
    return path


def kept_tree(folder, name):
    """Return the path of a folder like `kept`, and raise InputError for a link or device in it too."""
    top = kept(folder, name)
    for at, folders, names in os.walk(top):
        for found in folders + names:
            kept(at, found)
    return top


def check_text(path):
    """Raise InputError unless a path is valid text, as TensorFlow cannot open other names."""
    try:
        os.fspath(path).encode("utf-8")
    except UnicodeEncodeError:
        checks.file(False, path, "a path in " + sys.getfilesystemencoding(), "other bytes")


def check_writable(path):
    """Raise InputError unless a file can be created at `path`. Call it before the work."""
    folder = os.path.dirname(os.fspath(path)) or "."
    check_replaceable(path)
    try:
        os.makedirs(folder, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as e:
        raise checks.InputError("%s: wanted a writable path, got: %s" % (path, e.strerror or e)) from e


def check_apart(paths, folders, inputs=None):
    """Raise InputError if a result would overwrite another result or an input. Call it before the work.

    Args:
      paths: {name: path or ""}, files or folders, which must all differ.
      folders: {name: path or ""}, new folders, which must not contain any other path.
      inputs: {name: list of paths}, input files, which must differ from all results; or None.

    Raises:
      InputError: two equal or nested paths; the error names both.
    """
    places = {name: _place(path) for name, path in list(paths.items()) + list(folders.items()) if path}

    def check(name, place, other):
        within = place.startswith(places[name]) if name in folders else place == places[name]
        checks.file(not within, name, "a path of its own", "the path of " + other)

    for name in places:
        for other in places:
            if other != name:
                check(name, places[other], other)
    for other, read in (inputs or {}).items():
        for place in map(_place, read):
            for name in places:
                check(name, place, other)


def check_not_kept(paths, folder, patterns):
    """Raise InputError if a path is a file of the program in a folder.

    Args:
      paths: {name: list of paths}.
      folder: string.
      patterns: names in the folder, patterns of `fnmatch`. Files below them count too.

    Raises:
      InputError: such a path; the error has its name and the folder.
    """
    top = _place(folder)
    for name, listed in paths.items():
        # A result replaces a link, an input is the target of a link.
        for place in [place for path in listed for place in (_place(path), _place(path, follows=False))]:
            within = place[len(top):].split(os.sep)[0] if place.startswith(top) else ""
            is_kept = any(fnmatch.fnmatchcase(within, pattern) for pattern in patterns)
            checks.file(not is_kept, name, "a path of its own",
                        "%s, a file of the model in %s" % (within, folder))


def _place(path, follows=True):
    """Return the absolute path with a final separator, a prefix of the paths in a folder.

    Without `follows`, a link as the last part is not resolved.
    """
    if not follows:
        parent, name = os.path.split(own_place(path))
        return os.path.join(os.path.realpath(parent), name, "")
    return os.path.join(os.path.realpath(os.fspath(path)), "")


def check_new_folder(path, replaces=False):
    """Raise InputError unless a folder can be created at `path`. Call it before the work.

    `path` may be an empty folder or a link to one, and with `replaces` any folder. Its parents are
    created.
    """
    path = own_place(path)
    check_text(path)
    check_free(path, replaces)
    with errors_named(path):
        parent = os.path.dirname(path) or os.curdir
        os.makedirs(parent, exist_ok=True)
        tempfile.TemporaryFile(dir=parent).close()


def own_place(path):
    """Return a path whose last part is a name, so that a rename to it replaces a link."""
    path = os.fspath(path)
    shortened = path.rstrip(os.sep)
    is_name = os.path.basename(shortened) not in ("", os.curdir, os.pardir)
    return shortened if is_name else os.path.realpath(path)


def check_free(path, replaces):
    """Raise InputError unless a folder may replace `path`; see check_new_folder."""
    if replaces and os.path.islink(path):
        return
    with errors_named(path):
        is_file = os.path.lexists(path) and not os.path.isdir(path)
        checks.file(not is_file, path, "a new or empty folder", "a file")
        is_full = not replaces and os.path.isdir(path) and os.listdir(path)
        checks.file(not is_full, path, "a new or empty folder", "a folder with files")


@contextlib.contextmanager
def errors_named(path):
    """Raise an InputError that names `path` instead of an OSError."""
    try:
        yield
    except OSError as e:
        raise checks.InputError("%s: wanted a path for a folder, got: %s" % (
            path, e.strerror or e)) from e
