from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from engine.command import __main__ as command
from engine.command import watch as module
from engine.command.client import Unreachable
from engine.command.watch import watch


def node(name: str, *children: Any, **more: Any) -> dict[str, Any]:
    plain = {"state": "running", "restarts": 0, "last_error": None, "mailboxes": []}
    return {"name": name, "children": list(children), **plain, **more}


WELL = {
    "state": "ok",
    "subsystems": [{"name": "store", "state": "ok", "reason": ""}],
    "restore": {"total": 3, "done": 3, "slowest": []},
}


def shown(monkeypatch: pytest.MonkeyPatch, *answers: dict[str, Any] | Exception) -> str:
    """What is on the terminal after one round for each two answers."""
    waiting = list(answers)

    def fetch(path: str, target: str, statuses: tuple[int, ...] = (200,)) -> Any:
        answer = waiting.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(module, "fetch", fetch)
    out = StringIO()
    slept: list[float] = []
    rounds = 1 + (len(answers) - 1) // 2
    watch("/s", Console(file=out, width=120), rounds=rounds, sleep=slept.append)
    assert len(slept) == rounds
    return out.getvalue()


def test_tree_is_drawn_with_what_is_out_of_the_ordinary(monkeypatch: pytest.MonkeyPatch) -> None:
    box = {"depth": 4, "capacity": 8, "peak": 5}
    tree = node(
        "root",
        node("store", mailboxes=[box]),
        node("images", state="restarting", restarts=2, last_error="KeyError: 'x'"),
    )
    text = shown(monkeypatch, tree, WELL)
    assert "store running mail 4/8" in text
    assert "images restarting 2 restarts KeyError: 'x'" in text
    assert "health  ok" in text
    assert "restored" not in text


def test_what_is_not_well_is_told_above(monkeypatch: pytest.MonkeyPatch) -> None:
    ill = {
        "state": "failed",
        "subsystems": [{"name": "runtime", "state": "failed", "reason": "no answer within 2 s"}],
        "restore": {"total": 500, "done": 12, "slowest": []},
    }
    text = shown(monkeypatch, node("root"), ill)
    assert "runtime" in text
    assert "failed no answer within 2 s" in text
    assert "12 of 500 containers" in text


def test_daemon_that_goes_and_comes_back_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, Unreachable("no daemon answers at /s"), node("root"), WELL)
    assert "root running" in text
    text = shown(monkeypatch, Unreachable("no daemon answers at /s"))
    assert "no daemon answers at /s" in text


def test_interruption_is_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(path: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "watch", interrupt)
    assert command.main(["status", "--watch"]) == 130
