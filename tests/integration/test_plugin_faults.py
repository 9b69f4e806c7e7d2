"""An exception in the nth await of the service of managed plugins, in each operation: it restarts, and the plugin is whole."""

from __future__ import annotations

import itertools
import os
import shutil
import time
from collections.abc import Iterator

import pytest

from tests.harness.faulting import FaultyDaemon
from tests.harness.managed import until_nothing_is_stored
from tests.harness.plugin_lab import PluginLab
from tests.harness.registry import Registry, need

pytestmark = [pytest.mark.integration, pytest.mark.torture]

LIMIT = 20.0
MOST = 300


@pytest.fixture(scope="module")
def daemon() -> Iterator[FaultyDaemon]:
    if os.geteuid() != 0 or shutil.which("docker") is None:
        pytest.skip("needs root, containerd, runc and the docker CLI")
    need("docker-registry")
    with FaultyDaemon() as found:
        yield found


@pytest.fixture(scope="module")
def lab(daemon: FaultyDaemon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PluginLab]:
    with Registry(daemon) as registry:
        yield PluginLab(daemon, registry, tmp_path_factory.mktemp("faults"))


def until_it_runs(daemon: FaultyDaemon) -> None:
    deadline = time.monotonic() + LIMIT
    while daemon.states()["root/managed"] != "running":
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("operation", ["pull", "upgrade", "enable", "disable", "remove"])
def test_fault_at_every_await(daemon: FaultyDaemon, lab: PluginLab, operation: str) -> None:
    prepare, method, path = lab.operations[operation]
    prepare()
    assert lab.ask(method, path)
    after = lab.state()
    for n in itertools.count(1):
        prepare()
        before = lab.state()
        daemon.arm("root/managed", n)
        done = lab.ask(method, path)
        hit = daemon.disarm()
        until_it_runs(daemon)
        found = lab.state()
        try:
            assert found == after or (found == before and not done), (found, before, done)
            lab.check(found)
        except AssertionError as error:
            error.add_note(f"{operation}, await {n}: {hit.where}")
            raise
        if hit.where is None:
            assert done
            break
        assert n < MOST
    print(f"{operation}: {n - 1} awaits")
    lab.clear()
    daemon.stop()
    daemon.start()
    until_nothing_is_stored(daemon)
