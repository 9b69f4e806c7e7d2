"""Finding and ending what is left of a container; with root, shims and cgroups too (see tests.integration.test_torture)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from engine.adapters.host.leftovers import TASKS, HostLeftovers

ID, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def leftovers(tmp_path: Path) -> HostLeftovers:
    return HostLeftovers(
        data_root=tmp_path / "data",
        exec_root=tmp_path / "exec",
        cgroup="/trimaran-of-no-engine",
        address=str(tmp_path / "containerd.sock"),
        namespace="ours",
        embedded=True,
    )


def bundle(root: Path, container_id: str, namespace: str = "ours") -> Path:
    path = root / "containerd" / TASKS / namespace / container_id
    (path / "rootfs").mkdir(parents=True)
    return path


async def test_runtime_state_and_bundles_are_found(
    tmp_path: Path, leftovers: HostLeftovers
) -> None:
    (tmp_path / "exec" / "runc" / "ours" / ID).mkdir(parents=True)
    (tmp_path / "exec" / "runc" / "ours" / "notes").mkdir()
    bundle(tmp_path / "data", OTHER)
    bundle(tmp_path / "data", "c" * 64, namespace="theirs")
    assert await leftovers.find() == {ID, OTHER}


async def test_what_is_removed_is_gone_and_the_rest_stays(
    tmp_path: Path, leftovers: HostLeftovers
) -> None:
    mine = [bundle(tmp_path / "data", ID), bundle(tmp_path / "exec", ID)]
    state = tmp_path / "exec" / "runc" / "ours" / ID
    state.mkdir(parents=True)
    bundle(tmp_path / "exec", OTHER)
    await leftovers.remove(ID)
    await leftovers.remove(ID)
    assert not any(each.exists() for each in [*mine, state])
    assert await leftovers.find() == {OTHER}


async def test_commands_of_the_runtime_on_it_are_ended(
    tmp_path: Path, leftovers: HostLeftovers
) -> None:
    def command(*words: str) -> subprocess.Popen[bytes]:
        # The sleep must not be the shell itself, which would lose the words.
        return subprocess.Popen(["sh", "-c", "sleep 60; :", *words])

    runc = str(tmp_path / "exec" / "runc" / "ours")
    ours, theirs = command("--root", runc, ID), command("--root", "/run/runc", ID)
    try:
        await leftovers.remove(ID)
        assert ours.wait(5) < 0
        assert theirs.poll() is None
    finally:
        for each in (ours, theirs):
            each.kill()
            each.wait()


@pytest.mark.parametrize("name", ["", "..", "notes", "A" * 64])
async def test_what_is_no_container_id_is_let_alone(
    tmp_path: Path, leftovers: HostLeftovers, name: str
) -> None:
    path = bundle(tmp_path / "exec", "notes")
    await leftovers.remove(name)
    assert path.exists()
