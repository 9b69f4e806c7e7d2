from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.domain.containers.logging import log_file, open_log
from engine.domain.logs.jsonfile import EMPTY
from engine.errors import EngineError
from engine.models.containers import ContainerConfig, HostConfig, LogConfig
from tests.engine.domain.containers.containers import ID, container


def logging(kind: str = "json-file", **options: str) -> HostConfig:
    named = {name.replace("_", "-"): value for name, value in options.items()}
    return HostConfig(log_config=LogConfig(type=kind, config=named))


def test_driver_none_keeps_nothing(tmp_path: Path) -> None:
    assert open_log(container(host=logging("none")), tmp_path) == (None, {})
    assert list(tmp_path.iterdir()) == []


async def test_records_carry_what_the_options_ask_for(tmp_path: Path) -> None:
    config = ContainerConfig(labels={"env": "prod", "x": "y"})
    record = container(host=logging(labels="env", tag="{{.Name}}"), config=config)
    log, assemblers = open_log(record, tmp_path)
    assert log is not None
    assert log.path == str(log_file(ID, tmp_path)) == f"{tmp_path}/{ID}-json.log"
    assert assemblers.keys() == {"stdout", "stderr"}
    records, held = assemblers["stderr"].feed(EMPTY, b"oops\n", 1)
    written = json.loads(records)
    assert held == EMPTY
    assert (written["log"], written["stream"]) == ("oops\n", "stderr")
    assert written["attrs"] == {"env": "prod", "tag": "name"}
    await log.close()


def test_options_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError):
        open_log(container(host=logging(max_size="many")), tmp_path)
