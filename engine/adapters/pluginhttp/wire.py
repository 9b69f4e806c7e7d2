"""The Wire port: one HTTP request on a connection of its own, over a unix socket, TCP or TLS.

h11 is in memory anyway (the API's server speaks it); a pool would only keep dead connections.
"""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

import h11
import trio

from engine.domain.plugins.ports import Answer, BadAnswer, Endpoint, NotReached, PluginTls

MIMETYPE = b"application/vnd.docker.plugins.v1.2+json"
CHUNK = 65536


class HttpWire:
    async def post(self, endpoint: Endpoint, path: str, body: bytes, *, limit: int) -> Answer:
        try:
            stream = await _connect(endpoint)
        except (OSError, trio.BrokenResourceError) as error:
            raise NotReached(_reason(endpoint, error)) from error
        try:
            return await _exchange(stream, endpoint, path, body, limit)
        except (OSError, trio.BrokenResourceError) as error:
            raise BadAnswer("the connection ended before the answer") from error
        except h11.ProtocolError as error:
            raise BadAnswer(f"the answer is no HTTP: {error}") from error
        finally:
            # Nothing is left to say, and a plugin that does not listen must not hold us.
            await trio.aclose_forcefully(stream)


async def _connect(endpoint: Endpoint) -> trio.abc.Stream:
    parts = urlsplit(endpoint.address)
    if parts.scheme == "unix":
        return await trio.open_unix_socket(parts.netloc + parts.path)
    host, port = parts.hostname or "localhost", parts.port or (443 if endpoint.tls else 80)
    stream = await trio.open_tcp_stream(host, port)
    if endpoint.tls is None:
        return stream
    try:
        context = await trio.to_thread.run_sync(_context, endpoint.tls)
        secured = trio.SSLStream(stream, context, server_hostname=host, https_compatible=True)
        await secured.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return secured


def _context(tls: PluginTls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca or None)
    if tls.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.cert and tls.key:
        context.load_cert_chain(tls.cert, tls.key)
    return context


async def _exchange(
    stream: trio.abc.Stream, endpoint: Endpoint, path: str, body: bytes, limit: int
) -> Answer:
    connection = h11.Connection(h11.CLIENT)
    head = h11.Request(
        method="POST",
        target=path,
        headers=[
            (b"Host", (urlsplit(endpoint.address).netloc or "plugin").encode()),
            (b"Accept", MIMETYPE),
            (b"Content-Type", MIMETYPE),
            (b"Content-Length", str(len(body)).encode()),
            (b"Connection", b"close"),
        ],
    )
    parts = [connection.send(head), connection.send(h11.Data(body)) if body else b""]
    parts.append(connection.send(h11.EndOfMessage()))
    await stream.send_all(b"".join(each for each in parts if each))
    status, found = 0, bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            data = bytes(await stream.receive_some(CHUNK))
            if not data and not status:
                raise BadAnswer("the connection ended before the answer")
            connection.receive_data(data)
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            found += event.data
            if len(found) > limit:
                raise BadAnswer(f"the answer is larger than {limit} bytes")
        elif isinstance(event, h11.EndOfMessage):
            return Answer(status, bytes(found))
        elif isinstance(event, h11.ConnectionClosed):
            raise BadAnswer("the connection ended before the answer")


def _reason(endpoint: Endpoint, error: Exception) -> str:
    """As Go's dialer says it."""
    parts = urlsplit(endpoint.address)
    where = f"unix {parts.path}" if parts.scheme == "unix" else f"tcp {parts.netloc}"
    text = (getattr(error, "strerror", None) or str(error)) or type(error).__name__
    return f"dial {where}: {text[:1].lower()}{text[1:]}"
