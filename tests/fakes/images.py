"""The images that containers are made from, without content."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import trio
from msgspec.structs import replace

from engine.domain.images.catalogue import Image, no_such_image
from engine.domain.images.config import ImageConfig
from engine.domain.images.instructions import apply_changes
from engine.domain.images.naming import target_reference
from engine.domain.images.ports import Descriptor
from engine.domain.names.references import Reference, familiar
from engine.models.containers import ContainerConfig

LAYER = "sha256:" + "b" * 64
IMAGE_ID = "sha256:" + "a" * 64


def image(id: str = IMAGE_ID, layer: str = LAYER, **config: Any) -> Image:
    blob = Descriptor("m", id, 1)
    return Image(
        id=id,
        config=ImageConfig(config=ContainerConfig(**config)),
        target=blob,
        manifest=blob,
        config_descriptor=blob,
        layers=(),
        chain_ids=(layer,),
        layer_sizes=(1000,),
    )


@dataclass
class FakeImages:
    """`known` by name; each is found by its ID too."""

    known: dict[str, Image] = field(default_factory=lambda: {"busybox": image(cmd=["sh"])})
    committed: list[tuple[str, bytes, Any]] = field(default_factory=list)
    failure: Exception | None = None

    def resolve(self, name: str) -> Image:
        for known, found in self.known.items():
            if name in (known, found.id):
                return found
        raise no_such_image(f"{name}:latest")

    async def unpacked(self, image: Image) -> str:
        await trio.lowlevel.checkpoint()
        if self.failure is not None:
            raise self.failure
        return image.chain_id

    def target(self, repo: str, tag: str) -> Reference | None:
        return target_reference(repo, tag) if repo else None

    def changed_config(self, config: ContainerConfig, changes: Sequence[str]) -> ContainerConfig:
        return apply_changes(config, changes)

    async def commit(
        self,
        parent: str,
        layer: AsyncIterator[bytes],
        commit: Any,
        reference: Reference | None = None,
    ) -> Image:
        data = b"".join([each async for each in layer])
        if self.failure is not None:
            raise self.failure
        self.committed.append((parent, data, commit))
        made = image("sha256:" + "d" * 64, self.resolve(parent).chain_id)
        if reference is None:
            return made
        name = familiar(reference)
        self.known[name] = replace(made, names=(name,))
        return self.known[name]
