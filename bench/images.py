"""An image of 500 MB in ten layers, pulled, loaded and saved on both engines, and a list of a thousand images.

Each engine pulls the same blobs from a docker-registry of its own on its loopback.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import random
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.engines import Contestant
from bench.memory import Watch, family
from bench.samples import Limit
from bench.works import Get, Scale, Work
from tests.harness.images import busybox_tar
from tests.harness.registry import Registry

LAYERS = 10
FILE = 200_000
NAME = "127.0.0.1:5000/benched:1"
NOISE = 0.5
"""Of each file; the rest is text, so that a layer packs to half its size, as layers do."""


def layer(number: int, size: int) -> bytes:
    """A tar of files with `size` bytes in all, other ones for each number."""
    chance = random.Random(number)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for index in range(max(1, size // FILE)):
            noise = chance.randbytes(int(FILE * NOISE))
            text = b"%d of %d\n" % (index, number) * FILE
            data = noise + text[: FILE - len(noise)]
            info = tarfile.TarInfo(f"layer{number}/d{index % 10}/f{index}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def config(diff_ids: list[str], **more: Any) -> bytes:
    document = {
        "architecture": "amd64",
        "os": "linux",
        "created": "2024-01-02T03:04:05Z",
        "config": {"Cmd": ["sh"], **more},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }
    return json.dumps(document).encode()


class Archive:
    """What `docker load` takes, written piece by piece."""

    def __init__(self, path: Path) -> None:
        self._tar = tarfile.open(path, "w")  # noqa: SIM115 - `close` completes it
        self._items: list[dict[str, Any]] = []

    def layer(self, data: bytes) -> str:
        """Its diff ID."""
        digest = hashlib.sha256(data).hexdigest()
        self._add(f"{digest}/layer.tar", data)
        return f"sha256:{digest}"

    def image(self, config: bytes, diff_ids: list[str], name: str) -> None:
        path = f"{hashlib.sha256(config).hexdigest()}.json"
        self._add(path, config)
        layers = [f"{each[7:]}/layer.tar" for each in diff_ids]
        self._items.append({"Config": path, "RepoTags": [name], "Layers": layers})

    def close(self) -> None:
        self._add("manifest.json", json.dumps(self._items).encode())
        self._tar.close()

    def _add(self, name: str, data: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        self._tar.addfile(info, io.BytesIO(data))


@contextlib.contextmanager
def archive(path: Path) -> Iterator[Archive]:
    made = Archive(path)
    yield made
    made.close()


class Moved(Work):
    """One way that the large image goes; what was written before does not disturb it."""

    share = 0.35
    limit: Limit | None = Limit(1)

    def __init__(self, scale: Scale) -> None:
        super().__init__(scale)
        self._stack = contextlib.ExitStack()
        self.scratch = Path()

    @property
    def archive(self) -> Path:
        return self.scratch / "large.tar"

    def prepare(self, engine: Contestant) -> None:  # noqa: ARG002 - the same file for each
        if self.scratch == Path():
            made = tempfile.TemporaryDirectory(prefix="bench-images-")
            self.scratch = Path(self._stack.enter_context(made))
            size = self.scale.image_megabytes * 1_000_000 // LAYERS
            with archive(self.archive) as written:
                diff_ids = [written.layer(layer(number, size)) for number in range(LAYERS)]
                written.image(config(diff_ids), diff_ids, NAME)

    def sample(self, engine: Contestant) -> float:
        self.begin(engine)
        os.sync()
        time.sleep(self.scale.settle / 3)
        return self.move(engine)

    def begin(self, engine: Contestant) -> None:
        remove(engine, NAME)

    def move(self, engine: Contestant) -> float:
        raise NotImplementedError

    def clean(self, engine: Contestant) -> None:
        remove(engine, NAME)
        self._stack.close()


class Served(Moved):
    """With a registry that has it: the first engine pushes it, the other's registry has the same files."""

    def prepare(self, engine: Contestant) -> None:
        first = self.scratch == Path()
        super().prepare(engine)
        self._stack.enter_context(Registry(engine, storage=self.scratch / "registry"))
        if first:
            engine.cli("load", "-i", str(self.archive))
            engine.cli("push", NAME)


class Pull(Served):
    def __init__(self, scale: Scale) -> None:
        super().__init__(scale)
        self.name = f"`docker pull` of {scale.image_megabytes} MB in {LAYERS} layers"

    def move(self, engine: Contestant) -> float:
        return engine.cli("pull", NAME)


class Load(Moved):
    name = "`docker load` of the same image"

    def move(self, engine: Contestant) -> float:
        return engine.cli("load", "-i", str(self.archive))


class Save(Moved):
    name = "`docker save` of it"

    def begin(self, engine: Contestant) -> None:
        """It may be there from the sample before."""
        if engine.request("GET", f"/images/{NAME}/json")[0] == 404:
            engine.cli("load", "-i", str(self.archive))

    def move(self, engine: Contestant) -> float:
        return engine.cli("save", NAME)


class Peak(Served):
    """Sampled, so what lives for less than some milliseconds may be missed."""

    name = "peak memory of the daemon in a pull, a load and a save of it"
    unit = "MB"
    limit = None
    share = 0.2

    def pids(self, engine: Contestant) -> Callable[[], set[int]]:
        return lambda: {engine.pid}

    def move(self, engine: Contestant) -> float:
        with Watch(self.pids(engine)) as watch:
            engine.cli("pull", NAME)
            engine.cli("save", NAME)
            remove(engine, NAME)
            engine.cli("load", "-i", str(self.archive))
        return watch.peak_mb


class PeakOfAll(Peak):
    name = "the same with its containerd and all helpers"

    def pids(self, engine: Contestant) -> Callable[[], set[int]]:
        known = {engine.pid, engine.containerd_pid()}
        return lambda: family(known)


class ListImages(Get):
    limit = Limit(1)
    path = "/images/json"
    gets = 10

    def __init__(self, scale: Scale) -> None:
        super().__init__(scale)
        self.name = f"`GET /images/json`, {scale.images:,} images"

    def prepare(self, engine: Contestant) -> None:
        with tempfile.TemporaryDirectory(prefix="bench-images-") as scratch:
            path = Path(scratch) / "many.tar"
            with archive(path) as written:
                diff_id = written.layer(busybox_tar())
                for number in range(self.scale.images):
                    own = config([diff_id], Labels={"number": str(number)})
                    written.image(own, [diff_id], f"listed:{number}")
            engine.cli("load", "-i", str(path))
        time.sleep(self.scale.settle)

    def clean(self, engine: Contestant) -> None:
        for number in range(self.scale.images):
            remove(engine, f"listed:{number}")


def remove(engine: Contestant, name: str) -> None:
    """Where it is."""
    status, answer = engine.request("DELETE", f"/images/{name}?force=1")
    assert status in (200, 404), f"DELETE {name} on {engine.label}: {answer!r}"


IMAGES: tuple[type[Work], ...] = (Pull, Load, Save, ListImages, Peak, PeakOfAll)
