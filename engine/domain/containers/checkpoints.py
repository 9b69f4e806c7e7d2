"""Checkpoints: a running container's processes written down by criu, to be started from (row 76).

Each is a directory of criu's files, `checkpoints/NAME` below the container's own. One under way has a dot
before its name, so that a dump that was cut short is never taken for one.
"""

from __future__ import annotations

import builtins
import re
import shutil
from functools import partial
from pathlib import Path

import trio

from engine.domain.containers import rules
from engine.domain.containers.cell import Cell
from engine.domain.containers.outside import Outside
from engine.domain.containers.room import Room
from engine.errors import (
    Conflict,
    Forbidden,
    InvalidParameter,
    NotFound,
    NotImplementedHere,
    prefixed,
)
from engine.models.containers import Checkpoint, CheckpointRequest

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")


class Checkpoints:
    """References are an ID, a name, or a unique prefix of an ID."""

    def __init__(self, room: Room) -> None:
        self._room = room

    async def create(self, reference: str, request: CheckpointRequest) -> None:
        """Conflict unless it runs without a terminal; NotImplementedHere where criu doesn't work."""
        cell, outside = self._room.registry.resolve(reference), self._room.outside
        name, fresh = request.checkpoint_id, self._directory(cell) / f".{request.checkpoint_id}"
        _check(request.checkpoint_id, request.checkpoint_dir)
        rules.check_running(cell.record)
        if cell.record.config.tty:
            raise Conflict("checkpoint not supported on containers with tty")
        if name in await self._names(cell):
            raise Conflict(f"checkpoint with name {name} already exists for container {reference}")
        await check_criu(outside)
        async with cell.slot:
            await trio.to_thread.run_sync(partial(_make_anew, fresh))
            try:
                with prefixed(f"Cannot checkpoint container {reference}: "):
                    await outside.runtime.tasks.checkpoint(
                        cell.id, image_path=str(fresh), exit=request.exit
                    )
                await trio.to_thread.run_sync(fresh.rename, fresh.with_name(name))
            finally:
                with trio.CancelScope(shield=True):
                    await trio.to_thread.run_sync(partial(shutil.rmtree, fresh, ignore_errors=True))
        await outside.emit(cell.record, "checkpoint")

    async def list(self, reference: str, directory: str) -> builtins.list[Checkpoint]:
        cell = self._room.registry.resolve(reference)
        _check_directory(directory)
        return [Checkpoint(name=name) for name in await self._names(cell)]

    async def delete(self, reference: str, name: str, directory: str) -> None:
        cell = self._room.registry.resolve(reference)
        _check(name, directory)
        if name not in await self._names(cell):
            raise NotFound(f"checkpoint {name} does not exist for container {reference}")
        async with cell.slot:
            await trio.to_thread.run_sync(shutil.rmtree, self._directory(cell) / name)

    async def found(self, reference: str, name: str, directory: str) -> str:
        """The path of one to start from."""
        cell = self._room.registry.resolve(reference)
        _check(name, directory)
        if name not in await self._names(cell):
            raise NotFound(f"checkpoint {name} does not exist for container {reference}")
        await check_criu(self._room.outside)
        return str(self._directory(cell) / name)

    def _directory(self, cell: Cell) -> Path:
        return self._room.outside.directory(cell.id) / "checkpoints"

    async def _names(self, cell: Cell) -> builtins.list[str]:
        return await trio.to_thread.run_sync(_names_in, self._directory(cell))


async def check_criu(outside: Outside) -> None:
    if reason := await outside.host.criu():
        raise NotImplementedHere(f"checkpoints need criu, and {reason}")


def _check(name: str, directory: str) -> None:
    _check_directory(directory)
    if not _NAME.fullmatch(name):
        raise InvalidParameter(f"Invalid checkpoint ID ({name}), only {_NAME.pattern} are allowed")


def _check_directory(directory: str) -> None:
    if directory:
        raise Forbidden("custom checkpointdir is not supported")


def _make_anew(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700, parents=True)


def _names_in(directory: Path) -> builtins.list[str]:
    if not directory.is_dir():
        return []
    return sorted(each.name for each in directory.iterdir() if not each.name.startswith("."))
