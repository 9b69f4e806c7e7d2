"""What can be seen of a container at a glance: for the operators' page and the metrics. Reads memory alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from engine.domain.containers.cell import Cell
from engine.domain.containers.records import Container
from engine.domain.containers.views import endpoints
from engine.domain.networks.facade import port_map


class Glance(msgspec.Struct, frozen=True):
    """Times in unix seconds, 0 is never; `health` is "" where none is checked."""

    id: str
    name: str
    image: str
    state: str
    health: str
    exit_code: int
    error: str
    started: float
    finished: float
    restarts: int
    networks: list[str]
    ports: list[str]


def glance(record: Container) -> Glance:
    state = record.state
    published = port_map(record.network.published) if state.alive else {}
    return Glance(
        id=record.id,
        name=record.name,
        image=record.image,
        state=str(state.status),
        health=state.health,
        exit_code=state.exit_code,
        error=state.error,
        started=state.started_ns / 1e9,
        finished=state.finished_ns / 1e9,
        restarts=state.restart_count,
        networks=sorted(endpoints(record)),
        ports=[
            f"{each['HostIp']}:{each['HostPort']}->{port}"
            for port, entries in published.items()
            for each in entries or ()
        ],
    )


class Watch:
    """One watcher's memory: records are never changed, so another object is another state."""

    def __init__(self) -> None:
        self._seen: dict[str, Container] = {}

    def changes(self, cells: Iterable[Cell]) -> tuple[list[Glance], list[str]]:
        """What is new or different since the last time, and the IDs of those that have gone."""
        now = {cell.id: cell.record for cell in cells}
        fresh = [glance(record) for id, record in now.items() if self._seen.get(id) is not record]
        gone = [id for id in self._seen if id not in now]
        self._seen = now
        return fresh, gone


def processes(cells: Iterable[Cell]) -> Mapping[str, tuple[int, bool]]:
    """Of those that run: the pid, and whether the network is the container's own."""
    return {
        cell.id: (cell.record.state.pid, cell.record.host.network_mode != "host")
        for cell in cells
        if cell.record.state.alive and cell.record.state.pid
    }
