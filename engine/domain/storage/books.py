"""What containerd's books say: which content and snapshots some image holds, and in which directory a snapshot lies."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import trio

from engine.domain.images.facade import ENGINE, INGEST
from engine.domain.storage.ports import Blob, Snapshot, Stores
from engine.errors import EngineError, NotFound
from engine.models.runtime import Mount

_CONTENT = "containerd.io/gc.ref.content"
_SNAPSHOT = "containerd.io/gc.ref.snapshot."
_LOOK = 600.0
_CLEAN_UP = 60.0


def held(
    roots: Iterable[str], content: Sequence[Blob], snapshots: Sequence[Snapshot]
) -> frozenset[str]:
    """The digests and the snapshots that these digests keep, by the labels that the collector follows.

    The layer that containers have between their image's and their own (`init-...`) is the image's.
    """
    labels = {each.digest: each.labels for each in content}
    parents = {each.name: each.parent for each in snapshots}
    found: set[str] = set()
    queue = list(roots)
    while queue:
        each = queue.pop()
        if not each or each in found:
            continue
        found.add(each)
        queue.append(parents.get(each, ""))
        for key, value in labels.get(each, {}).items():
            if key.startswith((_CONTENT, _SNAPSHOT)):
                queue.append(value)
    return frozenset(found)


def places(mounts: Sequence[Mount], chain: Sequence[str]) -> dict[str, str]:
    """Absolute directory -> snapshot, for a snapshot and its parents (`chain`, itself first)."""
    directories = []
    for mount in mounts[:1]:
        options = dict(option.partition("=")[::2] for option in mount.options)
        if mount.type == "overlay":
            directories = list(
                filter(None, (options.get("upperdir"), *options.get("lowerdir", "").split(":")))
            )
        else:
            directories = [mount.source]
    # A view of one layer is that layer itself; a view of several has no directory of its own to show.
    names = chain[len(chain) - len(directories) :]
    return {
        directory.removesuffix("/fs"): name
        for directory, name in zip(directories, names, strict=False)
    }


class LayerIndex:
    """Directory -> snapshot for all snapshots. A snapshot never moves, so what was found once is kept."""

    def __init__(self, stores: Stores, engine_id: str) -> None:
        self._stores = stores
        self._own = {ENGINE: engine_id}
        self._known: dict[str, str] = {}

    async def directories(self, snapshots: Sequence[Snapshot]) -> Mapping[str, str]:
        parents = {each.name: each.parent for each in snapshots}
        self._known = {path: name for path, name in self._known.items() if name in parents}
        # The deepest first: one look shows all that is below.
        by_depth = sorted(snapshots, key=lambda each: -len(chain_of(each.name, parents)))
        for each in by_depth:
            if each.kind != "committed" and not self._knows(each.name):
                with suppress(NotFound):  # gone meanwhile
                    mounts = await self._stores.snapshots.mounts(each.name)
                    self._known |= places(mounts, chain_of(each.name, parents))
        if not all(self._knows(each.name) for each in snapshots):
            await self._look(by_depth, parents)
        return self._known

    def _knows(self, name: str) -> bool:
        return name in self._known.values()

    async def _look(self, by_depth: Sequence[Snapshot], parents: Mapping[str, str]) -> None:
        """containerd shows the place of a committed snapshot by what is to be mounted to look at it."""
        lease = f"trimaran-look-{secrets.token_hex(16)}"
        await self._stores.leases.create(lease, {**self._own, INGEST: "true"}, expire_s=_LOOK)
        try:
            for each in by_depth:
                if each.kind == "committed" and not self._knows(each.name):
                    with suppress(NotFound):
                        mounts = await self._stores.snapshots.view(
                            f"trimaran-look-{secrets.token_hex(16)}",
                            each.name,
                            labels=self._own,
                            lease=lease,
                        )
                        self._known |= places(mounts, chain_of(each.name, parents))
        finally:
            # Together with the views, which have directories of their own until they are collected.
            with trio.move_on_after(_CLEAN_UP, shield=True), suppress(EngineError):
                await self._stores.leases.delete(lease, sync=True)


def chain_of(name: str, parents: Mapping[str, str]) -> list[str]:
    """A snapshot and what is below it."""
    chain = []
    while name:
        chain.append(name)
        name = parents.get(name, "")
    return chain
