"""The networks that are always there, `bridge`, `host` and `none`: pure decisions at start."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import Any

from engine.domain.networks import pools
from engine.domain.networks.ports import BridgeSpec, HostView
from engine.domain.networks.records import EXIT, EXIT6, ISOLATED, NetworkRecord
from engine.domain.networks.settings import NetworkSettings

_OPTION = "com.docker.network.bridge."


def new_id() -> str:
    return secrets.token_hex(32)


def timestamp(nanoseconds: int | None = None) -> str:
    """RFC 3339 in UTC with nanoseconds, as Go prints it."""
    ns = time.time_ns() if nanoseconds is None else nanoseconds
    seconds, fraction = divmod(ns, 1_000_000_000)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    digits = f"{fraction:09d}".rstrip("0")
    return f"{text}.{digits}Z" if digits else f"{text}Z"


def plain(name: str) -> NetworkRecord:
    """`host` or `none`."""
    driver = "null" if name == "none" else name
    return NetworkRecord(
        id=new_id(), name=name, driver=driver, created=timestamp(), predefined=True
    )


def choose_address(
    settings: NetworkSettings,
    host: HostView,
    stored: NetworkRecord | None,
    others: Iterable[IPv4Network],
) -> IPv4Interface:
    """The bridge's address: as configured, as it is, as it was, in the range that containers are
    to have, or in the first free pool."""
    if settings.bip is not None:
        return settings.bip
    theirs = host.bridge_alias is not None and host.bridge_alias != settings.alias
    if host.bridge_address is not None and (theirs or stored is None):
        return host.bridge_address
    fixed = settings.fixed_cidr
    taken: list[pools.Subnet] = [*host.routes, *others]
    if stored is not None and stored.subnet:
        subnet = IPv4Network(stored.subnet)
        fits = fixed is None or fixed.subnet_of(subnet)
        if fits and not any(subnet.overlaps(other) for other in taken):
            return IPv4Interface(f"{stored.gateway}/{subnet.prefixlen}")
    if fixed is not None:
        return IPv4Interface(str(pools.gateway_of(fixed)))
    return IPv4Interface(str(pools.gateway_of(pools.allocate(settings.pools, taken))))


def default_bridge(
    settings: NetworkSettings, address: IPv4Interface, mtu: int, stored: NetworkRecord | None
) -> NetworkRecord:
    """The record of `bridge`; its ID and date are kept once it has them."""
    return NetworkRecord(
        id=stored.id if stored else new_id(),
        name="bridge",
        driver="bridge",
        created=stored.created if stored else timestamp(),
        subnet=str(address.network),
        gateway=str(address.ip),
        ip_range=str(settings.fixed_cidr) if settings.fixed_cidr else "",
        auxiliary=_exit(EXIT, settings.default_gateway),
        auxiliary6=_exit(EXIT6, settings.default_gateway6),
        bridge=settings.bridge,
        mtu=mtu,
        icc=settings.icc,
        masquerade=settings.ip_masq,
        **_family6(settings),
        host_ip=settings.default_ip,
        options={
            f"{_OPTION}default_bridge": "true",
            f"{_OPTION}enable_icc": _flag(settings.icc),
            f"{_OPTION}enable_ip_masquerade": _flag(settings.ip_masq),
            f"{_OPTION}host_binding_ipv4": settings.default_ip,
            f"{_OPTION}name": settings.bridge,
            "com.docker.network.driver.mtu": str(mtu),
        },
        predefined=True,
    )


def without_subnet(settings: NetworkSettings, stored: NetworkRecord | None) -> NetworkRecord:
    """`bridge` for as long as there is no room for it. It is not stored: the former subnet may be free next time."""
    return NetworkRecord(
        id=stored.id if stored else new_id(),
        name="bridge",
        driver="bridge",
        created=stored.created if stored else timestamp(),
        bridge=settings.bridge,
        predefined=True,
    )


def lacks_subnet(record: NetworkRecord) -> bool:
    return record.predefined and record.driver == "bridge" and not (record.subnet or record.subnet6)


def _family6(settings: NetworkSettings) -> dict[str, Any]:
    """Containers get addresses of `fixed_cidr_v6`, which is the subnet unless `bip6` names one."""
    fixed, bip = settings.fixed_cidr_v6, settings.bip6
    if bip is not None:
        addresses = str(fixed) if fixed and fixed != bip.network else ""
        return {
            "ipv6": True,
            "subnet6": str(bip.network),
            "gateway6": str(bip.ip),
            "ip_range6": addresses,
        }
    if fixed is not None:
        return {
            "ipv6": True,
            "subnet6": str(fixed),
            "gateway6": str(pools.gateway_of(fixed).ip),
        }
    return {}


def _exit(key: str, address: IPv4Address | IPv6Address | None) -> dict[str, str]:
    return {} if address is None else {key: str(address)}


def _flag(value: bool) -> str:
    return "true" if value else "false"


def bridge_spec(record: NetworkRecord, alias: str) -> BridgeSpec:
    """The link for a bridge network."""
    # Derived, so that a bridge made anew keeps its neighbours' ARP entries right.
    digest = hashlib.sha256(f"{alias}/{record.bridge}".encode()).digest()
    return BridgeSpec(
        name=record.bridge,
        address=IPv4Interface(f"{record.gateway}/{IPv4Network(record.subnet).prefixlen}")
        if record.subnet and record.gateway_mode != ISOLATED and not record.bare
        else None,
        address6=IPv6Interface(f"{record.gateway6}/{IPv6Network(record.subnet6).prefixlen}")
        if record.subnet6 and record.gateway_mode6 != ISOLATED
        else None,
        mac=":".join(f"{byte:02x}" for byte in (0x02, 0x42, *digest[:4])),
        mtu=record.mtu,
        alias=alias,
    )
