"""What the networks mailbox accepts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

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


class Restore(Request[frozenset[str]], msgspec.Struct, frozen=True):
    saved: tuple[SavedEndpoint, ...]


class Prepare(Request[Sandbox], msgspec.Struct, frozen=True):
    container_id: str
    plan: EndpointPlan


class Publish(Request[list[PublishedPort]], msgspec.Struct, frozen=True):
    container_id: str
    ports: Sequence[PortRequest]


class Unpublish(Request[None], msgspec.Struct, frozen=True):
    container_id: str


class Release(Request[None], msgspec.Struct, frozen=True):
    container_id: str


class Repair(Request[Drift], msgspec.Struct, frozen=True):
    """Verify the firewall and load what is missing; the answer is what was found."""


class Begin(Request[None], msgspec.Struct, frozen=True):
    """The container runs: its names are found from now on."""

    container_id: str


class Rename(Request[None], msgspec.Struct, frozen=True):
    container_id: str
    name: str


class Connect(Request[Sandbox], msgspec.Struct, frozen=True):
    container_id: str
    network: str
    wish: EndpointWish


class Disconnect(Request[Sandbox], msgspec.Struct, frozen=True):
    container_id: str
    network_id: str


class Create(Request[NetworkRecord], msgspec.Struct, frozen=True):
    request: NetworkCreateRequest


class Remove(Request[None], msgspec.Struct, frozen=True):
    term: str


class Prune(Request[list[str]], msgspec.Struct, frozen=True):
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
