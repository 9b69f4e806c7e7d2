"""Refuses network settings that cannot be right, or that contradict each other."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from config.addresses import check_cidr
from config.errors import ConfigError
from config.schema import KEYS, Settings
from config.sections import AddressPool

_MARK = re.compile(r"(0[xX][0-9a-fA-F]{1,8}|\d{1,10})(/(0[xX][0-9a-fA-F]{1,8}|\d{1,10}))?")
_BRIDGE = re.compile(r"[^/\s:]{1,15}")
_FAMILIES = {
    "bip": 4, "fixed-cidr": 4, "default-gateway": 4, "ip": 4,
    "bip6": 6, "fixed-cidr-v6": 6, "default-gateway-v6": 6,
}  # fmt: skip


def _bridge(settings: Settings) -> None:
    if settings.bridge != Settings().bridge and (settings.bip or settings.bip6):
        key = "bip" if settings.bip else "bip6"
        raise ConfigError(
            f"You specified -b & --{key}, mutually exclusive options. Please specify only one",
            key=key,
        )
    name = settings.bridge
    if name in (".", "..") or (name and not _BRIDGE.fullmatch(name)):
        raise ConfigError(f"invalid bridge name: {name!r}", key="bridge")


def _firewall(settings: Settings) -> None:
    if not settings.iptables and not settings.icc:
        raise ConfigError(
            "You specified --iptables=false with --icc=false. ICC=false uses iptables to function. "
            "Please set --icc or --iptables to true",
            key="icc",
        )
    if settings.firewall_backend not in ("", "nftables"):
        raise ConfigError(
            f'invalid firewall-backend "{settings.firewall_backend}": use "nftables"',
            key="firewall-backend",
        )
    mark = settings.bridge_accept_fwmark
    if mark and not _MARK.fullmatch(mark):
        raise ConfigError(f'invalid firewall mark "{mark}"', key="bridge-accept-fwmark")


def _families(settings: Settings) -> None:
    for key, family in _FAMILIES.items():
        text = getattr(settings, KEYS[key])
        if text:
            if key.startswith(("bip", "fixed")):
                _cidr(key, text)
            if ipaddress.ip_interface(text).version != family and key != "ip":
                raise ConfigError(f"invalid {key}: {text} is not IPv{family}", key=key)


def _inside(settings: Settings) -> None:
    """What the default bridge's containers get is part of its subnet."""
    for bridge, keys in (("bip", ("fixed-cidr", "default-gateway")),
                         ("bip6", ("fixed-cidr-v6", "default-gateway-v6"))):  # fmt: skip
        text = getattr(settings, KEYS[bridge])
        for key in keys if text else ():
            inner = getattr(settings, KEYS[key])
            if inner and not _contains(text, inner):
                raise ConfigError(f"invalid {key}: {inner} is outside of {bridge} {text}", key=key)


def _contains(outer: str, inner: str) -> bool:
    whole, part = (ipaddress.ip_interface(each).network for each in (outer, inner))
    return part.prefixlen >= whole.prefixlen and part.network_address in whole


def _cidr(key: str, text: str) -> None:
    try:
        check_cidr(text)
    except ConfigError as error:
        raise ConfigError(f"invalid {key}: {error}", key=key) from None


def _pools(settings: Settings) -> None:
    for pool in settings.default_address_pools:
        _pool(pool)


def _pool(pool: AddressPool) -> None:
    shown = f"invalid default address pool base={pool.base},size={pool.size}"
    key = "default-address-pools"
    try:
        network = ipaddress.ip_network(pool.base, strict=False)
    except ValueError:
        raise ConfigError(f"{shown}: the base is not a CIDR", key=key) from None
    if not network.prefixlen <= pool.size <= network.max_prefixlen:
        limits = f"{network.prefixlen} and {network.max_prefixlen}"
        raise ConfigError(f"{shown}: the size must be between {limits}", key=key)


def _mtu(settings: Settings) -> None:
    if settings.mtu < 0:
        raise ConfigError(f"invalid default MTU: {settings.mtu}", key="mtu")
    if settings.network_control_plane_mtu < 0:
        raise ConfigError(
            f"invalid network control plane MTU: {settings.network_control_plane_mtu}",
            key="network-control-plane-mtu",
        )
    if not 0 <= settings.network_diagnostic_port <= 65535:
        raise ConfigError(
            f"invalid network-diagnostic-port ({settings.network_diagnostic_port}): "
            "value must be between 0 and 65535",
            key="network-diagnostic-port",
        )


NETWORK_CHECKS: tuple[Callable[[Settings], None], ...] = (
    _bridge, _firewall, _families, _inside, _pools, _mtu,
)  # fmt: skip
