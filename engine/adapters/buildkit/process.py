"""The service that keeps a buildkitd running from the first time that a client wants it."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import subprocess

import trio

from engine.adapters.buildkit.settings import PROGRAM, Places
from engine.adapters.containerd import identity
from engine.adapters.containerd.identity import Watched
from engine.adapters.containerd.process import DROPPED_ENVIRONMENT, open_log
from supervisors import Worker

__all__ = ["BuildKitProcess", "Need"]

log = logging.getLogger(__name__)

STOP_GRACE = 10.0
FIRST_DELAY = 0.1
LONGEST_DELAY = 10.0
LONG_LIFE = 60.0  # after which an exit starts the back-off anew


class Need:
    """Whether a buildkitd is wanted, and why there is none. It outlives the service."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.reason = "it is not started yet"
        self.restarts = 0
        self._wanted = trio.Event()

    def tell(self) -> None:
        self._wanted.set()

    async def wait(self) -> None:
        await self._wanted.wait()


class BuildKitProcess(Worker):
    """One that exits is started again with back-off; that is a state, and never ends the service.

    It ends with the daemon. One that a killed daemon has left is ended first: its clients are gone.
    """

    def __init__(self, need: Need, config: str) -> None:
        self._need = need
        self._places = need.places
        self._config = config
        self._child: subprocess.Popen[bytes] | None = None

    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await self._end_former()
        await self._need.wait()
        delay = FIRST_DELAY
        while True:
            began = trio.current_time()
            await self._one_life()
            lifetime = trio.current_time() - began
            delay = FIRST_DELAY if lifetime > LONG_LIFE else min(delay * 2, LONGEST_DELAY)
            self._need.restarts += 1
            log.warning("buildkitd: %s; again in %.1f s", self._need.reason, delay)
            await trio.sleep(delay)

    async def _one_life(self) -> None:
        """From its start to its end, `reason` says of which kind that was."""
        need = self._need
        try:
            # Not abandoned by a cancellation: a child that was started is known.
            await trio.to_thread.run_sync(self._spawn)
        except OSError as error:
            need.reason = f"it cannot be started: {error.strerror or error}"
            return
        child = self._child
        assert child is not None
        found = identity.identify(child.pid)
        watched = None
        with contextlib.suppress(ProcessLookupError):
            watched = None if found is None else Watched(found)
        try:
            if watched is not None:
                assert found is not None
                identity.write(self._places.pid_file, found)
                await watched.wait()
            need.reason = f"it has exited ({child.wait()}); see {self._places.log}"
        finally:
            if watched is not None:
                with trio.CancelScope(shield=True):
                    await watched.terminate(STOP_GRACE)
                watched.close()
            child.poll()
            self._places.pid_file.unlink(missing_ok=True)

    def _spawn(self) -> None:
        program = shutil.which(PROGRAM)
        if program is None:
            raise FileNotFoundError(2, f"{PROGRAM} is not in the PATH")
        places = self._places
        for folder in (places.root, places.state):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        places.config.write_text(self._config)
        places.socket.unlink(missing_ok=True)
        environment = {k: v for k, v in os.environ.items() if k not in DROPPED_ENVIRONMENT}
        with open_log(places.log) as output:
            self._child = subprocess.Popen(
                [program, "--config", str(places.config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=environment,
                start_new_session=True,
            )

    async def _end_former(self) -> None:
        found = identity.read(self._places.pid_file)
        if found is None or not found.is_alive():
            return
        with contextlib.suppress(ProcessLookupError):
            watched = Watched(found)
            try:
                await watched.terminate(STOP_GRACE)
            finally:
                watched.close()
        self._places.pid_file.unlink(missing_ok=True)
