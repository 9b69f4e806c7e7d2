"""A daemon that kills itself before or after an effect on the outside: the engine's own entry, its adapters wrapped.

Run as `python -m tests.harness.crashing` with the daemon's arguments. `TRIMARAN_CRASH` names a
directory: every effect adds its name to the file `trace` there, and where the file `arm` says so
("effect when nth"), the daemon ends by SIGKILL, having written `hit`. The product knows nothing of it.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import engine.__main__ as entry
from engine.adapters.builds import workshop
from engine.adapters.builds.workshop import HostWorkshop
from engine.adapters.containerd.containers import Containers
from engine.adapters.containerd.images import Images
from engine.adapters.containerd.ingest import Writer
from engine.adapters.containerd.leases import Leases
from engine.adapters.containerd.snapshots import Snapshots
from engine.adapters.containerd.tasks import Tasks
from engine.adapters.netlink.adapter import Netlink
from engine.adapters.nft.firewall import NftFirewall
from engine.adapters.rootfs.rootfs import HostRootFS
from engine.adapters.store.database import Database
from engine.adapters.volumes.disk import HostDisk
from engine.domain.containers import files, remove
from engine.domain.events.messages import Batch
from engine.domain.streams.session import ProcessStreams

# THE crash points: each is hit before and after.
EFFECTS: dict[str, tuple[Any, str]] = {
    "tasks.create": (Tasks, "create"),
    "tasks.start": (Tasks, "start"),
    "tasks.kill": (Tasks, "kill"),
    "tasks.delete": (Tasks, "delete"),
    "tasks.exec": (Tasks, "exec"),
    "tasks.delete_process": (Tasks, "delete_process"),
    "containers.create": (Containers, "create"),
    "containers.update": (Containers, "update_spec"),
    "containers.delete": (Containers, "delete"),
    "snapshots.prepare": (Snapshots, "prepare"),
    "snapshots.commit": (Snapshots, "commit"),
    "snapshots.remove": (Snapshots, "remove"),
    "rootfs.populate": (HostRootFS, "populate_init"),
    "rootfs.expose": (HostRootFS, "expose"),
    "network.create": (Netlink, "create_namespace"),
    "network.remove": (Netlink, "remove_namespace"),
    "firewall.change": (NftFirewall, "change"),
    "files.write": (files, "write"),
    "files.delete": (remove, "_delete_directories"),
    "streams.open": (ProcessStreams, "open"),
    "streams.stdin": (ProcessStreams, "connect_stdin"),
    "images.create": (Images, "create"),
    "content.commit": (Writer, "commit"),
    "leases.create": (Leases, "create"),
    "leases.delete": (Leases, "delete"),
    "build.unpack": (workshop, "_unpack"),
    "build.copy": (HostWorkshop, "copy"),
    "build.move": (HostWorkshop, "move"),
    "build.discard": (HostWorkshop, "discard"),
    "volume.make": (HostDisk, "make"),
    "volume.fill": (HostDisk, "fill"),
    "volume.mount": (HostDisk, "mount"),
    "volume.unmount": (HostDisk, "unmount"),
    "volume.expose": (HostDisk, "expose"),
    "volume.conceal": (HostDisk, "conceal"),
    "volume.stow": (HostDisk, "stow"),
    "volume.discard": (HostDisk, "discard"),
}
# The store's transactions are told apart by what they make true.
COMMITS = (
    "commit intent",
    "commit create",
    "commit start",
    "commit kill",
    "commit die",
    "commit stop",
    "commit restart",
    "commit removing",
    "commit destroy",
    "commit exec_create",
    "commit exec_start",
    "commit exec_die",
    "commit volume",
    "commit record",
)
CRASH_POINTS = (*EFFECTS, *COMMITS)


class Crash:
    """Counts effects since the arming, and ends the process at the one that is asked for."""

    def __init__(self, directory: Path) -> None:
        self._arm = directory / "arm"
        self._hit = directory / "hit"
        self._trace = os.open(directory / "trace", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._asked = ""
        self._seen = 0

    def here(self, effect: str, when: str) -> None:
        if when == "before":
            os.write(self._trace, f"{effect}\n".encode())
        try:
            asked = self._arm.read_text()
        except FileNotFoundError:
            return
        if asked != self._asked:
            self._asked, self._seen = asked, 0
        wanted, moment, nth = asked.rsplit(" ", 2)
        if (wanted, moment) != (effect, when):
            return
        self._seen += 1
        if self._seen == int(nth):
            self._hit.write_text(asked)
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, effect: str, wrapped: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, with a crash point on each side of it, also where it is refused."""

        @functools.wraps(wrapped)
        def call(*arguments: Any, **options: Any) -> Any:
            self.here(effect, "before")
            try:
                return wrapped(*arguments, **options)
            finally:
                self.here(effect, "after")

        @functools.wraps(wrapped)
        async def call_async(*arguments: Any, **options: Any) -> Any:
            self.here(effect, "before")
            try:
                return await wrapped(*arguments, **options)
            finally:
                self.here(effect, "after")

        return call_async if wrapped.__code__.co_flags & 0x80 else call

    def around_commit(self, commit: Callable[..., Any]) -> Callable[..., Any]:
        def call(database: Database, batches: list[Batch]) -> Any:
            names = [name_of(batch) for batch in batches]
            for name in names:
                self.here(name, "before")
            found = commit(database, batches)
            for name in names:
                self.here(name, "after")
            return found

        return call


def name_of(batch: Batch) -> str:
    """What a transaction makes true, in one of COMMITS' words."""
    told = [each.action.split(":")[0] for each in batch.events if each.type == "container"]
    for action in reversed(told):
        if f"commit {action}" in COMMITS:
            return f"commit {action}"
    if batch.opens:
        return "commit intent"
    if any(each.type == "volume" for each in batch.events):
        return "commit volume"
    if any(b'"removing"' in document.body for document in batch.puts):
        return "commit removing"
    return "commit record"


def main() -> int:
    crash = Crash(Path(os.environ["TRIMARAN_CRASH"]))
    for effect, (owner, name) in EFFECTS.items():
        setattr(owner, name, crash.around(effect, getattr(owner, name)))
    Database.commit = crash.around_commit(Database.commit)  # type: ignore[method-assign]
    return entry.main()


if __name__ == "__main__":
    sys.exit(main())
