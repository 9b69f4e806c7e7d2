"""Shapes that rooms and the containerd adapter share: mounts, tasks, exits, snapshots, events."""

from __future__ import annotations

import msgspec


class RuntimeMount(msgspec.Struct, frozen=True):
    """A mount as containerd describes it: type, source, target below the root, mount options."""

    type: str
    source: str
    target: str = ""
    options: tuple[str, ...] = ()
