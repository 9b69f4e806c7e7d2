from __future__ import annotations

from engine.domain.images.ports import Descriptor
from engine.domain.images.registries import Fetched, Interrupted, Refused
from engine.errors import SystemFailure


def test_failures_of_a_registry_are_failures_and_say_more() -> None:
    interrupted = Interrupted("connection reset", retry_after=3.0)
    refused = Refused("manifest unknown", code="MANIFEST_UNKNOWN", status=404)
    assert isinstance(interrupted, SystemFailure)
    assert isinstance(refused, SystemFailure)
    assert (str(interrupted), interrupted.retry_after) == ("connection reset", 3.0)
    assert (refused.code, refused.status) == ("MANIFEST_UNKNOWN", 404)
    assert (Interrupted("x").retry_after, Refused("x").code) == (None, "")


def test_fetched_manifest_is_described_by_its_bytes() -> None:
    fetched = Fetched("type", "sha256:1", b"{}")
    assert fetched.descriptor == Descriptor("type", "sha256:1", 2)
