"""The room's records: a volume as it is stored, and what is asked of one."""

from __future__ import annotations

import msgspec

SCHEMA = 1
LOCAL = "local"
ANONYMOUS = "com.docker.volume.anonymous"
"""The label, with an empty value, of a volume that was given no name."""


class VolumeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One volume. `labels` and `options` None means that none were given, as the API shows it."""

    name: str
    created_ns: int
    driver: str = LOCAL
    labels: dict[str, str] | None = None
    options: dict[str, str] | None = None

    @property
    def anonymous(self) -> bool:
        return ANONYMOUS in (self.labels or {})


class VolumeWish(msgspec.Struct, frozen=True, kw_only=True):
    """A volume to create, or to use if it is there. Without a name it gets one, and is anonymous."""

    name: str = ""
    driver: str = ""
    labels: dict[str, str] | None = None
    options: dict[str, str] | None = None


class VolumeUse(msgspec.Struct, frozen=True, kw_only=True):
    """What the containers room remembers, over a restart, of one container and its volumes.

    `rebuild` says that a volume whose record was lost gets a new one.
    """

    container_id: str
    volumes: tuple[VolumeWish, ...]
    running: bool = False
    rebuild: bool = True
