"""An answer held against the table of fields that `condense` made of the API's description."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.clients.shapes.condense import FIELDS

TABLE: dict[str, Any] = json.loads(FIELDS.read_text())
_KINDS: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}


def strayings(operation: str, body: Any) -> set[str]:
    """`TYPE.FIELD: WHAT` of everything that is not as described: `absent`, `null`, `undescribed`, or a wrong kind."""
    return set(_check(TABLE["answers"][operation], body, operation))


def _check(wanted: Any, found: Any, name: str) -> Iterator[str]:
    wanted, nullable = _nullable(wanted)
    if found is None:
        if not nullable:
            yield f"{name}: null"
    elif isinstance(wanted, str) and wanted.startswith("@"):
        yield from _check(TABLE["types"][wanted[1:]], found, wanted[1:])
    elif isinstance(wanted, str):
        if not _is(wanted, found):
            yield f"{name}: a {type(found).__name__}, not a {wanted}"
    elif isinstance(wanted, list) != isinstance(found, list):
        yield f"{name}: a {type(found).__name__}, not a {type(wanted).__name__}"
    elif isinstance(wanted, list):
        for each in found:
            yield from _check(wanted[0], each, f"{name}[]")
    else:
        yield from _check_object(_fields(wanted), found, name)


def _nullable(wanted: Any) -> tuple[Any, bool]:
    if isinstance(wanted, str):
        return wanted.removesuffix("?"), wanted.endswith("?")
    if isinstance(wanted, dict) and list(wanted) == ["?"]:
        return wanted["?"], True
    return wanted, False


def _is(kind: str, found: Any) -> bool:
    if kind == "any":
        return True
    return isinstance(found, _KINDS[kind]) and (kind == "boolean" or not isinstance(found, bool))


def _fields(wanted: dict[str, Any]) -> dict[str, Any]:
    """Of all the parts that a type is made of."""
    if list(wanted) != ["all"]:
        return wanted
    out: dict[str, Any] = {}
    for part in wanted["all"]:
        part = TABLE["types"][part[1:]] if isinstance(part, str) else part
        out |= _fields(_nullable(part)[0])
    return out


def _check_object(fields: dict[str, Any], found: Any, name: str) -> Iterator[str]:
    if not isinstance(found, dict):
        yield f"{name}: a {type(found).__name__}, not an object"
    elif list(fields) == ["*"]:
        for each in found.values():
            yield from _check(fields["*"], each, f"{name}.*")
    else:
        for key in fields.keys() - found.keys():
            yield f"{name}.{key}: absent"
        for key in found.keys() - fields.keys():
            yield f"{name}.{key}: undescribed"
        for key in fields.keys() & found.keys():
            yield from _check(fields[key], found[key], f"{name}.{key}")
