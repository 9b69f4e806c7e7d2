"""Every network and volume operation, checked where the API has no say: links, addresses, nftables, mounts, files.

`network_operations.txt` lists the operations. Each needs a check here, and what the engine serves needs a line there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from quart_trio import QuartTrio

from engine.api.routes import networks, volumes
from tests.harness.daemon import Daemon, running_daemon
from tests.harness.deeds import wait_for

TABLE = Path(__file__).with_name("network_operations.txt")
OPERATIONS = [each for each in TABLE.read_text().splitlines() if not each.startswith("#")]

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
    """A network, a volume or a container of the check's own, and what the host says of them."""

    def __init__(self, daemon: Daemon, number: int) -> None:
        self.daemon = daemon
        self.name = f"subject{number}"
        self.net = f"10.77.{number}"
        self.of = f"/containers/{self.name}"
        self.network = f"/networks/{self.name}"
        self.volume = f"/volumes/{self.name}"

    def make_network(self, **body: Any) -> str:
        """Its bridge's name."""
        config = [{"Subnet": f"{self.net}.0/24", "Gateway": f"{self.net}.254"}]
        asked = {"Name": self.name, "IPAM": {"Config": config}, **body}
        made: str = self.daemon.json("POST", "/networks/create", asked)["Id"]
        return f"br-{made[:12]}"

    def make_volume(self, **body: Any) -> Path:
        made = self.daemon.json("POST", "/volumes/create", {"Name": self.name, **body})
        return Path(made["Mountpoint"])

    def run(self, **body: Any) -> None:
        config = {"Image": "busybox", "Cmd": ["sleep", "600"], **body}
        self.daemon.json("POST", f"/containers/create?name={self.name}", config)
        self.daemon.json("POST", f"{self.of}/start")

    @property
    def pid(self) -> int:
        return int(self.daemon.json("GET", f"{self.of}/json")["State"]["Pid"])

    def ip(self, *arguments: str) -> list[dict[str, Any]]:
        """iproute2 on the host."""
        return parsed(self.daemon.inside("ip", "-j", *arguments, capture_output=True).stdout)

    def ip_inside(self, *arguments: str) -> list[dict[str, Any]]:
        """iproute2 in the container's namespace."""
        entered = ("nsenter", f"--net=/proc/{self.pid}/ns/net", "ip", "-j", *arguments)
        return parsed(self.daemon.inside(*entered, capture_output=True).stdout)

    def addresses_inside(self) -> dict[str, list[str]]:
        links = self.ip_inside("-4", "addr")
        return {each["ifname"]: [a["local"] for a in each["addr_info"]] for each in links}

    def bridges(self) -> set[str]:
        return {each["ifname"] for each in self.ip("link", "show", "type", "bridge")}

    def rules(self) -> str:
        return str(self.daemon.inside("nft", "list", "ruleset", capture_output=True).stdout)

    def filtered(self, **filters: list[str]) -> str:
        return "filters=" + json.dumps(filters).replace(" ", "").replace('"', "%22")

    def clear(self) -> None:
        for path in (f"{self.of}?force=1&v=1", self.network, f"{self.volume}?force=1"):
            self.daemon.request("DELETE", path)


def parsed(text: str) -> list[dict[str, Any]]:
    return [each for each in json.loads(text or "[]") if each]


@pytest.fixture
def subject(daemon: Daemon, request: pytest.FixtureRequest) -> Iterator[Subject]:
    made = Subject(daemon, request.node.callspec.indices["operation"])
    yield made
    made.clear()


def test_every_operation_has_its_check() -> None:
    assert [each for each in OPERATIONS if each not in CHECKS] == []
    assert set(CHECKS) <= set(OPERATIONS)


def test_everything_that_is_served_is_in_the_table() -> None:
    app = QuartTrio("table")
    rooms: Any = SimpleNamespace(containers=None, networks=None, volumes=None)
    for module in (networks, volumes):
        module.register(app, rooms)
    served = {
        f"{method} {rule.rule}".replace("<path:name>", "{id}").replace("<name>", "{id}")
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}
        if rule.endpoint != "static" and not rule.rule.startswith("/_trimaran/")
    }
    assert served == set(OPERATIONS)


@pytest.mark.parametrize(
    "operation", [pytest.param(each, marks=integration) for each in OPERATIONS]
)
def test_operation(subject: Subject, operation: str) -> None:
    CHECKS[operation](subject)


@checks("POST /networks/create")
def _create(it: Subject) -> None:
    options = {"com.docker.network.driver.mtu": "1380"}
    bridge = it.make_network(Options=options)
    (link,) = it.ip("addr", "show", bridge)
    (address,) = [each for each in link["addr_info"] if each["family"] == "inet"]
    assert (address["local"], address["prefixlen"]) == (f"{it.net}.254", 24)
    assert (link["mtu"], "UP" in link["flags"]) == (1380, True)
    assert bridge in it.rules()


@checks("GET /networks")
def _list(it: Subject) -> None:
    bridge = it.make_network(Labels={"check": it.name})
    shown = it.daemon.json("GET", "/networks")
    made = {
        f"br-{n['Id'][:12]}" for n in shown if n["Driver"] == "bridge" and n["Name"] != "bridge"
    }
    assert made | {"trimaran0"} == it.bridges()
    for filters in ({"label": [f"check={it.name}"]}, {"name": [it.name]}, {"id": [bridge[3:]]}):
        (found,) = it.daemon.json("GET", f"/networks?{it.filtered(**filters)}")
        assert found["Name"] == it.name


@checks("GET /networks/{id}")
def _inspect(it: Subject) -> None:
    it.make_network()
    it.run(HostConfig={"NetworkMode": it.name})
    found = it.daemon.json("GET", it.network)
    (inside,) = found["Containers"].values()
    eth0 = next(each for each in it.ip_inside("-4", "addr") if each["ifname"] == "eth0")
    (address,) = eth0["addr_info"]
    assert inside["IPv4Address"] == f"{address['local']}/{address['prefixlen']}"
    (link,) = it.ip_inside("link", "show", "eth0")
    assert inside["MacAddress"] == link["address"]
    route = next(each for each in it.ip_inside("route") if each["dst"] == "default")
    assert found["IPAM"]["Config"][0]["Gateway"] == route["gateway"]


@checks("DELETE /networks/{id}")
def _delete(it: Subject) -> None:
    bridge = it.make_network()
    it.run(HostConfig={"NetworkMode": it.name})
    assert it.daemon.request("DELETE", it.network)[0] == 403
    assert bridge in it.bridges()
    it.daemon.json("DELETE", f"{it.of}?force=1")
    it.daemon.json("DELETE", it.network)
    assert bridge not in it.bridges()
    assert bridge not in it.rules()
    assert it.net not in it.rules()


@checks("POST /networks/{id}/connect")
def _connect(it: Subject) -> None:
    bridge = it.make_network()
    it.run()
    wish = {"IPAMConfig": {"IPv4Address": f"{it.net}.9"}, "MacAddress": "02:42:0a:00:00:77"}
    it.daemon.json("POST", f"{it.network}/connect", {"Container": it.name, "EndpointConfig": wish})
    assert it.addresses_inside()["eth1"] == [f"{it.net}.9"]
    (link,) = it.ip_inside("link", "show", "eth1")
    assert link["address"] == "02:42:0a:00:00:77"
    (port,) = it.ip("link", "show", "master", bridge)
    assert "UP" in port["flags"]
    it.daemon.json("POST", f"{it.network}/disconnect", {"Container": it.name})
    prefix = "com.docker.network.endpoint."
    sysctls = f"{prefix}sysctls"
    options = {f"{prefix}ifname": "own0", sysctls: "net.ipv4.conf.IFNAME.log_martians=1"}
    wish = {"DriverOpts": options}
    it.daemon.json("POST", f"{it.network}/connect", {"Container": it.name, "EndpointConfig": wish})
    assert it.addresses_inside()["own0"] == [f"{it.net}.1"]
    path = "/proc/sys/net/ipv4/conf/own0/log_martians"
    entered = ("nsenter", f"--net=/proc/{it.pid}/ns/net", "cat", path)
    assert it.daemon.inside(*entered, capture_output=True).stdout == "1\n"


@checks("POST /networks/{id}/disconnect")
def _disconnect(it: Subject) -> None:
    bridge = it.make_network()
    published = {"80/tcp": [{"HostPort": "18471"}]}
    it.run(HostConfig={"NetworkMode": it.name, "PortBindings": published})
    assert f"{it.net}.1 . 80" in it.rules()
    it.daemon.json("POST", f"{it.network}/disconnect", {"Container": it.name})
    assert it.addresses_inside() == {"lo": ["127.0.0.1"]}
    assert it.ip("link", "show", "master", bridge) == []
    assert it.net + ".1 . 80" not in it.rules()


@checks("POST /networks/prune")
def _prune(it: Subject) -> None:
    bridge = it.make_network(Labels={"pruned": it.name})
    filters = it.filtered(label=[f"pruned={it.name}"])
    it.run(HostConfig={"NetworkMode": it.name})
    assert it.daemon.json("POST", f"/networks/prune?{filters}")["NetworksDeleted"] is None
    assert bridge in it.bridges()
    it.daemon.json("DELETE", f"{it.of}?force=1")
    assert it.daemon.json("POST", f"/networks/prune?{filters}")["NetworksDeleted"] == [it.name]
    assert bridge not in it.bridges()


@checks("POST /volumes/create")
def _create_volume(it: Subject) -> None:
    options = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}
    data = it.make_volume(DriverOpts=options)
    assert data == it.daemon.root / f"data/volumes/{it.name}/_data"
    assert data.is_dir()
    it.run(HostConfig={"NetworkMode": "none", "Binds": [f"{it.name}:/x"]})
    mounts = Path(f"/proc/{it.pid}/mountinfo").read_text().splitlines()
    (mount,) = [line for line in mounts if line.split()[4] == "/x"]
    assert mount.split(" - ")[1].split()[0] == "tmpfs"
    assert "size=1024k" in mount


@checks("GET /volumes")
def _list_volumes(it: Subject) -> None:
    it.make_volume(Labels={"check": it.name})
    there = {each.name for each in (it.daemon.root / "data/volumes").iterdir() if each.is_dir()}
    shown = it.daemon.json("GET", "/volumes")["Volumes"]
    assert {each["Name"] for each in shown} == {each for each in there if not each.startswith(".")}
    filters = it.filtered(dangling=["true"], label=[f"check={it.name}"])
    assert len(it.daemon.json("GET", f"/volumes?{filters}")["Volumes"]) == 1
    it.run(HostConfig={"NetworkMode": "none", "Binds": [f"{it.name}:/x"]})
    assert it.daemon.json("GET", f"/volumes?{filters}")["Volumes"] in ([], None)


@checks("GET /volumes/{id}")
def _inspect_volume(it: Subject) -> None:
    it.make_volume()
    data = Path(it.daemon.json("GET", it.volume)["Mountpoint"])
    it.run(HostConfig={"NetworkMode": "none", "Binds": [f"{it.name}:/x"]})
    Path(f"/proc/{it.pid}/root/x/mark").write_text("seen")
    assert (data / "mark").read_text() == "seen"


@checks("DELETE /volumes/{id}")
def _delete_volume(it: Subject) -> None:
    data = it.make_volume()
    (data / "mark").write_text("kept while it is used")
    it.run(HostConfig={"NetworkMode": "none", "Binds": [f"{it.name}:/x"]})
    assert it.daemon.request("DELETE", it.volume)[0] == 409
    assert (data / "mark").exists()
    it.daemon.json("DELETE", f"{it.of}?force=1")
    it.daemon.json("DELETE", it.volume)
    assert not data.parent.exists()


@checks("PUT /volumes/{id}")
def _update_volume(it: Subject) -> None:
    """Cluster volumes alone can be changed; dockerd without one says the same."""
    data = it.make_volume()
    before = data.stat()
    status, answer = it.daemon.request("PUT", f"{it.volume}?version=1", {"Spec": {}})
    assert (status, b"cluster volumes" in answer) == (503, True)
    assert data.stat() == before


@checks("POST /volumes/prune")
def _prune_volumes(it: Subject) -> None:
    named = it.make_volume(Labels={"pruned": it.name})
    made = it.daemon.json("POST", "/volumes/create", {"Labels": {"pruned": it.name}})
    anonymous = Path(made["Mountpoint"])
    (anonymous / "mark").write_text("x" * 5000)
    filters = it.filtered(label=[f"pruned={it.name}"])
    gone = it.daemon.json("POST", f"/volumes/prune?{filters}")
    assert gone["VolumesDeleted"] == [made["Name"]]
    assert gone["SpaceReclaimed"] >= 5000
    wait_for(lambda: not anonymous.parent.exists(), "it has gone")
    assert named.is_dir()
    every = it.filtered(label=[f"pruned={it.name}"], all=["true"])
    assert it.daemon.json("POST", f"/volumes/prune?{every}")["VolumesDeleted"] == [it.name]
    assert not named.parent.exists()
