"""Metrics in Prometheus's text format: dockerd's names, and what dockerd does not tell. Runs in a worker thread.

The library is imported with this module, which is at the first scrape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from engine.domain.system.observations import Observed
from engine.domain.system.tallies import BUCKETS, CONTAINER, HOST, NETWORK
from engine.models.meters import Reading
from supervisors import Node

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
HISTOGRAMS = {
    CONTAINER: ("action", "The number of seconds it takes to process each container action"),
    NETWORK: ("action", "The number of seconds it takes to process each network action"),
    HOST: ("function", "The number of seconds it takes to call functions gathering info about the host"),
}  # fmt: skip
HEALTH = ("starting", "healthy", "unhealthy")
READINGS: dict[str, tuple[str, Callable[[Reading], float]]] = {
    "cpu_seconds_total": ("CPU time of the container's processes", lambda r: r.cpu),
    "cpu_periods_total": ("Periods in which its CPU quota was enforced", lambda r: r.periods),
    "cpu_throttled_periods_total": ("Periods in which it was throttled", lambda r: r.throttled_periods),
    "cpu_throttled_seconds_total": ("Time for which it was throttled", lambda r: r.throttled),
    "memory_bytes": ("Memory in use, without page cache that can go", lambda r: r.memory),
    "memory_limit_bytes": ("Its memory limit, 0 without one", lambda r: r.memory_limit),
    "network_receive_bytes_total": ("Bytes received", lambda r: r.rx_bytes),
    "network_receive_packets_total": ("Packets received", lambda r: r.rx_packets),
    "network_receive_dropped_total": ("Packets dropped on reception", lambda r: r.rx_dropped),
    "network_transmit_bytes_total": ("Bytes sent", lambda r: r.tx_bytes),
    "network_transmit_packets_total": ("Packets sent", lambda r: r.tx_packets),
    "network_transmit_dropped_total": ("Packets dropped on sending", lambda r: r.tx_dropped),
}  # fmt: skip
IDENTITY = ("id", "name")


class Collected(Collector):
    """One scrape's answer."""

    def __init__(self, observed: Observed) -> None:
        self._observed = observed

    def collect(self) -> Iterable[Metric]:
        yield from engine_daemon(self._observed)
        yield from containers(self._observed)
        yield from services(self._observed)


def expose(observed: Observed) -> bytes:
    """The body of GET /metrics."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collected(observed))
    return generate_latest(registry)


def engine_daemon(seen: Observed) -> Iterator[Metric]:
    """dockerd's own, with its names and help texts."""
    prefix = "engine_daemon_"
    for kind, (label, text) in HISTOGRAMS.items():
        family = HistogramMetricFamily(f"{prefix}{kind}_seconds", text, labels=(label,))
        for name, histogram in seen.tallies.times[kind].items():
            so_far, buckets = 0, []
            for bound, count in zip((*BUCKETS, "+Inf"), histogram.counts, strict=True):
                so_far += count
                buckets.append((str(bound), so_far))
            family.add_metric((name,), buckets, histogram.total)
        yield family
    states = GaugeMetricFamily(
        f"{prefix}container_states_containers", "The count of containers in various states", labels=("state",)
    )  # fmt: skip
    for state, count in zip(("running", "paused", "stopped"), seen.counts, strict=True):
        states.add_metric((state,), count)
    yield states
    facts = seen.facts
    info = GaugeMetricFamily(
        f"{prefix}engine_info",
        "The information related to the engine and the OS it is running on",
        labels=("architecture", "commit", "daemon_id", "graphdriver", "kernel", "os", "os_type", "os_version", "version"),
    )  # fmt: skip
    who = seen.engine
    info.add_metric(
        (facts.machine, who.commit, who.id, who.snapshotter, facts.kernel_release, facts.operating_system, "linux", facts.os_version, who.version),
        1,
    )  # fmt: skip
    yield info
    for name, text, value in (
        ("engine_cpus_cpus", "The number of cpus that the host system of the engine has", facts.cpus),
        ("engine_memory_bytes", "The number of bytes of memory that the host system of the engine has", facts.memory),
        ("events_subscribers_total", "The number of current subscribers to events", seen.subscribers),
    ):  # fmt: skip
        yield GaugeMetricFamily(prefix + name, text, value)
    for name, text, value in (
        ("events_total", "The number of events logged", seen.events),
        ("health_checks_total", "The total number of health checks", seen.tallies.health_checks),
        ("health_checks_failed_total", "The total number of failed health checks", seen.tallies.health_checks_failed),
    ):  # fmt: skip
        yield CounterMetricFamily(prefix + name, text, value)


def containers(seen: Observed) -> Iterator[Metric]:
    prefix = "trimaran_container_"
    for name, (text, value) in READINGS.items():
        kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
        family = kind(prefix + name, text, labels=IDENTITY)
        for each in seen.containers:
            reading = seen.readings.get(each.id)
            if reading is not None:
                family.add_metric((each.id, each.name), value(reading))
        yield family
    restarts = CounterMetricFamily(
        prefix + "restarts_total", "Restarts by its policy since its user's last start", labels=IDENTITY
    )  # fmt: skip
    health = GaugeMetricFamily(
        prefix + "health", "1 for the status that its health check has", labels=(*IDENTITY, "status")
    )  # fmt: skip
    drops = CounterMetricFamily(
        prefix + "log_dropped_total", "Log records that its receiver will never get", labels=IDENTITY
    )  # fmt: skip
    for each in seen.containers:
        restarts.add_metric((each.id, each.name), each.restarts)
        for status in HEALTH if each.health else ():
            health.add_metric((each.id, each.name, status), int(status == each.health))
        if each.id in seen.dropped:
            drops.add_metric((each.id, each.name), seen.dropped[each.id])
    yield from (restarts, health, drops)


def services(seen: Observed) -> Iterator[Metric]:
    """Each service by its path, containers' own among them."""
    up = GaugeMetricFamily("trimaran_service_up", "Whether the service runs", labels=("service",))
    restarts = CounterMetricFamily(
        "trimaran_service_restarts_total", "Restarts of the service", labels=("service",)
    )
    depth, capacity, dropped = (
        GaugeMetricFamily("trimaran_mailbox_depth", "Letters that wait", labels=("service", "mailbox")),
        GaugeMetricFamily("trimaran_mailbox_capacity", "Letters that it holds", labels=("service", "mailbox")),
        CounterMetricFamily("trimaran_mailbox_dropped_total", "Letters that found no room", labels=("service", "mailbox")),
    )  # fmt: skip
    for path, node in nodes(seen.tree, ""):
        up.add_metric((path,), int(node.state == "running"))
        restarts.add_metric((path,), node.restarts)
        for box in node.mailboxes:
            depth.add_metric((path, box.name), box.depth)
            capacity.add_metric((path, box.name), box.capacity)
            dropped.add_metric((path, box.name), box.dropped)
    yield from (up, restarts, depth, capacity, dropped)
    yield GaugeMetricFamily(
        "trimaran_loop_lag_seconds", "The longest round of the loop in the last minutes", seen.lag.worst_ms / 1000
    )  # fmt: skip
    yield CounterMetricFamily(
        "trimaran_loop_late_rounds_total", "Rounds of the loop above 20 ms", seen.lag.late
    )


def nodes(node: Node, above: str) -> Iterator[tuple[str, Node]]:
    path = f"{above}/{node.name}" if above else node.name
    yield path, node
    for child in node.children:
        yield from nodes(child, path)
