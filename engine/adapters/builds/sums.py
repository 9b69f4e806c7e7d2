"""The hashes that dockerd's build cache goes by: of a tar header without its times, and the content.

The order of the fields, and that names are followed by values without any mark, are tarsum's (version 1).
"""

from __future__ import annotations

import grp
import hashlib
import os
import posixpath
import pwd
import stat
import tarfile
from collections.abc import Mapping
from functools import lru_cache
from typing import Protocol

from engine.adapters.rootfs.tarring import XATTR, attributes

__all__ = ["Sums", "file_hash", "list_hash"]

PIECE = 1 << 20


class Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


class Sums:
    """The hashes of a tar's entries, by their cleaned names."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def begin(self, member: tarfile.TarInfo) -> Hash:
        kind = tarfile.REGTYPE if member.type == tarfile.AREGTYPE else member.type
        slash = "/" if kind == tarfile.DIRTYPE and not member.name.endswith("/") else ""
        return _begun(
            name=member.name + slash,
            mode=member.mode,
            uid=member.uid,
            gid=member.gid,
            size=member.size if kind == tarfile.REGTYPE else 0,
            kind=kind,
            link=member.linkname if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else "",
            user=member.uname,
            group=member.gname,
            device=(member.devmajor, member.devminor),
            extended=_extended(member.pax_headers),
        )

    def done(self, member: tarfile.TarInfo, found: Hash) -> None:
        name = posixpath.normpath("/" + member.name.lstrip("/")).lstrip("/") or "."
        self.found[name] = found.hexdigest()


def file_hash(path: str, shown: str) -> str:
    """Of what is at a path of the host, which the caller has made safe, without following a link."""
    found = os.lstat(path)
    mode = found.st_mode
    kind = {
        stat.S_IFDIR: tarfile.DIRTYPE,
        stat.S_IFLNK: tarfile.SYMTYPE,
        stat.S_IFCHR: tarfile.CHRTYPE,
        stat.S_IFBLK: tarfile.BLKTYPE,
        stat.S_IFIFO: tarfile.FIFOTYPE,
    }.get(stat.S_IFMT(mode), tarfile.REGTYPE)
    regular = kind == tarfile.REGTYPE
    device = kind in (tarfile.CHRTYPE, tarfile.BLKTYPE)
    begun = _begun(
        name=shown + ("/" if kind == tarfile.DIRTYPE else ""),
        mode=mode,
        uid=found.st_uid,
        gid=found.st_gid,
        size=found.st_size if regular else 0,
        kind=kind,
        link=os.readlink(path) if kind == tarfile.SYMTYPE else "",
        user=_user(found.st_uid),
        group=_group(found.st_gid),
        device=(os.major(found.st_rdev), os.minor(found.st_rdev)) if device else (0, 0),
        extended={},
    )
    if regular:
        with open(path, "rb", buffering=0) as file:
            capabilities = attributes(file.fileno()).get(f"{XATTR}security.capability")
            if capabilities is not None:
                begun.update(b"security.capability" + _encoded(capabilities))
            while piece := file.read(PIECE):
                begun.update(piece)
    return begun.hexdigest()


def list_hash(kind: str, hashes: list[str]) -> str:
    """Of several: `dir:...` or `multi:...`."""
    return f"{kind}:{hashlib.sha256(','.join(hashes).encode()).hexdigest()}"


def _begun(
    *,
    name: str,
    mode: int,
    uid: int,
    gid: int,
    size: int,
    kind: bytes,
    link: str,
    user: str,
    group: str,
    device: tuple[int, int],
    extended: dict[str, str],
) -> Hash:
    fields = (
        ("name", name),
        ("mode", str(mode)),
        ("uid", str(uid)),
        ("gid", str(gid)),
        ("size", str(size)),
        ("typeflag", kind.decode()),
        ("linkname", link),
        ("uname", user),
        ("gname", group),
        ("devmajor", str(device[0])),
        ("devminor", str(device[1])),
        *sorted(extended.items()),
    )
    return hashlib.sha256(_encoded("".join(key + value for key, value in fields)))


def _extended(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        key.removeprefix(XATTR): value for key, value in headers.items() if key.startswith(XATTR)
    }


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


@lru_cache(maxsize=256)
def _user(uid: int) -> str:
    """dockerd looks the host's users up, whoever's image it is."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


@lru_cache(maxsize=256)
def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return ""
