"""A build that the daemon may die in: afterwards its image is whole or absent, and nothing else of it is there."""

from __future__ import annotations

import io
import itertools
import tarfile
from typing import Any

from tests.harness.daemon import Daemon
from tests.harness.deeds import LOST, wait_for
from tests.harness.traces import ctr

_numbers = itertools.count()


class BuildAttempt:
    """One build with a command, a copy of a directory, and a second stage, in the terms of `deeds.Attempt`."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.name = f"built{next(_numbers)}"
        self.tagged = False

    def ready(self) -> None: ...

    def act(self) -> bool:
        """False where the daemon did not answer to the end."""
        try:
            status, body = self.daemon.request("POST", f"/build?t={self.name}", self._context())
        except LOST:
            return False
        self.tagged = f"Successfully tagged {self.name}:latest".encode() in body
        assert self.tagged or b'"error"' not in body, (status, body)
        return self.tagged

    def check(self) -> None:
        """After the daemon's start."""
        wait_for(lambda: not self._left(), lambda: str(self._left()))
        status, _ = self.daemon.request("GET", f"/images/{self.name}/json")
        assert status in (200, 404)
        assert status == 200 or not self.tagged, "the image that was answered for is not there"
        if status == 200:
            self._check_image()

    def again(self) -> None:
        """With whatever steps the one before has left in the cache."""
        assert self.act()
        self._check_image()

    def remove(self) -> None:
        """The image, and the steps that have become nobody's."""
        self.daemon.request("DELETE", f"/images/{self.name}?force=1")
        self.daemon.json("POST", "/images/prune")

    def _check_image(self) -> None:
        done = self.daemon.docker(
            "run", "--rm", self.name, "sh", "-c", "cat /g /d/sub/f", check=True
        )
        assert done.stdout == (2 * self.name).encode()
        # Its root goes behind its end, and holds the image's layers up to then.
        wait_for(lambda: not any(map(_of_a_container, self._snapshots())), "the root has gone")

    def _left(self) -> dict[str, list[Any]]:
        shown = self.daemon.json("GET", "/containers/json?all=1")
        names = [name for each in shown for name in each["Names"] if name.startswith("/build-")]
        snapshots = [each for each in self._snapshots() if "build" in each]
        files = [str(each) for each in (self.daemon.root / "data" / "tmp").glob("build-*")]
        found = {"containers": names, "snapshots": snapshots, "files": files}
        return {kind: each for kind, each in found.items() if each}

    def _snapshots(self) -> list[str]:
        return ctr(self.daemon, "snapshots", "ls")

    def _context(self) -> bytes:
        text = (
            f"FROM busybox AS one\nENV q={self.name}\nRUN echo -n $q > /g\n"
            "FROM busybox\nCOPY d /d\nCOPY --from=one /g /g\n"
        )
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            for path, data in {"Dockerfile": text, "d/sub/f": self.name}.items():
                info = tarfile.TarInfo(path)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data.encode()))
        return out.getvalue()


def _of_a_container(snapshot: str) -> bool:
    return len(snapshot) == 64
