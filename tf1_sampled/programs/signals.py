"""Handle signals in the programs: the first ends training with a checkpoint, the second at once.

The signals are SIGINT, SIGTERM and SIGHUP. A SIGHUP never counts as the second signal. If SIGHUP is
ignored at the start, as under nohup, it stays ignored.
"""
import contextlib
import re
import shlex
import signal
import sys

from tf1_sampled.cluster import launch, spec


class Stopped(BaseException):
    """The process received SIGINT, SIGTERM or SIGHUP.

    Args:
      number: integer, the signal.
      text: string, the message for the user.
    """

    def __init__(self, number, text):
        super().__init__(text)
        self.exit_code = 128 + number  # the convention of shells


class Signals:
    """Signal handlers that end the program at once; inside `deferred`, the first signal only asks."""

    def __init__(self):
        self._is_deferred, self._asked = False, None

    def install(self):
        """Install the handlers of SIGINT, SIGTERM and SIGHUP."""
        for number in launch.stopping_signals():
            signal.signal(number, self._on_signal)

    def _on_signal(self, number, _):
        if self._asked is not None and number == signal.SIGHUP:
            return  # a closing terminal sends SIGHUP twice: from its shell, and when the shell ends
        if self._is_deferred and self._asked is None:
            self._asked = number
        else:
            raise Stopped(number, "stopped by " + signal.Signals(number).name)

    def asked(self):
        """Return whether a signal arrived inside `deferred`."""
        return self._asked is not None

    @contextlib.contextmanager
    def deferred(self):
        """Defer the first signal, which only makes `asked` true: a context manager.

        The second signal ends the program.
        """
        self._is_deferred = True
        try:
            yield
        finally:
            self._is_deferred = False

    def leave(self, folder):
        """End the program after `deferred` and print the command that resumes its training.

        A launched process omits the command. The launcher prints its own, as the ports in the arguments
        of the process are gone.

        Args:
          folder: string, the model_dir of the training; "" without one.

        Raises:
          Stopped: always.
        """
        number = self._asked or signal.SIGTERM
        text = "stopped by " + signal.Signals(number).name
        if not launch.is_launched():
            arguments = launch.resume_command(sys.argv, folder)
            if arguments[0].endswith(".py"):
                arguments.insert(0, "python")
            is_one_of_many = any(re.match("--?ps_hosts($|=)", a) for a in arguments) or (
                spec.read_cluster())
            text += "; to resume%s:\n    %s" % (
                ", start every stopped process again with its own command. For this process"
                if is_one_of_many else "", " ".join(map(shlex.quote, arguments)))
        raise Stopped(number, text)
