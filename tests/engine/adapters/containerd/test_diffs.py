from __future__ import annotations

import gzip
import hashlib
import io
import tarfile

import pytest

from engine.adapters.containerd import Descriptor
from engine.adapters.containerd.diffs import plain_words
from engine.errors import EngineError, InvalidParameter, SystemFailure
from tests.engine.adapters.containerd.conftest import Rig
from tests.engine.adapters.containerd.rootfs import mounted
from tests.engine.adapters.containerd.test_content import ROOT, put

pytestmark = pytest.mark.integration

LAYER = "application/vnd.oci.image.layer.v1.tar"


def layer(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


async def test_compressed_layer_is_applied_and_tells_its_diff_id(rig: Rig) -> None:
    client = rig.client
    tar = layer("hello", b"world")
    packed = gzip.compress(tar)
    digest = await put(client, packed)
    mounts = await client.snapshots.prepare("work", labels=ROOT)
    applied = await client.diff.apply(Descriptor(LAYER + "+gzip", digest, len(packed)), mounts)
    assert applied.digest == "sha256:" + hashlib.sha256(tar).hexdigest()
    assert applied.size == len(tar)


async def test_difference_of_two_snapshots_becomes_a_layer(rig: Rig) -> None:
    client = rig.client
    await client.snapshots.prepare("empty", labels=ROOT)
    await client.snapshots.commit("base", "empty", labels=ROOT)
    upper = await client.snapshots.prepare("upper", "base", labels=ROOT)
    target = rig.base / "mnt"
    target.mkdir()
    with mounted(upper, target):
        (target / "new").write_text("content")
    lower = await client.snapshots.view("lower", "base", labels=ROOT)
    made = await client.diff.diff(lower, upper, media_type=LAYER + "+gzip", ref="diff", labels=ROOT)
    assert made.media_type == LAYER + "+gzip"
    packed = await client.content.read_all(made.digest)
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as tar:
        assert "new" in tar.getnames()
    info = await client.content.info(made.digest)
    assert info.labels["containerd.io/uncompressed"].startswith("sha256:")


@pytest.mark.parametrize(
    ("told", "kind", "text"),
    [
        ("mount callback failed on /d/tmpmounts/m1: archive/tar: invalid tar header", InvalidParameter,
         "failed to register layer: archive/tar: invalid tar header"),
        ("mount callback failed on /d/m1: link /d/m1/etc/passwd /d/m1/pw: no such file or directory", SystemFailure,
         "failed to register layer: link /etc/passwd /pw: no such file or directory"),
        ("something else", SystemFailure, "something else"),
    ],
)  # fmt: skip
def test_layer_that_cannot_be_unpacked_is_told_without_its_mount(
    told: str, kind: type[EngineError], text: str
) -> None:
    with pytest.raises(kind) as caught, plain_words():
        raise SystemFailure(told)
    assert type(caught.value) is kind
    assert str(caught.value) == text
