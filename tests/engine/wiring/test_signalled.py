from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from engine.wiring.signalled import Signalled


class Engine:
    def __init__(self, path: Path) -> None:
        self.exec_root = path
        self.calls: list[str] = []
        self.reloader = SimpleNamespace(reload=self._reload)

    async def _reload(self) -> str:
        self.calls.append("reload")
        return "report"

    async def stop(self) -> None:
        self.calls.append("stop")


async def test_each_wish_reaches_who_can_do_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = Engine(tmp_path)
    signalled = Signalled(cast(Any, engine))
    await signalled.stop()
    assert cast(Any, await signalled.reload()) == "report"
    assert engine.calls == ["stop", "reload"]
    await signalled.write_stacks()
    (file,) = tmp_path.iterdir()  # noqa: ASYNC240 (a test)
    assert "test_each_wish_reaches_who_can_do_it" in file.read_text()
    signalled.show_stacks()
    assert "task " in capsys.readouterr().err
