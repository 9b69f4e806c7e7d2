"""kill -9 before and after each effect of installing, upgrading, enabling, disabling and removing a managed plugin.

The plugin is then as it was or as it was to be, it works, and nothing else of it is left. A few points here; `just torture`
takes all of them.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.crashed import CrashingDaemon
from tests.harness.managed import until_nothing_is_stored
from tests.harness.plugin_lab import PluginLab, State
from tests.harness.registry import Registry, need

pytestmark = pytest.mark.integration


class Lab(PluginLab):
    """With crash points."""

    def __init__(self, daemon: CrashingDaemon, registry: Registry, place: Path) -> None:
        super().__init__(daemon, registry, place)
        self.crashing = daemon

    def points(self, operation: str) -> tuple[list[tuple[str, str, int]], State]:
        """Each effect of an undisturbed run, with its number, and the state that it leads to."""
        prepare, method, path = self.operations[operation]
        prepare()
        self.crashing.forget()
        assert self.ask(method, path), operation
        seen = Counter[str]()
        found = []
        for effect in self.crashing.effects():
            seen[effect] += 1
            found += [(effect, when, seen[effect]) for when in ("before", "after")]
        return found, self.state()

    def crash(self, operation: str, point: tuple[str, str, int], after: State) -> bool:
        """Whether it came to the crash."""
        prepare, method, path = self.operations[operation]
        prepare()
        before = self.state()
        self.crashing.arm(*point)
        done = self.ask(method, path)
        crashed = self.crashing.crashed(2.0)
        self.crashing.start_again() if crashed else self.crashing.disarm()
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
