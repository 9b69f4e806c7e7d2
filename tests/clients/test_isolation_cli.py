"""What a container may see, use and share, as the docker CLI asks for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.daemon import Daemon

pytestmark = [pytest.mark.client, pytest.mark.integration]


def run(daemon: Daemon, *options: str, script: str = "true") -> str:
    """What `sh -c script` prints, with the error of a run that failed."""
    done = daemon.docker(
        "run", "--rm", "--net", "none", *options, "busybox", "sh", "-c", script, timeout=30
    )
    return (done.stdout + done.stderr).decode()


@pytest.fixture
def keeper(daemon: Daemon) -> Iterator[list[str]]:
    """Names of containers to be removed."""
    names: list[str] = []
    yield names
    daemon.docker("rm", "-fv", *names, timeout=30)


@pytest.mark.parametrize(
    ("options", "effective"),
    [
        ((), "00000000a80425fb"),
        (("--cap-add", "NET_ADMIN", "--cap-drop", "chown"), "00000000a80435fa"),
        (("--cap-drop", "ALL", "--cap-add", "CAP_NET_RAW"), "0000000000002000"),
    ],
)
def test_capabilities(daemon: Daemon, options: tuple[str, ...], effective: str) -> None:
    assert run(daemon, *options, script="grep CapEff /proc/self/status").split()[1] == effective


def test_seccomp_profiles(daemon: Daemon, tmp_path: Path) -> None:
    look = "grep Seccomp: /proc/self/status"
    assert run(daemon, script=look).split()[1] == "2"
    assert run(daemon, "--security-opt", "seccomp=unconfined", script=look).split()[1] == "0"
    profile = tmp_path / "profile.json"
    rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}))
    refused = run(daemon, "--security-opt", f"seccomp={profile}", script="mkdir /x")
    assert "Operation not permitted" in refused


def test_privileged_has_the_hosts_devices_and_writable_sysfs(daemon: Daemon) -> None:
    seen = run(daemon, "--privileged", script="ls /dev | wc -l; grep -c 'sysfs rw' /proc/mounts")
    devices, writable = seen.split()
    assert int(devices) > 30
    assert writable == "1"


def test_devices_are_given_with_their_access(daemon: Daemon) -> None:
    wrote = run(daemon, "--device", "/dev/null:/dev/mine", script="echo x > /dev/mine && echo yes")
    assert wrote == "yes\n"
    script = ": < /dev/mine && echo read; : > /dev/mine"
    reading = run(daemon, "--device", "/dev/loop-control:/dev/mine:r", script=script)
    assert "read\n" in reading
    assert "can't create /dev/mine: Operation not permitted" in reading
    missing = run(daemon, "--device", "/dev/nosuch")
    assert 'while adding custom device "/dev/nosuch": no such file or directory' in missing


def test_device_rules_open_what_is_closed(daemon: Daemon) -> None:
    script = "mknod /control c 10 237; : < /control && echo opened"
    assert "Operation not permitted" in run(daemon, script=script)
    assert run(daemon, "--device-cgroup-rule", "c 10:237 r", script=script) == "opened\n"


def test_shared_memory_is_private_shared_or_the_hosts(daemon: Daemon, keeper: list[str]) -> None:
    for name, mode in (("donor", "shareable"), ("miser", "private")):
        keeper.append(name)
        daemon.docker(
            "run", "-d", "--name", name, "--net", "none", "--ipc", mode, "--shm-size", "2m",
            "busybox", "sh", "-c", "echo given > /dev/shm/f; sleep 1000", check=True, timeout=30,
        )  # fmt: skip
    daemon.docker("exec", "donor", "sh", "-c", "until test -s /dev/shm/f; do :; done", timeout=10)
    joined = run(daemon, "--ipc", "container:donor", script="cat /dev/shm/f; df /dev/shm | tail -1")
    assert joined.split()[:3] == ["given", "shm", "2048"]
    assert "non-shareable IPC (hint: use IpcMode:shareable" in run(
        daemon, "--ipc", "container:miser"
    )
    daemon.docker("kill", "donor", check=True, timeout=30)
    assert "is not running" in run(daemon, "--ipc", "container:donor")
    assert str(daemon.root) not in "\n".join(
        line for line in Path("/proc/self/mountinfo").read_text().splitlines() if "/shm/" in line
    )
    assert run(daemon, "--ipc", "none", script="grep -c ' /dev/shm ' /proc/mounts") == "0\n"
    host = run(daemon, "--ipc", "host", script="readlink /proc/self/ns/ipc").strip()
    assert host == str(Path("/proc/self/ns/ipc").readlink())


def test_namespaces_of_the_host(daemon: Daemon) -> None:
    for option, kind in (("--pid", "pid"), ("--uts", "uts"), ("--cgroupns", "cgroup")):
        inside = run(daemon, option, "host", script=f"readlink /proc/self/ns/{kind}").strip()
        assert inside == str(Path(f"/proc/self/ns/{kind}").readlink()), kind


def test_throttled_and_refused_block_devices(daemon: Daemon) -> None:
    assert "stat /dev/nosuch: no such file or directory" in run(
        daemon, "--device-read-bps", "/dev/nosuch:1mb"
    )


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--gpus", "all"), 'could not select device driver "" with capabilities: [[gpu]]'),
        (("--storage-opt", "size=1G"), "--storage-opt is supported only for overlay over xfs"),
        (("--security-opt", "bad=1"), 'invalid --security-opt 2: "bad=1"'),
        (("--runtime", "nosuch"), "Unknown runtime specified nosuch"),
        (("--cpuset-cpus", "99"), "Requested CPUs are not available - requested 99"),
        (("-m", "5m"), "Minimum memory limit allowed is 6MB"),
    ],
)
def test_what_cannot_be_is_refused(daemon: Daemon, options: tuple[str, ...], text: str) -> None:
    assert text in run(daemon, *options)


def test_runtimes_with_arguments_and_default_ulimits_of_the_configuration() -> None:
    daemon = Daemon()
    limits = {"nofile": {"Name": "nofile", "Soft": 321, "Hard": 654}}
    runtimes = {
        "argued": {"path": "/usr/sbin/runc", "runtimeArgs": ["--debug"]},
        "typed": {
            "runtimeType": "io.containerd.runc.v2",
            "options": {"BinaryName": "/usr/sbin/runc"},
        },
    }
    config = {"default-ulimits": limits, "runtimes": runtimes}
    (daemon.root / "daemon.json").write_text(json.dumps(config))
    with daemon:
        daemon.load_busybox()
        assert run(daemon, script="ulimit -n; ulimit -Hn").split() == ["321", "654"]
        own = run(daemon, "--ulimit", "nofile=50:60", script="ulimit -n; ulimit -Hn")
        assert own.split() == ["50", "60"]
        for runtime in runtimes:
            assert run(daemon, "--runtime", runtime, script="echo ran") == "ran\n"


def test_links_of_the_default_bridge(daemon: Daemon, keeper: list[str]) -> None:
    keeper += ["dad", "kid"]
    daemon.docker(
        "run", "-d", "--name", "kid", "--expose", "80", "-e", "A=b", "busybox", "sleep", "1000",
        check=True, timeout=30,
    )  # fmt: skip
    daemon.docker(
        "run", "-d", "--name", "dad", "--link", "kid:db", "busybox", "sleep", "1000",
        check=True, timeout=30,
    )  # fmt: skip
    seen = daemon.docker("exec", "dad", "sh", "-c", "env; grep kid /etc/hosts", timeout=30).stdout
    address = daemon.docker(
        "inspect", "-f", "{{.NetworkSettings.IPAddress}}", "kid", timeout=30
    ).stdout.strip()
    assert b"DB_PORT_80_TCP=tcp://" + address + b":80" in seen
    assert b"DB_ENV_A=b" in seen
    assert address + b"\tdb " in seen
    names = [each["Names"] for each in daemon.json("GET", "/containers/json")]
    assert ["/kid", "/dad/db"] in names
    inspected = daemon.json("GET", "/containers/dad/json")
    assert inspected["HostConfig"]["Links"] == ["/kid:/dad/db"]
    daemon.docker("rm", "--link", "dad/db", check=True, timeout=30)
    gone = daemon.docker("exec", "dad", "sh", "-c", "grep -c kid /etc/hosts", timeout=30)
    assert gone.stdout == b"0\n"
    assert daemon.json("GET", "/containers/dad/json")["HostConfig"]["Links"] is None
