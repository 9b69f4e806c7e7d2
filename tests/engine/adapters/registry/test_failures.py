from __future__ import annotations

import json
import socket
import ssl

import httpx
import pytest

from engine.adapters.registry.failures import refusal_of, translated
from engine.domain.images.registries import Interrupted, Refused

URL = "https://reg.test/v2/"


def verification(code: int, message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, message)
    error.verify_code, error.verify_message = code, message
    return error


def tls(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        (ConnectionRefusedError(111, ""), "dial tcp reg.test:443: connect: connection refused"),
        (OSError(101, ""), "dial tcp reg.test:443: connect: network is unreachable"),
        (socket.gaierror(-2, ""), "dial tcp: lookup reg.test: no such host"),
        (
            ExceptionGroup("", [ConnectionRefusedError(111, ""), OSError(113, "")]),
            "dial tcp reg.test:443: connect: connection refused",
        ),
        (tls("WRONG_VERSION_NUMBER"), "http: server gave HTTP response to HTTPS client"),
        (verification(18, "self-signed certificate"), "x509: certificate signed by unknown authority"),
        (verification(10, "expired"), "x509: certificate has expired or is not yet valid"),
        (verification(62, "Hostname mismatch"), "x509: certificate is not valid for reg.test"),
    ],
)  # fmt: skip
def test_what_keeps_a_connection_from_being_made_is_worded_as_go_does(
    cause: BaseException, text: str
) -> None:
    with pytest.raises(Interrupted) as caught, translated("GET", URL):
        raise httpx.ConnectError("x") from cause
    assert str(caught.value) == f'Get "{URL}": {text}'


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (httpx.ConnectTimeout("x"), "dial tcp reg.test:443: i/o timeout"),
        (httpx.ReadTimeout("x"), "net/http: timeout awaiting response"),
        (httpx.RemoteProtocolError("x"), "unexpected EOF"),
    ],
)
def test_timeouts_and_cuts(error: httpx.HTTPError, text: str) -> None:
    with pytest.raises(Interrupted) as caught, translated("HEAD", URL):
        raise error
    assert str(caught.value) == f'Head "{URL}": {text}'


def test_registrys_own_error_is_passed_on_with_its_code() -> None:
    body = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}
    error = refusal_of(404, json.dumps(body).encode())
    assert isinstance(error, Refused)
    assert (str(error), error.code, error.status) == (
        "manifest unknown: manifest unknown",
        "MANIFEST_UNKNOWN",
        404,
    )


def test_several_errors_are_listed() -> None:
    body = {"errors": [{"code": "A_B", "message": "one"}, {"code": "C"}]}
    assert str(refusal_of(400, json.dumps(body).encode())) == "errors:\na b: one\nc: c\n"


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (401, b'{"details": "incorrect username or password"}', "unauthorized: incorrect username or password"),
        (401, b"", "unauthorized: authentication required"),
        (404, b'<"html">', 'error parsing HTTP 404 response body: "<\\"html\\">"'),
        (418, b"", "unexpected HTTP status: 418 I'm a Teapot"),
        (400, b'{"errors": "nonsense"}', 'error parsing HTTP 400 response body: "{\\"errors\\": \\"nonsense\\"}"'),
    ],
)  # fmt: skip
def test_other_bodies(status: int, body: bytes, text: str) -> None:
    error = refusal_of(status, body)
    assert isinstance(error, Refused)
    assert str(error) == text


def test_servers_trouble_may_pass() -> None:
    error = refusal_of(502, b"<html>")
    assert isinstance(error, Interrupted)
    assert str(error) == "received unexpected HTTP status: 502 Bad Gateway"
