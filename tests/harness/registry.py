"""The real docker-registry inside a test daemon's network namespace: plain, with TLS, with a password."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from typing import Self

import pytest

from tests.harness.daemon import Daemon

START_LIMIT = 10.0
USER, PASSWORD = "alice", "secret"
# bcrypt of the password, at the lowest cost.
HTPASSWD = f"{USER}:$2b$04$YU6DyR3FsRuq1kUKsHeLDOpG8tBL68GnR7VETD9tle/kpUEKoTlXG\n"


def need(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


class Registry:
    """`with Registry(daemon) as registry:`; `registry.host` is what image names begin with."""

    def __init__(
        self,
        daemon: Daemon,
        address: str = "127.0.0.1",
        port: int = 5000,
        *,
        tls: bool = False,
        password: bool = False,
        storage: Path | None = None,
    ) -> None:
        need("docker-registry", *(["openssl"] if tls else []))
        self.daemon = daemon
        self.address = address
        self.host = f"{address}:{port}"
        self.root = daemon.root / f"registry-{address}-{port}"
        self.storage = storage or self.root / "data"
        self.tls = tls
        self.password = password
        self.log = self.root / "log"

    def __enter__(self) -> Self:
        self.root.mkdir(exist_ok=True)
        if self.tls:
            self._certificate()
        config = self.root / "config.yml"
        config.write_text(self._config())
        self.daemon.inside("ip", "addr", "replace", f"{self.address}/32", "dev", "lo")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{self.daemon.name}", "docker-registry", "serve", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"OTEL_TRACES_EXPORTER": "none"},
            )  # fmt: skip
        try:
            self._wait()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def certificate(self) -> Path:
        return self.root / "cert.pem"

    def skopeo(self, *arguments: str) -> bytes:
        """Run skopeo in the same namespace; AssertionError with its words when it fails."""
        need("skopeo")
        done = subprocess.run(
            ["nsenter", f"--net=/run/netns/{self.daemon.name}", "skopeo", *arguments],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def requests(self) -> str:
        """The access log so far."""
        return self.log.read_text(errors="replace")

    def _wait(self) -> None:
        deadline = time.monotonic() + START_LIMIT
        while "listening on" not in self.requests():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"docker-registry did not start:\n{self.requests()}")
            time.sleep(0.02)

    def _certificate(self) -> None:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
             "-subj", "/CN=registry", "-addext", f"subjectAltName=IP:{self.address}",
             "-keyout", str(self.root / "key.pem"), "-out", str(self.certificate)],
            check=True,
            capture_output=True,
            timeout=30,
        )  # fmt: skip

    def _config(self) -> str:
        lines = [
            "version: 0.1",
            "log: {level: info}",
            f"storage: {{filesystem: {{rootdirectory: {self.storage}}}, delete: {{enabled: true}}}}",
        ]
        tls = ""
        if self.tls:
            tls = f", tls: {{certificate: {self.certificate}, key: {self.root}/key.pem}}"
        if self.password:
            (self.root / "htpasswd").write_text(HTPASSWD)
            lines.append(f"auth: {{htpasswd: {{realm: r, path: {self.root}/htpasswd}}}}")
        lines.append(f'http: {{addr: "{self.host}"{tls}}}')
        return "\n".join(lines) + "\n"
