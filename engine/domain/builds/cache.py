"""Whether a step has been done before: dockerd's rules for what makes two steps the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from engine.domain.images.facade import Image, Images, Workbench
from engine.models.containers import ContainerConfig

__all__ = ["Prober", "same"]


def same(one: ContainerConfig | None, other: ContainerConfig) -> bool:
    """What a step's container had, compared; working directory, shell and the like do not count."""
    if one is None or one.open_stdin or other.open_stdin:
        return False
    return (
        one.attach_stdout == other.attach_stdout
        and one.attach_stderr == other.attach_stderr
        and one.user == other.user
        and one.tty == other.tty
        and (one.cmd or []) == (other.cmd or [])
        and (one.env or []) == (other.env or [])
        and (one.labels or {}) == (other.labels or {})
        and set(one.exposed_ports) == set(other.exposed_ports)
        and (one.entrypoint or []) == (other.entrypoint or [])
        and set(one.volumes or {}) == set(other.volumes or {})
    )


class Prober:
    """The cache of one stage: after the first miss nothing is looked for any more."""

    def __init__(self, images: Images, *, enabled: bool, sources: Sequence[Image] | None) -> None:
        self._images = images
        self._enabled = enabled
        self._sources = list(sources) if sources is not None else None

    async def probe(
        self, parent: Image | None, config: ContainerConfig, bench: Workbench
    ) -> Image | None:
        if not self._enabled:
            return None
        found = await self._find(parent, config, bench)
        self._enabled = found is not None
        return found

    async def _find(
        self, parent: Image | None, config: ContainerConfig, bench: Workbench
    ) -> Image | None:
        local = newest(self._images.children(parent.id if parent else ""), config)
        if self._sources is None:
            return local
        if local is not None and any(self._is_ancestor(local, each) for each in self._sources):
            return local
        return await self._restored(parent, config, bench)

    def _is_ancestor(self, image: Image, of: Image) -> bool:
        known = {each.id: each for each in self._images.everything()}
        found: Image | None = of
        while found is not None:
            if found.parent == image.id:
                return True
            found = known.get(found.parent)
        return False

    async def _restored(
        self, parent: Image | None, config: ContainerConfig, bench: Workbench
    ) -> Image | None:
        assert self._sources is not None
        at = len(parent.config.history) if parent else 0
        for target in self._sources:
            history = target.config.history
            if not _continues(target, parent) or len(history) <= at:
                continue
            if " ".join(config.cmd or ()) != history[at].created_by:
                continue
            if len(history) - 1 == at:
                if parent is not None:
                    await bench.adopt(target, parent)
                return target
            found = await bench.restore(parent, target, config)
            self._sources = [target]  # no jumping between targets
            return found
        return None


def newest(images: Iterable[Image], config: ContainerConfig) -> Image | None:
    key: Callable[[Image], str] = lambda each: each.config.created or ""  # noqa: E731
    found = [each for each in images if same(each.config.container_config, config)]
    return max(found, key=key, default=None)


def _continues(target: Image, parent: Image | None) -> bool:
    """Whether an image's history and layers begin with its would-be parent's."""
    history, layers = target.config.history, target.config.rootfs.diff_ids
    if not history:
        return False
    if parent is None:
        return True
    before, below = parent.config.history, parent.config.rootfs.diff_ids
    if not before and not below:
        return True
    return (
        len(before) < len(history)
        and history[: len(before)] == before
        and layers[: len(below)] == below
    )
