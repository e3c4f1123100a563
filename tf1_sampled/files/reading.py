"""Read files, packed ones as if they were plain: .gz, .bz2, .xz and .zip."""
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

PACKED = (".gz", ".bz2", ".xz", ".zip")  # the endings of names that are unpacked when read
_OPENERS = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
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
        that its ending says or a damaged one, also when that shows only while it is read; at the end,
        one that was changed meanwhile.
    """
    with open_members(path) as members:
        checks.file(len(members) == 1, os.fspath(path), "a zip file of one member",
                    "%d members" % len(members))
        with members[0][1]() as stream:
            yield stream


@contextlib.contextmanager
def open_members(path):
    """The members of a .zip, or the one that any other file is, to be opened one after the other.

        with reading.open_members(path) as members:
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
        places.check_not_special(path)
        status = os.stat(path)
        checks.file(status.st_size > 0, path, "a file with something in it", "an empty file")
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
        check_unchanged(path, status, os.stat(path))
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


def check_unchanged(path, before, after):
    """Checks that a file is as it was before it was read: half of one state may be half of another.

    Args:
      path: string.
      before, after: os.stat_result.

    Raises:
      InputError: it has another size, time or place on the disk.
    """
    got = "one that changed while it was read"
    if after.st_size > before.st_size:
        got += ": it grew from %d to %d bytes (read a copy of a log)" % (before.st_size, after.st_size)
    elif after.st_size < before.st_size:
        got += ": it shrank from %d to %d bytes" % (before.st_size, after.st_size)
    is_same = all(getattr(before, name) == getattr(after, name) for name in (
        "st_dev", "st_ino", "st_size", "st_mtime_ns"))
    checks.file(is_same, path, "a file that stays as it is", got)


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


class _AsLatin1(threading.local):
    """Decodes bytes that are not valid as Latin-1, and counts those of this thread."""
    num_bytes = 0


_as_latin1 = _AsLatin1()
LATIN1 = "tf1_sampled.latin1"  # a way to treat errors: bytes that are not valid are Latin-1


def _decode_as_latin1(error):
    if not isinstance(error, UnicodeDecodeError):
        raise error
    _as_latin1.num_bytes += error.end - error.start
    return error.object[error.start:error.end].decode("latin-1"), error.end


codecs.register_error(LATIN1, _decode_as_latin1)


def latin1_bytes():
    """Return how many bytes this thread has decoded as Latin-1 because they were not valid otherwise."""
    return _as_latin1.num_bytes


def is_encoding(name):
    """Return whether Python knows a text encoding of this name."""
    try:
        return isinstance(codecs.lookup(name).incrementaldecoder("strict").decode(b"", True), str)
    except (LookupError, ValueError, TypeError, AttributeError, AssertionError):
        return False


class _Recoded(io.RawIOBase):
    """The bytes of a text in an encoding such as UTF-16 as those of UTF-8.

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
    """The text of `path`, unpacked as in `open_binary`, as a stream that gives whole lines.

    A line takes 16 MB at most, so that an archive of one endless line does not fill the memory.

    Args:
      path: the file; .gz, .bz2, .xz and .zip are unpacked; "-" is standard input.
      encoding: string; "" for UTF-8, or UTF-16 where the text begins with its byte order mark.
      errors: "strict", or LATIN1 for bytes that are not valid in the default encoding.

    Raises:
      InputError: as `open_binary`; also an archive of nothing, a binary file, bytes that cannot be
        decoded and a line that is too long, with its number.
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
    """Return whether in an encoding the ASCII characters are bytes of their own, the same ones."""
    try:
        return b"a\n".decode(encoding) == "a\n"
    except UnicodeError:
        return False


def check_input():
    """Raises InputError where standard input is closed."""
    checks.file(sys.stdin is not None, finding.STANDARD_INPUT, "an open standard input", "a closed one")


@contextlib.contextmanager
def _open_binary_or_input(path):
    if path != finding.STANDARD_INPUT:
        with open_binary(path) as stream:
            yield stream
        return
    check_input()
    yield getattr(sys.stdin, "buffer", sys.stdin)
