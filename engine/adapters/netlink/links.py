"""Bridges and the facts of the host: links, addresses, routes. Blocking; runs in threads."""

from __future__ import annotations

import errno
import socket
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path

from engine.adapters.netlink import wire
from engine.adapters.netlink.messages import ifaddrmsg, ifinfmsg, rtmsg
from engine.adapters.netlink.wire import RouteSocket
from engine.domain.networks.ports import BridgeSpec, HostView
from engine.errors import Conflict, SystemFailure

_MAIN_TABLE = 254
_UNICAST = 1
# Relative to the thread's own network namespace, unlike /proc/net.
_SYSCTL = Path("/proc/sys/net")


@dataclass(frozen=True, slots=True)
class Link:
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


def addresses(netlink: RouteSocket, index: int | None = None) -> list[IPv4Interface]:
    """IPv4 addresses of one link, or of all."""
    raw = netlink.dump(wire.address("list addresses", wire.GETADDR, family=socket.AF_INET))
    found = []
    for message in wire.decoded(ifaddrmsg, raw):
        if message["family"] == socket.AF_INET and index in (None, message["index"]):
            local = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
            found.append(IPv4Interface(f"{local}/{message['prefixlen']}"))
    return found


@dataclass(frozen=True, slots=True)
class Route:
    destination: IPv4Network
    index: int


def routes(netlink: RouteSocket) -> list[Route]:
    """Unicast IPv4 routes of the main table; the default route is 0.0.0.0/0."""
    raw = netlink.dump(wire.route("list routes", wire.GETROUTE, family=socket.AF_INET))
    found = []
    for message in wire.decoded(rtmsg, raw):
        if message["family"] != socket.AF_INET or message["type"] != _UNICAST:
            continue
        if (message.get_attr("RTA_TABLE") or message["table"]) != _MAIN_TABLE:
            continue
        destination = message.get_attr("RTA_DST") or "0.0.0.0"
        network = IPv4Network(f"{destination}/{message['dst_len']}", strict=False)
        found.append(Route(network, message.get_attr("RTA_OIF") or 0))
    return found


def survey(bridge: str) -> HostView:
    """What the room must know before it chooses a subnet. Routes over `bridge` don't count."""
    with RouteSocket() as netlink:
        links = all_links(netlink)
        ours = next((link for link in links if link.name == bridge), None)
        table = routes(netlink)
        carried = addresses(netlink, ours.index) if ours else []
    index = ours.index if ours else -1
    return HostView(
        routes=tuple(r.destination for r in table if r.destination.prefixlen and r.index != index),
        bridge_address=carried[0] if carried else None,
        bridge_alias=ours.alias if ours else None,
        bridge_ports=sum(link.master == index for link in links),
        uplink_mtu=_uplink_mtu(links, table),
    )


def _uplink_mtu(links: list[Link], table: list[Route]) -> int:
    uplink = next((route.index for route in table if route.destination.prefixlen == 0), 0)
    return next((link.mtu for link in links if link.index == uplink), 1500)


def ensure_bridge(spec: BridgeSpec) -> None:
    """Make the bridge as `spec` says and leave alone what is right already.

    A bridge without our alias is someone's own (`--bridge`): it gets no address, MTU or state
    from us, only what our traffic needs.
    """
    with RouteSocket() as netlink:
        found = _find(netlink, spec.name)
        if found is None:
            netlink.transact(_new_bridge(spec), _dress(spec))
            found = _find(netlink, spec.name)
        if found is None:
            raise SystemFailure(f"bridge {spec.name} vanished while it was set up")
        if found.kind != "bridge":
            raise Conflict(f"{spec.name} exists and is not a bridge")
        if found.alias == spec.alias:
            _correct(netlink, spec, found)
        elif spec.address not in addresses(netlink, found.index):
            raise Conflict(f"bridge {spec.name} is not ours and does not carry {spec.address}")
    if spec.local_route:
        sysctl(f"ipv4/conf/{spec.name}/route_localnet", "1")


def _find(netlink: RouteSocket, name: str) -> Link | None:
    return next((link for link in all_links(netlink) if link.name == name), None)


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
    carried = addresses(netlink, found.index)
    stale = [a for a in carried if a != spec.address]
    changes = [_address(wire.DELADDR, found.index, a) for a in stale]
    if spec.address not in carried:
        changes.append(_address(wire.NEWADDR, found.index, spec.address))
    if changes:
        netlink.transact(*changes)


def _address(kind: int, index: int, address: IPv4Interface) -> wire.Message:
    verb = "add" if kind == wire.NEWADDR else "remove"
    return wire.address(
        f"{verb} address {address}",
        kind,
        flags=wire.CREATE if kind == wire.NEWADDR else 0,
        attrs=[
            ("IFA_LOCAL", str(address.ip)),
            ("IFA_ADDRESS", str(address.ip)),
            ("IFA_BROADCAST", str(address.network.broadcast_address)),
        ],
        family=socket.AF_INET,
        prefixlen=address.network.prefixlen,
        index=index,
    )


def remove_bridge(name: str, alias: str) -> None:
    """Remove the bridge if it is ours."""
    with RouteSocket() as netlink:
        found = _find(netlink, name)
        if found is not None and found.alias == alias:
            netlink.transact(wire.link(f"delete {name}", wire.DELLINK, index=found.index))


def sweep(alias_prefix: str, keep: Collection[str]) -> tuple[str, ...]:
    """Delete veths of ours that nobody owns; a namespace's end may have been quicker."""
    with RouteSocket() as netlink:
        stale = [
            link
            for link in all_links(netlink)
            if link.kind == "veth" and link.alias.startswith(alias_prefix) and link.name not in keep
        ]
        for link in stale:
            try:
                netlink.transact(wire.link(f"delete {link.name}", wire.DELLINK, index=link.index))
            except wire.NetlinkError as error:
                if error.code != errno.ENODEV:
                    raise
    return tuple(link.name for link in stale)
