"""What the networks mailbox accepts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.domain.networks.bindings import PortRequest
from engine.domain.networks.ports import Drift
from engine.domain.networks.records import (
    EndpointPlan,
    EndpointWish,
    NetworkRecord,
    PublishedPort,
    Sandbox,
    SavedEndpoint,
)
from engine.models.networks import NetworkCreateRequest
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


@dataclass(frozen=True, slots=True)
class Begin(Request[None]):
    """The container runs: its names are found from now on."""

    container_id: str


@dataclass(frozen=True, slots=True)
class Rename(Request[None]):
    container_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Connect(Request[Sandbox]):
    container_id: str
    network: str
    wish: EndpointWish


@dataclass(frozen=True, slots=True)
class Disconnect(Request[Sandbox]):
    container_id: str
    network_id: str


@dataclass(frozen=True, slots=True)
class Create(Request[NetworkRecord]):
    request: NetworkCreateRequest


@dataclass(frozen=True, slots=True)
class Remove(Request[None]):
    term: str


@dataclass(frozen=True, slots=True)
class Prune(Request[list[str]]):
    """The names of the networks removed."""

    filters: Mapping[str, Sequence[str]]


Message = (
    Restore
    | Prepare
    | Publish
    | Unpublish
    | Release
    | Repair
    | Begin
    | Rename
    | Connect
    | Disconnect
    | Create
    | Remove
    | Prune
)
