"""The images service: every change to what images there are goes through its mailbox."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import trio

from engine.domain.images.catalogue import Image
from engine.domain.images.messages import Adopt, Message, Pushed, Refresh, Remove, Replace, Tag
from engine.domain.images.removal import Plan, plan_removal
from engine.domain.images.store import Store
from engine.domain.names.references import Reference, familiar, familiar_name
from engine.errors import DeadlineExceeded, Unavailable
from engine.models.images import DeleteItem
from supervisors import Mailbox, MailWorker

__all__ = ["Emit", "ImagesService", "attributes"]

# (type, action, actor ID, attributes)
Emit = Callable[[str, str, str, dict[str, str]], Awaitable[None]]

_FIRST_READ = 30.0


class ImagesService(MailWorker[Message]):
    def __init__(self, mailbox: Mailbox[Message], store: Store, emit: Emit) -> None:
        super().__init__(mailbox)
        self._store = store
        self._emit = emit

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Accepts mail even while containerd is away; the daemon sends Refresh when it is back."""
        with trio.move_on_after(_FIRST_READ), suppress(Unavailable, DeadlineExceeded):
            await self._store.refresh()
        await super().run(task_status=task_status)

    async def handle(self, message: Message) -> object:
        if isinstance(message, Refresh) or not self._store.loaded:
            await self._store.refresh()
        match message:
            case Refresh():
                return None
            case Adopt():
                return await self._adopt(message)
            case Pushed():
                await self._pushed(message)
                return None
            case Replace():
                await self._store.replace(message.image)
                return None
            case Tag():
                await self._tag(message)
                return None
            case Remove():
                return await self._remove(message)

    async def _adopt(self, message: Adopt) -> list[tuple[str, str]]:
        image = message.image
        moved: list[tuple[str, str]] = []
        for reference in message.references:
            if (previous := await self._store.point(reference, image)) is not None:
                moved.append((familiar(reference), previous.id))  # noqa: PERF401  it awaits
        await self._store.keep(image)
        if message.action in ("import", "commit"):
            for reference in message.references:
                await self._publish("tag", image, familiar(reference))
        if message.action == "pull":
            for reference in message.references[:1]:
                await self._publish_traffic("pull", image, reference)
        elif message.action not in ("", "commit"):  # a commit is its container's event
            await self._publish(message.action, image, image.id)
        return moved

    async def _tag(self, message: Tag) -> None:
        image = self._store.catalogue.resolve(message.name)
        await self._store.point(message.reference, image)
        await self._publish("tag", image, familiar(message.reference))

    async def _pushed(self, message: Pushed) -> None:
        """Nothing is left to be named if the image was removed meanwhile."""
        image = self._store.catalogue.images.get(message.image_id)
        if image is not None:
            await self._store.point(message.reference.with_digest(message.digest), image)
            await self._publish_traffic("push", image, message.reference)

    async def _remove(self, message: Remove) -> list[DeleteItem]:
        plan = plan_removal(
            self._store.catalogue, message.name, force=message.force, users=message.users
        )
        items = await self._carry_out(plan, message)
        while plan.delete and message.prune:
            parent = self._store.catalogue.images.get(plan.image.parent)
            if parent is None or parent.names or parent.digests or message.users(parent.id):
                break
            if self._store.catalogue.children_of(parent.id):
                break
            plan = Plan(parent, (), delete=True)
            items += await self._carry_out(plan, message)
        return items

    async def _carry_out(self, plan: Plan, message: Remove) -> list[DeleteItem]:
        catalogue = self._store.catalogue
        names = [each.name for each in plan.untag]
        if plan.delete:
            names += [
                each.name for each in catalogue.records_of(plan.image.id) if not each.reference
            ]
        await self._store.unpoint(plan.image.id, names, keep=not plan.delete)
        for _ in plan.untag:
            await self._publish("untag", plan.image, plan.image.id)
        items = [
            DeleteItem(untagged=familiar(each.reference)) for each in plan.untag if each.reference
        ]
        if plan.delete:
            await self._emit("image", "delete", plan.image.id, {"name": plan.image.id})
            held = bool(message.users(plan.image.id))
            items += [DeleteItem(deleted=each) for each in self._deleted(plan, held=held)]
        return items

    def _deleted(self, plan: Plan, *, held: bool) -> list[str]:
        """The image, then the layers that went with it, from the top down."""
        if held:
            return [plan.image.id]
        kept = {
            chain for image in self._store.catalogue.images.values() for chain in image.chain_ids
        }
        return [
            plan.image.id,
            *(chain for chain in reversed(plan.image.chain_ids) if chain not in kept),
        ]

    async def _publish_traffic(self, action: str, image: Image, reference: Reference) -> None:
        """The actor of pull and push is the name, its attribute the repository, as dockerd's."""
        given = attributes(image, familiar_name(reference))
        await self._emit("image", action, familiar(reference), given)

    async def _publish(self, action: str, image: Image, name: str) -> None:
        await self._emit("image", action, image.id, attributes(image, name))


def attributes(image: Image, name: str) -> dict[str, str]:
    """An image event's attributes: its labels and a name, which is mostly the ID, as dockerd's."""
    return {**(image.config.config.labels or {}), "name": name}
