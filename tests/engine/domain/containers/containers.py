"""A record for tests of pure rules."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.domain.containers.records import Container, State, Status
from engine.models.containers import ContainerConfig, HostConfig

ID = "c" * 64


def container(status: Status = Status.RUNNING, **changes: Any) -> Container:
    made = Container(
        id=ID,
        name="name",
        created_ns=1_000_000_000,
        image="image",
        image_id="sha256:" + "a" * 64,
        layer="sha256:" + "b" * 64,
        config=ContainerConfig(),
        host=HostConfig(),
        runtime="runc",
        snapshotter="overlayfs",
        state=State(status=status, pid=7 if status in (Status.RUNNING, Status.PAUSED) else 0),
    )
    return msgspec.structs.replace(made, **changes)
