"""Files of the data root damaged one at a time: the daemon starts, and only what is in the file suffers.

containerd's own database and content are containerd's to check, and left out here.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.daemon import Daemon

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, containerd and runc"),
]

HOWS = ("truncated", "zeroed", "flipped")
LINES = [f"line {n}" for n in range(5)]


class Patient:
    """A daemon with a stopped container, a volume and a network; its data is put back before each damage."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        daemon.load_busybox()
        daemon.json("POST", "/volumes/create", {"Name": "keep"})
        daemon.json("POST", "/networks/create", {"Name": "lane"})
        for name in ("first", "second"):
            body = {
                "Image": "busybox",
                "Cmd": ["sh", "-c", "for n in 0 1 2 3 4; do echo line $n; done"],
                "HostConfig": {"Binds": ["keep:/keep"], "NetworkMode": "lane"},
            }
            daemon.json("POST", f"/containers/create?name={name}", body)
            daemon.json("POST", f"/containers/{name}/start")
            daemon.json("POST", f"/containers/{name}/wait")
        self.ids = {
            name: daemon.json("GET", f"/containers/{name}/json")["Id"]
            for name in ("first", "second")
        }
        self.first = self.ids["first"]
        assert daemon.stop() == 0
        self.data = daemon.root / "data"
        self.saved = daemon.root / "saved"
        shutil.copytree(self.data, self.saved, ignore=shutil.ignore_patterns("containerd", "lock"))

    def files(self) -> list[str]:
        found = [path for path in self.saved.rglob("*") if path.is_file()]
        return sorted(str(path.relative_to(self.saved)) for path in found if path.stat().st_size)

    def damage(self, name: str, how: str) -> None:
        for path in self.files():
            (self.data / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.saved / path, self.data / path)
        for each in ("state.db", "state.copy.db"):
            for suffix in ("-wal", "-shm"):
                if not (self.saved / (each + suffix)).exists():
                    (self.data / (each + suffix)).unlink(missing_ok=True)
        path = self.data / name
        content = bytearray(path.read_bytes())
        if how == "truncated":
            del content[len(content) // 2 :]
        elif how == "zeroed":
            content = bytearray(len(content))
        else:
            content[random.Random(name).randrange(len(content))] ^= 4
        path.write_bytes(content)

    def check(self, name: str, how: str) -> None:
        """Everything is there; what the damaged file held may have suffered."""
        self.damage(name, how)
        begun = time.time()
        self.daemon.start()
        try:
            listed = self.daemon.json("GET", "/containers/json?all=1")
            assert {each["Names"][0] for each in listed} == {"/first", "/second"}
            assert any(each["Name"] == "lane" for each in self.daemon.json("GET", "/networks"))
            assert any(
                each["Name"] == "keep" for each in self.daemon.json("GET", "/volumes")["Volumes"]
            )
            for container in ("first", "second"):
                log = self.daemon.docker("logs", container)
                if self.ids[container] not in name:
                    assert log.stdout.decode().splitlines() == LINES, (container, log.stderr)
            started = self.daemon.request("POST", "/containers/first/start")
            assert started[0] == 204, started
            self.daemon.json("POST", "/containers/first/wait")
            if name == "state.db" and how in ("truncated", "zeroed"):
                self.check_told(begun)
        except AssertionError as error:
            error.add_note(f"{name}, {how}")
            raise
        finally:
            assert self.daemon.stop() == 0

    def check_told(self, begun: float) -> None:
        _, body = self.daemon.request("GET", f"/events?since={begun:.0f}&until={time.time()}")
        events = [json.loads(line) for line in body.splitlines()]
        told = [each for each in events if each["Action"] == "repair"]
        assert [each["Actor"]["Attributes"]["what"] for each in told] == ["state.db"]
        tree = self.daemon.json("GET", "/_trimaran/status")
        assert tree["damage"]["repaired"][0]["what"] == "state.db"


@pytest.fixture(scope="module")
def patient() -> Iterator[Patient]:
    with Daemon() as daemon:
        yield Patient(daemon)


@pytest.mark.parametrize(
    ("name", "how"),
    [("state.db", "zeroed"), ("engine.json", "truncated")],
)
def test_daemon_starts_on_damaged_state_and_loses_nothing(
    patient: Patient, name: str, how: str
) -> None:
    patient.check(name, how)


def test_damaged_log_costs_its_container_no_more_than_its_lines(patient: Patient) -> None:
    patient.check(f"containers/{patient.first}/{patient.first}-json.log", "zeroed")


def test_record_that_cannot_be_restored_leaves_the_containers_data_alone(patient: Patient) -> None:
    patient.damage("engine.json", "flipped")
    for name in ("state.db", "state.copy.db"):
        raw = sqlite3.connect(patient.data / name)
        with raw:
            raw.execute("UPDATE records SET body=X'7B7D' WHERE id=?", (patient.first,))
        raw.close()
    patient.daemon.start()
    try:
        (listed,) = patient.daemon.json("GET", "/containers/json?all=1")
        assert listed["Names"] == ["/second"]
        tree = patient.daemon.json("GET", "/_trimaran/status")
        assert tree["damage"]["quarantined"] == [["container", patient.first, "checksum mismatch"]]
        time.sleep(0.5)  # the sweep follows the start
        assert (patient.data / "containers" / patient.first).is_dir()
        ctr = ["ctr", "-a", f"{patient.daemon.root}/exec/containerd/containerd.sock"]
        found = patient.daemon.inside(
            *ctr, "-n", "trimaran", "containers", "ls", "-q", capture_output=True
        )
        assert patient.first in found.stdout
    finally:
        assert patient.daemon.stop() == 0


@pytest.mark.torture
def test_every_file_in_every_way(patient: Patient) -> None:
    for name in patient.files():
        for how in HOWS:
            patient.check(name, how)


def test_patient_has_the_files_that_matter(patient: Patient) -> None:
    names = set(patient.files())
    assert {"state.db", "state.copy.db", "engine.json", "engine.copy.json"} <= names
    assert Path(f"containers/{patient.first}/{patient.first}-json.log").as_posix() in names
