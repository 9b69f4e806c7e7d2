"""A daemon of the test's own: scratch directories, a network namespace, its embedded containerd."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from tests.harness.surroundings import surround

ROOT = Path(__file__).resolve().parents[2]
START_LIMIT = 30.0
STOP_LIMIT = 60.0


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout: float = 60) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Daemon:
    """`with Daemon() as daemon:` starts it; the end stops it and removes everything, whatever happened."""

    module = "engine"

    def __init__(self, *arguments: str, name: str = "") -> None:
        self.name = name or f"t{uuid.uuid4().hex[:8]}"
        self.root = Path(tempfile.mkdtemp(prefix=f"trimaran-{self.name}-"))
        self.socket = str(self.root / "docker.sock")
        self.host = f"unix://{self.socket}"
        self.arguments = list(arguments)
        self.process: subprocess.Popen[bytes] | None = None
        self.prefix: list[str] = []  # a command that runs the rest in its own place
        self.pass_fds: tuple[int, ...] = ()
        self.log = self.root / "daemon.log"

    def __enter__(self) -> Self:
        self.make_namespace()
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def make_namespace(self) -> None:
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self.inside("ip", "link", "set", "lo", "up")
        surround(self.inside)

    def __exit__(self, *_: object) -> None:
        self.close()

    def inside(self, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command in the daemon's network namespace."""
        options.setdefault("check", True)
        return subprocess.run(
            ["nsenter", f"--net=/run/netns/{self.name}", *command], text=True, **options
        )

    def start(self, *extra: str, environment: dict[str, str] | None = None) -> None:
        """Start (again) and wait until it answers."""
        self.launch(*extra, environment=environment)
        self.wait_ready()

    def launch(self, *extra: str, environment: dict[str, str] | None = None) -> None:
        command = [
            *self.prefix,
            "nsenter",
            f"--net=/run/netns/{self.name}",
            sys.executable,
            "-m",
            self.module,
            "--containerd=embedded",
            f"--data-root={self.root}/data",
            f"--exec-root={self.root}/exec",
            f"--host={self.host}",
            f"--config-file={self.root}/daemon.json",
            *self.arguments,
            *extra,
        ]
        config = self.root / "daemon.json"
        if not config.exists():
            config.write_text("{}")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONOPTIMIZE": "2", **(environment or {})},
                start_new_session=True,
                pass_fds=self.pass_fds,
            )

    def wait_ready(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(
                    f"the daemon exited with {self.process.returncode}:\n{self.tail()}"
                )
            try:
                if self.ready():
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise RuntimeError(f"the daemon does not answer:\n{self.tail()}")

    def ready(self) -> bool:
        """Has all of it come up? OSError when nobody listens."""
        return bool(json.loads(self.request("GET", "/_trimaran/health")[1])["started"])

    def tail(self, size: int = 6000) -> str:
        return self.log.read_text(errors="replace")[-size:] if self.log.exists() else ""

    def request(
        self,
        method: str,
        path: str,
        body: bytes | dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Status and body."""
        connection = UnixConnection(self.socket)
        sent = dict(headers or {})
        if isinstance(body, dict):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body=body, headers=sent)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def json(self, method: str, path: str, body: bytes | dict[str, Any] | None = None) -> Any:
        """The decoded answer; AssertionError with the message when the status is 400 or above."""
        status, answer = self.request(method, path, body)
        assert status < 400, f"{method} {path}: {status} {answer.decode(errors='replace')}"
        return json.loads(answer) if answer.strip() else None

    def docker(
        self,
        *arguments: str,
        input: bytes | None = None,
        check: bool = False,
        timeout: float = 120,
        environment: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the docker CLI against this daemon."""
        own = {k: v for k, v in os.environ.items() if not k.startswith("DOCKER_")}
        own |= {"DOCKER_HOST": self.host, "DOCKER_CONFIG": str(self.root / "cli")}
        done = subprocess.run(
            ["docker", *arguments],
            input=input,
            capture_output=True,
            env={**own, **(environment or {})},
            timeout=timeout,
            stdin=None if input is not None else subprocess.DEVNULL,
        )
        if check and done.returncode != 0:
            raise AssertionError(
                f"docker {' '.join(arguments)}: {done.returncode} {done.stderr.decode()}"
            )
        return done

    def load_busybox(self) -> None:
        """busybox:latest, made from the machine's own static busybox."""
        from tests.harness.images import busybox_tar

        self.json(
            "POST",
            "/images/create?fromSrc=-&repo=busybox&tag=latest&changes=CMD+%5B%22sh%22%5D",
            busybox_tar(),
        )

    def kill(self) -> None:
        """kill -9, and wait for the end of the daemon alone."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_LIMIT)

    def close(self) -> None:
        """Stop, end what was left behind, and remove the directories."""
        if self.process is not None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()
        groups = self._cgroups()
        for pid in [*processes_of(str(self.root)), *members_of(groups)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + 5
        while processes_of(str(self.root)) and time.monotonic() < deadline:
            time.sleep(0.05)
        # A group is busy until the last of the killed has gone.
        while not removed(groups) and time.monotonic() < deadline:
            time.sleep(0.05)
        for point in mounts_below(str(self.root)):
            subprocess.run(["umount", "-l", point], check=False, capture_output=True)
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)
        shutil.rmtree(self.root, ignore_errors=True)

    def _cgroups(self) -> list[str]:
        """All of this engine's, parents before their children."""
        try:
            engine = json.loads((self.root / "data" / "engine.json").read_text())["engine_id"]
        except (FileNotFoundError, ValueError):
            return []
        tops = Path("/sys/fs/cgroup").glob(f"*/trimaran-{engine}")
        return [path for top in tops for path, _, _ in os.walk(top)]


def removed(groups: list[str]) -> bool:
    for group in reversed(groups):
        with contextlib.suppress(OSError):
            os.rmdir(group)
    return not any(map(os.path.exists, groups))


def members_of(groups: list[str]) -> set[int]:
    found: set[int] = set()
    for group in groups:
        with contextlib.suppress(OSError):
            found |= {int(pid) for pid in (Path(group) / "cgroup.procs").read_text().split()}
    return found


def processes_of(path: str) -> list[int]:
    """The pids whose command line names a path below `path` (the daemon's containerd and shims)."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if path.encode() in command and b"pytest" not in command:
            found.append(int(entry.name))
    return found


def mounts_below(path: str) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [line.split()[4] for line in lines]
    return sorted((point for point in points if point.startswith(path)), reverse=True)


@contextmanager
def running_daemon(*arguments: str) -> Iterator[Daemon]:
    """A daemon with busybox:latest in it."""
    with Daemon(*arguments) as daemon:
        daemon.load_busybox()
        yield daemon
