"""The values of log options, read as Go's libraries read them, and refused with their texts."""

from __future__ import annotations

import re

MEGABYTE = 1 << 20
_SIZE = re.compile(r"(\d+(?:\.\d+)*) ?([kmgtp])?i?b?", re.IGNORECASE | re.ASCII)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_TRUE = {"1", "t", "T", "true", "TRUE", "True"}
_FALSE = {"0", "f", "F", "false", "FALSE", "False"}
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


def parse_size(text: str, unit: int) -> int:
    """A human size ("10m", "1.5 GiB") in bytes; k is `unit`, as go-units has it."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"invalid size: '{text}'")
    try:
        amount = float(match[1])
    except ValueError:
        raise ValueError(f"invalid size: '{text}'") from None
    return int(amount * unit ** _POWERS[(match[2] or "").lower()])


def integer(text: str, *, function: str = "Atoi", signed: bool = True) -> int:
    if not re.fullmatch(r"[+-]?\d+" if signed else r"\d+", text, re.ASCII):
        raise ValueError(f'strconv.{function}: parsing "{text}": invalid syntax')
    return int(text)


def go_bool(text: str) -> bool:
    if text not in _TRUE | _FALSE:
        raise ValueError(f'strconv.ParseBool: parsing "{text}": invalid syntax')
    return text in _TRUE


def go_duration(text: str) -> float:
    """Seconds ("1m30s")."""
    if text == "0":
        return 0.0
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text.lstrip("+-"):
        raise ValueError(f'time: invalid duration "{text}"')
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return -seconds if text.startswith("-") else seconds
