"""Standard output and standard error of a program, whose work never depends on what can be printed.

    streams.settle()        at the start of a process
    ...
    streams.check()         at its end: InputError where lines were lost

Characters that the stream's encoding lacks are escaped. So are control characters and characters that
change the direction of text: a title may hold codes that a terminal obeys. Output to a stream that is
closed or fails is dropped. It is no error if the reader leaves early, as head does.
"""
import errno
import io
import os
import re
import select
import sys

from tf1_sampled import checks

# All but tab and line end; of the bidirectional ones those that override, embed and isolate.
_CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_NAMES = {1: "standard output", 2: "standard error"}


def settle():
    """Replace sys.stdout and sys.stderr of this process by streams as described above."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets this number, which a file of ours must not have
    sys.stdout = _settled(sys.stdout, 1)
    sys.stderr = _settled(sys.stderr, 2)


def is_lost():
    """Return whether writing to standard output has failed."""
    return isinstance(sys.stdout, _Text) and sys.stdout.device.error is not None


def check():
    """Flush both streams.

    Raises:
      InputError: output was lost for another reason than a reader that left early.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, _Text):
            stream.flush()
            error = stream.device.error
            checks.file(error is None or error.errno == errno.EPIPE, _NAMES[stream.fileno()],
                        "a place to write", "" if error is None else error.strerror)


def _settled(stream, number):
    """Return the _Text for a stream; the stream itself where that is not a file, as in a test."""
    if stream is None:
        return _Text(number, None)
    try:
        is_ours = stream.fileno() == number and not isinstance(stream, _Text)
    except (AttributeError, OSError, ValueError):
        is_ours = False
    if not is_ours:
        return stream
    stream.flush()
    return _Text(number, stream)


class _Raw(io.RawIOBase):
    """A file descriptor to which writing never fails; it stays open.

    Attributes:
      error: the OSError after which nothing is written any more; None before.
    """

    def __init__(self, number):
        super().__init__()
        self._number, self.error = number, None

    def fileno(self):
        return self._number

    def isatty(self):
        return os.isatty(self._number)

    def writable(self):
        return True

    def write(self, data):
        while self.error is None:
            try:
                return os.write(self._number, data)
            except BlockingIOError:  # a pipe that does not wait
                select.select([], [self._number], [])
            except OSError as e:
                self.error = e
        return len(data)


class _Text(io.TextIOWrapper):
    """The text stream of a descriptor.

    Args:
      number: integer, 1 or 2.
      before: the stream in whose place it comes; None for a closed one.

    Attributes:
      device: _Raw.
    """

    def __init__(self, number, before):
        is_error = number == 2
        self._before = before  # its end would close the descriptor
        # A bar goes back to the beginning of its line on standard error.
        self._kept = "\r" if is_error else ""
        self.device = _Raw(number)
        super().__init__(
            io.BufferedWriter(self.device), getattr(before, "encoding", None) or "utf-8",
            "backslashreplace", line_buffering=is_error or any(
                getattr(before, name, False) for name in ("line_buffering", "write_through")))

    def write(self, text):
        if not text.isprintable():  # a line end is not
            text = _CONTROL.sub(self._escaped, text)
        return super().write(text)

    def _escaped(self, found):
        text = found.group()
        return text if text in self._kept else text.encode("unicode_escape").decode("ascii")
