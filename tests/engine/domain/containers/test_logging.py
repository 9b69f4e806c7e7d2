from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.domain.containers.logging import delivers, log_file, open_log
from engine.domain.logs.facade import Logs
from engine.domain.logs.jsonfile import EMPTY
from engine.errors import EngineError
from engine.models.containers import ContainerConfig, HostConfig, LogConfig
from tests.engine.domain.containers.containers import ID, container
from tests.fakes.receivers import FakeReceivers


def logging(kind: str = "json-file", **options: str) -> HostConfig:
    named = {name.replace("_", "-"): value for name, value in options.items()}
    return HostConfig(log_config=LogConfig(type=kind, config=named))


def logs(directory: Path) -> Logs:
    return Logs(directory / "logs", FakeReceivers().open)


def test_driver_none_keeps_nothing(tmp_path: Path) -> None:
    record = container(host=logging("none"))
    assert open_log(record, tmp_path, logs(tmp_path)) == (None, {})
    assert log_file(record, tmp_path, logs(tmp_path)) is None
    assert list(tmp_path.iterdir()) == []


async def test_records_carry_what_the_options_ask_for(tmp_path: Path) -> None:
    config = ContainerConfig(labels={"env": "prod", "x": "y"})
    record = container(host=logging(labels="env", tag="{{.Name}}"), config=config)
    log, assemblers = open_log(record, tmp_path, logs(tmp_path))
    assert log is not None
    assert (
        log.path == str(log_file(record, tmp_path, logs(tmp_path))) == f"{tmp_path}/{ID}-json.log"
    )
    assert assemblers.keys() == {"stdout", "stderr"}
    records, held = assemblers["stderr"].feed(EMPTY, b"oops\n", 1)
    written = json.loads(records)
    assert held == EMPTY
    assert (written["log"], written["stream"]) == ("oops\n", "stderr")
    assert written["attrs"] == {"env": "prod", "tag": "name"}
    await log.close()


def test_options_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError):
        open_log(container(host=logging(max_size="many")), tmp_path, logs(tmp_path))


async def test_local_driver_has_its_own_file_that_rotates_and_is_compressed(tmp_path: Path) -> None:
    record = container(host=logging("local"))
    log, assemblers = open_log(record, tmp_path, logs(tmp_path))
    assert log is not None
    assert not delivers(record)
    assert log.path == f"{tmp_path}/local-logs/container.log"
    assert (log.options.max_size, log.options.max_file) == (20 << 20, 5)
    assert log.options.compress
    assert assemblers.keys() == {"stdout", "stderr"}
    await log.close()


async def test_driver_that_delivers_keeps_a_bounded_log_that_can_be_read(tmp_path: Path) -> None:
    record = container(host=logging("journald", tag="{{.Name}}"))
    room = logs(tmp_path)
    log, _ = open_log(record, tmp_path, room)
    assert log is not None
    assert delivers(record)
    assert log.path == f"{tmp_path}/logs/{ID}/container-cached.log"
    assert log_file(record, tmp_path, room) == Path(log.path)
    assert (log.options.max_size, log.options.max_file) == (20 << 20, 5)
    await log.close()


def test_log_without_a_cache_cannot_be_read(tmp_path: Path) -> None:
    record = container(host=logging("journald", cache_disabled="true"))
    assert log_file(record, tmp_path, logs(tmp_path)) is None


@pytest.mark.parametrize("options", [{"tag": "{{.Foo}}"}, {"env_regex": "("}])
def test_delivering_driver_refuses_what_it_cannot_use_at_the_start(
    tmp_path: Path, options: dict[str, str]
) -> None:
    record = container(host=logging("journald", **options))
    with pytest.raises(EngineError, match="failed to initialize logging driver: "):
        open_log(record, tmp_path, logs(tmp_path))
