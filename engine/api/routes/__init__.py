"""The routes, one module for each tag of the Engine API, and the engine's own."""

from __future__ import annotations

from quart_trio import QuartTrio

from engine.api.routes import (
    builds,
    checkpoints,
    containers,
    contents,
    distribution,
    event_streams,
    events,
    execs,
    images,
    networks,
    openapi,
    operators,
    plugins,
    storage,
    streams,
    system,
    timeline,
    unserved,
    usage,
    volumes,
)
from engine.api.routes.rooms import Rooms
from engine.domain.events.facade import Events

__all__ = ["Rooms", "operator_routes", "register"]


def register(app: QuartTrio, rooms: Rooms) -> None:
    """Every operation of the Engine API is here: served, or refused in words."""
    for module in (
        system,
        events,
        containers,
        checkpoints,
        contents,
        usage,
        streams,
        execs,
        images,
        builds,
        distribution,
        networks,
        volumes,
        plugins,
        storage,
        timeline,
    ):
        module.register(app, rooms)
    operator_routes(app, rooms.operators, rooms.events, rooms.system.identity.engine_id)
    unserved.register(app)


def operator_routes(
    app: QuartTrio, asked: operators.Operators, told: Events, engine_id: str
) -> None:
    """What needs no other service: also on the listener that is there before all of them."""
    operators.register(app, asked)
    event_streams.register(app, told, engine_id)
    openapi.register(app)
