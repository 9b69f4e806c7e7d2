"""The addresses of the API."""

from __future__ import annotations

import pytest

from config.errors import ConfigError
from config.hosts import Host, api_hosts, parse_host
from config.schema import Settings

SOCKET = "/run/trimaran/docker.sock"


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("", Host("unix", SOCKET)),
        ("unix://", Host("unix", SOCKET)),
        ("unix:///x.sock", Host("unix", "/x.sock")),
        ("fd://", Host("fd", "*")),
        ("fd://3", Host("fd", "3")),
        ("tcp://", Host("tcp", "localhost", 2375)),
        ("tcp://:7", Host("tcp", "localhost", 7)),
        ("tcp://0.0.0.0", Host("tcp", "0.0.0.0", 2375)),
        ("0.0.0.0:4243", Host("tcp", "0.0.0.0", 4243)),
        ("tcp://[::1]", Host("tcp", "::1", 2375)),
        ("tcp://[::1]:5", Host("tcp", "::1", 5)),
        (" tcp://host.example:5 ", Host("tcp", "host.example", 5)),
    ],
)
def test_hosts_are_read_with_dockers_defaults(text: str, host: Host) -> None:
    assert parse_host(text) == host


def test_port_with_tls_is_another() -> None:
    assert str(parse_host("tcp://[::1]", tls=True)) == "tcp://[::1]:2376"
    assert str(parse_host("unix:///x")) == "unix:///x"


@pytest.mark.parametrize(
    "text",
    ["foo://a", "npipe://x", "tcp://a:b", "tcp://a:70000", "tcp://a:1/x", "tcp://::1", "tcp://[x]:1", "tcp://[::1", "tcp://[::1]x", "tcp://a b:1"],
)  # fmt: skip
def test_other_addresses_are_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_host(text)


def test_api_listens_where_it_is_told_else_on_systemds_sockets_else_on_its_own() -> None:
    activated = {"LISTEN_PID": "7", "LISTEN_FDS": "1"}
    assert api_hosts(Settings(hosts=("tcp://:1",)), activated, 7) == (Host("tcp", "localhost", 1),)
    assert api_hosts(Settings(), activated, 7) == (Host("fd", "*"),)
    assert api_hosts(Settings(), activated, 8) == (Host("unix", SOCKET),)
    assert api_hosts(Settings(exec_root="/e"), {}, 7) == (Host("unix", "/e/docker.sock"),)
