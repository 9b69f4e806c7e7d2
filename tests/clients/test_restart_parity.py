"""Restart policies on the same script of exits, here and on dockerd: the same runs, delays, counts and states."""

from __future__ import annotations

import itertools
import json
import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.daemon import Daemon
from tests.harness.dockerd import Dockerd

pytestmark = [
    pytest.mark.client,
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("dockerd") is None, reason="dockerd is not installed"),
]

Engine = Daemon | Dockerd

PATIENCE = 60.0
LATE = 10.0
"""Seconds by which a busy machine may put a restart off."""
COUNT = "n=$(cat /n 2>/dev/null || echo 0); echo $((n+1)) > /n; "
SCRIPTS: dict[str, tuple[str, str, int, list[float]]] = {
    # policy, script, runs, the delays before each restart
    "limited": ("on-failure:3", "exit 4", 4, [0.1, 0.2, 0.4]),
    "recovers": ("on-failure", COUNT + "[ $n -ge 3 ] && exit 0; exit 5", 4, [0.1, 0.2, 0.4]),
    "never": ("no", "exit 6", 1, []),
    "fine": ("on-failure", "exit 0", 1, []),
    "always": ("always", COUNT + "[ $n -ge 3 ] && sleep 600; exit 0", 4, [0.1, 0.2, 0.4]),
}


@pytest.fixture(scope="module")
def ours() -> Iterator[Daemon]:
    with Daemon("--live-restore") as daemon:
        daemon.load_busybox()
        yield daemon


@pytest.fixture(scope="module")
def theirs(ours: Daemon) -> Iterator[Dockerd]:
    dockerd = Dockerd(ours)
    try:
        dockerd.start()
        dockerd.load_busybox()
        yield dockerd
    finally:
        dockerd.close()


def life(engine: Engine, name: str, until: float) -> list[tuple[str, float]]:
    """Starts and ends, in order."""
    options = ("--since", "0", "--until", f"{until:.3f}", "--filter", f"container={name}")
    done = engine.docker("events", *options, "--format", "{{json .}}", check=True)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return [
        (each["Action"], each["timeNano"] / 1e9)
        for each in told
        if each["Action"] in ("start", "die")
    ]


def state(engine: Engine, name: str) -> dict[str, Any]:
    form = '{"State": {{json .State}}, "RestartCount": {{.RestartCount}}}'
    found: dict[str, Any] = json.loads(
        engine.docker("inspect", "-f", form, name, check=True).stdout
    )
    return found


def settled(engine: Engine, name: str) -> tuple[list[str], list[float], tuple[Any, ...]]:
    """The events' order, the delays from each end to the next start, and what inspect shows in the end."""
    policy, script, runs, _ = SCRIPTS[name]
    run = ("run", "-d", "--net", "none", "--name", name, "--stop-timeout", "0", "--restart", policy)
    engine.docker(*run, "busybox", "sh", "-c", script, check=True)
    final = "running" if policy == "always" else "exited"
    deadline = time.monotonic() + PATIENCE
    while True:
        known = state(engine, name)
        if known["RestartCount"] == runs - 1 and known["State"]["Status"] == final:
            break
        assert time.monotonic() < deadline, known
        time.sleep(0.1)
    events = life(engine, name, time.time())
    delays = [
        after - at
        for (first, at), (second, after) in itertools.pairwise(events)
        if (first, second) == ("die", "start")
    ]
    shown = known["State"]
    kept = ("Status", "Running", "Restarting", "ExitCode", "Error", "OOMKilled")
    engine.docker("rm", "-f", name, check=True)
    return [action for action, _ in events], delays, (*map(shown.get, kept), known["RestartCount"])


@pytest.mark.parametrize("name", SCRIPTS)
def test_same_script_of_exits_has_the_same_life(ours: Daemon, theirs: Dockerd, name: str) -> None:
    nominal = SCRIPTS[name][3]
    here, there = settled(ours, name), settled(theirs, name)
    assert here[0] == there[0]
    assert here[2] == there[2]
    for delays in (here[1], there[1]):
        assert len(delays) == len(nominal)
        for delay, least in zip(delays, nominal, strict=True):
            assert 0.9 * least <= delay < least + LATE


LIVES = {
    # policy, script, whether it is stopped by hand
    "goes-on": ("always", COUNT + "[ $n -ge 2 ] && sleep 600; exit 3", False),
    "spent": ("on-failure:1", "exit 4", False),
    "left": ("unless-stopped", "sleep 600", True),
    "forgiven": ("always", "sleep 600", True),
    "once": ("no", "sleep 600", False),
}
SETTLED = {
    "goes-on": ("running", 0, 2),
    "spent": ("exited", 4, 1),
    "left": ("exited", 137, 0),
    "forgiven": ("running", 0, 0),
    "once": ("running", 0, 0),
}


def shown(engine: Engine, name: str) -> tuple[Any, ...]:
    known = state(engine, name)
    return known["State"]["Status"], known["State"]["ExitCode"], known["RestartCount"]


def lives(engine: Engine) -> dict[str, tuple[Any, ...]]:
    """What inspect shows once all is as it should be, or in the end."""
    deadline = time.monotonic() + 20
    while (found := {name: shown(engine, name) for name in LIVES}) != SETTLED:
        if time.monotonic() > deadline:
            break
        time.sleep(0.2)
    return found


def test_counts_and_states_outlive_the_daemon(ours: Daemon, theirs: Dockerd) -> None:
    for engine in (ours, theirs):
        for name, (policy, script, by_hand) in LIVES.items():
            run = ("run", "-d", "--net", "none", "--name", name, "--restart", policy)
            engine.docker(*run, "busybox", "sh", "-c", script, check=True)
            if by_hand:
                engine.docker("kill", name, check=True)
        deadline = time.monotonic() + 20
        while shown(engine, "goes-on") != SETTLED["goes-on"]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    ours.stop()
    ours.start()
    theirs.restart()
    assert lives(theirs) == SETTLED
    assert lives(ours) == SETTLED
    for engine in (ours, theirs):
        engine.docker("rm", "-f", *LIVES, check=True)
