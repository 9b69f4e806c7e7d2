"""Clients that do everything at random, while somebody kills the daemon; and what must be true whenever it is back.

Each client has containers and volumes of its own, so it knows what was answered to it. All chance
comes from one seed, as far as the clients' turns allow.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter

from tests.harness.daemon import Daemon
from tests.harness.deeds import BRIEF, LOST, Attempt, Deed, wait_for
from tests.harness.traces import ctr

START_TIME = 10.0
SERVE = "mkdir -p /www; echo $HOSTNAME >/www/index.html; echo ready; exec httpd -f -p 80 -h /www"
LATER = "echo ready; sleep 0.$((RANDOM % 9)); exit 7"
CHOICES = {
    "absent": ("create", "run"),
    "created": ("start", "start", "force"),
    "running": ("stop", "kill", "restart", "exec", "exec", "force", "idle"),
    "exited": ("start", "start", "remove", "force"),
}
KINDS = (
    Deed(()),
    Deed((), host={"NetworkMode": "none"}),
    Deed((), volumes=("/data",)),
    Deed((), command=SERVE, host={"PortBindings": {"80/tcp": [{"HostPort": ""}]}}),
    Deed((), command=LATER),
    Deed((), command=BRIEF, host={"AutoRemove": True}, volumes=("/v",)),
)


class Subject(Attempt):
    """A container of one client through all its lives, under one name."""

    @property
    def ends_by_itself(self) -> bool:
        return self.deed.command in (BRIEF, LATER)

    def turn(self, chance: random.Random) -> str:
        """One operation that its state allows."""
        if self.ends_by_itself and self.possible & {"running"}:
            self.ended()
            return "exit"
        (status,) = self.possible
        step = chance.choice(CHOICES[status])
        if step == "idle":
            return step
        for each in ("create", "start") if step == "run" else (step,):
            self.take(each)
            if each == "start" and self.ends_by_itself:
                self.possible = {"running", "absent" if self.removes_itself else "exited"}
        return step

    def ended(self) -> None:
        after = "absent" if self.removes_itself else "exited"
        wait_for(lambda: self.status() == after, lambda: f"{self.status()} to be {after}")
        self.possible = {after}

    def settle(self) -> None:
        """After a crash; nothing is said of how far one has come that ends by itself."""
        if self.ends_by_itself and self.possible & {"running"}:
            self.possible |= {"absent" if self.removes_itself else "exited"}
        self.check()
        if self.ends_by_itself and "running" in self.possible:
            self.ended()
        if self.deed.command == LATER and "exited" in self.possible:
            state = self.state()
            assert state["ExitCode"] == (128 if state["Error"] else 7), state
        if self.deed.command == SERVE and self.possible == {"running"}:
            self.serves()

    def serves(self) -> None:
        answer = self.answered("GET", f"/containers/{self.name}/json")
        port = answer["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"]
        command = ("busybox", "wget", "-q", "-O", "-", f"http://127.0.0.1:{port}/")
        wait_for(
            lambda: (
                self.daemon.inside(*command, capture_output=True, check=False, timeout=20).stdout
                == f"{self.id[:12]}\n"
            ),
            f"port {port} of {self.name} answers",
        )


class Client(threading.Thread):
    """Operations at random; parked while the daemon is away."""

    def __init__(self, daemon: Daemon, seed: str, count: int) -> None:
        super().__init__(daemon=True)
        self.chance = random.Random(seed)
        self.subjects = [
            Subject(daemon, KINDS[(count + number) % len(KINDS)], live=True)
            for number in range(count)
        ]
        self.volume = Volume(daemon, f"volume-{seed.replace(' ', '-')}")
        self.done: Counter[str] = Counter()
        self.error: BaseException | None = None
        self.may_go = threading.Event()
        self.parked = threading.Event()
        self.over = False

    def run(self) -> None:
        try:
            while True:
                if not self.may_go.is_set():
                    self.parked.set()
                    self.may_go.wait()
                    self.parked.clear()
                if self.over:
                    return
                self._turn()
        except Exception as error:  # noqa: BLE001  told by whoever waits for it
            self.error = error
            self.parked.set()

    def _turn(self) -> None:
        try:
            if self.chance.random() < 0.1:
                self.done[self.volume.turn()] += 1
            else:
                self.done[self.chance.choice(self.subjects).turn(self.chance)] += 1
        except LOST:
            self.may_go.clear()


class Volume:
    """One named volume, made and removed in turn."""

    def __init__(self, daemon: Daemon, name: str) -> None:
        self.daemon = daemon
        self.name = name
        self.possible = {False}

    def turn(self) -> str:
        (there,) = self.possible
        self.possible = {True, False}
        if there:
            status, text = self.daemon.request("DELETE", f"/volumes/{self.name}")
        else:
            status, text = self.daemon.request("POST", "/volumes/create", {"Name": self.name})
        assert status in (201, 204), text
        self.possible = {not there}
        return "volume"

    def check(self) -> None:
        there = self.daemon.request("GET", f"/volumes/{self.name}")[0] == 200
        assert there in self.possible, (self.name, there)
        assert (self.daemon.root / "data" / "volumes" / self.name).exists() == there
        self.possible = {there}


class Torturer:
    """`kill` as often as wanted, then `finish`."""

    def __init__(self, daemon: Daemon, seed: int, *, clients: int = 3, containers: int = 6) -> None:
        self.daemon = daemon
        self.chance = random.Random(seed)
        self.clients = [Client(daemon, f"{seed} {n}", containers) for n in range(clients)]
        self.slowest = 0.0
        for client in self.clients:
            client.start()

    def kill(self) -> None:
        """Let them go on for a while, kill the daemon, start it at once, and check every promise."""
        for client in self.clients:
            client.may_go.set()
        time.sleep(self.chance.uniform(0.2, 2.0))
        self.daemon.kill()
        if self.chance.random() < 0.3:  # and now and then in the middle of its start
            self._start_and_kill(self.chance.uniform(0.1, 1.0))
        self.park()
        began = time.monotonic()
        self.daemon.start()
        self.slowest = max(self.slowest, time.monotonic() - began)
        assert self.slowest < START_TIME
        self.check()

    def _start_and_kill(self, after: float) -> None:
        self.daemon.launch()
        time.sleep(after)
        self.daemon.kill()

    def park(self) -> None:
        for client in self.clients:
            client.may_go.clear()
        for client in self.clients:
            assert client.parked.wait(60), "a client hangs"
            if client.error is not None:
                raise client.error

    def check(self) -> None:
        subjects = [each for client in self.clients for each in client.subjects]
        for each in subjects:
            each.settle()
        for client in self.clients:
            client.volume.check()
        listed = self.daemon.json("GET", "/containers/json?all=1")
        names = [each["Names"][0].removeprefix("/") for each in listed]
        assert len(set(names)) == len(names), "two have one name"
        mine = {each.name for each in subjects if each.possible != {"absent"}}
        assert set(names) - {"counter"} == mine, "a ghost, or one that is lost"
        self._check_addresses(listed)
        running = sorted(each["Id"] for each in listed if each["State"] == "running")
        wait_for(lambda: ctr(self.daemon, "tasks", "ls") == running, "tasks are those that run")

    def _check_addresses(self, listed: list[dict[str, object]]) -> None:
        found = []
        for each in listed:
            if each["State"] == "running":
                answer = self.daemon.json("GET", f"/containers/{each['Id']}/json")
                networks = answer["NetworkSettings"]["Networks"].values()
                found += [network["IPAddress"] for network in networks if network["IPAddress"]]
        assert len(set(found)) == len(found), "two have one address"

    def finish(self) -> Counter[str]:
        """Remove everything; how often each operation was done to its end."""
        for client in self.clients:
            client.over = True
            client.may_go.set()
            client.join(60)
            for subject in client.subjects:
                subject.remove()
            if True in client.volume.possible:
                client.volume.turn()
        return sum((client.done for client in self.clients), Counter())
