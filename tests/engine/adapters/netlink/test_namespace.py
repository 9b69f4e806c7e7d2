"""Namespaces bound to files, each test in a process that has mounts of its own."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.adapters.netlink import namespace
from engine.errors import Conflict, SystemFailure
from tests.integration.network_lab import in_lab, run

pytestmark = pytest.mark.integration


def in_thread(work: Callable[[], object]) -> None:
    """In one that ends right after; what it raises is raised here."""
    raised: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 (handed on)
            raised.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def make(path: str) -> None:
    def work() -> None:
        namespace.leave_for_new()
        namespace.bind(path)

    in_thread(work)


def inode(path: str) -> int:
    return os.stat(path).st_ino


@in_lab
async def test_namespace_lives_at_its_path_without_a_process() -> None:
    with tempfile.TemporaryDirectory() as root:
        path = f"{root}/netns/one"
        make(path)
        assert inode(path) != inode("/proc/self/ns/net")
        assert run("nsenter", f"--net={path}", "ip", "-o", "link").count("\n") == 1
        entered: list[int] = []
        in_thread(
            lambda: (namespace.leave_for(path), entered.append(inode("/proc/thread-self/ns/net")))
        )
        assert entered == [inode(path)]
        with namespace.current() as own:
            assert os.fstat(own.number).st_ino == inode("/proc/self/ns/net")
        with pytest.raises(Conflict, match="is bound to"):
            make(path)
        namespace.unbind(path)
        namespace.unbind(path)
        assert os.listdir(f"{root}/netns") == []


@in_lab
async def test_sweep_keeps_what_is_wanted_and_still_bound() -> None:
    with tempfile.TemporaryDirectory() as root:
        paths = {name: f"{root}/{name}" for name in ("kept", "stale", "rebooted", "default")}
        for name in ("kept", "stale"):
            make(paths[name])
        run("touch", paths["rebooted"], paths["default"])
        live = namespace.sweep(Path(root), {paths["kept"], paths["rebooted"]})
        assert live == {paths["kept"]}
        assert sorted(os.listdir(root)) == ["default", "kept"]
        namespace.unbind(paths["kept"])


async def test_path_that_is_no_namespace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemFailure, match="no such file or directory"):
        in_thread(lambda: namespace.leave_for(str(tmp_path / "nosuch")))
    (tmp_path / "file").touch()
    with pytest.raises(SystemFailure, match="enter network namespace"):
        in_thread(lambda: namespace.leave_for(str(tmp_path / "file")))
    assert namespace.sweep(tmp_path / "nosuch", ()) == frozenset()
