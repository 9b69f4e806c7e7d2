from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.command import __main__ as command
from engine.command.client import Unreachable


def node(state: str = "running", *children: dict[str, Any], name: str = "root") -> dict[str, Any]:
    return {
        "name": name,
        "state": state,
        "since": 0,
        "restarts": 0,
        "last_error": None,
        "children": list(children),
        "mailboxes": [],
    }


def run(monkeypatch: pytest.MonkeyPatch, tree: dict[str, Any], *arguments: str) -> int:
    monkeypatch.setattr(command, "fetch", lambda path, target: tree)
    return command.main(["status", *arguments])


@pytest.mark.parametrize(
    ("child", "code"), [("running", 0), ("stopped", 0), ("restarting", 1), ("quarantined", 1)]
)
def test_exit_code_tells_whether_all_is_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], child: str, code: int
) -> None:
    assert run(monkeypatch, node("running", node(child, name="api"))) == code
    out = capsys.readouterr().out
    assert "root" in out
    assert "api" in out


def test_json_is_the_tree_as_it_came(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = node()
    assert run(monkeypatch, tree, "--json") == 0
    assert json.loads(capsys.readouterr().out) == tree


def test_daemon_that_does_not_answer_is_another_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def refuse(path: str, target: str) -> None:
        asked.append(path)
        raise Unreachable("no daemon answers")

    monkeypatch.setattr(command, "fetch", refuse)
    assert command.main(["status", "--socket", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "trimaran: no daemon answers\n"
    assert asked == [str(tmp_path)]


def test_without_a_command_it_says_how(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        command.main([])
    assert end.value.code == 2
    assert "usage: trimaran" in capsys.readouterr().err
