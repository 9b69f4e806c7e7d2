"""The networks service: sets the host up, answers its mail, keeps the firewall whole.

Each letter is handled in a task of its own, so no container waits for another's namespace;
what must be atomic doesn't await (the book) or takes turns (the firewall).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable

import trio

from engine.domain.networks.administration import Administration
from engine.domain.networks.attachments import Attachments
from engine.domain.networks.book import Book
from engine.domain.networks.hostports import Bind, HostPorts, bind_socket, dynamic_range
from engine.domain.networks.messages import (
    Begin,
    Connect,
    Create,
    Disconnect,
    Message,
    Prepare,
    Prune,
    Publish,
    Release,
    Remove,
    Rename,
    Repair,
    Restore,
    Unpublish,
)
from engine.domain.networks.plugged import Plugged
from engine.domain.networks.ports import Drift, Firewall, Links, Resolver, Store
from engine.domain.networks.publishing import Publishing
from engine.domain.networks.records import SavedEndpoint
from engine.domain.networks.relays import Relays
from engine.domain.networks.sandboxes import Sandboxes
from engine.domain.networks.settings import NetworkSettings
from engine.domain.networks.startup import Startup
from engine.errors import EngineError, Unavailable
from supervisors import Inbox, Letter, Mailbox

log = logging.getLogger(__name__)

Announce = Callable[[str, dict[str, str]], Awaitable[None]]
# A reload of foreign rules is many transactions; look once they are over.
QUIET = 0.3
# Notifications can be lost; a look costs two milliseconds in a thread.
INTERVAL = 60.0


class NetworksService:
    """One incarnation. The book and the host's ports belong to the room and outlive it."""

    def __init__(
        self,
        settings: NetworkSettings,
        book: Book,
        mailbox: Mailbox[Message],
        *,
        links: Links,
        firewall: Firewall,
        store: Store,
        host_ports: HostPorts,
        resolver: Resolver,
        relays: Relays,
        plugged: Plugged,
        announce: Announce | None = None,
    ) -> None:
        self._settings = settings
        self._book = book
        self._mailbox = mailbox
        self._firewall = firewall
        self._announce = announce
        self._inbox: Inbox[Message] | None = None
        self._plugged = plugged
        self._watchers: trio.Nursery | None = None
        self.publishing = Publishing(settings, book, links, firewall, host_ports, relays, plugged)
        sandboxes = Sandboxes(settings, book, links, plugged)
        self._attachments = Attachments(book, sandboxes, self.publishing, resolver)
        self._startup = Startup(settings, book, links, store, self.publishing)
        self._administration = Administration(
            settings, book, links, store, self.publishing, sandboxes, plugged
        )

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        with self._mailbox.open() as self._inbox:
            if self._book.restored:  # a later incarnation: the book has it all
                await self.publishing.load()
                await self._attachments.introduce()
                await self._plugged.take_up()
            else:
                await self._startup.set_up()
            async with trio.open_nursery() as watchers:
                watchers.start_soon(self.publishing.relays.run)
                watchers.start_soon(self._plugged.dues.settle)
                self._watchers = watchers
                if self._settings.iptables:
                    watchers.start_soon(self._watch)
                    watchers.start_soon(self._look_now_and_then)
                task_status.started()
                async with trio.open_nursery() as handlers:
                    async for letter in self._inbox:
                        handlers.start_soon(self._handle, letter)
                watchers.cancel_scope.cancel()

    async def stop(self) -> None:
        """Take no more mail; what was taken is finished."""
        if self._inbox is not None:
            self._inbox.close()

    async def _handle(self, letter: Letter[Message]) -> None:
        with letter.handling():
            letter.reply(await self._answer(letter.message))

    def _answer(self, message: Message) -> Awaitable[object]:
        if not self._book.restored and not isinstance(message, Restore):
            raise Unavailable("the networks are still being restored")
        match message:
            case Prepare(container_id, plan):
                return self._attachments.prepare(container_id, plan)
            case Begin(container_id):
                return self._attachments.begin(container_id)
            case Publish(container_id, ports):
                return self.publishing.publish(container_id, ports)
            case Unpublish(container_id):
                return self.publishing.unpublish(container_id)
            case Release(container_id):
                return self._attachments.release(container_id)
            case Connect(container_id, network, wish):
                return self._attachments.connect(container_id, network, wish)
            case Disconnect(container_id, network_id):
                return self._attachments.disconnect(container_id, network_id)
            case Rename(container_id, name):
                return self._attachments.rename(container_id, name)
            case Create(request):
                return self._administration.create(request)
            case Remove(term):
                return self._administration.remove(term)
            case Prune(filters):
                return self._administration.prune(filters)
            case Restore(saved):
                return self._restore(saved)
            case Repair():
                return self._repair()

    async def _restore(self, saved: Iterable[SavedEndpoint]) -> frozenset[str]:
        lost = await self._startup.restore(saved)
        await self._attachments.introduce()
        await self._plugged.take_up()
        if self._watchers is not None:
            self._watchers.start_soon(self._plugged.replay)
        return lost

    async def _watch(self) -> None:
        """Somebody flushed or reloaded the host's rules: ours are back within a second."""
        async for _ in self._firewall.changes():
            await trio.sleep(QUIET)
            await self._look()

    async def _look_now_and_then(self) -> None:
        while True:
            await trio.sleep(INTERVAL)
            await self._look()

    async def _look(self) -> None:
        if not self._book.restored:
            return
        try:
            await self._repair()
        except EngineError as error:
            log.warning("the firewall could not be repaired: %s", error)

    async def _repair(self) -> Drift:
        drift = await self.publishing.repair()
        if drift:
            reason = drift.base or ", ".join(drift.foreign) or "published ports differed"
            log.warning("the firewall was changed by others and repaired: %s", reason)
            if self._announce is not None:
                await self._announce("firewall-repaired", {"reason": reason})
        return drift


def held_ports(bind: Bind = bind_socket) -> HostPorts:
    """The host's ports as the daemon holds them."""
    return HostPorts(bind, dynamic_range())
