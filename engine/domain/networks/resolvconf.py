"""`/etc/resolv.conf` of a container: a pure function of the host's and the container's wishes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address

import msgspec

# dockerd's, when the host has none that a container could reach.
FALLBACK = ("8.8.8.8", "8.8.4.4")
FALLBACK_IPV6 = ("2001:4860:4860::8888", "2001:4860:4860::8844")
HOST_FILE = "/etc/resolv.conf"
SYSTEMD_FILE = "/run/systemd/resolve/resolv.conf"
_SYSTEMD_STUB = "127.0.0.53"


class ResolvConf(msgspec.Struct, frozen=True):
    nameservers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    sortlist: tuple[str, ...] = ()


def parse(text: str) -> ResolvConf:
    """The last `search`, `domain` and `options` win, as in the resolver."""
    nameservers: list[str] = []
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    for line in text.splitlines():
        words = line.split("#")[0].split(";")[0].split()
        if len(words) < 2:
            continue
        match words[0]:
            case "nameserver":
                nameservers.append(words[1])
            case "search" | "domain":
                search = tuple(words[1:])
            case "options":
                options = tuple(words[1:])
    return ResolvConf(tuple(nameservers), search, options)


def host_file(resolv_conf: str) -> str:
    """Which file tells the host's servers, given the text of /etc/resolv.conf."""
    servers = parse(resolv_conf).nameservers
    return SYSTEMD_FILE if servers == (_SYSTEMD_STUB,) else HOST_FILE


def render(
    host: str,
    *,
    dns: Sequence[str] = (),
    search: Sequence[str] = (),
    options: Sequence[str] = (),
    ipv6: bool = False,
    host_network: bool = False,
) -> str:
    """The container's file. Wishes replace the host's lines of their kind.

    The host's loopback servers are unreachable from a container's own namespace and left out;
    on the host's network they work and stay. `--dns-search .` means no search at all.
    """
    theirs = parse(host)
    if not (dns or search or options) and host_network:
        return host
    servers = tuple(dns) or _reachable(theirs.nameservers, ipv6=ipv6, host_network=host_network)
    domains = tuple(search) or theirs.search
    if tuple(domains) == (".",):
        domains = ()
    return _text(domains, servers, tuple(options) or theirs.options)


def _reachable(servers: Iterable[str], *, ipv6: bool, host_network: bool) -> tuple[str, ...]:
    if host_network:
        return tuple(servers)
    kept = tuple(server for server in servers if _usable(server, ipv6=ipv6))
    return kept or FALLBACK + (FALLBACK_IPV6 if ipv6 else ())


def _usable(server: str, *, ipv6: bool) -> bool:
    try:
        address = ip_address(server)
    except ValueError:
        return False
    return not address.is_loopback and (ipv6 or address.version == 4)


def _text(search: Sequence[str], servers: Sequence[str], options: Sequence[str]) -> str:
    lines = [f"search {' '.join(search)}"] if search else []
    lines += [f"nameserver {server}" for server in servers]
    if options:
        lines.append(f"options {' '.join(options)}")
    return "".join(line + "\n" for line in lines)
