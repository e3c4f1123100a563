"""A log that a flood of events does not fill.

    logging.basicConfig()
    log_rate.limit()

Of the lines that one place in the source logs, a few a minute are written; the next one that is written
says how many were left out.
"""
import logging
import time

MOST_LINES = 5  # of a place, within SECONDS
SECONDS = 60


def limit():
    """Limit the lines of each handler of the root logger, to which all others pass theirs."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(_RateLimit())


class _RateLimit(logging.Filter):

    def __init__(self):
        super().__init__()
        self._places = {}  # {place: (when its time began, lines since then)}

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
