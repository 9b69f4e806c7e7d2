from __future__ import annotations

from pathlib import Path

from engine.wiring.state import damage as found_damage
from engine.wiring.state import make_store
from tests.engine.adapters.store.test_opening import damage, filled
from tests.engine.test_daemon import close, engine_of


async def test_status_says_what_this_start_found_damaged(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    filled(tmp_path / "data")
    damage(tmp_path / "data" / "state.db", "zeroed")
    engine = engine_of(tmp_path, containerd="embedded")
    assert engine.operators.tree()["damage"] == found_damage(engine)
    (repair,) = found_damage(engine)["repaired"]  # type: ignore[misc]
    assert (repair["what"], repair["restored"]) == ("state.db", "60")
    make_store(engine)
    close(engine)
