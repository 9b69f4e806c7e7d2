"""The table of live keys, on an engine that is made and not run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.honoured import STATUS
from config.reload import RELOADABLE
from config.schema import Settings
from engine.wiring.live import live_parts
from tests.engine.test_daemon import close, engine_of


@pytest.fixture
def level() -> Iterator[None]:
    root = logging.getLogger()
    before = root.level
    yield
    root.setLevel(before)


async def take(path: Path, **changed: Any) -> Any:
    """An engine that has taken over other settings."""
    engine = engine_of(path, containerd="embedded")
    base = {"exec_root": engine.settings.exec_root, "containerd": "embedded"}
    fresh = Settings(**{**base, **changed})
    for step in [part.derive(fresh) for part in live_parts(engine)]:
        step()
    return engine


async def test_every_key_that_takes_effect_has_somebody_who_takes_it(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, containerd="embedded")
    heard = frozenset().union(*(part.keys for part in live_parts(engine)))
    close(engine)
    assert heard == {key for key in RELOADABLE if STATUS[key] == "honoured"}


@pytest.mark.usefixtures("level")
async def test_each_part_lives_from_the_new_settings(tmp_path: Path) -> None:
    engine = await take(
        tmp_path,
        debug=True,
        labels=("a=b",),
        live_restore=True,
        shutdown_timeout=3,
        dns=("192.0.2.1",),
        default_shm_size=1 << 20,
        log_opts={"max-size": "1m"},
        publish_policy="local",
        registry_mirrors=("https://mirror/",),
        max_concurrent_downloads=9,
    )
    outside = engine.outside
    try:
        assert logging.getLogger().level == logging.DEBUG
        assert engine.settings.shutdown_timeout == 3
        assert (engine.system.identity.labels, engine.system.identity.live_restore) == (
            ["a=b"],
            True,
        )
        assert (outside.settings.live_restore, outside.settings.shm_size) == (True, 1 << 20)
        assert (outside.settings.log_options, outside.sandboxes.dns) == (
            {"max-size": "1m"},
            ("192.0.2.1",),
        )
        assert engine.networks.settings.publish_policy == "local"
        assert engine.registries.settings.mirrors == {"docker.io": ("https://mirror/",)}
        assert engine.images._remote._downloads.limiter.total_tokens == 9
    finally:
        close(engine)


async def test_what_the_first_start_settled_is_refused(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, containerd="embedded")
    with pytest.raises(Exception, match="snapshotter"):
        [
            part.derive(Settings(containerd="embedded", storage_driver="btrfs"))
            for part in live_parts(engine)
        ]
    close(engine)
