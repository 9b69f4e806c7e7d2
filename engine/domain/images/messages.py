"""What the images service's mailbox accepts: the writes, one at a time."""

from __future__ import annotations

from dataclasses import dataclass

from engine.domain.images.catalogue import Image
from engine.domain.images.removal import Users
from engine.domain.names.references import Reference
from engine.models.images import DeleteItem
from supervisors import Request

__all__ = ["Adopt", "Message", "Pushed", "Refresh", "Remove", "Replace", "Tag"]


@dataclass(frozen=True, slots=True)
class Adopt(Request[list[tuple[str, str]]]):
    """Enter an image whose content is here, under these names; a lease must hold it.

    `action` is its event (load, import, pull), "" for none. The answer lists the names that other
    images have lost by it, with their IDs.
    """

    image: Image
    references: tuple[Reference, ...]
    action: str = ""


@dataclass(frozen=True, slots=True)
class Tag(Request[None]):
    name: str
    reference: Reference


@dataclass(frozen=True, slots=True)
class Remove(Request[list[DeleteItem]]):
    """`prune`: with its nameless ancestors that nothing else needs."""

    name: str
    force: bool
    users: Users
    prune: bool = False


@dataclass(frozen=True, slots=True)
class Refresh(Request[None]):
    """Read the records again; containerd may have come back with others."""


@dataclass(frozen=True, slots=True)
class Pushed(Request[None]):
    """A registry has the image now, under this tag, and its manifest under this digest."""

    image_id: str
    reference: Reference
    digest: str


@dataclass(frozen=True, slots=True)
class Replace(Request[None]):
    """The same image with another manifest, which a lease holds."""

    image: Image


Message = Adopt | Pushed | Replace | Tag | Remove | Refresh
