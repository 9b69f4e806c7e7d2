from __future__ import annotations

from pathlib import Path

import pytest

from config.schema import Settings
from config.sections import Runtime
from engine.adapters.host.identity import Choices
from engine.version import VERSION
from engine.wiring.identity import identity

CHOICES = Choices("e1", "", "moby", "plugins.moby", "docker0", "overlayfs", "cgroupfs")


def test_daemon_says_what_was_chosen_and_what_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://user:secret@proxy:3128")
    settings = Settings(
        labels=("a=b",), live_restore=True, runtimes={"mine": Runtime(path="/usr/bin/mine")}
    )
    found = identity(settings, CHOICES, Path("/data"), "/c.sock")
    assert (found.engine_id, found.version, found.namespace) == ("e1", VERSION, "moby")
    assert (found.labels, found.live_restore) == (["a=b"], True)
    assert found.runtimes["mine"] == "/usr/bin/mine"
    assert (found.data_root, found.containerd_address) == (Path("/data"), "/c.sock")
    assert "secret" not in found.http_proxy
    assert "proxy:3128" in found.http_proxy
