from __future__ import annotations

from engine.domain.networks.pools import DEFAULT_POOLS, local_pool
from engine.domain.networks.settings import NetworkSettings


def test_links_carry_the_engines_id() -> None:
    assert NetworkSettings(engine_id="e1").alias == "trimaran:e1"


def test_pool_of_our_own_comes_last() -> None:
    settings = NetworkSettings(engine_id="e1")
    assert settings.all_pools == (*DEFAULT_POOLS, local_pool("e1"))
    assert NetworkSettings(engine_id="e1", pools=()).all_pools == (local_pool("e1"),)
