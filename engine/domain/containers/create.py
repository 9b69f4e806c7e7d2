"""Creating a container: what the request leaves open is decided here, once, and committed with its event."""

from __future__ import annotations

import random
import socket
import time

import msgspec

from engine.domain.containers import binds, validation
from engine.domain.containers.cell import Cell
from engine.domain.containers.merging import complete, merge
from engine.domain.containers.messages import Create
from engine.domain.containers.outside import event
from engine.domain.containers.records import Container, to_document
from engine.domain.containers.room import Room
from engine.domain.events.facade import Batch
from engine.domain.names import generator, ids, rules
from engine.errors import Conflict
from engine.models.containers import ContainerConfig, HostConfig

NAME_TRIES = 6


async def create(room: Room, message: Create) -> tuple[Cell, list[str]]:
    """Row 55, with its refusals; a create that fails leaves nothing behind."""
    request, outside = message.request, room.outside
    image = outside.images.resolve(request.image)
    container_id = ids.generate()
    config = merge(request.config(), image.config.container())
    asked = request.host_config or HostConfig()
    warnings = validation.validate_create(
        config,
        asked,
        request.networking_config,
        api_version=message.version,
        facts=outside.settings.facts,
    )
    host = complete(asked, outside.settings)
    mounts = binds.resolve(config, host)
    name = reserve_name(room, message.name, container_id)
    try:
        record = Container(
            id=container_id,
            name=name,
            created_ns=time.time_ns(),
            image=request.image,
            image_id=image.id,
            layer=await outside.images.unpacked(image),
            config=_with_hostname(config, host, container_id),
            host=host,
            runtime=host.runtime,
            snapshotter=outside.settings.snapshotter,
            mounts=await outside.volumes.provide(container_id, mounts),
            endpoints=_endpoints(request.networking_config, host),
        )
        await outside.journal.commit(
            Batch().put(to_document(record)).event(event(record, "create"))
        )
    except BaseException:
        room.registry.release(name, container_id)
        raise
    cell = room.cell_of(record)
    room.registry.add(cell)
    return cell, warnings


def reserve_name(room: Room, asked: str, container_id: str) -> str:
    """The asked name, or one of ours: six tries, from the second with a digit, then the short ID (row 5)."""
    if asked:
        name = rules.container_name(asked)
        room.registry.reserve(name, container_id)
        return name
    for attempt in range(NAME_TRIES):
        name = generator.generate(random) + (str(random.randrange(10)) if attempt else "")
        try:
            room.registry.reserve(name, container_id)
        except Conflict:
            continue
        return name
    room.registry.reserve(container_id[:12], container_id)
    return container_id[:12]


def _with_hostname(config: ContainerConfig, host: HostConfig, container_id: str) -> ContainerConfig:
    if config.hostname:
        return config
    shared = host.network_mode == "host" or host.uts_mode == "host"
    return msgspec.structs.replace(
        config, hostname=socket.gethostname() if shared else container_id[:12]
    )
