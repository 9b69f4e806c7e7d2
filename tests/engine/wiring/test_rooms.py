from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from config.schema import Settings
from config.sections import EventsRetention
from engine.adapters.host.facts import read_facts
from engine.adapters.host.identity import Choices
from engine.domain.events.service import Retention
from engine.errors import InvalidParameter
from engine.wiring.rooms import (
    container_settings,
    leftovers,
    network_settings,
    own_cgroup,
    retention,
    runtimes,
)


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


def test_ipv6_of_the_default_bridge_is_what_is_configured_once_it_is_on() -> None:
    given = Settings(bip6="fd00::1/64", default_gateway_v6="fd00::9", fixed_cidr="10.1.0.9/24")
    off = network_settings(given, "e")
    assert (off.bip6, off.fixed_cidr_v6, off.default_gateway6) == (None, None, None)
    assert str(off.fixed_cidr) == "10.1.0.0/24"
    on = network_settings(msgspec.structs.replace(given, ipv6=True), "e")
    assert (str(on.bip6), on.fixed_cidr_v6, str(on.default_gateway6)) == (
        "fd00::1/64",
        None,
        "fd00::9",
    )
    assert network_settings(Settings(ipv6=True), "e").fixed_cidr_v6 is not None


def test_default_log_driver_may_be_a_plugin(tmp_path: Path) -> None:
    choices = Choices("e", "", "ns", "plugins", "b", "overlayfs", "cgroupfs")
    settings = Settings(log_driver="scribe", log_opts={"a": "b"})
    with pytest.raises(InvalidParameter, match='plugin scribe: plugin "scribe" not found'):
        container_settings(settings, choices, read_facts(), tmp_path)
    plugins = {"scribe"}.__contains__
    found = container_settings(settings, choices, read_facts(), tmp_path, plugins)
    assert (found.log_driver, found.log_options) == ("scribe", {"a": "b"})
