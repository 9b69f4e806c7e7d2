from __future__ import annotations

import contextlib
import os
import socket
import stat
from pathlib import Path

import pytest

from engine.api.listeners import (
    Bound,
    FdListener,
    ListenError,
    TcpListener,
    UnixListener,
    bind_all,
    bind_unix,
    inherited,
    parse_address,
)


def test_addresses_as_the_command_line_gives_them() -> None:
    assert parse_address("unix:///run/x.sock") == UnixListener(Path("/run/x.sock"))
    assert parse_address("/run/x.sock") == UnixListener(Path("/run/x.sock"))
    assert parse_address("unix://", default_path=Path("/d")) == UnixListener(Path("/d"))
    assert parse_address("tcp://0.0.0.0:2375") == TcpListener("0.0.0.0", 2375)
    assert parse_address("tcp://:2375") == TcpListener("", 2375)
    assert parse_address("tcp://") == TcpListener("localhost", 2375)
    assert parse_address("tcp://[::1]:99") == TcpListener("::1", 99)
    assert parse_address("127.0.0.1:99") == TcpListener("127.0.0.1", 99)
    assert parse_address("fd://") == FdListener()
    assert parse_address("fd://*") == FdListener()
    assert parse_address("fd://docker") == FdListener("docker")


@pytest.mark.parametrize("text", ["npipe://x", "tcp://a:b", "unix://"])
def test_other_addresses_are_refused(text: str) -> None:
    with pytest.raises(ListenError):
        parse_address(text)


def test_a_socket_is_for_owner_and_group_and_goes_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "api.sock"
    bound = bind_unix(UnixListener(path, str(os.getgid())))
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    bound.close()
    assert not path.exists()


def test_docker_host_is_what_a_client_here_can_use(tmp_path: Path) -> None:
    with contextlib.closing(bind_unix(UnixListener(tmp_path / "a.sock", "0"))) as bound:
        assert bound.docker_host == f"unix://{tmp_path}/a.sock"


@pytest.mark.parametrize(
    ("listened", "used"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1")]
)
def test_docker_host_of_every_address_is_the_loopback(listened: str, used: str) -> None:
    sock = socket.socket()
    sock.bind((listened, 0))
    with contextlib.closing(Bound(sock)) as bound:
        assert bound.docker_host == f"tcp://{used}:{sock.getsockname()[1]}"


def test_a_dead_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    bind_unix(UnixListener(path, "0")).close()


def test_a_live_socket_is_refused_and_left(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with socket.socket(socket.AF_UNIX) as live:
        live.bind(str(path))
        live.listen(1)
        with pytest.raises(ListenError, match="another daemon listens"):
            bind_unix(UnixListener(path, "0"))
        assert path.exists()


def test_what_is_no_socket_is_left(tmp_path: Path) -> None:
    (tmp_path / "api.sock").write_text("precious")
    with pytest.raises(ListenError, match="something else"):
        bind_unix(UnixListener(tmp_path / "api.sock", "0"))
    assert (tmp_path / "api.sock").read_text() == "precious"


def test_a_successors_socket_is_not_unlinked(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    first = bind_unix(UnixListener(path, "0"))
    path.unlink()
    second = bind_unix(UnixListener(path, "0"))
    first.close()
    assert path.exists()
    second.close()


def test_an_unknown_group_is_an_error_when_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ListenError, match="no group"):
        bind_unix(UnixListener(tmp_path / "a", "no-such-group"))
    assert not (tmp_path / "a").exists()


async def test_all_are_bound_or_none(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match="in use"):
            await bind_all([UnixListener(path, "0"), TcpListener("127.0.0.1", port)])
    assert not path.exists()


def test_sockets_of_another_process_are_not_taken() -> None:
    with pytest.raises(ListenError, match="socket activation"):
        inherited(FdListener(), {"LISTEN_PID": "1", "LISTEN_FDS": "1"})


def test_sockets_of_systemd_are_taken_by_name_and_number() -> None:
    with socket.socket() as passed:
        passed.bind(("127.0.0.1", 0))
        passed.listen(1)
        first = passed.fileno()
        env = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "docker"}
        for name in ("", "docker", str(first)):
            (bound,) = inherited(FdListener(name), env, first=first)
            assert bound.sock.getsockname() == passed.getsockname()
            bound.close()
        with pytest.raises(ListenError, match="fd://other"):
            inherited(FdListener("other"), env, first=first)
    assert passed.fileno() == -1


async def test_a_spare_socket_is_left_to_who_listens_there(tmp_path: Path) -> None:
    own, spare = tmp_path / "own.sock", tmp_path / "spare.sock"
    wanted = [UnixListener(own, "0"), UnixListener(spare, "0", spare=True)]
    with contextlib.closing(bind_unix(UnixListener(spare, "0"))):
        bound = await bind_all(wanted)
        assert [each.path for each in bound] == [own]
        for each in bound:
            each.close()
        assert spare.exists()
    bound = await bind_all(wanted)
    assert [each.path for each in bound] == [own, spare]
    for each in bound:
        each.close()


async def test_spare_port_is_done_without_where_it_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert await bind_all([TcpListener("127.0.0.1", port, spare=True)]) == []
        with pytest.raises(ListenError):
            await bind_all([TcpListener("127.0.0.1", port)])
