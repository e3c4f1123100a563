"""Split events by the settings, and describe the evaluation protocol.

    events, protocol = split(settings, log, None)
    protocol                       # "the last event"
    order(settings, log)           # "events of one time in random order (seed 1)"
"""
from typing import Any, Tuple

import numpy as np

from tf1_sampled.recsys import splits, times
from tf1_sampled.recsys.settings import RecsysSettings


def split(settings: RecsysSettings, log: Any, part: Any) -> Tuple[splits.Events, str]:
    """Split events into training, validation and test events.

    Args:
      settings: RecsysSettings.
      log: events.Log.
      part: int [N], splits.TRAIN, VALID or TEST; None to split by the settings.

    Returns:
      (splits.Events, the test events in words).

    Raises:
      InputError: too few items, no times to split by, invalid cuts.
    """
    rules = splits.Rules(settings.min_count, 1, settings.repeats, settings.keep_event, settings.seed)
    if part is not None:
        return splits.split_given(log, part, rules), "the events of --test"
    if settings.split == "none":
        return splits.split_given(log, np.full(len(log.users), splits.TRAIN), rules), "none"
    if settings.split == "time":
        valid_from, test_from = _times(settings, log)
        return (splits.split_time(log, valid_from, test_from, rules),
                "the events from %s on" % shown_time(test_from))
    if settings.split == "last":
        return splits.split_last(log, rules), "the last event"
    valid_from, test_from = _shares(settings)
    at_random = settings.split == "random"
    return (splits.split_shares(log, valid_from, test_from, at_random, rules),
            "%s %.4g%% of the events" % ("a random" if at_random else "the last", 100 * (1 - test_from)))


def order(settings: RecsysSettings, log: Any) -> str:
    """Describe the order of a user's events."""
    if log.times is None:
        return "no times: the order of the file"
    return "events of one time in random order (seed %d)" % settings.seed


def shown_time(value: float) -> str:
    """Return a time in words: the UTC date if it can be seconds since 1970, else the number."""
    return times.shown(value) if times.is_date(value) else "time %.10g" % value


def _shares(settings: RecsysSettings) -> Tuple[float, float]:
    """Return the shares of a user's events at which validation and test begin."""
    try:
        valid_from, test_from = map(float, settings.split_at)
        fits = 0 < valid_from <= test_from <= 1
    except ValueError:
        fits = False
    settings.check(fits, "split_at", "two shares above 0, at most 1, the second not below the first",
                   ",".join(settings.split_at))
    return valid_from, test_from


def _times(settings: RecsysSettings, log: Any) -> Tuple[float, float]:
    """Return the times at which validation and test begin."""
    settings.check(log.times is not None, "split", "events with times", settings.split)
    try:
        valid_from, test_from = (_time(cut, log) for cut in settings.split_at)
        fits = valid_from <= test_from
    except ValueError:
        fits = False
    settings.check(fits, "split_at", "two shares or times, when validation begins and, not before that, "
                   "test", ",".join(settings.split_at))
    return valid_from, test_from


def _time(cut: str, log: Any) -> float:
    """Return the time of a cut: a share of the events, a date or a number."""
    try:
        value = float(cut)
    except ValueError:
        return times.parse(cut)
    return splits.time_at(log, value) if 0 < value < 1 else times.parse(cut)
