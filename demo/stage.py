"""The stage: a daemon with its own containerd, in scratch directories and a network namespace of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from demo import leftovers
from demo.client import Api

SOURCES = Path(__file__).resolve().parents[1]
START_SECONDS = 30.0
STOP_SECONDS = 30.0
COMMAND_SECONDS = 15.0
LOG_TAIL_LINES = 25


class StageError(Exception):
    """The stage itself cannot be set up, or the daemon does not start."""


class Stage:
    """`with Stage() as stage:` makes the places; its end removes all, whatever has happened."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="trimaran-demo-"))
        self.netns = self.root.name
        self.socket = self.root / "docker.sock"
        self.log = self.root / "daemon.log"
        self.api = Api(str(self.socket))
        self.engine_id = ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            run("ip", "netns", "add", self.netns)
            self.inside("ip", "link", "set", "lo", "up")
        except BaseException:
            self.strike()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.strike()

    @property
    def pid(self) -> int:
        """The daemon's."""
        return 0 if self._process is None else self._process.pid

    @property
    def netns_path(self) -> Path:
        return Path("/run/netns") / self.netns

    def inside(self, *command: str) -> str:
        """What a command prints in the daemon's network namespace."""
        return run("nsenter", f"--net={self.netns_path}", *command)

    def command(self, *arguments: str) -> str:
        """What the operator's command prints."""
        socket = ("--socket", f"{self.root}/exec/status.sock")
        return run(sys.executable, "-m", "engine.command", *arguments, *socket)

    def start(self) -> float:
        """Start the daemon, and return the seconds until its first answer."""
        begin = time.monotonic()
        (self.root / "daemon.json").write_text("{}")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                cwd=SOURCES,
                env={**os.environ, "PYTHONOPTIMIZE": "2"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait_for_ping(begin + START_SECONDS)
        took = time.monotonic() - begin
        self.engine_id = str(
            json.loads((self.root / "data" / "engine.json").read_text())["engine_id"]
        )
        return took

    def _command(self) -> list[str]:
        return [
            "nsenter",
            f"--net={self.netns_path}",
            sys.executable,
            "-m",
            "engine",
            "--containerd=embedded",
            "--live-restore",
            f"--data-root={self.root}/data",
            f"--exec-root={self.root}/exec",
            f"--config-file={self.root}/daemon.json",
            f"--host=unix://{self.socket}",
        ]

    def _wait_for_ping(self, deadline: float) -> None:
        assert self._process is not None
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                self.api.call("GET", "/_ping")
                self.api.call("GET", "/volumes")  # answered once all is restored
            except OSError:
                time.sleep(0.005)
            else:
                return
        code = self._process.poll()
        how = "does not answer" if code is None else f"exited with {code}"
        raise StageError(f"the daemon {how}")

    def kill(self) -> None:
        """SIGKILL to the daemon alone; its containerd, shims and containers stay."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(COMMAND_SECONDS)

    def stop(self) -> int:
        """An orderly end: the daemon's exit code; it is killed when that takes too long."""
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise StageError(f"the daemon did not stop in {STOP_SECONDS:.0f} s") from None

    def log_tail(self) -> list[str]:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return text.splitlines()[-LOG_TAIL_LINES:]

    def left(self) -> list[str]:
        """What the daemon left outside of its scratch directories, in words."""
        return leftovers.listed(self.root, self.engine_id)

    def gone(self) -> bool:
        """True when the stage's own places are away too."""
        return not self.root.exists() and not self.netns_path.exists()

    def strike(self) -> None:
        """End and remove everything, whatever Ctrl-C says; a second time does nothing."""
        with undisturbed():
            if self._process is not None and self._process.poll() is None:
                with contextlib.suppress(StageError):  # killed then; what it left goes below
                    self.stop()
            leftovers.remove(self.root, self.engine_id or self._recorded_id())
            if self.netns_path.exists():
                run("ip", "netns", "delete", self.netns)
            shutil.rmtree(self.root, ignore_errors=True)

    def _recorded_id(self) -> str:
        """For a daemon that failed after it had taken its identity."""
        try:
            return str(json.loads((self.root / "data" / "engine.json").read_bytes())["engine_id"])
        except (OSError, ValueError, KeyError):
            return ""


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Signals that would end the demo wait until what is being removed is gone."""
    numbers = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run(*command: str) -> str:
    """What a command prints; StageError with its complaint when it fails."""
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            check=True,
            stdin=subprocess.DEVNULL,
            timeout=COMMAND_SECONDS,
            env=environment,
        )
    except subprocess.CalledProcessError as error:
        complaint = error.stderr.decode(errors="replace").strip()
        raise StageError(f"{' '.join(command)}: {complaint or error.returncode}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StageError(f"{' '.join(command)}: {error}") from None
    return done.stdout.decode(errors="replace")
