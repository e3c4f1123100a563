"""Tests of the limit of log lines."""
import io
import logging
from unittest import mock

from absl.testing import absltest

from tf1_sampled.programs import log_rate


class LogRateTest(absltest.TestCase):

    def test_few_lines_per_minute_of_one_place_are_written(self):
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        root = logging.getLogger()
        with mock.patch.object(root, "handlers", [handler]), mock.patch.object(
                log_rate.time, "monotonic") as clock:
            log_rate.limit()
            clock.return_value = 100.0
            for number in range(50):
                logging.getLogger("a").warning("number %d", number)
            logging.getLogger("b").warning("another place")
            clock.return_value = 100.0 + log_rate.SECONDS
            for number in range(50, 52):
                logging.getLogger("a").warning("number %d", number)
        lines = stream.getvalue().splitlines()
        self.assertEqual(["number %d" % n for n in range(log_rate.MOST_LINES)] + ["another place"],
                         lines[:log_rate.MOST_LINES + 1])
        self.assertLen(lines, log_rate.MOST_LINES + 3)


if __name__ == "__main__":
    absltest.main()
