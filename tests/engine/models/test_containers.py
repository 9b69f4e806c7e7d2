from __future__ import annotations

import json

import msgspec

from engine.models import gojson
from engine.models.containers import (
    ContainerConfig,
    CreateRequest,
    CreateResponse,
    HealthcheckConfig,
    InspectResponse,
    Port,
    State,
    Summary,
    WaitResponse,
)


def wire(value: object) -> dict[str, object]:
    decoded: dict[str, object] = json.loads(msgspec.json.encode(value))
    return decoded


def test_config_of_an_empty_request_is_as_dockerd_writes_it() -> None:
    assert wire(ContainerConfig()) == {
        "Hostname": "",
        "Domainname": "",
        "User": "",
        "AttachStdin": False,
        "AttachStdout": False,
        "AttachStderr": False,
        "Tty": False,
        "OpenStdin": False,
        "StdinOnce": False,
        "Env": None,
        "Cmd": None,
        "Image": "",
        "Volumes": None,
        "WorkingDir": "",
        "Entrypoint": None,
        "OnBuild": None,
        "Labels": None,
    }


def test_config_round_trips_through_the_store() -> None:
    config = ContainerConfig(
        hostname="h",
        cmd=["sh", "-c", "true"],
        exposed_ports={"80/tcp": {}},
        healthcheck=HealthcheckConfig(test=["CMD", "true"], interval=1_000_000_000),
        stop_timeout=0,
        labels={},
    )
    stored = msgspec.json.encode(config)
    assert msgspec.json.decode(stored, type=ContainerConfig) == config


def test_request_gives_its_config_without_the_host() -> None:
    request = gojson.decode(b'{"Image":"a","Env":["B=1"],"HostConfig":{}}', CreateRequest)
    assert request.config() == ContainerConfig(image="a", env=["B=1"])


def test_warnings_are_never_null() -> None:
    assert msgspec.json.encode(CreateResponse(id="x")) == b'{"Id":"x","Warnings":[]}'


def test_sizes_are_there_only_when_asked_for() -> None:
    assert "SizeRw" not in wire(InspectResponse())
    assert wire(InspectResponse(size_rw=0))["SizeRw"] == 0
    assert "SizeRootFs" not in wire(Summary())


def test_state_without_a_health_check_has_no_health() -> None:
    assert wire(State()) == {
        "Status": "",
        "Running": False,
        "Paused": False,
        "Restarting": False,
        "OOMKilled": False,
        "Dead": False,
        "Pid": 0,
        "ExitCode": 0,
        "Error": "",
        "StartedAt": "0001-01-01T00:00:00Z",
        "FinishedAt": "0001-01-01T00:00:00Z",
    }


def test_unpublished_port_has_neither_address_nor_public_port() -> None:
    assert wire(Port(private_port=80, type="tcp")) == {"PrivatePort": 80, "Type": "tcp"}


def test_wait_says_null_when_nothing_went_wrong() -> None:
    assert msgspec.json.encode(WaitResponse(status_code=3)) == b'{"StatusCode":3,"Error":null}'
