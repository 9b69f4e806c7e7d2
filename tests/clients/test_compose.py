"""Compose 1.29, unmodified: a project with networks, aliases, conditions, volumes, health, scaling and restarts."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.daemon import Daemon
from tests.harness.deeds import wait_for

pytestmark = [pytest.mark.client, pytest.mark.integration]

PROJECT = Path(__file__).with_name("project.yml")
COMPOSE = shutil.which("docker-compose")


class Project:
    """The project's directory, and Compose run in it."""

    port = ""

    def __init__(self, daemon: Daemon, directory: Path) -> None:
        self.daemon = daemon
        self.directory = directory
        self.name = f"p{uuid.uuid4().hex[:8]}"
        shutil.copy(PROJECT, directory / "docker-compose.yml")
        (directory / "settings").mkdir()
        (directory / "settings/mode").write_text("quiet")

    def compose(self, *arguments: str) -> str:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DOCKER_")}
        environment |= {"DOCKER_HOST": self.daemon.host, "PLACE": "here"}
        done = subprocess.run(
            [str(COMPOSE), "-p", self.name, *arguments],
            cwd=self.directory,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def addresses(self, network: str) -> dict[str, str]:
        """By container."""
        shown = self.daemon.json("GET", f"/networks/{self.name}_{network}")["Containers"].values()
        return {each["Name"]: each["IPv4Address"].partition("/")[0] for each in shown}

    def inside(self, service: str, *command: str) -> str:
        """In the service's first container."""
        name = f"{self.name}_{service}_1"
        return self.daemon.docker("exec", name, *command, check=True).stdout.decode()

    def resolved(self, service: str, name: str) -> set[str]:
        shown = self.inside(service, "nslookup", "-type=a", name)
        lines = shown.partition("Name:")[2].splitlines()
        return {line.split()[1] for line in lines if line.startswith("Address")}

    def fetch(self) -> str:
        """The first web's page, from the host by its published port."""
        self.port = self.port or self.compose("port", "web", "80").strip().rpartition(":")[2]
        command = ("busybox", "wget", "-q", "-O", "-", f"http://127.0.0.1:{self.port}/")
        return str(self.daemon.inside(*command, capture_output=True, check=False).stdout)

    def volume(self, name: str) -> Path:
        return self.daemon.root / f"data/volumes/{self.name}_{name}/_data"


@pytest.fixture
def project(daemon: Daemon, tmp_path: Path) -> Iterator[Project]:
    if COMPOSE is None:
        pytest.skip("docker-compose (1.29) is not installed")
    made = Project(daemon, tmp_path)
    yield made
    if made.daemon.json(
        "GET", f"/containers/json?all=1&filters=%7B%22name%22:%5B%22{made.name}%22%5D%7D"
    ):
        made.compose("down", "-v", "-t", "0")


def test_project_comes_up_in_order_is_scaled_restarted_and_leaves_nothing(
    project: Project,
) -> None:
    daemon, name = project.daemon, project.name
    project.compose("up", "-d")
    # Its start waited for the other's health: at its first run the record was there.
    web = daemon.json("GET", f"/containers/{name}_web_1/json")
    assert (web["State"]["Status"], web["RestartCount"]) == ("running", 0)
    assert "PLACE=here" in web["Config"]["Env"]
    assert daemon.json("GET", f"/containers/{name}_db_1/json")["State"]["Health"]["Status"] == (
        "healthy"
    )
    wait_for(lambda: project.fetch() == "stored\n", "its page is served")
    # Names and networks.
    front, back = project.addresses("front"), project.addresses("back")
    assert set(front) == {f"{name}_web_1"}
    assert set(back) == {f"{name}_web_1", f"{name}_db_1"}
    assert project.resolved("web", "database") == {"10.88.2.9"} == {back[f"{name}_db_1"]}
    assert "default" not in project.inside("db", "ip", "route")  # internal
    assert project.inside("web", "cat", "/settings/mode") == "quiet"
    # A restart policy that has an end.
    runs = project.volume("counted") / "runs"
    wait_for(lambda: runs.read_text() == "run\n" * 3, "it was started three times")
    scaled(project)
    project.compose("restart", "-t", "0", "web")
    project.port = ""  # it may be another one now
    wait_for(lambda: project.fetch() == "stored\n", "its page is served again")
    gone(project)


def scaled(project: Project) -> None:
    before = project.daemon.json("GET", f"/containers/{project.name}_web_1/json")["Id"]
    project.compose("up", "-d", "-t", "0", "--scale", "web=3")
    front = project.addresses("front")
    assert set(front) == {f"{project.name}_web_{number}" for number in (1, 2, 3)}
    assert project.resolved("web", "site") == set(front.values())
    assert project.resolved("web", "web") == set(front.values())  # not back's, which is internal
    project.compose("up", "-d", "-t", "0", "--scale", "web=1")
    assert len(project.addresses("front")) == 1
    after = project.daemon.json("GET", f"/containers/{project.name}_web_1/json")["Id"]
    assert after == before  # what was right was left alone


def gone(project: Project) -> None:
    project.compose("down", "-t", "0")
    daemon = project.daemon
    listed = daemon.json("GET", "/containers/json?all=1")
    assert not [each for each in listed if each["Names"][0].startswith(f"/{project.name}_")]
    assert not [n for n in daemon.json("GET", "/networks") if n["Name"].startswith(project.name)]
    assert (project.volume("stored") / "record").read_text() == "stored\n"
    project.compose("down", "-v")
    assert not project.volume("stored").exists()
