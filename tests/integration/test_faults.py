"""A fault at the nth await of each service, during each operation: who notices, and who must not.

The daemon is tests.harness.faulty, whose supervisors restart without limit. The short round takes
every service and operation with one seeded n; `just faults` (the marker `torture`) takes every n.
"""

from __future__ import annotations

import random
import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.harness.faulting import FaultyDaemon, Hit
from tests.harness.listeners import Bystander
from tests.harness.operations import DEADLINE, DROPPED, OPERATIONS, Answer

pytestmark = pytest.mark.integration

SUBJECT = r"root/containers/(?!BYSTANDER)[0-9a-f]{12}"
SERVICES = {
    "keeper": "root/keeper",
    "memory": "root/memory",
    "watchdog": "root/watchdog",
    "vigil": "root/vigil",
    "store": "root/store",
    "events": "root/events",
    "containerd": "root/runtime/containerd",
    "control": "root/runtime/channel-control",
    "bulk": "root/runtime/channel-bulk",
    "event channel": "root/runtime/channel-events",
    "plugins": "root/plugins",
    "managed": "root/managed",
    "network": "root/network",
    "resolver": "root/resolver",
    "volumes": "root/volumes",
    "images": "root/images",
    "containers": "root/containers/service",
    "execs": "root/containers/execs",
    "restarts": "root/containers/restarts",
    "leavings": "root/containers/leavings",
    "deliveries": "root/logs/deliveries",
    "delivery": r"root/logs/[0-9a-f]{12}-\d+",
    "operator": f"{SUBJECT}/operator",
    "output": rf"{SUBJECT}/output-\d+",
    "exec output": rf"{SUBJECT}/exec-[0-9a-f]+",
    "watcher": "root/watcher",
    "storage": "root/storage",
    "builds": "root/builds",
    "metrics": "root/metrics",
    "operators": "root/operators",
    "api": "root/api",
}
# Inside the rest-for-one supervisor the channels depend on the process.
DEPENDENTS = {"containerd": ("control", "bulk", "event channel")}
MOST = 400


class Round:
    """One daemon and its bystander, through many faults."""

    def __init__(self, daemon: FaultyDaemon, bystander: Bystander) -> None:
        self.daemon = daemon
        self.bystander = bystander
        self.hits: Counter[str] = Counter()
        self.restarted: Counter[str] = Counter()

    def pattern(self, service: str) -> str:
        return SERVICES[service].replace("BYSTANDER", self.bystander.id[:12])

    def strike(self, service: str, operation: str, n: int) -> Hit:
        """One operation with one fault in it, everything looked at before and after."""
        subject = OPERATIONS[operation](self.daemon)
        subject.ready()
        before = self.daemon.restarts()
        self.daemon.arm(self.pattern(service), n)
        try:
            try:
                answer = subject.act()
            finally:
                hit = self.daemon.disarm()
            self.judge(service, operation, hit, answer, before)
            subject.again()
            subject.remove()
            self.bystander.check()
        except AssertionError as error:
            error.add_note(f"{service}, {operation}, await {n}: {hit.where}")
            raise
        return hit

    def judge(
        self,
        service: str,
        operation: str,
        hit: Hit,
        answer: Answer,
        before: dict[str, tuple[int, str | None]],
    ) -> None:
        if hit.where is None:
            assert answer.fine, answer
            return
        self.hits[f"{service}/{operation}"] += 1
        refused = answer.refuses(503, 500) if service == "api" else answer.refuses(503)
        assert answer.fine or refused or self.dropped(service, hit, answer), answer
        self.wait_until_all_run()
        self.check_restarts(service, before)

    def dropped(self, service: str, hit: Hit, answer: Answer) -> bool:
        """A fault in the connection's own tasks, or once HTTP has ended on it, costs the connection and no more."""
        frames = " ".join(hit.where or ())
        handling = "Api.answer" in frames and "Link.hijack" not in frames
        return service == "api" and not handling and answer.text.startswith(DROPPED)

    def wait_until_all_run(self) -> None:
        deadline = time.monotonic() + DEADLINE
        while down := {k: v for k, v in self.daemon.states().items() if v != "running"}:
            assert time.monotonic() < deadline, down
            time.sleep(0.01)

    def check_restarts(self, service: str, before: dict[str, tuple[int, str | None]]) -> None:
        """The struck service alone has restarted, and the tree shows why."""
        allowed = [re.compile(self.pattern(each)) for each in DEPENDENTS.get(service, ())]
        struck = re.compile(self.pattern(service))
        for path, (restarts, last_error) in self.daemon.restarts().items():
            gained = restarts - before.get(path, (0, None))[0]
            if struck.fullmatch(path) and service != "api":
                assert gained <= 1, (path, gained)
                if gained:
                    assert "injected at await" in (last_error or ""), (path, last_error)
                    self.restarted[service] += 1
            elif path != "root":  # which counts its children's
                assert not gained or any(each.fullmatch(path) for each in allowed), path

    def finish(self) -> None:
        """Nothing is left but the bystander, and the event stream was whole."""
        self.bystander.wait_for_more()
        self.bystander.check()
        check_events(self.daemon, self.bystander)
        check_leftovers(self.daemon, self.bystander.id)


def check_events(daemon: FaultyDaemon, bystander: Bystander) -> None:
    """The stream brought what the log holds; each container's events are a life."""
    until = time.time()
    time.sleep(0.3)
    status, body = daemon.request("GET", f"/events?since=1&until={until:.6f}")
    assert status == 200
    logged = [line for line in body.split(b"\n") if line]
    streamed = [line for line in bytes(bystander.events.data).split(b"\n") if line]
    first = logged.index(streamed[0])
    assert streamed[: len(logged) - first] == logged[first:]
    lives: dict[str, list[str]] = {}
    for event in bystander.told():
        if event["Type"] == "container" and event["Action"] in (
            "create",
            "start",
            "die",
            "destroy",
        ):
            lives.setdefault(event["Actor"]["ID"], []).append(event["Action"])
    for container, actions in lives.items():
        ended = [] if container == bystander.id else ["destroy"]
        runs = actions[1 : len(actions) - len(ended)]
        assert actions[:1] == ["create"], (container, actions)
        assert actions[len(actions) - len(ended) :] == ended, (container, actions)
        pairs = ["start", "die"] * (len(runs) // 2 + 1)
        assert runs == pairs[: len(runs)], (container, actions)
        assert len(runs) % 2 == (container == bystander.id), (container, actions)


def check_leftovers(daemon: FaultyDaemon, bystander: str) -> None:
    def ctr(*words: str) -> list[str]:
        done = subprocess.run(
            [
                "ctr",
                "-a",
                f"{daemon.root}/exec/containerd/containerd.sock",
                "-n",
                "trimaran",
                *words,
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        )
        return [line.split()[0] for line in done.stdout.splitlines() if line.strip()]

    assert ctr("tasks", "ls", "-q") == [bystander]
    assert ctr("containers", "ls", "-q") == [bystander]
    snapshots = [each for each in ctr("snapshots", "ls")[1:] if len(each) == 64]
    assert snapshots == [bystander]
    for folder, expected in (
        ("data/containers", [bystander]),
        ("exec/fifo", [bystander]),
        ("data/volumes", []),
    ):
        found = [each.name for each in (daemon.root / folder).iterdir()]
        assert [name for name in found if not name.startswith(".")] == expected, folder
    assert daemon.json("GET", "/volumes")["Volumes"] in ([], None)
    rules = daemon.inside("nft", "list", "ruleset", capture_output=True).stdout
    assert "dport" not in rules or "127.0.0.1 ." not in rules, rules
    links = daemon.inside("ip", "-o", "link", capture_output=True).stdout.splitlines()
    assert sum("veth" in line for line in links) <= 1, links


@pytest.fixture(scope="module")
def round_() -> Iterator[Round]:
    with FaultyDaemon() as daemon:
        daemon.load_busybox()
        bystander = Bystander(daemon)
        yield Round(daemon, bystander)
        bystander.close()


def awaits(round_: Round, operation: str) -> dict[str, int]:
    """How many awaits of each service an undisturbed operation meets."""
    import re

    subject = OPERATIONS[operation](round_.daemon)
    subject.ready()
    with round_.daemon.counting() as counted:
        assert subject.act().fine
    subject.again()
    subject.remove()
    found = {}
    for service in SERVICES:
        pattern = re.compile(round_.pattern(service))
        found[service] = sum(n for path, n in counted.items() if pattern.fullmatch(path))
    return found


def test_every_service_of_the_tree_is_struck(round_: Round) -> None:
    known = [re.compile(round_.pattern(service)) for service in SERVICES]
    supervisors = {"root", "root/runtime", "root/containers", "root/logs"}
    own = f"root/containers/{round_.bystander.id[:12]}"
    for path in round_.daemon.states().keys() - supervisors:
        path = path.replace(own, "root/containers/" + "f" * 12)
        spared = path in ("root/status", "root/pulse", "root/containers/" + "f" * 12)
        assert spared or any(each.fullmatch(path) for each in known), path


@pytest.mark.parametrize("operation", OPERATIONS)
def test_fault_restarts_one_service_and_nobody_else_notices(round_: Round, operation: str) -> None:
    chance = random.Random(f"trimaran {operation}")
    for service, count in awaits(round_, operation).items():
        if count:
            round_.strike(service, operation, chance.randint(1, count))


def test_bystanders_saw_nothing_of_the_short_round(round_: Round) -> None:
    assert sum(round_.hits.values()) > 20
    round_.finish()


@pytest.mark.torture
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("service", SERVICES)
def test_fault_at_every_await(round_: Round, service: str, operation: str) -> None:
    for n in range(1, MOST):
        if round_.strike(service, operation, n).where is None:
            return
    raise AssertionError(f"{service} still met awaits after {MOST} faults during {operation}")


@pytest.mark.torture
def test_bystanders_saw_nothing_of_any_fault(round_: Round) -> None:
    round_.finish()
