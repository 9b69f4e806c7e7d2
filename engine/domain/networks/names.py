"""Who is found by which name: from the book to what the resolver must know. Pure."""

from __future__ import annotations

from engine.domain.networks.book import Attachment, Book
from engine.domain.networks.endpoints import ranked
from engine.domain.networks.records import Endpoint
from engine.models.resolver import Presence, Scope


def dns_names(container_id: str, name: str, hostname: str, aliases: list[str]) -> list[str]:
    """Name, aliases, short ID, and the host name that its user chose, as `DNSNames` shows them."""
    found = [name, *aliases, container_id[:12], *([hostname] if hostname else [])]
    return list(dict.fromkeys(found))


def scope(book: Book, attachment: Attachment) -> Scope | None:
    """None for who needs no resolver: on predefined networks alone, or in another's namespace.

    A container that hasn't started can be asked from (its namespace is there), not found.
    """
    sandbox = attachment.sandbox
    if attachment.joined or sandbox.netns_path is None:
        return None
    places = [_presence(book, attachment, endpoint) for endpoint in ranked(sandbox.endpoints)]
    presences = [place for place in places if place is not None]
    if not presences:
        return None
    return Scope(
        id=attachment.container_id,
        path=sandbox.netns_path,
        presences=presences,
        servers=sandbox.dns,
        forwards=any(e.gateway or e.gateway6 for e in sandbox.endpoints),
    )


def _presence(book: Book, attachment: Attachment, endpoint: Endpoint) -> Presence | None:
    network = book.networks.get(endpoint.network_id)
    if network is None or not network.named:
        return None
    names = dns_names(
        attachment.container_id, attachment.name, attachment.sandbox.hostname, endpoint.aliases
    )
    return Presence(
        network=network.id,
        network_name=network.name,
        addresses=[each for each in (endpoint.ip, endpoint.ip6) if each],
        names=names if attachment.started else [],
        links=endpoint.links,
        ports=attachment.sandbox.exposed,
    )
