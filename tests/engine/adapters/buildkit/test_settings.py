from __future__ import annotations

import tomllib
from pathlib import Path

from engine.adapters.buildkit.settings import Places, render


def test_the_worker_is_our_containerd_in_a_namespace_of_its_own() -> None:
    places = Places(Path('/data/with "quotes"'), Path("/exec"))
    text = render(places, containerd="/c.sock", namespace="ns", snapshotter="overlayfs")
    found = tomllib.loads(text)
    assert found["root"] == '/data/with "quotes"'
    assert found["grpc"]["address"] == ["unix:///exec/buildkitd.sock"]
    assert found["worker"]["oci"] == {"enabled": False}
    assert found["worker"]["containerd"] == {
        "enabled": True,
        "address": "/c.sock",
        "namespace": "ns",
        "snapshotter": "overlayfs",
    }
