from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.api.routes.house import house


async def test_account_and_sweep_are_served(tmp_path: Path) -> None:
    async with house(tmp_path) as served:
        found = (await served.ask("GET", "/_trimaran/storage")).json
        assert found["data_root"] == "/data"
        assert found["owners"]["unowned"] == {"bytes": 0, "items": 0}
        swept = (await served.ask("POST", "/_trimaran/storage/sweep?grace=1.5&dry-run=1")).json
        assert swept == {"removed": [], "left": [], "collected": [], "dry_run": True}


@pytest.mark.parametrize("grace", ["soon", "-1", "nan", "inf"])
async def test_grace_that_is_no_time_is_refused(tmp_path: Path, grace: str) -> None:
    async with house(tmp_path) as served:
        status, text = await served.told("POST", f"/_trimaran/storage/sweep?grace={grace}")
        assert (status, text) == (400, f"invalid grace: '{grace}' is not a number of seconds")
