from __future__ import annotations

import pytest

from engine.domain.containers.binds import MountSpec
from engine.domain.containers.filters import check, has_label, select
from engine.domain.containers.records import NetworkState, State, Status
from engine.domain.networks.records import Endpoint, Sandbox
from engine.errors import InvalidParameter, NotFound
from engine.models.containers import ContainerConfig, HostConfig
from engine.models.networks import EndpointSettings, PortBinding
from tests.engine.domain.containers.cells import cell

SANDBOX = Sandbox(
    id="s",
    key="/k",
    netns_path=None,
    endpoints=[Endpoint(network_id="feed" * 16, network_name="front", endpoint_id="e")],
)
# Newest first, as the registry gives them.
CELLS = [
    cell(5, Status.RESTARTING, name="web"),
    cell(4, Status.CREATED, name="db", endpoints={"back": EndpointSettings()}),
    cell(
        3,
        state=State(status=Status.EXITED, exit_code=3, finished_ns=1),
        image="registry:5000/app:v1",
        mounts=[MountSpec(type="volume", destination="/data", name="vol")],
    ),
    cell(
        2,
        Status.PAUSED,
        config=ContainerConfig(labels={"env": "prod", "x": ""}, exposed_ports={"80/tcp": {}}),
        host=HostConfig(port_bindings={"8080": [PortBinding(host_port="80")]}),
    ),
    cell(1, image="busybox:latest", network=NetworkState(sandbox=SANDBOX)),
]


def shown(*, all: bool = True, limit: int = -1, **filters: list[str]) -> list[str]:
    named = {name.replace("_", "-"): values for name, values in filters.items()}
    return [each.record.name for each in select(CELLS, named, all=all, limit=limit)]


def test_only_what_runs_is_shown_unless_all_is_asked_for() -> None:
    assert shown(all=False) == ["web", "c2", "c1"]
    assert shown() == ["web", "db", "c3", "c2", "c1"]


def test_limit_shows_the_newest_also_stopped_ones() -> None:
    assert shown(all=False, limit=2) == ["web", "db"]
    assert shown(all=False, limit=0) == ["web", "c2", "c1"]


def test_status_and_exited_look_at_all() -> None:
    assert shown(all=False, status=["created", "paused"]) == ["db", "c2"]
    assert shown(all=False, exited=["3"]) == ["c3"]
    assert shown(all=False, exited=["0"]) == []


def test_before_and_since_are_places_in_the_list() -> None:
    assert shown(before=["db"]) == ["c3", "c2", "c1"]
    assert shown(since=["/c3"]) == ["web", "db"]
    assert shown(since=["c1"], before=["db"]) == ["c3", "c2"]
    assert shown(before=["33"]) == ["c2", "c1"]
    with pytest.raises(NotFound, match="No such container: nosuch"):
        shown(before=["nosuch"])


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"id": ["^5"]}, ["web"]),
        ({"id": ["5", "4"]}, ["web", "db"]),
        ({"id": ["["]}, []),
        ({"name": ["^/web$"]}, ["web"]),
        ({"name": ["c"]}, ["c3", "c2", "c1"]),
        ({"name": ["["]}, []),
        ({"label": ["env"]}, ["c2"]),
        ({"label": ["env=prod", "x"]}, ["c2"]),
        ({"label": ["env=test"]}, []),
        ({"ancestor": ["busybox"]}, ["c1"]),
        ({"ancestor": ["busybox:latest"]}, ["c1"]),
        ({"ancestor": ["registry:5000/app"]}, ["c3"]),
        ({"ancestor": ["sha256:" + "a" * 64]}, ["web", "db", "c3", "c2", "c1"]),
        ({"ancestor": ["a" * 12]}, ["web", "db", "c3", "c2", "c1"]),
        ({"ancestor": ["a" * 11]}, []),
        ({"network": ["front"]}, ["c1"]),
        ({"network": ["feedfeed"]}, ["c1"]),
        ({"network": ["back"]}, ["db"]),
        ({"volume": ["vol"]}, ["c3"]),
        ({"volume": ["/data"]}, ["c3"]),
        ({"volume": ["data"]}, []),
        ({"publish": ["8080"]}, ["c2"]),
        ({"publish": ["8000-8100/tcp"]}, ["c2"]),
        ({"publish": ["8080/udp"]}, []),
        ({"expose": ["80"]}, ["c2"]),
        ({"expose": ["443"]}, []),
        ({"is_task": ["true"]}, []),
        ({"is_task": ["false"]}, ["web", "db", "c3", "c2", "c1"]),
        ({"health": ["none"]}, ["web", "db", "c3", "c2", "c1"]),
        ({"health": ["healthy"]}, []),
        ({"name": ["web"], "status": ["exited"]}, []),
        ({"name": []}, ["web", "db", "c3", "c2", "c1"]),
    ],
)
def test_filters_select(filters: dict[str, list[str]], names: list[str]) -> None:
    assert shown(**filters) == names


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("colour", "red", "invalid filter 'colour'"),
        ("status", "asleep", "invalid filter 'status=asleep'"),
        ("health", "fine", "Unrecognised filter value for health: fine"),
        ("exited", "many", "invalid filter 'exited=many'"),
        ("exited", "", "invalid filter 'exited='"),
    ],
)
def test_unknown_names_and_values_are_refused(name: str, value: str, text: str) -> None:
    with pytest.raises(InvalidParameter) as refusal:
        check({name: [value]})
    assert str(refusal.value) == text


@pytest.mark.parametrize("port", ["http", "1-x", "-5", "²"])
def test_bad_ports_are_refused(port: str) -> None:
    with pytest.raises(InvalidParameter, match=f"invalid port '{port}'"):
        shown(publish=[port])


def test_label_matches_by_key_or_by_key_and_value() -> None:
    labels = {"a": "1", "b": ""}
    assert has_label("a", labels)
    assert has_label("a=1", labels)
    assert has_label("b=", labels)
    assert not has_label("a=", labels)
    assert not has_label("c", labels)
