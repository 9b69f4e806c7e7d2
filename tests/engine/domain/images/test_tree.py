from __future__ import annotations

import json

import pytest

from engine.domain.images.manifests import INDEX, MANIFEST, Platform
from engine.domain.images.ports import Descriptor
from engine.domain.images.tree import read_tree
from engine.errors import InvalidParameter, NotFound
from tests.engine.domain.images.samples import CONFIG, ID, LOWER
from tests.fakes.containerd import Blob, FakeContainerd
from tests.fakes.image_archives import digest_of, entry

HERE = Platform("linux", "amd64")


def add(stores: FakeContainerd, data: bytes, media_type: str) -> Descriptor:
    stores.content.blobs[digest_of(data)] = Blob(digest_of(data), data, {})
    return Descriptor(media_type, digest_of(data), len(data))


def manifest(layers: int) -> bytes:
    return json.dumps(
        {"config": entry("c", CONFIG), "layers": [entry("l", LOWER)] * layers}
    ).encode()


async def test_tree_is_read_through_indexes(stores: FakeContainerd) -> None:
    add(stores, CONFIG, "c")
    inner = add(stores, manifest(2), MANIFEST)
    target = inner
    for _ in range(2):
        index = json.dumps({"manifests": [{"mediaType": target.media_type, "digest": target.digest, "size": target.size}]})  # fmt: skip
        target = add(stores, index.encode(), INDEX)
    tree = await read_tree(stores.content, target, HERE)
    assert (tree.target, tree.manifest.digest, tree.image_id) == (target, inner.digest, ID)
    assert len(tree.chain_ids) == 2


async def test_missing_content_is_not_found(stores: FakeContainerd) -> None:
    target = add(stores, manifest(2), MANIFEST)
    with pytest.raises(NotFound):
        await read_tree(stores.content, target, HERE)


async def test_layers_must_be_as_many_as_diff_ids(stores: FakeContainerd) -> None:
    add(stores, CONFIG, "c")
    target = add(stores, manifest(1), MANIFEST)
    with pytest.raises(InvalidParameter, match="expected 1, got 2"):
        await read_tree(stores.content, target, HERE)


async def test_index_that_holds_itself_ends(stores: FakeContainerd) -> None:
    digest = f"sha256:{'1' * 64}"
    index = json.dumps({"manifests": [{"mediaType": INDEX, "digest": digest, "size": 1}]}).encode()
    stores.content.blobs[digest] = Blob(digest, index, {})
    with pytest.raises(InvalidParameter, match="names no config"):
        await read_tree(stores.content, Descriptor(INDEX, digest, 1), HERE)
