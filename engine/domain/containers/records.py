"""A container as the store keeps it: what was asked for, what was decided, and its state.

Records are immutable; a change makes a new one, is committed, and is then swapped in. The response
shapes of the API are made from them in `views` and never stored.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from engine.domain.containers.binds import MountSpec
from engine.domain.events.facade import Document
from engine.domain.networks.records import PublishedPort, Sandbox
from engine.models.containers import ContainerConfig, HostConfig
from engine.models.networks import EndpointSettings

KIND = "container"
VERSION = 1


class Status(StrEnum):
    """The states that the API names; `paused` implies running."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"


ALIVE = frozenset({Status.RUNNING, Status.PAUSED})


class Removal(msgspec.Struct, frozen=True):
    """The options of a removal that has begun; kept so that the next start finishes the same one."""

    volumes: bool = False
    force: bool = False


class State(msgspec.Struct, frozen=True):
    """Times are unix nanoseconds, 0 is never. `generation` counts starts: it tells a stale exit from a new one.

    `next_try_ns` is when a start is tried again that failed for what was not there yet.
    """

    status: Status = Status.CREATED
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    oom_killed: bool = False
    started_ns: int = 0
    finished_ns: int = 0
    generation: int = 0
    manually_stopped: bool = False
    restart_count: int = 0
    backoff_ms: int = 0
    next_try_ns: int = 0
    health: str = ""
    removal: Removal | None = None

    @property
    def alive(self) -> bool:
        return self.status in ALIVE


class NetworkState(msgspec.Struct, frozen=True):
    """What the network room gave for the present run."""

    sandbox: Sandbox | None = None
    published: list[PublishedPort] = []


class Container(msgspec.Struct, frozen=True):
    """`image` is the reference as asked for, `image_id` a digest, `layer` the chain ID it was unpacked to.

    `links` are container IDs by the alias that they have here.
    `switches` are the `trimaran.*` labels of the create request: an image's switch nothing.
    """

    id: str
    name: str
    created_ns: int
    image: str
    image_id: str
    layer: str
    config: ContainerConfig
    host: HostConfig
    runtime: str
    snapshotter: str
    platform: str = "linux"
    switches: dict[str, str] = {}
    mounts: list[MountSpec] = []
    links: dict[str, str] = {}
    endpoints: dict[str, EndpointSettings] = {}
    network: NetworkState = NetworkState()
    state: State = State()

    @property
    def argv(self) -> list[str]:
        return [*(self.config.entrypoint or []), *(self.config.cmd or [])]

    def with_state(self, **changes: object) -> Container:
        return msgspec.structs.replace(self, state=msgspec.structs.replace(self.state, **changes))

    def attributes(self) -> dict[str, str]:
        """The attributes of this container's events: all labels, the image and the name."""
        return {**(self.config.labels or {}), "image": self.image, "name": self.name}


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Container).decode


def to_document(container: Container) -> Document:
    return Document(KIND, container.id, VERSION, _encode(container))


def from_document(document: Document) -> Container:
    """ValueError for a version of the future, msgspec.ValidationError for a body that is none."""
    if document.version > VERSION:
        raise ValueError(f"record version {document.version} is newer than {VERSION}")
    return _decode(document.body)
