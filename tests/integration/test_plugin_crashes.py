"""kill -9 before and after each effect of installing, upgrading, enabling, disabling and removing a managed plugin.

The plugin is then as it was or as it was to be, it works, and nothing else of it is left. A few points here; `just torture`
takes all of them.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.harness.crashed import CrashingDaemon
from tests.harness.managed import CONFIG, plugin_context, until_nothing_is_stored
from tests.harness.registry import Registry, need

pytestmark = pytest.mark.integration

GRANTED = [
    {"Name": "network", "Value": ["none"]},
    {"Name": "capabilities", "Value": ["CAP_SYS_ADMIN"]},
]
NAME = "mini:latest"
State = dict[str, tuple[bool, str]]
"""Of each plugin by its name: whether it is enabled, and where it came from."""


class Lab:
    """A daemon, and a registry with two versions of a plugin."""

    def __init__(self, daemon: CrashingDaemon, registry: Registry, place: Any) -> None:
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

    def points(self, operation: str) -> tuple[list[tuple[str, str, int]], State]:
        """Each effect of an undisturbed run, with its number, and the state that it leads to."""
        prepare, method, path = self.operations[operation]
        prepare()
        self.daemon.forget()
        assert self.ask(method, path), operation
        seen = Counter[str]()
        found = []
        for effect in self.daemon.effects():
            seen[effect] += 1
            found += [(effect, when, seen[effect]) for when in ("before", "after")]
        return found, self.state()

    def crash(self, operation: str, point: tuple[str, str, int], after: State) -> bool:
        """Whether it came to the crash."""
        prepare, method, path = self.operations[operation]
        prepare()
        before = self.state()
        self.daemon.arm(*point)
        done = self.ask(method, path)
        crashed = self.daemon.crashed(2.0)
        self.daemon.start_again() if crashed else self.daemon.disarm()
        found = self.state()
        try:
            assert found == after or (found == before and not done), (found, before, done)
            self.check(found)
            self.clear()
            until_nothing_is_stored(self.daemon)
            assert os.listdir(self.daemon.root / "data/plugins") == []
        except AssertionError as error:
            error.add_note(f"{operation}, killed at {point}")
            raise
        return crashed

    def check(self, state: State) -> None:
        """It can be used, and is the version that it says."""
        for enabled, reference in state.values():
            if not enabled:
                assert self.ask("POST", "/plugins/mini/enable?timeout=10"), self.daemon.tail()
            ((found),) = self.daemon.json("GET", "/plugins")
            root = self.daemon.root / "data/plugins" / found["Id"] / "rootfs"
            assert (root / "version").exists() == (reference == self.versions[1])
            assert self.ask("POST", "/plugins/mini/disable")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    if os.geteuid() != 0 or shutil.which("docker") is None:
        pytest.skip("needs root, containerd, runc and the docker CLI")
    need("docker-registry")
    with CrashingDaemon() as daemon, Registry(daemon) as registry:
        yield Lab(daemon, registry, tmp_path_factory.mktemp("crashes"))


@pytest.mark.parametrize(
    ("operation", "point"),
    [
        ("pull", ("commit record", "before", 1)),
        ("upgrade", ("commit record", "after", 1)),
        ("remove", ("snapshots.remove", "after", 1)),
    ],
)
def test_killed_at_one_point(lab: Lab, operation: str, point: tuple[str, str, int]) -> None:
    points, after = lab.points(operation)
    assert point in points, points
    assert lab.crash(operation, point, after)


@pytest.mark.torture
@pytest.mark.parametrize("operation", ["pull", "upgrade", "enable", "disable", "remove"])
def test_killed_at_each_point(lab: Lab, operation: str) -> None:
    points, after = lab.points(operation)
    crashed = [lab.crash(operation, point, after) for point in points]
    print(f"{operation}: {sum(crashed)} of {len(points)} points")
    assert sum(crashed) > len(points) / 2
