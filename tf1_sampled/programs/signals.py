"""Signals in the programs: the first ends training with a checkpoint, the second at once.

They are SIGINT, SIGTERM and SIGHUP. A SIGHUP is never the second, and one ignored at the start, as
under nohup, stays ignored.
"""
import contextlib
import re
import shlex
import signal
import sys

from tf1_sampled.cluster import launch, spec


class Stopped(BaseException):
    """SIGINT, SIGTERM or SIGHUP came.

    Args:
      number: integer, which.
      text: string, what to tell the user.
    """

    def __init__(self, number, text):
        super().__init__(text)
        self.exit_code = 128 + number  # as of a shell


class Signals:
    """SIGINT, SIGTERM and SIGHUP end the program at once; while `deferred`, the first when it asks."""

    def __init__(self):
        self._is_deferred, self._asked = False, None

    def install(self):
        for number in launch.stopping_signals():
            signal.signal(number, self._on_signal)

    def _on_signal(self, number, _):
        if self._asked is not None and number == signal.SIGHUP:
            return  # a terminal that closes sends it twice: by its shell, and when that ends
        if self._is_deferred and self._asked is None:
            self._asked = number
        else:
            raise Stopped(number, "stopped by " + signal.Signals(number).name)

    def asked(self):
        """Return whether a signal came while `deferred`."""
        return self._asked is not None

    @contextlib.contextmanager
    def deferred(self):
        """A context in which the first signal only makes `asked` true; the second ends the program."""
        self._is_deferred = True
        try:
            yield
        finally:
            self._is_deferred = False

    def leave(self, folder):
        """Ends the program after `deferred`, telling how to go on in `folder`, if it has one.

        What was launched leaves that to the launcher: its own arguments hold ports that are gone.
        """
        number = self._asked or signal.SIGTERM
        text = "stopped by " + signal.Signals(number).name
        if not launch.is_launched():
            arguments = launch.going_on(sys.argv, folder)
            if arguments[0].endswith(".py"):
                arguments.insert(0, "python")
            is_one_of_many = any(re.match("--?ps_hosts($|=)", a) for a in arguments) or (
                spec.read_cluster())
            text += "; to go on%s:\n    %s" % (
                ", start all stopped processes again, each with its command; this one's"
                if is_one_of_many else "", " ".join(map(shlex.quote, arguments)))
        raise Stopped(number, text)
