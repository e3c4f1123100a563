"""Check paths before the work: a result can be written, and replaces nothing that is read or kept.

A link that the user names is followed where it is read, and replaced where a result goes. In a folder
that a program keeps, no link is followed: see `kept`.
"""
import contextlib
import fnmatch
import os
import sys
import tempfile

from tf1_sampled import checks


def check_not_special(path):
    """Raises InputError when `path` is there and is no ordinary file."""
    checks.file(not os.path.isdir(path), path, "a file", "a folder")
    checks.file(not _is_special(path), path, "a file", "a pipe or a device")


def _is_special(path):
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


def check_replaceable(path):
    """Raises InputError when a file that is made cannot take the place of what `path` is.

    A link gives way itself, not what it leads to; but for one to a device, as /dev/stdout is.
    """
    if os.path.islink(path) and not _is_special(path):
        return
    check_not_special(path)


def kept(folder, *names):
    """Return the path of a file or folder that a program keeps in `folder`, to open it.

        places.kept("runs/recsys-1", "users", "items.npy")

    What is not there passes. `folder` itself may be a link of the user's.

    Args:
      folder: string.
      *names: strings, of folders in it and of the file or folder itself.

    Raises:
      InputError: it, or a folder on the way to it, is a link, which might lead anywhere; or it is a pipe
        or a device, which would be waited for.
    """
    path = os.fspath(folder)
    for name in names:
        path = os.path.join(path, name)
        checks.file(not os.path.islink(path), path, "a file or folder of its own", "a link")
        checks.file(not _is_special(path), path, "a file", "a pipe or a device")
    return path


def kept_tree(folder, name):
    """Return the path of a folder as `kept` does; InputError also for a link or device within it."""
    top = kept(folder, name)
    for at, folders, names in os.walk(top):
        for found in folders + names:
            kept(at, found)
    return top


def check_text(path):
    """Raises InputError unless a path is text: TensorFlow cannot open names of other bytes."""
    try:
        os.fspath(path).encode("utf-8")
    except UnicodeEncodeError:
        checks.file(False, path, "a path in " + sys.getfilesystemencoding(), "other bytes")


def check_writable(path):
    """Raises InputError unless a file can be made at `path`: better before the work than after it."""
    folder = os.path.dirname(os.fspath(path)) or "."
    check_replaceable(path)
    try:
        os.makedirs(folder, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as e:
        raise checks.InputError("%s: wanted a writable path, got: %s" % (path, e.strerror or e)) from e


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
        # A result takes the place of a link, what is read is what the link leads to.
        for place in [place for path in listed for place in (_place(path), _place(path, follows=False))]:
            within = place[len(top):].split(os.sep)[0] if place.startswith(top) else ""
            is_kept = any(fnmatch.fnmatchcase(within, pattern) for pattern in patterns)
            checks.file(not is_kept, name, "a place of its own",
                        "%s, which %s keeps for itself" % (within, folder))


def _place(path, follows=True):
    """Where a path leads, with a separator at its end: that of what lies in a folder begins with it.

    Without `follows` a link is where it is itself.
    """
    if not follows:
        parent, name = os.path.split(own_place(path))
        return os.path.join(os.path.realpath(parent), name, "")
    return os.path.join(os.path.realpath(os.fspath(path)), "")


def check_new_folder(path, replaces=False):
    """Raises InputError unless a folder can be made at `path`: better before the work than after it.

    An empty folder may be there, or a link to one, and with `replaces` any; the folders above it are
    made.
    """
    path = own_place(path)
    check_text(path)
    check_free(path, replaces)
    with errors_named(path):
        parent = os.path.dirname(path) or os.curdir
        os.makedirs(parent, exist_ok=True)
        tempfile.TemporaryFile(dir=parent).close()


def own_place(path):
    """Return a path whose last part is a name: what is renamed to it takes the place of a link there."""
    path = os.fspath(path)
    shortened = path.rstrip(os.sep)
    is_name = os.path.basename(shortened) not in ("", os.curdir, os.pardir)
    return shortened if is_name else os.path.realpath(path)


def check_free(path, replaces):
    """Raises InputError unless a folder may take the place of what `path` is; see check_new_folder."""
    if replaces and os.path.islink(path):
        return
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
