"""Limit the rate of log lines, so that a flood of events does not fill the log.

    logging.basicConfig()
    log_rate.limit()

At most a few lines per minute are written for each place in the source. The next line from that place
reports how many were left out.
"""
import logging
import time

MOST_LINES = 5  # for one place in the source, within SECONDS
SECONDS = 60


def limit():
    """Limit the rate of lines in each handler of the root logger; other loggers propagate to it."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(_RateLimit())


class _RateLimit(logging.Filter):

    def __init__(self):
        super().__init__()
        self._places = {}  # {place: (start of its interval, lines since then)}

    def filter(self, record):
        place, now = (record.pathname, record.lineno), time.monotonic()
        begin, count = self._places.get(place, (now, 0))
        left_out = 0
        if now - begin >= SECONDS:
            begin, count, left_out = now, 0, max(0, count - MOST_LINES)
        self._places[place] = begin, count + 1
        if left_out:
            record.msg, record.args = "%s (%d lines like this were left out)" % (
                record.getMessage(), left_out), ()
        return count < MOST_LINES
