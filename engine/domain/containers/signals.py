"""Signals by name or number, as the kill endpoint and StopSignal take them."""

from __future__ import annotations

import signal

from engine.errors import InvalidParameter

_HIGHEST = 64


def parse_signal(text: str) -> int:
    """`TERM`, `sigterm`, `15` or `SIGRTMIN+3` to the number; raises InvalidParameter."""
    if text.isdecimal():
        number = int(text)
        if number > 0:
            return number
        raise InvalidParameter(f"Invalid signal: {text}")
    name = text.upper().removeprefix("SIG")
    if name.startswith(("RTMIN", "RTMAX")):
        return _realtime(name, text)
    found = signal.Signals.__members__.get(f"SIG{name}")
    if found is None:
        raise InvalidParameter(f"Invalid signal: {text}")
    return int(found)


def _realtime(name: str, text: str) -> int:
    offset = name[5:]
    low, high = int(signal.SIGRTMIN), _HIGHEST
    try:
        number = (low if name.startswith("RTMIN") else high) + int(offset or "0")
    except ValueError:
        number = 0
    if not low <= number <= high:
        raise InvalidParameter(f"Invalid signal: {text}")
    return number
