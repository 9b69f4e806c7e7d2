"""Device nodes of the host, as its adapter describes them."""

from __future__ import annotations

import msgspec


class DeviceNode(msgspec.Struct, frozen=True):
    """`type` is c or b; `suffix` is its path below the directory that was asked for, "" for itself."""

    path: str
    type: str
    major: int
    minor: int
    mode: int
    uid: int
    gid: int
    suffix: str = ""
