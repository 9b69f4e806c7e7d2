"""What a volume may be called and made of, with dockerd's texts. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from engine.domain.volumes.records import LOCAL, VolumeRecord, VolumeWish
from engine.errors import Conflict, EngineError, InvalidParameter, NotFound

ALLOWED = "[a-zA-Z0-9][a-zA-Z0-9_.-]"
_NAME = re.compile(rf"{ALLOWED}+")
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?[kmgtp]?i?b?", re.IGNORECASE)
_OPTIONS = frozenset({"type", "o", "device", "size"})
# The options that one of them cannot be without.
_TOGETHER = {"device": ("type",), "type": ("device",), "o": ("device", "type")}


def check_wish(wish: VolumeWish, existing: VolumeRecord | None) -> None:
    """Whether the wish can be met, by a new volume or by the one of this name.

    Raises InvalidParameter, Conflict for another driver's volume. Options are the driver's own business.
    An existing volume's options and labels are not compared: dockerd returns it as it is.
    """
    try:
        if existing is None:
            if wish.name:
                _check_name(wish.name)
            if wish.driver in ("", LOCAL):
                _check_options(wish.options or {})
        elif wish.driver and wish.driver != existing.driver:
            raise Conflict(
                f"driver '{existing.driver}' already has volume '{existing.name}': "
                "volume name must be unique"
            )
    except EngineError as error:
        raise refused("create", wish.name, error) from error


def refused(operation: str, name: str, error: EngineError) -> EngineError:
    """The same kind of error with what it was about: `create x: ...`."""
    return type(error)(f"{operation} {name}: {error}" if name else f"{operation}: {error}")


def no_such_volume(name: str) -> NotFound:
    return NotFound(f"get {name}: no such volume")


def needs_mount(record: VolumeRecord) -> bool:
    """Whether the volume is a mount of its own, made at its first use."""
    options = record.options or {}
    return record.driver != LOCAL or bool(options.get("device") or options.get("type"))


def no_driver(name: str, error: EngineError) -> EngineError:
    """What is wrong with a driver, the same kind of error in dockerd's words."""
    return type(error)(f"error looking up volume plugin {name}: {error}")


def _check_name(name: str) -> None:
    if len(name) == 1:
        raise InvalidParameter(
            "volume name is too short, names should be at least two alphanumeric characters"
        )
    if not _NAME.fullmatch(name):
        raise InvalidParameter(
            f'{_quoted(name)} includes invalid characters for a local volume name, only "{ALLOWED}" '
            "are allowed. If you intended to pass a host directory, use absolute path"
        )


def _check_options(options: Mapping[str, str]) -> None:
    for name in options:
        if name not in _OPTIONS:
            raise InvalidParameter(f"invalid option: {_quoted(name)}")
    for name, others in _TOGETHER.items():
        missing = [other for other in others if other not in options]
        if name in options and missing:
            raise InvalidParameter(f"missing required option: {_quoted(missing[0])}")
    if (size := options.get("size")) is not None:
        _check_size(size)


def _check_size(text: str) -> None:
    """Nothing here can hold a directory to a size."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise InvalidParameter(f"invalid size: '{text}'")
    if float(found.group(1)) > 0:
        raise InvalidParameter("quota size requested but no quota support")


def _quoted(text: str) -> str:
    """As Go's %q prints it, for what an option or a name may hold."""
    return msgspec.json.encode(text).decode()
