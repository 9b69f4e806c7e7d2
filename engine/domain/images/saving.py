"""The archive of `docker save`: an OCI layout with docker's manifest.json beside it, as a stream.

Every blob goes out as it lies in the content store, so that a load gives the same digests.
"""

from __future__ import annotations

import tarfile
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from engine.domain.images.catalogue import Catalogue, Image
from engine.domain.images.ports import Content, Descriptor
from engine.domain.names.references import Reference, familiar, parse_any
from engine.errors import EngineError, InvalidParameter, NotFound

__all__ = ["Selected", "archive_of", "select"]

_BLOCK = 512
_RECORD = 20 * _BLOCK
_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
_INDEX = "application/vnd.oci.image.index.v1+json"


class Selected(msgspec.Struct, frozen=True):
    image: Image
    references: tuple[Reference, ...]


def select(catalogue: Catalogue, names: Sequence[str]) -> list[Selected]:
    """Images with the names to save them under: a bare repository means all of its tags.

    Raises NotFound, and InvalidParameter for what is no name.
    """
    chosen: dict[str, dict[Reference, None]] = {}
    for name in names:
        if not name:
            raise InvalidParameter("invalid reference format")
        for image, reference in _selection(catalogue, name):
            held = chosen.setdefault(image.id, {})
            if reference is not None:
                held[reference] = None
    return [Selected(catalogue.images[id], tuple(found)) for id, found in chosen.items()]


def _selection(catalogue: Catalogue, name: str) -> Iterable[tuple[Image, Reference | None]]:
    parsed = parse_any(name)
    if isinstance(parsed, Reference) and not parsed.tag and not parsed.digest:
        tags = [
            (catalogue.images[each.image_id], each.reference)
            for each in catalogue.records.values()
            if each.reference
            and each.reference.tag
            and each.reference.name == parsed.name
            and each.image_id in catalogue.images
        ]
        if tags:
            return tags
    try:
        image = catalogue.resolve(name)
    except NotFound:
        raise NotFound(f"No such image: {name}") from None
    if isinstance(parsed, Reference) and parsed.tag and familiar(parsed) in image.names:
        return [(image, parsed)]
    return [(image, None)]


async def archive_of(content: Content, selected: Sequence[Selected]) -> AsyncGenerator[bytes, None]:
    """The tar stream."""
    for name in ("blobs/", "blobs/sha256/"):
        yield _header(name, 0, directory=True)
    for blob in _blobs(selected):
        async for piece in _blob(content, blob):
            yield piece
    yield _file("index.json", _index(selected))
    yield _file("manifest.json", msgspec.json.encode([_item(each) for each in selected]))
    yield _file("oci-layout", _LAYOUT)
    yield bytes(_RECORD)


def _blobs(selected: Sequence[Selected]) -> Iterable[Descriptor]:
    """Each blob once, the layers first."""
    found: dict[str, Descriptor] = {}
    for each in selected:
        image = each.image
        for blob in (*image.layers, image.config_descriptor, image.manifest):
            found.setdefault(blob.digest, blob)
    return found.values()


async def _blob(content: Content, blob: Descriptor) -> AsyncGenerator[bytes, None]:
    yield _header(_path(blob), blob.size)
    sent = 0
    async with aclosing(content.read(blob.digest)) as pieces:
        async for piece in pieces:
            sent += len(piece)
            yield piece
    if sent != blob.size:
        raise EngineError(f"content {blob.digest} has {sent} bytes instead of {blob.size}")
    if padding := -sent % _BLOCK:
        yield bytes(padding)


def _index(selected: Sequence[Selected]) -> bytes:
    entries: list[dict[str, Any]] = []
    for each in selected:
        manifest = each.image.manifest
        entry = {
            "mediaType": manifest.media_type,
            "digest": manifest.digest,
            "size": manifest.size,
        }
        for reference in each.references:
            annotations = {
                "io.containerd.image.name": f"{reference.name}:{reference.tag}",
                "org.opencontainers.image.ref.name": reference.tag,
            }
            entries.append({**entry, "annotations": annotations})
        if not each.references:
            entries.append(entry)
    return msgspec.json.encode({"schemaVersion": 2, "mediaType": _INDEX, "manifests": entries})


def _item(selected: Selected) -> dict[str, Any]:
    image = selected.image
    return {
        "Config": _path(image.config_descriptor),
        "RepoTags": [familiar(each) for each in selected.references] or None,
        "Layers": [_path(each) for each in image.layers],
    }


def _path(blob: Descriptor) -> str:
    return f"blobs/{blob.digest.replace(':', '/')}"


def _file(name: str, data: bytes) -> bytes:
    return _header(name, len(data)) + data + bytes(-len(data) % _BLOCK)


def _header(name: str, size: int, *, directory: bool = False) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    info.mode = 0o755 if directory else 0o644
    info.type = tarfile.DIRTYPE if directory else tarfile.REGTYPE
    # GNU's form holds sizes past 8 GiB.
    return info.tobuf(tarfile.GNU_FORMAT)
