"""The store as a service, and what the status says of damaged state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.adapters.store.service import StoreService

if TYPE_CHECKING:
    from engine.daemon import Engine


def make_store(engine: Engine) -> StoreService:
    return StoreService(
        engine.database,
        engine.commits,
        engine.bus.committed,
        engine.bus.resume,
        copy=engine.state.copy,
        repairs=engine.state.repairs,
    )


def damage(engine: Engine) -> dict[str, object]:
    """For the status: what this start found broken; `repaired` with what became of it, `quarantined` with
    the records that no copy could replace."""
    repaired = [repair.attributes() for repair in engine.state.repairs]
    return {"repaired": repaired, "quarantined": engine.database.quarantined()}
