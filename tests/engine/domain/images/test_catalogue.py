from __future__ import annotations

import pytest

from engine.domain.images.catalogue import Catalogue
from engine.errors import InvalidParameter, NotFound
from tests.engine.domain.images.builders import catalogue, image_id, make

ONE = make(0xABC << 240)
TWO = make(0xABD << 240)


@pytest.fixture
def here() -> Catalogue:
    return catalogue((ONE, ["busybox:latest", "ab:1"]), (TWO, []))


@pytest.mark.parametrize(
    "name",
    ["busybox", "busybox:latest", "docker.io/library/busybox", "ab:1", "0abc", "sha256:0abc", ONE.id, ONE.id[7:]],
)  # fmt: skip
def test_image_is_found_by_name_id_and_prefix(here: Catalogue, name: str) -> None:
    assert here.resolve(name).id == ONE.id


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nope", "No such image: nope:latest"),
        ("nope:1", "No such image: nope:1"),
        ("0ab", "No such image: 0ab:latest"),
        ("sha256:ffff", "No such image: sha256:ffff"),
        (image_id(1), f"No such image: {image_id(1)}"),
    ],
)
def test_missing_or_ambiguous_image_is_not_found(here: Catalogue, name: str, text: str) -> None:
    with pytest.raises(NotFound) as missing:
        here.resolve(name)
    assert str(missing.value) == text


def test_bad_name_is_refused(here: Catalogue) -> None:
    with pytest.raises(InvalidParameter, match="must be lowercase"):
        here.resolve("UPPER")


def test_image_carries_the_names_of_its_records(here: Catalogue) -> None:
    assert here.images[ONE.id].names == ("ab:1", "busybox:latest")
    assert here.images[ONE.id].tagged_at == 5.0
    assert (here.images[TWO.id].names, here.images[TWO.id].tagged_at) == ((), 0.0)


def test_image_goes_with_its_last_record(here: Catalogue) -> None:
    less = here.drop("docker.io/library/ab:1")
    assert less.images[ONE.id].names == ("busybox:latest",)
    gone = less.drop("docker.io/library/busybox:latest")
    assert set(gone.images) == {TWO.id}
    assert ONE.id in here.images  # the old one is as it was
