"""Whatever is asked of the container operations, the answer is never a failure of the engine's own.

Requests are made from the table of operations and from the models' own fields: each operation gets
its plain form first, then values of every wrong kind in its path, query and body.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import tarfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from engine.models.containers import ContainerConfig
from engine.models.execs import ExecConfig, ExecStartRequest
from engine.models.hostconfig import HostConfig
from tests.harness.daemon import Daemon, UnixConnection, running_daemon
from tests.integration.test_operations import OPERATIONS

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, containerd and runc"),
]

FEW, MANY = 10, 200
HONEST = {501, 503, 504}
"""Not served, away, too late: answers that say so."""
AS_DOCKERD = (b"Multiple IDs found with provided prefix",)
"""What is a 500 there, and known by it to clients."""
SEEN: dict[str, Counter[str]] = defaultdict(Counter)

JSON = {"Content-Type": "application/json"}
WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}

words = st.one_of(
    st.sampled_from(
        ["", "0", "-1", "true", "x" * 300, "a\0b", "a\nb", "../..", "/", "{}", "null", "9" * 30]
    ),
    st.text(max_size=12),
)
numbers = st.one_of(
    st.integers(-2, 70), st.sampled_from([2**31, 2**63 - 1, 2**63, -(2**63), 2**80])
)
leaves = st.one_of(st.none(), st.booleans(), numbers, st.floats(allow_nan=False), words)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)),
    max_leaves=6,
)


@dataclass
class Request:
    """`reference` None stands for a fresh thing of the kind that the operation is about."""

    query: dict[str, Any] = field(default_factory=dict)
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    reference: str | None = None


def small_tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("file")
        info.size = 1
        tar.addfile(info, io.BytesIO(b"x"))
    return out.getvalue()


PLAIN: dict[str, Request] = {
    "POST /containers/create": Request(body={"Image": "busybox", "Cmd": ["true"]}),
    "GET /containers/{id}/logs": Request({"stdout": 1}),
    "POST /containers/{id}/resize": Request({"h": 10, "w": 10}),
    "POST /containers/{id}/stop": Request({"t": 1}),
    "POST /containers/{id}/restart": Request({"t": 1}),
    "POST /containers/{id}/update": Request(body={"PidsLimit": 100}),
    "POST /containers/{id}/rename": Request({"name": "fuzzed-name"}),
    "POST /containers/{id}/attach": Request({"stdout": 1, "stream": 1}),
    "GET /containers/{id}/attach/ws": Request({"stdout": 1, "stream": 1}, headers=WEBSOCKET),
    "DELETE /containers/{id}": Request({"force": 1}),
    "HEAD /containers/{id}/archive": Request({"path": "/etc"}),
    "GET /containers/{id}/archive": Request({"path": "/etc"}),
    "PUT /containers/{id}/archive": Request({"path": "/home"}, small_tar),
    "POST /containers/{id}/exec": Request(body={"Cmd": ["true"]}),
    "POST /exec/{id}/start": Request(body={"Detach": True}),
    "POST /exec/{id}/resize": Request({"h": 10, "w": 10}),
    "POST /commit": Request({"repo": "fuzzed"}, {}),
}
QUERIES = {
    "GET /containers/json": ("all", "limit", "size", "filters", "before", "since"),
    "POST /containers/create": ("name", "platform"),
    "GET /containers/{id}/json": ("size",),
    "GET /containers/{id}/top": ("ps_args",),
    "GET /containers/{id}/logs": ("stdout", "since", "until", "tail", "timestamps", "details"),
    "GET /containers/{id}/stats": ("stream", "one-shot"),
    "POST /containers/{id}/start": ("detachKeys", "checkpoint"),
    "POST /containers/{id}/stop": ("signal",),
    "POST /containers/{id}/restart": ("signal",),
    "POST /containers/{id}/kill": ("signal",),
    "POST /containers/{id}/attach": ("detachKeys", "logs", "stderr"),
    "POST /containers/{id}/wait": ("condition",),
    "DELETE /containers/{id}": ("v", "link"),
    "PUT /containers/{id}/archive": ("noOverwriteDirNonDir", "copyUIDGID"),
    "POST /containers/prune": ("filters",),
    "POST /commit": ("tag", "comment", "author", "pause", "changes"),
}
FILTERS = ("status", "label", "name", "id", "ancestor", "exited", "before", "health", "nosuch")
BODIES: dict[str, tuple[type[msgspec.Struct], ...]] = {
    "POST /containers/create": (ContainerConfig,),
    "POST /containers/{id}/update": (HostConfig,),
    "POST /containers/{id}/exec": (ExecConfig,),
    "POST /exec/{id}/start": (ExecStartRequest,),
    "POST /commit": (ContainerConfig,),
}


def names_of(kind: type[msgspec.Struct]) -> list[str]:
    return [each.encode_name for each in msgspec.structs.fields(kind)]


def bodies(operation: str) -> st.SearchStrategy[Any]:
    """The plain body with some of its fields gone wrong, the host's part too, or no object at all."""
    plain = PLAIN.get(operation, Request()).body
    if operation not in BODIES:
        return st.just(plain)
    wrong = st.dictionaries(
        st.sampled_from([name for kind in BODIES[operation] for name in names_of(kind)]),
        values,
        max_size=3,
    )
    whole = wrong.map(lambda found: {**plain, **found})
    if operation == "POST /containers/create":
        host = st.dictionaries(st.sampled_from(names_of(HostConfig)), values, max_size=3)
        whole = st.one_of(
            whole, host.map(lambda found: {**plain, "HostConfig": found}), st.just(plain)
        )
    return st.one_of(whole, whole, values, st.binary(max_size=20))


def queries(operation: str) -> st.SearchStrategy[dict[str, Any]]:
    plain = PLAIN.get(operation, Request()).query
    names = (*QUERIES.get(operation, ()), *(each for each in plain if each not in ("t", "stream")))
    if not names:
        return st.just(plain)
    filters = st.dictionaries(st.sampled_from(FILTERS), st.lists(words, max_size=2), max_size=2)
    wrong = st.fixed_dictionaries(
        {},
        optional={
            name: st.one_of(words, filters.map(json.dumps)) if name == "filters" else words
            for name in names
        },
    )
    return wrong.map(lambda found: {**plain, **found})


def requests(operation: str) -> st.SearchStrategy[Request]:
    """Mostly of a thing that is there."""
    headers = PLAIN.get(operation, Request()).headers
    reference = st.one_of(st.none(), st.none(), words, st.just("exited"))
    return st.builds(Request, queries(operation), bodies(operation), st.just(headers), reference)


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running_daemon() as found:
        body = {"Image": "busybox", "Cmd": ["true"]}
        found.json("POST", "/containers/create?name=exited", body)
        found.json("POST", "/containers/exited/start")
        found.json("POST", "/containers/exited/wait")
        yield found


class Asker:
    """Makes what an operation is about, and asks."""

    def __init__(self, daemon: Daemon, operation: str) -> None:
        self.daemon = daemon
        self.operation = operation
        self.method, self.rule = operation.split(" ", 1)
        self.container = ""

    def running(self) -> str:
        if self.container:
            state = self.daemon.request("GET", f"/containers/{self.container}/json")
            found = json.loads(state[1]).get("State", {})
            if found.get("Status") == "running":
                return self.container
            self.remove()
        body = {
            "Image": "busybox",
            "Cmd": ["sh", "-c", "while :; do sleep 0.2; done"],
            "Tty": True,
            "StopSignal": "KILL",
            "HostConfig": {"NetworkMode": "none"},
        }
        self.container = self.daemon.json("POST", "/containers/create", body)["Id"]
        wanted = "created" if self.operation.endswith(("/start", "/create")) else "running"
        if wanted == "running" or self.rule.startswith("/exec"):
            self.daemon.json("POST", f"/containers/{self.container}/start")
        return self.container

    def remove(self) -> None:
        self.daemon.request("DELETE", f"/containers/{self.container}?force=1&v=1")
        self.container = ""

    def thing(self) -> str:
        running = self.running()
        if self.operation == "POST /containers/{id}/unpause":
            self.daemon.request("POST", f"/containers/{running}/pause")
        if not self.rule.startswith("/exec"):
            return running
        body = {"Cmd": ["sleep", "1000"], "Tty": True, "AttachStdin": True}
        made: str = self.daemon.json("POST", f"/containers/{running}/exec", body)["Id"]
        if self.operation.endswith("resize"):
            self.daemon.json("POST", f"/exec/{made}/start", {"Detach": True, "Tty": True})
        return made

    def path(self, request: Request) -> str:
        query = dict(request.query)
        if self.operation == "POST /commit":
            query["container"] = self.running()
        rule = self.rule
        if "{id}" in rule:
            reference = self.thing() if request.reference is None else request.reference
            rule = rule.replace("{id}", quote(reference, safe="", errors="replace"))
        text = urlencode(query, errors="replace")
        return f"{rule}?{text}" if text else rule

    def ask(self, request: Request) -> int:
        body = request.body() if callable(request.body) else request.body
        headers = dict(request.headers)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers |= JSON
        connection = UnixConnection(self.daemon.socket, timeout=60)
        with contextlib.closing(connection):
            path = self.path(request)
            connection.request(self.method, path, body=body, headers=headers)
            answer = connection.getresponse()
            text = answer.read() if answer.status >= 400 else b""
            answer.close()
        self.tidy(answer.status)
        SEEN[self.operation][f"{answer.status // 100}xx"] += 1
        known = answer.status in HONEST or any(each in text for each in AS_DOCKERD)
        assert answer.status < 500 or known, (self.method, path, body, text)
        if answer.status >= 400 and self.method != "HEAD":
            assert json.loads(text)["message"], (path, body)
        return answer.status

    def tidy(self, status: int) -> None:
        if self.operation == "POST /containers/create" and status == 201:
            for each in self.daemon.json("GET", "/containers/json?all=1"):
                if each["Id"] != self.container and "/exited" not in each["Names"]:
                    self.daemon.request("DELETE", f"/containers/{each['Id']}?force=1&v=1")


def fuzz(daemon: Daemon, operation: str, examples: int) -> None:
    asker = Asker(daemon, operation)
    plain = asker.ask(PLAIN.get(operation, Request()))
    assert plain < 300, f"the plain form is refused: {plain}"

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=examples == FEW,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(requests(operation))
    def one(request: Request) -> None:
        asker.ask(request)

    try:
        check: Callable[[], None] = one
        check()
    finally:
        asker.remove()


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("examples", [FEW, pytest.param(MANY, marks=pytest.mark.torture)])
def test_no_request_makes_the_engine_fail(daemon: Daemon, operation: str, examples: int) -> None:
    fuzz(daemon, operation, examples)


def test_every_operation_was_answered_well_by_some_request(daemon: Daemon) -> None:
    """The table of operation by class of status; it says how far the requests got."""
    missing = [each for each in OPERATIONS if each not in SEEN]
    if missing:
        pytest.skip("not all operations were asked in this run")
    for operation, counts in SEEN.items():
        row = "  ".join(f"{kind} {count:4}" for kind, count in sorted(counts.items()))
        print(f"{operation:36} {row}")
    assert [each for each in OPERATIONS if not SEEN[each]["2xx"] + SEEN[each]["1xx"]] == []
    assert restarts(daemon.json("GET", "/_trimaran/status")) == 0


def restarts(service: dict[str, Any]) -> int:
    return int(service["restarts"]) + sum(map(restarts, service["children"]))
