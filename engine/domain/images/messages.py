"""What the images service's mailbox accepts: the writes, one at a time."""

from __future__ import annotations

import msgspec

from engine.domain.images.catalogue import Image
from engine.domain.images.removal import Users
from engine.domain.names.references import Reference
from engine.models.images import DeleteItem
from supervisors import Request

__all__ = ["Adopt", "Message", "Pushed", "Refresh", "Remove", "Replace", "Tag"]


class Adopt(Request[list[tuple[str, str]]], msgspec.Struct, frozen=True):
    """Enter an image whose content is here, under these names; a lease must hold it.

    `action` is its event (load, import, pull), "" for none. The answer lists the names that other
    images have lost by it, with their IDs.
    """

    image: Image
    references: tuple[Reference, ...]
    action: str = ""


class Tag(Request[None], msgspec.Struct, frozen=True):
    name: str
    reference: Reference


class Remove(Request[list[DeleteItem]], msgspec.Struct, frozen=True):
    """`prune`: with its nameless ancestors that nothing else needs."""

    name: str
    force: bool
    users: Users
    prune: bool = False


class Refresh(Request[None], msgspec.Struct, frozen=True):
    """Read the records again; containerd may have come back with others."""


class Pushed(Request[None], msgspec.Struct, frozen=True):
    """A registry has the image now, under this tag, and its manifest under this digest."""

    image_id: str
    reference: Reference
    digest: str


class Replace(Request[None], msgspec.Struct, frozen=True):
    """The same image with another manifest, which a lease holds."""

    image: Image


Message = Adopt | Pushed | Replace | Tag | Remove | Refresh
