import io
import time

from absl.testing import absltest

from tf1_sampled.training import progress


class _Terminal(io.StringIO):

    def isatty(self):
        return True


class DisplayTest(absltest.TestCase):

    def test_lines_in_a_log(self):
        log = io.StringIO()
        display = progress.Display(2000, "words", stream=log, seconds_between_lines=0)
        display.show(0.0, 3)
        display.show(0.5, 2)
        display.close(1)
        lines = log.getvalue().splitlines()
        self.assertLen(lines, 2)
        self.assertRegex(lines[0], r"^ 50% of 2,000 words, [\d,]+ words/s, loss 2.000, \d+ s left$")
        self.assertRegex(lines[-1], r"^100% of 2,000 words, [\d,]+ words/s, loss 1.000, 0 s left$")

    def test_a_bar_on_a_terminal(self):
        terminal = _Terminal()
        display = progress.Display(2000, "words", stream=terminal)
        display.show(0.5, 2)
        display.close(1)
        self.assertIn("100%", terminal.getvalue())
        self.assertIn("words/s", terminal.getvalue())


class ClockTest(absltest.TestCase):

    def test_stands_still_while_stopped(self):
        clock = progress.Clock(100.0, 50.0)
        with clock.stopped():
            stopped_at = clock.read()
            time.sleep(0.2)
            self.assertEqual(clock.read(), stopped_at)
        seconds, cpu_seconds = clock.read()
        self.assertBetween(seconds, 100, stopped_at[0] + 0.19)
        self.assertBetween(cpu_seconds, 50, stopped_at[1] + 0.19)


if __name__ == "__main__":
    absltest.main()
