"""An image made from a bare root file system: the config that `docker import` writes."""

from __future__ import annotations

import msgspec

from engine.domain.images.manifests import Platform
from engine.domain.images.times import rfc3339
from engine.errors import InvalidParameter
from engine.models.containers import ContainerConfig

__all__ = ["import_config", "parse_platform"]


def parse_platform(text: str, host: Platform) -> Platform:
    """`os[/arch[/variant]]`, or an architecture alone; raises InvalidParameter."""
    if not text:
        return host
    parts = text.lower().split("/")
    if parts[0] not in ("linux", "windows", "freebsd", "darwin"):
        parts.insert(0, "linux")
    if len(parts) > 3 or not all(parts):
        raise InvalidParameter(
            f'"{text}": unknown operating system or architecture: invalid argument'
        )
    if parts[0] != "linux":
        raise InvalidParameter("operating system is not supported")
    architecture = parts[1] if len(parts) > 1 else host.architecture
    return Platform("linux", architecture, parts[2] if len(parts) > 2 else "")


def import_config(
    *, config: ContainerConfig, platform: Platform, message: str, now_ns: int, diff_id: str
) -> bytes:
    created = rfc3339(now_ns)
    comment = message or "Imported from -"
    document = {
        "architecture": platform.architecture,
        "comment": comment,
        "config": config,
        "created": created,
        "history": [{"created": created, "comment": comment}],
        "os": platform.os,
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
    }
    if platform.variant:
        document["variant"] = platform.variant
    return msgspec.json.encode(document)
