"""Makes the settings: defaults, under the configuration file, under the flags, then validated."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from config.directives import normalise
from config.errors import ConfigError
from config.flags import CommandLine
from config.honoured import check_refused, warnings
from config.options import OPTIONS
from config.origins import Origin
from config.schema import KEYS, Settings
from config.validate import resolve_labels, validate

_BOTH_ALLOWED = "runtimes"
_FROM_FILE = "configuration validation from file failed: "
_PATH = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<path>.*)`)?$", re.DOTALL)


class Loaded(msgspec.Struct, frozen=True):
    """A valid configuration, where each value came from, and what to warn of."""

    settings: Settings
    origins: dict[str, Origin]
    warnings: tuple[str, ...] = ()
    config_file: str | None = None  # the file that was read


def load(line: CommandLine, read: Callable[[str], bytes] | None = None) -> Loaded:
    """Read the file that the flags name, and merge. Raises ConfigError with dockerd's texts.

    A reload is the same call again: nothing is changed by it, so a refused one leaves no trace.
    """
    content = _read_file(line, read or _read_bytes)
    if content is None:
        return merge({}, line.values)
    try:
        loaded = merge(parse_file(content), line.values)
    except ConfigError as error:
        if not _lies_with_file(error, line.values):
            raise
        raise _in_file(line.config_file, error) from None
    return msgspec.structs.replace(loaded, config_file=line.config_file)


def parse_file(content: bytes) -> dict[str, Any]:
    """The content of daemon.json in normal form; an empty file is an empty configuration."""
    try:
        text = content.decode("utf-8-sig")
        data = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"invalid JSON: {error}") from None
    if not isinstance(data, dict):
        raise ConfigError(f"invalid JSON: expected an object, got {type(data).__name__}")
    try:
        return normalise(data)
    except ConfigError as error:
        raise _validation(error) if error.key in KEYS else error from None


def merge(file: Mapping[str, Any], flags: Mapping[str, Any]) -> Loaded:
    """Lay flags (by dotted key) over the normal form of the file, and validate the result."""
    _refuse_conflicts(file, flags)
    tree: dict[str, Any] = copy.deepcopy(dict(file))
    for key, value in flags.items():
        _lay(tree, key, value)
    origins = _origins(file, flags)
    settings = _convert(tree)
    try:
        validate(settings)
        settings = msgspec.structs.replace(settings, labels=resolve_labels(settings.labels))
        check_refused(settings)
    except ConfigError as error:
        raise _validation(error) if origins.get(error.key) is Origin.FILE else error from None
    return Loaded(settings, origins, tuple(warnings(settings, origins)))


def _read_bytes(path: str) -> bytes:
    return Path(path).read_bytes()


def _read_file(line: CommandLine, read: Callable[[str], bytes]) -> bytes | None:
    try:
        return read(line.config_file)
    except FileNotFoundError:
        if not line.config_file_given:
            return None
        missing = f"open {line.config_file}: no such file or directory"
        raise _in_file(line.config_file, ConfigError(missing)) from None
    except OSError as error:
        reason = f"open {line.config_file}: {(error.strerror or str(error)).lower()}"
        raise _in_file(line.config_file, ConfigError(reason)) from None


def _in_file(path: str, error: ConfigError) -> ConfigError:
    return ConfigError(
        f"unable to configure the Docker daemon with file {path}: {error.message}", key=error.key
    )


def _validation(error: ConfigError) -> ConfigError:
    return ConfigError(f"{_FROM_FILE}{error.message}", key=error.key)


def _lies_with_file(error: ConfigError, flags: Mapping[str, Any]) -> bool:
    """A value that came by flag alone is not the file's fault; a conflict is, as in dockerd."""
    return error.key not in flags or error.message.startswith(_FROM_FILE) or error.key == ""


def _refuse_conflicts(file: Mapping[str, Any], flags: Mapping[str, Any]) -> None:
    conflicts = []
    for option in sorted(OPTIONS, key=lambda option: option.key):
        if option.key in flags and option.key != _BOTH_ALLOWED:
            value = _find(file, option.key)
            if value is not None:
                name = option.key.rpartition(".")[2]
                given = f"from flag: {_go(flags[option.key])}, from file: {_go(value)}"
                conflicts.append(f"{name}: ({given})")
    if conflicts:
        raise ConfigError(
            "the following directives are specified both as a flag and in the configuration file: "
            + ", ".join(conflicts)
        )


def _find(tree: Mapping[str, Any], key: str) -> Any:
    head, _, rest = key.partition(".")
    value = tree.get(head)
    if not rest:
        return value
    return _find(value, rest) if isinstance(value, dict) else None


def _lay(tree: dict[str, Any], key: str, value: Any) -> None:
    head, _, rest = key.partition(".")
    if rest:
        inner = tree.setdefault(head, {})
        if isinstance(inner, dict):
            _lay(inner, rest, value)
    elif key == _BOTH_ALLOWED and isinstance(tree.get(key), dict):
        tree[key] = {**tree[key], **value}
    else:
        tree[key] = value


def _origins(file: Mapping[str, Any], flags: Mapping[str, Any]) -> dict[str, Origin]:
    origins = dict.fromkeys(KEYS, Origin.DEFAULT)
    for key, value in file.items():
        origins[key] = Origin.FILE
        if key == "proxies" and isinstance(value, dict):
            origins.update({f"{key}.{name}": Origin.FILE for name in value})
    for key in flags:
        origins[key] = Origin.FLAG
        origins[key.partition(".")[0]] = Origin.FLAG
    return origins


def _convert(tree: dict[str, Any]) -> Settings:
    try:
        return msgspec.convert(tree, Settings)
    except msgspec.ValidationError as error:
        match = _PATH.match(str(error))
        what, path = (match["what"], match["path"] or "") if match else (str(error), "")
        what = what.replace("`", "")
        lead = f"{path}: {what[:1].lower()}{what[1:]}" if path else what
        raise ConfigError(lead, key=re.split(r"[.\[]", path)[0]) from None


def _go(value: Any) -> str:
    """A value as Go's %v prints it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{' '.join(map(_go, value))}]"
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{_go(value[key])}' for key in sorted(value))}]"
    return str(value)
