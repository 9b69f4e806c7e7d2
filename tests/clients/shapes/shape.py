"""What an answer looks like without what it says: types, nulls, empty strings, and which fields are there."""

from __future__ import annotations

import re
from typing import Any

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_ID = re.compile(r"[0-9a-f]{64}")


def shape(value: Any) -> Any:
    """An object keeps its keys, a list the shapes in it (once each), everything else becomes a word."""
    if isinstance(value, dict):
        return {_ID.sub("ID", key): shape(each) for key, each in sorted(value.items())}
    if isinstance(value, list):
        found: list[Any] = []
        for each in map(shape, value):
            if each not in found:
                found.append(each)
        return sorted(found, key=str)
    return _word(value)


def _word(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    if isinstance(value, int | float):
        return "number" if isinstance(value, float) else "integer"
    if value == "":
        return "empty"
    return "time" if _TIME.fullmatch(value) else "string"


def differences(wanted: Any, found: Any, path: str = "") -> list[str]:
    """`PATH: WANTED, FOUND` of each place where the second shape is not the first."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        out = [f"{path}.{key}: not there" for key in wanted.keys() - found.keys()]
        out += [f"{path}.{key}: there, should not be" for key in found.keys() - wanted.keys()]
        for key in wanted.keys() & found.keys():
            out += differences(wanted[key], found[key], f"{path}.{key}")
        return sorted(out)
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found) == 1:
        return differences(wanted[0], found[0], f"{path}[]")
    return [] if wanted == found else [f"{path}: {_short(wanted)}, found {_short(found)}"]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) < 100 else text[:100] + "..."
