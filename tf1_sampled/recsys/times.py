"""Convert times (numbers in any unit, ISO 8601 and a few other forms) to seconds since 1970.

    parse("2018-09-20 12:00:00 UTC")              # 1537444800.0
    parse("1537444800000")                        # the same: milliseconds, by the magnitude
    column = Column()
    values = column.read(["2018-09-20", "", "2018-09-21"])       # NaN for a missing time
    seconds, form = column.seconds(values)                       # form: "times as dates"

The median magnitude of numbers gives their unit: seconds below 1e11, milliseconds below 1e14,
microseconds below 1e17, else nanoseconds. So each unit covers the times from 1973 to 5138; seconds also
cover all earlier times. Whole numbers that are all dates of the form YYYYMMDD are dates. A time without
a zone is UTC.
"""
import datetime
import math
import re

import numpy as np

from tf1_sampled import checks
from tf1_sampled.recsys import arrays

WANTED = "a number or an ISO 8601 time"  # of a cell; for errors

_UNITS = ((1e11, 1.0, "times in seconds"), (1e14, 1e3, "times in milliseconds"),
          (1e17, 1e6, "times in microseconds"), (math.inf, 1e9, "times in nanoseconds"))
_DATES = "times as dates"
_ISO = re.compile(
    r"(\d{4})([-/.]?)(\d{1,2})\2(\d{1,2})"
    r"(?:[T ]\s*(\d{1,2}):?(\d\d)(?::?(\d\d)(?:[.,](\d{1,30}))?)?)?"
    r"\s*(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?", re.ASCII | re.IGNORECASE)
_WEEKDAY = re.compile(  # Sun Jul 30 07:44:10 -0700 2017
    r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) +(\d{1,2}) (\d\d):(\d\d):(\d\d) ([+-]\d{4}|UTC|GMT) (\d{4})",
    re.ASCII)
_MONTH_FIRST = re.compile(  # 11/15/2019 8:55:22 AM
    r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d\d):(\d\d) ([AP])M", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_EPOCH = datetime.datetime(1970, 1, 1)
_MOST_CACHED = 1 << 16
_HISTORY_SECONDS = 1e8
_DIGITS = (0, 1, 2, 3, 5, 6, 8, 9)  # places in YYYY-MM-DD
_CLOCK_DIGITS = (11, 12, 14, 15, 17, 18)  # places in YYYY-MM-DD HH:MM:SS


def parse(text):
    """Return a time as seconds since 1970: a number by its magnitude, or a date or time by its text.

    Args:
      text: string.

    Returns:
      float.

    Raises:
      ValueError: text that is neither.
    """
    try:
        value = float(text)
    except ValueError:
        return _parse_date(text)
    if not math.isfinite(value):
        raise ValueError("not a finite time")
    return float(_of_numbers(np.array([value]))[0][0])


class Column:
    """The times of a file or of an array: either all numbers, or all dates and times.

    Args:
      month_first: boolean, whether times have the form "11/15/2019 8:55:22 AM".
    """

    def __init__(self, month_first=False):
        self._parse = _parse_month_first if month_first else _parse_date
        self._is_text = None  # unknown before the first time that is not missing
        self._cache = {}

    def read(self, texts):
        """Return times as written, numbers without conversion to seconds.

        Args:
          texts: list of N strings.

        Returns:
          float64 [N]; NaN for a missing time.

        Raises:
          ValueError: text that is not a time, or of another kind than the earlier text.
        """
        if self._is_text:
            return self._read_text(texts)
        try:
            values = np.fromiter(map(float, texts), np.float64, len(texts))
        except ValueError:
            values = None
        if values is None:
            given = next((text for text in texts if not arrays.is_missing_text(text)), None)
            if given is None:
                return np.full(len(texts), np.nan)
            if self._is_text is None and not _is_number(given):
                self._is_text = True
                return self._read_text(texts)
            values = np.array([math.nan if arrays.is_missing_text(text) else float(text)
                               for text in texts])
        if np.isinf(values).any():
            raise ValueError("not a finite time")
        if self._is_text is None and not np.isnan(values).all():
            self._is_text = False
        return values

    def seconds(self, values):
        """Return the seconds since 1970 of all times read so far, and the form of the times.

        Args:
          values: float64 [N], from `read`.

        Returns:
          (float64 [N], string: "times as dates", "times in milliseconds", ...).
        """
        return (values, _DATES) if self._is_text else _of_numbers(values)

    def _read_text(self, texts):
        if self._parse is _parse_date:
            values = _iso_of_one_length(texts)
            if values is not None:
                return values
        if len(self._cache) > _MOST_CACHED:
            self._cache.clear()
        return np.array([self._one(text) for text in texts], np.float64)

    def _one(self, text):
        value = self._cache.get(text)
        if value is None:
            value = math.nan if arrays.is_missing_text(text) else self._parse(text)
            self._cache[text] = value
        return value


def of_values(function, argument, values):
    """Return the times in a sequence or array: numbers in any unit, dates and times, or their text.

    Args:
      function, argument: strings, the caller and its argument, for errors.
      values: sequence or array [N].

    Returns:
      (float64 [N], seconds, NaN for a missing time; string, the form of the times).

    Raises:
      InputError: not a sequence, a value that is not a time.
    """
    texts = arrays.texts(function, argument, values)
    if texts is None:
        found = arrays.numbers(function, argument, values)
        return (found, _DATES) if arrays.are_dates(values) else _of_numbers(found)
    column = Column()
    try:
        return column.seconds(column.read(texts))
    except ValueError:
        pass
    for place, text in enumerate(texts):
        try:
            column.read([text])
        except ValueError:
            checks.argument(False, function, "%s[%d]" % (argument, place), WANTED, text)
    raise AssertionError("%s: the times are invalid, but none of them" % function)


def after_histories(seconds):
    """Move times at the start of 1970 to right before all other times.

    MIND has no times for a user's history; `rows` numbers them by seconds from 1970 on.

    Args:
      seconds: float64 [N].

    Returns:
      float64 [N].
    """
    early = seconds < _HISTORY_SECONDS
    if early.all() or not early.any():
        return seconds
    return np.where(early, seconds - seconds[early].max() - 1 + seconds[~early].min(), seconds)


def _is_number(text):
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _of_numbers(values):
    """Return (seconds, unit in words) of numbers, float64 [N] with NaN for missing ones."""
    given = values[np.isfinite(values) & (values != 0)]
    if not len(given):
        return values, _UNITS[0][2]
    if given.min() >= 19000101 and given.max() <= 21001231:
        dates = _seconds_of_parts([given // 10000, given // 100 % 100, given % 100])
        if (given == np.floor(given)).all() and np.isfinite(dates).all() and (values != 0).all():
            seconds = np.full(len(values), np.nan)
            seconds[np.isfinite(values)] = dates
            return seconds, "times as YYYYMMDD"
    middle = float(np.median(np.abs(given)))
    factor, name = next((factor, name) for limit, factor, name in _UNITS if middle < limit)
    return (values if factor == 1 else values / factor), name


def _seconds_of_parts(parts):
    """Return the seconds of times, NaN for invalid times.

    Args:
      parts: list of 3 or 6 integer arrays [N]: year, month, day, and hour, minute, second.
    """
    year, month, day = (np.asarray(part, np.int64) for part in parts[:3])
    clock = [np.asarray(part, np.int64) for part in parts[3:]] or [np.zeros(1, np.int64)] * 3
    leap = ((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)
    lengths = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    fits = (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1)
    month = np.where(fits, month, 1)
    fits &= day <= lengths[month] + (leap & (month == 2))
    fits &= (clock[0] <= 23) & (clock[1] <= 59) & (clock[2] <= 60)  # a leap second
    # Days since 1970-03-01 of years that begin in March, so that a leap day ends its year.
    years = year - (month <= 2)
    days = (365 * years + years // 4 - years // 100 + years // 400
            + (153 * ((month + 9) % 12) + 2) // 5 + day - 1 - 719468)
    seconds = days * 86400.0 + clock[0] * 3600 + clock[1] * 60 + clock[2]
    return np.where(fits, seconds, np.nan)


def _iso_of_one_length(texts):
    """Return the seconds of texts that are all YYYY-MM-DD or YYYY-MM-DD HH:MM:SS.ffffffZ, else None."""
    table = np.array(texts)
    size = table.dtype.itemsize // 4
    if table.dtype.kind != "U" or not (size == 10 or 19 <= size <= 30) or not len(texts):
        return None
    codes = np.ascontiguousarray(table).view(np.uint32).reshape(len(texts), size)
    ends = size
    if size > 19 and (codes[:, -1] == ord("Z")).all():
        ends -= 1
    fraction = list(range(20, ends))
    places = list(_DIGITS + (_CLOCK_DIGITS if size > 10 else ())) + fraction
    digits = codes[:, places].astype(np.int64) - 48
    fits = ((digits >= 0) & (digits <= 9)).all() and (codes[:, [4, 7]] == ord("-")).all()
    if fits and size > 10:
        fits = (((codes[:, 10] == ord("T")) | (codes[:, 10] == ord(" "))).all()
                and (codes[:, [13, 16]] == ord(":")).all()
                and (ends == 19 or (len(fraction) > 0 and (codes[:, 19] == ord(".")).all())))
    if not fits:
        return None
    tens = digits[:, 4:14].reshape(len(texts), -1, 2)[:, :(5 if size > 10 else 2)] @ np.array([10, 1])
    parts = [digits[:, :4] @ np.array([1000, 100, 10, 1])] + list(tens.T)
    seconds = _seconds_of_parts(parts)
    if fraction:
        seconds = seconds + digits[:, 14:] @ 10.0 ** -np.arange(1, len(fraction) + 1)
    return None if np.isnan(seconds).any() else seconds


def _parse_date(text):
    """Return the seconds of one date or time; ValueError for other text."""
    text = text.strip()
    found = _ISO.fullmatch(text)
    if found:
        year, _, month, day, hour, minute, second, fraction, zone = found.groups()
        if not found.group(2) and not (len(month) == len(day) == 2):
            raise ValueError("not a date")
        seconds = _seconds_of([year, month, day, hour or 0, minute or 0, second or 0])
        return seconds + (float("0." + fraction) if fraction else 0.0) - _zone_seconds(zone)
    found = _WEEKDAY.fullmatch(text)
    if not found or found.group(1) not in _MONTHS:
        raise ValueError("not a time")
    month, day, hour, minute, second, zone, year = found.groups()
    return _seconds_of([year, _MONTHS.index(month) + 1, day, hour, minute, second]) - _zone_seconds(zone)


def _parse_month_first(text):
    """Return the seconds of a time of the form "11/15/2019 8:55:22 AM"; ValueError for other text."""
    found = _MONTH_FIRST.fullmatch(text.strip())
    if not found or not 1 <= int(found.group(4)) <= 12:
        raise ValueError("not a time")
    month, day, year, hour, minute, second, half = found.groups()
    return _seconds_of([year, month, day, int(hour) % 12 + 12 * (half == "P"), minute, second])


def _seconds_of(parts):
    """Return the seconds of [year, month, day, hour, minute, second], numbers or their text."""
    year, month, day, hour, minute, second = map(int, parts)
    # datetime raises ValueError for invalid values. Second 60 is a leap second.
    time = datetime.datetime(year, month, day, hour, minute) - _EPOCH
    if second > 60:
        raise ValueError("not a time")
    return time.total_seconds() + second


def _zone_seconds(zone):
    """Return the seconds by which a zone, such as +02:00, is ahead of UTC."""
    if not zone or zone.upper() in ("Z", "UTC", "GMT"):
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        raise ValueError("not a time zone")
    return (-1 if zone[0] == "-" else 1) * (3600 * hours + 60 * minutes)


def is_date(seconds):
    """Return whether a number can be seconds since 1970, from 1973 to 2286."""
    return 1e8 <= seconds < 1e10


def shown(seconds):
    """Return seconds since 1970 as a date and time in UTC, such as "2018-09-20 12:00:00"."""
    return str(_EPOCH + datetime.timedelta(seconds=math.floor(seconds)))
