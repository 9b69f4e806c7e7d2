"""The configuration's keys about registries, as the adapter, the images room and /info take them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from config.schema import Settings
from engine.adapters.registry.endpoints import HUB, LOOPBACK
from engine.adapters.registry.settings import ProxySettings, RegistrySettings
from engine.domain.images.facade import TransferLimits
from engine.models.system import IndexInfo, RegistryConfig
from engine.version import VERSION

__all__ = ["registry_config", "registry_settings", "shown_proxies", "transfer_limits"]


def registry_settings(settings: Settings, environment: Mapping[str, str]) -> RegistrySettings:
    """A list of mirrors is Docker Hub's, as in dockerd; a map has them for each host."""
    return RegistrySettings(
        mirrors=_mirrors(settings),
        insecure=settings.insecure_registries,
        proxies=ProxySettings.found(
            http=settings.proxies.http_proxy,
            https=settings.proxies.https_proxy,
            none=settings.proxies.no_proxy,
            environment=environment,
        ),
        user_agent=f"docker/{VERSION} trimaran/{VERSION}",
    )


def shown_proxies(settings: Settings, environment: Mapping[str, str]) -> ProxySettings:
    """For /info: whatever is a password is masked, as dockerd does it."""
    proxies = registry_settings(settings, environment).proxies
    return ProxySettings(
        http=_masked(proxies.http), https=_masked(proxies.https), none=proxies.none
    )


def transfer_limits(settings: Settings) -> TransferLimits:
    return TransferLimits(
        downloads=settings.max_concurrent_downloads,
        uploads=settings.max_concurrent_uploads,
        attempts=settings.max_download_attempts,
    )


def registry_config(settings: Settings) -> RegistryConfig:
    """What `docker info` shows."""
    mirrors = _mirrors(settings)
    networks = [each for each in settings.insecure_registries if "/" in each]
    hosts = [each for each in settings.insecure_registries if "/" not in each]
    hub = list(mirrors.get(HUB, ()))
    indexes = {HUB: IndexInfo(name=HUB, mirrors=hub, secure=True, official=True)}
    for host in [*hosts, *(each for each in mirrors if each not in (HUB, "*"))]:
        indexes[host] = IndexInfo(
            name=host, mirrors=list(mirrors.get(host, ())), secure=host not in hosts
        )
    return RegistryConfig(
        insecure_registry_cidrs=[*LOOPBACK, *networks], index_configs=indexes, mirrors=hub
    )


def _masked(url: str) -> str:
    return re.sub(r"(?<=//)[^/@]+@", "xxxxx:xxxxx@", url)


def _mirrors(settings: Settings) -> Mapping[str, tuple[str, ...]]:
    found = settings.registry_mirrors
    if isinstance(found, dict):
        return found
    return {HUB: found} if found else {}
