"""The two engines: each in its own network namespace and scratch directories, its runtime files on a tmpfs."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from bench.memory import resident_mb
from tests.harness.daemon import Daemon

CLI_LIMIT = 300.0
DOCKERD_PATHS = ("/usr/sbin", "/usr/bin", "/usr/local/bin")


def dockerd_program() -> str | None:
    return shutil.which("dockerd", path=os.pathsep.join(DOCKERD_PATHS))


class Contestant(Daemon):
    """A daemon with what is measured of it from outside. As installed, runtime files are on a tmpfs."""

    label = "Trimaran"

    def __init__(self, *arguments: str, environment: dict[str, str] | None = None) -> None:
        super().__init__(*arguments)
        self.environment = environment or {}
        (self.root / "exec").mkdir()
        options = ["-t", "tmpfs", "-o", "mode=711", "tmpfs", f"{self.root}/exec"]
        subprocess.run(["mount", *options], check=True)

    def start(self, *extra: str, environment: dict[str, str] | None = None) -> None:
        super().start(*extra, environment={**self.environment, **(environment or {})})

    def ready(self) -> bool:
        """What any client can ask either engine."""
        return self.request("GET", "/_ping")[0] == 200

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def resident_mb(self) -> float:
        return resident_mb(self.pid)

    def containerd_pid(self) -> int:
        """Of the containerd that this daemon has started."""
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    command = (entry / "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                ours = str(self.root).encode() in b"\0".join(command)
                if ours and Path(os.fsdecode(command[0])).name == "containerd":
                    return int(entry.name)
        raise AssertionError("no containerd")

    def cli(self, *arguments: str) -> float:
        """Run the docker CLI, its output thrown away; how long it took in milliseconds."""
        before = time.perf_counter()
        self.ended(self.spawn(*arguments))
        return (time.perf_counter() - before) * 1000

    def spawn(self, *arguments: str) -> subprocess.Popen[bytes]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DOCKER_")}
        environment |= {"DOCKER_HOST": self.host, "DOCKER_CONFIG": str(self.root / "cli")}
        return subprocess.Popen(
            ["docker", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def ended(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for a CLI; AssertionError when it failed."""
        _, error = process.communicate(timeout=CLI_LIMIT)
        assert process.returncode == 0, f"{process.args!r} on {self.label}: {error.decode()}"


class Dockerd(Contestant):
    """The machine's own dockerd, with its defaults."""

    label = "dockerd"

    def start(self, *extra: str, environment: dict[str, str] | None = None) -> None:
        program = dockerd_program()
        assert program is not None
        command = [
            "nsenter",
            f"--net=/run/netns/{self.name}",
            program,
            f"--data-root={self.root}/data",
            f"--exec-root={self.root}/exec",
            f"--pidfile={self.root}/docker.pid",
            f"--host={self.host}",
            *self.arguments,
            *extra,
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        self.wait_ready()
