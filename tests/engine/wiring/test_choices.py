from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from config.schema import Settings
from engine.adapters.host.identity import DataRoot
from engine.wiring import choices
from engine.wiring.choices import EMBEDDED, wanted_choices


@pytest.fixture
def host_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    socket = tmp_path / "containerd.sock"
    monkeypatch.setattr(choices, "HOST_CONTAINERD", str(socket))
    return socket


def test_hosts_containerd_is_used_where_there_is_one(tmp_path: Path, host_socket: Path) -> None:
    data = DataRoot(tmp_path / "data")
    assert wanted_choices(Settings(), data).containerd == ""
    host_socket.touch()
    assert wanted_choices(Settings(), data).containerd == str(host_socket)
    assert wanted_choices(Settings(containerd=EMBEDDED), data).containerd == ""
    assert wanted_choices(Settings(containerd="/my.sock"), data).containerd == "/my.sock"


def test_later_start_that_says_nothing_goes_on_with_what_there_was(
    tmp_path: Path, host_socket: Path
) -> None:
    data = DataRoot(tmp_path / "data")
    first = wanted_choices(Settings(), data)
    data.choices = first
    host_socket.touch()
    assert wanted_choices(Settings(), data) == first
    data.choices = msgspec.structs.replace(first, containerd="/old.sock")
    assert wanted_choices(Settings(), data).containerd == "/old.sock"


@pytest.mark.parametrize(
    ("driver", "snapshotter"),
    [("", "overlayfs"), ("overlay2", "overlayfs"), ("native", "native")],
)
def test_storage_drivers_of_dockerd_are_snapshotters(
    tmp_path: Path, host_socket: Path, driver: str, snapshotter: str
) -> None:
    settings = Settings(storage_driver=driver)
    assert wanted_choices(settings, DataRoot(tmp_path)).snapshotter == snapshotter
