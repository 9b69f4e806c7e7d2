"""Query parameters, read as dockerd reads them."""

from __future__ import annotations

from typing import Any

import msgspec
from quart import request

from engine.errors import InvalidParameter

_FALSE = frozenset({"", "0", "no", "false", "none"})


def parse_bool(text: str | None, *, default: bool = False) -> bool:
    """dockerd's BoolValue: anything but a few words is true; absent is the default."""
    if text is None:
        return default
    return text.strip().lower() not in _FALSE


def parse_int(text: str | None, name: str, default: int) -> int:
    """A decimal number; absent or empty is the default."""
    if not text:
        return default
    try:
        return int(text, 10)
    except ValueError:
        raise InvalidParameter(
            f'invalid value for {name}: strconv.Atoi: parsing "{text}": invalid syntax'
        ) from None


def parse_filters(text: str | None) -> dict[str, list[str]]:
    """Both forms, `{"k":["v"]}` and the old `{"k":{"v":true}}`; order is kept."""
    if not text:
        return {}
    try:
        raw = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise InvalidParameter(f"invalid filter: {error}") from error
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise InvalidParameter("invalid filter: a JSON object is needed")
    return {name: _filter_values(name, values) for name, values in raw.items()}


def _filter_values(name: str, values: Any) -> list[str]:
    if values is None:
        return []
    # The old form's booleans were never looked at.
    found = list(values) if isinstance(values, list | dict) else None
    if found is None or not all(isinstance(each, str) for each in found):
        raise InvalidParameter(f"invalid filter '{name}': a list of strings is needed")
    return list(dict.fromkeys(found))


def query_text(name: str, default: str = "") -> str:
    """A parameter's first value."""
    return request.args.get(name, default)


def query_list(name: str) -> list[str]:
    """All values of a repeated parameter."""
    return request.args.getlist(name)


def query_bool(name: str, *, default: bool = False) -> bool:
    """A parameter as dockerd's boolean."""
    return parse_bool(request.args.get(name), default=default)


def query_int(name: str, default: int = 0) -> int:
    """A parameter as a number; raises InvalidParameter."""
    return parse_int(request.args.get(name), name, default)


def query_number(name: str) -> int:
    """A parameter that must be there, as a number; raises InvalidParameter."""
    text = request.args.get(name, "")
    if not text:
        raise InvalidParameter(
            f'invalid value for {name}: strconv.Atoi: parsing "": invalid syntax'
        )
    return parse_int(text, name, 0)


def query_size(name: str) -> int:
    """Of a terminal: the kernel keeps 16 bits of its height and width; raises InvalidParameter."""
    size = query_number(name)
    if not 0 <= size <= 0xFFFF:
        raise InvalidParameter(f"invalid value for {name}: {size} is out of range")
    return size


def query_filters(name: str = "filters") -> dict[str, list[str]]:
    """The filters of a list, prune or events request."""
    return parse_filters(request.args.get(name))
