from __future__ import annotations

import pytest

from engine.domain.containers import rules
from engine.domain.containers.records import Status
from engine.errors import Conflict, InvalidParameter, SystemFailure
from tests.engine.domain.containers.containers import ID, container


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (Status.PAUSED, f"Container {ID} is already paused"),
        (Status.EXITED, f"Container {ID} is not running"),
        (Status.CREATED, f"Container {ID} is not running"),
        (Status.RESTARTING, f"Container {ID} is restarting, wait until the container is running"),
    ],
)
def test_only_what_runs_can_be_paused(status: Status, text: str) -> None:
    with pytest.raises(Conflict, match=text):
        rules.check_pause(container(status))
    rules.check_pause(container(Status.RUNNING))


def test_only_what_is_paused_can_be_unpaused() -> None:
    rules.check_unpause(container(Status.PAUSED))
    with pytest.raises(SystemFailure, match=f"Container {ID} is not paused"):
        rules.check_unpause(container(Status.RUNNING))


def test_a_paused_container_has_processes() -> None:
    rules.check_running(container(Status.PAUSED))
    with pytest.raises(Conflict, match="is not running"):
        rules.check_running(container(Status.EXITED))


def test_a_new_name_is_another_one() -> None:
    with pytest.raises(InvalidParameter, match="Neither old nor new names may be empty"):
        rules.check_rename(container(), "")
    for same in ("name", "/name"):
        with pytest.raises(InvalidParameter, match="same name as its current name"):
            rules.check_rename(container(), same)
    rules.check_rename(container(), "other")
