"""Every line that a container prints is in its log once, however often the daemon is killed meanwhile."""

from __future__ import annotations

import random
import time

import pytest

from tests.harness.daemon import Daemon, running_daemon
from tests.harness.deeds import wait_for
from tests.harness.listeners import stdout_of

pytestmark = [pytest.mark.client, pytest.mark.integration]

# A thousand lines at once, fifty times a second, until it is told to end.
COUNT = """
trap 'over=1' TERM
n=0
while [ -z "$over" ]; do seq $((n * 1000 + 1)) $((n * 1000 + 1000)); n=$((n + 1)); usleep 20000; done
echo $((n * 1000)) >/total
"""


def lines(daemon: Daemon, name: str) -> list[bytes]:
    status, frames = daemon.request("GET", f"/containers/{name}/logs?stdout=1")
    assert status == 200
    return stdout_of(frames).split()


def state(daemon: Daemon, name: str) -> dict[str, object]:
    found: dict[str, object] = daemon.json("GET", f"/containers/{name}/json")["State"]
    return found


def check(found: list[bytes]) -> None:
    expected = [b"%d" % number for number in range(1, len(found) + 1)]
    if found != expected:
        at = next(
            i for i, pair in enumerate(zip(found, expected, strict=True)) if len(set(pair)) > 1
        )
        raise AssertionError(f"line {at + 1}: {found[at - 2 : at + 3]}")


def count_through(kills: int, seed: int) -> int:
    chance = random.Random(seed)
    with running_daemon("--live-restore") as daemon:
        run = ("run", "-d", "--name", "counter", "--net", "none", "busybox", "sh", "-c", COUNT)
        daemon.docker(*run, check=True)
        for number in range(kills):
            time.sleep(chance.uniform(0.05, 0.6))
            daemon.kill()
            time.sleep(chance.uniform(0.0, 0.3))
            daemon.start()
            if number % 10 == 0:
                check(lines(daemon, "counter"))
        daemon.docker("stop", "counter", check=True)
        found = lines(daemon, "counter")
        check(found)
        assert len(found) % 1000 == 0
        assert len(found) > 1000 * kills
        daemon.docker("rm", "counter", check=True)
        return len(found)


def test_no_line_is_lost_or_doubled_over_five_kills() -> None:
    count_through(5, 1)


@pytest.mark.torture
def test_no_line_is_lost_or_doubled_over_a_hundred_kills(
    seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print(f"seed {seed}: {count_through(100, seed)} lines over 100 kills")


def test_what_is_printed_at_the_end_while_nobody_looks_is_there() -> None:
    with running_daemon("--live-restore") as daemon:
        for number in range(3):
            name = f"last{number}"
            words = "while [ ! -e /go ]; do usleep 10000; done; seq 1 30000; exit 3"
            run = ("run", "-d", "--name", name, "--net", "none", "busybox", "sh", "-c", words)
            daemon.docker(*run, check=True)
            pid = state(daemon, name)["Pid"]
            daemon.kill()
            open(f"/proc/{pid}/root/go", "w").close()
            wait_for(lambda p=pid: gone(p), "it has ended")
            daemon.start()
            found = state(daemon, name)
            assert (found["Status"], found["ExitCode"]) == ("exited", 3)
            check(lines(daemon, name))
            assert len(lines(daemon, name)) == 30000


def gone(pid: object) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True
