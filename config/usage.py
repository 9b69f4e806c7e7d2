"""Writes the text of `trimarand --help`: grouped, aligned, wrapped."""

from __future__ import annotations

import textwrap
from typing import Any

from config.options import GROUPS, Option
from config.schema import CONFIG_FILE, KEYS, Settings
from config.units import bytes_size
from config.values import BOOL, BYTES

_COLUMN = 42


def usage(width: int = 100) -> str:
    """The help; flags that do nothing or serve debugging only are left out, as in dockerd."""
    lines = [
        "Usage:  trimarand [OPTIONS]",
        "",
        "A container engine that speaks the Docker API.",
        "",
    ]
    for title, options in GROUPS.items():
        lines.append(f"{title}:")
        for option in options:
            if not option.hidden:
                lines += _option(option, width)
        lines.append("")
    lines.append(
        "Each flag is a key of the configuration file too; one key may not be given in both."
    )
    return "\n".join(lines) + "\n"


def _option(option: Option, width: int) -> list[str]:
    letter = f"-{option.short}, " if option.short else "    "
    head = f"  {letter}--{option.flag} {option.kind.word}".rstrip()
    text = option.help + _default(option)
    body = textwrap.wrap(text, width - _COLUMN)
    if len(head) >= _COLUMN:
        return [head, *(" " * _COLUMN + line for line in body)]
    return [head.ljust(_COLUMN) + body[0], *(" " * _COLUMN + line for line in body[1:])]


def _default(option: Option) -> str:
    if option.flag == "config-file":
        return f' (default "{CONFIG_FILE}")'
    attribute = KEYS.get(option.key)
    value: Any = getattr(Settings(), attribute) if attribute else None
    if attribute == "pidfile":
        value = Settings().pid_path
    if not value or isinstance(value, dict):
        return ""
    if option.kind is BYTES:
        return f" (default {bytes_size(value)})"
    if option.kind is BOOL:
        return " (default true)"
    if isinstance(value, tuple):
        return f" (default {', '.join(value)})"
    return f' (default "{value}")' if isinstance(value, str) else _number(value)


def _number(value: Any) -> str:
    return f" (default {value})" if isinstance(value, int) else ""
