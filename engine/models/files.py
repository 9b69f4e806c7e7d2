"""Shapes for what happens inside a container's root: how to reach it, what a path is, what has changed."""

from __future__ import annotations

from enum import IntEnum

import msgspec

from engine.models.runtime import Mount


class Bind(msgspec.Struct, frozen=True):
    """A host path that stands at `destination` in the container."""

    source: str
    destination: str
    read_only: bool = False


class Root(msgspec.Struct, frozen=True):
    """A container's root: that of its process (`pid`), or its layers and binds while it has none."""

    id: str
    mounts: tuple[Mount, ...]
    pid: int = 0
    binds: tuple[Bind, ...] = ()
    read_only: bool = False


class PathStat(msgspec.Struct, frozen=True, rename={"link_target": "linkTarget"}):
    """A path as X-Docker-Container-Path-Stat tells it; `mode` has Go's bits, `mtime` is RFC 3339."""

    name: str
    size: int
    mode: int
    mtime: str
    link_target: str = msgspec.field(default_factory=str)


class Kind(IntEnum):
    MODIFIED = 0
    ADDED = 1
    DELETED = 2


class Change(msgspec.Struct, frozen=True):
    """What a container's own layer does to a path of its image."""

    path: str = msgspec.field(name="Path")
    kind: Kind = msgspec.field(name="Kind")


class Extraction(msgspec.Struct, frozen=True):
    """How an archive is unpacked. `owner` (uid, gid) replaces the archive's; `keep_kinds` refuses to put a
    file in a directory's place or the other way round; `clamp` keeps names with too many `..` at the top,
    instead of refusing them."""

    owner: tuple[int, int] | None = None
    keep_kinds: bool = False
    clamp: bool = False
