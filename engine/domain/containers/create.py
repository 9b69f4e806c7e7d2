"""Creating a container: what the request leaves open is decided here, once, and committed with its event."""

from __future__ import annotations

import contextlib
import logging
import random
import socket
import time
from collections.abc import Iterable
from functools import partial

import msgspec
import trio

from engine.domain.containers import binds, imagemounts, joins, links, merge, validation
from engine.domain.containers.binds import MountSpec
from engine.domain.containers.cell import Cell
from engine.domain.containers.exit import commit_surely
from engine.domain.containers.messages import Create
from engine.domain.containers.modes import joined
from engine.domain.containers.onunhealthy import switches
from engine.domain.containers.outside import Outside, event
from engine.domain.containers.prepare import image_layer, root_snapshot
from engine.domain.containers.records import KIND, Container, to_document
from engine.domain.containers.registry import Registry
from engine.domain.containers.room import Room
from engine.domain.containers.volumes import name_anonymous
from engine.domain.events.facade import Batch, Intent
from engine.domain.logs.options import check_options
from engine.domain.names import candidates, check_name, generate_id
from engine.errors import Conflict, InvalidParameter, NotFound
from engine.models.containers import ContainerConfig, HostConfig, LogConfig
from engine.models.networks import EndpointSettings, NetworkingConfig
from supervisors import Refusal

log = logging.getLogger(__name__)

CREATION = "create"
"""The intent of a create with anonymous volumes; whatever else it makes is found by its label."""
UNDO_PATIENCE = 30.0
SUBPATH_SINCE = (1, 45)
"""Older clients' VolumeOptions.Subpath is not looked at."""

_random = random.Random()


async def create(room: Room, message: Create) -> tuple[Cell, list[str]]:
    """Row 55, with its refusals; a create that fails leaves nothing behind."""
    request, outside = message.request, room.outside
    settings = outside.settings
    asked, asked_host = request.config(), request.host_config or HostConfig()
    if asked == ContainerConfig():
        raise InvalidParameter("Config cannot be empty in order to create a container")
    image = outside.images.resolve(request.image)
    container_id = generate_id()
    config = merge.merge_image(asked, image.config.config or ContainerConfig())
    merge.command(config)
    checked = validation.check_create(
        config,
        asked_host,
        request.networking_config,
        api_version=message.version,
        info=settings.info,
    )
    host = joins.with_ids(_with_defaults(checked.host, outside), room.registry)
    await outside.logs.need(host.log_config.type)
    mounts = binds.resolve_mounts(
        config, host, inherited=_inherited(room, host), data_root=str(settings.data_root)
    )
    if message.version < SUBPATH_SINCE:
        mounts = [msgspec.structs.replace(each, subpath="") for each in mounts]
    mounts = await imagemounts.resolve(container_id, mounts, outside)
    linked = links.resolved(host, room.registry)
    if message.name:
        check_name(message.name)
    name = reserve_name(room, message.name, container_id)
    mounts, anonymous = name_anonymous(mounts)
    try:
        if anonymous:
            opened = Intent(CREATION, container_id, {"volumes": anonymous})
            await outside.journal.commit(Batch(durable=False).open(opened))
        mounts = await outside.volumes.provide(container_id, mounts)
        record = Container(
            id=container_id,
            name=name,
            created_ns=time.time_ns(),
            image=request.image,
            image_id=image.id,
            layer=await image_layer(image, outside),
            config=_with_hostname(config, host, container_id, room.registry),
            host=host,
            runtime=host.runtime,
            snapshotter=settings.snapshotter,
            mounts=mounts,
            links=linked,
            switches=switches(asked.labels or {}),
            endpoints=_endpoints(request.networking_config, host, outside),
        )
        await outside.volumes.copy_up(record, partial(root_snapshot, record, outside))
        await _commit(room, record)
    except BaseException:
        await _undo(container_id, mounts, outside)
        room.registry.release(name, container_id)
        raise
    cell = room.cell_of(record)
    room.registry.add(cell)
    return cell, checked.warnings


async def _commit(room: Room, record: Container) -> None:
    batch = Batch().put(to_document(record)).event(event(record, "create", once="create"))
    batch.close(CREATION, record.id)
    try:
        await room.outside.journal.commit(batch)
    except BaseException:
        # Perhaps it is in the store, and nobody will know of it.
        room.abandoned.append(record)
        raise


async def undo_abandoned(room: Room) -> None:
    """Take back the creates of which it is not known whether they were committed."""
    for record in list(room.abandoned):
        batch = Batch().delete(KIND, record.id).event(event(record, "create", once="create"))
        await commit_surely(room.outside, batch.event(event(record, "destroy", once="destroy")))
        if record in room.abandoned:
            room.abandoned.remove(record)


async def undo_interrupted(room: Room) -> None:
    """Take back the anonymous volumes of creates that the last daemon died in."""
    for found in list(room.interrupted):
        if room.registry.get(found.subject) is None:
            await room.outside.volumes.take_back(found.subject, found.detail["volumes"])
        await commit_surely(room.outside, Batch(durable=False).close(CREATION, found.subject))
        room.interrupted.remove(found)


async def _undo(container_id: str, mounts: Iterable[MountSpec], outside: Outside) -> None:
    """Its references and anonymous volumes go, and the root that copy-up may have made."""
    if not any(mount.type == "volume" for mount in mounts):
        return
    with trio.move_on_after(UNDO_PATIENCE, shield=True):
        try:
            await outside.volumes.release(container_id, mounts, anonymous=True)
            await outside.journal.commit(Batch(durable=False).close(CREATION, container_id))
            await outside.runtime.snapshots.remove(container_id)
        except NotFound:
            return
        except Refusal as error:
            log.warning("undoing the creation of container %s: %s", container_id, error)


def _inherited(room: Room, host: HostConfig) -> list[MountSpec]:
    """What --volumes-from takes over. An unknown container is a 400 here, as on dockerd."""
    found = []
    for each in host.volumes_from or ():
        reference, mode = binds.parse_volumes_from(each)
        try:
            source = room.registry.resolve(reference)
        except NotFound as error:
            raise InvalidParameter(str(error)) from error
        theirs = source.record.mounts
        found += [binds.inherit(mount, mode) for mount in theirs if mount.type != "tmpfs"]
    return found


def reserve_name(room: Room, asked: str, container_id: str) -> str:
    """The asked name, or the first free one of ours (row 5); without its slash."""
    if asked:
        name = check_name(asked).removeprefix("/")
        room.registry.reserve(name, container_id)
        return name
    for name in candidates(_random, container_id):
        with contextlib.suppress(Conflict):
            room.registry.reserve(name, container_id)
            return name
    raise Conflict(f"no free name for container {container_id}")


def _with_defaults(host: HostConfig, outside: Outside) -> HostConfig:
    """What only the daemon's own configuration knows. The log options of another driver stay out (row 75)."""
    settings = outside.settings
    log = host.log_config
    if log.type in ("", settings.log_driver):
        log = LogConfig(type=settings.log_driver, config={**settings.log_options, **log.config})
    check_options(log.type, log.config, plugins=True)
    if host.runtime not in settings.runtimes:
        raise InvalidParameter(f"Unknown runtime specified {host.runtime}")
    mode = "bridge" if host.network_mode == "default" else host.network_mode
    return msgspec.structs.replace(host, log_config=log, network_mode=mode)


def _with_hostname(
    config: ContainerConfig, host: HostConfig, container_id: str, registry: Registry
) -> ContainerConfig:
    """Who joins a network has the hostname that is known there."""
    other = joined(host.network_mode)
    found = registry.get(other) if other else None
    if found is not None:
        theirs = found.record.config
        return msgspec.structs.replace(
            config, hostname=theirs.hostname, domainname=theirs.domainname
        )
    if config.hostname:
        return config
    shared = host.network_mode == "host" or host.uts_mode == "host"
    name = socket.gethostname() if shared else container_id[:12]
    return msgspec.structs.replace(config, hostname=name)


def _endpoints(
    networking: NetworkingConfig | None, host: HostConfig, outside: Outside
) -> dict[str, EndpointSettings]:
    """The networks in the order of their interfaces: the mode's first, then as the request has them.

    A request that names networks, but no mode, wants those alone.
    """
    mode = host.network_mode
    if joined(mode) is not None:
        return {}
    name = outside.sandboxes.canonical(mode)
    asked = {
        outside.sandboxes.canonical(each): settings or EndpointSettings()
        for each, settings in ((networking.endpoints_config if networking else None) or {}).items()
    }
    if name in asked or mode != "bridge" or not asked:
        asked = {name: asked.pop(name, EndpointSettings()), **asked}
    return asked
