"""The unmodified docker CLI on networks: made, joined, left, resolved in, and gone."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.daemon import Daemon, running_daemon

pytestmark = [pytest.mark.client, pytest.mark.integration]


@pytest.fixture
def names(daemon: Daemon) -> Iterator[list[str]]:
    """Two networks and three containers of the test's own (by name); gone afterwards."""
    tag = uuid.uuid4().hex[:8]
    found = [f"{kind}-{tag}" for kind in ("net1", "net2", "web", "db", "app")]
    yield found
    daemon.docker("rm", "-f", *found[2:])
    daemon.docker("network", "rm", *found[:2])


def run(daemon: Daemon, *arguments: str) -> str:
    return daemon.docker(*arguments, check=True, timeout=60).stdout.decode().strip()


def refused(daemon: Daemon, *arguments: str) -> str:
    done = daemon.docker(*arguments, timeout=60)
    assert done.returncode != 0
    return done.stderr.decode().strip()


def start(daemon: Daemon, name: str, *arguments: str) -> None:
    run(daemon, "run", "-d", "--name", name, *arguments, "busybox", "sleep", "600")


def inspect(daemon: Daemon, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(daemon, "inspect", "--type", "container", name))[0]
    return found


def address(daemon: Daemon, name: str, network: str) -> str:
    return str(inspect(daemon, name)["NetworkSettings"]["Networks"][network]["IPAddress"])


def resolved(daemon: Daemon, asker: str, name: str) -> list[str]:
    """The addresses that the container's own resolver library finds."""
    done = daemon.docker("exec", asker, "nslookup", name, timeout=30)
    lines = done.stdout.decode().partition("Name:")[2].splitlines()
    return [line.split()[-1] for line in lines if line.startswith("Address")]


def pings(daemon: Daemon, asker: str, target: str) -> bool:
    done = daemon.docker("exec", asker, "ping", "-c", "1", "-W", "1", target, timeout=30)
    return done.returncode == 0


def test_network_is_listed_shown_and_removed(daemon: Daemon, names: list[str]) -> None:
    network = names[0]
    made = run(
        daemon,
        *("network", "create", "--subnet", "10.101.0.0/24", "--ip-range", "10.101.0.128/25"),
        *("--gateway", "10.101.0.254", "--aux-address", "host=10.101.0.130", "--label", "a=b"),
        *("-o", "com.docker.network.driver.mtu=1400", "--attachable", network),
    )
    assert len(made) == 64
    shown = json.loads(run(daemon, "network", "inspect", network))[0]
    assert (shown["Id"], shown["Name"], shown["Driver"]) == (made, network, "bridge")
    assert shown["IPAM"] == {
        "Driver": "default",
        "Options": {},
        "Config": [
            {
                "Subnet": "10.101.0.0/24",
                "IPRange": "10.101.0.128/25",
                "Gateway": "10.101.0.254",
                "AuxiliaryAddresses": {"host": "10.101.0.130"},
            }
        ],
    }
    assert shown["Options"] == {"com.docker.network.driver.mtu": "1400"}
    assert (shown["Labels"], shown["Attachable"]) == ({"a": "b"}, True)
    listed = run(daemon, "network", "ls", "--filter", "label=a=b", "--format", "{{.Name}}")
    assert listed == network
    assert run(daemon, "network", "rm", made[:12]) == made[:12]
    assert f"network {network} not found" in refused(daemon, "network", "inspect", network)


def test_refusals_have_dockerds_words(daemon: Daemon, names: list[str]) -> None:
    network, web = names[0], names[2]
    run(daemon, "network", "create", network)
    for arguments, text in (
        (("create", network), f"network with name {network} already exists"),
        (("create", "bridge"), "operation is not permitted on predefined bridge network"),
        (("create", "-d", "overlay", "x"), "This node is not a swarm manager"),
        (("create", "--subnet", "172.17.0.0/16", "x"), "Pool overlaps with other one on this"),
        (("rm", "bridge"), "bridge is a pre-defined network and cannot be removed"),
        (("rm", "nope"), "network nope not found"),
        (("connect", network, "nope"), "No such container: nope"),
    ):
        assert text in refused(daemon, "network", *arguments)
    start(daemon, web, "--network", network)
    assert "has active endpoints" in refused(daemon, "network", "rm", network)
    assert "already exists in network" in refused(daemon, "network", "connect", network, web)
    assert "network nope not found" in refused(daemon, "network", "connect", "nope", web)


def test_containers_find_each_other_by_name(daemon: Daemon, names: list[str]) -> None:
    network, _, web, db, app = names
    run(daemon, "network", "create", network)
    start(daemon, web, "--network", network, "--network-alias", "site", "--hostname", "www")
    start(daemon, db, "--network", network, "--network-alias", "site", "--link", f"{web}:front")
    start(daemon, app)  # on the default bridge, where nobody has a name
    own = address(daemon, web, network)
    for name in (web, inspect(daemon, web)["Id"][:12], "www", "front", f"{web}.{network}"):
        assert resolved(daemon, db, name) == [own], name
    assert sorted(resolved(daemon, db, "site")) == sorted([own, address(daemon, db, network)])
    assert pings(daemon, db, web)
    assert not pings(daemon, app, own)
    assert f"{web}.{network}" in run(daemon, "exec", db, "nslookup", own)
    assert run(daemon, "exec", db, "cat", "/etc/resolv.conf").splitlines()[-2:] == [
        "nameserver 127.0.0.11",
        "options ndots:0",
    ]
    names_shown = inspect(daemon, web)["NetworkSettings"]["Networks"][network]["DNSNames"]
    assert names_shown == [web, "site", inspect(daemon, web)["Id"][:12], "www"]
    run(daemon, "rm", "-f", web)
    assert resolved(daemon, db, "site") == [address(daemon, db, network)]


def test_renamed_container_is_found_by_its_new_name(daemon: Daemon, names: list[str]) -> None:
    network, _, web, db, app = names
    run(daemon, "network", "create", network)
    start(daemon, web, "--network", network)
    start(daemon, db, "--network", network)
    run(daemon, "rename", web, app)
    assert resolved(daemon, db, app) == [address(daemon, app, network)]
    assert resolved(daemon, db, web) == []


def test_running_container_is_connected_and_disconnected(daemon: Daemon, names: list[str]) -> None:
    first, second, web, db, _ = names
    run(daemon, "network", "create", first)
    run(daemon, "network", "create", "--subnet", "10.102.0.0/24", second)
    start(daemon, web)
    start(daemon, db, "--network", second)
    run(daemon, "network", "connect", "--ip", "10.102.0.77", "--alias", "late", second, web)
    assert address(daemon, web, second) == "10.102.0.77"
    assert resolved(daemon, db, "late") == ["10.102.0.77"]
    # Its resolver has come with the network.
    assert resolved(daemon, web, db) == [address(daemon, db, second)]
    assert "10.102.0.77" in run(daemon, "exec", web, "cat", "/etc/hosts")
    run(daemon, "restart", "-t", "0", web)
    assert address(daemon, web, second) == "10.102.0.77"
    assert pings(daemon, db, "late")
    run(daemon, "network", "disconnect", second, web)
    assert list(inspect(daemon, web)["NetworkSettings"]["Networks"]) == ["bridge"]
    assert "10.102.0.77" not in run(daemon, "exec", web, "cat", "/etc/hosts")
    assert resolved(daemon, db, "late") == []
    assert "is not connected to" in refused(daemon, "network", "disconnect", second, web)


def test_stopped_container_is_connected_from_its_next_start(
    daemon: Daemon, names: list[str]
) -> None:
    first, second, web, _, _ = names
    run(daemon, "network", "create", first)
    run(daemon, "network", "create", second)
    run(daemon, "create", "--name", web, "--network", first, "busybox", "sleep", "600")
    run(daemon, "network", "connect", second, web)
    run(daemon, "network", "disconnect", first, web)
    run(daemon, "start", web)
    assert list(inspect(daemon, web)["NetworkSettings"]["Networks"]) == [second]
    assert address(daemon, web, second)


def test_several_networks_at_create(daemon: Daemon, names: list[str]) -> None:
    first, second, web, _, _ = names
    run(daemon, "network", "create", first)
    run(daemon, "network", "create", "--subnet", "10.103.0.0/24", second)
    run(
        daemon,
        *("run", "-d", "--name", web, "--network", first),
        *("--network", f"name={second},ip=10.103.0.9,mac-address=02:00:00:00:00:09,alias=x"),
        *("busybox", "sleep", "600"),
    )
    networks = inspect(daemon, web)["NetworkSettings"]["Networks"]
    assert list(networks) == [first, second]
    assert (networks[second]["IPAddress"], networks[second]["MacAddress"]) == (
        "10.103.0.9",
        "02:00:00:00:00:09",
    )
    assert "10.103.0.9/24" in run(daemon, "exec", web, "ip", "addr", "show", "eth1")


def test_networks_tell_their_events(daemon: Daemon, names: list[str]) -> None:
    network, _, web, _, _ = names
    since = str(time.time())
    run(daemon, "network", "create", network)
    start(daemon, web)
    run(daemon, "network", "connect", network, web)
    run(daemon, "network", "disconnect", network, web)
    run(daemon, "network", "rm", network)
    told = run(
        daemon,
        *("events", "--since", since, "--until", str(time.time()), "--filter", "type=network"),
        *("--filter", f"network={network}"),
        *("--format", "{{.Action}} {{.Actor.Attributes.name}} {{.Actor.Attributes.type}}"),
    )
    assert told.splitlines() == [
        f"{action} {network} bridge" for action in ("create", "connect", "disconnect", "destroy")
    ]


def test_prune_leaves_what_is_used(daemon: Daemon, names: list[str]) -> None:
    used, idle, web, _, _ = names
    run(daemon, "network", "create", "--label", used, used)
    run(daemon, "network", "create", "--label", used, idle)
    start(daemon, web, "--network", used)
    told = run(daemon, "network", "prune", "-f", "--filter", f"label={used}")
    assert told.splitlines() == ["Deleted Networks:", idle]


def test_network_that_went_before_the_start_is_named(daemon: Daemon, names: list[str]) -> None:
    network, _, web, _, _ = names
    run(daemon, "network", "create", network)
    run(daemon, "create", "--name", web, "--network", network, "busybox", "true")
    run(daemon, "network", "rm", network)
    assert f"network {network} not found" in refused(daemon, "start", web)
    run(daemon, "network", "create", network)
    run(daemon, "start", web)


def test_published_port_is_reached_on_a_network_of_ones_own(
    daemon: Daemon, names: list[str]
) -> None:
    network, _, web, _, _ = names
    run(daemon, "network", "create", network)
    run(
        daemon,
        *("run", "-d", "--name", web, "--network", network, "-p", "18080:80", "busybox"),
        *("sh", "-c", "mkdir /w; echo hello > /w/index.html; exec httpd -f -p 80 -h /w"),
    )
    for _ in range(50):
        done = daemon.inside(
            "busybox", "wget", "-qO-", "http://127.0.0.1:18080/", capture_output=True, check=False
        )
        if done.stdout:
            break
        time.sleep(0.1)
    assert done.stdout == "hello\n"
    view = json.loads(daemon.request("GET", "/_trimaran/firewall")[1])
    assert view["whole"]
    assert any(rule.startswith("tcp 0.0.0.0:18080 -> ") for rule in view["wanted"])


def test_flushed_firewall_is_back_soon_and_an_event_says_so(
    daemon: Daemon, names: list[str]
) -> None:
    run(daemon, "network", "create", names[0])
    since = str(time.time())
    daemon.inside("nft", "flush", "ruleset")
    for _ in range(30):
        if json.loads(daemon.request("GET", "/_trimaran/firewall")[1])["whole"]:
            break
        time.sleep(0.1)
    else:
        raise AssertionError("the firewall is not whole again")
    told = run(
        daemon,
        *("events", "--since", since, "--until", str(time.time() + 0.5)),
        *("--filter", "type=network", "--format", "{{.Action}}"),
    )
    assert "firewall-repaired" in told


def test_kill_of_the_daemon_changes_nothing_for_who_runs() -> None:
    with running_daemon("--live-restore") as daemon:
        run(daemon, "network", "create", "front")
        run(daemon, "network", "create", "--internal", "inner")
        start(daemon, "web", "--network", "front", "--network-alias", "site", "-p", "18081:80")
        start(daemon, "app", "--network", "front")
        run(daemon, "network", "connect", "inner", "web")
        pid = inspect(daemon, "app")["State"]["Pid"]
        before = inspect(daemon, "web")["NetworkSettings"]
        lookup = ["nsenter", f"--net=/proc/{pid}/ns/net", "busybox", "nslookup", "site"]
        for _ in range(2):
            daemon.kill()
            found = daemon.inside(*lookup, "127.0.0.11", capture_output=True).stdout
            assert before["Networks"]["front"]["IPAddress"] in found
            daemon.start()
        assert inspect(daemon, "web")["NetworkSettings"] == before
        assert resolved(daemon, "app", "site") == [before["Networks"]["front"]["IPAddress"]]
        start(daemon, "new", "--network", "front")
        assert pings(daemon, "new", "site")
        run(daemon, "network", "disconnect", "inner", "web")
        run(daemon, "network", "rm", "inner")
        assert json.loads(daemon.request("GET", "/_trimaran/firewall")[1])["whole"]
        run(daemon, "rm", "-f", "web", "app", "new")
        run(daemon, "network", "rm", "front")
        links = daemon.inside("ip", "-o", "link", capture_output=True).stdout
        assert "veth" not in links
        assert "br-" not in links
