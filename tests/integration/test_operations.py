"""Every container and exec operation, checked where the API has no say: cgroups, /proc, files, containerd's own client.

`container_operations.txt` lists the operations. Each needs a check here, and what the engine serves
needs a line there.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import io
import json
import os
import socket
import sqlite3
import struct
import subprocess
import tarfile
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from quart_trio import QuartTrio

from engine.api.routes import containers, contents, execs, streams, usage
from tests.harness.daemon import Daemon, UnixConnection, running_daemon
from tests.harness.deeds import wait_for
from tests.harness.faulting import processes_in
from tests.harness.traces import ctr, shims

TABLE = Path(__file__).with_name("container_operations.txt")
OPERATIONS = [each for each in TABLE.read_text().splitlines() if not each.startswith("#")]
SCRIPT = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done"

integration = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, containerd and runc"),
]

Check = Callable[["Subject"], None]
CHECKS: dict[str, Check] = {}


def checks(operation: str) -> Callable[[Check], Check]:
    def register(check: Check) -> Check:
        assert operation not in CHECKS
        CHECKS[operation] = check
        return check

    return register


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running_daemon() as found:
        yield found


class Subject:
    """A container of the check's own, and what the host says of it."""

    def __init__(self, daemon: Daemon, name: str) -> None:
        self.daemon = daemon
        self.name = name
        self.of = f"/containers/{name}"
        self.id = ""

    def create(self, **body: Any) -> None:
        host = {"NetworkMode": "none", **body.pop("HostConfig", {})}
        config = {"Image": "busybox", "Cmd": ["sh", "-c", SCRIPT], "HostConfig": host, **body}
        self.id = self.daemon.json("POST", f"/containers/create?name={self.name}", config)["Id"]

    def run(self, **body: Any) -> None:
        self.create(**body)
        self.daemon.json("POST", f"{self.of}/start")

    @property
    def tasks(self) -> dict[str, tuple[int, str]]:
        """Of containerd's own client: pid and status of each task."""
        address = f"{self.daemon.root}/exec/containerd/containerd.sock"
        done = subprocess.run(
            ["ctr", "-a", address, "-n", "trimaran", "tasks", "ls"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        rows = [line.split() for line in done.stdout.splitlines()[1:]]
        return {name: (int(pid), status) for name, pid, status in rows}

    @property
    def pid(self) -> int:
        return self.tasks[self.id][0]

    @property
    def root(self) -> Path:
        return Path(f"/proc/{self.pid}/root")

    def cgroup(self, controller: str) -> Path:
        for line in Path(f"/proc/{self.pid}/cgroup").read_text().splitlines():
            _, names, path = line.split(":", 2)
            if controller in names.split(","):
                return Path("/sys/fs/cgroup") / controller / path.lstrip("/")
            if not names and not (Path("/sys/fs/cgroup") / controller).exists():
                return Path("/sys/fs/cgroup") / path.lstrip("/")
        raise AssertionError(controller)

    def gone(self) -> bool:
        return not processes_in(self.id) and self.id not in self.tasks

    def exec(self, *command: str, **body: Any) -> str:
        config = {"Cmd": list(command), "AttachStdout": True, **body}
        made: str = self.daemon.json("POST", f"{self.of}/exec", config)["Id"]
        return made


@pytest.fixture
def subject(daemon: Daemon, request: pytest.FixtureRequest) -> Iterator[Subject]:
    made = Subject(daemon, f"subject{request.node.callspec.indices['operation']}")
    yield made
    daemon.request("DELETE", f"{made.of}?force=1&v=1")


def test_every_operation_has_its_check() -> None:
    assert [each for each in OPERATIONS if each not in CHECKS] == []
    assert set(CHECKS) <= set(OPERATIONS)


def test_everything_that_is_served_is_in_the_table() -> None:
    app = QuartTrio("table")
    rooms: Any = SimpleNamespace(containers=None, contents=None, execs=None, commits=None)
    rooms.prunes = None
    for module in (containers, contents, execs, streams, usage):
        module.register(app, rooms)
    served = set()
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/_trimaran/"):
            continue  # our own
        for method in (rule.methods or set()) - {"OPTIONS"}:
            operation = f"{method} {rule.rule}"
            named = operation.replace("<name>", "{id}").replace("<path:name>", "{id}")
            if rule.endpoint != "static":
                served.add(named)
    implied = {each.replace("GET", "HEAD", 1) for each in OPERATIONS if each.startswith("GET")}
    assert served - implied == set(OPERATIONS) - implied


@pytest.mark.parametrize(
    "operation", [pytest.param(each, marks=integration) for each in OPERATIONS]
)
def test_operation(subject: Subject, operation: str) -> None:
    CHECKS[operation](subject)


# what begins and ends


@checks("POST /containers/create")
def _create(it: Subject) -> None:
    it.create()
    wait_for(lambda: it.id in ctr(it.daemon, "containers", "ls"), "containerd has its record")
    wait_for(lambda: it.id in ctr(it.daemon, "snapshots", "ls"), "and its root")
    assert it.gone()


@checks("POST /containers/{id}/start")
def _start(it: Subject) -> None:
    it.run(Hostname="outside", HostConfig={"ReadonlyRootfs": True})
    pid, status = it.tasks[it.id]
    assert status == "RUNNING"
    assert (it.root / "etc/hostname").read_text() == "outside\n"
    top = Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
    (root,) = [line for line in top if line.split()[4] == "/"]
    assert root.split()[5].startswith("ro")


@checks("POST /containers/{id}/stop")
def _stop(it: Subject) -> None:
    it.run()
    assert it.id in shims(it.daemon)
    it.daemon.json("POST", f"{it.of}/stop?t=10")
    wait_for(lambda: it.gone() and it.id not in shims(it.daemon), "its process has ended")


@checks("POST /containers/{id}/restart")
def _restart(it: Subject) -> None:
    it.run()
    before = it.pid
    it.daemon.json("POST", f"{it.of}/restart?t=10")
    assert it.pid != before
    assert not Path(f"/proc/{before}").exists()
    assert processes_in(it.id)


@checks("POST /containers/{id}/kill")
def _kill(it: Subject) -> None:
    it.run(Cmd=["sh", "-c", "trap 'echo got >/got' USR1; while :; do sleep 0.05; done"])
    got = it.root / "got"
    ignored = int(_status(it.pid, "SigCgt"), 16)
    wait_for(lambda: bool(int(_status(it.pid, "SigCgt"), 16) & 1 << 9) or not ignored, "it listens")
    it.daemon.json("POST", f"{it.of}/kill?signal=USR1")
    wait_for(got.exists, "the signal has arrived")
    it.daemon.json("POST", f"{it.of}/kill")
    wait_for(it.gone, "it is dead")


def _status(pid: int, key: str) -> str:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{key}:"))


@checks("DELETE /containers/{id}")
def _delete(it: Subject) -> None:
    it.run(Volumes={"/data": {}})
    (volume,) = it.daemon.json("GET", f"{it.of}/json")["Mounts"]
    assert Path(volume["Source"]).is_dir()
    it.daemon.json("DELETE", f"{it.of}?force=1&v=1")
    assert it.gone()
    assert not Path(volume["Source"]).exists()
    for kind in ("containers", "snapshots"):
        assert it.id not in ctr(it.daemon, kind, "ls")
    assert not (it.daemon.root / "data/containers" / it.id).exists()


@checks("POST /containers/prune")
def _prune(it: Subject) -> None:
    it.create(Labels={"pruned": it.name})
    wait_for(lambda: it.id in ctr(it.daemon, "snapshots", "ls"), "it has its root")
    filters = json.dumps({"label": [f"pruned={it.name}"]}).replace(" ", "")
    assert it.daemon.json("POST", f"/containers/prune?filters={filters}")["ContainersDeleted"] == [
        it.id
    ]
    assert it.id not in ctr(it.daemon, "containers", "ls") + ctr(it.daemon, "snapshots", "ls")


@checks("POST /containers/{id}/wait")
def _wait(it: Subject) -> None:
    it.run()
    connection = UnixConnection(it.daemon.socket)
    with contextlib.closing(connection):
        connection.request("POST", f"{it.of}/wait?condition=next-exit")
        answer = connection.getresponse()
        pid = it.pid
        os.kill(pid, 15)
        assert json.loads(answer.read())["StatusCode"] == 7
    assert not Path(f"/proc/{pid}").exists()


# what changes a running one


@checks("POST /containers/{id}/pause")
def _pause(it: Subject) -> None:
    it.run()
    it.daemon.json("POST", f"{it.of}/pause")
    assert it.tasks[it.id][1] == "PAUSED"
    frozen = it.cgroup("freezer")
    state = frozen / "freezer.state"
    if state.exists():
        assert state.read_text() == "FROZEN\n"
    else:
        assert "frozen 1" in (frozen / "cgroup.events").read_text()


@checks("POST /containers/{id}/unpause")
def _unpause(it: Subject) -> None:
    _pause(it)
    it.daemon.json("POST", f"{it.of}/unpause")
    assert it.tasks[it.id][1] == "RUNNING"
    ticks = _ticks(it.pid)
    wait_for(lambda: _ticks(it.pid) > ticks, "it gets on")


def _ticks(pid: int) -> int:
    switches = _status(pid, "voluntary_ctxt_switches")
    return int(switches)


@checks("POST /containers/{id}/update")
def _update(it: Subject) -> None:
    it.run()
    limit = 64 << 20
    body = {"Memory": limit, "MemorySwap": -1, "PidsLimit": 33, "CpuShares": 512}
    it.daemon.json("POST", f"{it.of}/update", body)
    memory = it.cgroup("memory")
    v1 = memory / "memory.limit_in_bytes"
    assert int((v1 if v1.exists() else memory / "memory.max").read_text()) == limit
    assert (it.cgroup("pids") / "pids.max").read_text() == "33\n"
    if v1.exists():
        assert (it.cgroup("cpu") / "cpu.shares").read_text() == "512\n"


@checks("POST /containers/{id}/rename")
def _rename(it: Subject) -> None:
    it.run()
    pid = it.pid
    it.daemon.json("POST", f"{it.of}/rename?name={it.name}new")
    it.of += "new"
    assert it.pid == pid
    with contextlib.closing(_database(it)) as database:
        found = database.execute("select body from records where id = ?", (it.id,)).fetchone()[0]
    assert json.loads(found)["name"] == f"{it.name}new"


def _database(it: Subject) -> Any:
    return sqlite3.connect(f"file:{it.daemon.root}/data/state.db?mode=ro", uri=True)


@checks("POST /containers/{id}/resize")
def _resize(it: Subject) -> None:
    it.run(Tty=True)
    it.daemon.json("POST", f"{it.of}/resize?h=33&w=99")
    assert _window(it.pid) == (33, 99)


def _window(pid: int) -> tuple[int, int]:
    """Rows and columns of the terminal that is the process's standard input."""
    terminal = os.open(f"/proc/{pid}/fd/0", os.O_RDWR | os.O_NOCTTY)
    try:
        rows, columns, _, _ = struct.unpack(
            "4H", fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(8))
        )
    finally:
        os.close(terminal)
    return rows, columns


# what looks


@checks("GET /containers/json")
def _list(it: Subject) -> None:
    it.run()
    listed = it.daemon.json("GET", "/containers/json")
    assert {each["Id"] for each in listed} == set(it.tasks)
    every = it.daemon.json("GET", "/containers/json?all=1")
    assert {each["Id"] for each in every} == set(ctr(it.daemon, "containers", "ls"))


@checks("GET /containers/{id}/json")
def _inspect(it: Subject) -> None:
    it.run(Env=["COLOUR=red"], HostConfig={"Memory": 32 << 20})
    found = it.daemon.json("GET", f"{it.of}/json")
    assert found["State"]["Pid"] == it.pid
    environment = Path(f"/proc/{it.pid}/environ").read_bytes().split(b"\0")
    assert all(each.encode() in environment for each in found["Config"]["Env"])
    assert Path(found["HostnamePath"]).read_text().strip() == found["Config"]["Hostname"]
    assert Path(found["LogPath"]).exists()
    started = Path(f"/proc/{it.pid}").stat().st_mtime
    assert abs(started - time.time()) < 60


@checks("GET /containers/{id}/top")
def _top(it: Subject) -> None:
    it.run()
    found = it.daemon.json("GET", f"{it.of}/top")
    column = found["Titles"].index("PID")
    shown = {int(row[column]) for row in found["Processes"]}
    assert it.pid in shown
    assert "sh" in Path(f"/proc/{it.pid}/comm").read_text()


@checks("GET /containers/{id}/logs")
def _logs(it: Subject) -> None:
    it.run(Cmd=["sh", "-c", "echo one; echo two"])
    it.daemon.json("POST", f"{it.of}/wait")
    answer = it.daemon.request("GET", f"{it.of}/logs?stdout=1")[1]
    file = it.daemon.root / "data/containers" / it.id / f"{it.id}-json.log"
    written = "".join(json.loads(line)["log"] for line in file.read_text().splitlines())
    assert written == "one\ntwo\n"
    assert answer == b"".join(
        b"\1\0\0\0" + struct.pack(">I", len(line)) + line for line in (b"one\n", b"two\n")
    )


@checks("GET /containers/{id}/stats")
def _stats(it: Subject) -> None:
    it.run(HostConfig={"Memory": 32 << 20, "PidsLimit": 44})
    found = it.daemon.json("GET", f"{it.of}/stats?stream=0&one-shot=1")
    assert found["memory_stats"]["limit"] == 32 << 20
    assert found["pids_stats"]["limit"] == 44
    usage = it.cgroup("cpuacct") / "cpuacct.usage"
    if usage.exists():
        now = int(usage.read_text())
        assert 0 < found["cpu_stats"]["cpu_usage"]["total_usage"] <= now


@checks("GET /containers/{id}/changes")
def _changes(it: Subject) -> None:
    it.run()
    (it.root / "home/made").write_text("new")
    (it.root / "etc/group").unlink()
    found = {each["Path"]: each["Kind"] for each in it.daemon.json("GET", f"{it.of}/changes")}
    assert found == {"/home": 0, "/home/made": 1, "/etc": 0, "/etc/group": 2}


# what goes in and out


@checks("GET /containers/{id}/export")
def _export(it: Subject) -> None:
    it.run()
    (it.root / "home/mark").write_text("exported")
    body = it.daemon.request("GET", f"{it.of}/export")[1]
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        assert _content(tar, "home/mark") == b"exported"
        shell = (it.root / "bin/busybox").read_bytes()
        assert _content(tar, "bin/busybox") == shell


def _content(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    assert file is not None
    return file.read()


@checks("HEAD /containers/{id}/archive")
def _stat_archive(it: Subject) -> None:
    it.run()
    made = it.root / "home/mark"
    made.write_text("12345")
    made.chmod(0o640)
    connection = UnixConnection(it.daemon.socket)
    with contextlib.closing(connection):
        connection.request("HEAD", f"{it.of}/archive?path=/home/mark")
        header = connection.getresponse().headers["X-Docker-Container-Path-Stat"]
    found = json.loads(base64.b64decode(header))
    assert (found["name"], found["size"], found["mode"]) == ("mark", 5, 0o640)


@checks("GET /containers/{id}/archive")
def _get_archive(it: Subject) -> None:
    it.run()
    (it.root / "home/mark").write_text("copied")
    os.chown(it.root / "home/mark", 1234, 2345)
    body = it.daemon.request("GET", f"{it.of}/archive?path=/home")[1]
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        assert _content(tar, "home/mark") == b"copied"
        assert (tar.getmember("home/mark").uid, tar.getmember("home/mark").gid) == (1234, 2345)


@checks("PUT /containers/{id}/archive")
def _put_archive(it: Subject) -> None:
    it.run()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("sent")
        info.size, info.uid, info.gid, info.mode = 3, 77, 78, 0o4711
        tar.addfile(info, io.BytesIO(b"abc"))
    it.daemon.json("PUT", f"{it.of}/archive?path=/home", out.getvalue())
    found = (it.root / "home/sent").stat()
    assert (it.root / "home/sent").read_bytes() == b"abc"
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (77, 78, 0o4711)


@checks("POST /commit")
def _commit(it: Subject) -> None:
    it.run()
    (it.root / "home/mark").write_text("kept")
    it.daemon.json("POST", f"/commit?container={it.name}&repo=made&tag={it.name}", {})
    assert f"docker.io/library/made:{it.name}" in ctr(it.daemon, "images", "ls")
    assert it.tasks[it.id][1] == "RUNNING"
    again = Subject(it.daemon, f"{it.name}again")
    again.run(Image=f"made:{it.name}")
    assert (again.root / "home/mark").read_text() == "kept"
    it.daemon.json("DELETE", f"{again.of}?force=1")
    it.daemon.json("DELETE", f"/images/made:{it.name}")
    assert f"docker.io/library/made:{it.name}" not in ctr(it.daemon, "images", "ls")


@checks("POST /containers/{id}/attach")
def _attach(it: Subject) -> None:
    it.create(Cmd=["sh", "-c", "cat >/got; echo done"], OpenStdin=True, StdinOnce=True)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(30)
        sock.connect(it.daemon.socket)
        sock.sendall(
            f"POST {it.of}/attach?stdin=1&stdout=1&stream=1 HTTP/1.1\r\nHost: x\r\n"
            "Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n".encode()
        )
        assert b" 101 " in sock.recv(4096)
        it.daemon.json("POST", f"{it.of}/start")
        sock.sendall(b"through the socket")
        wait_for(lambda: _reads(it.root / "got", "through the socket"), "it has arrived")
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(4096).endswith(b"done\n")
        assert it.daemon.json("POST", f"{it.of}/wait")["StatusCode"] == 0


def _reads(path: Path, text: str) -> bool:
    try:
        return path.read_text() == text
    except OSError:
        return False


@checks("GET /containers/{id}/attach/ws")
def _attach_ws(it: Subject) -> None:
    it.run(Cmd=["sh", "-c", "cat >/got"], OpenStdin=True)
    key = base64.b64encode(bytes(16)).decode()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(30)
        sock.connect(it.daemon.socket)
        sock.sendall(
            f"GET {it.of}/attach/ws?stdin=1&stream=1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        assert b" 101 " in sock.recv(4096)
        sock.sendall(b"\x82\x85\0\0\0\0hello")  # one binary frame, its mask all zeros
        wait_for(lambda: _reads(it.root / "got", "hello"), "it has arrived")


# execs


@checks("POST /containers/{id}/exec")
def _exec_create(it: Subject) -> None:
    it.run()
    before = len(processes_in(it.id))
    made = it.exec("sleep", "654")
    assert len(made) == 64
    assert not any(b"654" in _command(each) for each in processes_in(it.id))
    assert before >= 1


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _exec_pid(it: Subject, word: bytes) -> int:
    """Of the process itself, once runc has become it."""

    def found() -> list[int]:
        return [pid for pid in processes_in(it.id) if _command(pid).startswith(b"sleep\0" + word)]

    wait_for(lambda: len(found()) == 1, "the command runs")
    return found()[0]


@checks("POST /exec/{id}/start")
def _exec_start(it: Subject) -> None:
    it.run()
    made = it.exec("sleep", "655", User="77:78", WorkingDir="/home", Env=["A=b"])
    it.daemon.json("POST", f"/exec/{made}/start", {"Detach": True})
    pid = _exec_pid(it, b"655")
    assert _status(pid, "Uid") == "77"
    assert _status(pid, "Gid") == "78"
    assert os.readlink(f"/proc/{pid}/cwd") == "/home"
    assert b"A=b" in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    for kind in ("mnt", "pid", "net", "ipc", "uts"):
        theirs, ours = (os.readlink(f"/proc/{each}/ns/{kind}") for each in (pid, it.pid))
        assert theirs == ours


@checks("GET /exec/{id}/json")
def _exec_inspect(it: Subject) -> None:
    it.run()
    made = it.exec("sleep", "656")
    it.daemon.json("POST", f"/exec/{made}/start", {"Detach": True})
    found = it.daemon.json("GET", f"/exec/{made}/json")
    assert found["Running"]
    assert found["Pid"] == _exec_pid(it, b"656")
    os.kill(found["Pid"], 9)

    def ended() -> bool:
        state = it.daemon.json("GET", f"/exec/{made}/json")
        return not state["Running"] and state["ExitCode"] == 137

    wait_for(ended, "its end is known")


@checks("POST /exec/{id}/resize")
def _exec_resize(it: Subject) -> None:
    it.run()
    made = it.exec("sleep", "657", Tty=True, AttachStdin=True)
    it.daemon.json("POST", f"/exec/{made}/start", {"Detach": True, "Tty": True})
    pid = _exec_pid(it, b"657")
    it.daemon.json("POST", f"/exec/{made}/resize?h=21&w=87")
    assert _window(pid) == (21, 87)
