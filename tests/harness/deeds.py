"""Operations that a daemon may die in, and what may be true of their container afterwards.

A deed is a list of steps on one container. Every step that was answered is true; the one that was
not is either whole or absent. `possible` holds the states that this leaves, "absent" among them.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import itertools
import json
import os
import signal
import tarfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from tests.harness.daemon import Daemon
from tests.harness.faulting import processes_in
from tests.harness.listeners import stdout_of

# Ends with 7 at once when told to, and otherwise never.
PATIENT = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done"
BRIEF = "echo ready; exit 7"
SETTLED = 15.0
LOOKS = 5
LOST = (ConnectionError, FileNotFoundError, http.client.HTTPException)

_numbers = itertools.count()


@dataclass(frozen=True)
class Deed:
    """`ready` is done undisturbed, `steps` are what the daemon dies in."""

    steps: tuple[str, ...]
    ready: tuple[str, ...] = ()
    command: str = PATIENT
    host: dict[str, Any] = field(default_factory=dict)
    volumes: tuple[str, ...] = ()
    own_image: bool = False


PUBLISHED = {"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18090"}]}}
TMPFS = {
    "Type": "volume",
    "Source": "torture-tmpfs",
    "Target": "/mnt",
    "VolumeOptions": {
        "DriverConfig": {"Name": "local", "Options": {"type": "tmpfs", "device": "tmpfs"}}
    },
}
PART = {
    "Type": "volume",
    "Source": "torture-part",
    "Target": "/part",
    "VolumeOptions": {"Subpath": "www", "NoCopy": True},
}
RUNNING = ("create", "start")
DEEDS: dict[str, Deed] = {
    "create": Deed(("create",), own_image=True, volumes=("/var",)),
    "start": Deed(("start",), ("create",)),
    "start again": Deed(("start",), (*RUNNING, "stop")),
    "run -d -p": Deed(RUNNING, host=PUBLISHED),
    "run -i": Deed(RUNNING, host={"NetworkMode": "none"}, command="cat"),
    "run -v": Deed(RUNNING, host={"Mounts": [TMPFS, PART]}),
    "run --rm": Deed((*RUNNING, "gone"), command=BRIEF, host={"AutoRemove": True}, volumes=("/v",)),
    "exit": Deed(("exit",), RUNNING, host=PUBLISHED),
    "exec": Deed(("exec",), RUNNING),
    "exec -d": Deed(("exec -d",), RUNNING),
    "stop": Deed(("stop",), RUNNING, host={"Mounts": [TMPFS]}),
    "kill": Deed(("kill",), RUNNING),
    "restart": Deed(("restart",), RUNNING, host=PUBLISHED),
    "rm": Deed(("remove",), (*RUNNING, "stop"), volumes=("/v",)),
    "rm -f": Deed(("force",), RUNNING, host=PUBLISHED, volumes=("/v",)),
    "restart policy": Deed(("exit",), RUNNING, host={"RestartPolicy": {"Name": "always"}}),
}


class Attempt:
    """One deed, done on a container of its own."""

    def __init__(self, daemon: Daemon, deed: Deed, *, live: bool) -> None:
        self.daemon = daemon
        self.deed = deed
        self.live = live
        self.name = f"deed{next(_numbers)}"
        self.image = "busybox"
        self.id = ""
        self.pid = 0
        self.possible = {"absent"}
        self.exec_lives: bool | None = False  # None: it may, or may not

    @property
    def removes_itself(self) -> bool:
        return bool(self.deed.host.get("AutoRemove"))

    @property
    def always(self) -> bool:
        return "RestartPolicy" in self.deed.host

    def ready(self) -> None:
        if self.deed.own_image:
            self.image = f"own{self.name}"
            changes = quote(f"LABEL name={self.name}")
            self.daemon.json(
                "POST",
                f"/images/create?fromSrc=-&repo={self.image}&tag=latest&changes={changes}",
                small_tar(self.name),
            )
        for mount in self.deed.host.get("Mounts", ()):
            options = mount["VolumeOptions"].get("DriverConfig", {}).get("Options")
            body = {"Name": mount["Source"], "DriverOpts": options}
            made = self.daemon.json("POST", "/volumes/create", body)
            if mount is PART:
                os.makedirs(f"{made['Mountpoint']}/www", exist_ok=True)
        for step in self.deed.ready:
            self.take(step)
        if self.deed.ready and self.possible == {"running"}:
            wait_for(lambda: b"ready" in self.log(), "the container prints")

    def act(self) -> bool:
        """All steps, up to the one that the daemon does not answer: False then."""
        for step in self.deed.steps:
            try:
                self.take(step)
            except LOST:
                return False
        return True

    def take(self, step: str) -> None:
        """One step; what it makes possible while it is under way, and true once it is answered."""
        before = self.possible
        outcomes = {
            "create": {"created"},
            "start": {"running"},
            "stop": {"exited"},
            "kill": {"exited"},
            "exit": {"running" if self.always else "exited"},
            "restart": {"running"},
            "remove": {"absent"},
            "force": {"absent"},
            "gone": {"absent"},
        }
        after = outcomes.get(step, before)
        between = {"exited"} if step in ("restart", "force") else set()
        if self.removes_itself and step != "create":
            between |= {"absent"}
        self.possible = before | between | after
        if step in ("start", "restart"):
            self.pid = 0
        getattr(self, "_" + step.replace(" -", "_"))()
        self.possible = after
        if self.deed.command == BRIEF and step == "start":
            self.possible = {"running", "absent"}
        if after == {"running"} and step != "exit":
            self.pid = self.state()["Pid"]

    # the steps

    def _create(self) -> None:
        body = {
            "Image": self.image,
            "Cmd": ["sh", "-c", self.deed.command],
            "OpenStdin": self.deed.command == "cat",
            "ExposedPorts": {"80/tcp": {}},
            "Volumes": {each: {} for each in self.deed.volumes},
            "HostConfig": self.deed.host,
        }
        self.id = self.answered("POST", f"/containers/create?name={self.name}", body)["Id"]

    def _start(self) -> None:
        self.answered("POST", f"/containers/{self.name}/start")

    def _stop(self) -> None:
        self.answered("POST", f"/containers/{self.name}/stop?t=5")

    def _kill(self) -> None:
        self.answered("POST", f"/containers/{self.name}/kill")

    def _restart(self) -> None:
        self.answered("POST", f"/containers/{self.name}/restart?t=5")

    def _remove(self) -> None:
        self.answered("DELETE", f"/containers/{self.name}?v=1")

    def _force(self) -> None:
        self.answered("DELETE", f"/containers/{self.name}?force=1&v=1")

    def _exit(self) -> None:
        """By itself; nobody asks the daemon, so it is true whatever happens."""
        self.possible = {"running"} if self.always else {"exited"}
        os.kill(self.pid, signal.SIGTERM)
        if self.always:
            was, self.pid = self.pid, 0
            wait_for(lambda: self.state()["Pid"] not in (0, was), "it runs again")
        else:
            wait_for(lambda: self.status() == "exited", "the container has ended")

    def _gone(self) -> None:
        wait_for(lambda: self.status() == "absent", "the container is gone")

    def _exec(self) -> None:
        body = {"AttachStdout": True, "Cmd": ["sh", "-c", "echo hello; exit 4"]}
        exec_id = self.answered("POST", f"/containers/{self.name}/exec", body)["Id"]
        status, output = self.daemon.request("POST", f"/exec/{exec_id}/start", {})
        found = self.answered("GET", f"/exec/{exec_id}/json")
        assert (status, stdout_of(output), found["ExitCode"]) == (200, b"hello\n", 4)

    def _exec_d(self) -> None:
        body = {"Cmd": ["sh", "-c", "echo hello; exec sleep 987"]}
        exec_id = self.answered("POST", f"/containers/{self.name}/exec", body)["Id"]
        self.exec_lives = None
        self.answered("POST", f"/exec/{exec_id}/start", {"Detach": True})
        self.exec_lives = True

    # what is looked at

    def answered(self, method: str, path: str, body: Any = None) -> Any:
        status, text = self.daemon.request(method, path, body)
        if not text and status == 0:
            raise ConnectionError
        assert status < 400, f"{method} {path}: {status} {text!r}"
        return json.loads(text) if text.strip() else None

    def state(self) -> Any:
        return self.answered("GET", f"/containers/{self.name}/json")["State"]

    def status(self) -> str:
        status, text = self.daemon.request("GET", f"/containers/{self.name}/json")
        return "absent" if status == 404 else str(json.loads(text)["State"]["Status"])

    def log(self) -> bytes:
        status, frames = self.daemon.request("GET", f"/containers/{self.name}/logs?stdout=1")
        assert status == 200, frames
        return stdout_of(frames)

    # afterwards

    def check(self) -> None:
        """After the daemon's start: only what is possible, and all that goes with it."""
        self.possible = self._after_start()
        wait_for(
            lambda: self.status() in self.possible, lambda: f"{self.status()} in {self.possible}"
        )
        found = self._checked()
        self.possible = {found}

    def _checked(self) -> str:
        """The state that everything else goes with. One with a policy may end between two looks."""
        for _ in range(LOOKS if self.always else 0):
            with contextlib.suppress(AssertionError, ProcessLookupError):
                return self._checked_once()
        return self._checked_once()

    def _checked_once(self) -> str:
        found = self.status()
        if found != "absent":
            self._check_state(found)
        else:
            wait_for(lambda: not self.id or not processes_in(self.id), self._processes)
        return found

    def _after_start(self) -> set[str]:
        """What the start itself makes of the states: policies, and the end of survivors without live restore."""
        found = set(self.possible)
        if self.always and found & {"running", "exited"}:
            return found - {"exited"} | {"running"}
        if not self.live and "running" in found:
            found = found - {"running"} | {"exited"}
        if self.deed.command == BRIEF:
            found = found - {"running"}
        if self.removes_itself and "exited" in found:
            found = found - {"exited"} | {"absent"}
        return found

    def _check_state(self, found: str) -> None:
        answer = self.answered("GET", f"/containers/{self.name}/json")
        state, self.id = answer["State"], answer["Id"]
        listed = self.daemon.json("GET", "/containers/json?all=1")
        mine = [each for each in listed if f"/{self.name}" in each["Names"]]
        assert [each["Id"] for each in mine] == [self.id]
        assert mine[0]["State"] == found
        if found == "running":
            self._check_running(state["Pid"])
        else:
            assert state["Pid"] == 0
            wait_for(lambda: not processes_in(self.id), self._processes)
        if "exit" in self.deed.steps and found == "exited":
            assert state["ExitCode"] == 7, state

    def _processes(self) -> str:
        found = processes_in(self.id)
        return f"{self.name} {self.status()} {[(each, command_of(each)) for each in found]}"

    def _check_running(self, pid: int) -> None:
        os.kill(pid, 0)
        assert self.pid in (0, pid), "it is another process"
        self.pid = pid
        assert pid in processes_in(self.id)
        lives = any(b"987" in command_of(each) for each in processes_in(self.id))
        if self.exec_lives and self.live:
            assert lives
        elif self.exec_lives is False or not lives:  # the shell and perhaps its sleep
            wait_for(lambda: len(processes_in(self.id)) <= 2, "the execs are gone")
            folder = self.daemon.root / "exec" / "fifo" / self.id
            assert not [each.name for each in folder.iterdir() if each.name.startswith("exec-")]

    def again(self) -> None:
        """The same once more, under the same name, whatever became of it."""
        status, steps = self.status(), list(self.deed.steps)
        if status == "absent":
            if steps[-1] in ("remove", "force") or (steps[-1] == "gone" and self.id):
                return
            steps = [*self.deed.ready, *steps]
        elif steps == ["create"]:
            return
        elif (status == "created" and "remove" not in steps) or (
            status == "exited" and steps[0] not in ("remove", "force", "start")
        ):
            steps = ["start", *steps]
        done = {"absent": (), "running": ("create", "start")}.get(status, ("create",))
        for step in dict.fromkeys(steps):
            if step not in done:
                self.take(step)

    def remove(self) -> None:
        if self.status() != "absent":
            self.take("force")
        for mount in self.deed.host.get("Mounts", ()):
            self.answered("DELETE", f"/volumes/{mount['Source']}")
        if self.deed.own_image:
            self.answered("DELETE", f"/images/{self.image}")


def small_tar(name: str) -> bytes:
    """A root file system like no other, with something to fill a volume at /var."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo(f"var/{name}")
        info.size = len(name)
        tar.addfile(info, io.BytesIO(name.encode()))
    return out.getvalue()


def command_of(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def wait_for(
    condition: Callable[[], bool], what: str | Callable[[], str], seconds: float = SETTLED
) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            text = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {seconds} s: {text}")
        time.sleep(0.01)
