"""Nothing grows: containers that come and go leave the host and the daemon as they were."""

from __future__ import annotations

import os
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest

from tests.harness.daemon import Daemon, running_daemon
from tests.harness.deeds import wait_for
from tests.harness.traces import difference, resting

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, containerd and runc"),
]

MEMORY_LIMIT = 10 << 20
AT_ONCE = 4


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running_daemon() as found:
        yield found


def cycle(daemon: Daemon, number: int) -> None:
    """One life with a port and a volume; every third removes itself, every third is killed."""
    name = f"cycle{number}"
    body = {
        "Image": "busybox",
        "Cmd": ["sleep", "0" if number % 3 == 0 else "1000"],
        "StopSignal": "KILL",
        "Volumes": {"/data": {}},
        "ExposedPorts": {"80/tcp": {}},
        "HostConfig": {
            "AutoRemove": number % 3 == 0,
            "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]},
        },
    }
    daemon.json("POST", f"/containers/create?name={name}", body)
    daemon.json("POST", f"/containers/{name}/start")
    if number % 3 == 0:
        wait_for(lambda: daemon.request("GET", f"/containers/{name}/json")[0] == 404, "it goes", 60)
        return
    if number % 3 == 1:
        daemon.json("POST", f"/containers/{name}/stop")
    daemon.json("DELETE", f"/containers/{name}?force=1&v=1")


def cycles(daemon: Daemon, count: int) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda number: cycle(daemon, number), range(count)))


def held(daemon: Daemon) -> dict[str, int]:
    """What the daemon itself holds: descriptors, and network namespaces that are processes' or mounted."""
    assert daemon.process is not None
    pid = daemon.process.pid
    listed = subprocess.run(
        ["lsns", "-t", "net", "-n", "-o", "NS"], capture_output=True, text=True, timeout=30
    )
    own = {os.stat(each).st_ino for each in (daemon.root / "exec/netns").glob("*")}
    return {
        "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
        "namespaces": len(own & {int(each) for each in listed.stdout.split()}) + len(own),
    }


def resident(daemon: Daemon) -> int:
    """In bytes."""
    assert daemon.process is not None
    lines = Path(f"/proc/{daemon.process.pid}/status").read_text().splitlines()
    (line,) = [each for each in lines if each.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize(
    ("warm_up", "count"), [(12, 30), pytest.param(100, 1000, marks=pytest.mark.torture)]
)
def test_containers_that_come_and_go_leave_nothing(
    daemon: Daemon, warm_up: int, count: int
) -> None:
    cycles(daemon, warm_up)
    empty, before = resting(daemon), held(daemon)
    memory = resident(daemon)
    cycles(daemon, count)
    wait_for(lambda: not difference(daemon, empty), lambda: str(difference(daemon, empty)), 30)
    wait_for(lambda: held(daemon) == before, lambda: f"{before} {held(daemon)}", 30)
    wait_for(
        lambda: resident(daemon) < memory + MEMORY_LIMIT,
        lambda: f"{memory} {resident(daemon)}",
        60,
    )


# Begun anew now and then: an upload that finds no directory makes one, which stands in the way.
RENAMING = """
while :; do
    rm -rf /inside /kept /escape
    mkdir /new; echo inside > /new/secret; mv /new /inside; ln -s {outside} /escape
    for _ in 1 2 3 4 5 6 7 8; do
        mv /inside /kept; mv /escape /inside; mv /inside /escape; mv /kept /inside
    done
done
"""


@pytest.mark.parametrize("times", [50, pytest.param(1000, marks=pytest.mark.torture)])
def test_paths_that_change_while_they_are_copied_lead_nowhere_else(
    daemon: Daemon, tmp_path: Path, times: int
) -> None:
    (tmp_path / "secret").write_text("outside")
    name = f"renaming{times}"
    body = {
        "Image": "busybox",
        "Cmd": ["sh", "-c", RENAMING.format(outside=tmp_path)],
        "HostConfig": {"NetworkMode": "none"},
    }
    daemon.json("POST", f"/containers/create?name={name}", body)
    daemon.json("POST", f"/containers/{name}/start")
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("written")
        info.size = 4
        tar.addfile(info, BytesIO(b"here"))
    seen: set[bytes] = set()
    answers: set[int] = set()
    failures: list[bytes] = []
    for round_ in range(20 * times):
        if round_ >= times and seen:
            break  # often enough, and it was there at least once
        status, got = daemon.request("GET", f"/containers/{name}/archive?path=/inside/secret")
        answers.add(status)
        if status == 500:
            failures.append(got)
        if status == 200:
            with tarfile.open(fileobj=BytesIO(got)) as tar:
                for member in tar:
                    file = tar.extractfile(member) if member.isreg() else None
                    seen |= {file.read()} if file else set()
        status, told = daemon.request(
            "PUT", f"/containers/{name}/archive?path=/inside", out.getvalue()
        )
        answers.add(status)
        if status == 500:
            failures.append(told)
    daemon.json("DELETE", f"/containers/{name}?force=1")
    assert seen == {b"inside\n"}
    assert answers <= {200, 400, 404}, failures
    assert sorted(each.name for each in tmp_path.iterdir()) == ["secret"]
    assert (tmp_path / "secret").read_text() == "outside"


def test_an_engine_that_ends_in_order_leaves_no_cgroup_behind() -> None:
    with running_daemon() as daemon:
        engine = daemon.json("GET", "/info")["ID"]
        for killed in (False, True):
            cycles_over = threading.Event()

            def keep_on(number: int, over: threading.Event = cycles_over) -> None:
                """Until the daemon goes."""
                while not over.is_set():
                    try:
                        daemon.docker("run", "--rm", "--net", "none", "busybox", "true", timeout=30)
                    except subprocess.TimeoutExpired:
                        continue

            threads = [threading.Thread(target=keep_on, args=(each,)) for each in range(3)]
            for each in threads:
                each.start()
            time.sleep(1)
            if killed:
                daemon.kill()
                daemon.start()
                time.sleep(0.5)
            assert daemon.stop() == 0
            cycles_over.set()
            for each in threads:
                each.join(60)
            left = [
                *Path("/sys/fs/cgroup").glob(f"*/trimaran-{engine}"),
                *Path("/sys/fs/cgroup").glob(f"trimaran-{engine}"),
            ]
            assert left == [], daemon.tail()
            daemon.start()
