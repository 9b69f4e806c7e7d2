"""Go's notation of times and durations."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from engine.errors import InvalidParameter

__all__ = ["ZERO_TIME", "go_duration", "rfc3339", "unix_nanoseconds"]

ZERO_TIME = "0001-01-01T00:00:00Z"
_UNITS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)([^\d.]*)")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)\Z")


def go_duration(text: str) -> int:
    """Nanoseconds; raises InvalidParameter with the texts of Go's time.ParseDuration."""
    body = text.lstrip("+-") if text[:1] in ("+", "-") else text
    if body == "0":
        return 0
    total, position = 0.0, 0
    while position < len(body):
        part = _PART.match(body, position)
        if part is None:
            raise InvalidParameter(f'time: invalid duration "{text}"')
        number, unit = part.groups()
        if not unit:
            raise InvalidParameter(f'time: missing unit in duration "{text}"')
        if unit not in _UNITS:
            raise InvalidParameter(f'time: unknown unit "{unit}" in duration "{text}"')
        total += float(number) * _UNITS[unit]
        position = part.end()
    if not body:
        raise InvalidParameter(f'time: invalid duration "{text}"')
    return round(-total if text.startswith("-") else total)


def unix_nanoseconds(text: str | None) -> int | None:
    """From RFC 3339, with all nine digits; None for what is absent, zero or no such time."""
    match = _TIME.match(text or "")
    if match is None or match[1].startswith("0001-"):
        return None
    zone = "+00:00" if match[4] in "Zz" else match[4]
    try:
        moment = datetime.fromisoformat(f"{match[1]}T{match[2]}{zone}")
    except ValueError:
        return None
    fraction = int(((match[3] or "") + "0" * 9)[:9])
    return int(moment.timestamp()) * 10**9 + fraction


def rfc3339(nanoseconds: int) -> str:
    """UTC, trailing zeros of the fraction cut, as Go's RFC3339Nano."""
    seconds, fraction = divmod(nanoseconds, 10**9)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    digits = f"{fraction:09d}".rstrip("0")
    return f"{text}.{digits}Z" if digits else f"{text}Z"
