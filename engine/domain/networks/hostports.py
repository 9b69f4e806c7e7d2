"""The host's ports: which are taken, by whom, and a bound socket held for each."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Protocol

import msgspec

from engine.errors import SystemFailure

# What dockerd falls back to when the kernel does not tell.
DYNAMIC_RANGE = (49153, 65535)
ANY = ("0.0.0.0", "::")


class Hold(Protocol):
    """Something that keeps a port of the host from being bound by others."""

    def close(self) -> None: ...


Bind = Callable[[str, str, int], Hold]


class HostPort(msgspec.Struct, frozen=True):
    proto: str
    host_ip: str
    port: int

    def conflicts(self, other: HostPort) -> bool:
        """The same address, or one of the two is every address of the same family."""
        return (
            (self.proto, self.port) == (other.proto, other.port)
            and (":" in self.host_ip) == (":" in other.host_ip)
            and (self.host_ip == other.host_ip or bool({self.host_ip, other.host_ip} & {*ANY}))
        )


class HostPorts:
    """Published ports and the sockets that hold them. All methods are atomic: none awaits."""

    def __init__(self, bind: Bind, dynamic: tuple[int, int] = DYNAMIC_RANGE) -> None:
        self._bind = bind
        self._dynamic = dynamic
        self._next: dict[str, int] = {}
        self._held: dict[HostPort, Hold | None] = {}
        self._by_number: dict[tuple[str, int], set[HostPort]] = {}

    def take(self, proto: str, host_ips: tuple[str, ...], first: int, last: int) -> int:
        """The first port of the range that is free on all the addresses. Raises SystemFailure."""
        if not first:
            return self._take_any(proto, host_ips)
        refusal: SystemFailure | None = None
        for port in range(first, last + 1):
            refusal = self._try(proto, host_ips, port)
            if refusal is None:
                return port
        if refusal is None:
            raise SystemFailure("no port in the range")
        if first != last and "already allocated" in str(refusal):
            raise SystemFailure(f"Bind for {host_ips[0]}:{first} failed: port is already allocated")
        raise refusal

    def adopt(self, proto: str, host_ip: str, port: int) -> SystemFailure | None:
        """Take up a port of a container that outlived the daemon, held by a socket if possible."""
        wanted = HostPort(proto, host_ip, port)
        try:
            self._note(wanted, self._bind(proto, host_ip, port))
        except OSError as error:
            self._note(wanted, None)
            return _refused(wanted, error)
        return None

    def held(self, proto: str, host_ip: str, port: int) -> Hold | None:
        """What holds a port that was taken or adopted."""
        return self._held.get(HostPort(proto, host_ip, port))

    def free(self, proto: str, host_ip: str, port: int) -> None:
        wanted = HostPort(proto, host_ip, port)
        hold = self._held.pop(wanted, None)
        self._by_number.get((proto, port), set()).discard(wanted)
        if hold is not None:
            hold.close()

    def close(self) -> None:
        for held in list(self._held):
            self.free(held.proto, held.host_ip, held.port)

    def _take_any(self, proto: str, host_ips: tuple[str, ...]) -> int:
        low, high = self._dynamic
        start = self._next.get(proto, low)
        for step in range(high - low + 1):
            port = low + (start - low + step) % (high - low + 1)
            if self._try(proto, host_ips, port) is None:
                self._next[proto] = port + 1 if port < high else low
                return port
        raise SystemFailure("all ports are allocated")

    def _try(self, proto: str, host_ips: tuple[str, ...], port: int) -> SystemFailure | None:
        wanted = [HostPort(proto, host_ip, port) for host_ip in host_ips]
        taken = self._by_number.get((proto, port), ())
        for entry in wanted:
            if any(entry.conflicts(other) for other in taken):
                return SystemFailure(f"Bind for {_shown(entry)} failed: port is already allocated")
        bound: list[tuple[HostPort, Hold | None]] = []
        for entry in wanted:
            try:
                bound.append((entry, self._bind(proto, entry.host_ip, port)))
            except OSError as error:
                if _absent_family(entry, error):
                    bound.append((entry, None))
                    continue
                for _, hold in bound:
                    if hold is not None:
                        hold.close()
                return _refused(entry, error)
        for entry, hold in bound:
            self._note(entry, hold)
        return None

    def _note(self, entry: HostPort, hold: Hold | None) -> None:
        self._held[entry] = hold
        self._by_number.setdefault((entry.proto, entry.port), set()).add(entry)


def _absent_family(entry: HostPort, error: OSError) -> bool:
    """No IPv6 on this host: "::" is published for show, as dockerd does."""
    absent = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
    return entry.host_ip == "::" and error.errno in absent


def _shown(entry: HostPort) -> str:
    host = f"[{entry.host_ip}]" if ":" in entry.host_ip else entry.host_ip
    return f"{host}:{entry.port}"


def _refused(entry: HostPort, error: OSError) -> SystemFailure:
    reason = os.strerror(error.errno or 0).lower()
    return SystemFailure(f"failed to bind host port for {_shown(entry)}/{entry.proto}: {reason}")


def bind_socket(proto: str, host_ip: str, port: int) -> Hold:
    """A bound socket that never listens: nobody else gets the port, and what the firewall
    doesn't divert is refused."""
    address = ip_address(host_ip)
    family = socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET
    kind = socket.SOCK_DGRAM if proto == "udp" else socket.SOCK_STREAM
    number = socket.IPPROTO_SCTP if proto == "sctp" else 0
    held = socket.socket(family, kind | socket.SOCK_CLOEXEC, number)
    try:
        if family == socket.AF_INET6:
            held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _bind(held, (host_ip, port), reuse=proto == "tcp")
        if proto == "udp":
            held.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
    except BaseException:
        held.close()
        raise
    return held


def _bind(held: socket.socket, address: tuple[str, int], *, reuse: bool) -> None:
    """Past connections in TIME_WAIT, but closed to others: they are compared with our flag as
    it stands when they listen."""
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(reuse))
    held.bind(address)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)


def dynamic_range(path: Path = Path("/proc/sys/net/ipv4/ip_local_port_range")) -> tuple[int, int]:
    """The kernel's ephemeral ports, from which dockerd takes its own."""
    with suppress(OSError, ValueError):
        low, high = path.read_text().split()
        return int(low), int(high)
    return DYNAMIC_RANGE
