"""A scrape of a running daemon: a container's numbers are the kernel's."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.harness.daemon import Daemon, UnixConnection, running_daemon

pytestmark = pytest.mark.integration

Samples = dict[str, dict[str, float]]


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running_daemon("--metrics-addr=127.0.0.1:9323") as found:
        yield found


def scrape(daemon: Daemon) -> str:
    connection = UnixConnection(str(daemon.root / "exec" / "metrics.sock"))
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read().decode()
    finally:
        connection.close()


def by_container(text: str) -> Samples:
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if "name" in sample.labels:
                found.setdefault(sample.labels["name"], {})[sample.name] = sample.value
    return found


def test_container_that_works_is_seen_working(daemon: Daemon) -> None:
    body = {"Image": "busybox", "Cmd": ["sh", "-c", "while :; do :; done"]}
    body["HostConfig"] = {"Memory": 64 << 20, "NanoCpus": 100_000_000}  # type: ignore[assignment]
    daemon.json("POST", "/containers/create?name=worker", body)
    daemon.json("POST", "/containers/worker/start")
    deadline = time.monotonic() + 30
    found: dict[str, float] = {}
    while time.monotonic() < deadline:
        found = by_container(scrape(daemon)).get("worker", {})
        if found.get("trimaran_container_cpu_throttled_periods_total", 0) > 0:
            break
        time.sleep(0.2)
    assert found["trimaran_container_cpu_throttled_periods_total"] > 0
    assert found["trimaran_container_cpu_seconds_total"] > 0
    assert found["trimaran_container_memory_limit_bytes"] == 64 << 20
    assert 0 < found["trimaran_container_memory_bytes"] < 64 << 20
    stats = daemon.json("GET", "/containers/worker/stats?stream=false&one-shot=true")
    later = stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9
    assert found["trimaran_container_cpu_seconds_total"] <= later
    daemon.json("DELETE", "/containers/worker?force=1")
    assert "worker" not in by_container(scrape(daemon))


def test_address_serves_the_same_without_the_api(daemon: Daemon) -> None:
    fetch = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9323{}').status)"
    done = daemon.inside(sys.executable, "-c", fetch.format("/metrics"), stdout=subprocess.PIPE)
    assert done.stdout.strip() == "200"
    done = daemon.inside(
        sys.executable,
        "-c",
        fetch.format("/containers/json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
    )
    assert "404" in done.stderr
