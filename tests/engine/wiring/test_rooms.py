from __future__ import annotations

from pathlib import Path

from config.schema import Settings
from config.sections import EventsRetention
from engine.adapters.host.identity import Choices
from engine.domain.events.service import Retention
from engine.wiring.rooms import leftovers, network_settings, own_cgroup, retention, runtimes


def test_runc_stands_under_both_its_names() -> None:
    assert runtimes(Settings()) == {"runc": "", "io.containerd.runc.v2": ""}


def test_bridge_address_keeps_its_prefix() -> None:
    assert str(network_settings(Settings(bip="10.9.0.1/24"), "e").bip) == "10.9.0.1/24"
    assert network_settings(Settings(), "e").bip is None


def test_cgroup_carries_the_engines_id() -> None:
    assert own_cgroup("e") == "/trimaran-e"


def test_retention_is_the_configurations() -> None:
    events = EventsRetention(count=5, age=60, bytes=7)
    settings = Settings(events_retention=events, timeline_retention=8)
    assert retention(settings) == Retention(count=5, age=60, bytes=7, timeline=8)


def test_leftovers_are_looked_for_where_the_containerd_is_ours(tmp_path: Path) -> None:
    settings = Settings(exec_root=str(tmp_path / "exec"))
    choices = Choices("e", "", "ns", "plugins", "b", "overlayfs", "cgroupfs")
    container_id = "a" * 64
    bundle = tmp_path / "exec/containerd/io.containerd.runtime.v2.task/ns" / container_id
    bundle.mkdir(parents=True)
    found = leftovers(settings, choices, tmp_path / "data", "/c.sock")
    assert container_id in found._find()
