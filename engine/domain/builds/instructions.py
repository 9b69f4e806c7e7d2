"""What a Dockerfile's lines ask for: their arguments and flags checked, with dockerd's texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import msgspec

from engine.domain.builds.dockerfile import Dockerfile, Heredoc, Line
from engine.domain.images.instructions import parse_healthcheck
from engine.errors import InvalidParameter
from engine.models.containers import HealthcheckConfig

__all__ = [
    "Arg",
    "Copy",
    "From",
    "Instruction",
    "Pairs",
    "Plan",
    "Run",
    "Stage",
    "Words",
    "check",
    "read_plan",
    "step",
]

_STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*\Z")
_NO_TRIGGERS = ("FROM", "MAINTAINER")


class Instruction(msgspec.Struct, frozen=True, kw_only=True):
    """`source` is the line as written, for the step's title."""

    name: str
    source: str
    number: int = 1


class From(Instruction, frozen=True, kw_only=True):
    base: str
    stage: str = ""
    platform: str = ""


class Run(Instruction, frozen=True, kw_only=True):
    """RUN, CMD, ENTRYPOINT and SHELL: `argv`, to be handed to the shell unless `exec`."""

    argv: tuple[str, ...]
    exec: bool = False
    heredocs: tuple[Heredoc, ...] = ()


class Pairs(Instruction, frozen=True, kw_only=True):
    """ENV and LABEL."""

    pairs: tuple[tuple[str, str], ...]


class Arg(Instruction, frozen=True, kw_only=True):
    """A default of None is an ARG without one."""

    arguments: tuple[tuple[str, str | None], ...]


class Copy(Instruction, frozen=True, kw_only=True):
    """ADD and COPY. `origin` is --from."""

    sources: tuple[str, ...]
    target: str
    chown: str = ""
    chmod: str = ""
    origin: str = ""
    heredocs: tuple[Heredoc, ...] = ()


class Words(Instruction, frozen=True, kw_only=True):
    """EXPOSE, USER, VOLUME, WORKDIR, STOPSIGNAL, MAINTAINER, ONBUILD."""

    words: tuple[str, ...]


class Check(Instruction, frozen=True, kw_only=True):
    health: HealthcheckConfig


class Stage(msgspec.Struct):
    """`begin` is the FROM; `name` is lower case, or the number of the stage."""

    begin: From
    name: str
    steps: list[Instruction]


class Plan(msgspec.Struct):
    """`meta` are the ARGs before the first FROM."""

    meta: list[Arg]
    stages: list[Stage]
    escape: str
    gaps: tuple[str, ...] = ()


def read_plan(file: Dockerfile) -> Plan:
    """InvalidParameter names the line."""
    plan = Plan([], [], file.escape, file.gaps)
    for line in file.lines:
        made = _numbered(line)
        if isinstance(made, From):
            plan.stages.append(Stage(made, made.stage or str(len(plan.stages)), []))
        elif plan.stages:
            plan.stages[-1].steps.append(made)
        elif isinstance(made, Arg):
            plan.meta.append(made)
        else:
            raise InvalidParameter("no build stage in current context")
    if not plan.stages:
        raise InvalidParameter("no build stage in current context")
    return plan


def _numbered(line: Line) -> Instruction:
    try:
        return step(line)
    except InvalidParameter as error:
        raise InvalidParameter(
            f"dockerfile parse error line {line.number}: {error.message}"
        ) from error


def step(line: Line) -> Instruction:
    """One line's instruction. InvalidParameter without the line."""
    reader = _READERS.get(line.name)
    if reader is None:
        raise InvalidParameter(f"unknown instruction: {line.name}")
    return reader(line)


def check(line: Line) -> None:
    """What an ONBUILD holds must be an instruction, too, when it is triggered."""
    step(line)


def _from(line: Line) -> From:
    flags = _flags(line, "platform")
    words = line.value
    stage = ""
    if len(words) == 3 and words[1].upper() == "AS":
        stage = words[2].lower()
        if not _STAGE_NAME.match(stage):
            raise InvalidParameter(
                f'invalid name for build stage: "{words[2]}", name can\'t start with a number or'
                " contain symbols"
            )
    elif len(words) != 1:
        raise InvalidParameter("FROM requires either one or three arguments")
    return From(
        name="FROM",
        source=line.original,
        number=line.number,
        base=words[0],
        stage=stage,
        platform=flags.get("platform", ""),
    )


def _command(line: Line) -> Run:
    """Also without arguments: dockerd's classic builder lets the shell complain."""
    _flags(line)
    return Run(
        name=line.name,
        source=line.original,
        number=line.number,
        argv=line.value,
        exec=line.json,
        heredocs=line.heredocs,
    )


def _shell(line: Line) -> Run:
    _flags(line)
    if not line.value:
        raise _requires(line, "at least one argument")
    if not line.json:
        raise InvalidParameter("SHELL requires the arguments to be in JSON form")
    return Run(name="SHELL", source=line.original, number=line.number, argv=line.value, exec=True)


def _pairs(line: Line) -> Pairs:
    _flags(line)
    if not line.value:
        raise _requires(line, "at least one argument")
    found = tuple(zip(line.value[::2], line.value[1::2], strict=False))
    if any(not name for name, _ in found):
        raise InvalidParameter(f"{line.name} names can not be blank")
    return Pairs(name=line.name, source=line.original, number=line.number, pairs=found)


def _arg(line: Line) -> Arg:
    _flags(line)
    if not line.value:
        raise _requires(line, "at least one argument")
    found: list[tuple[str, str | None]] = []
    for word in line.value:
        name, equals, value = word.partition("=")
        if equals and not name:
            raise InvalidParameter("ARG names can not be blank")
        found.append((name, value if equals else None))
    return Arg(name="ARG", source=line.original, number=line.number, arguments=tuple(found))


def _copy(line: Line) -> Copy:
    if len(line.value) < 2:
        raise _requires(
            line,
            "at least two arguments, but only one was provided. Destination could not be determined",
        )
    known = ("chown", "from") if line.name == "COPY" else ("chown",)
    flags = _flags(line, *known)
    return Copy(
        name=line.name,
        source=line.original,
        number=line.number,
        sources=line.value[:-1],
        target=line.value[-1],
        chown=flags.get("chown", ""),
        origin=flags.get("from", ""),
        heredocs=line.heredocs,
    )


def _one(line: Line) -> Words:
    if len(line.value) != 1:
        raise _requires(line, "exactly one argument")
    _flags(line)
    return Words(name=line.name, source=line.original, number=line.number, words=line.value)


def _several(line: Line) -> Words:
    if not line.value:
        raise _requires(line, "at least one argument")
    _flags(line)
    return Words(name=line.name, source=line.original, number=line.number, words=line.value)


def _volume(line: Line) -> Words:
    found = _several(line)
    words = tuple(each.strip() for each in found.words)
    if not all(words):
        raise InvalidParameter("VOLUME specified can not be an empty string")
    return msgspec.structs.replace(found, words=words)


def _expose(line: Line) -> Words:
    return msgspec.structs.replace(found := _several(line), words=tuple(sorted(found.words)))


def _onbuild(line: Line) -> Words:
    """`words` is the trigger as it was written."""
    if not line.trigger:
        raise _requires(line, "at least one argument")
    if line.trigger == "ONBUILD":
        raise InvalidParameter("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if line.trigger in _NO_TRIGGERS:
        raise InvalidParameter(f"{line.trigger} isn't allowed as an ONBUILD trigger")
    trigger = re.sub(r"^\s*ONBUILD\s*", "", line.original, flags=re.I)
    return Words(name="ONBUILD", source=line.original, number=line.number, words=(trigger,))


def _healthcheck(line: Line) -> Check:
    """The reader of `docker commit --change` takes the same text."""
    rest = re.sub(r"^\s*HEALTHCHECK\s*", "", line.original, flags=re.I)
    return Check(
        name="HEALTHCHECK",
        source=line.original,
        number=line.number,
        health=parse_healthcheck(rest),
    )


def _flags(line: Line, *known: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for flag in line.flags:
        name, equals, value = flag.removeprefix("--").partition("=")
        if name not in known:
            raise InvalidParameter(f"Unknown flag: {name}")
        if name in found:
            raise InvalidParameter(f"Duplicate flag specified: {name}")
        if not equals:
            raise InvalidParameter(f"Missing a value on flag: {name}")
        found[name] = value
    return found


def _requires(line: Line, what: str) -> InvalidParameter:
    return InvalidParameter(f"{line.name} requires {what}")


_READERS: dict[str, Callable[[Line], Instruction]] = {
    "ADD": _copy,
    "ARG": _arg,
    "CMD": _command,
    "COPY": _copy,
    "ENTRYPOINT": _command,
    "ENV": _pairs,
    "EXPOSE": _expose,
    "FROM": _from,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _pairs,
    "MAINTAINER": _one,
    "ONBUILD": _onbuild,
    "RUN": _command,
    "SHELL": _shell,
    "STOPSIGNAL": _one,
    "USER": _one,
    "VOLUME": _volume,
    "WORKDIR": _one,
}
