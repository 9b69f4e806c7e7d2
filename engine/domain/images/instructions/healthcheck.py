"""The HEALTHCHECK instruction."""

from __future__ import annotations

from engine.domain.images.instructions.lexer import command_line
from engine.domain.images.times import go_duration
from engine.errors import InvalidParameter
from engine.models.containers import HealthcheckConfig

__all__ = ["parse_healthcheck"]

_TIMES = ("interval", "timeout", "start-period", "start-interval")


def parse_healthcheck(rest: str) -> HealthcheckConfig:
    """`[--flag=value...] CMD command | NONE`; raises InvalidParameter with dockerd's texts."""
    flags, rest = _flags(rest)
    if not rest:
        raise InvalidParameter("HEALTHCHECK requires at least one argument")
    kind, _, arguments = rest.partition(" ")
    kind = kind.upper()
    if kind == "NONE":
        if arguments.strip():
            raise InvalidParameter("HEALTHCHECK NONE takes no arguments")
        return HealthcheckConfig(test=["NONE"])
    if kind != "CMD":
        raise InvalidParameter(f'Unknown type "{kind}" in HEALTHCHECK (try CMD)')
    line, is_json = command_line(arguments.strip())
    if not line:
        raise InvalidParameter("Missing command after HEALTHCHECK CMD")
    return HealthcheckConfig(
        test=["CMD" if is_json else "CMD-SHELL", *line],
        retries=_retries(flags.get("retries", "")),
        **{name.replace("-", "_"): _interval(name, flags.get(name, "")) for name in _TIMES},
    )


def _flags(rest: str) -> tuple[dict[str, str], str]:
    flags: dict[str, str] = {}
    while rest.startswith("--"):
        flag, _, rest = rest.partition(" ")
        rest = rest.lstrip()
        name, equals, value = flag[2:].partition("=")
        if not name:
            break
        if name not in (*_TIMES, "retries"):
            raise InvalidParameter(f"Unknown flag: {name}")
        if not equals:
            raise InvalidParameter(f"Missing a value on flag: {name}")
        flags[name] = value
    return flags, rest


def _interval(name: str, text: str) -> int:
    nanoseconds = go_duration(text) if text else 0
    if nanoseconds and nanoseconds < 1_000_000:
        raise InvalidParameter(f'Interval "{name}" cannot be less than 1ms')
    return nanoseconds


def _retries(text: str) -> int:
    if not text:
        return 0
    try:
        retries = int(text)
    except ValueError:
        raise InvalidParameter(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None
    if retries < 1:
        raise InvalidParameter(f"--retries must be at least 1 (not {retries})")
    return retries
