"""The embedded containerd: starts it, adopts a running one, watches it, and ends it."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Literal

import trio

from engine.adapters.containerd import identity
from engine.adapters.containerd.identity import Identity, Watched
from engine.adapters.containerd.settings import Places, render
from engine.errors import SystemFailure

log = logging.getLogger(__name__)

State = Literal["stopped", "starting", "running", "waiting", "stopping"]

STOP_GRACE = 10.0
UNDECIDED_LIMIT = 15.0  # for one that lives but doesn't answer: dying, starting, or stuck
POLL = 0.1
FIRST_DELAY = 0.1
LONGEST_DELAY = 10.0
LONG_LIFE = 60.0  # after which an exit starts the back-off anew
LOG_LIMIT = 10 * 1024 * 1024
# systemd's messages are for the daemon, not for its child.
DROPPED_ENVIRONMENT = ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID")


class EmbeddedContainerd:
    """A service. Its containerd outlives the daemon and is taken over by the next one.

    `on_running` is called when containerd has been started or adopted (nudge the channels there).
    A containerd that exits is restarted with back-off; that is a state, and never ends `run`.
    `leave_running` may be changed up to `stop`, which may take twice STOP_GRACE to be obeyed.
    """

    def __init__(
        self,
        data_root: Path,
        exec_root: Path,
        *,
        binary: str = "containerd",
        oom_score: int = 0,
        log_level: str = "info",
        leave_running: bool = False,
        on_running: Callable[[], None] | None = None,
    ) -> None:
        self.places = Places(data_root / "containerd", exec_root / "containerd")
        self.leave_running = leave_running
        self.state: State = "stopped"
        self.restarts = 0
        self.adopted = False
        self._binary = binary
        self._config = render(self.places, oom_score=oom_score, log_level=log_level)
        self._on_running = on_running
        self._watched: Watched | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = trio.Event()
        self._running_since = 0.0

    @property
    def socket(self) -> str:
        """The address for the channels."""
        return str(self.places.socket)

    @property
    def pid(self) -> int | None:
        return None if self._watched is None else self._watched.identity.pid

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep containerd running until `stop`.

        Raises SystemFailure, before it reports to be started, when there is no containerd to run
        or the running one can't be ours to use.
        """
        self.state = "starting"
        await trio.to_thread.run_sync(self._prepare)
        try:
            self._watched = await self._adopt()
            self.adopted = self._watched is not None
            if self._watched is None:
                self._watched = await self._spawn()
            self._report_running()
            task_status.started()
            await self._supervise()
        finally:
            self.state = "stopped"
            self._release()

    async def stop(self) -> None:
        """Ask `run` to end, which ends containerd too unless `leave_running` is set."""
        self._stopping.set()

    # Keeping it running

    async def _supervise(self) -> None:
        delay = FIRST_DELAY
        while not await self._exited_before_stop():
            self.restarts += 1
            lifetime = trio.current_time() - self._running_since
            delay = FIRST_DELAY if lifetime > LONG_LIFE else min(delay * 2, LONGEST_DELAY)
            log.warning("containerd exited after %.0f s; restart in %.1f s", lifetime, delay)
            self.state = "waiting"
            if not await self._restart(delay):
                return
        if not self.leave_running and self._watched is not None:
            self.state = "stopping"
            await self._watched.terminate(STOP_GRACE)
            self.places.pid_file.unlink(missing_ok=True)

    async def _exited_before_stop(self) -> bool:
        """Wait for containerd's exit or for `stop`: True means stop, whatever came with it."""
        watched = self._watched
        assert watched is not None
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                await watched.wait()
                nursery.cancel_scope.cancel()

            nursery.start_soon(watch)
            await self._stopping.wait()
            nursery.cancel_scope.cancel()
        return self._stopping.is_set()

    async def _restart(self, delay: float) -> bool:
        """Start it again, as often as needed; False when `stop` comes first."""
        self._release()
        while True:
            with trio.move_on_after(delay):
                await self._stopping.wait()
                return False
            try:
                self._watched = await self._spawn()
            except (SystemFailure, OSError) as error:
                delay = min(delay * 2, LONGEST_DELAY)
                log.error("containerd did not start: %s; again in %.1f s", error, delay)
            else:
                self._report_running()
                return True

    def _report_running(self) -> None:
        self.state = "running"
        self._running_since = trio.current_time()
        if self._on_running is not None:
            self._on_running()

    # Starting and adopting

    def _prepare(self) -> None:
        for folder in (self.places.root, self.places.state):
            folder.mkdir(parents=True, exist_ok=True, mode=0o711)
        self.places.config.write_text(self._config)

    async def _adopt(self) -> Watched | None:
        """The containerd that an earlier daemon left, if it serves our socket."""
        found = identity.read(self.places.pid_file) or self._unrecorded()
        if found is None or not found.is_alive():
            return None
        if not identity.shares_mount_namespace(found.pid):
            raise SystemFailure(
                f"containerd (pid {found.pid}) of {self.places.root} runs in another mount namespace"
            )
        try:
            watched = Watched(found)
        except ProcessLookupError:
            return None
        if await self._settled(watched):
            identity.write(self.places.pid_file, found)
            log.info("adopted containerd, pid %d", found.pid)
            return watched
        watched.close()
        return None

    async def _settled(self, watched: Watched) -> bool:
        """Wait until it answers (True) or is gone. One that does neither in time is ended."""
        with trio.move_on_after(UNDECIDED_LIMIT):
            while watched.identity.is_alive():
                if peer_pid(self.places.socket) == watched.identity.pid:
                    return True
                await trio.sleep(POLL)
            return False
        log.warning("containerd, pid %d, does not answer; ending it", watched.identity.pid)
        await watched.terminate(STOP_GRACE)
        return False

    def _unrecorded(self) -> Identity | None:
        """A containerd of ours whose daemon died before it wrote the pid file."""
        pid = peer_pid(self.places.socket)
        if pid is not None and str(self.places.config) in identity.command_line(pid):
            return identity.identify(pid)
        return None

    async def _spawn(self) -> Watched:
        binary = shutil.which(self._binary)
        if binary is None:
            raise SystemFailure(f"no containerd: {self._binary} is not in the PATH")
        # Shielded by the thread: a cancelled start still records its child.
        return await trio.to_thread.run_sync(self._spawn_sync, binary)

    def _spawn_sync(self, binary: str) -> Watched:
        environment = {k: v for k, v in os.environ.items() if k not in DROPPED_ENVIRONMENT}
        with open_log(self.places.log) as output:
            child = subprocess.Popen(
                [binary, "--config", str(self.places.config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=environment,
                start_new_session=True,
            )
        self._child = child
        found = identity.identify(child.pid)
        if found is None:
            raise SystemFailure(f"containerd ended at once; see {self.places.log}")
        identity.write(self.places.pid_file, found)
        try:
            return Watched(found)
        except ProcessLookupError:
            raise SystemFailure(f"containerd ended at once; see {self.places.log}") from None

    def _release(self) -> None:
        """Let go of the process, reaping it if it has ended and was our child."""
        if self._watched is not None:
            self._watched.close()
            self._watched = None
        if self._child is not None:
            if self._child.poll() is None:
                # It goes on without us, as meant; Popen would complain when collected.
                self._child.returncode = 0
            self._child = None


def open_log(path: Path) -> BinaryIO:
    """The log, for appending; a long one is begun anew, as nobody rotates it meanwhile."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > LOG_LIMIT:
            path.replace(path.with_name(path.name + ".old"))
    return path.open("ab")


def verify_external(path: Path) -> None:
    """Refuse a containerd that can't mount for us; one that is away is refused by nobody.

    Raises SystemFailure when it runs in another mount or pid namespace.
    """
    pid = peer_pid(path)
    if pid is not None and (pid == 0 or not identity.shares_mount_namespace(pid)):
        raise SystemFailure(f"containerd at {path} runs in another mount namespace")


def peer_pid(path: Path) -> int | None:
    """The process that listens on a unix socket; None when nobody accepts."""
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as sock:
        sock.setblocking(False)
        try:
            sock.connect(str(path))
        except OSError:
            return None
        credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    pid: int = struct.unpack("iII", credentials)[0]
    return pid
