"""Interfaces that others made on the host: into a container's namespace, and back.

Every function here moves the calling thread into another network namespace: it runs in a
thread that ends with it, never in one of trio's workers, which are reused.
"""

from __future__ import annotations

import contextlib
import socket
from ipaddress import ip_network

from engine.adapters.netlink import endpoint, namespace, wire
from engine.adapters.netlink.messages import ifinfmsg
from engine.adapters.netlink.wire import Message, RouteSocket
from engine.domain.networks.ports import LinkPlan
from engine.errors import SystemFailure

_TABLE_MAIN, _PROTOCOL_BOOT, _UNICAST = 254, 3, 1
_SCOPE_UNIVERSE, _SCOPE_LINK = 0, 253


def adopt(path: str, plan: LinkPlan) -> str:
    """Its MAC address. If a step fails, the interface is on the host again."""
    with RouteSocket() as outside, namespace.current() as home:
        index = endpoint.index_of(plan.source)
        with contextlib.closing(namespace.opened(path)) as target:
            outside.transact(_down(plan.source, index))
            outside.transact(_moved(plan.source, index, plan.name, target.number))
        namespace.leave_for(path)
        with RouteSocket() as inside:
            try:
                _dress(inside, plan)
                return _mac(inside, endpoint.index_of(plan.name))
            except BaseException:
                _return(inside, plan.name, plan.source, home.number)
                raise


def give_back(path: str, name: str, source: str) -> None:
    with namespace.current() as home:
        namespace.leave_for(path)
        with RouteSocket() as inside:
            _return(inside, name, source, home.number)


def _return(inside: RouteSocket, name: str, source: str, home: int) -> None:
    try:
        index = socket.if_nametoindex(name)
    except OSError:
        return  # it is gone
    inside.transact(_down(name, index))
    inside.transact(_moved(name, index, source, home))


def _dress(inside: RouteSocket, plan: LinkPlan) -> None:
    index = endpoint.index_of(plan.name)
    if plan.mac:
        attrs = [("IFLA_ADDRESS", plan.mac)]
        inside.transact(
            wire.link(f"give {plan.name} its MAC", wire.NEWLINK, index=index, attrs=attrs)
        )
    ipv6 = any(each.version == 6 for each in plan.addresses)
    if ipv6:
        endpoint.switch_ipv6("lo", on=True)
    endpoint.switch_ipv6(plan.name, on=ipv6)
    endpoint.set_sysctls(plan.sysctls)
    requests = [
        wire.give_address(
            f"give {plan.name} the address {each}",
            wire.NEWADDR,
            each,
            index,
            flags=wire.CREATE | wire.EXCL,
        )
        for each in plan.addresses
    ]
    requests.append(wire.link(f"bring {plan.name} up", wire.NEWLINK, index=index, up=True))
    inside.transact(*requests)
    for destination, hop in sorted(plan.routes, key=lambda each: bool(each[1])):
        inside.transact(_route(destination, hop, index))  # those on the link first: hops lie there


def _route(destination: str, hop: str, index: int) -> Message:
    network = ip_network(destination)
    attrs: list[tuple[str, object]] = [("RTA_OIF", index)]
    if network.prefixlen:
        attrs.append(("RTA_DST", str(network.network_address)))
    if hop:
        attrs.append(("RTA_GATEWAY", hop))
    return wire.route(
        f"route to {destination}",
        wire.NEWROUTE,
        flags=wire.CREATE | wire.EXCL,
        attrs=attrs,
        family=socket.AF_INET6 if network.version == 6 else socket.AF_INET,
        dst_len=network.prefixlen,
        table=_TABLE_MAIN,
        proto=_PROTOCOL_BOOT,
        scope=_SCOPE_UNIVERSE if hop else _SCOPE_LINK,
        type=_UNICAST,
    )


def _down(name: str, index: int) -> Message:
    """What is up cannot be renamed."""
    return wire.link(f"take {name} down", wire.NEWLINK, index=index, down=True)


def _moved(name: str, index: int, new_name: str, target: int) -> Message:
    attrs = [("IFLA_IFNAME", new_name), ("IFLA_NET_NS_FD", target)]
    return wire.link(f"move {name}", wire.NEWLINK, index=index, attrs=attrs)


def _mac(inside: RouteSocket, index: int) -> str:
    raw = inside.get(wire.link("find a link", wire.GETLINK, index=index))
    for message in wire.decoded(ifinfmsg, [raw]):
        return str(message.get_attr("IFLA_ADDRESS") or "")
    raise SystemFailure("a link vanished while it was set up")
