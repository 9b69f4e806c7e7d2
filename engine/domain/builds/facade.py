"""The builds room's door: a build runs in its client's task and ends with it, leaving nothing behind."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import trio

from engine.domain.builds import ignoring
from engine.domain.builds.build import Build
from engine.domain.builds.dockerfile import LIMIT, parse
from engine.domain.builds.downloads import fetch_context
from engine.domain.builds.instructions import Pairs, Plan, read_plan
from engine.domain.builds.leavings import BuildsService, Leavings, intent
from engine.domain.builds.options import BuildOptions
from engine.domain.builds.output import BuildFailed, Message, Sink, short
from engine.domain.builds.ports import BuildKit, Fetcher, Tree, Workshop
from engine.domain.builds.work import Work
from engine.domain.containers.facade import Containers
from engine.domain.events.facade import Batch, Journal
from engine.domain.images.facade import Images
from engine.domain.names.references import Reference, familiar
from engine.errors import InvalidParameter, NotFound
from supervisors import Refusal

__all__ = ["BuildFailed", "BuildKit", "BuildOptions", "Builds"]

DOCKERFILE = "Dockerfile"
WAITING = 64
LAST_WORK = 30.0


class Builds:
    """All that routes use of builds."""

    def __init__(
        self,
        *,
        images: Images,
        containers: Containers,
        workshop: Workshop,
        fetcher: Fetcher,
        journal: Journal,
        open_intents: tuple[str, ...] = (),
        experimental: bool = False,
        buildkit: BuildKit | None = None,
    ) -> None:
        self._images = images
        self._containers = containers
        self._workshop = workshop
        self._fetcher = fetcher
        self._journal = journal
        self._open = open_intents
        self._experimental = experimental
        self._buildkit = buildkit
        self._leavings = Leavings()
        self._cancellable: dict[str, trio.CancelScope] = {}

    def service(self) -> BuildsService:
        """A fresh incarnation of the service, for a ChildSpec."""
        return BuildsService(
            self._leavings, self._containers, self._workshop, self._journal, self._open
        )

    @property
    def buildkit(self) -> BuildKit | None:
        """The other builder, while there is one on the machine and it is wanted."""
        found = self._buildkit
        return found if found is not None and found.available else None

    def cancel(self, client_id: str) -> None:
        """End the build that was given this ID. NotFound."""
        scope = self._cancellable.get(client_id)
        if scope is None:
            raise NotFound(f"no such build: {client_id}")
        scope.cancel()

    async def build(
        self,
        options: BuildOptions,
        chunks: AsyncIterator[bytes],
        channel: trio.MemorySendChannel[Message],
    ) -> None:
        """Run to the end, with messages into the channel. InvalidParameter, NotFound, BuildFailed."""
        tags = self._tags(options)
        self._check(options)
        sink = Sink(channel, quiet=options.quiet)
        build_id = secrets.token_hex(6)
        with trio.CancelScope() as scope:
            async with self._begun(build_id), AsyncExitStack() as stack:
                if options.client_id:
                    self._cancellable[options.client_id] = scope
                    stack.callback(self._cancellable.pop, options.client_id, None)
                bench = await stack.enter_async_context(self._images.workbench())
                work = Work(
                    build_id,
                    options,
                    images=self._images,
                    containers=self._containers,
                    workshop=self._workshop,
                    fetcher=self._fetcher,
                    bench=bench,
                    leavings=self._leavings,
                    stack=stack,
                )
                stack.callback(self._abandon, work)
                await self._run(work, chunks, tags, sink)
        if scope.cancelled_caught:
            raise InvalidParameter("build cancelled")

    async def _run(
        self, work: Work, chunks: AsyncIterator[bytes], tags: list[Reference], sink: Sink
    ) -> None:
        plan = await self._plan(work, chunks)
        try:
            image = await Build(plan, work, sink).run()
        except Refusal:
            await sink.failed()
            raise
        with trio.move_on_after(LAST_WORK):
            await self._leavings.gone(work.id)
        await sink.send({"stream": f"Successfully built {short(image.id)}\n"})
        for each in tags:
            await self._images.tag(image.id, each.name, each.tag or "")
            await sink.send({"stream": f"Successfully tagged {familiar(each)}\n"})
        if sink.quiet:
            await sink.tell({"stream": f"{image.id}\n"})

    @asynccontextmanager
    async def _begun(self, build_id: str) -> AsyncIterator[None]:
        """With an intent that lets the next daemon find what a dead one's build has left."""
        self._leavings.begin(build_id)
        try:
            await self._journal.commit(Batch(durable=False).open(intent(build_id)))
            yield
        finally:
            self._leavings.end(build_id)
            with trio.CancelScope(shield=True, deadline=trio.current_time() + LAST_WORK):
                await self._leavings.settled(build_id)

    def _abandon(self, work: Work) -> None:
        """The containers of a build that failed, unless their user wants to look at them."""
        for name in tuple(work.names):
            work.dispose(name)

    def _check(self, options: BuildOptions) -> None:
        """What is not to be had is refused before anything is read."""
        if options.squash and not self._experimental:
            raise InvalidParameter("squash is only supported with experimental mode")

    def _tags(self, options: BuildOptions) -> list[Reference]:
        found = [self._images.target(*_parted(each)) for each in options.tags]
        return list(dict.fromkeys(each for each in found if each is not None))

    async def _plan(self, work: Work, chunks: AsyncIterator[bytes]) -> Plan:
        """Take the context in, and read the Dockerfile."""
        options = work.options
        name = options.dockerfile or DOCKERFILE
        tree: Tree
        data: bytes | None = None
        if options.remote:
            tree, data = await fetch_context(options.remote, work)
        else:
            receiving = self._workshop.receive(work.id, chunks)
            tree = await work.stack.enter_async_context(receiving)
        if data is None:
            data = await self._dockerfile(tree, name)
        found = data
        await ignoring.apply(tree, name)
        work.context = tree
        plan = await trio.to_thread.run_sync(lambda: read_plan(parse(found)))
        return _aimed(plan, options)

    async def _dockerfile(self, tree: Tree, name: str) -> bytes:
        try:
            data = await tree.read(name, LIMIT)
        except NotFound as error:
            if name == DOCKERFILE:
                try:
                    return await tree.read(name.lower(), LIMIT)
                except NotFound:
                    pass
            raise InvalidParameter(f"Cannot locate specified Dockerfile: {name}") from error
        if not data:
            raise InvalidParameter(f"the Dockerfile ({name}) cannot be empty")
        return data


def _aimed(plan: Plan, options: BuildOptions) -> Plan:
    """Up to the target's stage, with the client's labels as its last steps."""
    if options.target:
        wanted = options.target.lower()
        names = [each.begin.stage for each in plan.stages]
        if wanted in names:
            index = names.index(wanted)
        else:
            raise InvalidParameter(f"failed to reach build target {options.target} in Dockerfile")
        plan.stages = plan.stages[: index + 1]
    for name, value in sorted(options.labels.items()):
        pair = (_literal(name), _literal(value))
        source = f"LABEL {name}={value}"
        plan.stages[-1].steps.append(Pairs(name="LABEL", source=source, pairs=(pair,)))
    return plan


def _literal(value: str) -> str:
    """A label of the client's is no Dockerfile's text: nothing in it is filled in."""
    return "'" + value.replace("'", "'\"'\"'") + "'"


def _parted(name: str) -> tuple[str, str]:
    """(repository, tag)."""
    head, colon, tag = name.rpartition(":")
    if colon and "/" not in tag:
        return head, tag
    return name, ""
