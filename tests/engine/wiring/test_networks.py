from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config.schema import Settings
from engine.adapters.resolver import ResolverClient
from engine.adapters.store.database import Database
from engine.domain.events.facade import Journal
from engine.wiring import networks
from engine.wiring.networks import networks_room, volumes_room
from engine.wiring.plugins import plugins_room
from supervisors import Mailbox


def test_rooms_start_empty_and_make_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        networks, "NftFirewall", lambda engine_id: object()
    )  # which wants libnftables
    database = Database(tmp_path / "state.db")
    state = database, Journal(Mailbox("store", 1))
    resolver = ResolverClient(tmp_path / "resolver.sock")
    plugins = plugins_room(Settings())
    networks_room(Settings(), "e1", tmp_path / "exec", state, resolver, plugins)
    volumes_room(tmp_path / "data", tmp_path / "exec", state, plugins)
    database.close()
    assert not (tmp_path / "data").exists()
    assert not (tmp_path / "exec").exists()


async def test_event_of_the_firewall_is_of_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[Any, ...]] = []

    class Told(Journal):
        async def emit(self, *words: Any) -> None:
            told.append(words)

    await networks._tell(Told(Mailbox("store", 1)), "firewall-repaired", {"table": "x"})
    assert told == [("network", "firewall-repaired", "", {"table": "x"})]
