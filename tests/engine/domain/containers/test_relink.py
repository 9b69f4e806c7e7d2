from __future__ import annotations

from pathlib import Path

from engine.domain.containers.cell import Cell
from engine.domain.containers.messages import Unlink
from engine.domain.containers.relink import rewrite
from tests.engine.domain.containers.rooms import Daemon, running


def hosts(daemon: Daemon, cell: Cell) -> str:
    return (daemon.outside.directory(cell.id) / "hosts").read_text()


def address(cell: Cell) -> str:
    sandbox = cell.record.network.sandbox
    assert sandbox is not None
    return sandbox.endpoints[0].ip


async def test_linked_container_is_known_by_its_alias(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        db = await daemon.run("db")
        web = await daemon.run("web", links=["db:store"])
        assert web.record.links == {"store": db.id}
        assert f"{address(db)}\tstore" in hosts(daemon, web)


async def test_new_address_is_told_to_who_links(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        db = await daemon.run("db")
        web = await daemon.run("web", links=["db:store"])
        before = address(db)
        await daemon.containers.stop("db")
        await daemon.run("other")
        await daemon.containers.start("db")
        assert f"{address(db)}\tstore" in hosts(daemon, web)
        if address(db) != before:
            assert f"{before}\tstore" not in hosts(daemon, web)


async def test_link_that_is_taken_away_is_forgotten_by_record_and_file(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.run("db")
        web = await daemon.run("web", links=["db:store"])
        await daemon.nursery.supervise(web)
        await web.mailbox.ask(Unlink("store"))
        assert web.record.links == {}
        assert daemon.machine.record(web.id) == web.record
        assert "store" not in hosts(daemon, web)
        assert web.record.state.alive


async def test_file_of_what_does_not_run_is_let_alone(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.run("db")
        web = await daemon.run("web", links=["db:store"])
        await daemon.containers.stop("web")
        before = hosts(daemon, web)
        await rewrite(web.record, daemon.outside)
        assert hosts(daemon, web) == before
