from __future__ import annotations

import pytest

from engine.api.origin import OriginGuard
from engine.errors import Forbidden


def headers(**given: str) -> list[tuple[bytes, bytes]]:
    return [(k.replace("_", "-").encode(), v.encode()) for k, v in given.items()]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:2375",
        "[::1]:2375",
        "localhost",
        "docker:2375",
        "api.moby.localhost",
        "",
        "10.0.0.1",
    ],
)
def test_programs_names_for_the_daemon_are_accepted(host: str) -> None:
    OriginGuard().check(headers(Host=host))


@pytest.mark.parametrize("host", ["evil.example:2375", "127.0.0.1.evil.example", "a.b"])
def test_a_rebound_name_is_refused(host: str) -> None:
    with pytest.raises(Forbidden):
        OriginGuard().check(headers(Host=host))


def test_names_can_be_added() -> None:
    guard = OriginGuard(["build.example.com", "*.lab.example.com"])
    guard.check(headers(Host="build.example.com:2376"))
    guard.check(headers(Host="a.lab.example.com"))
    with pytest.raises(Forbidden):
        guard.check(headers(Host="example.com"))


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:3000"])
def test_a_foreign_origin_is_refused(origin: str) -> None:
    with pytest.raises(Forbidden):
        OriginGuard().check(headers(host="localhost:2375", origin=origin))


def test_its_own_origin_is_accepted() -> None:
    OriginGuard().check(headers(Host="localhost:2375", Origin="http://localhost:2375"))


def test_a_browsers_cross_site_request_is_refused() -> None:
    with pytest.raises(Forbidden):
        OriginGuard().check(headers(Host="127.0.0.1:2375", Sec_Fetch_Site="cross-site"))
