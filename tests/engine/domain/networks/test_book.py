from __future__ import annotations

from ipaddress import IPv4Address

import msgspec
import pytest

from engine.domain.networks.book import Book
from engine.domain.networks.records import NetworkRecord
from engine.errors import InvalidParameter, NotFound

NET = NetworkRecord(
    id="aa11", name="blue", driver="bridge", created="", subnet="10.0.0.0/24", gateway="10.0.0.1",
    bridge="br0",
)  # fmt: skip


def test_network_is_found_by_id_name_and_prefix() -> None:
    book = Book()
    book.put(NET)
    assert [book.find(term) for term in ("aa11", "blue", "aa")] == [NET] * 3


def test_name_comes_before_another_networks_id_prefix() -> None:
    book = Book()
    book.put(NET)
    other = msgspec.structs.replace(NET, id="cc33", name="aa")
    book.put(other)
    assert book.find("aa") == other


def test_unknown_and_ambiguous_are_answers() -> None:
    book = Book()
    book.put(NET)
    book.put(msgspec.structs.replace(NET, id="aa22", name="red"))
    with pytest.raises(NotFound, match="network nope not found"):
        book.find("nope")
    with pytest.raises(NotFound, match="network  not found"):
        book.find("")
    with pytest.raises(
        InvalidParameter, match=r"network aa is ambiguous \(2 matches found based on ID prefix\)"
    ):
        book.find("aa")


def test_changed_record_keeps_its_addresses_while_the_subnet_stays() -> None:
    book = Book()
    book.put(NET)
    book.allocators["aa11"].take(IPv4Address("10.0.0.7"))
    book.put(msgspec.structs.replace(NET, icc=False))
    assert IPv4Address("10.0.0.7") in book.allocators["aa11"]
    book.put(msgspec.structs.replace(NET, subnet="10.1.0.0/24", gateway="10.1.0.1"))
    assert str(book.allocators["aa11"].take_next()) == "10.1.0.2"


def test_firewall_plan_is_about_bridges() -> None:
    book = Book(closed_links=("eth0",))
    book.put(NET)
    book.put(NetworkRecord(id="h", name="host", driver="host", created=""))
    plan = book.firewall_plan()
    assert [b.bridge for b in plan.bridges] == ["br0"]
    assert plan.closed_links == ("eth0",)
