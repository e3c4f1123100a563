"""Folders that are made once and kept, and the digests that tell contents apart."""
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
    """What the folder `path` holds, made first where it is not there, or not whole.

    It is made in a temporary folder beside it, which gets the name `path` when all is done: a kill at
    any moment leaves no half of it, and of two processes at once each has a whole one. Temporary
    folders in which nobody wrote for a day are what a kill left behind, and are deleted.

    Args:
      path: the folder; the one that it lies in must be there.
      make: function of a new, empty folder, fills it.
      load: function of a folder, gives what it holds, or None if it is not whole.

    Returns:
      (what `load` gave, whether it was made now).

    Raises:
      InputError: no folder can be made there, or the disk is full.
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
    """Deletes a folder (or file), which is at no moment half of what it was under its own name."""
    away = tempfile.mkdtemp(prefix=writing.MAKING, dir=os.path.dirname(path))
    try:
        os.rename(path, os.path.join(away, "old"))
    except OSError:
        pass  # another process has done it
    shutil.rmtree(away, ignore_errors=True)


def _delete_stale(parent):
    """Deletes the temporary folders of `cached_folder` in which nobody wrote for a day."""
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
    """A short string that tells contents apart.

    Args:
      *parts: contiguous arrays, or what JSON can hold.
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
