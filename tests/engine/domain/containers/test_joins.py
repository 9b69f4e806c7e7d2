from __future__ import annotations

import pytest

from engine.domain.containers.joins import donor, joins, with_ids
from engine.domain.containers.records import Status
from engine.errors import Conflict, NotFound
from engine.models.containers import HostConfig
from tests.engine.domain.containers.cells import cell, registry


def test_names_become_ids_so_that_a_rename_leads_nobody_elsewhere() -> None:
    one = cell(1)
    host = with_ids(
        HostConfig(network_mode="container:c1", pid_mode="container:111"), registry(one)
    )
    assert host.network_mode == host.pid_mode == f"container:{one.id}"


def test_other_modes_and_unknown_names_stay_as_they_are() -> None:
    host = HostConfig(network_mode="container:nosuch", pid_mode="host")
    assert with_ids(host, registry()) == host


def test_donor_is_the_running_container_that_the_mode_names() -> None:
    one, paused = cell(1), cell(2, Status.PAUSED)
    known = registry(one, paused)
    assert donor("container:c1", known, "network") is one
    assert donor("container:c2", known, "network") is paused
    assert donor("bridge", known, "network") is None
    with pytest.raises(NotFound, match="No such container: c3"):
        donor("container:c3", known, "network")


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (Status.EXITED, "cannot join PID of a non running container: {id}"),
        (Status.CREATED, "cannot join PID of a non running container: {id}"),
        (Status.RESTARTING, "Container {id} is restarting, wait until the container is running"),
    ],
)
def test_donor_must_run(status: Status, text: str) -> None:
    one = cell(1, status)
    with pytest.raises(Conflict) as refusal:
        donor("container:c1", registry(one), "PID")
    assert str(refusal.value) == text.format(id=one.id)


@pytest.mark.parametrize(
    ("host", "joined"),
    [
        (HostConfig(network_mode="container:a"), True),
        (HostConfig(pid_mode="container:a"), True),
        (HostConfig(network_mode="host", pid_mode="host"), False),
        (HostConfig(), False),
    ],
)
def test_joining_is_told_by_the_modes(host: HostConfig, joined: bool) -> None:
    assert joins(host) is joined
