"""Reading a request body as Go's encoding/json would.

null means the zero value wherever it stands, member names match in any case, and the fields that
are `strslice.StrSlice` in moby take one string for a list of one. Numbers in strings are errors.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import cache
from typing import Any, TypeVar, cast

import msgspec
from msgspec import inspect as shape

from engine.errors import InvalidParameter

T = TypeVar("T")
Fixer = Callable[[Any], Any]

# The members that are strslice.StrSlice in moby.
_STRING_OR_LIST = frozenset({"Cmd", "Entrypoint", "Shell", "CapAdd", "CapDrop"})


def decode(body: bytes, kind: type[T]) -> T:
    """Decode a request body; raises InvalidParameter for what is no JSON or of a wrong type."""
    if not body.strip():
        raise InvalidParameter("invalid JSON: got EOF while reading request body")
    try:
        return read(body, kind)
    except msgspec.MsgspecError as error:
        text = "unexpected EOF" if "truncated" in str(error) else str(error)  # Go's word for it
        raise InvalidParameter(f"invalid JSON: {text}") from error


def read(data: bytes, kind: type[T]) -> T:
    """The same with msgspec's errors, for JSON that is no request body."""
    raw = msgspec.json.decode(data)
    return msgspec.convert(_fixer_of(cast(Hashable, kind))(raw), kind)


def _keep(value: Any) -> Any:
    return value


@cache
def _fixer_of(kind: Any) -> Fixer:
    return _compile(shape.type_info(kind))


def _compile(info: shape.Type) -> Fixer:
    if isinstance(info, shape.UnionType):
        rest = [each for each in info.types if not isinstance(each, shape.NoneType)]
        return _compile(rest[0]) if len(rest) == 1 else _keep
    if isinstance(info, shape.StructType):
        return _struct_fixer(info)
    if isinstance(info, shape.DictType):
        return _map_fixer(info.value_type)
    if isinstance(info, shape.ListType):
        return _list_fixer(info.item_type)
    return _keep


def _takes_null(info: shape.Type) -> bool:
    if isinstance(info, shape.UnionType):
        return any(isinstance(each, shape.NoneType) for each in info.types)
    return isinstance(info, shape.AnyType | shape.NoneType)


def _zero_of(info: shape.Type) -> Any:
    if isinstance(info, shape.StrType):
        return ""
    if isinstance(info, shape.IntType):
        return 0
    if isinstance(info, shape.BoolType):
        return False
    if isinstance(info, shape.ListType):
        return []
    return {}


def _struct_fixer(info: shape.StructType) -> Fixer:
    fixers: dict[str, Fixer] = {}
    nullable: set[str] = set()
    by_folded: dict[str, str] = {}
    for each in info.fields:
        by_folded[each.encode_name.lower()] = each.encode_name
        fixers[each.encode_name] = _compile(each.type)
        if _takes_null(each.type):
            nullable.add(each.encode_name)

    def fix(value: Any) -> Any:
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            return value
        fixed: dict[str, Any] = {}
        for key, member in value.items():
            name = key if key in fixers else by_folded.get(key.lower())
            if name is None:
                continue
            if member is None:
                if name in nullable:
                    fixed[name] = None
            elif name in _STRING_OR_LIST and isinstance(member, str):
                fixed[name] = [member]
            else:
                fixed[name] = fixers[name](member)
        return fixed

    return fix


def _map_fixer(item: shape.Type) -> Fixer:
    inner = _compile(item)
    zero = None if _takes_null(item) else _zero_of(item)
    if inner is _keep and zero is None:
        return _keep

    def fix(value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {key: zero if each is None else inner(each) for key, each in value.items()}

    return fix


def _list_fixer(item: shape.Type) -> Fixer:
    inner = _compile(item)
    zero = None if _takes_null(item) else _zero_of(item)

    def fix(value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return [zero if each is None else inner(each) for each in value]

    return fix
