from __future__ import annotations

from pathlib import Path

from engine.api.routes import reload
from engine.models.reload import KeyChange, ReloadReport
from tests.engine.api.serving import ask, serving


async def test_answer_says_what_was_done_and_a_refusal_is_a_bad_request(tmp_path: Path) -> None:
    asked: list[bool] = []

    async def act(*, dry_run: bool = False) -> ReloadReport:
        asked.append(dry_run)
        changes = [KeyChange("debug", "applied", old=False, new=True)]
        message = "" if dry_run else "the file is bad"
        return ReloadReport(
            accepted=dry_run, dry_run=dry_run, message=message, changes=changes, unchanged=["mtu"]
        )

    async with serving(lambda app: reload.register(app, act), tmp_path / "s"):
        trial = await ask(tmp_path / "s", "POST", "/_trimaran/reload?dry-run=1")
        real = await ask(tmp_path / "s", "POST", "/_trimaran/reload")
    assert asked == [True, False]
    assert (trial.status, trial.json["accepted"], trial.json["unchanged"]) == (200, True, ["mtu"])
    assert trial.json["changes"][0]["verdict"] == "applied"
    assert (real.status, real.json["message"]) == (400, "the file is bad")
