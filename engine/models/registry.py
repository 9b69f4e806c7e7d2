"""The wire of registries: credentials, the answer to a login, what a registry has under a name."""

from __future__ import annotations

from typing import Any

from msgspec import field

from engine.models.wire import Wire, items, mapping, text

__all__ = ["AuthConfig", "AuthResponse", "DistributionInspect"]


class AuthConfig(Wire, frozen=True, rename="lower"):
    """What X-Registry-Auth and POST /auth carry."""

    username: str = ""
    password: str = ""
    auth: str = ""
    email: str = ""
    server_address: str = field(default="", name="serveraddress")
    identity_token: str = field(default="", name="identitytoken")
    registry_token: str = field(default="", name="registrytoken")

    def __repr__(self) -> str:
        return f"AuthConfig(username={self.username!r}, ...)"  # secrets stay out of logs


class AuthResponse(Wire, frozen=True):
    identity_token: str = text()
    status: str = text()


class DistributionInspect(Wire, frozen=True):
    """`descriptor` and `platforms` are in OCI's spelling."""

    descriptor: dict[str, Any] = mapping()
    platforms: list[dict[str, Any]] = items()
