"""Refusals of the kernel as typed errors."""

from __future__ import annotations

import errno

import pytest

from engine.adapters.netlink import wire
from engine.adapters.netlink.wire import NetlinkError, RouteSocket
from tests.integration.network_lab import in_lab

pytestmark = pytest.mark.integration


@in_lab
async def test_refusal_names_the_request_of_the_batch() -> None:
    with RouteSocket() as netlink:
        with pytest.raises(NetlinkError, match=r"netlink: delete 999: no such device") as refused:
            netlink.transact(
                wire.link("bring lo up", wire.NEWLINK, index=1, up=True),
                wire.link("delete 999", wire.DELLINK, index=999),
            )
        assert refused.value.code == errno.ENODEV
        # The socket is in step for the next request.
        netlink.transact(wire.link("bring lo up", wire.NEWLINK, index=1, up=True))
        assert netlink.dump(wire.link("list links", wire.GETLINK))


@in_lab
async def test_kernels_explanation_is_passed_on() -> None:
    with RouteSocket() as netlink, pytest.raises(NetlinkError, match=r"\(.+\)$"):
        netlink.transact(
            wire.link(
                "create nonsense",
                wire.NEWLINK,
                flags=wire.CREATE | wire.EXCL,
                attrs=[("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", "nonsense")]})],
            )
        )
