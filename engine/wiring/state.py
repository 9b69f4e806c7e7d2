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


def tree(engine: Engine) -> dict[str, object]:
    """The services, the loop's lag, and under `damage` what this start found broken: `repaired` with what
    became of it, `quarantined` with the records that no copy could replace."""
    return {
        **engine.root.status().to_dict(),
        "loop_lag": engine.pulse.report(),
        "damage": {"repaired": engine.repaired, "quarantined": engine.quarantined},
    }
