"""The kinds of values: what a flag's text, or a scalar in the file, becomes before it is typed.

A kind reads into the *file form*, plain JSON values, so that a flag and the file agree by
construction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from config.addresses import (
    check_insecure_registry,
    check_ip,
    check_label,
    check_mirror,
    check_search_domain,
)
from config.errors import ConfigError
from config.hosts import parse_host
from config.units import duration_ns, go_bool, go_int, parse_ulimit, ram_in_bytes


class Kind(msgspec.Struct, frozen=True):
    """How a flag is shown in the help, read, and repeated."""

    word: str
    read: Callable[[str], Any]
    repeat: Literal["last", "append", "merge"] = "last"


def read_size(value: str) -> int:
    """A size in bytes, as a text with a unit."""
    return ram_in_bytes(value)


def read_seconds(value: str) -> int:
    """A Go duration as whole seconds; a bare number is seconds."""
    return int(value) if value.isdecimal() else duration_ns(value) // 10**9


def _pair(text: str, error: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ConfigError(error)
    return key, value


def _map(text: str) -> dict[str, str]:
    # dockerd takes `--log-opt foo` as foo="" and finds out later; here it is said at once.
    key, value = _pair(text, f"invalid key=value pair: {text}")
    return {key: value}


def _resource(text: str) -> str:
    _pair(text, f"invalid node-generic-resource format `{text}` expected `name=value`")
    return text


def _feature(text: str) -> dict[str, bool]:
    key, _, value = text.partition("=")
    return {key: go_bool(value) if value else True}


def _network_option(text: str) -> dict[str, dict[str, str]]:
    driver, option = _pair(text, f"invalid format for default-network-opt: {text}")
    key, value = _pair(option, f"invalid format for default-network-opt: {text}")
    return {driver: {key: value}}


def _runtime(text: str) -> dict[str, dict[str, str]]:
    name, path = _pair(text, f"invalid runtime argument: {text}")
    check_runtime_name(name, f"invalid runtime argument: {text}")
    return {name: {"path": path}}


def check_runtime_name(name: str, error: str = "") -> None:
    """A runtime of the configuration has a name, and not the built-in one's."""
    if not name.strip():
        raise ConfigError(error or "runtime name cannot be empty")
    if name.lower() == "runc":
        raise ConfigError("runtime name 'runc' is reserved")


def _ulimit(text: str) -> dict[str, Any]:
    limit = parse_ulimit(text)
    return {limit.name: msgspec.to_builtins(limit)}


def _fields(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for field in text.split(","):
        key, value = _pair(field, f"invalid field '{field}' must be a key=value pair")
        fields[key.strip().lower()] = value.strip()
    return fields


def _pool(text: str) -> dict[str, Any]:
    fields = _fields(text)
    for key in fields.keys() - {"base", "size"}:
        raise ConfigError(f"unexpected key '{key}' in '{text}'")
    for key in ("base", "size"):
        if key not in fields:
            raise ConfigError(f"default-address-pool needs a {key}: {text}")
    if not (fields["size"].isascii() and fields["size"].isdigit()):
        raise ConfigError(f"invalid size value: {fields['size']}")
    return {"base": fields["base"], "size": int(fields["size"])}


def _retention(text: str) -> dict[str, int]:
    readers: dict[str, Callable[[str], int]] = {
        "count": go_int,
        "age": read_seconds,
        "bytes": read_size,
    }
    fields = _fields(text)
    for key in fields.keys() - readers.keys():
        raise ConfigError(f"unexpected key '{key}' in '{text}'")
    return {key: readers[key](value) for key, value in fields.items()}


def _host(text: str) -> str:
    parse_host(text)
    return text.strip()


BOOL = Kind("", go_bool)
INT = Kind("int", go_int)
STRING = Kind("string", str)
BYTES = Kind("bytes", read_size)
SECONDS = Kind("duration", read_seconds)
IP = Kind("ip", check_ip)
LIST = Kind("list", str, "append")
IPS = Kind("list", check_ip, "append")
DOMAINS = Kind("list", check_search_domain, "append")
LABELS = Kind("list", check_label, "append")
HOSTS = Kind("list", _host, "append")
MIRRORS = Kind("list", check_mirror, "append")
INSECURE = Kind("list", check_insecure_registry, "append")
RESOURCES = Kind("list", _resource, "append")
MAP = Kind("map", _map, "merge")
FEATURES = Kind("map", _feature, "merge")
NETWORK_OPTIONS = Kind("mapmap", _network_option, "merge")
RUNTIMES = Kind("runtime", _runtime, "merge")
ULIMITS = Kind("ulimit", _ulimit, "merge")
POOLS = Kind("pool-options", _pool, "append")
RETENTION = Kind("limits", _retention, "merge")
