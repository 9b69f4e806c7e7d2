"""Collection between two watermarks: images that no container uses go, the oldest first, until there is room.

Nameless images go before named ones; what has a label to keep it, or is too young, stays.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterator

from engine.domain.images.facade import Image, Images, Users, created
from engine.domain.storage.ports import Disk, Space
from engine.domain.storage.settings import StorageSettings
from engine.models.storage import Item

log = logging.getLogger(__name__)

Tell = Callable[[str, str, dict[str, str]], Awaitable[None]]
"""(action, actor ID, attributes) of an event of type storage."""


class Collector:
    def __init__(
        self, settings: StorageSettings, disk: Disk, images: Images, users: Users, tell: Tell
    ) -> None:
        self._settings = settings
        self._disk = disk
        self._images = images
        self._users = users
        self._tell = tell
        self.last: list[str] = []

    async def collect(self) -> list[Item]:
        """The images that went (with `dry-run`: that would go), as names; nothing below the high mark."""
        settings = self._settings
        space = await self._disk.space()
        if not settings.high or used(space) < settings.high:
            return []
        log.info("the disk is %.0f %% full: collecting images", used(space))
        gone: list[Item] = []
        for image in candidates(self._images.everything(), self._users, settings, time.time()):
            if used(space) <= settings.low:
                break
            item = Item(_name(image), image.size)
            if settings.dry_run:
                space = Space(space.size, space.free + image.size)
            elif await self._images.discard(image, users=self._users):
                space = await self._disk.space()
            else:
                continue
            gone.append(item)
            if not (settings.dry_run and item.path in self.last):  # once, while the disk stays full
                await self._announce(image, item)
        self.last = [each.path for each in gone]
        return gone

    async def _announce(self, image: Image, item: Item) -> None:
        action = "would-collect" if self._settings.dry_run else "collect"
        reason = f"the disk is over {self._settings.high} % full"
        told = {"name": item.path, "size": str(item.bytes), "reason": reason}
        await self._tell(action, image.id, told)


def used(space: Space) -> float:
    """Percent."""
    return 100.0 * (space.size - space.free) / space.size if space.size else 0.0


def candidates(
    images: list[Image], users: Users, settings: StorageSettings, now: float
) -> Iterator[Image]:
    """In the order in which they go."""
    for image in sorted(images, key=lambda each: (bool(each.names or each.digests), _since(each))):
        young = now - _since(image) < settings.min_age
        if not users(image.id) and not young and not _kept(image, settings.keep):
            yield image


def _kept(image: Image, keep: tuple[str, ...]) -> bool:
    labels = image.config.config.labels or {}
    for rule in keep:
        name, equals, value = rule.partition("=")
        if name in labels and (not equals or labels[name] == value):
            return True
    return False


def _since(image: Image) -> float:
    """When it got its newest name; for a nameless one when it was made. Seconds since the epoch."""
    return image.tagged_at or created(image) / 1e9


def _name(image: Image) -> str:
    return next(iter((*image.names, *image.digests)), image.id)
