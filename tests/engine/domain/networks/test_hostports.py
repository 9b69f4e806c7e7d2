from __future__ import annotations

import socket
from pathlib import Path

import pytest

from engine.domain.networks.hostports import ANY, HostPorts, bind_socket, dynamic_range
from engine.errors import SystemFailure
from tests.fakes.networks import FakeHost


def ports(host: FakeHost) -> HostPorts:
    return HostPorts(host.bind, (32768, 32770))


def test_port_is_held_in_both_families_until_freed() -> None:
    host = FakeHost()
    taken = ports(host)
    assert taken.take("tcp", ANY, 80, 80) == 80
    assert host.bound == {("tcp", "0.0.0.0", 80), ("tcp", "::", 80)}
    for host_ip in ANY:
        taken.free("tcp", host_ip, 80)
    assert host.bound == set()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (ANY, ANY),
        (ANY, ("127.0.0.1",)),
        (("127.0.0.1",), ANY),
        (("127.0.0.1",), ("127.0.0.1",)),
    ],
)
def test_same_port_is_refused_in_dockerds_words(
    first: tuple[str, ...], second: tuple[str, ...]
) -> None:
    taken = ports(FakeHost())
    taken.take("tcp", first, 80, 80)
    with pytest.raises(SystemFailure) as refused:
        taken.take("tcp", second, 80, 80)
    assert str(refused.value) == f"Bind for {second[0]}:80 failed: port is already allocated"


def test_other_protocols_and_addresses_are_other_ports() -> None:
    taken = ports(FakeHost(addresses=["127.0.0.1", "192.0.2.1"]))
    taken.take("tcp", ("127.0.0.1",), 80, 80)
    assert taken.take("udp", ANY, 80, 80) == 80
    assert taken.take("tcp", ("192.0.2.1",), 80, 80) == 80


def test_range_gives_its_first_free_port() -> None:
    host = FakeHost()
    host.others.add(("tcp", 8080))
    taken = ports(host)
    assert [taken.take("tcp", ANY, 8080, 8082) for _ in range(2)] == [8081, 8082]
    with pytest.raises(SystemFailure, match="8080 failed: port is already allocated"):
        taken.take("tcp", ANY, 8080, 8082)


def test_any_port_comes_in_turn_and_skips_what_is_in_use() -> None:
    host = FakeHost()
    host.others.add(("tcp", 32769))
    taken = ports(host)
    assert [taken.take("tcp", ANY, 0, 0) for _ in range(2)] == [32768, 32770]
    assert taken.take("udp", ANY, 0, 0) == 32768
    with pytest.raises(SystemFailure, match="all ports are allocated"):
        taken.take("tcp", ANY, 0, 0)


def test_port_of_another_process_is_refused_and_nothing_stays_bound() -> None:
    host = FakeHost()
    host.others.add(("udp", 53))
    with pytest.raises(SystemFailure, match=r"0\.0\.0\.0:53/udp: address already in use"):
        ports(host).take("udp", ANY, 53, 53)
    assert host.bound == set()


def test_host_without_ipv6_publishes_on_ipv4() -> None:
    host = FakeHost(ipv6=False)
    assert ports(host).take("tcp", ANY, 80, 80) == 80
    assert host.bound == {("tcp", "0.0.0.0", 80)}


def test_address_that_is_not_the_hosts_is_refused() -> None:
    with pytest.raises(SystemFailure, match="cannot assign requested address"):
        ports(FakeHost()).take("tcp", ("9.9.9.9",), 80, 80)


def test_adopted_port_counts_though_its_socket_is_lost() -> None:
    host = FakeHost()
    host.others.add(("tcp", 80))
    taken = ports(host)
    refusal = taken.adopt("tcp", "0.0.0.0", 80)
    assert "already in use" in str(refusal)
    with pytest.raises(SystemFailure, match="already allocated"):
        taken.take("tcp", ANY, 80, 80)


def test_close_lets_everything_go() -> None:
    host = FakeHost()
    taken = ports(host)
    taken.take("tcp", ANY, 80, 80)
    taken.close()
    assert host.bound == set()


def listen(server: socket.socket, port: int) -> None:
    server.bind(("127.0.0.1", port))
    server.listen()


@pytest.mark.integration
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_bound_socket_keeps_others_out_and_never_listens(kind: socket.SocketKind) -> None:
    proto = "tcp" if kind == socket.SOCK_STREAM else "udp"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    held = bind_socket(proto, "127.0.0.1", port)
    try:
        with socket.socket(socket.AF_INET, kind) as other:
            # As servers do it; the refusal may come only when they listen.
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(proto == "tcp"))
            with pytest.raises(OSError, match="in use"):
                listen(other, port)
        if proto == "tcp":
            with socket.socket() as client, pytest.raises(ConnectionRefusedError):
                client.connect(("127.0.0.1", port))
    finally:
        held.close()


def test_dynamic_range_is_the_kernels_or_dockerds(tmp_path: Path) -> None:
    told = tmp_path / "range"
    told.write_text("40000\t50000\n")
    assert dynamic_range(told) == (40000, 50000)
    assert dynamic_range(tmp_path / "missing") == (49153, 65535)
