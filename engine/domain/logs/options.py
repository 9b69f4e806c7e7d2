"""Log drivers and their options: what a container may ask for, checked with dockerd's texts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from engine.errors import InvalidParameter, NotImplementedHere, SystemFailure

UNREADABLE = "configured logging driver does not support reading"

_SIZE = re.compile(r"(\d+(?:\.\d+)*) ?([kmgtp])?i?b?", re.IGNORECASE | re.ASCII)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_GENERIC = {"mode", "max-buffer-size"}
_JSON_FILE = {
    *("max-file", "max-size", "compress", "labels", "labels-regex", "env", "env-regex", "tag")
}
_TRUE = {"1", "t", "T", "true", "TRUE", "True"}
_FALSE = {"0", "f", "F", "false", "FALSE", "False"}


@dataclass(frozen=True)
class JsonFileOptions:
    """Rotation of a json-file log; without `max_size` (bytes) it grows for ever."""

    max_size: int | None = None
    max_file: int = 1
    compress: bool = False


def check_options(driver: str, options: Mapping[str, str]) -> None:
    """What `create` refuses; the options' values are looked at only when the container starts."""
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
    if driver != "json-file":
        raise InvalidParameter(
            f'error looking up logging plugin {driver}: plugin "{driver}" not found'
        )
    for name in options:
        if name not in _JSON_FILE | _GENERIC:
            raise InvalidParameter(f"unknown log opt '{name}' for json-file log driver")


def json_file_options(options: Mapping[str, str]) -> JsonFileOptions:
    """The options of a container that starts; SystemFailure with dockerd's text if unusable."""
    try:
        return _json_file_options(options)
    except ValueError as error:
        raise SystemFailure(f"failed to initialize logging driver: {error}") from None


def _json_file_options(options: Mapping[str, str]) -> JsonFileOptions:
    max_size = None
    if "max-size" in options:
        max_size = parse_size(options["max-size"], 1000)
        if max_size <= 0:
            raise ValueError("max-size must be a positive number")
    max_file = _integer(options.get("max-file", "1"))
    if max_file < 1:
        raise ValueError("max-file cannot be less than 1")
    compress = _boolean(options.get("compress", "false"))
    if compress and (max_file == 1 or max_size is None):
        raise ValueError(
            "compress cannot be true when max-file is less than 2 or max-size is not set"
        )
    return JsonFileOptions(max_size, max_file, compress)


def refuse_reading() -> NotImplementedHere:
    """The answer to `logs` of a container whose driver keeps nothing."""
    return NotImplementedHere(UNREADABLE)


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


def _integer(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d+", text, re.ASCII):
        raise ValueError(f'strconv.Atoi: parsing "{text}": invalid syntax')
    return int(text)


def _boolean(text: str) -> bool:
    if text not in _TRUE | _FALSE:
        raise ValueError(f'strconv.ParseBool: parsing "{text}": invalid syntax')
    return text in _TRUE
