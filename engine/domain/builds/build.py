"""One build from its Dockerfile to its image: the stages in order, and what stands between them."""

from __future__ import annotations

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

__all__ = ["Build"]

SCRATCH = "scratch"


class Build:
    """`plan` ends with the target's stage. InvalidParameter, NotFound, BuildFailed."""

    def __init__(self, plan: Plan, work: Work, sink: Sink) -> None:
        self._plan = plan
        self._work = work
        self._talk = Talk(sink)
        self._arguments = Arguments(work.options.arguments)
        self._done: dict[str, StageState] = {}
        self._total = len(plan.meta) + sum(1 + len(each.steps) for each in plan.stages)
        self._step = 0
        options = work.options
        self._sources = [*_found(work, options.cache_from)] if options.cache_from else None

    async def run(self) -> Image:
        if self._plan.gaps:
            shown = "".join(f"    {each}\n" for each in self._plan.gaps)
            await self._talk.warn(
                f"[WARNING]: Empty continuation line found in:\n{shown}"
                "[WARNING]: Empty continuation lines will become errors in a future release.\n"
            )
        for meta in self._plan.meta:
            await self._title(meta)
            for name, value in meta.arguments:
                known = self._arguments.meta()
                filled = None if value is None else expand(value, known, self._plan.escape)
                self._arguments.add_meta(name, filled)
        state: StageState | None = None
        for index, stage in enumerate(self._plan.stages):
            if stage.begin.stage and stage.begin.stage in self._done:
                raise InvalidParameter(f"{stage.begin.stage} stage name already used")
            state = await self._stage(stage)
            self._done[str(index)] = state
            if stage.begin.stage:
                self._done[stage.begin.stage] = state
        if unused := self._arguments.unused():
            await self._talk.say(
                f"[Warning] One or more build-args [{' '.join(unused)}] were not consumed\n"
            )
        if state is None or state.image is None:
            raise InvalidParameter("No image was generated. Is your Dockerfile empty?")
        return state.image

    async def _stage(self, stage: Stage) -> StageState:
        await self._title(stage.begin)
        image = await self._base(stage)
        state = StageState(image, self._arguments.stage(), self._plan.escape)
        enabled = not self._work.options.no_cache
        prober = Prober(self._work.images, enabled=enabled, sources=self._sources)
        steps = Steps(state, prober, self._work, self._talk, self._origin)
        await self._triggers(state, steps)
        state.settle()
        await self._talk.say(f" ---> {short(state.image_id)}\n")
        for each in stage.steps:
            await self._title(each)
            await steps.do(each)
            await self._talk.say(f" ---> {short(state.image_id)}\n")
            await trio.lowlevel.checkpoint()
        await self._talk.aux(state.image_id)
        return state

    async def _triggers(self, state: StageState, steps: Steps) -> None:
        triggers = state.config.on_build or []
        if not triggers:
            return
        state.put(on_build=None)
        plural = "s" if len(triggers) > 1 else ""
        await self._talk.say(f"# Executing {len(triggers)} build trigger{plural}\n")
        for trigger in triggers:
            state.settle()
            await steps.do(step(parse_line(trigger)))

    async def _base(self, stage: Stage) -> Image | None:
        begin, known = stage.begin, self._arguments.meta()
        name = expand(begin.base, known, self._plan.escape)
        if not name:
            raise InvalidParameter(f"base name ({begin.base}) should not be blank")
        platform = expand(begin.platform, known, self._plan.escape) or self._work.options.platform
        if (state := self._done.get(name.lower())) is not None and not name.isdecimal():
            return state.image
        if name == SCRATCH:
            return None
        return await self._work.image(
            name, self._talk, platform=platform, pull=self._work.options.pull
        )

    async def _origin(self, name: str, talk: Talk) -> Image | None:
        """What --from names: an earlier stage, by name or number, or an image."""
        with prefixed(f"invalid from flag value {name}: "):
            if (state := self._done.get(name.lower())) is not None:
                return state.image
            if name.isdecimal():
                self._check_index(int(name))
            return await self._work.image(
                name, talk, platform=self._work.options.platform, pull=self._work.options.pull
            )

    def _check_index(self, index: int) -> None:
        done = sum(each.isdecimal() for each in self._done)
        if index == done:
            raise InvalidParameter("refers to current build stage")
        raise InvalidParameter("index out of bounds")

    async def _title(self, step: Instruction) -> None:
        self._step += 1
        await self._talk.say(f"Step {self._step}/{self._total} : {step.source}\n")


def _found(work: Work, names: tuple[str, ...]) -> list[Image]:
    """What is not here is left out."""
    images = []
    for name in names:
        try:
            images.append(work.images.resolve(name))
        except (NotFound, EngineError):
            continue
    return images
