"""Example plugins as processes, and a daemon that looks for plugins in its own directories."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.harness.daemon import ROOT, Daemon

LIMIT = 20.0


class ExamplePlugin:
    """A running tests.harness.plugin. `directory` outlives it."""

    def __init__(self, sockets: Path, name: str, *kinds: str, namespace: str = "") -> None:
        """`namespace` is the name of the network namespace that it runs in."""
        self.prefix = ["nsenter", f"--net=/run/netns/{namespace}"] if namespace else []
        self.name = name
        self.kinds = kinds
        self.socket = sockets / f"{name}.sock"
        self.directory = sockets.parent / f"plugin-{name}"
        self.directory.mkdir(parents=True, exist_ok=True)
        sockets.mkdir(parents=True, exist_ok=True)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [*self.prefix, sys.executable, "-m", "tests.harness.plugin"]
        self.process = subprocess.Popen(
            [*command, str(self.directory), str(self.socket), *self.kinds],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + LIMIT
        while True:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(self.socket))
                return
            assert time.monotonic() < deadline, "the example plugin does not come up"
            time.sleep(0.02)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def mode(self, text: str) -> None:
        (self.directory / "mode").write_text(text)

    def deny(self, **rule: str) -> None:
        (self.directory / "deny").write_text(json.dumps(rule))

    def allow(self) -> None:
        (self.directory / "deny").unlink(missing_ok=True)

    def networks(self) -> dict[str, Any]:
        """What it has: networks, endpoints, pools with the addresses taken."""
        with contextlib.suppress(FileNotFoundError):
            found: dict[str, Any] = json.loads((self.directory / "networks.json").read_text())
            return found
        return {"networks": {}, "endpoints": {}, "pools": {}}

    def asked(self, *methods: str) -> list[dict[str, Any]]:
        """The bodies of the calls of these methods, in order."""
        with contextlib.suppress(FileNotFoundError):
            lines = (self.directory / "asked").read_text().splitlines()
            return [body for method, body in map(json.loads, lines) if method in methods]
        return []


@contextlib.contextmanager
def plugin(sockets: Path, name: str, *kinds: str, namespace: str = "") -> Iterator[ExamplePlugin]:
    found = ExamplePlugin(sockets, name, *kinds, namespace=namespace)
    found.start()
    try:
        yield found
    finally:
        found.kill()


def plugin_daemon(*arguments: str) -> Daemon:
    """Not started yet; plugins are looked for in `sockets_of` alone."""
    daemon = Daemon(*arguments)
    places = (f"--plugin-sockets={sockets_of(daemon)}", f"--plugin-specs={daemon.root}/specs")
    daemon.arguments += places
    return daemon


def sockets_of(daemon: Daemon) -> Path:
    return daemon.root / "plugins"


def breaker(daemon: Daemon, name: str) -> dict[str, Any] | None:
    """What the status tree says of a plugin."""
    told = daemon.json("GET", "/_trimaran/status")["plugins"]
    return next((each for each in told if each["name"] == name), None)
