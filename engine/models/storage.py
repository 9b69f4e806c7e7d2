"""The wire of /_trimaran/storage: bytes on disk, as `du` counts them."""

from __future__ import annotations

import msgspec


class Item(msgspec.Struct, frozen=True):
    """Something under the data root; `path` is relative to it. `for_s`: how long it has been seen as nobody's."""

    path: str
    bytes: int
    for_s: float = 0.0


class Owned(msgspec.Struct, frozen=True):
    bytes: int = 0
    items: int = 0


class Collection(msgspec.Struct, frozen=True):
    """What the watermarks say: percent of the file system in use, and whether images are being collected."""

    high: int
    low: int
    used: float
    dry_run: bool
    last: list[str] = []


class StorageReport(msgspec.Struct, frozen=True):
    """`owners` has every byte under `data_root` exactly once; `total` is their sum.

    `size` and `free` are the file system's; `reserve` is what loads and pulls leave of it.
    """

    data_root: str
    total: int
    owners: dict[str, Owned]
    unowned: list[Item]
    size: int
    free: int
    reserve: int
    collection: Collection


class SweepReport(msgspec.Struct, frozen=True):
    """What a sweep took away (with `dry_run`: would take), and what it left because its grace is not over."""

    removed: list[Item]
    left: list[Item]
    collected: list[Item]
    dry_run: bool = False
