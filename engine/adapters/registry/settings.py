"""How registries are reached: mirrors, insecure hosts, certificates, proxies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

__all__ = ["ProxySettings", "RegistrySettings"]

CERTIFICATE_DIRS = (Path("/etc/trimaran/certs.d"), Path("/etc/docker/certs.d"))


class ProxySettings(msgspec.Struct, frozen=True, kw_only=True):
    """As in HTTP_PROXY, HTTPS_PROXY and NO_PROXY."""

    http: str = ""
    https: str = ""
    none: str = ""

    @classmethod
    def found(
        cls, *, http: str, https: str, none: str, environment: Mapping[str, str]
    ) -> ProxySettings:
        """The configuration's, each one before the environment's, as in dockerd."""

        def either(configured: str, name: str) -> str:
            return configured or environment.get(name) or environment.get(name.lower()) or ""

        return cls(
            http=either(http, "HTTP_PROXY"),
            https=either(https, "HTTPS_PROXY"),
            none=either(none, "NO_PROXY"),
        )


class RegistrySettings(msgspec.Struct, frozen=True, kw_only=True):
    """`mirrors` has URLs by registry host (docker.io, quay.io, ..., * for all others); `insecure`
    hosts and CIDRs; `cert_dirs` folders with a folder for each host, the first that has one counts.
    """

    mirrors: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    insecure: tuple[str, ...] = ()
    proxies: ProxySettings = msgspec.field(default_factory=ProxySettings)
    cert_dirs: tuple[Path, ...] = CERTIFICATE_DIRS
    user_agent: str = "trimaran"
