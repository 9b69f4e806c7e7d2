from __future__ import annotations

from pathlib import Path

import pytest

from engine.models.containers import HealthcheckConfig
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import Daemon, running

CHECK = HealthcheckConfig(test=["CMD", "true"])


def services(daemon: Daemon, container_id: str) -> list[str]:
    supervisor = daemon.containers.cell(container_id).supervisor
    assert supervisor is not None
    return list(supervisor.names())


@pytest.mark.parametrize(
    ("check", "names"),
    [(None, ["operator", "output-1"]), (CHECK, ["operator", "output-1", "health-1"])],
)
async def test_run_has_services_of_its_own_while_it_lasts(
    tmp_path: Path, check: HealthcheckConfig | None, names: list[str]
) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web", healthcheck=check)
        assert services(daemon, "web") == names
        await daemon.ends(cell)
        assert services(daemon, "web") == ["operator"]
        await daemon.containers.start("web")
        assert services(daemon, "web") == [each.replace("1", "2") for each in names]


async def test_copier_that_is_restarted_loses_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web", tty=True)
        daemon.runtime.write(cell.id, b"one\n")
        await settled()
        assert cell.supervisor is not None
        await cell.supervisor.restart("output-1")
        daemon.runtime.write(cell.id, b"two\n")
        await daemon.ends(cell)
        log = tmp_path / "data" / "containers" / cell.id / f"{cell.id}-json.log"
        assert log.read_text().count('"log":') == 2
