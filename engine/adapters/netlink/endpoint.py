"""A container's endpoint: namespace, veth pair, address, route, up. One batch in one thread.

Every function here moves the calling thread into another network namespace: it runs in a
thread that ends with it, never in one of trio's workers, which are reused.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence
from pathlib import Path

from engine.adapters.netlink import namespace, wire
from engine.adapters.netlink.wire import Message, RouteSocket
from engine.domain.networks.ports import VethPlan
from engine.errors import SystemFailure

_LOOPBACK_INDEX = 1
_BRIDGE_FILTER = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
_TABLE_MAIN, _PROTOCOL_BOOT, _SCOPE_UNIVERSE, _UNICAST = 254, 3, 0, 1


def create(path: str, veths: Sequence[VethPlan]) -> None:
    """A new namespace at `path` with its interfaces, all up. Undone if any step fails."""
    with contextlib.ExitStack() as undo:
        with RouteSocket() as outside:
            masters = {veth.bridge: _index(veth.bridge) for veth in veths}
            filtered = _bridge_asks_iptables()
            namespace.leave_for_new()
            namespace.bind(path)
            undo.callback(namespace.unbind, path)
            _quieten_ipv6()
            with RouteSocket() as inside:
                inside.transact(_up("lo", _LOOPBACK_INDEX))
                for veth in veths:
                    _plug(outside, inside, veth, masters[veth.bridge], filtered=filtered)
        undo.pop_all()


def attach(path: str, veth: VethPlan) -> None:
    """One more interface for the namespace at `path`."""
    with RouteSocket() as outside:
        master = _index(veth.bridge)
        filtered = _bridge_asks_iptables()
        namespace.leave_for(path)
        with RouteSocket() as inside:
            _plug(outside, inside, veth, master, filtered=filtered)


def _quieten_ipv6() -> None:
    """No IPv6 on a container whose networks have none, as dockerd does."""
    for name in ("all", "default"):
        with contextlib.suppress(OSError):  # a kernel without IPv6
            Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")


def _bridge_asks_iptables() -> bool:
    try:
        return _BRIDGE_FILTER.read_text().strip() == "1"
    except FileNotFoundError:  # br_netfilter is not loaded
        return False


def _index(name: str) -> int:
    try:
        return socket.if_nametoindex(name)
    except OSError as error:
        raise SystemFailure(f"there is no interface {name}") from error


def _plug(
    outside: RouteSocket, inside: RouteSocket, veth: VethPlan, master: int, *, filtered: bool
) -> None:
    # A bridge that asks iptables diverts a published port's frames itself, from port to port:
    # isolation would part those too, and the firewall sees neighbours' frames anyway.
    isolated = veth.isolated and not filtered
    with namespace.current() as here:
        outside.transact(_pair(veth, master, here.number), _port(veth, isolated=isolated))
    index = _index(veth.name)
    requests = [_address(veth, index), _up(veth.name, index)]
    if veth.gateway is not None:
        requests.append(_default_route(veth, index))
    inside.transact(*requests)


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


def _address(veth: VethPlan, index: int) -> Message:
    return wire.address(
        f"give {veth.name} the address {veth.address}",
        wire.NEWADDR,
        flags=wire.CREATE | wire.EXCL,
        attrs=[
            ("IFA_LOCAL", str(veth.address.ip)),
            ("IFA_ADDRESS", str(veth.address.ip)),
            ("IFA_BROADCAST", str(veth.address.network.broadcast_address)),
        ],
        family=socket.AF_INET,
        prefixlen=veth.address.network.prefixlen,
        index=index,
    )


def _up(name: str, index: int) -> Message:
    return wire.link(f"bring {name} up", wire.NEWLINK, index=index, up=True)


def _default_route(veth: VethPlan, index: int) -> Message:
    return wire.route(
        f"route over {veth.gateway}",
        wire.NEWROUTE,
        flags=wire.CREATE | wire.EXCL,
        attrs=[("RTA_GATEWAY", str(veth.gateway)), ("RTA_OIF", index)],
        family=socket.AF_INET,
        dst_len=0,
        table=_TABLE_MAIN,
        proto=_PROTOCOL_BOOT,
        scope=_SCOPE_UNIVERSE,
        type=_UNICAST,
    )
