"""libnftables in a network namespace of its own."""

from __future__ import annotations

import pytest

from engine.adapters.nft.library import Nft, NftError
from engine.errors import Unavailable
from tests.integration.network_lab import in_lab

pytestmark = pytest.mark.integration


@in_lab
async def test_buffer_is_one_transaction() -> None:
    nft = Nft()
    with pytest.raises(NftError, match="nft: "):
        nft.run("add table inet a\nadd rule inet a nochain drop\n")
    assert [o for o in nft.listing("list tables") if "table" in o] == []
    nft.run("add table inet a\n")
    assert [o["table"]["name"] for o in nft.listing("list tables") if "table" in o] == ["a"]


@in_lab
async def test_listing_spells_no_port_by_name() -> None:
    nft = Nft()
    nft.run(
        "add table inet a\n"
        "add map inet a m { type inet_service : inet_service; }\n"
        "add element inet a m { 80 : 53 }\n"
    )
    (found,) = (o["map"] for o in nft.listing("list table inet a") if "map" in o)
    assert found["elem"] == [[80, 53]]


@in_lab
async def test_closed_context_is_unavailable() -> None:
    nft = Nft()
    nft.close()
    nft.close()
    with pytest.raises(Unavailable):
        nft.run("add table inet a\n")
