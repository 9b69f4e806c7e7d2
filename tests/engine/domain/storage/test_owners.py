from __future__ import annotations

import pytest

from engine.domain.storage.owners import (
    BLOBS,
    BUNDLES,
    LAYERS,
    OWNERS,
    UPLOADS,
    Known,
    owner,
    splits,
)

WEB, GONE = "a" * 64, "b" * 64
KNOWN = Known(
    containers=frozenset({WEB}),
    volumes=frozenset({"vol"}),
    content=frozenset({f"sha256:{WEB}", f"sha256:{GONE}"}),
    layers={
        f"{LAYERS}/1": "sha256:base",
        f"{LAYERS}/2": WEB,
        f"{LAYERS}/3": GONE,
        f"{LAYERS}/4": "trimaran-extract-1 sha256:x",
    },
    uploads={f"{UPLOADS}/one": "pull-1", f"{UPLOADS}/two": "pull-2"},
    begun=frozenset({"pull-1"}),
    held=frozenset({"sha256:base", f"sha256:{WEB}"}),
)


@pytest.mark.parametrize(
    ("path", "whose"),
    [
        ("", "state"),
        ("state.db", "state"),
        ("state.db-wal", "state"),
        ("engine.json", "state"),
        ("buildkitd/cache.db", "staging"),
        ("plugins/anything/rootfs", "plugins"),
        ("runtimes", "state"),
        ("lock", "state"),
        ("state.copy.db-wal", "state"),
        ("engine.copy.json", "state"),
        ("quarantine/state.db.20260101T000000Z.1", "state"),
        ("backup.tar", "foreign"),
        ("lost+found", "foreign"),
        ("tmp", "state"),
        ("tmp/part", "unowned"),
        ("tmp/build-1", "staging"),
        ("containers", "state"),
        (f"containers/{WEB}", "containers"),
        (f"containers/{WEB}/hosts", "containers"),
        (f"containers/{WEB}/{WEB}-json.log", "logs"),
        (f"containers/{WEB}/{WEB}-json.log.2.gz", "logs"),
        (f"containers/{GONE}", "unowned"),
        (f"containers/{GONE}/{GONE}-json.log", "unowned"),
        ("containers/readme", "foreign"),
        (f"logs/{GONE}/container-cached.log", "logs"),
        ("volumes", "state"),
        ("volumes/vol", "volumes"),
        ("volumes/.removing/vol", "volumes"),
        ("volumes/other", "foreign"),
        (f"{BLOBS}/{WEB}", "images"),
        (f"{BLOBS}/{GONE}", "staging"),
        (f"{BLOBS}/{'c' * 64}", "unowned"),
        (f"{UPLOADS}/one", "staging"),
        (f"{UPLOADS}/two", "unowned"),
        (f"{UPLOADS}/three", "unowned"),
        (f"{LAYERS}/1", "images"),
        (f"{LAYERS}/2", "containers"),
        (f"{LAYERS}/3", "unowned"),
        (f"{LAYERS}/4", "staging"),
        (f"{LAYERS}/5", "unowned"),
        (f"{LAYERS}/new-123", "unowned"),
        (f"{BUNDLES}/trimaran/{WEB}", "containers"),
        ("containerd/io.containerd.metadata.v1.bolt", "containerd"),
        (LAYERS, "containerd"),
    ],
)
def test_whose_it_is(path: str, whose: str) -> None:
    assert owner(path, KNOWN) == whose
    assert whose in OWNERS


@pytest.mark.parametrize(
    "path",
    [
        "",
        "containers",
        f"containers/{WEB}",
        "volumes",
        "tmp",
        BLOBS,
        UPLOADS,
        LAYERS,
        BUNDLES,
        f"{BUNDLES}/trimaran",
    ],
)
def test_directories_whose_entries_have_owners_are_split(path: str) -> None:
    assert splits(path)


@pytest.mark.parametrize(
    "path", ["volumes/vol", f"{LAYERS}/1", "tmp/part", "lost+found", f"{UPLOADS}/one"]
)
def test_what_has_one_owner_is_one_piece(path: str) -> None:
    assert not splits(path)
