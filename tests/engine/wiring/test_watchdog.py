from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import trio

from engine.wiring.watchdog import make_watchdog, status_line
from supervisors.status import Node, State
from tests.engine.test_daemon import close, engine_of


def node(name: str, state: State, *children: Node) -> Node:
    return Node(name=name, state=state, since=0.0, children=children)


def test_line_counts_containers_and_names_what_does_not_run() -> None:
    sound = node("root", "running", node("api", "running"))
    assert status_line(sound, 1) == "1 container running"
    inner = node("runtime", "running", node("containerd", "restarting"))
    ill = node("root", "running", node("images", "quarantined"), inner)
    assert status_line(ill, 2) == (
        "2 containers running; images quarantined; runtime/containerd restarting"
    )


async def test_check_reads_the_state(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, containerd="embedded")
    watchdog = make_watchdog(engine)
    with trio.fail_after(10):
        await watchdog._check()
    close(engine)
    with pytest.raises(sqlite3.ProgrammingError):
        await watchdog._check()
