"""What the networks mailbox accepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.domain.networks.bindings import PortRequest
from engine.domain.networks.ports import Drift
from engine.domain.networks.records import EndpointPlan, PublishedPort, Sandbox, SavedEndpoint
from supervisors import Request


@dataclass(frozen=True, slots=True)
class Restore(Request[frozenset[str]]):
    saved: tuple[SavedEndpoint, ...]


@dataclass(frozen=True, slots=True)
class Prepare(Request[Sandbox]):
    container_id: str
    plan: EndpointPlan


@dataclass(frozen=True, slots=True)
class Publish(Request[list[PublishedPort]]):
    container_id: str
    ports: Sequence[PortRequest]


@dataclass(frozen=True, slots=True)
class Unpublish(Request[None]):
    container_id: str


@dataclass(frozen=True, slots=True)
class Release(Request[None]):
    container_id: str


@dataclass(frozen=True, slots=True)
class Repair(Request[Drift]):
    """Verify the firewall and load what is missing; the answer is what was found."""


Message = Restore | Prepare | Publish | Unpublish | Release | Repair
