"""RUN: the command in a container of the parent's image, its output to the client, its end awaited."""

from __future__ import annotations

import codecs
from collections.abc import Awaitable, Callable

import msgspec
import trio

from engine.domain.builds.output import BuildFailed, Talk, short
from engine.domain.builds.state import StageState
from engine.domain.builds.work import Work
from engine.errors import DeadlineExceeded, InvalidParameter
from engine.models.containers import ContainerConfig, CreateRequest, CreateResponse
from engine.models.hostconfig import HostConfig, LogConfig

__all__ = ["run_step"]

CREATION = 60.0
"""Seconds; the room's own deadlines are shorter."""


async def run_step(
    config: ContainerConfig,
    state: StageState,
    work: Work,
    talk: Talk,
    binds: tuple[str, ...] = (),
) -> tuple[str, str]:
    """The container's ID and name, once it has ended well. BuildFailed with its exit code otherwise.

    However it ends, the container is among the build's leavings, unless the client wants to keep it.
    """
    if state.image is None:
        raise InvalidParameter("No command can be run in an image without any files")
    request = CreateRequest(
        **{name: getattr(config, name) for name in ContainerConfig.__struct_fields__},
        host_config=_host(work, binds),
    )
    name = work.container_name()
    work.names.add(name)
    created = await _created(request, name, work)
    for warning in created.warnings:
        await talk.say(f" ---> [Warning] {warning}\n")
    await talk.say(f" ---> Running in {short(created.id)}\n")
    code = await _run(created.id, work, talk)
    if code:
        if work.options.force_remove:
            await talk.say(f"Removing intermediate container {short(created.id)}\n")
        command = " ".join(config.cmd or ())
        raise BuildFailed(f"The command '{command}' returned a non-zero code: {code}", code)
    return created.id, name


async def _created(request: CreateRequest, name: str, work: Work) -> CreateResponse:
    """What was asked for is made whether the build goes on or not, and what is not there yet can't be
    taken away: so its end is waited for."""
    try:
        with trio.fail_after(CREATION, shield=True):
            return await work.containers.create(request, name=name)
    except trio.TooSlowError:
        raise DeadlineExceeded(f"container {name} was not created in time") from None


def _host(work: Work, binds: tuple[str, ...]) -> HostConfig:
    return msgspec.structs.replace(
        work.options.host_config(), log_config=LogConfig(type="none"), binds=list(binds) or None
    )


async def _run(container: str, work: Work, talk: Talk) -> int:
    output = work.containers.output(container)
    ended = work.containers.wait(container, "next-exit")
    try:
        await work.containers.start(container)
        voices: dict[str, _Voice] = {"stdout": _Voice(talk.say), "stderr": _Voice(talk.warn)}
        async for stream, data in output:
            await voices[stream].take(data)
        for voice in voices.values():
            await voice.end()
    finally:
        output.close()
    return (await ended()).exit_code


class _Voice:
    """Bytes as text: a character may come in two pieces."""

    def __init__(self, say: Callable[[str], Awaitable[None]]) -> None:
        self._say = say
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    async def take(self, data: bytes) -> None:
        if text := self._decoder.decode(data):
            await self._say(text)

    async def end(self) -> None:
        if text := self._decoder.decode(b"", final=True):
            await self._say(text)
