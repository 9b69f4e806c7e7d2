"""Where the daemon listens, and what it serves there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from config.hosts import api_hosts
from config.schema import Settings
from config.tls import tls_files
from engine.api.app import create_app
from engine.api.gate import guard
from engine.api.listeners import Listener, Tls, UnixListener, parse_address
from engine.api.routes import Rooms, operator_routes, register, reload
from engine.api.server import Limits, Server
from engine.domain.plugins.authorization import Authorization
from engine.version import VERSION

if TYPE_CHECKING:
    from engine.daemon import Engine

CLIENTS_SOCKET = "/var/run/docker.sock"


def api_listeners(settings: Settings) -> list[Listener]:
    """The hosts asked for; without any our own socket, and the one where clients look that were told nothing."""
    hosts = [str(host) for host in api_hosts(settings, os.environ, os.getpid())]
    tls = tls_of(settings)
    listeners = [parse_address(host, group=settings.group, tls=tls) for host in hosts]
    if hosts == [f"unix://{settings.socket_path}"] and not settings.hosts:
        listeners.append(UnixListener(Path(CLIENTS_SOCKET), settings.group, spare=True))
    return listeners


def limits(settings: Settings) -> Limits:
    return Limits(settings.api_half_open, settings.api_header_timeout)


def status_listener(settings: Settings) -> Listener:
    return UnixListener(Path(settings.exec_root) / "status.sock", settings.group)


def status_server(engine: Engine) -> Server:
    """Depends on nothing: it answers while everything else is down or comes up."""
    settings = engine.settings
    app = create_app(
        lambda app: operator_routes(app, engine.operators, engine.events, engine.engine_id),
        version=VERSION,
    )
    return Server(
        app,
        [status_listener(settings)],
        greet=False,
        limits=limits(settings),
        handover=engine.handover,
    )


def api_server(engine: Engine, rooms: Rooms) -> Server:
    """Listens from the beginning; until the engine is ready most of it waits."""
    settings = engine.settings
    app = create_app(
        lambda app: register(app, rooms), version=VERSION, experimental=settings.experimental
    )
    if settings.authorization_plugins:
        app.judge = Authorization(settings.authorization_plugins, engine.plugins.get)
    reload.register(app, engine.reloader.reload)
    guard(app, engine.ready, engine.operators.waiting_for)
    return Server(app, api_listeners(settings), limits=limits(settings), handover=engine.handover)


def tls_of(settings: Settings) -> Tls | None:
    """For every TCP listener, once TLS was asked for: a root API never falls back to plain text."""
    if not settings.uses_tls:
        return None
    files = tls_files(settings, os.environ)
    return Tls(
        cert=Path(files.certificate),
        key=Path(files.key),
        ca=Path(files.ca) if settings.tlsverify else None,
        verify=bool(settings.tlsverify),
    )
