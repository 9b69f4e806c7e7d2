"""Dockerfile instructions applied to an image's config, as import and commit take them."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence

import msgspec

from engine.domain.images.instructions.exposed import exposed_ports
from engine.domain.images.instructions.healthcheck import parse_healthcheck
from engine.domain.images.instructions.lexer import (
    command_line,
    expand,
    logical_lines,
    name_values,
    words,
)
from engine.domain.images.instructions.signals import check_signal
from engine.errors import InvalidParameter
from engine.models.containers import ContainerConfig

__all__ = ["apply_changes"]

_SHELL = ("/bin/sh", "-c")


def apply_changes(config: ContainerConfig, changes: Sequence[str]) -> ContainerConfig:
    """Raises InvalidParameter with dockerd's texts."""
    if not changes:
        return config
    lines = logical_lines("\n".join(changes))
    if not lines:
        raise InvalidParameter("file with no instructions")
    split = [(line.split(None, 1)[0], line.partition(" ")[2].strip()) for line in lines]
    for instruction, _ in split:
        if instruction.upper() not in _INSTRUCTIONS:
            raise InvalidParameter(f"{instruction.lower()} is not a valid change command")
    state = _State(config)
    for instruction, rest in split:
        _INSTRUCTIONS[instruction.upper()](state, rest)
    return state.config


class _State:
    """A config on its way, and whether these changes have set its command."""

    def __init__(self, config: ContainerConfig) -> None:
        self.config = config
        self.command_set = False

    def put(self, **values: object) -> None:
        self.config = msgspec.structs.replace(self.config, **values)

    def expand(self, text: str) -> str:
        return expand(text, dict(each.partition("=")[::2] for each in self.config.env or []))

    def command(self, rest: str) -> list[str]:
        line, is_json = command_line(rest)
        return line if is_json else [*(self.config.shell or _SHELL), *line]


def _cmd(state: _State, rest: str) -> None:
    state.put(cmd=state.command(rest))
    state.command_set = True


def _entrypoint(state: _State, rest: str) -> None:
    """A new entrypoint drops an inherited command, which was meant for another one."""
    state.put(entrypoint=state.command(rest) if rest else None)
    if not state.command_set:
        state.put(cmd=None)


def _env(state: _State, rest: str) -> None:
    environment = {each.partition("=")[0]: each for each in state.config.env or []}
    for name, value in name_values("ENV", rest):
        name, value = state.expand(name), state.expand(value)
        environment[name] = f"{name}={value}"
    state.put(env=list(environment.values()))


def _label(state: _State, rest: str) -> None:
    found = name_values("LABEL", rest)
    added = {state.expand(name): state.expand(value) for name, value in found}
    state.put(labels={**(state.config.labels or {}), **added})


def _expose(state: _State, rest: str) -> None:
    ports = [state.expand(each) for each in _at_least_one("EXPOSE", words(rest))]
    state.put(exposed_ports={**state.config.exposed_ports, **exposed_ports(ports)})


def _user(state: _State, rest: str) -> None:
    state.put(user=state.expand(_exactly_one("USER", rest)))


def _workdir(state: _State, rest: str) -> None:
    path = state.expand(_exactly_one("WORKDIR", rest))
    if not path.startswith("/"):
        path = posixpath.normpath(posixpath.join("/", state.config.working_dir, path))
    state.put(working_dir=path)


def _volume(state: _State, rest: str) -> None:
    line, is_json = command_line(rest)
    paths = [state.expand(each) for each in (line if is_json else rest.split())]
    _at_least_one("VOLUME", paths)
    if not all(each.strip() for each in paths):
        raise InvalidParameter("VOLUME specified can not be an empty string")
    state.put(volumes={**(state.config.volumes or {}), **{path.strip(): {} for path in paths}})


def _onbuild(state: _State, rest: str) -> None:
    _at_least_one("ONBUILD", [rest] if rest else [])
    trigger = rest.split(None, 1)[0].upper()
    if trigger == "ONBUILD":
        raise InvalidParameter("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if trigger in ("FROM", "MAINTAINER"):
        raise InvalidParameter(f"{trigger} isn't allowed as an ONBUILD trigger")
    state.put(on_build=[*(state.config.on_build or []), rest])


def _stopsignal(state: _State, rest: str) -> None:
    signal = state.expand(_exactly_one("STOPSIGNAL", rest))
    check_signal(signal)
    state.put(stop_signal=signal)


def _healthcheck(state: _State, rest: str) -> None:
    state.put(healthcheck=parse_healthcheck(rest))


def _at_least_one(instruction: str, values: list[str]) -> list[str]:
    if not values:
        raise InvalidParameter(f"{instruction} requires at least one argument")
    return values


def _exactly_one(instruction: str, rest: str) -> str:
    if not rest:
        raise InvalidParameter(f"{instruction} requires exactly one argument")
    return rest


_INSTRUCTIONS: dict[str, Callable[[_State, str], None]] = {
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "ONBUILD": _onbuild,
    "STOPSIGNAL": _stopsignal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}
