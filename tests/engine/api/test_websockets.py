from __future__ import annotations

import pytest
import trio
from trio.testing import memory_stream_pair
from trio_websocket import wrap_client_stream, wrap_server_stream

from engine.api.websockets import WebSocketStream


async def test_messages_are_bytes_both_ways_until_the_client_goes() -> None:
    left, right = memory_stream_pair()
    async with trio.open_nursery() as nursery:

        async def serve() -> None:
            request = await wrap_server_stream(nursery, right)
            stream = WebSocketStream(await request.accept())
            assert await stream.receive_some(1) == b"\xff\x00"
            assert await stream.receive_some() == "text é".encode()
            await stream.send_all(b"answer")
            assert await stream.receive_some() == b""
            with pytest.raises(trio.BrokenResourceError):
                await stream.send_all(b"nobody")

        nursery.start_soon(serve)
        client = await wrap_client_stream(nursery, left, "docker", "/attach/ws")
        await client.send_message(b"\xff\x00")
        await client.send_message("text é")
        assert await client.get_message() == b"answer"
        await client.aclose()
