"""Conntrack entries of UDP ports: a flow that is remembered bypasses a map that has changed."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable
from typing import Any

from engine.adapters.netlink import links, wire
from engine.adapters.netlink.messages import NFCTAttrTuple, nfct_msg
from engine.adapters.netlink.wire import Message, NetlinkError, RouteSocket
from engine.domain.networks.ports import PortForward

_NETFILTER = 12  # the netlink family
_SUBSYSTEM = 1 << 8  # NFNL_SUBSYS_CTNETLINK
_GET, _DELETE = 1, 2
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


def forget(forwards: Iterable[PortForward]) -> int:
    """Delete the entries of the UDP forwards given; how many there were.

    Only flows to the host itself, or to the container behind the port, are ours to forget:
    the same port on some far host (a container asking a name server) is another flow.
    """
    udp = [forward for forward in forwards if forward.proto == "udp"]
    if not udp:
        return 0
    with RouteSocket() as netlink:
        local = {str(address.ip) for address in links.addresses(netlink)}
    with RouteSocket(_NETFILTER) as netfilter:
        return sum(_forget(netfilter, forward, local) for forward in udp)


def _forget(netfilter: RouteSocket, forward: PortForward, local: set[str]) -> int:
    count = 0
    version = forward.container_ip.version
    for entry in wire.decoded(nfct_msg, netfilter.dump(_flows_to(forward.host_port, version))):
        origin = entry.get_attr("CTA_TUPLE_ORIG")
        asked = origin.get_attr("CTA_TUPLE_IP").get_attr(f"CTA_IP_V{version}_DST")
        answering = entry.get_attr("CTA_TUPLE_REPLY").get_attr("CTA_TUPLE_IP")
        behind = answering.get_attr(f"CTA_IP_V{version}_SRC")
        wanted = forward.host_ip is None or asked == str(forward.host_ip)
        if behind == str(forward.container_ip) or (wanted and asked in local):
            count += _delete(netfilter, origin, version)
    return count


def _flows_to(port: int, version: int) -> Message:
    """A dump that the kernel filters (since 5.8); an older one would send everything."""
    family = _FAMILIES[version]
    wanted = NFCTAttrTuple(family=family, proto=socket.IPPROTO_UDP, dport=port)
    attrs = wanted.attrs()
    return Message(
        "list conntrack entries",
        nfct_msg(),
        _SUBSYSTEM | _GET,
        fields={"nfgen_family": family},
        attrs=[
            ("CTA_TUPLE_ORIG", {"attrs": attrs}),
            ("CTA_FILTER", {"attrs": [("CTA_FILTER_ORIG_FLAGS", wanted.flags)]}),
        ],
    )


def _delete(netfilter: RouteSocket, origin: Any, version: int) -> int:
    family = _FAMILIES[version]
    address = origin.get_attr("CTA_TUPLE_IP")
    proto = origin.get_attr("CTA_TUPLE_PROTO")
    flow = NFCTAttrTuple(
        family=family,
        saddr=address.get_attr(f"CTA_IP_V{version}_SRC"),
        daddr=address.get_attr(f"CTA_IP_V{version}_DST"),
        proto=socket.IPPROTO_UDP,
        sport=proto.get_attr("CTA_PROTO_SRC_PORT"),
        dport=proto.get_attr("CTA_PROTO_DST_PORT"),
    )
    message = Message(
        "delete a conntrack entry",
        nfct_msg(),
        _SUBSYSTEM | _DELETE,
        fields={"nfgen_family": family},
        attrs=[("CTA_TUPLE_ORIG", {"attrs": flow.attrs()})],
    )
    try:
        netfilter.transact(message)
    except NetlinkError as error:
        if error.code != errno.ENOENT:
            raise
        return 0
    return 1
