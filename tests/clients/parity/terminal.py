"""Sessions on a terminal: `docker -it`, attach, detach keys, exec, signals, as a user types them."""

from __future__ import annotations

import os
import pty
import select
import signal
import time
from typing import TypedDict

from tests.clients.parity.running import API, LIMIT, blank, clear

RUN = ("run", "--rm", "-it", "--net", "none", "--name", "tt")
QUIET_SECONDS = 0.4
"""So long nothing is printed before the next keys are typed."""
DETACH = b"\x10\x11"

STEPS: tuple[tuple[tuple[str, ...], tuple[bytes, ...]], ...] = (
    ((*RUN, "busybox"), (b'echo he"l"lo\n', b"tty\n", b"exit 3\n")),
    (("run", "-it", "--net", "none", "--name", "tt", "busybox"), (b"echo one\n", DETACH)),
    (("logs", "tt"), ()),
    (("attach", "tt"), (b"echo two\n", DETACH)),
    (("attach", "--detach-keys", "ctrl-a,x", "tt"), (b"echo three\n", b"\x01x")),
    (("exec", "-it", "tt", "sh"), (b"echo ex\n", b"tty\n", b"exit 4\n")),
    (("exec", "-it", "tt", "sh"), (b"echo ex\n", DETACH)),
    (("attach", "tt"), (b"exit 5\n",)),
    (("start", "-ai", "tt"), (b"echo again\n", b"exit 6\n")),
    (("rm", "tt"), ()),
    ((*RUN, "busybox", "sleep", "100"), (b"\x03", b"x", DETACH)),
    (("rm", "-f", "tt"), ()),
    (
        (
            *("run", "--rm", "--net", "none", "--name", "tt", "busybox", "sh", "-c"),
            "trap 'echo int; exit 9' INT; while :; do sleep 0.1; done",
        ),
        (b"\x03",),
    ),
)


class Shown(TypedDict):
    """What a session put on the terminal, and how it ended."""

    screen: str
    code: int


def session(host: str) -> list[Shown]:
    """All steps, one after the other."""
    try:
        return [type_in(host, arguments, keys) for arguments, keys in STEPS]
    finally:
        clear(host)


def type_in(host: str, arguments: tuple[str, ...], keys: tuple[bytes, ...]) -> Shown:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DOCKER_")}
    environment |= {"DOCKER_HOST": host, "DOCKER_API_VERSION": API}
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe("docker", ["docker", *arguments], environment)
    try:
        screen = _converse(terminal, list(keys))
    finally:
        os.close(terminal)
    return Shown(screen=blank(screen.decode(errors="replace"), "/nowhere"), code=_end(pid))


def _converse(terminal: int, keys: list[bytes]) -> bytes:
    screen, quiet_since = b"", time.monotonic()
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.05)[0]:
            try:
                data = os.read(terminal, 65536)
            except OSError:  # EIO: the client has gone
                return screen
            screen, quiet_since = screen + data, time.monotonic()
        elif keys and time.monotonic() - quiet_since > QUIET_SECONDS:
            os.write(terminal, keys.pop(0))
            quiet_since = time.monotonic()
    return screen


def _end(pid: int) -> int:
    """The exit code; a client that stays is killed, which shows as -9."""
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
