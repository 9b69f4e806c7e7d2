from __future__ import annotations

import json

import pytest

from engine.domain.images.manifests import (
    MANIFEST,
    Platform,
    kind_of,
    make_manifest,
    parse_digest,
    parse_index,
    parse_manifest,
    pick_platform,
)
from engine.domain.images.ports import Descriptor
from engine.errors import InvalidParameter, NotFound

DIGEST = "sha256:" + "a" * 64


def named(n: int) -> Descriptor:
    return Descriptor("m", f"sha256:{n:064x}", n)


def test_made_manifest_reads_back() -> None:
    parsed = parse_manifest(make_manifest(named(1), [named(2), named(3)]))
    assert (parsed.config, parsed.layers) == (named(1), (named(2), named(3)))


@pytest.mark.parametrize("text", ["", "sha256:abc", "../etc/passwd", DIGEST + "\n", None, 3])
def test_digest_that_is_none_is_refused(text: object) -> None:
    with pytest.raises(InvalidParameter):
        parse_digest(text)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"config":{}}', b'{"config":{"size":1}}'])
def test_manifest_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidParameter):
        parse_manifest(data)


def test_index_entries_carry_their_platform() -> None:
    entry = {"mediaType": "m", "digest": DIGEST, "size": 1}
    platform = {"os": "linux", "architecture": "arm64"}
    index = {"manifests": [{**entry, "platform": platform}, entry]}
    first, second = parse_index(json.dumps(index).encode())
    assert first[1] == Platform("linux", "arm64")
    assert second[1] is None


def test_platform_is_picked_before_a_silent_entry() -> None:
    arm, amd = Platform("linux", "arm64", "v8"), Platform("linux", "amd64")
    entries = [(named(1), None), (named(2), arm), (named(3), amd)]
    assert pick_platform(entries, Platform("linux", "amd64")) == named(3)
    assert pick_platform(entries, Platform("linux", "arm64")) == named(2)
    assert pick_platform(entries, Platform("linux", "s390x")) == named(1)


def test_variant_that_every_machine_runs_goes_first() -> None:
    entries = [
        (named(1), Platform("linux", "amd64", "v3")),
        (named(2), Platform("linux", "amd64")),
        (named(3), Platform("linux", "arm", "v5")),
    ]
    assert pick_platform(entries, Platform("linux", "amd64")) == named(2)
    assert pick_platform(entries, Platform("linux", "amd64", "v3")) == named(1)
    assert pick_platform(entries, Platform("linux", "arm")) == named(3)


def test_what_is_manifest_and_index_at_once_is_refused() -> None:
    both = b'{"config": {}, "layers": [], "manifests": []}'
    with pytest.raises(InvalidParameter, match="an index as well"):
        parse_manifest(both)
    with pytest.raises(InvalidParameter, match="a manifest as well"):
        parse_index(both)


@pytest.mark.parametrize(
    ("stated", "data", "kind"),
    [
        (MANIFEST, b"{}", MANIFEST),
        ("text/plain", b'{"mediaType": "application/vnd.docker.distribution.manifest.v2+json"}', "application/vnd.docker.distribution.manifest.v2+json"),
        ("", b'{"manifests": []}', "application/vnd.oci.image.index.v1+json"),
        ("application/json", b'{"layers": []}', MANIFEST),
    ],
)  # fmt: skip
def test_kind_is_what_the_registry_says_or_the_document(
    stated: str, data: bytes, kind: str
) -> None:
    assert kind_of(stated, data) == kind


def test_missing_platform_is_not_found() -> None:
    with pytest.raises(NotFound, match="no matching manifest for linux/s390x"):
        pick_platform([(named(3), Platform("linux", "amd64"))], Platform("linux", "s390x"))
