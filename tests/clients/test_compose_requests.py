"""The newer Compose's requests, as it sends them, from a plain HTTP client: one project up, scaled, and down."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.harness.daemon import Daemon
from tests.harness.deeds import wait_for

pytestmark = [pytest.mark.client, pytest.mark.integration]

LABEL = "com.docker.compose"


class Compose:
    """What it sends for a project at one API version. Since 1.44 a container gets all its networks at its creation;
    before, the second one is connected between creation and start."""

    def __init__(self, daemon: Daemon, version: str) -> None:
        self.daemon = daemon
        self.version = version
        self.project = f"p{uuid.uuid4().hex[:8]}"

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return self.daemon.json(method, f"/v{self.version}{path}", body)

    def labels(self, **own: str) -> dict[str, str]:
        own |= {"project": self.project, "version": "2.39.1", "config-hash": "0" * 64}
        return {f"{LABEL}.{key.replace('_', '-')}": value for key, value in own.items()}

    def network(self, name: str, **rest: Any) -> None:
        """It looks for the name first, and only makes what isn't there."""
        full = f"{self.project}_{name}"
        assert self.ask("GET", f"/networks?filters={filters(name=[full])}") == []
        labels = self.labels(network=name)
        body = {"Name": full, "Driver": "bridge", "Labels": labels, **rest}
        assert self.ask("POST", "/networks/create", body)["Warning"] == ""
        (found,) = self.ask("GET", f"/networks?filters={filters(name=[full])}")
        assert found["Labels"] == labels

    def volume(self, name: str) -> None:
        full = f"{self.project}_{name}"
        assert self.daemon.request("GET", f"/v{self.version}/volumes/{full}")[0] == 404
        self.ask("POST", "/volumes/create", {"Name": full, "Labels": self.labels(volume=name)})

    def containers(self, service: str = "") -> list[dict[str, Any]]:
        wanted = [f"{LABEL}.project={self.project}", f"{LABEL}.oneoff=False"]
        wanted += [f"{LABEL}.service={service}"] if service else []
        found = self.ask("GET", f"/containers/json?all=1&filters={filters(label=wanted)}")
        return sorted(found, key=lambda each: each["Names"])

    def start(self, service: str, number: int, networks: dict[str, Any], **body: Any) -> None:
        name = f"{self.project}-{service}-{number}"
        host = {"NetworkMode": f"{self.project}_{next(iter(networks))}", **body.pop("HostConfig")}
        labels = self.labels(service=service, oneoff="False", container_number=str(number))
        labels |= body.pop("Labels", {})
        places = {f"{self.project}_{net}": place for net, place in networks.items()}
        for place in places.values():
            place["Aliases"] = [name, service, *place.get("Aliases", [])]
        whole = tuple(map(int, self.version.split("."))) >= (1, 44)
        first = dict(list(places.items())[:1])
        config = {"EndpointsConfig": places if whole else first}
        request = {"Image": "busybox", "Labels": labels, "HostConfig": host, **body}
        request["NetworkingConfig"] = config
        made = self.ask("POST", f"/containers/create?name={name}", request)["Id"]
        for net, place in {} if whole else list(places.items())[1:]:
            connection = {"Container": made, "EndpointConfig": place}
            self.ask("POST", f"/networks/{net}/connect", connection)
        self.ask("POST", f"/containers/{made}/start")

    def until_healthy(self, service: str) -> None:
        def healthy() -> bool:
            (one,) = self.containers(service)
            shown = self.ask("GET", f"/containers/{one['Id']}/json")
            return bool(shown["State"]["Health"]["Status"] == "healthy")

        wait_for(healthy, f"{service} is healthy")

    def down(self) -> None:
        for each in self.containers():
            self.ask("POST", f"/containers/{each['Id']}/stop?t=0")
            self.ask("DELETE", f"/containers/{each['Id']}?force=1&v=1")
        wanted = filters(label=[f"{LABEL}.project={self.project}"])
        for each in self.ask("GET", f"/networks?filters={wanted}"):
            self.ask("DELETE", f"/networks/{each['Id']}")
        for each in self.ask("GET", f"/volumes?filters={wanted}")["Volumes"] or []:
            self.ask("DELETE", f"/volumes/{each['Name']}?force=1")


def filters(**wanted: list[str]) -> str:
    """As Go's client writes them: each value a key that is true."""
    return quote(json.dumps({key: dict.fromkeys(each, True) for key, each in wanted.items()}))


@pytest.fixture(params=["1.43", "1.51"])
def compose(daemon: Daemon, request: pytest.FixtureRequest) -> Iterator[Compose]:
    status, _ = daemon.request("HEAD", "/_ping")
    assert status == 200
    made = Compose(daemon, request.param)
    yield made
    made.down()


def test_project_of_the_newer_compose_comes_up_is_scaled_and_goes(compose: Compose) -> None:
    daemon, project = compose.daemon, compose.project
    ipam = {"Driver": "default", "Config": [{"Subnet": "10.89.2.0/24"}]}
    compose.network("back", Internal=True, IPAM=ipam)
    compose.network("front")
    compose.volume("stored")
    stored = {
        "Type": "volume",
        "Source": f"{project}_stored",
        "Target": "/data",
        "VolumeOptions": {},
    }
    compose.start(
        "db", 1, {"back": {"Aliases": ["database"], "IPAMConfig": {"IPv4Address": "10.89.2.9"}}},
        Cmd=["sh", "-c", "echo stored > /data/record; sleep 0.5; touch /ready; exec sleep 600"],
        Healthcheck={"Test": ["CMD", "test", "-e", "/ready"], "Interval": 200_000_000, "Retries": 30},
        HostConfig={"Mounts": [stored], "RestartPolicy": {"Name": "unless-stopped"}},
    )  # fmt: skip
    compose.until_healthy("db")
    for number in (1, 2):
        compose.start(
            "web", number, {"front": {"Aliases": ["site"]}, "back": {}},
            Cmd=["httpd", "-f", "-p", "80", "-h", "/data"],
            ExposedPorts={"80/tcp": {}},
            Labels={f"{LABEL}.depends_on": "db:service_healthy:false"},
            HostConfig={
                "Mounts": [{**stored, "ReadOnly": True}],
                "PortBindings": {"80/tcp": [{"HostPort": ""}]},
                "RestartPolicy": {"Name": "always"},
            },
        )  # fmt: skip
    webs = compose.containers("web")
    assert [each["Names"] for each in webs] == [[f"/{project}-web-{n}"] for n in (1, 2)]
    for web in webs:
        assert set(web["NetworkSettings"]["Networks"]) == {f"{project}_front", f"{project}_back"}
        port = next(each["PublicPort"] for each in web["Ports"] if each.get("IP") == "0.0.0.0")
        page = ("busybox", "wget", "-q", "-O", "-", f"http://127.0.0.1:{port}/record")
        wait_for(lambda p=page: said(daemon, *p) == "stored\n", "its page is served")
    front = {web["NetworkSettings"]["Networks"][f"{project}_front"]["IPAddress"] for web in webs}
    inside = ("nsenter", f"--net=/proc/{pid(compose, webs[0])}/ns/net", "busybox", "nslookup")
    for name, addresses in (("site", front), ("web", front), ("database", {"10.89.2.9"})):
        answer = said(daemon, *inside, "-type=a", name, "127.0.0.11").partition("Name:")[2]
        assert {line.split()[1] for line in answer.splitlines() if "Address" in line} == addresses
    compose.down()
    assert compose.containers() == []
    wanted = filters(label=[f"{LABEL}.project={project}"])
    assert compose.ask("GET", f"/networks?filters={wanted}") == []
    assert not (daemon.root / f"data/volumes/{project}_stored").exists()


def pid(compose: Compose, container: dict[str, Any]) -> int:
    return int(compose.ask("GET", f"/containers/{container['Id']}/json")["State"]["Pid"])


def said(daemon: Daemon, *command: str) -> str:
    done: subprocess.CompletedProcess[str] = daemon.inside(
        *command, capture_output=True, check=False
    )
    return done.stdout
