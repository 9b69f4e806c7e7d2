"""Docker's archive form from before 1.10: a directory for each layer, with a JSON of its own."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.domain.images.archive import Archive
from engine.domain.images.tree import CONFIG_LIMIT
from engine.errors import InvalidParameter

__all__ = ["LegacyImage", "legacy_configs"]

_LAYERS = 128
_DROPPED = {"id", "parent", "Size", "parent_id", "layer_id", "throwaway"}


class LegacyImage(msgspec.Struct, frozen=True):
    """A config in today's form, the paths of its layers from the bottom up, its names."""

    config: bytes
    layers: tuple[str, ...]
    names: tuple[str, ...]


async def legacy_configs(archive: Archive, repositories: Any) -> list[LegacyImage]:
    """The images that a `repositories` file names; raises InvalidParameter."""
    names: dict[str, list[str]] = {}
    try:
        for repository, tags in (repositories or {}).items():
            for tag, id in tags.items():
                names.setdefault(str(id), []).append(f"{repository}:{tag}")
    except AttributeError as error:
        raise InvalidParameter("invalid archive: repositories is no object") from error
    return [await _image(archive, id, tuple(tags)) for id, tags in names.items()]


async def _image(archive: Archive, id: str, names: tuple[str, ...]) -> LegacyImage:
    chain: list[tuple[str, dict[str, Any]]] = []
    while id:
        if len(chain) >= _LAYERS:
            raise InvalidParameter("invalid archive: too many layers")
        raw = msgspec.json.decode(await archive.read(f"{id}/json", CONFIG_LIMIT))
        if not isinstance(raw, dict):
            raise InvalidParameter(f"invalid archive: {id}/json is no object")
        chain.insert(0, (id, raw))
        id = str(raw.get("parent") or "")
    layers = tuple(f"{each}/layer.tar" for each, _ in chain)
    config = {key: value for key, value in chain[-1][1].items() if key not in _DROPPED}
    config["rootfs"] = {
        "type": "layers",
        "diff_ids": [(await archive.blob(path)).digest for path in layers],
    }
    config["history"] = [_history(raw) for _, raw in chain]
    return LegacyImage(msgspec.json.encode(config), layers, names)


def _history(raw: dict[str, Any]) -> dict[str, Any]:
    command = (raw.get("container_config") or {}).get("Cmd") or []
    found = {
        "created": raw.get("created"),
        "author": raw.get("author"),
        "created_by": " ".join(map(str, command)),
        "comment": raw.get("comment"),
    }
    return {key: value for key, value in found.items() if value}
