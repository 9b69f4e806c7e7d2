"""The images room's door: reads from the catalogue, transfers in the caller's task, writes by mail."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing

import trio

from engine.domain.images import views
from engine.domain.images.artifacts import Artifact, Artifacts
from engine.domain.images.building import Space, Step, Workbench
from engine.domain.images.catalogue import Image
from engine.domain.images.committing import Commit
from engine.domain.images.filters import Filters, created, flag, labelled, select_images, until
from engine.domain.images.importing import parse_platform
from engine.domain.images.ingest import Ingest
from engine.domain.images.instructions import apply_changes
from engine.domain.images.labels import ENGINE, INGEST, init_name
from engine.domain.images.manifests import host_platform, stated_platform
from engine.domain.images.messages import Message, Refresh, Remove, Tag
from engine.domain.images.naming import target_reference
from engine.domain.images.outbox import Outbox, Report, reported
from engine.domain.images.ports import Archives, Descriptor, Reserve, Stores
from engine.domain.images.progress import Message as Progress
from engine.domain.images.registries import Registries
from engine.domain.images.remote import Remote, TransferLimits
from engine.domain.images.removal import ImageUser, Users
from engine.domain.images.saving import select
from engine.domain.images.service import Emit, ImagesService
from engine.domain.images.store import Store
from engine.domain.images.transfers import Transfers
from engine.domain.images.tree import read_tree
from engine.domain.names.references import Reference
from engine.errors import Conflict, InvalidParameter, NotFound
from engine.models.containers import ContainerConfig
from engine.models.images import (
    DeleteItem,
    HistoryItem,
    ImageInspect,
    ImagePruneReport,
    ImageSummary,
    SearchResult,
)
from engine.models.registry import AuthConfig, AuthResponse, DistributionInspect
from supervisors import Mailbox

__all__ = [
    "ENGINE",
    "INGEST",
    "Artifact",
    "Artifacts",
    "Commit",
    "Image",
    "Descriptor",
    "ImageUser",
    "Images",
    "Outbox",
    "Report",
    "Space",
    "Step",
    "TransferLimits",
    "Users",
    "Workbench",
    "created",
    "init_name",
    "reported",
    "until",
]

RESUMABLE = 24 * 3600.0

# Inside the class the name `list` is the method's.
Summaries = list[ImageSummary]
HistoryItems = list[HistoryItem]
Deletions = list[DeleteItem]
AllImages = list[Image]
SearchResults = list[SearchResult]


class Images:
    """All that routes and other rooms use. Reads raise Unavailable until containerd was asked once.

    Generators that are not run to their end must be closed (`contextlib.aclosing`).
    """

    def __init__(
        self,
        stores: Stores,
        archives: Archives,
        *,
        engine_id: str,
        emit: Emit,
        snapshotter: str = "overlayfs",
        driver: str = "",
        registries: Registries,
        limits: TransferLimits | None = None,
        now_ns: Callable[[], int] = time.time_ns,
        reserve: Reserve | None = None,
    ) -> None:
        self.mailbox: Mailbox[Message] = Mailbox("images")
        self._store = Store(stores, engine_id=engine_id, platform=host_platform())
        self._stores = stores
        self._emit = emit
        self._transfers = Transfers(
            self._store,
            archives,
            self.mailbox,
            emit,
            snapshotter=snapshotter,
            now_ns=now_ns,
            reserve=reserve,
        )
        self._remote = Remote(
            self._store,
            self._transfers,
            registries,
            archives,
            self.mailbox,
            limits=limits or TransferLimits(),
        )
        self._driver = driver or snapshotter
        self._now_ns = now_ns
        self._pruning = trio.Lock()

    def service(self) -> ImagesService:
        """A fresh incarnation of the service, for a ChildSpec."""
        return ImagesService(self.mailbox, self._store, self._emit)

    async def refresh(self) -> None:
        """Read everything anew from containerd: at each reconnection."""
        await self.mailbox.ask(Refresh())

    # Reads.

    def resolve(self, name: str) -> Image:
        """By name, ID or a prefix of it. Raises NotFound (`No such image: X:latest`)."""
        return self._store.catalogue.resolve(name)

    def everything(self) -> AllImages:
        return list(self._store.catalogue.images.values())

    def list(
        self,
        *,
        all: bool = False,
        filters: Filters | None = None,
        digests: bool = False,  # noqa: ARG002  dockerd has shown them always since 1.22
        shared_size: bool = False,
    ) -> Summaries:
        catalogue, given = self._store.catalogue, filters or {}
        shared = views.shared_sizes(catalogue) if shared_size else {}
        return [
            views.summary(image, given, shared_size=shared.get(image.id, -1))
            for image in select_images(catalogue, given, every=all, now_ns=self._now_ns())
        ]

    def inspect(self, name: str) -> ImageInspect:
        return views.inspect(self.resolve(name), self._driver)

    def history(self, name: str) -> HistoryItems:
        return views.history(self.resolve(name), self._store.catalogue)

    def layers_size(self) -> int:
        """What all images take on disk together, in bytes."""
        return views.total_size(self.everything())

    # Writes.

    async def tag(self, name: str, repo: str, tag: str) -> None:
        """Raises InvalidParameter, NotFound."""
        await self.mailbox.ask(Tag(name, target_reference(repo, tag)))

    async def remove(
        self,
        name: str,
        *,
        users: Users,
        force: bool = False,
        noprune: bool = False,
    ) -> Deletions:
        """`users` tells which containers an image has. Raises NotFound, Conflict.

        With it go its nameless ancestors that nothing else needs, unless `noprune`.

        What containerd no longer needs is collected when this returns.
        """
        items = await self.mailbox.ask(Remove(name, force, users, not noprune))
        if any(each.deleted for each in items):
            await self._store.leases.collect()
        return items

    async def prune(self, filters: Filters, *, users: Users) -> ImagePruneReport:
        """Remove what no container uses: nameless images, or all with `dangling=false`.

        Beside another prune it waits for its turn, so that each tells what it freed itself.
        """
        for name in filters:
            if name not in ("dangling", "label", "label!", "until"):
                raise InvalidParameter(f"Invalid filter '{name}'")
        dangling_only = flag(filters, "dangling") is not False
        latest = until(filters, self._now_ns())
        async with self._pruning:
            return await self._prune(filters, users, dangling_only=dangling_only, latest=latest)

    async def _prune(
        self, filters: Filters, users: Users, *, dangling_only: bool, latest: int | None
    ) -> ImagePruneReport:
        before = self.layers_size()
        parents = {each.parent for each in self.everything()}
        items: Deletions = []
        for image in self.everything():
            if dangling_only and (image.names or image.digests):
                continue
            if not (image.names or image.digests) and image.id in parents:
                continue  # a build's step: it goes with the last image that was made of it
            if users(image.id) or not labelled(image, filters):
                continue
            if latest is None or created(image) < latest:
                items += await self._prune_one(image, users)
        if items:
            await self._store.leases.collect()
        freed = before - self.layers_size()
        await self._emit("image", "prune", "", {"reclaimed": str(freed)})
        return ImagePruneReport(images_deleted=items or None, space_reclaimed=freed)

    async def _prune_one(self, image: Image, users: Users) -> Deletions:
        items: Deletions = []
        for name in (*image.names, *image.digests) or (image.id,):
            try:
                removed = await self.mailbox.ask(Remove(name, False, users, True))
            except (Conflict, NotFound):
                continue  # in use by now, or gone with another of its names
            items += removed
        return items

    async def discard(self, image: Image, *, users: Users) -> bool:
        """Remove an image with all its names, unless a container uses it: whether it went."""
        if users(image.id):
            return False
        items = await self._prune_one(image, users)
        if items:
            await self._store.leases.collect()
        return any(each.deleted for each in items)

    async def sweep(self, grace: float | None = None) -> None:
        """Drop what pulls and loads have begun and nobody goes on with, after so many seconds without a byte.

        None: a day, for which a pull that was cut off can be resumed.
        """
        await self._store.sweep(RESUMABLE if grace is None else grace, self._now_ns() / 1e9)

    # Transfers. They run in the caller's task and end with it.

    def load(
        self, chunks: AsyncIterator[bytes], *, quiet: bool = False
    ) -> AsyncGenerator[Progress, None]:
        """Take in an archive of `docker save`, or an OCI layout; yields progress messages.

        Raises InvalidParameter for an archive that is damaged, hostile or empty.
        """
        return self._transfers.load(chunks, quiet=quiet)

    def import_(
        self,
        chunks: AsyncIterator[bytes],
        *,
        repo: str = "",
        tag: str = "",
        message: str = "",
        changes: Sequence[str] = (),
        platform: str = "",
    ) -> AsyncGenerator[Progress, None]:
        """Make an image of a root file system's tar; yields `{"status": ID}`.

        Raises InvalidParameter, for names and changes before anything is read.
        """
        reference = target_reference(repo, tag) if repo else None
        made_for = parse_platform(platform, self._store.platform)
        config = apply_changes(ContainerConfig(), changes)
        return self._transfers.import_(
            chunks, reference=reference, message=message, config=config, platform=made_for
        )

    def target(self, repo: str, tag: str) -> Reference | None:
        """The name that a new image is to have, None for no `repo`. Raises InvalidParameter."""
        return target_reference(repo, tag) if repo else None

    def changed_config(self, config: ContainerConfig, changes: Sequence[str]) -> ContainerConfig:
        """The config with Dockerfile instructions applied. Raises InvalidParameter."""
        return apply_changes(config, changes)

    async def commit(
        self,
        parent: str,
        layer: AsyncIterator[bytes],
        commit: Commit,
        reference: Reference | None = None,
    ) -> Image:
        """The image of `parent` with one layer more, an uncompressed tar. Raises NotFound."""
        made = await self._transfers.commit(self.resolve(parent), layer, commit, reference)
        return self._store.catalogue.images[made]

    def save(self, names: Sequence[str]) -> AsyncGenerator[bytes, None]:
        """The tar stream of these images. Raises NotFound and InvalidParameter at once."""
        return self._transfers.save(select(self._store.catalogue, names))

    # Registries. Leaving the context ends the work; its errors are raised by the iteration.

    def pull(
        self, name: str, tag: str = "", *, platform: str = "", auth: AuthConfig | None = None
    ) -> AbstractAsyncContextManager[Outbox]:
        """`tag` may be a digest; without either all tags are pulled. Yields progress messages.

        Raises InvalidParameter at once; the iteration NotFound, Refused, Interrupted.
        """
        return self._remote.pull(name, tag, platform=platform, auth=auth or AuthConfig())

    def push(
        self, name: str, tag: str = "", *, auth: AuthConfig | None = None, platform: str = ""
    ) -> AbstractAsyncContextManager[Outbox]:
        """Without a tag all that the repository has here. Yields progress messages.

        `platform` is an OCI platform as JSON: only its manifest. Without one, an index goes whole
        when all of it is here. Raises InvalidParameter.
        """
        wanted = stated_platform(platform)
        return self._remote.push(name, tag, auth=auth or AuthConfig(), platform=wanted)

    def limit(self, limits: TransferLimits) -> None:
        """Other limits, also for what is waiting now: a reload."""
        self._remote.limit(limits)

    async def distribution(
        self, name: str, *, auth: AuthConfig | None = None
    ) -> DistributionInspect:
        """What the registry has under this name. Raises NotFound, Refused, Interrupted."""
        return await self._remote.inspect(name, auth=auth or AuthConfig())

    async def login(self, auth: AuthConfig) -> AuthResponse:
        """Raises Unauthorized."""
        return await self._remote.login(auth)

    async def search(
        self,
        term: str,
        *,
        limit: int = 0,
        filters: Filters | None = None,
        auth: AuthConfig | None = None,
    ) -> SearchResults:
        return await self._remote.search(term, limit, filters or {}, auth=auth or AuthConfig())

    def workbench(self) -> AbstractAsyncContextManager[Workbench]:
        """For a build: a lease, and the means to make images step by step."""
        return self._transfers.workbench()

    def children(self, parent: str) -> AllImages:
        """The images made of this one by a step; "" for those that were made of none."""
        return self._store.catalogue.children_of(parent)

    def ingest(self) -> AbstractAsyncContextManager[Ingest]:
        """A lease and the means to fill the content store under it, for a pull or a build."""
        return self._transfers.ingest()

    async def adopt(
        self,
        ingest: Ingest,
        target: Descriptor,
        references: Sequence[Reference],
        *,
        platform: str = "",
        action: str = "pull",
        parent: str = "",
    ) -> Image:
        """Unpack and enter the image whose tree is in the content store, under this ingest.

        References with a digest become its RepoDigests. Raises NotFound and InvalidParameter.
        """
        wanted = parse_platform(platform, self._store.platform)
        tree = await read_tree(self._stores.content, target, wanted)
        async with aclosing(ingest.unpack(tree)) as steps:
            async for _ in steps:
                pass
        await self._transfers.enter(ingest, tree, references, action=action, parent=parent)
        return self._store.catalogue.images[tree.image_id]

    async def unpacked(self, image: Image) -> str:
        """The snapshot of the image's root file system, made anew if it is gone; "" for no layers."""
        return await self._transfers.unpacked(image)
