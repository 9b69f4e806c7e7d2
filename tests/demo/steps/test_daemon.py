from __future__ import annotations

import json

import pytest

from demo.checks import CheckFailed
from demo.steps.daemon import make_image, start_daemon
from tests.demo.theatre import Theatre

VERSION = {"Version": "9.8", "ApiVersion": "1.51"}


def test_new_daemon_answers_and_has_no_containers() -> None:
    theatre = Theatre(answers={"GET /version": VERSION, "GET /info": {"Containers": 0}})
    found = start_daemon(theatre.scene)
    assert found == "answered its first _ping after 250 ms: Trimaran 9.8, API 1.51"
    assert theatre.events.running


def test_daemon_that_is_not_new_fails() -> None:
    theatre = Theatre(answers={"GET /version": VERSION, "GET /info": {"Containers": 1}})
    with pytest.raises(CheckFailed):
        start_daemon(theatre.scene)


def image(**changes: object) -> Theatre:
    inspected = {"Id": "sha256:" + "1" * 64, "Config": {"Cmd": ["sh"]}, "Size": 1_000_000}
    status = json.dumps({"status": inspected["Id"]}).encode()
    return Theatre(
        answers={
            "POST /images/create": status,
            "GET /images/busybox:demo/json": {**inspected, **changes},
        }
    )


def test_image_is_made_of_this_machines_busybox() -> None:
    assert make_image(image().scene).startswith("busybox:demo is sha256:111111111111")


@pytest.mark.parametrize(
    "changes", [{"Id": "sha256:other"}, {"Config": {"Cmd": ["ls"]}}, {"Size": 5}]
)
def test_image_that_is_another_fails(changes: dict[str, object]) -> None:
    with pytest.raises(CheckFailed):
        make_image(image(**changes).scene)
