from __future__ import annotations

from typing import Any

from engine.command.tree import draw, services


def node(name: str, *children: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "state": "running", "restarts": 0, "children": list(children), **more}


TREE = node(
    "root",
    node("runtime", node("containerd", restarts=2), node("channel")),
    node("api", mailboxes=[{"name": "a", "depth": 1, "capacity": 8, "peak": 3, "dropped": 0}]),
)


def test_tree_is_drawn_with_its_branches_states_restarts_and_mail() -> None:
    assert [" ".join(line.split()) for line in draw(TREE)] == [
        "root running, 0 restarts",
        "├ runtime running, 0 restarts",
        "│ ├ containerd running, 2 restarts",
        "│ └ channel running, 0 restarts",
        "└ api running, 0 restarts, mail 1/8 (peak 3)",
    ]


def test_states_stand_in_one_column() -> None:
    assert len({line.index("running") for line in draw(TREE)}) == 1


def test_services_are_all_nodes() -> None:
    assert [each["name"] for each in services(TREE)] == [
        "root",
        "runtime",
        "containerd",
        "channel",
        "api",
    ]
