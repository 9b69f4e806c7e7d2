"""Refuses default log options that the log driver does not know or cannot read."""

from __future__ import annotations

from collections.abc import Mapping

from config.errors import ConfigError
from config.units import go_bool, ram_in_bytes

_EXTRA = frozenset(["env", "env-regex", "labels", "labels-regex", "tag"])
_ROTATION = frozenset(["compress", "max-file", "max-size"])
_KNOWN = {"json-file": _EXTRA | _ROTATION, "local": _ROTATION, "none": frozenset[str]()}
"""Of the drivers with files of their own; what others take, the container's creation says."""
_CACHE = frozenset(["cache-disabled", "cache-max-size", "cache-max-file", "cache-compress"])
_GENERIC = _CACHE | {"mode", "max-buffer-size"}


def check_log_options(driver: str, options: Mapping[str, str]) -> None:
    """Raise ConfigError for an unknown option of a known driver, or a value that cannot be read."""
    known = _KNOWN.get(driver)
    for name in options:
        if known is not None and name not in known | _GENERIC:
            where = f"log driver {driver}" if driver == "local" else f"{driver} log driver"
            raise _error(f"unknown log opt '{name}' for {where}")
    _check_mode(options)
    if known is not None and known >= _ROTATION:
        _check_rotation(options)


def _check_mode(options: Mapping[str, str]) -> None:
    mode = options.get("mode", "")
    if mode not in ("", "blocking", "non-blocking"):
        raise _error(f"logger: logging mode not supported: {mode}")
    if "max-buffer-size" in options:
        if mode != "non-blocking":
            raise _error(
                f"logger: max-buffer-size option is only supported with 'mode=non-blocking', got '{mode}'"
            )
        _size("max-buffer-size", options["max-buffer-size"])


def _check_rotation(options: Mapping[str, str]) -> None:
    size = options.get("max-size", "-1")
    if size != "-1" and _size("max-size", size) <= 0:
        raise _error(f"invalid value for max-size: {size}")
    files = options.get("max-file", "1")
    if not (files.isascii() and files.isdigit()) or int(files) < 1:
        raise _error(f"invalid value for max-file: {files}: must be a positive number")
    try:
        go_bool(options.get("compress", "false"))
    except ConfigError as error:
        raise _error(f"invalid value for compress: {error}") from None


def _size(name: str, text: str) -> int:
    try:
        return ram_in_bytes(text)
    except ConfigError as error:
        raise _error(f"invalid value for {name}: {error}") from None


def _error(text: str) -> ConfigError:
    return ConfigError(text, key="log-opts")
