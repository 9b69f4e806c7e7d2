"""Brings the content of daemon.json into the form that the settings are made from.

Knows which names exist, at every depth, and reads the texts that stand for numbers.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from config.errors import ConfigError, UnknownDirectives
from config.honoured import REMOVED, removed
from config.options import OPTIONS, Option
from config.schema import KEYS, Settings
from config.values import BYTES, IP, POOLS, SECONDS, read_seconds, read_size

ALIASES = {"host-gateway-ip": "host-gateway-ips"}  # dockerd up to 28.1 had one address
_BY_KEY = {option.key: option for option in OPTIONS if option.key}
_READERS: dict[str, dict[str, Callable[[str], int]]] = {
    "events-retention": {"age": read_seconds, "bytes": read_size},
    "storage-collection": {
        "grace": read_seconds,
        "interval": read_seconds,
        "min-age": read_seconds,
        "reserve": read_size,
    },
}
"""Texts that stand for numbers in a section: key -> field -> how it is read."""
_TYPES = typing.get_type_hints(Settings)


def normalise(data: dict[str, Any]) -> dict[str, Any]:
    """The file's content with every name checked and every text read; raises ConfigError."""
    for key in REMOVED.keys() & data.keys():
        raise removed(key, key)
    data = {ALIASES.get(key, key): _listed(key, value) for key, value in data.items()}
    unknown = sorted(data.keys() - KEYS.keys())
    folded = {
        key: fold(value, _TYPES[KEYS[key]], key, unknown)
        for key, value in data.items()
        if key in KEYS and value is not None  # null leaves the default, as in Go
    }
    if unknown:
        raise UnknownDirectives(unknown)
    return {key: _read(key, value) for key, value in folded.items()}


def fold(value: Any, kind: Any, path: str, unknown: list[str]) -> Any:
    """Give nested names their own case (Go ignores it) and collect those that don't exist."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(value, dict):
        return dict(_fold_struct(value, kind, path, unknown))
    if origin is dict and isinstance(value, dict):
        items = value.items()
        return {key: fold(item, arguments[1], f"{path}.{key}", unknown) for key, item in items}
    if origin is tuple and isinstance(value, list):
        return [fold(item, arguments[0], path, unknown) for item in value]
    return value


def _fold_struct(
    value: dict[str, Any], kind: type[msgspec.Struct], path: str, unknown: list[str]
) -> Iterator[tuple[str, Any]]:
    hints = typing.get_type_hints(kind)
    known = {
        field.encode_name.lower(): (field.encode_name, hints[field.name])
        for field in msgspec.structs.fields(kind)
    }
    for key, item in value.items():
        if key.lower() not in known:
            unknown.append(f"{path}.{key}")
        elif item is not None:
            name, inner = known[key.lower()]
            yield name, fold(item, inner, f"{path}.{key}", unknown)


def _listed(key: str, value: Any) -> Any:
    return [value] if key in ALIASES and isinstance(value, str) else value


def _read(key: str, value: Any) -> Any:
    try:
        if key in _READERS and isinstance(value, dict):
            return _numbers(value, _READERS[key])
        if key == "default-ulimits" and isinstance(value, dict):
            return {name: _named(name, limit) for name, limit in value.items()}
        option = _BY_KEY.get(key)
        return value if option is None else _by_kind(option, value)
    except ConfigError as error:
        raise ConfigError(error.message, key=key) from None


def _by_kind(option: Option, value: Any) -> Any:
    """What the flag's kind makes of each text; a mirrors map is read list by list."""
    kind = option.kind
    if kind in (BYTES, SECONDS, IP):
        return kind.read(value) if isinstance(value, str) and value else value
    if kind.repeat != "append" or kind is POOLS:
        return value
    if isinstance(value, dict):
        return {key: _by_kind(option, items) for key, items in value.items()}
    if isinstance(value, list):
        return [kind.read(item) if isinstance(item, str) else item for item in value]
    return value


def _numbers(value: dict[str, Any], readers: dict[str, Callable[[str], int]]) -> dict[str, Any]:
    return {
        key: readers[key](item) if key in readers and isinstance(item, str) else item
        for key, item in value.items()
    }


def _named(name: str, limit: Any) -> Any:
    return {"Name": name, **limit} if isinstance(limit, dict) else limit
