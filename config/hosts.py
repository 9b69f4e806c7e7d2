"""Reads the addresses that the API listens on: `unix://`, `tcp://`, `fd://`."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from config.errors import ConfigError
from config.schema import Settings

Protocol = Literal["unix", "tcp", "fd"]
PORT, TLS_PORT = 2375, 2376
_HOSTNAME = re.compile(r"[A-Za-z0-9_.-]+")


class Host(msgspec.Struct, frozen=True):
    """One listener: a socket's path, a host name or address with its port, or systemd's sockets."""

    protocol: Protocol
    address: str  # path of the socket; host; name or number of systemd's socket ("*" is all)
    port: int = 0  # tcp only

    def __str__(self) -> str:
        if self.protocol != "tcp":
            return f"{self.protocol}://{self.address}"
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"tcp://{host}:{self.port}"


def parse_host(text: str, *, tls: bool = False, socket: str = "/run/trimaran/docker.sock") -> Host:
    """Read one `-H`; without a scheme it is tcp, with the ports of docker (2375, TLS 2376)."""
    stripped = text.strip()
    scheme, separator, rest = stripped.partition("://")
    if not separator:
        return _tcp(stripped, text, tls=tls) if stripped else Host("unix", socket)
    if scheme == "unix":
        return Host("unix", rest or socket)
    if scheme == "fd":
        return Host("fd", rest or "*")
    if scheme == "tcp":
        return _tcp(rest, text, tls=tls)
    if scheme == "npipe":
        raise ConfigError('invalid protocol format: "npipe": named pipes are for Windows only')
    raise ConfigError(f"Invalid bind address format: {text}")


def api_hosts(settings: Settings, environ: Mapping[str, str], pid: int) -> tuple[Host, ...]:
    """Where the API listens: the hosts given, else systemd's sockets, else its own socket.

    Sockets that systemd hands over need no `-H fd://`, so `hosts` in the file conflicts with nothing.
    """
    if settings.hosts:
        tls, socket = settings.uses_tls, settings.socket_path
        return tuple(parse_host(host, tls=tls, socket=socket) for host in settings.hosts)
    if environ.get("LISTEN_PID") == str(pid) and environ.get("LISTEN_FDS", "0") != "0":
        return (Host("fd", "*"),)
    return (Host("unix", settings.socket_path),)


def _tcp(rest: str, text: str, *, tls: bool) -> Host:
    authority, slash, path = rest.partition("/")
    if path or slash:
        raise ConfigError(f"Invalid bind address format: {text}: should not contain a path element")
    host, port = _split(authority, text)
    if host and ":" not in host and not _HOSTNAME.fullmatch(host):
        raise ConfigError(f"Invalid bind address format: {text}")
    return Host("tcp", host or "localhost", _port(port, text) or (TLS_PORT if tls else PORT))


def _split(authority: str, text: str) -> tuple[str, str]:
    if authority.startswith("["):
        host, bracket, port = authority[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise ConfigError(f"Invalid bind address format: {text}")
        _check_ipv6(host, text)
        return host, port[1:]
    if authority.count(":") > 1:
        raise ConfigError(f"Invalid bind address format: {text}: too many colons in address")
    host, _, port = authority.partition(":")
    return host, port


def _check_ipv6(host: str, text: str) -> None:
    try:
        ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        raise ConfigError(f"Invalid bind address format: {text}") from None


def _port(port: str, text: str) -> int:
    if not port:
        return 0
    if not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ConfigError(f'parse "{text}": invalid port ":{port}" after host')
    return int(port)
