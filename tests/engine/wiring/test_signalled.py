from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from engine.wiring.signalled import EXTENDING, Signalled, extending


class Notifying:
    def __init__(self, calls: list[str]) -> None:
        self._calls = calls

    def __getattr__(self, name: str) -> Callable[[], None]:
        return lambda: self._calls.append(name)


class Engine:
    def __init__(self, path: Path) -> None:
        self.exec_root = path
        self.running = 1
        self.handover = SimpleNamespace(wanted=False)
        self.settings = SimpleNamespace(live_restore=False)
        self.containers = SimpleNamespace(counts=lambda: (self.running, 0, 0))
        self.calls: list[str] = []
        self.notifier = Notifying(self.calls)
        self.reloader = SimpleNamespace(reload=self._reload)

    async def _reload(self) -> str:
        self.calls.append("reload")
        return "report"

    async def stop(self) -> None:
        self.calls.append("stop")
        await wait_all_tasks_blocked()


async def test_each_wish_reaches_who_can_do_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = Engine(tmp_path)
    signalled = Signalled(cast(Any, engine))
    await signalled.stop()
    assert cast(Any, await signalled.reload()) == "report"
    assert engine.calls[0] == "stopping"
    assert set(engine.calls[1:3]) == {"stop", "extend"}
    assert engine.calls[3:] == ["reloading", "reload", "ready"]
    await signalled.write_stacks()
    (file,) = tmp_path.iterdir()  # noqa: ASYNC240 (a test)
    assert "test_each_wish_reaches_who_can_do_it" in file.read_text()
    signalled.show_stacks()
    assert "task " in capsys.readouterr().err


async def test_more_time_is_asked_for_before_the_last_is_over(autojump_clock: MockClock) -> None:
    calls: list[str] = []
    with trio.move_on_after(EXTENDING * 3 + 1):
        await extending(cast(Any, Notifying(calls)))
    assert calls == ["extend"] * 4


@pytest.mark.parametrize(
    ("running", "live_restore", "wanted"), [(1, False, False), (0, False, True), (1, True, True)]
)
async def test_handing_over_stops_no_container(
    tmp_path: Path, running: int, live_restore: bool, wanted: bool
) -> None:
    engine = Engine(tmp_path)
    engine.running, engine.settings.live_restore = running, live_restore
    await Signalled(cast(Any, engine)).upgrade()
    assert engine.handover.wanted == wanted
    assert ("stop" in engine.calls) == wanted
