"""The operations that faults are thrown into: each can be made ready, done once, and done again after a failure."""

from __future__ import annotations

import http.client
import io
import itertools
import json
import os
import signal
import socket
import tarfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.harness.faulting import FaultyDaemon, processes_in
from tests.harness.listeners import Listener, stdout_of

DEADLINE = 15.0
# A published port and an anonymous volume, so that their services have something to do.
EQUIPPED: dict[str, Any] = {
    "Volumes": {"/data": {}},
    "ExposedPorts": {"80/tcp": {}},
    "HostConfig": {"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}},
}
DROPPED = "the connection was dropped:"
# Ends with 7 at once when told to, and otherwise never.
PATIENT = "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done"

_numbers = itertools.count()


@dataclass
class Answer:
    """An HTTP answer; status 0 stands for a connection that ended without one."""

    status: int
    text: str = ""

    @property
    def fine(self) -> bool:
        return 0 < self.status < 400

    def refuses(self, *statuses: int) -> bool:
        """A refusal that says why."""
        return self.status in statuses and bool(self.text.strip())


class Operation(ABC):
    """One container's worth. `act` is what the fault comes into."""

    def __init__(self, daemon: FaultyDaemon) -> None:
        self.daemon = daemon
        self.name = f"subject{next(_numbers)}"
        self.id = ""

    def ready(self) -> None:
        self.create()
        self.daemon.json("POST", f"/containers/{self.name}/start")
        self.wait_for(lambda: b"ready" in self.log(), "the container prints")

    @abstractmethod
    def act(self) -> Answer: ...

    @abstractmethod
    def again(self) -> None:
        """Without a fault it must work, whatever became of `act`."""

    # what they are made of

    def request(self, method: str, path: str, body: Any = None) -> Answer:
        began = time.monotonic()
        try:
            status, text = self.daemon.request(method, path, body)
        except (ConnectionError, http.client.HTTPException) as error:
            status, text = 0, f"{DROPPED} {error!r}".encode()
        assert time.monotonic() - began < DEADLINE, f"{method} {path} took too long"
        return Answer(status, text.decode(errors="replace"))

    def create(self, **host: Any) -> Answer:
        body = {"Image": "busybox", "Cmd": ["sh", "-c", PATIENT], **EQUIPPED}
        body["HostConfig"] = {**EQUIPPED["HostConfig"], **host}
        answer = self.request("POST", f"/containers/create?name={self.name}", body)
        if answer.fine:
            self.id = json.loads(answer.text)["Id"]
        return answer

    def inspect(self) -> Any:
        return self.daemon.json("GET", f"/containers/{self.name}/json")

    def pid(self) -> int:
        return int(self.state()["Pid"])

    def state(self) -> Any:
        return self.inspect()["State"]

    def exists(self) -> bool:
        return self.daemon.request("GET", f"/containers/{self.name}/json")[0] == 200

    def log(self) -> bytes:
        status, frames = self.daemon.request(
            "GET", f"/containers/{self.name}/logs?stdout=1&stderr=1"
        )
        assert status == 200, frames
        return stdout_of(frames)

    def wait_for(self, condition: Callable[[], bool], what: str, seconds: float = 10) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
            time.sleep(0.01)

    def started(self) -> None:
        answer = self.request("POST", f"/containers/{self.name}/start")
        assert answer.status in (204, 304), answer
        state = self.state()
        assert state["Running"], state
        os.kill(state["Pid"], 0)

    def remove(self) -> None:
        if self.exists():
            answer = self.request("DELETE", f"/containers/{self.name}?force=1&v=1")
            assert answer.status in (204, 404), answer
        if self.id:
            assert processes_in(self.id) == []
        self.wait_for(self.no_volumes, "its volume is gone")

    def no_volumes(self) -> bool:
        return not self.daemon.json("GET", "/volumes")["Volumes"]


class Start(Operation):
    """Create and start, as `docker run -d` does."""

    def ready(self) -> None: ...

    def act(self) -> Answer:
        answer = self.create()
        return self.request("POST", f"/containers/{self.name}/start") if answer.fine else answer

    def again(self) -> None:
        if not self.exists():
            answer = self.create()
            assert answer.status == 201, answer
        self.started()


class Deliver(Start):
    """The same with a log that somebody else takes."""

    def ready(self) -> None:
        self.path = self.daemon.root / f"{self.name}.log"
        self.receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.receiver.bind(str(self.path))
        self.receiver.setblocking(False)
        self.heard = b""

    def create(self, **host: Any) -> Answer:
        config = {"syslog-address": f"unixgram://{self.path}"}
        return super().create(LogConfig={"Type": "syslog", "Config": config}, **host)

    def act(self) -> Answer:
        answer = super().act()
        if answer.fine:
            self.wait_for(self.delivered, "its line is delivered")
        return answer

    def again(self) -> None:
        super().again()
        self.wait_for(self.delivered, "its line is delivered")
        assert b"ready" in self.log()

    def delivered(self) -> bool:
        while True:
            try:
                self.heard += self.receiver.recv(65536)
            except BlockingIOError:
                return b"ready" in self.heard

    def remove(self) -> None:
        super().remove()
        self.wait_for(self.nothing_left, "its log is gone")
        self.receiver.close()
        self.path.unlink()

    def nothing_left(self) -> bool:
        return not any((self.daemon.root / "data" / "logs").iterdir())


class Restart(Operation):
    """Start again what has ended."""

    def ready(self) -> None:
        super().ready()
        assert self.request("POST", f"/containers/{self.name}/stop?t=3").fine

    def act(self) -> Answer:
        return self.request("POST", f"/containers/{self.name}/start")

    def again(self) -> None:
        self.started()


class Exec(Operation):
    """An attached exec, to its output and its exit code."""

    def act(self) -> Answer:
        body = {
            "AttachStdout": True,
            "AttachStderr": True,
            "Cmd": ["sh", "-c", "echo hello; exit 4"],
        }
        answer = self.request("POST", f"/containers/{self.name}/exec", body)
        if not answer.fine:
            return answer
        self.exec_id = json.loads(answer.text)["Id"]
        return self.run_exec()

    def run_exec(self) -> Answer:
        answer = self.request("POST", f"/exec/{self.exec_id}/start", {})
        if not answer.fine:
            return answer
        self.code: int | None = None
        if answer.text or not self.unclaimed():
            self.wait_for(self.ended, "the exec's exit code")
        if self.code is None:
            return Answer(0, f"{DROPPED} the exec was not started")
        if self.code != 4:
            return Answer(503, answer.text)
        output = stdout_of(answer.text.encode())
        if output.startswith(b"hello\n"):
            refusal = output.removeprefix(b"hello\n").decode()
            return Answer(503, refusal) if refusal else Answer(200)
        return Answer(0, f"{DROPPED} {answer.text}")

    def unclaimed(self) -> bool:
        """Whether it could still be started: detached, so that nothing needs to be read."""
        answer = self.request("POST", f"/exec/{self.exec_id}/start", {"Detach": True})
        return answer.fine

    def ended(self) -> bool:
        answer = self.request("GET", f"/exec/{self.exec_id}/json")
        if not answer.fine:
            return False
        found = json.loads(answer.text)
        self.code = found["ExitCode"]
        return not found["Running"] and self.code is not None

    def again(self) -> None:
        answer = self.act()
        assert answer.status == 200, answer
        for exec_id in self.inspect()["ExecIDs"] or ():  # created, and never started
            assert not self.daemon.json("GET", f"/exec/{exec_id}/json")["Running"]
        # The shell and perhaps its sleep: no exec is left.
        self.wait_for(lambda: len(processes_in(self.id)) <= 2, "the execs are gone")


class Exit(Operation):
    """The process ends by itself; who waits learns it."""

    code = 7

    def ready(self) -> None:
        super().ready()
        self.waiting, self.running = self.wait(), self.pid()

    def wait(self) -> Listener:
        return Listener(self.daemon, "POST", f"/containers/{self.name}/wait?condition=next-exit")

    def act(self) -> Answer:
        os.kill(self.running, signal.SIGTERM)
        text = self.waiting.wait(DEADLINE)
        assert b'"StatusCode":7' in text, text
        return Answer(200)

    def check(self) -> None:
        state = self.state()
        assert (state["Status"], state["ExitCode"]) == ("exited", 7), state
        assert self.log().endswith(b"ready\nbye\n"), self.log()

    def again(self) -> None:
        self.check()
        self.started()
        self.wait_for(lambda: self.log().endswith(b"ready\n"), "the container prints")
        self.waiting, self.running = self.wait(), self.pid()
        self.act()
        self.check()


class Vanish(Operation):
    """The exit of a container that is removed with it (`--rm`)."""

    def ready(self) -> None:
        self.create(AutoRemove=True)
        self.started()
        self.wait_for(lambda: b"ready" in self.log(), "the container prints")
        path = f"/containers/{self.name}/wait?condition=removed"
        self.waiting, self.running = Listener(self.daemon, "POST", path), self.pid()

    def act(self) -> Answer:
        os.kill(self.running, signal.SIGTERM)
        assert b'"StatusCode":7' in self.waiting.wait(DEADLINE)
        return Answer(200)

    def again(self) -> None:
        assert not self.exists()
        self.ready()
        self.act()


class Stop(Operation):
    """`docker stop`, obeyed at once."""

    def act(self) -> Answer:
        return self.request("POST", f"/containers/{self.name}/stop?t=3")

    def again(self) -> None:
        answer = self.act()
        assert answer.status in (204, 304), answer
        state = self.state()
        assert (state["Status"], state["ExitCode"]) == ("exited", 7), state


class Remove(Operation):
    """`docker rm -f` of a running container."""

    def act(self) -> Answer:
        return self.request("DELETE", f"/containers/{self.name}?force=1&v=1")

    def again(self) -> None:
        if self.exists():
            answer = self.act()
            assert answer.status in (204, 404), answer
        self.wait_for(lambda: not self.exists(), "the container is gone")


class Build(Operation):
    """A build with a command and a copy, from its context to its name."""

    def ready(self) -> None: ...

    def act(self) -> Answer:
        answer = self.request("POST", f"/build?nocache=1&t={self.name}", built(self.name))
        if answer.fine and "Successfully tagged" not in answer.text:
            return Answer(503, answer.text)  # the refusal is the stream's last line
        return answer

    def again(self) -> None:
        answer = self.act()
        assert answer.fine, answer

    def remove(self) -> None:
        answer = self.request("DELETE", f"/images/{self.name}?force=1")
        assert answer.status in (200, 404), answer
        try:
            self.wait_for(lambda: not self.left(), "the build's containers and files are gone")
        except AssertionError as error:
            error.add_note(str(self.left()))
            raise

    def left(self) -> list[str]:
        shown = self.daemon.json("GET", "/containers/json?all=1")
        names = [f"{name} {each['State']}" for each in shown for name in each["Names"]]
        files = (self.daemon.root / "data" / "tmp").glob("build-*")
        return [*map(str, files), *(each for each in names if each.startswith("/build-"))]


def built(name: str) -> bytes:
    """A context whose steps nobody else has."""
    out = io.BytesIO()
    dockerfile = f"FROM busybox\nENV q={name}\nCOPY f /f\nRUN cat /f > /g\n"
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, text in {"Dockerfile": dockerfile, "f": name}.items():
            info = tarfile.TarInfo(path)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


OPERATIONS: dict[str, type[Operation]] = {
    kind.__name__.lower(): kind
    for kind in (Start, Deliver, Restart, Exec, Exit, Vanish, Stop, Remove, Build)
}
