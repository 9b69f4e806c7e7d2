"""Connecting a container to a network and disconnecting it, while it runs and while it doesn't."""

from __future__ import annotations

import msgspec
import trio

from engine.domain.containers import files
from engine.domain.containers.announce import network_event
from engine.domain.containers.cell import Cell
from engine.domain.containers.exit import commit_surely
from engine.domain.containers.modes import joined
from engine.domain.containers.outside import Outside
from engine.domain.containers.prepare import resolv_conf
from engine.domain.containers.records import Container, NetworkState, Status, to_document
from engine.domain.events.facade import Batch
from engine.domain.networks.facade import NetworkRecord, Sandbox
from engine.errors import Forbidden, InvalidParameter, NotFound, SystemFailure
from engine.models.networks import EndpointSettings

HOST_CONFLICT = "container cannot be disconnected from host network or connected to host network"
SHARED_CONFLICT = (
    "container sharing network namespace with another container or host cannot be connected "
    "to any other network"
)
NONE_CONFLICT = (
    "container cannot be connected to multiple networks with one of the networks in "
    "private (none) mode"
)


async def connect(cell: Cell, outside: Outside, term: str, asked: EndpointSettings) -> None:
    """Row 85. Needs the slot. What a stopped container is connected to holds from its next start."""
    network = outside.sandboxes.find(term)
    record = cell.record
    _refuse(record, network)
    if network.name in record.endpoints and record.state.alive:
        raise Forbidden(
            f"endpoint with name {record.name} already exists in network {network.name}"
        )
    endpoints = {**record.endpoints, network.name: _asked(asked, network)}
    if not record.state.alive:
        await _keep(cell, outside, endpoints)
        return
    sandbox = await outside.sandboxes.connect(record, network.id, asked)
    ports = record.network.published or await outside.sandboxes.publish(record)
    changed = msgspec.structs.replace(
        record, network=NetworkState(sandbox, ports), endpoints=endpoints
    )
    batch = Batch().put(to_document(changed))
    await commit_surely(outside, batch.event(network_event("connect", record, network)))
    cell.record = changed
    await _rewrite(cell, outside, record.network.sandbox, sandbox)


async def disconnect(cell: Cell, outside: Outside, term: str) -> None:
    """Row 85. Needs the slot. A network that has gone can still be taken out of a container's record."""
    record = cell.record
    _refuse_removal(record)
    try:
        network = outside.sandboxes.find(term)
    except NotFound:
        if record.state.alive or term not in record.endpoints:
            raise
        await _keep(cell, outside, _without(record, term))
        return
    if network.driver == "host" or record.host.network_mode == "host":
        raise InvalidParameter(HOST_CONFLICT)
    if network.name not in record.endpoints:
        raise NotFound(f"container {record.id} is not connected to network {network.name}")
    endpoints = _without(record, network.name)
    if not record.state.alive:
        await _keep(cell, outside, endpoints)
        return
    sandbox = await outside.sandboxes.disconnect(record, network.id)
    changed = msgspec.structs.replace(
        record,
        network=msgspec.structs.replace(record.network, sandbox=sandbox),
        endpoints=endpoints,
    )
    batch = Batch().put(to_document(changed))
    await commit_surely(outside, batch.event(network_event("disconnect", record, network)))
    cell.record = changed
    await _rewrite(cell, outside, record.network.sandbox, sandbox)


def _refuse(record: Container, network: NetworkRecord) -> None:
    _refuse_removal(record)
    mode = record.host.network_mode
    if network.driver == "host" or mode == "host":
        raise InvalidParameter(HOST_CONFLICT)
    if joined(mode) is not None:
        raise InvalidParameter(SHARED_CONFLICT)
    if network.driver == "null" or "none" in record.endpoints:
        raise InvalidParameter(NONE_CONFLICT)


def _refuse_removal(record: Container) -> None:
    if record.state.status in (Status.REMOVING, Status.DEAD):
        raise SystemFailure(
            f"Container {record.id} is marked for removal and cannot be connected or "
            "disconnected to the network"
        )


def _without(record: Container, name: str) -> dict[str, EndpointSettings]:
    return {key: value for key, value in record.endpoints.items() if key != name}


def _asked(settings: EndpointSettings, network: NetworkRecord) -> EndpointSettings:
    """What the client wishes; what came of it is the run's."""
    return EndpointSettings(
        ipam_config=settings.ipam_config,
        links=settings.links,
        aliases=settings.aliases,
        mac_address=settings.mac_address,
        driver_opts=settings.driver_opts,
        gw_priority=settings.gw_priority,
        network_id=network.id,
    )


async def _keep(cell: Cell, outside: Outside, endpoints: dict[str, EndpointSettings]) -> None:
    """Of a container that doesn't run; what was prepared ahead for its start is no longer right."""
    if cell.preparation is not None:
        cell.preparation = None
        await outside.sandboxes.release(cell.record)
    record = msgspec.structs.replace(cell.record, endpoints=endpoints)
    await outside.journal.commit(Batch().put(to_document(record)))
    cell.record = record


async def _rewrite(cell: Cell, outside: Outside, before: Sandbox | None, after: Sandbox) -> None:
    if before is None:
        return
    places = outside.sandboxes.place(before), outside.sandboxes.place(after)
    confs = (
        resolv_conf(cell.record, outside, places[0]),
        resolv_conf(cell.record, outside, places[1]),
    )
    await trio.to_thread.run_sync(
        files.rewrite, outside.directory(cell.id), cell.record, places, confs
    )
