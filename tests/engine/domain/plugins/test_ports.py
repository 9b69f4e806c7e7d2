from __future__ import annotations

from engine.domain.plugins.ports import Endpoint


def test_plugins_own_root_is_never_left() -> None:
    assert Endpoint(name="p", address="unix:///s").on_host("/a") == "/a"
    mine = Endpoint(name="p", address="unix:///s", root="/root", propagated=("/mnt", "/host"))
    assert mine.on_host("/a/../../../etc") == "/root/etc"
    assert mine.on_host("/mnt/vol") == "/host/vol"
    assert mine.on_host("/mnt") == "/host"
    assert mine.on_host("/mnt/../etc") == "/root/etc"
    assert mine.on_host("/mntx") == "/root/mntx"
