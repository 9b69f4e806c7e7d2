"""A container's way through the room: prepared, begun, connected, released, its names told on."""

from __future__ import annotations

from engine.domain.networks import names
from engine.domain.networks.book import Book
from engine.domain.networks.ports import Resolver
from engine.domain.networks.publishing import Publishing
from engine.domain.networks.records import EndpointPlan, EndpointWish, Sandbox
from engine.domain.networks.sandboxes import Sandboxes


class Attachments:
    """Puts sandboxes, published ports and the resolver together, in the order that loses nothing."""

    def __init__(
        self, book: Book, sandboxes: Sandboxes, publishing: Publishing, resolver: Resolver
    ) -> None:
        self._book = book
        self._sandboxes = sandboxes
        self._publishing = publishing
        self._resolver = resolver

    async def prepare(self, container_id: str, plan: EndpointPlan) -> Sandbox:
        sandbox = await self._sandboxes.prepare(container_id, plan)
        await self._tell(container_id)
        return sandbox

    async def begin(self, container_id: str) -> None:
        """From now on it is found by its names."""
        self._book.attachment(container_id).started = True
        await self._tell(container_id)

    async def release(self, container_id: str) -> None:
        try:
            await self._resolver.drop(container_id)
            await self._publishing.unpublish(container_id)
        finally:
            await self._sandboxes.release(container_id)

    async def connect(self, container_id: str, network: str, wish: EndpointWish) -> Sandbox:
        sandbox = await self._sandboxes.connect(container_id, network, wish)
        await self._publishing.move(self._book.attachment(container_id))
        await self._tell(container_id)
        return sandbox

    async def disconnect(self, container_id: str, network_id: str) -> Sandbox:
        sandbox = await self._sandboxes.disconnect(container_id, network_id)
        await self._publishing.move(self._book.attachment(container_id))
        await self._tell(container_id)
        return sandbox

    async def rename(self, container_id: str, name: str) -> None:
        if attachment := self._book.attachments.get(container_id):
            attachment.name = name
            await self._tell(container_id)

    async def introduce(self) -> None:
        """Tell the resolver everything: who is there, and that there is nobody else."""
        scopes = [names.scope(self._book, each) for each in self._book.attachments.values()]
        await self._resolver.retain([scope for scope in scopes if scope is not None])

    async def _tell(self, container_id: str) -> None:
        attachment = self._book.attachments.get(container_id)
        scope = names.scope(self._book, attachment) if attachment else None
        if scope is not None:
            await self._resolver.put(scope)
        else:  # it has left its last network with names
            await self._resolver.drop(container_id)
