"""The files that a container has from the daemon: hosts, hostname, resolv.conf, and the directory of its own."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from engine.domain.containers.records import Container
from engine.domain.containers.sandbox import Place

HOST_RESOLV_CONF = Path("/etc/resolv.conf")
SYSTEMD_RESOLV_CONF = Path("/run/systemd/resolve/resolv.conf")
FALLBACK_SERVERS = ("8.8.8.8", "8.8.4.4")

Row = tuple[str, str]  # an address and its names

LOOPBACK_HOSTS = (
    ("127.0.0.1", "localhost"),
    ("::1", "localhost ip6-localhost ip6-loopback"),
    ("fe00::0", "ip6-localnet"),
    ("ff00::0", "ip6-mcastprefix"),
    ("ff02::1", "ip6-allnodes"),
    ("ff02::2", "ip6-allrouters"),
)


def make_directory(directory: Path) -> None:
    directory.mkdir(mode=0o710, parents=True, exist_ok=True)


def write(
    directory: Path, container: Container, place: Place, resolv_conf: str, links: Sequence[Row] = ()
) -> None:
    """Blocks; for a worker thread. Rewrites what is there: a new start has new addresses."""
    make_directory(directory)
    write_hosts(directory, container, place, links)
    (directory / "hostname").write_text(container.config.hostname + "\n")
    (directory / "resolv.conf").write_text(resolv_conf)


def write_hosts(
    directory: Path, container: Container, place: Place, links: Sequence[Row] = ()
) -> None:
    """In place: the container has this very file."""
    host_network = container.host.network_mode == "host"
    hosts = _read(Path("/etc/hosts")) if host_network else render_hosts(container, place, links)
    extra = extra_hosts(container.host.extra_hosts or (), place.host_gateway)
    (directory / "hosts").write_text(hosts + extra)


def render_hosts(container: Container, place: Place, links: Sequence[Row] = ()) -> str:
    hostname, domain = container.config.hostname, container.config.domainname
    names = f"{hostname}.{domain} {hostname}" if domain else hostname
    rows = [*LOOPBACK_HOSTS, *links]
    rows += [(endpoint.ip, names) for endpoint in place.sandbox.endpoints if endpoint.ip]
    return "".join(f"{address}\t{name}\n" for address, name in rows)


def extra_hosts(entries: Iterable[str], host_gateway: str) -> str:
    """`name:address` or `name=address`; `host-gateway` is the bridge's address."""
    rows = []
    for entry in entries:
        separator = "=" if "=" in entry else ":"
        name, _, address = entry.partition(separator)
        address = address.strip("[]")
        rows.append(f"{host_gateway if address == 'host-gateway' else address}\t{name}\n")
    return "".join(rows)


def host_resolv_conf() -> str:
    """The host's file; systemd-resolved's own when the former names only its stub (row 27)."""
    text = _read(HOST_RESOLV_CONF)
    servers = [
        line.split()[1]
        for line in text.splitlines()
        if line.startswith("nameserver") and len(line.split()) > 1
    ]
    if servers == ["127.0.0.53"] and os.path.exists(SYSTEMD_RESOLV_CONF):
        return _read(SYSTEMD_RESOLV_CONF)
    return text


def resolv_conf(
    host: str,
    *,
    servers: Sequence[str],
    search: Sequence[str],
    options: Sequence[str],
    keep_loopback: bool,
) -> str:
    """A container's resolv.conf: its own settings over the host's, without servers it cannot reach.

    `keep_loopback` is for containers in the host's network namespace.
    """
    lines = [line for line in host.splitlines() if line.split()]
    found = [
        line.split()[1]
        for line in lines
        if line.split()[0] == "nameserver" and len(line.split()) > 1
    ]
    if servers:
        found = list(servers)
    elif not keep_loopback:
        found = [server for server in found if not _is_loopback(server)] or list(FALLBACK_SERVERS)
    rest = [
        line
        for line in lines
        if line.split()[0] not in ("nameserver", "search", "domain", "options")
    ]
    searched = list(search) if search else _words(lines, ("search", "domain"))
    chosen = list(options) if options else _words(lines, ("options",))
    if not (servers or search or options) and keep_loopback:
        return host
    out = [line for line in rest if not line.startswith(("#", ";"))]
    out += [f"search {' '.join(searched)}"] if searched and searched != ["."] else []
    out += [f"nameserver {server}" for server in found]
    out += [f"options {' '.join(chosen)}"] if chosen else []
    return "".join(line + "\n" for line in out)


def _words(lines: Iterable[str], keys: tuple[str, ...]) -> list[str]:
    return next((line.split()[1:] for line in reversed(list(lines)) if line.split()[0] in keys), [])


def _is_loopback(server: str) -> bool:
    return server.startswith("127.") or server == "::1"


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
