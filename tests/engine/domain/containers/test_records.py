from __future__ import annotations

import msgspec
import pytest

from engine.domain.containers.binds import MountSpec
from engine.domain.containers.records import (
    KIND,
    VERSION,
    NetworkState,
    Removal,
    State,
    Status,
    from_document,
    to_document,
)
from engine.domain.events.facade import Document
from engine.domain.networks.records import Endpoint, PublishedPort, Sandbox
from engine.models.containers import ContainerConfig, HostConfig, RestartPolicy
from engine.models.networks import EndpointSettings
from tests.engine.domain.containers.containers import ID, container

FULL = container(
    config=ContainerConfig(env=["A=1"], labels={"l": "v"}, entrypoint=["sh"], cmd=["-c", "true"]),
    host=HostConfig(restart_policy=RestartPolicy(name="always"), memory=1 << 30),
    mounts=[MountSpec(type="volume", destination="/d", name="vol")],
    endpoints={"bridge": EndpointSettings(mac_address="02:42:ac:11:00:02")},
    network=NetworkState(
        Sandbox(
            id="s",
            key="/k",
            netns_path="/n",
            endpoints=[Endpoint(network_id="n", network_name="bridge", endpoint_id="e")],
        ),
        [PublishedPort(container_port=80, proto="tcp", host_ip="0.0.0.0", host_port=8080)],
    ),
    state=State(status=Status.DEAD, error="busy", removal=Removal(volumes=True)),
)


@pytest.mark.parametrize("record", [container(), FULL])
def test_record_comes_back_from_the_store_as_it_was(record: object) -> None:
    document = to_document(record)  # type: ignore[arg-type]
    assert (document.kind, document.id, document.version) == (KIND, ID, VERSION)
    assert from_document(document) == record


def test_record_of_an_older_engine_gets_what_it_lacks() -> None:
    body = msgspec.json.decode(to_document(container()).body)
    for name in ("mounts", "endpoints", "network", "platform"):
        body.pop(name, None)
    body["state"] = {"status": "exited"}
    found = from_document(Document(KIND, ID, VERSION, msgspec.json.encode(body)))
    assert (found.state, found.mounts) == (State(status=Status.EXITED), [])


def test_record_of_the_future_is_refused() -> None:
    with pytest.raises(ValueError, match="record version 2 is newer than 1"):
        from_document(Document(KIND, ID, VERSION + 1, b"{}"))


def test_state_changes_without_touching_the_old_record() -> None:
    before = container(Status.CREATED)
    after = before.with_state(status=Status.RUNNING, pid=5)
    assert (before.state.status, before.state.pid) == (Status.CREATED, 0)
    assert (after.state.status, after.state.pid, after.id) == (Status.RUNNING, 5, before.id)


def test_paused_is_alive_and_restarting_is_not() -> None:
    assert {status for status in Status if State(status=status).alive} == {
        Status.RUNNING,
        Status.PAUSED,
    }


def test_command_is_entrypoint_and_arguments() -> None:
    assert FULL.argv == ["sh", "-c", "true"]
    assert container().argv == []


def test_events_carry_labels_image_and_name_and_labels_never_win() -> None:
    own = container(config=ContainerConfig(labels={"l": "v", "name": "fake"}))
    assert own.attributes() == {"l": "v", "image": "image", "name": "name"}
