"""A container's endpoint: namespace, veth pair, address, route, up. One batch in one thread.

Every function here moves the calling thread into another network namespace: it runs in a
thread that ends with it, never in one of trio's workers, which are reused.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from engine.adapters.netlink import links, namespace, wire
from engine.adapters.netlink.wire import Message, NetlinkError, RouteSocket
from engine.domain.networks.ports import VethPlan
from engine.errors import SystemFailure

_LOOPBACK_INDEX = 1
_BRIDGE_FILTER = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
_IPVLAN_MODES = {"l2": 0, "l3": 1, "l3s": 2}
_TABLE_MAIN, _PROTOCOL_BOOT, _SCOPE_UNIVERSE, _UNICAST = 254, 3, 0, 1


def create(path: str, veths: Sequence[VethPlan]) -> None:
    """A new namespace at `path` with its interfaces, all up. Undone if any step fails."""
    with contextlib.ExitStack() as undo:
        with RouteSocket() as outside:
            masters = {veth.bridge: index_of(veth.bridge) for veth in veths}
            filtered = _bridge_asks_iptables()
            namespace.leave_for_new()
            namespace.bind(path)
            undo.callback(namespace.unbind, path)
            quiet = not any(veth.address6 for veth in veths)
            if quiet:
                _quieten_ipv6()
            with RouteSocket() as inside:
                inside.transact(_up("lo", _LOOPBACK_INDEX))
                for veth in veths:
                    master = masters[veth.bridge]
                    _plug(outside, inside, veth, master, filtered=filtered, quiet=quiet)
        undo.pop_all()


def attach(path: str, veth: VethPlan) -> None:
    """One more interface for the namespace at `path`."""
    with RouteSocket() as outside:
        master = index_of(veth.bridge)
        filtered = _bridge_asks_iptables()
        namespace.leave_for(path)
        if veth.address6 is not None:
            switch_ipv6("lo", on=True)
        with RouteSocket() as inside:
            _plug(outside, inside, veth, master, filtered=filtered, quiet=False)


def detach(path: str, veth: VethPlan) -> None:
    """The veth goes by its outer end, what has none by its inner one."""
    if veth.kind == "veth":
        with RouteSocket() as outside:
            _delete(outside, veth.host_name)
        return
    namespace.leave_for(path)
    with RouteSocket() as inside:
        _delete(inside, veth.name)


def _delete(netlink: RouteSocket, name: str) -> None:
    try:
        index = socket.if_nametoindex(name)
        netlink.transact(wire.link(f"delete {name}", wire.DELLINK, index=index))
    except NetlinkError as error:
        if error.code != errno.ENODEV:
            raise
    except OSError:
        return  # it is gone


def set_gateways(
    path: str, interface: str, gateway: IPv4Address | None, gateway6: IPv6Address | None
) -> None:
    """Replace the default routes; without a gateway of a family it has none."""
    namespace.leave_for(path)
    with RouteSocket() as inside:
        for found in links.routes(inside):
            if found.destination.prefixlen == 0 and found.table == _TABLE_MAIN:
                inside.transact(_no_default(found))
        index = index_of(interface) if interface else 0
        wanted = [_default_route(each, index) for each in (gateway, gateway6) if each is not None]
        if wanted:
            inside.transact(*wanted)


def _quieten_ipv6() -> None:
    """No IPv6 on a container whose networks have none, as dockerd does."""
    for name in ("all", "default"):
        switch_ipv6(name, on=False)


def switch_ipv6(interface: str, *, on: bool) -> None:
    """Nobody else has our addresses, so nobody is asked for them."""
    with contextlib.suppress(OSError):  # a kernel without IPv6
        settings = Path("/proc/sys/net/ipv6/conf", interface)
        if on:
            (settings / "accept_dad").write_text("0")
        (settings / "disable_ipv6").write_text("0" if on else "1")


def _bridge_asks_iptables() -> bool:
    try:
        return _BRIDGE_FILTER.read_text().strip() == "1"
    except FileNotFoundError:  # br_netfilter is not loaded
        return False


def index_of(name: str) -> int:
    try:
        return socket.if_nametoindex(name)
    except OSError as error:
        raise SystemFailure(f"there is no interface {name}") from error


def _plug(
    outside: RouteSocket,
    inside: RouteSocket,
    veth: VethPlan,
    master: int,
    *,
    filtered: bool,
    quiet: bool,
) -> None:
    """`quiet`: the namespace has no IPv6 anyway."""
    # A bridge that asks iptables diverts a published port's frames itself, from port to port:
    # isolation would part those too, and the firewall sees neighbours' frames anyway.
    isolated = veth.isolated and not filtered
    with namespace.current() as here:
        if veth.kind == "veth":
            outside.transact(_pair(veth, master, here.number), _port(veth, isolated=isolated))
        else:
            outside.transact(_child(veth, master, here.number))
    index = index_of(veth.name)
    if not quiet:
        switch_ipv6(veth.name, on=veth.address6 is not None)
    set_sysctls(veth.sysctls)
    addresses = [each for each in (veth.address, veth.address6, *veth.local) if each is not None]
    requests = [
        wire.give_address(
            f"give {veth.name} the address {each}",
            wire.NEWADDR,
            each,
            index,
            flags=wire.CREATE | wire.EXCL,
        )
        for each in addresses
    ]
    requests.append(_up(veth.name, index))
    gateways = (veth.gateway, veth.gateway6)
    requests += [_default_route(each, index) for each in gateways if each is not None]
    inside.transact(*requests)


def set_sysctls(sysctls: Sequence[tuple[str, str]]) -> None:
    """/proc/sys/net is that of the thread's namespace."""
    for path, value in sysctls:
        try:
            Path("/proc/sys", path).write_text(value)
        except OSError as error:
            reason = os.strerror(error.errno or 0).lower()
            raise SystemFailure(f"failed to set sysctl {path}={value}: {reason}") from error


def _child(veth: VethPlan, parent: int, target: int) -> Message:
    """A macvlan or ipvlan interface, born inside the namespace."""
    mode = {"macvlan": "IFLA_MACVLAN_MODE", "ipvlan": "IFLA_IPVLAN_MODE"}[veth.kind]
    data = [(mode, veth.mode if veth.kind == "macvlan" else _IPVLAN_MODES[veth.mode])]
    info = {
        "attrs": [
            ("IFLA_INFO_KIND", veth.kind),
            ("IFLA_INFO_DATA", {"attrs": data}),
        ]
    }
    attrs: list[tuple[str, object]] = [
        ("IFLA_IFNAME", veth.name),
        ("IFLA_LINK", parent),
        ("IFLA_NET_NS_FD", target),
        ("IFLA_LINKINFO", info),
    ]
    if veth.kind == "macvlan":  # an ipvlan has its parent's
        attrs.append(("IFLA_ADDRESS", veth.mac))
    return wire.link(
        f"create {veth.kind} {veth.name}",
        wire.NEWLINK,
        flags=wire.CREATE | wire.EXCL,
        attrs=attrs,
    )


def _pair(veth: VethPlan, master: int, target: int) -> Message:
    """The pair; its far end is born inside. The peer must not be up yet, or the kernel refuses."""
    peer = [
        ("IFLA_IFNAME", veth.name),
        ("IFLA_ADDRESS", veth.mac),
        ("IFLA_MTU", veth.mtu),
        ("IFLA_NET_NS_FD", target),
    ]
    info = {
        "attrs": [
            ("IFLA_INFO_KIND", "veth"),
            ("IFLA_INFO_DATA", {"attrs": [("VETH_INFO_PEER", {"attrs": peer})]}),
        ]
    }
    return wire.link(
        f"create veth {veth.host_name}",
        wire.NEWLINK,
        flags=wire.CREATE | wire.EXCL,
        attrs=[
            ("IFLA_IFNAME", veth.host_name),
            ("IFLA_MTU", veth.mtu),
            ("IFLA_MASTER", master),
            ("IFLA_LINKINFO", info),
        ],
    )


def _port(veth: VethPlan, *, isolated: bool) -> Message:
    """What a creation can't carry: the alias, the state, and the bridge port's behaviour.

    Hairpin lets a container reach its own published port; an isolated port is icc=false.
    """
    behaviour = [("IFLA_BRPORT_MODE", 1), ("IFLA_BRPORT_ISOLATED", int(isolated))]
    info = [("IFLA_INFO_SLAVE_KIND", "bridge"), ("IFLA_INFO_SLAVE_DATA", {"attrs": behaviour})]
    return wire.link(
        f"set up veth {veth.host_name}",
        wire.NEWLINK,
        attrs=[
            ("IFLA_IFNAME", veth.host_name),
            ("IFLA_IFALIAS", veth.alias),
            ("IFLA_LINKINFO", {"attrs": info}),
        ],
        up=True,
    )


def _up(name: str, index: int) -> Message:
    return wire.link(f"bring {name} up", wire.NEWLINK, index=index, up=True)


def _default_route(gateway: IPv4Address | IPv6Address, index: int) -> Message:
    return wire.route(
        f"route over {gateway}",
        wire.NEWROUTE,
        flags=wire.CREATE | wire.EXCL,
        attrs=[("RTA_GATEWAY", str(gateway)), ("RTA_OIF", index)],
        family=socket.AF_INET6 if gateway.version == 6 else socket.AF_INET,
        dst_len=0,
        table=_TABLE_MAIN,
        proto=_PROTOCOL_BOOT,
        scope=_SCOPE_UNIVERSE,
        type=_UNICAST,
    )


def _no_default(found: links.Route) -> Message:
    return wire.route(
        "remove a default route",
        wire.DELROUTE,
        attrs=[("RTA_OIF", found.index)],
        family=socket.AF_INET6 if found.destination.version == 6 else socket.AF_INET,
        dst_len=0,
        table=_TABLE_MAIN,
        scope=_SCOPE_UNIVERSE,
    )
