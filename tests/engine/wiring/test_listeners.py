from __future__ import annotations

from pathlib import Path

from config.schema import Settings
from engine.api.listeners import TcpListener, UnixListener
from engine.api.server import Limits
from engine.wiring.listeners import CLIENTS_SOCKET, api_listeners, limits, status_listener


def test_without_hosts_the_clients_own_place_is_served_too_where_it_is_free() -> None:
    own, spare = api_listeners(Settings(exec_root="/e"))
    assert isinstance(own, UnixListener)
    assert isinstance(spare, UnixListener)
    assert (str(own.path), own.spare) == ("/e/docker.sock", False)
    assert (str(spare.path), spare.spare) == (CLIENTS_SOCKET, True)


def test_hosts_that_are_given_are_all_there_is() -> None:
    settings = Settings(exec_root="/e", hosts=("unix:///e/docker.sock", "tcp://127.0.0.1:7"))
    unix, tcp = api_listeners(settings)
    assert isinstance(unix, UnixListener)
    assert isinstance(tcp, TcpListener)
    assert (tcp.host, tcp.port, tcp.tls) == ("127.0.0.1", 7, None)


def test_tls_is_for_every_tcp_listener() -> None:
    settings = Settings(
        hosts=("tcp://127.0.0.1:7",), tlsverify=True, tlscert="/c", tlskey="/k", tlscacert="/ca"
    )
    [tcp] = api_listeners(settings)
    assert isinstance(tcp, TcpListener)
    assert tcp.tls is not None
    assert (tcp.tls.cert, tcp.tls.ca, tcp.tls.verify) == (Path("/c"), Path("/ca"), True)


def test_status_has_a_socket_of_its_own() -> None:
    listener = status_listener(Settings(exec_root="/e"))
    assert isinstance(listener, UnixListener)
    assert str(listener.path) == "/e/status.sock"


def test_limits_are_the_configurations() -> None:
    assert limits(Settings(api_half_open=7, api_header_timeout=3)) == Limits(7, 3)
