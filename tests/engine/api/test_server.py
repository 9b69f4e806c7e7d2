from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
import trio
import trio.testing
from quart_trio import QuartTrio

from engine.api.app import create_app
from engine.api.hijack import hijack
from engine.api.listeners import ListenError, TcpListener, Tls, UnixListener
from engine.api.responses import json_response
from engine.api.server import Limits, Server
from tests.engine.api.serving import Client, connect, serving
from tests.engine.api.test_responses import Watched


async def test_a_socket_in_use_fails_the_start(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as live:
        live.bind(str(path))
        live.listen(1)
        with pytest.raises(ListenError):
            await Server(create_app(lambda app: None), [UnixListener(path, "0")]).run()


async def test_the_socket_is_gone_at_the_end(tmp_path: Path) -> None:
    async with serving(lambda app: None, tmp_path / "s"):
        assert (tmp_path / "s").exists()
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("request_", [b"", b"GET /events", b"GET /flood"])
async def test_stop_does_not_wait_for_idle_clients_streams_and_slow_readers(
    tmp_path: Path, request_: bytes
) -> None:
    watched = Watched()
    async with serving(watched.register, tmp_path / "s") as server:
        client = await connect(tmp_path / "s")
        if request_:
            await client.send(request_ + b" HTTP/1.1\r\nHost: x\r\n\r\n")
            await client.read_head()
        await trio.testing.wait_all_tasks_blocked(0.05)  # the flood fills the socket
        began = trio.current_time()
        await server.stop()
    assert trio.current_time() - began < 0.9
    assert watched.ended.is_set() == bool(request_)
    await client.stream.aclose()


async def test_a_handler_that_clings_is_cancelled_after_the_grace(tmp_path: Path) -> None:
    entered = trio.Event()

    def register(app: QuartTrio) -> None:
        @app.get("/clings")
        async def clings():  # type: ignore[no-untyped-def]
            entered.set()
            await trio.sleep_forever()

    async with serving(register, tmp_path / "s", grace=0.1) as server:
        client = await connect(tmp_path / "s")
        await client.send(b"GET /clings HTTP/1.1\r\nHost: x\r\n\r\n")
        await entered.wait()
        began = trio.current_time()
        await server.stop()
    assert trio.current_time() - began < 1
    await client.stream.aclose()


async def test_stop_lets_a_short_request_end(tmp_path: Path) -> None:
    entered = trio.Event()

    def register(app: QuartTrio) -> None:
        @app.get("/short")
        async def short():  # type: ignore[no-untyped-def]
            entered.set()
            await trio.sleep(0.1)
            return json_response("done")

    async with serving(register, tmp_path / "s") as server, await connect(tmp_path / "s") as client:
        await client.send(b"GET /short HTTP/1.1\r\nHost: x\r\n\r\n")
        await entered.wait()
        await server.stop()
        assert (await client.rest()).endswith(b'"done"\n')


async def test_a_foreign_page_is_refused_on_tcp_alone(tmp_path: Path) -> None:
    def register(app: QuartTrio) -> None:
        @app.get("/info")
        async def info():  # type: ignore[no-untyped-def]
            return json_response("info")

    request = b"GET /info HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    async with serving(register, tmp_path / "s", TcpListener("127.0.0.1", 0)) as server:
        port = server.bound[1].sock.getsockname()[1]
        async with Client(await trio.open_tcp_stream("127.0.0.1", port)) as client:
            await client.send(request)
            assert (await client.rest()).startswith(b"HTTP/1.1 403 Forbidden")
        async with await connect(tmp_path / "s") as client:
            await client.send(request)
            assert (await client.rest()).startswith(b"HTTP/1.1 200 OK")


def certificate(where: Path, name: str, issuer: str | None = None) -> None:
    """Make a key and a certificate for localhost, signed by itself or by an issuer."""
    extra = ["-CA", str(where / f"{issuer}.pem"), "-CAkey", str(where / f"{issuer}.key")]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        + ["-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext"]
        + ["subjectAltName=DNS:localhost,IP:127.0.0.1"]
        + ["-keyout", str(where / f"{name}.key"), "-out", str(where / f"{name}.pem")]
        + (extra if issuer else []),
        check=True,
        capture_output=True,
        timeout=30,
    )


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes certificates with openssl")
async def test_tls_verifies_clients_and_carries_hijacked_streams(tmp_path: Path) -> None:
    def register(app: QuartTrio) -> None:
        @app.post("/attach")
        async def attach():  # type: ignore[no-untyped-def]
            async with await hijack() as stream:
                await stream.send_all(b"got " + await stream.receive_some())
                await stream.send_eof()

    certificate(tmp_path, "ca")
    certificate(tmp_path, "server", "ca")
    certificate(tmp_path, "client", "ca")
    ca = tmp_path / "ca.pem"
    tls = Tls(cert=tmp_path / "server.pem", key=tmp_path / "server.key", ca=ca, verify=True)
    async with serving(register, tmp_path / "s", TcpListener("127.0.0.1", 0, tls)) as server:
        port = server.bound[1].sock.getsockname()[1]
        context = ssl.create_default_context(cafile=str(ca))
        # In TLS 1.3 the client hears of its refusal only when it reads.
        with suppress(trio.BrokenResourceError):
            assert await attach_over(context, port) == b""
        context.load_cert_chain(tmp_path / "client.pem", tmp_path / "client.key")
        assert await attach_over(context, port) == b"got hello"


async def attach_over(context: ssl.SSLContext, port: int) -> bytes:
    stream = await trio.open_ssl_over_tcp_stream(
        "127.0.0.1", port, ssl_context=context, https_compatible=True
    )
    found = b""
    async with stream:
        await stream.send_all(
            b"POST /attach HTTP/1.1\r\nHost: localhost\r\n"
            b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\nhello"
        )
        while data := await stream.receive_some():
            found += data
    return found.partition(b"\r\n\r\n")[2]


async def test_half_open_connections_push_out_the_oldest_of_their_listener_alone(
    tmp_path: Path,
) -> None:
    def register(app: QuartTrio) -> None:
        @app.get("/_ping")
        async def ping():  # type: ignore[no-untyped-def]
            return json_response("pong")

    first, second = tmp_path / "a", tmp_path / "b"
    limits = Limits(half_open=5)
    async with (
        serving(register, first, UnixListener(second, "0"), limits=limits) as server,
        await connect(first) as regular,
        await connect(second) as elsewhere,
    ):
        assert (await regular.ask("GET", "/_ping")).json == "pong"
        crowd = [await connect(first) for _ in range(50)]
        for each in crowd[:45]:
            assert await each.rest() == b""
        await crowd[-1].send(b"GET /_ping HTTP/1.1\r\nHo")
        assert (await regular.ask("GET", "/_ping")).json == "pong"
        assert (await elsewhere.ask("GET", "/_ping")).json == "pong"
        assert server.connections == 5 + 2
        await crowd[-1].send(b"st: x\r\n\r\n")
        assert (await crowd[-1].read_head()).startswith("HTTP/1.1 200 ")
        for each in crowd:
            await each.stream.aclose()
