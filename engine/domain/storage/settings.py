"""How the storage room behaves: the configuration in this room's terms."""

from __future__ import annotations

import msgspec


class StorageSettings(msgspec.Struct, frozen=True):
    """Times in seconds, sizes in bytes, watermarks in percent of the file system; `high` 0: no collection.

    `keep` are labels, `name` or `name=value`: an image with one of them is never collected.
    """

    engine_id: str
    embedded: bool = True
    grace: float = 600.0
    interval: float = 3600.0
    high: int = 0
    low: int = 0
    keep: tuple[str, ...] = ()
    min_age: float = 0.0
    dry_run: bool = False
    reserve: int = 0
