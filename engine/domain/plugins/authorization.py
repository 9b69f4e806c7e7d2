"""Authorization plugins: each request is shown to them in order, each response in reverse; any of them may refuse.

A plugin that cannot be asked refuses. The wire is moby's pkg/authorization.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from engine.domain.plugins.texts import tame
from engine.errors import EngineError, Forbidden, SystemFailure

KIND = "authz"
PATIENCE = 30.0
BODY_LIMIT = 1 << 20
"""Bytes of a body that are shown; a larger one is not, as in dockerd."""
SECRET_HEADERS = frozenset({"x-registry-auth", "x-registry-config"})

Document = dict[str, Any]


class Asked(Protocol):
    def call(self, method: str, body: Document, *, patience: float) -> Awaitable[Document]: ...


Get = Callable[[str, str], Awaitable[Asked]]


class Question(msgspec.Struct, frozen=True):
    """A request. `uri` is as it came, with version and query; `certificates` are the client's, in PEM."""

    method: str
    uri: str
    headers: Mapping[str, str]
    body: bytes = b""
    user: str = ""
    user_method: str = ""
    certificates: Sequence[str] = ()


class Authorization:
    """`get` is the plugins room's."""

    def __init__(self, names: Sequence[str], get: Get) -> None:
        # dockerd's own reading of its list: each once, in the order in which it came.
        self.names = tuple(dict.fromkeys(names))
        self._get = get

    async def request(self, question: Question) -> None:
        """Forbidden, or SystemFailure when a plugin cannot be asked."""
        document = _document(question)
        for name in self.names:
            await self._ask(name, "AuthZPlugin.AuthZReq", document)

    async def response(
        self, question: Question, status: int, headers: Mapping[str, str], body: bytes
    ) -> None:
        """The same for what was answered; `body` is empty for what is streamed or is no JSON."""
        document = _document(question) | {
            "ResponseStatusCode": status,
            "ResponseHeaders": _shown(headers),
        }
        if body:
            document["ResponseBody"] = base64.b64encode(body).decode()
        for name in reversed(self.names):
            await self._ask(name, "AuthZPlugin.AuthZRes", document)

    async def _ask(self, name: str, method: str, document: Document) -> None:
        try:
            plugin = await self._get(name, KIND)
            answer = await plugin.call(method, document, patience=PATIENCE)
        except EngineError as error:
            raise SystemFailure(f"plugin {name} failed with error: {error}") from error
        if answer.get("Allow") is not True:
            message = tame(str(answer.get("Msg") or ""))
            raise Forbidden(f"authorization denied by plugin {name}: {message}")


def _document(question: Question) -> Document:
    found: Document = {
        "User": question.user,
        "UserAuthNMethod": question.user_method,
        "RequestMethod": question.method,
        "RequestUri": question.uri,
        "RequestBody": base64.b64encode(question.body).decode(),
        "RequestHeaders": _shown(question.headers),
        "RequestPeerCertificates": list(question.certificates),
    }
    return {name: value for name, value in found.items() if value}


def _shown(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in SECRET_HEADERS}
