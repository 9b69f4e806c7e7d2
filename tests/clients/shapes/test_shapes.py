"""Each answer about containers and execs has the shape that dockerd 20.10 gave it, and that the API's description says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.clients.shapes.described import TABLE, strayings
from tests.clients.shapes.record import VERSIONS, recorded
from tests.clients.shapes.scenario import asked, described_by
from tests.clients.shapes.shape import differences, shape
from tests.harness.daemon import Daemon

ACCEPTED = {
    # The layers are containerd's, as with dockerd's own containerd store: there are no paths to tell.
    r"\.body\.GraphDriver\.Data: \{.*\}, found null",
    # What has ended is in no sandbox; 20.10 goes on showing the last one.
    r"\.body\.NetworkSettings\.Sandbox(ID|Key): string, found empty",
    r"\.body\.NetworkSettings\.Networks\.bridge\.NetworkID: string, found empty",
    # Later dockerds fill it in at the creation, 20.10 at the first start.
    r"\.body\.HostConfig\.Runtime: there, should not be",
    # 20.10's list forgets an anonymous volume's directory (Mounts differ in that `Source` alone).
    r"\.body\[\]\.Mounts: .*",
    # Directories take room too; as by containerd's snapshotters, and du.
    r"\.body\[\]\.SizeRw: there, should not be",
    # A refusal is not a failure of the engine.
    r"\.status: 500, found 409",
    # Later dockerds say what the stream is.
    r"\.type: None, found application/vnd\.docker\.raw-stream",
}
"""Differences to dockerd 20.10 that are meant."""

ON_V1_ALONE = re.compile("^stats")
"""The goldens were taken on a machine with cgroups v1."""


EXPECTED = set(Path(__file__).with_name("strayings_1.51.txt").read_text().splitlines())


@pytest.mark.parametrize("version", VERSIONS)
def test_answers_have_the_shape_of_dockerds(daemon: Daemon, version: str) -> None:
    answers = asked(daemon.socket, version).answers
    golden = recorded(version)
    assert answers.keys() == golden.keys()
    unified = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    found = {
        f"{label}{line}"
        for label, wanted in golden.items()
        if not (unified and ON_V1_ALONE.match(label))
        for line in differences(wanted, answers[label])
        if not any(re.fullmatch(each, line) for each in ACCEPTED)
    }
    assert found == set()


def test_answers_have_the_fields_that_the_newest_version_describes(daemon: Daemon) -> None:
    it = asked(daemon.socket, "1.51")
    seen: set[str] = set()
    checked = set()
    for label, body in it.bodies.items():
        operation = described_by(label, it.answers[label]["status"])
        checked.add(operation)
        seen |= strayings(operation, body)
    assert seen <= EXPECTED, seen - EXPECTED
    assert TABLE["answers"].keys() - checked == {"GET /containers/{id}/logs 200"}  # a stream


def test_a_shape_is_what_an_answer_looks_like() -> None:
    found = shape({"b" * 64: [1, 2, "", None], "at": "2026-01-02T03:04:05Z", "x": [{"y": 1.5}]})
    assert found == {"ID": ["empty", "integer", "null"], "at": "time", "x": [{"y": "number"}]}
    assert differences(found, {**found, "at": "string", "x": [{"z": "null"}]}) == [
        ".at: time, found string",
        ".x[].y: not there",
        ".x[].z: there, should not be",
    ]


def test_what_strays_from_the_description_is_named() -> None:
    wait: dict[str, Any] = {"StatusCode": "0", "More": 1}
    assert strayings("POST /containers/{id}/wait 200", wait) == {
        "ContainerWaitResponse.StatusCode: a str, not a integer",
        "ContainerWaitResponse.More: undescribed",
        "ContainerWaitResponse.Error: absent",
    }
