"""The ends of the FIFOs between the engine and a container's shim."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator

import trio

CHUNK = 64 * 1024  # larger reads were slower (measured)
PIPE_SIZE = 1 << 20
_RETRY_FIRST, _RETRY_LAST = 0.002, 0.05


def make_fifos(directory: str, names: list[str]) -> dict[str, str]:
    """Creates `directory` (0700) and FIFOs in it, by name; those that are there are kept."""
    os.makedirs(directory, mode=0o700, exist_ok=True)
    paths = {name: os.path.join(directory, name) for name in names}
    for path in paths.values():
        with contextlib.suppress(FileExistsError):
            os.mkfifo(path, 0o600)
    return paths


@contextlib.contextmanager
def held_open(directory: str) -> Iterator[None]:
    """Our ends of all output FIFOs below a directory, for a moment, so that nobody waits for them.

    A shim that is told to start a process opens its FIFOs and waits for their readers, whose
    daemon may be dead by then; until it gets on, it answers nothing about its container.
    """
    fds = []
    try:
        for folder, _, names in os.walk(directory):
            for name in {"stdout", "stderr"}.intersection(names):
                with contextlib.suppress(OSError):
                    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
                    fds.append(os.open(os.path.join(folder, name), flags))
        yield
    finally:
        for fd in fds:
            os.close(fd)


class FifoReader:
    """The reading end; opens at once, whether or not somebody writes yet."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        # Refused to unprivileged users beyond /proc/sys/fs/pipe-max-size; then it stays smaller.
        with contextlib.suppress(OSError):
            fcntl.fcntl(self._fd, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
        self._eager = False

    def fileno(self) -> int:
        return self._fd

    async def wait(self) -> None:
        """Until there is data or its end. Before the first writer comes, a read would return
        nothing and look like the end, so no read without a wait."""
        if self._eager:
            await trio.lowlevel.checkpoint()
            return
        try:
            await trio.lowlevel.wait_readable(self._fd)
        except trio.ClosedResourceError:
            if not self._eager:
                raise

    def read_into(self, buffer: memoryview) -> int | None:
        """How many bytes came: 0 at the end, None if there is nothing at present."""
        if self._fd < 0:
            raise trio.ClosedResourceError
        try:
            return os.readv(self._fd, [buffer])
        except BlockingIOError:
            return 0 if self._eager else None

    def finish(self) -> None:
        """The writers are known to be gone: what is in the pipe is all that comes."""
        self._eager = True
        trio.lowlevel.notify_closing(self._fd)

    def close(self) -> None:
        if self._fd >= 0:
            trio.lowlevel.notify_closing(self._fd)
            os.close(self._fd)
            self._fd = -1


class FifoWriter:
    """The writing end of a container's stdin."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @classmethod
    async def open(cls, path: str) -> FifoWriter:
        """Waits for the shim to open its end; the caller sets the deadline."""
        pause = _RETRY_FIRST
        while True:
            try:
                return cls(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
            await trio.sleep(pause)
            pause = min(2 * pause, _RETRY_LAST)

    async def send_all(self, data: bytes) -> None:
        """BrokenResourceError if nobody reads any more, ClosedResourceError after `close`."""
        view = memoryview(data)
        while view:
            await trio.lowlevel.checkpoint_if_cancelled()
            if self._fd < 0:
                raise trio.ClosedResourceError
            try:
                view = view[os.write(self._fd, view) :]
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self._fd)
            except BrokenPipeError as error:
                raise trio.BrokenResourceError from error

    def close(self) -> None:
        if self._fd >= 0:
            trio.lowlevel.notify_closing(self._fd)
            os.close(self._fd)
            self._fd = -1
