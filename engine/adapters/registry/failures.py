"""Translates what goes wrong with a registry into the engine's errors, worded as Go's and dockerd's."""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import httpx
import msgspec

from engine.domain.images.registries import Interrupted, Refused
from engine.errors import EngineError

__all__ = ["quoted", "refusal_of", "translated"]

# OpenSSL's verification results (X509_V_ERR_*) that Go has a word of its own for.
UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21})
EXPIRED = frozenset({9, 10})
BODY_SHOWN = 512


def quoted(method: str, url: str, cause: str) -> str:
    """As Go's url.Error: `Get "https://host/v2/": cause`."""
    return f'{method.capitalize()} "{url}": {cause}'


@contextmanager
def translated(method: str, url: str) -> Iterator[None]:
    """Raise Interrupted from the body for all that keeps bytes from arriving."""
    try:
        yield
    except httpx.HTTPError as error:
        raise Interrupted(quoted(method, url, _cause(error, httpx.URL(url)))) from error
    except (httpx.InvalidURL, httpx.StreamError) as error:
        raise Refused(quoted(method, url, str(error))) from error


def _cause(error: httpx.HTTPError, url: httpx.URL) -> str:
    host = f"{url.host}:{url.port or (443 if url.scheme == 'https' else 80)}"
    chain = list(_chain(error))
    for each in chain:
        if isinstance(each, ssl.SSLCertVerificationError):
            return _certificate(each, url.host)
        if isinstance(each, ssl.SSLError):
            return _tls(each)
    for each in chain:
        if isinstance(each, socket.gaierror):
            return f"dial tcp: lookup {url.host}: no such host"
        if isinstance(each, OSError) and each.errno:
            text = os.strerror(each.errno).lower()
            step = "connect" if isinstance(error, httpx.ConnectError) else "read"
            return f"{'dial tcp' if step == 'connect' else 'read tcp'} {host}: {step}: {text}"
    return _plain(error, host)


def _plain(error: httpx.HTTPError, host: str) -> str:
    if isinstance(error, httpx.ConnectTimeout):
        return f"dial tcp {host}: i/o timeout"
    if isinstance(error, httpx.TimeoutException):
        return "net/http: timeout awaiting response"
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.CloseError):
        return "unexpected EOF"
    return str(error) or type(error).__name__


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The causes, the innermost first where a group of attempts failed."""
    while error is not None:
        if isinstance(error, BaseExceptionGroup):
            for each in error.exceptions:
                yield from _chain(each)
        yield error
        error = error.__cause__ or error.__context__


def _certificate(error: ssl.SSLCertVerificationError, host: str) -> str:
    if error.verify_code in UNKNOWN_AUTHORITY:
        return "x509: certificate signed by unknown authority"
    if error.verify_code in EXPIRED:
        return "x509: certificate has expired or is not yet valid"
    if "mismatch" in error.verify_message.lower():
        return f"x509: certificate is not valid for {host}"
    return f"x509: {error.verify_message}"


def _tls(error: ssl.SSLError) -> str:
    reason = error.reason or str(error)
    if reason in (
        "WRONG_VERSION_NUMBER",
        "RECORD_LAYER_FAILURE",
        "HTTP_REQUEST",
        "PACKET_LENGTH_TOO_LONG",
    ):
        return "http: server gave HTTP response to HTTPS client"
    if "CERTIFICATE_REQUIRED" in reason or "HANDSHAKE_FAILURE" in reason:
        return f"remote error: tls: {reason.lower().replace('_', ' ')}"
    return f"tls: {reason.lower().replace('_', ' ')}"


def refusal_of(status: int, body: bytes) -> EngineError:
    """The registry's own errors (OCI distribution-spec) where it sends them."""
    errors = _errors(body)
    if errors:
        text = "\n".join(_text(each) for each in errors)
        return Refused(
            text if len(errors) == 1 else f"errors:\n{text}\n",
            code=str(errors[0].get("code") or ""),
            status=status,
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Interrupted(f"received unexpected HTTP status: {_status(status)}")
    if status == HTTPStatus.UNAUTHORIZED:
        return Refused("unauthorized: authentication required", code="UNAUTHORIZED", status=status)
    shown = body[:BODY_SHOWN].decode(errors="replace")
    return Refused(
        f"error parsing HTTP {status} response body: {_go_quoted(shown)}"
        if shown.strip()
        else f"unexpected HTTP status: {_status(status)}",
        status=status,
    )


def _errors(body: bytes) -> list[dict[str, Any]]:
    try:
        raw = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []
    if not isinstance(raw, dict):
        return []
    # Docker Hub's token server answers with a single field.
    if isinstance(details := raw.get("details"), str):
        return [{"code": "UNAUTHORIZED", "message": details}]
    listed = raw.get("errors")
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _text(error: dict[str, Any]) -> str:
    code = str(error.get("code") or "UNKNOWN").lower().replace("_", " ")
    return f"{code}: {error.get('message') or code}"


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _go_quoted(text: str) -> str:
    return '"' + re.sub(r'["\\]', lambda match: "\\" + match[0], text).replace("\n", "\\n") + '"'
