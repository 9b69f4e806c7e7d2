"""Creating a container: what the request leaves open is decided here, once, and committed with its event."""

from __future__ import annotations

import random
import time

import msgspec

from engine.domain.containers import binds, rules, validation
from engine.domain.containers.cell import Cell
from engine.domain.containers.messages import Create
from engine.domain.containers.outside import event
from engine.domain.containers.records import Container, MountRecord, to_document
from engine.domain.containers.room import Room
from engine.domain.events.facade import Batch
from engine.domain.images.facade import Image
from engine.domain.names import generator, ids
from engine.errors import InvalidParameter
from engine.models.containers import ContainerConfig, HostConfig, LogConfig
from engine.models.networks import EndpointSettings

NAME_TRIES = 6


async def create(room: Room, message: Create) -> tuple[Cell, list[str]]:
    """Row 55, with its refusals; a create that fails leaves nothing behind."""
    request = message.request
    image = room.outside.images.resolve(request.image)
    container_id = ids.generate()
    config = merge(request.config(), image, container_id)
    host = complete(request.host_config or HostConfig(), room)
    warnings = validation.validate_create(config, host, request.networking_config, api_version=message.version, facts=room.outside.settings.facts)
    name = _reserve(room, message.name, container_id)
    try:
        record = Container(
            id=container_id,
            name=name,
            created_ns=time.time_ns(),
            image=request.image,
            image_id=image.id,
            layer=await room.outside.images.unpacked(image),
            config=config,
            host=host,
            runtime=host.runtime,
            snapshotter=room.outside.settings.snapshotter,
            mounts=mounts,
            endpoints=endpoints,
        )
        await room.outside.journal.commit(Batch().put(to_document(record)).event(event(record, "create")))
    except BaseException:
        room.registry.release(name, container_id)
        raise
    cell = room.cell_of(record)
    room.registry.add(cell)
    return cell, warnings
