"""The conflicts were read off a dockerd 20.10."""

from __future__ import annotations

import pytest

from engine.domain.images.catalogue import Catalogue
from engine.domain.images.removal import ImageUser, Plan, plan_removal
from engine.errors import Conflict, NotFound
from tests.engine.domain.images.builders import catalogue, image_id, make

IMAGE = make(0x88D0 << 240)
SHORT = "88d000000000"
RUNNING = ImageUser("207ec201dcda74f6", running=True)
STOPPED = ImageUser("2c3bb50cc5e0634c", running=False)
DIGEST = f"a@sha256:{'d' * 64}"


def plan(here: Catalogue, name: str, *users: ImageUser, force: bool = False) -> Plan:
    return plan_removal(here, name, force=force, users=lambda _: users)


def untagged(found: Plan) -> list[str]:
    return [each.name.removeprefix("docker.io/library/") for each in found.untag]


def conflict(here: Catalogue, name: str, *users: ImageUser, force: bool = False) -> str:
    with pytest.raises(Conflict) as refused:
        plan(here, name, *users, force=force)
    return str(refused.value)


def test_last_name_takes_the_image_with_it() -> None:
    found = plan(catalogue((IMAGE, ["a:1"])), "a:1")
    assert (untagged(found), found.delete) == (["a:1"], True)


def test_one_name_of_two_only_untags_even_in_use() -> None:
    found = plan(catalogue((IMAGE, ["a:1", "b:1"])), "a:1", RUNNING)
    assert (untagged(found), found.delete) == (["a:1"], False)


@pytest.mark.parametrize("user", [RUNNING, STOPPED])
def test_last_name_in_use_needs_force(user: ImageUser) -> None:
    here = catalogue((IMAGE, ["imgb:1"]))
    assert conflict(here, "imgb:1", user) == (
        'conflict: unable to remove repository reference "imgb:1" (must force) - container '
        f"{user.container_id[:12]} is using its referenced image {SHORT}"
    )


def test_forced_last_name_leaves_a_running_containers_image_nameless() -> None:
    here = catalogue((IMAGE, ["a:1"]))
    assert plan(here, "a:1", RUNNING, force=True).delete is False
    assert plan(here, "a:1", STOPPED, force=True).delete is True


@pytest.mark.parametrize("name", ["88d0", IMAGE.id])
def test_id_with_several_names_needs_force(name: str) -> None:
    here = catalogue((IMAGE, ["a:1", "b:1"]))
    assert conflict(here, name) == (
        f"conflict: unable to delete {SHORT} (must be forced) - "
        "image is referenced in multiple repositories"
    )
    found = plan(here, name, force=True)
    assert (untagged(found), found.delete) == (["a:1", "b:1"], True)


def test_two_tags_of_one_repository_are_several_names() -> None:
    assert "multiple repositories" in conflict(catalogue((IMAGE, ["a:1", "a:2"])), "88d0")


def test_running_container_cannot_be_forced() -> None:
    text = (
        f"conflict: unable to delete {SHORT} (cannot be forced) - "
        "image is being used by running container 207ec201dcda"
    )
    for names in (["a:1"], [], ["a:1", "b:1"]):
        here = catalogue((IMAGE, names))
        assert conflict(here, "88d0", RUNNING) == text
        assert conflict(here, "88d0", STOPPED, RUNNING, force=True) == text


def test_stopped_container_can_be_forced() -> None:
    here = catalogue((IMAGE, []))
    assert conflict(here, "88d0", STOPPED) == (
        f"conflict: unable to delete {SHORT} (must be forced) - "
        "image is being used by stopped container 2c3bb50cc5e0"
    )
    assert plan(here, "88d0", STOPPED, force=True).delete is True


def test_parent_of_another_image_stays() -> None:
    here = catalogue((IMAGE, ["a:1"]), (make(2, parent=IMAGE.id), ["b:1"]))
    assert conflict(here, "88d0", force=True) == (
        f"conflict: unable to delete {SHORT} (cannot be forced) - image has dependent child images"
    )
    assert plan(here, "a:1").delete is False


def test_digest_goes_with_the_last_tag_of_its_repository() -> None:
    found = plan(catalogue((IMAGE, ["a:1", DIGEST])), "a:1")
    assert (untagged(found), found.delete) == (["a:1", DIGEST], True)
    found = plan(catalogue((IMAGE, ["a:1", "a:2", DIGEST])), "a:1")
    assert (untagged(found), found.delete) == (["a:1"], False)


def test_tag_and_digest_of_one_repository_go_together_by_id() -> None:
    found = plan(catalogue((IMAGE, ["a:1", DIGEST])), "88d0")
    assert (untagged(found), found.delete) == (["a:1", DIGEST], True)


def test_removing_a_digest_leaves_the_tag() -> None:
    found = plan(catalogue((IMAGE, ["a:1", DIGEST])), DIGEST)
    assert (untagged(found), found.delete) == ([DIGEST], False)


def test_unknown_name_is_not_found() -> None:
    with pytest.raises(NotFound, match="No such image: nope:latest"):
        plan(catalogue((IMAGE, ["a:1"])), "nope")
    assert image_id(1) != IMAGE.id
