from __future__ import annotations

import msgspec
import pytest

from engine.domain.managed.records import Package, familiar_name, wanted
from engine.errors import InvalidParameter


def test_names_are_familiar_and_have_a_tag() -> None:
    assert familiar_name("me/mini") == "me/mini:latest"
    assert familiar_name("localhost:5000/mini:1") == "localhost:5000/mini:1"


@pytest.mark.parametrize("name", ["", "UPPER", "a@sha256:" + 64 * "0"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidParameter):
        familiar_name(name)


def test_remote_gives_the_name_unless_there_is_an_alias() -> None:
    digest = "sha256:" + 64 * "0"
    reference, name = wanted(f"localhost:5000/mini:1@{digest}", "")
    assert (reference.digest, name) == (digest, "localhost:5000/mini:1")
    reference, name = wanted("me/mini", "al")
    assert (str(reference), name) == ("docker.io/me/mini:latest", "al:latest")
    with pytest.raises(InvalidParameter, match="cannot use digest"):
        wanted("me/mini", f"al@{digest}")


def test_manifest_is_what_came_or_names_both_blobs() -> None:
    package = Package("sha256:c", 1, "sha256:l", 2, "sha256:d")
    made = msgspec.json.decode(package.manifest_data())
    assert made["config"] == {
        "mediaType": "application/vnd.docker.plugin.v1+json",
        "digest": "sha256:c",
        "size": 1,
    }
    assert [each["digest"] for each in made["layers"]] == ["sha256:l"]
    given = msgspec.structs.replace(package, manifest=' {"as": "given"}')
    assert given.manifest_data() == b' {"as": "given"}'
