from __future__ import annotations

from pathlib import Path

import pytest
import trio
import trio.testing

from engine.adapters.buildkit import door as module
from engine.adapters.buildkit.door import BuildKitDoor
from engine.adapters.buildkit.process import Need
from engine.adapters.buildkit.settings import Places
from engine.errors import Unavailable


@pytest.fixture
def door(tmp_path: Path) -> BuildKitDoor:
    return BuildKitDoor(Need(Places(tmp_path, tmp_path)), lambda: True, found=True)


def test_it_is_to_be_had_where_it_is_found_and_wanted(tmp_path: Path) -> None:
    need = Need(Places(tmp_path, tmp_path))
    for found, wanted in ((True, False), (False, True), (True, True)):
        made = BuildKitDoor(need, lambda wanted=wanted: wanted, found=found)  # type: ignore[misc]
        assert made.available == (found and wanted)


@pytest.mark.parametrize("how", ["control", "session"])
async def test_one_that_does_not_listen_is_refused(
    door: BuildKitDoor, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "START_LIMIT", 0.1)
    door.need.reason = "it has exited (3)"
    passage = door.control() if how == "control" else door.session([])
    with pytest.raises(Unavailable, match=r"buildkitd does not answer: it has exited \(3\)"):
        async with passage:
            raise AssertionError("not reached")


async def test_bytes_go_both_ways_until_the_end(door: BuildKitDoor) -> None:
    """The client's end is told to the server, whose last words still arrive."""
    listener = trio.socket.socket(trio.socket.AF_UNIX)
    await listener.bind(str(door.need.places.socket))
    listener.listen()

    async def serve() -> None:
        sock, _ = await listener.accept()
        async with trio.SocketStream(sock) as stream:
            heard = b"".join([bytes(piece) async for piece in stream])
            await stream.send_all(b"heard " + heard)

    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        async with door.control() as carry:
            nursery.start_soon(carry, theirs)
            await ours.send_all(b"1234")
            await ours.send_eof()
            assert b"".join([bytes(piece) async for piece in ours]) == b"heard 1234"
    listener.close()


async def test_a_server_that_takes_no_session_is_refused(door: BuildKitDoor) -> None:
    listener = trio.socket.socket(trio.socket.AF_UNIX)
    await listener.bind(str(door.need.places.socket))
    listener.listen()

    async def serve() -> None:
        for _ in range(2):
            sock, _ = await listener.accept()
            sock.close()
        listener.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        with pytest.raises(Unavailable, match="buildkitd"):
            async with door.session([]):
                raise AssertionError("not reached")
        nursery.cancel_scope.cancel()
