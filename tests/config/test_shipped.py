"""What is shipped beside the code: daemon.json and the units of systemd."""

from __future__ import annotations

import configparser
from importlib import resources

from config.flags import parse
from config.load import load
from config.schema import Settings


def shipped(name: str) -> str:
    return resources.files("config").joinpath(name).read_text()


def test_shipped_configuration_is_valid_and_honoured() -> None:
    loaded = load(parse(["--config-file=x"]), lambda path: shipped("daemon.json").encode())
    assert loaded.warnings == ()
    assert loaded.settings.live_restore
    assert loaded.settings.log_opts == {"max-size": "10m", "max-file": "3"}


def test_unit_leaves_containers_alone() -> None:
    unit = configparser.ConfigParser(interpolation=None, strict=True)
    unit.optionxform = str  # type: ignore[method-assign, assignment]
    unit.read_string(shipped("trimarand.service"))
    service = unit["Service"]
    assert (service["KillMode"], service["Delegate"], service["Type"]) == (
        "process",
        "yes",
        "notify",
    )
    assert service["ExecReload"] == "/bin/kill -s HUP $MAINPID"
    assert {"LimitNOFILE", "TasksMax", "OOMScoreAdjust", "WatchdogSec"} <= set(service)
    assert not {"PrivateTmp", "MountFlags"} & set(service)


def test_socket_is_the_daemons_own() -> None:
    assert f"ListenStream={Settings().socket_path}\n" in shipped("trimarand.socket")
