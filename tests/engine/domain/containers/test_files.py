from __future__ import annotations

from pathlib import Path

import pytest

from engine.domain.containers import files
from engine.domain.containers.sandbox import Place
from engine.domain.networks.records import Endpoint, Sandbox
from engine.models.containers import ContainerConfig, HostConfig
from tests.engine.domain.containers.containers import container

HOST = """\
# made by hand
domain example.org
search a.example b.example
nameserver 127.0.0.53
nameserver 10.0.0.1
nameserver ::1
options ndots:2
sortlist 10.0.0.0
"""


def place(*addresses: str) -> Place:
    endpoints = [
        Endpoint(network_id=f"n{i}", network_name=f"net{i}", endpoint_id=f"e{i}", ip=ip)
        for i, ip in enumerate(addresses)
    ]
    sandbox = Sandbox(id="s", key="/k", netns_path="/netns/s", endpoints=endpoints)
    return Place(sandbox, "/netns/s", "172.17.0.1")


def test_hosts_has_the_loopback_names_and_a_row_for_each_address() -> None:
    record = container(config=ContainerConfig(hostname="web", domainname="example.org"))
    rows = files.render_hosts(record, place("172.17.0.2", "", "10.1.0.9")).splitlines()
    assert rows[0] == "127.0.0.1\tlocalhost"
    assert rows[len(files.LOOPBACK_HOSTS) :] == [
        "172.17.0.2\tweb.example.org web",
        "10.1.0.9\tweb.example.org web",
    ]


@pytest.mark.parametrize(
    ("entry", "row"),
    [
        ("db:10.0.0.5", "10.0.0.5\tdb\n"),
        ("db=10.0.0.5", "10.0.0.5\tdb\n"),
        ("six:2001:db8::1", "2001:db8::1\tsix\n"),
        ("six:[2001:db8::1]", "2001:db8::1\tsix\n"),
        ("host:host-gateway", "172.17.0.1\thost\n"),
    ],
)
def test_extra_hosts_are_written_in_both_notations(entry: str, row: str) -> None:
    assert files.extra_hosts([entry], "172.17.0.1") == row


def resolv(host: str, *, keep_loopback: bool = False, **own: list[str]) -> str:
    chosen = {"servers": [], "search": [], "options": [], **own}
    return files.resolv_conf(host, keep_loopback=keep_loopback, **chosen)


def test_container_gets_the_hosts_servers_that_it_can_reach() -> None:
    assert resolv(HOST).splitlines() == [
        "sortlist 10.0.0.0",
        "search a.example b.example",
        "nameserver 10.0.0.1",
        "options ndots:2",
    ]


def test_without_a_server_that_it_can_reach_it_gets_public_ones() -> None:
    assert resolv("nameserver 127.0.0.1\n") == "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"
    assert resolv("") == "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"


def test_own_settings_win_one_by_one() -> None:
    text = resolv(HOST, servers=["1.1.1.1", "127.0.0.1"], search=["."], options=["rotate"])
    assert text.splitlines() == [
        "sortlist 10.0.0.0",
        "nameserver 1.1.1.1",
        "nameserver 127.0.0.1",
        "options rotate",
    ]
    assert "search x\n" in resolv(HOST, search=["x"])
    assert "options ndots:2\n" in resolv(HOST, search=["x"])


def test_in_the_hosts_network_the_file_stays_as_it_is() -> None:
    assert resolv(HOST, keep_loopback=True) == HOST
    assert "nameserver 127.0.0.53\n" in resolv(HOST, keep_loopback=True, options=["rotate"])


def test_stub_of_systemd_is_replaced_by_its_real_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub, real = tmp_path / "stub", tmp_path / "real"
    monkeypatch.setattr(files, "HOST_RESOLV_CONF", stub)
    monkeypatch.setattr(files, "SYSTEMD_RESOLV_CONF", real)
    assert files.host_resolv_conf() == ""
    stub.write_text("nameserver 127.0.0.53\n")
    assert files.host_resolv_conf() == "nameserver 127.0.0.53\n"
    real.write_text("nameserver 10.0.0.1\n")
    assert files.host_resolv_conf() == "nameserver 10.0.0.1\n"
    stub.write_text("nameserver 127.0.0.53\nnameserver 10.0.0.9\n")
    assert files.host_resolv_conf() == stub.read_text()


def test_files_are_written_and_rewritten(tmp_path: Path) -> None:
    directory = tmp_path / "containers" / "c"
    record = container(
        config=ContainerConfig(hostname="web"), host=HostConfig(extra_hosts=["db:10.0.0.5"])
    )
    files.write(directory, record, place("172.17.0.2"), "nameserver 1.1.1.1\n")
    files.write(directory, record, place("172.17.0.3"), "nameserver 1.1.1.1\n")
    assert (directory / "hostname").read_text() == "web\n"
    assert (directory / "resolv.conf").read_text() == "nameserver 1.1.1.1\n"
    hosts = (directory / "hosts").read_text()
    assert hosts.endswith("172.17.0.3\tweb\n10.0.0.5\tdb\n")
    assert "172.17.0.2" not in hosts


def test_in_the_hosts_network_the_hosts_names_hold(tmp_path: Path) -> None:
    record = container(host=HostConfig(network_mode="host", extra_hosts=["db:10.0.0.5"]))
    files.write(tmp_path, record, place(), "")
    assert (tmp_path / "hosts").read_text() == Path("/etc/hosts").read_text() + "10.0.0.5\tdb\n"
