"""What users do to containers that are there: pause, rename, update, look at, copy, commit, prune."""

from __future__ import annotations

import io
import json
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.daemon import Daemon

pytestmark = [pytest.mark.client, pytest.mark.integration]


def inspect(daemon: Daemon, name: str, template: str) -> str:
    done = daemon.docker("inspect", "-f", template, name, check=True, timeout=30)
    return done.stdout.decode().strip()


def shell(daemon: Daemon, name: str, script: str) -> str:
    return daemon.docker("exec", name, "sh", "-c", script, check=True, timeout=30).stdout.decode()


@pytest.fixture
def sleeper(daemon: Daemon) -> Iterator[str]:
    """A running container without a network, removed afterwards."""
    name = "sleeper"
    daemon.docker(
        "run", "-d", "--name", name, "--net", "none", "-v", "/vol", "busybox", "sleep", "1000",
        check=True, timeout=30,
    )  # fmt: skip
    yield name
    daemon.docker("rm", "-fv", name, timeout=30)


def actions(daemon: Daemon, name: str) -> list[str]:
    done = daemon.docker(
        "events", "--since", "1h", "--until", "0s", "--filter", f"container={name}",
        "--format", "{{.Action}}", timeout=30,
    )  # fmt: skip
    return done.stdout.decode().splitlines()


def test_a_paused_container_stands_still_until_it_is_unpaused(daemon: Daemon, sleeper: str) -> None:
    daemon.docker("pause", sleeper, check=True, timeout=30)
    assert inspect(daemon, sleeper, "{{.State.Status}} {{.State.Running}}") == "paused true"
    listed = daemon.docker("ps", "--filter", "status=paused", "--format", "{{.Status}}", timeout=30)
    assert b"(Paused)" in listed.stdout
    again = daemon.docker("pause", sleeper, timeout=30)
    assert b"is already paused" in again.stderr
    refused = daemon.docker("exec", sleeper, "true", timeout=30)
    assert b"is paused, unpause the container before exec" in refused.stderr
    daemon.docker("unpause", sleeper, check=True, timeout=30)
    assert shell(daemon, sleeper, "echo on") == "on\n"
    assert b"is not paused" in daemon.docker("unpause", sleeper, timeout=30).stderr


@pytest.mark.parametrize("verb", [("stop", "-t", "1"), ("kill",), ("rm", "-f")])
def test_a_paused_container_can_be_ended(daemon: Daemon, sleeper: str, verb: tuple[str]) -> None:
    daemon.docker("pause", sleeper, check=True, timeout=30)
    before = time.monotonic()
    daemon.docker(*verb, sleeper, check=True, timeout=30)
    assert time.monotonic() - before < 8


def test_a_pause_outlives_the_daemon_with_live_restore() -> None:
    with Daemon("--live-restore") as daemon:
        daemon.load_busybox()
        daemon.docker(
            "run", "-d", "--name", "held", "--net", "none", "busybox", "sleep", "1000",
            check=True, timeout=30,
        )  # fmt: skip
        daemon.docker("pause", "held", check=True, timeout=30)
        daemon.kill()
        daemon.start()
        assert inspect(daemon, "held", "{{.State.Status}}") == "paused"
        daemon.docker("unpause", "held", check=True, timeout=30)
        assert shell(daemon, "held", "echo on") == "on\n"
        daemon.docker("rm", "-f", "held", check=True, timeout=30)


def test_rename_moves_the_name_and_says_so(daemon: Daemon, sleeper: str) -> None:
    daemon.docker("rename", sleeper, "renamed", check=True, timeout=30)
    assert inspect(daemon, "renamed", "{{.Name}}") == "/renamed"
    assert daemon.request("GET", f"/containers/{sleeper}/json")[0] == 404
    same = daemon.docker("rename", "renamed", "renamed", timeout=30)
    assert b"Renaming a container with the same name as its current name" in same.stderr
    daemon.docker("create", "--name", "other", "busybox", check=True, timeout=30)
    taken = daemon.docker("rename", "renamed", "other", timeout=30)
    assert b'The container name "/other" is already in use' in taken.stderr
    daemon.docker("rm", "other", check=True, timeout=30)
    daemon.docker("rename", "renamed", sleeper, check=True, timeout=30)
    assert "rename" in actions(daemon, sleeper)


def test_a_name_survives_the_daemon() -> None:
    with Daemon() as daemon:
        daemon.load_busybox()
        daemon.docker("create", "--name", "before", "busybox", check=True, timeout=30)
        daemon.docker("rename", "before", "after", check=True, timeout=30)
        daemon.kill()
        daemon.start()
        assert inspect(daemon, "after", "{{.Name}}") == "/after"


def test_update_changes_the_cgroup_of_the_running_container(daemon: Daemon, sleeper: str) -> None:
    daemon.docker(
        "update", "--memory", "64m", "--memory-swap", "128m", "--cpus", "0.5", "--pids-limit", "20",
        "--restart", "on-failure:3", sleeper, check=True, timeout=30,
    )  # fmt: skip
    shown = inspect(
        daemon, sleeper, "{{.HostConfig.Memory}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}"
    )
    assert shown == f"{64 << 20} 3"
    limits = shell(
        daemon,
        sleeper,
        "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max "
        "/sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null; true",
    ).split()
    assert limits == [str(64 << 20), "20"]


def test_an_update_that_the_kernel_refuses_changes_nothing(daemon: Daemon, sleeper: str) -> None:
    refused = daemon.docker("update", "--cpu-shares", "1", sleeper, timeout=30)
    assert b"Cannot update container" in refused.stderr
    assert inspect(daemon, sleeper, "{{.HostConfig.CpuShares}}") == "0"


def test_an_update_before_the_first_start_holds_for_it(daemon: Daemon) -> None:
    daemon.docker(
        "create", "--name", "later", "--net", "none", "busybox", "sh", "-c",
        "cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null",
        check=True, timeout=30,
    )  # fmt: skip
    daemon.docker("update", "--pids-limit", "33", "later", check=True, timeout=30)
    assert daemon.docker("start", "-a", "later", timeout=30).stdout.split() == [b"33"]
    daemon.docker("rm", "later", check=True, timeout=30)


def test_top_lists_the_container_processes_alone(daemon: Daemon, sleeper: str) -> None:
    lines = daemon.docker("top", sleeper, check=True, timeout=30).stdout.decode().splitlines()
    assert lines[0].split()[:2] == ["UID", "PID"]
    assert [line.split()[-2:] for line in lines[1:]] == [["sleep", "1000"]]
    columns = daemon.docker("top", sleeper, "-o", "pid,comm", check=True, timeout=30).stdout
    assert columns.split()[:2] == [b"PID", b"COMMAND"]
    wrong = daemon.docker("top", sleeper, "-o", "comm", timeout=30)
    assert b"Couldn't find PID field in ps output" in wrong.stderr


def test_stats_show_a_busy_container_as_busy(daemon: Daemon, sleeper: str) -> None:
    daemon.docker("exec", "-d", sleeper, "sh", "-c", "while :; do :; done", check=True, timeout=30)
    done = daemon.docker(
        "stats", "--no-stream", "--format", "{{json .}}", sleeper, check=True, timeout=30
    )
    shown = json.loads(done.stdout)
    assert float(shown["CPUPerc"].rstrip("%")) > 20
    assert shown["PIDs"] == "2"
    assert "/" in shown["MemUsage"]


def test_the_stats_stream_goes_on_until_the_container_is_removed(daemon: Daemon) -> None:
    daemon.docker("create", "--name", "idle", "busybox", check=True, timeout=30)
    lines: list[bytes] = []

    def read() -> None:
        lines.extend(daemon.request("GET", "/containers/idle/stats")[1].splitlines())

    reader = threading.Thread(target=read)
    reader.start()
    time.sleep(1.5)
    daemon.docker("rm", "idle", check=True, timeout=30)
    reader.join(10)
    assert not reader.is_alive()
    assert json.loads(lines[0])["read"] == "0001-01-01T00:00:00Z"
    assert len(lines) >= 2


def test_copying_in_and_out_keeps_content_owner_and_links(
    daemon: Daemon, sleeper: str, tmp_path: Path
) -> None:
    source = tmp_path / "tree"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "file").write_bytes(b"content")
    (source / "link").symlink_to("deep/file")
    daemon.docker("cp", str(source), f"{sleeper}:/copied", check=True, timeout=30)
    assert shell(daemon, sleeper, "cat /copied/link; readlink /copied/link") == "contentdeep/file\n"
    shell(daemon, sleeper, "chown 12:34 /copied/deep/file; ln /copied/deep/file /copied/hard")
    tar = daemon.docker("cp", f"{sleeper}:/copied", "-", check=True, timeout=30).stdout
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        members = {each.name: each for each in archive.getmembers()}
    owner = members["copied/deep/file"]
    assert (owner.uid, owner.gid) == (12, 34)
    assert members["copied/hard"].islnk()
    daemon.docker("cp", f"{sleeper}:/copied/.", str(tmp_path / "back"), check=True, timeout=30)
    assert (tmp_path / "back" / "deep" / "file").read_bytes() == b"content"


def test_nothing_leads_out_of_the_container(daemon: Daemon, sleeper: str, tmp_path: Path) -> None:
    shell(
        daemon,
        sleeper,
        f"mkdir -p {tmp_path}; ln -s {tmp_path} /out; ln -s ../../../..{tmp_path} /up",
    )
    (tmp_path / "secret").write_text("host")
    missing = daemon.docker("cp", f"{sleeper}:/out/secret", "-", timeout=30)
    assert b"Could not find the file /out/secret in container sleeper" in missing.stderr
    harmless = tmp_path / "harmless"
    harmless.write_text("x")
    daemon.docker("cp", str(harmless), f"{sleeper}:/up/landed", check=True, timeout=30)
    assert not (tmp_path / "landed").exists()
    assert shell(daemon, sleeper, f"cat {tmp_path}/landed") == "x"


def tar_of(*names: str) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 3
            archive.addfile(info, io.BytesIO(b"abc"))
    return made.getvalue()


@pytest.mark.parametrize(
    ("query", "names", "status", "text"),
    [
        ("path=/nosuch", ["a"], 404, "Could not find the file /nosuch in container sleeper"),
        ("path=/etc/passwd", ["a"], 400, "extraction point is not a directory"),
        ("path=/tmp", ["../a"], 400, '\\"../a\\" is outside of \\"/tmp\\"'),
        ("path=/&noOverwriteDirNonDir=1", ["etc"], 400, "cannot overwrite directory"),
        ("", ["a"], 400, "path cannot be empty"),
    ],
)
def test_refused_archives_say_why(
    daemon: Daemon, sleeper: str, query: str, names: list[str], status: int, text: str
) -> None:
    answer = daemon.request("PUT", f"/containers/{sleeper}/archive?{query}", tar_of(*names))
    assert answer[0] == status
    assert text in answer[1].decode()


def test_a_truncated_archive_is_refused(daemon: Daemon, sleeper: str) -> None:
    status, body = daemon.request(
        "PUT", f"/containers/{sleeper}/archive?path=/tmp", tar_of("a" * 90, "b")[:1300]
    )
    assert (status, b"Error processing tar file" in body) == (400, True)


def test_copying_works_while_nothing_runs_volumes_included(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "given").write_text("given")
    daemon.docker(
        "create", "--name", "still", "--net", "none", "-v", "/data", "busybox", "sh", "-c",
        "cat /data/given /given; echo made > /data/made", check=True, timeout=30,
    )  # fmt: skip
    for target in ("/data/", "/"):
        daemon.docker("cp", str(tmp_path / "given"), f"still:{target}", check=True, timeout=30)
    assert daemon.docker("start", "-a", "still", check=True, timeout=30).stdout == b"givengiven"
    tar = daemon.docker("cp", "still:/data", "-", check=True, timeout=30).stdout
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        assert sorted(archive.getnames()) == ["data", "data/given", "data/made"]
    daemon.docker("rm", "-v", "still", check=True, timeout=30)


def test_read_only_places_refuse_copies(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    daemon.docker(
        "run", "-d", "--name", "fixed", "--net", "none", "--read-only", "-v", "frozen:/frozen:ro",
        "-v", "/open", "busybox", "sleep", "1000", check=True, timeout=30,
    )  # fmt: skip
    for _ in ("running", "stopped"):
        root = daemon.docker("cp", str(tmp_path / "file"), "fixed:/", timeout=30)
        assert b"container rootfs is marked read-only" in root.stderr
        volume = daemon.docker("cp", str(tmp_path / "file"), "fixed:/frozen/", timeout=30)
        assert b"mounted volume is marked read-only" in volume.stderr
        daemon.docker("cp", str(tmp_path / "file"), "fixed:/open/", check=True, timeout=30)
        daemon.docker("kill", "fixed", timeout=30)
    daemon.docker("rm", "-fv", "fixed", check=True, timeout=30)
    daemon.docker("volume", "rm", "frozen", check=True, timeout=30)


def test_diff_and_export_know_the_container_own_changes(daemon: Daemon, sleeper: str) -> None:
    shell(daemon, sleeper, "mkdir /new; touch /new/a; rm /bin/ar; echo >> /etc/group; touch /vol/v")
    shell(daemon, sleeper, "rm -r /var; mkdir /var; touch /var/again")
    listed = daemon.docker("diff", sleeper, check=True, timeout=30).stdout.decode().splitlines()
    assert [each for each in listed if each != "A /vol"] == [
        "C /bin",
        "D /bin/ar",
        "C /etc",
        "C /etc/group",
        "A /new",
        "A /new/a",
        "C /var",
        "A /var/again",
        "D /var/www",
    ]
    for _ in ("running", "stopped"):
        tar = daemon.docker("export", sleeper, check=True, timeout=60).stdout
        with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
            names = set(archive.getnames())
        assert {"new/a", "bin/busybox", "var/again", "vol"} <= names
        assert not names & {"bin/ar", "vol/v", "var/www", "proc/1"}
        daemon.docker("kill", sleeper, timeout=30)


def test_a_commit_runs_with_the_changes_in_it(daemon: Daemon, sleeper: str) -> None:
    shell(daemon, sleeper, "echo hi > /hi; rm /bin/ar; rm -r /var; mkdir /var; touch /var/again")
    done = daemon.docker(
        "commit", "-m", "why", "-a", "who", "-c", "ENV A=b", "-c", 'CMD ["env"]', sleeper,
        "committed:1", check=True, timeout=60,
    )  # fmt: skip
    image = daemon.json("GET", "/images/committed:1/json")
    assert done.stdout.decode().strip() == image["Id"]
    assert (image["Author"], image["Comment"], image["Config"]["Cmd"]) == ("who", "why", ["env"])
    assert inspect(daemon, sleeper, "{{.State.Status}}") == "running"
    seen = daemon.docker(
        "run", "--rm", "--net", "none", "committed:1", "sh", "-c",
        "cat /hi; ls /bin/ar; ls /var; echo $A", timeout=30,
    )  # fmt: skip
    assert seen.stdout == b"hi\nagain\nb\n"
    assert actions(daemon, sleeper)[-3:] == ["pause", "commit", "unpause"]
    daemon.docker("rmi", "committed:1", check=True, timeout=30)


def test_a_commit_that_is_cut_short_leaves_no_container_paused() -> None:
    with Daemon("--live-restore") as daemon:
        daemon.load_busybox()
        daemon.docker(
            "run", "-d", "--name", "big", "--net", "none", "busybox", "sleep", "1000",
            check=True, timeout=30,
        )  # fmt: skip
        shell(daemon, "big", "dd if=/dev/urandom of=/big bs=1M count=200 2>/dev/null")
        commit = threading.Thread(target=lambda: daemon.docker("commit", "big", timeout=60))
        commit.start()
        deadline = time.monotonic() + 10
        while inspect(daemon, "big", "{{.State.Status}}") != "paused":
            assert time.monotonic() < deadline
        daemon.kill()
        commit.join(30)
        daemon.start()
        deadline = time.monotonic() + 10
        while inspect(daemon, "big", "{{.State.Status}}") != "running":
            assert time.monotonic() < deadline
        daemon.docker("rm", "-f", "big", check=True, timeout=30)


def test_prune_takes_what_does_not_run_and_its_filters_hold(daemon: Daemon, sleeper: str) -> None:
    for name, label in (("one", "keep=1"), ("two", "keep=2")):
        daemon.docker("create", "--name", name, "--label", label, "busybox", check=True, timeout=30)
    first = daemon.docker("container", "prune", "-f", "--filter", "label=keep=2", timeout=30)
    assert b"Deleted Containers" in first.stdout
    assert daemon.request("GET", "/containers/two/json")[0] == 404
    daemon.docker("container", "prune", "-f", "--filter", "until=1h", check=True, timeout=30)
    assert daemon.request("GET", "/containers/one/json")[0] == 200
    daemon.docker("container", "prune", "-f", check=True, timeout=30)
    assert daemon.request("GET", "/containers/one/json")[0] == 404
    assert inspect(daemon, sleeper, "{{.State.Status}}") == "running"


def test_sizes_are_those_of_the_container_own_layer(daemon: Daemon, sleeper: str) -> None:
    shell(daemon, sleeper, "dd if=/dev/zero of=/zeros bs=1M count=3 2>/dev/null")
    entry = daemon.json("GET", "/containers/json?size=1")[0]
    assert entry["SizeRw"] >= 3 << 20
    assert entry["SizeRootFs"] > entry["SizeRw"]
    assert daemon.json("GET", f"/containers/{sleeper}/json?size=1")["SizeRw"] >= 3 << 20
    assert "SizeRw" not in daemon.json("GET", f"/containers/{sleeper}/json")


def test_a_volume_with_options_is_copied_to_and_from_while_nothing_runs(
    daemon: Daemon, tmp_path: Path
) -> None:
    device = tmp_path / "device"
    device.mkdir()
    (device / "there").write_text("there")
    daemon.docker(
        "volume", "create", "--opt", "type=none", "--opt", "o=bind", "--opt", f"device={device}",
        "bound", check=True, timeout=30,
    )  # fmt: skip
    daemon.docker(
        "create", "--name", "optional", "-v", "bound:/bound", "busybox", check=True, timeout=30
    )
    out = daemon.docker("cp", "optional:/bound/there", "-", check=True, timeout=30).stdout
    assert b"there" in out
    (tmp_path / "file").write_text("in")
    daemon.docker("cp", str(tmp_path / "file"), "optional:/bound/", check=True, timeout=30)
    assert (device / "file").read_text() == "in"
    assert str(device) not in Path("/proc/self/mountinfo").read_text()
    daemon.docker("rm", "optional", check=True, timeout=30)
    daemon.docker("volume", "rm", "bound", check=True, timeout=30)
