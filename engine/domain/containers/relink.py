"""Keeping the hosts files of linking containers right while they run, and taking a link away (row 7)."""

from __future__ import annotations

import logging

import msgspec
import trio

from engine.domain.containers import files, links
from engine.domain.containers.cell import Cell
from engine.domain.containers.outside import Outside
from engine.domain.containers.records import Container, to_document
from engine.domain.events.facade import Batch
from supervisors import Refusal

log = logging.getLogger(__name__)


async def tell_parents(record: Container, outside: Outside) -> None:
    """The container has started, perhaps with another address."""
    for cell in outside.registry:
        if record.id in cell.record.links.values():
            await rewrite(cell.record, outside)


async def rewrite(record: Container, outside: Outside) -> None:
    """A running container's /etc/hosts with its links as they are; what cannot be is logged."""
    place = outside.sandboxes.place_of(record)
    if place is None or not record.state.alive:
        return
    try:
        rows = links.hosts_rows(links.linked(record, outside.registry))
        await trio.to_thread.run_sync(
            files.write_hosts, outside.directory(record.id), record, place, rows
        )
    except (Refusal, OSError) as error:
        log.warning("container %s: its links: %s", record.id[:12], error)


async def unlink(cell: Cell, outside: Outside, alias: str) -> None:
    async with cell.slot:
        left = {name: id_ for name, id_ in cell.record.links.items() if name != alias}
        record = msgspec.structs.replace(cell.record, links=left)
        await outside.journal.commit(Batch().put(to_document(record)))
        cell.record = record
        cell.preparation = None
        await rewrite(record, outside)
