"""Which browsers' requests a TCP listener refuses: a web page must never reach a root API.

A page that rebinds its own name to this host shows in the Host header, a page that simply posts
to us in Origin or Sec-Fetch-Site. Programs send neither a foreign name nor an Origin.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from engine.errors import Forbidden

Headers = Iterable[tuple[bytes, bytes]]


class OriginGuard:
    """Knows the names under which this host may be asked.

    Always: IP addresses, localhost and names without a dot (nobody outside the local network
    can own one, and `DOCKER_HOST=tcp://docker:2375` is what docker-in-docker uses). A name with
    dots must be this host's, or be among `names`; `*.example.com` stands for all below it.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = {name.lower().rstrip(".") for name in names} | {socket.gethostname().lower()}

    def check(self, headers: Headers) -> None:
        """Raise Forbidden for a request that a foreign page may have sent."""
        host, origins = None, []
        for name, value in headers:
            lowered = name.lower()
            if lowered == b"host":
                host = value.decode("latin1").strip()
            elif lowered == b"origin":
                origins.append(value.decode("latin1").strip())
            elif lowered == b"sec-fetch-site" and value.strip() in {b"cross-site", b"same-site"}:
                raise Forbidden("cross-site requests are refused")
        if host and not self.knows(host_name(host)):
            raise Forbidden(f"host {host} is not one of this daemon's names")
        for origin in origins:
            if not host or urlsplit(origin).netloc.lower() != host.lower():
                raise Forbidden(f"requests from origin {origin} are refused")

    def knows(self, name: str) -> bool:
        """Whether a request for this host name is for us."""
        if is_address(name) or "." not in name or name.endswith(".localhost"):
            return True
        if name in self._names:
            return True
        return any(f"*.{parent}" in self._names for parent in _parents(name))


def host_name(host: str) -> str:
    """The name in a Host header, without port and brackets."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return host.lower()
    return name.lower().rstrip(".")


def is_address(name: str) -> bool:
    """Whether it is an IP address, which no foreign page can have as its name."""
    try:
        ipaddress.ip_address(name.split("%")[0])
    except ValueError:
        return False
    return True


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[i:]) for i in range(1, len(parts))]
