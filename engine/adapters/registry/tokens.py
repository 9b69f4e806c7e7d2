"""Authorization: basic, or a token from the server that the registry names, kept until it expires."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import httpx
import msgspec
import trio

from engine.adapters.registry.challenges import Challenge, choose
from engine.adapters.registry.failures import quoted, refusal_of, translated
from engine.domain.images.registries import NO_CREDENTIALS, Refused
from engine.models.registry import AuthConfig

__all__ = ["Authorizer", "with_secret"]

CLIENT_ID = "docker"
# A token server that names no time means 60 s (distribution's token spec); renew a little earlier.
DEFAULT_LIFE = 60.0
MARGIN = 5.0
TOKEN_LIMIT = 1 << 20


def with_secret(credentials: AuthConfig) -> AuthConfig:
    """Spell out `auth`, the base64 of `username:password`, if that is all there is."""
    if not credentials.auth or credentials.username or credentials.password:
        return credentials
    try:
        decoded = base64.b64decode(credentials.auth, validate=True).decode()
    except ValueError:
        return credentials
    username, _, password = decoded.partition(":")
    return msgspec.structs.replace(
        credentials, username=username, password=password.rstrip("\0"), auth=""
    )


class Authorizer:
    """One client's credentials at one endpoint. `offline` asks for an identity token (login)."""

    def __init__(
        self, client: httpx.AsyncClient, credentials: AuthConfig, *, offline: bool = False
    ) -> None:
        self._client = client
        self._credentials = with_secret(credentials)
        self._offline = offline
        self._challenge: Challenge | None = None
        self._tokens: dict[tuple[str, ...], tuple[str, float]] = {}
        self._fetching = trio.Lock()
        self.identity_token = self._credentials.identity_token

    @property
    def is_bearer(self) -> bool:
        return self._challenge is not None and self._challenge.scheme == "bearer"

    def challenged(self, challenges: Sequence[Challenge]) -> None:
        """Remember what the registry asks for, and forget what it has refused."""
        self._challenge = choose(challenges)
        self._tokens.clear()

    async def header(self, method: str, url: str, scopes: Sequence[str]) -> str | None:
        """The Authorization header; None where none was asked for. Raises Refused."""
        if self._credentials.registry_token:
            return f"Bearer {self._credentials.registry_token}"
        if self._challenge is None:
            return None
        if self._challenge.scheme == "basic":
            if not self._credentials.username:
                raise Refused(quoted(method, url, "no basic auth credentials"), code=NO_CREDENTIALS)
            return _basic(self._credentials)
        return f"Bearer {await self._token(tuple(scopes), self._challenge)}"

    async def _token(self, scopes: tuple[str, ...], challenge: Challenge) -> str:
        async with self._fetching:
            token, expires = self._tokens.get(scopes, ("", 0.0))
            if not token or trio.current_time() > expires:
                token, life = await self._fetch(scopes, challenge.parameters)
                self._tokens[scopes] = (token, trio.current_time() + life - MARGIN)
            return token

    async def _fetch(
        self, scopes: tuple[str, ...], parameters: dict[str, str]
    ) -> tuple[str, float]:
        realm = parameters.get("realm", "")
        if not realm:
            raise Refused("no realm in the registry's challenge", code="UNAUTHORIZED")
        service = parameters.get("service", "")
        if not scopes and parameters.get("scope"):
            scopes = (parameters["scope"],)
        if self.identity_token:
            answer = await self._grant(realm, service, scopes)
        else:
            answer = await self._get(realm, service, scopes)
        if isinstance(renewed := answer.get("refresh_token"), str) and renewed:
            self.identity_token = renewed
        token = answer.get("token") or answer.get("access_token")
        if not isinstance(token, str) or not token:
            raise Refused("authorization server did not include a token in the response")
        life = answer.get("expires_in")
        return token, max(DEFAULT_LIFE, float(life)) if isinstance(
            life, int | float
        ) else DEFAULT_LIFE

    async def _get(self, realm: str, service: str, scopes: tuple[str, ...]) -> dict[str, Any]:
        query = [("service", service)] if service else []
        query += [("scope", each) for each in scopes]
        headers = {}
        if self._credentials.username:
            query.insert(0, ("account", self._credentials.username))
            if self._offline:
                query += [("offline_token", "true"), ("client_id", CLIENT_ID)]
            headers["Authorization"] = _basic(self._credentials)
        url = httpx.URL(realm)
        url = url.copy_with(params=[*url.params.multi_items(), *query])
        return await self._ask(self._client.build_request("GET", url, headers=headers))

    async def _grant(self, realm: str, service: str, scopes: tuple[str, ...]) -> dict[str, Any]:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": self.identity_token,
            "service": service,
            "client_id": CLIENT_ID,
            "scope": " ".join(scopes),
        }
        return await self._ask(self._client.build_request("POST", realm, data=form))

    async def _ask(self, request: httpx.Request) -> dict[str, Any]:
        with translated(request.method, str(request.url)):
            response = await self._client.send(request, stream=True, follow_redirects=True)
            try:
                body = b"".join([each async for each in _limited(response)])
            finally:
                await response.aclose()
        if not response.is_success:
            raise refusal_of(response.status_code, body)
        try:
            answer = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Refused(f"unable to decode token response: {error}") from error
        return answer if isinstance(answer, dict) else {}


async def _limited(response: httpx.Response) -> Any:
    size = 0
    async for piece in response.aiter_bytes():
        size += len(piece)
        if size > TOKEN_LIMIT:
            raise Refused("the token server's answer is too long")
        yield piece


def _basic(credentials: AuthConfig) -> str:
    pair = f"{credentials.username}:{credentials.password}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"
