"""The account: every byte under the data root, by owner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import msgspec

from engine.domain.images.facade import init_name
from engine.domain.storage.books import LayerIndex, held
from engine.domain.storage.owners import OWNERS, UNOWNED, Known, owner, splits
from engine.domain.storage.ports import Disk, Stores, Unit
from engine.models.storage import Owned

Names = Callable[[], Iterable[str]]


class Account(msgspec.Struct, frozen=True):
    """`owners` lists every owner, also those of nothing."""

    owners: dict[str, Owned]
    unowned: tuple[Unit, ...]

    @property
    def total(self) -> int:
        return sum(each.bytes for each in self.owners.values())


class Accountant:
    """`containers` gives the IDs that are known, also of those that are just being made; `volumes` the names.

    `embedded` says that containerd's own files are under this data root; `plugins` is containerd as the managed
    plugins see it, in their namespace.
    """

    def __init__(
        self,
        disk: Disk,
        stores: Stores,
        *,
        engine_id: str,
        embedded: bool,
        containers: Names,
        volumes: Names,
        plugins: Stores | None = None,
    ) -> None:
        self._disk = disk
        self._stores = stores
        self._embedded = embedded
        self._containers = containers
        self._volumes = volumes
        self._layers = LayerIndex(stores, engine_id)
        self._plugins = plugins
        self._plugin_layers = LayerIndex(plugins or stores, engine_id)

    async def measure(self) -> Account:
        """Unavailable while containerd is away."""
        if self._embedded:  # a look leaves nothing behind that the survey would find
            await self._layers.directories(await self._stores.snapshots.list())
            if self._plugins is not None:
                await self._plugin_layers.directories(await self._plugins.snapshots.list())
        units = await self._disk.survey(splits)
        return balance(units, await self._known())

    async def _known(self) -> Known:
        """After the survey: what was made during it has an owner by now."""
        rooms = Known(containers=frozenset(self._containers()), volumes=frozenset(self._volumes()))
        if not self._embedded:
            return rooms
        stores = self._stores
        snapshots = await stores.snapshots.list()
        directories = await self._layers.directories(snapshots)
        content = await stores.content.list()
        roots = [each.target.digest for each in await stores.images.list()]
        # A container keeps the layers of its image also after the image has gone.
        roots += [each.parent for each in snapshots if each.name in rooms.containers]
        prefix = f"{self._disk.root}/"
        found = msgspec.structs.replace(
            rooms,
            content=frozenset(each.digest for each in content),
            layers={path.removeprefix(prefix): name for path, name in directories.items()},
            uploads=await self._disk.uploads(),
            begun=frozenset(each.ref for each in await stores.content.statuses()),
            held=with_init(held(roots, content, snapshots)),
        )
        return found if self._plugins is None else await self._with_plugins(found, self._plugins)

    async def _with_plugins(self, known: Known, stores: Stores) -> Known:
        directories = await self._plugin_layers.directories(await stores.snapshots.list())
        prefix = f"{self._disk.root}/"
        begun = frozenset(each.ref for each in await stores.content.statuses())
        return msgspec.structs.replace(
            known,
            plugin_content=frozenset(each.digest for each in await stores.content.list()),
            plugin_layers=frozenset(path.removeprefix(prefix) for path in directories),
            begun=known.begun | begun,
        )


def with_init(names: frozenset[str]) -> frozenset[str]:
    """With the layer that containers have above an image's, whether it is there or not."""
    return names | {init_name(each) for each in names}


def balance(units: Sequence[Unit], known: Known) -> Account:
    sums, counts = Counter[str](), Counter[str]()
    unowned = []
    for unit in units:
        whose = owner(unit.path, known)
        sums[whose] += unit.bytes
        counts[whose] += 1
        if whose == UNOWNED:
            unowned.append(unit)
    owners = {name: Owned(sums[name], counts[name]) for name in OWNERS}
    return Account(owners, tuple(unowned))
