"""One instruction after the other: what each does to its stage, in dockerd's words."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Awaitable, Callable

import msgspec

from engine.domain.builds.cache import Prober
from engine.domain.builds.copying import Copying
from engine.domain.builds.dockerfile import Heredoc
from engine.domain.builds.instructions import (
    Arg,
    Check,
    Copy,
    Instruction,
    Pairs,
    Run,
    Words,
)
from engine.domain.builds.output import Talk, short
from engine.domain.builds.running import run_step
from engine.domain.builds.state import StageState, nop
from engine.domain.builds.work import Work
from engine.domain.images.facade import Image, Step
from engine.domain.images.instructions import check_signal, exposed_ports, words
from engine.domain.names import generate_id
from engine.errors import InvalidParameter
from engine.models.containers import ContainerConfig, CreateRequest, HealthcheckConfig
from engine.version import VERSION

__all__ = ["Steps"]

PIPES = "/dev/pipes"
"""Where BuildKit too has the here-documents of a RUN: a place that no image keeps."""

Origin = Callable[[str, Talk], Awaitable[Image | None]]


class Steps:
    """The steps of one stage. `origin` finds the image of a COPY's --from."""

    def __init__(
        self, state: StageState, prober: Prober, work: Work, talk: Talk, origin: Origin
    ) -> None:
        self._state = state
        self._prober = prober
        self._work = work
        self._talk = talk
        self._origin = origin

    async def do(self, step: Instruction) -> None:
        state = self._state
        match step:
            case Pairs():
                await self._pairs(step)
            case Arg():
                await self._arg(step)
            case Copy():
                await self._copy(step)
            case Check():
                state.put(healthcheck=step.health)
                await self._commit(f"HEALTHCHECK {_health(step.health)}")
            case Run(name="RUN"):
                await self._run(step)
            case Run():
                await self._command(step)
            case Words(words=found):
                await self._words(step.name, found)
            case _:
                raise InvalidParameter(f"unsupported command type: {step.name}")
        state.settle()

    async def _pairs(self, step: Pairs) -> None:
        state = self._state
        pairs = [(state.word(name), state.word(value)) for name, value in step.pairs]
        if any(not name for name, _ in pairs):
            raise InvalidParameter(f"{step.name} names can not be blank")
        shown = " ".join(f"{name}={value}" for name, value in pairs)
        if step.name == "LABEL":
            state.put(labels={**(state.config.labels or {}), **dict(pairs)})
        else:
            environment = {each.partition("=")[0]: each for each in state.environment}
            for name, value in pairs:
                environment[name] = f"{name}={value}"
            state.put(env=list(environment.values()))
        await self._commit(f"{step.name} {shown}")

    async def _arg(self, step: Arg) -> None:
        state = self._state
        words = [
            (state.word(name), None if value is None else state.word(value))
            for name, value in step.arguments
        ]
        for name, value in words:
            state.arguments.add(name, value)
        shown = " ".join(name if value is None else f"{name}={value}" for name, value in words)
        await self._commit(f"ARG {shown}")

    async def _command(self, step: Run) -> None:
        """CMD, ENTRYPOINT, SHELL."""
        state = self._state
        if step.name == "SHELL":
            state.put(shell=list(step.argv))
            await self._commit(f"SHELL [{' '.join(step.argv)}]")
            return
        argv = state.command(step.argv, exec=step.exec)
        if step.name == "ENTRYPOINT" and not step.argv:
            argv = []
        if step.name == "CMD":
            state.put(cmd=argv)
            state.command_set = bool(step.argv)
        else:
            state.put(entrypoint=argv or None)
            if not state.command_set:
                state.put(cmd=None)
        await self._commit(f"{step.name} {quoted_list(argv)}")

    async def _words(self, name: str, found: tuple[str, ...]) -> None:
        state = self._state
        match name:
            case "MAINTAINER":
                state.maintainer = found[0]
                await self._commit(f"MAINTAINER {found[0]}")
            case "ONBUILD":
                state.put(on_build=[*(state.config.on_build or ()), found[0]])
                await self._commit(f"ONBUILD {found[0]}")
            case "USER":
                state.put(user=state.word(found[0]))
                await self._commit(f"USER {state.config.user}")
            case "STOPSIGNAL":
                signal = state.word(found[0])
                check_signal(signal)
                state.put(stop_signal=signal)
                await self._commit(f"STOPSIGNAL {signal}")
            case "VOLUME":
                paths = [state.word(each) for each in found]
                added: dict[str, dict[str, str]] = {each: {} for each in paths}
                if not all(each.strip() for each in paths):
                    raise InvalidParameter("VOLUME specified can not be an empty string")
                state.put(volumes={**(state.config.volumes or {}), **added})
                await self._commit(f"VOLUME [{' '.join(paths)}]")
            case "EXPOSE":
                ports = [port for each in found for port in words(state.word(each))]
                exposed = exposed_ports(ports)
                state.put(exposed_ports={**state.config.exposed_ports, **exposed})
                await self._commit(f"EXPOSE {' '.join(ports)}")
            case "WORKDIR":
                await self._workdir(state.word(found[0]))

    async def _workdir(self, path: str) -> None:
        state = self._state
        if not path.startswith("/"):
            path = posixpath.join("/", state.config.working_dir, path)
        path = posixpath.normpath("/" + path.lstrip("/"))
        state.put(working_dir=path)
        config = nop(state.config, f"#(nop) WORKDIR {path}")
        if await self._cached(config):
            return
        bench, workshop = self._work.bench, self._work.workshop
        async with bench.space(state.image) as space:
            await workshop.make_directory(space.mounts, path)
            container = await self._announce(config)
            config = self._merged(config)
            step = self._step(config, container)
            layer = (space, workshop.layer(space.mounts))
            state.image = await bench.derive(state.image, step, layer)
        await self._removed(container)

    async def _copy(self, step: Copy) -> None:
        state, work = self._state, self._work
        origin = await self._origin(step.origin, self._talk) if step.origin else None
        if step.origin and origin is None:
            raise InvalidParameter(f"invalid from flag value {step.origin}: it has no files")
        copying = Copying(step, state, work)
        comment = await copying.find(origin)
        config = nop(state.config, f"#(nop) {comment}")
        if await self._cached(config):
            return
        async with work.bench.space(state.image) as space:
            await copying.put(space, keep=origin is not None)
            layer = (space, work.workshop.layer(space.mounts))
            state.image = await work.bench.derive(state.image, self._step(config, ""), layer)

    async def _run(self, step: Run) -> None:
        state = self._state
        argv = state.command(_script(step), exec=step.exec)
        allowed = state.arguments.allowed(state.environment)
        shown = state.arguments.shown(allowed)
        saved = [f"|{len(shown)}", *shown, *argv] if allowed else argv
        config = msgspec.structs.replace(state.config, cmd=saved, entrypoint=None)
        if await self._cached(config):
            return
        ran = msgspec.structs.replace(
            state.config,
            cmd=argv,
            env=[*state.environment, *allowed],
            entrypoint=[""],
            healthcheck=HealthcheckConfig(test=["NONE"]),
        )
        binds: tuple[str, ...] = ()
        if (program := _program(step)) is not None:
            file = program.name if program.name.strip(".") else "script"
            where = f"script-{self._work.number()}"
            data = program.content.encode()
            directory = await self._work.workshop.program(self._work.id, where, file, data)
            binds = (f"{directory}:{PIPES}:ro",)
            ran = msgspec.structs.replace(ran, cmd=[f"{PIPES}/{file}"])
        container, name = await run_step(ran, state, self._work, self._talk, binds)
        bench, workshop = self._work.bench, self._work.workshop
        async with bench.space(state.image) as space:
            own = await self._work.containers.own_layer(container)
            await workshop.move(own, space.mounts)
            layer = (space, workshop.layer(space.mounts))
            state.image = await bench.derive(state.image, self._step(config, container), layer)
        self._work.dispose(name)
        await self._removed(container)

    async def _commit(self, comment: str) -> None:
        """A step that changes the config alone."""
        state = self._state
        config = nop(state.config, "#(nop) ", comment)
        if await self._cached(config):
            return
        container = await self._announce(config)
        step = self._step(self._merged(config), container)
        state.image = await self._work.bench.derive(state.image, step)
        await self._removed(container)

    def _merged(self, config: ContainerConfig) -> ContainerConfig:
        """A container without an entrypoint has its image's, also for those that compare it later."""
        image = self._state.image
        if image is None or config.entrypoint is not None:
            return config
        return msgspec.structs.replace(config, entrypoint=image.config.config.entrypoint)

    async def _cached(self, config: ContainerConfig) -> bool:
        found = await self._prober.probe(self._state.image, config, self._work.bench)
        if found is None:
            return False
        await self._talk.say(" ---> Using cache\n")
        self._state.image = found
        return True

    async def _announce(self, config: ContainerConfig) -> str:
        """The ID of a container in which nothing runs. It is made only for who wants to keep it."""
        container = generate_id()
        options = self._work.options
        if self._state.image is not None and not options.remove and not options.force_remove:
            names = ContainerConfig.__struct_fields__
            request = CreateRequest(
                **{name: getattr(config, name) for name in names},
                host_config=options.host_config(),
            )
            container = (await self._work.containers.create(request)).id
        await self._talk.say(f" ---> Running in {short(container)}\n")
        return container

    async def _removed(self, container: str) -> None:
        if self._work.options.remove or self._work.options.force_remove:
            await self._talk.say(f"Removing intermediate container {short(container)}\n")

    def _step(self, config: ContainerConfig, container: str) -> Step:
        state = self._state
        return Step(
            config=msgspec.structs.replace(state.config, image=state.image_id),
            container_config=msgspec.structs.replace(
                config, image=state.image_id, hostname=container[:12]
            ),
            container=container,
            author=state.maintainer,
            engine_version=VERSION,
        )


def _script(step: Run) -> tuple[str, ...]:
    """A RUN's argument: a here-document alone is the script itself, one of a command stays the shell's."""
    if not step.heredocs or step.exec:
        return step.argv
    if (alone := _alone(step)) is not None:
        return (alone.content,)
    return (_command(step),)


def _program(step: Run) -> Heredoc | None:
    """A here-document that names its own interpreter: it is run as a file, not by the shell."""
    alone = _alone(step)
    return alone if alone is not None and alone.content.startswith("#!") else None


def _alone(step: Run) -> Heredoc | None:
    if len(step.heredocs) != 1 or step.exec:
        return None
    first = _command(step).split("\n")[0]
    return step.heredocs[0] if re.fullmatch(r"<<-?[\"']?[\w.]+[\"']?", first) else None


def _command(step: Run) -> str:
    return re.sub(r"^\s*RUN\s*", "", step.source, flags=re.I)


def quoted_list(argv: list[str]) -> str:
    """As Go's %q prints a list of strings."""
    return f"[{' '.join(quoted(each) for each in argv)}]"


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\\u00", "\\x").replace("\x7f", "\\x7f")


def _health(found: HealthcheckConfig) -> str:
    """As Go's %q prints the struct: durations in words, the number of retries as a character."""
    times = " ".join(
        f'"{_duration(each)}"' for each in (found.interval, found.timeout, found.start_period)
    )
    retries = found.retries
    shown = f"'{chr(retries)}'" if 32 <= retries < 127 else f"'\\x{retries:02x}'"
    shown = {
        7: r"'\a'",
        8: r"'\b'",
        9: r"'\t'",
        10: r"'\n'",
        11: r"'\v'",
        12: r"'\f'",
        13: r"'\r'",
    }.get(retries, shown)
    return f"&{{{quoted_list(found.test)} {times} {shown}}}"


def _duration(nanoseconds: int) -> str:
    """Go's Duration.String."""
    if nanoseconds == 0:
        return "0s"
    if nanoseconds < 1_000_000_000:
        return f"{nanoseconds / 1_000_000:g}ms"
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    fraction = f"{rest / 1e9:.9f}".rstrip("0").removeprefix("0").rstrip(".")
    text = f"{seconds}{fraction}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return f"{hours}h{text}" if hours else text
