"""What the stages of one build share: its rooms, its context, the trees that it copies from, what it leaves."""

from __future__ import annotations

from contextlib import AsyncExitStack, suppress

import trio

from engine.domain.builds.leavings import Leavings
from engine.domain.builds.options import BuildOptions
from engine.domain.builds.output import Talk
from engine.domain.builds.ports import Fetcher, Tree, Workshop
from engine.domain.containers.facade import Containers
from engine.domain.images.facade import Image, Images, Workbench
from engine.errors import NotFound
from engine.models.registry import AuthConfig

__all__ = ["Work"]


class Work:
    """Everything that is opened goes with `stack` at the build's end. `names` are the containers
    that are there, or may be."""

    def __init__(
        self,
        build_id: str,
        options: BuildOptions,
        *,
        images: Images,
        containers: Containers,
        workshop: Workshop,
        fetcher: Fetcher,
        bench: Workbench,
        leavings: Leavings,
        stack: AsyncExitStack,
    ) -> None:
        self.id = build_id
        self.options = options
        self.images = images
        self.containers = containers
        self.workshop = workshop
        self.fetcher = fetcher
        self.bench = bench
        self.leavings = leavings
        self.stack = stack
        self.context: Tree | None = None
        self.names: set[str] = set()
        self._count = 0
        self._trees: dict[str, Tree] = {}
        self._opening = trio.Lock()

    def number(self) -> int:
        """One that this build has not used yet, for names."""
        self._count += 1
        return self._count

    def container_name(self) -> str:
        return f"{self.leavings.prefix(self.id)}{self.number()}"

    def dispose(self, name: str) -> None:
        """A step's container is of no use any more, unless the client wants to keep it."""
        self.names.discard(name)
        if self.options.remove or self.options.force_remove:
            self.leavings.put(self.id, name)

    async def tree_of(self, image: Image) -> Tree:
        """An image's root, opened once."""
        async with self._opening:
            if image.id not in self._trees:
                space = await self.stack.enter_async_context(self.bench.view(image))
                root = self.workshop.root(space.mounts)
                self._trees[image.id] = await self.stack.enter_async_context(root)
            return self._trees[image.id]

    async def image(
        self, name: str, talk: Talk, *, platform: str = "", pull: bool = False
    ) -> Image:
        """By name or ID; pulled where it is not here, or where `pull` wants it anew."""
        if not pull:
            with suppress(NotFound):
                image = self.images.resolve(name)
                if _fits(image, platform):
                    return image
        tagged = ":" in name.rpartition("/")[2] or "@" in name
        async with self.images.pull(
            name, "" if tagged else "latest", platform=platform, auth=self._auth(name)
        ) as messages:
            async for message in messages:
                await talk.raw(message)
        return self.images.resolve(name)

    def _auth(self, name: str) -> AuthConfig | None:
        """The credentials of X-Registry-Config for the image's registry."""
        first = name.partition("/")[0]
        known = self.options.auths
        if "/" in name and ("." in first or ":" in first or first == "localhost"):
            return known.get(first)
        return known.get("https://index.docker.io/v1/") or known.get("docker.io")


def _fits(image: Image, platform: str) -> bool:
    if not platform:
        return True
    parts = platform.lower().split("/")
    wanted = parts[1] if len(parts) > 1 else (parts[0] if parts[0] != "linux" else "")
    return not wanted or wanted == image.config.architecture
