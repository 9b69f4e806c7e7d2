from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engine.domain.containers import views
from engine.domain.containers.records import NetworkState, State, Status
from engine.domain.networks.records import Endpoint, PublishedPort, Sandbox
from engine.models.containers import ZERO_TIME, ContainerConfig, HostConfig, LogConfig
from engine.models.networks import EndpointSettings
from tests.engine.domain.containers.cells import cell
from tests.engine.domain.containers.containers import ID, container

DIRECTORY = Path("/data/containers") / ID
SECOND = 1_000_000_000
ENDPOINT = Endpoint(
    network_id="n" * 64,
    network_name="bridge",
    endpoint_id="e" * 64,
    ip="172.17.0.2",
    prefix=16,
    gateway="172.17.0.1",
    mac="02:42:ac:11:00:02",
)
NETWORK = NetworkState(
    Sandbox(id="s", key="/run/netns/s", netns_path="/run/netns/s", endpoints=[ENDPOINT]),
    [
        PublishedPort(container_port=80, proto="tcp", host_ip="0.0.0.0", host_port=8080),
        PublishedPort(container_port=80, proto="tcp", host_ip="::", host_port=8080),
    ],
)
EXPOSING = ContainerConfig(exposed_ports={"80/tcp": {}, "443/tcp": {}})


@pytest.mark.parametrize(
    ("status", "flags"),
    [
        (Status.CREATED, set()),
        (Status.RUNNING, {"running"}),
        (Status.PAUSED, {"running", "paused"}),
        (Status.RESTARTING, {"running", "restarting"}),
        (Status.DEAD, {"dead"}),
    ],
)
def test_state_has_the_flags_of_its_status(status: Status, flags: set[str]) -> None:
    view = views.state_view(cell(1, status))
    assert view.status == str(status)
    names = ("running", "paused", "restarting", "dead")
    assert {name for name in names if getattr(view, name)} == flags


def test_health_is_shown_where_it_is_checked() -> None:
    assert views.health_view(cell(1)) is None
    shown = views.health_view(cell(1, state=State(status=Status.RUNNING, health="starting")))
    assert shown is not None
    assert (shown.status, shown.failing_streak, shown.log) == ("starting", 0, [])


def test_times_are_rfc3339_and_never_is_year_one() -> None:
    assert views.timestamp(0) == ZERO_TIME
    assert views.timestamp(1_500_000_000) == "1970-01-01T00:00:01.5Z"


def test_inspect_tells_what_was_asked_and_what_came_of_it() -> None:
    one = cell(
        1,
        config=ContainerConfig(entrypoint=["sh", "-c"], cmd=["true"]),
        host=HostConfig(log_config=LogConfig(type="json-file")),
        state=State(status=Status.EXITED, exit_code=3, restart_count=2, error="why"),
    )
    view = views.inspect(one, DIRECTORY)
    assert (view.id, view.name, view.image) == (one.id, "/c1", "sha256:" + "a" * 64)
    assert (view.path, view.args) == ("sh", ["-c", "true"])
    assert (view.state.exit_code, view.state.error, view.restart_count) == (3, "why", 2)
    assert view.hosts_path == f"{DIRECTORY}/hosts"
    assert view.log_path == f"{DIRECTORY}/{one.id}-json.log"
    assert view.exec_ids is None
    one.exec_ids.append("e")
    assert views.inspect(one, DIRECTORY).exec_ids == ["e"]


def test_container_without_a_command_or_a_log_can_be_inspected() -> None:
    one = cell(1, host=HostConfig(log_config=LogConfig(type="none")))
    view = views.inspect(one, DIRECTORY)
    assert (view.path, view.args, view.log_path) == ("", [], "")


def test_network_is_that_of_the_run_with_what_was_asked() -> None:
    asked = {"bridge": EndpointSettings(aliases=["web"])}
    shown = views.network_settings(container(network=NETWORK, endpoints=asked, config=EXPOSING))
    bridge = shown.networks["bridge"]
    assert bridge.aliases == ["web"]
    assert (bridge.ip_address, bridge.ip_prefix_len, bridge.gateway) == (
        "172.17.0.2",
        16,
        "172.17.0.1",
    )
    assert (shown.ip_address, shown.mac_address) == ("172.17.0.2", "02:42:ac:11:00:02")
    assert (shown.sandbox_id, shown.sandbox_key) == ("s", "/run/netns/s")
    assert shown.ports["443/tcp"] is None


def test_without_a_run_the_network_is_what_was_asked() -> None:
    asked = {"bridge": EndpointSettings(network_id="n")}
    shown = views.network_settings(container(Status.EXITED, endpoints=asked, config=EXPOSING))
    assert shown.networks == asked
    assert (shown.ports, shown.sandbox_id, shown.ip_address) == ({}, "", "")


def test_ports_are_listed_once_for_each_binding_and_each_exposed_one() -> None:
    ports = views.ports(container(network=NETWORK, config=EXPOSING))
    assert sorted((each.private_port, each.public_port, each.ip) for each in ports) == [
        (80, 8080, "0.0.0.0"),
        (80, 8080, "::"),
        (443, 0, ""),
    ]
    assert {each.type for each in ports} == {"tcp"}


def test_summary_is_a_line_of_docker_ps() -> None:
    one = cell(
        7,
        config=ContainerConfig(cmd=["sh", "-c", "echo a b"], labels={"l": "v"}),
        host=HostConfig(network_mode="bridge"),
        state=State(status=Status.EXITED, exit_code=1, finished_ns=SECOND),
        network=NETWORK,
    )
    view = views.summary(one)
    assert (view.names, view.created, view.state) == (["/c7"], 7, "exited")
    assert view.command == "sh -c 'echo a b'"
    assert view.status.startswith("Exited (1) ")
    assert (view.labels, view.host_config.network_mode) == ({"l": "v"}, "bridge")
    assert view.ports == []
    sized = views.with_sizes(view, 5, 10)
    assert (sized.size_rw, sized.size_root_fs, sized.id) == (5, 10, view.id)
    assert msgspec.json.decode(msgspec.json.encode(view))["ImageID"] == "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("argv", "text"), [([], ""), (["sh"], "sh"), (["a b", "c d"], "a b 'c d'")]
)
def test_arguments_with_a_space_are_quoted(argv: list[str], text: str) -> None:
    assert views.command_line(container(config=ContainerConfig(cmd=argv))) == text


def test_files_have_paths_from_the_first_start_on() -> None:
    one = cell(1, state=State(status=Status.CREATED))
    assert (views.inspect(one, DIRECTORY).hosts_path, views.inspect(one, DIRECTORY).log_path) == (
        "",
        "",
    )
    tried = cell(1, state=State(status=Status.CREATED, error="why"))
    assert views.inspect(tried, DIRECTORY).hosts_path == f"{DIRECTORY}/hosts"
