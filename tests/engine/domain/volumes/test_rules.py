from __future__ import annotations

import pytest
from msgspec.structs import replace

from engine.domain.volumes.records import VolumeRecord, VolumeWish
from engine.domain.volumes.rules import check_wish, needs_mount, no_driver, refused
from engine.errors import Conflict, EngineError, InvalidParameter, NotFound

ONLY = (
    'includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are '
    "allowed. If you intended to pass a host directory, use absolute path"
)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a", "volume name is too short, names should be at least two alphanumeric characters"),
        ("../x", f'"../x" {ONLY}'),
        ("..", f'".." {ONLY}'),
        ("a/b", f'"a/b" {ONLY}'),
        (".hidden", f'".hidden" {ONLY}'),
        ("ab\n", f'"ab\\n" {ONLY}'),
        ("\u00e4b", f'"\u00e4b" {ONLY}'),
    ],
)
def test_name_that_could_be_a_path_is_refused_in_dockerds_words(name: str, text: str) -> None:
    with pytest.raises(InvalidParameter) as refusal:
        check_wish(VolumeWish(name=name), None)
    assert str(refusal.value) == f"create {name}: {text}"


@pytest.mark.parametrize("name", ["ab", "UP.x", "a_b-c.d", "0" * 64, ""])
def test_plain_names_and_no_name_are_taken(name: str) -> None:
    check_wish(VolumeWish(name=name), None)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"foo": "bar"}, 'invalid option: "foo"'),
        ({"type": "tmpfs"}, 'missing required option: "device"'),
        ({"device": "/x"}, 'missing required option: "type"'),
        ({"o": "bind"}, 'missing required option: "device"'),
        ({"size": "10M"}, "quota size requested but no quota support"),
        ({"size": "ten"}, "invalid size: 'ten'"),
    ],
)
def test_options_that_cannot_be_met_are_refused(options: dict[str, str], text: str) -> None:
    with pytest.raises(InvalidParameter) as refusal:
        check_wish(VolumeWish(name="vol", options=options), None)
    assert str(refusal.value) == f"create vol: {text}"


def test_whole_options_are_taken() -> None:
    check_wish(VolumeWish(name="vol", options={"type": "tmpfs", "device": "tmpfs", "o": "x"}), None)
    check_wish(VolumeWish(name="vol", options={"size": "0"}), None)


def test_another_drivers_options_are_its_own() -> None:
    check_wish(VolumeWish(name="vol", driver="far", options={"what": "ever"}), None)


def test_missing_driver_has_dockerds_words() -> None:
    error = no_driver("nope", NotFound('plugin "nope" not found'))
    assert (type(error), str(error)) == (
        NotFound,
        'error looking up volume plugin nope: plugin "nope" not found',
    )


def test_existing_volume_is_the_answer_whatever_labels_and_options_are_asked_for() -> None:
    existing = VolumeRecord(name="vol", created_ns=0)
    check_wish(VolumeWish(name="vol", driver="local", labels={"a": "b"}), existing)
    check_wish(VolumeWish(name="vol", options={"size": "10M"}), existing)


def test_volume_of_another_driver_is_a_conflict() -> None:
    existing = VolumeRecord(name="vol", created_ns=0, driver="former")
    with pytest.raises(Conflict, match="driver 'former' already has volume 'vol'"):
        check_wish(VolumeWish(name="vol", driver="local"), existing)


def test_only_a_device_or_a_type_makes_a_mount() -> None:
    plain = VolumeRecord(name="vol", created_ns=0)
    assert not needs_mount(plain)
    assert not needs_mount(replace(plain, options={"size": "0"}))
    assert needs_mount(replace(plain, options={"type": "tmpfs", "device": "tmpfs"}))
    assert needs_mount(replace(plain, driver="far"))


def test_refusal_keeps_its_kind() -> None:
    error = refused("remove", "x", EngineError("no"))
    assert (type(error), str(error)) == (EngineError, "remove x: no")
