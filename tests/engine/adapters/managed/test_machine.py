"""What needs no containerd; tests/clients/test_managed_plugins.py has the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.adapters.managed.machine import HostMachine
from engine.domain.managed.records import Package, PluginRecord, Settings

RECORD = PluginRecord(
    id="ab" * 32,
    name="mini:latest",
    created_ns=1,
    config={"Interface": {"Socket": "x.sock"}},
    settings=Settings(),
    package=Package("sha256:c", 1, "sha256:l", 2, "sha256:d"),
)


def test_socket_is_where_its_path_is_short() -> None:
    nothing: Any = None
    machine = HostMachine(nothing, Path("/data"), Path("/run/p"), Path("/runc"), nothing, "e1")
    assert machine.address(RECORD) == "unix:///run/p/abababababababab/x.sock"
    assert machine.root(RECORD.id) == f"/data/{RECORD.id}/rootfs"
    assert machine.propagated(RECORD.id) == f"/data/{RECORD.id}/propagated-mount"
