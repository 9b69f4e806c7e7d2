"""Unpacking a tar stream into a directory of a container, never outside its root.

Every parent is looked up anew in the root (openat2), so neither an archive nor the container's own
processes can lead a write elsewhere. The texts are dockerd's.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
import shutil
import stat
import tarfile
from typing import IO, Any, Protocol, Self

from engine.adapters.rootfs.openat2 import make_directories, open_in_root
from engine.adapters.rootfs.tarring import XATTR
from engine.errors import InvalidParameter
from engine.models.files import Extraction

PIECE = 1 << 18
_PREFIX = "Error processing tar file(exit status 1): "


class Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...


class Observer(Protocol):
    """Who wants to know what goes by: entries with a digest of their own, which is fed their content."""

    def begin(self, member: tarfile.TarInfo) -> Any: ...
    def done(self, member: tarfile.TarInfo, found: Any) -> None: ...


def unpack(
    source: IO[bytes], root: int, path: str, how: Extraction, observer: Observer | None = None
) -> None:
    """Blocks. `path` is the directory in the root; the stream is read to its end."""
    unpacking = _Unpacking(root, path, how, observer)
    try:
        with tarfile.open(
            fileobj=source, mode="r|", bufsize=PIECE, errorlevel=2, tarinfo=_Strict
        ) as archive:
            for member in archive:
                archive.__dict__["members"] = []  # a stream's past is not needed
                unpacking.take(archive, member)
    except tarfile.TarError as error:
        raise _refused("unexpected EOF" if "unexpected" in str(error) else str(error)) from error
    except OSError as error:
        raise _refused(f"{error.filename or path}: {error.strerror or error}") from error
    finally:
        unpacking.close()
    while source.read(PIECE):
        pass


class _Strict(tarfile.TarInfo):
    """tarfile takes a damaged header for the end of the archive; a cut upload must not pass for a whole one."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(archive)
        except (tarfile.EOFHeaderError, tarfile.EmptyHeaderError):  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise _refused(f"archive/tar: invalid tar header: {error}") from error


def _refused(text: str) -> InvalidParameter:
    return InvalidParameter(_PREFIX + text)


class _Unpacking:
    """`_times` are those of directories, which what is put into them would change."""

    def __init__(
        self, root: int, path: str, how: Extraction, observer: Observer | None = None
    ) -> None:
        self._observer = observer
        self._root = root
        self._path = path.rstrip("/")
        self._how = how
        self._times: dict[str, tuple[int, float]] = {}
        self._parent = ("", -1)

    def close(self) -> None:
        for path, (fd, when) in self._times.items():
            with contextlib.suppress(OSError):
                os.utime(fd, (when, when))
            os.close(fd)
            del path
        if self._parent[1] >= 0:
            os.close(self._parent[1])

    def take(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        name = posixpath.normpath(member.name.lstrip("/") or ".")
        if self._how.clamp:
            name = posixpath.normpath(f"/{name}").lstrip("/") or "."
        if name == ".." or name.startswith("../"):
            raise _refused(f'"{member.name}" is outside of "{self._path or "/"}"')
        if name == ".":
            return
        above, _, last = name.rpartition("/")
        parent = self._directory(f"{self._path}/{above}")
        if not self._cleared(parent, last, name, member):
            return
        self._make(archive, member, parent, last, name)

    def _directory(self, path: str) -> int:
        """The parent of the entry; usually the last one's, too."""
        if self._parent[0] != path or self._parent[1] < 0:
            if self._parent[1] >= 0:
                os.close(self._parent[1])
                self._parent = ("", -1)
            self._parent = (path, make_directories(self._root, path))
        return self._parent[1]

    def _cleared(self, parent: int, last: str, name: str, member: tarfile.TarInfo) -> bool:
        """Take away what stands there; a directory stays for a directory."""
        try:
            found = os.stat(last, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return True
        is_directory = stat.S_ISDIR(found.st_mode)
        if self._how.keep_kinds and is_directory != member.isdir():
            kinds = (
                ("directory", "non-directory") if is_directory else ("non-directory", "directory")
            )
            place = f'"{self._path}/{name}"'
            raise _refused(
                f'cannot overwrite {kinds[0]} {place} with {kinds[1]} "{self._path or "/"}"'
            )
        if is_directory and member.isdir():
            return True
        if is_directory:
            shutil.rmtree(last, dir_fd=parent)
        else:
            os.unlink(last, dir_fd=parent)
        self._parent = self._parent if parent == self._parent[1] else ("", -1)
        return True

    def _make(
        self, archive: tarfile.TarFile, member: tarfile.TarInfo, parent: int, last: str, name: str
    ) -> None:
        if member.isreg():
            self._file(archive, member, parent, last)
            return
        if self._observer is not None:
            self._observer.done(member, self._observer.begin(member))
        if member.isdir():
            self._make_directory(member, parent, last, name)
        elif member.issym():
            os.symlink(member.linkname, last, dir_fd=parent)
            self._own(member, parent, last)
            self._touch(member, parent, last)
        elif member.islnk():
            self._link(member, parent, last)
        elif member.ischr() or member.isblk() or member.isfifo():
            kind = (
                stat.S_IFIFO
                if member.isfifo()
                else stat.S_IFCHR
                if member.ischr()
                else stat.S_IFBLK
            )
            device = 0 if member.isfifo() else os.makedev(member.devmajor, member.devminor)
            os.mknod(last, kind | 0o600, device, dir_fd=parent)
            self._own(member, parent, last)
            self._mode(member, parent, last)
            self._touch(member, parent, last)
        else:
            raise _refused(f"unhandled tar header type {member.type[0]}")

    def _file(
        self, archive: tarfile.TarFile, member: tarfile.TarInfo, parent: int, last: str
    ) -> None:
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(last, flags, 0o600, dir_fd=parent)
        with open(fd, "wb", buffering=0) as file:
            content = archive.extractfile(member)
            assert content is not None
            digest = self._observer.begin(member) if self._observer else None
            if member.sparse is not None:
                _copy_sparse(content, file, member, digest)
            else:
                _copy(content, file, digest)
            if self._observer is not None:
                self._observer.done(member, digest)
            os.fchown(fd, *self._owner(member))
            os.fchmod(fd, stat.S_IMODE(member.mode))
            _set_attributes(fd, member)
            os.utime(fd, (member.mtime, member.mtime))

    def _make_directory(self, member: tarfile.TarInfo, parent: int, last: str, name: str) -> None:
        with contextlib.suppress(FileExistsError):
            os.mkdir(last, 0o700, dir_fd=parent)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(last, flags, dir_fd=parent)
        try:
            os.fchown(fd, *self._owner(member))
            os.fchmod(fd, stat.S_IMODE(member.mode))
            _set_attributes(fd, member)
        except BaseException:
            os.close(fd)
            raise
        self._remember(name, fd, member.mtime)

    def _remember(self, name: str, fd: int, when: float) -> None:
        """Times are set at the end; of very many directories the oldest are done early."""
        if name in self._times:
            os.close(self._times.pop(name)[0])
        self._times[name] = (fd, when)
        if len(self._times) > 256:
            oldest = next(iter(self._times))
            first, at = self._times.pop(oldest)
            os.utime(first, (at, at))
            os.close(first)

    def _link(self, member: tarfile.TarInfo, parent: int, last: str) -> None:
        """To what the archive, or an earlier copy, has put below the same directory."""
        target = posixpath.normpath(member.linkname.lstrip("/"))
        if self._how.clamp:
            target = posixpath.normpath(f"/{target}").lstrip("/")
        if target == ".." or target.startswith("../"):
            raise _refused(
                f'invalid hardlink "{posixpath.normpath("/" + target)}" -> "{member.linkname}"'
            )
        above, _, name = target.rpartition("/")
        directory = open_in_root(self._root, f"{self._path}/{above}", os.O_PATH | os.O_DIRECTORY)
        try:
            os.link(name, last, src_dir_fd=directory, dst_dir_fd=parent, follow_symlinks=False)
        finally:
            os.close(directory)

    def _owner(self, member: tarfile.TarInfo) -> tuple[int, int]:
        return self._how.owner or (member.uid, member.gid)

    def _own(self, member: tarfile.TarInfo, parent: int, last: str) -> None:
        os.chown(last, *self._owner(member), dir_fd=parent, follow_symlinks=False)

    def _mode(self, member: tarfile.TarInfo, parent: int, last: str) -> None:
        """Through a handle: chmod by name would follow a symlink that has taken the place."""
        handle = os.open(last, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            if not stat.S_ISLNK(os.fstat(handle).st_mode):
                os.chmod(f"/proc/self/fd/{handle}", stat.S_IMODE(member.mode))
        finally:
            os.close(handle)

    def _touch(self, member: tarfile.TarInfo, parent: int, last: str) -> None:
        os.utime(last, (member.mtime, member.mtime), dir_fd=parent, follow_symlinks=False)


def _copy(content: IO[bytes], file: IO[bytes], digest: Digest | None) -> None:
    while piece := content.read(PIECE):
        file.write(piece)
        if digest is not None:
            digest.update(piece)


def _copy_sparse(
    content: Any, file: IO[bytes], member: tarfile.TarInfo, digest: Digest | None
) -> None:
    """Holes stay holes: ten kilobytes of archive must not fill a disk. To a digest they are zeros."""
    pieces: Any = member.sparse or ()  # pairs of offset and size, whatever the stubs say
    source = content.raw  # a buffer would want a source that it can go back in
    position = 0
    for offset, size in pieces:
        _count_hole(offset - position, digest)
        source.seek(offset)
        file.seek(offset)
        position = offset + size
        while size > 0 and (piece := source.read(min(size, PIECE))):
            file.write(piece)
            if digest is not None:
                digest.update(piece)
            size -= len(piece)
    _count_hole(member.size - position, digest)
    file.truncate(member.size)


def _count_hole(size: int, digest: Digest | None) -> None:
    while digest is not None and size > 0:
        digest.update(bytes(min(size, PIECE)))
        size -= PIECE


def _set_attributes(fd: int, member: tarfile.TarInfo) -> None:
    for key, value in member.pax_headers.items():
        if key.startswith(XATTR):
            name = key.removeprefix(XATTR)
            if name == "security.capability" or name.startswith("user."):
                with contextlib.suppress(OSError):  # a file system may not know them
                    os.setxattr(fd, name, value.encode("utf-8", "surrogateescape"))
