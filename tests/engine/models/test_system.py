from __future__ import annotations

import json

import msgspec

from engine.models.system import Info, Version


def test_info_names_its_members_as_dockerd_does() -> None:
    written = json.loads(msgspec.json.encode(Info()))
    names = "ID CPUShares CPUSet CpuCfsPeriod IPv4Forwarding NFd NCPU NGoroutines OSType"
    assert set(names.split()) <= set(written)
    assert written["Plugins"] == {"Volume": [], "Network": [], "Authorization": None, "Log": []}
    assert written["Swarm"]["LocalNodeState"] == "inactive"
    assert written["Warnings"] is None


def test_version_has_components_and_platform() -> None:
    written = json.loads(msgspec.json.encode(Version()))
    assert written["Platform"] == {"Name": ""}
    assert written["Components"] == []
