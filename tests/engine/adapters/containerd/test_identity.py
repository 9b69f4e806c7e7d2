from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from engine.adapters.containerd import identity
from engine.adapters.containerd.identity import Identity, Watched

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print(flush=True); time.sleep(60)",
]


def test_process_is_known_again_by_its_start_time() -> None:
    me = identity.identify(os.getpid())
    assert me is not None
    assert me.is_alive()
    assert not Identity(me.pid, me.start_time + 1, me.boot_id).is_alive()
    assert not Identity(me.pid, me.start_time, "another boot").is_alive()


def test_zombie_is_not_alive() -> None:
    with subprocess.Popen(["true"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert identity.identify(child.pid) is None


def test_pid_file_is_read_back_and_nonsense_is_none(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    assert identity.read(path) is None
    identity.write(path, Identity(1, 2, "b"))
    assert identity.read(path) == Identity(1, 2, "b")
    path.write_text("12\n")
    assert identity.read(path) is None


def test_own_mount_namespace_is_shared() -> None:
    assert identity.shares_mount_namespace(os.getpid())


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(SLEEPER) as child:
        yield child


@pytest.fixture
def deaf() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(DEAF, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        yield child


async def end(child: subprocess.Popen[bytes], grace: float) -> Identity:
    found = identity.identify(child.pid)
    assert found is not None
    watched = Watched(found)
    with trio.fail_after(10):
        await watched.terminate(grace)
    watched.close()
    return found


async def test_watched_process_is_ended_by_sigterm(sleeper: subprocess.Popen[bytes]) -> None:
    found = await end(sleeper, 5)
    assert sleeper.wait() == -signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        Watched(found)


async def test_process_deaf_to_sigterm_is_killed_after_the_grace(
    deaf: subprocess.Popen[bytes],
) -> None:
    await end(deaf, 0.05)
    assert deaf.wait() == -signal.SIGKILL
