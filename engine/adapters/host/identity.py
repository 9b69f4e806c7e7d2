"""The data root: locked by one daemon at a time, with the engine's ID and the choices of its first start."""

from __future__ import annotations

import fcntl
import os
import uuid
from pathlib import Path

import msgspec

from engine.errors import SystemFailure

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
        self.choices: Choices | None = None

    def claim(self) -> None:
        """Make and lock it. SystemFailure when another daemon has it, or when it is dockerd's."""
        self.path.mkdir(mode=0o711, parents=True, exist_ok=True)
        self._refuse_dockerd()
        self._lock = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemFailure(f"{self.path} is in use by another trimarand") from None
        if self._file.exists():
            self.choices = msgspec.json.decode(self._file.read_bytes(), type=Choices)

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
        scratch = self._file.with_suffix(".new")
        with scratch.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(choices)))
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(self._file)
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)

    def new_engine_id(self) -> str:
        return str(uuid.uuid4()) if self.choices is None else self.choices.engine_id

    def release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
