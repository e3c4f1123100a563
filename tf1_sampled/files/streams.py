"""Standard output and standard error that cannot make a program fail.

    streams.settle()        at the start of a process
    ...
    streams.check()         at its end: InputError if output was lost

Characters that the encoding of the stream lacks are escaped. So are control characters and characters
that change the direction of text, as data may hold control codes for terminals. Output to a stream that
is closed or fails is dropped. A reader that ends early, such as head, is not an error.
"""
import errno
import io
import os
import re
import select
import sys

from tf1_sampled import checks

# Control characters except tab and line end; bidirectional overrides, embeddings and isolates.
_CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_NAMES = {1: "standard output", 2: "standard error"}


def settle():
    """Replace sys.stdout and sys.stderr of this process by streams that do not fail."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # occupies the descriptor, so that no other file gets it
    sys.stdout = _settled(sys.stdout, 1)
    sys.stderr = _settled(sys.stderr, 2)


def is_lost():
    """Return whether writing to standard output has failed."""
    return isinstance(sys.stdout, _Text) and sys.stdout.device.error is not None


def check():
    """Flush both streams.

    Raises:
      InputError: output was lost, unless the reader ended early.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, _Text):
            stream.flush()
            error = stream.device.error
            checks.file(error is None or error.errno == errno.EPIPE, _NAMES[stream.fileno()],
                        "a writable stream", "" if error is None else error.strerror)


def _settled(stream, number):
    """Return the _Text for a stream, or the stream itself if it is not a file, as in a test."""
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
    """A raw stream of a file descriptor that never fails and does not close the descriptor.

    Attributes:
      error: the OSError after which all output is dropped; None before.
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
            except BlockingIOError:  # a non-blocking pipe
                select.select([], [self._number], [])
            except OSError as e:
                self.error = e
        return len(data)


class _Text(io.TextIOWrapper):
    """The text stream of a descriptor.

    Args:
      number: integer, 1 or 2.
      before: the stream that it replaces; None for a closed stream.

    Attributes:
      device: _Raw.
    """

    def __init__(self, number, before):
        is_error = number == 2
        self._before = before  # keep a reference: its deletion would close the descriptor
        # A progress bar returns to the beginning of its line on standard error.
        self._kept = "\r" if is_error else ""
        self.device = _Raw(number)
        super().__init__(
            io.BufferedWriter(self.device), getattr(before, "encoding", None) or "utf-8",
            "backslashreplace", line_buffering=is_error or any(
                getattr(before, name, False) for name in ("line_buffering", "write_through")))

    def write(self, text):
        if not text.isprintable():  # a line end is not printable
            text = _CONTROL.sub(self._escaped, text)
        return super().write(text)

    def _escaped(self, found):
        text = found.group()
        return text if text in self._kept else text.encode("unicode_escape").decode("ascii")
