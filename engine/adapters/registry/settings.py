"""How registries are reached: mirrors, insecure hosts, certificates, proxies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["ProxySettings", "RegistrySettings"]

CERTIFICATE_DIRS = (Path("/etc/trimaran/certs.d"), Path("/etc/docker/certs.d"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxySettings:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySettings:
    """`mirrors` has URLs by registry host (docker.io, quay.io, ..., * for all others); `insecure`
    hosts and CIDRs; `cert_dirs` folders with a folder for each host, the first that has one counts.
    """

    mirrors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    insecure: tuple[str, ...] = ()
    proxies: ProxySettings = field(default_factory=ProxySettings)
    cert_dirs: tuple[Path, ...] = CERTIFICATE_DIRS
    user_agent: str = "trimaran"
