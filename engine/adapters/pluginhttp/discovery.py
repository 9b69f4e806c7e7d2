"""The Directory port: sockets below one directory, `.spec` and `.json` files below others, as dockerd looks for them."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import trio

from engine.domain.plugins.ports import Endpoint, PluginTls
from engine.errors import SystemFailure

SOCKETS = "/run/docker/plugins"
SPECS = ("/etc/docker/plugins", "/usr/lib/docker/plugins")
LONGEST = 64 * 1024  # bytes of a .spec or .json file
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.:@-]*(/[a-zA-Z0-9][a-zA-Z0-9_.:@-]*)*")
ENDINGS = (".spec", ".json")


class _TlsFile(msgspec.Struct):
    ca_file: str = msgspec.field(default="", name="CAFile")
    cert_file: str = msgspec.field(default="", name="CertFile")
    key_file: str = msgspec.field(default="", name="KeyFile")
    insecure: bool = msgspec.field(default=False, name="InsecureSkipVerify")


class _JsonFile(msgspec.Struct):
    addr: str = msgspec.field(default="", name="Addr")
    tls: _TlsFile | None = msgspec.field(default=None, name="TLSConfig")


class HostDirectory:
    def __init__(self, sockets: Path, specs: Iterable[Path]) -> None:
        self._sockets = sockets
        self._specs = tuple(specs)

    async def find(self, name: str) -> Endpoint | None:
        """SystemFailure for a file that cannot be understood."""
        return await trio.to_thread.run_sync(self.look, name)

    def look(self, name: str) -> Endpoint | None:
        """The same, which blocks for a few small files."""
        if NAME.fullmatch(name) is None or "/" in name:
            return None
        return self._find(name)

    async def names(self) -> list[str]:
        return await trio.to_thread.run_sync(lambda: sorted(set(self._names())))

    def _find(self, name: str) -> Endpoint | None:
        for path in (self._sockets / f"{name}.sock", self._sockets / name / f"{name}.sock"):
            if _is_socket(path):
                return Endpoint(name=name, address=f"unix://{path}")
        for root in self._specs:
            for place in (root, root / name):
                for ending in ENDINGS:
                    if (found := _text(place / f"{name}{ending}")) is not None:
                        return _parsed(name, found, place / f"{name}{ending}")
        return None

    def _names(self) -> Iterator[str]:
        for path in _entries(self._sockets):
            if path.suffix == ".sock" and _is_socket(path):
                yield path.stem
            elif _is_socket(path / f"{path.name}.sock"):
                yield path.name
        for root in self._specs:
            for path in _entries(root):
                if path.suffix in ENDINGS and path.is_file():
                    yield path.stem
                elif any((path / f"{path.name}{each}").is_file() for each in ENDINGS):
                    yield path.name


def _parsed(name: str, text: str, path: Path) -> Endpoint:
    tls = None
    address = text.strip()
    if path.suffix == ".json":
        try:
            found = msgspec.json.decode(text, type=_JsonFile)
        except msgspec.MsgspecError as error:
            raise SystemFailure(f'plugin "{name}": {path}: {error}') from None
        address = found.addr
        if found.tls is not None:
            each = found.tls
            tls = PluginTls(
                ca=each.ca_file, cert=each.cert_file, key=each.key_file, insecure=each.insecure
            )
    parts = urlsplit(address)
    if parts.scheme == "unix" and parts.path:
        return Endpoint(name=name, address=f"unix://{parts.netloc}{parts.path}")
    if parts.scheme in ("tcp", "http", "https") and parts.hostname:
        if parts.scheme == "https" and tls is None:
            tls = PluginTls()
        return Endpoint(name=name, address=f"tcp://{parts.netloc}", tls=tls)
    raise SystemFailure(f'plugin "{name}": {path}: no address of a unix or tcp socket')


def _text(path: Path) -> str | None:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(LONGEST)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise SystemFailure(f"{path}: {error.strerror}") from error


def _entries(path: Path) -> list[Path]:
    try:
        return sorted(path.iterdir())
    except OSError:
        return []


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except OSError:
        return False
