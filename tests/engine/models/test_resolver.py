from __future__ import annotations

import socket

import msgspec
import trio
import trio.testing

from engine.models.resolver import Answer, Command, Presence, Scope, lines

PLACE = Presence(network="n", network_name="front", addresses=["10.0.0.2"], names=["web"])
SCOPE = Scope(id="c", path="/netns/c", presences=[PLACE], forwards=False)


def test_commands_and_answers_are_lines_of_json() -> None:
    for each in (Command(number=1, put=[SCOPE], drop=["d"], retain=True), Answer(number=1)):
        text = msgspec.json.encode(each)
        assert b"\n" not in text
        assert msgspec.json.decode(text, type=type(each)) == each


async def test_lines_are_whole_however_they_come_and_a_torn_one_is_none() -> None:
    ours, theirs = socket.socketpair()
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
    sender = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
    found: list[bytes] = []

    async def read() -> None:
        found.extend([each async for each in lines(stream)])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        for piece in (b"on", b"e\ntwo\n", b"\n", b"thr", b"ee\ntorn"):
            await sender.send_all(piece)
            await trio.testing.wait_all_tasks_blocked()
        await sender.aclose()
    await stream.aclose()
    assert found == [b"one", b"two", b"", b"three"]
