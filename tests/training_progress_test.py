"""The clock of a training and the display of its progress, with a simulated time."""
import contextlib
import io
import sys
import warnings
from unittest import mock

import tqdm
from absl.testing import absltest

from tf1_sampled.training import progress


class _Time:
    """A replacement of the module `time`. CPU time passes at half the speed; there is no date."""

    def __init__(self):
        self.now = 1e9

    def monotonic(self):
        return self.now

    def process_time(self):
        return self.now / 2


class _Terminal(io.StringIO):

    def isatty(self):
        return True


class ProgressTestCase(absltest.TestCase):

    def setUp(self):
        super().setUp()
        self.time = _Time()
        patch = mock.patch.object(progress, "time", self.time)
        patch.start()
        self.addCleanup(patch.stop)


class DisplayTest(ProgressTestCase):

    def test_a_log_gets_a_line_every_ten_seconds_and_at_the_end(self):
        log = io.StringIO()
        display = progress.Display(2000, "words", stream=log)
        for seconds, done, loss in ((0, 0.0, 4), (10, 0.25, 3), (10, 0.5, 2), (5, 0.6, 2)):
            self.time.now += seconds
            display.show(done, loss)
        self.time.now += 15
        display.close(1)
        self.assertEqual(log.getvalue().splitlines(), [
            " 50% of 2,000 words, 50 words/s, loss 2.000, 20 s left",
            "100% of 2,000 words, 50 words/s, loss 1.000, 0 s left"])

    def test_the_device_is_shown(self):
        log = io.StringIO()
        display = progress.Display(100, "words", stream=log)
        self.time.now += 20
        display.show(0.5, 2, "CPU, 2 threads, 9 steps of 64 per call")
        self.assertEqual(log.getvalue(), " 50% of 100 words, 2 words/s, loss 2.000, 20 s left; CPU, 2 "
                         "threads, 9 steps of 64 per call\n")

    def test_speed_counts_from_the_progress_at_the_start(self):
        log = io.StringIO()
        display = progress.Display(1000000, "words", progress=0.5, stream=log, seconds_between_lines=0)
        self.time.now += 100
        display.show(0.75, 2)
        self.assertEqual(log.getvalue(),
                         " 75% of 1,000,000 words, 2,500 words/s, loss 2.000, 100 s left\n")

    def test_a_work_that_stops_early_ends_with_its_progress(self):
        log = io.StringIO()
        display = progress.Display(2000, "words", stream=log)
        self.time.now += 10
        display.close(1, 0.25)
        self.assertEqual(log.getvalue(), " 25% of 2,000 words, 50 words/s, loss 1.000, 30 s left\n")

    def test_a_bar_is_closed_after_an_error(self):
        terminal = _Terminal()
        with self.assertRaises(ZeroDivisionError):
            with progress.Display(2000, "words", stream=terminal) as display:
                display.show(0.5, 2)
                raise ZeroDivisionError
        self.assertEndsWith(terminal.getvalue(), "\n")

    def test_a_terminal_gets_a_bar(self):
        terminal = _Terminal()
        display = progress.Display(2000, "words", stream=terminal)
        display.show(0.5, 2)
        display.close(1)
        self.assertIn("100%", terminal.getvalue())
        self.assertIn("words/s", terminal.getvalue())

    def test_without_standard_error_nothing_is_shown(self):
        with mock.patch.object(sys, "stderr", None), mock.patch("sys.stdout", io.StringIO()) as out:
            with progress.Display(1000, "words") as display:
                self.time.now += 20
                display.show(0.5, 1.0)
                display.close(1.0)
        self.assertEqual("", out.getvalue())

    def test_a_bar_uses_a_monotonic_clock(self):
        terminal = _Terminal()
        display = progress.Display(2000, "words", stream=terminal)
        self.time.now += 10
        with mock.patch.object(tqdm.std, "time", lambda: 0):
            display.show(0.5, 2)
            display.close(1)
        self.assertRegex(terminal.getvalue(), r"50%.*00:10<00:10, 100 words/s")


class NotebookTest(absltest.TestCase):
    """A process that is a Jupyter kernel according to IPython."""

    def setUp(self):
        super().setUp()
        shell = mock.Mock(config={"IPKernelApp": {}})
        # The newest tqdm checks the second class; IPython does not have the others.
        patch = mock.patch.dict(sys.modules, {
            "IPython": mock.Mock(get_ipython=lambda: shell), "ipykernel.zmqshell": mock.Mock(),
            "IPython.html": None, "IPython.html.widgets": None})
        patch.start()
        self.addCleanup(patch.stop)

    def test_a_bar_of_the_notebook(self):
        auto = mock.Mock()
        bar = auto.tqdm.return_value
        bar.n = 0
        with mock.patch.dict(sys.modules, {"tqdm.auto": auto}), mock.patch.object(
                tqdm, "auto", auto, create=True):
            with progress.Display(2000, "words") as display:
                display.show(0.5, 2)
                bar.update.assert_called_once_with(1000)
                bar.close.assert_not_called()
        bar.close.assert_called_once_with()

    def test_a_bar_as_on_a_terminal_where_ipywidgets_is_missing(self):
        for name in ("tqdm.auto", "tqdm.autonotebook", "tqdm.notebook"):
            sys.modules.pop(name, None)
        with mock.patch.dict(sys.modules, ipywidgets=None), warnings.catch_warnings(
                record=True) as caught:
            warnings.simplefilter("always")
            with contextlib.redirect_stderr(io.StringIO()) as shown:
                with progress.Display(2000, "words") as display:
                    display.close(2)
        self.assertIn("100%|", shown.getvalue())
        self.assertEmpty(caught)

    def test_lines_where_a_stream_is_given(self):
        log = io.StringIO()
        display = progress.Display(2000, "words", stream=log)
        display.close(2)
        self.assertStartsWith(log.getvalue(), "100% of 2,000 words")


class ClockTest(ProgressTestCase):

    def test_the_clock_counts_from_its_initial_values(self):
        clock = progress.Clock(100.0, 50.0)
        self.time.now += 8
        self.assertEqual(clock.read(), (108, 54))

    def test_the_clock_stands_still_while_stopped(self):
        clock = progress.Clock(100.0, 50.0)
        self.time.now += 8
        with clock.stopped():
            self.time.now += 1000
            self.assertEqual(clock.read(), (108, 54))
        self.assertEqual(clock.read(), (108, 54))
        self.time.now += 2
        self.assertEqual(clock.read(), (110, 55))

    def test_the_clock_continues_after_an_error(self):
        clock = progress.Clock()
        with self.assertRaises(KeyError), clock.stopped():
            self.time.now += 1000
            raise KeyError("x")
        self.time.now += 2
        self.assertEqual(clock.read(), (2, 1))


if __name__ == "__main__":
    absltest.main()
