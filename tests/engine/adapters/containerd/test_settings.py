from __future__ import annotations

import tomllib
from pathlib import Path

from engine.adapters.containerd.settings import Places, render


def test_configuration_is_toml_with_our_places_and_without_cri() -> None:
    places = Places(Path('/d/"odd" name/containerd'), Path("/e/containerd"))
    config = tomllib.loads(render(places, oom_score=5, log_level="warn"))
    assert config["version"] == 2
    assert config["root"] == '/d/"odd" name/containerd'
    assert config["state"] == "/e/containerd"
    assert config["oom_score"] == 5
    assert config["grpc"]["address"] == "/e/containerd/containerd.sock"
    assert "io.containerd.grpc.v1.cri" in config["disabled_plugins"]
    assert "io.containerd.runtime.v1.linux" not in config["disabled_plugins"]
    assert config["debug"]["level"] == "warn"
