"""Images that are mounted into a container: found at its creation, put together for a moment at each start.

What it writes there is its own: that lies beside its other files, and goes with them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import msgspec

from engine.domain.containers.binds import MountSpec
from engine.domain.containers.outside import Outside
from engine.domain.containers.prepare import ENGINE_LABEL, image_layer
from engine.domain.containers.records import Container
from engine.errors import Conflict, NotFound
from engine.models.runtime import Mount


async def resolve(
    container_id: str, mounts: Sequence[MountSpec], outside: Outside
) -> list[MountSpec]:
    """The mounts, their images with ID and layers. NotFound for one that is not here."""
    return [
        await _resolved(container_id, index, mount, outside) if mount.type == "image" else mount
        for index, mount in enumerate(mounts)
    ]


async def _resolved(container_id: str, index: int, mount: MountSpec, outside: Outside) -> MountSpec:
    reference = mount.name or mount.source  # named already: it is another container's
    image = outside.images.resolve(reference)
    return msgspec.structs.replace(
        mount,
        name=reference,
        source=outside.volumes.point(container_id, index),
        image_id=image.id,
        layer=await image_layer(image, outside),
    )


async def expose(record: Container, outside: Outside) -> None:
    """Before a start: each at its point, from where the container's own mount namespace takes it."""
    wanted = [each for each in enumerate(record.mounts) if each[1].type == "image"]
    if not wanted:
        return
    await outside.volumes.conceal(record)
    for index, mount in wanted:
        layers = await _look(f"{record.id}-image-{index}", mount, outside)
        own = outside.directory(record.id) / "images" / str(index)
        await outside.rootfs.expose(layers, own, mount.subpath, mount.source)


async def _look(key: str, mount: MountSpec, outside: Outside) -> Sequence[Mount]:
    """The layers' directories. The snapshot that tells them is not kept: the image holds its layers."""
    snapshots = outside.runtime.snapshots
    labels = {ENGINE_LABEL: outside.settings.engine_id}
    try:
        return await snapshots.prepare(key, mount.layer, labels=labels)
    except Conflict:  # a start was cut off here
        return await snapshots.mounts(key)
    except NotFound as error:
        raise NotFound(f"No such image: {mount.name}") from error
    finally:
        with contextlib.suppress(NotFound):
            await snapshots.remove(key)


def uses(record: Container, image_id: str) -> bool:
    """Whether the container is made from the image, or has it mounted."""
    return record.image_id == image_id or any(each.image_id == image_id for each in record.mounts)
