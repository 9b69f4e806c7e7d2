"""On real sockets: what a broken connection and a proxy look like from here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio

from engine.adapters.registry.registries import RemoteRegistries
from engine.adapters.registry.settings import ProxySettings, RegistrySettings
from engine.domain.images.ports import Descriptor
from engine.domain.images.registries import Interrupted
from engine.domain.names.references import parse_normalized
from engine.models.registry import AuthConfig

Handler = Callable[[trio.SocketStream], Awaitable[None]]
BLOB = Descriptor("", f"sha256:{'0' * 64}", 100)


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, handler, [listener])
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def head_of(stream: trio.SocketStream) -> bytes:
    found = b""
    while b"\r\n\r\n" not in found and not found.startswith(b"\x16"):
        chunk = await stream.receive_some(4096)
        if not chunk:
            return found
        found += chunk
    return found


async def test_body_that_breaks_off_is_interrupted_after_its_bytes() -> None:
    async def handler(stream: trio.SocketStream) -> None:
        while (head := await head_of(stream)).startswith(b"GET"):  # a TLS hello is not
            if b"blobs" in head:
                await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome bytes")
                break
            await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await stream.aclose()

    with trio.fail_after(20):
        async with serving(handler) as port:
            name = parse_normalized(f"127.0.0.1:{port}/app")
            async with RemoteRegistries(RegistrySettings()).repository(name, AuthConfig()) as found:
                got: list[bytes] = []

                async def read() -> None:
                    async with found.blob(BLOB) as chunks:
                        got.extend([await anext(chunks)])
                        await anext(chunks)

                with pytest.raises(Interrupted, match="unexpected EOF"):
                    await read()
    assert got == [b"some bytes"]


async def test_tls_spoken_to_plain_http_is_told_as_go_does() -> None:
    async def handler(stream: trio.SocketStream) -> None:
        await stream.receive_some(1)
        await stream.send_all(b"HTTP/1.0 400 Bad Request\r\n\r\n")

    async def nobody(_: str) -> list[str]:
        return []

    settings = RegistrySettings(cert_dirs=())
    with trio.fail_after(20):
        async with serving(handler) as port:
            # By a name that is no loopback to the lookup, so that there is no plain http.
            name = parse_normalized(f"localhost:{port}/app")
            async with RemoteRegistries(settings, nobody).repository(name, AuthConfig()) as found:
                with pytest.raises(Interrupted, match="server gave HTTP response to HTTPS client"):
                    await found.manifest("1")


async def test_requests_go_through_the_proxy() -> None:
    seen: list[bytes] = []

    async def proxy(stream: trio.SocketStream) -> None:
        seen.append(await head_of(stream))
        await stream.send_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")

    with trio.fail_after(20):
        async with serving(proxy) as port:
            settings = RegistrySettings(
                proxies=ProxySettings(https=f"http://127.0.0.1:{port}"), cert_dirs=()
            )
            name = parse_normalized("far.test/app")
            async with RemoteRegistries(settings).repository(name, AuthConfig()) as found:
                with pytest.raises(Interrupted):
                    await found.manifest("1")
    assert seen[0].startswith(b"CONNECT far.test:443 HTTP/1.1\r\n")
