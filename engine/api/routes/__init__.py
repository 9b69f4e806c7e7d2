"""The routes, one module for each tag of the Engine API, and the engine's own."""

from __future__ import annotations

from quart_trio import QuartTrio

from engine.api.routes import (
    containers,
    contents,
    distribution,
    event_streams,
    events,
    execs,
    images,
    networks,
    status,
    storage,
    streams,
    system,
    timeline,
    unserved,
    usage,
    volumes,
)
from engine.api.routes.rooms import Rooms

__all__ = ["Rooms", "register"]


def register(app: QuartTrio, rooms: Rooms) -> None:
    """Every operation of the Engine API is here: served, or refused in words."""
    for module in (
        system,
        events,
        containers,
        contents,
        usage,
        streams,
        execs,
        images,
        distribution,
        networks,
        volumes,
        storage,
        timeline,
    ):
        module.register(app, rooms)
    status.register(app, rooms.system.tree)
    event_streams.register(app, rooms.events, rooms.system.identity.engine_id)
    unserved.register(app)
