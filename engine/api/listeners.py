"""Where the API listens: unix sockets, TCP, sockets passed by systemd, TLS."""

from __future__ import annotations

import errno
import grp
import logging
import os
import socket
import ssl
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import trio

from engine.api.handover import Handover

log = logging.getLogger(__name__)

DEFAULT_GROUP = "docker"
BACKLOG = 1024
RESOLVE_SECONDS = 10.0
_FIRST_FD = 3  # SD_LISTEN_FDS_START
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class ListenError(Exception):
    """An address cannot be listened on; the text says which and why."""


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """Server certificate and key; with `verify`, clients need a certificate of `ca`."""

    cert: Path
    key: Path
    ca: Path | None = None
    verify: bool = False

    def context(self) -> ssl.SSLContext:
        """TLS 1.2 or newer, HTTP/1.1 only."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self.cert, self.key)
            if self.ca is not None:
                context.load_verify_locations(self.ca)
        except (OSError, ssl.SSLError) as error:
            raise ListenError(f"could not load the TLS certificates: {error}") from error
        if self.verify:
            context.verify_mode = ssl.CERT_REQUIRED
        return context


class UnixListener(msgspec.Struct, frozen=True):
    """A unix socket. `group` is a name or number; None: docker when there is such a group.

    A `spare` one is served only where nobody else listens.
    """

    path: Path
    group: str | None = None
    mode: int = 0o660
    spare: bool = False


class TcpListener(msgspec.Struct, frozen=True):
    """A host (empty: every address) and port, with or without TLS. Port 0 is for tests.

    A `spare` one is done without where somebody else has it.
    """

    host: str
    port: int
    tls: Tls | None = None
    spare: bool = False


class FdListener(msgspec.Struct, frozen=True):
    """Sockets passed by systemd: all of them (""), one by number, or those of a name."""

    name: str = ""
    tls: Tls | None = None


Listener = UnixListener | TcpListener | FdListener


class Bound(msgspec.Struct):
    """A listening socket, and what is to be removed with it."""

    sock: socket.socket
    tls: ssl.SSLContext | None = None
    path: Path | None = None
    inode: tuple[int, int] | None = None
    key: str = ""  # for a successor; empty: not ours to hand on

    def listener(self) -> trio.SocketListener | trio.SSLListener[trio.SocketStream]:
        """For trio.serve_listeners, which closes it: a duplicate, because the socket may be left to a successor."""
        plain = trio.SocketListener(trio.socket.from_stdlib_socket(self.sock.dup()))
        if self.tls is None:
            return plain
        return trio.SSLListener(plain, self.tls, https_compatible=True)

    def close(self) -> None:
        """Close the socket, and unlink its file if that is still ours."""
        self.sock.close()
        if self.path is not None and _inode(self.path) == self.inode:
            self.path.unlink(missing_ok=True)

    def leave(self, handover: Handover) -> None:
        """Close it, or leave it to the successor when there is to be one."""
        if handover.wanted and self.key:
            handover.keep(self.key, self.sock)
        else:
            self.close()

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix://{self.path}"
        return f"{self.sock.getsockname()}"

    @property
    def docker_host(self) -> str:
        """What a client on this machine puts into DOCKER_HOST."""
        name = self.sock.getsockname()
        if self.sock.family == socket.AF_UNIX:
            return f"unix://{self.path or name}"
        host = _LOOPBACK.get(name[0], name[0])
        return f"tcp://[{host}]:{name[1]}" if ":" in host else f"tcp://{host}:{name[1]}"


def parse_address(
    text: str, *, group: str | None = None, tls: Tls | None = None, default_path: Path | None = None
) -> Listener:
    """An address as `-H` takes it: unix://PATH, tcp://HOST:PORT, fd://[NAME], HOST:PORT, PATH."""
    scheme, found, rest = text.partition("://")
    if not found:
        scheme, rest = ("unix", text) if text.startswith("/") else ("tcp", text)
    if scheme == "unix":
        path = rest or str(default_path or "")
        if not path:
            raise ListenError(f"invalid bind address: {text}")
        return UnixListener(Path(path), group)
    if scheme == "fd":
        return FdListener("" if rest == "*" else rest, tls)
    if scheme == "tcp":
        return _parse_tcp(text, rest.rstrip("/"), tls)
    raise ListenError(f"invalid bind address format: {text}")


def _parse_tcp(text: str, rest: str, tls: Tls | None) -> TcpListener:
    host, _, port = rest.rpartition(":")
    if rest.endswith("]") or ":" not in rest:
        host, port = rest, ""
    try:
        # dockerd's defaults: localhost, 2375, and 2376 with TLS.
        number = int(port) if port else (2376 if tls else 2375)
    except ValueError:
        raise ListenError(f"invalid bind address: {text}") from None
    name = host.removeprefix("[").removesuffix("]")
    return TcpListener(name if rest else "localhost", number, tls)


async def bind_all(listeners: Sequence[Listener], handover: Handover | None = None) -> list[Bound]:
    """Bind every address, or none: raises ListenError and closes what was bound. What a predecessor
    has left in `handover` is taken over."""
    left = handover or Handover()
    bound: list[Bound] = []
    try:
        for listener in listeners:
            if isinstance(listener, UnixListener) and listener.spare:
                bound += bind_spare(listener, left)
            elif isinstance(listener, UnixListener):
                bound.append(bind_unix(listener, left))
            elif isinstance(listener, TcpListener):
                bound += await _bind_tcp_or_spare(listener, left)
            else:
                bound += inherited(listener)
        if not bound and not all(getattr(each, "spare", False) for each in listeners):
            raise ListenError("there is no address to listen on")
    except BaseException:
        for each in bound:
            each.close()
        raise
    return bound


def bind_spare(listener: UnixListener, left: Handover) -> list[Bound]:
    """Bind where nobody else is; the daemon does without, and says so."""
    try:
        return [bind_unix(listener, left)]
    except ListenError as error:
        log.info("%s; left alone", error)
        return []


async def _bind_tcp_or_spare(listener: TcpListener, left: Handover | None = None) -> list[Bound]:
    try:
        return await bind_tcp(listener, left)
    except ListenError as error:
        if not listener.spare:
            raise
        log.warning("%s; done without", error)
        return []


def bind_unix(listener: UnixListener, left: Handover | None = None) -> Bound:
    """Bind a unix socket; a dead one in its place is replaced, a live one refused."""
    path = listener.path
    key = f"unix:{path}"
    if left is not None and (sock := left.take(key)) is not None:
        return Bound(sock, path=path, inode=_inode(path), key=key)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    bound = Bound(sock, key=key)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear(path)
        sock.bind(str(path))
        bound.path, bound.inode = path, _inode(path)
        # Nobody can connect before listen(), so the mode needs no umask (which is process-wide).
        _own(path, listener.group)
        path.chmod(listener.mode)
        sock.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise ListenError(f"can't create unix socket {path}: {error.strerror or error}") from error
    except ListenError:
        bound.close()
        raise
    return bound


def _clear(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ListenError(f"can't create unix socket {path}: something else is there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        refused = probe.connect_ex(str(path))
    if refused in {0, errno.EAGAIN}:  # EAGAIN: alive, with a full backlog
        raise ListenError(f"can't create unix socket {path}: another daemon listens there")
    path.unlink(missing_ok=True)


def _own(path: Path, group: str | None) -> None:
    try:
        gid = _gid(group or DEFAULT_GROUP)
    except KeyError:
        if group is not None and group != DEFAULT_GROUP:
            raise ListenError(f"can't create unix socket {path}: no group {group}") from None
        log.warning("%s stays with this process's group: there is no group docker", path)
        return
    try:
        os.chown(path, -1, gid)
    except PermissionError:
        if group is not None:
            raise
        log.warning("%s stays with this process's group: it may not be changed", path)


def _gid(group: str) -> int:
    return int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


async def bind_tcp(listener: TcpListener, left: Handover | None = None) -> list[Bound]:
    """Bind a TCP port on every address of the host."""
    where = f"tcp://{listener.host}:{listener.port}"
    tls = listener.tls.context() if listener.tls else None
    try:
        with trio.fail_after(RESOLVE_SECONDS):
            found = await trio.socket.getaddrinfo(
                listener.host or None,
                listener.port,
                type=socket.SOCK_STREAM,
                flags=socket.AI_PASSIVE,
            )
    except (OSError, trio.TooSlowError) as error:
        raise ListenError(f"can't listen on {where}: {error}") from error
    bound: list[Bound] = []
    for family, _, _, _, address in found:
        key = f"tcp:{listener.host}:{listener.port}:{address}"
        sock = left.take(key) if left is not None else None
        try:
            bound.append(Bound(sock or _tcp_socket(family, address), tls, key=key))
        except OSError as error:
            if error.errno == errno.EAFNOSUPPORT or (
                error.errno == errno.EADDRNOTAVAIL and family == socket.AF_INET6
            ):
                continue  # a host without IPv6
            for each in bound:
                each.close()
            raise ListenError(f"can't listen on {where}: {error.strerror}") from error
    if not bound:
        raise ListenError(f"can't listen on {where}: no address of it is here")
    return bound


def _tcp_socket(family: int, address: tuple[object, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def inherited(
    listener: FdListener, environ: Mapping[str, str] | None = None, *, first: int = _FIRST_FD
) -> list[Bound]:
    """Sockets passed by systemd (sd_listen_fds(3)). They are duplicated, for later restarts."""
    env = os.environ if environ is None else environ
    if env.get("LISTEN_PID") != str(os.getpid()) or not env.get("LISTEN_FDS", "").isdecimal():
        raise ListenError(
            "no sockets found via socket activation: make sure the service was started by systemd"
        )
    numbers = range(first, first + int(env["LISTEN_FDS"]))
    names = env.get("LISTEN_FDNAMES", "").split(":")
    chosen = [
        fd
        for i, fd in enumerate(numbers)
        if listener.name in {"", str(fd)} or listener.name in names[i : i + 1]
    ]
    if not chosen:
        raise ListenError(f"systemd passed no socket fd://{listener.name}")
    tls = listener.tls.context() if listener.tls else None
    try:
        socks = [socket.socket(fileno=os.dup(fd)) for fd in chosen]
    except OSError as error:
        raise ListenError(f"fd://{listener.name}: {error.strerror}") from error
    return [Bound(sock, None if sock.family == socket.AF_UNIX else tls) for sock in socks]
