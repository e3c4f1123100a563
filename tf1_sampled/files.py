"""Files in and out: packed text read as if it were plain, results written whole or not at all."""
import bz2
import contextlib
import errno
import fnmatch
import functools
import gzip
import hashlib
import io
import json
import lzma
import os
import shutil
import struct
import tempfile
import time
import zipfile
import zlib

from tf1_sampled import checks

PACKED = (".gz", ".bz2", ".xz", ".zip")  # the endings of names that are unpacked when read

_OPENERS = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
# gzip without the name and the time, so that the same content gives the same bytes.
_PACKERS = {".gz": lambda stream: gzip.GzipFile("", "wb", 6, stream, 0),
            ".bz2": lambda stream: bz2.BZ2File(stream, "wb"),
            ".xz": lambda stream: lzma.LZMAFile(stream, "wb")}
MAKING = ".making-"  # how the names of files and folders begin that are not whole yet
_STALE_SECONDS = 86400
_DAMAGED = (EOFError, lzma.LZMAError, zipfile.BadZipFile, zlib.error)
# What zipfile raises too, for a password, a compression or version that it does not know, and names and
# extra fields that are damaged.
_NO_PLAIN_ZIP = (RuntimeError, ValueError, OverflowError, struct.error)
_CHUNK = 1 << 16
_LONGEST_LINE = 1 << 24  # bytes: what an archive of one endless line may take of the memory


@contextlib.contextmanager
def open_binary(path):
    """A binary stream of what `path` holds: .gz, .bz2, .xz and .zip (one member) are unpacked.

    Raises:
      InputError: a missing or unreadable file, an empty one, one that is no archive of the kind
        that its ending says or a damaged one, also when that shows only while it is read.
    """
    with open_members(path) as members:
        checks.file(len(members) == 1, os.fspath(path), "a zip file of one member",
                    "%d members" % len(members))
        with members[0][1]() as stream:
            yield stream


@contextlib.contextmanager
def open_members(path):
    """The members of a .zip, or the one that any other file is, to be opened one after the other.

        with files.open_members(path) as members:
            for name, open_member in members:
                with open_member() as stream:

    Members whose names begin with a dot, and what macOS adds in `__MACOSX`, are left out.

    Args:
      path: the file; .gz, .bz2, .xz and .zip are unpacked.

    Yields:
      A list of (name for messages, function that gives a binary stream); may be empty for a .zip.

    Raises:
      InputError: as `open_binary`.
    """
    path = os.fspath(path)
    ending = os.path.splitext(path)[1].lower()
    try:
        _check_not_special(path)
        checks.file(os.path.getsize(path) > 0, path, "a file with something in it", "an empty file")
        if ending == ".zip":
            with _plain_zip(path):
                archive = zipfile.ZipFile(path)
            with archive:
                # Their names are for messages only, and no paths; two may have one name.
                members = [info for info in archive.infolist() if not info.filename.endswith("/")
                           and not info.filename.startswith("__MACOSX/")
                           and info.filename.rpartition("/")[2][:1] != "."]
                yield [("%s: %s" % (path, info.filename[:200]) if len(members) > 1 else path,
                        functools.partial(_open_member, path, archive, info)) for info in members]
        else:
            yield [(path, functools.partial(_OPENERS.get(ending, open), path, "rb"))]
    except _DAMAGED as e:
        raise checks.InputError("%s: wanted a whole %s file, got: %s" % (
            path, ending, str(e)[:200])) from e
    except MemoryError as e:  # also where an archive claims to need very much
        raise checks.InputError("%s: wanted what fits into memory, got more" % path) from e
    except OSError as e:
        # Not what the caller's own code met while it read: a full disk, a closed pipe.
        if e.filename != path and (e.filename or e.errno not in (None, errno.EIO, errno.EINVAL)):
            raise
        raise checks.InputError("%s: wanted a readable file, got: %s" % (path, e.strerror or e)) from e


def _open_member(path, archive, info):
    """A binary stream of one member of a zip file."""
    with _plain_zip(path):
        return archive.open(info)


@contextlib.contextmanager
def _plain_zip(path):
    """What is no zip file that Python can unpack becomes an InputError."""
    try:
        yield
    except _NO_PLAIN_ZIP as e:
        raise checks.InputError("%s: wanted a plain zip file, got: %s" % (path, str(e)[:200])) from e


class _Text(io.BufferedIOBase):
    """Bytes of text on their way to be decoded: counts lines, refuses NULs and a line without an end.

    Args:
      path: string, for messages.
      stream: buffered binary stream.
    """

    closed = False  # which is asked for at each line: as a plain attribute, it costs no time

    def __init__(self, path, stream):
        super().__init__()
        self._path, self._stream = path, stream
        self._length = 0  # bytes of the last line so far
        self._line_ends = 0

    def readable(self):
        return True

    def read(self, size=-1):
        return b"".join(iter(functools.partial(self.read1, _CHUNK), b""))  # asked for all of it only

    def read1(self, size=-1):
        chunk = self._stream.read1(size)
        if b"\0" in chunk:
            checks.line(False, self._path, self._line_ends + _line_ends(chunk[:chunk.index(b"\0")]) + 1,
                        "UTF-8 text", "\0")
        self._line_ends += _line_ends(chunk)
        begin = max(chunk.rfind(b"\n"), chunk.rfind(b"\r")) + 1
        self._length = len(chunk) - begin + (0 if begin else self._length)
        if self._length > _LONGEST_LINE:
            checks.line(False, self._path, self._line_ends + 1,
                        "a line of at most %d bytes" % _LONGEST_LINE, self._length)
        return chunk

    def line_of(self, rest):
        """The number of the line in which the bytes `rest` begin, the last ones that were read."""
        return self._line_ends - _line_ends(rest) + 1


def _line_ends(data):
    """How many there are in bytes, be they of Unix, of Windows or of old Macs."""
    return data.count(b"\n") or data.count(b"\r")


@contextlib.contextmanager
def open_text(path, encoding="utf-8-sig"):
    """The text of `path`, unpacked as in `open_binary`, as a stream that gives whole lines.

    A line takes 16 MB at most, so that an archive of one endless line does not fill the memory.

    Args:
      path: the file; .gz, .bz2, .xz and .zip are unpacked.
      encoding: string, one whose ASCII characters are bytes of their own.

    Raises:
      InputError: as `open_binary`; also an archive of nothing, a binary file, bytes that cannot be
        decoded and a line that is too long, with its number.
    """
    with open_binary(path) as stream:
        buffered = io.BufferedReader(stream) if not hasattr(stream, "peek") else stream
        start = buffered.peek(4096)[:4096]
        checks.file(start, path, "text", "an archive of an empty file")
        checks.file(b"\0" not in start, path, "UTF-8 text", "a binary file")
        raw = _Text(path, buffered)
        try:
            with io.TextIOWrapper(raw, encoding=encoding, newline=None) as text:
                yield text
        except UnicodeDecodeError as e:
            rest = e.object[e.start:]
            raise checks.InputError("%s: line %d: wanted UTF-8 text, got byte 0x%02x: %s" % (
                path, raw.line_of(rest), rest[0], e.reason)) from e


@contextlib.contextmanager
def writing(path, mode="w"):
    """Opens a temporary file beside `path` for writing, and gives it that name when all went well.

    After an error, or a kill at any moment, `path` is what it was before. Text is UTF-8. What goes
    to a name that ends in .gz, .bz2 or .xz is packed, so that `open_binary` reads it back.

    Args:
      path: where to; folders that are not there are made.
      mode: "w" for a text stream, "wb" for a binary one.

    Raises:
      InputError: a path where no file can be made, a folder or device of that name, a .zip, a full
        disk.
    """
    path = os.fspath(path)
    ending = os.path.splitext(path)[1].lower()
    checks.file(ending != ".zip", path, "a plain name or .gz, .bz2, .xz", "a .zip to write")
    _check_not_special(path)
    folder = os.path.dirname(path) or "."
    try:
        os.makedirs(folder, exist_ok=True)
        prefix = "%s%s." % (MAKING, os.path.basename(path)[:50])
        handle, temporary = tempfile.mkstemp(prefix=prefix, dir=folder)
    except OSError as e:
        raise checks.InputError("%s: wanted a place to write, got: %s" % (path, e.strerror or e)) from e
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
        temporary = tempfile.mkdtemp(prefix=MAKING, dir=parent)
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
            "%s: wanted a place to write, got: %s" % (parent, e.strerror or e)) from e
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _delete_folder(path):
    """Deletes a folder (or file), which is at no moment half of what it was under its own name."""
    away = tempfile.mkdtemp(prefix=MAKING, dir=os.path.dirname(path))
    try:
        os.rename(path, os.path.join(away, "old"))
    except OSError:
        pass  # another process has done it
    shutil.rmtree(away, ignore_errors=True)


def _delete_stale(parent):
    """Deletes the temporary folders of `cached_folder` in which nobody wrote for a day."""
    for name in os.listdir(parent) if os.path.isdir(parent) else ():
        folder = os.path.join(parent, name)
        if name.startswith(MAKING):
            try:
                written = [os.path.getmtime(os.path.join(folder, f)) for f in os.listdir(folder)]
                if max(written + [os.path.getmtime(folder)]) < time.time() - _STALE_SECONDS:
                    shutil.rmtree(folder, ignore_errors=True)
            except OSError:
                pass  # another process has just deleted it


def _check_not_special(path):
    """Raises InputError when `path` is there and is no ordinary file."""
    checks.file(not os.path.isdir(path), path, "a file", "a folder")
    is_special = os.path.exists(path) and not os.path.isfile(path)
    checks.file(not is_special, path, "a file", "a pipe or a device")


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


def sync(path):
    """What was written to a file, or the names in a folder, are on the disk when this returns."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def delete(path):
    """Deletes a file, or a folder with all that is in it."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def check_writable(path):
    """Raises InputError unless a file can be made at `path`: better before the work than after it."""
    folder = os.path.dirname(os.fspath(path)) or "."
    _check_not_special(path)
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
    _check_free(path, replaces)
    with _errors_named(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        tempfile.TemporaryFile(dir=os.path.dirname(path)).close()


@contextlib.contextmanager
def writing_folder(folder, replaces=False):
    """A path that is not there yet, for a folder that is `folder` when all went well.

    Args:
      folder: where to; one that is not there or is empty.
      replaces: boolean, whether a folder with something in it gives way, at the end.

    Raises:
      InputError: a folder with something in it, or that cannot be made, or a full disk.
    """
    folder = os.path.realpath(os.fspath(folder))
    check_new_folder(folder, replaces)
    prefix = "%s%s." % (MAKING, os.path.basename(folder)[:50])
    place = tempfile.mkdtemp(prefix=prefix, dir=os.path.dirname(folder))
    try:
        made = os.path.join(place, "made")
        with _no_room_named(folder):
            yield made
            for parent, _, names in os.walk(made):
                for name in names:
                    sync(os.path.join(parent, name))
        with _errors_named(folder):
            _check_free(folder, replaces)
            if os.path.isdir(folder) and os.listdir(folder):
                os.rename(folder, os.path.join(place, "old"))
            os.replace(made, folder)
            sync(os.path.dirname(folder))
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def _no_room_named(path):
    """An error of a full disk, TensorFlow's too, becomes an InputError that names `path`."""
    try:
        yield
    except Exception as e:
        for reason in map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)):
            if reason in str(e):
                raise checks.InputError("%s: wanted room to write, got: %s" % (path, reason)) from e
        raise


def _check_free(path, replaces):
    with _errors_named(path):
        is_file = os.path.lexists(path) and not os.path.isdir(path)
        checks.file(not is_file, path, "a new or empty folder", "a file")
        is_full = not replaces and os.path.isdir(path) and os.listdir(path)
        checks.file(not is_full, path, "a new or empty folder", "one with something in it")


@contextlib.contextmanager
def _errors_named(path):
    """An OSError becomes an InputError that names `path`."""
    try:
        yield
    except OSError as e:
        raise checks.InputError("%s: wanted a place for a folder, got: %s" % (
            path, e.strerror or e)) from e
