"""What plugins are still to be told: that an endpoint left, a network went, an address is free.

A due is open from before a plugin is first asked until it was told of the end, so neither a crash nor a dead
plugin leaves it with what nobody has any more. Who is away is told later, in the background.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Collection

import msgspec
import trio

from engine.domain.networks.drivers import IpamDrivers, NetworkDrivers
from engine.domain.networks.ports import Store
from engine.domain.networks.records import Due
from engine.errors import DeadlineExceeded, EngineError, NotFound, Unavailable

log = logging.getLogger(__name__)

FIRST_PAUSE, LAST_PAUSE = 0.5, 10.0  # seconds between two tries in the background
AWAY = (NotFound, Unavailable, DeadlineExceeded)


class Dues:
    """Outlives the service's incarnations, like the book."""

    def __init__(self, drivers: NetworkDrivers, ipams: IpamDrivers, store: Store) -> None:
        self._drivers = drivers
        self._ipams = ipams
        self._store = store
        self._open: dict[str, Due] = {}
        self._stale: set[str] = set()
        self._paying: dict[str, trio.Lock] = {}
        self._more = trio.Event()

    def __contains__(self, due_id: str) -> bool:
        return due_id in self._open

    def get(self, due_id: str) -> Due | None:
        return self._open.get(due_id)

    async def take_up(self, owners: Collection[str]) -> None:
        """At the start: what belongs to no network and no endpoint any more is due now."""
        for due in await self._store.dues():
            self._open[due.id] = due
            if due.id not in owners:
                self.leave(due.id)

    async def note(self, due: Due) -> None:
        self._open[due.id] = due
        await self._store.note(due)

    async def change(self, due_id: str, **changes: object) -> None:
        await self.note(msgspec.structs.replace(self._open[due_id], **changes))

    def leave(self, due_id: str) -> None:
        """To the background."""
        self._stale.add(due_id)
        self._more.set()

    async def pay(self, due_id: str) -> None:
        """Tell all; never fails. What a plugin does not hear now, it is told later."""
        try:
            await self._pay(due_id)
        except EngineError as error:
            log.warning("%s", error)
            self.leave(due_id)

    async def pay_endpoints(self, network_id: str) -> None:
        """Those of one network: it cannot go before them."""
        for due in [each for each in self._open.values() if each.id in self._stale]:
            if due.network_id == network_id and due.id != network_id:
                await self._pay(due.id)

    async def settle(self) -> None:
        """The background: for ever."""
        pause = FIRST_PAUSE
        while True:
            await self._more.wait()
            self._more = trio.Event()
            async with trio.open_nursery() as nursery:
                for due_id in sorted(self._stale):
                    nursery.start_soon(self._try, due_id)
            if not self._stale:
                pause = FIRST_PAUSE
                continue
            self._more.set()
            await trio.sleep(pause)
            pause = min(2 * pause, LAST_PAUSE)

    async def _try(self, due_id: str) -> None:
        try:
            await self._pay(due_id)
        except EngineError as error:
            log.debug("%s", error)

    async def _pay(self, due_id: str) -> None:
        """In dockerd's order. Each step is noted, so that nothing is told twice: an address that was given
        back may be somebody else's by then."""
        async with self._paying.setdefault(due_id, trio.Lock()):
            if due_id in self._open:
                await self._pay_driver(self._open[due_id])
                await self._pay_ipam(self._open[due_id])
                await self._store.settled(due_id)
                self._open.pop(due_id, None)
            self._stale.discard(due_id)
        self._paying.pop(due_id, None)

    async def _pay_driver(self, due: Due) -> None:
        if not due.driver:
            return
        call = due.driver, due.network_id, due.id
        if due.id == due.network_id:
            await _told(self._drivers.delete_network(due.driver, due.network_id))
        else:
            if due.programmed:
                await _told(self._drivers.revoke(*call))
            if due.joined:
                await _told(self._drivers.leave(*call))
            await _told(self._drivers.delete_endpoint(*call))
        await self.change(due.id, driver="")

    async def _pay_ipam(self, due: Due) -> None:
        addresses, pools = list(due.addresses), list(due.pools)
        while addresses:
            await _told(self._ipams.release_address(due.ipam, *addresses[0]))
            del addresses[0]
            await self.change(due.id, addresses=list(addresses))
        while pools:
            await _told(self._ipams.release_pool(due.ipam, pools[0]))
            del pools[0]
            await self.change(due.id, pools=list(pools))


async def _told(call: Awaitable[None]) -> None:
    """A plugin that answers was told, whatever it says of it; one that is away was not."""
    try:
        await call
    except AWAY:
        raise
    except EngineError as error:
        log.warning("%s", error)
