"""From a question's bytes to an answer's: names that we know, by dnslib; the rest is forwarded."""

from __future__ import annotations

import contextlib
import re
import socket
from ipaddress import ip_address

from dnslib import AAAA, PTR, QTYPE, RCODE, RR, SRV, A, DNSError, DNSRecord

from engine.models.resolver import Scope
from engine.resolver.directory import Directory

TTL = 30
"""Seconds. Short, for a container that is made anew has another address; asking costs nothing."""
PLAIN_SIZE = 512
MOST_KEPT = 2000
_SERVICE = re.compile(r"_([a-z0-9-]+)\._(tcp|udp|sctp)\.(.+)")
_IPV4, _IPV6 = ".in-addr.arpa", ".ip6.arpa"


class Answers:
    """One container's answers. They are kept by question: decoding is what a question costs.

    Several addresses take turns in being the first.
    """

    def __init__(self, directory: Directory, scope_id: str) -> None:
        self._directory = directory
        self._scope_id = scope_id
        self._generation = -1
        self._kept: dict[bytes, list[bytes]] = {}
        self._turn = 0

    def answer(self, question: bytes, *, limit: bool = True) -> bytes | None:
        """None: nobody here is called so, ask elsewhere. `limit`: what a datagram may hold."""
        if self._generation != self._directory.generation:
            self._kept.clear()
            self._generation = self._directory.generation
        variants = self._kept.get(question[2:])
        if variants is None:
            variants = self._make(question)
            if len(self._kept) < MOST_KEPT:
                self._kept[question[2:]] = variants
        if not variants:
            return None
        self._turn += 1
        reply = variants[self._turn % len(variants)]
        if limit and len(reply) > PLAIN_SIZE and len(reply) > _room(question):
            reply = _truncated(question)
        return question[:2] + reply[2:]

    def _make(self, question: bytes) -> list[bytes]:
        scope = self._directory.scopes.get(self._scope_id)
        try:
            asked = DNSRecord.parse(question)
            if scope is None or len(asked.questions) != 1:
                return []
            return _replies(self._directory, scope, asked)
        except (DNSError, UnicodeError, ValueError, IndexError):
            return []


def _replies(directory: Directory, scope: Scope, asked: DNSRecord) -> list[bytes]:
    name = str(asked.q.qname).rstrip(".").lower()
    kind = QTYPE.get(asked.q.qtype)
    if kind == "PTR":
        address = reversed_address(name)
        found = directory.name_of(scope, address) if address else None
        return [_packed(asked, [PTR(f"{found}.")])] if found else []
    if kind == "SRV" and (service := _SERVICE.fullmatch(name)):
        port = service_port(service[1], service[2])
        there = directory.services(scope, f"{port}/{service[2]}", service[3])
        return [] if there is None else [_services(asked, port, there)]
    addresses = directory.lookup(scope, name)
    if addresses is None:
        return []
    # Known, but not in this family (or of this kind): an empty answer, which ends the search.
    wanted = [a for a in addresses if kind == ("AAAA" if ":" in a else "A")]
    records = [AAAA(a) if ":" in a else A(a) for a in wanted]
    turns = [records[i:] + records[:i] for i in range(len(records))] or [records]
    return [_packed(asked, each) for each in turns]


def service_port(label: str, proto: str) -> int:
    """A number, or a service that the host's database knows; 0 for neither."""
    if label.isdecimal():
        return int(label) if len(label) < 6 else 0
    with contextlib.suppress(OSError):
        return socket.getservbyname(label, proto)
    return 0


def _services(asked: DNSRecord, port: int, there: list[tuple[str, list[str]]]) -> bytes:
    """All of the same weight, and their addresses with them."""
    reply = asked.reply(ra=1, aa=1)
    for name, addresses in there:
        found = SRV(priority=0, weight=0, port=port, target=f"{name}.")
        reply.add_answer(RR(asked.q.qname, QTYPE.SRV, ttl=TTL, rdata=found))
        for each in addresses:
            kind, data = (QTYPE.AAAA, AAAA(each)) if ":" in each else (QTYPE.A, A(each))
            reply.add_ar(RR(f"{name}.", kind, ttl=TTL, rdata=data))
    return bytes(reply.pack())


def _packed(asked: DNSRecord, records: list[A | AAAA | PTR]) -> bytes:
    reply = asked.reply(ra=1, aa=1)
    for data in records:
        reply.add_answer(RR(asked.q.qname, asked.q.qtype, ttl=TTL, rdata=data))
    return bytes(reply.pack())


def _room(question: bytes) -> int:
    """What the asker's datagrams may hold (EDNS)."""
    asked = DNSRecord.parse(question)
    sizes = [rr.edns_len for rr in asked.ar if rr.rtype == QTYPE.OPT]
    return int(max([PLAIN_SIZE, *sizes]))


def _truncated(question: bytes) -> bytes:
    reply = DNSRecord.parse(question).reply(ra=1, aa=1)
    reply.header.tc = 1
    return bytes(reply.pack())


def failure(question: bytes) -> bytes:
    """SERVFAIL; "" for what is no question at all."""
    try:
        reply = DNSRecord.parse(question).reply(ra=1, aa=0)
    except (DNSError, UnicodeError, ValueError, IndexError):
        return b""
    reply.header.rcode = RCODE.SERVFAIL
    return bytes(reply.pack())


def reversed_address(name: str) -> str | None:
    """The address that a name of the reverse tree stands for."""
    try:
        if name.endswith(_IPV4):
            return str(ip_address(".".join(reversed(name.removesuffix(_IPV4).split(".")))))
        if name.endswith(_IPV6):
            digits = name.removesuffix(_IPV6).replace(".", "")[::-1]
            return str(ip_address(int(digits, 16))) if len(digits) == 32 else None
    except ValueError:
        return None
    return None
