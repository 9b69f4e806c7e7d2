"""All rooms on fakes behind the real routes, and a client that speaks HTTP to them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from config.schema import Settings
from engine.api.routes import Rooms, register
from engine.domain.builds.facade import Builds
from engine.domain.containers.restoring import Restoring
from engine.domain.events.bus import EventBus
from engine.domain.events.facade import Events
from engine.domain.managed.facade import Managed
from engine.domain.storage.facade import Storage
from engine.domain.system.disk import DiskReport
from engine.domain.system.pulse import Pulse
from engine.domain.system.vigil import Vigil
from engine.wiring.operators import Operators
from supervisors import Supervisor
from tests.engine.api.serving import Answer, ask, serving
from tests.engine.domain.builds.rooms import FakeFetcher, FakeWorkshop
from tests.engine.domain.containers.rooms import Daemon, running
from tests.engine.domain.managed.rooms import FakeMachine, FakeStore, artifacts
from tests.engine.domain.system.test_facade import system
from tests.fakes import images_room
from tests.fakes.containerd import FakeContainerd
from tests.fakes.event_log import FakeEventLog
from tests.fakes.registry import FakeRegistry
from tests.fakes.storage import FakeDisk, storage

JSON = {"Content_Type": "application/json"}


@dataclass
class House:
    path: Path
    daemon: Daemon
    images: images_room.Room
    registry: FakeRegistry
    log: FakeEventLog = field(default_factory=FakeEventLog)
    bus: EventBus = field(init=False)
    storage: Storage = field(init=False)
    operators: Operators = field(init=False)

    def __post_init__(self) -> None:
        self.bus = EventBus(self.log)
        self.storage = storage(FakeDisk(), FakeContainerd(), self.images.images)
        self.managed = Managed(
            FakeMachine(),
            FakeStore(),
            artifacts(self.registry, FakeContainerd()),
            lambda _: False,
            lambda: False,
        )
        self.system = system()
        self.operators = Operators(
            Supervisor("root").status, Vigil({}), Restoring(), Pulse(), (Settings(), {})
        )

    async def ask(self, method: str, target: str, body: object = None, **headers: str) -> Answer:
        """A body that is no bytes is sent as JSON. A target without a version is of the newest."""
        target = target.replace(" ", "%20")
        if body is None or isinstance(body, bytes):
            return await ask(self.path, method, target, body or b"", **headers)
        data = json.dumps(body).encode()
        return await ask(self.path, method, target, data, **{**JSON, **headers})

    async def told(self, method: str, target: str, body: object = None) -> tuple[int, str]:
        """The status, and the message of a refusal."""
        answer = await self.ask(method, target, body)
        message = answer.json["message"] if answer.status >= 400 else ""
        return answer.status, message

    async def create(self, name: str, **body: Any) -> str:
        answer = await self.ask(
            "POST", f"/containers/create?name={name}", {"Image": "busybox", **body}
        )
        assert answer.status == 201, answer.body
        return str(answer.json["Id"])

    async def run(self, name: str, **body: Any) -> str:
        made = await self.create(name, **body)
        assert (await self.ask("POST", f"/containers/{name}/start")).status == 204
        return made

    def builds(self) -> Builds:
        """On the same containers and images; what the workshop is given, it forgets."""
        fakes: dict[str, Any] = {
            "workshop": FakeWorkshop(),
            "fetcher": FakeFetcher(),
            "journal": self.daemon.outside.journal,
        }
        return Builds(images=self.images.images, containers=self.daemon.containers, **fakes)

    def rooms(self) -> Rooms:
        daemon = self.daemon
        return Rooms(
            builds=self.builds(),
            containers=daemon.containers,
            contents=daemon.contents,
            commits=daemon.commits,
            prunes=daemon.prunes,
            execs=daemon.execs,
            images=self.images.images,
            managed=self.managed,
            events=Events(self.bus),
            networks=daemon.networks,
            system=self.system,
            disk=DiskReport(daemon.containers, self.images.images, daemon.volumes),
            volumes=daemon.volumes,
            storage=self.storage,
            operators=self.operators,
        )


@asynccontextmanager
async def house(path: Path) -> AsyncIterator[House]:
    registry = FakeRegistry()
    async with (
        running(path) as daemon,
        images_room.images_room(FakeContainerd(), registry=registry) as images,
    ):
        made = House(path / "s", daemon, images, registry)
        rooms = made.rooms()
        async with (
            serving(lambda app: register(app, rooms), made.path),
            trio.open_nursery() as nursery,
        ):
            storage_service = made.storage.service()
            await nursery.start(lambda task_status: storage_service.run(task_status=task_status))
            yield made
            nursery.cancel_scope.cancel()
