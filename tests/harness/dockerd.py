"""A dockerd of the test's own beside a trimaran daemon, in the same network namespace."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from tests.harness.daemon import Daemon, mounts_below, processes_of
from tests.harness.images import busybox_tar

START_LIMIT = 30.0


class Dockerd:
    """Its containers outlive its restarts; its containerd is its own child."""

    def __init__(self, beside: Daemon) -> None:
        self.beside = beside
        self.root = beside.root.with_name(beside.root.name + "-dockerd")
        self.root.mkdir()
        self.host = f"unix://{self.root}/docker.sock"
        self.containerd = str(self.root / "exec/containerd/containerd.sock")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.root / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    "nsenter",
                    f"--net=/run/netns/{self.beside.name}",
                    "dockerd",
                    "--live-restore",
                    f"--data-root={self.root}/data",
                    f"--exec-root={self.root}/exec",
                    f"--pidfile={self.root}/pid",
                    f"--host={self.host}",
                    f"--cgroup-parent=/dockerd-{self.beside.name}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_LIMIT
        while self.docker("version").returncode:
            assert time.monotonic() < deadline, (self.root / "log").read_text()[-3000:]
            time.sleep(0.1)

    def load_busybox(self) -> None:
        self.docker("import", "-c", 'CMD ["sh"]', "-", "busybox", input=busybox_tar(), check=True)

    def docker(
        self, *arguments: str, input: bytes | None = None, check: bool = False
    ) -> subprocess.CompletedProcess[bytes]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DOCKER_")}
        done = subprocess.run(
            ["docker", "-H", self.host, *arguments],
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            env=environment,
            timeout=60,
        )
        if check:
            assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr!r}"
        return done

    def stop(self) -> None:
        """Its containers stay."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(60)
            self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        try:
            ids = self.docker("ps", "-aq").stdout.decode().split()
            if ids:
                self.docker("rm", "-f", *ids)
            self.stop()
        finally:
            for pid in processes_of(str(self.root)):
                os.kill(pid, signal.SIGKILL)
            for point in mounts_below(str(self.root)):
                subprocess.run(["umount", "-l", point], check=False, capture_output=True)
            shutil.rmtree(self.root, ignore_errors=True)
            for top in Path("/sys/fs/cgroup").glob(f"*/dockerd-{self.beside.name}"):
                top.rmdir()

    def rules(self) -> list[str]:
        """Its firewall, without the counters, and without rules that carry another engine's mark."""
        done = self.beside.inside("iptables-save", capture_output=True)
        lines = [re.sub(r"\[\d+:\d+\]", "", line) for line in done.stdout.splitlines()]
        return [line for line in lines if "trimaran:" not in line and not line.startswith("#")]

    def marked(self) -> list[str]:
        done = self.beside.inside("iptables-save", capture_output=True)
        return [line for line in done.stdout.splitlines() if "trimaran:" in line]
