"""Requests to one endpoint: authorization, redirects, patience with 429 and 503, errors in words."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import httpx
import trio

from engine.adapters.registry.challenges import parse_challenges
from engine.adapters.registry.endpoints import Endpoint
from engine.adapters.registry.failures import quoted, refusal_of, translated
from engine.adapters.registry.tokens import Authorizer
from engine.domain.images.registries import Interrupted, Refused
from engine.errors import EngineError

__all__ = ["Host", "read_limited", "retry_after"]

BUSY: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
# How long a request waits, all in all, for a registry that asks for patience.
PATIENCE = 60.0
FIRST_WAIT = 1.0
REDIRECTS = 10
ERROR_LIMIT = 64 << 10

Content = bytes | Callable[[], AsyncIterator[bytes]]


class Host:
    """An endpoint, pinged once before the first request, as dockerd does it."""

    def __init__(
        self, client: httpx.AsyncClient, endpoint: Endpoint, authorizer: Authorizer
    ) -> None:
        self.endpoint = endpoint
        self.authorizer = authorizer
        self._client = client
        self._connecting = trio.Lock()
        self.connected = False

    async def connect(self) -> None:
        """Learn how to authorize. Raises Interrupted when there is no registry to talk to."""
        async with self._connecting:
            if self.connected:
                return
            url = f"{self.endpoint.base}/v2/"
            response = await self._once("GET", url, {}, None)
            with translated("GET", url):
                await response.aclose()
            if response.status_code == HTTPStatus.UNAUTHORIZED:
                self._challenge(response)
            self.connected = True

    @asynccontextmanager
    async def send(
        self,
        method: str,
        url: str,
        *,
        scopes: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        content: Content | None = None,
        expect: Sequence[int] = (200,),
        patient: bool = True,
    ) -> AsyncIterator[httpx.Response]:
        """The response with its body unread. `url` is a path, or absolute.

        Raises Refused for a status that is not expected, Interrupted for what may pass by itself
        (at once when not `patient`).
        """
        await self.connect()
        target = url if "://" in url else self.endpoint.base + url
        response = await self._answer(method, target, scopes, headers or {}, content, patient)
        try:
            if response.status_code not in expect:
                raise await self._refusal(method, str(response.request.url), response)
            with translated(method, target):
                yield response
        finally:
            with trio.CancelScope(shield=True), trio.move_on_after(5.0):
                await response.aclose()

    async def _answer(
        self,
        method: str,
        url: str,
        scopes: Sequence[str],
        headers: Mapping[str, str],
        content: Content | None,
        patient: bool,
    ) -> httpx.Response:
        patience, wait = PATIENCE if patient else 0.0, FIRST_WAIT
        challenged, redirects, first = False, 0, url
        while redirects <= REDIRECTS:
            own = _same_origin(url, first)
            given = await self.authorizer.header(method, url, scopes) if own else None
            sent = {**headers, "Authorization": given} if given else headers
            response = await self._once(method, url, sent, content)
            status = response.status_code
            if status == HTTPStatus.UNAUTHORIZED and own and not challenged:
                challenged = True
                self._challenge(response)
                if given and not self.authorizer.is_bearer:
                    return response  # the same password would be refused again
                pause = 0.0
            elif status in BUSY and (pause := retry_after(response) or wait) <= patience:
                patience, wait = patience - pause, wait * 2
            elif response.has_redirect_location and method in ("GET", "HEAD"):
                url, redirects, pause = _redirected(response, url), redirects + 1, 0.0
            else:
                return response
            await response.aclose()
            await trio.sleep(pause)
        raise Refused(quoted(method, first, f"stopped after {REDIRECTS} redirects"))

    async def _once(
        self, method: str, url: str, headers: Mapping[str, str], content: Content | None
    ) -> httpx.Response:
        body = content() if callable(content) else content
        with translated(method, url):
            request = self._client.build_request(method, url, headers=headers, content=body)
            return await self._client.send(request, stream=True)

    def _challenge(self, response: httpx.Response) -> None:
        self.authorizer.challenged(parse_challenges(response.headers.get_list("WWW-Authenticate")))

    async def _refusal(self, method: str, url: str, response: httpx.Response) -> EngineError:
        with translated(method, url):
            body = await read_limited(response, ERROR_LIMIT)
        error = refusal_of(response.status_code, body)
        if response.status_code in BUSY:
            return Interrupted(str(error), retry_after(response))
        return error


async def read_limited(response: httpx.Response, limit: int) -> bytes:
    """The body, cut off at `limit` bytes."""
    found = bytearray()
    async for piece in response.aiter_raw():
        found += piece
        if len(found) >= limit:
            break
    return bytes(found[:limit])


def retry_after(response: httpx.Response, now: float | None = None) -> float | None:
    """Seconds until the time that the registry names, in either of the header's forms."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None
    return max(0.0, moment - (time.time() if now is None else now))


def _redirected(response: httpx.Response, url: str) -> str:
    try:
        return str(httpx.URL(url).join(response.headers["Location"]))
    except httpx.InvalidURL as error:
        raise Refused(f"the registry redirects to no URL: {error}") from error


def _same_origin(one: str, other: str) -> bool:
    """The credentials stay with the host that they are for."""
    a, b = httpx.URL(one), httpx.URL(other)
    return (a.scheme, a.host, a.port) == (b.scheme, b.host, b.port)
