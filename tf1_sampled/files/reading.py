"""Read files. Compressed files are decompressed: .gz, .bz2, .xz and .zip."""
import bz2
import codecs
import contextlib
import errno
import functools
import gzip
import io
import lzma
import os
import struct
import sys
import threading
import zipfile
import zlib

from tf1_sampled import checks
from tf1_sampled.files import finding, places

PACKED = (".gz", ".bz2", ".xz", ".zip")  # the endings of names of compressed files
_OPENERS = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_DAMAGED = (EOFError, lzma.LZMAError, zipfile.BadZipFile, zlib.error)
# Further errors of zipfile, for a password, an unknown compression or version, and damaged names and
# extra fields.
_NO_PLAIN_ZIP = (RuntimeError, ValueError, OverflowError, struct.error)
_CHUNK = 1 << 16
_LONGEST_LINE = 1 << 24  # bytes, so that an archive of one endless line cannot fill the memory


@contextlib.contextmanager
def open_binary(path):
    """Open a file as a binary stream. .gz, .bz2, .xz and .zip (with one member) are decompressed.

    Raises:
      InputError: a missing, unreadable or empty file, or an archive that is damaged or of another kind
        than its ending, also while it is read; at the end, a file that has changed.
    """
    with open_members(path) as members:
        checks.file(len(members) == 1, os.fspath(path), "a zip file with one member",
                    "%d members" % len(members))
        with members[0][1]() as stream:
            yield stream


@contextlib.contextmanager
def open_members(path):
    """Yield the members of a .zip, or the only member of another file, to be opened one by one.

        with reading.open_members(path) as members:
            for name, open_member in members:
                with open_member() as stream:

    Members whose names begin with a dot, and the files of macOS in `__MACOSX`, are left out.

    Args:
      path: string, the file. .gz, .bz2, .xz and .zip are decompressed.

    Yields:
      list of (name for messages, function that returns a binary stream), which may be empty for a .zip.

    Raises:
      InputError: a missing, unreadable or empty file, or an archive that is damaged or of another kind
        than its ending, also while it is read; at the end, a file that has changed.
    """
    path = os.fspath(path)
    ending = os.path.splitext(path)[1].lower()
    try:
        places.check_not_special(path)
        status = os.stat(path)
        checks.file(status.st_size > 0, path, "a file that is not empty", "an empty file")
        if ending == ".zip":
            with _plain_zip(path):
                archive = zipfile.ZipFile(path)
            with archive:
                # Names of members are for messages only, not paths; two members may have the same name.
                members = [info for info in archive.infolist() if not info.filename.endswith("/")
                           and not info.filename.startswith("__MACOSX/")
                           and info.filename.rpartition("/")[2][:1] != "."]
                yield [("%s: %s" % (path, info.filename[:200]) if len(members) > 1 else path,
                        functools.partial(_open_member, path, archive, info)) for info in members]
        else:
            yield [(path, functools.partial(_OPENERS.get(ending, open), path, "rb"))]
        check_unchanged(path, status, os.stat(path))
    except _DAMAGED as e:
        raise checks.InputError("%s: wanted an undamaged %s file, got: %s" % (
            path, ending, str(e)[:200])) from e
    except MemoryError as e:  # also for an archive that claims a large size
        raise checks.InputError("%s: wanted a file that fits in memory, got a larger file" % path) from e
    except OSError as e:
        # Not errors of the caller's code, such as a full disk or a closed pipe.
        if e.filename != path and (e.filename or e.errno not in (None, errno.EIO, errno.EINVAL)):
            raise
        raise checks.InputError("%s: wanted a readable file, got: %s" % (path, e.strerror or e)) from e


def check_unchanged(path, before, after):
    """Check that a file has not changed while it was read, as the data could mix two states of the file.

    Args:
      path: string.
      before, after: os.stat_result.

    Raises:
      InputError: another size, time or inode.
    """
    got = "a file that changed while it was read"
    if after.st_size > before.st_size:
        got += ": it grew from %d to %d bytes (read a copy of a log)" % (before.st_size, after.st_size)
    elif after.st_size < before.st_size:
        got += ": it shrank from %d to %d bytes" % (before.st_size, after.st_size)
    is_same = all(getattr(before, name) == getattr(after, name) for name in (
        "st_dev", "st_ino", "st_size", "st_mtime_ns"))
    checks.file(is_same, path, "a file that does not change", got)


def _open_member(path, archive, info):
    """Open a member of a zip file as a binary stream."""
    with _plain_zip(path):
        return archive.open(info)


@contextlib.contextmanager
def _plain_zip(path):
    """Raise InputError instead of the errors of a zip file that Python cannot decompress."""
    try:
        yield
    except _NO_PLAIN_ZIP as e:
        raise checks.InputError("%s: wanted a plain zip file, got: %s" % (path, str(e)[:200])) from e


class _Text(io.BufferedIOBase):
    """A stream of the bytes of a text that counts lines, and refuses NULs and endless lines.

    Args:
      path: string, for messages.
      stream: buffered binary stream.
    """

    closed = False  # read for each line: a plain attribute is faster than the property

    def __init__(self, path, stream):
        super().__init__()
        self._path, self._stream = path, stream
        self._length = 0  # bytes of the last line so far
        self._line_ends = 0

    def readable(self):
        return True

    def read(self, size=-1):
        return b"".join(iter(functools.partial(self.read1, _CHUNK), b""))  # only called to read all

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
        """Return the number of the line in which `rest`, the last bytes that were read, begin."""
        return self._line_ends - _line_ends(rest) + 1


def _line_ends(data):
    """Count the line ends in bytes: LF, CR LF and CR."""
    return data.count(b"\n") or data.count(b"\r")


class _AsLatin1(threading.local):
    """An error handler that decodes invalid bytes as Latin-1, and counts them for each thread."""
    num_bytes = 0


_as_latin1 = _AsLatin1()
LATIN1 = "tf1_sampled.latin1"  # name of the error handler that decodes invalid bytes as Latin-1


def _decode_as_latin1(error):
    if not isinstance(error, UnicodeDecodeError):
        raise error
    _as_latin1.num_bytes += error.end - error.start
    return error.object[error.start:error.end].decode("latin-1"), error.end


codecs.register_error(LATIN1, _decode_as_latin1)


def latin1_bytes():
    """Return the number of invalid bytes that this thread has decoded as Latin-1."""
    return _as_latin1.num_bytes


def is_encoding(name):
    """Return whether Python knows a text encoding of this name."""
    try:
        return isinstance(codecs.lookup(name).incrementaldecoder("strict").decode(b"", True), str)
    except (LookupError, ValueError, TypeError, AttributeError, AssertionError):
        return False


class _Recoded(io.RawIOBase):
    """A stream that recodes text in an encoding such as UTF-16 to UTF-8.

    Args:
      stream: binary stream.
      encoding: string.
    """

    def __init__(self, stream, encoding):
        super().__init__()
        self._stream, self._decoder = stream, codecs.getincrementaldecoder(encoding)()
        self._held = b""

    def readable(self):
        return True

    def readinto(self, buffer):
        data = b"x"
        while data and not self._held:
            data = self._stream.read(_CHUNK)
            self._held = self._decoder.decode(data, not data).encode("utf-8")
        size = min(len(buffer), len(self._held))
        buffer[:size], self._held = self._held[:size], self._held[size:]
        return size


@contextlib.contextmanager
def open_text(path, encoding="", errors="strict"):
    """Open a file as a text stream of complete lines.

    A line has at most 16 MB, so that an archive of one endless line cannot fill the memory.

    Args:
      path: string, the file. .gz, .bz2, .xz and .zip are decompressed. "-" is standard input.
      encoding: string; "" for UTF-8, or for UTF-16 if the text begins with its byte order mark.
      errors: "strict", or LATIN1 to decode bytes that are invalid in the default encoding as Latin-1.

    Raises:
      InputError: an error of `open_binary`, an archive of an empty file, a binary file, bytes that
        cannot be decoded, or a line that is too long. The error has the number of the line.
    """
    name = encoding or "utf-8-sig"
    shown = encoding or "UTF-8"
    with _open_binary_or_input(path) as stream:
        buffered = io.BufferedReader(stream) if not hasattr(stream, "peek") else stream
        start = buffered.peek(4096)[:4096]
        checks.file(start, path, "text",
                    "none" if path == finding.STANDARD_INPUT else "an archive of an empty file")
        if not encoding and start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            name = shown = "utf-16"
        raw = None
        try:
            if not _keeps_ascii(name):
                buffered, name = io.BufferedReader(_Recoded(buffered, name), _CHUNK), "utf-8-sig"
                start = buffered.peek(4096)[:4096]
            checks.file(b"\0" not in start, path, shown + " text", "a binary file")
            raw = _Text(path, buffered)
            with io.TextIOWrapper(raw, encoding=name, errors="strict" if encoding else errors,
                                  newline=None) as text:
                yield text
        except UnicodeDecodeError as e:
            rest = e.object[e.start:]
            place = "" if shown == "utf-16" or raw is None else " line %d:" % raw.line_of(rest)
            raise checks.InputError("%s:%s wanted %s text, got byte 0x%02x: %s" % (
                path, place, shown, rest[0], e.reason)) from e


def _keeps_ascii(encoding):
    """Return whether an encoding has the ASCII characters as the same single bytes."""
    try:
        return b"a\n".decode(encoding) == "a\n"
    except UnicodeError:
        return False


def check_input():
    """Raise InputError if standard input is closed."""
    checks.file(sys.stdin is not None, finding.STANDARD_INPUT, "an open standard input", "a closed one")


@contextlib.contextmanager
def _open_binary_or_input(path):
    if path != finding.STANDARD_INPUT:
        with open_binary(path) as stream:
            yield stream
        return
    check_input()
    yield getattr(sys.stdin, "buffer", sys.stdin)
