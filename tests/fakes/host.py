"""What the containers room has of the machine, in memory: root file systems, the holder of FIFOs, ps."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import trio

from engine.domain.system.facts import Facts
from engine.errors import NotFound, SystemFailure
from engine.models.devices import DeviceNode
from engine.models.files import Change, Extraction, PathStat, Root
from engine.models.runtime import Mount

FACTS = Facts(
    machine="x86_64",
    architecture="amd64",
    kernel_release="6.1.0-test",
    kernel=(6, 1),
    operating_system="Test Linux",
    os_version="1",
    cpus=4,
    memory=8 << 30,
    cgroup_v2=True,
    controllers=frozenset({"cpu", "cpuset", "memory", "pids"}),
    capabilities=frozenset(),
    seccomp=False,
    apparmor=False,
    swap_limit=True,
    ipv4_forwarding=True,
)


@dataclass
class FakeRootFS:
    """`files` are in every root; `populated` counts the init layers made, `shm` is what is mounted."""

    files: dict[str, bytes] = field(default_factory=dict)
    populated: int = 0
    reads: int = 0
    failure: Exception | None = None
    shm: dict[Path, int] = field(default_factory=dict)
    exposed: dict[str, tuple[Sequence[Mount], Path, str]] = field(default_factory=dict)

    async def mount_shm(self, path: Path, size: int) -> None:
        await trio.lowlevel.checkpoint()
        self.shm[path] = size

    async def unmount_shm(self, path: Path) -> None:
        await trio.lowlevel.checkpoint()
        self.shm.pop(path, None)

    async def read(self, mounts: Sequence[Mount], *paths: str) -> list[bytes]:
        await trio.lowlevel.checkpoint()
        self.reads += 1
        if self.failure is not None:
            raise self.failure
        return [self.files.get(path, b"") for path in paths]

    async def read_running(self, pid: int, *paths: str) -> list[bytes]:
        return await self.read((), *paths)

    async def expose(self, layers: Sequence[Mount], own: Path, subpath: str, point: str) -> None:
        await trio.lowlevel.checkpoint()
        self.exposed[point] = (layers, own, subpath)

    async def populate_init(self, mounts: Sequence[Mount]) -> None:
        await trio.lowlevel.checkpoint()
        if self.failure is not None:
            raise self.failure
        self.populated += 1


@dataclass
class FakeHolder:
    """Holds the FIFOs' reading ends as the keeper does, by subject."""

    held: dict[str, list[int]] = field(default_factory=dict)
    retained: list[str] | None = None

    def keep(self, subject: str, descriptors: Callable[[], Sequence[int]]) -> None:
        self.drop(subject)
        self.held[subject] = [os.dup(each) for each in descriptors()]

    def drop(self, subject: str) -> None:
        for each in self.held.pop(subject, ()):
            os.close(each)

    def retain(self, subjects: Iterable[str]) -> None:
        self.retained = list(subjects)
        for each in set(self.held) - set(self.retained):
            self.drop(each)

    def close(self) -> None:
        for each in tuple(self.held):
            self.drop(each)


@dataclass
class FakeHost:
    """`ps_output` by the arguments; an exception in it is raised."""

    no_criu: str = ""
    ps_output: dict[tuple[str, ...], str | Exception] = field(default_factory=dict)
    asked: list[tuple[str, ...]] = field(default_factory=list)
    cpu_ns: int = 1_000_000_000
    counters: dict[str, dict[str, int]] = field(default_factory=dict)
    nodes: dict[str, list[DeviceNode]] = field(default_factory=dict)

    async def devices(self, path: str = "") -> Sequence[DeviceNode]:
        await trio.lowlevel.checkpoint()
        if path and path not in self.nodes:
            raise FileNotFoundError(2, "No such file or directory", path)
        return self.nodes.get(path, [])

    async def block_device(self, path: str) -> tuple[int, int]:
        await trio.lowlevel.checkpoint()
        if path not in self.nodes:
            raise SystemFailure(f"{path}: no such file or directory")
        return self.nodes[path][0].major, self.nodes[path][0].minor

    async def criu(self) -> str:
        await trio.lowlevel.checkpoint()
        return self.no_criu

    async def ps(self, arguments: Sequence[str]) -> str:
        await trio.lowlevel.checkpoint()
        self.asked.append(tuple(arguments))
        found = self.ps_output[tuple(arguments)]
        if isinstance(found, Exception):
            raise found
        return found

    def cpu(self) -> tuple[int, int]:
        self.cpu_ns += 1_000_000_000
        return self.cpu_ns, 4

    def network(self, pid: int) -> dict[str, dict[str, int]]:
        return self.counters


@dataclass
class FakeFiles:
    """`entries` are the paths in every root with their content; `roots` is who was looked at, and how."""

    entries: dict[str, bytes] = field(default_factory=dict)
    roots: list[tuple[str, Root]] = field(default_factory=list)
    found: list[Change] = field(default_factory=list)
    extracted: dict[str, tuple[bytes, Extraction]] = field(default_factory=dict)

    async def make_places(self, root: Root) -> None:
        await self._step("make_places", root)

    async def stat(self, root: Root, path: str, missing: NotFound) -> PathStat:
        await self._step("stat", root)
        if path not in self.entries:
            raise missing
        name = path.rpartition("/")[2]
        return PathStat(name, len(self.entries[path]), 0o644, "2020-01-01T00:00:00Z")

    async def archive(
        self, root: Root, path: str, missing: NotFound
    ) -> AsyncGenerator[bytes, None]:
        await self._step("archive", root)
        if path not in self.entries:
            raise missing
        yield self.entries[path]

    async def extract(
        self,
        root: Root,
        path: str,
        chunks: AsyncIterator[bytes],
        how: Extraction,
        missing: NotFound,
    ) -> None:
        await self._step("extract", root)
        if path not in self.entries:
            raise missing
        self.extracted[path] = (b"".join([each async for each in chunks]), how)

    async def export(self, root: Root) -> AsyncGenerator[bytes, None]:
        await self._step("export", root)
        for content in self.entries.values():
            yield content

    async def changes(self, root: Root) -> list[Change]:
        await self._step("changes", root)
        return self.found

    async def layer(self, root: Root) -> AsyncGenerator[bytes, None]:
        await self._step("layer", root)
        yield b"layer"

    async def _step(self, name: str, root: Root) -> None:
        await trio.lowlevel.checkpoint()
        self.roots.append((name, root))

    @property
    def calls(self) -> list[str]:
        return [name for name, _ in self.roots]


@dataclass
class FakeLeftovers:
    """`all` are the IDs of which there is something; `removed` and `forgotten` what was asked for."""

    all: set[str] = field(default_factory=set)
    removed: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)

    async def find(self) -> frozenset[str]:
        await trio.lowlevel.checkpoint()
        return frozenset(self.all)

    async def remove(self, container_id: str) -> None:
        await trio.lowlevel.checkpoint()
        self.removed.append(container_id)
        self.all.discard(container_id)

    async def forget(self, container_id: str) -> None:
        await trio.lowlevel.checkpoint()
        self.forgotten.append(container_id)
