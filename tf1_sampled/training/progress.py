"""How far a training is: seconds without those that do not count, and what the user sees of it.

    clock = Clock()
    display = Display(1000000, "words")
    display.show(0.5, loss)
    display.close(loss)
"""
import contextlib
import sys
import time

import tqdm


class Clock:
    """Seconds, and CPU seconds, without those while it was stopped.

    Args:
      seconds, cpu_seconds: floats, to start from.
    """

    def __init__(self, seconds=0.0, cpu_seconds=0.0):
        self._stopped_at = None
        self._start = time.time() - seconds, time.process_time() - cpu_seconds

    def read(self):
        """(seconds, cpu_seconds)."""
        return self._stopped_at or (time.time() - self._start[0], time.process_time() - self._start[1])

    @contextlib.contextmanager
    def stopped(self):
        """Stands still meanwhile."""
        self._stopped_at = seconds, cpu_seconds = self.read()
        try:
            yield
        finally:
            self._stopped_at = None
            self._start = time.time() - seconds, time.process_time() - cpu_seconds


class Display:
    """Speed, loss and time left on standard error: a bar on a terminal, else a line now and then."""

    def __init__(self, num_units, unit, progress=0.0, stream=None, seconds_between_lines=10):
        self._stream = stream or sys.stderr
        self._num_units, self._unit = num_units, unit
        self._between = seconds_between_lines
        self._start = self._last = time.time()
        self._progress = progress  # at the start
        self._bar = None
        if self._stream.isatty():
            self._bar = tqdm.tqdm(total=num_units, unit=" " + unit, unit_scale=True, file=self._stream,
                                  dynamic_ncols=True, initial=int(progress * num_units))

    def show(self, progress, loss):
        """`progress` in [0, 1] of the work is done."""
        if self._bar is not None:
            self._bar.set_postfix_str("loss %.3f" % loss, refresh=False)
            self._bar.update(int(progress * self._num_units) - self._bar.n)
        elif 0 < progress < 1 and time.time() - self._last > self._between:
            self._last = time.time()
            self._line(progress, loss)

    def close(self, loss, progress=1.0):
        """The work ended, at `progress` of it."""
        self.show(progress, loss)
        if self._bar is not None:
            self._bar.close()
        else:
            self._line(progress, loss)

    def _line(self, progress, loss):
        speed = (progress - self._progress) / (time.time() - self._start)
        print("%3d%% of %s %s, %s %s/s, loss %.3f, %d s left" % (
            100 * progress, format(self._num_units, ","), self._unit,
            format(int(speed * self._num_units), ","), self._unit, loss,
            (1 - progress) / speed if speed else 0), file=self._stream, flush=True)
