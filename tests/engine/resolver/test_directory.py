from __future__ import annotations

import pytest

from engine.models.resolver import Presence, Scope
from engine.resolver.directory import Directory


def scope(
    name: str, address: str, *networks: str, links: dict[str, str] | None = None, alias: str = ""
) -> Scope:
    presences = [
        Presence(
            network=f"id-{network}",
            network_name=network,
            addresses=[address],
            names=[name, *([alias] if alias else [])],
            links=links or {},
        )
        for network in networks
    ]
    return Scope(id=name, path=f"/netns/{name}", presences=presences)


def directory(*scopes: Scope) -> Directory:
    made = Directory()
    for each in scopes:
        made.put(each)
    return made


WEB = scope("Web", "10.0.0.2", "front", alias="site")
DB = scope("db", "10.0.0.3", "front", "back", alias="site")
FAR = scope("far", "10.9.0.2", "back")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("web", ["10.0.0.2"]),
        ("db", ["10.0.0.3"]),
        ("site", ["10.0.0.2", "10.0.0.3"]),
        ("db.front", ["10.0.0.3"]),
        ("db.back", None),  # not one of the asker's networks
        ("far", None),
        ("nobody", None),
    ],
)
def test_names_are_those_of_the_askers_networks(name: str, expected: list[str] | None) -> None:
    assert directory(WEB, DB, FAR).lookup(WEB, name) == expected


def test_links_are_names_for_one_asker_alone() -> None:
    linked = scope("app", "10.0.0.4", "front", links={"Store": "db"})
    known = directory(WEB, DB, linked)
    assert known.lookup(linked, "store") == ["10.0.0.3"]
    assert known.lookup(WEB, "store") is None


def test_addresses_have_names_too() -> None:
    known = directory(WEB, DB, FAR)
    assert known.name_of(WEB, "10.0.0.3") == "db.front"
    assert known.name_of(WEB, "10.9.0.2") is None


def test_dropped_scope_is_found_no_more_and_others_stay() -> None:
    known = directory(WEB, DB)
    known.drop("Web")
    assert known.lookup(DB, "web") is None
    assert known.lookup(DB, "site") == ["10.0.0.3"]
    assert known.name_of(DB, "10.0.0.2") is None


def test_changed_scope_replaces_the_old_one() -> None:
    known = directory(WEB, DB)
    known.put(scope("Web", "10.0.0.9", "front"))
    assert known.lookup(DB, "web") == ["10.0.0.9"]
    assert known.lookup(DB, "site") == ["10.0.0.3"]


def test_generation_tells_changes_from_repetitions() -> None:
    known = directory(WEB)
    before = known.generation
    known.put(WEB)
    known.drop("nobody")
    assert known.generation == before
    known.drop("Web")
    assert known.generation != before


def test_address_that_was_given_on_is_its_new_owners() -> None:
    """The news of the old one's end may come after those of the new one's start."""
    known = directory(WEB, DB)
    known.put(scope("new", "10.0.0.2", "front"))
    known.drop("Web")
    assert known.name_of(DB, "10.0.0.2") == "new.front"


def test_services_are_those_of_the_first_network_with_the_name() -> None:
    directory = Directory()
    place = Presence(
        network="n", network_name="Front", addresses=["10.0.0.2"], names=["web"], ports=["80/tcp"]
    )
    asker = Scope(id="web", path="/", presences=[place])
    directory.put(asker)
    for name in ("web", "WEB", "web.front"):
        assert directory.services(asker, "80/tcp", name) == [("web.Front", ["10.0.0.2"])]
    assert directory.services(asker, "443/tcp", "web") == []
    assert directory.services(asker, "80/tcp", "db") is None
