from __future__ import annotations

import base64

import pytest
from quart import request
from quart_trio import QuartTrio

from engine.api.routes.distribution import registry_auth
from engine.models.registry import AuthConfig

CREDENTIALS = b'{"username":"a","password":"??>>"}'


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (base64.urlsafe_b64encode(CREDENTIALS).decode(), AuthConfig(username="a", password="??>>")),
        (
            base64.urlsafe_b64encode(CREDENTIALS).decode().rstrip("="),
            AuthConfig(username="a", password="??>>"),
        ),
        ("e30=", AuthConfig()),
        ("", AuthConfig()),
        ("zzz", AuthConfig()),
        ("bnVsbA==", AuthConfig()),
        ("W10=", AuthConfig()),
    ],
)
async def test_header_with_credentials_is_read_and_garbage_is_none(
    header: str, expected: AuthConfig
) -> None:
    app = QuartTrio("test")
    async with app.test_request_context("/", headers={"X-Registry-Auth": header}):
        assert request.headers["X-Registry-Auth"] == header
        assert registry_auth() == expected
