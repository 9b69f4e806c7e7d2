"""The data root: locked by one daemon at a time, with the engine's ID and the choices of its first start."""

from __future__ import annotations

import fcntl
import logging
import os
import uuid
from pathlib import Path

import msgspec

from engine.errors import SystemFailure

log = logging.getLogger(__name__)

DOCKERD_LAYOUT = ("image", "overlay2", "containers", "network/files", "buildkit")


class Choices(msgspec.Struct):
    """What was decided at the first start; later starts follow it or refuse."""

    engine_id: str
    containerd: str
    namespace: str
    plugin_namespace: str
    bridge: str
    snapshotter: str
    cgroup_driver: str


class DataRoot:
    """`choices` is None before the first start has recorded them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None
        self._file = path / "engine.json"
        self._copy = path / "engine.copy.json"
        self.choices: Choices | None = None
        self.damaged: list[str] = []

    def claim(self, *, heal: bool = True) -> None:
        """`heal`: what is damaged is written anew from its copy. Make and lock it. SystemFailure when another daemon has it, or when it is dockerd's."""
        self.path.mkdir(mode=0o711, parents=True, exist_ok=True)
        self._refuse_dockerd()
        self._lock = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemFailure(f"{self.path} is in use by another trimarand") from None
        self.choices = self._read(heal=heal)

    def _read(self, *, heal: bool) -> Choices | None:
        """The first copy that can be read; the other one is then made equal. SystemFailure when there are
        some and none can be read: a new identity would orphan all that the old one has made."""
        found: Choices | None = None
        for file in (self._file, self._copy):
            try:
                found = found or msgspec.json.decode(file.read_bytes(), type=Choices)
            except FileNotFoundError:
                continue
            except (msgspec.MsgspecError, UnicodeDecodeError, OSError) as error:
                log.error("%s is damaged: %s", file, error)
                self.damaged.append(f"{file.name}: {error}")
        if found is not None and heal:
            self._heal(found)
        elif found is None and self.damaged:
            raise SystemFailure(
                f"the engine's identity cannot be read in {self.path} ({'; '.join(self.damaged)}): "
                "restore engine.json from a backup"
            )
        return found

    def _heal(self, choices: Choices) -> None:
        text = _encoded(choices)
        for file in (self._file, self._copy):
            if not file.exists() or file.read_bytes() != text:
                _write(file, text)

    def _refuse_dockerd(self) -> None:
        ours = (self.path / "engine.json").exists() or (self.path / "state.db").exists()
        if not ours and any((self.path / each).exists() for each in DOCKERD_LAYOUT):
            raise SystemFailure(f"{self.path} holds dockerd's data; choose another --data-root")

    def settle(self, wanted: Choices) -> Choices:
        """Record the choices of a first start, or check that this start wants what is recorded."""
        if self.choices is None:
            self.choices = wanted
            self._write(wanted)
            return wanted
        self.check(wanted)
        return self.choices

    def check(self, wanted: Choices) -> None:
        """SystemFailure when this data root was made with another choice."""
        for name in (
            "containerd",
            "namespace",
            "plugin_namespace",
            "bridge",
            "snapshotter",
            "cgroup_driver",
        ):
            recorded, asked = getattr(self.choices, name), getattr(wanted, name)
            if recorded != asked:
                raise SystemFailure(
                    f"{self.path} was made with {name} {recorded or 'embedded'!r} and cannot be used with {asked or 'embedded'!r}"
                )

    def _write(self, choices: Choices) -> None:
        for file in (self._copy, self._file):
            _write(file, _encoded(choices))

    def new_engine_id(self) -> str:
        return str(uuid.uuid4()) if self.choices is None else self.choices.engine_id

    def release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _encoded(choices: Choices) -> bytes:
    return msgspec.json.format(msgspec.json.encode(choices))


def _write(file: Path, text: bytes) -> None:
    """Whole or not at all, and on disk."""
    scratch = file.with_name(f"{file.name}.new")
    with scratch.open("wb") as new:
        new.write(text)
        new.flush()
        os.fsync(new.fileno())
    scratch.replace(file)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(folder)
    os.close(folder)
