from __future__ import annotations

import pytest

from engine.domain.containers import rules
from engine.domain.containers.records import State, Status
from engine.errors import Conflict, InvalidParameter, NotModified, SystemFailure
from engine.models.containers import ContainerConfig
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
    with pytest.raises(Conflict, match=f"Container {ID} is not paused"):
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


@pytest.mark.parametrize(
    ("status", "kind", "text"),
    [
        (Status.RUNNING, NotModified, "container is already running"),
        (Status.RESTARTING, NotModified, "container is already running"),
        (Status.PAUSED, Conflict, "cannot start a paused container, try unpause instead"),
        (Status.REMOVING, Conflict, "container is marked for removal and cannot be started"),
        (Status.DEAD, Conflict, "container is marked for removal and cannot be started"),
    ],
)
def test_start_is_refused_in_dockerds_words(
    status: Status, kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind) as refusal:
        rules.check_start(container(status))
    assert str(refusal.value) == text


@pytest.mark.parametrize("status", [Status.CREATED, Status.EXITED])
def test_what_does_not_run_can_be_started_and_removed(status: Status) -> None:
    rules.check_start(container(status))
    rules.check_remove(container(status), force=False)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (
            Status.RUNNING,
            f"You cannot remove a running container {ID}. Stop the container before attempting removal or force remove",
        ),
        (
            Status.RESTARTING,
            f"You cannot remove a restarting container {ID}. Stop the container before attempting removal or force remove",
        ),
        (
            Status.PAUSED,
            f"You cannot remove a paused container {ID}. Unpause and then stop the container before attempting removal or force remove",
        ),
    ],
)
def test_what_runs_is_removed_by_force_alone(status: Status, text: str) -> None:
    with pytest.raises(Conflict) as refusal:
        rules.check_remove(container(status), force=False)
    assert str(refusal.value) == text
    rules.check_remove(container(status), force=True)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (Status.PAUSED, f"Container {ID} is paused, unpause the container before exec"),
        (Status.RESTARTING, f"Container {ID} is restarting, wait until the container is running"),
        (Status.EXITED, f"Container {ID} is not running"),
    ],
)
def test_exec_wants_a_running_container(status: Status, text: str) -> None:
    with pytest.raises(Conflict) as refusal:
        rules.check_exec(container(status))
    assert str(refusal.value) == text
    rules.check_exec(container(Status.RUNNING))


def test_attach_is_refused_while_paused_or_restarting_only() -> None:
    with pytest.raises(Conflict, match=f"^container {ID} is paused, unpause the container before"):
        rules.check_attach(container(Status.PAUSED))
    with pytest.raises(Conflict, match=f"^container {ID} is restarting, wait until"):
        rules.check_attach(container(Status.RESTARTING))
    for status in (Status.CREATED, Status.RUNNING, Status.EXITED):
        rules.check_attach(container(status))


def test_stop_is_by_sigterm_and_ten_seconds_unless_the_container_says_otherwise() -> None:
    assert (rules.stop_signal(container()), rules.stop_timeout(container())) == (15, 10)
    own = container(config=ContainerConfig(stop_signal="SIGQUIT", stop_timeout=0))
    assert (rules.stop_signal(own), rules.stop_timeout(own)) == (3, 0)


RUNC = 'OCI runtime create failed: runc create failed: exec: "nosuch": '


@pytest.mark.parametrize(
    ("text", "kind", "code", "suffix"),
    [
        (RUNC + "executable file not found in $PATH", InvalidParameter, 127, ""),
        (RUNC + "stat nosuch: no such file or directory", InvalidParameter, 127, ""),
        (RUNC + "Permission denied", InvalidParameter, 126, ""),
        (RUNC + "is a directory", InvalidParameter, 126, ": permission denied"),
        (
            "error mounting: not a directory",
            InvalidParameter,
            127,
            ": Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type",
        ),
        ("no such file or directory", SystemFailure, 128, ""),
        ("something else", SystemFailure, 128, ""),
    ],
)
def test_exit_code_of_a_failed_start_is_told_by_its_text(
    text: str, kind: type[Exception], code: int, suffix: str
) -> None:
    answer, found = rules.start_failure(text, "nosuch")
    assert (type(answer), str(answer), found) == (kind, text + suffix, code)


SECOND = 1_000_000_000
NOW = 2_000_000 * SECOND


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (State(), "Created"),
        (State(status=Status.RUNNING, started_ns=NOW - 5 * SECOND), "Up 5 seconds"),
        (State(status=Status.PAUSED, started_ns=NOW - 90 * SECOND), "Up About a minute (Paused)"),
        (
            State(status=Status.RESTARTING, exit_code=3, finished_ns=NOW - SECOND),
            "Restarting (3) 1 second ago",
        ),
        (
            State(status=Status.EXITED, exit_code=137, finished_ns=NOW - 7200 * SECOND),
            "Exited (137) 2 hours ago",
        ),
        (State(status=Status.EXITED), "Created"),
        (State(status=Status.REMOVING), "Removal In Progress"),
        (State(status=Status.DEAD), "Dead"),
    ],
)
def test_status_column_is_dockers(state: State, text: str) -> None:
    assert rules.status_text(state, NOW) == text


MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "Less than a second"),
        (0.9, "Less than a second"),
        (1.9, "1 second"),
        (59.9, "59 seconds"),
        (MINUTE, "About a minute"),
        (2 * MINUTE, "2 minutes"),
        (HOUR - 1, "59 minutes"),
        (HOUR, "About an hour"),
        (1.5 * HOUR, "2 hours"),
        (47.4 * HOUR, "47 hours"),
        (48 * HOUR, "2 days"),
        (13 * DAY, "13 days"),
        (14 * DAY, "2 weeks"),
        (59 * DAY, "8 weeks"),
        (60 * DAY, "2 months"),
        (729 * DAY, "24 months"),
        (730 * DAY, "2 years"),
    ],
)
def test_durations_are_in_dockers_words(seconds: float, text: str) -> None:
    assert rules.human(int(seconds * SECOND)) == text
