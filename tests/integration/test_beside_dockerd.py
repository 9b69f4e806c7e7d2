"""trimaran and dockerd on one host: both serve, whoever comes first, and neither touches what is the other's."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.harness.daemon import Daemon
from tests.harness.deeds import wait_for
from tests.harness.dockerd import Dockerd

pytestmark = [
    pytest.mark.client,
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("dockerd") is None, reason="dockerd is not installed"),
]

HOST, OUTSIDE = "192.0.2.1", "192.0.2.2"
THEIRS, OURS = 18101, 18102
SERVE = "mkdir -p /www; echo {} >/www/index.html; exec httpd -f -p 80 -h /www"


class Street:
    """The host with both engines, and a neighbour who is connected to it and serves."""

    def __init__(self, *arguments: str) -> None:
        self.ours = Daemon(*arguments)
        self.theirs = Dockerd(self.ours)
        self.neighbour = f"{self.ours.name}n"
        self._server: subprocess.Popen[bytes] | None = None

    def build(self) -> None:
        self.ours.make_namespace()
        ns, other = self.ours.name, self.neighbour
        subprocess.run(["ip", "netns", "add", other], check=True)
        veth = f"ip -n {ns} link add uplink type veth peer name eth0 netns {other}"
        for command in (
            veth,
            f"ip -n {ns} addr add {HOST}/30 dev uplink",
            f"ip -n {ns} link set uplink up",
            f"ip -n {ns} route add default via {OUTSIDE}",
            f"ip -n {other} addr add {OUTSIDE}/30 dev eth0",
            f"ip -n {other} link set eth0 up",
            f"ip -n {other} link set lo up",
        ):
            subprocess.run(command.split(), check=True)
        www = self.ours.root / "www"
        www.mkdir()
        (www / "index.html").write_text("outside\n")
        server = f"ip netns exec {other} busybox httpd -f -p 80 -h {www}"
        self._server = subprocess.Popen(server.split(), stdin=subprocess.DEVNULL)

    def close(self) -> None:
        self.theirs.close()
        if self._server is not None:
            self._server.kill()
            self._server.wait()
        self.ours.close()
        subprocess.run(["ip", "netns", "del", self.neighbour], check=False)

    def furnish_ours(self) -> None:
        self.ours.load_busybox()
        run = ("run", "-d", "--name", "web", "-p", f"{OURS}:80", "busybox", "sh", "-c")
        self.ours.docker(*run, SERVE.format("ours"), check=True)

    def furnish_theirs(self) -> None:
        self.theirs.load_busybox()
        run = ("run", "-d", "--name", "web", "-p", f"{THEIRS}:80", "busybox", "sh", "-c")
        self.theirs.docker(*run, SERVE.format("theirs"), check=True)

    def check(self) -> None:
        """Both reach outside and are reached; dockerd's rules are there, and our two marked ones among them."""
        for port, text in ((THEIRS, "theirs"), (OURS, "ours")):
            wait_for(lambda p=port, t=text: self.fetch(p) == f"{t}\n", f"{text} is reached")
        fetch = ("exec", "web", "wget", "-q", "-O", "-", f"http://{OUTSIDE}/")
        for engine in (self.theirs, self.ours):
            wait_for(lambda e=engine: e.docker(*fetch).stdout == b"outside\n", "reaches outside")
        # Where dockerd has switched forwarding on, it drops what it does not know: there stands one rule of
        # ours for each direction, in the chain that dockerd leaves to its users.
        needed = 2 if ":FORWARD DROP " in self.theirs.rules() else 0
        wait_for(lambda: len(self.theirs.marked()) == needed, lambda: f"{self.theirs.marked()}")
        assert all("-A DOCKER-USER " in each for each in self.theirs.marked())

    def fetch(self, port: int) -> str:
        done = subprocess.run(
            f"ip netns exec {self.neighbour} busybox wget -q -O - http://{HOST}:{port}/".split(),
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        return done.stdout

    def pids(self) -> list[str]:
        return [
            engine.docker("inspect", "-f", "{{.State.Pid}}", "web", check=True).stdout.decode()
            for engine in (self.theirs, self.ours)
        ]


@contextmanager
def street(*arguments: str) -> Iterator[Street]:
    found = Street("--live-restore", *arguments)
    try:
        found.build()
        yield found
    finally:
        found.close()


def test_dockerd_was_there_first() -> None:
    with street() as both:
        both.theirs.start()
        both.furnish_theirs()
        rules = both.theirs.rules()
        both.ours.start()
        both.furnish_ours()
        both.check()
        assert both.theirs.rules() == rules
        check_restarts(both)


def test_dockerd_came_second() -> None:
    with street() as both:
        both.ours.start()
        both.furnish_ours()
        both.theirs.start()
        both.furnish_theirs()
        both.check()
        check_restarts(both)


def test_one_containerd_serves_both() -> None:
    with street() as both:
        both.theirs.start()
        both.furnish_theirs()
        both.ours.arguments.append(f"--containerd={both.theirs.containerd}")
        both.ours.start()
        both.furnish_ours()
        both.check()
        before = tasks(both, "moby"), tasks(both, "trimaran")
        assert [len(each) for each in before] == [1, 1]
        both.ours.kill()
        both.ours.start()
        both.check()
        assert (tasks(both, "moby"), tasks(both, "trimaran")) == before
        both.ours.docker("rm", "-f", "web", check=True)
        assert tasks(both, "moby") == before[0]
        assert both.fetch(THEIRS) == "theirs\n"


def check_restarts(both: Street) -> None:
    """Each once, the containers stay what they are, and all is as it was."""
    pids, rules = both.pids(), both.theirs.rules()
    both.ours.kill()
    both.ours.start()
    both.check()
    assert both.theirs.rules() == rules
    both.theirs.restart()
    both.check()
    assert sorted(both.theirs.rules()) == sorted(rules)
    assert both.pids() == pids
    both.ours.docker("rm", "-f", "web", check=True)
    assert both.fetch(THEIRS) == "theirs\n"


def tasks(both: Street, namespace: str) -> list[str]:
    command = ["ctr", "-a", both.theirs.containerd, "-n", namespace, "tasks", "ls"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    return sorted(done.stdout.splitlines()[1:])
