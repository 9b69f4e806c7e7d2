"""One build from its Dockerfile to its image: the stages in order, and what stands between them."""

from __future__ import annotations

from functools import partial

import trio

from engine.domain.builds.arguments import Arguments
from engine.domain.builds.cache import Prober
from engine.domain.builds.dockerfile import parse_line
from engine.domain.builds.instructions import Instruction, Plan, Stage, step
from engine.domain.builds.output import Sink, Talk, short
from engine.domain.builds.state import StageState
from engine.domain.builds.steps import Steps
from engine.domain.builds.work import Work
from engine.domain.images.facade import Image
from engine.domain.images.instructions import expand
from engine.errors import EngineError, InvalidParameter, NotFound, prefixed
from supervisors import Refusal

__all__ = ["Build"]

SCRATCH = "scratch"
AT_ONCE = 4
"""Stages that may run at the same time."""


class Running:
    """One stage on its way: `state` or `error` is there once it is `done`."""

    def __init__(self, stage: Stage, index: int, first: int, talk: Talk) -> None:
        self.stage = stage
        self.index = index
        self.talk = talk
        self.done = trio.Event()
        self.state: StageState | None = None
        self.error: Refusal | None = None
        self._step = first

    def number(self) -> int:
        """Of its next step, counted over the whole file."""
        self._step += 1
        return self._step

    async def image(self) -> Image | None:
        """What it has come to. Those that wait for one that fails are ended before they are told."""
        await self.done.wait()
        if self.state is None:
            await trio.sleep_forever()
        assert self.state is not None
        return self.state.image


class Build:
    """`plan` ends with the target's stage. InvalidParameter, NotFound, BuildFailed.

    Stages that do not need each other run at the same time; what they say comes in their order, and
    so does the first failure.
    """

    def __init__(self, plan: Plan, work: Work, sink: Sink) -> None:
        self._plan = plan
        self._work = work
        self._sink = sink
        self._talk = Talk(sink)
        self._arguments = Arguments(work.options.arguments)
        self._total = len(plan.meta) + sum(1 + len(each.steps) for each in plan.stages)
        self._running: list[Running] = []
        self._places = trio.CapacityLimiter(AT_ONCE)
        options = work.options
        self._sources = [*_found(work, options.cache_from)] if options.cache_from else None

    async def run(self) -> Image:
        if self._plan.gaps:
            shown = "".join(f"    {each}\n" for each in self._plan.gaps)
            await self._talk.warn(
                f"[WARNING]: Empty continuation line found in:\n{shown}"
                "[WARNING]: Empty continuation lines will become errors in a future release.\n"
            )
        for number, meta in enumerate(self._plan.meta, 1):
            await self._talk.say(f"Step {number}/{self._total} : {meta.source}\n")
            for name, value in meta.arguments:
                known = self._arguments.meta()
                filled = None if value is None else expand(value, known, self._plan.escape)
                self._arguments.add_meta(name, filled)
        state = await self._stages()
        if unused := self._arguments.unused():
            await self._talk.say(
                f"[Warning] One or more build-args [{' '.join(unused)}] were not consumed\n"
            )
        if state is None or state.image is None:
            raise InvalidParameter("No image was generated. Is your Dockerfile empty?")
        return await self._squashed(state) if self._work.options.squash else state.image

    async def _squashed(self, state: StageState) -> Image:
        """One layer on the stage's base, whatever the steps have made; the history says of what."""
        image, base = state.image, state.base
        assert image is not None
        comment = f"merge {image.id} to {base.id}" if base else f"create new from {image.id}"
        squashed = await self._work.bench.flatten(base, image, comment)
        await self._talk.aux(squashed.id)
        return squashed

    async def _stages(self) -> StageState | None:
        first = len(self._plan.meta)
        for index, stage in enumerate(self._plan.stages):
            talk = Talk(self._sink, at_once=False)
            self._running.append(Running(stage, index, first, talk))
            first += 1 + len(stage.steps)
        failure: Refusal | None = None
        async with trio.open_nursery() as nursery:
            for each in self._running:
                nursery.start_soon(self._run, each)
            for each in self._running:
                await each.talk.begin()
                await each.done.wait()
                if (failure := each.error) is not None:
                    break
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return self._running[-1].state

    async def _run(self, running: Running) -> None:
        """Places are taken in the stages' order, so who waits for an earlier one never keeps it out."""
        async with self._places:
            try:
                running.state = await self._stage(running)
            except Refusal as error:
                running.error = error
            running.done.set()

    async def _stage(self, running: Running) -> StageState:
        stage, talk = running.stage, running.talk
        name = stage.begin.stage
        if name and any(each.stage.begin.stage == name for each in self._running[: running.index]):
            raise InvalidParameter(f"{name} stage name already used")
        await self._title(running, stage.begin)
        image = await self._base(running)
        state = StageState(image, self._arguments.stage(), self._plan.escape)
        enabled = not self._work.options.no_cache
        prober = Prober(self._work.images, enabled=enabled, sources=self._sources)
        steps = Steps(state, prober, self._work, talk, partial(self._origin, running))
        await self._triggers(state, steps, talk)
        state.settle()
        await talk.say(f" ---> {short(state.image_id)}\n")
        for each in stage.steps:
            await self._title(running, each)
            await steps.do(each)
            await talk.say(f" ---> {short(state.image_id)}\n")
            await trio.lowlevel.checkpoint()
        await talk.aux(state.image_id)
        return state

    def _named(self, name: str, running: Running) -> Running | None:
        """An earlier stage by its name."""
        for each in self._running[: running.index]:
            if each.stage.begin.stage and each.stage.begin.stage == name.lower():
                return each
        return None

    async def _triggers(self, state: StageState, steps: Steps, talk: Talk) -> None:
        triggers = state.config.on_build or []
        if not triggers:
            return
        state.put(on_build=None)
        plural = "s" if len(triggers) > 1 else ""
        await talk.say(f"# Executing {len(triggers)} build trigger{plural}\n")
        for trigger in triggers:
            state.settle()
            await steps.do(step(parse_line(trigger)))

    async def _base(self, running: Running) -> Image | None:
        begin, known = running.stage.begin, self._arguments.meta()
        name = expand(begin.base, known, self._plan.escape)
        if not name:
            raise InvalidParameter(f"base name ({begin.base}) should not be blank")
        platform = expand(begin.platform, known, self._plan.escape) or self._work.options.platform
        if (earlier := self._named(name, running)) is not None:
            return await earlier.image()
        if name == SCRATCH:
            return None
        return await self._work.image(
            name, running.talk, platform=platform, pull=self._work.options.pull
        )

    async def _origin(self, running: Running, name: str, talk: Talk) -> Image | None:
        """What --from names: an earlier stage, by name or number, or an image."""
        with prefixed(f"invalid from flag value {name}: "):
            earlier = self._named(name, running)
            if earlier is None and name.isdecimal():
                earlier = self._numbered(int(name), running)
            if earlier is not None:
                return await earlier.image()
            return await self._work.image(
                name, talk, platform=self._work.options.platform, pull=self._work.options.pull
            )

    def _numbered(self, index: int, running: Running) -> Running:
        if index == running.index:
            raise InvalidParameter("refers to current build stage")
        if index > running.index:
            raise InvalidParameter("index out of bounds")
        return self._running[index]

    async def _title(self, running: Running, step: Instruction) -> None:
        await running.talk.say(f"Step {running.number()}/{self._total} : {step.source}\n")


def _found(work: Work, names: tuple[str, ...]) -> list[Image]:
    """What is not here is left out."""
    images = []
    for name in names:
        try:
            images.append(work.images.resolve(name))
        except (NotFound, EngineError):
            continue
    return images
