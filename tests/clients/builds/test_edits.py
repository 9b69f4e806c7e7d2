"""The cache hits as often as dockerd's over the same sequence of edits."""

from __future__ import annotations

import json

import pytest

from tests.clients.builds.edits import EDITS, RECORDED, run
from tests.clients.builds.running import Engine
from tests.harness.daemon import Daemon

pytestmark = [pytest.mark.client, pytest.mark.integration]


def test_the_cache_hits_as_dockerds_does_edit_by_edit(daemon: Daemon) -> None:
    recorded = json.loads(RECORDED.read_text())
    assert list(recorded) == [name for name, _ in EDITS]
    found = run(Engine(daemon.socket))
    assert {k: v for k, v in found.items() if v != recorded[k]} == {}
    assert sum(hits for hits, _ in found.values()) == sum(hits for hits, _ in recorded.values())
