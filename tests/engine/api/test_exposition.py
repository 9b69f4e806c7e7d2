from __future__ import annotations

from collections.abc import Sequence

from prometheus_client.parser import text_string_to_metric_families

from engine.api.exposition import expose
from engine.domain.containers.glance import Glance
from engine.domain.system.observations import Engine, Observed
from engine.domain.system.pulse import Lag
from engine.domain.system.tallies import CONTAINER, Tallies
from engine.models.meters import Reading
from supervisors import MailboxStats, Node
from tests.fakes.host import FACTS

DOCKERD = {
    "engine_daemon_container_actions_seconds": "histogram",
    "engine_daemon_container_states_containers": "gauge",
    "engine_daemon_engine_cpus_cpus": "gauge",
    "engine_daemon_engine_info": "gauge",
    "engine_daemon_engine_memory_bytes": "gauge",
    "engine_daemon_events": "counter",
    "engine_daemon_events_subscribers_total": "gauge",
    "engine_daemon_health_checks": "counter",
    "engine_daemon_health_checks_failed": "counter",
    "engine_daemon_host_info_functions_seconds": "histogram",
    "engine_daemon_network_actions_seconds": "histogram",
}
"""The parser tells counters without their `_total`."""


def container(name: str, **said: str) -> Glance:
    return Glance(
        id=f"id of {name}",
        name=name,
        image="busybox",
        state="running",
        health=said.get("health", ""),
        exit_code=0,
        error="",
        started=1.0,
        finished=0.0,
        restarts=2,
        networks=[],
        ports=[],
    )


def observed(containers: Sequence[Glance] = ()) -> Observed:
    box = MailboxStats(name="mail", depth=3, capacity=9, peak=4, dropped=1)
    service = Node(name="store", state="running", since=1.0, restarts=5, mailboxes=(box,))
    return Observed(
        engine=Engine("E", "1", "c", "overlayfs"),
        facts=FACTS,
        counts=(2, 1, 7),
        events=11,
        subscribers=1,
        tallies=Tallies(),
        tree=Node(name="root", state="running", since=1.0, children=(service,)),
        lag=Lag(worst_ms=30.0, late=4),
        containers=containers,
        dropped={each.id: 6 for each in containers},
        readings={each.id: Reading(cpu=1.5, throttled=0.25, memory=99) for each in containers},
    )


def parsed(seen: Observed) -> dict[tuple[str, tuple[str, ...]], float]:
    families = text_string_to_metric_families(expose(seen).decode())
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def test_dockerds_names_are_there_with_their_kinds() -> None:
    families = text_string_to_metric_families(expose(observed()).decode())
    found = {each.name: each.type for each in families if each.name.startswith("engine_daemon")}
    assert found == DOCKERD


def test_engine_is_told_as_dockerd_tells_it() -> None:
    found = parsed(observed())
    assert found["engine_daemon_container_states_containers", ("stopped",)] == 7
    assert found["engine_daemon_events_total", ()] == 11
    assert found["engine_daemon_engine_memory_bytes", ()] == FACTS.memory


def test_buckets_count_all_that_is_below() -> None:
    seen = observed()
    for seconds in (0.001, 0.02, 99.0):
        seen.tallies.times[CONTAINER]["start"].add(seconds)
    found = parsed(seen)
    name = "engine_daemon_container_actions_seconds"
    assert found[f"{name}_bucket", ("start", "0.025")] == 2
    assert found[f"{name}_bucket", ("start", "+Inf")] == 3
    assert found[f"{name}_count", ("start",)] == 3
    assert found[f"{name}_count", ("delete",)] == 0


def test_each_container_tells_its_usage_restarts_health_and_drops() -> None:
    found = parsed(observed([container('we"b', health="unhealthy"), container("plain")]))
    who = ('id of we"b', 'we"b')
    assert found["trimaran_container_cpu_seconds_total", who] == 1.5
    assert found["trimaran_container_cpu_throttled_seconds_total", who] == 0.25
    assert found["trimaran_container_memory_bytes", who] == 99
    assert found["trimaran_container_restarts_total", who] == 2
    assert found["trimaran_container_log_dropped_total", who] == 6
    assert found["trimaran_container_health", (*who, "unhealthy")] == 1
    assert found["trimaran_container_health", (*who, "healthy")] == 0
    assert ("trimaran_container_health", ("id of plain", "plain", "healthy")) not in found


def test_services_tell_restarts_mail_and_the_loops_lag() -> None:
    found = parsed(observed())
    assert found["trimaran_service_restarts_total", ("root/store",)] == 5
    assert found["trimaran_mailbox_depth", ("mail", "root/store")] == 3
    assert found["trimaran_loop_lag_seconds", ()] == 0.03
    assert found["trimaran_loop_late_rounds_total", ()] == 4
