"""The wire of the Container tag: create, inspect, list, wait, update.

`ContainerConfig` and `HostConfig` are also what the store keeps; the others are never persisted.
Which members are null, empty or absent is as dockerd writes them.
"""

from __future__ import annotations

from msgspec import field

from engine.models.hostconfig import (
    HostConfig,
    LogConfig,
    Resources,
    RestartPolicy,
    ThrottleDevice,
    Ulimit,
    WeightDevice,
)
from engine.models.mounts import MountPoint
from engine.models.networks import NetworkingConfig, NetworkSettings, SummaryNetworkSettings
from engine.models.wire import Wire, flag, items, mapping, nested, null, number, text

__all__ = [
    "ContainerConfig",
    "CreateRequest",
    "CreateResponse",
    "GraphDriver",
    "Health",
    "HealthcheckConfig",
    "HealthcheckResult",
    "HostConfig",
    "IdResponse",
    "InspectResponse",
    "LogConfig",
    "Port",
    "PruneReport",
    "Resources",
    "RestartPolicy",
    "State",
    "Summary",
    "SummaryHostConfig",
    "ThrottleDevice",
    "TopResponse",
    "Ulimit",
    "UpdateRequest",
    "UpdateResponse",
    "WaitError",
    "WaitResponse",
    "WeightDevice",
]

ZERO_TIME = "0001-01-01T00:00:00Z"


class HealthcheckConfig(Wire, frozen=True):
    """Times in nanoseconds; 0 or absent inherits, an empty `test` too."""

    test: list[str] = field(default_factory=list)
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


class ContainerConfig(Wire, frozen=True):
    hostname: str = text()
    domainname: str = text()
    user: str = text()
    attach_stdin: bool = flag()
    attach_stdout: bool = flag()
    attach_stderr: bool = flag()
    exposed_ports: dict[str, dict[str, str]] = field(default_factory=dict)
    tty: bool = flag()
    open_stdin: bool = flag()
    stdin_once: bool = flag()
    env: list[str] | None = null()
    cmd: list[str] | None = null()
    healthcheck: HealthcheckConfig | None = None
    args_escaped: bool = False
    image: str = text()
    volumes: dict[str, dict[str, str]] | None = null()
    working_dir: str = text()
    entrypoint: list[str] | None = null()
    network_disabled: bool = False
    mac_address: str = ""
    on_build: list[str] | None = null()
    labels: dict[str, str] | None = null()
    stop_signal: str = ""
    stop_timeout: int | None = None
    shell: list[str] = field(default_factory=list)


class CreateRequest(ContainerConfig, frozen=True):
    host_config: HostConfig | None = None
    networking_config: NetworkingConfig | None = None

    def config(self) -> ContainerConfig:
        """The ContainerConfig part alone, fit for the store."""
        names = ContainerConfig.__struct_fields__
        return ContainerConfig(**{name: getattr(self, name) for name in names})


class CreateResponse(Wire, frozen=True):
    id: str = text()
    warnings: list[str] = items()


class IdResponse(Wire, frozen=True):
    """What a commit answers: the image's ID."""

    id: str = text()


class HealthcheckResult(Wire, frozen=True):
    """`start` and `end` are RFC 3339 with nanoseconds and the local zone, as Go prints them."""

    start: str = text()
    end: str = text()
    exit_code: int = number()
    output: str = text()


class Health(Wire, frozen=True):
    status: str = text()
    failing_streak: int = number()
    log: list[HealthcheckResult] | None = null()


class State(Wire, frozen=True):
    status: str = text()
    running: bool = flag()
    paused: bool = flag()
    restarting: bool = flag()
    oom_killed: bool = flag("OOMKilled")
    dead: bool = flag()
    pid: int = number()
    exit_code: int = number()
    error: str = text()
    started_at: str = field(default_factory=lambda: ZERO_TIME)
    finished_at: str = field(default_factory=lambda: ZERO_TIME)
    health: Health | None = None


class GraphDriver(Wire, frozen=True):
    data: dict[str, str] | None = null()
    name: str = text()


class InspectResponse(Wire, frozen=True):
    """GET /containers/{id}/json. The sizes are there only when they were asked for."""

    id: str = text()
    created: str = text()
    path: str = text()
    args: list[str] = items()
    state: State = nested(State)
    image: str = text()
    resolv_conf_path: str = text()
    hostname_path: str = text()
    hosts_path: str = text()
    log_path: str = text()
    name: str = text()
    restart_count: int = number()
    driver: str = text()
    platform: str = text()
    mount_label: str = text()
    process_label: str = text()
    app_armor_profile: str = text()
    exec_ids: list[str] | None = null("ExecIDs")
    host_config: HostConfig = nested(HostConfig)
    graph_driver: GraphDriver = nested(GraphDriver)
    size_rw: int | None = None
    size_root_fs: int | None = None
    mounts: list[MountPoint] = items()
    config: ContainerConfig = nested(ContainerConfig)
    network_settings: NetworkSettings = nested(NetworkSettings)


class Port(Wire, frozen=True):
    ip: str = field(default="", name="IP")
    private_port: int = number()
    public_port: int = 0
    type: str = text()


class SummaryHostConfig(Wire, frozen=True):
    network_mode: str = ""
    annotations: dict[str, str] = field(default_factory=dict)


class Summary(Wire, frozen=True):
    """An entry of GET /containers/json; `created` is in seconds since 1970."""

    id: str = text()
    names: list[str] = items()
    image: str = text()
    image_id: str = text("ImageID")
    command: str = text()
    created: int = number()
    ports: list[Port] = items()
    size_rw: int = 0
    size_root_fs: int = 0
    labels: dict[str, str] = mapping()
    state: str = text()
    status: str = text()
    host_config: SummaryHostConfig = nested(SummaryHostConfig)
    network_settings: SummaryNetworkSettings | None = null()
    mounts: list[MountPoint] = items()


class CheckpointRequest(Wire, frozen=True):
    """The body of POST /containers/{id}/checkpoints; with `exit` the container ends with it."""

    checkpoint_id: str = field(default="", name="CheckpointID")
    checkpoint_dir: str = ""
    exit: bool = False


class Checkpoint(Wire, frozen=True):
    name: str = text()


class WaitError(Wire, frozen=True):
    message: str = ""


class WaitResponse(Wire, frozen=True):
    status_code: int = number()
    error: WaitError | None = null()


class UpdateRequest(Resources, frozen=True):
    restart_policy: RestartPolicy = nested(RestartPolicy)


class UpdateResponse(Wire, frozen=True):
    warnings: list[str] | None = null()


class TopResponse(Wire, frozen=True):
    titles: list[str] = items()
    processes: list[list[str]] = items()


class PruneReport(Wire, frozen=True):
    containers_deleted: list[str] | None = null()
    space_reclaimed: int = number()
