"""The tar of `docker plugin create` taken apart: its configuration, and its rootfs/ as a layer. Blocks; for threads."""

from __future__ import annotations

import copy
import gzip
import hashlib
import io
import tarfile
from pathlib import Path
from typing import IO, cast

from engine.errors import InvalidParameter

CONFIG, ROOT = "config.json", "rootfs"
LONGEST = 1 << 20  # bytes of config.json


class Hashing(io.RawIOBase):
    """Writes through, and knows the digest and size of what has passed."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target
        self._hash = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._hash.update(data)
        self.size += len(data)
        self._target.write(data)
        return len(data)

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


def take_apart(source: Path, layer: Path) -> tuple[bytes, str, str, int]:
    """Write the gzipped layer; the configuration, diff ID, the layer's digest and size. InvalidParameter."""
    config: bytes | None = None
    with layer.open("wb") as file:
        outer = Hashing(file)
        with gzip.GzipFile(
            fileobj=cast(IO[bytes], outer), mode="wb", mtime=0, filename=""
        ) as zipped:
            inner = Hashing(cast(IO[bytes], zipped))
            try:
                with (
                    tarfile.open(source, "r:*") as given,
                    tarfile.open(fileobj=cast(IO[bytes], inner), mode="w|") as made,
                ):
                    for member in given:
                        name = _plain(member.name)
                        if name == CONFIG and member.isfile():
                            config = cast(IO[bytes], given.extractfile(member)).read(LONGEST)
                        elif name == ROOT or name.startswith(f"{ROOT}/"):
                            _add(made, given, member, name)
            except (tarfile.TarError, EOFError, OSError) as error:
                reason = str(error).splitlines()[0].rstrip(":")
                raise InvalidParameter(f"the plugin's archive is damaged: {reason}") from None
    if config is None:
        raise InvalidParameter("config not found")
    return config, inner.digest, outer.digest, outer.size


def _add(made: tarfile.TarFile, given: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> None:
    fresh = copy.copy(member)
    fresh.pax_headers = {
        key: value for key, value in member.pax_headers.items() if key not in ("path", "linkpath")
    }
    fresh.name = name.removeprefix(ROOT).lstrip("/") or "."
    if member.islnk():
        fresh.linkname = _plain(member.linkname).removeprefix(ROOT).lstrip("/")
    made.addfile(fresh, given.extractfile(member) if member.isreg() else None)


def _plain(name: str) -> str:
    while name.startswith(("./", "/")):
        name = name[2:] if name.startswith("./") else name[1:]
    return name
