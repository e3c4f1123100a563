"""Check paths before the work: a result can be written, and replaces nothing that is read or kept."""
import contextlib
import fnmatch
import os
import tempfile

from tf1_sampled import checks


def check_not_special(path):
    """Raises InputError when `path` is there and is no ordinary file."""
    checks.file(not os.path.isdir(path), path, "a file", "a folder")
    is_special = os.path.exists(path) and not os.path.isfile(path)
    checks.file(not is_special, path, "a file", "a pipe or a device")


def check_writable(path):
    """Raises InputError unless a file can be made at `path`: better before the work than after it."""
    folder = os.path.dirname(os.fspath(path)) or "."
    check_not_special(path)
    try:
        os.makedirs(folder, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as e:
        raise checks.InputError("%s: wanted a place to write, got: %s" % (path, e.strerror or e)) from e


def check_apart(paths, folders, inputs=None):
    """Raises InputError where a result would go where another one goes, or where what is read lies.

    Better before the work than after it.

    Args:
      paths: {name: path or ""}, files or folders, none of which may be another one of them.
      folders: {name: path or ""}, new folders, in which nothing else of all this may be.
      inputs: {name: list of paths}, files that are read, of which no result may be one; or None.

    Raises:
      InputError: names the two.
    """
    places = {name: _place(path) for name, path in list(paths.items()) + list(folders.items()) if path}

    def check(name, place, other):
        within = place.startswith(places[name]) if name in folders else place == places[name]
        checks.file(not within, name, "a place of its own", "that of " + other)

    for name in places:
        for other in places:
            if other != name:
                check(name, places[other], other)
    for other, read in (inputs or {}).items():
        for place in map(_place, read):
            for name in places:
                check(name, place, other)


def check_not_kept(paths, folder, patterns):
    """Raises InputError where a path is what a folder keeps for its own use.

    Args:
      paths: {name: list of paths}.
      folder: path.
      patterns: names in the folder, as of `fnmatch`; what lies below one of them is kept too.

    Raises:
      InputError: names the path's name and the folder.
    """
    top = _place(folder)
    for name, listed in paths.items():
        for place in map(_place, listed):
            within = place[len(top):].split(os.sep)[0] if place.startswith(top) else ""
            is_kept = any(fnmatch.fnmatchcase(within, pattern) for pattern in patterns)
            checks.file(not is_kept, name, "a place of its own",
                        "%s, which %s keeps for itself" % (within, folder))


def _place(path):
    """Where a path leads, with a separator at its end: that of what lies in a folder begins with it."""
    return os.path.join(os.path.realpath(os.fspath(path)), "")


def check_new_folder(path, replaces=False):
    """Raises InputError unless a folder can be made at `path`: better before the work than after it.

    An empty folder may be there, and with `replaces` any; the folders above it are made.
    """
    path = os.path.realpath(os.fspath(path))
    check_free(path, replaces)
    with errors_named(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        tempfile.TemporaryFile(dir=os.path.dirname(path)).close()


def check_free(path, replaces):
    with errors_named(path):
        is_file = os.path.lexists(path) and not os.path.isdir(path)
        checks.file(not is_file, path, "a new or empty folder", "a file")
        is_full = not replaces and os.path.isdir(path) and os.listdir(path)
        checks.file(not is_full, path, "a new or empty folder", "one with something in it")


@contextlib.contextmanager
def errors_named(path):
    """An OSError becomes an InputError that names `path`."""
    try:
        yield
    except OSError as e:
        raise checks.InputError("%s: wanted a place for a folder, got: %s" % (
            path, e.strerror or e)) from e
