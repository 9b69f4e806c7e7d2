from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec

from config.schema import Settings
from engine.adapters.host.facts import read_facts
from engine.adapters.store.database import Database
from engine.adapters.store.managed import KIND
from engine.domain.containers.oci.plan import HOST, NEW
from engine.domain.events.facade import Batch, Document
from engine.domain.managed.config import default_settings, read_config
from engine.domain.managed.records import SCHEMA, Package, PluginRecord
from engine.wiring.managed import is_there, plan_of, spec_of


def record(**changes: Any) -> PluginRecord:
    config = read_config(
        json.dumps(
            {
                "entrypoint": ["/plugin", "-v"],
                "interface": {"types": ["docker.volumedriver/1.0"], "socket": "x.sock"},
                "env": [{"name": "A", "value": "1"}],
                "mounts": [{"name": "m", "source": "/src", "destination": "/dst", "type": "bind"}],
                "args": {"value": ["more"]},
                **changes,
            }
        ).encode()
    )
    package = Package("sha256:c", 1, "sha256:l", 2, "sha256:d")
    return PluginRecord(
        id="p1",
        name="mini:latest",
        created_ns=1,
        config=config,
        settings=default_settings(config),
        package=package,
    )


def test_plugin_runs_as_its_configuration_says() -> None:
    choices: Any = SimpleNamespace(engine_id="e1")
    found = record(propagatedMount="/mnt", network={"type": "none"}, pidHost=True)
    plan = plan_of(found, choices, read_facts(), Path("/root"))
    assert plan.argv == ("/plugin", "-v", "more")
    assert "A=1" in plan.env
    assert (plan.namespaces.network, plan.namespaces.pid) == (NEW, HOST)
    spec = spec_of(found, plan, Path("/run/s"), Path("/home"))
    mounts = {each["destination"]: each for each in spec["mounts"]}
    assert mounts["/run/docker/plugins"]["source"] == "/run/s"
    assert mounts["/dst"]["source"] == "/src"
    assert "rshared" in mounts["/mnt"]["options"]
    assert spec["root"]["path"] == "/root"


def test_plugin_is_there_as_a_file_or_as_a_record(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db")
    database.commit([Batch().put(Document(KIND, "p1", SCHEMA, msgspec.json.encode(record())))])
    settings = Settings(plugin_sockets=str(tmp_path), plugin_specs=(str(tmp_path),))
    engine: Any = SimpleNamespace(settings=settings, database=database, journal=None)
    (tmp_path / "written.spec").write_text("unix:///x.sock")
    names = ("written", "mini", "mini:latest", "mini:2", "none", "NO NAME")
    assert [is_there(engine, name) for name in names] == [True, True, True, False, False, False]
    database.close()
