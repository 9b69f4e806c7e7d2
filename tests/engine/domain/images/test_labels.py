from __future__ import annotations

import pytest

from engine.domain.images.labels import config_labels, parse_sizes, record_labels


def test_sizes_read_back() -> None:
    labels = record_labels("e", "sha256:1", "", (10, 0, 30))
    assert parse_sizes(labels, 3) == (10, 0, 30)
    assert parse_sizes(record_labels("e", "sha256:1", "", ()), 0) == ()


@pytest.mark.parametrize("text", ["", "1", "1,2,3", "1,x", "1,-2"])
def test_sizes_for_other_layers_are_none(text: str) -> None:
    assert parse_sizes({"io.trimaran.sizes": text}, 2) is None


def test_image_without_layers_has_no_snapshot() -> None:
    assert config_labels("overlayfs", "") == {}


def test_image_holds_its_layers_and_their_init_layer() -> None:
    assert config_labels("native", "c") == {
        "containerd.io/gc.ref.snapshot.native": "c",
        "containerd.io/gc.ref.snapshot.native/init": "init-c",
    }


def test_labels_of_the_deepest_image_fit_containerds_limit() -> None:
    labels = record_labels("e", "sha256:1", "", [10**11] * 127)
    assert all(len(key) + len(value) <= 4096 for key, value in labels.items())
