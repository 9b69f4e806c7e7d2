from __future__ import annotations

import os

import pytest
from dnslib import EDNS0, DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from engine.models.resolver import Presence, Scope
from engine.resolver.answers import Answers, failure, reversed_address
from engine.resolver.directory import Directory


def scope(name: str, *addresses: str, alias: str = "all") -> Scope:
    place = Presence(
        network="n", network_name="front", addresses=list(addresses), names=[name, alias]
    )
    return Scope(id=name, path="/", presences=[place])


def answers(*scopes: Scope) -> tuple[Directory, Answers]:
    directory = Directory()
    for each in scopes:
        directory.put(each)
    return directory, Answers(directory, scopes[0].id)


def ask(given_: Answers, name: str, kind: str = "A", **options: bool) -> DNSRecord | None:
    question = DNSRecord.question(name, kind)
    question.header.id = int.from_bytes(os.urandom(2), "big")
    answer = given_.answer(bytes(question.pack()), **options)
    if answer is None:
        return None
    found = DNSRecord.parse(answer)
    assert found.header.id == question.header.id
    assert str(found.q.qname) == str(question.q.qname)
    return found


def data(record: DNSRecord | None) -> list[str]:
    assert record is not None
    return [str(each.rdata) for each in record.rr]


def test_name_has_its_addresses_of_each_family() -> None:
    _, one = answers(scope("web", "10.0.0.2", "fd00::2"))
    assert data(ask(one, "web")) == ["10.0.0.2"]
    assert data(ask(one, "WEB.", "AAAA")) == ["fd00::2"]


def test_known_name_of_another_kind_is_an_empty_answer_and_no_question_to_others() -> None:
    _, one = answers(scope("web", "10.0.0.2"))
    for kind in ("AAAA", "MX", "HTTPS"):
        found = ask(one, "web", kind)
        assert data(found) == []
        assert found is not None
        assert found.header.rcode == 0


def test_unknown_name_is_somebody_elses() -> None:
    _, one = answers(scope("web", "10.0.0.2"))
    assert ask(one, "example.org") is None
    assert ask(one, "9.0.0.10.in-addr.arpa", "PTR") is None


def test_address_has_the_name_with_its_network() -> None:
    _, one = answers(scope("web", "10.0.0.2"))
    assert data(ask(one, "2.0.0.10.in-addr.arpa", "PTR")) == ["web.front."]


def test_several_addresses_take_turns() -> None:
    _, one = answers(scope("a", "10.0.0.2"), scope("b", "10.0.0.3"), scope("c", "10.0.0.4"))
    firsts = [data(ask(one, "all"))[0] for _ in range(6)]
    assert sorted(firsts) == sorted(["10.0.0.2", "10.0.0.3", "10.0.0.4"] * 2)


def test_kept_answers_follow_the_changes() -> None:
    directory, one = answers(scope("web", "10.0.0.2"))
    assert data(ask(one, "web")) == ["10.0.0.2"]
    directory.put(scope("db", "10.0.0.3"))
    assert data(ask(one, "db")) == ["10.0.0.3"]
    directory.drop("db")
    assert ask(one, "db") is None


def test_long_answer_is_cut_for_datagrams_and_whole_over_tcp() -> None:
    _, one = answers(scope("a", *(f"10.0.0.{i}" for i in range(2, 60))))
    cut = ask(one, "all")
    assert cut is not None
    assert (cut.header.tc, data(cut)) == (1, [])
    assert len(data(ask(one, "all", limit=False))) == 58


def test_asker_with_room_gets_the_long_answer() -> None:
    _, one = answers(scope("a", *(f"10.0.0.{i}" for i in range(2, 60))))
    question = DNSRecord.question("all")
    question.add_ar(*DNSRecord.parse(_with_edns()).ar)
    answer = one.answer(bytes(question.pack()))
    assert answer is not None
    assert len(DNSRecord.parse(answer).rr) == 58


def _with_edns() -> bytes:
    question = DNSRecord.question("all")
    question.add_ar(EDNS0(udp_len=4096))
    return bytes(question.pack())


@given(st.binary(min_size=0, max_size=80))
def test_nonsense_is_no_crash(noise: bytes) -> None:
    _, one = answers(scope("web", "10.0.0.2"))
    one.answer(b"\0" * 12 + noise)
    failure(noise)


def test_failure_is_an_answer_to_the_same_question() -> None:
    question = DNSRecord.question("example.org")
    found = DNSRecord.parse(failure(bytes(question.pack())))
    assert (found.header.rcode, found.header.id) == (2, question.header.id)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("2.0.0.10.in-addr.arpa", "10.0.0.2"),
        (f"{'2' + '.0' * 29 + '.d.f'}.ip6.arpa", "fd00::2"),
        ("x.in-addr.arpa", None),
        ("1.ip6.arpa", None),
        ("web", None),
    ],
)
def test_reversed_names_are_addresses(name: str, address: str | None) -> None:
    assert reversed_address(name) == address


def with_ports(name: str, address: str, *ports: str) -> Scope:
    place = Presence(
        network="n", network_name="front", addresses=[address], names=[name, "all"], ports=[*ports]
    )
    return Scope(id=name, path="/", presences=[place])


def services(found: DNSRecord | None) -> list[tuple[int, str]]:
    assert found is not None
    return [(each.rdata.port, str(each.rdata.target)) for each in found.rr]


@pytest.mark.parametrize("name", ["_http._tcp.all", "_80._TCP.all", "_http._tcp.all.front"])
def test_service_is_found_at_all_who_expose_it(name: str) -> None:
    _, one = answers(
        with_ports("web", "10.0.0.2", "80/tcp", "53/udp"),
        with_ports("api", "10.0.0.3", "80/tcp"),
        with_ports("log", "10.0.0.4", "80/udp"),
    )
    found = ask(one, name, "SRV")
    assert services(found) == [(80, "web.front."), (80, "api.front.")]
    assert found is not None
    assert [(str(each.rname), str(each.rdata)) for each in found.ar] == [
        ("web.front.", "10.0.0.2"),
        ("api.front.", "10.0.0.3"),
    ]


@pytest.mark.parametrize("label", ["_https", "_nosuchservice", "_99999999"])
def test_service_that_a_known_name_has_not_is_an_empty_answer(label: str) -> None:
    _, one = answers(with_ports("web", "10.0.0.2", "80/tcp"))
    assert services(ask(one, f"{label}._tcp.web", "SRV")) == []
    assert services(ask(one, "web", "SRV")) == []
    assert ask(one, f"{label}._tcp.example.org", "SRV") is None
