"""The operators' page: what it is filled from, its token, and where it is served."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from quart_trio import QuartTrio

from config.schema import Settings
from engine.api import token as tokens
from engine.api.app import create_app
from engine.api.listeners import Listener, TcpListener, parse_address
from engine.api.routes import operator_routes, page
from engine.api.server import Server
from engine.domain.containers.cell import Cell
from engine.domain.containers.facade import Containers
from engine.domain.events.facade import Events
from engine.domain.logs.decoder import Selection
from engine.domain.logs.reader import LogStream
from engine.domain.networks.facade import Networks
from engine.domain.system.health import Health
from engine.domain.system.pulse import Lag
from engine.models.meters import Reading
from engine.version import VERSION
from engine.wiring.listeners import limits, tls_of
from engine.wiring.metrics import Readings
from engine.wiring.operators import Operators
from supervisors import Node

if TYPE_CHECKING:
    from engine.daemon import Engine

log = logging.getLogger(__name__)

TOKEN = "operator-token"
Rooms = tuple[Containers, Networks, Events]


class PageSource:
    """The rooms, as the page sees them."""

    def __init__(
        self, operators: Operators, rooms: Rooms, readings: Readings, engine_id: str
    ) -> None:
        self._operators = operators
        self._containers, self._networks, self.events = rooms
        self._readings = readings
        self.engine_id = engine_id

    @property
    def tree_changes(self) -> int:
        return self._operators.changes

    def tree(self) -> Node:
        return self._operators.nodes()

    def pulse(self) -> Lag:
        return self._operators.lag()

    def health(self) -> Health:
        return self._operators.health()

    def cells(self) -> Sequence[Cell]:
        return self._containers.cells()

    def networks(self) -> list[dict[str, object]]:
        return [
            {
                "id": each["Id"],
                "name": each["Name"],
                "driver": each["Driver"],
                "internal": each["Internal"],
                "subnets": [config["Subnet"] for config in each["IPAM"]["Config"]],
            }
            for each in self._networks.list()
        ]

    async def usage(self) -> Mapping[str, Reading]:
        return await self._readings.latest()

    def logs(self, reference: str, selection: Selection) -> LogStream:
        return self._containers.logs(reference, selection)


def page_listeners(settings: Settings) -> list[Listener]:
    """Nobody asked for the default address: where somebody else has it, the daemon does without."""
    if not settings.operator_addr:
        return []
    found = parse_address(settings.operator_addr, tls=tls_of(settings))
    if isinstance(found, TcpListener) and settings.operator_addr == Settings().operator_addr:
        return [TcpListener(found.host, found.port, found.tls, spare=True)]
    return [found]


def operators_server(engine: Engine) -> Server:
    """Read only: there are no other routes on it, and none of them changes anything."""
    settings, operators, engine_id = engine.settings, engine.operators, engine.engine_id
    rooms = engine.containers, engine.networks, engine.events
    listeners = page_listeners(settings)
    token = tokens.read_or_make(Path(settings.exec_root) / TOKEN) if listeners else ""
    source = PageSource(operators, rooms, engine.metrics.readings, engine_id)

    def register(app: QuartTrio) -> None:
        if listeners:
            tokens.require(app, token)
        operator_routes(app, operators, rooms[2], engine_id)
        page.register(app, source)

    for each in listeners:
        if isinstance(each, TcpListener):
            log.info("the operators' page: %s", address(each, token))
    return Server(
        create_app(register, version=VERSION),
        listeners,
        greet=False,
        handover=engine.handover,
        limits=limits(settings),
    )


def address(listener: TcpListener, token: str) -> str:
    """What to open in a browser on this machine."""
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(listener.host, listener.host)
    host = f"[{host}]" if ":" in host else host
    scheme = "https" if listener.tls else "http"
    return f"{scheme}://{host}:{listener.port}/_trimaran/?token={token}"
