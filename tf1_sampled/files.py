"""Files in and out: packed text read as if it were plain, results written whole or not at all."""
import bz2
import contextlib
import errno
import gzip
import io
import lzma
import os
import tempfile
import zipfile
import zlib

from tf1_sampled import checks

PACKED = (".gz", ".bz2", ".xz", ".zip")  # the endings of names that are unpacked when read

_OPENERS = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
# gzip without the name and the time, so that the same content gives the same bytes.
_PACKERS = {".gz": lambda stream: gzip.GzipFile("", "wb", 6, stream, 0),
            ".bz2": lambda stream: bz2.BZ2File(stream, "wb"),
            ".xz": lambda stream: lzma.LZMAFile(stream, "wb")}
_DAMAGED = (EOFError, lzma.LZMAError, zipfile.BadZipFile, zlib.error)


@contextlib.contextmanager
def open_binary(path):
    """A binary stream of what `path` holds: .gz, .bz2, .xz and .zip (one member) are unpacked.

    Raises:
      InputError: a missing or unreadable file, an empty one, one that is no archive of the kind
        that its ending says or a damaged one, also when that shows only while it is read.
    """
    path = os.fspath(path)
    ending = os.path.splitext(path)[1].lower()
    try:
        _check_not_special(path)
        checks.file(os.path.getsize(path) > 0, path, "a file with something in it", "an empty file")
        opener = _open_zip if ending == ".zip" else _OPENERS.get(ending, open)
        with opener(path, "rb") as stream:
            yield stream
    except _DAMAGED as e:
        raise checks.InputError("%s: wanted a whole %s file, got: %s" % (path, ending, e)) from e
    except OSError as e:
        # Not what the caller's own code met while it read: a full disk, a closed pipe.
        if e.filename != path and (e.filename or e.errno not in (None, errno.EIO, errno.EINVAL)):
            raise
        raise checks.InputError("%s: wanted a readable file, got: %s" % (path, e.strerror or e)) from e


@contextlib.contextmanager
def _open_zip(path, _):
    """The one member of a zip file as a binary stream."""
    with contextlib.ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
            members = [name for name in archive.namelist() if not name.endswith("/")]
            checks.file(len(members) == 1, path, "a zip file of one member",
                        "%d members" % len(members))
            stream = stack.enter_context(archive.open(members[0]))
        except RuntimeError as e:  # a password, or a compression that zipfile does not know
            raise checks.InputError("%s: wanted a plain zip file, got: %s" % (path, e)) from e
        yield stream


@contextlib.contextmanager
def open_text(path):
    """The UTF-8 text of `path`, unpacked as in `open_binary`, as a stream that gives whole lines.

    Raises:
      InputError: as `open_binary`; also an archive of nothing, a binary file and bytes that are no
        UTF-8.
    """
    with open_binary(path) as stream:
        buffered = io.BufferedReader(stream) if not hasattr(stream, "peek") else stream
        start = buffered.peek(4096)[:4096]
        checks.file(start, path, "text", "an archive of an empty file")
        checks.file(b"\0" not in start, path, "UTF-8 text", "a binary file")
        try:
            with io.TextIOWrapper(buffered, encoding="utf-8-sig", newline=None) as text:
                yield text
        except UnicodeDecodeError as e:
            raise checks.InputError("%s: wanted UTF-8 text, got byte 0x%02x: %s" % (
                path, e.object[e.start], e.reason)) from e


@contextlib.contextmanager
def writing(path, mode="w"):
    """Opens a temporary file beside `path` for writing, and gives it that name when all went well.

    After an error, or a kill at any moment, `path` is what it was before. Text is UTF-8. What goes
    to a name that ends in .gz, .bz2 or .xz is packed, so that `open_binary` reads it back.

    Args:
      path: where to; folders that are not there are made.
      mode: "w" for a text stream, "wb" for a binary one.

    Raises:
      InputError: a path where no file can be made, a folder or device of that name, a .zip.
    """
    path = os.fspath(path)
    ending = os.path.splitext(path)[1].lower()
    checks.file(ending != ".zip", path, "a plain name or .gz, .bz2, .xz", "a .zip to write")
    _check_not_special(path)
    folder = os.path.dirname(path) or "."
    try:
        os.makedirs(folder, exist_ok=True)
        prefix = ".%s." % os.path.basename(path)[:50]
        handle, temporary = tempfile.mkstemp(prefix=prefix, dir=folder)
    except OSError as e:
        raise checks.InputError("%s: wanted a place to write, got: %s" % (path, e.strerror or e)) from e
    try:
        with open(handle, "wb") as raw:
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


def _check_not_special(path):
    """Raises InputError when `path` is there and is no ordinary file."""
    checks.file(not os.path.isdir(path), path, "a file", "a folder")
    is_special = os.path.exists(path) and not os.path.isfile(path)
    checks.file(not is_special, path, "a file", "a pipe or a device")


def check_writable(path):
    """Raises InputError unless a file can be made at `path`: better before the work than after it."""
    folder = os.path.dirname(os.fspath(path)) or "."
    _check_not_special(path)
    try:
        os.makedirs(folder, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as e:
        raise checks.InputError("%s: wanted a place to write, got: %s" % (path, e.strerror or e)) from e
