from __future__ import annotations

import os
import socket
from pathlib import Path

import trio
import trio.testing

from engine.api.app import create_app
from engine.api.handover import VARIABLE, Handover
from engine.api.listeners import TcpListener, UnixListener
from engine.api.routes import status
from engine.api.server import Server
from tests.engine.api.serving import ask


def test_sockets_go_to_this_process_alone_and_once() -> None:
    first = Handover()
    ours, theirs = socket.socketpair()
    first.keep("unix:/x", ours)
    environ = {**first.environment(), "PATH": "/bin"}
    stranger = Handover.taken_from(dict(environ), os.getpid() + 1)
    assert stranger.take("unix:/x") is None
    second = Handover.taken_from(environ, os.getpid())
    assert VARIABLE not in environ
    assert second.take("unix:/other") is None
    sock = second.take("unix:/x")
    assert sock is not None
    assert not sock.get_inheritable()
    assert second.take("unix:/x") is None
    sock.sendall(b"1")
    assert theirs.recv(1) == b"1"
    sock.close()
    theirs.close()


def test_what_nobody_takes_is_closed() -> None:
    first = Handover()
    ours, theirs = socket.socketpair()
    first.keep("unix:/x", ours)
    Handover.taken_from(first.environment(), os.getpid()).close_rest()
    assert theirs.recv(1) == b""
    theirs.close()


async def test_client_between_two_servers_is_answered_by_the_second(tmp_path: Path) -> None:
    path = tmp_path / "s"
    listeners = [UnixListener(path, "0"), TcpListener("127.0.0.1", 0)]

    def server(handover: Handover, name: str) -> Server:
        app = create_app(lambda app: status.register(app, lambda: {"name": name}))
        return Server(app, listeners, handover=handover)

    left = Handover()
    async with trio.open_nursery() as nursery:
        first = server(left, "first")
        await nursery.start(lambda task_status: first.run(task_status=task_status))
        address = first.bound[1].sock.getsockname()
        inode = path.stat().st_ino
        left.wanted = True
        await first.stop()
    answers: list[str] = []

    async def early() -> None:
        answers.append((await ask(path, "GET", "/_trimaran/status")).json["name"])

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(early)
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert answers == []
            heir = Handover.taken_from(left.environment(), os.getpid())
            second = server(heir, "second")
            await nursery.start(lambda task_status: second.run(task_status=task_status))
            while not answers:  # noqa: ASYNC110 (a real client)
                await trio.sleep(0.01)
            assert second.bound[1].sock.getsockname() == address
            assert path.stat().st_ino == inode
            await second.stop()
    assert answers == ["second"]
    assert not path.exists()


async def test_who_has_just_connected_is_answered_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "s"
    app = create_app(lambda app: status.register(app, lambda: {"name": "late"}))
    server = Server(app, [UnixListener(path, "0")])
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            await nursery.start(lambda task_status: server.run(task_status=task_status))
            stream = await trio.open_unix_socket(str(path))
            while not server.connections:  # noqa: ASYNC110 (a real client)
                await trio.sleep(0.005)
            await server.stop()
            await stream.send_all(b"GET /_trimaran/status HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = await stream.receive_some(1000)
            assert answer.startswith(b"HTTP/1.1 200")
            await stream.aclose()
