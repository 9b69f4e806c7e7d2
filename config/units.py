"""Texts with units, as docker's go-units and Go's time package read them."""

from __future__ import annotations

import re

from config.errors import ConfigError
from config.sections import Ulimit

_BINARY = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}
_DECIMAL = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "p": 10**15}
_DURATION_NS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,  # U+00B5, micro sign
    "μs": 10**3,  # U+03BC, Greek letter mu
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
ULIMIT_NAMES = frozenset({
    "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc",
    "rss", "rtprio", "rttime", "sigpending", "stack",
})  # fmt: skip
_SIZE = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+) ?(?P<suffix>[A-Za-z]*)")
_TERM = re.compile(r"(?P<number>[0-9]+\.?[0-9]*|\.[0-9]+)(?P<unit>[^0-9.]*)")
_INT64 = 1 << 63


def ram_in_bytes(text: str) -> int:
    """Read `64m`, `1.5GiB`, `512` in powers of 1024 (go-units RAMInBytes)."""
    return _size(text, _BINARY, infix="i")


def human_in_bytes(text: str) -> int:
    """Read `10GB` in powers of 1000 (go-units FromHumanSize)."""
    return _size(text, _DECIMAL, infix="")


def _size(text: str, factors: dict[str, int], *, infix: str) -> int:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ConfigError(f"invalid size: '{text}'")
    suffix = match["suffix"].lower()
    unit = suffix[:1] if suffix[:1] in factors and suffix != "" else ""
    if suffix[len(unit) :] not in _tails(unit, infix):
        raise ConfigError(f"invalid suffix: '{match['suffix']}'")
    number = match["number"]
    # Whole numbers stay exact: a float would round beyond 2**53.
    factor = factors[unit]
    size: int = int(number) * factor if number.isdigit() else int(float(number) * factor)
    if size >= _INT64:
        raise ConfigError(f"invalid size: '{text}'")
    return size


def _tails(unit: str, infix: str) -> set[str]:
    return {"", "b", f"{infix}b"} if unit else {"", "b"}


def bytes_size(size: float) -> str:
    """Write a size as docker shows it: `64MiB`, `1.5GiB` (go-units BytesSize, `%.4g`)."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if size < 1024 or unit == "PiB":
            return f"{size:.4g}{unit}"
        size /= 1024
    raise AssertionError("unreachable")


def duration_ns(text: str) -> int:
    """Read a Go duration (`10s`, `1h30m`, `-1.5h`, `0`) as nanoseconds."""
    sign, rest = (-1, text[1:]) if text[:1] == "-" else (1, text.removeprefix("+"))
    if rest == "0":
        return 0
    if not rest:
        raise ConfigError(f'time: invalid duration "{text}"')
    total, position = 0, 0
    while position < len(rest):
        match = _TERM.match(rest, position)
        if match is None:
            raise ConfigError(f'time: invalid duration "{text}"')
        total += _term(match["number"], match["unit"], text)
        position = match.end()
    if total >= _INT64:
        raise ConfigError(f'time: invalid duration "{text}"')
    return sign * total


def _term(number: str, unit: str, text: str) -> int:
    if not unit:
        raise ConfigError(f'time: missing unit in duration "{text}"')
    if unit not in _DURATION_NS:
        raise ConfigError(f'time: unknown unit "{unit}" in duration "{text}"')
    whole, _, fraction = number.partition(".")
    factor = _DURATION_NS[unit]
    part: int = int(fraction or 0) * factor // 10 ** len(fraction)
    return int(whole or 0) * factor + part


def parse_ulimit(text: str) -> Ulimit:
    """Read `nofile=1024:2048` or `nofile=1024` (go-units ParseUlimit, with its texts)."""
    name, equals, limits = text.partition("=")
    if not equals:
        raise ConfigError(f"invalid ulimit argument: {text}")
    if name not in ULIMIT_NAMES:
        raise ConfigError(f"invalid ulimit type: {name}")
    soft_text, colon, hard_text = limits.partition(":")
    if ":" in hard_text:
        raise ConfigError(
            f"too many limit value arguments - {limits}, can only have up to two, `soft[:hard]`"
        )
    soft = go_int(soft_text)
    return check_ulimit(Ulimit(name, soft, go_int(hard_text) if colon else soft))


def check_ulimit(limit: Ulimit) -> Ulimit:
    """Refuse a soft limit above the hard one; -1 is unlimited."""
    above = "ulimit soft limit must be less than or equal to hard limit"
    if limit.hard != -1 and limit.soft == -1:
        raise ConfigError(f"{above}: soft: -1 (unlimited), hard: {limit.hard}")
    if limit.hard != -1 and limit.soft > limit.hard:
        raise ConfigError(f"{above}: {limit.soft} > {limit.hard}")
    return limit


def go_int(text: str) -> int:
    """Read an integer as Go's strconv.ParseInt(text, 0, 64) does: 10, 0x1f, 0o17, 017, 0b1."""
    error = ConfigError(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    digits = text.removeprefix("-") if text[:1] == "-" else text.removeprefix("+")
    octal = len(digits) > 1 and digits[0] == "0" and digits[1:].isdigit()
    if not digits or digits != digits.strip() or not digits.isascii() or digits[0] in "+-_":
        raise error
    try:
        value = int(digits[1:], 8) if octal else int(digits, 0)
    except ValueError:
        raise error from None
    value = -value if text[:1] == "-" else value
    if not -_INT64 <= value < _INT64:
        raise ConfigError(f'strconv.ParseInt: parsing "{text}": value out of range')
    return value


def go_bool(text: str) -> bool:
    """Read a truth value as Go's strconv.ParseBool does."""
    if text in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    if text in ("0", "f", "F", "false", "FALSE", "False"):
        return False
    raise ConfigError(f'strconv.ParseBool: parsing "{text}": invalid syntax')
