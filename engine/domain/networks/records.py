"""The room's records: networks (durable), endpoints and sandboxes (kept by the containers room)."""

from __future__ import annotations

import msgspec

SCHEMA = 1


class NetworkRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One network. The default bridge, `host` and `none` are records like any other."""

    id: str
    name: str
    driver: str  # "bridge", "host", "null"
    created: str  # RFC 3339 with nanoseconds, as inspect shows it
    subnet: str = ""
    gateway: str = ""
    ip_range: str = ""
    bridge: str = ""
    mtu: int = 0
    icc: bool = True
    masquerade: bool = True
    internal: bool = False
    attachable: bool = False
    options: dict[str, str] = {}
    labels: dict[str, str] = {}
    predefined: bool = False
    schema: int = SCHEMA


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A container's place in one network. Addresses are empty on `host` and `none`."""

    network_id: str
    network_name: str
    endpoint_id: str
    interface: str = ""
    host_interface: str = ""
    ip: str = ""
    prefix: int = 0
    gateway: str = ""
    mac: str = ""
    aliases: list[str] = []


class PublishedPort(msgspec.Struct, frozen=True, kw_only=True):
    """A port that the host forwards; `host_ip` is "0.0.0.0", "::" or one address of the host."""

    container_port: int
    proto: str
    host_ip: str
    host_port: int


class Sandbox(msgspec.Struct, frozen=True, kw_only=True):
    """A prepared network namespace. `netns_path` None means the host's own."""

    id: str
    key: str  # SandboxKey of inspect
    netns_path: str | None
    endpoints: list[Endpoint]


class SavedEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What the containers room remembers of one container's network over a restart."""

    container_id: str
    container_name: str
    sandbox: Sandbox
    ports: list[PublishedPort] = []
    running: bool = True


class EndpointWish(msgspec.Struct, frozen=True, kw_only=True):
    """What a create request asks of one network."""

    ip: str = ""
    mac: str = ""
    aliases: list[str] = []


class EndpointPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a container asks of the network: its mode as `HostConfig.NetworkMode` says it."""

    container_name: str
    mode: str = "default"
    mac: str = ""
    wishes: dict[str, EndpointWish] = {}
