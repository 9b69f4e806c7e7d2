"""Pulls from a registry that fails on a real socket: whole or a clear failure, and the store as it was."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.image_archives import config_of, digest_of, tar_of
from tests.harness.daemon import Daemon
from tests.harness.faulty_registry import FaultyRegistry
from tests.harness.images import busybox_tar

pytestmark = pytest.mark.integration

LAYER = "application/vnd.oci.image.layer.v1.tar"
PLAIN = busybox_tar()
PACKED = gzip.compress(PLAIN, 1, mtime=0)
CONFIG = config_of([PLAIN], Cmd=["sh"])
DIGEST = digest_of(PACKED)


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with Daemon("--max-download-attempts=2") as daemon:
        yield daemon


@pytest.fixture(scope="module")
def registry(daemon: Daemon) -> Iterator[FaultyRegistry]:
    with FaultyRegistry(daemon) as registry:
        registry.publish("good", CONFIG, [PACKED], f"{LAYER}+gzip")
        yield registry


@pytest.fixture
def name(daemon: Daemon, registry: FaultyRegistry) -> Iterator[str]:
    name = f"{registry.host}/image:good"
    yield name
    registry.fail()
    daemon.request("DELETE", f"/images/{name}")
    assert bytes_of(daemon) == 0


def pull(daemon: Daemon, name: str) -> list[dict[str, Any]]:
    status, body = daemon.request("POST", f"/images/create?fromImage={name}")
    if status != 200:
        return [{"error": json.loads(body)["message"]}]
    return [json.loads(line) for line in body.splitlines()]


def bytes_of(daemon: Daemon, grace: str = "0") -> int:
    """What there is of images and of what comes in, once it was swept."""
    daemon.json("POST", f"/_trimaran/storage/sweep?grace={grace}")
    owners = daemon.json("GET", "/_trimaran/storage")["owners"]
    return sum(int(owners[each]["bytes"]) for each in ("images", "staging", "unowned"))


def whole(daemon: Daemon, name: str) -> None:
    done = daemon.docker("run", "--rm", name, "echo", "whole", check=True)
    assert done.stdout == b"whole\n"


@pytest.mark.parametrize("status", [429, 503])
def test_busy_registry_is_asked_again_when_it_says(
    daemon: Daemon, registry: FaultyRegistry, name: str, status: int
) -> None:
    registry.fail(DIGEST, status=status, retry_after=1, times=1)
    messages = pull(daemon, name)
    assert any(each.get("status") == "Retrying in 1 second" for each in messages)
    whole(daemon, name)


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ({"status": 429, "retry_after": 1}, "429 Too Many Requests"),
        ({"status": 503, "retry_after": 1}, "503 Service Unavailable"),
        ({"status": 404}, "404"),
        ({"other": True}, "verification failed for digest"),
        ({"longer": True}, "verification failed for digest"),
    ],
    ids=["429", "503", "404", "wrong digest", "wrong length"],
)
def test_failure_that_stays_is_told_and_leaves_nothing(
    daemon: Daemon, registry: FaultyRegistry, name: str, fault: dict[str, Any], text: str
) -> None:
    registry.fail(DIGEST, **fault)
    error = pull(daemon, name)[-1]["error"]
    assert text in error
    assert daemon.json("GET", "/images/json") == []
    assert bytes_of(daemon) == 0
    registry.fail()
    assert "error" not in pull(daemon, name)[-1]
    whole(daemon, name)


def test_cut_connections_are_gone_on_with_and_so_does_the_next_pull(
    daemon: Daemon, registry: FaultyRegistry, name: str
) -> None:
    piece = len(PACKED) // 3
    registry.fail(DIGEST, cut_after=piece)
    before = len(registry.requests())
    assert "unexpected EOF" in pull(daemon, name)[-1]["error"]
    assert daemon.json("GET", "/images/json") == []
    assert bytes_of(daemon, grace="3600") > piece  # what has arrived is kept
    registry.fail()
    assert "error" not in pull(daemon, name)[-1]
    asked = [each for each in registry.requests()[before:] if DIGEST[7:] in each]
    begins = [int(each.split("bytes=")[1].split("-")[0]) if "=" in each else 0 for each in asked]
    assert len(begins) == 3
    assert 0 == begins[0] < begins[1] <= piece < begins[2] <= 2 * piece
    whole(daemon, name)


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (PACKED[: len(PACKED) // 2], "failed to register layer: unexpected EOF"),
        (b"garbage" * 1000, "failed to register layer: "),
        (gzip.compress(PLAIN[:-5000]), "failed to register layer: unexpected EOF"),
        (gzip.compress(tar_of({"other": b"x"})), "invalid diffID for layer 0"),
    ],
    ids=["gzip is cut off", "no gzip", "tar is cut off", "another layer"],
)
def test_layer_that_is_not_what_its_config_says_is_refused(
    daemon: Daemon, registry: FaultyRegistry, layer: bytes, text: str
) -> None:
    registry.publish("bad", CONFIG, [layer], f"{LAYER}+gzip")
    assert text in pull(daemon, f"{registry.host}/image:bad")[-1]["error"]
    assert daemon.json("GET", "/images/json") == []
    assert bytes_of(daemon) == 0
