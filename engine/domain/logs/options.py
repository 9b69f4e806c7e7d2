"""Log options: what a container may ask for, checked with dockerd's texts, and what they come to."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from engine.domain.logs.drivers import CHECKS, DRIVERS
from engine.domain.logs.values import MEGABYTE, go_bool, integer, parse_size
from engine.errors import InvalidParameter, NotImplementedHere, SystemFailure

UNREADABLE = "configured logging driver does not support reading"

_GENERIC = {"mode", "max-buffer-size"}
_CACHE = {"cache-disabled", "cache-max-size", "cache-max-file", "cache-compress"}
LOCAL_SIZE, LOCAL_FILES = 20 * MEGABYTE, 5
"""dockerd's for `local`, and for the cache beside drivers that cannot be read."""
RING = 1 << 20


class JsonFileOptions(msgspec.Struct, frozen=True):
    """Rotation of a json-file log; without `max_size` (bytes) it grows for ever."""

    max_size: int | None = None
    max_file: int = 1
    compress: bool = False


def check_options(driver: str, options: Mapping[str, str], *, plugins: bool = False) -> None:
    """What `create` refuses; a file's own options are looked at only when the container starts.

    With `plugins` an unknown driver may be one, which looks at its options itself.
    """
    if driver == "none":
        return
    mode = options.get("mode", "")
    if mode not in ("", "blocking", "non-blocking"):
        raise InvalidParameter(f"logger: logging mode not supported: {mode}")
    if "max-buffer-size" in options:
        if mode != "non-blocking":
            raise InvalidParameter(
                "logger: max-buffer-size option is only supported with 'mode=non-blocking'"
            )
        try:
            parse_size(options["max-buffer-size"], 1024)
        except ValueError as error:
            raise InvalidParameter(f"error parsing option max-buffer-size: {error}") from None
    if driver not in DRIVERS and not plugins:
        raise no_driver(driver, f'plugin "{driver}" not found')
    if "cache-disabled" in options:
        try:
            go_bool(options["cache-disabled"])
        except ValueError:
            value = options["cache-disabled"]
            raise InvalidParameter(f"invalid value for option cache-disabled: {value}") from None
    if driver not in DRIVERS:
        return
    own = {name: options[name] for name in options if name not in _GENERIC | _CACHE}
    try:
        CHECKS[driver](own)
    except ValueError as error:
        raise InvalidParameter(str(error)) from None


def no_driver(driver: str, why: str) -> InvalidParameter:
    return InvalidParameter(f"error looking up logging plugin {driver}: {why}")


def file_options(driver: str, options: Mapping[str, str]) -> JsonFileOptions:
    """Of the file that a starting container of this driver writes; SystemFailure with dockerd's text."""
    try:
        if driver == "json-file":
            return _json_file_options(options)
        if driver == "local":
            return _local_options(options, "")
        # What waits for its delivery is read in place, so `cache-compress` changes nothing.
        return _local_options({**options, "cache-compress": "false"}, "cache-")
    except ValueError as error:
        raise SystemFailure(f"failed to initialize logging driver: {error}") from None


def json_file_options(options: Mapping[str, str]) -> JsonFileOptions:
    return file_options("json-file", options)


def keeps_cache(options: Mapping[str, str]) -> bool:
    """Can the log of a driver that delivers elsewhere be read here?"""
    return not go_bool(options.get("cache-disabled", "false"))


def ring_size(options: Mapping[str, str]) -> int | None:
    """How many bytes may wait for delivery in non-blocking mode; None without such a limit."""
    if options.get("mode") != "non-blocking":
        return None
    return parse_size(options["max-buffer-size"], 1024) if "max-buffer-size" in options else RING


def _json_file_options(options: Mapping[str, str]) -> JsonFileOptions:
    max_size = None
    if "max-size" in options:
        max_size = parse_size(options["max-size"], 1000)
        if max_size <= 0:
            raise ValueError("max-size must be a positive number")
    max_file = integer(options.get("max-file", "1"))
    if max_file < 1:
        raise ValueError("max-file cannot be less than 1")
    compress = go_bool(options.get("compress", "false"))
    if compress and (max_file == 1 or max_size is None):
        raise ValueError(
            "compress cannot be true when max-file is less than 2 or max-size is not set"
        )
    return JsonFileOptions(max_size, max_file, compress)


def _local_options(options: Mapping[str, str], prefix: str) -> JsonFileOptions:
    size, files = LOCAL_SIZE, LOCAL_FILES
    if text := options.get(f"{prefix}max-size"):
        try:
            size = parse_size(text, 1024)
        except ValueError as error:
            raise ValueError(f"invalid value for max-size: {text}: {error}") from None
    if text := options.get(f"{prefix}max-file"):
        try:
            files = integer(text)
        except ValueError as error:
            raise ValueError(f"invalid value for max-file: {text}: {error}") from None
    try:
        compress = go_bool(options.get(f"{prefix}compress") or "true")
    except ValueError as error:
        raise ValueError(f"error reading compress log option: {error}") from None
    if compress and files <= 1:
        raise ValueError("compression cannot be enabled when max file count is 1")
    return JsonFileOptions(size if size > 0 else LOCAL_SIZE, max(files, 1), compress)


def refuse_reading() -> NotImplementedHere:
    """The answer to `logs` of a container whose driver keeps nothing."""
    return NotImplementedHere(UNREADABLE)
