"""One piece of work with a registry: its endpoints, a client for them, and what is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

import httpx
import msgspec

from engine.adapters.registry.endpoints import HUB, HUB_NAMES, Endpoint, Lookup, endpoints_of
from engine.adapters.registry.failures import translated
from engine.adapters.registry.host import Host, read_limited
from engine.adapters.registry.repository import RemoteRepository
from engine.adapters.registry.settings import RegistrySettings
from engine.adapters.registry.tokens import Authorizer, with_secret
from engine.adapters.registry.transport import Roads, open_client
from engine.domain.images.registries import NO_CREDENTIALS, Interrupted, Refused
from engine.domain.names.references import Reference
from engine.errors import EngineError, Unauthorized
from engine.models.images import SearchResult
from engine.models.registry import AuthConfig

__all__ = ["Roads", "RoadsFactory", "Sessions"]

RoadsFactory = Callable[[RegistrySettings, Sequence[Endpoint]], httpx.AsyncBaseTransport]

NOBODY = AuthConfig()
HUB_INDEX = "index.docker.io"
SEARCH_LIMIT = 4 << 20


class SearchPage(msgspec.Struct):
    results: list[SearchResult] = []


class Sessions:
    def __init__(self, settings: RegistrySettings, lookup: Lookup, roads: RoadsFactory) -> None:
        self._settings = settings
        self._lookup = lookup
        self._roads = roads

    def _client(self, endpoints: Sequence[Endpoint]) -> httpx.AsyncClient:
        return open_client(self._settings, self._roads(self._settings, endpoints))

    @asynccontextmanager
    async def repository(
        self, name: Reference, credentials: AuthConfig, *, push: bool, sources: Sequence[str]
    ) -> AsyncIterator[RemoteRepository]:
        endpoints = await endpoints_of(name.domain, self._settings, self._lookup, mirrors=not push)
        async with self._client(endpoints) as client:
            # A mirror is somebody else: the registry's credentials are not for it.
            hosts = [
                Host(client, each, Authorizer(client, NOBODY if each.mirror else credentials))
                for each in endpoints
            ]
            repository = RemoteRepository(hosts, name.domain, name.path, push=push, sources=sources)
            if push:
                await repository.connect()
            yield repository

    async def login(self, credentials: AuthConfig) -> str:
        """Raises Unauthorized for a refusal, with dockerd's texts."""
        domain = _domain_of(credentials.server_address)
        endpoints = await endpoints_of(domain, self._settings, self._lookup, mirrors=False)
        async with self._client(endpoints) as client:
            for endpoint in endpoints:
                authorizer = Authorizer(client, credentials, offline=True)
                try:
                    await self._log_in(Host(client, endpoint, authorizer))
                except Interrupted:
                    if endpoint is endpoints[-1]:
                        raise
                else:
                    before = with_secret(credentials).identity_token
                    return authorizer.identity_token if authorizer.identity_token != before else ""
        raise AssertionError("there is at least one endpoint")

    async def _log_in(self, host: Host) -> None:
        url = f"{host.endpoint.base}/v2/"
        try:
            async with host.send("GET", "/v2/"):
                return
        except Refused as error:
            if error.code == NO_CREDENTIALS:
                raise Unauthorized(error.message) from error
            if error.status == HTTPStatus.UNAUTHORIZED and not host.authorizer.is_bearer:
                raise Unauthorized(
                    f"login attempt to {url} failed with status: 401 Unauthorized"
                ) from error
            if error.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                raise Unauthorized(f'Get "{url}": {error}') from error
            raise

    async def search(self, term: str, limit: int, credentials: AuthConfig) -> list[SearchResult]:
        """By the search API of docker's first registries, which Docker Hub still has."""
        domain, name = _search_term(term)
        endpoints = await endpoints_of(domain, self._settings, self._lookup, mirrors=False)
        if domain == HUB:
            endpoints = [Endpoint(f"https://{HUB_INDEX}")]
        query = urlencode({"q": name, "n": limit})
        failure: EngineError | None = None
        async with self._client(endpoints) as client:
            for endpoint in endpoints:
                try:
                    return await _search(client, f"{endpoint.base}/v1/search?{query}", credentials)
                except Interrupted as error:
                    failure = error
        assert failure is not None
        raise failure


async def _search(
    client: httpx.AsyncClient, url: str, credentials: AuthConfig
) -> list[SearchResult]:
    known = with_secret(credentials)
    auth = httpx.BasicAuth(known.username, known.password) if known.username else None
    with translated("GET", url):
        request = client.build_request("GET", url, headers={"X-Docker-Token": "true"})
        response = await client.send(request, auth=auth, stream=True, follow_redirects=True)
        try:
            body = await read_limited(response, SEARCH_LIMIT)
        finally:
            await response.aclose()
    if response.status_code != HTTPStatus.OK:
        raise Refused(f"Unexpected status code {response.status_code}", status=response.status_code)
    try:
        return msgspec.json.decode(body, type=SearchPage).results
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Refused(f"the search's answer cannot be read: {error}") from error


def _domain_of(address: str) -> str:
    """The registry that a login names: a host, or a URL as old configuration files have it."""
    host = urlsplit(address).netloc if "://" in address else address.partition("/")[0]
    return HUB if host in HUB_NAMES else host


def _search_term(term: str) -> tuple[str, str]:
    """The registry and what to search there: `host:port/name`, else a name on Docker Hub."""
    first, slash, rest = term.partition("/")
    if slash and (set(".:") & set(first) or first == "localhost"):
        return (HUB if first in HUB_NAMES else first), rest
    return HUB, term.removeprefix("library/")
