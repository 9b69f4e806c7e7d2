"""An httpx transport that gives each origin its own TLS settings and proxy, also after a redirect."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from urllib.parse import urlsplit

import httpx
import trio

from engine.adapters.registry.certificates import tls_context
from engine.adapters.registry.endpoints import Endpoint
from engine.adapters.registry.proxies import proxy_for
from engine.adapters.registry.settings import RegistrySettings

__all__ = ["Roads", "open_client"]

PORTS = {"http": 80, "https": 443}
# A connection that is not made in 15 s, as dockerd's ping; a minute without a byte.
TIMEOUT = httpx.Timeout(60.0, connect=15.0, pool=None)
LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=8, keepalive_expiry=30.0)

Origin = tuple[str, str, int]


class Roads(httpx.AsyncBaseTransport):
    """Only a registry's own hosts may go unverified; whoever it redirects to is verified."""

    def __init__(self, settings: RegistrySettings, endpoints: Iterable[Endpoint]) -> None:
        self._settings = settings
        self._unverified = {each.host for each in endpoints if not each.verify}
        self._roads: dict[Origin, httpx.AsyncHTTPTransport] = {}
        self._building = trio.Lock()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        origin = (url.scheme, url.host, url.port or PORTS.get(url.scheme, 0))
        async with self._building:
            if origin not in self._roads:
                self._roads[origin] = await self._build(origin, url.netloc.decode())
        return await self._roads[origin].handle_async_request(request)

    async def aclose(self) -> None:
        for road in self._roads.values():
            await road.aclose()

    async def _build(self, origin: Origin, netloc: str) -> httpx.AsyncHTTPTransport:
        scheme, host, port = origin
        proxy = proxy_for(scheme, host, port, self._settings.proxies)
        verify: ssl.SSLContext | bool = False
        if scheme == "https":
            verify = await trio.to_thread.run_sync(self._tls, netloc)
        return httpx.AsyncHTTPTransport(
            verify=verify, trust_env=False, limits=LIMITS, proxy=proxy or None
        )

    def _tls(self, host: str) -> ssl.SSLContext:
        return tls_context(
            host,
            self._settings.cert_dirs,
            verify=urlsplit(f"//{host}").netloc not in self._unverified,
        )


def open_client(
    settings: RegistrySettings, transport: httpx.AsyncBaseTransport
) -> httpx.AsyncClient:
    """Redirects are followed by our own code, which knows what must not go along."""
    return httpx.AsyncClient(
        transport=transport,
        timeout=TIMEOUT,
        follow_redirects=False,
        trust_env=False,
        headers={"User-Agent": settings.user_agent, "Accept-Encoding": "identity"},
    )
