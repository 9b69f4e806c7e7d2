"""The unmodified docker CLI on a managed plugin: a static volume driver, created, enabled, set, used, killed and removed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.daemon import Daemon
from tests.harness.managed import CONFIG, plugin_context
from tests.harness.plugins import plugin_daemon

pytestmark = [pytest.mark.client, pytest.mark.integration]

WAIT = 30.0


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    if os.geteuid() != 0 or shutil.which("docker") is None:
        pytest.skip("needs root, containerd, runc and the docker CLI")
    with plugin_daemon() as found:
        found.load_busybox()
        yield found


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for `docker plugin create`."""
    return plugin_context(tmp_path_factory.mktemp("managed"))


@pytest.fixture
def mini(daemon: Daemon, context: Path) -> Iterator[str]:
    """An enabled plugin."""
    daemon.docker("plugin", "create", "me/mini", str(context), check=True)
    daemon.docker("plugin", "enable", "me/mini", check=True)
    yield "me/mini"
    daemon.docker("plugin", "rm", "-f", "me/mini")


def refusal(daemon: Daemon, *arguments: str) -> str:
    done = daemon.docker(*arguments, timeout=60)
    assert done.returncode != 0, done.stdout.decode()
    return done.stderr.decode()


def inspect(daemon: Daemon, name: str) -> dict[str, Any]:
    (found,) = json.loads(daemon.docker("plugin", "inspect", name, check=True).stdout)
    return dict(found)


def pids(daemon: Daemon) -> list[int]:
    """The plugin's processes, by its cgroup."""
    engine = json.loads((daemon.root / "data/engine.json").read_text())["engine_id"]
    found: set[int] = set()
    for path in Path("/sys/fs/cgroup").glob(f"**/trimaran-{engine}/plugins/*/cgroup.procs"):
        found |= {int(each) for each in path.read_text().split()}
    return sorted(found)


def use(daemon: Daemon, text: str) -> None:
    run = ("run", "--rm", "--net", "none", "-v", "kept:/v", "busybox")
    daemon.docker(*run, "sh", "-c", f"echo {text} > /v/file", check=True)
    assert daemon.docker(*run, "cat", "/v/file", check=True).stdout.decode() == f"{text}\n"


def test_life_of_a_plugin(daemon: Daemon, context: Path) -> None:
    assert (
        b"me/mini" in daemon.docker("plugin", "create", "me/mini", str(context), check=True).stdout
    )
    assert "already exists" in refusal(daemon, "plugin", "create", "me/mini", str(context))
    listed = daemon.docker("plugin", "ls", "--format", "{{.Name}} {{.Enabled}}", check=True)
    assert listed.stdout == b"me/mini:latest false\n"
    assert "found but disabled" in refusal(daemon, "volume", "create", "-d", "me/mini", "kept")
    daemon.docker("plugin", "set", "me/mini", "FLAVOUR=vanilla", check=True)
    assert "not settable" in refusal(daemon, "plugin", "set", "me/mini", "FLAVOUR.name=x")
    assert "not found" in refusal(daemon, "plugin", "set", "me/mini", "NOTHING=x")
    daemon.docker("plugin", "enable", "me/mini", check=True)
    assert "already enabled" in refusal(daemon, "plugin", "enable", "me/mini")
    assert "disable plugin before setting" in refusal(
        daemon, "plugin", "set", "me/mini", "FLAVOUR=x"
    )
    found = inspect(daemon, "me/mini")
    assert (found["Enabled"], found["Settings"]["Env"]) == (True, ["FLAVOUR=vanilla"])
    assert found["Config"]["Interface"]["Types"] == ["docker.volumedriver/1.0"]

    daemon.docker("volume", "create", "-d", "me/mini", "kept", check=True)
    (volume,) = json.loads(daemon.docker("volume", "inspect", "kept", check=True).stdout)
    assert volume["Status"] == {"set": "vanilla"}
    use(daemon, "something")
    assert (Path(volume["Mountpoint"]) / "file").read_text() == "something\n"

    assert "is in use" in refusal(daemon, "plugin", "disable", "me/mini")
    assert "is enabled" in refusal(daemon, "plugin", "rm", "me/mini")
    daemon.docker("volume", "rm", "kept", check=True)
    daemon.docker("plugin", "disable", "me/mini", check=True)
    assert pids(daemon) == []
    daemon.docker("plugin", "rm", "me/mini", check=True)
    assert daemon.docker("plugin", "ls", "-q", check=True).stdout == b""
    assert 'plugin "me/mini" not found' in refusal(daemon, "plugin", "inspect", "me/mini")
    left = daemon.root / "data/plugins" / found["Id"]
    assert not left.exists()


def test_killed_plugin_comes_back_while_it_is_enabled(daemon: Daemon, mini: str) -> None:
    daemon.docker("volume", "create", "-d", mini, "kept", check=True)
    (pid,) = pids(daemon)
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + WAIT
    while not (now := pids(daemon)) or now == [pid]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    until_it_serves(daemon)
    use(daemon, "again")
    daemon.docker("volume", "rm", "kept", check=True)


def test_plugin_outlives_a_killed_daemon_and_is_restored_by_the_next(
    daemon: Daemon, mini: str
) -> None:
    daemon.docker("volume", "create", "-d", mini, "kept", check=True)
    before = pids(daemon)
    daemon.kill()
    daemon.start()
    assert pids(daemon) == before
    use(daemon, "after a kill")
    daemon.stop()
    assert pids(daemon) == []
    daemon.start()
    until_it_serves(daemon)
    use(daemon, "after a restart")
    daemon.docker("volume", "rm", "kept", check=True)


def test_archive_that_is_none_is_refused(daemon: Daemon, tmp_path: Path) -> None:
    status, body = daemon.request("POST", "/plugins/create?name=bad", b"no archive")
    assert (status, b"damaged" in body) == (400, True)
    (tmp_path / "rootfs").mkdir()
    (tmp_path / "config.json").write_text('{"entrypoint": ["/x"]}')
    assert "no interface" in refusal(daemon, "plugin", "create", "bad", str(tmp_path))
    assert daemon.docker("plugin", "ls", "-q", check=True).stdout == b""


def test_plugin_that_does_not_come_up_stays_disabled(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "rootfs").mkdir()
    (tmp_path / "config.json").write_text(json.dumps({**CONFIG, "entrypoint": ["/missing"]}))
    daemon.docker("plugin", "create", "lame", str(tmp_path), check=True)
    assert "plugin lame:latest" in refusal(daemon, "plugin", "enable", "--timeout", "2", "lame")
    assert not inspect(daemon, "lame")["Enabled"]
    daemon.docker("plugin", "rm", "lame", check=True)


def until_it_serves(daemon: Daemon) -> None:
    deadline = time.monotonic() + WAIT
    while daemon.docker("volume", "inspect", "kept").returncode != 0:
        assert time.monotonic() < deadline, daemon.tail()
        time.sleep(0.1)
