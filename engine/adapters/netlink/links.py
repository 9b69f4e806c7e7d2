"""Bridges and the facts of the host: links, addresses, routes. Blocking; runs in threads."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Collection
from ipaddress import (
    IPv4Interface,
    IPv4Network,
    IPv6Interface,
    IPv6Network,
    ip_interface,
    ip_network,
)
from pathlib import Path

import msgspec

from engine.adapters.netlink import wire
from engine.adapters.netlink.messages import ifaddrmsg, ifinfmsg
from engine.adapters.netlink.wire import NetlinkError, RouteSocket
from engine.domain.networks.ports import BridgeSpec, HostView
from engine.errors import Conflict, SystemFailure

_MAIN_TABLE = 254
_UNICAST = 1
_INDEX = struct.Struct("=I")
_NOWHERE = {socket.AF_INET: bytes(4), socket.AF_INET6: bytes(16)}
_RTMSG = struct.Struct("=BBBBBBBB")
_ATTRIBUTE = struct.Struct("=HH")
_DST, _OIF, _TABLE = 1, 4, 15
_USUAL_MTU = 1500
# Shorter routes are ways out (a VPN's 0.0.0.0/1), not somebody's subnet.
_SHORTEST = 8
# Relative to the thread's own network namespace, unlike /proc/net.
_SYSCTL = Path("/proc/sys/net")


class Link(msgspec.Struct, frozen=True):
    """One interface, as far as we look at it."""

    index: int
    name: str
    alias: str
    kind: str
    mtu: int
    mac: str
    up: bool
    master: int


def sysctl(name: str, value: str) -> bool:
    """Set net.* in the calling thread's namespace; True when it was different."""
    path = _SYSCTL / name
    try:
        if path.read_text().strip() == value:
            return False
        path.write_text(value)
    except OSError as error:
        raise SystemFailure(f"cannot set {path} to {value}: {error.strerror}") from error
    return True


def all_links(netlink: RouteSocket) -> list[Link]:
    raw = netlink.dump(wire.link("list links", wire.GETLINK))
    return [_link(message) for message in wire.decoded(ifinfmsg, raw)]


def _link(message: ifinfmsg) -> Link:
    info = message.get_attr("IFLA_LINKINFO")
    return Link(
        index=message["index"],
        name=message.get_attr("IFLA_IFNAME") or "",
        alias=message.get_attr("IFLA_IFALIAS") or "",
        kind=(info.get_attr("IFLA_INFO_KIND") if info else "") or "",
        mtu=message.get_attr("IFLA_MTU") or 0,
        mac=message.get_attr("IFLA_ADDRESS") or "",
        master=message.get_attr("IFLA_MASTER") or 0,
        up=bool(message["flags"] & wire.UP),
    )


def addresses(
    netlink: RouteSocket, index: int | None = None
) -> list[IPv4Interface | IPv6Interface]:
    """The addresses of one link, or of all; not what IPv6 gives itself."""
    raw = netlink.dump(wire.address("list addresses", wire.GETADDR, family=socket.AF_UNSPEC))
    # The index lies behind the netlink header and four bytes; decoding is what costs.
    chosen = [each for each in raw if index is None or index == _INDEX.unpack_from(each, 20)[0]]
    found = []
    for message in wire.decoded(ifaddrmsg, chosen):
        local = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
        address = ip_interface(f"{local}/{message['prefixlen']}")
        if not (address.version == 6 and address.ip.is_link_local):
            found.append(address)
    return found


class Route(msgspec.Struct, frozen=True):
    destination: IPv4Network | IPv6Network
    index: int
    table: int


def routes(netlink: RouteSocket) -> list[Route]:
    """Unicast routes of both families in all tables but `local`; a default route has length 0."""
    raw = netlink.dump(wire.route("list routes", wire.GETROUTE, family=socket.AF_UNSPEC))
    found = [_route(each) for each in raw]
    return [route for route in found if route is not None]


def _route(raw: bytes) -> Route | None:
    """By hand: every new network looks at them all, and pyroute2 takes 0.2 ms for each."""
    family, length, _, _, table, _, _, kind = _RTMSG.unpack_from(raw, 16)
    if family not in _NOWHERE or kind != _UNICAST:
        return None
    destination, index, at = _NOWHERE[family], 0, 28
    while at + 4 <= len(raw):
        size, name = _ATTRIBUTE.unpack_from(raw, at)
        value = raw[at + 4 : at + size]
        if name == _DST:
            destination = value
        elif name == _OIF:
            index = _INDEX.unpack(value)[0]
        elif name == _TABLE:
            table = _INDEX.unpack(value)[0]
        at += max(4, (size + 3) & ~3)
    network = ip_network((destination, length), strict=False)
    if network.version == 6 and network.is_link_local:
        return None
    return Route(network, index, table)


def survey(bridge: str) -> HostView:
    """What the room must know before it chooses a subnet. Routes over `bridge` don't count."""
    with RouteSocket() as netlink:
        ours = _find(netlink, bridge)
        table = routes(netlink)
        carried = addresses(netlink, ours.index) if ours else []
        # Only a bridge that is there can have ports; all links are looked at for them.
        ports = [link for link in all_links(netlink) if link.master == ours.index] if ours else []
        mtu = _uplink_mtu(netlink, table)
    index = ours.index if ours else -1
    carried4 = [address for address in carried if isinstance(address, IPv4Interface)]
    return HostView(
        routes=tuple(
            route.destination
            for route in table
            if route.destination.prefixlen >= _SHORTEST and route.index != index
        ),
        bridge_address=carried4[0] if carried4 else None,
        bridge_alias=ours.alias if ours else None,
        bridge_ports=len(ports),
        uplink_mtu=mtu,
    )


def _uplink_mtu(netlink: RouteSocket, table: list[Route]) -> int:
    uplink = next(
        (r.index for r in table if r.destination.prefixlen == 0 and r.table == _MAIN_TABLE), 0
    )
    found = _at(netlink, uplink) if uplink else None
    return found.mtu if found else _USUAL_MTU


def ensure_bridge(spec: BridgeSpec) -> None:
    """Make the bridge as `spec` says and leave alone what is right already.

    A bridge without our alias is someone's own (`--bridge`): it gets no address, MTU or state
    from us, only what our traffic needs.
    """
    with RouteSocket() as netlink:
        found = _find(netlink, spec.name)
        if found is None:
            netlink.transact(_new_bridge(spec))
            if spec.address6 is not None:
                # Nobody is asked whether the bridge's own addresses are free: until they were,
                # for two seconds, nothing could be forwarded to a container.
                sysctl(f"ipv6/conf/{spec.name}/accept_dad", "0")
            netlink.transact(_dress(spec))
            found = _find(netlink, spec.name)
        if found is None:
            raise SystemFailure(f"bridge {spec.name} vanished while it was set up")
        if found.kind != "bridge":
            raise Conflict(f"{spec.name} exists and is not a bridge")
        if found.alias == spec.alias:
            _correct(netlink, spec, found)
        elif spec.address is not None and spec.address not in addresses(netlink, found.index):
            raise Conflict(f"bridge {spec.name} is not ours and does not carry {spec.address}")
    if spec.local_route:
        sysctl(f"ipv4/conf/{spec.name}/route_localnet", "1")


def _find(netlink: RouteSocket, name: str) -> Link | None:
    """Asks for one, not for all: a host may have a thousand."""
    try:
        return _at(netlink, socket.if_nametoindex(name))
    except OSError:
        return None


def _at(netlink: RouteSocket, index: int) -> Link | None:
    try:
        raw = netlink.get(wire.link("find a link", wire.GETLINK, index=index))
    except NetlinkError as error:
        if error.code == errno.ENODEV:
            return None
        raise
    return next(_link(message) for message in wire.decoded(ifinfmsg, [raw]))


def _new_bridge(spec: BridgeSpec) -> wire.Message:
    # With an address of its own the bridge doesn't change it whenever a port comes or goes.
    return wire.link(
        f"create bridge {spec.name}",
        wire.NEWLINK,
        flags=wire.CREATE | wire.EXCL,
        attrs=[
            ("IFLA_IFNAME", spec.name),
            ("IFLA_ADDRESS", spec.mac),
            ("IFLA_MTU", spec.mtu),
            ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", "bridge")]}),
        ],
    )


def _dress(spec: BridgeSpec) -> wire.Message:
    return wire.link(
        f"set up bridge {spec.name}",
        wire.NEWLINK,
        attrs=[
            ("IFLA_IFNAME", spec.name),
            ("IFLA_IFALIAS", spec.alias),
            ("IFLA_MTU", spec.mtu),
        ],
        up=True,
    )


def _correct(netlink: RouteSocket, spec: BridgeSpec, found: Link) -> None:
    if found.mtu != spec.mtu or not found.up:
        netlink.transact(_dress(spec))
    if spec.address6 is not None:
        sysctl(f"ipv6/conf/{spec.name}/disable_ipv6", "0")
    wanted = [address for address in (spec.address, spec.address6) if address is not None]
    carried = addresses(netlink, found.index)
    changes = [_address(wire.DELADDR, found.index, a) for a in carried if a not in wanted]
    changes += [_address(wire.NEWADDR, found.index, a) for a in wanted if a not in carried]
    if changes:
        netlink.transact(*changes)


def _address(kind: int, index: int, address: IPv4Interface | IPv6Interface) -> wire.Message:
    verb = "add" if kind == wire.NEWADDR else "remove"
    return wire.give_address(
        f"{verb} address {address}",
        kind,
        address,
        index,
        flags=wire.CREATE if kind == wire.NEWADDR else 0,
    )


def ensure_parent(name: str, alias: str) -> None:
    """`eth0` must be there; `eth0.10` is made as a VLAN of it, `dm-...` as a dummy of ours."""
    with RouteSocket() as netlink:
        if _find(netlink, name) is not None:
            return
        base, dot, vlan = name.rpartition(".")
        if name.startswith("dm-"):
            netlink.transact(_new_link(name, "dummy", []), _adopt(name, alias))
        elif dot and not vlan.isdecimal():
            raise SystemFailure(
                f"unable to parse a valid vlan id from: {vlan} (ex. eth0.10 for vlan 10)"
            )
        elif dot:
            parent = _find(netlink, base)
            if parent is None:
                raise SystemFailure(f"-o parent interface was not found on the host: {base}")
            info = [("IFLA_VLAN_ID", int(vlan))]
            netlink.transact(_new_link(name, "vlan", info, parent.index), _adopt(name, alias))
        else:
            raise SystemFailure(
                f"invalid subinterface vlan name {name}, example formatting is eth0.10"
            )


def _new_link(
    name: str, kind: str, data: list[tuple[str, int]], parent: int | None = None
) -> wire.Message:
    info: list[tuple[str, object]] = [("IFLA_INFO_KIND", kind)]
    if data:
        info.append(("IFLA_INFO_DATA", {"attrs": data}))
    attrs: list[tuple[str, object]] = [("IFLA_IFNAME", name), ("IFLA_LINKINFO", {"attrs": info})]
    if parent is not None:
        attrs.append(("IFLA_LINK", parent))
    return wire.link(
        f"create {kind} {name}", wire.NEWLINK, flags=wire.CREATE | wire.EXCL, attrs=attrs
    )


def _adopt(name: str, alias: str) -> wire.Message:
    attrs = [("IFLA_IFNAME", name), ("IFLA_IFALIAS", alias)]
    return wire.link(f"set up {name}", wire.NEWLINK, attrs=attrs, up=True)


def remove_link(name: str, alias: str) -> None:
    """Remove a bridge or parent if it is ours."""
    with RouteSocket() as netlink:
        found = _find(netlink, name)
        if found is not None and found.alias == alias:
            netlink.transact(wire.link(f"delete {name}", wire.DELLINK, index=found.index))


def sweep(alias: str, keep: Collection[str]) -> tuple[str, ...]:
    """Delete links of ours that nobody owns; a namespace's end may have been quicker."""
    with RouteSocket() as netlink:
        stale = [
            link
            for link in all_links(netlink)
            if link.alias.split(":")[:2] == alias.split(":")[:2] and link.name not in keep
        ]
        for link in stale:
            try:
                netlink.transact(wire.link(f"delete {link.name}", wire.DELLINK, index=link.index))
            except wire.NetlinkError as error:
                if error.code != errno.ENODEV:
                    raise
    return tuple(link.name for link in stale)
