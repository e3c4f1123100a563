"""Cached folders, and digests of contents."""
import hashlib
import json
import os
import shutil
import tempfile
import time

from tf1_sampled import checks
from tf1_sampled.files import writing

_STALE_SECONDS = 86400


def cached_folder(path, make, load):
    """Load a cached folder. Create it first if it is missing or incomplete.

    It is created as a temporary folder beside `path` and renamed at the end, so that neither a SIGKILL
    nor a second process leaves an incomplete folder. Temporary folders without changes for a day, which
    a SIGKILL has left, are deleted.

    Args:
      path: string, the folder. Its parent must exist.
      make: function of a new, empty folder, which it fills.
      load: function of a folder that returns its contents, or None if it is incomplete.

    Returns:
      (return value of `load`, boolean whether the folder was created now).

    Raises:
      InputError: a folder that cannot be created, or a full disk.
    """
    loaded = load(path)
    if loaded is not None:
        return loaded, False
    parent = os.path.dirname(path)
    _delete_stale(parent)
    temporary = None
    try:
        temporary = tempfile.mkdtemp(prefix=writing.MAKING, dir=parent)
        make(temporary)
        for _ in range(10):
            try:
                os.rename(temporary, path)
            except OSError as e:
                error = e
                loaded = load(path)  # another process may have been faster
                if loaded is None:
                    _delete_folder(path)
            else:
                loaded = load(path)
            if loaded is not None:
                return loaded, True
        raise error
    except OSError as e:
        if e.filename is not None and not e.filename.startswith(parent):
            raise
        raise checks.InputError(
            "%s: wanted a writable path, got: %s" % (parent, e.strerror or e)) from e
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _delete_folder(path):
    """Delete a folder or file. It is renamed first, so that its name is never that of a part of it."""
    away = tempfile.mkdtemp(prefix=writing.MAKING, dir=os.path.dirname(path))
    try:
        os.rename(path, os.path.join(away, "old"))
    except OSError:
        pass  # another process has done it
    shutil.rmtree(away, ignore_errors=True)


def _delete_stale(parent):
    """Delete the temporary folders of `cached_folder` without changes for a day."""
    for name in os.listdir(parent) if os.path.isdir(parent) else ():
        folder = os.path.join(parent, name)
        if name.startswith(writing.MAKING):
            try:
                written = [os.path.getmtime(os.path.join(folder, f)) for f in os.listdir(folder)]
                if max(written + [os.path.getmtime(folder)]) < time.time() - _STALE_SECONDS:
                    shutil.rmtree(folder, ignore_errors=True)
            except OSError:
                pass  # another process has just deleted it


def digest(*parts):
    """Return a short digest of contents.

    Args:
      *parts: contiguous arrays, or JSON values.
    """
    sums = hashlib.blake2b(digest_size=16)
    for part in parts:
        if hasattr(part, "dtype"):
            sums.update(repr((part.shape, part.dtype.str)).encode())
            sums.update(part.data)
        else:
            sums.update(json.dumps(part).encode())
        sums.update(b"\0")
    return sums.hexdigest()
