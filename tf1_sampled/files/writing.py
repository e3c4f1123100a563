"""Write files and folders atomically: completely or not at all."""
import bz2
import contextlib
import errno
import gzip
import io
import lzma
import os
import shutil
import tempfile

from tf1_sampled import checks
from tf1_sampled.files import places

# gzip without name and time, so that equal contents give equal bytes.
_PACKERS = {".gz": lambda stream: gzip.GzipFile("", "wb", 6, stream, 0),
            ".bz2": lambda stream: bz2.BZ2File(stream, "wb"),
            ".xz": lambda stream: lzma.LZMAFile(stream, "wb")}
MAKING = ".making-"  # prefix of the names of incomplete files and folders


@contextlib.contextmanager
def writing(path, mode="w"):
    """Open a temporary file beside `path` for writing, and rename it to `path` at the end.

    After an error, or a SIGKILL at any moment, `path` is unchanged. A link is replaced, not followed.
    Text is UTF-8. A name that ends in .gz, .bz2 or .xz makes a compressed file, which
    `reading.open_binary` decompresses.

    Args:
      path: string. Missing folders are created.
      mode: "w" for a text stream, "wb" for a binary stream.

    Raises:
      InputError: a path where a file cannot be created, a folder or device, a .zip, or a full disk.
    """
    path = os.fspath(path)
    ending = os.path.splitext(path)[1].lower()
    checks.file(ending != ".zip", path, "a plain name or .gz, .bz2, .xz", "a .zip to write")
    places.check_replaceable(path)
    folder = os.path.dirname(path) or "."
    try:
        os.makedirs(folder, exist_ok=True)
        prefix = "%s%s." % (MAKING, os.path.basename(path)[:50])
        handle, temporary = tempfile.mkstemp(prefix=prefix, dir=folder)
    except OSError as e:
        raise checks.InputError("%s: wanted a writable path, got: %s" % (path, e.strerror or e)) from e
    try:
        with _no_room_named(path), open(handle, "wb") as raw:
            packed = _PACKERS[ending](raw) if ending in _PACKERS else raw
            stream = packed if "b" in mode else io.TextIOWrapper(packed, "utf-8", newline="\n")
            yield stream
            stream.flush()
            if stream is not packed:
                stream.detach()
            if packed is not raw:
                packed.close()
            raw.flush()
            os.fsync(raw.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def sync(path):
    """Flush the contents of a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def delete(path):
    """Delete a file, or a folder and its contents."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


@contextlib.contextmanager
def writing_folder(folder, replaces=False):
    """Yield a new path for a folder, which is renamed to `folder` at the end.

    A link is replaced, not followed: its target does not change.

    Args:
      folder: string, a folder that is missing or empty, or a link to an empty folder.
      replaces: boolean, whether any folder or link is replaced.

    Raises:
      InputError: a folder with files, a folder that cannot be created, or a full disk.
    """
    folder = places.own_place(folder)
    places.check_new_folder(folder, replaces)
    prefix = "%s%s." % (MAKING, os.path.basename(folder)[:50])
    parent = os.path.dirname(folder) or os.curdir
    # Relative if `folder` is: TensorFlow cannot open an absolute path that is not UTF-8.
    place = os.path.join(parent, os.path.basename(tempfile.mkdtemp(prefix=prefix, dir=parent)))
    try:
        made = os.path.join(place, "made")
        with _no_room_named(folder):
            yield made
            for at, _, names in os.walk(made):
                for name in names:
                    sync(os.path.join(at, name))
        with places.errors_named(folder):
            places.check_free(folder, replaces)
            if os.path.islink(folder) or os.path.isdir(folder) and os.listdir(folder):
                os.rename(folder, os.path.join(place, "old"))
            os.replace(made, folder)
            sync(parent)
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def _no_room_named(path):
    """Raise an InputError that names `path` instead of the error of a full disk, also of TensorFlow."""
    try:
        yield
    except Exception as e:
        for reason in map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)):
            if reason in str(e):
                raise checks.InputError("%s: wanted room to write, got: %s" % (path, reason)) from e
        raise
