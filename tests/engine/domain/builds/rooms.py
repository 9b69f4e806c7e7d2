"""A build on fakes: images as a list, containers that end as told, a workshop that writes down what it does."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

import msgspec
import trio

from engine.domain.builds.build import Build
from engine.domain.builds.dockerfile import parse
from engine.domain.builds.instructions import read_plan
from engine.domain.builds.leavings import Leavings
from engine.domain.builds.options import BuildOptions
from engine.domain.builds.output import Sink
from engine.domain.builds.ports import Fetched, Order, Picked
from engine.domain.builds.work import Work
from engine.domain.containers.cell import ExitResult
from engine.domain.images.catalogue import Image
from engine.domain.images.config import History, ImageConfig
from engine.domain.images.facade import Space, Step
from engine.domain.images.ports import Descriptor
from engine.errors import InvalidParameter, NotFound
from engine.models.containers import ContainerConfig, CreateResponse

NONE = Descriptor("", "", 0)


def image(id: str, config: ImageConfig, parent: str = "") -> Image:
    return Image(
        id=id,
        config=config,
        target=NONE,
        manifest=NONE,
        config_descriptor=NONE,
        layers=(),
        chain_ids=(),
        layer_sizes=(),
        parent=parent,
    )


image_of = image
BUSYBOX = image(
    "sha256:" + "b" * 64, ImageConfig(architecture="amd64", config=ContainerConfig(cmd=["sh"]))
)


class FakeImages:
    def __init__(self) -> None:
        self.known: dict[str, Image] = {BUSYBOX.id: BUSYBOX}
        self.names = {"busybox": BUSYBOX.id}

    def resolve(self, name: str) -> Image:
        if name in self.known:
            return self.known[name]
        if name in self.names:
            return self.known[self.names[name]]
        raise NotFound(f"No such image: {name}:latest")

    def children(self, parent: str) -> list[Image]:
        return [each for each in self.known.values() if each.parent == parent]

    def everything(self) -> list[Image]:
        return list(self.known.values())

    @asynccontextmanager
    async def pull(self, name: str, *arguments: Any, **options: Any) -> AsyncIterator[Any]:
        async def messages() -> AsyncGenerator[dict[str, str], None]:
            yield {"status": f"Pulling {name}"}

        self.known["sha256:pulled"] = image("sha256:pulled", ImageConfig())
        self.names[name] = "sha256:pulled"
        yield messages()


class FakeBench:
    def __init__(self, images: FakeImages) -> None:
        self._images = images
        self.steps: list[Step] = []
        self.layers = 0
        self.flattened: list[tuple[Image | None, Image, str]] = []

    async def hold(self, image: Image) -> None:
        return

    @asynccontextmanager
    async def space(self, parent: Image | None) -> AsyncIterator[Space]:
        yield Space("key", ())

    @asynccontextmanager
    async def view(self, image: Image) -> AsyncIterator[Space]:
        yield Space("view", (image.id,))

    async def derive(self, parent: Image | None, step: Step, layer: Any = None) -> Image:
        self.steps.append(step)
        self.layers += layer is not None
        before = parent.config if parent else ImageConfig()
        number = f"{len(self.steps):064d}"
        config = msgspec.structs.replace(
            before,
            config=step.config,
            container_config=step.container_config,
            author=step.author,
            created=f"2026-01-01T00:00:{len(self.steps):02d}Z",
            history=[*before.history, History(created_by=step.created_by)],
        )
        made = image(f"sha256:{number}", config, parent.id if parent else "")
        self._images.known[made.id] = made
        return made

    async def flatten(self, base: Image | None, image: Image, comment: str) -> Image:
        self.flattened.append((base, image, comment))
        made = msgspec.structs.replace(image.config, created="2026-01-02T00:00:00Z")
        self._images.known["sha256:flat"] = flat = image_of("sha256:flat", made)
        return flat

    async def restore(self, parent: Image | None, target: Image, config: ContainerConfig) -> Image:
        return target

    async def adopt(self, image: Image, parent: Image) -> None:
        return


class FakeOutput:
    def __init__(self, pieces: Sequence[tuple[str, bytes]]) -> None:
        self._pieces = list(pieces)

    def __aiter__(self) -> FakeOutput:
        return self

    async def __anext__(self) -> tuple[str, bytes]:
        await trio.lowlevel.checkpoint()
        if not self._pieces:
            raise StopAsyncIteration
        return self._pieces.pop(0)

    def close(self) -> None:
        return


class FakeContainers:
    def __init__(self) -> None:
        self.created: list[Any] = []
        self.names: dict[str, str] = {}
        self.removed: list[str] = []
        self.code = 0
        self.printed: list[tuple[str, bytes]] = []
        self.failures: list[Exception] = []
        self.asked = trio.Event()
        self.gate = trio.Event()
        self.gate.set()
        self._unawaited: list[tuple[Any, str]] = []

    async def create(self, request: Any, *, name: str = "", **_: Any) -> CreateResponse:
        """Behind the gate. As in the room, it comes to its end also for who does not wait any more."""
        self.asked.set()
        try:
            await self.gate.wait()
        except trio.Cancelled:
            self._unawaited.append((request, name))
            raise
        return self._make(request, name)

    def open(self) -> None:
        self.gate.set()
        for request, name in self._unawaited:
            self._make(request, name)

    def _make(self, request: Any, name: str) -> CreateResponse:
        self.created.append(request)
        self.names[name] = f"{len(self.created):064d}"
        return CreateResponse(id=self.names[name], warnings=[])

    def output(self, reference: str) -> FakeOutput:
        return FakeOutput(self.printed)

    def wait(self, reference: str, condition: str) -> Any:
        async def ended() -> ExitResult:
            return ExitResult(self.code)

        return ended

    async def start(self, reference: str) -> None:
        return

    async def own_layer(self, reference: str) -> Sequence[Any]:
        return (reference,)

    def named(self, prefix: str) -> list[str]:
        return [each for each in self.names if each.startswith(prefix)]

    async def remove(self, name: str, **_: Any) -> None:
        if self.failures:
            raise self.failures.pop()
        if name not in self.names:
            raise NotFound(name)
        del self.names[name]
        self.removed.append(name)


class FakeTree:
    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self.files = files or {}

    async def pick(self, source: str) -> Sequence[Picked]:
        if source not in self.files:
            raise NotFound(f"no {source}")
        return [Picked(source, f"file:{hashlib.sha256(self.files[source]).hexdigest()}")]

    async def read(self, path: str, limit: int) -> bytes:
        if path not in self.files:
            raise NotFound(path)
        if len(self.files[path]) > limit:
            raise InvalidParameter(path)
        return self.files[path]

    async def remove(self, path: str) -> None:
        del self.files[path]

    async def store(self, name: str, chunks: AsyncIterator[bytes], modified: int) -> Picked:
        self.files[name] = b"".join([each async for each in chunks])
        return Picked(name, hashlib.sha256(self.files[name]).hexdigest(), whole=True)

    async def add(self, name: str, data: bytes) -> Picked:
        self.files[name] = data
        return (await self.pick(name))[0]


class FakeWorkshop:
    def __init__(self) -> None:
        self.tree = FakeTree()
        self.copies: list[tuple[list[str], Order]] = []
        self.made: list[str] = []
        self.programs: list[tuple[str, bytes]] = []
        self.left: list[str] = []
        self.discarded: list[str] = []

    @asynccontextmanager
    async def receive(self, build_id: str, chunks: Any, name: str = "") -> AsyncIterator[FakeTree]:
        async for _ in chunks:
            pass
        yield self.tree

    @asynccontextmanager
    async def directory(self, build_id: str, name: str) -> AsyncIterator[tuple[str, FakeTree]]:
        yield "/nowhere", FakeTree()

    @asynccontextmanager
    async def below(self, build_id: str, name: str, path: str) -> AsyncIterator[FakeTree]:
        self.made.append(f"{name}/{path}")
        yield self.tree

    async def program(self, build_id: str, name: str, file: str, data: bytes) -> str:
        self.programs.append((file, data))
        return f"/made/{name}"

    @asynccontextmanager
    async def root(self, mounts: Sequence[Any]) -> AsyncIterator[FakeTree]:
        yield self.tree

    async def copy(self, tree: Any, picked: Sequence[Picked], mounts: Any, order: Order) -> None:
        self.copies.append(([each.path for each in picked], order))

    async def make_directory(self, mounts: Any, path: str) -> None:
        self.made.append(path)

    async def move(self, source: Any, target: Any) -> None:
        return

    async def layer(self, mounts: Any) -> AsyncGenerator[bytes, None]:
        yield b""

    async def discard(self, build_id: str) -> None:
        self.discarded.append(build_id)

    async def left_over(self) -> Sequence[str]:
        return self.left


class FakeFetcher:
    """URLs by what they lead to; a repository is noted, and its context in `sub`."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes] = {}
        self.cloned: list[tuple[str, str]] = []

    @asynccontextmanager
    async def http(self, url: str) -> AsyncIterator[Fetched]:
        async def chunks() -> AsyncGenerator[bytes, None]:
            yield self.pages[url]

        async with aclosing(chunks()) as found:
            yield Fetched(url.rpartition("/")[2], "", 7, found)

    async def git(self, url: str, directory: str) -> str:
        self.cloned.append((url, directory))
        return "sub"


class House:
    """Everything that a build needs; `said` is what it has said."""

    def __init__(self) -> None:
        self.images = FakeImages()
        self.bench = FakeBench(self.images)
        self.containers = FakeContainers()
        self.workshop = FakeWorkshop()
        self.fetcher = FakeFetcher()
        self.leavings = Leavings()
        self.said: list[Any] = []

    def work(self, stack: AsyncExitStack, options: BuildOptions) -> Work:
        fakes: dict[str, Any] = {
            "images": self.images,
            "containers": self.containers,
            "workshop": self.workshop,
            "fetcher": self.fetcher,
            "bench": self.bench,
            "leavings": self.leavings,
        }
        made = Work("id", options, stack=stack, **fakes)
        made.context = self.workshop.tree
        return made

    async def build(self, dockerfile: str, **options: Any) -> Image:
        send, receive = trio.open_memory_channel[Any](1000)
        try:
            async with AsyncExitStack() as stack:
                work = self.work(stack, BuildOptions(**options))
                return await Build(
                    read_plan(parse(dockerfile.encode())), work, Sink(send, quiet=False)
                ).run()
        finally:
            send.close()
            self.said += [each async for each in receive]

    @property
    def text(self) -> str:
        return "".join(each.get("stream", "") for each in self.said)
