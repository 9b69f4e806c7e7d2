"""Archives that mean harm, through every door: refused or contained, the host untouched, the store unchanged."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.image_archives import blob_path, config_of, docker_archive, oci_layout, tar_of
from tests.harness.daemon import Daemon
from tests.harness.images import busybox_tar

pytestmark = pytest.mark.integration

OCI = "application/vnd.oci.image.layer.v1.tar"
ENTRIES = 100_000


class Door(Daemon):
    def load(self, archive: bytes) -> str:
        """All that was answered."""
        return self.request("POST", "/images/load", archive)[1].decode(errors="replace")


class Target(Door):
    """`canary` is a file of the host that nothing may reach; its directory is named in the archives."""

    @property
    def canary(self) -> Path:
        return self.root / "canary"

    @property
    def up(self) -> str:
        """From wherever a layer is unpacked to the host's root."""
        return "../" * 24

    def safe(self) -> bool:
        beside = [each.name for each in self.root.iterdir() if each.name.startswith("escaped")]
        return self.canary.read_bytes() == b"sings" and not beside


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with Target() as daemon:
        daemon.canary.write_bytes(b"sings")
        daemon.load_busybox()
        daemon.docker(
            "run",
            "-d",
            "--name",
            "victim",
            "--stop-timeout",
            "0",
            "busybox",
            "sleep",
            "1000",
            check=True,
        )
        yield daemon


def info(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    made.devmajor, made.devminor = 1, 3
    return made


def written(*entries: tarfile.TarInfo | tuple[str, bytes]) -> bytes:
    """A tar with these in this order."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for each in entries:
            if isinstance(each, tarfile.TarInfo):
                archive.addfile(each)
            else:
                made = tarfile.TarInfo(each[0])
                made.size = len(each[1])
                archive.addfile(made, io.BytesIO(each[1]))
    return out.getvalue()


def docker_of(layer: bytes, name: str = "evil:latest", **config: Any) -> bytes:
    return docker_archive((config_of([layer], **config), [layer], [name]))


def images(daemon: Daemon) -> list[str]:
    found = daemon.json("GET", "/images/json?all=1")
    return sorted(name for each in found for name in each["RepoTags"] or ["nameless"])


def staged(daemon: Daemon) -> int:
    """Bytes that are nobody's, or of something that is coming in, once it was swept."""
    daemon.json("POST", "/_trimaran/storage/sweep?grace=0")
    owners = daemon.json("GET", "/_trimaran/storage")["owners"]
    return int(owners["staging"]["bytes"] + owners["unowned"]["bytes"])


# The archive itself.

GOOD = docker_of(tar_of({"file": b"x"}))


def with_entry(*entries: tarfile.TarInfo | tuple[str, bytes]) -> bytes:
    return written(("manifest.json", b"[]"), *entries)


def lying_config() -> bytes:
    """The manifest promises another config than the archive has under its name."""
    config = config_of([])
    archive, _ = oci_layout(config, [], media_type=OCI, annotations={})
    return tar_of(contents(archive) | {blob_path(config): config_of([], Cmd=["other"])})


def lying_layer() -> bytes:
    """The manifest promises another content for the layer than the archive has under its name."""
    layer = tar_of({"file": b"x" * 300_000})
    archive, _ = oci_layout(config_of([layer]), [layer], media_type=OCI, annotations={})
    members = contents(archive)
    members[blob_path(layer)] = tar_of({"file": b"y" * 300_000})
    return tar_of(members)


def contents(archive: bytes) -> dict[str, bytes]:
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        for each in opened:
            file = opened.extractfile(each) if each.isreg() else None
            if file is not None:
                found[each.name] = file.read()
    return found


def swapped_layer() -> bytes:
    good, bad = tar_of({"a": b""}), tar_of({"b": b""})
    return docker_archive((config_of([good]), [bad], ["evil:latest"]))


def too_few_layers() -> bytes:
    layer = tar_of({"a": b""})
    return docker_archive((config_of([layer, layer]), [layer], ["evil:latest"]))


def sparse(form: str = "gnu") -> bytes:
    """Ten kilobytes that stand for a file of 8 GB."""
    done = subprocess.run(
        'cd "$(mktemp -d)" && truncate -s 8G big && tar --format=$FORM --sparse -cf - big; rm -f big; rmdir "$PWD"',
        shell=True,
        capture_output=True,
        check=True,
        timeout=60,
        env={**os.environ, "FORM": form},
    )
    return done.stdout


ARCHIVES = {
    "parent directory": (lambda: with_entry(("../escaped", b"x")), "leads out of it"),
    "parent in the middle": (lambda: with_entry(("a/../../escaped", b"x")), "leads out of it"),
    "absolute path": (lambda: with_entry(("/escaped", b"x")), "leads out of it"),
    "device": (lambda: with_entry(info("null", tarfile.CHRTYPE)), "is a special file"),
    "pipe": (lambda: with_entry(info("pipe", tarfile.FIFOTYPE)), "is a special file"),
    "hard link out": (lambda: with_entry(info("x", tarfile.LNKTYPE, "../../etc/passwd")), "leads out of it"),
    "symlink out": (lambda: with_entry(info("x", tarfile.SYMTYPE, "/etc/passwd")), "leads out of it"),
    "symlink in a circle": (lambda: written(info("manifest.json", tarfile.SYMTYPE, "manifest.json")), "too many links"),
    "sparse file": (sparse, "sparse entry"),
    "sparse file of the newer form": (lambda: sparse("pax"), "invalid tar header"),
    "wrong checksum of a config": (lying_config, "has digest"),
    "wrong checksum of a layer": (lying_layer, "has digest"),
    "wrong diff ID": (swapped_layer, "invalid diffID for layer 0"),
    "too few layers": (too_few_layers, "layers length mismatch"),
    "cut off": (lambda: GOOD[:1800], "unexpected EOF"),
    "cut off in gzip": (lambda: gzip.compress(GOOD)[:-20], "EOF"),
    "no tar": (lambda: b"garbage" * 1000, "invalid tar header"),
    "manifest that is no JSON": (lambda: written(("manifest.json", b"{")), "invalid archive"),
    "layer that is no tar": (lambda: docker_of(b"garbage" * 1000), "failed to register layer: archive/tar: invalid tar header"),
    "layer that is cut off": (lambda: docker_of(tar_of({"a": b"x" * 5000})[:3000]), "failed to register layer: unexpected EOF"),
    "layer that links out": (lambda: docker_of(written(info("pw", tarfile.LNKTYPE, "/etc/passwd"))), "failed to register layer: link /etc/passwd /pw"),
    "layer that links far out": (lambda: docker_of(written(info("pw", tarfile.LNKTYPE, "../" * 30 + "etc/passwd"))), "failed to register layer: link /etc/passwd /pw"),
    "whiteout of its own root": (lambda: docker_of(tar_of({".wh..": b""})), "invalid whiteout name"),
    "whiteout of what is above": (lambda: docker_of(tar_of({".wh...": b""})), "invalid whiteout name"),
}  # fmt: skip


@pytest.mark.parametrize("name", ARCHIVES)
def test_refused_archive_leaves_nothing(target: Target, name: str) -> None:
    make, text = ARCHIVES[name]
    before = images(target)
    answer = target.load(make())
    assert text in answer.replace("\\", ""), answer
    assert str(target.root) not in answer
    assert images(target) == before
    assert target.safe()


def test_what_was_refused_has_left_no_byte(target: Target) -> None:
    assert staged(target) == 0


def test_archive_of_too_many_entries_is_refused(target: Target) -> None:
    header = io.BytesIO()
    with tarfile.open(fileobj=header, mode="w") as archive:
        for number in range(ENTRIES + 1):
            archive.addfile(tarfile.TarInfo(f"f{number}"))
    assert "too many entries" in target.load(gzip.compress(header.getvalue(), 1))


# Layers: what they hold stays inside.


def escaping(target: Target) -> dict[str, bytes]:
    inside = str(target.root)[1:]
    return {
        "parents": tar_of({f"{target.up}{inside}/escaped-a": b"x"}),
        "absolute": tar_of({f"/{inside}/escaped-b": b"x"}),
        "through a symlink": written(info("out", tarfile.SYMTYPE, str(target.root)), ("out/escaped-c", b"x")),
        "over a symlink": written(info("out", tarfile.SYMTYPE, str(target.canary)), ("out", b"other")),
        "whiteout": tar_of({f"{target.up}{inside}/.wh.canary": b""}),
        "whiteout through a symlink": written(info("out", tarfile.SYMTYPE, str(target.root)), ("out/.wh.canary", b"")),
        "opaque through a symlink": written(info("out", tarfile.SYMTYPE, str(target.root)), ("out/.wh..wh..opq", b"")),
        "directory's mode through a symlink": written(info("out", tarfile.SYMTYPE, str(target.root)), info("out", tarfile.DIRTYPE)),
    }  # fmt: skip


@pytest.mark.parametrize("door", ["load", "import"])
def test_layer_stays_inside_its_root(target: Target, door: str) -> None:
    mode = target.root.stat().st_mode
    for name, layer in escaping(target).items():
        if door == "load":
            target.load(docker_of(layer))
        else:
            target.request("POST", "/images/create?fromSrc=-&repo=evil&tag=latest", layer)
        assert target.safe(), name
        assert target.root.stat().st_mode == mode, name
    target.docker("image", "prune", "-af", check=True)
    assert staged(target) == 0


def test_device_of_a_layer_is_none_that_a_container_may_use(target: Target) -> None:
    disk = info("disk", tarfile.BLKTYPE)
    disk.devmajor, disk.devminor, disk.mode = 7, 0, 0o666
    upper = written(disk)
    lower = busybox_tar()
    archive = docker_archive(
        (config_of([lower, upper], Cmd=["sh"]), [lower, upper], ["withdev:latest"])
    )
    assert "Loaded image: withdev:latest" in target.load(archive)
    run = target.docker("run", "--rm", "withdev", "dd", "if=/disk", "of=/dev/null", "count=1")
    assert run.returncode != 0
    assert b"Operation not permitted" in run.stderr
    target.docker("rmi", "-f", "withdev", check=True)


def many_entries(count: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for number in range(count):
            archive.addfile(tarfile.TarInfo(f"d{number % 100}/f{number}"))
    return out.getvalue()


@pytest.mark.parametrize("count", [5_000, pytest.param(ENTRIES, marks=pytest.mark.torture)])
def test_layer_of_many_entries_is_taken_in(target: Target, count: int) -> None:
    assert "Loaded image: many:latest" in target.load(docker_of(many_entries(count), "many:latest"))
    target.docker("rmi", "many", check=True)
    assert staged(target) == 0


# Copying into a container.


def put(target: Target, archive: bytes, path: str = "/tmp") -> tuple[int, str]:
    headers = {"Content-Type": "application/x-tar"}
    status, answer = target.request(
        "PUT", f"/containers/victim/archive?path={path}", archive, headers
    )
    return status, json.loads(answer)["message"] if answer.strip() else ""


@pytest.mark.parametrize(
    ("archive", "text"),
    [
        (written(("../escaped", b"x")), "is outside of"),
        (written(info("pw", tarfile.LNKTYPE, "../../../../../etc/passwd")), "invalid hardlink"),
        (written(info("pw", tarfile.LNKTYPE, "/etc/passwd")), "No such file or directory"),
        (written(("a", b"x" * 5000))[:2000], "unexpected EOF"),
        (b"garbage" * 1000, "invalid tar header"),
    ],
    ids=["parents", "hard link out", "absolute hard link", "cut off", "no tar"],
)
def test_copy_that_leads_out_is_refused(target: Target, archive: bytes, text: str) -> None:
    status, answer = put(target, archive)
    assert (status, text in answer) == (400, True), answer
    assert target.safe()


def test_copy_stays_inside_the_container(target: Target) -> None:
    for archive in escaping(target).values():
        put(target, archive, "/")
        assert target.safe()


@pytest.mark.parametrize("form", ["gnu", "pax"])
def test_copied_sparse_file_stays_sparse(target: Target, form: str) -> None:
    assert put(target, sparse(form)) == (200, "")
    told = target.docker(
        "exec", "victim", "sh", "-c", "stat -c '%s %b' /tmp/big; rm /tmp/big", check=True
    )
    size, blocks = map(int, told.stdout.split())
    assert size == 8 << 30
    assert blocks * 512 < 1 << 20


# A disk that is too small.


class Cramped(Door):
    """Its data root has 96 MB, of which 16 are reserved."""

    def make_namespace(self) -> None:
        super().make_namespace()
        (self.root / "data").mkdir()
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=96m", "cramped", str(self.root / "data")],
            check=True,
        )
        (self.root / "daemon.json").write_text('{"storage-collection": {"reserve": "16m"}}')


@pytest.fixture(scope="module")
def cramped() -> Iterator[Cramped]:
    with Cramped() as daemon:
        daemon.load_busybox()
        yield daemon


def test_load_leaves_the_reserve(cramped: Cramped) -> None:
    before = images(cramped)
    answer = cramped.load(docker_of(tar_of({"big": b"x" * (90 << 20)})))
    assert "not enough disk space under" in answer
    assert "16.8 MB are reserved" in answer
    assert images(cramped) == before
    assert staged(cramped) == 0


@pytest.mark.parametrize("layer", ["sparse", "bomb"])
def test_layer_that_unpacks_to_more_than_there_is_leaves_nothing(
    cramped: Cramped, layer: str
) -> None:
    before = images(cramped)
    if layer == "sparse":
        archive = docker_of(sparse("pax"))
    else:
        plain = tar_of({"big": bytes(200 << 20)})
        config, packed = config_of([plain]), gzip.compress(plain, 1)
        archive, _ = oci_layout(config, [packed], media_type=f"{OCI}+gzip", annotations={})
    answer = cramped.load(archive)
    assert "not enough disk space" in answer or "no space left on device" in answer, answer
    assert images(cramped) == before
    assert staged(cramped) == 0
    ran = cramped.docker("run", "--rm", "busybox", "echo", "fine", check=True)
    assert ran.stdout == b"fine\n"
