"""One series of requests that gets an answer of every kind from each container and exec operation."""

from __future__ import annotations

import base64
import io
import json
import tarfile
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from tests.clients.shapes.shape import shape
from tests.harness.daemon import UnixConnection

OPERATIONS = {
    "create plain": "POST /containers/create 201",
    "create full": "POST /containers/create 201",
    "top": "GET /containers/{id}/top 200",
    "top with arguments": "GET /containers/{id}/top 200",
    "changes": "GET /containers/{id}/changes 200",
    "changes none": "GET /containers/{id}/changes 200",
    "stats": "GET /containers/{id}/stats 200",
    "stats once": "GET /containers/{id}/stats 200",
    "stats of what has ended": "GET /containers/{id}/stats 200",
    "update": "POST /containers/{id}/update 200",
    "wait": "POST /containers/{id}/wait 200",
    "prune": "POST /containers/prune 200",
    "prune nothing": "POST /containers/prune 200",
    "commit": "POST /commit 201",
    "exec create": "POST /containers/{id}/exec 201",
    "exec create full": "POST /containers/{id}/exec 201",
}
"""By label; `described_by` has the others."""

Answer = dict[str, Any]
"""`status`, `type` (of the content), and the `body`'s shape; `stat` of what the archive's header tells."""

FULL: dict[str, Any] = {
    "Image": "busybox",
    "Cmd": ["sh", "-c", "echo out; echo err >&2; touch /made; rm /etc/group; exec sleep 1000"],
    "Hostname": "shaped",
    "Domainname": "example.org",
    "User": "0:0",
    "Env": ["A=b"],
    "Labels": {"a": "b"},
    "WorkingDir": "/root",
    "StopSignal": "SIGKILL",
    "StopTimeout": 3,
    "Volumes": {"/anonymous": {}},
    "ExposedPorts": {"80/tcp": {}, "81/udp": {}},
    "Healthcheck": {"Test": ["CMD", "true"], "Interval": 100_000_000, "Retries": 2},
    "HostConfig": {
        "Binds": ["shape-volume:/data:ro", "/tmp:/host"],
        "Mounts": [{"Type": "tmpfs", "Target": "/tm", "TmpfsOptions": {"SizeBytes": 65536}}],
        "Tmpfs": {"/run": "size=64k"},
        "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]},
        "NetworkMode": "shape-net",
        "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 1},
        "Memory": 64 << 20,
        "CpuShares": 512,
        "PidsLimit": 100,
        "CapAdd": ["NET_ADMIN"],
        "CapDrop": ["MKNOD"],
        "Dns": ["127.0.0.1"],
        "DnsOptions": ["ndots:1"],
        "DnsSearch": ["example.org"],
        "ExtraHosts": ["there:127.0.0.9"],
        "GroupAdd": ["20"],
        "Ulimits": [{"Name": "nofile", "Soft": 100, "Hard": 200}],
        "Sysctls": {"net.ipv4.ip_forward": "0"},
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}},
        "Devices": [
            {"PathOnHost": "/dev/null", "PathInContainer": "/dev/nul", "CgroupPermissions": "rwm"}
        ],
        "SecurityOpt": ["no-new-privileges"],
        "Init": True,
        "ReadonlyRootfs": False,
    },
    "NetworkingConfig": {"EndpointsConfig": {"shape-net": {"Aliases": ["other"]}}},
}
PLAIN: dict[str, Any] = {"Image": "busybox", "Cmd": ["sleep", "1000"], "StopSignal": "SIGKILL"}


def small_tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("file")
        info.size = 1
        tar.addfile(info, io.BytesIO(b"x"))
    return out.getvalue()


def described_by(label: str, status: int) -> str:
    """The operation whose answer the API's description gives for this label."""
    if status >= 400:
        return "error"
    for word, operation in (
        ("list", "GET /containers/json 200"),
        ("inspect", "GET /containers/{id}/json 200"),
        ("exec inspect", "GET /exec/{id}/json 200"),
    ):
        if label.startswith(word):
            return operation
    return OPERATIONS[label]


class Asker:
    """Asks one engine at one version, and keeps what it answered; only names that begin with `shape` are touched."""

    def __init__(self, socket: str, version: str) -> None:
        self.socket = socket
        self.version = version
        self.answers: dict[str, Answer] = {}
        self.bodies: dict[str, Any] = {}

    def ask(
        self, label: str, method: str, path: str, body: Any = None, *, keep: bool = True
    ) -> Any:
        sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        kind = "application/x-tar" if isinstance(body, bytes) else "application/json"
        with closing(UnixConnection(self.socket, timeout=60)) as connection:
            headers = {"Content-Type": kind} if body is not None else {}
            connection.request(method, f"/v{self.version}{path}", body=sent, headers=headers)
            answer = connection.getresponse()
            raw = answer.read()
            heads = answer.headers
            answer.close()
        told = _decoded(heads.get("Content-Type", ""), raw)
        if keep:
            found: Answer = {"status": answer.status, "type": heads.get("Content-Type")}
            if heads.get("Content-Type") == "application/json" and raw.strip():
                found["body"] = shape(told)
                self.bodies[label] = told
            if stat := heads.get("X-Docker-Container-Path-Stat"):
                found["stat"] = shape(json.loads(base64.b64decode(stat)))
            self.answers[label] = found
        return told


def _decoded(kind: str, raw: bytes) -> Any:
    return json.loads(raw) if kind == "application/json" and raw.strip() else None


def wait_until(condition: Callable[[], bool], limit: float = 20) -> None:
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.05)


def clear(it: Asker) -> None:
    for name in ("shape-plain", "shape-full", "shape-new", "shape-fails"):
        it.ask("", "DELETE", f"/containers/{name}?force=1&v=1", keep=False)
    it.ask("", "DELETE", "/images/shape-image?force=1", keep=False)
    it.ask("", "DELETE", "/networks/shape-net", keep=False)
    it.ask("", "DELETE", "/volumes/shape-volume", keep=False)


def asked(socket: str, version: str) -> Asker:
    """Everything once; what it makes is removed."""
    it = Asker(socket, version)
    clear(it)
    try:
        it.ask("", "POST", "/networks/create", {"Name": "shape-net"}, keep=False)
        _creation(it)
        _looks(it)
        _changes(it)
        _execs(it)
        _refusals(it)
        _ends(it)
    finally:
        clear(it)
    return it


def _creation(it: Asker) -> None:
    it.ask("create plain", "POST", "/containers/create?name=shape-plain", PLAIN)
    it.ask("inspect created", "GET", "/containers/shape-plain/json")
    it.ask("list created", "GET", _listed("shape-plain"))
    it.ask("start", "POST", "/containers/shape-plain/start")
    it.ask("create full", "POST", "/containers/create?name=shape-full", FULL)
    it.ask("inspect full created", "GET", "/containers/shape-full/json")
    it.ask("start full", "POST", "/containers/shape-full/start")


def _listed(name: str, more: str = "") -> str:
    return f'/containers/json?all=1&filters={{"name":["{name}"]}}{more}'


def _healthy(it: Asker) -> bool:
    found = it.ask("", "GET", "/containers/shape-full/json", keep=False)
    return bool(found["State"]["Health"]["Log"])


def _looks(it: Asker) -> None:
    wait_until(lambda: _healthy(it))
    it.ask("inspect running", "GET", "/containers/shape-plain/json")
    it.ask("inspect full running", "GET", "/containers/shape-full/json")
    it.ask("inspect with sizes", "GET", "/containers/shape-full/json?size=1")
    it.ask("list plain", "GET", _listed("shape-plain"))
    it.ask("list full", "GET", _listed("shape-full"))
    it.ask("list with sizes", "GET", _listed("shape-full", "&size=1"))
    it.ask("list none", "GET", _listed("shape-nobody"))
    it.ask("top", "GET", "/containers/shape-full/top")
    it.ask("top with arguments", "GET", "/containers/shape-full/top?ps_args=-o+pid,args")
    it.ask("changes none", "GET", "/containers/shape-plain/changes")
    it.ask("changes", "GET", "/containers/shape-full/changes")
    it.ask("stats once", "GET", "/containers/shape-full/stats?stream=false&one-shot=true")
    it.ask("stats", "GET", "/containers/shape-full/stats?stream=false")
    it.ask("logs", "GET", "/containers/shape-full/logs?stdout=1&stderr=1")
    it.ask("logs of nothing", "GET", "/containers/shape-full/logs")
    it.ask("export", "GET", "/containers/shape-plain/export")
    it.ask("stat of a path", "HEAD", "/containers/shape-plain/archive?path=/etc/passwd")
    it.ask("archive", "GET", "/containers/shape-plain/archive?path=/etc")
    it.ask("attach to the past", "POST", "/containers/shape-full/attach?logs=1&stdout=1")


def _changes(it: Asker) -> None:
    it.ask("upload", "PUT", "/containers/shape-plain/archive?path=/root", small_tar())
    it.ask("update", "POST", "/containers/shape-plain/update", {"CpuShares": 100})
    it.ask("rename", "POST", "/containers/shape-plain/rename?name=shape-new")
    it.ask("pause", "POST", "/containers/shape-new/pause")
    it.ask("inspect paused", "GET", "/containers/shape-new/json")
    it.ask("unpause", "POST", "/containers/shape-new/unpause")
    it.ask("commit", "POST", "/commit?container=shape-new&repo=shape-image", {})


def _execs(it: Asker) -> None:
    plain = {"Cmd": ["true"], "AttachStdout": True}
    made = it.ask("exec create", "POST", "/containers/shape-new/exec", plain)["Id"]
    it.ask("exec inspect before", "GET", f"/exec/{made}/json")
    it.ask("exec start detached", "POST", f"/exec/{made}/start", {"Detach": True})
    wait_until(lambda: not it.ask("", "GET", f"/exec/{made}/json", keep=False)["Running"])
    it.ask("exec inspect after", "GET", f"/exec/{made}/json")
    it.ask("exec start again", "POST", f"/exec/{made}/start", {"Detach": True})
    full = {
        "Cmd": ["sleep", "1000"],
        "Tty": True,
        "AttachStdin": True,
        "User": "0:0",
        "Env": ["A=b"],
        "WorkingDir": "/root",
        "Privileged": False,
        "DetachKeys": "ctrl-a",
    }
    made = it.ask("exec create full", "POST", "/containers/shape-new/exec", full)["Id"]
    it.ask("", "POST", f"/exec/{made}/start", {"Detach": True, "Tty": True}, keep=False)
    it.ask("exec inspect running", "GET", f"/exec/{made}/json")
    it.ask("exec resize", "POST", f"/exec/{made}/resize?h=10&w=20")
    it.ask("inspect with execs", "GET", "/containers/shape-new/json")
    it.ask("exec of nobody", "GET", "/exec/shape-nobody/json")
    it.ask("exec without a command", "POST", "/containers/shape-new/exec", {"Cmd": []})


def _refusals(it: Asker) -> None:
    it.ask("inspect nobody", "GET", "/containers/shape-nobody/json")
    it.ask("create without an image", "POST", "/containers/create", {"Image": "shape-none"})
    it.ask("create with nonsense", "POST", "/containers/create", b"{")
    it.ask("create under a name in use", "POST", "/containers/create?name=shape-new", PLAIN)
    it.ask("start again", "POST", "/containers/shape-new/start")
    it.ask("remove running", "DELETE", "/containers/shape-new")
    it.ask("archive of nothing", "GET", "/containers/shape-new/archive?path=/nothing")
    it.ask("stat of nothing", "HEAD", "/containers/shape-new/archive?path=/nothing")
    it.ask("unpause what runs", "POST", "/containers/shape-new/unpause")
    it.ask("kill by nonsense", "POST", "/containers/shape-new/kill?signal=NONSENSE")
    it.ask("list by nonsense", "GET", '/containers/json?filters={"nonsense":["1"]}')


def _ends(it: Asker) -> None:
    it.ask("restart", "POST", "/containers/shape-new/restart?t=1")
    it.ask("kill", "POST", "/containers/shape-new/kill")
    it.ask("wait", "POST", "/containers/shape-new/wait")
    it.ask("inspect exited", "GET", "/containers/shape-new/json")
    it.ask("list exited", "GET", _listed("shape-new"))
    it.ask("stop what has ended", "POST", "/containers/shape-new/stop")
    it.ask("top of what has ended", "GET", "/containers/shape-new/top")
    it.ask("stats of what has ended", "GET", "/containers/shape-new/stats?stream=false")
    fails = {"Image": "busybox", "Cmd": ["/no/such/command"]}
    it.ask("", "POST", "/containers/create?name=shape-fails", fails, keep=False)
    it.ask("start in vain", "POST", "/containers/shape-fails/start")
    it.ask("inspect what did not start", "GET", "/containers/shape-fails/json")
    it.ask("stop", "POST", "/containers/shape-full/stop")
    it.ask("remove", "DELETE", "/containers/shape-full?v=1")
    it.ask("prune", "POST", "/containers/prune")
    it.ask("prune nothing", "POST", "/containers/prune")
