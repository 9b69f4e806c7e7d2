from __future__ import annotations

import msgspec

from engine.models import gojson
from engine.models.registry import AuthConfig, AuthResponse, DistributionInspect


def test_credentials_are_read_in_dockers_spelling() -> None:
    body = b'{"username":"u","password":"p","serveraddress":"s","identitytoken":"i","registrytoken":"r"}'
    found = gojson.read(body, AuthConfig)
    assert (found.username, found.server_address, found.identity_token, found.registry_token) == (
        "u",
        "s",
        "i",
        "r",
    )


def test_answers_are_written_whole() -> None:
    assert msgspec.json.encode(AuthResponse(status="ok")) == b'{"IdentityToken":"","Status":"ok"}'
    assert msgspec.json.encode(DistributionInspect()) == b'{"Descriptor":{},"Platforms":[]}'
