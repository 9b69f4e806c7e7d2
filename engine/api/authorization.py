"""What of a request and its response an authorization plugin is shown."""

from __future__ import annotations

import ssl
from typing import Any, Protocol

import trio
from quart import Response
from quart.wrappers.response import DataBody

from engine.api.bodies import ApiRequest
from engine.domain.plugins.authorization import BODY_LIMIT, Question

JSON = "application/json"


class Judge(Protocol):
    """Raises what is to be answered instead."""

    async def request(self, question: Question) -> None: ...

    async def response(
        self, question: Question, status: int, headers: dict[str, str], body: bytes
    ) -> None: ...


async def question_of(request: ApiRequest) -> Question:
    """A JSON body is read ahead, and read again by the handler; everything else is left to stream."""
    scope: Any = request.scope
    query = b"?" + scope["query_string"] if scope.get("query_string") else b""
    raw = scope.get("raw_path") or scope["path"].encode()
    headers = dict(request.headers)
    body = b""
    if _is_json(headers.get("Content-Type", "")) and not _carries_secrets(scope["path"]):
        body = await request.body.ahead(BODY_LIMIT) or b""
    user, certificates = _client(scope)
    return Question(
        method=request.method,
        uri=(raw + query).decode(errors="replace"),
        headers=headers,
        body=body,
        user=user,
        user_method="TLS" if user else "",
        certificates=certificates,
    )


async def ask_about(judge: Judge, question: Question, response: Response) -> None:
    """A stream is judged by its head, before anything of it is sent."""
    headers = dict(response.headers)
    body = b""
    if isinstance(response.response, DataBody) and _is_json(headers.get("Content-Type", "")):
        data = response.response.data
        body = data if len(data) <= BODY_LIMIT else b""
    if _carries_secrets(question.uri):
        body = b""
    await judge.response(question, response.status_code, headers, body)


def _is_json(content_type: str) -> bool:
    return content_type.split(";")[0].strip().lower() == JSON


def _carries_secrets(path: str) -> bool:
    """POST /auth, whose bodies hold passwords."""
    return path.partition("?")[0].rstrip("/").endswith("/auth")


def _client(scope: Any) -> tuple[str, list[str]]:
    """The common name of a client's certificate, and the certificate."""
    link = (scope.get("extensions") or {}).get("trimaran.link")
    stream = link.stream if link is not None else None
    if not isinstance(stream, trio.SSLStream):
        return "", []
    found: Any = stream.getpeercert()
    whole: Any = stream.getpeercert(binary_form=True)
    if not found or not whole:
        return "", []
    names = [value for part in found["subject"] for key, value in part if key == "commonName"]
    return (names[0] if names else ""), [ssl.DER_cert_to_PEM_cert(whole)]
