from __future__ import annotations

from typing import Any

import pytest

from demo.checks import CheckFailed
from demo.stage import StageError
from demo.steps.serving import PAGE, execute_inside, fetch, publish, services, show_tree
from tests.demo.theatre import Theatre, said

WEB = {"Id": "a" * 64, "NetworkSettings": {"Networks": {"bridge": {"IPAddress": "172.17.0.2"}}}}


def test_page_is_fetched_from_the_host_and_from_another_container() -> None:
    theatre = Theatre(runs={"browser": said(PAGE.encode())}, inspected={"web": WEB})
    theatre.stage.pages = ["connection refused", PAGE]
    assert "172.17.0.2:80" in publish(theatre.scene)
    assert theatre.api.created["web"]["HostConfig"]["PortBindings"]
    assert "browser" not in theatre.api.created
    theatre = Theatre(runs={"browser": said(b"404")}, inspected={"web": WEB})
    theatre.stage.pages = [PAGE]
    with pytest.raises(CheckFailed):
        publish(theatre.scene)


def test_page_that_cannot_be_fetched_is_the_complaint() -> None:
    theatre = Theatre()

    def refuse(*command: str) -> str:
        raise StageError("wget: connection refused")

    theatre.stage.inside = refuse  # type: ignore[method-assign]
    assert fetch(theatre.scene) == "wget: connection refused"


def test_command_sees_the_containers_files() -> None:
    assert "exit code 3" in execute_inside(
        Theatre(execs={"web": said(PAGE.encode(), code=3)}).scene
    )
    with pytest.raises(CheckFailed):
        execute_inside(Theatre(execs={"web": said(PAGE.encode())}).scene)


def node(name: str, *children: Any, state: str = "running", restarts: int = 0) -> dict[str, Any]:
    return {"name": name, "state": state, "restarts": restarts, "children": list(children)}


@pytest.mark.parametrize(
    ("child", "holds"),
    [
        (node("a" * 12), True),
        (node("a" * 12, state="failed"), False),
        (node("a" * 12, restarts=1), False),
        (node("b" * 12), False),
    ],
)
def test_tree_must_run_whole_and_unharmed(child: dict[str, Any], holds: bool) -> None:
    theatre = Theatre(
        inspected={"web": WEB}, answers={"GET /_trimaran/status": node("root", child)}
    )
    if holds:
        assert show_tree(theatre.scene).startswith("2 services, all running")
        assert "status" in theatre.out.getvalue()
    else:
        with pytest.raises(CheckFailed):
            show_tree(theatre.scene)


def test_services_are_the_node_and_all_below_it() -> None:
    tree = node("root", node("a", node("b")), node("c"))
    assert [each["name"] for each in services(tree)] == ["root", "a", "b", "c"]
