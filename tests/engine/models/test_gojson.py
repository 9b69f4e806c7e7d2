from __future__ import annotations

import pytest

from engine.errors import InvalidParameter
from engine.models import gojson
from engine.models.containers import CreateRequest
from engine.models.execs import ExecConfig


def create(body: str) -> CreateRequest:
    return gojson.decode(body.encode(), CreateRequest)


def test_null_is_the_zero_value_wherever_it_stands() -> None:
    request = create(
        '{"Hostname":null,"Tty":null,"Env":["A=1",null],"Labels":{"a":null},'
        '"HostConfig":{"Memory":null,"RestartPolicy":null,"LogConfig":{"Config":null},'
        '"Mounts":[{"Type":null,"BindOptions":null}]}}'
    )
    assert request.hostname == ""
    assert request.tty is False
    assert request.env == ["A=1", ""]
    assert request.labels == {"a": ""}
    assert request.host_config is not None
    assert request.host_config.memory == 0
    assert request.host_config.log_config.config == {}
    assert request.host_config.mounts[0].bind_options is None


def test_null_in_a_set_keeps_its_key() -> None:
    request = create(
        '{"ExposedPorts":{"80/tcp":null},"Volumes":{"/v":null},'
        '"HostConfig":{"PortBindings":{"80/tcp":null}},'
        '"NetworkingConfig":{"EndpointsConfig":{"net":null}}}'
    )
    assert request.exposed_ports == {"80/tcp": {}}
    assert request.volumes == {"/v": {}}
    assert request.host_config is not None
    assert request.host_config.port_bindings == {"80/tcp": None}
    assert request.networking_config is not None
    assert request.networking_config.endpoints_config == {"net": None}


def test_one_string_stands_for_a_list_of_one() -> None:
    request = create('{"Cmd":"true","Entrypoint":"","HostConfig":{"CapAdd":"ALL"}}')
    assert request.cmd == ["true"]
    assert request.entrypoint == [""]
    assert request.host_config is not None
    assert request.host_config.cap_add == ["ALL"]


def test_member_names_match_in_any_case() -> None:
    request = create('{"image":"busybox","hostconfig":{"memory":7}}')
    assert request.image == "busybox"
    assert request.host_config is not None
    assert request.host_config.memory == 7


def test_null_body_is_a_zero_request() -> None:
    assert create("null") == CreateRequest()


@pytest.mark.parametrize(
    "body",
    ['{"HostConfig":{"Memory":"12"}}', '{"Cmd":5}', "[]", '{"Image":', '{"Tty":1}', '{"Image":7}'],
)
def test_wrong_types_and_broken_json_are_refused(body: str) -> None:
    with pytest.raises(InvalidParameter, match=r"^invalid JSON: "):
        create(body)


def test_an_empty_body_is_refused_with_the_text_of_dockerd() -> None:
    with pytest.raises(InvalidParameter) as caught:
        create("")
    assert str(caught.value) == "invalid JSON: got EOF while reading request body"


def test_optional_pair_is_read() -> None:
    assert gojson.decode(b'{"ConsoleSize":[24,80]}', ExecConfig).console_size == (24, 80)
    assert gojson.decode(b'{"ConsoleSize":null}', ExecConfig).console_size is None
