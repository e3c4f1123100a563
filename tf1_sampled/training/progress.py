"""Progress of a training: a clock that can be stopped, and a bar or lines for the user.

    clock = Clock()
    with Display(1000000, "words") as display:
        display.show(0.5, loss)
        display.close(loss)
"""
import contextlib
import os
import sys
import time
import warnings

import tqdm


class Clock:
    """A clock of seconds and CPU seconds that can be stopped for a while.

    Args:
      seconds, cpu_seconds: floats, initial values.
    """

    def __init__(self, seconds=0.0, cpu_seconds=0.0):
        self._stopped_at = None
        self._start = time.monotonic() - seconds, time.process_time() - cpu_seconds

    def read(self):
        """Return (seconds, cpu_seconds)."""
        return self._stopped_at or (
            time.monotonic() - self._start[0], time.process_time() - self._start[1])

    @contextlib.contextmanager
    def stopped(self):
        """Stop the clock within the context."""
        self._stopped_at = seconds, cpu_seconds = self.read()
        try:
            yield
        finally:
            self._stopped_at = None
            self._start = time.monotonic() - seconds, time.process_time() - cpu_seconds


class Display:
    """A display of speed, loss and time left: a bar on a terminal and in a notebook, else lines.

    Args:
      num_units: integer, units of progress in the whole work.
      unit: string, the name of the units.
      progress: float, the share of the work that is done at the start.
      stream: text stream for the lines and the bar of a terminal. Default: standard error.
      seconds_between_lines: float.
    """

    def __init__(self, num_units, unit, progress=0.0, stream=None, seconds_between_lines=10):
        self._stream = stream or sys.stderr or open(os.devnull, "w")  # sys.stderr is None if closed
        self._num_units, self._unit = num_units, unit
        self._between = seconds_between_lines
        self._start = self._last = time.monotonic()
        self._progress = progress  # at the start
        self._bar = None
        is_notebook = stream is None and _is_notebook()
        if is_notebook or self._stream.isatty():
            make_bar = _notebook_bar() if is_notebook else tqdm.tqdm
            self._bar = make_bar(total=num_units, unit=" " + unit, unit_scale=True, file=self._stream,
                                 dynamic_ncols=True, initial=int(progress * num_units))
            self._bar._time = time.monotonic  # instead of the time of day, which can be set back
            self._bar.start_t = self._bar.last_print_t = self._start

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._bar is not None:
            self._bar.close()

    def show(self, progress, loss, machine=""):
        """Show that the share `progress` of the work, in [0, 1], is done.

        Args:
          progress: float.
          loss: float.
          machine: string, a description of the device and the steps.
        """
        if self._bar is not None:
            self._bar.set_postfix_str(_joined("loss %.3f" % loss, machine), refresh=False)
            self._bar.update(int(progress * self._num_units) - self._bar.n)
        elif 0 < progress < 1 and time.monotonic() - self._last > self._between:
            self._last = time.monotonic()
            self._print_line(progress, loss, machine)

    def close(self, loss, progress=1.0, machine=""):
        """Show that the work ended with the share `progress` done."""
        self.show(progress, loss, machine)
        if self._bar is not None:
            self._bar.close()
        else:
            self._print_line(progress, loss, machine)

    def _print_line(self, progress, loss, machine):
        speed = (progress - self._progress) / (time.monotonic() - self._start)
        print(_joined("%3d%% of %s %s, %s %s/s, loss %.3f, %d s left" % (
            100 * progress, format(self._num_units, ","), self._unit,
            format(int(speed * self._num_units), ","), self._unit, loss,
            (1 - progress) / speed if speed else 0), machine), file=self._stream, flush=True)


def _joined(line, machine):
    return line + "; " + machine if machine else line


def _is_notebook():
    """Return whether this process is the kernel of a Jupyter notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    return bool(shell) and "IPKernelApp" in shell.config


def _notebook_bar():
    """Return tqdm's class of bars for a notebook; without ipywidgets, the class for terminals."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ipywidgets is missing, or notebook bars are experimental
        from tqdm import auto
    return auto.tqdm
