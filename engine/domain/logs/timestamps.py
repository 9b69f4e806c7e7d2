"""Nanosecond timestamps as Go's RFC3339Nano texts, both ways."""

from __future__ import annotations

import calendar
import functools
import time
from datetime import UTC, datetime

SECOND = 1_000_000_000


@functools.lru_cache(maxsize=64)
def _date(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


@functools.lru_cache(maxsize=1024)
def _seconds(date: str) -> int:
    return calendar.timegm(time.strptime(date, "%Y-%m-%dT%H:%M:%S"))


def format_nano(ns: int) -> str:
    """RFC3339Nano in UTC: trailing zeros of the fraction are dropped, as in dockerd's log files."""
    seconds, fraction = divmod(ns, SECOND)
    if not fraction:
        return f"{_date(seconds)}Z"
    return f"{_date(seconds)}.{fraction:09d}".rstrip("0") + "Z"


def format_fixed(ns: int) -> str:
    """All nine digits of the fraction, as `docker logs --timestamps` shows them."""
    seconds, fraction = divmod(ns, SECOND)
    return f"{_date(seconds)}.{fraction:09d}Z"


def parse(text: str) -> int:
    """Nanoseconds since the epoch; ValueError if the text is no RFC 3339 time."""
    if text.endswith("Z") and (len(text) == 20 or text[19:20] == "."):
        fraction = text[20:-1]
        if len(fraction) <= 9 and (not fraction or fraction.isdecimal()):
            return _seconds(text[:19]) * SECOND + int(fraction.ljust(9, "0"))
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError(f"no time zone in {text!r}")
    since = when - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds) * 1000
