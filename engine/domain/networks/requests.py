"""From a create request to a network's record, as far as no look at the host is needed. Pure.

Texts are dockerd's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_network

import msgspec

from engine.domain.networks.addresses import parse_address
from engine.domain.networks.endpointoptions import interface_name
from engine.domain.networks.pools import Address, Subnet, gateway_of
from engine.domain.networks.predefined import new_id, timestamp
from engine.domain.networks.records import (
    BUILTIN,
    ISOLATED,
    NAT,
    NO_IPAM,
    OWN_IPAM,
    ROUTED,
    UNPROTECTED,
    NetworkRecord,
    Room,
)
from engine.errors import Forbidden, InvalidParameter, SystemFailure, Unavailable
from engine.models.networks import IPAM, IPAMConfig, NetworkCreateRequest

PREDEFINED = ("bridge", "host", "none", "default")
NOT_A_MANAGER = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" '
    "to connect this node to swarm and try again."
)
BRIDGE = "com.docker.network.bridge."
MTU = "com.docker.network.driver.mtu"
PREFIX = "com.docker.network.container_iface_prefix"
IPV6 = "com.docker.network.enable_ipv6"
_MACVLAN_MODES = ("bridge", "private", "vepa", "passthru")
_IPVLAN_MODES = ("l2", "l3", "l3s")
OVERLAP = "invalid pool request: Pool overlaps with other one on this address space"
_TRUE = ("1", "t", "T", "true", "TRUE", "True")
_FALSE = ("0", "f", "F", "false", "FALSE", "False")


class _Family(msgspec.Struct):
    """One address family of a network, as asked for."""

    subnet: Subnet | None = None
    gateway: str = ""
    ip_range: str = ""
    auxiliary: dict[str, str] = msgspec.field(default_factory=dict)

    def room(self) -> Room:
        """With the gateway that it gets where none was asked for."""
        assert self.subnet is not None
        return Room(
            subnet=str(self.subnet),
            gateway=self.gateway or str(gateway_of(self.subnet).ip),
            ip_range=self.ip_range,
            auxiliary=self.auxiliary,
        )


def draft(
    request: NetworkCreateRequest, defaults: Mapping[str, Mapping[str, str]], own_mtu: int
) -> NetworkRecord:
    """The record, its subnets still empty where the request leaves them to us.

    `defaults` are the daemon's options by driver. Raises InvalidParameter, Forbidden,
    and Unavailable for what needs a cluster. Names that are no driver of ours are plugins'.
    """
    if not request.name.strip():
        raise InvalidParameter(f"invalid name: {request.name}")
    if request.name in PREDEFINED:
        raise Forbidden(f"operation is not permitted on predefined {request.name} network ")
    driver = request.driver or "bridge"
    check_driver(driver, request)
    identifier = new_id()
    options = {**defaults.get(driver, {}), **(request.options or {})}
    families, more = _families(request)
    ipv6 = _ipv6(request, options, families)
    record = NetworkRecord(
        id=identifier,
        name=request.name,
        driver=driver,
        created=timestamp(),
        ipv4=request.enable_ipv4 is not False,
        ipv6=ipv6,
        internal=request.internal,
        attachable=request.attachable,
        options=options,
        labels=request.labels or {},
        ipam_driver=_ipam_driver(request),
        ipam_options=request.ipam.options if request.ipam else None,
        config_only=request.config_only,
        mtu=_number(options, MTU) or own_mtu,
        prefix=options.get(PREFIX) or "eth",
    )
    record = msgspec.structs.replace(
        record, more=more, implied=_implied(families, more, request), **_addressing(families)
    )
    if record.config_only or record.remote:
        return record
    if driver == "bridge":
        return _bridge(record)
    return _layered(record)


def _implied(
    families: Mapping[int, _Family], more: Iterable[Room], request: NetworkCreateRequest
) -> list[str]:
    """dockerd shows a gateway of its own choice only with a subnet of its own choice."""
    asked = {
        str(ip_network(each.subnet))
        for each in (request.ipam.config if request.ipam else None) or ()
        if each.subnet and not each.gateway
    }
    subnets = [str(each.subnet) for each in families.values()] + [each.subnet for each in more]
    return [each for each in subnets if each in asked]


def check_driver(driver: str, request: NetworkCreateRequest) -> None:
    if driver == "overlay" or request.ingress or request.scope == "swarm":
        raise Unavailable(NOT_A_MANAGER)
    if driver in ("host", "null"):
        raise Forbidden(f'only one instance of "{driver}" network is allowed')
    if _ipam_driver(request) == NO_IPAM and (driver in BUILTIN or _subnets(request)):
        raise InvalidParameter("the null IPAM driver gives no addresses and takes no subnets")


def _ipam_driver(request: NetworkCreateRequest) -> str:
    return (request.ipam.driver if request.ipam else "") or OWN_IPAM


def _subnets(request: NetworkCreateRequest) -> bool:
    return any(each.subnet for each in (request.ipam.config if request.ipam else None) or ())


def _families(request: NetworkCreateRequest) -> tuple[dict[int, _Family], list[Room]]:
    """The first subnet of each family, and the others."""
    found: dict[int, _Family] = {}
    more: list[Room] = []
    subnets: list[Subnet] = []
    for config in (request.ipam.config if request.ipam else None) or ():
        if not config.subnet:
            if config.ip_range or config.gateway or config.auxiliary_addresses:
                raise InvalidParameter(
                    "invalid network config: a gateway, range or auxiliary address needs a subnet"
                )
            continue
        family = _family(config)
        assert family.subnet is not None
        if any(family.subnet.overlaps(each) for each in subnets):
            raise Forbidden(OVERLAP)
        subnets.append(family.subnet)
        if found.setdefault(family.subnet.version, family) is family:
            continue
        if request.driver in ("", "bridge") and not request.config_only:
            raise Forbidden("bridge driver doesn't support multiple subnets")
        more.append(family.room())
    return found, more


def _family(config: IPAMConfig) -> _Family:
    try:
        subnet = ip_network(config.subnet)
    except ValueError as error:
        raise InvalidParameter(
            f"invalid network config: invalid subnet {config.subnet}: {_reason(config.subnet)}"
        ) from error
    if subnet.num_addresses < 2 or subnet.prefixlen == 0:
        raise InvalidParameter(f"invalid network config: invalid subnet {config.subnet}")
    if config.ip_range:
        _check_range(config.ip_range, subnet)
    gateway = config.gateway.split("/")[0]
    for text in (gateway, *config.auxiliary_addresses.values()):
        if text:
            _inside(text, subnet)
    return _Family(subnet, gateway, config.ip_range, dict(config.auxiliary_addresses))


def _reason(text: str) -> str:
    """Host bits that are set are dockerd's most frequent refusal; it names the subnet meant."""
    try:
        return f"it should be {ip_network(text, strict=False)}"
    except ValueError:
        return f"invalid CIDR address: {text}"


def _check_range(text: str, subnet: Subnet) -> None:
    try:
        inner = ip_network(text)
    except ValueError as error:
        raise InvalidParameter(
            f"invalid network config: invalid ip-range {text}: {_reason(text)}"
        ) from error
    edges = (inner.network_address, inner.broadcast_address)
    if not all(edge in subnet for edge in edges):
        raise InvalidParameter(
            f"invalid network config: invalid ip-range {text}: parent subnet is {subnet}"
        )


def _inside(text: str, subnet: Subnet) -> Address:
    address = parse_address(text, subnet.version)
    if address not in subnet:
        raise InvalidParameter(
            f"invalid network config: invalid address {text}: parent subnet is {subnet}"
        )
    return address


def _ipv6(
    request: NetworkCreateRequest, options: Mapping[str, str], families: Mapping[int, _Family]
) -> bool:
    if request.enable_ipv6 is None:
        return _truth(options, IPV6, default=False)
    if not request.enable_ipv6 and 6 in families:
        raise InvalidParameter("invalid network config: IPv6 is not enabled, but has a subnet")
    return request.enable_ipv6


def _addressing(families: Mapping[int, _Family]) -> dict[str, object]:
    found: dict[str, object] = {}
    for version, suffix in ((4, ""), (6, "6")):
        family = families.get(version, _Family())
        found |= {
            f"subnet{suffix}": str(family.subnet) if family.subnet else "",
            f"gateway{suffix}": family.gateway,
            f"ip_range{suffix}": family.ip_range,
            f"auxiliary{suffix}": family.auxiliary,
        }
    return found


def _bridge(record: NetworkRecord) -> NetworkRecord:
    options = record.options
    host_ip = options.get(f"{BRIDGE}host_binding_ipv4", "")
    if host_ip:
        parse_address(host_ip, 4)
    inhibited = f"{BRIDGE}inhibit_ipv4"
    modes = [options.get(f"{BRIDGE}gateway_mode_ipv{version}") or NAT for version in (4, 6)]
    for mode in modes:
        if mode not in (NAT, ROUTED, ISOLATED, UNPROTECTED):
            raise InvalidParameter(f"unknown gateway mode {mode}")
    if ISOLATED in modes and not record.internal:
        raise InvalidParameter("gateway mode 'isolated' can only be used for an internal network")
    return msgspec.structs.replace(
        record,
        bridge=interface_name(options.get(f"{BRIDGE}name") or f"br-{record.id[:12]}"),
        icc=_truth(options, f"{BRIDGE}enable_icc", default=True),
        masquerade=_truth(options, f"{BRIDGE}enable_ip_masquerade", default=True),
        host_ip=host_ip,
        bare=_truth(options, inhibited, default=False),
        gateway_mode=modes[0],
        gateway_mode6=modes[1],
    )


def _layered(record: NetworkRecord) -> NetworkRecord:
    """macvlan and ipvlan: on an interface of the host, or on a dummy that leads nowhere."""
    key = f"{record.driver}_mode"
    modes: Sequence[str] = _MACVLAN_MODES if record.driver == "macvlan" else _IPVLAN_MODES
    mode = record.options.get(key) or modes[0]
    if mode not in modes:
        raise InvalidParameter(
            f"requested {record.driver} mode '{mode}' is not valid, '{modes[0]}' mode is the {record.driver} driver default"
        )
    parent = record.options.get("parent", "")
    if parent == "lo":
        raise SystemFailure(f"loopback interface is not a valid {record.driver} parent link")
    return msgspec.structs.replace(
        record,
        parent=interface_name(parent) if parent else f"dm-{record.id[:12]}",
        mode=mode,
        # Without a parent nothing leads out.
        internal=record.internal or not parent,
    )


def _truth(options: Mapping[str, str], key: str, *, default: bool) -> bool:
    text = options.get(key)
    if text is None:
        return default
    if text not in _TRUE + _FALSE:
        raise InvalidParameter(
            f'failed to parse {key} value: {text} (strconv.ParseBool: parsing "{text}": '
            "invalid syntax)"
        )
    return text in _TRUE


def _number(options: Mapping[str, str], key: str) -> int:
    text = options.get(key, "0")
    try:
        number = int(text)
    except ValueError:
        raise InvalidParameter(
            f'failed to parse {key} value: {text} (strconv.Atoi: parsing "{text}": invalid syntax)'
        ) from None
    if number < 0:
        raise InvalidParameter(f"invalid MTU: {number}")
    return number


def configured(request: NetworkCreateRequest, source: NetworkRecord) -> NetworkCreateRequest:
    """The request with everything that a config-only network says for it."""
    if request.ipam and (request.ipam.config or request.ipam.options):
        raise InvalidParameter(
            "user specified configurations are not supported if the network depends on a configuration network"
        )
    config = [
        IPAMConfig(
            subnet=room.subnet,
            gateway=room.gateway,
            ip_range=room.ip_range,
            auxiliary_addresses=room.auxiliary,
        )
        for room in (*source.rooms(4), *source.rooms(6))
    ]
    return msgspec.structs.replace(
        request,
        ipam=IPAM(driver=source.ipam_driver, options=source.ipam_options, config=config),
        options={**source.options, **(request.options or {})},
        labels={**source.labels, **(request.labels or {})},
        enable_ipv6=source.ipv6 or request.enable_ipv6,
        internal=source.internal or request.internal,
        attachable=source.attachable or request.attachable,
    )
