"""The unmodified docker CLI on volumes of a plugin, and on plugins that are dead, silent, or talk nonsense."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.daemon import Daemon
from tests.harness.plugins import ExamplePlugin, breaker, plugin, plugin_daemon, sockets_of

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
def keeper(daemon: Daemon) -> Iterator[ExamplePlugin]:
    with plugin(sockets_of(daemon), "keeper", "VolumeDriver") as found:
        yield found


@pytest.fixture(autouse=True)
def healthy(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "keeper" in request.fixturenames:
        request.getfixturevalue("keeper").mode("")


def refusal(daemon: Daemon, *arguments: str) -> str:
    done = daemon.docker(*arguments, timeout=60)
    assert done.returncode != 0, done.stdout.decode()
    return done.stderr.decode()


def test_volume_of_a_plugin_is_made_used_shown_and_removed(
    daemon: Daemon, keeper: ExamplePlugin
) -> None:
    daemon.docker("volume", "create", "-d", "keeper", "-o", "size=3", "first", check=True)
    assert keeper.asked("VolumeDriver.Create")[-1] == {"Name": "first", "Opts": {"size": "3"}}
    (found,) = json.loads(daemon.docker("volume", "inspect", "first", check=True).stdout)
    assert (found["Driver"], found["Scope"]) == ("keeper", "global")
    assert found["Status"] == {"kept": "here"}
    assert found["Mountpoint"] == str(keeper.directory / "volumes" / "first")
    run = ("run", "--rm", "--net", "none", "-v", "first:/v", "busybox")
    daemon.docker(*run, "sh", "-c", "echo kept > /v/file", check=True)
    assert (keeper.directory / "volumes/first/file").read_text() == "kept\n"
    assert daemon.docker(*run, "cat", "/v/file", check=True).stdout == b"kept\n"
    mounts, unmounts = keeper.asked("VolumeDriver.Mount"), keeper.asked("VolumeDriver.Unmount")
    assert mounts == unmounts
    assert len(mounts) >= 2
    assert "keeper" in daemon.json("GET", "/info")["Plugins"]["Volume"]
    daemon.docker("volume", "rm", "first", check=True)
    assert not (keeper.directory / "volumes" / "first").exists()
    assert "no such volume" in refusal(daemon, "volume", "inspect", "first")


def test_run_makes_the_volume_and_refuses_its_removal_while_used(
    daemon: Daemon, keeper: ExamplePlugin
) -> None:
    run = ("run", "-d", "--name", "holder", "--net", "none", "--volume-driver", "keeper")
    daemon.docker(*run, "-v", "second:/v", "busybox", "sleep", "600", check=True)
    assert (keeper.directory / "volumes" / "second").is_dir()
    assert "volume is in use" in refusal(daemon, "volume", "rm", "second")
    daemon.docker("exec", "holder", "sh", "-c", "echo x > /v/f", check=True)
    copied = daemon.docker("cp", "holder:/v/f", "-", check=True).stdout
    assert b"f\0" in copied
    daemon.docker("rm", "-f", "holder", check=True)
    stopped = daemon.docker(
        "create", "--name", "still", "-v", "second:/v", "busybox", "true", check=True
    )
    assert stopped.stdout
    assert b"x\n" in daemon.docker("cp", "still:/v/f", "-", check=True).stdout
    daemon.docker("rm", "still", check=True)
    daemon.docker("volume", "rm", "second", check=True)


def test_plugins_own_error_and_missing_plugins_have_dockerds_words(
    daemon: Daemon, keeper: ExamplePlugin
) -> None:
    text = refusal(daemon, "volume", "create", "-d", "keeper", "-o", "fail=disk is full", "third")
    assert "create third: disk is full" in text
    assert "third" not in daemon.docker("volume", "ls", "-q").stdout.decode()
    text = refusal(daemon, "volume", "create", "-d", "nobody", "third")
    assert 'error looking up volume plugin nobody: plugin "nobody" not found' in text


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        ("garbage", "no JSON"),
        ("huge", "larger than"),
        ("control", "bad [31m thing next"),
        ("die", "connection ended"),
    ],
)
def test_plugin_that_talks_nonsense_is_told_by_its_name(
    daemon: Daemon, keeper: ExamplePlugin, mode: str, text: str
) -> None:
    keeper.mode(mode)
    found = refusal(daemon, "volume", "create", "-d", "keeper", f"odd-{mode}")
    assert text in found
    assert mode == "control" or "keeper" in found
    assert not any(ord(each) < 32 for each in found.strip().replace("\n", ""))
    assert f"odd-{mode}" not in daemon.docker("volume", "ls", "-q").stdout.decode()
    keeper.mode("")
    if mode == "die":
        assert keeper.process is not None
        keeper.process.wait()
        keeper.start()
    until_it_answers(daemon, "keeper")
    daemon.docker("volume", "create", "-d", "keeper", f"odd-{mode}", check=True)
    daemon.docker("volume", "rm", f"odd-{mode}", check=True)


def until_it_answers(daemon: Daemon, name: str) -> None:
    deadline = time.monotonic() + WAIT
    while (found := breaker(daemon, name)) is not None and found["breaker"] == "open":
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def test_container_waits_for_its_plugin_and_starts_when_it_appears(daemon: Daemon) -> None:
    sockets = sockets_of(daemon)
    late = ExamplePlugin(sockets, "late", "VolumeDriver")
    late.start()
    daemon.docker("volume", "create", "-d", "late", "slow", check=True)
    late.kill()
    options = ("--restart", "always", "--name", "waiter", "--net", "none", "-v", "slow:/v:nocopy")
    daemon.docker("create", *options, "busybox", "sleep", "600", check=True)
    assert "late" in refusal(daemon, "start", "waiter")
    late.start()
    try:
        deadline = time.monotonic() + WAIT
        while daemon.json("GET", "/containers/waiter/json")["State"]["Status"] != "running":
            assert time.monotonic() < deadline
            time.sleep(0.2)
        daemon.docker("rm", "-f", "waiter", check=True)
        daemon.docker("volume", "rm", "slow", check=True)
    finally:
        late.kill()


def test_plugin_killed_while_its_volume_is_used_is_in_nobodys_way(daemon: Daemon) -> None:
    frail = ExamplePlugin(sockets_of(daemon), "frail", "VolumeDriver")
    frail.start()
    options = ("--name", "user", "--net", "none", "--volume-driver", "frail", "-v", "data:/v")
    daemon.docker("run", "-d", *options, "busybox", "sleep", "600", check=True)
    before = len(frail.asked("VolumeDriver.Unmount"))
    frail.kill()
    daemon.docker("exec", "user", "touch", "/v/more", check=True)
    daemon.docker("rm", "-f", "user", check=True)
    assert len(frail.asked("VolumeDriver.Unmount")) == before
    assert "frail" in refusal(daemon, "volume", "rm", "data")
    told = breaker(daemon, "frail")
    assert told is not None
    assert told["breaker"] == "open"
    frail.start()
    try:
        deadline = time.monotonic() + WAIT
        while len(frail.asked("VolumeDriver.Unmount")) == before:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        until_it_answers(daemon, "frail")
        daemon.docker("volume", "rm", "data", check=True)
    finally:
        frail.kill()


def test_slow_mount_is_waited_for_while_the_plugin_lives(
    daemon: Daemon, keeper: ExamplePlugin
) -> None:
    daemon.docker("volume", "create", "-d", "keeper", "patient", check=True)
    keeper.mode("slow-mount")
    run = ("run", "--rm", "--net", "none", "-v", "patient:/v", "busybox", "true")
    daemon.docker(*run, check=True)
    daemon.docker("volume", "rm", "patient", check=True)


def test_daemon_killed_while_a_plugin_mounts_leaves_no_mount(
    daemon: Daemon, keeper: ExamplePlugin
) -> None:
    daemon.docker("volume", "create", "-d", "keeper", "cut", check=True)
    options = ("--name", "victim", "--net", "none", "-v", "cut:/v", "busybox", "true")
    daemon.docker("create", *options, check=True)
    before = len(keeper.asked("VolumeDriver.Mount"))
    keeper.mode("slow-mount")
    start = threading.Thread(target=lambda: daemon.docker("start", "victim"))
    start.start()
    deadline = time.monotonic() + WAIT
    while len(keeper.asked("VolumeDriver.Mount")) == before:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    mounted = keeper.asked("VolumeDriver.Mount")[-1]
    daemon.kill()
    start.join()
    keeper.mode("")
    daemon.start()
    deadline = time.monotonic() + WAIT
    while keeper.asked("VolumeDriver.Unmount").count(mounted) < keeper.asked(
        "VolumeDriver.Mount"
    ).count(mounted):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    daemon.docker("start", "-a", "victim", check=True)
    daemon.docker("rm", "victim", check=True)
    daemon.docker("volume", "rm", "cut", check=True)


def test_dead_and_silent_plugins_cost_only_those_who_name_them(daemon: Daemon) -> None:
    sockets = sockets_of(daemon)
    daemon.stop()
    quiet = timed_start(daemon)
    daemon.stop()
    dead = [ghost(sockets / f"dead{each}.sock", listening=False) for each in "abc"]
    silent = ghost(sockets / "silent.sock", listening=True)
    try:
        assert timed_start(daemon) < quiet + 1.0 + quiet  # one second, and the machine's own noise
        for name in ("deada", "silent"):
            begun = time.monotonic()
            assert name in refusal(daemon, "volume", "create", "-d", name, "none")
            assert time.monotonic() - begun < 5.5
            begun = time.monotonic()
            assert name in refusal(daemon, "volume", "create", "-d", name, "none")
            assert time.monotonic() - begun < 2.0, "the breaker answers at once"
        for arguments in (("volume", "ls"), ("ps", "-a"), ("volume", "create", "own")):
            begun = time.monotonic()
            daemon.docker(*arguments, check=True)
            assert time.monotonic() - begun < 2.0
        daemon.docker("run", "--rm", "--net", "none", "-v", "own:/v", "busybox", "true", check=True)
        told = breaker(daemon, "silent")
        assert told is not None
        assert (told["breaker"], "silent" in told["reason"]) == ("open", True)
        assert breaker(daemon, "deadb") is None
    finally:
        silent.close()
        for each in dead:
            each.close()


def timed_start(daemon: Daemon) -> float:
    begun = time.monotonic()
    daemon.start()
    return time.monotonic() - begun


def ghost(path: Path, *, listening: bool) -> socket.socket:
    """A socket that nobody answers at: refused, or taken and never read."""
    found = socket.socket(socket.AF_UNIX)
    found.bind(str(path))
    if listening:
        found.listen(64)
    return found
