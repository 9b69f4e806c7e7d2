"""A daemon, a registry with two versions of a managed plugin, and what can be done with it, to be disturbed by tests."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from pathlib import Path

from tests.harness.daemon import Daemon
from tests.harness.managed import CONFIG, plugin_context
from tests.harness.registry import Registry

GRANTED = [
    {"Name": "network", "Value": ["none"]},
    {"Name": "capabilities", "Value": ["CAP_SYS_ADMIN"]},
]
NAME = "mini:latest"
State = dict[str, tuple[bool, str]]
"""Of each plugin by its name: whether it is enabled, and where it came from."""


class PluginLab:
    """`operations` are what prepares one, its method and path."""

    def __init__(self, daemon: Daemon, registry: Registry, place: Path) -> None:
        self.daemon = daemon
        context = plugin_context(place)
        self.versions = tuple(f"{registry.host}/mini:{n}" for n in (1, 2))
        for version in self.versions:
            daemon.docker("plugin", "create", version, str(context), check=True)
            daemon.docker("plugin", "push", version, check=True)
            daemon.docker("plugin", "rm", version, check=True)
            (context / "rootfs/version").write_text(version)
            (context / "config.json").write_text(json.dumps({**CONFIG, "description": "second"}))
        first, second = self.versions
        self.operations: dict[str, tuple[Callable[[], None], str, str]] = {
            "pull": (self.clear, "POST", f"/plugins/pull?remote={first}&name=mini"),
            "upgrade": (self.installed, "POST", f"/plugins/mini/upgrade?remote={second}"),
            "enable": (self.installed, "POST", "/plugins/mini/enable?timeout=10"),
            "disable": (self.enabled, "POST", "/plugins/mini/disable"),
            "remove": (self.installed, "DELETE", "/plugins/mini"),
        }

    def ask(self, method: str, path: str) -> bool:
        """Whether success was told."""
        try:
            status, body = self.daemon.request(method, path, json.dumps(GRANTED).encode())
        except (OSError, http.client.HTTPException):
            return False
        return status < 300 and b'"error"' not in body

    def clear(self) -> None:
        self.daemon.docker("plugin", "rm", "-f", "mini")
        assert self.state() == {}

    def installed(self) -> None:
        self.clear()
        _, method, path = self.operations["pull"]
        assert self.ask(method, path)

    def enabled(self) -> None:
        self.installed()
        assert self.ask("POST", "/plugins/mini/enable?timeout=10")

    def state(self) -> State:
        found = self.daemon.json("GET", "/plugins")
        return {each["Name"]: (each["Enabled"], each["PluginReference"]) for each in found}

    def check(self, state: State) -> None:
        """It can be used, and is the version that it says."""
        for enabled, reference in state.values():
            if not enabled:
                assert self.ask("POST", "/plugins/mini/enable?timeout=10"), self.daemon.tail()
            ((found),) = self.daemon.json("GET", "/plugins")
            root = self.daemon.root / "data/plugins" / found["Id"] / "rootfs"
            assert (root / "version").exists() == (reference == self.versions[1])
            assert self.ask("POST", "/plugins/mini/disable")
