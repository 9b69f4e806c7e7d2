"""Who is found by which name: the scopes as the daemon told them, indexed. No input or output."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from engine.models.resolver import Presence, Scope


class Directory:
    """`generation` changes with every change: whoever keeps answers compares it."""

    def __init__(self) -> None:
        self.scopes: dict[str, Scope] = {}
        self.generation = 0
        self._names: dict[str, dict[str, list[Presence]]] = defaultdict(dict)
        self._addresses: dict[str, dict[str, Presence]] = defaultdict(dict)

    def put(self, scope: Scope) -> None:
        if self.scopes.get(scope.id) == scope:
            return
        self.drop(scope.id)
        self.scopes[scope.id] = scope
        self.generation += 1
        for presence in scope.presences:
            for name in presence.names:
                self._names[presence.network].setdefault(name.lower(), []).append(presence)
            if presence.names:
                addresses = self._addresses[presence.network]
                addresses.update(dict.fromkeys(presence.addresses, presence))

    def drop(self, scope_id: str) -> None:
        scope = self.scopes.pop(scope_id, None)
        if scope is None:
            return
        self.generation += 1
        for presence in scope.presences:
            self._forget(presence)

    def _forget(self, presence: Presence) -> None:
        names = self._names[presence.network]
        for name in {each.lower() for each in presence.names}:
            left = [each for each in names.get(name, ()) if each is not presence]
            if left:
                names[name] = left
            else:
                names.pop(name, None)
        addresses = self._addresses[presence.network]
        for address in presence.addresses:
            if addresses.get(address) is presence:
                del addresses[address]
        if not names and not addresses:
            self._names.pop(presence.network, None)
            self._addresses.pop(presence.network, None)

    def lookup(self, scope: Scope, name: str) -> list[str] | None:
        """The addresses of everybody so called in the first of the asker's networks that has any;
        None when nobody is. `name.network` asks in one network."""
        for presence in scope.presences:
            found = self._in_network(presence, name)
            if found is None and name.endswith(f".{presence.network_name.lower()}"):
                found = self._in_network(presence, name[: -len(presence.network_name) - 1])
            if found is not None:
                return found
        return None

    def services(self, scope: Scope, port: str, name: str) -> list[tuple[str, list[str]]] | None:
        """Who is called so and has that port ("80/tcp"): full name and addresses. None: nobody is
        called so."""
        for presence in scope.presences:
            found = self._presences(presence, name)
            if found is None and name.endswith(f".{presence.network_name.lower()}"):
                found = self._presences(presence, name[: -len(presence.network_name) - 1])
            if found is not None:
                return [(_full_name(each), each.addresses) for each in found if port in each.ports]
        return None

    def _in_network(self, own: Presence, name: str) -> list[str] | None:
        found = self._presences(own, name)
        return None if found is None else _addresses(found)

    def _presences(self, own: Presence, name: str) -> list[Presence] | None:
        target = {alias.lower(): there for alias, there in own.links.items()}.get(name, name)
        return self._names.get(own.network, {}).get(target.lower()) or None

    def name_of(self, scope: Scope, address: str) -> str | None:
        """`container.network` of an address in the asker's networks."""
        for own in scope.presences:
            found = self._addresses.get(own.network, {}).get(address)
            if found is not None:
                return _full_name(found)
        return None


def _full_name(presence: Presence) -> str:
    return f"{presence.names[0]}.{presence.network_name}"


def _addresses(presences: Iterable[Presence]) -> list[str]:
    return [address for each in presences for address in each.addresses]
