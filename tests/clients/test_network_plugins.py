"""The unmodified docker CLI on networks that plugins make and address, and on such plugins when they fail."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.harness.daemon import Daemon
from tests.harness.plugins import ExamplePlugin, breaker, plugin, plugin_daemon, sockets_of

pytestmark = [pytest.mark.client, pytest.mark.integration]

WAIT = 30.0
KINDS = ("NetworkDriver", "IpamDriver")


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    if os.geteuid() != 0 or shutil.which("docker") is None:
        pytest.skip("needs root, containerd, runc and the docker CLI")
    with plugin_daemon("--live-restore") as found:
        found.load_busybox()
        yield found


@pytest.fixture(scope="module")
def weaver(daemon: Daemon) -> Iterator[ExamplePlugin]:
    with plugin(sockets_of(daemon), "weaver", *KINDS, namespace=daemon.name) as found:
        yield found


@pytest.fixture(autouse=True)
def healthy(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "weaver" in request.fixturenames:
        request.getfixturevalue("weaver").mode("")


def refusal(daemon: Daemon, *arguments: str) -> str:
    done = daemon.docker(*arguments, timeout=60)
    assert done.returncode != 0, done.stdout.decode()
    return done.stderr.decode()


def said(daemon: Daemon, *arguments: str) -> str:
    return daemon.docker(*arguments, check=True).stdout.decode()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def until_it_answers(daemon: Daemon, name: str) -> None:
    def closed() -> bool:
        found = breaker(daemon, name)
        return found is None or found["breaker"] == "closed"

    until(closed)


def nothing_left(weaver: ExamplePlugin) -> bool:
    return weaver.networks() == {"networks": {}, "endpoints": {}, "pools": {}}


def test_network_and_addresses_of_a_plugin_from_create_to_remove(
    daemon: Daemon, weaver: ExamplePlugin
) -> None:
    options = ("-d", "weaver", "--ipam-driver", "weaver", "--subnet", "10.55.0.0/24")
    said(daemon, "network", "create", *options, "-o", "route=10.200.0.0/16", "woven")
    (found,) = json.loads(said(daemon, "network", "inspect", "woven"))
    assert (found["Driver"], found["Scope"], found["IPAM"]["Driver"]) == (
        "weaver", "local", "weaver",
    )  # fmt: skip
    assert found["IPAM"]["Config"] == [{"Subnet": "10.55.0.0/24"}]
    (made,) = weaver.asked("NetworkDriver.CreateNetwork")
    assert made["NetworkID"] == found["Id"]
    assert made["IPv4Data"] == [
        {"AddressSpace": "here", "Pool": "10.55.0.0/24", "Gateway": "10.55.0.1/24"}
    ]
    assert made["Options"]["com.docker.network.generic"] == {"route": "10.200.0.0/16"}
    run = ("run", "-d", "--network", "woven", "--name")
    said(daemon, *run, "one", "-p", "8080:80", "busybox", "sleep", "600")
    said(daemon, *run, "two", "--ip", "10.55.0.77", "busybox", "sleep", "600")
    shown = said(daemon, "exec", "one", "ip", "addr", "show", "plug0")
    assert "inet 10.55.0.2/24" in shown
    routes = said(daemon, "exec", "one", "ip", "route")
    assert "default via 10.55.0.1 dev plug0" in routes
    assert "10.200.0.0/16 via 10.55.0.1 dev plug0" in routes
    (inspected,) = json.loads(said(daemon, "inspect", "one"))
    place = inspected["NetworkSettings"]["Networks"]["woven"]
    assert (place["IPAddress"], place["IPPrefixLen"], place["Gateway"]) == (
        "10.55.0.2", 24, "10.55.0.1",
    )  # fmt: skip
    assert place["MacAddress"] in shown
    assert place["MacAddress"].startswith("02:aa:")
    said(daemon, "exec", "one", "ping", "-c1", "-W5", "two")
    said(daemon, "exec", "two", "ping", "-c1", "-W5", "10.55.0.2")
    joined = weaver.asked("NetworkDriver.Join")[0]
    assert joined["SandboxKey"] == inspected["NetworkSettings"]["SandboxKey"]
    programmed = weaver.asked("NetworkDriver.ProgramExternalConnectivity")[0]["Options"]
    (binding,) = programmed["com.docker.network.portmap"]
    assert (binding["Port"], binding["HostPort"], binding["Proto"]) == (80, 8080, 6)
    assert "10.55.0.77 is taken" in refusal(
        daemon, "run", "--rm", "--network", "woven", "--ip", "10.55.0.77", "busybox", "true"
    )
    assert "has active endpoints" in refusal(daemon, "network", "rm", "woven")
    assert "weaver" in daemon.json("GET", "/info")["Plugins"]["Network"]
    said(daemon, "rm", "-f", "one", "two")
    until(lambda: not weaver.networks()["endpoints"])
    assert len(weaver.asked("NetworkDriver.RevokeExternalConnectivity")) == 2
    said(daemon, "network", "rm", "woven")
    until(lambda: nothing_left(weaver))
    links = daemon.inside("ip", "-o", "link", stdout=subprocess.PIPE).stdout
    assert not [each for each in ("pv", "pc", "pb") if f": {each}" in links]


def test_plugins_network_with_our_addresses_is_left_and_entered_while_running(
    daemon: Daemon, weaver: ExamplePlugin
) -> None:
    weaver.mode("modest")
    said(daemon, "network", "create", "-d", "weaver", "--subnet", "10.56.0.0/24", "loose")
    said(daemon, "network", "create", "--subnet", "10.57.0.0/24", "plain")
    said(daemon, "run", "-d", "--name", "guest", "--network", "plain", "busybox", "sleep", "600")
    said(daemon, "network", "connect", "loose", "guest")
    assert "inet 10.56.0.2/24" in said(daemon, "exec", "guest", "ip", "addr", "show", "plug0")
    said(daemon, "network", "disconnect", "plain", "guest")
    assert "default via 10.56.0.1 dev plug0" in said(daemon, "exec", "guest", "ip", "route")
    said(daemon, "network", "connect", "plain", "guest")
    said(daemon, "network", "disconnect", "loose", "guest")
    assert "plug0" not in said(daemon, "exec", "guest", "ip", "addr")
    assert "default via 10.57.0.1 dev eth0" in said(daemon, "exec", "guest", "ip", "route")
    assert not weaver.networks()["endpoints"]
    said(daemon, "rm", "-f", "guest")
    said(daemon, "network", "rm", "loose", "plain")
    assert nothing_left(weaver)


def test_our_bridge_with_a_plugins_addresses(daemon: Daemon, weaver: ExamplePlugin) -> None:
    said(daemon, "network", "create", "--ipam-driver", "weaver", "leased")
    (found,) = json.loads(said(daemon, "network", "inspect", "leased"))
    assert found["IPAM"]["Config"] == [{"Subnet": "10.66.0.0/24", "Gateway": "10.66.0.1"}]
    run = ("run", "--rm", "--network", "leased", "busybox")
    assert "10.66.0.2/24" in said(daemon, *run, "ip", "addr", "show", "eth0")
    said(daemon, *run, "ping", "-c1", "-W5", "10.66.0.1")
    until(lambda: weaver.networks()["pools"] == {"here/10.66.0.0/24": ["10.66.0.1"]})
    said(daemon, "network", "rm", "leased")
    assert nothing_left(weaver)


def test_plugin_may_choose_addresses_where_nobody_gives_them(
    daemon: Daemon, weaver: ExamplePlugin
) -> None:
    said(daemon, "network", "create", "-d", "weaver", "--ipam-driver", "null", "free")
    run = ("run", "--rm", "--network", "free", "busybox", "ip", "addr", "show", "plug0")
    assert "inet 10.77.0.9/24" in said(daemon, *run)
    said(daemon, "network", "rm", "free")
    until(lambda: nothing_left(weaver))


def test_refusals_leave_nothing_on_either_side(daemon: Daemon, weaver: ExamplePlugin) -> None:
    create = ("network", "create", "--ipam-driver", "weaver", "-d")
    assert "no more colours" in refusal(
        daemon, *create, "weaver", "-o", "fail=no more colours", "bad"
    )
    assert 'plugin "nobody" not found' in refusal(daemon, *create, "nobody", "bad")
    assert nothing_left(weaver)
    said(daemon, *create, "weaver", "-o", "odd=1", "odd")
    text = refusal(daemon, "run", "--rm", "--network", "odd", "busybox", "true")
    assert "weaver" in text
    assert "invalid interface name" in text
    for mode, words in (("garbage", "no JSON"), ("control", "bad [31m thing next")):
        weaver.mode(mode)
        text = refusal(daemon, "run", "--rm", "--network", "odd", "busybox", "true")
        assert words in text
        assert "odd" in text
        weaver.mode("")
    until(lambda: not weaver.networks()["endpoints"])
    assert weaver.networks()["pools"] == {"here/10.66.0.0/24": ["10.66.0.1"]}
    said(daemon, "network", "rm", "odd")
    until(lambda: nothing_left(weaver))


def test_dead_plugin_is_told_later_and_waited_for(daemon: Daemon) -> None:
    frail = ExamplePlugin(sockets_of(daemon), "frail", *KINDS, namespace=daemon.name)
    frail.start()
    create = ("network", "create", "-d", "frail", "--ipam-driver", "frail", "--subnet")
    said(daemon, *create, "10.58.0.0/24", "thin")
    run = ("run", "-d", "--network", "thin", "--name")
    said(daemon, *run, "user", "busybox", "sleep", "600")
    frail.kill()
    said(daemon, "exec", "user", "true")
    begun = time.monotonic()
    said(daemon, "rm", "-f", "user")
    assert time.monotonic() - begun < 6.0
    begun = time.monotonic()
    text = refusal(daemon, *run, "late", "--restart", "always", "busybox", "sleep", "600")
    assert "failed to create endpoint late on network thin" in text
    assert "frail" in text
    assert "frail" in refusal(daemon, *create, "10.59.0.0/24", "thick")
    assert "frail" in refusal(daemon, "network", "rm", "thin")
    assert time.monotonic() - begun < 5.0
    assert len(frail.networks()["endpoints"]) == 1
    frail.start()
    try:
        until(lambda: daemon.json("GET", "/containers/late/json")["State"]["Status"] == "running")
        until(lambda: len(frail.networks()["endpoints"]) == 1)
        assert len(frail.networks()["pools"]["here/10.58.0.0/24"]) == 2
        said(daemon, "rm", "-f", "late")
        said(daemon, "network", "rm", "thin")
        until(lambda: nothing_left(frail))
    finally:
        frail.kill()


def test_daemon_killed_while_a_plugin_makes_something_gives_it_back(
    daemon: Daemon, weaver: ExamplePlugin
) -> None:
    create = ("network", "create", "-d", "weaver", "--ipam-driver", "weaver", "--subnet")
    said(daemon, *create, "10.60.0.0/24", "held")
    said(daemon, "run", "-d", "--name", "lasting", "--network", "held", "busybox", "sleep", "600")
    weaver.mode("slow-endpoint")
    asked = (
        ("run", "-d", "--name", "cut", "--network", "held", "busybox", "sleep", "600"),
        (*create, "10.61.0.0/24", "never"),
    )
    threads = [threading.Thread(target=lambda each=each: daemon.docker(*each)) for each in asked]
    for each in threads:
        each.start()
    until(lambda: len(weaver.networks()["endpoints"]) == 2)
    until(lambda: len(weaver.networks()["networks"]) == 2)
    daemon.kill()
    for each in threads:
        each.join()
    weaver.kill()
    daemon.start()  # with a plugin that is away, and a container that uses its network
    said(daemon, "exec", "lasting", "ping", "-c1", "-W5", "10.60.0.1")
    assert "weaver" in refusal(daemon, "start", "cut")
    weaver.mode("")
    weaver.start()
    until(lambda: len(weaver.networks()["networks"]) == 1)
    until(lambda: len(weaver.networks()["endpoints"]) == 1)
    held = {"here/10.60.0.0/24": ["10.60.0.1", "10.60.0.2"]}
    until(lambda: weaver.networks()["pools"] == held)
    until_it_answers(daemon, "weaver")
    said(daemon, "start", "cut")
    said(daemon, "exec", "cut", "ping", "-c1", "-W5", "lasting")
    said(daemon, "rm", "-f", "cut", "lasting")
    said(daemon, "network", "rm", "held")
    until(lambda: nothing_left(weaver))
