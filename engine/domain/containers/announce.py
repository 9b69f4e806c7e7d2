"""The events of a container's surroundings: what its start connects, its end disconnects (section I)."""

from __future__ import annotations

from engine.domain.containers.outside import Outside
from engine.domain.containers.records import Container
from engine.domain.events.facade import NewEvent
from engine.domain.networks.facade import NetworkRecord, Sandbox


def network_events(
    action: str, container: Container, sandbox: Sandbox | None, outside: Outside
) -> list[NewEvent]:
    """`connect` or `disconnect`, one for each network; none for who joined another container's."""
    return [
        NewEvent(
            "network",
            action,
            endpoint.network_id,
            {
                "container": container.id,
                "name": endpoint.network_name,
                "type": outside.sandboxes.driver(endpoint),
            },
        ).once(f"{endpoint.endpoint_id} {action}")
        for endpoint in (sandbox.endpoints if sandbox else ())
    ]


def network_event(action: str, container: Container, network: NetworkRecord) -> NewEvent:
    """`connect` or `disconnect` of a single one, on request."""
    attributes = {"container": container.id, "name": network.name, "type": network.driver}
    return NewEvent("network", action, network.id, attributes)
