"""Archives made in memory: layers, docker archives, OCI layouts."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from typing import Any

Members = Mapping[str, bytes]


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def tar_of(members: Members, *extra: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in extra:
            archive.addfile(info)
    return out.getvalue()


def config_of(layers: Sequence[bytes], **config: Any) -> bytes:
    """A config for these uncompressed layers; `created`, `comment` and the like go to the top."""
    document: dict[str, Any] = {
        "architecture": "amd64",
        "os": "linux",
        "created": config.pop("created", "2024-01-02T03:04:05.6Z"),
        "config": config,
        "history": [{"created_by": f"layer {n}"} for n in range(len(layers))],
        "rootfs": {"type": "layers", "diff_ids": [digest_of(layer) for layer in layers]},
    }
    return json.dumps(document).encode()


def docker_archive(*images: tuple[bytes, Sequence[bytes], Sequence[str] | None]) -> bytes:
    """Images as (config, layers, tags), in the form of docker 1.10 to 24."""
    members: dict[str, bytes] = {}
    items = []
    for config, layers, tags in images:
        paths = []
        for layer in layers:
            path = f"{digest_of(layer)[7:]}/layer.tar"
            members[path] = layer
            paths.append(path)
        name = f"{digest_of(config)[7:]}.json"
        members[name] = config
        items.append({"Config": name, "RepoTags": tags, "Layers": paths})
    members["manifest.json"] = json.dumps(items).encode()
    return tar_of(members)


def blob_path(data: bytes) -> str:
    return f"blobs/sha256/{digest_of(data)[7:]}"


def oci_layout(
    config: bytes,
    layers: Sequence[bytes],
    *,
    media_type: str,
    annotations: Members | dict[str, str],
) -> tuple[bytes, bytes]:
    """The archive and its manifest. Layers as they are stored, of this media type."""
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": entry("application/vnd.oci.image.config.v1+json", config),
            "layers": [entry(media_type, layer) for layer in layers],
        },
        indent=3,
    ).encode()
    index = {
        "schemaVersion": 2,
        "manifests": [
            {
                **entry("application/vnd.oci.image.manifest.v1+json", manifest),
                "annotations": dict(annotations),
            }
        ],
    }
    blobs = {blob_path(data): data for data in (*layers, config, manifest)}
    members = {**blobs, "index.json": json.dumps(index).encode(), "oci-layout": b"{}"}
    return tar_of(members), manifest


def entry(media_type: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}


class Chunks:
    """A request body: an iterator that nobody needs to close. `taken` counts its bytes."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data, self._size, self.taken = data, size, 0

    def __aiter__(self) -> Chunks:
        return self

    async def __anext__(self) -> bytes:
        piece = self._data[self.taken : self.taken + self._size]
        if not piece:
            raise StopAsyncIteration
        self.taken += len(piece)
        return piece


def chunks_of(data: bytes, size: int = 4096) -> Chunks:
    return Chunks(data, size)
